"""One action call: gate, ledger, handler and history, on real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from workflow_core.errors import ActionError, NotFoundError, Refused, TransientError, WorkflowError
from workflow_core.execution.executor import Executor
from workflow_core.execution.failed_attempts import ExecutionFailedError
from workflow_core.execution.history import write_action_step
from workflow_core.execution.ledger import LocalEffect, effect_key
from workflow_core.execution.models import StepTrace
from workflow_core.places import Places
from workflow_core.secrets import TenantSecrets

TOKEN = {"text": {"$secret": "TOKEN"}}
DEAD = "fence = gen_random_uuid()"
LEASE_OVER = "lease_until = now() - interval '1 second'"
LEASE_RUNS = "lease_until = now() + interval '60 seconds'"


async def failing(bench, call):
    """The failure of a call that has to fail."""
    with pytest.raises(ExecutionFailedError) as caught:
        await bench.executor.execute(call)
    return caught.value


# ── LOCAL ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_local_effect_happens_once_however_often_it_is_executed(bench, probe):
    """The second execution of the same step answers the stored output and does not call the handler."""
    call = bench.call(await bench.new_run(), "write", {"text": "x"})
    first = await bench.executor.execute(call)
    second = await bench.executor.execute(call)
    assert first.output == second.output == {"text": "x", "calls": 1}
    assert len(probe.calls) == 1
    assert [(row["status"], row["effect"]) for row in await bench.ledger()] == [("succeeded", "LOCAL")]


async def test_two_steps_with_one_id_are_two_effects(bench, probe):
    """Older definitions use an id twice, in ``try`` and in ``catch``: the path tells the steps apart."""
    run_id = await bench.new_run()
    for path in ("root.steps[0].try.steps[0]", "root.steps[0].catch.steps[0]"):
        await bench.executor.execute(bench.call(run_id, "write", step_path=path, step_id="notify"))
    assert len(probe.calls) == len(await bench.ledger()) == 2


async def test_two_executions_at_once_do_not_both_act(bench, probe):
    """The loser of the race is told KEY_BUSY at once, and uses up no attempt."""
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def behave(given, ctx):
        entered.set()
        await go_on.wait()
        return {"text": given.text, "calls": 1}

    probe.behave = behave
    call = bench.call(await bench.new_run(), "write")
    first = asyncio.create_task(bench.executor.execute(call))
    await entered.wait()
    busy = await failing(bench, call)
    go_on.set()
    await first
    assert (busy.error["code"], busy.retryable, busy.counts) == ("KEY_BUSY", True, False)
    assert len(probe.calls) == 1


async def test_what_was_recorded_between_the_look_and_the_lock_is_not_done_again(bench, probe):
    """The ledger's row has the last word: the loser is rolled back, and tries again."""
    call = bench.call(await bench.new_run(), "write")

    async def behave(given, ctx):
        effect = LocalEffect(effect_key(call), "0" * 64)
        output = {"text": "first", "calls": 1}
        async with bench.db.tenant(bench.tenant) as conn:
            await write_action_step(conn, call, status="SUCCEEDED", shown_input={}, output=output, local=effect)
        return {"text": "second", "calls": 2}

    probe.behave = behave
    busy = await failing(bench, call)
    assert (busy.error["code"], busy.retryable, busy.counts) == ("KEY_BUSY", True, False)
    assert (await bench.executor.execute(call)).output == {"text": "first", "calls": 1}


async def test_what_a_failing_local_handler_wrote_is_rolled_back(bench, probe):
    """Its write and its ledger row are one transaction; another attempt may then succeed."""
    run_id = await bench.new_run()

    async def behave(given, ctx):
        await ctx.tx.execute("UPDATE workflow_runs SET cause = 'half' WHERE run_id = $1", run_id)
        raise ActionError("No.", code="NO")

    probe.behave = behave
    failed = await failing(bench, bench.call(run_id, "write"))
    async with bench.db.tenant(bench.tenant) as conn:
        assert await conn.fetchval("SELECT cause FROM workflow_runs WHERE run_id = $1", run_id) == "test"
    assert (failed.error["code"], failed.retryable) == ("NO", False)
    assert [row["status"] for row in await bench.ledger()] == ["failed"]
    probe.behave = None
    await bench.executor.execute(bench.call(run_id, "write", attempt=2))
    assert [row["status"] for row in await bench.ledger()] == ["succeeded"]
    assert [(step["status"], step["attempt"], step["error_json"]) for step in await bench.steps(run_id)] == [
        ("SUCCEEDED", 2, None)
    ]


