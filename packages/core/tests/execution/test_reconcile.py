"""Effects whose answer was lost: looked at, found done or not done, sent again, or left to a person."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from workflow_core.actions import Happened, NotHappened, Unknown
from workflow_core.errors import ActionError, NotFoundError, Refused, TransientError
from workflow_core.execution.failed_attempts import ExecutionFailedError
from workflow_core.execution.ledger import effect_key, give_up_run
from workflow_core.execution.models import SettlementWait
from workflow_core.execution.settlement import open_settlement

BOTH = ("send_seen", "once_seen")
LEASE_OVER = "lease_until = now() - interval '1 second'"
LONG_AGO = f"sent_at = now() - interval '1 hour', {LEASE_OVER}"
DONE = Happened({"text": "found", "calls": 0})
NOT_DONE = NotHappened("the counter has not moved")
OUTPUT = {"text": "found", "calls": 0}


async def failing(bench, call):
    """The failure of a call that has to fail."""
    with pytest.raises(ExecutionFailedError) as caught:
        await bench.executor.execute(call)
    return caught.value


async def lose(given, ctx):
    """The other side may have acted, and its answer never came."""
    raise TransientError("reset", code="CONNECTION_LOST")


async def abandoned(bench, probe, action, change=LEASE_OVER, **call):
    """The call of a worker that was killed right after it had sent."""

    class KilledError(BaseException):
        pass

    async def at(point, _call):
        if point == "after-sent":
            raise KilledError

    call = bench.call(await bench.new_run(), action, {"text": "x"}, **call)
    bench.executor._at = at
    with pytest.raises(KilledError):
        await bench.executor.execute(call)

    async def no_fault(_point, _call):
        return None

    bench.executor._at = no_fault
    await bench.alter_ledger(change)
    assert [(row["status"], row["sends"]) for row in await bench.ledger()] == [("sent", 1)]
    return call


async def state(bench):
    (row,) = await bench.ledger()
    return row["status"], row["sends"]


async def notes(bench, call):
    (step,) = [step for step in await bench.steps(call.run_id) if step["step_path"] == call.step_path]
    return step["notes"]


# ── At once, in the attempt whose answer was lost ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("action", BOTH)
async def test_a_lost_answer_that_is_found_done_is_a_success(bench, probe, action):
    """The output is the one that the look gave, kept like a handler's; the step says how it is known."""
    probe.behave, probe.verdict = lose, DONE
    call = bench.call(await bench.new_run(), action)
    result = await bench.executor.execute(call)
    again = await bench.executor.execute(call)
    assert result.output == again.output == OUTPUT
    assert (await state(bench), len(probe.calls), len(probe.looks)) == (("succeeded", 1), 1, 1)
    assert await notes(bench, call) == ["found done by looking"]


@pytest.mark.parametrize("action", BOTH)
async def test_a_lost_answer_that_is_found_not_done_is_a_plain_failure(bench, probe, action):
    """The attempt fails with its own error, and the next one may send, also what must not be sent twice."""
    probe.behave, probe.verdict = lose, NOT_DONE
    run_id = await bench.new_run()
    failed = await failing(bench, bench.call(run_id, action))
    assert (failed.error["code"], failed.retryable, failed.counts) == ("CONNECTION_LOST", True, True)
    assert await state(bench) == ("failed", 1)
    probe.behave = None
    call = bench.call(run_id, action, attempt=2)
    await bench.executor.execute(call)
    assert (await state(bench), len(probe.looks)) == (("succeeded", 2), 1)


async def test_what_was_found_not_done_is_told(bench, probe):
    """The step's row quotes the evidence."""
    probe.behave, probe.verdict = lose, NOT_DONE
    call = bench.call(await bench.new_run(), "once_seen")
    await failing(bench, call)
    assert await notes(bench, call) == ["found not done by looking: the counter has not moved"]


