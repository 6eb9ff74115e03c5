-- Effects that nobody could know about: what was looked at, what a person decided, and the runs that wait for it.

ALTER TABLE workflow_action_invocations
    ADD COLUMN prepared_json jsonb, -- what prepare saw before the sending that sent_at tells of
    ADD COLUMN last_look     text,  -- what looking at the other system said last, when it could not tell
    ADD COLUMN settled_as    text   -- what a person decided; NULL: nobody has
        CHECK (settled_as IN ('happened', 'send_again', 'fail'));
CREATE INDEX workflow_action_invocations_uncertain
    ON workflow_action_invocations (tenant, sent_at DESC, invocation_id) WHERE status = 'uncertain';

ALTER TABLE workflow_run_steps DROP CONSTRAINT workflow_run_steps_status_check;
ALTER TABLE workflow_run_steps ADD CONSTRAINT workflow_run_steps_status_check
    CHECK (status IN ('STARTED', 'SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELED', 'RETRYING', 'WAITING'));

-- What runs wait for. A wait is committed before its run waits, and is resolved before the run is signaled.
CREATE TABLE workflow_run_waits (
    tenant      uuid NOT NULL,
    wait_id     uuid NOT NULL,
    run_id      uuid NOT NULL,
    step_path   text NOT NULL,
    iteration   text NOT NULL DEFAULT '',
    wait_type   text NOT NULL, -- settlement
    key         text NOT NULL, -- of a settlement: the invocation_id
    status      text NOT NULL DEFAULT 'WAITING' CHECK (status IN ('WAITING', 'RESOLVED', 'CANCELED')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    signaled_at timestamptz, -- when the engine had the run's signal
    PRIMARY KEY (tenant, wait_id),
    FOREIGN KEY (tenant, run_id) REFERENCES workflow_runs ON DELETE CASCADE
);
CREATE INDEX workflow_run_waits_by_run ON workflow_run_waits (tenant, run_id);
CREATE INDEX workflow_run_waits_open ON workflow_run_waits (tenant, wait_type, key) WHERE status = 'WAITING';
CREATE INDEX workflow_run_waits_unsignaled ON workflow_run_waits (resolved_at)
    WHERE status = 'RESOLVED' AND signaled_at IS NULL;
SELECT workflow_protect('workflow_run_waits');
SELECT workflow_allow_dispatch(
    'workflow_run_waits', 'tenant', 'wait_id', 'run_id', 'status', 'resolved_at', 'signaled_at'
);