async def test_an_explicit_key_acts_once_across_runs(bench, probe):
    """The other run gets the first one's output, and its step says from where; a different input is noted."""
    first_run, second_run = await bench.new_run(), await bench.new_run()
    await bench.executor.execute(bench.call(first_run, "write", {"text": "x"}, explicit_key="k"))
    again = await bench.executor.execute(bench.call(second_run, "write", {"text": "y"}, explicit_key="k"))
    assert (again.output["text"], again.reused_from) == ("x", str(first_run))
    assert [step["notes"] for step in await bench.steps(second_run)] == [
        [f"reused from run {first_run}", "the input differs from the one that the effect was done with"]
    ]
    assert len(probe.calls) == 1


async def test_an_explicit_key_is_of_one_action_and_the_steps_own_key_of_one_run(bench, probe):
    """Another action, another run or another iteration is another effect."""
    run_id, other = await bench.new_run(), await bench.new_run()
    for call in (
        bench.call(run_id, "write", explicit_key="k"),
        bench.call(run_id, "send", explicit_key="k"),
        bench.call(run_id, "write"),
        bench.call(other, "write"),
        bench.call(run_id, "write", iteration="1"),
        bench.call(run_id, "write", step_path="root.steps[1]"),
    ):
        await bench.executor.execute(call)
    assert len(probe.calls) == 6
    assert len({row["key"] for row in await bench.ledger()}) == 6


# ── REPEATABLE and ONCE after a crash ────────────────────────────────────────────────────────────────────────────


async def left_behind(bench, probe, action, status, lease):
    """The ledger as an attempt left it whose worker died: executed once, then set back."""
    call = bench.call(await bench.new_run(), action, {"text": "x"})
    await bench.executor.execute(call)
    await bench.alter_ledger(f"status = '{status}', output_json = NULL, {DEAD}, {lease}")
    async with bench.db.tenant(bench.tenant) as conn:
        await conn.execute("DELETE FROM workflow_run_steps")
    probe.calls.clear()
    return call


@pytest.mark.parametrize("action", ["send", "once"])
async def test_what_was_only_reserved_is_overtaken_at_once(bench, probe, action):
    """Nothing had been sent: the same step's next attempt goes on, even while the dead one's lease runs."""
    call = await left_behind(bench, probe, action, "reserved", LEASE_RUNS)
    await bench.executor.execute(call)
    assert len(probe.calls) == 1
    assert [row["status"] for row in await bench.ledger()] == ["succeeded"]


@pytest.mark.parametrize("action", ["send", "once"])
async def test_a_second_attempt_waits_out_the_first_ones_limit(bench, probe, action):
    """While the first may still be at work, the second neither acts nor gives up."""
    call = await left_behind(bench, probe, action, "sent", LEASE_RUNS)
    busy = await failing(bench, call)
    assert (busy.error["code"], busy.retryable, busy.counts, probe.calls) == ("KEY_BUSY", True, False, [])
    assert busy.retry_after == pytest.approx(60, abs=5)


async def test_a_repeatable_effect_of_a_lost_worker_is_sent_again(bench, probe):
    """Nobody knows whether it happened: sending again is the lesser harm."""
    call = await left_behind(bench, probe, "send", "sent", LEASE_OVER)
    await bench.executor.execute(call)
    assert [(row["status"], row["sends"]) for row in await bench.ledger()] == [("succeeded", 2)]


async def test_a_once_effect_of_a_lost_worker_is_uncertain(bench, probe):
    """It is not sent again, now or ever; the error says what to do."""
    call = await left_behind(bench, probe, "once", "sent", LEASE_OVER)
    for _ in range(2):
        failed = await failing(bench, call)
        assert (failed.error["code"], failed.retryable) == ("EFFECT_UNCERTAIN", False)
    assert probe.calls == []
    assert [(row["status"], row["sends"]) for row in await bench.ledger()] == [("uncertain", 1)]


