"""Which jobs a tenant has follows its connections, and what the workers have installed."""

from __future__ import annotations

from datetime import timedelta

from workflow_core.job_runs.runs import JobRunStatus, end_run

HOURLY = timedelta(hours=1)


async def test_connecting_and_disconnecting(acme):
    """A tenant has a job while its connection is active."""
    acme.job(every=HOURLY)
    assert await acme.unsettled() == []
    await acme.connect()
    assert await acme.unsettled() == [acme.tenant]
    await acme.settle()
    row = await acme.row()
    assert (row["is_active"], row["is_scheduled"], row["every"], row["distribution"]) == (
        True,
        True,
        HOURLY,
        "workflow-acme",
    )
    assert await acme.unsettled() == []
    await acme.connect(active=False)
    assert await acme.unsettled() == [acme.tenant]
    await acme.settle()
    row = await acme.row()
    assert (row["is_active"], row["is_scheduled"], row["revision"]) == (False, False, 2)
    assert await acme.unsettled() == []


async def test_a_connection_that_is_not_complete(acme):
    """An active row that was never connected is no connection yet."""
    async with acme.db.tenant(acme.tenant) as conn:
        await conn.execute(
            "INSERT INTO rmm_integrations (tenant, provider, is_active) VALUES ($1, 'acme', true)", acme.tenant
        )
    assert await acme.unsettled() == []
    await acme.settle()
    assert await acme.row() is None


async def test_settling_again_changes_nothing(acme):
    """However often and by however many workers: one row, one run."""
    acme.job(every=HOURLY, on_connect=True)
    await acme.connect()
    await acme.settle()
    row, runs = await acme.row(), await acme.runs()
    await acme.settle(defines=True, elsewhere=["acme.sync"])
    assert (await acme.row(), await acme.runs()) == (row, runs)
    assert [run["cause"] for run in runs] == ["connect"]


async def test_another_definition(acme):
    """A job is as the worker that started last has it; one that only hears of a connection leaves it alone."""
    acme.job(every=HOURLY)
    await acme.connect()
    await acme.settle()
    acme.job(every=2 * HOURLY, on_connect=True)
    assert await acme.unsettled() == []
    await acme.settle()
    assert (await acme.row())["every"] == HOURLY
    assert await acme.unsettled(defines=True) == [acme.tenant]
    await acme.settle(defines=True)
    row = await acme.row()
    assert (row["every"], row["revision"], await acme.runs()) == (2 * HOURLY, 2, [])


async def test_a_module_that_is_gone(acme):
    """A job that no live worker has is stopped with its run; when it comes back, that is no new connection."""
    acme.job(every=HOURLY, on_connect=True)
    await acme.connect()
    await acme.settle()
    acme.jobs = []
    assert await acme.unsettled() == await acme.unsettled(elsewhere=["acme.sync"]) == []
    await acme.settle()
    assert (await acme.row())["is_active"] is True
    assert await acme.unsettled(elsewhere=[]) == [acme.tenant]
    await acme.settle(elsewhere=[])
    assert (await acme.row())["is_active"] is False
    (run,) = await acme.runs()
    assert run["stop_requested"]["code"] == "JOB_NOT_ON_WORKERS"
    acme.job(every=HOURLY, on_connect=True)
    assert await acme.unsettled() == [acme.tenant]
    await acme.settle()
    assert ((await acme.row())["is_active"], len(await acme.runs())) == (True, 1)


async def test_a_worker_without_the_module_stops_its_jobs(acme):
    """Whoever hears that a connection has ended stops all of its jobs."""
    await acme.connect()
    await acme.settle()
    await acme.connect(active=False)
    acme.jobs = []
    await acme.settle()
    assert (await acme.row())["is_active"] is False


async def test_reconnecting_while_a_run_is_under_way(acme):
    """The run of the old connection is told to end, and the new connection has its own afterwards."""
    acme.job(on_connect=True)
    await acme.connect()
    await acme.settle()
    await acme.connect(active=False)
    await acme.settle()
    await acme.connect()
    await acme.settle()
    (old,) = await acme.runs()
    assert old["stop_requested"]["code"] == "INTEGRATION_INACTIVE"
    async with acme.db.tenant(acme.tenant) as conn:
        assert await end_run(conn, acme.tenant, old["run_id"], JobRunStatus.CANCELLED)
    old, new = await acme.runs()
    assert (old["error"]["code"], new["status"], new["cause"]) == ("INTEGRATION_INACTIVE", "queued", "connect")


async def test_tenants_have_their_own(acme, tenants):
    """What one tenant connects gives the other no job, and shows it no run."""
    acme.job(on_connect=True)
    await acme.connect(tenant=tenants.b)
    await acme.settle(tenant=tenants.b)
    assert (await acme.row(), await acme.runs(), (await acme.state()).is_active) == (None, [], False)
    assert len(await acme.runs(tenants.b)) == 1
