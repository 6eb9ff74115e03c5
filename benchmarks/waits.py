"""From an event to what it starts or wakes, against bare Temporal starts and signals."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarks.alone import Alone, running_alone
from benchmarks.bare_worker import QUEUE, BareWait
from benchmarks.platform import Platform
from workflow_core.storage.database import Database
from workflow_devstack.api import Api
from workflow_devstack.seed import CONNECTED

EVENTS = 300
WAITS = 1000
AT_ONCE = 50
NAME = "BENCHMARK_EVENT"

_STARTED = """
SELECT started_at AS at, extract(epoch FROM started_at)::float8 AS started FROM workflow_runs
WHERE event_id = $1 AND started_at IS NOT NULL
"""
WAIT = {
    "id": "wait",
    "type": "event.wait",
    "config": {"eventName": NAME, "correlationKey": {"$expr": "$string(payload.number)"}},
}


async def measure(platform: Platform, console: Console) -> None:
    """Prints the time from an event's request to its run's start, and the wake-ups a second."""
    console.print(await _event_to_run(platform))
    async with running_alone(platform) as engine:
        console.print(await _wake_up(engine))


async def _event_to_run(platform: Platform) -> Table:
    definition = {
        "id": "b",
        "version": 1,
        "name": "Benchmark of events",
        "payloadSchemaRef": "payload.Empty.v1",
        "trigger": {"type": "event", "eventName": NAME},
        "steps": [{"id": "end", "type": "control.return"}],
    }
    taken: list[float] = []
    starts: list[float] = []
    async with (
        Api(platform.url, platform.token) as api,
        Database.open(platform.dsn, application_name="benchmarks", max_size=2) as database,
        running_alone(platform) as engine,
    ):
        created = await api.call("POST", "/api/workflow-definitions", body={"definition": definition})
        await api.call("POST", f"/api/workflow-definitions/{created['workflowId']}/draft/publish", body={})
        for number in range(EVENTS):
            began = time.time()
            event = await api.call("POST", "/api/workflow/events", body={"eventName": NAME, "payload": {}})
            while True:
                async with database.tenant(CONNECTED.tenant) as conn:
                    rows = await conn.fetch(_STARTED, event["eventId"])
                if rows:
                    break
                await asyncio.sleep(0.002)
            if number >= EVENTS // 10:
                taken.append((rows[0]["started"] - began) * 1000)
            began = time.perf_counter()
            handle = await engine.bare.start_workflow(BareWait.run, id=str(uuid4()), task_queue=QUEUE)
            starts.append((time.perf_counter() - began) * 1000)
            await handle.terminate()
    table = Table("what", "bare start", "event → run", "ratio", title="From an event's request to its run's start")
    for name, percentile in (("p50", 50), ("p99", 99)):
        bare, own = (_percentile(times, percentile) for times in (starts, taken))
        table.add_row(name, f"{bare:.1f} ms", f"{own:.1f} ms", f"{own / bare:.1f}")
    return table


def _percentile(times: Sequence[float], percentile: int) -> float:
    return statistics.quantiles(times, n=100)[percentile - 1]


async def _wake_up(engine: Alone) -> Table:
    run_ids = await engine.start_many(await engine.publish([WAIT]), WAITS)
    await engine.until("SELECT count(*) FROM workflow_run_waits WHERE status = 'WAITING'", WAITS)
    began = time.perf_counter()
    await _all(WAITS, lambda number: engine.post(NAME, str(number)))
    posted = time.perf_counter() - began
    await asyncio.gather(*(engine.ended(run_id) for run_id in run_ids))
    own = time.perf_counter() - began

    handles = [await engine.bare.start_workflow(BareWait.run, id=str(uuid4()), task_queue=QUEUE) for _ in range(WAITS)]
    began = time.perf_counter()
    await _all(WAITS, lambda number: handles[number].signal(BareWait.come, "now"))
    await asyncio.gather(*(handle.result() for handle in handles))
    bare = time.perf_counter() - began
    table = Table("what", "seconds", "per second", "ratio", title=f"{WAITS} waits woken by {WAITS} events")
    table.add_row("bare workflows, signalled", f"{bare:.1f}", f"{WAITS / bare:.0f}", "")
    table.add_row("runs, by events with their key", f"{own:.1f}", f"{WAITS / own:.0f}", f"{bare / own:.2f}")
    table.add_row("of which posting", f"{posted:.1f}", f"{WAITS / posted:.0f}", "")
    return table


async def _all(count: int, do: Callable[[int], Awaitable[None]]) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            await do(number)

    await asyncio.gather(*(one(number) for number in range(count)))
