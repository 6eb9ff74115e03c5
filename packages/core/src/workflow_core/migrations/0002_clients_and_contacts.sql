-- The MSP's customers and the people there.

CREATE TABLE clients (
    tenant        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    client_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    client_name   text NOT NULL,
    client_type   text,
    url           text,
    properties    jsonb NOT NULL DEFAULT '{}', -- primary_contact_id and the like
    billing_email text,
    notes         text,
    is_inactive   boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, client_id)
);
CREATE INDEX clients_by_name ON clients (tenant, lower(client_name));
SELECT workflow_protect('clients');

CREATE TABLE contacts (
    tenant          uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    contact_name_id uuid NOT NULL DEFAULT gen_random_uuid(),
    full_name       text NOT NULL,
    email           text,
    phone_number    text,
    client_id       uuid,
    role            text,
    is_inactive     boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, contact_name_id),
    FOREIGN KEY (tenant, client_id) REFERENCES clients
);
CREATE INDEX contacts_by_email ON contacts (tenant, lower(email));
CREATE INDEX contacts_by_client ON contacts (tenant, client_id);
SELECT workflow_protect('contacts');
