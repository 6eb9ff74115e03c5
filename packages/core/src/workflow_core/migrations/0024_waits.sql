-- What steps wait for, beside settlements: events, moments, and people.

ALTER TABLE workflow_run_waits
    ALTER COLUMN key DROP NOT NULL,  -- of an event: its correlation key
    ADD COLUMN event_name text,
    ADD COLUMN filters    jsonb,     -- conditions on an event's payload
    ADD COLUMN due_at     timestamptz, -- a moment that is waited for, or at which waiting for an event ends
    ADD COLUMN event_id   uuid,      -- the event that came
    ADD COLUMN result     jsonb,     -- what ended the wait
    DROP CONSTRAINT workflow_run_waits_status_check,
    ADD CONSTRAINT workflow_run_waits_status_check
        CHECK (status IN ('WAITING', 'RESOLVED', 'EXPIRED', 'CANCELED'));
CREATE INDEX workflow_run_waits_for_event ON workflow_run_waits (tenant, event_name, key)
    WHERE status = 'WAITING' AND wait_type = 'event';
-- Events that came just before a wait.
CREATE INDEX workflow_runtime_events_by_name ON workflow_runtime_events (tenant, event_name, created_at);

-- What people are asked to do. A task is open as long as its wait is.
CREATE TABLE workflow_human_tasks (
    tenant       uuid NOT NULL,
    task_id      uuid NOT NULL, -- its wait's id
    run_id       uuid NOT NULL,
    workflow_id  uuid NOT NULL,
    task_type    text NOT NULL,
    title        text NOT NULL,
    description  text,
    context_data jsonb NOT NULL DEFAULT '{}',
    assigned_to  uuid,
    completed_by uuid,
    response     jsonb,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, task_id),
    FOREIGN KEY (tenant, task_id) REFERENCES workflow_run_waits ON DELETE CASCADE
);
CREATE INDEX workflow_human_tasks_by_time ON workflow_human_tasks (tenant, created_at DESC, task_id);
SELECT workflow_protect('workflow_human_tasks');
