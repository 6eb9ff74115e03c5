-- The inbox of events: what happened, stored before anything is started by it.

CREATE TABLE workflow_runtime_events (
    tenant             uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    event_id           uuid NOT NULL,
    event_name         text NOT NULL,
    correlation_key    text,
    payload            jsonb NOT NULL,
    payload_schema_ref text,
    source_run_id      uuid,                       -- the run whose action emitted it
    chain_depth        integer NOT NULL DEFAULT 0, -- how many events and runs led to it, one by the other
    outcomes           jsonb,                      -- one for each workflow that it starts; NULL: not looked for yet
    attempts           integer NOT NULL DEFAULT 0, -- how often it was taken; fences off whoever took it before
    due_at             timestamptz NOT NULL DEFAULT now(), -- nobody takes it earlier: it is being worked on, or waits
    processed_at       timestamptz,                -- NULL: it may still have to start something
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, event_id)
);
CREATE INDEX workflow_runtime_events_by_time ON workflow_runtime_events (tenant, created_at DESC, event_id);
CREATE INDEX workflow_runtime_events_by_key ON workflow_runtime_events (tenant, correlation_key, created_at DESC)
    WHERE correlation_key IS NOT NULL;
CREATE INDEX workflow_runtime_events_open ON workflow_runtime_events (due_at) WHERE processed_at IS NULL;
SELECT workflow_protect('workflow_runtime_events');
SELECT workflow_allow_dispatch('workflow_runtime_events', 'tenant', 'event_id', 'due_at', 'processed_at', 'created_at');

-- Dispatchers are told on the channel workflow_events that something waits for them; what is taken by whoever stores it
-- (due_at lies ahead) or starts nothing does not wait.
CREATE FUNCTION workflow_notify_event() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('workflow_events', '');
    RETURN NULL;
END $$;
CREATE TRIGGER notify_event AFTER INSERT ON workflow_runtime_events
    FOR EACH ROW WHEN (NEW.processed_at IS NULL AND NEW.due_at <= NEW.created_at)
    EXECUTE FUNCTION workflow_notify_event();

-- Which event starts a version: a column of its own, since row-level security keeps an index over the JSON from being
-- used.
ALTER TABLE workflow_definition_versions ADD COLUMN trigger_event text GENERATED ALWAYS AS (
    CASE WHEN definition_json #>> '{trigger,type}' = 'event'
              AND length(definition_json #>> '{trigger,eventName}') <= 255
         THEN definition_json #>> '{trigger,eventName}' END
) STORED;
CREATE INDEX workflow_definition_versions_by_event ON workflow_definition_versions (tenant, trigger_event)
    WHERE trigger_event IS NOT NULL;

ALTER TABLE workflow_runs
    ADD COLUMN event_id    uuid, -- the event that started it
    ADD COLUMN chain_depth integer NOT NULL DEFAULT 0;
