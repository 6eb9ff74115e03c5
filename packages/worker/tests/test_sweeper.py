"""Runs that a crash left behind are started, once, by whichever worker looks first."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
from temporalio.client import Client

from workflow_core.errors import RunNotStartedError
from workflow_core.execution.resume import resume_run
from workflow_core.execution.runs import start_run
from workflow_core.execution.unstarted import find_unstarted, start_unstarted
from workflow_core.temporal import data_converter, run_workflow_id
from workflow_worker.background import in_background
from workflow_worker.sweeper import Sweeper

WRITE = {"id": "a", "type": "action.call", "config": {"actionId": "probe.write", "version": 1}}
SOON = 0.05


@pytest.fixture
async def nowhere():
    """A Temporal that does not answer."""
    return await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)


@pytest.fixture
def leave_behind(runner, nowhere):
    """Records a run of a workflow that nobody starts."""

    async def leave(workflow_id, *, tenant=None, age="1 minute"):
        run_id = uuid4()
        with pytest.raises(RunNotStartedError):
            await start_run(
                runner.db,
                nowhere,
                runner.registry,
                tenant=runner.tenant,
                workflow_id=workflow_id,
                version=None,
                payload={},
                actor=None,
                cause="test",
                run_id=run_id,
            )
        await make_older(runner, run_id, age)
        return run_id

    return leave


async def make_older(runner, run_id, age="1 minute"):
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute(
            "UPDATE workflow_runs SET updated_at = now() - $2::text::interval, checked_at = NULL WHERE run_id = $1",
            run_id,
            age,
        )


async def row(runner, run_id):
    async with runner.db.tenant(runner.tenant) as conn:
        return await conn.fetchrow("SELECT * FROM workflow_runs WHERE run_id = $1", run_id)


async def until_started(runner, run_id):
    async with asyncio.timeout(30):
        while (await row(runner, run_id))["started_at"] is None:
            await asyncio.sleep(0.02)


async def test_a_run_that_was_left_behind_is_started(runner, probe, leave_behind):
    """Also when its workflow has been paused since: what was to be started stays so."""
    workflow_id = await runner.publish([WRITE])
    run_id = await leave_behind(workflow_id)
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_definitions SET is_paused = true WHERE workflow_id = $1", workflow_id)
    async with in_background(Sweeper(runner.db, runner.client, start_every=SOON)):
        await until_started(runner, run_id)
    assert (await runner.finished(run_id))["status"] == "SUCCEEDED"
    assert len(probe.calls) == 1


async def test_workers_that_look_at_once_start_each_run_once(runner, probe, leave_behind):
    """However many there are."""
    workflow_id = await runner.publish([WRITE])
    runs = [await leave_behind(workflow_id) for _ in range(5)]
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(in_background(Sweeper(runner.db, runner.client, start_every=SOON)))
        for run_id in runs:
            await until_started(runner, run_id)
    assert {(await runner.finished(run_id))["status"] for run_id in runs} == {"SUCCEEDED"}
    assert len(probe.calls) == len(runs)
    assert not any([await start_unstarted(runner.db, runner.client, tenant=runner.tenant, run_id=r) for r in runs])


async def test_a_run_that_somebody_may_be_about_to_start_is_left_to_them(runner, leave_behind):
    """Neither one that was recorded a moment ago nor one that another worker has just taken up is due."""
    workflow_id = await runner.publish([WRITE])
    new = await leave_behind(workflow_id, age="5 seconds")
    taken = await leave_behind(workflow_id)
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_runs SET checked_at = now() WHERE run_id = $1", taken)
    assert await find_unstarted(runner.db, limit=10) == []
    for run_id in (new, taken):
        assert not await start_unstarted(runner.db, runner.client, tenant=runner.tenant, run_id=run_id)
        assert (await row(runner, run_id))["started_at"] is None


async def test_a_row_that_is_locked_is_skipped(runner, leave_behind):
    """Whoever holds it is at work on it: nobody waits."""
    run_id = await leave_behind(await runner.publish([WRITE]))
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("SELECT FROM workflow_runs WHERE run_id = $1 FOR UPDATE", run_id)
        async with asyncio.timeout(5):
            assert not await start_unstarted(runner.db, runner.client, tenant=runner.tenant, run_id=run_id)


async def test_a_run_that_goes_on_is_started_as_its_next_execution(runner, probe, nowhere):
    """A resumed run whose start was lost is found like a new one."""
    probe.failures = [ValueError("broken")]
    run = await runner.run([WRITE])
    assert run["status"] == "FAILED"
    run_id = run["run_id"]
    execution = await resume_run(runner.db, nowhere, runner.registry, tenant=runner.tenant, run_id=run_id, user=uuid4())
    assert (execution, (await row(runner, run_id))["started_at"]) == (2, None)
    assert await find_unstarted(runner.db, limit=10) == []
    await make_older(runner, run_id)
    assert await find_unstarted(runner.db, limit=10) == [(runner.tenant, run_id)]
    assert await start_unstarted(runner.db, runner.client, tenant=runner.tenant, run_id=run_id)
    await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 2)).result()
    assert (await row(runner, run_id))["status"] == "SUCCEEDED"


async def test_a_called_run_is_left_to_its_caller(runner, leave_behind):
    """Only its caller can await it."""
    workflow_id = await runner.publish([WRITE])
    caller, called = await leave_behind(workflow_id), await leave_behind(workflow_id)
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_runs SET parent_run_id = $1 WHERE run_id = $2", caller, called)
    assert await find_unstarted(runner.db, limit=10) == [(runner.tenant, caller)]


async def test_while_temporal_is_away_nothing_is_lost(runner, leave_behind, nowhere):
    """The sweeper gives up after a few refusals; when Temporal is back, everything is started."""
    workflow_id = await runner.publish([WRITE])
    runs = [await leave_behind(workflow_id) for _ in range(8)]
    assert (await Sweeper(runner.db, nowhere)._start_unstarted()).temporal_is_away
    tried = [run_id for run_id in runs if (await row(runner, run_id))["checked_at"] is not None]
    assert 4 <= len(tried) < 8
    for run_id in tried:
        await make_older(runner, run_id)
    swept = await Sweeper(runner.db, runner.client)._start_unstarted()
    assert (swept.done, swept.temporal_is_away) == (8, False)
    assert {(await runner.finished(run_id))["status"] for run_id in runs} == {"SUCCEEDED"}


async def test_a_run_that_cannot_be_read_keeps_no_other_from_starting(runner, leave_behind, caplog):
    """It is told in the log, and looked at again later."""
    workflow_id = await runner.publish([WRITE])
    broken, good = await leave_behind(workflow_id), await leave_behind(workflow_id)
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_runs SET plan = '[]' WHERE run_id = $1", broken)
    await Sweeper(runner.db, runner.client)._start_unstarted()
    assert (await runner.finished(good))["status"] == "SUCCEEDED"
    assert f"run {broken} was left behind, and stays so" in caplog.text
