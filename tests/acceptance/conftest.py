"""The whole platform as separate processes: PostgreSQL, Temporal, simulator, server, and workers to kill."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import attrs
import jwt
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from workflow_core.secrets import TenantSecrets, load_key_encryption_key
from workflow_core.storage.database import Database
from workflow_core.temporal import data_converter
from workflow_core.testing.postgres import DatabaseFactory, PostgresDatabase
from workflow_core.testing.temporal import DEV_SERVER_ARGUMENTS, temporal_binary
from workflow_devstack import seed as sample_data
from workflow_devstack import simulator as account_of
from workflow_devstack.ports import free_ports
from workflow_devstack.seed import CONNECTED, TenantData
from workflow_ninjaone.jobs import ninjaone_jobs

JWT_KEY = "a key of thirty-two characters or more"
SECRETS_KEY = base64.b64encode(bytes(range(32))).decode()
CLIENT_SECRET = "simulated-client-secret-0123456789"
PERMISSIONS = ("workflow:read", "workflow:manage", "workflow:publish", "workflow:run", "workflow:admin")
DEADLINE = 60.0


async def until(condition: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Waits until a condition gives something true, and gives that."""
    async with asyncio.timeout(DEADLINE):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(0.05)
    raise AssertionError(what)


@attrs.define
class Process:
    """A child process with its output."""

    process: asyncio.subprocess.Process
    log: Path

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), DEADLINE)

    async def stop(self) -> int:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
        return await self.ended()

    def text(self) -> str:
        return self.log.read_text()


