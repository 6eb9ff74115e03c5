"""Effects of which nobody can know whether they happened: the run waits, and a person decides. On real Temporal."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client

from workflow_core.actions import Happened, NotHappened
from workflow_core.errors import ActionNotOnWorkersError, ConflictError, NotFoundError, TransientError, ValidationError
from workflow_core.execution.cancel import cancel_run
from workflow_core.execution.executor import Executor
from workflow_core.execution.failed_attempts import ExecutionFailedError, own_error_object
from workflow_core.execution.resume import resume_run
from workflow_core.execution.terminate import terminate_run
from workflow_core.execution.waits import wake_settled
from workflow_core.temporal import WAKE, data_converter, run_workflow_id
from workflow_worker.background import in_background
from workflow_worker.sweeper import Sweeper

CONTINUE = {"policy": "continue"}
LOST = TransientError("reset", code="CONNECTION_LOST")
OUTPUT = {"text": "seen", "calls": 1}
NOW = timedelta()


def call(step_id, action, expression=None, **other):
    mapping = {} if expression is None else {"text": {"$expr": expression}}
    config = {"actionId": action, "version": 1, "inputMapping": mapping, "saveAs": f"vars.{step_id}"}
    if "idempotencyKey" in other:
        config["idempotencyKey"] = other.pop("idempotencyKey")
    return {"id": step_id, "type": "action.call", "config": config, **other}


AFTER = call("after", "probe.read", "once.text")


async def waiting(runner, probe, steps=None, failures=(LOST,)):
    """A run whose effect is uncertain."""
    probe.failures = list(failures)
    run_id = await runner.start(await runner.publish(steps or [call("once", "probe.once"), AFTER]))
    return run_id, await runner.until_waiting(run_id)


async def no_worker(_executor, call):
    missing = ActionNotOnWorkersError("Install it.")
    raise ExecutionFailedError.of(missing, own_error_object(missing, call.step_path))


async def lines(runner, run_id):
    async with runner.db.tenant(runner.tenant) as conn:
        rows = await conn.fetch("SELECT * FROM workflow_run_logs WHERE run_id = $1 ORDER BY created_at, log_id", run_id)
    return [(row["level"], row["message"].split(":")[0]) for row in rows]


async def waits(runner, run_id):
    async with runner.db.tenant(runner.tenant) as conn:
        rows = await conn.fetch("SELECT * FROM workflow_run_waits WHERE run_id = $1 ORDER BY created_at", run_id)
    return [(row["status"], row["signaled_at"] is not None) for row in rows]


def rows(run):
    return [(s["definition_step_id"], s["status"]) for s in run["steps"]]


# ── What a person decides ────────────────────────────────────────────────────────────────────────────────────────


async def test_it_happened(runner, probe):
    """The run waits, and goes on with the output that the person gave; nothing is sent twice."""
    run_id, effect = await waiting(runner, probe)
    async with runner.db.tenant(runner.tenant) as conn:
        (step,) = await conn.fetch("SELECT * FROM workflow_run_steps WHERE run_id = $1", run_id)
    assert (step["status"], step["completed_at"], step["error_json"]["code"]) == ("WAITING", None, "EFFECT_UNCERTAIN")
    assert step["error_json"]["details"] == {"invocationId": str(effect), "cause": "CONNECTION_LOST"}
    settled = await runner.settle(effect, "happened", OUTPUT)
    assert (settled.status, settled.run_ids) == ("succeeded", (run_id,))
    run = await runner.finished(run_id)
    assert (run["status"], rows(run)) == ("SUCCEEDED", [("once", "SUCCEEDED"), ("after", "SUCCEEDED")])
    assert (run["steps"][0]["output_json"], run["steps"][0]["error_json"]) == (OUTPUT, None)
    assert run["steps"][0]["notes"] == ["settled by a person: it happened"]
    assert ([given.text for given in probe.inputs], await waits(runner, run_id)) == (["", "seen"], [("RESOLVED", True)])
    assert await lines(runner, run_id) == [
        ("INFO", "Started (test)."),
        ("WARN", "once waits until somebody settles it"),
        ("INFO", "A user settled what nobody could know"),
        ("INFO", "Ended"),
    ]


async def test_send_it_again(runner, probe):
    """It is sent once more, in the same attempt; when that answer is lost as well, it waits anew."""
    run_id, effect = await waiting(runner, probe, failures=(LOST, LOST))
    await runner.settle(effect, "send_again")
    assert await runner.until_waiting(run_id) == effect
    await runner.settle(effect, "send_again")
    run = await runner.finished(run_id)
    assert (run["status"], [row["sends"] for row in run["ledger"]]) == ("SUCCEEDED", [3])
    assert [ctx.attempt for ctx in probe.calls if ctx.step_path == "root.steps[0]"] == [1, 1, 1]
    assert await waits(runner, run_id) == [("RESOLVED", True)] * 2


async def test_let_it_fail(runner, probe):
    """The step fails with an error that may be caught; the effect stays uncertain, and is not asked about again."""
    steps = [
        {
            "id": "try",
            "type": "control.tryCatch",
            "try": [call("once", "probe.once", retry={"maxAttempts": 3, "backoffMs": 1})],
            "catch": [call("caught", "probe.read", "error.code")],
        }
    ]
    run_id, effect = await waiting(runner, probe, steps)
    await runner.settle(effect, "fail")
    run = await runner.finished(run_id)
    assert (run["status"], probe.inputs[-1].text) == ("SUCCEEDED", "EFFECT_FAILED")
    assert [(row["status"], row["settled_as"], row["sends"]) for row in run["ledger"]] == [("uncertain", "fail", 1)]


async def test_a_resumed_run_asks_anew(runner, probe):
    """What was let fail is settled again when the run goes on; the answer may be another one by then."""
    run_id, effect = await waiting(runner, probe)
    await runner.settle(effect, "fail")
    run = await runner.finished(run_id)
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "EFFECT_FAILED")
    who = {"tenant": runner.tenant, "run_id": run_id, "user": uuid4()}
    await resume_run(runner.db, runner.client, runner.registry, **who)
    assert await runner.until_waiting(run_id) == effect
    await runner.settle(effect, "happened", OUTPUT)
    run = await runner.finished(run_id, execution=2)
    assert (run["status"], [row["sends"] for row in run["ledger"]]) == ("SUCCEEDED", [1])


# ── Nothing hides it ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_failure_beside_it_waits_for_it(runner, probe):
    """An item of a concurrent loop fails: the run ends only when what is uncertain in another one is settled."""
    body = [
        {
            "id": "which",
            "type": "control.if",
            "condition": {"$expr": "thing = 'lost'"},
            "then": [call("once", "probe.once")],
            "else": [call("bad", "probe.read", idempotencyKey={"$expr": "[]"})],
        }
    ]
    loop = {"id": "loop", "type": "control.forEach", "items": {"$expr": "['lost', 'bad']"}, "itemVar": "thing"}
    run_id, effect = await waiting(runner, probe, [{**loop, "body": body, "concurrency": 2}])
    async with runner.db.tenant(runner.tenant) as conn:
        assert await conn.fetchval("SELECT status FROM workflow_runs WHERE run_id = $1", run_id) == "WAITING"
    await runner.settle(effect, "happened", OUTPUT)
    run = await runner.finished(run_id)
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "INVALID_IDEMPOTENCY_KEY")
    assert ("once", "SUCCEEDED") in rows(run)


async def test_nothing_goes_on_before_it_is_settled(runner, probe):
    """No retry, no ``onError``, no ``catch`` and no loop."""
    step = call(
        "once",
        "probe.once",
        retry={"maxAttempts": 3, "backoffMs": 1, "retryOn": ["EFFECT_UNCERTAIN"]},
        onError=CONTINUE,
    )
    loop = {"id": "loop", "type": "control.forEach", "items": [1, 2], "itemVar": "n", "body": [step]}
    caught = {
        "id": "try",
        "type": "control.tryCatch",
        "try": [{**loop, "onItemError": "continue"}],
        "catch": [call("never", "probe.read")],
    }
    run_id, effect = await waiting(runner, probe, [caught, call("last", "probe.read", "'end'")])
    assert len(probe.calls) == 1
    await runner.settle(effect, "happened", OUTPUT)
    run = await runner.finished(run_id)
    assert (run["status"], [ctx.iteration for ctx in probe.calls]) == ("SUCCEEDED", ["0", "1", ""])
    assert "never" not in dict(rows(run))


async def test_a_called_run_waits_and_its_caller_with_it(runner, probe):
    """The child waits; when it may fail, its caller catches what any failure of a call is."""
    child = await runner.publish([call("once", "probe.once")])
    calls = {"id": "call", "type": "control.callWorkflow", "workflowId": str(child), "workflowVersion": 1}
    probe.failures = [LOST]
    run_id = await runner.start(await runner.publish([{**calls, "onError": CONTINUE}]))
    await runner.until(lambda: bool(probe.calls))
    effect = await runner.until_waiting(probe.calls[0].run_id)
    await runner.settle(effect, "fail")
    run = await runner.finished(run_id)
    assert (run["status"], rows(run)) == ("SUCCEEDED", [("call", "FAILED")])
    assert run["steps"][0]["error_json"]["code"] == "EFFECT_FAILED"


async def test_a_waiting_run_can_be_canceled(runner, probe):
    """It ends; the effect stays on the list, and can still be settled."""
    run_id, effect = await waiting(runner, probe)
    await cancel_run(runner.db, runner.client, tenant=runner.tenant, run_id=run_id, user=uuid4())
    run = await runner.finished(run_id)
    assert (run["status"], rows(run)) == ("CANCELED", [("once", "CANCELED")])
    assert ([row["status"] for row in run["ledger"]], await waits(runner, run_id)) == (
        ["uncertain"],
        [("CANCELED", False)],
    )
    settled = await runner.settle(effect, "happened", OUTPUT)
    assert (settled.status, settled.run_ids) == ("succeeded", ())
    assert (await runner.finished(run_id))["status"] == "CANCELED"


# ── Once, and not lost ───────────────────────────────────────────────────────────────────────────────────────────


async def test_one_decision_counts(runner, probe, tenants):
    """The second one is told what the first was; another tenant's person sees nothing."""
    run_id, effect = await waiting(runner, probe)
    for wrong in ({"tenant": tenants.b}, {"invocation_id": uuid4()}):
        with pytest.raises(NotFoundError):
            await runner.settle(wrong.pop("invocation_id", effect), "send_again", **wrong)
    await runner.settle(effect, "fail")
    for decision, output in (("happened", OUTPUT), ("send_again", None), ("fail", None)):
        with pytest.raises(ConflictError, match="settled as 'fail'") as caught:
            await runner.settle(effect, decision, output)
        assert caught.value.code == "ALREADY_SETTLED"
    await runner.finished(run_id)


