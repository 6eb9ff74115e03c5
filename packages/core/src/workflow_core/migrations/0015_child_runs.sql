-- Runs that a run called: a child is a run of its own, and goes with its parent.

ALTER TABLE workflow_runs
    ADD COLUMN parent_run_id uuid,
    ADD COLUMN root_run_id   uuid,                       -- the first of the chain of calls; NULL: nobody called this run
    ADD COLUMN call_depth    integer NOT NULL DEFAULT 0, -- how many calls stand above it
    ADD CONSTRAINT workflow_runs_parent FOREIGN KEY (tenant, parent_run_id) REFERENCES workflow_runs ON DELETE CASCADE;
CREATE INDEX workflow_runs_by_parent ON workflow_runs (tenant, parent_run_id) WHERE parent_run_id IS NOT NULL;
-- A child is started by its parent alone: what starts the runs that a crash left behind has to tell them apart.
SELECT workflow_allow_dispatch('workflow_runs', 'parent_run_id');
