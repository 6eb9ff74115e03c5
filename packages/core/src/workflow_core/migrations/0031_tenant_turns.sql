-- Runs that wait because their tenant has as many under way as it may have. They have had their workflow's turn.

ALTER TABLE workflow_runs ADD COLUMN waits_for_tenant boolean NOT NULL DEFAULT false; -- as long as it is queued
CREATE INDEX workflow_runs_waiting_for_tenant ON workflow_runs (tenant, created_at, run_id)
    WHERE is_queued AND waits_for_tenant AND status = 'WAITING';
CREATE INDEX workflow_runs_busy ON workflow_runs (tenant)
    WHERE status = 'RUNNING' AND parent_run_id IS NULL AND NOT dry_run;
DROP INDEX workflow_runs_under_way;
CREATE INDEX workflow_runs_under_way ON workflow_runs (tenant, workflow_id)
    WHERE status IN ('RUNNING', 'WAITING') AND (NOT is_queued OR waits_for_tenant)
          AND parent_run_id IS NULL AND NOT dry_run;
SELECT workflow_allow_dispatch('workflow_runs', 'waits_for_tenant');

-- Each tenant's events for themselves, the oldest first.
DROP INDEX workflow_runtime_events_open;
CREATE INDEX workflow_runtime_events_open ON workflow_runtime_events (tenant, due_at, sequence)
    WHERE processed_at IS NULL;

-- How many runs of a tenant may still be begun. Until the transaction ends, nobody else of the tenant begins one.
CREATE FUNCTION workflow_tenant_room(of_tenant uuid, of_run uuid, at_most integer) RETURNS integer
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tenant turns ' || of_tenant, 0));
    RETURN at_most - (
        SELECT count(*) FROM (
            SELECT FROM workflow_runs
            WHERE tenant = of_tenant AND status = 'RUNNING' AND parent_run_id IS NULL AND NOT dry_run
              AND run_id IS DISTINCT FROM of_run
            LIMIT at_most
        ) AS busy
    );
END $$;

-- A run that had its workflow's turn comes before all that have not.
CREATE OR REPLACE FUNCTION workflow_run_is_behind(
    of_tenant uuid, of_workflow uuid, of_run uuid, of_key text, of_number bigint
) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM workflow_runs other
        WHERE other.tenant = of_tenant AND other.workflow_id = of_workflow AND other.order_key = of_key
          AND other.status IN ('RUNNING', 'WAITING') AND other.run_id <> of_run
          AND (NOT other.is_queued OR other.waits_for_tenant OR other.order_number < of_number)
    ) OR EXISTS (
        SELECT FROM workflow_runtime_events event
        WHERE event.tenant = of_tenant AND event.correlation_key = of_key AND event.processed_at IS NULL
          AND event.sequence < of_number
          AND (event.outcomes IS NULL OR EXISTS (
              SELECT FROM jsonb_array_elements(event.outcomes) AS outcome
              WHERE outcome ->> 'workflowId' = of_workflow::text AND outcome ->> 'status' = 'PENDING'
                AND NOT EXISTS (
                    SELECT FROM workflow_runs run
                    WHERE run.tenant = of_tenant AND run.run_id = (outcome ->> 'runId')::uuid
                )
          ))
    )
$$;

-- Told with the tenant alone: one of its runs that wait for that may have its turn.
CREATE FUNCTION workflow_tenant_has_room() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM workflow_runs
        WHERE tenant = OLD.tenant AND is_queued AND waits_for_tenant AND status = 'WAITING'
    ) THEN
        PERFORM pg_notify('workflow_turns', OLD.tenant::text);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tenant_has_room AFTER UPDATE ON workflow_runs
    FOR EACH ROW
    WHEN (OLD.status = 'RUNNING' AND NEW.status <> 'RUNNING' AND OLD.parent_run_id IS NULL)
    EXECUTE FUNCTION workflow_tenant_has_room();
