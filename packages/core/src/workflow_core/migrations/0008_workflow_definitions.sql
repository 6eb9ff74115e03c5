-- Workflows: one row with the draft, and one row per published version, which never changes.

CREATE TABLE workflow_definitions (
    tenant                    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    workflow_id               uuid NOT NULL DEFAULT gen_random_uuid(),
    key                       text, -- of the bundle that it came from
    name                      text NOT NULL,
    description               text,
    payload_schema_ref        text,
    payload_schema_mode       text,
    pinned_payload_schema_ref text,
    trigger                   jsonb,
    draft_definition          jsonb NOT NULL,
    draft_version             integer NOT NULL DEFAULT 1,
    published_version         integer, -- the newest; NULL: none yet
    status                    text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published')),
    is_system                 boolean NOT NULL DEFAULT false,
    is_visible                boolean NOT NULL DEFAULT true,
    is_paused                 boolean NOT NULL DEFAULT false,
    concurrency_limit         integer,
    auto_pause_on_failure     boolean NOT NULL DEFAULT false,
    failure_rate_threshold    double precision,
    failure_rate_min_runs     integer,
    retention_policy_override jsonb,
    created_by                uuid,
    updated_by                uuid,
    created_at                timestamptz NOT NULL DEFAULT now(),
    updated_at                timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, workflow_id),
    UNIQUE (tenant, key)
);
SELECT workflow_protect('workflow_definitions');

CREATE TABLE workflow_definition_versions (
    tenant              uuid NOT NULL,
    workflow_id         uuid NOT NULL,
    version             integer NOT NULL CHECK (version > 0),
    definition_json     jsonb NOT NULL,
    payload_schema_json jsonb,
    definition_sha256   text NOT NULL,
    published_by        uuid,
    published_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, workflow_id, version),
    FOREIGN KEY (tenant, workflow_id) REFERENCES workflow_definitions ON DELETE CASCADE
);
SELECT workflow_protect('workflow_definition_versions');

CREATE FUNCTION workflow_refuse_version_update() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'version % of workflow % is published and cannot change; publish a new version',
        OLD.version, OLD.workflow_id USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER refuse_update BEFORE UPDATE ON workflow_definition_versions
    FOR EACH ROW EXECUTE FUNCTION workflow_refuse_version_update();