@attrs.define
class Stack:
    """What a test talks to. ``db`` is the platform's own role; ``admin`` owns everything."""

    folder: Path
    database: PostgresDatabase
    db: Database
    temporal_address: str
    environ: dict[str, str]
    url: str
    simulator_url: str
    session: aiohttp.ClientSession
    processes: list[Process] = attrs.Factory(list)

    async def until(self, condition: Callable[[], Awaitable[Any]], what: str) -> Any:
        return await until(condition, what)

    async def start(self, name: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Process:
        log = self.folder / f"{name}-{len(self.processes)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name(name)),
                *arguments,
                env={**self.environ, **(environ or {})},
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        started = Process(process, log)
        self.processes.append(started)
        return started

    async def start_server(self, **environ: str) -> str:
        """Another server beside the first; gives its address."""
        (port,) = free_ports(1)
        await self.start("workflow-catalog-server", environ={"WORKFLOW_HTTP_PORT": str(port), **environ})
        url = f"http://127.0.0.1:{port}"
        await until(lambda: answers(self.session, f"{url}/health/live"), "the server answers")
        return url

    async def start_worker(self, **environ: str) -> Process:
        worker = await self.start("workflow-worker", environ=environ)

        async def ready() -> bool:
            assert worker.process.returncode is None, worker.text()
            return "ready:" in worker.text()

        await until(ready, "the worker is ready")
        return worker

    def token(self, data: TenantData = CONNECTED, *, permissions: tuple[str, ...] = PERMISSIONS) -> str:
        claims = {
            "sub": str(data.user_id),
            "tenant": str(data.tenant),
            "permissions": list(permissions),
            "exp": datetime.now(UTC) + timedelta(hours=1),
        }
        return jwt.encode(claims, JWT_KEY, algorithm="HS256")

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: TenantData = CONNECTED,
        headers: Any = None,
        url: str | None = None,
    ) -> tuple[int, Any]:
        given = {"Authorization": f"Bearer {self.token(data)}", **(headers or {})}
        async with self.session.request(method, (url or self.url) + path, json=body, headers=given) as answer:
            return answer.status, await answer.json(content_type=None)

    async def publish(
        self, definition: Mapping[str, Any], *, data: TenantData = CONNECTED, url: str | None = None
    ) -> tuple[str, Any]:
        given = {"definition": definition}
        status, created = await self.call("POST", "/api/workflow-definitions", given, data=data, url=url)
        assert status == 201, created
        workflow_id = created["workflowId"]
        status, published = await self.call(
            "POST", f"/api/workflow-definitions/{workflow_id}/draft/publish", {}, data=data, url=url
        )
        return workflow_id, published

    async def start_run(self, workflow_id: str, payload: Any = None, *, data: TenantData = CONNECTED) -> str:
        status, started = await self.call(
            "POST", "/api/workflow-runs", {"workflowId": workflow_id, "payload": payload or {}}, data=data
        )
        assert status == 202, started
        return str(started["runId"])

    async def run_of(self, run_id: str, *, data: TenantData = CONNECTED) -> dict[str, Any]:
        status, run = await self.call("GET", f"/api/workflow-runs/{run_id}", data=data)
        assert status == 200, run
        return dict(run)

    async def ended(self, run_id: str, *, data: TenantData = CONNECTED) -> dict[str, Any]:
        async def look() -> Any:
            run = await self.run_of(run_id, data=data)
            return run if run["status"] not in ("RUNNING", "WAITING") else None

        return dict(await until(look, "the run has ended"))

    async def rows(self, query: str, *arguments: Any, tenant: UUID = CONNECTED.tenant) -> list[dict[str, Any]]:
        async with self.db.tenant(tenant) as conn:
            return [dict(row) for row in await conn.fetch(query, *arguments)]

    async def execute(self, statement: str, *arguments: Any, tenant: UUID = CONNECTED.tenant) -> None:
        async with self.db.tenant(tenant) as conn:
            await conn.execute(statement, *arguments)

    async def hold_jobs(self, *, data: TenantData = CONNECTED) -> None:
        """Keeps jobs from running, for tests that hold what is stored still: as if a run of each were under way."""
        await self.execute(
            "INSERT INTO workflow_job_runs (tenant, run_id, job_id, provider, cause, status, due_at) "
            "SELECT $1, gen_random_uuid(), job_id, 'ninjaone', 'request', 'running', 'infinity' "
            "FROM unnest($2::text[]) AS job_id "
            "WHERE NOT EXISTS (SELECT FROM workflow_job_runs r WHERE r.job_id = job_id AND r.due_at = 'infinity')",
            data.tenant,
            [job.id for job in ninjaone_jobs()],
            tenant=data.tenant,
        )

    async def simulated(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, f"{self.simulator_url}/_simulator/{path}", json=body) as answer:
            assert answer.ok, await answer.text()
            return await answer.json(content_type=None)

    async def journal(self, kind: str) -> list[dict[str, Any]]:
        return list((await self.simulated("GET", f"journal?kind={kind}"))["entries"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(database_factory: DatabaseFactory, tmp_path_factory: Any) -> AsyncIterator[Stack]:
    """PostgreSQL, Temporal, simulator and server with the sample data; each test starts the workers that it needs."""
    folder = tmp_path_factory.mktemp("platform")
    async with contextlib.AsyncExitStack() as closing:
        database = await closing.enter_async_context(database_factory.migrated())
        db = await closing.enter_async_context(Database.open(database.dsn, application_name="tests", max_size=4))
        temporal = await closing.enter_async_context(
            await WorkflowEnvironment.start_local(
                dev_server_existing_path=str(temporal_binary()),
                dev_server_extra_args=list(DEV_SERVER_ARGUMENTS),
                data_converter=data_converter,
            )
        )
        session = await closing.enter_async_context(aiohttp.ClientSession())
        address = temporal.client.service_client.config.target_host
        ports = free_ports(2)
        stack = Stack(
            folder=folder,
            database=database,
            db=db,
            temporal_address=address,
            environ={
                "PATH": os.environ["PATH"],
                "WORKFLOW_DATABASE_URL": database.dsn,
                "WORKFLOW_TEMPORAL_ADDRESS": address,
                "WORKFLOW_JWT_KEY": JWT_KEY,
                "WORKFLOW_SECRETS_KEY": SECRETS_KEY,
                "WORKFLOW_HTTP_PORT": str(ports[0]),
                "WORKFLOW_SHUTDOWN_SECONDS": "10",
                "WORKFLOW_RECONCILE_SECONDS": "3",
                "NINJAONE_SIMULATOR_CLIENT_SECRET": CLIENT_SECRET,
            },
            url=f"http://127.0.0.1:{ports[0]}",
            simulator_url=f"http://127.0.0.1:{ports[1]}",
            session=session,
        )
        try:
            arguments = ("--port", str(ports[1]), "--client-id", account_of.CLIENT_ID, "--reboot-seconds", "0.1")
            await stack.start("ninjaone-simulator", *arguments)
            await until(lambda: answers(session, f"{stack.simulator_url}/_simulator/health"), "the simulator answers")
            secrets = TenantSecrets(load_key_encryption_key(stack.environ))
            account = await account_of.read_account(stack.simulator_url)
            await sample_data.seed(db, secrets, account, url=stack.simulator_url, client_secret=CLIENT_SECRET)
            await stack.start("workflow-catalog-server")
            await until(lambda: answers(session, f"{stack.url}/health/live"), "the server answers")
            yield stack
        finally:
            for process in reversed(stack.processes):
                await process.stop()


async def answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False


@pytest_asyncio.fixture(loop_scope="session")
async def stack(platform: Stack) -> AsyncIterator[Stack]:
    """The platform, with the workers and the simulator's faults of the last test gone."""
    before = len(platform.processes)
    yield platform
    for process in platform.processes[before:]:
        await process.stop()
    del platform.processes[before:]
    await platform.simulated("DELETE", "faults")