@pytest.mark.parametrize("verdict", [Unknown("not seen yet"), TransientError("503"), ValueError("bug"), "done"])
async def test_once_stays_sent_while_nobody_can_tell(bench, probe, verdict):
    """EFFECT_UNKNOWN uses up no attempt and says when to look again; a look that fails tells as little."""
    probe.behave, probe.verdict = lose, verdict
    call = bench.call(await bench.new_run(), "once_seen", max_attempts=1)
    failed = await failing(bench, call)
    assert (failed.error["code"], failed.error["details"]["cause"]) == ("EFFECT_UNKNOWN", "CONNECTION_LOST")
    assert (failed.retryable, failed.counts, failed.retry_after) == (True, False, 1.0)
    (row,) = await bench.ledger()
    assert (row["status"], row["sends"], row["lease_until"]) == ("sent", 1, None)
    assert row["last_look"] == failed.error["details"]["lastLook"]
    assert [step["status"] for step in await bench.steps(call.run_id)] == ["RETRYING"]


async def test_looks_grow_rarer(bench, probe):
    """The next look comes half of what has passed since the sending later, and the last one at the end."""
    call = await abandoned(bench, probe, "once_seen")
    for age, wait in ((1, 1), (30, 15), (600, 60), (880, 20)):
        await bench.alter_ledger(f"sent_at = now() - interval '{age} seconds', {LEASE_OVER}")
        assert (await failing(bench, call)).retry_after == pytest.approx(wait, abs=1)
    assert probe.calls == []


async def test_once_is_uncertain_when_its_time_is_over(bench, probe):
    """The error says what was looked for; from then on nobody looks, and nothing is sent."""
    probe.verdict = Unknown("no reboot in the device's activities")
    call = await abandoned(bench, probe, "once_seen", LONG_AGO)
    for _ in range(2):
        failed = await failing(bench, call)
        assert (failed.error["code"], failed.retryable) == ("EFFECT_UNCERTAIN", False)
        assert failed.error["details"] == {
            "invocationId": str((await bench.ledger())[0]["invocation_id"]),
            "cause": "WORKER_LOST",
            "lastLook": "no reboot in the device's activities",
        }
    assert (await state(bench), probe.calls, len(probe.looks)) == (("uncertain", 1), [], 1)


async def test_once_that_is_seen_late_is_a_success(bench, probe):
    """Unknown at first, and then it shows."""
    probe.behave = lose
    call = bench.call(await bench.new_run(), "once_seen")
    await failing(bench, call)
    probe.verdict = DONE
    assert (await bench.executor.execute(call)).output == OUTPUT
    assert (await state(bench), len(probe.calls)) == (("succeeded", 1), 1)


async def test_once_that_is_late_found_not_done_fails_as_it_had_failed(bench, probe):
    """The look uses up no attempt, but the sending had: its own error decides what the step does next."""
    probe.behave = lose
    run_id = await bench.new_run()
    call = bench.call(run_id, "once_seen", max_attempts=2)
    assert (await failing(bench, call)).counts is False
    probe.verdict = NOT_DONE
    failed = await failing(bench, call)
    assert (failed.error["code"], failed.retryable, failed.counts) == ("CONNECTION_LOST", True, True)
    assert (await state(bench), len(probe.calls)) == (("failed", 1), 1)
    probe.behave = None
    await bench.executor.execute(bench.call(run_id, "once_seen", attempt=2))
    assert await state(bench) == ("succeeded", 2)


@pytest.mark.parametrize("verdict", [Unknown("?"), TransientError("503", code="DOWN")])
async def test_repeatable_that_nobody_can_tell_fails_with_its_own_error(bench, probe, verdict):
    """The next attempt decides; the row says that it may have been sent."""
    probe.behave, probe.verdict = lose, verdict
    failed = await failing(bench, bench.call(await bench.new_run(), "send_seen"))
    assert (failed.error["code"], failed.counts) == ("CONNECTION_LOST", True)
    (row,) = await bench.ledger()
    assert (row["status"], row["error_json"]["code"], row["lease_until"]) == ("sent", "CONNECTION_LOST", None)


