-- requires: workflow-modules-core 0001
-- What workflows keep for later runs: values by namespace and key, and links between records of any kind.

CREATE TABLE workflow_data_store (
    tenant            uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    store_id          uuid NOT NULL DEFAULT gen_random_uuid(),
    namespace         text NOT NULL,
    key               text NOT NULL,
    value             jsonb NOT NULL,
    value_type        text NOT NULL DEFAULT 'json', -- string, number, boolean, json
    revision          bigint NOT NULL DEFAULT 1,
    expires_at        timestamptz, -- from then on it is not there, whether or not it was deleted
    created_by_run_id uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, store_id),
    UNIQUE (tenant, namespace, key)
);
CREATE INDEX workflow_data_store_in_order ON workflow_data_store (tenant, namespace, key COLLATE "C");
CREATE INDEX workflow_data_store_by_expiry ON workflow_data_store (tenant, expires_at) WHERE expires_at IS NOT NULL;
SELECT workflow_protect('workflow_data_store');

CREATE TABLE workflow_entity_links (
    tenant            uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    link_id           uuid NOT NULL DEFAULT gen_random_uuid(),
    namespace         text NOT NULL,
    left_type         text NOT NULL,
    left_id           text NOT NULL,
    right_type        text NOT NULL,
    right_id          text NOT NULL,
    relation          text NOT NULL DEFAULT 'related',
    attributes        jsonb NOT NULL DEFAULT '{}',
    created_by_run_id uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, link_id),
    UNIQUE (tenant, namespace, left_type, left_id, right_type, right_id, relation)
);
CREATE INDEX workflow_entity_links_reverse ON workflow_entity_links (tenant, namespace, right_type, right_id);
CREATE INDEX workflow_entity_links_in_order ON workflow_entity_links (tenant, namespace, created_at, link_id);
SELECT workflow_protect('workflow_entity_links');

-- What an action answered when a key was first used, where the answer is no record that could be read again.
ALTER TABLE workflow_idempotency_keys ADD COLUMN answer jsonb;
