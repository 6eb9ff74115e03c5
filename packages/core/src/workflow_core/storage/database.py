"""
Connections to PostgreSQL, inside a transaction and bound to a tenant, or none at all.

Row-level security does the isolation: every tenant table shows only rows of the tenant that the transaction has set.
It holds only for a role that owns nothing and may not bypass it, so :meth:`Database.connect` refuses any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from workflow_core.errors import ConfigurationError, DatabaseRoleError, UnknownTenantError
from workflow_core.places import Places
from workflow_core.storage._connecting import CONNECTING_ERRORS, unreachable
from workflow_core.storage._connection import PooledConnection

if TYPE_CHECKING:
    Record: TypeAlias = asyncpg.Record
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    _Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:  # the stubs are generic, the classes are not
    Record = asyncpg.Record
    Connection = asyncpg.Connection | PoolConnectionProxy

logger = logging.getLogger(__name__)

_CLOSE_TIMEOUT: Final = 10.0

#: Whether this task has its turn already: what it opens inside of a transaction must not wait for that one's end.
_has_turn: Final = contextvars.ContextVar("has_turn", default=False)
#: How PostgreSQL names the constraint of ``tenant uuid REFERENCES tenants``.
_REFERENCE_TO_TENANTS: Final = "_tenant_fkey"

_ROLES = """
SELECT r.rolname AS role, r.rolsuper AS superuser, r.rolbypassrls AS bypasses, (
           SELECT c.relname
           FROM pg_class c
           WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
             AND c.relname = ANY ($1::text[]) AND pg_has_role(r.oid, c.relowner, 'USAGE')
           ORDER BY c.relname LIMIT 1
       ) AS owned
