"""Dry runs and tests of single actions, as whole runs: what they do, and that nothing else is written."""

from __future__ import annotations

from uuid import uuid4

import pytest

from workflow_core.errors import ActionError, ConflictError, TransientError
from workflow_core.execution.resume import resume_run
from workflow_core.execution.trial_runs import action_test
from workflow_core.temporal import run_workflow_id
from workflow_core.testing.contents import changed_tables, read_contents

OWN_RECORD = {"workflow_runs", "workflow_run_steps", "workflow_run_logs"}


def call(step_id, action, text=None, **fields):
    mapping = {} if text is None else {"text": {"$expr": text}}
    config = {"actionId": action, "version": 1, "inputMapping": mapping, "saveAs": step_id}
    return {"id": step_id, "type": "action.call", "config": config, **fields}


def call_workflow(workflow_id, text, **fields):
    return {
        "id": "call",
        "type": "control.callWorkflow",
        "workflowId": str(workflow_id),
        "workflowVersion": 1,
        "inputMapping": {"text": {"$expr": text}},
        "outputMapping": {"vars.inside": {"$expr": "childRun.vars.inside"}},
        **fields,
    }


async def contents(runner):
    async with runner.db.tenant(runner.tenant) as conn:
        return await read_contents(conn)


async def runs(runner):
    """All runs, callers first."""
    async with runner.db.tenant(runner.tenant) as conn:
        return [dict(row) for row in await conn.fetch("SELECT * FROM workflow_runs ORDER BY created_at, call_depth")]


async def scopes(runner, run_id):
    """What the engine was given at the end."""
    result = await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).result()
    return result["scopes"]


async def test_only_what_reads_is_done(runner, probe):
    """Everything else answers its example, with which the run goes on; nothing is written but the run's own record."""
    before = await contents(runner)
    run = await runner.rehearse(
        [
            call("read", "probe.read", "payload.name"),
            call("fetch", "probe.fetch", "read.text & '!'"),
            call("write", "probe.write", "fetch.text"),
            call("send", "probe.send", "write.text"),
            call("once", "probe.once", "send.text & $string(send.calls)"),
        ],
        {"name": "Ada"},
    )
    assert (run["status"], run["dry_run"], run["cause"]) == ("SUCCEEDED", True, "simulation"), run["error_json"]
    assert [given.text for given in probe.inputs] == ["Ada", "Ada!"]
    assert changed_tables(before, await contents(runner)) == OWN_RECORD
    assert run["ledger"] == []
    assert [(step["definition_step_id"], step["would_do"], step["input_json"]["text"]) for step in run["steps"]] == [
        ("read", False, "Ada"),
        ("fetch", False, "Ada!"),
        ("write", True, "Ada!"),
        ("send", True, "example"),
        ("once", True, "example0"),
    ]
    assert (await scopes(runner, run["run_id"]))["vars"]["once"] == {"text": "example", "calls": 0}


async def test_samples_decide_the_way(runner, probe):
    """A step of which somebody says what it gives is not done, whether it reads or acts."""
    steps = [
        call("read", "probe.read", "'x'"),
        call("write", "probe.write", "read.text"),
        {
            "id": "if",
            "type": "control.if",
            "condition": {"$expr": "write.calls = 7"},
            "then": [call("then", "probe.fetch", "write.text")],
            "else": [call("else", "probe.fetch", "'no'")],
        },
    ]
    samples = {"read": {"text": "given", "calls": 1}, "write": {"text": "too", "calls": 7}}
    run = await runner.rehearse(steps, samples=samples)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["too"]
    assert [(s["definition_step_id"], s["would_do"]) for s in run["steps"] if s["action_id"]] == [
        ("read", True),
        ("write", True),
        ("then", False),
    ]


async def test_called_workflows_run_dry(runner, probe):
    """At any depth, and in the name of who asked, whoever published them; a real run of the same ones acts."""
    publisher, actor = uuid4(), uuid4()
    grandchild = await runner.publish(
        [call("inside", "probe.write", "payload.text"), call("look", "probe.read", "inside.text")], publisher=publisher
    )
    child = await runner.publish(
        [call_workflow(grandchild, "payload.text"), call("inside", "probe.once", "inside.text")], publisher=publisher
    )
    steps = [call_workflow(child, "payload.text"), call("after", "probe.fetch", "inside.text")]
    before = await contents(runner)
    run = await runner.rehearse(steps, {"text": "Ada"}, actor=actor)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert changed_tables(before, await contents(runner)) == OWN_RECORD
    assert [(row["dry_run"], row["actor_id"], row["call_depth"]) for row in await runs(runner)] == [
        (True, actor, depth) for depth in range(3)
    ]
    assert [(ctx.dry_run, ctx.actor) for ctx in probe.calls] == [(True, actor)] * 2
    assert [given.text for given in probe.inputs] == ["example", "example"]

    real = await runner.run(steps, {"text": "Ada"})
    assert real["status"] == "SUCCEEDED", real["error_json"]
    assert not real["dry_run"]
    assert [ctx.dry_run for ctx in probe.calls[2:]] == [False] * 4
    assert {ctx.actor for ctx in probe.calls[2:-1]} == {publisher}