@pytest.mark.parametrize(
    ("decision", "output", "path"),
    [
        ("happened", None, "output"),
        ("happened", {"text": "x"}, "output.calls"),
        ("happened", {"text": "x", "calls": "many"}, "output.calls"),
        ("happened", {"text": "x", "calls": 1, "more": 1}, "output.more"),
        ("happened", {"text": "x" * 1_100_000, "calls": 1}, "output"),
        ("send_again", OUTPUT, "output"),
        ("fail", OUTPUT, "output"),
    ],
)
async def test_an_output_that_does_not_fit_settles_nothing(runner, probe, decision, output, path):
    """It says where; the effect is as uncertain as before."""
    run_id, effect = await waiting(runner, probe)
    with pytest.raises(ValidationError) as caught:
        await runner.settle(effect, decision, output)
    assert [error.path for error in caught.value.errors] == [path]
    await runner.settle(effect, "fail")
    assert (await runner.finished(run_id))["status"] == "FAILED"


async def test_a_decision_that_temporal_did_not_hear_of_is_told_later(runner, probe):
    """The decision is written; whoever sweeps wakes the run, once."""
    run_id, effect = await waiting(runner, probe)
    nowhere = await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)
    settled = await runner.settle(effect, "happened", OUTPUT, client=nowhere)
    assert (settled.run_ids, await waits(runner, run_id)) == ((run_id,), [("RESOLVED", False)])
    assert await wake_settled(runner.db, runner.client, older_than=timedelta(hours=1)) == 0
    assert await wake_settled(runner.db, nowhere, older_than=NOW) == 0
    assert await wake_settled(runner.db, runner.client, older_than=NOW) == 1
    assert (await runner.finished(run_id))["status"] == "SUCCEEDED"
    assert await wake_settled(runner.db, runner.client, older_than=NOW) == 0


