"""Events that actions emit or that a process left behind start their workflows, once, on real Temporal."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import attrs
import pytest
from temporalio.client import Client

from workflow_core.actions import Action, Effect
from workflow_core.definitions.publishing import publish_draft
from workflow_core.definitions.writing import create_workflow, delete_workflow
from workflow_core.discovery import registry_of
from workflow_core.events import EventType, emit
from workflow_core.execution.inbox import Inbox, NewEvent, OutcomeStatus
from workflow_core.modules import Module
from workflow_core.temporal import data_converter
from workflow_worker.background import in_background
from workflow_worker.dispatcher import EventDispatcher

#: Nothing that a test waits for may come from looking: only from being told.
NEVER = 3600.0


@attrs.frozen(kw_only=True)
class Thing:
    """What is made, and what the event tells of it."""

    name: str


MADE = EventType(name="THING_MADE", label="Made", description="", payload=Thing, schema_ref="payload.ThingMade.v1")


async def make_thing(given, ctx):
    """Says that a thing was made."""
    await emit(ctx, MADE, given, correlation_key=given.name)
    return given


@attrs.define
class Things:
    """An integration whose action emits."""

    def registry(self):
        action = Action(
            id="things.make",
            label="Make",
            description="Makes a thing.",
            input=Thing,
            output=Thing,
            effect=Effect.LOCAL,
            io="database",
            handler=make_thing,
        )
        module = Module(
            group_key="app:things",
            label="Things",
            description="Things",
            tile_kind="app",
            default_action_id=action.id,
            allowed_action_ids=(action.id,),
        )
        return registry_of("workflow-probe", "1", modules=[module], actions=[action], events=[MADE])


@pytest.fixture
def probe():
    """The integration of this module's worker."""
    return Things()


@pytest.fixture
def inbox(runner):
    """The inbox of a worker."""
    return Inbox(runner.db, runner.client, runner.registry)


def make(name):
    """A step that makes a thing."""
    config = {"actionId": "things.make", "version": 1, "inputMapping": {"name": name}}
    return {"id": "make", "type": "action.call", "config": config}


ASSIGN = {"id": "keep", "type": "transform.assign", "config": {"assign": {"vars.name": {"$expr": "payload.name"}}}}


async def publish(runner, steps, event=None):
    """Publishes a workflow, which an event starts."""
    trigger = {"trigger": {"type": "event", "eventName": event}} if event else {}
    async with runner.db.tenant(runner.tenant) as conn:
        draft = await create_workflow(conn, runner.tenant, {"name": "t", "steps": steps, **trigger}, actor=None)
        await publish_draft(conn, runner.tenant, draft.workflow_id, actor=None)
    return draft.workflow_id


async def rows(runner, query, *values):
    async with runner.db.tenant(runner.tenant) as conn:
        return [dict(row) for row in await conn.fetch(query, *values)]


async def runs_of(runner, workflow_id):
    return await rows(runner, "SELECT * FROM workflow_runs WHERE workflow_id = $1 ORDER BY created_at", workflow_id)


async def eventually(look):
    """Waits until something is there, and gives it."""
    async with asyncio.timeout(30):
        while not (found := await look()):
            await asyncio.sleep(0.02)
        return found


async def put(runner, name="x", *, event="THING_MADE", **columns):
    """An event as an action's transaction leaves it."""
    event_id = uuid4()
    values = {"event_id": event_id, "event_name": event, "payload": {"name": name}, **columns}
    places = ", ".join(f"${number}" for number in range(2, len(values) + 2))
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute(
            f"INSERT INTO workflow_runtime_events (tenant, {', '.join(values)}) VALUES ($1, {places})",
            runner.tenant,
            *values.values(),
        )
    return event_id


async def processed(runner, event_id):
    """The event's outcomes, once it is done with."""
    query = "SELECT outcomes FROM workflow_runtime_events WHERE event_id = $1 AND processed_at IS NOT NULL"
    [event] = await eventually(lambda: rows(runner, query, event_id))
    return event["outcomes"]


async def test_an_action_starts_another_workflow(runner, inbox):
    """What it emits is taken as soon as it has committed, and tells where it came from."""
    follower = await publish(runner, [ASSIGN], "THING_MADE")
    async with in_background(EventDispatcher(runner.db, inbox, poll=NEVER)):
        source = await runner.run([make("lamp")])
        assert source["status"] == "SUCCEEDED"
        [run] = await eventually(lambda: runs_of(runner, follower))
        ended = await runner.finished(run["run_id"])
        [event] = await rows(runner, "SELECT * FROM workflow_runtime_events")
        await processed(runner, event["event_id"])
    assert (ended["status"], ended["payload"], ended["cause"]) == ("SUCCEEDED", {"name": "lamp"}, "event")
    assert (ended["event_type"], ended["source_payload_schema_ref"]) == ("THING_MADE", "payload.ThingMade.v1")
    assert (ended["event_id"], event["source_run_id"]) == (event["event_id"], source["run_id"])
    assert (source["chain_depth"], event["chain_depth"], ended["chain_depth"]) == (0, 1, 1)


