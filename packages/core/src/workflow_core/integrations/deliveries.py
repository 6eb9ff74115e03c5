"""What webhooks have brought: handed to its receiver, once, and until that works.

A delivery is done in the transaction in which its receiver writes; what fails is tried again with growing pauses, and
then parked, for an admin to see.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from workflow_core.errors import ActionError, ActionTimeoutError, WorkflowError
from workflow_core.integrations.stored import read_connection
from workflow_core.json_text import parse_json
from workflow_core.storage.database import Connection, Database, Record
from workflow_core.webhooks import WebhookContext, WebhookReceiver

_log = logging.getLogger("workflow.webhook")

#: Seconds that a receiver gets for one delivery.
LIMIT: Final = 30.0
#: Failures after which a delivery is parked: after some three hours.
MAX_ATTEMPTS: Final = 12
#: Seconds until a delivery is tried again, doubled from the first time on.
FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 1800.0


class Deliveries:
    """Works on what has arrived.

    Args:
        database: As the application role.
        receivers: By provider.
    """

    def __init__(self, database: Database, receivers: Mapping[str, WebhookReceiver]) -> None:
        self._database = database
        self._receivers = receivers

    @property
    def providers(self) -> list[str]:
        """Whose deliveries this process can work on."""
        return sorted(self._receivers)

    async def process(self, tenant: UUID, delivery_id: UUID) -> bool:
        """Works on a delivery, unless somebody else does; tells whether it is off the list of what is due.

        Raises:
            Exception: Of the database, when it is away.
        """
        try:
            async with self._database.tenant(tenant, transaction_timeout=2 * LIMIT) as conn:
                row = await conn.fetchrow(_TAKE, tenant, delivery_id)
                if row is None:
                    return False
                await self._hand_over(conn, tenant, row)
                await conn.execute(_DONE, tenant, delivery_id, row["integration_id"], row["received_at"])
        except Exception as error:  # noqa: BLE001 - guards the other deliveries against one receiver's failure
            await self._failed(tenant, delivery_id, error)
        return True

    async def _hand_over(self, conn: Connection, tenant: UUID, row: Record) -> None:
        provider = row["provider"]
        stored = await read_connection(conn, tenant, provider)
        receiver = self._receivers.get(provider)
        if receiver is None or stored is None or not stored.is_connected:
            return  # nobody waits for it any more
        where = f"{provider} tenant={tenant} delivery={row['delivery_id']}"
        context = WebhookContext(
            tenant=tenant,
            provider=provider,
            integration_id=stored.integration_id,
            instance_url=stored.instance_url,
            settings=stored.settings,
            received_at=row["received_at"],
            tx=conn,
            log=logging.LoggerAdapter(_log, {"where": where}),
        )
        try:
            async with asyncio.timeout(LIMIT):
                await receiver.handle(context, parse_json(row["body"]))
        except TimeoutError:
            raise ActionTimeoutError(f"The receiver did not finish within {LIMIT:g} s.") from None

    async def _failed(self, tenant: UUID, delivery_id: UUID, failure: Exception) -> None:
        error = failure if isinstance(failure, WorkflowError) else _explain(failure)
        async with self._database.tenant(tenant) as conn:
            attempts = await conn.fetchval(
                _FAILED,
                tenant,
                delivery_id,
                {"code": error.code, "message": error.message},
                MAX_ATTEMPTS,
                FIRST_DELAY,
                LONGEST_DELAY,
            )
        if attempts is None:
            return
        what = "is parked" if attempts >= MAX_ATTEMPTS else "waits"
        _log.warning("delivery %s %s after %d attempts: %s", delivery_id, what, attempts, error.code)


async def count_deliveries(conn: Connection, tenant: UUID, integration_id: UUID) -> tuple[int, int]:
    """How many of a connection are still to be worked on, and how many are parked."""
    row = await conn.fetchrow(
        "SELECT count(due_at), count(*) - count(due_at) FROM workflow_webhook_deliveries "
        "WHERE tenant = $1 AND integration_id = $2",
        tenant,
        integration_id,
    )
    assert row is not None  # noqa: S101 - an aggregate has a row
    return row[0], row[1]


def _explain(failure: Exception) -> WorkflowError:
    """A foreign error by its kind: its words may quote the body."""
    return ActionError(f"The receiver failed ({type(failure).__name__}).")


_TAKE: Final = """
SELECT delivery_id, integration_id, provider, body, received_at FROM workflow_webhook_deliveries
WHERE tenant = $1 AND delivery_id = $2 AND due_at <= now()
FOR UPDATE SKIP LOCKED
"""
_DONE: Final = """
WITH seen AS (
    UPDATE rmm_integrations SET webhook_received_at = greatest(webhook_received_at, $4::timestamptz)
    WHERE tenant = $1 AND integration_id = $3
      AND (webhook_received_at IS NULL OR webhook_received_at < $4::timestamptz - interval '10 seconds')
)
DELETE FROM workflow_webhook_deliveries WHERE tenant = $1 AND delivery_id = $2
"""
_FAILED: Final = """
UPDATE workflow_webhook_deliveries
SET attempts = attempts + 1, error = $3,
    due_at = CASE WHEN attempts + 1 < $4
             THEN now() + make_interval(secs => least($5 * power(2, attempts), $6::double precision)) END
WHERE tenant = $1 AND delivery_id = $2
RETURNING attempts
"""
