"""What follows a failing step: retries, ``onError``, ``control.tryCatch``; and what nothing can hide."""

from __future__ import annotations

import asyncio

import pytest

from workflow_core.errors import ActionError, Refused, TransientError, ValidationError
from workflow_core.temporal import run_workflow_id


def call(step_id, action, text=None, **fields):
    mapping = {} if text is None else {"text": {"$expr": text}}
    config = {"actionId": action, "version": 1, "inputMapping": mapping}
    return {"id": step_id, "type": "action.call", "config": config, **fields}


def attempt(tried, caught, step_id="try", **fields):
    return {"id": step_id, "type": "control.tryCatch", "try": tried, "catch": caught, **fields}


def rows(run):
    return [(s["definition_step_id"], s["iteration"], s["status"]) for s in run["steps"]]


CONTINUE = {"policy": "continue"}


async def test_a_catch_block_sees_the_error_as_the_action_recorded_it(runner, probe):
    """Category, code, message and details, at the root ``error`` and where ``captureErrorAs`` puts it."""
    probe.failures = [ActionError("The board is full.", code="BOARD_FULL", details={"board": 7})]
    seen = "error.category & ' ' & error.code & ' ' & vars.caught.message & ' ' & $string(caught.details.board)"
    run = await runner.run(
        [
            attempt(
                [call("a", "probe.write"), call("never", "probe.write")],
                [call("b", "probe.read", seen)],
                captureErrorAs="caught",
            ),
            call("after", "probe.read", "$string(error) & ' ' & caught.nodePath & ' ' & caught.at"),
        ]
    )
    assert run["status"] == "SUCCEEDED", run["error_json"]
    recorded = run["steps"][1]["error_json"]
    assert [given.text for given in probe.inputs] == [
        "",
        "ActionError BOARD_FULL The board is full. 7",
        f"null root.steps[0].try.steps[0] {recorded['at']}",
    ]
    assert rows(run) == [
        ("try", "", "SUCCEEDED"),
        ("a", "", "FAILED"),
        ("b", "", "SUCCEEDED"),
        ("after", "", "SUCCEEDED"),
    ]
    assert run["steps"][0]["output_json"] == {"caught": True, "code": "BOARD_FULL"}
    assert run["steps"][2]["step_path"] == "root.steps[0].catch.steps[0]"


async def test_without_a_failure_the_catch_block_is_passed_over(runner, probe):
    """The row of the step says that nothing was caught."""
    run = await runner.run([attempt([call("a", "probe.read")], [call("never", "probe.read")])])
    assert (run["status"], len(probe.calls)) == ("SUCCEEDED", 1)
    assert run["steps"][0]["output_json"] == {"caught": False}


async def test_a_failure_deep_inside_is_caught_and_loops_are_left(runner, probe):
    """Loops and branches between the failure and the ``catch`` end, and their variables come back."""
    probe.failures = [ActionError("No.", code="NO")]
    inside = {"id": "if", "type": "control.if", "condition": True, "then": [call("a", "probe.write")]}
    loop = {"id": "loop", "type": "control.forEach", "items": [1, 2], "itemVar": "n", "body": [inside]}
    run = await runner.run(
        [
            {"id": "n", "type": "transform.assign", "config": {"assign": {"vars.n": "outer"}}},
            attempt([loop], [call("b", "probe.read", "error.code & ' ' & vars.n & ' ' & $string($exists(item))")]),
        ]
    )
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert probe.inputs[-1].text == "NO outer false"
    assert ("loop", "", "FAILED") in rows(run)
    assert ("a", "0", "FAILED") in rows(run)


async def test_a_failure_in_a_catch_block_goes_outward(runner, probe):
    """The outer ``catch`` sees the second error; after it, the root ``error`` is what it was."""
    probe.failures = [ActionError("First.", code="FIRST"), ActionError("Second.", code="SECOND")]
    inner = attempt([call("a", "probe.write")], [call("b", "probe.write", "error.code")], "inner")
    run = await runner.run(
        [
            attempt([inner], [call("c", "probe.read", "error.code")], "outer"),
            call("d", "probe.read", "$string(error)"),
        ]
    )
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["", "FIRST", "SECOND", "null"]
    assert rows(run)[:2] == [("outer", "", "SUCCEEDED"), ("inner", "", "FAILED")]