async def test_another_run_waits_for_an_explicit_key_that_is_only_reserved(bench, probe):
    """Under an explicit key a stranger's reservation is respected until its limit has passed."""
    call = await left_behind(bench, probe, "send", "reserved", LEASE_RUNS)
    await bench.alter_ledger("run_id = gen_random_uuid()")
    busy = await failing(bench, call)
    assert (busy.error["code"], busy.counts, probe.calls) == ("KEY_BUSY", False, [])


# ── What the answer says ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("action", ["send", "once"])
async def test_refused_is_the_only_failure_after_sending(bench, probe, action):
    """The vendor did nothing: failed, with the cause's code, and free to try again."""

    async def behave(given, ctx):
        raise Refused(TransientError("Slow down.", code="RATE_LIMITED", retry_after=7))

    probe.behave = behave
    failed = await failing(bench, bench.call(await bench.new_run(), action))
    assert (failed.error["code"], failed.retryable, failed.retry_after) == ("RATE_LIMITED", True, 7)
    assert [row["status"] for row in await bench.ledger()] == ["failed"]


@pytest.mark.parametrize("error", [TransientError("reset"), NotFoundError("404"), ValueError("bug")])
@pytest.mark.parametrize(("action", "state"), [("send", "sent"), ("once", "uncertain")])
async def test_any_other_exception_leaves_the_effect_unknown(bench, probe, action, state, error):
    """REPEATABLE keeps `sent` and shows the error; ONCE is uncertain."""

    async def behave(given, ctx):
        raise error

    probe.behave = behave
    failed = await failing(bench, bench.call(await bench.new_run(), action))
    assert [row["status"] for row in await bench.ledger()] == [state]
    assert (failed.error["code"] == "EFFECT_UNCERTAIN") is (action == "once")


@pytest.mark.parametrize(("action", "state"), [("send", "sent"), ("once", "uncertain")])
async def test_a_handler_that_takes_too_long_is_ended(bench, probe, action, state):
    """The hard time limit ends it; whether it happened is unknown."""

    async def behave(given, ctx):
        await asyncio.Event().wait()

    probe.behave = behave
    failed = await failing(bench, bench.call(await bench.new_run(), action))
    assert [row["status"] for row in await bench.ledger()] == [state]
    assert failed.error["code"] == ("ACTION_TIMEOUT" if action == "send" else "EFFECT_UNCERTAIN")


async def test_a_canceled_handler_leaves_a_once_effect_uncertain(bench, probe):
    """A worker that stops in the middle writes what it knows: nobody knows."""
    entered = asyncio.Event()

    async def behave(given, ctx):
        entered.set()
        await asyncio.Event().wait()

    probe.behave = behave
    task = asyncio.create_task(bench.executor.execute(bench.call(await bench.new_run(), "once")))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (row,) = await bench.ledger()
    assert (row["status"], row["error_json"]["code"]) == ("uncertain", "WORKER_LOST")


async def test_what_prepare_raises_proves_that_nothing_was_done(bench, probe):
    """A ONCE effect whose look-up fails has failed, and is not uncertain."""

    async def prepare(given, ctx):
        raise NotFoundError("There is no such device.")

    probe.prepare = prepare
    failed = await failing(bench, bench.call(await bench.new_run(), "once"))
    assert (failed.error["code"], probe.calls) == ("NOT_FOUND", [])
    assert [(row["status"], row["sends"]) for row in await bench.ledger()] == [("failed", 0)]


async def test_a_failed_look_up_does_not_prove_that_an_earlier_send_did_nothing(bench, probe):
    """After a lost answer the row stays `sent`, whatever the next attempt's look-up says."""
    call = await left_behind(bench, probe, "send", "sent", LEASE_OVER)

    async def prepare(given, ctx):
        raise NotFoundError("There is no such device.")

    probe.prepare = prepare
    await failing(bench, call)
    assert [(row["status"], row["sends"]) for row in await bench.ledger()] == [("sent", 1)]


