"""Looks every few seconds for what a crash left behind, of all tenants. Any number of workers may do this at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import asyncpg
from temporalio.client import Client

from workflow_core.errors import RunNotStartedError
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.execution.unstarted import find_unstarted, start_unstarted
from workflow_core.storage.database import Database

_log = logging.getLogger(__name__)

#: Seconds between two looks for runs that nobody started; doubled as long as Temporal takes none, up to the longest.
START_EVERY: Final = 5.0
_LONGEST: Final = 60.0
_BATCH: Final = 100
#: Runs at once.
_AT_ONCE: Final = 4


class Sweeper:
    """Runs until it is told to stop.

    Args:
        database: As the application role.
        client: Of the platform's Temporal namespace.
        start_every: Seconds between two looks for runs that nobody started.
    """

    def __init__(self, database: Database, client: Client, *, start_every: float = START_EVERY) -> None:
        self._database = database
        self._client = client
        self._start_every = start_every
        self._start_delay = start_every
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Lets :meth:`run` end after the runs that are under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Sweeps as long as nobody stops it; a database or a Temporal that is away is waited for."""
        await asyncio.gather(self._repeat(self._start_unstarted))

    async def _repeat(self, sweep: Callable[[], Awaitable[float]]) -> None:
        """Sweeps again and again, each time after the seconds that the sweep answers with."""
        while not self._stopping.is_set():
            delay = _LONGEST
            try:
                delay = await sweep()
            except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
                _log.warning("could not look for what was left behind: %s", type(error).__name__)
                delay = self._start_every
            except Exception:  # noqa: BLE001 - a sweep that fails must not end the others, nor the worker
                _log.exception("could not look for what was left behind")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    # ── Runs that nobody started ─────────────────────────────────────────────────────────────────────────────────

    async def _start_unstarted(self) -> float:
        turns = iter(await find_unstarted(self._database, limit=_BATCH))
        started = refused = 0

        async def take() -> None:
            nonlocal started, refused
            for tenant, run_id in turns:
                # Each refusal may have waited for long: when nothing but refusals comes, Temporal is away.
                if self._stopping.is_set() or (refused >= _AT_ONCE and not started):
                    return
                try:
                    started += await self._start(tenant, run_id)
                except RunNotStartedError:
                    refused += 1

        await asyncio.gather(*(take() for _ in range(_AT_ONCE)))
        if started:
            _log.info("%d runs were started that had been left behind", started)
        away = refused and not started
        self._start_delay = min(self._start_delay * 2, _LONGEST) if away else self._start_every
        return self._start_delay

    async def _start(self, tenant: UUID, run_id: UUID) -> bool:
        try:
            return await start_unstarted(self._database, self._client, tenant=tenant, run_id=run_id)
        except RunNotStartedError:
            raise
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("run %s waits: %s", run_id, type(error).__name__)
        except Exception:  # noqa: BLE001 - guards the other runs against one that cannot be read
            _log.exception("run %s was left behind, and cannot be started", run_id)
        return False
