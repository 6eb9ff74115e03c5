"""Migrating: once, in order, checked, and without one distribution's failure stopping another."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from workflow_core.errors import ConfigurationError, MigrationError
from workflow_core.storage import migrations
from workflow_core.storage.database import Database
from workflow_core.storage.migrations import (
    CORE_DISTRIBUTION,
    CORE_SOURCE,
    Migration,
    MigrationSource,
    installed_sources,
    migrate,
    pending_migrations,
    read_migrations,
)
from workflow_core.testing.postgres import DatabaseFactory, PostgresDatabase

PROTECTED = "CREATE TABLE {0} (tenant uuid NOT NULL, n int, PRIMARY KEY (tenant, n)); SELECT workflow_protect('{0}');"


@pytest_asyncio.fixture(loop_scope="session")
async def empty(database_factory: DatabaseFactory) -> AsyncIterator[PostgresDatabase]:
    """A database with nothing in it."""
    async with database_factory.empty() as database:
        yield database


async def _fetchval(database: PostgresDatabase, sql: str) -> object:
    conn = await asyncpg.connect(database.admin_dsn)
    try:
        return await conn.fetchval(sql)
    finally:
        await conn.close()


async def _failures(database: PostgresDatabase, *sources: MigrationSource) -> dict[str, str]:
    with pytest.raises(MigrationError) as caught:
        await migrate(database.admin_dsn, [CORE_SOURCE, *sources])
    return caught.value.details["failed"]


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_installed_sources() -> None:
    """Core comes first; then what has an entry point, by its normalised name and without importing it."""
    sources = installed_sources()
    assert sources[0] == CORE_SOURCE
    assert MigrationSource("workflow-psa", "workflow_psa") in sources
    assert MigrationSource("Workflow_NinjaOne", "workflow_ninjaone") in sources


def test_nothing_is_imported(make_source) -> None:
    """Migrations of a package that cannot be imported are found all the same."""
    source = make_source("acme-one", m0001_a="-- a")
    assert [m.name for m in read_migrations(source)] == ["0001_a.sql"]
    assert "acme_one" not in sys.modules


def test_the_header_declares_requirements(make_source) -> None:
    """Only comment lines before the first statement count; names are normalised."""
    source = make_source(
        "acme-one",
        m0001_a="-- What it is about.\n-- requires: Workflow_PSA 0003\n--requires: acme.two 0001\n\nSELECT 1;\n"
        "-- requires: acme-three 0001\n",
    )
    assert [m.requires for m in read_migrations(source)] == [(("workflow-psa", 3), ("acme-two", 1))]


def test_checksums_do_not_depend_on_line_ends(make_source, tmp_path: Path) -> None:
    """A checkout with other line ends is the same migration."""
    source = make_source("acme-one", m0001_a="SELECT 1;\nSELECT 2;\n")
    (before,) = read_migrations(source)
    (tmp_path / "acme_one" / "migrations" / "0001_a.sql").write_bytes(b"SELECT 1;\r\nSELECT 2;\r\n")
    assert read_migrations(source) == [before]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"one": "x"}, "name the migration 'one.sql' like 0001_what_it_is_about.sql"),
        ({"m0001_a": "x", "m0001_b": "x"}, "0001_a.sql and 0001_b.sql have the same number"),
    ],
)
def test_names_and_numbers_are_checked(make_source, files: dict[str, str], message: str) -> None:
    """A file that is not named or numbered as it should be is reported with what to do."""
    with pytest.raises(MigrationError, match=re.escape(message)):
        read_migrations(make_source("acme-one", **files))


def test_a_missing_package_is_reported() -> None:
    """A distribution whose package is gone says so."""
    with pytest.raises(MigrationError, match="install the distribution again"):
        read_migrations(MigrationSource("acme-gone", "acme_gone"))


# ── Applying ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_runs_once(empty: PostgresDatabase, make_source) -> None:
    """The first call applies everything and reports it, the second nothing."""
    seen: list[Migration] = []
    source = make_source("acme-one", m0001_a=PROTECTED.format("acme_one"))
    applied = await migrate(empty.admin_dsn, [source, CORE_SOURCE], on_progress=seen.append)
    assert applied == seen == [*read_migrations(CORE_SOURCE), *read_migrations(source)]
    assert await migrate(empty.admin_dsn, [source, CORE_SOURCE]) == []


async def test_two_at_once(empty: PostgresDatabase) -> None:
    """Processes that migrate at the same time wait for each other; each file runs once."""
    results = await asyncio.gather(*(migrate(empty.admin_dsn, [CORE_SOURCE]) for _ in range(3)))
    assert sorted(map(len, results)) == [0, 0, len(read_migrations(CORE_SOURCE))]


async def test_order_follows_requirements(empty: PostgresDatabase, make_source) -> None:
    """Requirements go before names, also where two distributions take turns."""
    one = make_source(
        "acme-one", m0001_a="-- requires: acme-two 0001\nSELECT 1;", m0002_b="-- requires: acme-two 0002\nSELECT 1;"
    )
    two = make_source("acme-two", m0001_a="SELECT 1;", m0002_b="-- requires: acme-one 0001\nSELECT 1;")
    applied = await migrate(empty.admin_dsn, [CORE_SOURCE, one, two])
    assert [m.step for m in applied if m.distribution != CORE_DISTRIBUTION] == [
        ("acme-two", 1),
        ("acme-one", 1),
        ("acme-two", 2),
        ("acme-one", 2),
    ]


async def test_a_failure_stops_only_what_depends_on_it(empty: PostgresDatabase, make_source) -> None:
    """The file is rolled back with its line reported, its dependants wait, and the others are migrated."""
    failed = await _failures(
        empty,
        make_source("acme-a", m0001_a="SELECT 1;", m0002_b="CREATE TABLE left_over (n int);\n\nSELECT nonsense;"),
        make_source("acme-b", m0001_b="-- requires: acme-a 0002\nSELECT 1;"),
        make_source("acme-c", m0001_c="-- requires: acme-b 0001\nSELECT 1;"),
        make_source("acme-d", m0001_d=PROTECTED.format("acme_d")),
    )
    assert failed == {
        "acme-a": '0002_b.sql, line 3: column "nonsense" does not exist',
        "acme-b": "0001_b.sql requires acme-a 0002, which failed",
        "acme-c": "0001_c.sql requires acme-b 0001, which failed",
    }
    assert await _fetchval(empty, "SELECT to_regclass('acme_d') IS NOT NULL AND to_regclass('left_over') IS NULL")


async def test_a_cycle_is_named(empty: PostgresDatabase, make_source) -> None:
    """Requirements that go round are reported with the way that they take."""
    failed = await _failures(
        empty,
        make_source("acme-a", m0001_a="-- requires: acme-b 0001\nSELECT 1;"),
        make_source("acme-b", m0001_b="-- requires: acme-a 0001\nSELECT 1;"),
        make_source("acme-c", m0001_c="SELECT 1;"),
    )
    assert failed == {
        "acme-a": "the requirements form a cycle: acme-a 0001 → acme-b 0001 → acme-a 0001",
        "acme-b": "the requirements form a cycle: acme-b 0001 → acme-a 0001 → acme-b 0001",
    }


async def test_a_missing_requirement_is_named(empty: PostgresDatabase, make_source) -> None:
    """A requirement that is not installed is reported, and one of core that is not there yet as well."""
    failed = await _failures(
        empty,
        make_source("acme-a", m0001_a="-- requires: acme-gone 0007\nSELECT 1;"),
        make_source("acme-b", m0001_b="-- requires: workflow-modules-core 9999\nSELECT 1;"),
    )
    assert failed == {
        "acme-a": "0001_a.sql requires acme-gone 0007, which is not installed",
        "acme-b": "0001_b.sql requires workflow-modules-core 9999, which is not installed",
    }


async def test_core_failing_stops_all(empty: PostgresDatabase, make_source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs on a core that is not there."""
    source = make_source("fake-core", m0001_a="SELECT nonsense;")
    core = MigrationSource(CORE_DISTRIBUTION, source.package)
    with pytest.raises(MigrationError) as caught:
        await migrate(empty.admin_dsn, [core, make_source("acme-a", m0001_a="SELECT 1;")])
    assert caught.value.details["failed"]["acme-a"] == "workflow-modules-core failed"
    assert caught.value.details["applied"] == []


