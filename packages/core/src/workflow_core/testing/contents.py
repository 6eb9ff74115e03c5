"""Everything that a database holds, to be held against what it holds later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from workflow_core.storage.database import Connection, our_tables

#: The rows of each table as sorted text.
Contents: TypeAlias = Mapping[str, list[str]]

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname = ANY ($1::text[])
"""


async def read_contents(conn: Connection) -> Contents:
    """Every row of every table of ours that the connection sees."""
    contents = {}
    for row in await conn.fetch(_TABLES, await our_tables(conn)):
        table = row["relname"]
        rows = await conn.fetch(f'SELECT r::text AS text FROM "{table}" r ORDER BY 1')  # noqa: S608 - our own names
        contents[table] = [row["text"] for row in rows]
    return contents


def changed_tables(before: Contents, after: Contents) -> set[str]:
    """The tables whose rows differ."""
    return {table for table in before.keys() | after.keys() if before.get(table) != after.get(table)}
