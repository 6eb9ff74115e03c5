-- Extension apps: which exist, and which tenant has installed which.

CREATE TABLE extension_registry (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    publisher    text NOT NULL,
    name         text NOT NULL,
    display_name text,
    UNIQUE (publisher, name)
);

CREATE TABLE tenant_extension_install (
    tenant      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    registry_id uuid NOT NULL REFERENCES extension_registry ON DELETE CASCADE,
    is_enabled  boolean NOT NULL DEFAULT false,
    status      text,
    PRIMARY KEY (tenant, registry_id)
);
SELECT workflow_protect('tenant_extension_install');
