"""Workflows that a clock starts: what is wanted, what Temporal has, and what it starts, on real Temporal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from uuid import UUID, uuid4

import asyncpg
import pytest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleSpec
from temporalio.service import RPCError

from workflow_core.definitions.publishing import publish_draft, roll_back
from workflow_core.definitions.writing import change_settings, create_workflow, delete_workflow, save_draft
from workflow_core.errors import TransientError
from workflow_core.execution.runs import run_id_for_schedule
from workflow_core.language.clock import Once, Recurring, includes
from workflow_core.schedules.in_temporal import list_schedules, schedule_id, spec_of
from workflow_core.schedules.launching import start_scheduled
from workflow_core.schedules.syncing import compare_all, find_out_of_step, sync_schedule
from workflow_core.schedules.wanted import read_schedule
from workflow_core.temporal import data_converter
from workflow_worker.background import in_background
from workflow_worker.launching import Launches
from workflow_worker.process import build_launcher
from workflow_worker.syncer import ScheduleSyncer

#: Nothing that a test waits for may come from looking: only from being told.
NEVER = 3600.0
KEEP = {"id": "keep", "type": "transform.assign", "config": {"assign": {"vars.x": {"$expr": "payload.scheduledFor"}}}}
DAILY = {"type": "recurring", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}
EVERY_MINUTE = {"type": "recurring", "cron": "* * * * *", "timezone": "UTC"}


def definition(trigger):
    """A workflow of one step."""
    return {"name": "t", "steps": [KEEP], **({"trigger": trigger} if trigger else {})}


async def publish(runner, trigger, workflow_id=None):
    """Publishes a workflow, or its next version."""
    async with runner.db.tenant(runner.tenant) as conn:
        if workflow_id is None:
            draft = await create_workflow(conn, runner.tenant, definition(trigger), actor=None)
            workflow_id = draft.workflow_id
        else:
            await save_draft(conn, runner.tenant, workflow_id, definition(trigger), actor=None)
        await publish_draft(conn, runner.tenant, workflow_id, actor=None)
    return workflow_id


async def pause(runner, workflow_id, paused=True):
    async with runner.db.tenant(runner.tenant) as conn:
        await change_settings(conn, runner.tenant, workflow_id, {"isPaused": paused}, actor=None)


async def wanted(runner, workflow_id):
    async with runner.db.tenant(runner.tenant) as conn:
        return await read_schedule(conn, runner.tenant, workflow_id)


async def change(runner, statement, *values):
    async with runner.db.tenant(runner.tenant) as conn:
        await conn.execute(statement, *values)


async def sync(runner, client=None):
    """Brings all in step that is due."""
    for tenant, workflow_id in await find_out_of_step(runner.db, limit=100):
        assert await sync_schedule(runner.db, client or runner.client, tenant=tenant, workflow_id=workflow_id)


async def in_temporal(runner, workflow_id):
    """The revisions that Temporal has of a schedule; asked one by one, since its list is late."""
    found = []
    for revision in range(1, 10):
        try:
            await runner.client.get_schedule_handle(schedule_id(runner.tenant, workflow_id, revision)).describe()
        except RPCError:
            continue
        found.append(revision)
    return found


async def runs_of(runner, workflow_id):
    async with runner.db.tenant(runner.tenant) as conn:
        return await conn.fetch("SELECT * FROM workflow_runs WHERE workflow_id = $1 ORDER BY created_at", workflow_id)


async def eventually(look):
    """Waits until something is there, and gives it."""
    async with asyncio.timeout(60):
        while not (found := await look()):
            await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def nowhere():
    """A Temporal that does not answer."""
    return await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)


@pytest.fixture
async def launcher(runner):
    """A worker that takes what schedules start."""
    launches = Launches(runner.db, runner.client, runner.registry)
    async with build_launcher(runner.client, launches, shutdown=timedelta(seconds=5)):
        yield


@pytest.fixture(autouse=True)
async def nothing_left(temporal_client):
    """Schedules of one test do not fire in the next."""
    yield
    for known_as in await list_schedules(temporal_client):
        try:
            await temporal_client.get_schedule_handle(known_as).delete()
        except RPCError:
            continue


# ── What is wanted ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_wanted_follows_the_workflow(runner):
    """Publishing, pausing, rolling back and deleting write it in their own transactions; drafts do not count."""
    workflow_id = await publish(runner, DAILY)
    row = await wanted(runner, workflow_id)
    assert (row.status, row.revision, row.synced_revision, row.trigger) == ("scheduled", 1, None, DAILY)
    await publish(runner, DAILY, workflow_id)
    assert await wanted(runner, workflow_id) == row
    await pause(runner, workflow_id)
    assert ((await wanted(runner, workflow_id)).status, (await wanted(runner, workflow_id)).revision) == ("paused", 2)
    await pause(runner, workflow_id, False)
    back = await wanted(runner, workflow_id)
    assert (back.status, back.revision, back.since > row.since) == ("scheduled", 3, True)
    await publish(runner, {"type": "schedule", "runAt": "2097-01-01T00:00:00Z"}, workflow_id)
    moment = await wanted(runner, workflow_id)
    assert (moment.revision, moment.trigger) == (4, {"type": "schedule", "runAt": "2097-01-01T00:00:00Z"})
    await publish(runner, None, workflow_id)
    assert ((await wanted(runner, workflow_id)).status, (await wanted(runner, workflow_id)).revision) == ("disabled", 5)
    await publish(runner, {"type": "event", "eventName": "X"}, workflow_id)
    assert (await wanted(runner, workflow_id)).revision == 5
    async with runner.db.tenant(runner.tenant) as conn:
        await roll_back(conn, runner.tenant, workflow_id, 1, actor=None)
    rolled_back = await wanted(runner, workflow_id)
    assert (rolled_back.status, rolled_back.revision, rolled_back.trigger) == ("scheduled", 6, DAILY)
    async with runner.db.tenant(runner.tenant) as conn:
        await delete_workflow(conn, runner.tenant, workflow_id, actor=None)
    assert ((await wanted(runner, workflow_id)).status, (await wanted(runner, workflow_id)).revision) == ("disabled", 7)
    by_event = await publish(runner, {"type": "event", "eventName": "X"})
    assert await wanted(runner, by_event) is None


async def test_a_transaction_that_fails_wants_nothing(runner):
    """What is wanted is written with what decides it, or not at all."""
    workflow_id = await publish(runner, DAILY)
    before = await wanted(runner, workflow_id)

    async def fail():
        async with runner.db.tenant(runner.tenant) as conn:
            await save_draft(conn, runner.tenant, workflow_id, definition(EVERY_MINUTE), actor=None)
            await publish_draft(conn, runner.tenant, workflow_id, actor=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await wanted(runner, workflow_id) == before


async def test_whoever_pauses_in_the_database(runner, migrated_database):
    """Tools of the older product set the column themselves, as owner of everything."""
    workflow_id = await publish(runner, DAILY)
    admin = await asyncpg.connect(migrated_database.admin_dsn)
    await admin.execute("UPDATE workflow_definitions SET is_paused = true WHERE workflow_id = $1", workflow_id)
    await admin.close()
    assert (await wanted(runner, workflow_id)).status == "paused"


# ── In step ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_temporal_follows_what_is_wanted(runner):
    """As soon as it is told: exactly one schedule while one is wanted, and none otherwise."""
    async with in_background(ScheduleSyncer(runner.db, runner.client, poll=NEVER)):

        async def in_step(workflow_id, revisions):
            async def look():
                row = await wanted(runner, workflow_id)
                return row is None or row.in_step

            await eventually(look)
            assert await in_temporal(runner, workflow_id) == revisions

        workflow_id = await publish(runner, DAILY)
        await in_step(workflow_id, [1])
        await publish(runner, EVERY_MINUTE, workflow_id)
        await in_step(workflow_id, [2])
        await pause(runner, workflow_id)
        await in_step(workflow_id, [])
        await pause(runner, workflow_id, False)
        await in_step(workflow_id, [4])
        async with runner.db.tenant(runner.tenant) as conn:
            await delete_workflow(conn, runner.tenant, workflow_id, actor=None, force=True)
        await in_step(workflow_id, [])
    assert await wanted(runner, workflow_id) is None


async def test_workers_that_sync_at_once(runner):
    """However many there are, each workflow has one schedule."""
    workflows = [await publish(runner, DAILY) for _ in range(6)]

    async def sync_all():
        for workflow_id in workflows:
            await sync_schedule(runner.db, runner.client, tenant=runner.tenant, workflow_id=workflow_id)

    await asyncio.gather(*(sync_all() for _ in range(3)))
    for workflow_id in workflows:
        assert (await wanted(runner, workflow_id)).in_step
        assert await in_temporal(runner, workflow_id) == [1]


async def test_while_temporal_is_away(runner, nowhere):
    """The schedule says so, waits, and follows later; what was published meanwhile is all that counts then."""
    workflow_id = await publish(runner, DAILY)
    with pytest.raises(TransientError):
        await sync(runner, nowhere)
    row = await wanted(runner, workflow_id)
    assert (row.in_step, row.last_error["code"]) == (False, "TEMPORAL_UNAVAILABLE")
    assert await find_out_of_step(runner.db, limit=10) == []
    for trigger in (EVERY_MINUTE, DAILY, EVERY_MINUTE):
        await publish(runner, trigger, workflow_id)
    await sync(runner)
    row = await wanted(runner, workflow_id)
    assert (row.in_step, row.last_error, row.revision) == (True, None, 4)
    assert await in_temporal(runner, workflow_id) == [4]


DEATHS = {
    "before it asked Temporal": [],
    "after Temporal made the new one": ["create_schedule"],
    "after Temporal deleted the old one": ["create_schedule", "delete_schedule"],
}


@pytest.mark.parametrize("done", DEATHS.values(), ids=DEATHS)
async def test_a_process_that_dies_on_the_way(runner, monkeypatch, done):
    """Whatever it has done: another one loses no schedule, and makes none twice."""
    workflow_id = await publish(runner, DAILY)
    await sync(runner)
    await publish(runner, EVERY_MINUTE, workflow_id)
    with monkeypatch.context() as dying:
        for call in ("create_schedule", "delete_schedule"):
            if call not in done:
                dying.setattr(f"workflow_core.schedules.syncing.{call}", killed)
        dying.setattr("workflow_core.schedules.syncing._settle", killed)
        with pytest.raises(KilledError):
            await sync(runner)
    assert not (await wanted(runner, workflow_id)).in_step
    assert await find_out_of_step(runner.db, limit=10) == []  # it belongs to the dead one for a while
    await change(runner, "UPDATE tenant_workflow_schedule SET due_at = now()")
    await sync(runner)
    assert (await wanted(runner, workflow_id)).in_step
    assert await in_temporal(runner, workflow_id) == [2]


class KilledError(BaseException):
    """The process is gone."""


async def killed(*_arguments, **_options):
    raise KilledError


async def test_what_temporal_lost_is_made_again(runner, monkeypatch):
    """A Temporal that came back without its database gets every schedule, and what nobody wants goes."""
    monkeypatch.setattr("workflow_core.schedules.in_temporal._PAGE", 2)
    kept, lost, renewed = [await publish(runner, DAILY) for _ in range(3)]
    await sync(runner)
    await runner.client.get_schedule_handle(schedule_id(runner.tenant, lost, 1)).delete()
    orphan = schedule_id(uuid4(), uuid4(), 3)
    action = ScheduleActionStartWorkflow("none", id="none", task_queue="none")
    await runner.client.create_schedule(orphan, Schedule(action=action, spec=ScheduleSpec()))
    await runner.client.create_schedule("somebody-elses", Schedule(action=action, spec=ScheduleSpec()))
    known = {schedule_id(runner.tenant, workflow_id, 1) for workflow_id in (kept, renewed)}

    async def listed():
        return await list_schedules(runner.client) == {*known, orphan}

    await eventually(listed)
    assert await compare_all(runner.db, runner.client) == 1  # the orphan; the lost one may be too new for the list
    assert await find_out_of_step(runner.db, limit=10) == []
    await change(runner, "UPDATE tenant_workflow_schedule SET synced_at = now() - interval '2 minutes'")
    await change(
        runner,
        "UPDATE tenant_workflow_schedule SET synced_at = now() - interval '400 days' WHERE workflow_id = $1",
        renewed,
    )
    assert await compare_all(runner.db, runner.client) >= 2
    await sync(runner)
    assert await in_temporal(runner, kept) == [1]
    assert await in_temporal(runner, lost) == [1]
    assert await in_temporal(runner, renewed) == [2]  # it knew of the changes of the clocks for some years only
    await runner.client.get_schedule_handle("somebody-elses").delete()


async def test_a_schedule_that_an_older_database_left_behind(runner):
    """Under the same name, but with other times: it is made anew."""
    workflow_id = await publish(runner, EVERY_MINUTE)
    await sync(runner)
    await change(
        runner,
        "UPDATE tenant_workflow_schedule SET cron = '0 0 1 1 *', synced_revision = NULL WHERE workflow_id = $1",
        workflow_id,
    )
    await change(runner, "UPDATE tenant_workflow_schedule SET due_at = now()")
    await sync(runner)
    handle = runner.client.get_schedule_handle(schedule_id(runner.tenant, workflow_id, 1))
    [first, *_] = (await handle.describe()).info.next_action_times
    assert (first.month, first.day, first.hour) == (1, 1, 0)


async def test_what_temporal_cannot_have(runner, monkeypatch):
    """The schedule says why, and the one before it does not go on."""
    workflow_id = await publish(runner, EVERY_MINUTE)
    await sync(runner)
    monkeypatch.setattr("workflow_core.language.clock.is_timezone", lambda _: True)
    monkeypatch.setattr("workflow_core.schedules.in_temporal._at_changes_of_the_clocks", lambda *_: [])
    monkeypatch.setattr("workflow_core.schedules.syncing.made_up", lambda *_, **__: [datetime.now(UTC)])
    await publish(runner, {**DAILY, "timezone": "Mars/Olympus"}, workflow_id)
    await sync(runner)
    row = await wanted(runner, workflow_id)
    assert (row.in_step, row.last_error["code"]) == (True, "SCHEDULE_REFUSED")
    assert await in_temporal(runner, workflow_id) == []


async def test_a_trigger_that_cannot_be_read(runner):
    """It may have been imported as it was published elsewhere."""
    workflow_id = await publish(runner, {"type": "recurring", "cron": "often", "timezone": "UTC"})
    await sync(runner)
    row = await wanted(runner, workflow_id)
    assert (row.in_step, row.last_error["code"]) == (True, "INVALID_TRIGGER")


@pytest.mark.parametrize(("ago", "missed"), [(timedelta(days=2), False), (timedelta(0), True)])
async def test_a_moment_that_has_passed(runner, ago, missed):
    """Before it was published: nothing is left to do. While nothing could start it, for a day: it was missed."""
    moment = (datetime.now(UTC) - timedelta(days=2)).replace(microsecond=0)
    workflow_id = await publish(runner, {"type": "schedule", "runAt": moment.isoformat()})
    if missed:
        await change(runner, "UPDATE tenant_workflow_schedule SET since = $1", moment - timedelta(hours=1))
    await sync(runner)
    row = await wanted(runner, workflow_id)
    assert (row.status, row.in_step, row.last_missed_at) == ("completed", True, moment if missed else None)
    assert await in_temporal(runner, workflow_id) == []


# ── Times ────────────────────────────────────────────────────────────────────────────────────────────────────────

FIRES = {
    "a gap": ("30 2 * * *", "Europe/Berlin", "2027-03-27T00:00"),
    "a repeated hour": ("30 2 * * *", "Europe/Berlin", "2027-10-30T00:00"),
    "every half hour over a gap": ("*/30 * * * *", "Europe/Berlin", "2027-03-27T23:30"),
    "every half hour over a repeated hour": ("*/30 * * * *", "Europe/Berlin", "2027-10-30T23:30"),
    "west, a gap": ("30 2 * * *", "America/New_York", "2027-03-13T00:00"),
    "west, a repeated hour": ("30 1 * * *", "America/New_York", "2027-11-06T00:00"),
    "west, hourly over a repeated hour": ("*/30 * * * *", "America/New_York", "2027-11-07T04:30"),
    "half an hour": ("45 1 * * *", "Australia/Lord_Howe", "2027-04-02T00:00"),
    "midnight": ("0 0 * * *", "Africa/Cairo", "2027-04-29T00:00"),
    "either day": ("0 0 13 * FRI", "UTC", "2027-08-01T00:00"),
    "both days": ("0 0 */2 * MON", "Asia/Tokyo", "2027-08-01T00:00"),
    "a leap day": ("0 0 29 2 *", "Asia/Kolkata", "2027-01-01T00:00"),
    "steps and lists": ("5/25 1,3-4 * JAN,6 *", "Asia/Kathmandu", "2027-01-01T00:00"),
}


@pytest.mark.parametrize(("cron", "zone", "start"), FIRES.values(), ids=FIRES)
async def test_temporal_fires_at_the_computed_times(runner, cron, zone, start):
    """Whatever it fires besides starts nothing."""
    timing, start = Recurring(cron, zone), datetime.fromisoformat(start).replace(tzinfo=UTC)
    spec = spec_of(timing, datetime(2027, 1, 1, tzinfo=UTC))
    spec.start_at = start
    known_as = schedule_id(runner.tenant, uuid4(), 1)
    action = ScheduleActionStartWorkflow("none", id="none", task_queue="none")
    handle = await runner.client.create_schedule(known_as, Schedule(action=action, spec=spec))
    fired = (await handle.describe()).info.next_action_times
    assert len(fired) == 10
    expected = list(takewhile(lambda time: time <= fired[-1], timing.after(start - timedelta(seconds=1))))
    assert [time for time in fired if includes(timing, time)] == expected
    assert len(expected) >= 6


@pytest.mark.parametrize("text", ["2027-11-07T05:30:07", "2099-12-31T23:59:59"])
async def test_temporal_fires_once_at_a_moment(runner, text):
    """To the second, near or far."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    action = ScheduleActionStartWorkflow("none", id="none", task_queue="none")
    schedule = Schedule(action=action, spec=spec_of(Once(moment), datetime.now(UTC)))
    handle = await runner.client.create_schedule(schedule_id(runner.tenant, uuid4(), 1), schedule)
    assert list((await handle.describe()).info.next_action_times) == [moment]


