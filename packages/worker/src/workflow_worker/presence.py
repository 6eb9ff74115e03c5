"""A worker's row in ``workflow_workers``: what it can run, and that it is alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import attrs

from workflow_core.discovery import Discovery
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.language.plan import plan_actions
from workflow_core.storage.database import Database

_log = logging.getLogger(__name__)

#: Seconds between heartbeats; a worker counts as live for 30 s after one.
HEARTBEAT: Final = 5.0

_REGISTER = """
INSERT INTO workflow_workers (worker_id, identity, build_id, fingerprint, manifest, planned, report, task_queues, jobs)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (worker_id) DO UPDATE SET heartbeat_at = now()
"""
# Rows of workers that died without a word are cleared by those that live.
_FORGET = "DELETE FROM workflow_workers WHERE heartbeat_at < now() - interval '1 day'"


class Presence:
    """Registers a worker, keeps its heartbeat, and takes the row away at the end."""

    def __init__(
        self, database: Database, discovery: Discovery, *, identity: str, build_id: str | None, queues: Sequence[str]
    ) -> None:
        self.worker_id: UUID = uuid4()
        self._database = database
        self._discovery = discovery
        self._identity = identity
        self._build_id = build_id
        self._queues = list(queues)
        planned = plan_actions(discovery.registry, discovery.registry.actions)
        self._planned = {key: attrs.asdict(action) for key, action in planned.items()}

    async def announce(self) -> None:
        """Writes the row, or renews its heartbeat."""
        manifest = self._discovery.registry.manifest
        async with self._database.untenanted() as conn:
            await conn.execute(
                _REGISTER,
                self.worker_id,
                self._identity,
                self._build_id,
                manifest.fingerprint,
                manifest.as_json(),
                self._planned,
                self._discovery.report.as_json(),
                self._queues,
                sorted(self._discovery.registry.jobs),
            )
            await conn.execute(_FORGET)

    async def keep(self) -> None:
        """Renews the heartbeat until canceled; a database that is away is waited for."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                await self.announce()
            except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
                _log.warning("the heartbeat could not be written: %s", type(error).__name__)

    async def leave(self) -> None:
        """Takes the row away: this worker runs nothing any more."""
        try:
            async with self._database.untenanted() as conn:
                await conn.execute("DELETE FROM workflow_workers WHERE worker_id = $1", self.worker_id)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("the worker's row could not be removed: %s", type(error).__name__)
