"""``control.callWorkflow``: a child is a run of its own, whose end the calling step tells."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import attrs
import pytest

from workflow_core.errors import ActionError, TransientError
from workflow_core.temporal import run_workflow_id


def call(step_id, action, text=None, **fields):
    mapping = {} if text is None else {"text": {"$expr": text}}
    config = {"actionId": action, "version": 1, "inputMapping": mapping}
    return {"id": step_id, "type": "action.call", "config": config, **fields}


def call_workflow(workflow_id, inputs=None, outputs=None, step_id="call", **fields):
    step = {
        "id": step_id,
        "type": "control.callWorkflow",
        "workflowId": str(workflow_id),
        "workflowVersion": 1,
        "inputMapping": {name: {"$expr": source} for name, source in (inputs or {}).items()},
        **fields,
    }
    return step if outputs is None else {**step, "outputMapping": {p: {"$expr": s} for p, s in outputs.items()}}


def assign(step_id, **values):
    return {"id": step_id, "type": "transform.assign", "config": {"assign": values}}


def attempt(tried, caught):
    return {"id": "try", "type": "control.tryCatch", "try": tried, "catch": caught}


async def runs(runner):
    """All runs, the eldest first."""
    async with runner.db.tenant(runner.tenant) as conn:
        return [dict(row) for row in await conn.fetch("SELECT * FROM workflow_runs ORDER BY created_at, call_depth")]


async def test_a_child_runs_with_its_payload_and_gives_its_end(runner, probe):
    """Inputs map into its payload, ``childRun`` into the parent's variables; both have rows that name each other."""
    publisher = uuid4()
    child = await runner.publish(
        [
            call("inside", "probe.write", "payload.name & ' ' & $string(payload.none)"),
            assign("out", x={"$expr": "'Hi ' & payload.name"}, **{"meta.kind": "greeting"}),
        ],
        publisher=publisher,
    )
    outputs = {"title": "childRun.vars.x", "vars.all": "title & ' ' & payload.who & ' ' & childRun.payload.name"}
    outputs["meta.seen"] = "childRun.meta.kind & ' ' & childRun.meta.runId & ' ' & childRun.system.runId"
    run = await runner.run(
        [
            call_workflow(child, {"name": "payload.who", "none": "payload.nothing"}, outputs),
            call("after", "probe.read", "all & ' ' & meta.seen"),
        ],
        {"who": "Ada"},
    )
    assert run["status"] == "SUCCEEDED", run["error_json"]
    parent_row, child_row = await runs(runner)
    child_id = str(child_row["run_id"])
    assert [given.text for given in probe.inputs] == [
        "Ada null",
        f"Hi Ada Ada Ada greeting {child_id} {child_id}",
    ]
    assert {key: child_row[key] for key in ("status", "cause", "workflow_id", "workflow_version", "call_depth")} == {
        "status": "SUCCEEDED",
        "cause": "child",
        "workflow_id": child,
        "workflow_version": 1,
        "call_depth": 1,
    }
    assert child_row["parent_run_id"] == child_row["root_run_id"] == run["run_id"]
    assert (child_row["actor_id"], probe.calls[0].actor) == (publisher, publisher)
    assert child_row["payload"] == {"name": "Ada", "none": None}
    assert child_row["started_at"] is not None
    assert (parent_row["parent_run_id"], parent_row["call_depth"]) == (None, 0)
    assert [(s["status"], s["output_json"]) for s in run["steps"][:1]] == [("SUCCEEDED", {"childRunId": child_id})]


async def test_each_iteration_calls_a_run_of_its_own(runner, probe):
    """Their grandchildren know the root."""
    grandchild = await runner.publish([call("inside", "probe.write", "$string(payload.n)")])
    child = await runner.publish([call_workflow(grandchild, {"n": "payload.n"})])
    loop = {
        "id": "loop",
        "type": "control.forEach",
        "items": [1, 2],
        "itemVar": "n",
        "body": [call_workflow(child, {"n": "n"})],
    }
    run = await runner.run([loop])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["1", "2"]
    all_runs = await runs(runner)
    assert len(all_runs) == 5
    assert {row["root_run_id"] for row in all_runs if row["call_depth"]} == {run["run_id"]}
    assert [(s["iteration"], s["status"]) for s in run["steps"] if s["definition_step_id"] == "call"] == [
        ("0", "SUCCEEDED"),
        ("1", "SUCCEEDED"),
    ]