# ── Starting ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def launch(runner, workflow_id, scheduled_for, *, now=None, client=None):
    return await start_scheduled(
        runner.db,
        client or runner.client,
        runner.registry,
        tenant=runner.tenant,
        workflow_id=workflow_id,
        scheduled_for=scheduled_for,
        now=now or datetime.now(UTC),
    )


async def test_a_moment_starts_one_run(runner, launcher):
    """With the payload of the clock; then nothing of the schedule is left."""
    moment = (datetime.now(UTC) + timedelta(seconds=2)).replace(microsecond=0)
    async with in_background(ScheduleSyncer(runner.db, runner.client, poll=0.2)):
        workflow_id = await publish(runner, {"type": "schedule", "runAt": moment.isoformat()})

        async def completed():
            row = await wanted(runner, workflow_id)
            return row.in_step and row.status == "completed"

        await eventually(completed)
    row = await wanted(runner, workflow_id)
    [run] = await runs_of(runner, workflow_id)
    ended = await runner.finished(run["run_id"])
    assert (ended["status"], ended["cause"]) == ("SUCCEEDED", "schedule")
    assert ended["source_payload_schema_ref"] == "payload.WorkflowClockTrigger.v1"
    shown = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    payload = ended["payload"]
    assert payload.pop("firedAt") >= shown
    assert payload == {
        "triggerType": "schedule",
        "scheduleId": str(workflow_id),
        "scheduledFor": shown,
        "timezone": "UTC",
        "workflowId": str(workflow_id),
        "workflowVersion": 1,
    }
    assert (row.last_fire_at, row.last_run_id, row.last_error) == (moment, run["run_id"], None)
    assert run["run_id"] == run_id_for_schedule(runner.tenant, workflow_id, moment)
    assert await in_temporal(runner, workflow_id) == []
    await publish(runner, {"type": "schedule", "runAt": moment.isoformat()}, workflow_id)
    await sync(runner)
    assert (await wanted(runner, workflow_id)).status == "completed"
    assert len(await runs_of(runner, workflow_id)) == 1