async def test_a_late_success_is_accepted(bench, probe):
    """An attempt that was overtaken while it worked still reports that the effect happened."""

    async def behave(given, ctx):
        await bench.alter_ledger(f"{DEAD}, {LEASE_OVER}")
        return {"text": "done", "calls": 1}

    probe.behave = behave
    result = await bench.executor.execute(bench.call(await bench.new_run(), "once"))
    assert result.output["text"] == "done"
    assert [row["status"] for row in await bench.ledger()] == ["succeeded"]


@pytest.mark.parametrize("action", ["read", "write", "fetch", "send", "once"])
async def test_an_output_that_breaks_its_schema_is_kept_and_reported(bench, probe, action):
    """The effect has happened: the output stays, a note says where it is wrong, nothing is sent again."""
    run_id = await bench.new_run()

    async def behave(given, ctx):
        return {"text": "x", "calls": "many"}

    probe.behave = behave
    result = await bench.executor.execute(bench.call(run_id, action))
    assert result.output == {"text": "x", "calls": "many"}
    assert [step["notes"] for step in await bench.steps(run_id)] == [
        ["the output does not fit the action's schema at: calls"]
    ]


async def test_the_stricter_effect_of_plan_and_registry_counts(bench, probe):
    """A plan that promised ONCE is kept although the installed version says REPEATABLE."""

    async def behave(given, ctx):
        raise TransientError("reset")

    probe.behave = behave
    failed = await failing(bench, bench.call(await bench.new_run(), "send", effect="ONCE"))
    assert failed.error["code"] == "EFFECT_UNCERTAIN"


# ── The gate ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("action", ["read", "write", "fetch", "send", "once"])
async def test_an_inactive_integration_stops_every_action_before_its_handler(bench, probe, action):
    """INTEGRATION_INACTIVE with the reason; nothing was sent, and nothing is retried."""
    probe.available = False
    failed = await failing(bench, bench.call(await bench.new_run(), action))
    assert failed.error | {"at": ""} == {
        "category": "ActionError",
        "code": "INTEGRATION_INACTIVE",
        "message": "Probe integration is not active for this tenant",
        "details": {"reason": "Connect it."},
        "nodePath": "root.steps[0]",
        "at": "",
    }
    assert (failed.retryable, probe.calls) == (False, [])


@pytest.mark.parametrize("action", ["write", "send", "once"])
async def test_a_stored_result_is_answered_although_the_integration_is_inactive_now(bench, probe, action):
    """The gate stands after the stored result: what has happened needs no connection."""
    call = bench.call(await bench.new_run(), action, {"text": "x"})
    first = await bench.executor.execute(call)
    probe.available = False
    assert (await bench.executor.execute(call)).output == first.output


async def test_an_availability_that_nobody_could_check_is_no_verdict(bench, probe):
    """The step fails for now and may be retried; it does not claim that the connection is inactive."""
    probe.resolver_error = RuntimeError("boom")
    failed = await failing(bench, bench.call(await bench.new_run(), "send"))
    assert (failed.error["code"], failed.retryable) == ("AVAILABILITY_UNKNOWN", True)


async def test_an_action_that_this_worker_lacks_waits_for_one_that_has_it(bench):
    """It is retryable and uses up no attempt."""
    failed = await failing(bench, bench.call(await bench.new_run(), "unknown"))
    assert (failed.error["code"], failed.retryable, failed.counts) == ("ACTION_NOT_ON_WORKERS", True, False)


# ── Input and secrets ────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_input_is_converted_without_loss_and_every_problem_is_named(bench, probe):
    """A numeric string is an integer, a single value a list of one, a missing value its default."""
    run_id = await bench.new_run()
    given = {"text": None, "number": "7", "tags": "one", "unknown": 1}
    await bench.executor.execute(bench.call(run_id, "read", given, missing=[["text"]]))
    assert [(i.text, i.number, i.tags) for i in probe.inputs] == [("", 7, ["one"])]
    failed = await failing(bench, bench.call(run_id, "read", {"text": 5, "number": True}, step_path="root.steps[1]"))
    assert (failed.error["code"], failed.retryable) == ("VALIDATION_ERROR", False)
    assert [(e["path"], e["code"]) for e in failed.error["details"]["errors"]] == [("text", "TYPE"), ("number", "TYPE")]


