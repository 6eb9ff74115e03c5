"""One tenant floods a worker; another one's short run, alone and beside the flood.

External calls take as long as over the internet. Of those that answer at once, a tenant's share keeps the machine as
busy as it can be, which no order of its work makes up for: that flood is shown without a target.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from uuid import UUID, uuid4

import attrs
from rich.console import Console
from rich.table import Table

from benchmarks.alone import OTHER_TENANT, Alone, call, loop, running_alone
from benchmarks.platform import Platform
from workflow_core.execution.runs import start_run
from workflow_core.execution.terminate import terminate_run

#: The flood: so many runs are wanted, of which so many may be busy at once (what a worker takes for granted).
RUNS = 120
LIMIT = 100
#: Runs of the other tenant, and seconds from one's begin to the next.
SHORT_RUNS = 60
PACE = 0.2
TARGET = 2.0

_DONE = "SELECT count(*) FROM workflow_run_steps WHERE run_id = ANY ($1) AND step_type = 'action.call'"


async def measure(platform: Platform, console: Console) -> None:
    """Prints the other tenant's latency alone, and beside floods of several kinds."""
    async with running_alone(platform) as engine:
        other = attrs.evolve(engine, tenant=OTHER_TENANT)
        short = await other.publish([call("local", step="a"), call("far_once", step="b"), call("local", step="c")])
        await _latencies(other, short)  # what is not measured: the first runs of a worker
        table = Table(
            "the other tenant", "p50", "ratio", "target", "p95", "ratio", "done beside it",
            title="A run of an external call between two of the database, alone and beside a flood",
        )  # fmt: skip
        alone = await _latencies(other, short)
        table.add_row("does nothing", f"{_ms(alone, 50):.0f} ms", "", "", f"{_ms(alone, 95):.0f} ms", "", "")
        floods = {
            "loops over the database": ([loop(2000, [call("local", "$string(item)")])], TARGET),
            "loops over external calls": ([loop(2000, [call("far_read", "$string(item)")], at_once=10)], TARGET),
            "loops over both": ([loop(1000, [call("local", step="l"), call("far_once", step="o")], at_once=5)], TARGET),
            "loops over calls answered at once": ([loop(2000, [call("read", "$string(item)")], at_once=10)], None),
        }
        for what, (steps, target) in floods.items():
            workflow_id = await engine.publish(steps)
            runs = [await _start(engine, workflow_id) for _ in range(RUNS)]
            before = (await engine.fetch(_DONE, runs))[0][0]
            began = time.perf_counter()
            beside = await _latencies(other, short)
            rate = ((await engine.fetch(_DONE, runs))[0][0] - before) / (time.perf_counter() - began)
            table.add_row(what, *_cells(alone, beside, target), f"{rate:.0f} calls/s")
            for run_id in reversed(runs):  # those first that wait for their turn
                await terminate_run(engine.database, engine.client, tenant=engine.tenant, run_id=run_id, user=uuid4())
        console.print(table)


def _cells(alone: list[float], beside: list[float], target: float | None) -> list[str]:
    median, slow = ((_ms(beside, percentile), _ms(alone, percentile)) for percentile in (50, 95))
    ratio = median[0] / median[1]
    verdict = "" if target is None else f"≤ {target:g} {'✓' if ratio <= target else '✗'}"
    return [f"{median[0]:.0f} ms", f"{ratio:.2f}", verdict, f"{slow[0]:.0f} ms", f"{slow[0] / slow[1]:.2f}"]


async def _start(engine: Alone, workflow_id: UUID) -> UUID:
    run_id = uuid4()
    await start_run(
        engine.database, engine.client, engine.registry,
        tenant=engine.tenant, workflow_id=workflow_id, version=None, payload={}, actor=None, cause="api",
        run_id=run_id, tenant_runs=LIMIT,
    )  # fmt: skip
    return run_id


async def _latencies(engine: Alone, workflow_id: UUID) -> list[float]:
    """Milliseconds from the start to the end, of one run after the other."""
    taken = []
    for _ in range(SHORT_RUNS):
        began = time.perf_counter()
        await engine.ended(await _start(engine, workflow_id))
        took = time.perf_counter() - began
        taken.append(took * 1000)
        await asyncio.sleep(max(0.0, PACE - took))
    return taken


def _ms(taken: list[float], percentile: int) -> float:
    return statistics.quantiles(taken, n=100)[percentile - 1]
