"""A run (``assets.find`` → ``tickets.create``) against a bare Temporal workflow with two no-op activities."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from benchmarks.bare_worker import QUEUE, BareWorkflow
from benchmarks.platform import Platform
from workflow_core.discovery import Registry, discover
from workflow_core.execution.runs import start_run
from workflow_core.storage.database import Database
from workflow_core.temporal import connect, run_workflow_id
from workflow_devstack.api import Api
from workflow_devstack.seed import CONNECTED

SEQUENCE = 200
BLOCK = 20
PACE = 0.1
CONCURRENT_RUNS = 300
CONCURRENCY = 50

Once = Callable[[], Awaitable[None]]


def _definition() -> dict[str, object]:
    def call(step: str, action: str, mapping: dict[str, object], save_as: str) -> dict[str, object]:
        config = {"actionId": action, "version": 1, "inputMapping": mapping, "saveAs": save_as}
        return {"id": step, "type": "action.call", "config": config}

    steps = [
        call("find", "assets.find", {"external_device_id": "101", "provider": "ninjaone"}, "found"),
        call(
            "create",
            "tickets.create",
            {
                "client_id": {"$expr": "found.asset.client_id"},
                "title": {"$expr": "'Look at ' & found.asset.name"},
                "board_id": str(CONNECTED.board_id),
                "priority_id": str(CONNECTED.priority_ids["Low"]),
            },
            "ticket",
        ),
    ]
    return {"id": "b", "version": 1, "name": "Benchmark", "payloadSchemaRef": "payload.Empty.v1", "steps": steps}


async def _publish(platform: Platform) -> UUID:
    async with Api(platform.url, platform.token) as api:
        created = await api.call("POST", "/api/workflow-definitions", body={"definition": _definition()})
        workflow_id = created["workflowId"]
        await api.call("POST", f"/api/workflow-definitions/{workflow_id}/draft/publish", body={})
    return UUID(workflow_id)


async def measure(platform: Platform, console: Console) -> None:
    """Prints latency and throughput of both, measured in turn in blocks."""
    workflow_id = await _publish(platform)
    registry = discover().registry
    bare_client = await Client.connect(platform.temporal_address)
    client = await connect(platform.temporal_address, "default")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.bare_worker", platform.temporal_address
    )
    try:
        async with Database.open(platform.dsn, application_name="benchmarks", max_size=10) as database:

            async def ours() -> None:
                await _one_run(database, client, registry, workflow_id)

            async def bare() -> None:
                await bare_client.execute_workflow(BareWorkflow.run, "x", id=str(uuid4()), task_queue=QUEUE)

            for once in (ours, bare):
                for _ in range(BLOCK):
                    await once()
            table = Table("what", "bare", "run", "ratio", "target", title="A run against a bare Temporal workflow")
            await _sequence(table, "latency, back to back", bare, ours, pace=0.0)
            await _sequence(table, f"latency, one every {PACE * 1000:.0f} ms", bare, ours, pace=PACE)
            await _throughput(table, bare, ours)
            console.print(table)
    finally:
        process.terminate()
        await process.wait()


async def _one_run(database: Database, client: Client, registry: Registry, workflow_id: UUID) -> None:
    run_id = uuid4()
    await start_run(
        database, client, registry,
        tenant=CONNECTED.tenant, workflow_id=workflow_id, version=1, payload={}, actor=None, cause="api",
        run_id=run_id,
    )  # fmt: skip
    await client.get_workflow_handle(run_workflow_id(str(run_id), 1)).result()


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
        verdict = f"≤ 1.5 {'✓' if ratio <= 1.5 else '✗'}"
        table.add_row(f"{what}, {name}", f"{theirs:.1f} ms", f"{own:.1f} ms", f"{ratio:.2f}", verdict)


async def _throughput(table: Table, bare: Once, ours: Once) -> None:
    rates: dict[Once, list[float]] = {bare: [], ours: []}
    for order in ((bare, ours), (ours, bare)):
        for once in order:
            places = asyncio.Semaphore(CONCURRENCY)

            async def placed(once: Once = once, places: asyncio.Semaphore = places) -> None:
                async with places:
                    await once()

            began = time.perf_counter()
            await asyncio.gather(*(placed() for _ in range(CONCURRENT_RUNS)))
            rates[once].append(CONCURRENT_RUNS / (time.perf_counter() - began))
    theirs, own = statistics.mean(rates[bare]), statistics.mean(rates[ours])
    ratio = own / theirs
    table.add_row(
        f"throughput, {CONCURRENT_RUNS} at {CONCURRENCY} at once",
        f"{theirs:.1f} /s",
        f"{own:.1f} /s",
        f"{ratio:.2f}",
        f"≥ 0.6 {'✓' if ratio >= 0.6 else '✗'}",
    )
