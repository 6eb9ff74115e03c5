-- What a person is told of a run, line by line: what started it, what failed, how it ended. No values, no secrets.

CREATE TABLE workflow_run_logs (
    tenant          uuid NOT NULL,
    log_id          uuid NOT NULL DEFAULT gen_random_uuid(),
    run_id          uuid NOT NULL,
    step_id         uuid, -- of workflow_run_steps
    step_path       text,
    level           text NOT NULL CHECK (level IN ('DEBUG', 'INFO', 'WARN', 'ERROR')),
    message         text NOT NULL,
    context_json    jsonb NOT NULL DEFAULT '{}',
    correlation_key text,
    event_name      text,
    source          text NOT NULL, -- who tells it: engine, step, api
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, log_id),
    FOREIGN KEY (tenant, run_id) REFERENCES workflow_runs ON DELETE CASCADE
);
CREATE INDEX workflow_run_logs_in_order ON workflow_run_logs (tenant, run_id, created_at, log_id);
SELECT workflow_protect('workflow_run_logs');
