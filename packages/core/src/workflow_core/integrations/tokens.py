"""The tokens of connections, in PostgreSQL.

The lock is an advisory one, held by a transaction of its own across the call to the other system. That is deliberate:
the same commit stores what was given and lets the next process in. The transaction writes nothing before the answer is
there, so that it holds no row and no vacuum up; its connection is the only one that renewing needs, so renewals cannot
exhaust the pool waiting for each other; and both the call (:data:`~workflow_core.integrations.renewing.RENEW_LIMIT`)
and the transaction (:data:`LOCK_LIMIT`) are bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from uuid import UUID

import orjson

from workflow_core.connections import TOKENS, Connection, ConnectionContext, Grant
from workflow_core.errors import IntegrationInactiveError, IntegrationNotConfiguredError, WorkflowError
from workflow_core.execution.database_errors import CONNECTION_GONE, explain
from workflow_core.execution.handler_tools import ConnectionSecrets, RedactingLog
from workflow_core.integrations.renewing import RENEW_LIMIT, Claim, HeldTokens, TokenKeeper, Tokens, TokenState
from workflow_core.integrations.stored import (
    StoredConnection,
    clear_problem,
    read_connection,
    write_problem,
)
from workflow_core.redaction import Redactor
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Connection as DatabaseConnection
from workflow_core.storage.database import Database

if TYPE_CHECKING:
    import aiohttp

#: Seconds for which one process may wait for another's renewal and then renew itself.
LOCK_LIMIT: Final = 2 * RENEW_LIMIT + 10.0


async def hold_tokens(conn: DatabaseConnection, tenant: UUID, provider: str) -> None:
    """Waits until no process renews the tokens of a connection; none does before this transaction ends."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        f"connection tokens {tenant} {provider}",
        timeout=LOCK_LIMIT,
    )


async def read_tokens(conn: DatabaseConnection, secrets: TenantSecrets, tenant: UUID, scope: str) -> Tokens | None:
    """What is stored in a connection's scope."""
    found = await secrets.find(conn, tenant, scope, [TOKENS])
    if TOKENS not in found:
        return None
    value = orjson.loads(found[TOKENS])
    return Tokens(access_token=value["accessToken"], refresh_token=value["refreshToken"], good_until=value["goodUntil"])


async def write_tokens(
    conn: DatabaseConnection, secrets: TenantSecrets, tenant: UUID, scope: str, tokens: Tokens
) -> None:
    """Stores them, instead of those that are stored."""
    value = {
        "accessToken": tokens.access_token,
        "refreshToken": tokens.refresh_token,
        "goodUntil": tokens.good_until,
    }
    await secrets.write(conn, tenant, scope, TOKENS, orjson.dumps(value).decode(), actor=None)


class _Held:
    """See :class:`~workflow_core.integrations.renewing.HeldTokens`."""

    def __init__(
        self,
        conn: DatabaseConnection,
        secrets: TenantSecrets,
        tenant: UUID,
        connection: Connection,
        state: TokenState,
    ) -> None:
        self._conn = conn
        self._secrets = secrets
        self._tenant = tenant
        self._connection = connection
        self.state = state

    async def claim(self, by: UUID) -> None:
        await self._conn.execute(
            "UPDATE rmm_integrations SET renewal_by = $3, renewal_since = clock_timestamp() "
            "WHERE tenant = $1 AND provider = $2",
            self._tenant,
            self._connection.provider,
            by,
        )

    async def release(self) -> None:
        await self._conn.execute(
            "UPDATE rmm_integrations SET renewal_by = NULL, renewal_since = NULL WHERE tenant = $1 AND provider = $2",
            self._tenant,
            self._connection.provider,
        )

    async def write(self, tokens: Tokens) -> None:
        await self.release()
        await write_tokens(self._conn, self._secrets, self._tenant, self._connection.secret_scope, tokens)
        await clear_problem(self._conn, self._tenant, self._connection.provider)

    async def fail(self, error: WorkflowError) -> None:
        await self.release()
        await write_problem(self._conn, self._tenant, self._connection.provider, error.code, error.message)


