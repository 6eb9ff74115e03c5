"""No tenant sees or touches another's rows, in any table, and no role that could is let in."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from workflow_core.errors import DatabaseRoleError
from workflow_core.storage.database import Database
from workflow_core.storage.migrations import CORE_SOURCE, MigrationSource, migrate
from workflow_core.storage.tenancy import DISPATCH_ROLE, TABLES_WITHOUT_TENANT
from workflow_core.testing.isolation import find_leaks, insert_statement, tenant_tables
from workflow_core.testing.postgres import LOGIN_ROLE, DatabaseFactory, PostgresDatabase, Tenants

DISPATCHED = {
    "rmm_integrations": {"tenant", "integration_id", "provider", "is_active", "connected_at"},
    "tenant_workflow_schedule": {
        "tenant",
        "workflow_id",
        "status",
        "revision",
        "synced_revision",
        "synced_at",
        "due_at",
    },
    "tenants": {"tenant"},
    "workflow_job_runs": {"tenant", "run_id", "due_at"},
    "workflow_webhook_deliveries": {"tenant", "delivery_id", "provider", "received_at", "due_at"},
    "workflow_jobs": {
        "tenant",
        "job_id",
        "provider",
        "distribution",
        "every",
        "jitter",
        "time_limit",
        "is_active",
        "is_scheduled",
        "connected_at",
        "revision",
        "synced_revision",
        "synced_at",
        "due_at",
    },
    "workflow_run_waits": {"tenant", "wait_id", "run_id", "status", "resolved_at", "signaled_at"},
    "workflow_runtime_events": {"tenant", "event_id", "due_at", "processed_at", "created_at", "sequence"},
    "workflow_runs": {
        "tenant",
        "run_id",
        "status",
        "execution",
        "created_at",
        "started_at",
        "updated_at",
        "parent_run_id",
        "checked_at",
        "workflow_id",
        "is_queued",
        "waits_for_tenant",
    },
}


async def test_no_tenant_touches_another(migrated_database: PostgresDatabase, tenants: Tenants) -> None:
    """With tenant A set, or none, no row of B can be seen, changed, removed or added in any tenant table."""
    assert await find_leaks(migrated_database, tenants) == []


async def test_leaks_are_found(migrated_database: PostgresDatabase, tenants: Tenants) -> None:
    """The proof proves something: an unprotected table shows."""
    conn = await asyncpg.connect(migrated_database.admin_dsn)
    await conn.execute("ALTER TABLE clients DISABLE ROW LEVEL SECURITY")
    await conn.close()
    leaks = await find_leaks(migrated_database, tenants)
    attempts = {"sees rows", "changes rows", "removes rows", "adds rows"}
    whos = {"clients as another tenant", "clients without a tenant"}
    assert {f"{who}: {attempt}" for who in whos for attempt in attempts} == set(leaks)


async def test_a_row_cannot_be_given_away(db: Database, tenants: Tenants) -> None:
    """A tenant cannot make its row another's."""
    async with db.tenant(tenants.a) as conn:
        await conn.execute("INSERT INTO clients (tenant, client_name) VALUES ($1, 'Acme')", tenants.a)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with conn.transaction():
                await conn.execute("UPDATE clients SET tenant = $1", tenants.b)


async def test_the_tenant_ends_with_the_transaction(migrated_database: PostgresDatabase, tenants: Tenants) -> None:
    """The next one to get the same connection sees nothing."""
    async with Database.open(migrated_database.dsn, application_name="tests", max_size=1) as db:
        async with db.tenant(tenants.a) as conn:
            first = await conn.fetchval("SELECT pg_backend_pid()")
            assert await conn.fetchval("SELECT count(*) FROM tenants") == 1
        async with db.untenanted() as conn:
            assert await conn.fetchval("SELECT pg_backend_pid()") == first
            assert await conn.fetchval("SELECT count(*) FROM tenants") == 0


async def test_a_statement_of_its_own_is_bound(migrated_database: PostgresDatabase, tenants: Tenants) -> None:
    """It writes rows of its tenant and of no other, and leaves nothing behind on its session."""
    own = "INSERT INTO clients (tenant, client_name) SELECT bound.tenant, $2 FROM bound"
    foreign = "INSERT INTO clients (tenant, client_name) SELECT $2::uuid, 'Stolen' FROM bound"
    async with Database.open(migrated_database.dsn, application_name="tests", max_size=1) as db:
        await db.write(tenants.a, own, "Acme")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.write(tenants.a, foreign, tenants.b)
        async with db.untenanted() as conn:
            assert await conn.fetchval("SELECT count(*) FROM clients") == 0
        async with db.tenant(tenants.a) as conn:
            assert await conn.fetchval("SELECT client_name FROM clients") == "Acme"


async def test_a_session_setting_does_not_survive(migrated_database: PostgresDatabase, tenants: Tenants) -> None:
    """Even a tenant that somebody sets for the session is gone for the next one."""
    async with Database.open(migrated_database.dsn, application_name="tests", max_size=1) as db:
        async with db.untenanted() as conn:
            await conn.execute("SELECT set_config('app.tenant', $1, false)", str(tenants.a))
        async with db.untenanted() as conn:
            assert await conn.fetchval("SELECT count(*) FROM tenants") == 0


async def test_tables_without_tenant(migrated_database: PostgresDatabase) -> None:
    """Every table has a tenant and its policy, or stands in the list."""
    conn = await asyncpg.connect(migrated_database.admin_dsn)
    try:
        rows = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        everything = {row["tablename"] for row in rows}
        assert everything - set(await tenant_tables(conn)) <= TABLES_WITHOUT_TENANT
        protected = await conn.fetch("SELECT tablename FROM pg_policies WHERE policyname = 'tenant_isolation'")
        assert {row["tablename"] for row in protected} == set(await tenant_tables(conn))
    finally:
        await conn.close()


