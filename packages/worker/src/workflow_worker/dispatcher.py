"""Takes the events that wait: those that actions emitted, and those that a process left behind.

Notified when one is stored, so that a run starts at once; looks for itself every few seconds besides, since a
notification can be lost and an event can be due again. Any number of workers may do this at once.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

import asyncpg

from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.execution.inbox import CHANNEL, Inbox
from workflow_core.storage.database import Database
from workflow_worker.watching import Watch, for_each

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
        self._watch = Watch()

    def stop(self) -> None:
        """Lets :meth:`run` end after the events that are under way."""
        self._watch.stop()

    async def run(self) -> None:
        """Takes what waits, as long as nobody stops it; a database that is away is waited for.

        Raises:
            ConfigurationError: The database does not answer at the start.
        """
        async with self._watch.listening(self._database, CHANNEL):
            while not self._watch.stopping:
                self._watch.begin_look()
                if not await self._take_due():
                    await self._watch.until_woken(self._poll)

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
        taken = await for_each(
            [(row["tenant"], row["event_id"]) for row in due],
            lambda event: self._take(*event),
            at_once=_EVENTS,
            stopped=lambda: self._watch.is_woken,
        )
        return taken > 0 and len(due) == _BATCH

    async def _take(self, tenant: UUID, event_id: UUID) -> bool:
        try:
            return await self._inbox.process(tenant, event_id) is not None
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("event %s waits: %s", event_id, type(error).__name__)
        except Exception:  # noqa: BLE001 - guards the other events against one that cannot be read
            _log.exception("event %s could not be taken", event_id)
        return False
