"""A run (``assets.find`` → ``tickets.create``) against a bare Temporal workflow with two activities that do nothing."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import attrs
from rich.console import Console
from rich.table import Table
from temporalio.client import Client, WorkflowHandle

from benchmarks.bare_worker import QUEUE, BareWorkflow
from benchmarks.platform import Platform, temporal_in_memory
from workflow_core.discovery import Registry, discover
from workflow_core.execution.runs import start_run
from workflow_core.storage.database import Database
from workflow_core.temporal import connect, run_workflow_id
from workflow_devstack.api import Api
from workflow_devstack.seed import CONNECTED

SEQUENCE = 200
BLOCK = 20
PACE = 0.1
#: Of each side, in so many blocks that take turns.
CONCURRENT_RUNS = 1000
CONCURRENT_BLOCKS = 10
CONCURRENCY = 50

Once = Callable[[], Awaitable[None]]
Step = dict[str, Any]


def _call(step: str, action: str, mapping: dict[str, object]) -> Step:
    config = {"actionId": action, "version": 1, "inputMapping": mapping, "saveAs": step}
    return {"id": step, "type": "action.call", "config": config}


FIND = _call("found", "assets.find", {"external_device_id": "101", "provider": "ninjaone"})
CREATE = _call(
    "ticket",
    "tickets.create",
    {
        "client_id": {"$expr": "found.asset.client_id"},
        "title": {"$expr": "'Look at ' & found.asset.name"},
        "board_id": str(CONNECTED.board_id),
        "priority_id": str(CONNECTED.priority_ids["Low"]),
    },
)
FIND_DEVICE = _call("device", "ninjaone.devices.find", {"device_id": "101"})


def _repeated(step: Step, times: int) -> list[Step]:
    return [{**step, "id": f"{step['id']}{number}"} for number in range(times)]


async def _publish(platform: Platform, steps: Sequence[Step]) -> UUID:
    definition = {
        "id": "b", "version": 1, "name": "Benchmark", "payloadSchemaRef": "payload.Empty.v1", "steps": list(steps)
    }  # fmt: skip
    async with Api(platform.url, platform.token) as api:
        created = await api.call("POST", "/api/workflow-definitions", body={"definition": definition})
        workflow_id = created["workflowId"]
        await api.call("POST", f"/api/workflow-definitions/{workflow_id}/draft/publish", body={})
    return UUID(workflow_id)


@attrs.frozen
class Engines:
    """Both sides on one Temporal server: the platform's worker, and one with the bare workflow."""

    database: Database
    registry: Registry
    client: Client
    bare_client: Client

    async def run(self, workflow_id: UUID) -> WorkflowHandle[Any, Any]:
        """Runs one of ours to its end."""
        run_id = uuid4()
        await start_run(
            self.database, self.client, self.registry,
            tenant=CONNECTED.tenant, workflow_id=workflow_id, version=1, payload={}, actor=None, cause="api",
            run_id=run_id,
        )  # fmt: skip
        handle = self.client.get_workflow_handle(run_workflow_id(str(run_id), 1))
        await handle.result()
        return handle

    async def bare(self) -> WorkflowHandle[Any, Any]:
        """Runs the bare workflow to its end."""
        handle = await self.bare_client.start_workflow(BareWorkflow.run, "x", id=str(uuid4()), task_queue=QUEUE)
        await handle.result()
        return handle


@asynccontextmanager
async def _engines(platform: Platform, address: str) -> AsyncIterator[Engines]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.bare_worker", address)
    try:
        async with Database.open(platform.dsn, application_name="benchmarks", max_size=10) as database:
            registry = discover().registry
            yield Engines(database, registry, await connect(address, "default"), await Client.connect(address))
    finally:
        process.terminate()
        await process.wait()