async def test_what_was_left_behind_is_taken_at_the_start(runner, inbox):
    """An event that nobody took, and one whose process died after it had recorded the run, each act once."""
    follower = await publish(runner, [ASSIGN], "THING_MADE")
    left = await put(runner, "left")
    nowhere = await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)
    dying = Inbox(runner.db, nowhere, runner.registry)
    new = NewEvent(name="THING_MADE", payload={"name": "recorded"})
    accepted = await dying.accept(runner.tenant, new)
    assert [outcome.status for outcome in accepted.event.outcomes] == [OutcomeStatus.PENDING]
    assert [run["started_at"] for run in await runs_of(runner, follower)] == [None]
    async with runner.db.tenant(runner.tenant) as conn:  # its lease is over
        await conn.execute("UPDATE workflow_runtime_events SET due_at = now() - interval '1 s'")
        # What was to be started stays so, whatever is done to the workflow since.
        await conn.execute("UPDATE workflow_definitions SET is_paused = true WHERE workflow_id = $1", follower)
    await put(runner, "nothing waits for it", event="OTHER")
    async with in_background(EventDispatcher(runner.db, inbox, poll=NEVER)):
        [outcome] = await processed(runner, new.event_id)
        none = await processed(runner, left)
    assert none == []
    assert outcome["status"] == "STARTED"
    [run] = await runs_of(runner, follower)
    assert str(run["run_id"]) == outcome["runId"]
    assert (await runner.finished(run["run_id"]))["status"] == "SUCCEEDED"
    assert await inbox.process(runner.tenant, new.event_id) is None


async def test_a_workflow_that_was_deleted_meanwhile(runner, inbox):
    """Its run starts when that was recorded before, and the event tells so; otherwise the event tells why not."""
    follower = await publish(runner, [ASSIGN], "THING_MADE")
    nowhere = await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)
    new = NewEvent(name="THING_MADE", payload={"name": "recorded"})
    accepted = await Inbox(runner.db, nowhere, runner.registry).accept(runner.tenant, new)
    [pending] = accepted.event.outcomes
    unrecorded = await put(runner, outcomes=[{**pending.as_json(), "runId": str(uuid4())}])
    async with runner.db.tenant(runner.tenant) as conn:
        await delete_workflow(conn, runner.tenant, follower, actor=None, force=True)
        await conn.execute("UPDATE workflow_runtime_events SET due_at = now() - interval '1 s'")
    async with in_background(EventDispatcher(runner.db, inbox, poll=NEVER)):
        [started] = await processed(runner, new.event_id)
        [failed] = await processed(runner, unrecorded)
    assert (started["status"], started["runId"]) == ("STARTED", str(pending.run_id))
    ended = await runner.finished(pending.run_id)
    assert (ended["status"], ended["payload"]) == ("SUCCEEDED", {"name": "recorded"})
    assert (failed["status"], failed["error"]["code"]) == ("FAILED", "NOT_FOUND")


