"""``scheduling.assign_user``: what it plans, what it does when the user is busy, and what it refuses."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from workflow_core.errors import ConflictError, NotFoundError, PermissionDeniedError, ValidationError

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def make_technicians(desk):
    """Two technicians, and a ticket to work on."""
    role = await desk.add("roles", "role_id", role_name="Technician")
    async with desk.db.tenant(desk.tenant) as conn:
        for name in ("user", "helper", "gone"):
            await conn.execute(
                "INSERT INTO user_roles (tenant, user_id, role_id) VALUES ($1, $2, $3)", desk.tenant, desk[name], role
            )
    await desk.add("tickets", "ticket_id", name="ticket", ticket_number="T1", title="Old server")
    return desk


@pytest.fixture
async def plan(desk):
    """A desk with a schedule."""
    return await make_technicians(desk)


async def busy(desk, start, length=HOUR, *, user="user", status="scheduled"):
    """An entry that is there already."""
    entry = await desk.add(
        "schedule_entries",
        "entry_id",
        title="Busy",
        scheduled_start=start,
        scheduled_end=start + length,
        status=status,
    )
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute(
            "INSERT INTO schedule_entry_assignees (tenant, entry_id, user_id) VALUES ($1, $2, $3)",
            desk.tenant,
            entry,
            desk[user],
        )
    return entry


async def assign(desk, start=TEN, length=HOUR, *, actor=None, **more):
    given = {
        "user_id": str(desk["user"]),
        "window": {"start": start.isoformat(), "end": (start + length).isoformat()},
        "link": {"type": "ticket", "id": str(desk["ticket"])},
    }
    return await desk.run("scheduling.assign_user", given | more, actor=actor)


def places(error) -> set[tuple[str, str]]:
    return {(problem["path"], problem["code"]) for problem in error.details["errors"]}


async def test_an_entry_and_its_assignee(plan):
    """One of each, and the three events that tell of it."""
    assigned = await assign(plan, actor=plan["lead"], notes="Bring foam.")

    (entry,) = await plan.rows("schedule_entries")
    (assignee,) = await plan.rows("schedule_entry_assignees")
    assert (assigned.schedule_event_id, assigned.assigned_user_id) == (entry["entry_id"], plan["user"])
    assert (assigned.start, assigned.end) == (TEN, TEN + HOUR)
    assert {
        "title": "Scheduled work",
        "work_item_id": plan["ticket"],
        "work_item_type": "ticket",
        "scheduled_start": TEN,
        "scheduled_end": TEN + HOUR,
        "status": "scheduled",
        "notes": "Bring foam.",
    }.items() <= entry.items()
    assert (assignee["entry_id"], assignee["user_id"]) == (entry["entry_id"], plan["user"])
    events = {event["event_name"]: event for event in await plan.rows("workflow_runtime_events")}
    assert set(events) == {"APPOINTMENT_CREATED", "APPOINTMENT_ASSIGNED", "SCHEDULE_ENTRY_CREATED"}
    assert {event["correlation_key"] for event in events.values()} == {str(plan["ticket"])}
    assert events["APPOINTMENT_ASSIGNED"]["payload_schema_ref"] == "payload.AppointmentAssigned.v1"
    assert {
        "appointmentId": str(entry["entry_id"]),
        "ticketId": str(plan["ticket"]),
        "newAssigneeId": str(plan["user"]),
        "newAssigneeType": "user",
        "actorUserId": str(plan["lead"]),
    }.items() <= events["APPOINTMENT_ASSIGNED"]["payload"].items()
    assert {"startAt": "2026-03-02T10:00:00Z", "timezone": "UTC"}.items() <= events["APPOINTMENT_CREATED"][
        "payload"
    ].items()
    assert events["SCHEDULE_ENTRY_CREATED"]["payload"]["changes"]["title"] == "Scheduled work"


async def test_a_task(plan):
    """The work may be a task of a project."""
    project = await plan.add("projects", "project_id", project_name="Move")
    phase = await plan.add("project_phases", "phase_id", project_id=project, phase_name="One")
    task = await plan.add("project_tasks", "task_id", phase_id=phase, task_name="Pack", wbs_code="1.1.1")

    await assign(plan, link={"type": "project_task", "id": str(task)}, title="Pack")

    (entry,) = await plan.rows("schedule_entries")
    assert (entry["work_item_type"], entry["work_item_id"], entry["title"]) == ("project_task", task, "Pack")
    keys = {event["correlation_key"] for event in await plan.rows("workflow_runtime_events")}
    assert keys == {str(entry["entry_id"])}


async def test_busy_then(plan):
    """By default a conflict fails the step, says with what, and plans nothing."""
    other = await busy(plan, TEN + HOUR / 2)
    with pytest.raises(ConflictError) as caught:
        await assign(plan)

    assert caught.value.details["entry_ids"] == [str(other)]
    assert len(await plan.rows("schedule_entries")) == 1
    assert await plan.rows("workflow_runtime_events") == []


async def test_what_is_no_conflict(plan):
    """Right before, right after, somebody else's, and what will not take place."""
    await busy(plan, TEN - HOUR)
    await busy(plan, TEN + HOUR)
    await busy(plan, TEN, user="helper")
    await busy(plan, TEN, status="Cancelled")
    await busy(plan, TEN, status="completed")

    assert (await assign(plan)).start == TEN


