-- requires: workflow-modules-core 0002
-- Projects, their phases and tasks.

CREATE TABLE projects (
    tenant       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    project_id   uuid NOT NULL DEFAULT gen_random_uuid(),
    client_id    uuid,
    project_name text NOT NULL,
    description  text,
    start_date   timestamptz,
    end_date     timestamptz,
    status       uuid,
    wbs_code     text NOT NULL DEFAULT '1',
    is_inactive  boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, project_id),
    FOREIGN KEY (tenant, client_id) REFERENCES clients,
    FOREIGN KEY (tenant, status) REFERENCES statuses
);
CREATE INDEX projects_by_client ON projects (tenant, client_id);
SELECT workflow_protect('projects');

CREATE TABLE project_phases (
    tenant       uuid NOT NULL,
    phase_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    project_id   uuid NOT NULL,
    phase_name   text NOT NULL,
    description  text,
    start_date   timestamptz,
    end_date     timestamptz,
    order_number integer NOT NULL DEFAULT 1,
    wbs_code     text NOT NULL DEFAULT '1.1',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, phase_id),
    FOREIGN KEY (tenant, project_id) REFERENCES projects ON DELETE CASCADE
);
CREATE INDEX project_phases_by_project ON project_phases (tenant, project_id, order_number);
SELECT workflow_protect('project_phases');

-- The columns of a project's board: which statuses its tasks can have, in their order, under names of its own.
CREATE TABLE project_status_mappings (
    tenant                    uuid NOT NULL,
    project_status_mapping_id uuid NOT NULL DEFAULT gen_random_uuid(),
    project_id                uuid NOT NULL,
    status_id                 uuid,
    standard_status_id        uuid, -- of a catalogue that is not this project's
    custom_name               text,
    display_order             integer NOT NULL DEFAULT 0,
    is_visible                boolean NOT NULL DEFAULT true,
    is_standard               boolean NOT NULL DEFAULT false,
    created_at                timestamptz NOT NULL DEFAULT now(),
    updated_at                timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, project_status_mapping_id),
    FOREIGN KEY (tenant, project_id) REFERENCES projects ON DELETE CASCADE,
    FOREIGN KEY (tenant, status_id) REFERENCES statuses
);
CREATE INDEX project_status_mappings_by_project ON project_status_mappings (tenant, project_id, display_order);
SELECT workflow_protect('project_status_mappings');

CREATE TABLE project_tasks (
    tenant                    uuid NOT NULL,
    task_id                   uuid NOT NULL DEFAULT gen_random_uuid(),
    phase_id                  uuid NOT NULL,
    task_name                 text NOT NULL,
    description               text,
    assigned_to               uuid,
    assigned_team_id          uuid,
    project_status_mapping_id uuid,
    priority_id               uuid, -- no foreign key: it may be one of the standard priorities of an existing database
    due_date                  timestamptz,
    estimated_hours           bigint,
    wbs_code                  text NOT NULL,
    order_key                 text COLLATE "C",
    created_at                timestamptz NOT NULL DEFAULT now(),
    updated_at                timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, task_id),
    FOREIGN KEY (tenant, phase_id) REFERENCES project_phases ON DELETE CASCADE,
    FOREIGN KEY (tenant, assigned_to) REFERENCES users,
    FOREIGN KEY (tenant, assigned_team_id) REFERENCES teams,
    FOREIGN KEY (tenant, project_status_mapping_id) REFERENCES project_status_mappings
);
CREATE INDEX project_tasks_by_phase ON project_tasks (tenant, phase_id);
CREATE INDEX project_tasks_by_assigned_to ON project_tasks (tenant, assigned_to);
SELECT workflow_protect('project_tasks');

CREATE TABLE project_ticket_links (
    tenant     uuid NOT NULL,
    link_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL,
    phase_id   uuid,
    task_id    uuid,
    ticket_id  uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, link_id),
    FOREIGN KEY (tenant, project_id) REFERENCES projects ON DELETE CASCADE,
    FOREIGN KEY (tenant, phase_id) REFERENCES project_phases ON DELETE CASCADE,
    FOREIGN KEY (tenant, task_id) REFERENCES project_tasks ON DELETE CASCADE,
    FOREIGN KEY (tenant, ticket_id) REFERENCES tickets ON DELETE CASCADE
);
CREATE INDEX project_ticket_links_by_task ON project_ticket_links (tenant, task_id);
CREATE INDEX project_ticket_links_by_ticket ON project_ticket_links (tenant, ticket_id);
SELECT workflow_protect('project_ticket_links');

CREATE TABLE task_checklist_items (
    tenant            uuid NOT NULL,
    checklist_item_id uuid NOT NULL DEFAULT gen_random_uuid(),
    task_id           uuid NOT NULL,
    item_name         text NOT NULL,
    completed         boolean NOT NULL DEFAULT false,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, checklist_item_id),
    FOREIGN KEY (tenant, task_id) REFERENCES project_tasks ON DELETE CASCADE
);
CREATE INDEX task_checklist_items_by_task ON task_checklist_items (tenant, task_id);
SELECT workflow_protect('task_checklist_items');
