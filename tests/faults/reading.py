"""Reads the platform's database, also while it is being restarted."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.storage.database import Database
from workflow_devstack.seed import CONNECTED

_PAUSE_SECONDS: Final = 0.2


async def read(database: Database, query: str, *arguments: Any) -> list[dict[str, Any]]:
    """Rows of the tenant that the runs belong to; a database that is away is waited for."""
    while True:
        try:
            async with database.tenant(CONNECTED.tenant, readonly=True) as conn:
                return [dict(row) for row in await conn.fetch(query, *arguments)]
        except (*DATABASE_AWAY, TimeoutError):
            await asyncio.sleep(_PAUSE_SECONDS)
