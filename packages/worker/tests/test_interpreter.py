"""The interpreter and the executor together, on real PostgreSQL and real Temporal."""

from __future__ import annotations

from uuid import uuid4

import pytest

from workflow_core.errors import ActionError, Refused, TransientError, ValidationError
from workflow_core.execution.runs import start_run
from workflow_core.language.expressions import compile_expression
from workflow_core.temporal import run_workflow_id


def call(step_id, action, mapping=None, **config):
    return {
        "id": step_id,
        "type": "action.call",
        "config": {"actionId": action, "version": 1, "inputMapping": mapping or {}, **config},
    }


async def test_steps_run_in_order_and_outputs_flow(runner, probe):
    """saveAs, transform.assign, state.set, control.if and control.return over one scope."""
    run = await runner.run(
        [
            {
                "id": "a",
                "type": "transform.assign",
                "config": {"assign": {"vars.title": {"$expr": "'Hi ' & payload.name"}}},
            },
            call("b", "probe.read", {"text": {"$expr": "vars.title"}}, saveAs="greeting"),
            {
                "id": "c",
                "type": "control.if",
                "condition": {"$expr": "greeting.text == 'Hi Ada'"},
                "then": [
                    {"id": "d", "type": "state.set", "config": {"state": "GREETED"}},
                    call("e", "probe.write", {"text": {"$expr": "meta.state"}}),
                    {"id": "f", "type": "control.return"},
                ],
            },
            call("never", "probe.write"),
        ],
        {"name": "Ada"},
    )
    assert run["status"] == "SUCCEEDED", run
    assert [given.text for given in probe.inputs] == ["Hi Ada", "GREETED"]
    assert [(s["definition_step_id"], s["step_path"], s["status"]) for s in run["steps"]] == [
        ("a", "root.steps[0]", "SUCCEEDED"),
        ("b", "root.steps[1]", "SUCCEEDED"),
        ("c", "root.steps[2]", "SUCCEEDED"),
        ("d", "root.steps[2].then.steps[0]", "SUCCEEDED"),
        ("e", "root.steps[2].then.steps[1]", "SUCCEEDED"),
        ("f", "root.steps[2].then.steps[2]", "SUCCEEDED"),
    ]
    assert [(row["action_id"], row["status"], row["effect"]) for row in run["ledger"]] == [
        ("probe.write", "succeeded", "LOCAL")
    ]


async def test_external_effect_goes_through_the_ledger(runner, probe):
    """A REPEATABLE effect ends succeeded, with one send and the output kept."""
    run = await runner.run([call("a", "probe.send", {"text": "x"})])
    assert run["status"] == "SUCCEEDED", run
    assert [(row["status"], row["sends"], row["output_json"]["text"]) for row in run["ledger"]] == [
        ("succeeded", 1, "x")
    ]


async def test_transient_failures_are_retried_by_the_hint(runner, probe):
    """A refused and a transient attempt are followed by a third that succeeds."""
    probe.failures = [Refused(TransientError("busy", code="RATE_LIMITED", retry_after=0.05)), TransientError("lost")]
    run = await runner.run([{**call("a", "probe.send"), "retry": {"maxAttempts": 3, "backoffMs": 10}}])
    assert run["status"] == "SUCCEEDED", run
    assert [ctx.attempt for ctx in probe.calls] == [1, 2, 3]
    assert len({ctx.idempotency_key for ctx in probe.calls}) == 1
    assert [(row["status"], row["sends"]) for row in run["ledger"]] == [("succeeded", 3)]


async def test_final_failure_names_step_and_code(runner, probe):
    """An ActionError ends the run at once, with the error object of the contract."""
    probe.failures = [ActionError("The board is full.", code="BOARD_FULL")]
    run = await runner.run([call("a", "probe.write"), call("b", "probe.write")])
    assert run["status"] == "FAILED", (
        run["ended"],
        run["started_at"],
        run["completed_at"],
        run["updated_at"],
        run["steps"],
    )
    assert run["error_json"] | {"at": ""} == {
        "category": "ActionError",
        "code": "BOARD_FULL",
        "message": "The board is full.",
        "details": {},
        "nodePath": "root.steps[0]",
        "at": "",
    }
    assert [(s["status"], s["error_json"]["code"]) for s in run["steps"]] == [("FAILED", "BOARD_FULL")]