FROM pg_roles r
WHERE r.rolname IN (current_user, session_user)
"""


def encode_json(value: Any) -> str:
    """A JSON value as PostgreSQL takes it: sorted as given, UUIDs and times as strings."""
    return orjson.dumps(value).decode()


async def prepare_connection(conn: Connection) -> None:
    """``json`` and ``jsonb`` columns are Python values on this connection."""
    for type_name in ("json", "jsonb"):
        await conn.set_type_codec(
            type_name, schema="pg_catalog", encoder=encode_json, decoder=orjson.loads, format="text"
        )


async def our_tables(conn: Connection) -> list[str]:
    """
    Names of the tables and views that our migrations created in the current schema.

    Empty when the database has not been migrated.
    """
    if await conn.fetchval("SELECT to_regclass('workflow_migrations')") is None:
        return []
    if not await conn.fetchval("SELECT has_table_privilege('workflow_migrations', 'SELECT')"):
        raise ConfigurationError(
            f"The database role {await conn.fetchval('SELECT current_user')!r} may not read workflow_migrations; "
            "grant it the application role: GRANT workflow_app TO <role>"
        )
    rows = await conn.fetch("SELECT DISTINCT unnest(relations) AS name FROM workflow_migrations ORDER BY name")
    return ["workflow_migrations", *(row["name"] for row in rows)]


async def verify_role(conn: Connection) -> None:
    """
    Refuse a role for which row-level security would not hold.

    Raises:
        DatabaseRoleError: The current or the session role is superuser, has BYPASSRLS, or owns a table of ours,
            itself or by a membership that it inherits.
    """
    remedy = (
        "Connect with a role of its own that owns nothing: CREATE ROLE <name> LOGIN PASSWORD '…' IN ROLE workflow_app"
    )
    for row in await conn.fetch(_ROLES, await our_tables(conn)):
        role = row["role"]
        if row["superuser"]:
            why = "is a superuser"
        elif row["bypasses"]:
            why = "has BYPASSRLS"
        elif row["owned"] is not None:
            why = f"owns the table {row['owned']!r}, itself or through a role that it inherits"
        else:
            continue
        raise DatabaseRoleError(
            f"The database role {role!r} {why}: the tenants' isolation would not hold. {remedy}.",
            details={"role": role},
        )


#: Whatever takes its rows from here is bound before it has one, and the binding ends with the statement.
_BOUND: Final = "WITH bound AS MATERIALIZED (SELECT set_config('app.tenant', $1::text, true)::uuid AS tenant)"


def _milliseconds(seconds: float | None) -> str:
    """As PostgreSQL takes a time-out; 0 is none."""
    return "0" if seconds is None else str(max(1, round(seconds * 1000)))


class Database:
    """
    A pool of connections that are given out inside a transaction only.

    Make one with :meth:`connect`, or with :meth:`open` for a block of code.
    """

    def __init__(
        self,
        dsn: str,
        pool: _Pool,
        *,
        application_name: str,
        connect_timeout: float,
        places: Places | None = None,
        goes_ahead: bool = False,
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self._application_name = application_name
        self._connect_timeout = connect_timeout
        self._places = places
        self._goes_ahead = goes_ahead
        self._listeners: set[Listener] = set()

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        application_name: str,
        min_size: int = 1,
        max_size: int = 10,
        connect_timeout: float = 10.0,
        command_timeout: float = 30.0,
        verify_role: bool = True,
    ) -> Database:
        """
        Connect, and see that the role is one for which row-level security holds.

        Args:
            dsn: ``postgresql://user@host:port/database``.
            application_name: Shown in ``pg_stat_activity``.
            min_size: Connections that are kept open.
            max_size: Connections at most; one more per listener.
            connect_timeout: Seconds until an attempt to connect is given up.
            command_timeout: Seconds until a statement is given up.
            verify_role: Whether to refuse a role that may do too much. Only tools that work as owner switch it off.

        Raises:
            ConfigurationError: The server cannot be reached or does not let us in.
            DatabaseRoleError: The role may do too much.
        """
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=min_size,
                max_size=max_size,
                timeout=connect_timeout,
                command_timeout=command_timeout,
                init=prepare_connection,
                connection_class=PooledConnection,
                server_settings={"application_name": application_name},
            )
        except CONNECTING_ERRORS as error:
            raise unreachable(dsn, error) from None  # the cause may quote the connection string
        database = cls(dsn, pool, application_name=application_name, connect_timeout=connect_timeout)
        if verify_role:
            try:
                await database._verify_role()
            except BaseException:
                await database.close()
                raise
        return database

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        dsn: str,
        *,
        application_name: str,
        min_size: int = 1,
        max_size: int = 10,
        connect_timeout: float = 10.0,
        command_timeout: float = 30.0,
        verify_role: bool = True,
    ) -> AsyncIterator[Database]:
        """:meth:`connect` for a block of code, and :meth:`close` after it."""
        database = await cls.connect(
            dsn,
            application_name=application_name,
            min_size=min_size,
            max_size=max_size,
            connect_timeout=connect_timeout,
            command_timeout=command_timeout,
            verify_role=verify_role,
        )
        try:
            yield database
        finally:
            await database.close()

    def in_turn(self, places: Places) -> Database:
        """The same connections, for work of which each tenant has its share: it waits for a place as well."""
        return self._with(places, goes_ahead=False)

    def ahead(self) -> Database:
        """The same, for what must not wait behind all other work of its tenant, since a time limit runs."""
        return self._with(self._places, goes_ahead=True)

    def _with(self, places: Places | None, *, goes_ahead: bool) -> Database:
        return Database(
            self._dsn,
            self._pool,
            application_name=self._application_name,
            connect_timeout=self._connect_timeout,
            places=places,
            goes_ahead=goes_ahead,
        )

    async def _verify_role(self) -> None:
        async with self._pool.acquire() as conn:
            await verify_role(conn)

    @asynccontextmanager
    async def tenant(
        self,
        tenant: UUID,
        *,
        statement_timeout: float | None = None,
        transaction_timeout: float | None = None,
        readonly: bool = False,
    ) -> AsyncIterator[Connection]:
        """
        A connection inside one transaction that sees and writes rows of this tenant only.

        Commits at the end of the block and rolls back when it raises. A ``conn.transaction()`` inside is a savepoint.

        Args:
            tenant: Whose rows.
            statement_timeout: Seconds after which the server itself cancels a statement.
            transaction_timeout: Seconds after which the server itself ends the transaction, and the connection: also
                when this process is frozen or cut off.
            readonly: Whether the server refuses to write; all that is read is then of one moment.

        Raises:
            UnknownTenantError: A row was written for a tenant that does not exist.
        """
        settings = {"app.tenant": str(UUID(int=tenant.int))}  # nothing but a UUID gets into the statement
        if statement_timeout is not None or transaction_timeout is not None:
            settings["statement_timeout"] = _milliseconds(statement_timeout)
            settings["transaction_timeout"] = _milliseconds(transaction_timeout)
        bind = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
        async with self._turn(tenant), self._transaction(f"SELECT {bind}", readonly=readonly) as conn:
            try:
                yield conn
            except asyncpg.ForeignKeyViolationError as error:
                # Reads need no row in `tenants`, and a look before every write would cost more than this.
                if not (error.constraint_name or "").endswith(_REFERENCE_TO_TENANTS):
                    raise
                raise UnknownTenantError(f"There is no tenant {tenant}.", details={"tenant": str(tenant)}) from error

    async def write(self, tenant: UUID, statement: str, *arguments: Any) -> None:
        """
        One statement in a transaction of its own that is bound to the tenant.

        It takes one round trip, where :meth:`tenant` takes three.

        Args:
            tenant: Whose rows.
            statement: Writes what it selects from ``bound``, whose one row has ``tenant``; arguments begin with $2.
            arguments: Of the statement.
        """
        async with self._turn(tenant), self._pool.acquire() as conn:
            await conn.execute(f"{_BOUND} {statement}", str(UUID(int=tenant.int)), *arguments)

    @asynccontextmanager
    async def dispatch(self) -> AsyncIterator[Connection]:
        """
        A connection inside one transaction that reads across tenants, as the role ``workflow_dispatch``.

        It sees only the tables and columns that a migration opened with ``workflow_allow_dispatch()``: ids, states
        and due times. What is found there is then worked on tenant by tenant, with :meth:`tenant`.
        """
        async with self._transaction("SET LOCAL ROLE workflow_dispatch") as conn:
            yield conn

    @asynccontextmanager
    async def untenanted(self) -> AsyncIterator[Connection]:
        """
        A connection inside one transaction without a tenant: for the few tables that belong to none.

        Tenant tables show no row here and take none.
        """
        async with self._transaction("SELECT") as conn:
            yield conn

    @asynccontextmanager
    async def _turn(self, tenant: UUID) -> AsyncIterator[None]:
        if self._places is None or _has_turn.get():
            yield
            return
        async with self._places.hold(str(tenant), ahead=self._goes_ahead):
            _has_turn.set(True)
            try:
                yield
            finally:
                _has_turn.set(False)

    @asynccontextmanager
    async def _transaction(self, first: str, *, readonly: bool = False) -> AsyncIterator[Connection]:
        isolation: Literal["repeatable_read"] | None = "repeatable_read" if readonly else None
        async with self._pool.acquire() as conn:
            conn.begin_with(first)  # type: ignore[attr-defined]  # the proxy has what our class has
            async with conn.transaction(readonly=readonly, isolation=isolation):
                yield conn

    async def ping(self) -> None:
        """
        See that the server answers.

        Raises:
            ConfigurationError: It does not.
        """
        try:
            async with self._pool.acquire(timeout=self._connect_timeout) as conn:
                await conn.execute("SELECT 1")
        except CONNECTING_ERRORS as error:
            raise unreachable(self._dsn, error) from None  # the cause may quote the connection string

    async def listen(
        self,
        channel: str,
        *,
        on_payload: Callable[[str], None],
        on_lost: Callable[[], None],
        on_restored: Callable[[], None],
        check_interval: float = 15.0,
    ) -> Listener:
        """
        Listen to a channel on a connection of its own, which is made again whenever it is lost.

        What is notified while the connection is down is lost: whoever keeps a cache drops it in ``on_lost``, keeps
        nothing until ``on_restored``, and trusts notifications from there.

        Args:
            channel: The channel's name.
            on_payload: Called with each notification's payload.
            on_lost: Called when the connection is gone.
            on_restored: Called when it listens again after a loss; not for the first connection.
            check_interval: Seconds between checks that the other side is still there.

        Raises:
            ConfigurationError: The first connection cannot be made.
        """
        listener = Listener(
            self._connect_listener,
            channel,
            on_payload=on_payload,
            on_lost=on_lost,
            on_restored=on_restored,
            check_interval=check_interval,
        )
        await listener.start()
        self._listeners.add(listener)
        return listener

    async def _connect_listener(self) -> asyncpg.Connection[asyncpg.Record]:
        try:
            return await asyncpg.connect(
                self._dsn,
                timeout=self._connect_timeout,
                server_settings={"application_name": f"{self._application_name} listener"},
            )
        except CONNECTING_ERRORS as error:
            raise unreachable(self._dsn, error) from None  # the cause may quote the connection string

    async def close(self) -> None:
        """Close all connections, giving those in use a moment to finish."""
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        try:
            await asyncio.wait_for(self._pool.close(), _CLOSE_TIMEOUT)
        except TimeoutError:
            logger.warning("Connections were still in use %s s after closing; ending them.", _CLOSE_TIMEOUT)
            self._pool.terminate()


class Listener:
    """One channel on one connection, kept alive by a task; made by :meth:`Database.listen`."""

    _FIRST_DELAY: Final = 0.1
    _LONGEST_DELAY: Final = 10.0

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection[asyncpg.Record]]],
        channel: str,
        *,
        on_payload: Callable[[str], None],
        on_lost: Callable[[], None],
        on_restored: Callable[[], None],
        check_interval: float,
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._on_payload = on_payload
        self._on_lost = on_lost
        self._on_restored = on_restored
        self._check_interval = check_interval
        self._gone = asyncio.Event()
        self._conn: asyncpg.Connection[asyncpg.Record] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether notifications arrive at this moment."""
        return self._conn is not None and not self._gone.is_set()

    async def start(self) -> None:
        """Make the first connection and keep it from here on."""
        await self._listen()
        self._task = asyncio.create_task(self._keep(), name=f"listen:{self._channel}")

    async def close(self) -> None:
        """Stop listening; no callback is called any more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        conn, self._conn = self._conn, None
        if conn is not None:
            await self._discard(conn)

    async def _listen(self) -> None:
        conn = await self._connect()
        gone = asyncio.Event()
        conn.add_termination_listener(lambda _: gone.set())
        try:
            await conn.add_listener(self._channel, lambda *event: self._call(self._on_payload, event[3]))
        except BaseException:
            conn.terminate()
            raise
        self._conn, self._gone = conn, gone

    async def _keep(self) -> None:
        while True:
            await self._until_gone()
            conn, self._conn = self._conn, None
            if conn is not None:
                conn.terminate()
            logger.warning("Lost the connection that listens to %r; connecting again.", self._channel)
            self._call(self._on_lost)
            await self._until_listening()
            logger.info("Listening to %r again.", self._channel)
            self._call(self._on_restored)

    async def _until_gone(self) -> None:
        while not self._gone.is_set():
            try:
                await asyncio.wait_for(self._gone.wait(), self._check_interval)
            except TimeoutError:
                if not await self._answers():
                    return

    async def _answers(self) -> bool:
        """A connection that is silently cut shows only when something is sent over it."""
        try:
            if self._conn is not None:
                await self._conn.execute("SELECT 1", timeout=self._check_interval)
        except CONNECTING_ERRORS:
            return False
        return True

    async def _until_listening(self) -> None:
        delay = self._FIRST_DELAY
        while True:
            try:
                await self._listen()
            except (ConfigurationError, *CONNECTING_ERRORS) as error:
                logger.debug("Not listening to %r yet: %s", self._channel, error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, self._LONGEST_DELAY)
            else:
                return

    async def _discard(self, conn: asyncpg.Connection[asyncpg.Record]) -> None:
        try:
            await conn.close(timeout=1)
        except CONNECTING_ERRORS:
            conn.terminate()

    def _call(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            callback(*args)
        except Exception:  # guards the listener's task against the host's callbacks
            logger.exception("A callback for the channel %r failed.", self._channel)
