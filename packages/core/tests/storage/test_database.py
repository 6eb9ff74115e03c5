"""Connections: inside a transaction, with JSON values, and with errors that say what to do."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from workflow_core.errors import ConfigurationError, UnknownTenantError
from workflow_core.storage.database import Database, our_tables
from workflow_core.testing.postgres import DatabaseFactory, PostgresDatabase, Tenants


async def test_commits_at_the_end(db: Database, tenants: Tenants) -> None:
    """What a block wrote is there for the next one."""
    async with db.tenant(tenants.a) as conn:
        await conn.execute("INSERT INTO clients (tenant, client_name) VALUES ($1, 'Acme')", tenants.a)
    async with db.tenant(tenants.a) as conn:
        assert await conn.fetchval("SELECT client_name FROM clients") == "Acme"


async def test_rolls_back_when_it_raises(db: Database, tenants: Tenants) -> None:
    """What a block wrote before it raised is gone."""

    async def write_and_fail() -> None:
        async with db.tenant(tenants.a) as conn:
            await conn.execute("INSERT INTO clients (tenant, client_name) VALUES ($1, 'Acme')", tenants.a)
            raise LookupError

    with pytest.raises(LookupError):
        await write_and_fail()
    async with db.tenant(tenants.a) as conn:
        assert await conn.fetchval("SELECT count(*) FROM clients") == 0


@pytest.mark.parametrize("value", [{"a": [1, None, "ü"]}, [], "text", 1.5, True])
async def test_json_columns_are_values(db: Database, tenants: Tenants, value: object) -> None:
    """``jsonb`` and ``json`` go in and come out as Python values."""
    async with db.tenant(tenants.a) as conn:
        assert await conn.fetchval("SELECT $1::jsonb", value) == value
        assert await conn.fetchval("SELECT $1::json", value) == value


async def test_readonly(db: Database, tenants: Tenants) -> None:
    """A read-only block cannot write."""
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with db.tenant(tenants.a, readonly=True) as conn:
            await conn.execute("INSERT INTO clients (tenant, client_name) VALUES ($1, 'Acme')", tenants.a)


async def test_readonly_reads_one_moment(db: Database, tenants: Tenants) -> None:
    """What others commit between two reads of a read-only block is in neither: an export is never half old."""
    async with db.tenant(tenants.a, readonly=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM clients") == 0
        async with db.tenant(tenants.a) as other:
            await other.execute("INSERT INTO clients (tenant, client_name) VALUES ($1, 'Acme')", tenants.a)
        assert await conn.fetchval("SELECT count(*) FROM clients") == 0
    async with db.tenant(tenants.a, readonly=True) as conn:
        assert await conn.fetchval("SELECT count(*) FROM clients") == 1


async def test_statement_timeout(db: Database, tenants: Tenants) -> None:
    """The server cancels a statement that takes too long, and the limit ends with the block."""
    with pytest.raises(asyncpg.QueryCanceledError):
        async with db.tenant(tenants.a, statement_timeout=0.01) as conn:
            await conn.execute("SELECT pg_sleep(10)")
    async with db.tenant(tenants.a) as conn:
        assert await conn.fetchval("SHOW statement_timeout") == "0"


async def test_what_a_block_leaves_on_its_session_is_gone(
    migrated_database: PostgresDatabase, tenants: Tenants
) -> None:
    """Settings, locks and listening that outlive a transaction are not there for the next block, of whatever kind."""
    async with Database.open(migrated_database.dsn, application_name="tests", max_size=1) as one:
        async with one.tenant(tenants.a) as conn:
            session = await conn.fetchval("SELECT pg_backend_pid()")
            await conn.execute("SELECT set_config('app.tenant', $1, false)", str(tenants.b))
            await conn.execute("SET work_mem = '1234kB'; LISTEN something")
            await conn.execute("SELECT pg_advisory_lock(77)")
        for block in (one.untenanted, one.dispatch, lambda: one.tenant(tenants.a)):
            async with block() as conn:
                assert await conn.fetchval("SELECT pg_backend_pid()") == session
                assert await conn.fetchval("SHOW work_mem") != "1234kB"
                assert (
                    await conn.fetchval(
                        "SELECT count(*) FROM pg_locks WHERE pid = $1 AND locktype = 'advisory'", session
                    )
                    == 0
                )
        async with one.untenanted() as conn:
            assert await conn.fetch("SELECT pg_listening_channels()") == []
            assert not await conn.fetchval("SELECT current_setting('app.tenant', true)")


async def test_unknown_tenants_take_nothing(db: Database) -> None:
    """A write for a tenant that does not exist says so; another broken reference stays what it is."""
    with pytest.raises(UnknownTenantError) as refused:
        async with db.tenant(tenant := uuid4()) as conn:
            await conn.execute("INSERT INTO clients (tenant, client_name) VALUES ($1, 'Acme')", tenant)
    assert refused.value.details == {"tenant": str(tenant)}


async def test_reference_to_nothing(db: Database, tenants: Tenants) -> None:
    """It is no tenant that is missing, when something else is."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with db.tenant(tenants.a) as conn:
            await conn.execute(
                "INSERT INTO contacts (tenant, full_name, client_id) VALUES ($1, 'Ada', $2)", tenants.a, uuid4()
            )