async def test_a_worker_sweeps_decisions_that_nobody_told(runner, probe):
    """Whoever decided has died before the run was told: a worker tells it some seconds later."""
    run_id, effect = await waiting(runner, probe)
    nowhere = await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)
    await runner.settle(effect, "happened", OUTPUT, client=nowhere)
    sweeper = Sweeper(runner.db, runner.client, start_every=0.05)
    assert (await sweeper._wake_settled()).done == 0  # it may still be told by whoever decided
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_run_waits SET resolved_at = resolved_at - interval '1 minute'")
    async with in_background(sweeper):
        assert (await runner.finished(run_id))["status"] == "SUCCEEDED"


async def test_a_run_that_has_ended_is_not_told_for_ever(runner, probe):
    """A wait whose execution is gone counts as told."""
    run_id, effect = await waiting(runner, probe)
    await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).terminate()
    await runner.settle(effect, "send_again")
    assert await waits(runner, run_id) == [("RESOLVED", True)]


async def test_a_signal_decides_nothing(runner, probe):
    """One for no wait is ignored; one that comes too early has the ledger asked, and then the run waits again."""
    run_id, effect = await waiting(runner, probe)
    handle = runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1))
    async with runner.db.tenant(runner.tenant) as conn:
        wait_id = await conn.fetchval("SELECT wait_id FROM workflow_run_waits")
    await handle.signal(WAKE, str(uuid4()))
    await handle.signal(WAKE, str(wait_id))
    async with asyncio.timeout(30):
        while len(await waits(runner, run_id)) == 1:
            await asyncio.sleep(0.02)
    await runner.settle(effect, "happened", OUTPUT)
    assert ((await runner.finished(run_id))["status"], len(probe.calls)) == ("SUCCEEDED", 2)
    async with asyncio.timeout(30):  # that they were signaled is written after it was done
        while await waits(runner, run_id) != [("RESOLVED", True)] * 2:
            await asyncio.sleep(0.02)


