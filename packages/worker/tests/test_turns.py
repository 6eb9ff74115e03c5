"""Runs that wait for their turn: a workflow's limit, and the order of one correlation key, on real Temporal."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import uuid4

import pytest
from temporalio.client import Client

from workflow_core.definitions.publishing import publish_draft
from workflow_core.definitions.writing import change_settings, create_workflow, delete_workflow
from workflow_core.errors import ConflictError
from workflow_core.execution.cancel import cancel_run
from workflow_core.execution.inbox import Inbox, NewEvent
from workflow_core.execution.resume import resume_run
from workflow_core.execution.terminate import terminate_run
from workflow_core.execution.turns import find_queues, give_turns
from workflow_core.execution.unstarted import find_unstarted
from workflow_core.temporal import data_converter, run_workflow_id
from workflow_worker.background import in_background
from workflow_worker.dispatcher import EventDispatcher
from workflow_worker.turns import TurnGiver

#: Nothing that a test waits for may come from looking: only from being told.
NEVER = 3600.0
FETCH = {
    "id": "a",
    "type": "action.call",
    "config": {"actionId": "probe.fetch", "version": 1, "inputMapping": {"text": {"$expr": "$string(payload.n)"}}},
}
CALL = {"id": "call", "type": "control.callWorkflow", "workflowVersion": 1}


async def publish(runner, steps, *, event=None, **settings):
    """Publishes a workflow with settings."""
    trigger = {"trigger": {"type": "event", "eventName": event}} if event else {}
    async with runner.db.tenant(runner.tenant) as conn:
        draft = await create_workflow(conn, runner.tenant, {"name": "t", "steps": steps, **trigger}, actor=None)
        await publish_draft(conn, runner.tenant, draft.workflow_id, actor=None)
    await settle(runner, draft.workflow_id, **settings)
    return draft.workflow_id


async def settle(runner, workflow_id, **settings):
    async with runner.db.tenant(runner.tenant) as conn:
        await change_settings(conn, runner.tenant, workflow_id, settings, actor=None)


async def rows(runner, workflow_id):
    async with runner.db.tenant(runner.tenant) as conn:
        return await conn.fetch(
            "SELECT * FROM workflow_runs WHERE workflow_id = $1 ORDER BY created_at, run_id", workflow_id
        )


async def row(runner, run_id):
    async with runner.db.tenant(runner.tenant) as conn:
        return await conn.fetchrow("SELECT * FROM workflow_runs WHERE run_id = $1", run_id)


async def lines(runner, run_id):
    async with runner.db.tenant(runner.tenant) as conn:
        found = await conn.fetch(
            "SELECT message FROM workflow_run_logs WHERE run_id = $1 ORDER BY created_at, log_id", run_id
        )
    return [line["message"] for line in found]


async def eventually(look):
    """Waits until something is there, and gives it."""
    async with asyncio.timeout(60):
        while not (found := await look()):
            await asyncio.sleep(0.02)
        return found


async def until(runner, run_id, status):
    async def look():
        return (await row(runner, run_id))["status"] == status

    await eventually(look)


async def statuses(runner, workflow_id):
    return Counter((run["status"], run["is_queued"]) for run in await rows(runner, workflow_id))


@pytest.fixture
async def giver(runner):
    """A worker's giver of turns, that only hears."""
    async with in_background(TurnGiver(runner.db, runner.client, poll=NEVER)) as giver:
        yield giver


UNDER_WAY = ("RUNNING", False)
QUEUED = ("WAITING", True)
SUCCEEDED = ("SUCCEEDED", False)