# ── The dispatch role ────────────────────────────────────────────────────────────────────────────────────────────


async def test_dispatch_sees_its_columns_only(migrated_database: PostgresDatabase, tenants: Tenants) -> None:
    """Across tenants it reads ids, states and times, and nothing else of any table."""
    admin = await asyncpg.connect(migrated_database.admin_dsn)
    try:
        granted = await admin.fetch(
            "SELECT table_name, column_name FROM information_schema.column_privileges "
            "WHERE grantee = $1 AND table_schema = 'public'",
            DISPATCH_ROLE,
        )
        columns: dict[str, set[str]] = {}
        for row in granted:
            columns.setdefault(row["table_name"], set()).add(row["column_name"])
        assert columns == DISPATCHED
        for tenant in tenants:
            await admin.execute(await insert_statement(admin, "workflow_runs", tenant))
        tables = await tenant_tables(admin)
    finally:
        await admin.close()

    async with Database.open(migrated_database.dsn, application_name="tests", max_size=1) as db:
        async with db.dispatch() as conn:
            rows = await conn.fetch("SELECT tenant, run_id, status, execution FROM workflow_runs")
            assert {row["tenant"] for row in rows} == set(tenants)
        for statement in (
            "SELECT payload FROM workflow_runs",
            "UPDATE workflow_runs SET status = 'FAILED'",
            "DELETE FROM workflow_runs",
            *(f"SELECT FROM {table}" for table in tables if table not in DISPATCHED),
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                async with db.dispatch() as conn:
                    await conn.execute(statement)


async def test_dispatch_does_not_widen_a_tenant(db: Database, tenants: Tenants) -> None:
    """The application role may take the dispatch role and does not inherit what it sees."""
    async with db.tenant(tenants.a) as conn:
        assert await conn.fetchval("SELECT array_agg(tenant) FROM tenants") == [tenants.a]


async def test_dispatch_ends_with_its_block(migrated_database: PostgresDatabase) -> None:
    """The connection goes back as the role that it was."""
    async with Database.open(migrated_database.dsn, application_name="tests", max_size=1) as db:
        async with db.dispatch() as conn:
            assert await conn.fetchval("SELECT current_user") == DISPATCH_ROLE
        async with db.untenanted() as conn:
            assert await conn.fetchval("SELECT current_user") == LOGIN_ROLE


# ── Roles that may do too much ───────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _owned_database(factory: DatabaseFactory, owner: str, source: MigrationSource) -> AsyncIterator[str]:
    """A database that is migrated by a role that is no superuser."""
    async with factory.empty() as database:
        await factory.execute(f"ALTER DATABASE {database.name} OWNER TO {owner}")
        await migrate(factory.dsn(database.name, user=owner), [source])
        yield database.name


async def _refusal(dsn: str) -> str:
    with pytest.raises(DatabaseRoleError) as caught:
        await Database.connect(dsn, application_name="tests")
    return caught.value.message


async def test_a_superuser_is_refused(migrated_database: PostgresDatabase) -> None:
    """The message says which role, why, and what to do."""
    message = await _refusal(migrated_database.admin_dsn)
    assert message.startswith("The database role 'postgres' is a superuser")
    assert "IN ROLE workflow_app" in message


async def test_a_superuser_in_disguise_is_refused(
    migrated_database: PostgresDatabase, database_factory: DatabaseFactory
) -> None:
    """A session of a superuser can go back to it, whatever role it has taken."""
    assert "'postgres' is a superuser" in await _refusal(f"{migrated_database.admin_dsn}&role={LOGIN_ROLE}")


async def test_bypassrls_is_refused(migrated_database: PostgresDatabase, database_factory: DatabaseFactory) -> None:
    """A role that bypasses row-level security is refused."""
    await database_factory.execute("CREATE ROLE bypasser LOGIN BYPASSRLS IN ROLE workflow_app")
    message = await _refusal(database_factory.dsn(migrated_database.name, user="bypasser"))
    assert message.startswith("The database role 'bypasser' has BYPASSRLS")


async def test_owners_are_refused(
    migrated_database: PostgresDatabase, database_factory: DatabaseFactory, make_source: Callable[..., MigrationSource]
) -> None:
    """The owner of our tables is refused, and so is who inherits from it; the table of another is nobody's matter."""
    await database_factory.execute("CREATE ROLE table_owner LOGIN CREATEROLE")
    await database_factory.execute("CREATE ROLE table_heir LOGIN IN ROLE table_owner")
    async with _owned_database(database_factory, "table_owner", CORE_SOURCE) as name:
        for role in ("table_owner", "table_heir"):
            message = await _refusal(database_factory.dsn(name, user=role))
            assert message.startswith(f"The database role {role!r} owns the table 'api_keys'")
        async with Database.open(database_factory.dsn(name, user=LOGIN_ROLE), application_name="tests") as db:
            await db.ping()


async def test_owning_a_table_that_is_not_ours(
    migrated_database: PostgresDatabase, database_factory: DatabaseFactory
) -> None:
    """Beside our tables a role may own what it likes."""
    admin = await asyncpg.connect(migrated_database.admin_dsn)
    await admin.execute(f"CREATE TABLE theirs (); ALTER TABLE theirs OWNER TO {LOGIN_ROLE}")
    await admin.close()
    async with Database.open(migrated_database.dsn, application_name="tests") as db:
        await db.ping()


async def test_tools_may_connect_as_owner(migrated_database: PostgresDatabase) -> None:
    """The check can be switched off, for tools."""
    async with Database.open(migrated_database.admin_dsn, application_name="tests", verify_role=False) as db:
        await db.ping()
