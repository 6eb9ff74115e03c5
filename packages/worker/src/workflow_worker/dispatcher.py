"""Takes the events that wait: those that actions emitted, and those that a process left behind.

Notified when one is stored, so that a run starts at once; looks for itself every few seconds besides, since a
notification can be lost and an event can be due again. Any number of workers may do this at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final
from uuid import UUID

import asyncpg

from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.execution.inbox import CHANNEL, Inbox
from workflow_core.storage.database import Database

_log = logging.getLogger(__name__)

#: Seconds between two looks when nothing is notified.
POLL: Final = 5.0
#: Events at once.
_EVENTS: Final = 4
_BATCH: Final = 100

# In turn for each tenant: one with ten thousand events does not keep the others waiting. From one tenant to the next by
# the index, since this is asked often, and such a tenant's events are not all looked at.
_DUE = """
WITH RECURSIVE tenants AS (
    (SELECT tenant FROM workflow_runtime_events WHERE processed_at IS NULL ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (
        SELECT tenant FROM workflow_runtime_events
        WHERE processed_at IS NULL AND tenant > previous.tenant ORDER BY tenant LIMIT 1
    )
    FROM tenants AS previous WHERE previous.tenant IS NOT NULL
)
SELECT tenant, event_id FROM tenants CROSS JOIN LATERAL (
    SELECT event_id, due_at, row_number() OVER (ORDER BY due_at, sequence) AS turn
    FROM workflow_runtime_events AS event
    WHERE event.tenant = tenants.tenant AND processed_at IS NULL AND due_at <= now()
    ORDER BY due_at, sequence LIMIT $1
) AS due
ORDER BY turn, due_at LIMIT $1
"""


class EventDispatcher:
    """Runs until it is told to stop.

    Args:
        database: As the application role.
        inbox: Of this process, with its own registry: that one compiles the plans of the runs.
        poll: Seconds between two looks when nothing is notified.
    """

    def __init__(self, database: Database, inbox: Inbox, *, poll: float = POLL) -> None:
        self._database = database
        self._inbox = inbox
        self._poll = poll
        self._wake = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Lets :meth:`run` end after the events that are under way."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Takes what waits, as long as nobody stops it; a database that is away is waited for.

        Raises:
            ConfigurationError: The database does not answer at the start.
        """
        listener = await self._database.listen(
            CHANNEL,
            on_payload=lambda _: self._wake.set(),
            on_lost=lambda: None,  # until it is back, looking every few seconds has to do
            on_restored=self._wake.set,
        )
        try:
            while not self._stopping:
                self._wake.clear()
                if not await self._take_due():
                    await self._until_woken()
        finally:
            await listener.close()

    async def _until_woken(self) -> None:
        if self._stopping:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._poll)

    async def _take_due(self) -> bool:
        """Takes a batch; answers whether more may wait.

        What comes meanwhile is notified, and ends the batch: it may be another tenant's, whose turn it is.
        """
        try:
            async with self._database.dispatch() as conn:
                due = await conn.fetch(_DUE, _BATCH)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("could not look for events: %s", type(error).__name__)
            return False
        turns = iter([(row["tenant"], row["event_id"]) for row in due])
        taken = 0

        async def take() -> None:
            nonlocal taken
            for tenant, event_id in turns:
                if self._stopping:
                    return
                result = await self._take(tenant, event_id)
                taken += result  # after the awaiting: others count meanwhile
                if self._wake.is_set():
                    return

        await asyncio.gather(*(take() for _ in range(_EVENTS)))
        return taken > 0 and len(due) == _BATCH

    async def _take(self, tenant: UUID, event_id: UUID) -> bool:
        try:
            return await self._inbox.process(tenant, event_id) is not None
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("event %s waits: %s", event_id, type(error).__name__)
        except Exception:  # noqa: BLE001 - guards the other events against one that cannot be read
            _log.exception("event %s could not be taken", event_id)
        return False