async def test_runs_that_wait_for_one_effect_go_on_together(runner, probe):
    """Under an explicit key both wait; one decision is for both, and the other one reuses it."""
    steps = [call("once", "probe.once", idempotencyKey={"$expr": "'k'"})]
    first, effect = await waiting(runner, probe, steps)
    second = await runner.start(await runner.publish(steps))
    assert await runner.until_waiting(second) == effect
    settled = await runner.settle(effect, "happened", OUTPUT)
    assert settled.run_ids == tuple(sorted([first, second]))
    notes = []
    for run_id in (first, second):
        run = await runner.finished(run_id)
        assert run["status"] == "SUCCEEDED"
        notes += [step["notes"] for step in run["steps"]]
    assert notes == [
        ["settled by a person: it happened"],
        [f"reused from run {first}", "settled by a person: it happened"],
    ]
    assert len(probe.calls) == 1


async def test_a_run_that_waited_for_anothers_effect_asks_anew_when_it_is_resumed(runner, probe):
    """Under an explicit key the effect is the first run's; the other one is not stuck with what was said of it."""
    steps = [call("once", "probe.once", idempotencyKey={"$expr": "'k'"})]
    first, effect = await waiting(runner, probe, steps)
    second = await runner.start(await runner.publish(steps))
    assert await runner.until_waiting(second) == effect
    await runner.settle(effect, "fail")
    for run_id in (first, second):
        assert (await runner.finished(run_id))["error_json"]["code"] == "EFFECT_FAILED"
    await resume_run(runner.db, runner.client, runner.registry, tenant=runner.tenant, run_id=second, user=uuid4())
    assert await runner.until_waiting(second) == effect
    await runner.settle(effect, "happened", OUTPUT)
    assert (await runner.finished(second, execution=2))["status"] == "SUCCEEDED"