# ── The limit ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_no_more_are_under_way_than_may_be(runner, probe, giver):
    """The others are recorded, wait, and have their turn in the order in which they were started."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=2)
    runs = [await runner.start(workflow_id, {"n": number}) for number in range(6)]
    await runner.until(lambda: len(probe.calls) == 2)
    assert await statuses(runner, workflow_id) == {UNDER_WAY: 2, QUEUED: 4}
    assert [run["is_queued"] for run in await rows(runner, workflow_id)] == [False, False, True, True, True, True]
    assert [line.split(":")[0] for line in await lines(runner, runs[2])] == ["Started (test).", "Waits for its turn"]
    probe.hold.set()
    for run_id in runs:
        await until(runner, run_id, "SUCCEEDED")
    assert await statuses(runner, workflow_id) == {SUCCEEDED: 6}
    assert [given.text for given in probe.inputs][2:4] in (["2", "3"], ["3", "2"])
    assert "Its turn has come." in await lines(runner, runs[5])
    started = [(run["started_at"], run["completed_at"]) for run in await rows(runner, workflow_id)]
    for start, _ in started:
        assert sum(other <= start < end for other, end in started) <= 2


async def test_many_starts_and_givers_at_once(runner, probe):
    """Never one too many, and none is forgotten."""
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=3)
    most = 0

    async def watch():
        nonlocal most
        while True:
            counted = (await statuses(runner, workflow_id))[UNDER_WAY]
            most = max(most, counted)
            assert counted <= 3
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    givers = [TurnGiver(runner.db, runner.client, poll=NEVER) for _ in range(3)]
    async with in_background(givers[0]), in_background(givers[1]), in_background(givers[2]):
        runs = await asyncio.gather(*(runner.start(workflow_id, {"n": number}) for number in range(30)))
        for run_id in runs:
            await until(runner, run_id, "SUCCEEDED")
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert most == 3
    assert len(probe.calls) == 30


async def test_a_run_that_is_terminated_makes_room(runner, probe, giver):
    """However a run ends: here while its step goes on."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=1)
    first, second, third = [await runner.start(workflow_id, {"n": number}) for number in range(3)]
    await runner.until(lambda: len(probe.calls) == 1)
    await terminate_run(runner.db, runner.client, tenant=runner.tenant, run_id=first, user=uuid4())
    await runner.until(lambda: len(probe.calls) == 2)
    probe.hold.set()
    await until(runner, third, "SUCCEEDED")
    assert [(await row(runner, run_id))["status"] for run_id in (first, second)] == ["FAILED", "SUCCEEDED"]


@pytest.mark.parametrize("how", [cancel_run, terminate_run])
async def test_a_run_that_waits_can_be_ended(runner, probe, giver, how):
    """Nothing of it is ever done."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=1)
    first, second, third = [await runner.start(workflow_id, {"n": number}) for number in range(3)]
    status = await how(runner.db, runner.client, tenant=runner.tenant, run_id=second, user=uuid4())
    assert status == ("CANCELED" if how is cancel_run else "FAILED") == (await row(runner, second))["status"]
    with pytest.raises(ConflictError):
        await how(runner.db, runner.client, tenant=runner.tenant, run_id=second, user=uuid4())
    probe.hold.set()
    await until(runner, third, "SUCCEEDED")
    await until(runner, first, "SUCCEEDED")
    assert sorted(given.text for given in probe.inputs) == ["0", "2"]


async def test_the_limit_can_be_changed(runner, probe, giver):
    """Raised or taken away: those that wait have their turn; pausing holds them, and resuming lets them go."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=1)
    runs = [await runner.start(workflow_id, {"n": number}) for number in range(5)]
    await settle(runner, workflow_id, concurrencyLimit=3)
    await runner.until(lambda: len(probe.calls) == 3)
    await settle(runner, workflow_id, isPaused=True, concurrencyLimit=None)
    async with runner.db.tenant(runner.tenant) as conn:
        assert await give_turns(conn, runner.tenant, workflow_id, at_most=10) == []
    assert await statuses(runner, workflow_id) == {UNDER_WAY: 3, QUEUED: 2}
    await settle(runner, workflow_id, isPaused=False)
    probe.hold.set()
    for run_id in runs:
        await until(runner, run_id, "SUCCEEDED")


