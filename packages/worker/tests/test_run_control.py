"""Canceling and terminating runs, and the lines that tell what became of them, on real Temporal."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import attrs
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from workflow_core.errors import ActionError, ConflictError, NotFoundError, TransientError
from workflow_core.execution.cancel import cancel_run
from workflow_core.execution.runs import start_run
from workflow_core.execution.terminate import terminate_run
from workflow_core.temporal import data_converter, run_workflow_id

PATIENT = {"maxAttempts": 5, "backoffMs": 3_600_000}


def call(step_id, action, retry=None, **mapping):
    config = {"actionId": action, "version": 1, "inputMapping": mapping}
    return {"id": step_id, "type": "action.call", "config": config, **({"retry": retry} if retry else {})}


async def cancel(runner, run_id, *, tenant=None, client=None, **options):
    return await cancel_run(
        runner.db,
        client or runner.client,
        tenant=tenant or runner.tenant,
        run_id=run_id,
        user=uuid4(),
        **options,
    )


async def lines(runner, run_id):
    """The run's log as level, message and the step that it is about."""
    async with runner.db.tenant(runner.tenant) as conn:
        rows = await conn.fetch("SELECT * FROM workflow_run_logs WHERE run_id = $1 ORDER BY created_at, log_id", run_id)
        for row in rows:
            if row["step_id"] is not None:
                path = await conn.fetchval(
                    "SELECT step_path FROM workflow_run_steps WHERE step_id = $1", row["step_id"]
                )
                assert path == row["step_path"]
    return [(row["level"], row["message"], row["step_path"]) for row in rows]


async def test_a_waiting_run_is_canceled(runner, probe):
    """Its row, its log and Temporal tell the same end; asking twice is asking once; then it has ended."""
    probe.failures = [TransientError("Later.")]
    run_id = await runner.start(await runner.publish([call("a", "probe.fetch", PATIENT), call("b", "probe.write")]))
    await runner.until_step(run_id, "a", "RETRYING")
    assert await cancel(runner, run_id, reason="Wrong client") == "RUNNING"
    run = await runner.finished(run_id)
    assert (run["status"], run["error_json"]["code"]) == ("CANCELED", "CANCELED")
    assert [step["definition_step_id"] for step in run["steps"]] == ["a"]
    with pytest.raises(ConflictError, match="has ended") as caught:
        await cancel(runner, run_id)
    assert caught.value.code == "RUN_ENDED"
    assert await lines(runner, run_id) == [
        ("INFO", "Started (test).", None),
        ("WARN", "a failed, and is tried again: TRANSIENT_FAILURE: Later.", "root.steps[0]"),
        ("INFO", "A user asked for the run to be canceled: Wrong client", None),
        ("WARN", "Ended: CANCELED: CANCELED: The run was canceled.", None),
    ]


async def test_asking_twice_is_asking_once(runner, probe):
    """Also before any worker has seen the run."""
    probe.failures = [TransientError("Later.")] * 5
    run_id = await runner.start(await runner.publish([call("a", "probe.fetch", PATIENT)]))
    assert [await cancel(runner, run_id) for _ in range(2)] == ["RUNNING", "RUNNING"]
    assert (await runner.finished(run_id))["status"] == "CANCELED"
    asked = [line for line in await lines(runner, run_id) if "asked" in line[1]]
    assert len(asked) == 1


async def test_a_recorded_run_is_canceled(runner, probe):
    """One that no engine has taken yet is handed over first, so that nobody can start it afterwards."""
    probe.failures = [TransientError("Later.")] * 5
    workflow_id, run_id = await runner.publish([call("a", "probe.fetch", PATIENT)]), uuid4()
    nowhere = await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)

    async def start(client):
        await start_run(
            runner.db,
            client,
            runner.registry,
            tenant=runner.tenant,
            workflow_id=workflow_id,
            version=None,
            payload={},
            actor=None,
            cause="api",
            run_id=run_id,
        )

    with pytest.raises(TransientError):
        await start(nowhere)
    with pytest.raises(TransientError) as caught:
        await cancel(runner, run_id, client=nowhere)
    assert caught.value.code == "TEMPORAL_UNAVAILABLE"
    assert await cancel(runner, run_id) == "RUNNING"
    assert (await runner.finished(run_id))["status"] == "CANCELED"
    calls = len(probe.calls)
    await start(runner.client)
    assert (await runner.finished(run_id))["status"] == "CANCELED"
    assert len(probe.calls) == calls


