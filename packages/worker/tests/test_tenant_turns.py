"""A tenant has only so many runs under way at once, whatever their workflows. On real Temporal."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import attrs
import pytest

from workflow_core.definitions.publishing import publish_draft
from workflow_core.definitions.writing import change_settings, create_workflow
from workflow_core.execution.cancel import cancel_run
from workflow_core.execution.inbox import Inbox, NewEvent
from workflow_core.execution.resume import resume_run
from workflow_core.execution.runs import start_run
from workflow_core.execution.turns import find_queues, give_tenant_turns
from workflow_worker.background import in_background
from workflow_worker.turns import TurnGiver

#: Nothing that a test waits for may come from looking: only from being told.
NEVER = 3600.0
#: Runs of a tenant at once.
LIMIT = 2
FETCH = {
    "id": "a",
    "type": "action.call",
    "config": {"actionId": "probe.fetch", "version": 1, "inputMapping": {"text": {"$expr": "payload.name"}}},
}
WAIT = {"id": "wait", "type": "event.wait", "config": {"eventName": "GO", "correlationKey": "k"}}


@attrs.frozen
class Limited:
    """A tenant with a limit."""

    runner: object
    tenant: UUID

    async def publish(self, *steps, event=None, **settings):
        trigger = {"trigger": {"type": "event", "eventName": event}} if event else {}
        async with self.runner.db.tenant(self.tenant) as conn:
            given = {"name": "t", "steps": list(steps), **trigger}
            draft = await create_workflow(conn, self.tenant, given, actor=None)
            await publish_draft(conn, self.tenant, draft.workflow_id, actor=None)
            await change_settings(conn, self.tenant, draft.workflow_id, settings, actor=None)
        return draft.workflow_id

    async def change(self, workflow_id, **settings):
        async with self.runner.db.tenant(self.tenant) as conn:
            await change_settings(conn, self.tenant, workflow_id, settings, actor=None)

    async def start(self, workflow_id, name):
        started = await start_run(
            self.runner.db,
            self.runner.client,
            self.runner.registry,
            tenant=self.tenant,
            workflow_id=workflow_id,
            version=None,
            payload={"name": name},
            actor=None,
            cause="test",
            run_id=uuid4(),
            tenant_runs=LIMIT,
        )
        return started.run_id

    async def standing(self, *run_ids):
        """``busy``, ``waits``, ``queued for …`` or how it ended, of each run."""
        async with self.runner.db.tenant(self.tenant) as conn:
            rows = {row["run_id"]: row for row in await conn.fetch("SELECT * FROM workflow_runs")}

        def words(row):
            if row["status"] == "WAITING" and row["is_queued"]:
                return "queued for tenant" if row["waits_for_tenant"] else "queued for workflow"
            return {"RUNNING": "busy", "WAITING": "waits"}.get(row["status"], row["status"])

        return [words(rows[run_id]) for run_id in run_ids]

    async def until(self, run_ids, *standing):
        async with asyncio.timeout(30):
            while await self.standing(*run_ids) != list(standing):
                await asyncio.sleep(0.02)

    async def lines(self, run_id):
        async with self.runner.db.tenant(self.tenant) as conn:
            found = await conn.fetch(
                "SELECT message FROM workflow_run_logs WHERE run_id = $1 ORDER BY created_at, log_id", run_id
            )
        return [line["message"] for line in found]


@pytest.fixture
def a(runner, tenants):
    """A tenant."""
    return Limited(runner, tenants.a)


@pytest.fixture
def b(runner, tenants):
    """Another one."""
    return Limited(runner, tenants.b)


@pytest.fixture
async def giver(runner):
    """A worker's giver of turns, that only hears."""
    async with in_background(TurnGiver(runner.db, runner.client, tenant_runs=LIMIT, poll=NEVER)) as giver:
        yield giver