async def test_a_changed_file_is_refused(empty: PostgresDatabase, make_source) -> None:
    """A file that has been applied is history: the error names it and the way out."""
    await migrate(empty.admin_dsn, [CORE_SOURCE, make_source("acme-a", m0001_a="SELECT 1;")])
    changed = make_source("acme-a", m0001_a="SELECT 2;", m0002_b="SELECT 1;")
    failed = await _failures(empty, changed)
    assert list(failed) == ["acme-a"]
    assert failed["acme-a"].startswith("acme-a 0001_a.sql has changed since it was applied. Restore the file")
    assert await _fetchval(empty, "SELECT count(*) FROM workflow_migrations WHERE distribution = 'acme-a'") == 1


async def test_unreachable_server() -> None:
    """The error says where it tried, without the password."""
    with pytest.raises(ConfigurationError, match=r"admin@127\.0\.0\.1:1/main") as caught:
        await migrate("postgresql://admin:hunter2@127.0.0.1:1/main", [])
    assert "hunter2" not in str(caught.value)


async def test_a_role_that_may_not_migrate(migrated_database: PostgresDatabase) -> None:
    """Whoever tries with the application's role is told to take another one."""
    with pytest.raises(MigrationError, match="Connect with a role that may create tables"):
        await migrate(migrated_database.dsn, [CORE_SOURCE])


