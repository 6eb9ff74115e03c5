-- Dry runs tell what a definition would do: their own record is all that they write.

ALTER TABLE workflow_runs ADD COLUMN dry_run boolean NOT NULL DEFAULT false;
ALTER TABLE workflow_run_steps ADD COLUMN would_do boolean NOT NULL DEFAULT false; -- it was not done: the run is dry