async def test_a_computing_run_yields_and_ends(runner):
    """Expressions that use up an activation's budget several times over do not stop the run."""
    steps = [
        {"id": f"s{i}", "type": "transform.assign", "config": {"assign": {"n": {"$expr": "$sum([1..9000].($ * 2))"}}}}
        for i in range(8)
    ]
    run = await runner.run([*steps, call("read", "probe.read", {"number": {"$expr": "n"}})])
    assert run["status"] == "SUCCEEDED", run["ended"]
    assert run["steps"][-1]["input_json"]["number"] == 81009000


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({"id": "a", "type": "transform.assign", "config": {"assign": {"x": {"$expr": "1 +"}}}}, "INVALID_EXPRESSION"),
        (
            {"id": "a", "type": "transform.assign", "config": {"assign": {"x": {"$expr": "$sum('a')"}}}},
            "EXPRESSION_FAILED",
        ),
        (
            {"id": "a", "type": "transform.assign", "config": {"assign": {"x": {"$expr": "[1..99999999]"}}}},
            "EXPRESSION_BUDGET_EXCEEDED",
        ),
        ({"id": "a", "type": "transform.assign", "config": {"assign": [1]}}, "INVALID_CONFIG"),
        ({"id": "a", "type": "transform.assign", "config": {"assign": {"a..b": 1}}}, "INVALID_ASSIGN_PATH"),
        ({"id": "a", "type": "event.wait", "config": {}}, "INVALID_CONFIG"),
        ({"id": "a", "type": "no.such", "config": {}}, "UNSUPPORTED_STEP_TYPE"),
        (call("a", "probe.read", {"text": {"$expr": "1 +"}}), "INVALID_EXPRESSION"),
        (call("a", "probe.read", {"number": True}), "VALIDATION_ERROR"),
        (call("a", "probe.read", saveAs="a..b"), "INVALID_ASSIGN_PATH"),
        (call("a", "no.such"), "ACTION_NOT_ON_WORKERS"),
        (call("a", "probe.write", idempotencyKey={"$expr": "payload.nothing"}), "INVALID_IDEMPOTENCY_KEY"),
        (call("a", "probe.read", {"text": {"$secret": "NOPE"}}), "SECRET_NOT_FOUND"),
        ("x", "INVALID_CONFIG"),
        ({"id": "a", "type": "action.call", "config": "abc"}, "ACTION_NOT_ON_WORKERS"),
        (
            {"id": "a", "type": "action.call", "config": {"actionId": "probe.read", "version": "abc"}},
            "ACTION_NOT_ON_WORKERS",
        ),
        (
            {"id": "a", "type": "action.call", "config": {"actionId": "probe.read", "version": 2**40}},
            "ACTION_NOT_ON_WORKERS",
        ),
        (
            call(
                "a",
                "probe.read",
                {"text": {"$expr": "$pad('x', 200000)"}, "tags": [{"$expr": "$pad('x', 200000)"}] * 6},
            ),
            "INPUT_TOO_LARGE",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_step_that_cannot_be_done_fails_the_run_with_its_path(runner, step, code):
    """Whatever is wrong with a stored definition ends in a clear error of the step, never in a hanging run."""
    run = await runner.run([step])
    assert (run["status"], run["error_json"]["code"], run["error_json"]["nodePath"]) == (
        "FAILED",
        code,
        "root.steps[0]",
    )
    assert [(s["status"], s["error_json"]["code"]) for s in run["steps"]] == [("FAILED", code)]


async def test_many_costly_expressions_in_one_step_do_not_hang_the_run(runner):
    """The interpreter lets Temporal see that it is alive between the expressions of a step, too."""
    costly = {f"v{i}": {"$expr": "$sum([1..9000].($ * 2))"} for i in range(40)}
    run = await runner.run([{"id": "a", "type": "transform.assign", "config": {"assign": costly}}])
    assert run["status"] == "SUCCEEDED", run["ended"]


async def test_a_run_that_is_too_large_is_refused_before_it_is_recorded(runner):
    """RUN_TOO_LARGE: no row stays behind that could never be started."""
    run_id = uuid4()
    with pytest.raises(ValidationError) as refused:
        await runner.run([call("a", "probe.read")], {"x": "x" * 2_000_000}, run_id=run_id)
    assert refused.value.code == "RUN_TOO_LARGE"
    async with runner.db.tenant(runner.tenant) as conn:
        assert await conn.fetchval("SELECT count(*) FROM workflow_runs") == 0


async def test_a_long_trace_is_written_on_the_way(runner):
    """A thousand control steps with something to show do not travel with one action."""
    steps = [
        {"id": f"s{i}", "type": "transform.assign", "config": {"assign": {f"v{i % 7}": "x" * 3000}}} for i in range(300)
    ]
    run = await runner.run([*steps, call("read", "probe.read")])
    assert (run["status"], len(run["steps"])) == ("SUCCEEDED", 301)


async def test_data_cannot_ask_for_a_secret(runner, probe):
    """What a payload holds is data, whatever it looks like."""
    run = await runner.run(
        [call("a", "probe.read", {"text": {"$expr": "payload.alert"}})], {"alert": {"$secret": "SMTP_PASSWORD"}}
    )
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "VALIDATION_ERROR")