async def test_what_was_missed_is_made_up_for(runner, launcher):
    """A schedule that could not be made for a while starts what it missed, each time once."""
    workflow_id = await publish(runner, {"type": "recurring", "cron": "*/20 * * * *", "timezone": "UTC"})
    since = datetime.now(UTC) - timedelta(minutes=45)
    await change(runner, "UPDATE tenant_workflow_schedule SET since = $1", since)
    timing = Recurring("*/20 * * * *", "UTC")
    for attempt in range(2):
        await sync(runner)
        missed = list(takewhile(lambda time: time <= datetime.now(UTC), timing.after(since)))
        assert len(missed) in (2, 3)

        async def started():
            return [run for run in await runs_of(runner, workflow_id) if run["started_at"]]

        async def all_started(missed=missed):
            return len(await started()) >= len(missed)

        await eventually(all_started)
        ids = {run_id_for_schedule(runner.tenant, workflow_id, time) for time in missed}
        assert {run["run_id"] for run in await started()} == ids, attempt
        # Temporal loses it, and it is made once more: what has run does not run again.
        await runner.client.get_schedule_handle(schedule_id(runner.tenant, workflow_id, 1)).delete()
        await change(runner, "UPDATE tenant_workflow_schedule SET synced_revision = NULL, due_at = now()")