async def test_an_uncaught_failure_in_a_catch_block_fails_the_run(runner, probe):
    """With the second error."""
    probe.failures = [ActionError("First.", code="FIRST"), ActionError("Second.", code="SECOND")]
    run = await runner.run([attempt([call("a", "probe.write")], [call("b", "probe.write")])])
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "SECOND")
    assert rows(run) == [("try", "", "FAILED"), ("a", "", "FAILED"), ("b", "", "FAILED")]


async def test_an_error_without_a_place_fails_the_try_step(runner, probe):
    """A path that cannot be assigned to is refused before anything runs; one that does not fit, when it catches."""
    run = await runner.run([attempt([call("a", "probe.write")], [], captureErrorAs="a..b")])
    assert (run["error_json"]["code"], len(probe.calls)) == ("INVALID_ASSIGN_PATH", 0)
    probe.failures = [ActionError("No.", code="NO")]
    run = await runner.run(
        [
            {"id": "list", "type": "transform.assign", "config": {"assign": {"vars.list": [1]}}},
            attempt([call("a", "probe.write")], [], captureErrorAs="vars.list.name"),
        ]
    )
    assert (run["error_json"]["code"], run["error_json"]["nodePath"]) == ("INVALID_ASSIGN_PATH", "root.steps[1]")


@pytest.mark.parametrize("place", ["step", "config"])
async def test_on_error_continue_goes_on_after_the_last_attempt(runner, probe, place):
    """The row stays FAILED with its error; ``vars.error`` and the root ``error`` hold it from there on."""
    probe.failures = [TransientError("busy", code="BUSY")] * 2
    step = call("a", "probe.fetch", retry={"maxAttempts": 2, "backoffMs": 1})
    (step if place == "step" else step["config"])["onError"] = CONTINUE
    run = await runner.run([step, call("b", "probe.read", "error.code & ' ' & vars.error.category")])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["", "", "BUSY TransientError"]
    assert rows(run) == [("a", "", "FAILED"), ("b", "", "SUCCEEDED")]
    assert (run["steps"][0]["attempt"], run["steps"][0]["error_json"]["code"]) == (2, "BUSY")


async def test_on_error_continue_of_an_assignment_assigns_nothing(runner, probe):
    """Of a step that fails half way, nothing stays."""
    failing = {
        "id": "a",
        "type": "transform.assign",
        "config": {"assign": {"x": 1, "y": {"$expr": "$error('no')"}}},
        "onError": CONTINUE,
    }
    run = await runner.run([failing, call("b", "probe.read", "$string($exists(vars.x)) & error.code")])
    assert (run["status"], probe.inputs[0].text) == ("SUCCEEDED", "falseEXPRESSION_FAILED")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("event.wait", "INVALID_CONFIG"),
        ("time.wait", "INVALID_CONFIG"),
        ("human.task", "INVALID_CONFIG"),
        ("no.such", "UNSUPPORTED_STEP_TYPE"),
    ],
)
async def test_a_step_that_cannot_be_run_is_never_hidden(runner, probe, kind, code):
    """A run must not go on as if it had waited."""
    step = {"id": "wait", "type": kind, "config": {}, "onError": CONTINUE}
    run = await runner.run([attempt([step], [call("never", "probe.read")])])
    assert (run["status"], run["error_json"]["code"], len(probe.calls)) == ("FAILED", code, 0)
    assert run["error_json"]["category"] == "InterpreterCorruption"


async def test_a_cancellation_is_never_caught(runner, probe):
    """A run that is canceled inside of a ``try`` ends there; all rows say CANCELED."""
    probe.failures = [TransientError("reset")] * 2
    step = call("a", "probe.fetch", retry={"maxAttempts": 9, "backoffMs": 60000}, onError=CONTINUE)
    run_id = await runner.start(await runner.publish([attempt([step], [call("never", "probe.read")])]))
    await runner.until(lambda: bool(probe.calls))
    await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).cancel()
    run = await runner.finished(run_id)
    assert (run["status"], len(probe.calls)) == ("CANCELED", 1)
    assert rows(run) == [("try", "", "CANCELED"), ("a", "", "CANCELED")]


