-- Runs that a crash left behind: nobody started them, or their execution is gone. And what changed in a run since.

ALTER TABLE workflow_runs ADD COLUMN checked_at timestamptz; -- when a sweeper last took it up
SELECT workflow_allow_dispatch('workflow_runs', 'checked_at');

DROP INDEX workflow_runs_open;
-- A child is started by its parent alone.
CREATE INDEX workflow_runs_to_start ON workflow_runs (updated_at)
    WHERE status = 'RUNNING' AND started_at IS NULL AND parent_run_id IS NULL;
CREATE INDEX workflow_runs_to_check ON workflow_runs (checked_at NULLS FIRST)
    WHERE status IN ('RUNNING', 'WAITING') AND (started_at IS NOT NULL OR parent_run_id IS NOT NULL);

ALTER TABLE workflow_run_steps ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX workflow_run_steps_by_change ON workflow_run_steps (tenant, run_id, updated_at);