async def test_starting_the_same_run_twice_runs_it_once(runner, probe):
    """A run id is started once, however often a client asks."""
    run_id = uuid4()
    first = await runner.run([call("a", "probe.write")], run_id=run_id)
    await start_run(
        runner.db,
        runner.client,
        runner.registry,
        tenant=runner.tenant,
        workflow_id=first["workflow_id"],
        version=None,
        payload=None,
        actor=None,
        cause="test",
        run_id=run_id,
    )
    assert (await runner.finished(run_id))["status"] == "SUCCEEDED"
    assert len(probe.calls) == 1


async def test_a_canceled_run_says_so(runner, probe):
    """Cancelling while a step waits for its next attempt closes run and step as CANCELED."""
    probe.failures = [TransientError("reset")] * 9
    workflow_id = await runner.publish([{**call("a", "probe.fetch"), "retry": {"maxAttempts": 9, "backoffMs": 60000}}])
    run_id = await runner.start(workflow_id)
    await runner.until(lambda: bool(probe.calls))
    await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).cancel()
    run = await runner.finished(run_id)
    assert (run["status"], run["error_json"]["code"]) == ("CANCELED", "CANCELED")
    assert [step["status"] for step in run["steps"]] == ["CANCELED"]


async def test_nothing_is_imported_anew_for_a_run(runner):
    """Modules are those of the process: what a run compiled is found in the process's own cache."""
    source = f"'{uuid4()}'"
    before = compile_expression.cache_info().currsize
    await runner.run([{"id": "a", "type": "transform.assign", "config": {"assign": {"x": {"$expr": source}}}}])
    hits = compile_expression.cache_info().hits
    compile_expression(source)
    assert compile_expression.cache_info().hits == hits + 1
    assert compile_expression.cache_info().currsize == before + 1


async def test_assignments_see_the_earlier_ones(runner, probe):
    """They are applied one after the other, in the order of the definition."""
    assign = {"vars.first": {"$expr": "payload.start"}, "b": {"$expr": "first + 1"}, "a": {"$expr": "vars.first + b"}}
    steps = [
        {"id": "s", "type": "transform.assign", "config": {"assign": assign}},
        call("r", "probe.read", {"text": {"$expr": "$string(first) & ' ' & $string(b) & ' ' & $string(a)"}}),
    ]
    run = await runner.run(steps, {"start": 5})
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert run["steps"][0]["output_json"] == {"vars.first": 5, "b": 6, "a": 11}
    assert probe.inputs[0].text == "5 6 11"


async def test_meta_tells_of_the_run_whatever_is_assigned_to_it(runner, probe):
    """``meta.runId`` and its like stand beside what steps keep in ``meta``, and cannot be lost."""
    facts = "meta.runId & ' ' & meta.workflowId & ' ' & $string(meta.workflowVersion) & ' ' & meta.tenantId"
    run = await runner.run(
        [
            call("a", "probe.read", {"text": {"$expr": facts}}, saveAs="meta.found"),
            {"id": "b", "type": "transform.assign", "config": {"assign": {"meta": {"x": 1, "runId": "mine"}}}},
            call("c", "probe.read", {"text": {"$expr": facts + " & ' ' & $string(meta.x)"}}),
            {"id": "d", "type": "transform.assign", "config": {"assign": {"meta.runId": "mine"}}},
        ]
    )
    expected = f"{run['run_id']} {run['workflow_id']} 1 {runner.tenant}"
    assert [given.text for given in probe.inputs] == [expected, f"{expected} 1"]
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "INVALID_ASSIGN_PATH")