async def test_a_secret_reaches_the_handler_and_nothing_else(bench, probe, caplog):
    """Output, error, log, ledger and history carry no resolved value."""
    secret = "s3cr3t-value-of-the-tenant"
    async with bench.db.tenant(bench.tenant) as conn:
        await bench.secrets.write(conn, bench.tenant, "workflow", "TOKEN", secret, actor=None)
    run_id = await bench.new_run()

    async def behave(given, ctx):
        ctx.log.warning("calling with %s", given.text)
        return {"text": {"echo": f"Bearer {given.text}"}, "calls": 1}

    probe.behave = behave
    with caplog.at_level(logging.INFO):
        result = await bench.executor.execute(bench.call(run_id, "send", TOKEN, secrets=[["text"]]))
    assert probe.inputs[0].text == secret
    assert result.output == {"text": {"echo": "Bearer [REDACTED]"}, "calls": 1}

    async def fail(given, ctx):
        raise ActionError(f"refused {given.text}", details={"sent": given.text})

    probe.behave = fail
    failed = await failing(
        bench, bench.call(run_id, "send", TOKEN, secrets=[["text"]], step_path="root.steps[1]", step_id="b")
    )
    assert (failed.error["message"], failed.error["details"]) == ("refused [REDACTED]", {"sent": "[REDACTED]"})
    everything = [caplog.text, repr(await bench.steps(run_id)), repr(await bench.ledger()), repr(failed)]
    assert [text for text in everything if secret in text] == []


@pytest.mark.parametrize(
    ("stored", "field", "shown"),
    [("  padded-value \n", "name", "padded-value"), ("4040404", "number", "4040404")],
    ids=["trimmed", "number"],
)
async def test_a_secret_that_conversion_changed_is_still_a_secret(bench, probe, stored, field, shown):
    """Trimmed or made a number on its way in, it is redacted all the same."""
    async with bench.db.tenant(bench.tenant) as conn:
        await bench.secrets.write(conn, bench.tenant, "workflow", "TOKEN", stored, actor=None)
    run_id = await bench.new_run()

    async def behave(given, ctx):
        return {"text": f"got {getattr(given, field)}", "calls": 1}

    probe.behave = behave
    given = {field: {"$secret": "TOKEN"}}
    result = await bench.executor.execute(bench.call(run_id, "free", given, secrets=[[field]]))
    assert shown not in repr(result) + repr(await bench.steps(run_id))


async def test_a_missing_secret_is_named(bench, probe):
    """SECRET_NOT_FOUND, before anything is sent."""
    failed = await failing(
        bench, bench.call(await bench.new_run(), "once", {"text": {"$secret": "NOPE"}}, secrets=[["text"]])
    )
    assert (failed.error["code"], "NOPE" in failed.error["message"], probe.calls) == ("SECRET_NOT_FOUND", True, [])


async def test_connection_secrets_are_read_by_name_and_redacted(bench, probe):
    """ctx.secrets gives the connection's secrets; what is missing is INTEGRATION_NOT_CONFIGURED."""

    async def behave(given, ctx):
        key = (await ctx.secrets.require("api_key"))["api_key"]
        ctx.secrets.hide("derived-from-it")
        return {"text": [key, "derived-from-it"], "calls": 1}

    probe.behave = behave
    run_id = await bench.new_run()
    failed = await failing(bench, bench.call(run_id, "fetch"))
    assert (failed.error["code"], failed.error["details"]) == ("INTEGRATION_NOT_CONFIGURED", {"missing": ["api_key"]})
    async with bench.db.tenant(bench.tenant) as conn:
        await bench.secrets.write(conn, bench.tenant, "integration:probe", "api_key", "k3y-of-the-api", actor=None)
    assert (await bench.executor.execute(bench.call(run_id, "fetch"))).output["text"] == ["[REDACTED]", "[REDACTED]"]


