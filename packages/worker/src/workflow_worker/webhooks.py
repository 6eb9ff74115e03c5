"""Works on what webhooks have brought: notified when something is stored, and looking for itself every few seconds.

Any number of workers may do this at once; each takes what its own integrations receive.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final
from uuid import UUID

import asyncpg

from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.integrations.deliveries import Deliveries
from workflow_core.integrations.webhook_routes import CHANNEL
from workflow_core.storage.database import Database

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
        self._wake = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Lets :meth:`run` end after the deliveries that are under way."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Works on what waits, as long as nobody stops it; a database that is away is waited for.

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
                if not await self._work():
                    await self._until_woken()
        finally:
            await listener.close()

    async def _until_woken(self) -> None:
        if self._stopping:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), self._poll)

    async def _work(self) -> bool:
        """Works on a batch; answers whether more may wait."""
        try:
            async with self._database.dispatch() as conn:
                due = await conn.fetch(_DUE, _BATCH, self._deliveries.providers)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("could not look for deliveries: %s", type(error).__name__)
            return False
        waiting = iter([(row["tenant"], row["delivery_id"]) for row in due])
        worked = 0

        async def take() -> None:
            nonlocal worked
            for tenant, delivery_id in waiting:
                if self._stopping:
                    return
                result = await self._process(tenant, delivery_id)
                worked += result  # after the awaiting: others count meanwhile

        await asyncio.gather(*(take() for _ in range(_AT_ONCE)))
        return worked > 0 and len(due) == _BATCH

    async def _process(self, tenant: UUID, delivery_id: UUID) -> bool:
        try:
            return await self._deliveries.process(tenant, delivery_id)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            _log.warning("delivery %s waits: %s", delivery_id, type(error).__name__)
            return False
