-- requires: workflow-modules-core 0012
-- What later actions need of a ticket: the name that another system knows it by, and what it is linked to.

-- A column of its own, since row-level security lets no index on an expression of attributes serve.
ALTER TABLE tickets ADD COLUMN external_ref text GENERATED ALWAYS AS (attributes ->> 'external_ref') STORED;
CREATE INDEX tickets_by_external_ref ON tickets (tenant, external_ref) WHERE external_ref IS NOT NULL;

CREATE TABLE ticket_entity_links (
    tenant      uuid NOT NULL,
    link_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    ticket_id   uuid NOT NULL,
    entity_type text NOT NULL, -- project, project_task, asset, contract
    entity_id   uuid NOT NULL,
    link_type   text NOT NULL,
    metadata    jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, link_id),
    UNIQUE (tenant, ticket_id, entity_type, entity_id, link_type),
    FOREIGN KEY (tenant, ticket_id) REFERENCES tickets ON DELETE CASCADE
);
CREATE INDEX ticket_entity_links_by_entity ON ticket_entity_links (tenant, entity_type, entity_id);
SELECT workflow_protect('ticket_entity_links');