@pytest.mark.parametrize("action", BOTH)
async def test_a_look_has_the_actions_time_limit(bench, probe, action):
    """It ends, and tells nothing."""

    async def hang(given, ctx):
        await asyncio.Event().wait()

    probe.behave, probe.verdict = lose, hang
    failed = await failing(bench, bench.call(await bench.new_run(), action))
    assert failed.error["code"] == ("EFFECT_UNKNOWN" if action == "once_seen" else "CONNECTION_LOST")
    assert (await state(bench))[0] == "sent"


@pytest.mark.parametrize("action", BOTH)
async def test_nobody_acts_while_a_look_is_under_way(bench, probe, action):
    """A second attempt waits out the first one's look."""
    looking, go_on = asyncio.Event(), asyncio.Event()

    async def slow(given, ctx):
        looking.set()
        await go_on.wait()
        return DONE

    probe.behave, probe.verdict = lose, slow
    call = bench.call(await bench.new_run(), action)
    first = asyncio.create_task(bench.executor.execute(call))
    await looking.wait()
    assert (await failing(bench, call)).error["code"] == "KEY_BUSY"
    go_on.set()
    assert (await first).output == OUTPUT
    assert len(probe.calls) == 1


@pytest.mark.parametrize("when", ["handler", "look"])
@pytest.mark.parametrize("action", BOTH)
async def test_a_stopped_attempt_leaves_what_was_sent_to_the_next_one(bench, probe, action, when):
    """The row says `sent` and is free; nothing is uncertain while it can be looked at."""
    entered = asyncio.Event()

    async def hang(given, ctx):
        entered.set()
        await asyncio.Event().wait()

    probe.behave, probe.verdict = (hang, DONE) if when == "handler" else (lose, hang)
    call = bench.call(await bench.new_run(), action)
    task = asyncio.create_task(bench.executor.execute(call))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (row,) = await bench.ledger()
    assert (row["status"], row["lease_until"]) == ("sent", None)
    assert row["error_json"]["code"] == ("WORKER_LOST" if when == "handler" else "CONNECTION_LOST")
    probe.verdict = DONE
    assert (await bench.executor.execute(call)).output == OUTPUT


# ── Before anything is sent again ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("action", BOTH)
async def test_the_effect_of_a_lost_worker_is_looked_for_first(bench, probe, action):
    """Found done: nothing is sent."""
    probe.verdict = DONE
    call = await abandoned(bench, probe, action)
    assert (await bench.executor.execute(call)).output == OUTPUT
    assert (await state(bench), probe.calls) == (("succeeded", 1), [])
    assert await notes(bench, call) == ["found done by looking"]


@pytest.mark.parametrize("action", BOTH)
async def test_what_a_lost_worker_did_not_do_is_done_now(bench, probe, action):
    """A lost worker uses up no attempt: the same one sends."""
    probe.verdict = NOT_DONE
    call = await abandoned(bench, probe, action, max_attempts=1)
    await bench.executor.execute(call)
    assert (await state(bench), len(probe.calls)) == (("succeeded", 2), 1)


async def test_repeatable_is_sent_again_when_looking_does_not_tell(bench, probe):
    """Sending again is the lesser harm."""
    call = await abandoned(bench, probe, "send_seen")
    await bench.executor.execute(call)
    assert (await state(bench), len(probe.looks)) == (("succeeded", 2), 1)


async def test_repeatable_is_not_sent_blindly(bench, probe):
    """A look that fails is no look: the attempt fails with its error, and nothing is sent."""
    probe.verdict = TransientError("503", code="DOWN")
    call = await abandoned(bench, probe, "send_seen")
    failed = await failing(bench, call)
    assert (failed.error["code"], failed.retryable, failed.counts) == ("DOWN", True, True)
    assert (await state(bench), probe.calls) == (("sent", 1), [])
    (row,) = await bench.ledger()
    assert row["error_json"]["code"] == "WORKER_LOST"