async def test_a_time_starts_one_run_however_often_it_fires(runner, nowhere):
    """Also when Temporal went away in the middle of starting it."""
    workflow_id = await publish(runner, EVERY_MINUTE)
    await change(runner, "UPDATE tenant_workflow_schedule SET since = now() - interval '1 hour'")
    time = datetime.now(UTC).replace(second=0, microsecond=0)
    with pytest.raises(TransientError):
        await launch(runner, workflow_id, time, client=nowhere)
    [recorded] = await runs_of(runner, workflow_id)
    assert (recorded["started_at"], (await wanted(runner, workflow_id)).last_fire_at) == (None, None)
    started = await asyncio.gather(*(launch(runner, workflow_id, time) for _ in range(4)))
    assert {run.run_id for run in started} == {recorded["run_id"]}
    assert (await runner.finished(recorded["run_id"]))["status"] == "SUCCEEDED"
    assert len(await runs_of(runner, workflow_id)) == 1
    assert (await wanted(runner, workflow_id)).last_fire_at == time


async def test_what_nobody_wants_any_more_starts_nothing(runner):
    """A time of another schedule, from before it was wanted, while it is paused, or of a workflow that is gone."""
    workflow_id = await publish(runner, {"type": "recurring", "cron": "*/20 * * * *", "timezone": "UTC"})
    times = islice(Recurring("*/20 * * * *", "UTC").after(datetime.now(UTC) - timedelta(hours=1)), 2)
    first, second = times
    assert await launch(runner, workflow_id, second) is None  # from before
    await change(runner, "UPDATE tenant_workflow_schedule SET since = now() - interval '1 hour'")
    assert await launch(runner, workflow_id, second + timedelta(minutes=1)) is None  # none of its times
    await pause(runner, workflow_id)
    assert await launch(runner, workflow_id, second) is None
    await pause(runner, workflow_id, False)
    await change(runner, "UPDATE tenant_workflow_schedule SET since = now() - interval '1 hour'")
    assert await launch(runner, workflow_id, first) is not None
    async with runner.db.tenant(runner.tenant) as conn:
        await delete_workflow(conn, runner.tenant, workflow_id, actor=None, force=True)
    assert await launch(runner, workflow_id, second) is None
    assert await launch(runner, uuid4(), second) is None
    [run] = await runs_of(runner, workflow_id)
    assert run["run_id"] == run_id_for_schedule(runner.tenant, workflow_id, first)


