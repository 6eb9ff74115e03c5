-- requires: workflow-modules-core 0001
-- Who works when on what.

CREATE TABLE schedule_entries (
    tenant          uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    entry_id        uuid NOT NULL DEFAULT gen_random_uuid(),
    title           text NOT NULL,
    work_item_id    uuid,
    work_item_type  text, -- ticket, project_task, …
    scheduled_start timestamptz NOT NULL,
    scheduled_end   timestamptz NOT NULL,
    status          text NOT NULL DEFAULT 'scheduled',
    notes           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, entry_id)
);
CREATE INDEX schedule_entries_by_end ON schedule_entries (tenant, scheduled_end);
CREATE INDEX schedule_entries_by_work_item ON schedule_entries (tenant, work_item_type, work_item_id);
SELECT workflow_protect('schedule_entries');

CREATE TABLE schedule_entry_assignees (
    tenant     uuid NOT NULL,
    entry_id   uuid NOT NULL,
    user_id    uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, entry_id, user_id),
    FOREIGN KEY (tenant, entry_id) REFERENCES schedule_entries ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users
);
CREATE INDEX schedule_entry_assignees_by_user ON schedule_entry_assignees (tenant, user_id);
SELECT workflow_protect('schedule_entry_assignees');

-- Entries that overlap on purpose, for whoever looks after the schedule.
CREATE TABLE schedule_conflicts (
    tenant        uuid NOT NULL,
    conflict_id   uuid NOT NULL DEFAULT gen_random_uuid(),
    entry_id_1    uuid NOT NULL,
    entry_id_2    uuid NOT NULL,
    conflict_type text NOT NULL,
    resolved      boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, conflict_id),
    FOREIGN KEY (tenant, entry_id_1) REFERENCES schedule_entries ON DELETE CASCADE,
    FOREIGN KEY (tenant, entry_id_2) REFERENCES schedule_entries ON DELETE CASCADE
);
SELECT workflow_protect('schedule_conflicts');
