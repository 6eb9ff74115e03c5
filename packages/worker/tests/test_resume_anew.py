"""Resumed runs that had more than one open end: terminated ones begin anew, concurrent items fail together."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

from workflow_core.errors import ActionError, Refused, TransientError
from workflow_core.execution import waits
from workflow_core.execution.history import write_end
from workflow_core.execution.models import RunEnd
from workflow_core.execution.resume import resume_run
from workflow_core.execution.step_waits import resolve_task
from workflow_core.execution.terminate import terminate_run

USER = uuid4()
BROKEN = ActionError("The other side is broken.", code="BROKEN")
LOST = TransientError("reset", code="CONNECTION_LOST")
ASK = {"id": "ask", "type": "human.task", "config": {"taskType": "look", "title": "Look"}}


def call(step_id, action, text=None, **fields):
    mapping = {} if text is None else {"text": {"$expr": text}}
    config = {"actionId": action, "version": 1, "inputMapping": mapping, **fields.pop("config", {})}
    return {"id": step_id, "type": "action.call", "config": config, **fields}


def each(items, body, **more):
    return {
        "id": "loop",
        "type": "control.forEach",
        "items": {"$expr": items},
        "itemVar": "it",
        "body": body,
        **more,
    }


def calling(workflow_id, step_id="call", **more):
    called = {"workflowId": str(workflow_id), "workflowVersion": 1, "inputMapping": {}}
    return {"id": step_id, "type": "control.callWorkflow", **called, **more}


async def resume(runner, run_id):
    options = {"tenant": runner.tenant, "run_id": run_id, "user": USER}
    return await resume_run(runner.db, runner.client, runner.registry, **options)


async def terminate(runner, run_id):
    return await terminate_run(runner.db, runner.client, tenant=runner.tenant, run_id=run_id, user=USER)


async def complete(runner, run_id):
    """Completes the task that a run waits for, as soon as it does."""
    async with asyncio.timeout(30):
        while True:
            async with runner.db.tenant(runner.tenant) as conn:
                task_id = await conn.fetchval(
                    "SELECT wait_id FROM workflow_run_waits WHERE run_id = $1 AND status = 'WAITING'", run_id
                )
                resolved = await resolve_task(conn, runner.tenant, task_id, {}) if task_id else []
            if resolved:
                await waits.signal(runner.db, runner.client, runner.tenant, resolved)
                return
            await asyncio.sleep(0.02)


def statuses(run):
    return {(step["definition_step_id"], step["iteration"]): step["status"] for step in run["steps"]}


async def test_a_terminated_run_goes_on_with_the_runs_that_it_had_called(runner, probe):
    """Whether they had ended or not: what they have done is not done again, and they go on as themselves."""
    done = await runner.publish([call("d", "probe.write", "'done'")])
    open_one = await runner.publish([call("one", "probe.write", "'one'"), ASK, call("two", "probe.write", "'two'")])
    run_id = await runner.start(
        await runner.publish([calling(done, "ready"), calling(open_one), call("after", "probe.write", "'after'")])
    )
    await runner.until(lambda: len(probe.calls) == 2)
    child_id: UUID = probe.calls[1].run_id
    await runner.until_step(child_id, "ask", "WAITING")
    await terminate(runner, run_id)

    await resume(runner, run_id)
    await complete(runner, child_id)
    run = await runner.finished(run_id, execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert set(statuses(run).values()) == {"SUCCEEDED"}
    assert [given.text for given in probe.inputs] == ["done", "one", "two", "after"]
    child = await runner.finished(child_id, execution=2)
    assert (child["status"], set(statuses(child).values())) == ("SUCCEEDED", {"SUCCEEDED"})


async def test_of_several_attempts_at_a_call_the_last_one_stands(runner, probe):
    """An earlier one, whose run had failed, is not taken up instead: it would do what the last one has done."""
    child = await runner.publish(
        [call("one", "probe.write", "'one'"), call("two", "probe.send", "'two'", retry={"maxAttempts": 1})]
    )
    probe.failures = [None, Refused(LOST)]
    steps = [calling(child, retry={"maxAttempts": 2, "backoffMs": 0}), ASK]
    run_id = await runner.start(await runner.publish(steps))
    await runner.until_step(run_id, "ask", "WAITING")
    assert len(probe.calls) == 4
    await terminate(runner, run_id)

    await resume(runner, run_id)
    await complete(runner, run_id)
    run = await runner.finished(run_id, execution=2)
    assert (run["status"], len(probe.calls)) == ("SUCCEEDED", 4)


async def test_what_was_read_stands_so_that_items_are_the_same(runner, probe):
    """Read anew, a list may have another order: one item's effect would be taken for another's, and done twice."""
    probe.failures = [None, None, Refused(BROKEN)]
    steps = [
        call("read", "probe.read", config={"saveAs": "vars.read"}),
        each("read.calls = 1 ? ['A', 'B'] : ['B', 'A']", [call("once", "probe.once", "it")]),
    ]
    failed = await runner.run(steps)
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute(
            "UPDATE workflow_runs SET checkpoint = NULL, failed_step_path = NULL, failed_iteration = NULL"
        )
    await resume(runner, failed["run_id"])
    run = await runner.finished(failed["run_id"], execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["", "A", "B", "B"]


async def test_calls_that_failed_together_go_on_together(runner, probe):
    """One resumption is enough for all items of a concurrent loop."""
    probe.hold, probe.failures = asyncio.Event(), [BROKEN, BROKEN]
    child = await runner.publish([call("send", "probe.send", "'x'")])
    run_id = await runner.start(await runner.publish([each("[1, 2]", [calling(child)], concurrency=2)]))
    await runner.until(lambda: len(probe.calls) == 2)
    probe.hold.set()
    assert (await runner.finished(run_id))["status"] == "FAILED"

    await resume(runner, run_id)
    run = await runner.finished(run_id, execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert set(statuses(run).values()) == {"SUCCEEDED"}
    assert len({ctx.run_id for ctx in probe.calls}) == 2


async def test_an_item_that_waited_while_another_failed_waits_again(runner, probe):
    """Its row says so, and in the end that it succeeded."""
    probe.hold, probe.failures = asyncio.Event(), [BROKEN]
    branch = {"id": "if", "type": "control.if", "condition": {"$expr": "it = 1"}}
    body = [{**branch, "then": [ASK], "else": [call("x", "probe.write")]}]
    run_id = await runner.start(await runner.publish([each("[1, 2]", body, concurrency=2)]))
    await runner.until_step(run_id, "ask", "WAITING")
    probe.hold.set()
    failed = await runner.finished(run_id)
    assert (failed["status"], statuses(failed)["ask", "0"]) == ("FAILED", "CANCELED")

    await resume(runner, run_id)
    await runner.until_step(run_id, "ask", "WAITING")
    await complete(runner, run_id)
    run = await runner.finished(run_id, execution=2)
    assert (run["status"], set(statuses(run).values())) == ("SUCCEEDED", {"SUCCEEDED"})


async def test_an_end_that_is_written_again_does_not_end_what_was_resumed_since(runner, probe):
    """A worker died after it had written the end: when Temporal has another one write it, somebody has resumed."""
    probe.failures = [BROKEN, None, LOST]
    failed = await runner.run([call("x", "probe.write"), call("once", "probe.once")])
    run_id = failed["run_id"]
    await resume(runner, run_id)
    effect = await runner.until_waiting(run_id)
    end = {"status": "FAILED", "error": failed["error_json"], "completed_at": datetime.now(UTC).isoformat()}
    async with runner.db.tenant(runner.tenant) as conn:
        await write_end(conn, RunEnd(tenant=str(runner.tenant), run_id=str(run_id), execution=1, trace=[], **end))
    assert await runner.until_waiting(run_id) == effect
    await runner.settle(effect, "happened", {"text": "seen", "calls": 1})
    assert (await runner.finished(run_id, execution=2))["status"] == "SUCCEEDED"
