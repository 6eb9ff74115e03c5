-- Who changed what, and when. Written in the transaction of the change itself; nobody changes a row afterwards.

CREATE TABLE audit_logs (
    tenant       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    audit_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id      uuid,          -- NULL: a command on the platform's machine
    operation    text NOT NULL, -- create, import, publish, …
    table_name   text NOT NULL,
    record_id    text NOT NULL,
    changed_data jsonb NOT NULL DEFAULT '{}', -- by name: {"old": …, "new": …}
    details      jsonb NOT NULL DEFAULT '{}',
    timestamp    timestamptz NOT NULL DEFAULT clock_timestamp(), -- in order within one transaction too
    PRIMARY KEY (tenant, audit_id)
);
CREATE INDEX audit_logs_by_record ON audit_logs (tenant, table_name, record_id, timestamp DESC, audit_id);
SELECT workflow_protect('audit_logs');