async def test_a_run_whose_execution_is_gone_is_closed(runner, probe):
    """Terminated behind the platform's back: the row is ended here."""
    probe.failures = [TransientError("Later.")]
    run_id = await runner.start(await runner.publish([call("a", "probe.fetch", PATIENT)]))
    await runner.until(lambda: len(probe.calls) == 1)
    await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).terminate()
    assert await cancel(runner, run_id) == "CANCELED"
    run = await runner.finished(run_id)
    assert (run["status"], run["error_json"]["category"]) == ("CANCELED", "Cancellation")


async def test_another_tenants_run_is_not_there(runner, probe, tenants):
    """It can be neither seen nor canceled."""
    probe.failures = [TransientError("Later.")]
    run_id = await runner.start(await runner.publish([call("a", "probe.fetch", PATIENT)]))
    with pytest.raises(NotFoundError):
        await cancel(runner, run_id, tenant=tenants.b)
    await cancel(runner, run_id)
    await runner.finished(run_id)


async def test_failures_are_told_once(runner, probe):
    """An action's failure by its activity, a control step's by the interpreter; never twice, and never a value."""
    probe.failures = [TransientError("Busy."), ActionError("No such thing.", code="NOT_FOUND")]
    run = await runner.run([call("a", "probe.fetch", {"maxAttempts": 3, "backoffMs": 1}, text="hunter2")])
    assert await lines(runner, run["run_id"]) == [
        ("INFO", "Started (test).", None),
        ("WARN", "a failed, and is tried again: TRANSIENT_FAILURE: Busy.", "root.steps[0]"),
        ("ERROR", "a failed: NOT_FOUND: No such thing.", "root.steps[0]"),
        ("ERROR", "Ended: FAILED: NOT_FOUND: No such thing.", None),
    ]
    broken = {"id": "b", "type": "transform.assign", "config": {"assign": {"x": {"$expr": "$number(payload.word)"}}}}
    run = await runner.run([broken], {"word": "hunter2"})
    told = await lines(runner, run["run_id"])
    assert [level for level, _, _ in told] == ["INFO", "ERROR", "ERROR"]
    assert told[1][1].startswith("b failed: EXPRESSION_FAILED: ")
    assert "hunter2" not in str(told)


async def test_a_success_is_two_lines(runner):
    """Started and ended."""
    run = await runner.run([call("a", "probe.write")])
    assert await lines(runner, run["run_id"]) == [
        ("INFO", "Started (test).", None),
        ("INFO", "Ended: SUCCEEDED.", None),
    ]


async def test_a_run_begins_before_it_ends(runner):
    """Also when Temporal's answer to the start arrives after the run's end."""

    class Late:
        async def start_workflow(self, *args, **options):
            handle = await runner.client.start_workflow(*args, **options)
            await handle.result()

    late = attrs.evolve(runner, client=Late())
    run_id = await late.start(await runner.publish([call("a", "probe.write")]))
    run = await runner.finished(run_id)
    assert run["created_at"] <= run["started_at"] <= run["steps"][0]["started_at"] <= run["completed_at"]


@pytest.fixture
def hold(runner, probe):
    """Holds what the test integration does; released at the latest before the worker stops."""
    probe.hold = asyncio.Event()
    yield probe.hold
    probe.hold.set()


async def terminate(runner, run_id, *, client=None, tenant=None, **options):
    return await terminate_run(
        runner.db, client or runner.client, tenant=tenant or runner.tenant, run_id=run_id, user=uuid4(), **options
    )


async def rows(runner, query, *values):
    async with runner.db.tenant(runner.tenant) as conn:
        return [dict(row) for row in await conn.fetch(query, *values)]


async def test_a_run_is_terminated_with_those_that_it_called(runner, probe, hold):
    """At once: rows, steps and executions, each in the audit log with the reason; then it has ended."""
    innermost = await runner.publish([call("a", "probe.send")])
    callee = {"type": "control.callWorkflow", "workflowVersion": 1, "inputMapping": {}}
    middle = await runner.publish([{"id": "inner", "workflowId": str(innermost), **callee}])
    run_id = await runner.start(await runner.publish([{"id": "outer", "workflowId": str(middle), **callee}]))
    await runner.until(lambda: len(probe.calls) == 1)
    assert await terminate(runner, run_id, reason="It hangs") == "FAILED"
    runs = await rows(runner, "SELECT * FROM workflow_runs")
    assert [(run["status"], run["error_json"]["code"]) for run in runs] == [("FAILED", "TERMINATED")] * 3
    steps = await rows(runner, "SELECT definition_step_id, status FROM workflow_run_steps")
    assert {(s["definition_step_id"], s["status"]) for s in steps} == {
        ("outer", "CANCELED"),
        ("inner", "CANCELED"),
        ("a", "CANCELED"),
    }
    audit = await rows(runner, "SELECT record_id, details FROM audit_logs WHERE operation = 'terminate'")
    assert {entry["record_id"] for entry in audit} == {str(run["run_id"]) for run in runs}
    assert audit[0]["details"] == {"reason": "It hangs"}
    told = [line for _, line, _ in await lines(runner, run_id)]
    assert told[1] == "A user asked for the run to be terminated: It hangs"
    assert told[2].startswith("Ended: FAILED: TERMINATED: ")
    for run in runs:
        description = await runner.client.get_workflow_handle(run_workflow_id(str(run["run_id"]), 1)).describe()
        assert description.status is WorkflowExecutionStatus.TERMINATED
    with pytest.raises(ConflictError) as caught:
        await terminate(runner, run_id)
    assert caught.value.code == "RUN_ENDED"


