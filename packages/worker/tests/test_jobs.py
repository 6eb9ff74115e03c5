"""Jobs of integrations, run by a worker on real Temporal and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import aiohttp
import attrs
import pytest
from temporalio.service import RPCError

from workflow_core.actions import Action, Effect
from workflow_core.connections import Connection, ConnectionField
from workflow_core.discovery import registry_of
from workflow_core.errors import ConflictError, TransientError
from workflow_core.job_runs import clock
from workflow_core.job_runs.attempts import JobRunner
from workflow_core.job_runs.reading import list_jobs
from workflow_core.job_runs.runs import cancel_run, read_run, request_run
from workflow_core.jobs import Job
from workflow_core.modules import Module
from workflow_core.records import rmm
from workflow_core.schedules.in_temporal import list_schedules
from workflow_worker.background import in_background
from workflow_worker.job_keeper import JobKeeper
from workflow_worker.job_runs import JobActivities
from workflow_worker.process import build_job_workers

#: Nothing that a test waits for may come from looking: only from being told.
NEVER = 3600.0


@attrs.frozen
class Nothing:
    pass


async def look(given, ctx):
    return given


@attrs.define
class Acme:
    """An integration with one job, which does what the test says."""

    handle: object = None
    contexts: list = attrs.Factory(list)

    async def work(self, ctx):
        self.contexts.append(ctx)
        return await self.handle(ctx) if self.handle else None

    def job(self, **fields):
        given = {"id": "acme.sync", "label": "Sync", "description": "", "provider": "acme", "handler": self.work}
        return Job(**{**given, **fields})

    def registry(self, *jobs):
        module = Module(
            group_key="app:acme",
            label="Acme",
            description="",
            tile_kind="app",
            default_action_id="acme.look",
            allowed_action_ids=("acme.look",),
        )
        action = Action(
            id="acme.look",
            label="",
            description="",
            input=Nothing,
            output=Nothing,
            effect=Effect.READ,
            io="database",
            handler=look,
        )
        connection = Connection(
            provider="acme",
            label="Acme",
            description="",
            segments=("acme",),
            fields=(ConnectionField(name="api_key", label="API key", kind="secret"),),
        )
        return registry_of(
            "workflow-acme", "1", modules=[module], actions=[action], connections=[connection], jobs=jobs
        )


@attrs.frozen
class Jobs:
    """What a test asks of the jobs of one tenant."""

    db: object
    client: object
    registry: object
    tenant: object

    async def connect(self, *, active=True, tenant=None):
        tenant = tenant or self.tenant
        async with self.db.tenant(tenant) as conn:
            await rmm.put_integration(
                conn, tenant, "acme", is_active=active, connected_at=datetime.now(UTC) if active else None
            )

    async def ask(self, **how):
        async with self.db.tenant(self.tenant) as conn:
            return await request_run(conn, self.tenant, self.registry.jobs["acme.sync"], actor=None, **how)

    async def cancel(self, run):
        async with self.db.tenant(self.tenant) as conn:
            return await cancel_run(conn, self.tenant, run.run_id, actor=None)

    async def state(self):
        async with self.db.tenant(self.tenant) as conn:
            (state,) = await list_jobs(conn, self.tenant, self.registry)
        return state

    async def until(self, condition):
        """Waits until the job is as wanted; gives its state."""
        async with asyncio.timeout(60):
            while not condition(state := await self.state()):
                await asyncio.sleep(0.02)
        return state

    async def ended(self, run=None):
        """Waits until the job's last run, or this one, has ended; gives it."""
        if run is None:
            return (await self.until(lambda state: state.last is not None)).last
        async with asyncio.timeout(60):
            while True:
                async with self.db.tenant(self.tenant) as conn:
                    found = await read_run(conn, self.tenant, run.run_id)
                if found.status.has_ended:
                    return found
                await asyncio.sleep(0.02)


@pytest.fixture
def acme():
    return Acme()


@pytest.fixture
def working(db, tenants, temporal_client):
    """Runs a worker with these jobs during a block."""

    @contextlib.asynccontextmanager
    async def run(acme, *jobs, poll=NEVER):
        registry = acme.registry(*(jobs or [acme.job()]))
        async with aiohttp.ClientSession() as http, contextlib.AsyncExitStack() as stack:
            runner = JobRunner(database=db, registry=registry, secrets=None, http=http)
            activities = JobActivities(runner, temporal_client)
            for worker in build_job_workers(temporal_client, activities, registry, shutdown=timedelta(seconds=5)):
                await stack.enter_async_context(worker)
            await stack.enter_async_context(in_background(JobKeeper(db, temporal_client, registry, poll=poll)))
            yield Jobs(db, temporal_client, registry, tenants.a)

    return run


