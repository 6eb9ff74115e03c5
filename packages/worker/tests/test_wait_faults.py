"""What may come between a wait and its end: events taken twice, cancellations, failures beside it, odd keys."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from workflow_core.definitions.publishing import publish_draft
from workflow_core.definitions.writing import create_workflow
from workflow_core.errors import ActionError
from workflow_core.execution import waits
from workflow_core.execution.models import StepTrace
from workflow_core.execution.resume import resume_run
from workflow_core.execution.step_waits import StepWait, look
from workflow_core.execution.waits import ResolvedWait


def call(step_id, action, text=None, **fields):
    mapping = {} if text is None else {"text": {"$expr": text}}
    config = {"actionId": action, "version": 1, "inputMapping": mapping, **fields.pop("config", {})}
    return {"id": step_id, "type": "action.call", "config": config, **fields}


def wait_for_event(step_id="wait", key="payload.ticket", **config):
    return {
        "id": step_id,
        "type": "event.wait",
        "config": {"eventName": "TICKET_UPDATED", "correlationKey": {"$expr": key}, **config},
    }


def each(items, body, **fields):
    return {"id": "loop", "type": "control.forEach", "items": {"$expr": items}, "itemVar": "it", "body": body, **fields}


async def status_of(runner, run_id):
    async with runner.db.tenant(runner.tenant) as conn:
        return await conn.fetchval("SELECT status FROM workflow_runs WHERE run_id = $1", run_id)


def if_first(then, otherwise):
    """One way for the first item, another for the others."""
    condition = {"$expr": "index = 0"}
    return {"id": "if", "type": "control.if", "condition": condition, "then": then, "else": otherwise}


async def resume(runner, run_id):
    await resume_run(runner.db, runner.client, runner.registry, tenant=runner.tenant, run_id=run_id, user=uuid4())


async def test_an_event_that_is_taken_again_ends_no_further_wait(runner, post, inbox):
    """Whoever took it was lost before it had started all that it starts."""
    run_id = await runner.start(await runner.publish([wait_for_event("one"), wait_for_event("two")]), {"ticket": "T1"})
    await runner.until_step(run_id, "one", "WAITING")
    event_id = (await post()).event.event_id
    await runner.until_step(run_id, "two", "WAITING")
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_runtime_events SET processed_at = NULL, due_at = now() - interval '1 s'")
    assert await inbox.process(runner.tenant, event_id) is not None
    assert await status_of(runner, run_id) == "WAITING"
    await post()
    assert (await runner.finished(run_id))["status"] == "SUCCEEDED"


async def test_what_came_between_an_event_and_the_run_that_it_starts(runner, probe, post, inbox):
    """The event was left behind by whoever took it: the run hears what came meanwhile, and nothing from before."""
    steps = [wait_for_event(assign={"vars.n": {"$expr": "event.n"}}), call("after", "probe.read", "$string(n)")]
    definition = {"name": "t", "steps": steps, "trigger": {"type": "event", "eventName": "BEGUN"}}
    begun = uuid4()
    async with runner.db.tenant(runner.tenant) as conn:
        draft = await create_workflow(conn, runner.tenant, definition, actor=None)
        await publish_draft(conn, runner.tenant, draft.workflow_id, actor=None)
    await post(n=0)
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute(
            "INSERT INTO workflow_runtime_events (tenant, event_id, event_name, payload) VALUES ($1, $2, 'BEGUN', $3)",
            runner.tenant,
            begun,
            {"ticket": "T1"},
        )
    await post(n=1)
    await post(n=2)
    (outcome,) = (await inbox.process(runner.tenant, begun)).outcomes
    run = await runner.finished(outcome.run_id)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["1"]


async def test_a_return_leaves_no_wait(runner):
    """Items beside the one that ends the run wait no more."""
    pause = {"id": "pause", "type": "time.wait", "config": {"mode": "duration", "durationMs": 300}}
    body = [if_first([pause, {"id": "return", "type": "control.return"}], [wait_for_event(key="it")])]
    run = await runner.run([each("['A', 'B']", body, concurrency=2)])
    assert run["status"] == "SUCCEEDED"
    async with runner.db.tenant(runner.tenant) as conn:
        assert await conn.fetchval("SELECT count(*) FROM workflow_run_waits WHERE status = 'WAITING'") == 0
    assert {step["status"] for step in run["steps"]} == {"SUCCEEDED", "CANCELED"}


@pytest.fixture
async def failed(runner, probe, until_waiting):
    """A loop, the first item of which has failed while the second one waited; and what happens before the failure."""

    async def failed(before=None):
        probe.hold = asyncio.Event()
        probe.failures = [ActionError("No.", code="NO")]
        body = [
            if_first([call("bad", "probe.write", "'bad'")], [wait_for_event(key="it"), call("after", "probe.read")])
        ]
        run_id = await runner.start(await runner.publish([each("['A', 'B']", body, concurrency=2)]))
        await until_waiting(1)
        if before is not None:
            await before(run_id)
        probe.hold.set()
        assert (await runner.finished(run_id))["status"] == "FAILED"
        return run_id

    return failed


async def test_what_came_before_a_failure_beside_it_is_there_after_resuming(runner, failed):
    """The wait was over, and its run had not been told."""

    async def arrive(run_id):
        async with runner.db.tenant(runner.tenant) as conn:
            await conn.execute(
                "UPDATE workflow_run_waits SET status = 'RESOLVED', resolved_at = now(), event_id = $1, result = $2",
                uuid4(),
                {"eventName": "TICKET_UPDATED", "payload": {"n": 5}, "correlationKey": "B"},
            )

    run_id = await failed(arrive)
    await resume(runner, run_id)
    run = await runner.finished(run_id, execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    (wait,) = [step for step in run["steps"] if step["definition_step_id"] == "wait"]
    assert (wait["status"], wait["output_json"]["vars.event"]) == ("SUCCEEDED", {"n": 5})


async def test_a_wait_beside_a_failure_goes_on_after_resuming(runner, failed, post):
    """It was canceled with the run, and is seen to wait again."""
    run_id = await failed()
    await resume(runner, run_id)
    await runner.until_step(run_id, "wait", "WAITING")
    await post("B")
    run = await runner.finished(run_id, execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert {step["status"] for step in run["steps"]} == {"SUCCEEDED"}


@pytest.mark.parametrize("first", ["event", "wait"])
async def test_keys_that_are_numbers(runner, probe, post, until_waiting, first):
    """A number is one key, however it is written."""
    numbers = {"7": 7.0, "7.0": 7, "7.5": 7.5, "100000000000000000000": 1e20, "0.001 * 0.001": 1e-6}
    probe.hold = asyncio.Event()
    steps = [call("first", "probe.read"), *(wait_for_event(f"w{n}", key=key) for n, key in enumerate(numbers))]
    run_id = await runner.start(await runner.publish(steps))
    await runner.until(lambda: bool(probe.calls))
    if first == "event":
        for number in numbers.values():
            await post(number)
    probe.hold.set()
    if first == "wait":
        for n, number in enumerate(numbers.values()):
            await runner.until_step(run_id, f"w{n}", "WAITING")
            await post(number)
    assert (await runner.finished(run_id))["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (wait_for_event(key="$pad('', 5000, 'ab')"), "INVALID_KEY"),
        (wait_for_event(key="true"), "INVALID_KEY"),
        (wait_for_event(key="1", timeoutMs=10**15), "INVALID_MOMENT"),
        ({"id": "w", "type": "time.wait", "config": {"mode": "duration", "durationMs": 10**15}}, "INVALID_MOMENT"),
    ],
)
async def test_waits_that_cannot_be(runner, step, code):
    """They fail, and say why."""
    assert (await runner.run([step]))["error_json"]["code"] == code


async def test_a_filter_that_looks_like_an_index(runner, post, until_waiting):
    """An event finds nothing there, and is taken."""
    await runner.start(
        await runner.publish([wait_for_event(filters=[{"path": "l.²", "op": "exists"}])]), {"ticket": "T1"}
    )
    await until_waiting()
    assert (await post(l=[1, 2, 3])).created


async def test_called_runs_that_failed_beside_each_other_go_on_together(runner, probe):
    """Not only the one whose failure ended the run; one that had succeeded gives what it gave."""
    probe.failures = [None, ActionError("No.", code="NO"), ActionError("No.", code="NO")]
    child = await runner.publish([call("inside", "probe.write", "payload.text")])
    called = {"type": "control.callWorkflow", "workflowId": str(child), "workflowVersion": 1}
    body = [{"id": "inner", **called, "inputMapping": {"text": {"$expr": "it"}}}]
    steps = [{"id": "before", **called}, each("['A', 'B']", body, concurrency=2)]
    run_id = await runner.start(await runner.publish(steps))
    assert (await runner.finished(run_id))["status"] == "FAILED"
    async with runner.db.tenant(runner.tenant) as conn:  # as of an execution that was terminated
        await conn.execute("UPDATE workflow_runs SET checkpoint = NULL WHERE parent_run_id IS NULL")
    await resume(runner, run_id)
    run = await runner.finished(run_id, execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert sorted(given.text for given in probe.inputs) == ["", "A", "A", "B", "B"]


async def test_a_wait_that_is_looked_at_again_brings_other_steps(runner, until_waiting):
    """An execution that was continued finds its wait, and what has ended beside it meanwhile is written."""
    run_id = await runner.start(await runner.publish([wait_for_event(key="'T1'")]))
    await until_waiting(1)
    ended = StepTrace(
        step_path="root.steps[7]",
        iteration="",
        step_id="beside",
        step_type="state.set",
        sequence=7,
        status="SUCCEEDED",
        started_at="2026-01-01T00:00:00+00:00",
        completed_at="2026-01-01T00:00:00+00:00",
    )
    async with runner.db.tenant(runner.tenant) as conn:
        again = StepWait(
            tenant=str(runner.tenant),
            run_id=str(run_id),
            wait_id=str(await conn.fetchval("SELECT wait_id FROM workflow_run_waits")),
            step_path="root.steps[0]",
            iteration="",
            wait_type="event",
            trace=[ended],
        )
        assert (await look(conn, again)).status == "WAITING"
    await runner.until_step(run_id, "beside", "SUCCEEDED")


async def test_temporal_is_away_while_many_are_to_be_told(runner, monkeypatch):
    """Whoever ended the waits is not kept; the sweeper tells their runs."""
    asked = []

    async def refuse(client, wait):
        asked.append(wait)
        return False

    monkeypatch.setattr(waits, "_tell", refuse)
    many = [ResolvedWait(uuid4(), uuid4(), 1, "root.steps[0]", "") for _ in range(1000)]
    assert await waits.signal(runner.db, runner.client, runner.tenant, many) == 0
    assert len(asked) <= 20