async def test_once_is_not_called_failed_because_it_may_not_be_done_any_more(bench, probe):
    """A permission that was lost is no answer to whether it has happened."""
    actor = await bench.new_user("probe:use")
    call = await abandoned(bench, probe, "once_seen_guarded", actor=str(actor))
    async with bench.db.tenant(bench.tenant) as conn:
        await conn.execute("DELETE FROM role_permissions")
    failed = await failing(bench, call)
    assert failed.error["code"] == "EFFECT_UNKNOWN"
    assert "PERMISSION_DENIED" in failed.error["details"]["lastLook"]
    assert (await state(bench), probe.looks) == (("sent", 1), [])


async def test_once_is_not_called_failed_because_its_connection_is_inactive(bench, probe):
    """The look needs the connection as well; until the time is over it may come back."""
    call = await abandoned(bench, probe, "once_seen")
    probe.available = False
    failed = await failing(bench, call)
    assert (failed.error["code"], failed.counts) == ("EFFECT_UNKNOWN", False)
    assert "INTEGRATION_INACTIVE" in failed.error["details"]["lastLook"]
    probe.available, probe.verdict = True, DONE
    assert (await bench.executor.execute(call)).output == OUTPUT


async def test_another_run_under_the_same_key_looks_and_then_acts(bench, probe):
    """What the other run's attempt had failed with is not this one's failure."""
    probe.behave = lose
    await failing(bench, bench.call(await bench.new_run(), "once_seen", explicit_key="k"))
    probe.behave, probe.verdict = None, NOT_DONE
    await bench.executor.execute(bench.call(await bench.new_run(), "once_seen", explicit_key="k"))
    assert (await state(bench), len(probe.calls)) == (("succeeded", 2), 2)


async def test_an_attempt_that_was_overtaken_while_it_looked_decides_nothing(bench, probe):
    """Not uncertain, and not failed: whoever holds the key says what holds."""

    async def overtaken(given, ctx):
        await bench.alter_ledger("fence = gen_random_uuid()")
        return Unknown("?")

    probe.verdict = overtaken
    call = await abandoned(bench, probe, "once_seen", LONG_AGO)
    assert (await failing(bench, call)).error["code"] == "KEY_BUSY"
    assert await state(bench) == ("sent", 1)


# ── What prepare saw ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_prepare_gave_reaches_the_handler_and_the_look(bench, probe):
    """It is kept with the effect, redacted."""
    async with bench.db.tenant(bench.tenant) as conn:
        await bench.secrets.write(conn, bench.tenant, "workflow", "TOKEN", "s3cr3t-value", actor=None)

    async def prepare(given, ctx):
        return {"updated": 17.25, "echo": given.text}

    probe.prepare, probe.behave, probe.verdict = prepare, lose, DONE
    given, places = {"text": {"$secret": "TOKEN"}}, [["text"]]
    await bench.executor.execute(bench.call(await bench.new_run(), "send_seen", given, secrets=places))
    assert probe.calls[0].prepared == {"updated": 17.25, "echo": "s3cr3t-value"}
    (row,), (sent,) = await bench.ledger(), probe.looks
    assert row["prepared_json"] == sent.prepared == {"updated": 17.25, "echo": "[REDACTED]"}
    assert sent.at == row["sent_at"]


@pytest.mark.parametrize("prepared", [object(), "x" * 100_000])
async def test_what_cannot_be_kept_is_not_sent(bench, probe, prepared):
    """No JSON, or too much of it."""

    async def prepare(given, ctx):
        return prepared

    probe.prepare = prepare
    failed = await failing(bench, bench.call(await bench.new_run(), "once"))
    assert (failed.error["code"], await state(bench), probe.calls) == ("INTERNAL_ERROR", ("failed", 0), [])