class _Store:
    """See :class:`~workflow_core.integrations.renewing.TokenStore`."""

    def __init__(
        self,
        database: Database,
        secrets: TenantSecrets,
        http: aiohttp.ClientSession,
        tenant: UUID,
        connection: Connection,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._http = http
        self._tenant = tenant
        self._connection = connection
        self._lock: tuple[DatabaseConnection, StoredConnection] | None = None

    async def read(self) -> TokenState:
        async with self._database.tenant(self._tenant) as conn:
            return (await self._read(conn))[0]

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[HeldTokens]:
        async with self._database.tenant(self._tenant, transaction_timeout=LOCK_LIMIT) as conn:
            await hold_tokens(conn, self._tenant, self._connection.provider)
            state, stored = await self._read(conn)
            self._lock = (conn, stored)
            try:
                yield _Held(conn, self._secrets, self._tenant, self._connection, state)
            finally:
                self._lock = None

    async def renew(self, refresh_token: str | None) -> Grant:
        """Asks the other system, with what is stored; called while the tokens are locked."""
        connection = self._connection
        assert self._lock is not None  # noqa: S101 - the keeper asks under the lock
        assert connection.renew is not None  # noqa: S101 - there is no keeper without
        conn, stored = self._lock
        redactor = Redactor()
        if refresh_token is not None:
            redactor.add(refresh_token)
        context = context_of(
            stored,
            self._tenant,
            connection,
            http=self._http,
            redactor=redactor,
            secrets=ConnectionSecrets(
                self._tenant,
                connection,
                owner=connection.label,
                redactor=redactor,
                secrets=self._secrets,
                database=self._database,
                tx=conn,
            ),
        )
        return await connection.renew(context, refresh_token)

    async def _read(self, conn: DatabaseConnection) -> tuple[TokenState, StoredConnection]:
        label = self._connection.label
        stored = await read_connection(conn, self._tenant, self._connection.provider)
        if stored is None or not stored.is_connected:
            raise IntegrationInactiveError(f"{label} is not connected: connect it under Connections.")
        claim = None
        if stored.renewal_by is not None and stored.renewal_since is not None:
            claim = Claim(stored.renewal_by, stored.renewal_since.timestamp())
        state = TokenState(
            claim=claim,
            now=await conn.fetchval("SELECT extract(epoch FROM clock_timestamp())::double precision"),
            tokens=await read_tokens(conn, self._secrets, self._tenant, self._connection.secret_scope),
            final=(stored.problem_message or f"Connect {label} again.") if stored.needs_reconnecting else None,
        )
        return state, stored


def context_of(
    stored: StoredConnection,
    tenant: UUID,
    connection: Connection,
    *,
    http: aiohttp.ClientSession,
    redactor: Redactor,
    secrets: ConnectionSecrets,
) -> ConnectionContext:
    """What the functions of a stored connection are given."""
    return ConnectionContext(
        tenant=tenant,
        provider=connection.provider,
        method=stored.method_of(connection),
        instance_url=stored.instance_url,
        settings=stored.settings,
        scopes=tuple(stored.scopes) or tuple(scope.key for scope in connection.scopes),
        http=http,
        log=RedactingLog("workflow.connection", f"{connection.provider} tenant={tenant}", redactor),
        secrets=secrets,
    )


class ConnectionTokens:
    """The tokens of all connections, in one process. Only what is under way is kept in memory.

    Args:
        database: As the application role.
        secrets: Where they are.
        http: For renewing them.
    """

    def __init__(self, database: Database, secrets: TenantSecrets, http: aiohttp.ClientSession) -> None:
        self._database = database
        self._secrets = secrets
        self._http = http
        self._keepers: dict[tuple[UUID, str], TokenKeeper] = {}

    async def current(self, tenant: UUID, connection: Connection, *, refused: str | None = None) -> Tokens:
        """Tokens that should be good; see :meth:`workflow_core.actions.SecretReader.token`."""
        if connection.renew is None:
            raise IntegrationNotConfiguredError(f"{connection.label} has no access tokens.")
        key = (tenant, connection.provider)
        keeper = self._keepers.get(key)
        if keeper is None:
            store = _Store(self._database, self._secrets, self._http, tenant, connection)
            keeper = self._keepers[key] = TokenKeeper(store, store.renew)
        try:
            return await keeper.current(refused)
        except (*CONNECTION_GONE, FileNotFoundError) as error:  # a handler would take it for the other system's
            raise explain(error) from None
        finally:
            if keeper.is_idle and self._keepers.get(key) is keeper:
                del self._keepers[key]

    async def close(self) -> None:
        """Waits for the renewals that are under way: what they bring must be stored."""
        await asyncio.gather(*(keeper.settled() for keeper in list(self._keepers.values())))
