-- Runs, their steps, and the ledger of effects. A run outlives its workflow's definition: it carries its own plan.

CREATE TABLE workflow_runs (
    tenant                    uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    run_id                    uuid NOT NULL,
    workflow_id               uuid NOT NULL,
    workflow_version          integer NOT NULL,
    status                    text NOT NULL
        CHECK (status IN ('RUNNING', 'WAITING', 'SUCCEEDED', 'FAILED', 'CANCELED')),
    cause                     text NOT NULL, -- api, event, schedule, child, …
    actor_id                  uuid,          -- in whose name the run acts: the publisher of the version
    plan                      jsonb NOT NULL,
    plan_sha256               text NOT NULL,
    payload                   jsonb,
    event_type                text,
    source_payload_schema_ref text,
    trigger_mapping_applied   boolean NOT NULL DEFAULT false,
    execution                 integer NOT NULL DEFAULT 1, -- resuming counts it up: the engine's id is run_id/execution
    result_json               jsonb,
    error_json                jsonb,
    created_at                timestamptz NOT NULL DEFAULT now(),
    started_at                timestamptz, -- NULL: recorded, and not yet handed to the engine
    completed_at              timestamptz,
    updated_at                timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, run_id)
);
CREATE INDEX workflow_runs_by_workflow ON workflow_runs (tenant, workflow_id, created_at DESC, run_id);
CREATE INDEX workflow_runs_by_time ON workflow_runs (tenant, created_at DESC, run_id);
CREATE INDEX workflow_runs_open ON workflow_runs (created_at) WHERE status IN ('RUNNING', 'WAITING');
SELECT workflow_protect('workflow_runs');
SELECT workflow_allow_dispatch(
    'workflow_runs', 'tenant', 'run_id', 'status', 'execution', 'created_at', 'started_at', 'updated_at'
);

CREATE TABLE workflow_run_steps (
    tenant             uuid NOT NULL,
    step_id            uuid NOT NULL DEFAULT gen_random_uuid(),
    run_id             uuid NOT NULL,
    step_path          text NOT NULL,            -- root.steps[1].then.steps[0]
    iteration          text NOT NULL DEFAULT '', -- the indexes of the loops around it
    definition_step_id text NOT NULL,
    step_type          text NOT NULL,
    sequence           integer NOT NULL,         -- the order in which steps began
    status             text NOT NULL
        CHECK (status IN ('STARTED', 'SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELED', 'RETRYING')),
    attempt            integer NOT NULL DEFAULT 1,
    action_id          text,
    action_version     integer,
    input_json         jsonb,
    output_json        jsonb,
    error_json         jsonb,
    notes              jsonb NOT NULL DEFAULT '[]',
    started_at         timestamptz,
    completed_at       timestamptz,
    duration_ms        integer,
    PRIMARY KEY (tenant, step_id),
    UNIQUE (tenant, run_id, step_path, iteration),
    FOREIGN KEY (tenant, run_id) REFERENCES workflow_runs ON DELETE CASCADE
);
CREATE INDEX workflow_run_steps_in_order ON workflow_run_steps (tenant, run_id, sequence);
SELECT workflow_protect('workflow_run_steps');

-- The ledger: what was done, is being done, or may have been done. Its rows outlive the runs: an explicit key acts once
-- across all runs of the tenant.
CREATE TABLE workflow_action_invocations (
    tenant             uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    invocation_id      uuid NOT NULL DEFAULT gen_random_uuid(),
    key                text NOT NULL CHECK (key ~ '^[0-9a-f]{64}$'), -- SHA-256
    key_kind           text NOT NULL CHECK (key_kind IN ('run', 'explicit')),
    run_id             uuid NOT NULL,
    step_path          text NOT NULL,
    iteration          text NOT NULL DEFAULT '',
    definition_step_id text NOT NULL,
    action_id          text NOT NULL,
    action_version     integer NOT NULL,
    effect             text NOT NULL,
    status             text NOT NULL
        CHECK (status IN ('reserved', 'sent', 'succeeded', 'failed', 'uncertain')),
    fence              uuid NOT NULL, -- of the attempt that holds the key; another one's write is refused
    input_sha256       text NOT NULL,
    output_json        jsonb,
    error_json         jsonb,
    sends              integer NOT NULL DEFAULT 0,
    reserved_at        timestamptz NOT NULL DEFAULT now(),
    lease_until        timestamptz, -- until then the holder may still be at work
    sent_at            timestamptz,
    finished_at        timestamptz,
    updated_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, invocation_id),
    UNIQUE (tenant, key)
);
CREATE INDEX workflow_action_invocations_by_run ON workflow_action_invocations (tenant, run_id);
SELECT workflow_protect('workflow_action_invocations');