async def test_of_several_sendings_the_first_is_looked_for(bench, probe):
    """Whether any of them has happened is asked with what was seen before all of them."""
    seen = iter(["before", "between"])

    async def prepare(given, ctx):
        return next(seen)

    probe.prepare, probe.behave = prepare, lose
    run_id = await bench.new_run()
    for attempt in (1, 2):
        await failing(bench, bench.call(run_id, "send_seen", attempt=attempt))
    assert [ctx.prepared for ctx in probe.calls] == ["before", "between"]
    assert {(sent.at, sent.prepared) for sent in probe.looks} == {(probe.looks[0].at, "before")}
    assert len(probe.looks) == 3


async def test_a_refusal_after_an_unknown_sending_proves_nothing_about_it(bench, probe):
    """The row stays `sent`, and the next attempt looks again."""
    probe.behave = lose
    run_id = await bench.new_run()
    await failing(bench, bench.call(run_id, "send_seen"))

    async def refuse(given, ctx):
        raise Refused(ActionError("No.", code="NO"))

    probe.behave = refuse
    assert (await failing(bench, bench.call(run_id, "send_seen", attempt=2))).error["code"] == "NO"
    assert await state(bench) == ("sent", 2)
    probe.verdict = DONE
    assert (await bench.executor.execute(bench.call(run_id, "send_seen", attempt=3))).output == OUTPUT


async def test_a_found_output_that_breaks_its_schema_is_kept(bench, probe):
    """As a handler's is."""
    probe.behave, probe.verdict = lose, Happened({"text": "x", "calls": "many"})
    call = bench.call(await bench.new_run(), "once_seen")
    assert (await bench.executor.execute(call)).output == {"text": "x", "calls": "many"}
    assert await notes(bench, call) == [
        "found done by looking",
        "the output does not fit the action's schema at: calls",
    ]


async def test_a_failing_prepare_before_sending_again_keeps_what_is_known(bench, probe):
    """The first sending may have happened: its own reason stays in the row."""
    probe.behave = lose
    run_id = await bench.new_run()
    await failing(bench, bench.call(run_id, "send_seen"))

    async def prepare(given, ctx):
        raise NotFoundError("Gone.")

    probe.prepare = prepare
    assert (await failing(bench, bench.call(run_id, "send_seen", attempt=2))).error["code"] == "NOT_FOUND"
    (row,) = await bench.ledger()
    assert (row["status"], row["sends"], row["error_json"]["code"]) == ("sent", 1, "CONNECTION_LOST")


# ── Late ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answer", ["success", "refusal"])
async def test_a_late_answer_has_those_go_on_who_wait(bench, probe, answer):
    """Its run had been given up, and another one waited for a person: what the answer tells is known without one."""
    first, second = await bench.new_run(), await bench.new_run()
    call = bench.call(first, "once", explicit_key="k")
    wait = SettlementWait(
        tenant=str(bench.tenant),
        run_id=str(second),
        step_path="root.steps[0]",
        iteration="",
        step_id="a",
        wait_id=str(uuid4()),
        key=effect_key(call).digest,
        give_up=False,
    )

    async def behave(given, ctx):
        async with bench.db.tenant(bench.tenant) as conn:
            await give_up_run(conn, bench.tenant, first)
            assert await open_settlement(conn, wait)
        if answer == "refusal":
            raise Refused(ActionError("No.", code="NO"))
        return OUTPUT

    probe.behave = behave
    if answer == "success":
        assert (await bench.executor.execute(call)).output == OUTPUT
    else:
        assert (await failing(bench, call)).error["code"] == "NO"
    async with bench.db.tenant(bench.tenant) as conn:
        waits = await conn.fetch("SELECT status FROM workflow_run_waits")
        status = await conn.fetchval("SELECT status FROM workflow_runs WHERE run_id = $1", second)
    assert ([row["status"] for row in waits], status) == (["RESOLVED"], "RUNNING")
    assert (await state(bench))[0] == ("succeeded" if answer == "success" else "failed")
