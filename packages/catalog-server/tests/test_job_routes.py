"""Jobs over HTTP: what the tenant has, how they went, and running them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest

from workflow_catalog_server.designer_catalog import DesignerCatalog
from workflow_core.actions import Action, Effect
from workflow_core.connections import Connection
from workflow_core.discovery import registry_of
from workflow_core.job_runs.runs import JobRunStatus, end_run
from workflow_core.job_runs.settling import Installed, settle_jobs
from workflow_core.jobs import Job
from workflow_core.locales import LocaleFile, Translations, Words
from workflow_core.modules import Module

JOBS = "/api/jobs"


@attrs.frozen
class Nothing:
    pass


async def unused(*given):
    raise NotImplementedError  # declared only: a test that came to call it should fail


@pytest.fixture
def registry():
    """An integration with a job that runs by the clock, and at once when it connects."""
    return registry_of(
        "workflow-acme",
        "1",
        modules=[
            Module(
                group_key="app:acme",
                label="Acme",
                description="",
                tile_kind="app",
                default_action_id="acme.look",
                allowed_action_ids=("acme.look",),
            )
        ],
        actions=[
            Action(
                id="acme.look",
                label="",
                description="",
                input=Nothing,
                output=Nothing,
                effect=Effect.READ,
                io="database",
                handler=unused,
            )
        ],
        connections=[Connection(provider="acme", label="Acme", description="", segments=("acme",), fields=())],
        jobs=[
            Job(
                id="acme.sync",
                label="Sync",
                description="Brings all up to date.",
                provider="acme",
                handler=unused,
                every=timedelta(hours=1),
            )
        ],
    )


@pytest.fixture
def settled(server, connect_acme):
    """Connects or disconnects tenant A, and does what a worker does then."""

    async def settle(*, active=True):
        await connect_acme(server.tenants.a, active=active)
        async with server.services.database.tenant(server.tenants.a) as conn:
            await settle_jobs(conn, server.tenants.a, Installed(registry=server.services.registry))

    return settle


@pytest.fixture
def ends(server):
    """Ends a run as a worker does."""

    async def end(run, status=JobRunStatus.SUCCEEDED, **how):
        async with server.services.database.tenant(server.tenants.a) as conn:
            assert await end_run(conn, server.tenants.a, UUID(run["runId"]), status, **how)

    return end


async def listed(caller):
    (job,) = (await (await caller("GET", JOBS)).json())["jobs"]
    return job


async def ask(caller, **request):
    response = await caller("POST", f"{JOBS}/acme.sync/run", **request)
    assert response.status == 202
    return await response.json()


async def test_jobs(server, settled, ends):
    """A job shows whether it is active, its last run, its last success, and the run that is under way."""
    job = await listed(server.a)
    assert job == {
        "id": "acme.sync",
        "label": "Sync",
        "description": "Brings all up to date.",
        "provider": "acme",
        "isActive": False,
        "everySeconds": 3600.0,
        "nextAt": None,
        "scheduleError": None,
        "underWay": None,
        "last": None,
        "lastSuccessAt": None,
    }
    await settled()
    run = await ask(server.a, json={"parameters": {"full": True}})
    assert (run["status"], run["cause"], run["parameters"]) == ("queued", "request", {"full": True})
    job = await listed(server.a)
    assert (job["isActive"], job["underWay"], job["last"]) == (True, run, None)
    await ends(run, result={"devices": 3})
    await ends(await ask(server.a), JobRunStatus.FAILED, error={"code": "RECONNECT_REQUIRED", "message": "Again."})
    job = await listed(server.a)
    assert (job["underWay"], job["last"]["error"]["code"]) == (None, "RECONNECT_REQUIRED")
    assert job["lastSuccessAt"] < job["last"]["finishedAt"]
    other = await listed(server.b)
    assert (other["isActive"], other["last"]) == (False, None)


async def test_jobs_in_other_languages(serve, registry):
    """By header; what is not translated keeps the words that it declares."""
    words = LocaleFile(jobs={"acme.sync": Words(label="Abgleichen", description="Gleicht alles ab.")})
    async with serve(catalog=DesignerCatalog(registry, Translations({"de": [words]}))) as server:
        for language, said in (
            ("de-AT", ("Abgleichen", "Gleicht alles ab.")),
            ("fr", ("Sync", "Brings all up to date.")),
        ):
            response = await server.a("GET", JOBS, headers={"Accept-Language": language})
            (job,) = (await response.json())["jobs"]
            assert (job["label"], job["description"]) == said


async def test_next_time_while_a_run_is_under_way(server, settled):
    """Times that pass while a run is under way are not the next one."""
    await settled()
    passed = datetime.now(UTC) - timedelta(minutes=10)
    async with server.services.database.tenant(server.tenants.a) as conn:
        await conn.execute("UPDATE workflow_jobs SET next_at = $1", passed)
    assert datetime.fromisoformat((await listed(server.a))["nextAt"]) == passed
    await ask(server.a)
    assert datetime.fromisoformat((await listed(server.a))["nextAt"]) == passed + timedelta(hours=1)


async def test_runs_in_pages(server, settled, ends, assert_problem):
    """The runs of a job, newest first; another tenant's are not there."""
    await settled()
    for _ in range(3):
        run = await ask(server.a)
        await ends(run)
    path = f"{JOBS}/acme.sync/runs"
    first = await (await server.a("GET", f"{path}?limit=2")).json()
    rest = await (await server.a("GET", f"{path}?limit=2&cursor={first['nextCursor']}")).json()
    assert first["runs"][0]["runId"] == run["runId"]
    assert len({entry["runId"] for entry in first["runs"] + rest["runs"]}) == 3
    assert rest["nextCursor"] is None
    assert (await (await server.b("GET", path)).json())["runs"] == []
    await assert_problem(await server.a("GET", f"{JOBS}/acme.nothing/runs"), 404, "JOB_NOT_FOUND")


