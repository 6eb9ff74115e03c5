"""Jobs of integrations, run by a worker on real Temporal and PostgreSQL."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import aiohttp
import attrs
import pytest
from temporalio.service import RPCError

from workflow_core.actions import Action, Effect
from workflow_core.connections import Connection, ConnectionField
from workflow_core.discovery import registry_of
from workflow_core.errors import ConflictError, TransientError
from workflow_core.job_runs import attending, clock
from workflow_core.job_runs.attempts import JobRunner
from workflow_core.job_runs.beginning import begin_run
from workflow_core.job_runs.models import JobBeginning
from workflow_core.job_runs.reading import list_jobs
from workflow_core.job_runs.runs import cancel_run, read_run, request_run
from workflow_core.jobs import Job
from workflow_core.modules import Module
from workflow_core.records import rmm
from workflow_core.schedules.in_temporal import list_schedules
from workflow_worker.background import in_background
from workflow_worker.job_keeper import JobKeeper
from workflow_worker.job_runs import ATTEMPTS, JobActivities
from workflow_worker.process import build_job_workers

#: Nothing that a test waits for may come from looking: only from being told.
NEVER = 3600.0

#: The integration as another process has it: it never gets further than its first page.
PLUGIN = """
import asyncio
import attrs
from workflow_core.actions import Action, Effect
from workflow_core.connections import Connection
from workflow_core.hookspecs import hookimpl
from workflow_core.jobs import Job
from workflow_core.modules import Module

@attrs.frozen
class Nothing:
    pass

async def look(given, ctx):
    return given

async def sync(ctx):
    await ctx.save({"page": 7})
    await asyncio.Event().wait()

class Plugin:
    @hookimpl
    def workflow_modules(self):
        return [Module(group_key="app:acme", label="Acme", description="", tile_kind="app",
                       default_action_id="acme.look", allowed_action_ids=("acme.look",))]

    @hookimpl
    def workflow_actions(self):
        return [Action(id="acme.look", label="", description="", input=Nothing, output=Nothing,
                       effect=Effect.READ, io="database", handler=look)]

    @hookimpl
    def workflow_connections(self):
        return [Connection(provider="acme", label="Acme", description="", segments=("acme",), fields=())]

    @hookimpl
    def workflow_jobs(self):
        return [Job(id="acme.sync", label="Sync", description="", provider="acme", handler=sync)]