async def test_no_more_are_busy_than_may_be(a, b, probe, giver):
    """Whatever their workflows, in the order in which they were started; another tenant's do not wait for them."""
    probe.hold = asyncio.Event()
    one, two = await a.publish(FETCH), await a.publish(FETCH)
    runs = [await a.start(workflow_id, f"a{n}") for n, workflow_id in enumerate((one, two, one, two, one))]
    assert await a.standing(*runs) == ["busy", "busy", *["queued for tenant"] * 3]
    assert (await a.lines(runs[2]))[-1] == ("Waits for its turn: the tenant has as many runs under way as it may have.")
    theirs = await b.start(await b.publish(FETCH), "b0")
    await a.runner.until(lambda: len(probe.calls) == 3)
    assert await b.standing(theirs) == ["busy"]
    probe.hold.set()
    await a.until(runs, *["SUCCEEDED"] * 5)
    names = [given.text for given in probe.inputs if given.text.startswith("a")]
    assert set(names[:2]) == {"a0", "a1"}
    assert set(names[2:4]) <= {"a2", "a3", "a4"}
    assert "Its turn has come." in await a.lines(runs[4])
    await b.until([theirs], "SUCCEEDED")


async def test_many_starts_and_givers_at_once(a, runner, probe):
    """Never one too many, and none is forgotten."""
    workflow_id = await a.publish(FETCH)
    most = 0

    async def watch():
        nonlocal most
        while True:
            async with runner.db.tenant(a.tenant) as conn:
                busy = await conn.fetchval("SELECT count(*) FROM workflow_runs WHERE status = 'RUNNING'")
            most = max(most, busy)
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    givers = [TurnGiver(runner.db, runner.client, tenant_runs=LIMIT, poll=NEVER) for _ in range(2)]
    async with in_background(givers[0]), in_background(givers[1]):
        runs = await asyncio.gather(*(a.start(workflow_id, str(n)) for n in range(20)))
        await a.until(runs, *["SUCCEEDED"] * 20)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert most == LIMIT
    assert len(probe.calls) == 20


async def test_a_run_that_waits_is_not_busy(a, probe, giver):
    """It makes room, and goes on beyond the limit when what it waits for has come."""
    waiting = await a.publish(WAIT, FETCH)
    first = [await a.start(waiting, f"w{n}") for n in range(3)]
    await a.until(first, "waits", "waits", "waits")
    probe.hold = asyncio.Event()
    others = [await a.start(await a.publish(FETCH), f"o{n}") for n in range(3)]
    await a.until(others, "busy", "busy", "queued for tenant")
    inbox = Inbox(a.runner.db, a.runner.client, a.runner.registry, tenant_runs=LIMIT)
    await inbox.accept(a.tenant, NewEvent(name="GO", payload={}, correlation_key="k"))
    await a.until(first, "busy", "busy", "busy")
    await a.runner.until(lambda: len(probe.calls) == 5)
    probe.hold.set()
    await a.until([*first, *others], *["SUCCEEDED"] * 6)


async def test_a_workflows_turn_comes_first(a, probe, giver):
    """A run that waits for its tenant holds its workflow's turn; the workflow's limit holds all the time."""
    probe.hold = asyncio.Event()
    limited, other = await a.publish(FETCH, concurrencyLimit=1), await a.publish(FETCH)
    runs = [await a.start(w, n) for w, n in ((other, "o0"), (other, "o1"), (limited, "l0"), (limited, "l1"))]
    assert await a.standing(*runs) == ["busy", "busy", "queued for tenant", "queued for workflow"]
    await cancel_run(a.runner.db, a.runner.client, tenant=a.tenant, run_id=runs[2], user=uuid4())
    # Its workflow's turn is the next one's, for which the tenant has no room.
    await a.until(runs, "busy", "busy", "CANCELED", "queued for tenant")
    probe.hold.set()
    await a.until(runs, "SUCCEEDED", "SUCCEEDED", "CANCELED", "SUCCEEDED")
    assert sum("Waits for its turn" in line for line in await a.lines(runs[3])) == 2


