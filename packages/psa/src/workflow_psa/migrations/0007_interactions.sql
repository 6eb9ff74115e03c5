-- requires: workflow-modules-core 0002
-- What was said and done with clients: calls, meetings, notes.

CREATE TABLE interaction_types (
    tenant        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    type_id       uuid NOT NULL DEFAULT gen_random_uuid(),
    type_name     text NOT NULL, -- Note, Call, …
    icon          text,
    display_order integer,
    created_by    uuid,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, type_id),
    UNIQUE (tenant, type_name)
);
SELECT workflow_protect('interaction_types');

CREATE TABLE interactions (
    tenant           uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    interaction_id   uuid NOT NULL DEFAULT gen_random_uuid(),
    type_id          uuid NOT NULL,
    client_id        uuid,
    contact_name_id  uuid,
    ticket_id        uuid,
    project_id       uuid,
    user_id          uuid, -- who noted it down
    title            text NOT NULL,
    notes            text,
    interaction_date timestamptz NOT NULL DEFAULT now(),
    visibility       text NOT NULL DEFAULT 'internal', -- internal, client_visible
    category         text,
    tags             text[],
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, interaction_id),
    FOREIGN KEY (tenant, type_id) REFERENCES interaction_types,
    FOREIGN KEY (tenant, client_id) REFERENCES clients,
    FOREIGN KEY (tenant, contact_name_id) REFERENCES contacts,
    FOREIGN KEY (tenant, ticket_id) REFERENCES tickets,
    FOREIGN KEY (tenant, user_id) REFERENCES users
);
CREATE INDEX interactions_by_client ON interactions (tenant, client_id, interaction_date DESC);
CREATE INDEX interactions_by_ticket ON interactions (tenant, ticket_id);
SELECT workflow_protect('interactions');