async def test_a_failed_child_can_be_caught_with_its_code(runner, probe):
    """Category ChildWorkflowError, the child's code, and the child's whole error in the details."""
    probe.failures = [ActionError("The board is full.", code="BOARD_FULL")]
    child = await runner.publish([call("inside", "probe.write")])
    seen = "error.category & ' ' & error.code & ' ' & error.details.error.category & ' ' & error.details.childRunId"
    run = await runner.run([attempt([call_workflow(child)], [call("b", "probe.read", seen)])])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    _, child_row = await runs(runner)
    child_id = str(child_row["run_id"])
    assert probe.inputs[-1].text == f"ChildWorkflowError BOARD_FULL ActionError {child_id}"
    error = run["steps"][1]["error_json"]
    assert error["details"] == {
        "workflowId": str(child),
        "workflowVersion": 1,
        "childRunId": child_id,
        "error": child_row["error_json"],
    }
    assert (child_id in error["message"], error["nodePath"]) == (True, "root.steps[0].try.steps[0]")
    assert run["steps"][1]["output_json"] == {"childRunId": child_id}


async def test_on_error_continue_of_a_call(runner, probe):
    """The run goes on; the row stays FAILED."""
    probe.failures = [ActionError("No.", code="NO")]
    child = await runner.publish([call("inside", "probe.write")])
    run = await runner.run(
        [call_workflow(child, onError={"policy": "continue"}), call("b", "probe.read", "vars.error.code")]
    )
    assert (run["status"], probe.inputs[-1].text, run["steps"][0]["status"]) == ("SUCCEEDED", "NO", "FAILED")


async def test_a_further_attempt_is_a_further_run(runner, probe):
    """A child that failed in passing is called again when the step says so; the row counts the attempts."""
    probe.failures = [TransientError("busy", code="BUSY")]
    child = await runner.publish([call("inside", "probe.write", retry={"maxAttempts": 1, "backoffMs": 1})])
    run = await runner.run([call_workflow(child, retry={"maxAttempts": 3, "backoffMs": 1})])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    first, second = (row for row in await runs(runner) if row["cause"] == "child")
    assert {first["status"], second["status"]} == {"FAILED", "SUCCEEDED"}
    succeeded = first if first["status"] == "SUCCEEDED" else second
    (step,) = run["steps"]
    assert (step["status"], step["attempt"], step["error_json"]) == ("SUCCEEDED", 2, None)
    assert step["output_json"] == {"childRunId": str(succeeded["run_id"])}


@pytest.mark.parametrize(("retry_on", "children"), [(None, 1), (["NO"], 3), (["BUSY"], 1)])
async def test_a_child_that_failed_for_good_is_called_again_only_when_named(runner, probe, retry_on, children):
    """``retryOn`` names codes of the child's error."""
    probe.failures = [ActionError("No.", code="NO")] * 9
    child = await runner.publish([call("inside", "probe.write")])
    retry = {"maxAttempts": 3, "backoffMs": 1, **({"retryOn": retry_on} if retry_on else {})}
    run = await runner.run([call_workflow(child, retry=retry)])
    assert (run["status"], run["error_json"]["code"], len(probe.calls)) == ("FAILED", "NO", children)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE workflow_definitions SET is_paused = true WHERE workflow_id = $1", "WORKFLOW_PAUSED"),
        ("DELETE FROM workflow_definition_versions WHERE workflow_id = $1", "NOT_PUBLISHED"),
        ("DELETE FROM workflow_definitions WHERE workflow_id = $1", "WORKFLOW_NOT_FOUND"),
    ],
    ids=["paused", "not published", "missing"],
)
async def test_a_workflow_that_cannot_be_called(runner, probe, change, code):
    """Says why, can be caught, and leaves no run behind."""
    child = await runner.publish([call("never", "probe.write")])
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute(change, child)
    run = await runner.run(
        [attempt([call_workflow(child)], [call("b", "probe.read", "error.category & ' ' & error.code")])]
    )
    assert (run["status"], probe.inputs[0].text) == ("SUCCEEDED", f"ChildWorkflowError {code}")
    assert len(await runs(runner)) == 1
    assert [(s["definition_step_id"], s["status"]) for s in run["steps"][:2]] == [
        ("try", "SUCCEEDED"),
        ("call", "FAILED"),
    ]


