"""Brings Temporal's schedules in step with what is wanted. Any number of workers may do this at once.

Notified when something else is wanted; looks for itself every few seconds besides, since a notification can be lost and
what failed is due again; and compares all of it now and then, since Temporal can lose what it had.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final
from uuid import UUID

import asyncpg
from temporalio.client import Client

from workflow_core.errors import TransientError
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.schedules.syncing import compare_all, find_out_of_step, sync_schedule
from workflow_core.schedules.wanted import CHANNEL
from workflow_core.storage.database import Database
from workflow_worker.watching import Watch, for_each

_log = logging.getLogger(__name__)

#: Seconds between two looks when nothing is notified, and between two comparisons of all schedules.
POLL: Final = 5.0
COMPARE_EVERY: Final = 300.0
#: Schedules at once.
_AT_ONCE: Final = 4
_BATCH: Final = 100


class ScheduleSyncer:
    """Runs until it is told to stop.

    Args:
        database: As the application role.
        client: Of the platform's Temporal namespace.
        poll: Seconds between two looks when nothing is notified.
        compare_every: Seconds between two comparisons of all schedules.
    """

    def __init__(
        self, database: Database, client: Client, *, poll: float = POLL, compare_every: float = COMPARE_EVERY
    ) -> None:
        self._database = database
        self._client = client
        self._poll = poll
        self._compare_every = compare_every
        self._watch = Watch()

    def stop(self) -> None:
        """Lets :meth:`run` end after what is under way."""
        self._watch.stop()

    async def run(self) -> None:
        """Syncs as long as nobody stops it; a database or a Temporal that is away is waited for.

        Raises:
            ConfigurationError: The database does not answer at the start.
        """
        compare_at = monotonic()  # at once: who knows what happened since a worker last lived
        async with self._watch.listening(self._database, CHANNEL):
            while not self._watch.stopping:
                self._watch.begin_look()
                more = await self._guarded(self._sync_due)
                if monotonic() >= compare_at:
                    compare_at = monotonic() + self._compare_every
                    more = await self._guarded(self._compare) or more
                if not more:
                    await self._watch.until_woken(self._poll)

    async def _guarded(self, look: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await look()
        except TransientError as error:
            _log.warning("schedules wait: %s", error.code)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("could not look for schedules: %s", type(error).__name__)
        except Exception:  # noqa: BLE001 - what cannot be synced must not end the worker
            _log.exception("schedules could not be brought in step")
        return False

    async def _sync_due(self) -> bool:
        """Whether more may wait: something was brought in step."""
        due = await find_out_of_step(self._database, limit=_BATCH)
        synced = await for_each(due, lambda of: self._sync(*of), at_once=_AT_ONCE, stopped=lambda: self._watch.stopping)
        return synced > 0

    async def _sync(self, tenant: UUID, workflow_id: UUID) -> bool:
        return await self._guarded(
            lambda: sync_schedule(self._database, self._client, tenant=tenant, workflow_id=workflow_id)
        )

    async def _compare(self) -> bool:
        found = await compare_all(self._database, self._client)
        if found:
            _log.warning("%d schedules in Temporal were not as they are wanted", found)
        return found > 0
