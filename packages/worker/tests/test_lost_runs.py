"""Runs whose execution ended without a word are ended by whichever worker looks first; others are left alone."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from workflow_core.errors import TransientError
from workflow_core.execution import lost_runs
from workflow_core.execution.lost_runs import close_if_lost, find_unchecked
from workflow_core.execution.runs import record_run
from workflow_core.temporal import data_converter, run_workflow_id
from workflow_worker.background import in_background
from workflow_worker.sweeper import Sweeper

PATIENT = {"maxAttempts": 5, "backoffMs": 3_600_000}


def call(step_id, action, **fields):
    return {"id": step_id, "type": "action.call", "config": {"actionId": action, "version": 1}, **fields}


WAITS = call("wait", "probe.fetch", retry=PATIENT)


@pytest.fixture
def start_waiting_run(runner, probe):
    """Starts a run that waits an hour for its second attempt."""

    async def start(steps=(WAITS,)):
        probe.failures = [TransientError("Later.")]
        run_id = await runner.start(await runner.publish(list(steps)))
        await runner.until_step(run_id, "wait", "RETRYING")
        return run_id

    return start


async def make_older(runner, run_id=None):
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute(
            "UPDATE workflow_runs SET updated_at = updated_at - interval '2 minutes', checked_at = NULL, "
            "started_at = started_at - interval '2 minutes', created_at = created_at - interval '2 minutes' "
            "WHERE $1::uuid IS NULL OR run_id = $1",
            run_id,
        )


async def rows(runner, query, *values):
    async with runner.db.tenant(runner.tenant) as conn:
        return [dict(row) for row in await conn.fetch(query, *values)]


async def row(runner, run_id):
    [found] = await rows(runner, "SELECT * FROM workflow_runs WHERE run_id = $1", run_id)
    return found


async def check(runner, run_id, client=None):
    return await close_if_lost(runner.db, client or runner.client, tenant=runner.tenant, run_id=run_id)


def handle(runner, run_id):
    return runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1))


async def test_a_terminated_run_is_ended(runner, start_waiting_run):
    """With its steps, by a worker's sweeper; its log says why."""
    run_id = await start_waiting_run()
    await handle(runner, run_id).terminate()
    await make_older(runner, run_id)
    async with in_background(Sweeper(runner.db, runner.client, check_every=0.05)), asyncio.timeout(30):
        while (await row(runner, run_id))["status"] == "RUNNING":
            await asyncio.sleep(0.02)
    run = await row(runner, run_id)
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "TERMINATED")
    assert run["error_json"]["details"] == {"temporalWorkflowId": f"{run_id}/1"}
    [step] = await rows(runner, "SELECT * FROM workflow_run_steps WHERE run_id = $1", run_id)
    assert (step["status"], step["completed_at"]) == ("CANCELED", run["completed_at"])
    assert step["duration_ms"] >= 0
    logged = "SELECT level FROM workflow_run_logs WHERE run_id = $1 AND message LIKE 'Ended: FAILED: TERMINATED:%'"
    assert len(await rows(runner, logged, run_id)) == 1


async def test_a_run_that_goes_on_is_left_alone(runner, probe, start_waiting_run):
    """And is asked about again only in its turn."""
    run_id = await start_waiting_run()
    await make_older(runner, run_id)
    assert await find_unchecked(runner.db, limit=10) == [(runner.tenant, run_id)]
    assert await check(runner, run_id) is None
    run = await row(runner, run_id)
    assert (run["status"], run["checked_at"] is None) == ("RUNNING", False)
    assert await find_unchecked(runner.db, limit=10) == []
    await handle(runner, run_id).cancel()
    await runner.finished(run_id)


async def test_those_nobody_looked_at_for_the_longest_come_first(runner, start_waiting_run):
    """In rotation, so that each comes to its turn."""
    runs = [await start_waiting_run() for _ in range(3)]
    await make_older(runner)
    async with runner.db.tenant(runner.tenant) as conn:
        for minutes, run_id in zip((5, 20), runs, strict=False):
            await conn.execute(
                "UPDATE workflow_runs SET checked_at = now() - make_interval(mins => $2) WHERE run_id = $1",
                run_id,
                minutes,
            )
    assert [found for _, found in await find_unchecked(runner.db, limit=10)] == [runs[2], runs[1], runs[0]]
    for run_id in runs:
        await handle(runner, run_id).terminate()