async def test_asking_twice(server, settled, assert_problem):
    """The same key gives the same run; another request is refused and told which one is under way."""
    await settled()
    key = {"Idempotency-Key": "k1"}
    run = await ask(server.a, json={"parameters": {"full": True}}, headers=key)
    assert await ask(server.a, json={"parameters": {"full": True}}, headers=key) == run
    path = f"{JOBS}/acme.sync/run"
    document = await assert_problem(await server.a("POST", path, json={}), 409, "JOB_RUNNING")
    assert document["runId"] == run["runId"]
    await assert_problem(await server.a("POST", path, json={}, headers=key), 409, "IDEMPOTENCY_KEY_REUSED")


async def test_what_cannot_run(server, settled, make_token, assert_problem):
    """Without a connection, without the job, without the permission, and with too many parameters."""
    path = f"{JOBS}/acme.sync/run"
    await assert_problem(await server.a("POST", path), 409, "INTEGRATION_INACTIVE")
    await settled()
    await assert_problem(await server.b("POST", path), 409, "INTEGRATION_INACTIVE")
    await assert_problem(await server.a("POST", f"{JOBS}/acme.nothing/run"), 404, "JOB_NOT_FOUND")
    large = {"parameters": {"x": "x" * 20_000}}
    await assert_problem(await server.a("POST", path, json=large), 422, "PARAMETERS_TOO_LARGE")
    reader = server.a.with_token(make_token(server.tenants.a, "workflow:read"))
    await assert_problem(await reader("POST", path), 403, "PERMISSION_DENIED")
    assert (await listed(reader))["underWay"] is None


async def test_cancel(server, settled, ends, assert_problem):
    """A run is told to end, by its own tenant; one that has ended stays as it is."""
    await settled()
    run = await ask(server.a)
    path = f"{JOBS}/runs/{run['runId']}/cancel"
    await assert_problem(await server.b("POST", path), 404, "JOB_RUN_NOT_FOUND")
    told = await (await server.a("POST", path)).json()
    assert (told["status"], told["stopRequested"]["code"]) == ("queued", "CANCELED")
    await ends(run, JobRunStatus.CANCELLED)
    ended = await (await server.a("POST", path)).json()
    assert (ended["status"], ended["error"]) == ("cancelled", told["stopRequested"])
    async with server.services.database.tenant(server.tenants.a) as conn:
        changes = await conn.fetch("SELECT operation FROM audit_logs WHERE record_id = 'acme.sync' ORDER BY timestamp")
    assert [change["operation"] for change in changes] == ["run", "cancel"]
