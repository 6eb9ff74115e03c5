"""The interpreter and the executor together, on real PostgreSQL and real Temporal."""

from __future__ import annotations

from workflow_core.errors import ActionError, Refused, TransientError


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


async def test_unknown_once_is_uncertain_and_never_sent_again(runner, probe):
    """A ONCE effect whose answer was lost stays uncertain, and the run says so."""
    probe.failures = [TransientError("connection reset")]
    run = await runner.run([{**call("a", "probe.once"), "retry": {"maxAttempts": 5, "backoffMs": 10}}])
    assert run["status"] == "FAILED", (
        run["ended"],
        run["started_at"],
        run["completed_at"],
        run["updated_at"],
        run["steps"],
    )
    assert run["error_json"]["code"] == "EFFECT_UNCERTAIN"
    assert len(probe.calls) == 1
    assert [(row["status"], row["sends"]) for row in run["ledger"]] == [("uncertain", 1)]
    assert [s["status"] for s in run["steps"]] == ["FAILED"]


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
