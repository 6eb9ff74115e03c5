"""Extension apps: third-party installs, which a tenant enables in the extension registry.

A distribution whose module is such an app contributes ``extension_resolver("app:<…>")`` in ``workflow_availability``
and names its key in the module.
"""

from __future__ import annotations

from uuid import UUID

from workflow_core.availability import AVAILABLE, Availability, AvailabilityResolver
from workflow_core.storage.database import Connection

# An app answers to its name, to the last dotted segment of it, and to publisher and name.
_ENABLED = """
SELECT EXISTS (
    SELECT FROM tenant_extension_install i JOIN extension_registry r ON r.id = i.registry_id
    WHERE i.tenant = $1 AND (i.is_enabled OR i.status = 'enabled')
      AND $2 IN (lower(r.name), lower(regexp_replace(r.name, '^.*\\.', '')), lower(r.publisher || '.' || r.name))
)
"""


async def has_extension(conn: Connection, tenant: UUID, group_key: str) -> bool:
    """Whether the tenant has installed and enabled the extension app behind a group key.

    Args:
        conn: Bound to the tenant.
        tenant: The tenant.
        group_key: ``app:<name>``, ``app:<last dotted segment of the name>`` or ``app:<publisher>.<name>``.
    """
    enabled: bool = await conn.fetchval(_ENABLED, tenant, group_key.removeprefix("app:").lower())
    return enabled


def extension_resolver(group_key: str) -> AvailabilityResolver:
    """The resolver of an extension app's module; its key is ``extension:<…>`` after the module's group key."""

    async def resolve(conn: Connection, tenant: UUID) -> Availability:
        if await has_extension(conn, tenant, group_key):
            return AVAILABLE
        return Availability(available=False, reason="The extension is not installed and enabled for this tenant.")

    return AvailabilityResolver(f"extension:{group_key.removeprefix('app:')}", resolve)
