"""Whether a tenant has NinjaOne: an active connection that has been connected once, and nothing else."""

from __future__ import annotations

from uuid import UUID

from workflow_core.availability import AVAILABLE, Availability, AvailabilityResolver
from workflow_core.records import rmm
from workflow_core.storage.database import Connection
from workflow_ninjaone.module import PROVIDER


def is_available(integration: rmm.Integration | None) -> bool:
    """
    Whether this is a connection that workflows may use.

    One whose credentials must be renewed is: its steps then fail with ``RECONNECT_REQUIRED``.
    """
    return integration is not None and integration.is_active and integration.connected_at is not None


async def resolve(connection: Connection, tenant: UUID) -> Availability:
    """The resolver's answer for one tenant."""
    integration = await rmm.get_integration(connection, tenant, PROVIDER)
    if is_available(integration):
        return AVAILABLE
    if integration is None or integration.connected_at is None:
        reason = "NinjaOne is not connected. An administrator connects it under Connections."
    else:
        reason = "The NinjaOne connection is switched off. An administrator switches it on under Connections."
    return Availability(available=False, reason=reason)


def ninjaone_resolver() -> AvailabilityResolver:
    """What stands behind the module's availability key."""
    return AvailabilityResolver(PROVIDER, resolve)
