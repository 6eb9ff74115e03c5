-- Tenants, and the people who work for them.

CREATE TABLE tenants (
    tenant      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    client_name text NOT NULL, -- the MSP's own company name
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
SELECT workflow_protect('tenants');
SELECT workflow_allow_dispatch('tenants', 'tenant');

CREATE TABLE users (
    tenant      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    username    text NOT NULL,
    first_name  text,
    last_name   text,
    email       text NOT NULL,
    is_inactive boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, user_id)
);
CREATE INDEX users_by_email ON users (tenant, lower(email));
SELECT workflow_protect('users');

CREATE TABLE roles (
    tenant     uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    role_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    role_name  text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, role_id)
);
SELECT workflow_protect('roles');

CREATE TABLE user_roles (
    tenant     uuid NOT NULL,
    user_id    uuid NOT NULL,
    role_id    uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, user_id, role_id),
    FOREIGN KEY (tenant, user_id) REFERENCES users ON DELETE CASCADE,
    FOREIGN KEY (tenant, role_id) REFERENCES roles ON DELETE CASCADE
);
CREATE INDEX user_roles_by_role ON user_roles (tenant, role_id);
SELECT workflow_protect('user_roles');
