-- An alert names the ticket that was last made for it (ticket_id), and one that is still open, if there is one. Whoever
-- owns the tickets keeps the second in step.

ALTER TABLE rmm_alerts ADD COLUMN open_ticket_id uuid;
CREATE INDEX rmm_alerts_by_ticket ON rmm_alerts (tenant, ticket_id) WHERE ticket_id IS NOT NULL;