async def test_what_changed_a_moment_ago_is_not_looked_at(runner, start_waiting_run):
    """Its start or its end may be on its way."""
    run_id = await start_waiting_run()
    await handle(runner, run_id).terminate()
    assert await find_unchecked(runner.db, limit=10) == []
    assert await check(runner, run_id) is None
    assert (await row(runner, run_id))["status"] == "RUNNING"


async def test_a_run_that_temporal_has_forgotten_is_ended(runner):
    """As one that can be resumed."""
    run_id, workflow_id = uuid4(), await runner.publish([WAITS])
    await record(runner, run_id, workflow_id)
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_runs SET started_at = now() WHERE run_id = $1", run_id)
    await make_older(runner, run_id)
    ending = await check(runner, run_id)
    assert (ending.status, ending.code) == ("FAILED", "EXECUTION_LOST")
    assert (await row(runner, run_id))["error_json"]["code"] == "EXECUTION_LOST"


async def test_a_namespace_that_is_missing_says_nothing_about_its_runs(runner, start_waiting_run):
    """Nor does a Temporal that does not answer."""
    run_id = await start_waiting_run()
    config = {**runner.client.config(), "namespace": "nowhere"}
    config.pop("api_key", None)
    nowhere = await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)
    for client in (Client(**config), nowhere):
        await make_older(runner, run_id)
        with pytest.raises(TransientError) as caught:
            await check(runner, run_id, client)
        assert caught.value.code == "TEMPORAL_UNAVAILABLE"
    assert (await row(runner, run_id))["status"] == "RUNNING"
    await handle(runner, run_id).terminate()


async def test_a_run_that_ends_while_it_is_asked_about_keeps_its_own_end(runner, start_waiting_run, monkeypatch):
    """The row is read again before it is ended."""
    run_id = await start_waiting_run()
    await make_older(runner, run_id)
    asked = lost_runs.execution_status

    async def meanwhile(of):
        await of.cancel()
        await runner.finished(run_id)
        assert await asked(of) is WorkflowExecutionStatus.CANCELED
        return WorkflowExecutionStatus.TERMINATED

    monkeypatch.setattr(lost_runs, "execution_status", meanwhile)
    assert await check(runner, run_id) is None
    assert (await row(runner, run_id))["status"] == "CANCELED"


async def test_a_run_that_succeeded_before_the_database_was_set_back_has_succeeded(runner, probe):
    """An older database says that it runs; Temporal knows better."""
    run = await runner.run([call("a", "probe.fetch")])
    run_id = run["run_id"]
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_runs SET status = 'RUNNING' WHERE run_id = $1", run_id)
        await conn.execute("UPDATE workflow_run_steps SET status = 'STARTED' WHERE run_id = $1", run_id)
    await make_older(runner, run_id)
    assert (await check(runner, run_id)).status == "SUCCEEDED"
    run = await row(runner, run_id)
    assert (run["status"], run["error_json"]) == ("SUCCEEDED", None)
    [step] = await rows(runner, "SELECT status FROM workflow_run_steps WHERE run_id = $1", run_id)
    assert step["status"] == "CANCELED"


async def record(runner, run_id, workflow_id, cause="test"):
    async with runner.db.tenant(runner.tenant) as conn:
        await record_run(
            conn,
            runner.registry,
            tenant=runner.tenant,
            workflow_id=workflow_id,
            version=None,
            payload={},
            actor=None,
            cause=cause,
            run_id=run_id,
        )


async def test_a_called_run_that_was_never_started_ends_after_its_caller(runner):
    """Its caller was terminated between recording and starting it."""
    workflow_id, caller, called = await runner.publish([WAITS]), uuid4(), uuid4()
    await record(runner, caller, workflow_id)
    await record(runner, called, workflow_id, cause="child")
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_runs SET parent_run_id = $1 WHERE run_id = $2", caller, called)
    await make_older(runner)
    assert await check(runner, called) is None
    assert (await row(runner, called))["status"] == "RUNNING"
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_runs SET status = 'FAILED' WHERE run_id = $1", caller)
    await make_older(runner)
    assert await find_unchecked(runner.db, limit=10) == [(runner.tenant, called)]
    assert (await check(runner, called)).status == "CANCELED"
    assert (await row(runner, called))["error_json"]["code"] == "CANCELED"
