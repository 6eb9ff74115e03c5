"""Works on what webhooks have brought: notified when something is stored, and looking for itself every few seconds.

Any number of workers may do this at once; each takes what its own integrations receive.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

import asyncpg

from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.integrations.deliveries import Deliveries
from workflow_core.integrations.webhook_routes import CHANNEL
from workflow_core.storage.database import Database
from workflow_worker.watching import Watch, for_each

_log = logging.getLogger(__name__)

#: Seconds between two looks when nothing is notified.
POLL: Final = 5.0
#: Deliveries at once.
_AT_ONCE: Final = 4
_BATCH: Final = 200

# In turn for each tenant: a storm of alerts at one does not keep the others waiting.
_DUE = """
SELECT tenant, delivery_id FROM (
    SELECT tenant, delivery_id, due_at, row_number() OVER (PARTITION BY tenant ORDER BY due_at) AS turn
    FROM workflow_webhook_deliveries
    WHERE due_at <= now() AND provider = ANY ($2::text[])
) AS due
ORDER BY turn, due_at LIMIT $1
"""


class WebhookProcessor:
    """Runs until it is told to stop.

    Args:
        database: As the application role.
        deliveries: Of this process, with its own receivers.
        poll: Seconds between two looks when nothing is notified.
    """

    def __init__(self, database: Database, deliveries: Deliveries, *, poll: float = POLL) -> None:
        self._database = database
        self._deliveries = deliveries
        self._poll = poll
        self._watch = Watch()

    def stop(self) -> None:
        """Lets :meth:`run` end after the deliveries that are under way."""
        self._watch.stop()

    async def run(self) -> None:
        """Works on what waits, as long as nobody stops it; a database that is away is waited for.

        Raises:
            ConfigurationError: The database does not answer at the start.
        """
        async with self._watch.listening(self._database, CHANNEL):
            while not self._watch.stopping:
                self._watch.begin_look()
                if not await self._work():
                    await self._watch.until_woken(self._poll)

    async def _work(self) -> bool:
        """Works on a batch; answers whether more may wait."""
        try:
            async with self._database.dispatch() as conn:
                due = await conn.fetch(_DUE, _BATCH, self._deliveries.providers)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("could not look for deliveries: %s", type(error).__name__)
            return False
        worked = await for_each(
            [(row["tenant"], row["delivery_id"]) for row in due],
            lambda delivery: self._process(*delivery),
            at_once=_AT_ONCE,
            stopped=lambda: self._watch.stopping,
        )
        return worked > 0 and len(due) == _BATCH

    async def _process(self, tenant: UUID, delivery_id: UUID) -> bool:
        try:
            return await self._deliveries.process(tenant, delivery_id)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("delivery %s waits: %s", delivery_id, type(error).__name__)
            return False
