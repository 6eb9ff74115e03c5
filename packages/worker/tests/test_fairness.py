"""Tenants beside each other on one worker: what one floods it with does not hold up the other. Real Temporal.

Time is told by positions: how much of the flood was done when the other tenant's work was.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import attrs
import pytest
from temporalio import activity, workflow
from temporalio.exceptions import ActivityError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from workflow_core.execution.terminate import terminate_run
from workflow_core.temporal import connect, run_workflow_id
from workflow_worker.retries import RETRY_WHEN_BUSY, TENANT_BUSY

#: Of one worker's five places for external calls.
SHARE = 3


def call(name, step="a", **mapping):
    return {"id": step, "type": "action.call", "config": {"actionId": name, "version": 1, "inputMapping": mapping}}


def loop(items, body, **more):
    return {
        "id": "loop",
        "type": "control.forEach",
        "items": {"$expr": f"[1..{items}]"},
        "itemVar": "n",
        "body": body,
        **more,
    }


@pytest.fixture
async def runner(temporal_client, probe, working):
    """A worker on which a tenant has its share."""
    async with working(temporal_client, probe, per_tenant=SHARE) as runner:
        yield runner


@pytest.fixture
def other(runner, tenants):
    """The other tenant."""
    return attrs.evolve(runner, tenant=tenants.b)


def calls_of(probe, runner):
    return sum(ctx.tenant == runner.tenant for ctx in probe.calls)


async def test_slow_calls_leave_places_for_others(runner, other, probe):
    """A tenant has no more calls under way than its share; the others wait, use up no attempt, and show nowhere."""
    probe.hold = asyncio.Event()
    flood = await runner.publish([loop(12, [call("probe.fetch", text="x")], concurrency=12)])
    run_id = await runner.start(flood)
    await runner.until(lambda: len(probe.calls) == SHARE)
    handle = runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1))

    async def brought_back():
        description = await handle.describe()
        pending = description.raw_description.pending_activities
        return [activity for activity in pending if activity.last_failure.application_failure_info.type == TENANT_BUSY]

    async with asyncio.timeout(30):
        while not await brought_back():
            await asyncio.sleep(0.02)
    theirs = await other.start(await other.publish([call("probe.send", text="y")]))
    await runner.until(lambda: len(probe.calls) == SHARE + 1)
    assert Counter(ctx.tenant for ctx in probe.calls) == {runner.tenant: SHARE, other.tenant: 1}
    probe.hold.set()
    assert (await other.finished(theirs))["status"] == "SUCCEEDED"
    run = await runner.finished(run_id)
    assert run["status"] == "SUCCEEDED"
    calls = [step for step in run["steps"] if step["step_type"] == "action.call"]
    assert [(step["status"], step["attempt"]) for step in calls] == [("SUCCEEDED", 1)] * 12
    history = await handle.fetch_history()
    scheduled = [event for event in history.events if event.HasField("activity_task_scheduled_event_attributes")]
    assert len(scheduled) == 12


async def test_loops_over_the_database_let_others_by(runner, other, probe):
    """More of them than a worker computes at once, each of one workflow task after the other."""
    runs, items = 12, 400
    flood = await runner.publish([loop(items, [call("probe.read", text="x")])])
    started = [await runner.start(flood) for _ in range(runs)]
    await runner.until(lambda: calls_of(probe, runner) > 2 * runs)
    steps = [call("probe.read", "a", text="y"), call("probe.fetch", "b", text="y"), call("probe.write", "c", text="y")]
    run = await other.run(steps)
    meanwhile = calls_of(probe, runner)
    for run_id in started:
        await terminate_run(runner.db, runner.client, tenant=runner.tenant, run_id=run_id, user=uuid4())
    assert run["status"] == "SUCCEEDED"
    assert meanwhile < runs * items / 4


async def test_calls_are_dealt_out_in_turn(temporal_client, temporal_address, probe, working, tenants):
    """Of what waits in Temporal, the last comer of another tenant is among the first."""
    flood = 40
    async with working(temporal_client, probe, distributions=()) as runner:
        other = attrs.evolve(runner, tenant=tenants.b)
        steps = [loop(flood, [call("probe.fetch", text="x")], concurrency=flood)]
        runs = [await runner.start(await runner.publish(steps))]
        await until_pending(runner, runs[0], flood)
        runs.append(await other.start(await other.publish([call("probe.fetch", text="y")])))
        await until_pending(runner, runs[1], 1)
        assert probe.calls == []
        async with working(await connect(temporal_address, "default"), probe):
            await runner.until(lambda: len(probe.calls) == flood + 1)
        assert [ctx.tenant for ctx in probe.calls].index(tenants.b) < flood / 3
        for run_id in runs:
            await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).result()


async def until_pending(runner, run_id, count):
    """Waits until Temporal has so many calls of a run for which there is no worker."""
    handle = runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1))
    async with asyncio.timeout(30):
        while len((await handle.describe()).raw_description.pending_activities) != count:
            await asyncio.sleep(0.02)


async def test_all_that_a_run_starts_has_its_tenants_turns(runner, probe):
    """Also the runs that it calls."""
    called = await runner.publish([call("probe.read", text="x")])
    step = {"id": "call", "type": "control.callWorkflow", "workflowId": str(called), "workflowVersion": 1}
    run_id = await runner.start(await runner.publish([step]))
    await runner.finished(run_id)
    async with runner.db.tenant(runner.tenant) as conn:
        found = await conn.fetch("SELECT run_id FROM workflow_runs")
    assert len(found) == 2
    for row in found:
        history = await runner.client.get_workflow_handle(run_workflow_id(str(row["run_id"]), 1)).fetch_history()
        attributes = history.events[0].workflow_execution_started_event_attributes
        assert attributes.priority.fairness_key == str(runner.tenant)


@workflow.defn(name="one-call")
class OneCall:
    """Has one activity executed like an action's."""

    @workflow.run
    async def run(self, name: str) -> str:
        """How it failed."""
        try:
            await workflow.execute_activity(
                name,
                "no call",
                start_to_close_timeout=timedelta(seconds=0.5 if name == "slow" else 20),
                heartbeat_timeout=timedelta(seconds=1),
                retry_policy=RETRY_WHEN_BUSY,
            )
        except ActivityError as error:
            return type(error.cause).__name__
        return "nothing"


@activity.defn(name="slow")
async def slow(_: str) -> None:
    await asyncio.Event().wait()


@activity.defn(name="silent")
async def silent(_: str) -> None:
    await asyncio.Event().wait()


@activity.defn(name="unreadable")
async def unreadable(_: int) -> None:
    """Is given something else."""


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("slow", "TimeoutError"),
        ("silent", "TimeoutError"),
        ("unreadable", "ApplicationError"),
        ("missing", "ApplicationError"),
    ],
)
async def test_temporal_brings_nothing_else_again(temporal_client, name, failure):
    """What becomes of a call that was lost, the interpreter decides, which has the ledger asked."""
    worker = Worker(
        temporal_client,
        task_queue=f"one-call-{name}",
        workflows=[OneCall],
        activities=[slow, silent, unreadable],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker, asyncio.timeout(20):
        assert failure == await temporal_client.execute_workflow(
            OneCall.run, name, id=str(uuid4()), task_queue=worker.task_queue
        )