@asynccontextmanager
async def refusing(database, when, code):
    """A database that refuses some writes with an error code of PostgreSQL."""
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute(
            f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$; "
            f"CREATE TRIGGER refuse BEFORE {when} FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        yield
        await admin.execute("DROP FUNCTION refuse CASCADE")
    finally:
        await admin.close()


@pytest.mark.parametrize("when", ["UPDATE ON workflow_runtime_events", "UPDATE OF started_at ON workflow_runs"])
async def test_what_has_started_is_told_although_the_database_went_away(runner, inbox, migrated_database, *, when):
    """Who brought the event is not made to bring it again, as another one; going on with it starts nothing twice."""
    follower = await publish(runner, [ASSIGN], "THING_MADE")
    new = NewEvent(name="THING_MADE", payload={"name": "x"})
    async with refusing(migrated_database, when, "57P01"):
        accepted = await inbox.accept(runner.tenant, new)
    assert accepted.created
    [outcome] = accepted.event.started
    assert (await runner.finished(outcome.run_id))["status"] == "SUCCEEDED"
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute("UPDATE workflow_runtime_events SET due_at = now() - interval '1 s'")
    async with in_background(EventDispatcher(runner.db, inbox, poll=NEVER)):
        [told] = await processed(runner, new.event_id)
    assert (told["status"], told["runId"]) == ("STARTED", str(outcome.run_id))
    assert [run["run_id"] for run in await runs_of(runner, follower)] == [outcome.run_id]


async def test_a_statement_that_was_canceled_is_no_end(runner, inbox, migrated_database):
    """A role's statement_timeout, or an operator, keeps a run from being recorded for the moment only."""
    await publish(runner, [ASSIGN], "THING_MADE")
    new = NewEvent(name="THING_MADE", payload={"name": "x"})
    async with refusing(migrated_database, "INSERT ON workflow_runs", "57014"):
        accepted = await inbox.accept(runner.tenant, new)
    assert [outcome.status for outcome in accepted.event.outcomes] == [OutcomeStatus.PENDING]
    async with in_background(EventDispatcher(runner.db, inbox, poll=0.1)):
        [outcome] = await processed(runner, new.event_id)
    assert outcome["status"] == "STARTED"


async def test_many_workers_act_once(runner, inbox):
    """Three dispatchers and whoever posts at the same time: one run for each event and workflow."""
    followers = [await publish(runner, [ASSIGN], "THING_MADE") for _ in range(2)]
    others = [Inbox(runner.db, runner.client, runner.registry) for _ in range(2)]
    events = [await put(runner, str(number)) for number in range(8)]
    posted = NewEvent(name="THING_MADE", payload={"name": "posted"})
    async with (
        in_background(EventDispatcher(runner.db, inbox, poll=NEVER)),
        in_background(EventDispatcher(runner.db, others[0], poll=NEVER)),
        in_background(EventDispatcher(runner.db, others[1], poll=NEVER)),
    ):
        accepted = await asyncio.gather(*(some.accept(runner.tenant, posted) for some in [inbox, *others]))
        outcomes = [await processed(runner, event_id) for event_id in [*events, posted.event_id]]
    assert sorted(one.created for one in accepted) == [False, False, True]
    assert {outcome["status"] for some in outcomes for outcome in some} == {"STARTED"}
    for follower in followers:
        runs = await runs_of(runner, follower)
        assert sorted(run["payload"]["name"] for run in runs) == [*map(str, range(8)), "posted"]
        for run in runs:
            assert (await runner.finished(run["run_id"]))["status"] == "SUCCEEDED"


async def test_a_workflow_that_starts_itself_comes_to_an_end(runner, inbox):
    """After ten events that led to one another, none is started any more, and the last one says why."""
    endless = await publish(runner, [make("again")], "THING_MADE")
    async with in_background(EventDispatcher(runner.db, inbox, poll=NEVER)):
        await inbox.accept(runner.tenant, NewEvent(name="THING_MADE", payload={"name": "first"}))
        query = "SELECT outcomes FROM workflow_runtime_events WHERE chain_depth = 11 AND processed_at IS NOT NULL"
        [last] = await eventually(lambda: rows(runner, query))
    [outcome] = last["outcomes"]
    assert (outcome["status"], outcome["error"]["code"]) == ("FAILED", "EVENT_CHAIN_TOO_LONG")
    assert [run["chain_depth"] for run in await runs_of(runner, endless)] == list(range(11))
    assert len(await rows(runner, "SELECT FROM workflow_runtime_events")) == 12


async def test_a_lost_connection_loses_no_event(runner, inbox, migrated_database):
    """What was stored while nobody listened is found when the connection is back."""
    await publish(runner, [ASSIGN], "THING_MADE")
    admin = await asyncpg.connect(migrated_database.admin_dsn)
    try:
        async with in_background(EventDispatcher(runner.db, inbox, poll=NEVER)):
            listening = (
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'tests listener' AND query ~ 'LISTEN'"
            )
            [listener] = await eventually(lambda: admin.fetch(listening))
            await admin.execute("SELECT pg_terminate_backend($1)", listener["pid"])
            event_id = await put(runner)
            [outcome] = await processed(runner, event_id)
    finally:
        await admin.close()
    assert outcome["status"] == "STARTED"


async def test_an_event_that_is_not_due_waits_for_its_time(runner, inbox):
    """While it is somebody's, or waits to be tried again, nobody takes it; looking finds it afterwards."""
    await publish(runner, [ASSIGN], "THING_MADE")
    nowhere = await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)
    dying = Inbox(runner.db, nowhere, runner.registry)
    new = NewEvent(name="THING_MADE", payload={"name": "x"})
    await dying.accept(runner.tenant, new)
    assert await inbox.process(runner.tenant, new.event_id) is None
    async with in_background(EventDispatcher(runner.db, inbox, poll=0.1)):
        [outcome] = await processed(runner, new.event_id)
    assert UUID(outcome["runId"])
    assert outcome["status"] == "STARTED"


async def test_stopping_lets_events_under_way_end(runner, inbox):
    """A worker that stops leaves no event half done."""
    await publish(runner, [ASSIGN], "THING_MADE")
    working, go_on = asyncio.Event(), asyncio.Event()
    process = inbox.process

    async def slowly(tenant, event_id):
        working.set()
        await go_on.wait()
        return await process(tenant, event_id)

    inbox.process = slowly
    event_id = await put(runner)
    async with in_background(EventDispatcher(runner.db, inbox, poll=NEVER)):
        await working.wait()
        asyncio.get_running_loop().call_soon(go_on.set)
    assert [outcome["status"] for outcome in await processed(runner, event_id)] == ["STARTED"]


async def test_an_event_does_not_wait_for_another_tenants_many(runner, inbox, tenants):
    """Also when those had been looked up before it was stored."""
    flood = 100
    other = attrs.evolve(runner, tenant=tenants.b)
    taken = []

    class Watched:
        async def process(self, tenant, event_id):
            taken.append(tenant)
            if len(taken) == 4:
                await put(other)
            return await inbox.process(tenant, event_id)

    for number in range(flood):
        await put(runner, str(number), event="OTHER")
    async with in_background(EventDispatcher(runner.db, Watched(), poll=NEVER)):
        await runner.until(lambda: len(taken) == flood + 1)
    assert taken.index(tenants.b) < flood / 2
