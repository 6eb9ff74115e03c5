-- Workflows that a clock starts: what Temporal is to have as a schedule, written in the transaction that decides it.

CREATE TABLE tenant_workflow_schedule (
    tenant          uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    workflow_id     uuid NOT NULL,       -- no reference: the row outlives its workflow until Temporal has forgotten it
    trigger_type    text NOT NULL CHECK (trigger_type IN ('schedule', 'recurring')),
    run_at          text,                -- as the author wrote it
    cron            text,
    timezone        text,
    status          text NOT NULL CHECK (status IN ('scheduled', 'paused', 'disabled', 'completed')),
    since           timestamptz NOT NULL DEFAULT now(), -- times before this are none of the schedule's
    revision        integer NOT NULL DEFAULT 1,         -- counts up with every change of what stands above
    synced_revision integer,             -- the last one that Temporal is in step with
    synced_at       timestamptz,
    attempts        integer NOT NULL DEFAULT 0,         -- at bringing it in step; fences off whoever tried before
    due_at          timestamptz NOT NULL DEFAULT now(), -- nobody tries earlier: somebody is at it, or it waits
    last_fire_at    timestamptz,         -- the last time that started a run, and that run
    last_run_id     uuid,
    last_missed_at  timestamptz,         -- the last time that came too late to be made up for
    last_error      jsonb,               -- why it is not in step, or why its last time started nothing
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, workflow_id)
);
CREATE INDEX tenant_workflow_schedule_out_of_step ON tenant_workflow_schedule (due_at)
    WHERE synced_revision IS DISTINCT FROM revision;
SELECT workflow_protect('tenant_workflow_schedule');
SELECT workflow_allow_dispatch(
    'tenant_workflow_schedule', 'tenant', 'workflow_id', 'status', 'revision', 'synced_revision', 'synced_at', 'due_at'
);

-- Writes what is wanted of a workflow's newest published version. Syncers are told on the channel workflow_schedules.
CREATE FUNCTION workflow_settle_schedule(settled_tenant uuid, settled_workflow uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    wanted record;
BEGIN
    SELECT d.is_paused, v.definition_json -> 'trigger' AS trigger INTO wanted
    FROM workflow_definitions d
    JOIN workflow_definition_versions v
      ON v.tenant = d.tenant AND v.workflow_id = d.workflow_id AND v.version = d.published_version
    WHERE d.tenant = settled_tenant AND d.workflow_id = settled_workflow
      AND v.definition_json #>> '{trigger,type}' IN ('schedule', 'recurring');
    IF FOUND THEN
        INSERT INTO tenant_workflow_schedule AS schedule (
            tenant, workflow_id, trigger_type, run_at, cron, timezone, status
        ) VALUES (
            settled_tenant, settled_workflow, wanted.trigger ->> 'type',
            CASE WHEN wanted.trigger ->> 'type' = 'schedule' THEN wanted.trigger ->> 'runAt' END,
            CASE WHEN wanted.trigger ->> 'type' = 'recurring' THEN wanted.trigger ->> 'cron' END,
            CASE WHEN wanted.trigger ->> 'type' = 'recurring' THEN wanted.trigger ->> 'timezone' END,
            CASE WHEN wanted.is_paused THEN 'paused' ELSE 'scheduled' END
        )
        ON CONFLICT (tenant, workflow_id) DO UPDATE SET
            trigger_type = EXCLUDED.trigger_type, run_at = EXCLUDED.run_at, cron = EXCLUDED.cron,
            timezone = EXCLUDED.timezone, status = EXCLUDED.status, since = now(), revision = schedule.revision + 1,
            attempts = 0, due_at = now(), last_error = NULL, updated_at = now()
        -- What stays as it was goes on: its times of this moment are not lost.
        WHERE (schedule.trigger_type, schedule.run_at, schedule.cron, schedule.timezone, schedule.status)
              IS DISTINCT FROM
              (EXCLUDED.trigger_type, EXCLUDED.run_at, EXCLUDED.cron, EXCLUDED.timezone, EXCLUDED.status);
    ELSE
        UPDATE tenant_workflow_schedule
        SET status = 'disabled', revision = revision + 1, attempts = 0, due_at = now(), updated_at = now()
        WHERE tenant = settled_tenant AND workflow_id = settled_workflow AND status <> 'disabled';
    END IF;
    IF FOUND THEN
        PERFORM pg_notify('workflow_schedules', '');
    END IF;
END $$;

-- Whoever publishes, pauses, resumes or deletes a workflow, by whatever program, changes what is wanted with it.
CREATE FUNCTION workflow_schedule_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM workflow_settle_schedule(OLD.tenant, OLD.workflow_id);
    ELSE
        PERFORM workflow_settle_schedule(NEW.tenant, NEW.workflow_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settle_schedule AFTER DELETE ON workflow_definitions
    FOR EACH ROW EXECUTE FUNCTION workflow_schedule_changed();
CREATE TRIGGER settle_schedule_change AFTER UPDATE ON workflow_definitions
    FOR EACH ROW
    WHEN ((OLD.published_version, OLD.is_paused) IS DISTINCT FROM (NEW.published_version, NEW.is_paused))
    EXECUTE FUNCTION workflow_schedule_changed();
-- Imported workflows say which version is theirs before it is there.
CREATE TRIGGER settle_schedule AFTER INSERT ON workflow_definition_versions
    FOR EACH ROW WHEN (NEW.definition_json #>> '{trigger,type}' IN ('schedule', 'recurring'))
    EXECUTE FUNCTION workflow_schedule_changed();

SELECT workflow_settle_schedule(tenant, workflow_id) FROM workflow_definitions;
