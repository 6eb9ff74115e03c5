-- What an alert's reports have come to, and who is at it.

ALTER TABLE rmm_alerts
    ADD COLUMN open_ticket_id uuid,       -- ticket_id is the last that was made for it; this one is open
    ADD COLUMN told           varchar(5), -- the last event of it: began, ended
    ADD COLUMN began_seq      bigint,     -- the provider's number of its latest known beginning
    ADD COLUMN ended_seq      bigint,     -- the same of the latest end that was told
    ADD COLUMN pending_seq    bigint,     -- the same of an end whose beginning has not come yet
    ADD COLUMN unnumbered     boolean NOT NULL DEFAULT false; -- told to have begun without such a number
CREATE INDEX rmm_alerts_by_ticket ON rmm_alerts (tenant, ticket_id) WHERE ticket_id IS NOT NULL;

ALTER TABLE rmm_integrations
    ADD COLUMN activity_seen   bigint,                    -- the provider's numbers are read up to this one
    ADD COLUMN webhook_ignored bigint NOT NULL DEFAULT 0; -- deliveries that nobody here knows what to do with