async def test_a_time_that_is_too_late(runner):
    """Of the times that are older than an hour only the last one is made up for, within a day; the row tells."""
    workflow_id = await publish(runner, {"type": "recurring", "cron": "0 */6 * * *", "timezone": "UTC"})
    await change(runner, "UPDATE tenant_workflow_schedule SET since = '2027-01-01T00:00:00Z'")
    now = datetime(2027, 1, 10, 14, 0, tzinfo=UTC)
    assert await launch(runner, workflow_id, now.replace(hour=6), now=now) is None
    assert (await wanted(runner, workflow_id)).last_missed_at == now.replace(hour=6)
    run = await launch(runner, workflow_id, now.replace(hour=12), now=now)
    assert run is not None
    row = await wanted(runner, workflow_id)
    assert (row.last_fire_at, row.last_run_id) == (now.replace(hour=12), run.run_id)


async def test_what_keeps_it_from_starting_is_told(runner, monkeypatch):
    """On the schedule's row; a later time that starts takes it away."""
    workflow_id = await publish(runner, EVERY_MINUTE)
    await change(runner, "UPDATE tenant_workflow_schedule SET since = now() - interval '1 hour'")
    time = datetime.now(UTC).replace(second=0, microsecond=0)
    with monkeypatch.context() as small:
        small.setattr("workflow_core.execution.runs.MAX_RUN", 1)
        assert await launch(runner, workflow_id, time) is None
    assert (await wanted(runner, workflow_id)).last_error["code"] == "RUN_TOO_LARGE"
    assert await launch(runner, workflow_id, time) is not None
    assert (await wanted(runner, workflow_id)).last_error is None


async def test_the_newest_version_runs(runner):
    """In the name of who published it."""
    workflow_id = await publish(runner, EVERY_MINUTE)
    await publish(runner, EVERY_MINUTE, workflow_id)
    await change(runner, "UPDATE tenant_workflow_schedule SET since = now() - interval '1 hour'")
    run = await launch(runner, workflow_id, datetime.now(UTC).replace(second=0, microsecond=0))
    assert run.workflow_version == 2
    assert (await runner.finished(run.run_id))["payload"]["cron"] == "* * * * *"
    assert isinstance(run.run_id, UUID)
