"""
Tries to break the isolation of tenants, in every table there is.

A distribution with tables of its own proves them with one test::

    async def test_no_tenant_touches_another(migrated_database, tenants):
        assert await find_leaks(migrated_database, tenants) == []
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from workflow_core.storage.database import Connection, Database
from workflow_core.storage.tenancy import TABLES_WITHOUT_TENANT
from workflow_core.testing.postgres import PostgresDatabase, Tenants

_TABLES: Final = """
SELECT c.relname AS name
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY c.relname
"""

_COLUMNS: Final = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,
       (SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c
        WHERE c.conrelid = a.attrelid AND c.contype = 'c' AND a.attnum = ANY (c.conkey) LIMIT 1) AS condition
FROM pg_attribute a
WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
  AND (a.attname = 'tenant' OR a.attnotnull AND NOT a.atthasdef)
ORDER BY a.attnum
"""

_VALUES: Final[dict[str, Any]] = {
    "boolean": "false",
    "bytea": "",
    "integer": "1",
    "bigint": "1",
    "numeric": "1",
    "double precision": "1",
    "json": "{}",
    "jsonb": "{}",
    "date": "2026-01-01",
    "interval": "1 s",
    "timestamp with time zone": "2026-01-01T00:00:00Z",
    "text[]": "{}",
}


async def tenant_tables(conn: Connection) -> list[str]:
    """All tables of the schema that have a tenant and are not excepted, by name."""
    return [row["name"] for row in await conn.fetch(_TABLES) if row["name"] not in TABLES_WITHOUT_TENANT]


async def insert_statement(conn: Connection, table: str, tenant: UUID) -> str:
    """An INSERT of the least that a table takes, whatever the table; foreign keys aside."""
    values: dict[str, str] = {}
    for column in await conn.fetch(_COLUMNS, table):
        values[column["name"]] = _value(column["type"], column["condition"])
    values["tenant"] = str(tenant)
    columns = ", ".join(f'"{name}"' for name in values)
    literals = ", ".join(f"'{value}'" for value in values.values())
    return f"INSERT INTO {table} ({columns}) VALUES ({literals})"  # noqa: S608 - our names, our values


async def find_leaks(database: PostgresDatabase, tenants: Tenants) -> list[str]:
    """
    Put a row of tenant B into every table, and try to see, change, remove and add such rows as A and as nobody.

    Args:
        database: A migrated one; it is changed.
        tenants: A and B.

    Returns:
        One sentence for each attempt that got through, and for a row that B itself does not see.
    """
    statements = await _fill(database.admin_dsn, tenants.b)
    leaks: list[str] = []
    async with Database.open(database.dsn, application_name="isolation", max_size=1) as db:
        for table, insert in statements.items():
            async with db.tenant(tenants.b) as conn:
                if not await conn.fetchval(f"SELECT count(*) FROM {table}"):  # noqa: S608 - a table of ours
                    leaks.append(f"{table}: a tenant does not see its own row")
            async with db.untenanted() as conn:
                leaks += await _attempts(conn, f"{table} without a tenant", table, insert, "true")
            async with db.tenant(tenants.a) as conn:
                others = f"tenant <> '{tenants.a}'"
                leaks += await _attempts(conn, f"{table} as another tenant", table, insert, others)
    return leaks


async def _fill(admin_dsn: str, tenant: UUID) -> dict[str, str]:
    """Insert a row into every tenant table, whatever it refers to; returns the statements by table."""
    conn = await asyncpg.connect(admin_dsn)
    try:
        statements = {table: await insert_statement(conn, table, tenant) for table in await tenant_tables(conn)}
        await conn.execute("SET session_replication_role = replica")  # no foreign keys, no triggers
        for statement in statements.values():
            await conn.execute(f"{statement} ON CONFLICT DO NOTHING")
        return statements
    finally:
        await conn.close()


async def _attempts(conn: Connection, who: str, table: str, insert: str, foreign: str) -> list[str]:
    """
    What this connection gets at, undone afterwards.

    Args:
        conn: Bound to a tenant, or to none.
        who: Begins the sentences.
        table: What to try.
        insert: Adds a row that is not this connection's to add.
        foreign: The condition of rows that it must not see.
    """
    attempt = conn.transaction()
    await attempt.start()
    try:
        leaks: list[str] = []
        if await conn.fetchval(f"SELECT count(*) FROM {table} WHERE {foreign}"):  # noqa: S608 - a table of ours
            leaks.append(f"{who}: sees rows")
        if not await _is_refused(conn, f"UPDATE {table} SET tenant = tenant WHERE {foreign}"):  # noqa: S608 - likewise
            leaks.append(f"{who}: changes rows")
        if not await _is_refused(conn, f"DELETE FROM {table} WHERE {foreign}"):  # noqa: S608 - likewise
            leaks.append(f"{who}: removes rows")
        if not await _is_refused(conn, insert):
            leaks.append(f"{who}: adds rows")
        return leaks
    finally:
        await attempt.rollback()


async def _is_refused(conn: Connection, statement: str) -> bool:
    """Whether row-level security stops a statement; a key or check that happens to stop it does not count."""
    try:
        async with conn.transaction():
            return (await conn.execute(statement)).endswith(" 0")
    except asyncpg.InsufficientPrivilegeError:
        return True
    except asyncpg.IntegrityConstraintViolationError:
        return False


def _value(type_name: str, condition: str | None) -> str:
    if type_name == "uuid":
        return str(uuid4())
    if condition is not None and "~" in condition:
        return "0" * 64  # the pattern of a SHA-256
    if condition is not None and "'" in condition:
        return str(condition.split("'")[1])  # the first of the words that are allowed
    return str(_VALUES.get(type_name, "x"))
