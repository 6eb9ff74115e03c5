"""The engine without the rest: a database and a Temporal server of its own, and one worker with the no-op actions."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import attrs
from temporalio.client import Client, WorkflowHandle

from benchmarks import noop
from benchmarks.platform import Platform, bare_temporal, running
from workflow_core.discovery import Registry, registry_of
from workflow_core.execution.inbox import Inbox, NewEvent
from workflow_core.execution.runs import start_run
from workflow_core.storage.database import Database
from workflow_core.storage.migrations import migrate
from workflow_core.temporal import connect, run_workflow_id

TENANT: Final = UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
OTHER_TENANT: Final = UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb")

Step = dict[str, Any]


def call(name: str, text: str = "''", step: str = "call") -> Step:
    """A step that does nothing."""
    config = {"actionId": f"noop.{name}", "version": 1, "inputMapping": {"text": {"$expr": text}}}
    return {"id": step, "type": "action.call", "config": config}


def loop(items: int, body: Sequence[Step], *, at_once: int = 1) -> Step:
    """So many items."""
    return {
        "id": "loop",
        "type": "control.forEach",
        "items": {"$expr": f"[1..{items}]"},
        "itemVar": "item",
        "body": list(body),
        "concurrency": at_once,
    }


@attrs.frozen
class Histories:
    """What Temporal keeps of one run.

    Attributes:
        executions: One more each time that it was continued as new.
        events: Of the longest.
        size: Bytes of the largest.
    """

    executions: int
    events: int
    size: int


@attrs.frozen
class Alone:
    """The engine.

    Attributes:
        client: Ours.
        bare: With Temporal's own converter, for the baselines.
        worker: Its process id.
        tenant: In whose name everything is done.
    """

    database: Database
    registry: Registry
    client: Client
    bare: Client
    worker: int
    tenant: UUID = TENANT

    async def publish(self, steps: Sequence[Step], *, limit: int | None = None) -> UUID:
        """Publishes a workflow without asking."""
        workflow_id = uuid4()
        definition = {
            "id": str(workflow_id), "version": 1, "name": "b", "payloadSchemaRef": "payload.Empty.v1",
            "steps": list(steps),
        }  # fmt: skip
        async with self.database.tenant(self.tenant) as conn:
            await conn.execute(
                "INSERT INTO workflow_definitions (tenant, workflow_id, name, payload_schema_ref, draft_definition, "
                "draft_version, published_version, status, concurrency_limit) "
                "VALUES ($1, $2, $3, 'payload.Empty.v1', $4, 1, 1, 'published', $5)",
                self.tenant,
                workflow_id,
                str(workflow_id),
                definition,
                limit,
            )
            await conn.execute(
                "INSERT INTO workflow_definition_versions (tenant, workflow_id, version, definition_json, "
                "definition_sha256) VALUES ($1, $2, 1, $3, 'x')",
                self.tenant,
                workflow_id,
                definition,
            )
        return workflow_id

    async def start(self, workflow_id: UUID, payload: Any = None) -> UUID:
        """Starts a run: its id."""
        run_id = uuid4()
        await start_run(
            self.database, self.client, self.registry,
            tenant=self.tenant, workflow_id=workflow_id, version=None, payload=payload or {}, actor=None, cause="api",
            run_id=run_id,
        )  # fmt: skip
        return run_id

    async def start_many(self, workflow_id: UUID, count: int, *, at_once: int = 50) -> list[UUID]:
        """Starts so many runs, whose payload has their number."""
        places = asyncio.Semaphore(at_once)

        async def one(number: int) -> UUID:
            async with places:
                return await self.start(workflow_id, {"number": number})

        return await asyncio.gather(*(one(number) for number in range(count)))

    def handle(self, run_id: UUID) -> WorkflowHandle[Any, Any]:
        """What Temporal has of a run."""
        return self.client.get_workflow_handle(run_workflow_id(str(run_id), 1))

    async def ended(self, run_id: UUID) -> None:
        """Waits until a run has succeeded."""
        await self.handle(run_id).result()

    async def post(self, name: str, key: str) -> None:
        """Posts an event."""
        inbox = Inbox(self.database, self.client, self.registry)
        await inbox.accept(self.tenant, NewEvent(name=name, payload={}, correlation_key=key))

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """Rows of the tenant."""
        async with self.database.tenant(self.tenant) as conn:
            return list(await conn.fetch(query, *arguments))

    async def until(self, query: str, expected: int, *arguments: Any) -> None:
        """Waits until a query counts so many."""
        while (found := (await self.fetch(query, *arguments))[0][0]) != expected:
            if found > expected:
                sys.exit(f"{found} instead of {expected}: {query}")
            await asyncio.sleep(0.05)

    async def histories(self, run_id: UUID) -> Histories:
        """What Temporal keeps of a run."""
        infos: list[Any] = []
        while not infos or any(info.status == 1 for info in infos):  # what is shown follows what is
            workflows = self.client.list_workflows(f'WorkflowId = "{run_workflow_id(str(run_id), 1)}"')
            infos = [found.raw_info async for found in workflows]
        longest = max(info.history_length for info in infos)
        return Histories(len(infos), longest, max(info.history_size_bytes for info in infos))

    def memory(self) -> float:
        """Megabytes that the worker has in memory."""
        (line,) = [
            line for line in Path(f"/proc/{self.worker}/status").read_text().splitlines() if line.startswith("VmRSS")
        ]
        return int(line.split()[1]) / 1024


@asynccontextmanager
async def running_alone(platform: Platform) -> AsyncIterator[Alone]:
    """Starts it on the platform's PostgreSQL server, with Temporal's state in memory."""
    name = f"alone_{uuid4().hex[:8]}"

    def of(dsn: str) -> str:
        return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))

    conn = await asyncpg.connect(platform.admin_dsn)
    await conn.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    await conn.close()
    await migrate(of(platform.admin_dsn))
    conn = await asyncpg.connect(of(platform.admin_dsn))
    for tenant in (TENANT, OTHER_TENANT):
        await conn.execute("INSERT INTO tenants (tenant, client_name) VALUES ($1, 'Benchmark')", tenant)
    await conn.close()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="workflow-bench-"))
        address = await stack.enter_async_context(bare_temporal())
        environ = {
            **platform.worker,
            "WORKFLOW_DATABASE_URL": of(platform.worker["WORKFLOW_DATABASE_URL"]),
            "WORKFLOW_TEMPORAL_ADDRESS": address,
            "PYTHONPATH": noop.install(Path(folder)),
        }
        worker = await stack.enter_async_context(running("workflow-worker", environ=environ))
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.bare_worker", address)
        stack.push_async_callback(process.wait)
        stack.callback(process.terminate)
        database = await stack.enter_async_context(
            Database.open(of(platform.dsn), application_name="benchmarks", max_size=20)
        )
        registry = registry_of(noop.DISTRIBUTION, "1", modules=[noop.MODULE], actions=noop.ACTIONS)
        yield Alone(database, registry, await connect(address, "default"), await Client.connect(address), worker)
