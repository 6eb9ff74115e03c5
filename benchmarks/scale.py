"""Large runs and many of them: what the worker's memory and Temporal's histories come to."""

from __future__ import annotations

import asyncio
import time
from functools import reduce
from uuid import UUID

from rich.console import Console
from rich.table import Table

from benchmarks.alone import Alone, Step, call, loop, running_alone
from benchmarks.platform import Platform
from benchmarks.waits import NAME, WAIT

ITEMS = 10_000
DEPTH = 100
RUNS = 1000
LIMIT = 20
WAITING = 5000

_MOST_AT_ONCE = """
SELECT max(under_way) FROM (
    SELECT sum(step) OVER (ORDER BY at, step) AS under_way FROM (
        SELECT started_at AS at, 1 AS step FROM workflow_runs WHERE workflow_id = $1
        UNION ALL SELECT completed_at, -1 FROM workflow_runs WHERE workflow_id = $1
    ) AS steps
) AS sums
"""

_SUCCEEDED = "SELECT count(*) FROM workflow_runs WHERE workflow_id = $1 AND status = 'SUCCEEDED'"


async def measure(platform: Platform, console: Console) -> None:
    """Prints them."""
    async with running_alone(platform) as engine:
        await engine.ended(await engine.start(await engine.publish([call("read"), call("local", step="l")])))
        table = Table(
            *("what", "seconds", "histories", "events", "bytes", "worker MB"),
            title="Large runs: the longest and the largest of each run's histories, the worker's memory around it",
        )
        for at_once in (1, 10):
            for name in ("local", "read"):
                workflow_id = await engine.publish([loop(ITEMS, [call(name, "$string(item)")], at_once=at_once)])
                await _row(engine, table, f"{ITEMS:,} items, {name}, {at_once} at once", workflow_id)
        await _row(engine, table, f"{DEPTH} blocks in each other", await engine.publish([_nested(DEPTH)]))
        console.print(table)
        console.print(await _limited(engine))
        console.print(await _waiting(engine))


async def _row(engine: Alone, table: Table, what: str, workflow_id: UUID) -> None:
    before, began = engine.memory(), time.perf_counter()
    run_id = await engine.start(workflow_id)
    await engine.ended(run_id)
    took, after = time.perf_counter() - began, engine.memory()
    kept = await engine.histories(run_id)
    table.add_row(
        what, f"{took:.1f}", str(kept.executions), f"{kept.events:,}", f"{kept.size:,}",
        f"{before:.0f} → {after:.0f}",
    )  # fmt: skip


def _nested(depth: int) -> Step:
    """Loops, conditions and catches in each other, with an action inside of all of them."""

    def around(inner: Step, level: int) -> Step:
        step = f"s{level}"
        if level % 3 == 0:
            return {**loop(1, [inner], at_once=1 + level % 2), "id": step, "itemVar": f"item{level}"}
        if level % 3 == 1:
            return {"id": step, "type": "control.if", "condition": {"$expr": "true"}, "then": [inner], "else": []}
        return {"id": step, "type": "control.tryCatch", "try": [inner], "catch": []}

    return reduce(around, range(depth), call("local"))


async def _limited(engine: Alone) -> Table:
    workflow_id = await engine.publish([call("once")], limit=LIMIT)
    began = time.perf_counter()
    await engine.start_many(workflow_id, RUNS)
    await engine.until(_SUCCEEDED, RUNS, workflow_id)
    took = time.perf_counter() - began
    most = (await engine.fetch(_MOST_AT_ONCE, workflow_id))[0][0]
    table = Table("what", "found", title=f"{RUNS:,} runs of a workflow with concurrencyLimit {LIMIT}, started at once")
    table.add_row("runs under way at once, at most", f"{most} {'✓' if most <= LIMIT else '✗'}")
    table.add_row("all succeeded after", f"{took:.1f} s")
    return table


async def _waiting(engine: Alone) -> Table:
    before = engine.memory()
    began = time.perf_counter()
    workflow_id = await engine.publish([WAIT])
    run_ids = await engine.start_many(workflow_id, WAITING)
    await engine.until("SELECT count(*) FROM workflow_run_waits WHERE status = 'WAITING'", WAITING)
    took, during = time.perf_counter() - began, engine.memory()
    kept = (await engine.handle(run_ids[0]).describe()).raw_info
    began = time.perf_counter()
    for first in range(0, WAITING, 50):
        await asyncio.gather(*(engine.post(NAME, str(number)) for number in range(first, first + 50)))
    await engine.until(_SUCCEEDED, WAITING, workflow_id)
    table = Table("what", "found", title=f"{WAITING:,} runs that wait for an event")
    table.add_row("until all wait", f"{took:.1f} s")
    table.add_row("worker before, while they wait", f"{before:.0f} MB, {during:.0f} MB")
    table.add_row("history of one", f"{kept.history_length} events, {kept.history_size_bytes:,} bytes")
    table.add_row("until all were woken and have ended", f"{time.perf_counter() - began:.1f} s")
    return table
