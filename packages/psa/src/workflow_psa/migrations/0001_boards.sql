-- requires: workflow-modules-core 0002
-- What a ticket refers to: where it stands, how far it is, how urgent it is, what it is about, and who can have it.

CREATE TABLE teams (
    tenant     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    team_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    team_name  text NOT NULL,
    manager_id uuid, -- its lead: the assigned user of a ticket that is given to the team
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, team_id),
    FOREIGN KEY (tenant, manager_id) REFERENCES users
);
SELECT workflow_protect('teams');

CREATE TABLE client_locations (
    tenant        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    location_id   uuid NOT NULL DEFAULT gen_random_uuid(),
    client_id     uuid NOT NULL,
    location_name text,
    is_active     boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, location_id),
    FOREIGN KEY (tenant, client_id) REFERENCES clients ON DELETE CASCADE
);
CREATE INDEX client_locations_by_client ON client_locations (tenant, client_id);
SELECT workflow_protect('client_locations');

CREATE TABLE priorities (
    tenant        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    priority_id   uuid NOT NULL DEFAULT gen_random_uuid(),
    priority_name text NOT NULL,
    item_type     text NOT NULL DEFAULT 'ticket', -- ticket, project_task
    order_number  integer NOT NULL DEFAULT 50,
    color         text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, priority_id),
    UNIQUE (tenant, priority_name, item_type)
);
SELECT workflow_protect('priorities');

CREATE TABLE boards (
    tenant                   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    board_id                 uuid NOT NULL DEFAULT gen_random_uuid(),
    board_name               text NOT NULL,
    is_default               boolean NOT NULL DEFAULT false,
    is_inactive              boolean NOT NULL DEFAULT false,
    default_assigned_to      uuid,
    default_assigned_team_id uuid,
    default_priority_id      uuid,
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, board_id),
    FOREIGN KEY (tenant, default_assigned_to) REFERENCES users,
    FOREIGN KEY (tenant, default_assigned_team_id) REFERENCES teams,
    FOREIGN KEY (tenant, default_priority_id) REFERENCES priorities
);
SELECT workflow_protect('boards');

CREATE TABLE statuses (
    tenant       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    status_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    board_id     uuid, -- of a ticket's status
    name         text NOT NULL,
    status_type  text NOT NULL, -- ticket, project, project_task, …
    order_number integer NOT NULL,
    is_closed    boolean NOT NULL DEFAULT false,
    is_default   boolean NOT NULL DEFAULT false,
    color        text,
    icon         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, status_id),
    FOREIGN KEY (tenant, board_id) REFERENCES boards ON DELETE CASCADE
);
CREATE UNIQUE INDEX statuses_one_name ON statuses (tenant, board_id, name) WHERE status_type = 'ticket';
CREATE UNIQUE INDEX statuses_one_order ON statuses (tenant, board_id, order_number) WHERE status_type = 'ticket';
CREATE UNIQUE INDEX statuses_one_default ON statuses (tenant, board_id) WHERE status_type = 'ticket' AND is_default;
SELECT workflow_protect('statuses');

CREATE TABLE categories (
    tenant          uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    category_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    category_name   text NOT NULL,
    board_id        uuid NOT NULL,
    parent_category uuid, -- of a subcategory
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, category_id),
    FOREIGN KEY (tenant, board_id) REFERENCES boards ON DELETE CASCADE,
    FOREIGN KEY (tenant, parent_category) REFERENCES categories ON DELETE CASCADE
);
CREATE INDEX categories_by_board ON categories (tenant, board_id);
SELECT workflow_protect('categories');
