"""What a user may do: by the permissions of the user's roles, as ``resource:action``."""

from __future__ import annotations

from uuid import UUID

from workflow_core.storage.database import Connection

_HAS = """
SELECT EXISTS (
    SELECT FROM users u
    JOIN user_roles ur ON ur.tenant = $1 AND ur.user_id = u.user_id
    JOIN role_permissions rp ON rp.tenant = $1 AND rp.role_id = ur.role_id
    JOIN permissions p ON p.tenant = $1 AND p.permission_id = rp.permission_id
    WHERE u.tenant = $1 AND u.user_id = $2 AND NOT u.is_inactive AND p.resource = $3 AND p.action = $4
)
"""


_ALL = """
SELECT DISTINCT p.resource || ':' || p.action AS permission
FROM users u
JOIN user_roles ur ON ur.tenant = $1 AND ur.user_id = u.user_id
JOIN role_permissions rp ON rp.tenant = $1 AND rp.role_id = ur.role_id
JOIN permissions p ON p.tenant = $1 AND p.permission_id = rp.permission_id
WHERE u.tenant = $1 AND u.user_id = $2 AND NOT u.is_inactive
"""


async def has_permission(conn: Connection, tenant: UUID, user_id: UUID, permission: str) -> bool:
    """Whether an active user of the tenant has a permission through one of their roles.

    Args:
        conn: Bound to the tenant.
        tenant: The tenant.
        user_id: The user.
        permission: Such as ``ticket:create``.
    """
    resource, _, action = permission.partition(":")
    found: bool = await conn.fetchval(_HAS, tenant, user_id, resource, action)
    return found


async def permissions_of(conn: Connection, tenant: UUID, user_id: UUID | None) -> frozenset[str]:
    """Everything that an active user of the tenant may do; nothing for nobody.

    Args:
        conn: Bound to the tenant.
        tenant: The tenant.
        user_id: The user, if one is known.
    """
    if user_id is None:
        return frozenset()
    return frozenset(row["permission"] for row in await conn.fetch(_ALL, tenant, user_id))