async def test_nobody_waits_for_a_retry(runner, probe):
    """What reads is tried again at once, three times at most, whatever the step says; no timer is started."""
    probe.failures = [TransientError("reset")] * 9
    patient = {"maxAttempts": 9, "backoffMs": 600_000}
    run = await runner.rehearse([call("read", "probe.read", retry=patient)])
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "TRANSIENT_FAILURE")
    assert len(probe.calls) == 3
    assert [(step["status"], step["attempt"], step["would_do"]) for step in run["steps"]] == [("FAILED", 3, False)]


async def test_nobody_waits_for_a_called_workflow_to_be_tried_again(runner, probe):
    """Nor for one that a step calls."""
    probe.failures = [TransientError("reset")] * 3
    child = await runner.publish([call("inside", "probe.read", "payload.text")])
    run = await runner.rehearse([call_workflow(child, "'x'", retry={"maxAttempts": 2, "backoffMs": 600_000})])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [row["status"] for row in await runs(runner)] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]


async def test_what_fails_is_caught_as_ever(runner, probe):
    """The run takes the way that it would take."""
    probe.failures = [ActionError("Gone.", code="NOT_FOUND")]
    tried = {
        "id": "try",
        "type": "control.tryCatch",
        "try": [call("look", "probe.fetch")],
        "catch": [call("tell", "probe.write", "error.code")],
    }
    run = await runner.rehearse([tried])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    (told,) = [step for step in run["steps"] if step["definition_step_id"] == "tell"]
    assert (told["would_do"], told["input_json"]["text"]) == (True, "NOT_FOUND")


@pytest.mark.parametrize("dry_run", [True, False])
async def test_one_action_is_tested_dry_or_for_good(runner, probe, dry_run):
    """A run of one step; only the one that is not dry acts, once, and leaves its row in the ledger."""
    steps = action_test("probe.once", 1, {"text": {"$expr": "payload.name"}})["steps"]
    run_id = await runner.start_trial(steps, {"name": "Ada"}, cause="test", dry_run=dry_run)
    run = await runner.finished(
        await runner.start_trial(steps, {"name": "Ada"}, cause="test", dry_run=dry_run, run_id=run_id)
    )
    assert (run["status"], run["cause"], run["dry_run"]) == ("SUCCEEDED", "test", dry_run), run["error_json"]
    assert [given.text for given in probe.inputs] == ([] if dry_run else ["Ada"])
    assert [row["status"] for row in run["ledger"]] == ([] if dry_run else ["succeeded"])
    (step,) = run["steps"]
    assert (step["definition_step_id"], step["would_do"]) == ("test", dry_run)
    assert step["output_json"] == ({"text": "example", "calls": 0} if dry_run else {"text": "Ada", "calls": 1})


async def test_an_id_starts_one_trial(runner, probe):
    """Another payload, other samples or steps, or for good instead of dry: refused, and nothing is started."""
    steps, actor = [call("write", "probe.write")], uuid4()
    run_id = await runner.start_trial(steps, {"n": 1.0}, actor=actor)
    again = {"run_id": run_id, "actor": actor}
    await runner.start_trial(steps, {"n": 1}, **again)
    for refused in (
        runner.start_trial(steps, {"n": 2}, **again),
        runner.start_trial([call("other", "probe.write")], {"n": 1}, **again),
        runner.start_trial(steps, {"n": 1}, samples={"write": {}}, **again),
        runner.start_trial(steps, {"n": 1}, dry_run=False, **again),
    ):
        with pytest.raises(ConflictError) as caught:
            await refused
        assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"
    assert (await runner.finished(run_id))["status"] == "SUCCEEDED"
    assert probe.calls == []


async def test_a_dry_run_is_not_resumed(runner, probe):
    """It has done nothing from which it could go on, and whoever resumes runs may not have asked for it."""
    probe.failures = [ActionError("Gone.", code="NOT_FOUND")]
    run = await runner.rehearse([call("look", "probe.read")])
    before = await contents(runner)
    with pytest.raises(ConflictError) as caught:
        await resume_run(
            runner.db, runner.client, runner.registry, tenant=runner.tenant, run_id=run["run_id"], user=uuid4()
        )
    assert caught.value.code == "DRY_RUN"
    assert changed_tables(before, await contents(runner)) == set()