async def test_called_runs_neither_wait_nor_count(a, probe, giver):
    """Runs that fill their tenant's limit call others and end: nobody waits for itself."""
    called = await a.publish(FETCH)
    step = {
        "id": "call",
        "type": "control.callWorkflow",
        "workflowId": str(called),
        "workflowVersion": 1,
        "inputMapping": {"name": {"$expr": "payload.name"}},
    }
    calling = await a.publish(step)
    runs = [await a.start(calling, f"c{n}") for n in range(LIMIT + 2)]
    await a.until(runs, *["SUCCEEDED"] * (LIMIT + 2))
    assert len(probe.calls) == LIMIT + 2


async def test_a_resumed_run_waits_as_well(a, probe, giver):
    """And has its turn."""
    workflow_id = await a.publish(FETCH)
    probe.failures = [ValueError("broken")]
    failed = await a.start(workflow_id, "failed")
    await a.until([failed], "FAILED")
    probe.hold = asyncio.Event()
    others = [await a.start(workflow_id, f"o{n}") for n in range(LIMIT)]
    runner = a.runner
    await resume_run(
        runner.db, runner.client, runner.registry,
        tenant=a.tenant, run_id=failed, user=uuid4(), tenant_runs=LIMIT,
    )  # fmt: skip
    assert await a.standing(failed, *others) == ["queued for tenant", "busy", "busy"]
    probe.hold.set()
    await a.until([failed, *others], "SUCCEEDED", "SUCCEEDED", "SUCCEEDED")


async def test_runs_of_a_paused_workflow_let_others_by(a, probe, giver):
    """They have their turn when it goes on."""
    probe.hold = asyncio.Event()
    paused, other = await a.publish(FETCH), await a.publish(FETCH)
    runs = [await a.start(w, n) for w, n in ((other, "0"), (other, "1"), (paused, "2"), (other, "3"))]
    assert await a.standing(*runs) == ["busy", "busy", "queued for tenant", "queued for tenant"]
    await a.change(paused, isPaused=True)
    probe.hold.set()
    await a.until(runs, "SUCCEEDED", "SUCCEEDED", "queued for tenant", "SUCCEEDED")
    await a.change(paused, isPaused=False)
    await a.until(runs, *["SUCCEEDED"] * 4)


async def test_events_of_one_key_stay_in_order(a, probe, giver):
    """Also when their runs wait for their tenant."""
    probe.hold = asyncio.Event()
    fill = [await a.start(await a.publish(FETCH), f"f{n}") for n in range(LIMIT)]
    await a.publish(FETCH, event="THING", orderedByCorrelationKey=True)
    inbox = Inbox(a.runner.db, a.runner.client, a.runner.registry, tenant_runs=LIMIT)
    runs = []
    for n in range(3):
        accepted = await inbox.accept(
            a.tenant, NewEvent(name="THING", payload={"name": f"e{n}"}, correlation_key="key")
        )
        runs += [outcome.run_id for outcome in accepted.event.outcomes]
    assert await a.standing(*runs) == ["queued for tenant", "queued for workflow", "queued for workflow"]
    probe.hold.set()
    await a.until([*fill, *runs], *["SUCCEEDED"] * 5)
    assert [given.text for given in probe.inputs if given.text.startswith("e")] == ["e0", "e1", "e2"]


async def test_without_a_limit_any_more(a, runner, probe):
    """What waits goes on, found by looking."""
    probe.hold = asyncio.Event()
    workflow_id = await a.publish(FETCH)
    runs = [await a.start(workflow_id, str(n)) for n in range(LIMIT + 1)]
    assert await find_queues(runner.db) == [(a.tenant, None)]
    async with runner.db.tenant(a.tenant) as conn:
        assert await give_tenant_turns(conn, a.tenant, at_most=10, tenant_runs=LIMIT) == []
    async with in_background(TurnGiver(runner.db, runner.client, poll=0.1)):
        await runner.until(lambda: len(probe.calls) == LIMIT + 1)
    probe.hold.set()
    await a.until(runs, *["SUCCEEDED"] * 3)