async def test_secrets_that_cannot_be_read_while_the_database_is_away_use_up_no_attempt(bench, probe, monkeypatch):
    """A handler that has sent nothing refuses with it, whatever it makes of other exceptions: the step waits."""

    async def away(*_):
        raise asyncpg.ConnectionDoesNotExistError("closed in the middle of operation")

    async def read(given, ctx):
        try:
            await ctx.secrets.require("api_key")
        except WorkflowError as error:
            raise Refused(error) from None

    monkeypatch.setattr(TenantSecrets, "find", away)
    probe.behave = read
    failed = await failing(bench, bench.call(await bench.new_run(), "once"))
    assert (failed.error["code"], failed.retryable, failed.counts) == ("ENGINE_UNAVAILABLE", True, False)


async def test_a_foreign_exceptions_text_is_never_shown(bench, probe):
    """It may quote anything: only its kind is told."""

    async def behave(given, ctx):
        raise ValueError("password=hunter2")

    probe.behave = behave
    failed = await failing(bench, bench.call(await bench.new_run(), "read"))
    assert (failed.error["code"], failed.error["message"]) == (
        "INTERNAL_ERROR",
        "probe.read failed unexpectedly (ValueError).",
    )


async def test_a_nul_character_does_not_lose_an_effect(bench, probe):
    """PostgreSQL's jsonb refuses it: it is taken out, and the output kept."""

    async def behave(given, ctx):
        return {"text": "a\u0000b", "calls": 1}

    probe.behave = behave
    result = await bench.executor.execute(bench.call(await bench.new_run(), "once"))
    assert result.output["text"] == "ab"
    assert [row["status"] for row in await bench.ledger()] == ["succeeded"]


async def test_data_that_looks_like_a_secret_is_data(bench, probe):
    """Only what the author of the step wrote is resolved: an alert cannot ask for the tenant's secrets."""
    async with bench.db.tenant(bench.tenant) as conn:
        await bench.secrets.write(conn, bench.tenant, "workflow", "TOKEN", "s3cr3t-value", actor=None)
    failed = await failing(bench, bench.call(await bench.new_run(), "read", TOKEN))
    assert [(e["path"], e["code"]) for e in failed.error["details"]["errors"]] == [("text", "TYPE")]
    await bench.executor.execute(bench.call(await bench.new_run(), "free", {"any": TOKEN}))
    assert [given.any for given in probe.inputs] == [TOKEN]


async def test_a_marked_input_is_hidden_although_it_never_fitted(bench, probe):
    """A field that its schema marks as secret shows in no row, not even when the input is refused."""
    run_id = await bench.new_run()
    given = {"password": "clear-text-password", "number": True}
    failed = await failing(bench, bench.call(run_id, "free", given))
    everything = repr(await bench.steps(run_id)) + repr(failed.error)
    assert "clear-text-password" not in everything


# ── What no integration should do, and some will ─────────────────────────────────────────────────────────────────


class Foreign:
    """No JSON."""


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("output", [Foreign(), nested(500), {1, 2}], ids=["object", "deep", "set"])
@pytest.mark.parametrize("action", ["write", "send", "once"])
async def test_an_output_that_is_no_json_does_not_lose_what_happened(bench, probe, action, output):
    """The effect is known to have happened: it is kept, with a note, and never sent again."""
    run_id = await bench.new_run()

    async def behave(given, ctx):
        return {"text": output, "calls": 1} if not isinstance(output, Foreign) else output

    probe.behave = behave
    for _ in range(2):
        await bench.executor.execute(bench.call(run_id, action))
    assert [row["status"] for row in await bench.ledger()] == ["succeeded"]
    assert len(probe.calls) == 1


async def test_numbers_beyond_64_bits_are_kept_as_their_digits(bench, probe):
    """jsonb would take them, our JSON library would not: nothing is lost over it."""

    async def behave(given, ctx):
        return {"text": 2**70, "calls": 1}

    probe.behave = behave
    result = await bench.executor.execute(bench.call(await bench.new_run(), "once"))
    assert result.output["text"] == str(2**70)


@pytest.mark.parametrize(("action", "state"), [("write", "failed"), ("send", "succeeded"), ("once", "succeeded")])
async def test_an_output_that_is_too_large_to_travel(bench, probe, action, state):
    """OUTPUT_TOO_LARGE: a LOCAL effect is rolled back; an external one has happened, and stays so."""

    async def behave(given, ctx):
        return {"text": "x" * 2_000_000, "calls": 1}

    probe.behave = behave
    call = bench.call(await bench.new_run(), action)
    for _ in range(2):
        failed = await failing(bench, call)
        assert (failed.error["code"], failed.retryable) == ("OUTPUT_TOO_LARGE", False)
        assert ("has happened" in failed.error["message"]) is (action != "write")
    assert [row["status"] for row in await bench.ledger()] == [state]
    assert len(probe.calls) == (2 if action == "write" else 1)


