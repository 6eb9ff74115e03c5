"""Gives runs that wait their turn, and starts them. Any number of workers may do this at once.

Notified when a run ends of whose workflow others wait; looks for itself every few seconds besides, since a notification
can be lost, and a run may wait for an event to be taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from time import monotonic
from typing import Final
from uuid import UUID

import asyncpg
from temporalio.client import Client

from workflow_core.errors import RunNotStartedError
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.execution.runs import start_waiting
from workflow_core.execution.turns import CHANNEL, find_queues, give_turns
from workflow_core.storage.database import Database

_log = logging.getLogger(__name__)

#: Seconds between two looks when nothing is notified.
POLL: Final = 5.0
#: Workflows at once, runs of one of them that have their turn together, and starts at once.
_AT_ONCE: Final = 4
_BATCH: Final = 20
_STARTS: Final = 5


class TurnGiver:
    """Runs until it is told to stop.

    Args:
        database: As the application role.
        client: Of the platform's Temporal namespace.
        poll: Seconds between two looks when nothing is notified.
    """

    def __init__(self, database: Database, client: Client, *, poll: float = POLL) -> None:
        self._database = database
        self._client = client
        self._poll = poll
        self._starts = asyncio.Semaphore(_STARTS)
        self._wake = asyncio.Event()
        self._look_at = 0.0
        self._told: set[tuple[UUID, UUID]] = set()
        self._stopping = False

    def stop(self) -> None:
        """Lets :meth:`run` end after the runs that are under way."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Gives turns as long as nobody stops it; a database that is away is waited for.

        Raises:
            ConfigurationError: The database does not answer at the start.
        """
        listener = await self._database.listen(
            CHANNEL,
            on_payload=self._tell,
            on_lost=lambda: None,  # until it is back, looking every few seconds has to do
            on_restored=self._look_now,
        )
        try:
            while not self._stopping:
                self._wake.clear()
                workflows, self._told = self._told, set()
                if monotonic() >= self._look_at:
                    self._look_at = monotonic() + self._poll
                    workflows |= await self._look()
                await self._give(workflows)
                if not self._stopping:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), max(0.0, self._look_at - monotonic()))
        finally:
            await listener.close()

    def _look_now(self) -> None:
        self._look_at = 0.0
        self._wake.set()

    def _tell(self, payload: str) -> None:
        tenant, _, workflow_id = payload.partition(" ")
        self._told.add((UUID(tenant), UUID(workflow_id)))
        self._wake.set()

    async def _look(self) -> set[tuple[UUID, UUID]]:
        try:
            return set(await find_queues(self._database))
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("could not look for runs that wait: %s", type(error).__name__)
            return set()

    async def _give(self, workflows: Iterable[tuple[UUID, UUID]]) -> None:
        turns = iter(workflows)

        async def take() -> None:
            for tenant, workflow_id in turns:
                while not self._stopping and await self._give_of(tenant, workflow_id):
                    pass

        await asyncio.gather(*(take() for _ in range(_AT_ONCE)))

    async def _give_of(self, tenant: UUID, workflow_id: UUID) -> bool:
        """Whether more runs of the workflow may have their turn."""
        try:
            async with self._database.tenant(tenant) as conn:
                runs = await give_turns(conn, tenant, workflow_id, at_most=_BATCH)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("runs of workflow %s wait: %s", workflow_id, type(error).__name__)
            return False
        await asyncio.gather(*(self._start(tenant, run_id) for run_id in runs))
        return len(runs) == _BATCH

    async def _start(self, tenant: UUID, run_id: UUID) -> None:
        try:
            async with self._starts:
                await start_waiting(self._database, self._client, tenant=tenant, run_id=run_id)
        except (RunNotStartedError, *DATABASE_AWAY, asyncpg.PostgresError) as error:
            # It has its turn: whoever sweeps starts it.
            _log.warning("run %s waits: %s", run_id, type(error).__name__)
        except Exception:  # noqa: BLE001 - guards the other runs against one that cannot be read
            _log.exception("run %s could not be started", run_id)