plugin = Plugin()
"""


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
        async with self.db.tenant(self.tenant, readonly=True) as conn:
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


async def test_a_worker_that_is_killed(
    working, acme, fake_distribution, migrated_database, temporal_address, db, tenants, tmp_path
):
    """A process that dies in the middle leaves the run to another one, which goes on from what was saved."""
    folder = fake_distribution("workflow-acme", PLUGIN)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}
    environ |= {
        "PYTHONPATH": str(folder),
        "WORKFLOW_DATABASE_URL": migrated_database.dsn,
        "WORKFLOW_SECRETS_KEY": base64.b64encode(b"s" * 32).decode(),
        "WORKFLOW_TEMPORAL_ADDRESS": temporal_address,
        "WORKFLOW_REQUIRED_DISTRIBUTIONS": "workflow-acme",
    }
    jobs = Jobs(db, None, acme.registry(acme.job()), tenants.a)
    await jobs.connect()
    run = await jobs.ask()
    with (tmp_path / "worker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "workflow_worker", env=environ, stderr=log)
    try:
        async with asyncio.timeout(60):
            while not await saved(jobs):
                assert process.returncode is None, (tmp_path / "worker.log").read_text()
                await asyncio.sleep(0.05)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def handle(ctx):
        return dict(ctx.checkpoint)

    acme.handle = handle
    async with working(acme):
        ended = await jobs.ended(run)
    assert (ended.status, ended.attempts, ended.result) == ("succeeded", 2, {"page": 7})


async def saved(jobs):
    """What the runs have saved."""
    async with jobs.db.tenant(jobs.tenant) as conn:
        return await conn.fetchval("SELECT checkpoint FROM workflow_job_runs")


async def test_attempts_have_bounds(working, acme):
    """A failure that does not pass ends the run after some attempts, as it was told last."""

    async def handle(ctx):
        raise TransientError(f"Acme is busy, attempt {ctx.attempt}.", code="RATE_LIMITED", retry_after=0.01)

    acme.handle = handle
    async with working(acme) as jobs:
        await jobs.connect()
        run = await jobs.ended(await jobs.ask())
        assert (run.status, run.attempts) == ("failed", ATTEMPTS)
        assert run.error == {"code": "RATE_LIMITED", "message": f"Acme is busy, attempt {ATTEMPTS}."}


async def test_an_inactive_connection_is_not_worked_with(working, acme):
    """A schedule that Temporal has still begins no run once the connection has ended."""
    async with working(acme, acme.job(every=timedelta(seconds=1))) as jobs:
        await jobs.connect()
        await jobs.until(lambda state: state.last is not None)
    await jobs.connect(active=False)  # no worker hears of it
    beginning = JobBeginning(
        tenant=str(jobs.tenant), job_id="acme.sync", run_id=str(uuid4()), execution="x", by_clock=True
    )
    async with jobs.db.tenant(jobs.tenant) as conn:
        assert await begin_run(conn, beginning) is None


async def test_a_run_that_temporal_lost(working, acme):
    """It fails, and says so; one that had not begun is begun again."""
    async with working(acme) as jobs:
        await jobs.connect()
        await jobs.until(lambda state: state.is_active)
        async with jobs.db.tenant(jobs.tenant) as conn:
            for status in ("running", "queued"):
                await conn.execute(
                    "INSERT INTO workflow_job_runs (tenant, run_id, job_id, provider, cause, status, execution) "
                    "VALUES ($1, gen_random_uuid(), $2, 'acme', 'request', $3, 'job-run/' || $3)",
                    jobs.tenant,
                    "acme.other" if status == "running" else "acme.sync",
                    status,
                )
        for tenant, run_id in await attending.find_due(jobs.db, limit=10):
            await attending.attend(jobs.db, jobs.client, tenant=tenant, run_id=run_id)
        assert (await jobs.ended()).status == "succeeded"
        async with jobs.db.tenant(jobs.tenant) as conn:
            lost = await conn.fetchrow("SELECT status, error FROM workflow_job_runs WHERE job_id = 'acme.other'")
        assert (lost["status"], lost["error"]["code"]) == ("failed", "EXECUTION_LOST")


async def test_what_temporal_lost_is_made_again(working, acme):
    """A schedule that is gone from Temporal comes back, and one that nobody wants goes."""
    async with working(acme, acme.job(every=timedelta(hours=1))) as jobs:
        await jobs.connect()
        state = await jobs.until(lambda state: state.next_at is not None)
        assert state.next_at > datetime.now(UTC)
        known_as = clock.schedule_id(jobs.tenant, "acme.sync", 1)
        handle = jobs.client.get_schedule_handle(known_as)
        unwanted = clock.schedule_id(uuid4(), "acme.sync", 1)
        await jobs.client.create_schedule(unwanted, (await handle.describe()).schedule)
        await handle.delete()
        async with jobs.db.tenant(jobs.tenant) as conn:
            await conn.execute("UPDATE workflow_jobs SET synced_at = now() - interval '1 h'")
        async with asyncio.timeout(30):  # Temporal's list is late
            while await list_schedules(jobs.client, clock.PREFIX) != {unwanted}:
                await asyncio.sleep(0.05)
        assert await clock.compare_all(jobs.db, jobs.client) == 2
        assert await clock.sync_schedule(jobs.db, jobs.client, tenant=jobs.tenant, job_id="acme.sync")
        assert (await handle.describe()).schedule.spec.intervals[0].every == timedelta(hours=1)
        with pytest.raises(RPCError):
            await jobs.client.get_schedule_handle(unwanted).describe()


async def test_tenants_do_not_run_at_the_same_moment(working, acme, tenants):
    """Each has its own phase, the same whoever asks, and Temporal runs it there, a little later at most."""
    every = timedelta(hours=1)
    phases = {clock.phase_of(UUID(int=number), "acme.sync", every) for number in range(1000)}
    assert len(phases) > 800
    assert all(timedelta() <= phase < every for phase in phases)
    twelfths = [sum(every * n <= phase * 12 < every * (n + 1) for phase in phases) for n in range(12)]
    assert min(twelfths) > 40
    async with working(acme, acme.job(every=every)) as jobs:
        await jobs.connect()
        next_at = (await jobs.until(lambda state: state.next_at is not None)).next_at
    late = (next_at - datetime(1970, 1, 1, tzinfo=UTC) - clock.phase_of(tenants.a, "acme.sync", every)) % every
    assert late <= every * 0.1
