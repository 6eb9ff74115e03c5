"""A failed run goes on where it failed: what was done stands, what failed is tried again, all in the same run."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from workflow_core.errors import ActionError, ConflictError, NotFoundError, Refused, ValidationError
from workflow_core.execution.resume import resume_run
from workflow_core.execution.resume_preview import preview_resume
from workflow_core.temporal import run_workflow_id

USER = uuid4()


def call(step_id, action, text=None, **fields):
    mapping = {} if text is None else {"text": {"$expr": text}}
    config = {"actionId": action, "version": 1, "inputMapping": mapping, **fields.pop("config", {})}
    return {"id": step_id, "type": "action.call", "config": config, **fields}


def assign(step_id, **values):
    return {"id": step_id, "type": "transform.assign", "config": {"assign": values}}


def each(step_id, items, body):
    return {"id": step_id, "type": "control.forEach", "items": {"$expr": items}, "itemVar": "it", "body": body}


async def resume(runner, run_id, **options):
    return await resume_run(
        runner.db, runner.client, runner.registry, tenant=runner.tenant, run_id=run_id, user=USER, **options
    )


async def preview(runner, run_id):
    async with runner.db.tenant(runner.tenant) as conn:
        return await preview_resume(conn, runner.tenant, run_id)


def statuses(run):
    return {(step["definition_step_id"], step["iteration"]): step["status"] for step in run["steps"]}


BROKEN = ActionError("The other side is broken.", code="BROKEN")


async def test_goes_on_before_the_step_that_failed(runner, probe):
    """Steps before are not visited again, variables are there; row, steps and log of the run tell both executions."""
    probe.failures = [None, BROKEN]
    steps = [
        call("first", "probe.read", "'one'", config={"saveAs": "vars.first"}),
        assign("mark", **{"vars.at": {"$expr": "system.startedAt"}}),
        {
            "id": "if",
            "type": "control.if",
            "condition": {"$expr": "first.text = 'one'"},
            "then": [call("second", "probe.write", "first.text & ' ' & at")],
        },
        call("third", "probe.write", "'three'"),
    ]
    failed = await runner.run(steps, {"n": 1})
    assert (failed["status"], failed["failed_step_path"]) == ("FAILED", "root.steps[2].then.steps[0]")

    assert await resume(runner, failed["run_id"], reason="It is mended.") == 2
    run = await runner.finished(failed["run_id"], execution=2)
    assert (run["status"], run["error_json"], run["execution"]) == ("SUCCEEDED", None, 2)
    assert set(statuses(run).values()) == {"SUCCEEDED"}
    texts = [given.text for given in probe.inputs]
    assert texts[1] == texts[2]  # the start of the run, not of its execution
    assert [texts[0], texts[3]] == ["one", "three"]
    assert [ctx.attempt for ctx in probe.calls] == [1, 1, 2, 1]
    async with runner.db.tenant(runner.tenant) as conn:
        lines = await conn.fetch(
            "SELECT message FROM workflow_run_logs WHERE run_id = $1 ORDER BY created_at", run["run_id"]
        )
        audit = await conn.fetchrow("SELECT user_id, operation, details FROM audit_logs")
    told = [row["message"] for row in lines]
    assert "Resumed (execution 2): It is mended." in told
    assert told[-1] == "Ended: SUCCEEDED."
    assert (audit["user_id"], audit["operation"], audit["details"]["reason"]) == (USER, "resume", "It is mended.")


async def test_goes_on_inside_of_a_loop_inside_of_a_catch(runner, probe):
    """Items that are done stay done; what was caught stays caught, and what the loop hides comes back after it."""
    probe.failures = [BROKEN, None, BROKEN]
    body = [call("send", "probe.send", "it & ' ' & $string(index) & ' ' & caught.code & ' ' & error.code")]
    steps = [
        assign("mine", **{"vars.it": "mine"}),
        {
            "id": "try",
            "type": "control.tryCatch",
            "captureErrorAs": "vars.caught",
            "try": [call("bad", "probe.read")],
            "catch": [each("loop", "['a', 'b', 'c']", body)],
        },
        call("after", "probe.read", "it & ' ' & $string(error = null)"),
    ]
    failed = await runner.run(steps)
    assert (failed["status"], failed["failed_iteration"]) == ("FAILED", "1")
    assert statuses(failed)["loop", ""] == "FAILED"

    await resume(runner, failed["run_id"])
    run = await runner.finished(failed["run_id"], execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs[1:]] == [
        "a 0 BROKEN BROKEN",
        "b 1 BROKEN BROKEN",
        "b 1 BROKEN BROKEN",
        "c 2 BROKEN BROKEN",
        "mine true",
    ]
    found = statuses(run)
    assert (found["bad", ""], found["loop", ""], found["send", "1"]) == ("FAILED", "SUCCEEDED", "SUCCEEDED")
    loop = next(step for step in run["steps"] if step["definition_step_id"] == "loop")
    assert (loop["output_json"], loop["error_json"]) == ({"count": 3, "failed": []}, None)


async def test_a_run_can_be_resumed_again_and_again(runner, probe):
    """Each failure is told, also when it is the same; attempts go on counting, and each execution has all of them."""
    probe.failures = [BROKEN] * 3
    failed = await runner.run([call("x", "probe.write", retry={"maxAttempts": 1, "backoffMs": 0})])
    for execution in (2, 3):
        await resume(runner, failed["run_id"])
        again = await runner.finished(failed["run_id"], execution=execution)
        assert (again["status"], again["steps"][0]["attempt"]) == ("FAILED", execution)
    await resume(runner, failed["run_id"])
    run = await runner.finished(failed["run_id"], execution=4)
    assert (run["status"], run["steps"][0]["attempt"], len(run["ledger"])) == ("SUCCEEDED", 4, 1)
    async with runner.db.tenant(runner.tenant) as conn:
        told = await conn.fetchval("SELECT count(*) FROM workflow_run_logs WHERE message LIKE 'x failed: BROKEN%'")
    assert told == 3


async def test_with_a_corrected_input(runner, probe):
    """Corrected fields take the place of the authored ones, the others stay; they hold for that step alone."""
    probe.failures = [BROKEN]
    body = [call("send", "probe.send", "it", config={"inputMapping": {"text": {"$expr": "it"}, "number": 7}})]
    failed = await runner.run([each("loop", "payload.all", body)], {"all": ["a", "b"], "better": "A"})
    await resume(runner, failed["run_id"], correction={"text": {"$expr": "payload.better & '!'"}})
    run = await runner.finished(failed["run_id"], execution=2)
    assert run["status"] == "SUCCEEDED"
    assert [(given.text, given.number) for given in probe.inputs] == [("a", 7), ("A!", 7), ("b", 7)]
    assert run["correction"] is None


@pytest.mark.parametrize(
    ("correction", "path", "code"),
    [
        ({"nothing": 1}, "input.nothing", "UNKNOWN_FIELD"),
        ({"text": {"$secret": "KEY"}}, "input.text", "SECRET_NOT_ALLOWED"),
        ({"text": {"$expr": "1 +"}}, "input.text", None),
        ({"text": "x" * 300_000}, "input", "LENGTH"),
    ],
)
async def test_a_correction_that_does_not_fit_is_refused(runner, probe, correction, path, code):
    """With its place; the run stays as it is."""
    probe.failures = [BROKEN]
    failed = await runner.run([call("x", "probe.write")])
    with pytest.raises(ValidationError) as refused:
        await resume(runner, failed["run_id"], correction=correction)
    assert [error.path for error in refused.value.errors] == [path]
    assert code in (None, refused.value.errors[0].code)
    assert (await runner.finished(failed["run_id"]))["status"] == "FAILED"


async def test_only_a_failed_run_of_the_tenant(runner, tenants):
    """A run that succeeded, a run of another tenant, one that does not exist, one of a paused workflow."""
    run = await runner.run([assign("x", **{"vars.a": 1})])
    with pytest.raises(ConflictError, match="SUCCEEDED") as ended:
        await resume(runner, run["run_id"])
    assert ended.value.code == "RUN_NOT_FAILED"
    with pytest.raises(NotFoundError):
        await resume_run(runner.db, runner.client, runner.registry, tenant=tenants.b, run_id=run["run_id"], user=USER)
    with pytest.raises(NotFoundError):
        await resume(runner, uuid4())


async def test_a_called_run_goes_on_inside_of_its_caller(runner, probe):
    """The same child run, one execution later, from its own failed step; the caller then gets its variables."""
    probe.failures = [None, BROKEN]
    child = await runner.publish(
        [call("one", "probe.write", "'one'", config={"saveAs": "vars.one"}), call("two", "probe.write", "one.text")]
    )
    calling = {
        "id": "call",
        "type": "control.callWorkflow",
        "workflowId": str(child),
        "workflowVersion": 1,
        "inputMapping": {},
        "outputMapping": {"vars.got": {"$expr": "childRun.vars.one.text"}},
    }
    failed = await runner.run([calling, call("after", "probe.read", "got")])
    assert failed["status"] == "FAILED"
    child_id = UUID(failed["steps"][0]["output_json"]["childRunId"])
    with pytest.raises(ConflictError) as refused:
        await resume(runner, child_id)
    assert (refused.value.code, refused.value.details) == ("RESUME_CALLER", {"rootRunId": str(failed["run_id"])})

    seen = await preview(runner, failed["run_id"])
    assert (seen.failed_run_id, seen.failed["step_path"]) == (child_id, "root.steps[1]")
    assert [(step.run_id, step.step_id) for step in seen.reused] == [(child_id, "one")]
    assert [(step.run_id, step.step_id, step.effect) for step in seen.sent] == [
        (child_id, "two", "LOCAL"),
        (failed["run_id"], "after", "READ"),
    ]

    await resume(runner, failed["run_id"], correction={"text": "corrected"})
    run = await runner.finished(failed["run_id"], execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["one", "one", "corrected", "one"]
    called = await runner.finished(child_id, execution=2)
    assert (called["status"], called["execution"], set(statuses(called).values())) == ("SUCCEEDED", 2, {"SUCCEEDED"})
    described = await runner.client.get_workflow_handle(run_workflow_id(str(child_id), 2)).describe()
    assert described.parent_id == run_workflow_id(str(failed["run_id"]), 2)


async def test_without_a_checkpoint_it_starts_anew_and_effects_are_reused(runner, probe):
    """An execution that ended without a word has none: what was read and done stands, and is not done again."""
    probe.failures = [None, None, BROKEN]
    steps = [
        call("read", "probe.read", "'r'"),
        call("done", "probe.write", "'done'", config={"saveAs": "vars.done"}),
        call("bad", "probe.send", "done.text"),
    ]
    failed = await runner.run(steps)
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute(
            "UPDATE workflow_runs SET checkpoint = NULL, failed_step_path = NULL, failed_iteration = NULL"
        )
    seen = await preview(runner, failed["run_id"])
    assert (seen.from_beginning, seen.reused_count) == (True, 2)
    await resume(runner, failed["run_id"])
    run = await runner.finished(failed["run_id"], execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["r", "done", "done", "done"]
    assert set(statuses(run).values()) == {"SUCCEEDED"}


async def test_preview_names_what_is_reused_and_what_is_sent(runner, probe):
    """Items left, branches to come, the catch block of the try around; not the branch that was not taken."""
    probe.failures = [None, Refused(BROKEN)]
    steps = [
        {
            "id": "if",
            "type": "control.if",
            "condition": {"$expr": "true"},
            "then": [
                each("loop", "[1, 2, 3]", [call("before", "probe.read"), call("bad", "probe.send")]),
                {"id": "maybe", "type": "control.if", "condition": True, "then": [call("branch", "probe.read")]},
            ],
            "else": [call("other", "probe.once")],
        },
        call("after", "probe.write"),
    ]
    failed = await runner.run(steps)
    seen = await preview(runner, failed["run_id"])
    assert (seen.from_beginning, seen.items_left, seen.execution) == (False, 2, 1)
    assert [step.step_id for step in seen.reused] == ["before"]
    assert [(step.step_id, step.effect, step.conditional) for step in seen.sent] == [
        ("bad", "REPEATABLE", False),
        ("branch", "READ", True),
        ("after", "LOCAL", False),
        ("before", "READ", False),
    ]


async def test_two_who_resume_at_once(runner, probe):
    """One of them does; the other is told that the run is under way."""
    probe.failures = [BROKEN]
    failed = await runner.run([call("x", "probe.write")])
    answers = await asyncio.gather(*(resume(runner, failed["run_id"]) for _ in range(4)), return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [2]
    assert {answer.code for answer in answers if not isinstance(answer, int)} == {"RUN_NOT_FAILED"}
    assert (await runner.finished(failed["run_id"], execution=2))["status"] == "SUCCEEDED"
