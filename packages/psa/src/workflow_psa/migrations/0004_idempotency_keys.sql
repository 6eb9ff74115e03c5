-- requires: workflow-modules-core 0001
-- What an action with an idempotency_key has made, so that the same key makes nothing again: across all runs of the
-- tenant. (Attempts of one step are the ledger's business.)

CREATE TABLE workflow_idempotency_keys (
    tenant     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    action_id  text NOT NULL,
    key_sha256 bytea NOT NULL, -- a key may be longer than an index takes
    record_id  uuid NOT NULL,  -- what it made
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, action_id, key_sha256)
);
SELECT workflow_protect('workflow_idempotency_keys');