@pytest.fixture(autouse=True)
async def nothing_left(temporal_client):
    """Schedules of one test do not fire in the next."""
    yield
    for known_as in await list_schedules(temporal_client, clock.PREFIX):
        with contextlib.suppress(RPCError):
            await temporal_client.get_schedule_handle(known_as).delete()


async def test_runs_by_the_clock(working, acme):
    """A job of an active connection runs again and again, and what it gave, and when it runs next, are shown."""

    async def handle(ctx):
        return {"runs": len(acme.contexts)}

    acme.handle = handle
    async with working(acme, acme.job(every=timedelta(seconds=1))) as jobs:
        await jobs.connect()
        state = await jobs.until(lambda state: len(acme.contexts) > 2 and state.last is not None)
        assert (state.is_active, state.last.cause, state.last.status) == (True, "schedule", "succeeded")
        assert state.last.result["runs"] >= 1
        assert state.last_success_at == state.last.finished_at
        assert state.next_at is not None


async def test_runs_at_once_when_it_connects(working, acme):
    """A job that wants to runs as soon as the connection is active, each time anew, and needs no clock."""
    async with working(acme, acme.job(on_connect=True)) as jobs:
        await jobs.connect()
        first = await jobs.ended()
        assert (first.cause, first.status, first.attempts) == ("connect", "succeeded", 1)
        await jobs.connect(active=False)
        await jobs.until(lambda state: not state.is_active)
        await jobs.connect()
        again = await jobs.until(lambda state: state.last.run_id != first.run_id)
        assert (again.last.cause, again.next_at) == ("connect", None)


async def test_runs_when_it_is_asked_for(working, acme):
    """Whoever asks gives parameters; a passing failure is tried again, and shown meanwhile."""

    async def handle(ctx):
        if ctx.attempt == 1:
            raise TransientError("Acme is busy.", retry_after=0.01)
        await ctx.progress(5, 10, "half")
        return dict(ctx.parameters)

    acme.handle = handle
    async with working(acme) as jobs:
        await jobs.connect()
        run = await jobs.ended(await jobs.ask(parameters={"full": True}))
        assert (run.status, run.attempts, run.result, run.error) == ("succeeded", 2, {"full": True}, None)
        assert (run.done, run.total, run.message) == (5, 10, "half")


async def test_one_at_a_time(working, acme):
    """Asking again while a run is under way is refused, and names it; that run can be canceled."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def handle(ctx):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    acme.handle = handle
    async with working(acme) as jobs:
        await jobs.connect()
        run = await jobs.ask()
        await asyncio.wait_for(begun.wait(), 30)
        with pytest.raises(ConflictError) as refused:
            await jobs.ask()
        assert (refused.value.code, refused.value.details) == ("JOB_RUNNING", {"runId": str(run.run_id)})
        await jobs.cancel(run)
        ended = await jobs.ended(run)
        assert (ended.status, ended.error["code"], stopped.is_set()) == ("cancelled", "CANCELED", True)
        assert await jobs.cancel(run) == ended


async def test_disconnecting_stops_it(working, acme):
    """A run under way is stopped with its connection, and the clock runs the job no more."""
    begun = asyncio.Event()

    async def handle(ctx):
        begun.set()
        await asyncio.Event().wait()

    acme.handle = handle
    async with working(acme, acme.job(every=timedelta(hours=1), on_connect=True)) as jobs:
        await jobs.connect()
        await asyncio.wait_for(begun.wait(), 30)
        await jobs.connect(active=False)
        ended = await jobs.ended()
        assert (ended.status, ended.error["code"]) == ("cancelled", "INTEGRATION_INACTIVE")
        with pytest.raises(ConflictError, match="not active"):
            await jobs.ask()
        async with asyncio.timeout(30):
            while await list_schedules(jobs.client, f"{clock.PREFIX}{jobs.tenant}/"):
                await asyncio.sleep(0.05)


async def test_goes_on_from_its_checkpoint(working, acme):
    """A worker that stops in the middle leaves the run to the next one, which goes on from what was saved."""
    begun = asyncio.Event()

    async def handle(ctx):
        if not ctx.checkpoint:
            await ctx.save({"page": 7})
            begun.set()
            await asyncio.Event().wait()
        return dict(ctx.checkpoint)

    acme.handle = handle
    async with working(acme) as jobs:
        await jobs.connect()
        run = await jobs.ask()
        await asyncio.wait_for(begun.wait(), 30)
    async with working(acme) as jobs:
        ended = await jobs.ended(run)
        assert (ended.status, ended.attempts, ended.result) == ("succeeded", 2, {"page": 7})