async def test_beside_other_tables(empty: PostgresDatabase) -> None:
    """In a schema of its own our tables stand beside others of the same name, and those stay as they are."""
    conn = await asyncpg.connect(empty.admin_dsn)
    await conn.execute("CREATE TABLE tenants (id int); CREATE SCHEMA ours")
    await conn.close()
    failed = await _failures(empty)
    assert failed[CORE_DISTRIBUTION] == '0001_tenants_and_users.sql: relation "tenants" already exists'
    await migrate(f"{empty.admin_dsn}&search_path=ours", [CORE_SOURCE])
    async with Database.open(f"{empty.dsn}&search_path=ours", application_name="tests") as db:
        assert await pending_migrations(db, [CORE_SOURCE]) == {}
    assert await _fetchval(empty, "SELECT count(*) FROM pg_policies WHERE schemaname = 'public'") == 0


async def test_another_application_role(migrated_database: PostgresDatabase, database_factory: DatabaseFactory) -> None:
    """Grants that are missing, as after a restore into another server, are made good."""
    await migrate(migrated_database.admin_dsn, [CORE_SOURCE], app_role="Other App")
    await database_factory.execute('CREATE ROLE other_login LOGIN IN ROLE "Other App"')
    dsn = database_factory.dsn(migrated_database.name, user="other_login")
    async with Database.open(dsn, application_name="tests") as db:
        async with db.untenanted() as conn:
            assert await conn.fetch("SELECT * FROM clients") == []
        async with db.dispatch() as conn:
            assert await conn.fetchval("SELECT count(*) FROM tenants") == 2


async def test_the_application_cannot_rewrite_history(db: Database) -> None:
    """The table of migrations is read-only for the application."""
    async with db.untenanted() as conn:
        assert await conn.fetchval("SELECT count(*) FROM workflow_migrations") > 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("DELETE FROM workflow_migrations")


# ── Protection ───────────────────────────────────────────────────────────────────────────────────────────────────

BARE = "CREATE TABLE t (tenant uuid NOT NULL, n int);"
PROTECT = "SELECT workflow_protect('t');"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (BARE, "t: row-level security is off; add SELECT workflow_protect('t')"),
        (BARE + "ALTER TABLE t ENABLE ROW LEVEL SECURITY;", "t: the tenant policy is missing"),
        ("CREATE TABLE t (n int);", "t: add a column 'tenant uuid NOT NULL'"),
        ("CREATE TABLE t (tenant uuid);" + PROTECT, "the column 'tenant' has to be 'uuid NOT NULL'"),
        (BARE + PROTECT + "CREATE POLICY p ON t USING (true);", "t: the policy 'p' opens the table"),
        (
            BARE + PROTECT + "CREATE POLICY p ON t FOR SELECT TO workflow_app USING (true);",
            "t: the policy 'p' opens the table",
        ),
        (
            BARE + PROTECT + "ALTER POLICY tenant_isolation ON t WITH CHECK (true);",
            "t: the policy 'tenant_isolation' opens the table",
        ),
        ("CREATE VIEW v AS SELECT * FROM tenants;", "v: create the view WITH (security_invoker = true)"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1 AS n;", "v: a materialized view cannot be protected"),
        ("ALTER TABLE clients DISABLE ROW LEVEL SECURITY;", "clients: row-level security is off"),
        ("CREATE TABLE t (tenant uuid NOT NULL); COMMIT; BEGIN;", "0001_a.sql ends the transaction it runs in"),
    ],
)
async def test_an_unprotected_table_is_refused(
    migrated_database: PostgresDatabase, make_source, sql: str, message: str
) -> None:
    """The migration is rolled back and its distribution reported; others go on."""
    failed = await _failures(
        migrated_database,
        make_source("acme-a", m0001_a=sql),
        make_source("acme-b", m0001_b=PROTECTED.format("acme_b")),
    )
    assert list(failed) == ["acme-a"]
    assert message in failed["acme-a"]
    assert await _fetchval(migrated_database, "SELECT count(*) FROM workflow_migrations WHERE name = '0001_a.sql'") == 0
    assert await _fetchval(migrated_database, "SELECT to_regclass('v') IS NULL AND to_regclass('acme_b') IS NOT NULL")


