-- The inbox of events: what happened, stored before anything is started by it.

CREATE TABLE workflow_runtime_events (
    tenant             uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    event_id           uuid NOT NULL,
    event_name         text NOT NULL,
    correlation_key    text,
    payload            jsonb NOT NULL,
    payload_schema_ref text,
    source_run_id      uuid,                      -- the run whose action emitted it
    processed_at       timestamptz,               -- NULL: it may still have to start something
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, event_id)
);
CREATE INDEX workflow_runtime_events_by_time ON workflow_runtime_events (tenant, created_at DESC, event_id);
CREATE INDEX workflow_runtime_events_open ON workflow_runtime_events (created_at) WHERE processed_at IS NULL;
SELECT workflow_protect('workflow_runtime_events');
SELECT workflow_allow_dispatch('workflow_runtime_events', 'tenant', 'event_id', 'processed_at', 'created_at');