async def test_another_tenants_workflow_does_not_exist(runner, tenants):
    """Its id is of no use."""
    foreign = await attrs.evolve(runner, tenant=tenants.b).publish([])
    run = await runner.run([call_workflow(foreign)])
    assert run["error_json"]["code"] == "WORKFLOW_NOT_FOUND"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"workflowId": "00000000"}, "WORKFLOW_NOT_FOUND"),
        ({"workflowId": None}, "WORKFLOW_NOT_FOUND"),
        ({"workflowVersion": "1"}, "WORKFLOW_NOT_FOUND"),
        ({"inputMapping": {"x": {"$secret": "KEY"}}}, "INVALID_CONFIG"),
        ({"inputMapping": {"x": {"$expr": "1 +"}}}, "INVALID_EXPRESSION"),
        ({"outputMapping": {"a..b": 1}}, "INVALID_ASSIGN_PATH"),
        ({"outputMapping": [1]}, "INVALID_CONFIG"),
    ],
    ids=str,
)
async def test_a_call_that_cannot_be_made_fails_with_its_path(runner, fields, code):
    """Also in a definition that nobody validated."""
    child = await runner.publish([])
    run = await runner.run([{**call_workflow(child), **fields}])
    assert (run["status"], run["error_json"]["code"], run["error_json"]["nodePath"]) == (
        "FAILED",
        code,
        "root.steps[0]",
    )


async def test_a_workflow_that_calls_itself_is_stopped(runner):
    """After twenty levels, with an error that every level passes on."""
    workflow_id = uuid4()
    await runner.publish([call_workflow(workflow_id)], workflow_id=workflow_id)
    run = await runner.finished(await runner.start(workflow_id))
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "CALL_DEPTH_EXCEEDED")
    all_runs = await runs(runner)
    assert [row["call_depth"] for row in all_runs] == list(range(21))
    assert {row["status"] for row in all_runs} == {"FAILED"}


async def test_large_variables_of_a_child_are_given_to_nobody(runner):
    """They matter only to a step that maps them, which then says so."""
    child = await runner.publish([assign(f"a{n}", **{f"v{n}": {"$expr": "$pad('x', 240000)"}}) for n in range(4)])
    given = {"large": "$pad('x', 200000)"}
    run = await runner.run(
        [call_workflow(child, given), call_workflow(child, given, {"x": "childRun.vars.v1"}, "mapped")]
    )
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "OUTPUT_TOO_LARGE")
    assert [(s["definition_step_id"], s["status"]) for s in run["steps"]] == [
        ("call", "SUCCEEDED"),
        ("mapped", "FAILED"),
    ]


async def test_what_nothing_can_hide_is_not_hidden_by_a_call(runner, probe):
    """A child that met a step that cannot be run ends its parent, too."""
    child = await runner.publish([{"id": "w", "type": "made.up"}])
    run = await runner.run(
        [attempt([call_workflow(child, onError={"policy": "continue"})], [call("never", "probe.read")])]
    )
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "UNSUPPORTED_STEP_TYPE")
    assert [s["status"] for s in run["steps"]] == ["FAILED", "FAILED"]


async def test_canceling_the_parent_cancels_the_child_after_its_effect(runner, probe):
    """Both rows say CANCELED; the effect that was under way is finished first, and what follows it is not begun."""
    probe.hold = asyncio.Event()
    child = await runner.publish([call("inside", "probe.send"), call("never", "probe.send")])
    run_id = await runner.start(await runner.publish([call_workflow(child), call("never", "probe.read")]))
    await runner.until(lambda: bool(probe.calls))
    child_id = probe.calls[0].run_id
    await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).cancel()
    await runner.until_cancel_requested(child_id)
    probe.hold.set()
    run = await runner.finished(run_id)
    ended = await runner.finished(child_id)
    assert (run["status"], ended["status"]) == ("CANCELED", "CANCELED")
    assert [s["status"] for s in run["steps"]] == ["CANCELED"]
    assert [(row["status"], row["sends"]) for row in ended["ledger"]] == [("succeeded", 1)]
    assert [s["status"] for s in ended["steps"]] == ["SUCCEEDED"]
    assert len(probe.calls) == 1


@pytest.mark.parametrize(("end", "code"), [("cancel", "CANCELED"), ("terminate", "TERMINATED")])
async def test_a_child_that_was_ended_from_outside_is_a_failure_of_the_call(runner, probe, end, code):
    """Its row is closed, and the parent may catch it: it was not the parent that was canceled."""
    probe.failures = [TransientError("busy")]
    child = await runner.publish([call("inside", "probe.fetch", retry={"maxAttempts": 2, "backoffMs": 60000})])
    run_id = await runner.start(
        await runner.publish([attempt([call_workflow(child)], [call("b", "probe.read", "error.code")])])
    )
    await runner.until(lambda: bool(probe.calls))
    child_id: UUID = probe.calls[0].run_id
    handle = runner.client.get_workflow_handle(run_workflow_id(str(child_id), 1))
    await (handle.cancel() if end == "cancel" else handle.terminate())
    run = await runner.finished(run_id)
    assert (run["status"], probe.inputs[-1].text) == ("SUCCEEDED", code)
    closed = await runner.finished(child_id)
    assert (closed["status"], closed["error_json"]["code"]) == ("CANCELED" if end == "cancel" else "FAILED", code)
