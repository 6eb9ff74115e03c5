-- Remote monitoring: a tenant's connections, whose organizations are which clients, which devices are which assets, alerts.
-- A foreign key that names the tenant must not be SET NULL: whoever deletes a client or an asset clears these first.

CREATE TABLE tenant_external_entity_mappings (
    id                 uuid NOT NULL DEFAULT gen_random_uuid(),
    tenant             uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    integration_type   varchar(50) NOT NULL,  -- ninjaone, …
    alga_entity_type   varchar(50) NOT NULL,  -- asset, client, …
    alga_entity_id     varchar(255) NOT NULL, -- our id, as text
    external_entity_id varchar(255) NOT NULL,
    external_realm_id  varchar(255),          -- where the external id is unique, if not in the whole integration
    sync_status        varchar(20) DEFAULT 'pending',
    last_synced_at     timestamptz,
    metadata           jsonb,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id),
    CONSTRAINT tenant_external_entity_mappings_one_per_entity
        UNIQUE (tenant, integration_type, alga_entity_type, alga_entity_id)
);
CREATE UNIQUE INDEX tenant_external_entity_mappings_one_per_external
    ON tenant_external_entity_mappings
    (tenant, integration_type, alga_entity_type, external_entity_id, COALESCE(external_realm_id, ''));
SELECT workflow_protect('tenant_external_entity_mappings');

CREATE TABLE rmm_integrations (
    tenant                   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    integration_id           uuid NOT NULL DEFAULT gen_random_uuid(),
    provider                 varchar(50) NOT NULL,
    instance_url             varchar(255),
    is_active                boolean NOT NULL DEFAULT false,
    connected_at             timestamptz,
    last_sync_at             timestamptz,
    last_full_sync_at        timestamptz,
    last_incremental_sync_at timestamptz,
    sync_status              varchar(20) DEFAULT 'pending', -- pending, syncing, completed, error
    sync_error               text,
    settings                 jsonb NOT NULL DEFAULT '{}', -- region, tokenLifecycle, deviceSync, …; no secrets
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, integration_id),
    UNIQUE (tenant, provider)
);
CREATE INDEX rmm_integrations_by_active ON rmm_integrations (tenant, is_active);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON rmm_integrations
    FOR EACH ROW EXECUTE FUNCTION workflow_set_updated_at();
SELECT workflow_protect('rmm_integrations');
SELECT workflow_allow_dispatch('rmm_integrations', 'tenant', 'integration_id', 'provider', 'is_active');

CREATE TABLE rmm_organization_mappings (
    tenant                     uuid NOT NULL,
    mapping_id                 uuid NOT NULL DEFAULT gen_random_uuid(),
    integration_id             uuid NOT NULL,
    external_organization_id   varchar(255) NOT NULL,
    external_organization_name varchar(255),
    client_id                  uuid, -- NULL: known over there, not mapped here yet
    default_contact_id         uuid,
    auto_sync_assets           boolean NOT NULL DEFAULT true,
    metadata                   jsonb NOT NULL DEFAULT '{}',
    last_synced_at             timestamptz,
    created_at                 timestamptz NOT NULL DEFAULT now(),
    updated_at                 timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, mapping_id),
    UNIQUE (tenant, integration_id, external_organization_id),
    FOREIGN KEY (tenant, integration_id) REFERENCES rmm_integrations ON DELETE CASCADE,
    FOREIGN KEY (tenant, client_id) REFERENCES clients
);
CREATE INDEX rmm_organization_mappings_by_client ON rmm_organization_mappings (tenant, client_id);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON rmm_organization_mappings
    FOR EACH ROW EXECUTE FUNCTION workflow_set_updated_at();
SELECT workflow_protect('rmm_organization_mappings');

CREATE TABLE rmm_alerts (
    tenant             uuid NOT NULL,
    alert_id           uuid NOT NULL DEFAULT gen_random_uuid(),
    integration_id     uuid NOT NULL,
    external_alert_id  varchar(255) NOT NULL,
    external_device_id varchar(255),
    asset_id           uuid,
    severity           varchar(20) NOT NULL, -- critical, major, moderate, minor, none
    priority           varchar(20),
    status             varchar(20) NOT NULL DEFAULT 'active', -- active, acknowledged, resolved, auto_resolved, suppressed
    source_type        varchar(50),
    alert_class        varchar(100),
    activity_type      varchar(100),
    message            text,
    device_name        text,
    ticket_id          uuid,
    triggered_at       timestamptz,
    resolved_at        timestamptz,
    acknowledged_at    timestamptz,
    acknowledged_by    uuid,
    last_occurrence_at timestamptz,
    occurrence_count   integer NOT NULL DEFAULT 1,
    dedup_key          varchar(255),
    metadata           jsonb NOT NULL DEFAULT '{}',
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, alert_id),
    UNIQUE (tenant, integration_id, external_alert_id),
    FOREIGN KEY (tenant, integration_id) REFERENCES rmm_integrations ON DELETE CASCADE,
    FOREIGN KEY (tenant, asset_id) REFERENCES assets
);
CREATE INDEX rmm_alerts_by_status ON rmm_alerts (tenant, status);
CREATE INDEX rmm_alerts_by_asset ON rmm_alerts (tenant, asset_id);
CREATE INDEX rmm_alerts_by_time ON rmm_alerts (tenant, triggered_at);
CREATE INDEX rmm_alerts_by_dedup_key ON rmm_alerts (tenant, integration_id, dedup_key);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON rmm_alerts
    FOR EACH ROW EXECUTE FUNCTION workflow_set_updated_at();
SELECT workflow_protect('rmm_alerts');