async def test_an_action_under_way_still_tells_its_success(runner, probe, hold):
    """What was sent before the run was terminated is not called back: its step says that it succeeded."""
    run_id = await runner.start(await runner.publish([call("a", "probe.once")]))
    await runner.until(lambda: len(probe.calls) == 1)
    await terminate(runner, run_id)
    await runner.until_step(run_id, "a", "CANCELED")
    hold.set()
    await runner.until_step(run_id, "a", "SUCCEEDED")
    assert [row["status"] for row in await rows(runner, "SELECT status FROM workflow_action_invocations")] == [
        "succeeded"
    ]
    assert [run["status"] for run in await rows(runner, "SELECT status FROM workflow_runs")] == ["FAILED"]


async def test_an_action_that_is_tried_again_ends_with_its_terminated_run(runner, probe, hold):
    """Nothing tries it again: its row is no open one."""
    probe.failures = [TransientError("Later.")]
    run_id = await runner.start(await runner.publish([call("a", "probe.fetch", PATIENT)]))
    await runner.until(lambda: len(probe.calls) == 1)
    await terminate(runner, run_id)
    hold.set()
    failed = "SELECT status FROM workflow_run_steps WHERE error_json IS NOT NULL"
    async with asyncio.timeout(30):
        while not (steps := await rows(runner, failed)):
            await asyncio.sleep(0.02)
    assert [step["status"] for step in steps] == ["CANCELED"]


async def test_a_recorded_run_is_terminated(runner, probe):
    """It is handed over first, so that nobody can start it afterwards; without Temporal, nothing is done."""
    workflow_id, run_id = await runner.publish([call("a", "probe.fetch", PATIENT)]), uuid4()
    probe.failures = [TransientError("Later.")] * 5
    nowhere = await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)
    start = {
        "tenant": runner.tenant,
        "workflow_id": workflow_id,
        "version": None,
        "payload": {},
        "actor": None,
        "cause": "api",
        "run_id": run_id,
    }
    with pytest.raises(TransientError):
        await start_run(runner.db, nowhere, runner.registry, **start)
    with pytest.raises(TransientError) as caught:
        await terminate(runner, run_id, client=nowhere)
    assert caught.value.code == "TEMPORAL_UNAVAILABLE"
    assert [run["status"] for run in await rows(runner, "SELECT status FROM workflow_runs")] == ["RUNNING"]
    assert await terminate(runner, run_id) == "FAILED"
    assert (await start_run(runner.db, runner.client, runner.registry, **start)).status == "FAILED"
    description = await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).describe()
    assert description.status is WorkflowExecutionStatus.TERMINATED


async def test_another_tenants_run_is_not_terminated(runner, probe, tenants):
    """It is not there."""
    probe.failures = [TransientError("Later.")]
    run_id = await runner.start(await runner.publish([call("a", "probe.fetch", PATIENT)]))
    with pytest.raises(NotFoundError):
        await terminate(runner, run_id, tenant=tenants.b)
    assert await terminate(runner, run_id) == "FAILED"


async def test_a_run_that_was_deleted_comes_to_its_end(runner, probe):
    """What can be written nowhere keeps no execution alive."""
    probe.hold = asyncio.Event()
    body = [{"id": "s", "type": "transform.assign", "config": {"assign": {"x": {"$expr": "$pad('', 1000, 'x')"}}}}]
    loop = {"id": "loop", "type": "control.forEach", "items": {"$expr": "[1..300]"}, "itemVar": "n", "body": body}
    first = {**call("a", "probe.read"), "onError": {"policy": "continue"}}
    run_id = await runner.start(await runner.publish([first, loop]))
    await runner.until(lambda: bool(probe.calls))
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("DELETE FROM workflow_runs WHERE run_id = $1", run_id)
    probe.hold.set()
    async with asyncio.timeout(30):
        await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).result()