async def test_it_is_not_sent_again_while_it_may_be_under_way(runner, probe):
    """A run was terminated, and its action was not: nobody can have it sent beside itself."""
    probe.hold = asyncio.Event()
    run_id = await runner.start(await runner.publish([call("once", "probe.once")]))
    await runner.until(lambda: bool(probe.calls))
    await terminate_run(runner.db, runner.client, tenant=runner.tenant, run_id=run_id, user=uuid4())
    async with runner.db.tenant(runner.tenant) as conn:
        effect = await conn.fetchval("SELECT invocation_id FROM workflow_action_invocations")
    with pytest.raises(ConflictError) as refused:
        await runner.settle(effect, "send_again")
    assert (refused.value.code, 0 < refused.value.details["retryAfter"] <= 10) == ("EFFECT_UNDER_WAY", True)
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_action_invocations SET lease_until = now()")
    assert (await runner.settle(effect, "send_again")).status == "failed"
    probe.hold.set()


# ── Looking before asking ────────────────────────────────────────────────────────────────────────────────────────


async def test_an_effect_that_shows_late_needs_nobody(runner, probe):
    """It is looked for again, without using up an attempt, until it is seen."""
    probe.failures, probe.verdicts = [LOST], []
    step = call("once", "probe.once_seen", retry={"maxAttempts": 1})
    run_id = await runner.start(await runner.publish([step, AFTER]))
    await runner.until_step(run_id, "once", "RETRYING")
    probe.verdicts = [Happened(OUTPUT)]
    run = await runner.finished(run_id)
    assert (run["status"], [given.text for given in probe.inputs]) == ("SUCCEEDED", ["", "seen"])
    assert run["steps"][0]["notes"] == ["found done by looking"]


async def test_an_effect_that_is_found_not_done_is_retried_by_its_step(runner, probe):
    """As one that failed."""
    probe.failures, probe.verdicts = [LOST], [NotHappened("no trace of it")]
    step = call("once", "probe.once_seen", retry={"maxAttempts": 2, "backoffMs": 1})
    run = await runner.run([step])
    assert (run["status"], [row["sends"] for row in run["ledger"]]) == ("SUCCEEDED", [2])
    assert [ctx.attempt for ctx in probe.calls] == [1, 2]


async def test_a_lost_effect_is_uncertain_when_its_run_is_canceled(runner, probe):
    """Nobody looks any more, and nobody knows: it stands on the list."""
    probe.failures = [LOST]
    run_id = await runner.start(await runner.publish([call("once", "probe.once_seen")]))
    await runner.until_step(run_id, "once", "RETRYING")
    await cancel_run(runner.db, runner.client, tenant=runner.tenant, run_id=run_id, user=uuid4())
    run = await runner.finished(run_id)
    assert (run["status"], rows(run)) == ("CANCELED", [("once", "CANCELED")])
    assert [(row["status"], row["error_json"]["code"]) for row in run["ledger"]] == [("uncertain", "CONNECTION_LOST")]


async def test_a_step_that_gives_up_waiting_does_not_hide_what_was_sent(runner, probe, monkeypatch):
    """No worker has the action any more, and the ledger says that it was sent: a person is asked, nothing is caught."""
    monkeypatch.setattr("workflow_worker.retries._PATIENCE", timedelta())
    probe.failures = [LOST]
    step = call("once", "probe.once_seen", onError=CONTINUE)
    run_id = await runner.start(await runner.publish([step, AFTER]))
    await runner.until_step(run_id, "once", "RETRYING")
    monkeypatch.setattr(Executor, "execute", no_worker)
    effect = await runner.until_waiting(run_id)
    async with runner.db.tenant(runner.tenant) as conn:
        assert await conn.fetchval("SELECT status FROM workflow_run_steps WHERE run_id = $1", run_id) == "WAITING"
    await cancel_run(runner.db, runner.client, tenant=runner.tenant, run_id=run_id, user=uuid4())
    run = await runner.finished(run_id)
    assert [(row["status"], row["invocation_id"]) for row in run["ledger"]] == [("uncertain", effect)]
