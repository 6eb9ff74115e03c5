-- requires: workflow-modules-core 0002
-- Tickets, what is said about them, and the numbers that people know them by.

CREATE TABLE next_number (
    tenant         uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    entity_type    text NOT NULL, -- TICKET, …
    last_number    bigint NOT NULL DEFAULT 0,
    initial_value  bigint NOT NULL DEFAULT 1000,
    prefix         text NOT NULL DEFAULT 'TIC',
    padding_length integer NOT NULL DEFAULT 6,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, entity_type)
);
SELECT workflow_protect('next_number');

-- The next number, such as TIC001000. It is held until the transaction ends and comes back when that rolls back, so
-- that there are no gaps: everybody else who wants one waits that long. Call it as late as you can.
CREATE FUNCTION generate_next_number(p_tenant uuid, p_entity_type text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    counter next_number;
    digits text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(p_tenant::text || p_entity_type));
    INSERT INTO next_number AS n (tenant, entity_type, last_number)
    VALUES (p_tenant, p_entity_type, 1000)
    ON CONFLICT (tenant, entity_type) DO UPDATE
        SET last_number = greatest(n.last_number + 1, n.initial_value), updated_at = now()
    RETURNING n.* INTO counter;
    digits := counter.last_number::text;
    RETURN counter.prefix || lpad(digits, greatest(counter.padding_length, length(digits)), '0');
END $$;

CREATE TABLE tickets (
    tenant           uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    ticket_id        uuid NOT NULL DEFAULT gen_random_uuid(),
    ticket_number    text NOT NULL,
    title            text,
    url              text,
    client_id        uuid,
    contact_name_id  uuid,
    location_id      uuid,
    board_id         uuid,
    status_id        uuid,
    priority_id      uuid, -- no foreign key: it may be one of the standard priorities of an existing database
    category_id      uuid,
    subcategory_id   uuid,
    entered_by       uuid,
    updated_by       uuid,
    assigned_to      uuid,
    assigned_team_id uuid,
    closed_by        uuid,
    entered_at       timestamptz,
    updated_at       timestamptz,
    closed_at        timestamptz,
    due_date         timestamptz,
    is_closed        boolean NOT NULL DEFAULT false,
    attributes       jsonb, -- description, custom_fields and whatever else was given
    source           text,
    ticket_origin    text NOT NULL DEFAULT 'internal',
    PRIMARY KEY (tenant, ticket_id),
    UNIQUE (tenant, ticket_number),
    UNIQUE (tenant, ticket_id, assigned_to),
    FOREIGN KEY (tenant, client_id) REFERENCES clients,
    FOREIGN KEY (tenant, contact_name_id) REFERENCES contacts,
    FOREIGN KEY (tenant, location_id) REFERENCES client_locations,
    FOREIGN KEY (tenant, board_id) REFERENCES boards,
    FOREIGN KEY (tenant, status_id) REFERENCES statuses,
    FOREIGN KEY (tenant, category_id) REFERENCES categories,
    FOREIGN KEY (tenant, subcategory_id) REFERENCES categories,
    FOREIGN KEY (tenant, entered_by) REFERENCES users,
    FOREIGN KEY (tenant, assigned_to) REFERENCES users,
    FOREIGN KEY (tenant, assigned_team_id) REFERENCES teams
);
CREATE INDEX tickets_by_client ON tickets (tenant, client_id);
CREATE INDEX tickets_by_board ON tickets (tenant, board_id, status_id);
CREATE INDEX tickets_by_assigned_to ON tickets (tenant, assigned_to);
CREATE INDEX tickets_by_time ON tickets (tenant, entered_at);
SELECT workflow_protect('tickets');

-- Who works on a ticket besides its assigned user.
CREATE TABLE ticket_resources (
    tenant             uuid NOT NULL,
    assignment_id      uuid NOT NULL DEFAULT gen_random_uuid(),
    ticket_id          uuid NOT NULL,
    assigned_to        uuid NOT NULL,
    additional_user_id uuid NOT NULL CHECK (additional_user_id <> assigned_to),
    role               text,
    assigned_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, assignment_id),
    UNIQUE (tenant, ticket_id, additional_user_id),
    FOREIGN KEY (tenant, ticket_id) REFERENCES tickets ON DELETE CASCADE,
    FOREIGN KEY (tenant, assigned_to) REFERENCES users,
    FOREIGN KEY (tenant, additional_user_id) REFERENCES users
);
SELECT workflow_protect('ticket_resources');

CREATE TABLE comment_threads (
    tenant           uuid NOT NULL,
    thread_id        uuid NOT NULL DEFAULT gen_random_uuid(),
    ticket_id        uuid NOT NULL,
    root_comment_id  uuid NOT NULL, -- written right after the thread
    is_internal      boolean NOT NULL DEFAULT false,
    reply_count      integer NOT NULL DEFAULT 0,
    last_activity_at timestamptz NOT NULL DEFAULT now(),
    created_by       uuid,
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, thread_id),
    FOREIGN KEY (tenant, ticket_id) REFERENCES tickets ON DELETE CASCADE
);
CREATE INDEX comment_threads_by_ticket ON comment_threads (tenant, ticket_id);
SELECT workflow_protect('comment_threads');

CREATE TABLE comments (
    tenant              uuid NOT NULL,
    comment_id          uuid NOT NULL DEFAULT gen_random_uuid(),
    ticket_id           uuid NOT NULL,
    thread_id           uuid NOT NULL,
    parent_comment_id   uuid,
    user_id             uuid,
    contact_id          uuid,
    author_type         text NOT NULL DEFAULT 'internal' CHECK (author_type IN ('internal', 'client', 'unknown')),
    note                text NOT NULL,
    markdown_content    text,
    is_internal         boolean NOT NULL DEFAULT false,
    is_resolution       boolean NOT NULL DEFAULT false,
    is_system_generated boolean NOT NULL DEFAULT false,
    metadata            jsonb,
    publish_state       text NOT NULL DEFAULT 'published',
    deleted_at          timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, comment_id),
    FOREIGN KEY (tenant, ticket_id) REFERENCES tickets ON DELETE CASCADE,
    FOREIGN KEY (tenant, thread_id) REFERENCES comment_threads ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES users,
    FOREIGN KEY (tenant, contact_id) REFERENCES contacts
);
CREATE INDEX comments_by_ticket ON comments (tenant, ticket_id, created_at);
SELECT workflow_protect('comments');