async def test_what_is_allowed(migrated_database: PostgresDatabase, make_source) -> None:
    """A view with the caller's rights, a restrictive policy, and opening for dispatch."""
    source = make_source(
        "acme-a",
        m0001_a=BARE + PROTECT + "CREATE VIEW v WITH (security_invoker = true) AS SELECT * FROM t;"
        "CREATE POLICY less ON t AS RESTRICTIVE FOR DELETE USING (n > 1);"
        "SELECT workflow_allow_dispatch('t', 'tenant'); SELECT workflow_allow_dispatch('t', 'n');",
    )
    assert len(await migrate(migrated_database.admin_dsn, [CORE_SOURCE, source])) == 1


async def test_serial_columns_work(migrated_database: PostgresDatabase, make_source, tenants) -> None:
    """The application may use the sequences that a migration makes."""
    sql = "CREATE TABLE t (tenant uuid NOT NULL, n serial, PRIMARY KEY (tenant, n)); SELECT workflow_protect('t');"
    await migrate(migrated_database.admin_dsn, [CORE_SOURCE, make_source("acme-a", m0001_a=sql)])
    async with Database.open(migrated_database.dsn, application_name="tests") as db, db.tenant(tenants.a) as conn:
        assert await conn.fetchval("INSERT INTO t (tenant) VALUES ($1) RETURNING n", tenants.a) == 1


async def test_a_database_that_was_tampered_with(migrated_database: PostgresDatabase, make_source) -> None:
    """Protection that somebody took away is reported by the next call, which blames no migration for it."""
    conn = await asyncpg.connect(migrated_database.admin_dsn)
    await conn.execute("ALTER TABLE clients DISABLE ROW LEVEL SECURITY")
    await conn.close()
    with pytest.raises(MigrationError, match="clients: row-level security is off") as caught:
        await migrate(migrated_database.admin_dsn, [CORE_SOURCE, make_source("acme-a", m0001_a="SELECT 1;")])
    assert caught.value.details["failed"] == {}
    assert caught.value.details["applied"] == ["acme-a 0001_a.sql"]


# ── What is pending ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_pending(migrated_database: PostgresDatabase, db: Database, make_source) -> None:
    """The application's role sees what is missing or has changed, by distribution."""
    await migrate(migrated_database.admin_dsn, [CORE_SOURCE, make_source("acme-a", m0001_a="SELECT 1;")])
    sources = [
        CORE_SOURCE,
        make_source("acme-a", m0001_a="SELECT 2;", m0002_b="SELECT 1;"),
        make_source("acme-b", odd="SELECT 1;"),
        make_source("acme-c"),
    ]
    assert await pending_migrations(db, sources) == {
        "acme-a": ["0001_a.sql (changed since it was applied)", "0002_b.sql"],
        "acme-b": ["acme-b: name the migration 'odd.sql' like 0001_what_it_is_about.sql"],
    }


async def test_everything_is_pending_at_first(empty: PostgresDatabase) -> None:
    """A database that was never migrated has everything pending."""
    conn = await asyncpg.connect(empty.admin_dsn)
    try:
        pending = await pending_migrations(conn, [CORE_SOURCE])
    finally:
        await conn.close()
    assert pending == {CORE_DISTRIBUTION: [m.name for m in read_migrations(CORE_SOURCE)]}


async def test_a_newer_database_is_not_pending(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """During a rolling upgrade old processes work on a schema that is ahead of them."""
    monkeypatch.setattr(migrations, "read_migrations", lambda source: read_migrations(source)[:-1])
    assert await pending_migrations(db, [CORE_SOURCE]) == {}
