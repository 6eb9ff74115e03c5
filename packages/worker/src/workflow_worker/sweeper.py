"""Looks every few seconds for what a crash left behind, of all tenants. Any number of workers may do this at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg
import attrs
from temporalio.client import Client

from workflow_core.errors import TransientError
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.execution.lost_runs import close_if_lost, find_unchecked
from workflow_core.execution.unstarted import find_unstarted, start_unstarted
from workflow_core.execution.waits import wake_settled
from workflow_core.storage.database import Database

_log = logging.getLogger(__name__)

#: Seconds between two looks for runs that nobody started, or told to go on.
START_EVERY: Final = 5.0
#: Doubled as long as Temporal is away, up to this.
_LONGEST: Final = 60.0
#: Seconds between two batches of open runs about which Temporal is asked.
CHECK_EVERY: Final = 30.0
#: Whoever settles an effect tells the runs that wait for it; so much later it is the sweeper's business.
_TOLD_BY_OTHERS: Final = timedelta(seconds=10)
_BATCH: Final = 100
#: Runs at once.
_AT_ONCE: Final = 4


@attrs.frozen
class _Swept:
    """What came of one sweep: for how many runs something was done, and whether Temporal answered for none."""

    done: int
    temporal_is_away: bool


class Sweeper:
    """Runs until it is told to stop.

    Args:
        database: As the application role.
        client: Of the platform's Temporal namespace.
        start_every: Seconds between two looks for runs that nobody started, or told to go on.
        check_every: Seconds between two looks for runs whose execution is gone.
    """

    def __init__(
        self,
        database: Database,
        client: Client,
        *,
        start_every: float = START_EVERY,
        check_every: float = CHECK_EVERY,
    ) -> None:
        self._database = database
        self._client = client
        self._start_every = start_every
        self._check_every = check_every
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Lets :meth:`run` end after the runs that are under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Sweeps as long as nobody stops it; a database or a Temporal that is away is waited for."""
        await asyncio.gather(
            self._repeat(self._start_unstarted, self._start_every),
            self._repeat(self._wake_settled, self._start_every),
            self._repeat(self._close_lost, self._check_every),
        )

    async def _repeat(self, sweep: Callable[[], Awaitable[_Swept]], every: float) -> None:
        """Sweeps again and again; less and less often as long as Temporal is away."""
        delay = every
        while not self._stopping.is_set():
            try:
                swept = await sweep()
            except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
                _log.warning("could not look for what was left behind: %s", type(error).__name__)
            except Exception:  # noqa: BLE001 - a sweep that fails must end neither the others nor the worker
                _log.exception("could not look for what was left behind")
            else:
                delay = min(delay * 2, max(every, _LONGEST)) if swept.temporal_is_away else every
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _start_unstarted(self) -> _Swept:
        swept = await self._each(await find_unstarted(self._database, limit=_BATCH), self._start)
        if swept.done:
            _log.info("started %d runs that had been left behind", swept.done)
        return swept

    async def _start(self, tenant: UUID, run_id: UUID) -> bool:
        return await start_unstarted(self._database, self._client, tenant=tenant, run_id=run_id)

    async def _wake_settled(self) -> _Swept:
        told = await wake_settled(self._database, self._client, older_than=_TOLD_BY_OTHERS, limit=_BATCH)
        if told:
            _log.info("told %d runs to go on after their effects had been settled", told)
        return _Swept(told, temporal_is_away=False)

    async def _close_lost(self) -> _Swept:
        return await self._each(await find_unchecked(self._database, limit=_BATCH), self._close)

    async def _close(self, tenant: UUID, run_id: UUID) -> bool:
        ending = await close_if_lost(self._database, self._client, tenant=tenant, run_id=run_id)
        if ending is not None:
            _log.warning("run %s had lost its execution, and ended: %s", run_id, ending.code or ending.status)
        return ending is not None

    async def _each(self, runs: Sequence[tuple[UUID, UUID]], work: Callable[[UUID, UUID], Awaitable[bool]]) -> _Swept:
        """Does some work for each run, for a few at once; one that fails keeps no other from it."""
        turns = iter(runs)
        done = answered = refused = 0

        async def take() -> None:
            nonlocal done, answered, refused
            for tenant, run_id in turns:
                # Each refusal may have taken long: when nothing else comes, Temporal is away.
                if self._stopping.is_set() or (refused >= _AT_ONCE and not answered):
                    return
                try:
                    result = await work(tenant, run_id)
                    done += result  # after the awaiting: others count meanwhile
                    answered += 1
                except TransientError:
                    refused += 1
                except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
                    _log.warning("run %s waits: %s", run_id, type(error).__name__)
                except Exception:  # noqa: BLE001 - guards the other runs against one that cannot be read
                    _log.exception("run %s was left behind, and stays so", run_id)

        await asyncio.gather(*(take() for _ in range(_AT_ONCE)))
        return _Swept(done, temporal_is_away=refused > 0 and not answered)