async def test_unknown_tenants_have_nothing(db: Database) -> None:
    """A tenant that does not exist sees nothing, and is no error."""
    async with db.tenant(uuid4()) as conn:
        assert await conn.fetch("SELECT * FROM tenants") == []


async def test_a_published_version_never_changes(db: Database, tenants: Tenants) -> None:
    """An UPDATE is refused; with its workflow a version may go."""
    workflow = uuid4()
    async with db.tenant(tenants.a) as conn:
        await conn.execute(
            "INSERT INTO workflow_definitions (tenant, workflow_id, name, draft_definition) VALUES ($1, $2, 'x', '{}')",
            tenants.a,
            workflow,
        )
        await conn.execute(
            "INSERT INTO workflow_definition_versions "
            "(tenant, workflow_id, version, definition_json, definition_sha256) VALUES ($1, $2, 1, '{}', 'x')",
            tenants.a,
            workflow,
        )
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="publish a new version"):
            async with conn.transaction():
                await conn.execute("UPDATE workflow_definition_versions SET definition_json = '[]'")
        await conn.execute("DELETE FROM workflow_definitions WHERE tenant = $1", tenants.a)
        assert await conn.fetchval("SELECT count(*) FROM workflow_definition_versions") == 0


async def test_unreachable_server() -> None:
    """The error says where it tried and why it failed, and keeps the password to itself."""
    with pytest.raises(ConfigurationError) as caught:
        await Database.connect("postgresql://app:hunter2@127.0.0.1:1/main", application_name="tests")
    assert "app@127.0.0.1:1/main" in caught.value.message
    assert "hunter2" not in f"{caught.value!r} {caught.value.details} {caught.value.__cause__}"


@pytest.mark.parametrize("dsn", ["mysql://app:hunter2@db/main", "postgresql://app:hunter2@db:port/main", "hunter2"])
async def test_unreadable_connection_string(dsn: str) -> None:
    """A connection string that is none is reported without quoting it."""
    with pytest.raises(ConfigurationError) as caught:
        await Database.connect(dsn, application_name="tests", connect_timeout=1)
    assert "hunter2" not in str(caught.value)


async def test_missing_database(database_factory: DatabaseFactory) -> None:
    """The server's own words are part of the message."""
    with pytest.raises(ConfigurationError, match='database "nowhere" does not exist'):
        await Database.connect(database_factory.dsn("nowhere"), application_name="tests")


async def test_application_name(migrated_database: PostgresDatabase) -> None:
    """The operator sees who is connected."""
    async with Database.open(migrated_database.dsn, application_name="catalog") as db, db.untenanted() as conn:
        assert await conn.fetchval("SHOW application_name") == "catalog"


async def test_before_the_first_migration(database_factory: DatabaseFactory) -> None:
    """A database that was never migrated can be connected to: it has nothing of ours."""
    async with (
        database_factory.empty() as database,
        Database.open(database.dsn, application_name="tests") as db,
        db.untenanted() as conn,
    ):
        assert await our_tables(conn) == []


async def test_a_role_without_the_application_role(
    migrated_database: PostgresDatabase, database_factory: DatabaseFactory
) -> None:
    """A login role that the operator forgot to make a member is told what is missing."""
    await database_factory.execute("CREATE ROLE stranger LOGIN")
    with pytest.raises(ConfigurationError, match="GRANT workflow_app TO"):
        await Database.connect(database_factory.dsn(migrated_database.name, user="stranger"), application_name="tests")


async def test_blocks_run_side_by_side(db: Database, tenants: Tenants) -> None:
    """Each block has a connection, and a tenant, of its own."""

    async def seen(index: int) -> bool:
        tenant = tenants[index % 2]
        async with db.tenant(tenant) as conn:
            return await conn.fetchval("SELECT array_agg(tenant) FROM tenants") == [tenant]

    assert all(await asyncio.gather(*(seen(index) for index in range(20))))
