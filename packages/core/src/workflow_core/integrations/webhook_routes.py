"""Where other systems send to: an address and a header for each connection, both random; we keep their hashes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets as random
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import attrs

from workflow_core.errors import ConflictError, TransientError, WorkflowError
from workflow_core.integrations.candidates import call
from workflow_core.integrations.connecting import Connector
from workflow_core.storage.database import Database
from workflow_core.webhooks import WebhookReceiver, WebhookTarget

_log = logging.getLogger(__name__)

#: Notified when something waits for a worker.
CHANNEL: Final = "workflow_webhooks"
PATH: Final = "/api/webhooks"

#: Seconds for which a process remembers a route; one that is gone is then refused.
_REMEMBERED: Final = 5.0
_ROUTES: Final = 10_000
#: Seconds between two notifications of one process.
_PAUSE: Final = 0.1
_NOBODY: Final = hashlib.sha256(b"").digest()


@attrs.frozen(kw_only=True)
class Registered:
    """How registering a webhook went.

    Attributes:
        error: Why it is not registered.
        target: What an admin has to enter over there, where the integration cannot do it.
    """

    error: WorkflowError | None = None
    target: WebhookTarget | None = None


async def register(connector: Connector, tenant: UUID, provider: str) -> Registered:
    """Has the other system send to a new address; the one before works until it does.

    Raises:
        NotFoundError: There is no such integration.
        ConflictError: ``NOT_CONNECTED``, or ``NO_WEBHOOK``: it sends nothing.
    """
    connection = connector.connection(provider)
    receiver = connector.registry.receivers.get(provider)
    if receiver is None:
        raise ConflictError(f"{connection.label} sends nothing.", code="NO_WEBHOOK")
    stored, context, redactor = await connector.context(tenant, connection)
    try:
        address = connector.address()
    except ConflictError as error:
        await _fail(connector.database, tenant, stored.integration_id, error)
        return Registered(error=error)
    token, value = random.token_urlsafe(32), random.token_urlsafe(32)
    target = WebhookTarget(url=f"{address}{PATH}/{token}", header=receiver.header, value=value)
    for secret in (token, value):
        redactor.add(secret)
    route, header = hashlib.sha256(token.encode()).digest(), hashlib.sha256(value.encode()).digest()
    async with connector.database.tenant(tenant) as conn:
        await conn.execute(_ADD, route, header, tenant, stored.integration_id, provider)
    if receiver.register is not None:
        try:
            await call(connection, redactor, receiver.register(context, target))
        except WorkflowError as error:
            # After a failure in passing nobody knows to which address it sends from now on.
            refused = None if isinstance(error, TransientError) else route
            await _fail(connector.database, tenant, stored.integration_id, error, without=refused)
            return Registered(error=error)
    await _confirm(connector.database, tenant, stored.integration_id, route)
    return Registered(target=target if receiver.register is None else None)


async def _confirm(database: Database, tenant: UUID, integration_id: UUID, route: bytes) -> None:
    """Only this address is open from now on."""
    async with database.tenant(tenant) as conn:
        await conn.execute(_CONFIRM, tenant, integration_id, route)


async def _fail(
    database: Database, tenant: UUID, integration_id: UUID, error: WorkflowError, *, without: bytes | None = None
) -> None:
    """Shows why nothing new is registered; an address that was certainly not taken is closed."""
    told = {"code": error.code, "message": error.message}
    async with database.tenant(tenant) as conn:
        await conn.execute(
            "UPDATE rmm_integrations SET webhook_error = $3 WHERE tenant = $1 AND integration_id = $2",
            tenant,
            integration_id,
            told,
        )
        if without is not None:
            await conn.execute("DELETE FROM workflow_webhook_routes WHERE token_sha256 = $1", without)


# ── Arriving ─────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class _Route:
    tenant: UUID
    integration_id: UUID
    provider: str
    header_sha256: bytes
    until: float


class Arrivals:
    """Takes what arrives, in one INSERT; for one process.

    Args:
        database: As the application role.
        receivers: By provider.
    """

    def __init__(self, database: Database, receivers: Mapping[str, WebhookReceiver]) -> None:
        self._database = database
        self._receivers = receivers
        self._routes: OrderedDict[bytes, _Route] = OrderedDict()
        self._ringing: asyncio.Task[None] | None = None
        self._unheard = False

    async def authenticate(self, token: str, headers: Mapping[str, str]) -> _Route | None:
        """Where something belongs that was sent to an address; None: nowhere, or its sender does not prove itself.

        Args:
            token: Of the address.
            headers: Of the request; their names in any case.
        """
        route = await self._find(hashlib.sha256(token.encode()).digest())
        receiver = None if route is None else self._receivers.get(route.provider)
        value = "" if receiver is None else headers.get(receiver.header, "")
        expected = _NOBODY if route is None else route.header_sha256
        proven = hmac.compare_digest(hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest(), expected)
        return route if proven and receiver is not None and value else None

    async def store(self, route: _Route, body: bytes) -> bool:
        """Stores a body for a worker; False: its connection is gone."""
        try:
            await self._database.write(route.tenant, _STORE, uuid4(), route.integration_id, route.provider, body)
        except asyncpg.ForeignKeyViolationError:
            return False
        self._unheard = True
        if self._ringing is None:
            self._ringing = asyncio.create_task(self._ring(), name="tell workers of deliveries")
        return True

    async def close(self) -> None:
        """Lets the workers know of what has been stored."""
        if self._ringing is not None:
            await self._ringing

    async def _ring(self) -> None:
        """Tells the workers that something waits, at once and then now and then; what they do not hear, they find."""
        try:
            while self._unheard:
                self._unheard = False
                async with self._database.untenanted() as conn:
                    await conn.execute(f"NOTIFY {CHANNEL}")
                await asyncio.sleep(_PAUSE)
        except Exception as error:  # noqa: BLE001 - the deliveries are stored, and workers look for themselves
            _log.warning("workers could not be told of deliveries: %s", type(error).__name__)
        finally:
            self._ringing = None

    async def _find(self, token: bytes) -> _Route | None:
        known = self._routes.get(token)
        if known is not None and known.until > time.monotonic():
            return known
        self._routes.pop(token, None)
        async with self._database.untenanted() as conn:
            row = await conn.fetchrow(_FIND, token)
        if row is None:
            return None
        found = self._routes[token] = _Route(
            row["tenant"],
            row["integration_id"],
            row["provider"],
            row["header_sha256"],
            time.monotonic() + _REMEMBERED,
        )
        while len(self._routes) > _ROUTES:
            self._routes.popitem(last=False)
        return found


_ADD: Final = """
WITH forgotten AS (
    DELETE FROM workflow_webhook_routes
    WHERE tenant = $3 AND integration_id = $4 AND confirmed_at IS NULL AND created_at < now() - interval '1 day'
)
INSERT INTO workflow_webhook_routes (token_sha256, header_sha256, tenant, integration_id, provider)
VALUES ($1, $2, $3, $4, $5)
"""
_CONFIRM: Final = """
WITH confirmed AS (
    UPDATE workflow_webhook_routes SET confirmed_at = now() WHERE token_sha256 = $3
), others AS (
    DELETE FROM workflow_webhook_routes WHERE tenant = $1 AND integration_id = $2 AND token_sha256 <> $3
)
UPDATE rmm_integrations SET webhook_registered_at = now(), webhook_error = NULL
WHERE tenant = $1 AND integration_id = $2
"""
_FIND: Final = """
SELECT tenant, integration_id, provider, header_sha256 FROM workflow_webhook_routes WHERE token_sha256 = $1
"""
_STORE: Final = """
INSERT INTO workflow_webhook_deliveries (tenant, delivery_id, integration_id, provider, body)
SELECT bound.tenant, $2, $3, $4, $5 FROM bound
"""