@pytest.mark.parametrize("action", ["read", "write", "fetch", "send"])
async def test_details_that_are_no_json_are_left_out(bench, probe, action):
    """The error itself arrives."""

    async def behave(given, ctx):
        raise ActionError("No.", code="NO", details={"object": Foreign()})

    probe.behave = behave
    failed = await failing(bench, bench.call(await bench.new_run(), action))
    assert (failed.error["code"], failed.error["details"]) == ("NO", {})


@pytest.mark.parametrize("action", ["read", "write", "fetch", "send"])
async def test_an_error_can_always_be_stored(bench, probe, action):
    """Whatever an integration says in it: it is cut to what can travel, and shown in the step."""

    async def behave(given, ctx):
        details = {"status": 502, "body": "x" * 3_000_000, "host": "a\0b"}
        raise ActionError("m\0\ud800" + "m" * 3_000_000, code="NO", details=details)

    probe.behave = behave
    run_id = await bench.new_run()
    failed = await failing(bench, bench.call(run_id, action))
    assert (failed.error["code"], failed.error["details"]) == ("NO", {"status": 502, "host": "ab"})
    assert len(failed.error["message"]) < 5000
    (step,) = await bench.steps(run_id)
    assert (step["status"], step["error_json"]) == ("FAILED", failed.error)


@pytest.mark.parametrize("action", ["write", "send"])
async def test_a_step_may_take_longer_than_its_duration_can_say(bench, probe, action):
    """Its effect is kept, as is the loop around it: neither is lost to a number that is too large for its column."""
    began = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    loop = StepTrace(
        step_path="root.steps[0]",
        iteration="",
        step_id="loop",
        step_type="control.forEach",
        sequence=1,
        status="SUCCEEDED",
        started_at=began,
        completed_at=datetime.now(UTC).isoformat(),
        attempt=1,
        output=None,
        error=None,
        action_id=None,
        action_version=None,
    )
    run_id = await bench.new_run()
    call = bench.call(run_id, action, step_path="root.steps[1]", sequence=2, dispatched_at=began, trace=[loop])
    await bench.executor.execute(call)
    assert [(step["status"], step["duration_ms"]) for step in await bench.steps(run_id)] == [
        ("SUCCEEDED", 2**31 - 1),
        ("SUCCEEDED", 2**31 - 1),
    ]


@pytest.mark.parametrize("action", ["read", "fetch", "write"])
async def test_refused_where_nothing_is_sent_is_its_cause(bench, probe, action):
    """A client that is shared by actions may raise it anywhere."""

    async def behave(given, ctx):
        raise Refused(TransientError("Slow down.", code="RATE_LIMITED", retry_after=7))

    probe.behave = behave
    failed = await failing(bench, bench.call(await bench.new_run(), action))
    assert (failed.error["code"], failed.retryable, failed.retry_after) == ("RATE_LIMITED", True, 7)


async def test_a_mistake_in_logging_fails_no_effect(bench, probe, caplog):
    """A format that does not fit its arguments is told, and that is all."""

    async def behave(given, ctx):
        ctx.log.warning("%d devices", "three")
        return {"text": "x", "calls": 1}

    probe.behave = behave
    await bench.executor.execute(bench.call(await bench.new_run(), "once"))
    assert "a log line could not be formatted" in caplog.text


async def test_a_cancellation_before_anything_was_sent_frees_the_key(bench, probe):
    """What was only prepared has failed, and is free for another attempt."""
    entered = asyncio.Event()

    async def prepare(given, ctx):
        entered.set()
        await asyncio.Event().wait()

    probe.prepare = prepare
    task = asyncio.create_task(bench.executor.execute(bench.call(await bench.new_run(), "once")))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(row["status"], row["sends"]) for row in await bench.ledger()] == [("failed", 0)]


