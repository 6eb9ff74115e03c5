"""Gives runs that wait their turn, and starts them. Any number of workers may do this at once.

Notified when a run ends of whose workflow or tenant others wait; looks for itself every few seconds besides, since a
notification can be lost, and a run may wait for an event to be taken. Tenants have their turns here as well: each gets
a few runs started in a round.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Iterable
from time import monotonic
from typing import Final
from uuid import UUID

import asyncpg
from temporalio.client import Client

from workflow_core.errors import RunNotStartedError
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.execution.runs import start_waiting
from workflow_core.execution.turns import CHANNEL, find_queues, give_tenant_turns, give_turns
from workflow_core.places import Places
from workflow_core.storage.database import Database
from workflow_worker.watching import Watch, for_each

_log = logging.getLogger(__name__)

#: Seconds between two looks when nothing is notified.
POLL: Final = 5.0
#: Tenants at once, runs of one of them that have their turn together, and starts at once.
_AT_ONCE: Final = 4
_BATCH: Final = 20
_STARTS: Final = 5


class _Queues:
    """What is looked at next: each tenant's workflows in turn; None stands for those that wait for their tenant."""

    def __init__(self) -> None:
        self._by_tenant: dict[UUID, deque[UUID | None]] = defaultdict(deque)

    def add(self, tenant: UUID, workflow_id: UUID | None) -> None:
        """It is looked at after what is there of this tenant."""
        if workflow_id not in self._by_tenant[tenant]:
            self._by_tenant[tenant].append(workflow_id)

    def take(self) -> list[tuple[UUID, UUID | None]]:
        """One of each tenant."""
        taken = [(tenant, queues.popleft()) for tenant, queues in self._by_tenant.items()]
        for tenant in [tenant for tenant, queues in self._by_tenant.items() if not queues]:
            del self._by_tenant[tenant]
        return taken


class TurnGiver:
    """Runs until it is told to stop.

    Args:
        database: As the application role.
        client: Of the platform's Temporal namespace.
        tenant_runs: How many runs of a tenant may be busy at once; None: as many as there are.
        poll: Seconds between two looks when nothing is notified.
    """

    def __init__(
        self, database: Database, client: Client, *, tenant_runs: int | None = None, poll: float = POLL
    ) -> None:
        self._database = database
        self._client = client
        self._tenant_runs = tenant_runs
        self._poll = poll
        self._starts = Places(_STARTS)
        self._watch = Watch()
        self._look_at = 0.0
        self._queues = _Queues()

    def stop(self) -> None:
        """Lets :meth:`run` end after the runs that are under way."""
        self._watch.stop()

    async def run(self) -> None:
        """Gives turns as long as nobody stops it; a database that is away is waited for.

        Raises:
            ConfigurationError: The database does not answer at the start.
        """
        async with self._watch.listening(self._database, CHANNEL, on_payload=self._tell, on_restored=self._look_now):
            while not self._watch.stopping:
                self._watch.begin_look()
                if monotonic() >= self._look_at:
                    self._look_at = monotonic() + self._poll
                    await self._look()
                if round_ := self._queues.take():
                    await self._give(round_)
                else:
                    await self._watch.until_woken(max(0.0, self._look_at - monotonic()))

    def _look_now(self) -> None:
        self._look_at = 0.0
        self._watch.wake()

    def _tell(self, payload: str) -> None:
        tenant, _, workflow_id = payload.partition(" ")
        if workflow_id:
            self._queues.add(UUID(tenant), UUID(workflow_id))
        self._queues.add(UUID(tenant), None)
        self._watch.wake()

    async def _look(self) -> None:
        try:
            found = await find_queues(self._database)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("could not look for runs that wait: %s", type(error).__name__)
        else:
            for tenant, workflow_id in found:
                self._queues.add(tenant, workflow_id)

    async def _give(self, queues: Iterable[tuple[UUID, UUID | None]]) -> None:
        async def give(tenant: UUID, workflow_id: UUID | None) -> bool:
            more = await self._give_of(tenant, workflow_id)
            if more:
                self._queues.add(tenant, workflow_id)
            return more

        await for_each(queues, lambda queue: give(*queue), at_once=_AT_ONCE, stopped=lambda: self._watch.stopping)

    async def _give_of(self, tenant: UUID, workflow_id: UUID | None) -> bool:
        """Whether more runs of the workflow, or of the tenant, may have their turn."""
        try:
            async with self._database.tenant(tenant) as conn:
                if workflow_id is None:
                    runs = await give_tenant_turns(conn, tenant, at_most=_BATCH, tenant_runs=self._tenant_runs)
                else:
                    runs = await give_turns(conn, tenant, workflow_id, at_most=_BATCH, tenant_runs=self._tenant_runs)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("runs of tenant %s wait: %s", tenant, type(error).__name__)
            return False
        await asyncio.gather(*(self._start(tenant, run_id) for run_id in runs))
        return len(runs) == _BATCH

    async def _start(self, tenant: UUID, run_id: UUID) -> None:
        try:
            async with self._starts.hold(str(tenant)):
                await start_waiting(self._database, self._client, tenant=tenant, run_id=run_id)
        except (RunNotStartedError, *DATABASE_AWAY, asyncpg.PostgresError) as error:
            # It has its turn: whoever sweeps starts it.
            _log.warning("run %s waits: %s", run_id, type(error).__name__)
        except Exception:  # noqa: BLE001 - guards the other runs against one that cannot be read
            _log.exception("run %s could not be started", run_id)