async def test_return_inside_of_a_try_ends_the_run(runner, probe):
    """It is no failure."""
    run = await runner.run(
        [attempt([{"id": "r", "type": "control.return"}], [call("b", "probe.read")]), call("c", "probe.read")]
    )
    assert (run["status"], len(probe.calls)) == ("SUCCEEDED", 0)
    assert rows(run) == [("try", "", "SUCCEEDED"), ("r", "", "SUCCEEDED")]


# ── Retries ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("named", ["NO", "ActionError"])
async def test_retry_on_retries_what_it_names(runner, probe, named):
    """By code or category, also what does not call itself retryable; the same effect, another attempt."""
    probe.failures = [Refused(ActionError("No.", code="NO"))] * 2
    run = await runner.run([call("a", "probe.send", retry={"maxAttempts": 3, "backoffMs": 1, "retryOn": [named]})])
    assert (run["status"], [ctx.attempt for ctx in probe.calls]) == ("SUCCEEDED", [1, 2, 3])
    assert len({ctx.idempotency_key for ctx in probe.calls}) == 1


async def test_retry_on_retries_nothing_else(runner, probe):
    """An error that calls itself retryable is not retried when the step names others; its row is FAILED at once."""
    probe.failures = [Refused(TransientError("busy", code="BUSY"))]
    run = await runner.run([call("a", "probe.send", retry={"maxAttempts": 3, "backoffMs": 1, "retryOn": ["NO"]})])
    assert (run["status"], run["error_json"]["code"], len(probe.calls)) == ("FAILED", "BUSY", 1)
    assert [(s["status"], s["attempt"]) for s in run["steps"]] == [("FAILED", 1)]


@pytest.mark.parametrize(
    ("failure", "retry_on", "shown"),
    [
        (Refused(ActionError("No.", code="NO")), ["NO"], "RETRYING"),
        (Refused(TransientError("busy")), None, "RETRYING"),
    ],
    ids=["named", "its own word"],
)
async def test_a_step_that_waits_for_its_next_attempt_says_so(runner, probe, failure, retry_on, shown):
    """The row shows RETRYING while another attempt is to come."""
    probe.failures = [failure] * 9
    retry = {"maxAttempts": 2, "backoffMs": 60000, **({"retryOn": retry_on} if retry_on else {})}
    run_id = await runner.start(await runner.publish([call("a", "probe.send", retry=retry)]))
    await runner.until_step(run_id, "a", shown)
    await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).cancel()
    assert rows(await runner.finished(run_id)) == [("a", "", "CANCELED")]


async def test_validation_errors_can_be_caught(runner, probe):
    """An input that does not fit is an error like any other."""
    probe.failures = [ValidationError("Unknown board.", code="VALIDATION_ERROR")]
    run = await runner.run([attempt([call("a", "probe.write")], [call("b", "probe.read", "error.category")])])
    assert (run["status"], probe.inputs[-1].text) == ("SUCCEEDED", "ValidationError")


@pytest.mark.parametrize("action", ["probe.fetch", "probe.send"])
async def test_an_error_with_a_large_answer_in_it_is_one_attempt(runner, probe, action):
    """Its effect is not done again because Temporal would not take the error."""
    probe.failures = [ActionError("No.", code="NO", details={"body": "x" * 3_000_000})]
    run = await runner.run([attempt([call("a", action)], [call("b", "probe.read", "error.code")])])
    assert (run["status"], len(probe.calls), probe.inputs[-1].text) == ("SUCCEEDED", 2, "NO")


async def test_nobody_makes_a_run_wait_for_ever(runner, probe):
    """A ``Retry-After`` counts for a day at most."""
    probe.failures = [TransientError("busy", retry_after=1e12)]
    run_id = await runner.start(await runner.publish([call("a", "probe.write", retry={"maxAttempts": 2})]))
    handle = runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1))

    async def timers():
        history = await handle.fetch_history()
        started = [
            e.timer_started_event_attributes for e in history.events if e.HasField("timer_started_event_attributes")
        ]
        return [timer.start_to_fire_timeout.ToSeconds() for timer in started]

    async with asyncio.timeout(30):
        while not (seconds := await timers()):
            await asyncio.sleep(0.02)
    await handle.cancel()
    assert (seconds, (await runner.finished(run_id))["status"]) == ([24 * 3600], "CANCELED")