async def test_a_success_is_written_although_the_attempt_is_canceled(bench, probe):
    """From the answer on, nothing prevents that it is kept."""
    call = bench.call(await bench.new_run(), "once")

    async def at(point, _call):
        if point == "after-answer":
            task.cancel()

    bench.executor._at = at
    task = asyncio.create_task(bench.executor.execute(call))
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert [row["status"] for row in await bench.ledger()] == ["succeeded"]


async def test_a_worker_that_was_held_up_does_not_act_after_its_lease(bench, probe, monkeypatch):
    """Between `sent` and the handler too much time has passed: another attempt may be at work already."""
    monkeypatch.setattr("workflow_core.execution.executor._LATEST_START", -1.0)
    busy = await failing(bench, bench.call(await bench.new_run(), "once"))
    assert (busy.error["code"], busy.counts, probe.calls) == ("KEY_BUSY", False, [])
    assert [row["status"] for row in await bench.ledger()] == ["failed"]


async def test_a_call_does_not_wait_behind_all_its_tenant_does(bench, probe):
    """Its time limit is for the other system: not for a thousand transactions of the tenant that came before."""
    places = Places(1)
    executor = Executor(
        database=bench.db.in_turn(places), registry=probe.registry(), secrets=bench.secrets, http=bench.executor._http
    )

    async def short():
        async with places.hold(str(bench.tenant)):
            await asyncio.sleep(0.1)

    async def at(point, _call):
        if point == "after-sent":
            others.extend(asyncio.create_task(short()) for _ in range(20))
            await asyncio.sleep(0)

    async def behave(given, ctx):
        async with ctx.transaction() as conn:
            return {"text": await conn.fetchval("SELECT 'done'"), "calls": 1}

    others: list[asyncio.Task[None]] = []
    executor._at, probe.behave = at, behave
    try:
        result = await executor.execute(bench.call(await bench.new_run(), "once"))
        assert result.output == {"text": "done", "calls": 1}
        assert not all(task.done() for task in others)
    finally:
        await asyncio.gather(*others)


async def test_waiting_for_a_turn_is_no_reason_not_to_act(bench, probe, monkeypatch):
    """The lease begins when ``sent`` is written, and not when it was asked whether it may be."""
    monkeypatch.setattr("workflow_core.execution.executor._LATEST_START", 0.3)
    places = Places(1)
    executor = Executor(
        database=bench.db.in_turn(places), registry=probe.registry(), secrets=bench.secrets, http=bench.executor._http
    )

    async def short():
        async with places.hold(str(bench.tenant)):
            await asyncio.sleep(0.5)

    async def at(point, _call):
        if point == "after-prepare":
            others.append(asyncio.create_task(short()))
            await asyncio.sleep(0)

    others: list[asyncio.Task[None]] = []
    executor._at = at
    assert (await executor.execute(bench.call(await bench.new_run(), "once"))).output["calls"] == 1
    await asyncio.gather(*others)


async def test_two_successes_give_one_answer(bench, probe):
    """When two attempts have both acted, the first one's output counts for both."""
    call = bench.call(await bench.new_run(), "send")

    async def behave(given, ctx):
        if len(probe.calls) == 1:
            await bench.alter_ledger(f"{DEAD}, {LEASE_OVER}")
            await bench.executor.execute(call)
        return {"text": f"answer {len(probe.calls)}", "calls": len(probe.calls)}

    probe.behave = behave
    first = await bench.executor.execute(call)
    second = await bench.executor.execute(call)
    assert first.output == second.output


async def test_redaction_leaves_the_error_object_whole(bench, probe):
    """A secret that happens to occur in a time or a code does not damage them."""
    async with bench.db.tenant(bench.tenant) as conn:
        await bench.secrets.write(conn, bench.tenant, "workflow", "TOKEN", "root", actor=None)

    async def behave(given, ctx):
        raise ActionError("The root of it.")

    probe.behave = behave
    failed = await failing(bench, bench.call(await bench.new_run(), "read", TOKEN, secrets=[["text"]]))
    assert (failed.error["nodePath"], failed.error["message"]) == ("root.steps[0]", "The [REDACTED] of it.")
