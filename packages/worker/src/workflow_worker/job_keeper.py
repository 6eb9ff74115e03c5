"""Keeps the jobs of all tenants in step: with their connections, in Temporal, and their runs under way.

Notified when a connection changes or a run is asked for; looks for itself every few seconds besides, since a
notification can be lost; and compares everything when it starts and now and then. Any number of workers may do this at
once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from time import monotonic
from typing import Final, TypeVar
from uuid import UUID

import asyncpg
from temporalio.client import Client

from workflow_core.discovery import Registry
from workflow_core.errors import TransientError
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.job_runs import attending, clock
from workflow_core.job_runs.runs import CHANNEL
from workflow_core.job_runs.settling import Installed, find_jobs_of_workers, find_unsettled, settle_jobs
from workflow_core.storage.database import Database
from workflow_worker.watching import Watch, for_each

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds between two looks when nothing is notified, and between two comparisons of everything.
POLL: Final = 5.0
COMPARE_EVERY: Final = 300.0
#: Schedules or runs at once.
_AT_ONCE: Final = 4
_BATCH: Final = 100


class JobKeeper:
    """Runs until it is told to stop.

    Args:
        database: As the application role.
        client: Of the platform's Temporal namespace.
        registry: Of this worker.
        poll: Seconds between two looks when nothing is notified.
        compare_every: Seconds between two comparisons of everything.
    """

    def __init__(
        self,
        database: Database,
        client: Client,
        registry: Registry,
        *,
        poll: float = POLL,
        compare_every: float = COMPARE_EVERY,
    ) -> None:
        self._database = database
        self._client = client
        self._registry = registry
        self._poll = poll
        self._compare_every = compare_every
        self._changed: set[UUID] = set()
        self._watch = Watch()

    def stop(self) -> None:
        """Lets :meth:`run` end after what is under way."""
        self._watch.stop()

    async def run(self) -> None:
        """Works as long as nobody stops it; a database or a Temporal that is away is waited for.

        Raises:
            ConfigurationError: The database does not answer at the start.
        """
        starting, compare_at = True, monotonic()
        async with self._watch.listening(self._database, CHANNEL, on_payload=self._told):
            while not self._watch.stopping:
                self._watch.begin_look()
                await self._guarded(self._settle_changed)
                if monotonic() >= compare_at:
                    compare_at = monotonic() + self._compare_every
                    await self._guarded(partial(self._settle_all, starting=starting))
                    await self._guarded(self._compare)
                    starting = False
                more = await self._guarded(self._sync_due)
                more = await self._guarded(self._attend_due) or more
                if not more:
                    await self._watch.until_woken(self._poll)

    def _told(self, payload: str) -> None:
        if payload:
            self._changed.add(UUID(payload))
        self._watch.wake()

    async def _guarded(self, look: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await look()
        except TransientError as error:
            _log.warning("jobs wait: %s", error.code)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("could not look for jobs: %s", type(error).__name__)
        except Exception:  # noqa: BLE001 - what cannot be brought in step must not end the worker
            _log.exception("jobs could not be brought in step")
        return False

    async def _settle_changed(self) -> bool:
        changed, self._changed = self._changed, set()
        return await self._each(changed, self._settler(Installed(registry=self._registry)))

    async def _settle_all(self, *, starting: bool) -> bool:
        """At the start, this worker's jobs are as it has them; the others get time to start before any is stopped."""
        elsewhere = None if starting else await find_jobs_of_workers(self._database)
        installed = Installed(registry=self._registry, elsewhere=elsewhere, defines=starting)
        return await self._each(await find_unsettled(self._database, installed), self._settler(installed))

    def _settler(self, installed: Installed) -> Callable[[UUID], Awaitable[bool]]:
        async def settle(tenant: UUID) -> bool:
            async with self._database.tenant(tenant) as conn:
                await settle_jobs(conn, tenant, installed)
            return True

        return settle

    async def _sync_due(self) -> bool:
        """Whether more may wait: something was brought in step."""

        async def sync(due: tuple[UUID, str]) -> bool:
            return await clock.sync_schedule(self._database, self._client, tenant=due[0], job_id=due[1])

        return await self._each(await clock.find_out_of_step(self._database, limit=_BATCH), sync)

    async def _attend_due(self) -> bool:
        async def attend(due: tuple[UUID, UUID]) -> bool:
            return await attending.attend(self._database, self._client, tenant=due[0], run_id=due[1])

        return await self._each(await attending.find_due(self._database, limit=_BATCH), attend)

    async def _compare(self) -> bool:
        found = await clock.compare_all(self._database, self._client)
        if found:
            _log.warning("%d schedules of jobs in Temporal were not as they are wanted", found)
        return found > 0

    async def _each(self, found: Iterable[T], work: Callable[[T], Awaitable[bool]]) -> bool:
        """Does some work for each, for a few at once; one that fails keeps no other from it."""
        done = await for_each(
            found,
            lambda item: self._guarded(partial(work, item)),
            at_once=_AT_ONCE,
            stopped=lambda: self._watch.stopping,
        )
        return done > 0
