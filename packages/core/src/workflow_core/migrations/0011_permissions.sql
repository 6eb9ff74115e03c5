-- What the roles allow. A run acts in the name of a user, and can do what that user may.

CREATE TABLE permissions (
    tenant        uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    permission_id uuid NOT NULL DEFAULT gen_random_uuid(),
    resource      text NOT NULL, -- ticket, project, …
    action        text NOT NULL, -- create, read, update, …
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, permission_id)
);
CREATE INDEX permissions_by_name ON permissions (tenant, resource, action);
SELECT workflow_protect('permissions');

CREATE TABLE role_permissions (
    tenant        uuid NOT NULL,
    role_id       uuid NOT NULL,
    permission_id uuid NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, role_id, permission_id),
    FOREIGN KEY (tenant, role_id) REFERENCES roles ON DELETE CASCADE,
    FOREIGN KEY (tenant, permission_id) REFERENCES permissions ON DELETE CASCADE
);
SELECT workflow_protect('role_permissions');
