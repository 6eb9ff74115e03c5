"""What validation says of a tenant's definition, for those who validate, publish or try it."""

from __future__ import annotations

import asyncio
from typing import Any

from workflow_catalog_server.auth import Principal
from workflow_catalog_server.services import Services
from workflow_core.definitions.surroundings import Surroundings
from workflow_core.language.findings import verdict


async def surroundings_of(services: Services, principal: Principal, *, fresh: bool) -> Surroundings:
    """What the tenant's definitions are held against; ``fresh`` accepts no kept answer about its modules."""
    ask = services.availability.ask if fresh else services.availability.get
    available = await ask(principal.tenant)
    return await Surroundings.of_tenant(
        services.database, services.registry, principal.tenant, availability=available.answers
    )


async def verdict_on(surroundings: Surroundings, definition: Any, **options: Any) -> dict[str, Any]:
    """The findings. In a thread: a large definition takes longer than other requests should wait."""
    return verdict(await asyncio.to_thread(surroundings.validate, definition, **options))
