"""Importing 300 bundles over HTTP against bare INSERTs of the same rows, one transaction a bundle."""

from __future__ import annotations

import itertools
import statistics
import time
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.platform import Platform
from workflow_devstack.seed import CONNECTED

SAMPLES = Path(__file__).parents[1] / "tests" / "bundles"
BUNDLES = 300
ROUNDS = 3
TABLES = ("workflow_definitions", "workflow_definition_versions", "audit_logs")
#: By which column each table knows its workflow.
IDS = dict(zip(TABLES, ("workflow_id", "workflow_id", "record_id"), strict=True))

Rows = dict[str, list[asyncpg.Record]]


def _bundles() -> list[dict[str, Any]]:
    """The sample bundles over and over, under keys of their own."""
    samples = [orjson.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("*.json"))]
    bundles = []
    for number, sample in zip(range(BUNDLES), itertools.cycle(samples), strict=False):
        workflows = [{**each, "key": f"bench.{number}.{each['key']}"} for each in sample["workflows"]]
        bundles.append({**sample, "workflows": workflows})
    return bundles


async def measure(platform: Platform, console: Console) -> None:
    """Prints bundles a second of both, alternately measured, and the median of the ratios."""
    bundles = [orjson.dumps(bundle) for bundle in _bundles()]
    everything = _bundles()
    whole = orjson.dumps({**everything[0], "workflows": [w for bundle in everything for w in bundle["workflows"]]})
    conn = await asyncpg.connect(platform.dsn)
    headers = {"Authorization": f"Bearer {platform.token}", "Content-Type": "application/json"}
    table = Table("what", "INSERTs", "import", "ratio", title=f"{BUNDLES} bundles, median of {ROUNDS}")
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            url = f"{platform.url}/api/workflow-definitions/import"
            for what, bodies in (("one bundle each", bundles), ("one bundle of all", [whole])):
                pairs = []
                for _ in range(ROUNDS):
                    ours, answers = await _imports(session, url, bodies)
                    rows = [await _rows(conn, answer) for answer in answers]
                    await _clear(conn)
                    pairs.append((await _inserts(conn, rows), ours))
                    await _clear(conn)
                theirs, own = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
                ratio = statistics.median(ours / theirs for theirs, ours in pairs)
                table.add_row(what, f"{theirs:.0f} ms", f"{own:.0f} ms", f"{ratio:.1f}")
    finally:
        await conn.close()
    console.print(table)


async def _imports(session: aiohttp.ClientSession, url: str, bodies: list[bytes]) -> tuple[float, list[Any]]:
    answers = []
    began = time.perf_counter()
    for body in bodies:
        async with session.post(url, data=body) as answer:
            answer.raise_for_status()
            answers.append(await answer.read())
    return time.perf_counter() - began, [orjson.loads(answer) for answer in answers]


async def _rows(conn: asyncpg.Connection[asyncpg.Record], answer: Any) -> Rows:
    """What an import wrote; JSON as text, so that writing it again costs no more than that."""
    ids = [created["workflowId"] for created in answer["createdWorkflows"]]
    async with conn.transaction():
        await _bind(conn)
        return {
            table: await conn.fetch(f"SELECT * FROM {table} WHERE {column}::text = ANY ($1)", ids)
            for table, column in IDS.items()
        }


async def _inserts(conn: asyncpg.Connection[asyncpg.Record], bundles: list[Rows]) -> float:
    began = time.perf_counter()
    for bundle in bundles:
        async with conn.transaction():
            await _bind(conn)
            for table, rows in bundle.items():
                if rows:
                    columns = list(rows[0].keys())
                    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
                    await conn.executemany(
                        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",
                        [tuple(row.values()) for row in rows],
                    )
    return time.perf_counter() - began


async def _clear(conn: asyncpg.Connection[asyncpg.Record]) -> None:
    async with conn.transaction():
        await _bind(conn)
        await conn.execute("DELETE FROM workflow_definitions WHERE key LIKE 'bench.%'")
        await conn.execute("DELETE FROM audit_logs WHERE details ->> 'key' LIKE 'bench.%'")


async def _bind(conn: asyncpg.Connection[asyncpg.Record]) -> None:
    await conn.execute("SELECT set_config('app.tenant', $1, true)", str(CONNECTED.tenant))