async def test_shift(plan):
    """The first gap that is long enough, whatever lies between; gaps that are too short are passed over."""
    await busy(plan, TEN - HOUR / 2, 2 * HOUR)  # until 11:30
    await busy(plan, TEN, HOUR / 4)
    await busy(plan, TEN + 2 * HOUR, HOUR)  # 12:00 to 13:00
    await busy(plan, TEN + 5 * HOUR)  # 15:00

    assigned = await assign(plan, conflict_mode="shift")

    assert (assigned.start, assigned.end) == (TEN + 3 * HOUR, TEN + 4 * HOUR)
    assert (await assign(plan, conflict_mode="shift")).start == TEN + 4 * HOUR
    assert (await assign(plan, TEN + 9 * HOUR, conflict_mode="shift")).start == TEN + 9 * HOUR


async def test_override(plan):
    """Both are planned, and the conflict is noted."""
    other = await busy(plan, TEN + HOUR / 2)

    assigned = await assign(plan, conflict_mode="override")

    (conflict,) = await plan.rows("schedule_conflicts")
    assert (conflict["entry_id_1"], conflict["entry_id_2"]) == (assigned.schedule_event_id, other)
    assert (conflict["conflict_type"], conflict["resolved"]) == ("overlap", False)


async def test_two_at_once(plan):
    """Of two runs that want the same user at the same time one gets them; with shift, one after the other."""
    results = await asyncio.gather(*(assign(plan) for _ in range(3)), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["AssignedUser", "ConflictError", "ConflictError"]
    shifted = await asyncio.gather(*(assign(plan, conflict_mode="shift") for _ in range(3)))
    assert sorted(one.start for one in shifted) == [TEN + HOUR, TEN + 2 * HOUR, TEN + 3 * HOUR]


async def test_who_can_be_scheduled(plan):
    """Technicians who still work here."""
    with pytest.raises(PermissionDeniedError, match="Technician"):
        await assign(plan, user_id=str(plan["lead"]))
    with pytest.raises(ValidationError) as caught:
        await assign(plan, user_id=str(plan["gone"]))
    assert places(caught.value) == {("user_id", "INACTIVE")}


async def test_what_does_not_exist(plan, foreign_desk):
    """Another tenant's user and ticket do not, and both are named."""
    await make_technicians(foreign_desk)
    for link in ({"type": "ticket", "id": str(foreign_desk["ticket"])}, {"type": "project_task", "id": str(uuid4())}):
        with pytest.raises(NotFoundError) as caught:
            await assign(plan, user_id=str(foreign_desk["user"]), link=link)
        assert places(caught.value) == {("user_id", "NOT_FOUND"), ("link.id", "NOT_FOUND")}
    assert await plan.rows("schedule_entries") == []


async def test_another_tenants_schedule_does_not_count(plan, foreign_desk):
    """Each tenant has its own."""
    await make_technicians(foreign_desk)
    await assign(foreign_desk)
    await assign(plan)

    assert len(await plan.rows("schedule_entries")) == 1


@pytest.mark.parametrize("length", [timedelta(0), -HOUR])
async def test_a_window_that_ends_before_it_starts(plan, length):
    """The start is before the end."""
    with pytest.raises(ValidationError) as caught:
        await assign(plan, length=length)
    assert places(caught.value) == {("window", "RULE")}


async def test_a_shift_to_the_end_of_time(plan):
    """Somebody who is never free again is busy."""
    await busy(plan, TEN, datetime(9999, 12, 31, 23, tzinfo=UTC) - TEN)
    with pytest.raises(ConflictError):
        await assign(plan, length=2 * HOUR, conflict_mode="shift")
    assert len(await plan.rows("schedule_entries")) == 1
