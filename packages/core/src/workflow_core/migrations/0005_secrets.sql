-- Secrets of a tenant, encrypted with a data key of the tenant, which is itself encrypted with the key-encryption key
-- that no database knows.

CREATE TABLE tenant_secret_keys (
    tenant      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    key_id      uuid NOT NULL,
    wrapped_key bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, key_id)
);
SELECT workflow_protect('tenant_secret_keys');

CREATE TABLE tenant_secrets (
    tenant     uuid NOT NULL,
    scope      text NOT NULL, -- workflow, or integration:<provider>
    name       text NOT NULL,
    ciphertext bytea NOT NULL,
    key_id     uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by uuid, -- NULL: the platform itself, such as a refreshed token
    PRIMARY KEY (tenant, scope, name),
    FOREIGN KEY (tenant, key_id) REFERENCES tenant_secret_keys
);
SELECT workflow_protect('tenant_secrets');