async def test_what_waits_of_a_workflow_that_was_deleted(runner, probe, giver):
    """It goes on with the plan that it has, and nothing limits it any more."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=1)
    runs = [await runner.start(workflow_id, {"n": number}) for number in range(3)]
    async with runner.db.tenant(runner.tenant) as conn:
        with pytest.raises(ConflictError):
            await delete_workflow(conn, runner.tenant, workflow_id, actor=None)
    async with runner.db.tenant(runner.tenant) as conn:
        await delete_workflow(conn, runner.tenant, workflow_id, actor=None, force=True)
    await runner.until(lambda: len(probe.calls) == 3)
    probe.hold.set()
    for run_id in runs:
        await until(runner, run_id, "SUCCEEDED")


async def test_a_run_that_goes_on_waits_again(runner, probe, giver):
    """A failed run that is resumed counts like any other."""
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=1)
    probe.failures = [ValueError("broken")]
    failed = await runner.start(workflow_id, {"n": 0})
    await until(runner, failed, "FAILED")
    probe.hold = asyncio.Event()
    other = await runner.start(workflow_id, {"n": 1})
    await runner.until(lambda: len(probe.calls) == 2)
    await resume_run(runner.db, runner.client, runner.registry, tenant=runner.tenant, run_id=failed, user=uuid4())
    assert await statuses(runner, workflow_id) == {UNDER_WAY: 1, QUEUED: 1}
    probe.hold.set()
    await until(runner, failed, "SUCCEEDED")
    await until(runner, other, "SUCCEEDED")
    assert (await row(runner, failed))["execution"] == 2


async def test_called_runs_are_part_of_those_that_call_them(runner, probe, giver):
    """They neither wait nor count: a workflow that may run once can be called by one that runs."""
    called = await publish(runner, [FETCH], concurrencyLimit=1)
    step = {**CALL, "workflowId": str(called), "inputMapping": {"n": 7}}
    calling = await publish(runner, [step], concurrencyLimit=1)
    probe.hold = asyncio.Event()
    alone = await runner.start(called, {"n": 1})
    await runner.until(lambda: len(probe.calls) == 1)
    caller = await runner.start(calling, {})
    await runner.until(lambda: len(probe.calls) == 2)
    probe.hold.set()
    for run_id in (alone, caller):
        await until(runner, run_id, "SUCCEEDED")


async def test_who_sweeps_leaves_those_that_wait(runner, probe):
    """It is not their turn; a run that had its turn and was not started is left behind like any other."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=1)
    first, second = [await runner.start(workflow_id, {"n": number}) for number in range(2)]
    older = "UPDATE workflow_runs SET updated_at = now() - interval '1 minute' WHERE run_id = $1"
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute(older, second)
    assert await find_unstarted(runner.db, limit=10) == []
    assert await find_queues(runner.db) == [(runner.tenant, workflow_id)]
    probe.hold.set()
    await until(runner, first, "SUCCEEDED")
    async with runner.db.tenant(runner.tenant) as conn:  # whoever gives it its turn dies then
        assert await give_turns(conn, runner.tenant, workflow_id, at_most=10) == [second]
        await conn.execute(older, second)
    assert await find_unstarted(runner.db, limit=10) == [(runner.tenant, second)]
    assert await find_queues(runner.db) == []


async def test_starting_again_what_waits(runner, probe):
    """The same request is the same run, and does not jump the queue."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=1)
    first = await runner.start(workflow_id, {"n": 0})
    run_id = uuid4()
    for _ in range(2):
        await runner.start(workflow_id, {"n": 1}, run_id=run_id)
    assert await statuses(runner, workflow_id) == {UNDER_WAY: 1, QUEUED: 1}
    probe.hold.set()
    await until(runner, first, "SUCCEEDED")


async def test_looking_finds_what_nobody_told(runner, probe):
    """A worker that was not there when a run ended."""
    workflow_id = await publish(runner, [FETCH], concurrencyLimit=1)
    probe.hold = asyncio.Event()
    first, second = [await runner.start(workflow_id, {"n": number}) for number in range(2)]
    probe.hold.set()
    await until(runner, first, "SUCCEEDED")
    async with in_background(TurnGiver(runner.db, runner.client, poll=0.1)):
        await until(runner, second, "SUCCEEDED")


# ── One after the other ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def inbox(runner):
    """The inbox of a worker."""
    return Inbox(runner.db, runner.client, runner.registry)


def event(key, number, name="THING"):
    return NewEvent(name=name, payload={"n": number}, correlation_key=key)


async def test_events_of_one_key_come_one_after_the_other(runner, probe, inbox, giver):
    """In their order; those of other keys, and without one, do not wait for them."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], event="THING", orderedByCorrelationKey=True)
    for key, number in [("a", 1), ("a", 2), ("b", 3), ("a", 4), (None, 5), ("b", 6), (None, 7)]:
        await inbox.accept(runner.tenant, event(key, number))
    await runner.until(lambda: len(probe.calls) == 4)
    assert await statuses(runner, workflow_id) == {UNDER_WAY: 4, QUEUED: 3}
    assert sorted(given.text for given in probe.inputs) == ["1", "3", "5", "7"]
    probe.hold.set()

    async def all_ended():
        return (await statuses(runner, workflow_id))[SUCCEEDED] == 7

    await eventually(all_ended)
    texts = [given.text for given in probe.inputs]
    assert [text for text in texts if text in "124"] == ["1", "2", "4"]
    assert [text for text in texts if text in "36"] == ["3", "6"]