async def measure(platform: Platform, console: Console) -> None:
    """Prints latency and throughput of both, measured in turn in blocks, and the events in Temporal's histories."""
    workflow_id = await _publish(platform, (FIND, CREATE))
    async with _engines(platform, platform.temporal_address) as engines:
        console.print(await _compare(engines, workflow_id, "its state in a file"))
        console.print(await _events(platform, engines, workflow_id))
    async with temporal_in_memory(platform) as address, _engines(platform, address) as engines:
        console.print(await _compare(engines, workflow_id, "its state in memory"))


async def _compare(engines: Engines, workflow_id: UUID, where: str) -> Table:
    async def ours() -> None:
        await engines.run(workflow_id)

    async def bare() -> None:
        await engines.bare()

    for once in (ours, bare):
        for _ in range(BLOCK):
            await once()
    table = Table(
        "what", "bare", "run", "ratio", "target",
        title=f"A run against a bare Temporal workflow with two activities; Temporal with {where}",
    )  # fmt: skip
    await _sequence(table, "latency, back to back", bare, ours, pace=0.0)
    await _sequence(table, f"latency, one every {PACE * 1000:.0f} ms", bare, ours, pace=PACE)
    await _throughput(table, bare, ours)
    return table


async def _sequence(table: Table, what: str, bare: Once, ours: Once, *, pace: float) -> None:
    taken: dict[Once, list[float]] = {bare: [], ours: []}
    for _ in range(SEQUENCE // BLOCK):
        for once in (bare, ours):
            for _ in range(BLOCK):
                began = time.perf_counter()
                await once()
                took = time.perf_counter() - began
                taken[once].append(took * 1000)
                await asyncio.sleep(max(0.0, pace - took))
    for name, percentile in (("p50", 50), ("p95", 95)):
        theirs, own = (statistics.quantiles(taken[once], n=100)[percentile - 1] for once in (bare, ours))
        ratio = own / theirs
        verdict = f"≤ 1 {'✓' if ratio <= 1 else '✗'}"
        table.add_row(f"{what}, {name}", f"{theirs:.1f} ms", f"{own:.1f} ms", f"{ratio:.2f}", verdict)


async def _throughput(table: Table, bare: Once, ours: Once) -> None:
    seconds: dict[Once, float] = {bare: 0.0, ours: 0.0}
    for block in range(CONCURRENT_BLOCKS):
        for once in (bare, ours) if block % 2 == 0 else (ours, bare):
            places = asyncio.Semaphore(CONCURRENCY)

            async def placed(once: Once = once, places: asyncio.Semaphore = places) -> None:
                async with places:
                    await once()

            began = time.perf_counter()
            await asyncio.gather(*(placed() for _ in range(CONCURRENT_RUNS // CONCURRENT_BLOCKS)))
            seconds[once] += time.perf_counter() - began
    theirs, own = CONCURRENT_RUNS / seconds[bare], CONCURRENT_RUNS / seconds[ours]
    ratio = own / theirs
    table.add_row(
        f"throughput, {CONCURRENT_RUNS} at {CONCURRENCY} at once",
        f"{theirs:.1f} /s",
        f"{own:.1f} /s",
        f"{ratio:.2f}",
        f"≥ 1 {'✓' if ratio >= 1 else '✗'}",
    )


async def _events(platform: Platform, engines: Engines, workflow_id: UUID) -> Table:
    """What Temporal keeps: of whole runs, and of each action more."""
    table = Table("what", "events", title="Events in Temporal's history")
    table.add_row("the bare workflow with two activities", str(await _length(await engines.bare())))
    table.add_row("the run with two database actions", str(await _length(await engines.run(workflow_id))))
    for what, step in (("database", FIND), ("external", FIND_DEVICE)):
        few, many = [
            await _length(await engines.run(await _publish(platform, _repeated(step, times)))) for times in (1, 5)
        ]
        table.add_row(f"each call of a {what} action", f"{(many - few) / 4:g}")
    return table


async def _length(handle: WorkflowHandle[Any, Any]) -> int:
    return len((await handle.fetch_history()).events)