async def test_a_run_that_fails_does_not_stop_its_key(runner, probe, inbox, giver):
    """The next event has its turn all the same; resumed, it comes before those that still wait."""
    workflow_id = await publish(runner, [FETCH], event="THING", orderedByCorrelationKey=True)
    probe.failures = [ValueError("broken")]
    await inbox.accept(runner.tenant, event("a", 1))
    [first] = await rows(runner, workflow_id)
    await until(runner, first["run_id"], "FAILED")
    probe.hold = asyncio.Event()
    for number in (2, 3):
        await inbox.accept(runner.tenant, event("a", number))
    await runner.until(lambda: len(probe.calls) == 2)
    await resume_run(
        runner.db, runner.client, runner.registry, tenant=runner.tenant, run_id=first["run_id"], user=uuid4()
    )
    assert await statuses(runner, workflow_id) == {UNDER_WAY: 1, QUEUED: 2}
    probe.hold.set()

    async def all_ended():
        return (await statuses(runner, workflow_id))[SUCCEEDED] == 3

    await eventually(all_ended)
    assert [given.text for given in probe.inputs] == ["1", "2", "1", "3"]


async def test_an_event_that_waits_to_be_taken_keeps_its_place(runner, probe, inbox):
    """One that was stored later does not overtake it, also when its own process died."""
    await publish(runner, [FETCH], event="THING", orderedByCorrelationKey=True)
    async with runner.db.tenant(runner.tenant) as conn:
        for number in (1, 2):  # one action emits both: they have the same time
            await conn.execute(
                "INSERT INTO workflow_runtime_events (tenant, event_id, event_name, correlation_key, payload) "
                "VALUES ($1, $2, 'THING', 'a', $3)",
                runner.tenant,
                uuid4(),
                {"n": number},
            )
    accepted = await inbox.accept(runner.tenant, event("a", 3))
    [outcome] = accepted.event.outcomes
    assert (await row(runner, outcome.run_id))["is_queued"]
    async with (
        in_background(EventDispatcher(runner.db, inbox, poll=NEVER)),
        in_background(TurnGiver(runner.db, runner.client, poll=0.1)),
    ):
        await until(runner, outcome.run_id, "SUCCEEDED")
    assert [given.text for given in probe.inputs] == ["1", "2", "3"]


async def test_an_event_that_cannot_start_anything_lets_the_next_one_go(runner, probe, inbox):
    """Its outcome says why; the order is that of what is started."""
    workflow_id = await publish(runner, [FETCH], event="THING", orderedByCorrelationKey=True)
    nowhere = await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)
    first = event("a", 1)
    await Inbox(runner.db, nowhere, runner.registry).accept(runner.tenant, first)  # recorded, and not started
    accepted = await inbox.accept(runner.tenant, event("a", 2))
    [outcome] = accepted.event.outcomes
    assert (await row(runner, outcome.run_id))["is_queued"]
    [recorded, _] = await rows(runner, workflow_id)
    await cancel_run(runner.db, runner.client, tenant=runner.tenant, run_id=recorded["run_id"], user=uuid4())
    async with in_background(TurnGiver(runner.db, runner.client, poll=0.1)):
        await until(runner, outcome.run_id, "SUCCEEDED")
    assert "2" in [given.text for given in probe.inputs]


async def test_order_and_limit_together(runner, probe, inbox, giver):
    """Two keys, two runs at once: a key that waits for itself does not hold the other."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], event="THING", orderedByCorrelationKey=True, concurrencyLimit=2)
    for key, number in [("a", 1), ("a", 2), ("a", 3), ("b", 4)]:
        await inbox.accept(runner.tenant, event(key, number))
    await runner.until(lambda: len(probe.calls) == 2)
    assert sorted(given.text for given in probe.inputs) == ["1", "4"]
    probe.hold.set()

    async def all_ended():
        return (await statuses(runner, workflow_id))[SUCCEEDED] == 4

    await eventually(all_ended)
    assert [given.text for given in probe.inputs if given.text != "4"] == ["1", "2", "3"]


async def test_switching_the_order_off(runner, probe, inbox, giver):
    """What waits for its key goes on at once."""
    probe.hold = asyncio.Event()
    workflow_id = await publish(runner, [FETCH], event="THING", orderedByCorrelationKey=True)
    for number in range(3):
        await inbox.accept(runner.tenant, event("a", number))
    await settle(runner, workflow_id, orderedByCorrelationKey=False)
    await runner.until(lambda: len(probe.calls) == 3)
    probe.hold.set()
    for run in await rows(runner, workflow_id):
        await runner.client.get_workflow_handle(run_workflow_id(str(run["run_id"]), 1)).result()
