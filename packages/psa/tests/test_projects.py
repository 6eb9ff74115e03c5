"""``projects.create_task`` and ``projects.update_task``: what they write, what they refuse, and what they tell."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError


async def add_project(desk, prefix=""):
    """A project with two phases (the second one first in order), and three statuses, the first of them hidden."""
    project = await desk.add(
        "projects", "project_id", name=f"{prefix}project", project_name="Move", client_id=desk["client"]
    )
    for name, order, wbs in (("late_phase", 2, "1.2"), ("phase", 1, "1.1")):
        await desk.add(
            "project_phases",
            "phase_id",
            name=f"{prefix}{name}",
            project_id=project,
            phase_name=name,
            order_number=order,
            wbs_code=wbs,
        )
    for name, order, visible, custom in (
        ("hidden", 0, False, None),
        ("todo", 1, True, "To do"),
        ("doing", 2, True, None),
    ):
        await desk.add(
            "project_status_mappings",
            "project_status_mapping_id",
            name=f"{prefix}{name}",
            project_id=project,
            status_id=desk["task_status"] if name == "doing" else None,
            custom_name=custom,
            display_order=order,
            is_visible=visible,
        )
    await desk.add("tickets", "ticket_id", name=f"{prefix}ticket", ticket_number=f"{prefix}T1", title="Old server")


@pytest.fixture
async def project(desk):
    """Adds the records that a task refers to."""
    await add_project(desk)
    return desk


def places(error) -> set[tuple[str, str]]:
    return {(problem["path"], problem["code"]) for problem in error.details["errors"]}


async def create(desk, actor=None, **given):
    given = {"project_id": desk["project"], "title": "Pack the server"} | given
    return await desk.run(
        "projects.create_task",
        {name: str(value) if hasattr(value, "hex") else value for name, value in given.items()},
        actor=actor,
    )


# ── projects.create_task ─────────────────────────────────────────────────────────────────────────────────────────


async def test_minimal(project):
    """The project's first phase and its first visible status; nobody assigned; one event."""
    created = await create(project)

    (row,) = await project.rows("project_tasks")
    assert created.task_id == row["task_id"]
    assert created.url == f"/msp/projects/{project['project']}?task={row['task_id']}"
    assert (created.status_id, created.priority_id) == (project["todo"], None)
    assert created.created_at == row["created_at"]
    assert {
        "phase_id": project["phase"],
        "task_name": "Pack the server",
        "description": None,
        "assigned_to": None,
        "assigned_team_id": None,
        "project_status_mapping_id": project["todo"],
        "due_date": None,
        "wbs_code": "1.1.1",
    }.items() <= row.items()
    assert await project.rows("project_ticket_links") == []
    (event,) = await project.rows("workflow_runtime_events")
    assert (event["event_name"], event["payload_schema_ref"], event["correlation_key"]) == (
        "PROJECT_TASK_CREATED",
        "payload.ProjectTaskCreated.v1",
        str(project["project"]),
    )
    assert {
        "tenantId": str(project.tenant),
        "taskId": str(row["task_id"]),
        "projectId": str(project["project"]),
        "phaseId": str(project["phase"]),
        "title": "Pack the server",
        "status": "To do",
        "dueDate": None,
        "actorType": "SYSTEM",
        "createdByUserId": None,
    }.items() <= event["payload"].items()


async def test_everything(project):
    """Every input ends in its place; the status may be named by its own id; the assignment is an event of its own."""
    created = await create(
        project,
        actor=project["lead"],
        title="  Pack the server ",
        phase_id=project["late_phase"],
        description="In foam.",
        due_date="2026-03-09T16:00:00+01:00",
        status_id=project["task_status"],
        priority_id=project["task_priority"],
        assignee={"type": "team", "id": str(project["team"])},
        link_ticket_id=project["ticket"],
    )

    (row,) = await project.rows("project_tasks")
    assert {
        "phase_id": project["late_phase"],
        "task_name": "Pack the server",
        "description": "In foam.",
        "assigned_to": project["lead"],
        "assigned_team_id": project["team"],
        "project_status_mapping_id": project["doing"],
        "priority_id": project["task_priority"],
        "due_date": datetime(2026, 3, 9, 15, tzinfo=UTC),
        "wbs_code": "1.2.1",
    }.items() <= row.items()
    assert (created.status_id, created.priority_id) == (project["doing"], project["task_priority"])
    (link,) = await project.rows("project_ticket_links")
    assert {name: link[name] for name in ("project_id", "phase_id", "task_id", "ticket_id")} == {
        "project_id": project["project"],
        "phase_id": project["late_phase"],
        "task_id": created.task_id,
        "ticket_id": project["ticket"],
    }
    events = {event["event_name"]: event["payload"] for event in await project.rows("workflow_runtime_events")}
    assert set(events) == {"PROJECT_TASK_CREATED", "PROJECT_TASK_ASSIGNED"}
    assert events["PROJECT_TASK_CREATED"]["description"] == "In foam."
    assert events["PROJECT_TASK_CREATED"]["status"] == "task_status"
    assert {
        "taskId": str(created.task_id),
        "assignedToId": str(project["team"]),
        "assignedToType": "team",
        "assignedByUserId": str(project["lead"]),
        "actorUserId": str(project["lead"]),
        "actorType": "USER",
    }.items() <= events["PROJECT_TASK_ASSIGNED"].items()


async def test_codes_go_on_after_a_gap(project):
    """The next code follows the highest, also when tasks were deleted; and two at once never get the same."""
    await create(project)
    second = await create(project)
    await create(project)
    async with project.db.tenant(project.tenant) as conn:
        await conn.execute("DELETE FROM project_tasks WHERE task_id = $1", second.task_id)

    await asyncio.gather(*(create(project) for _ in range(4)))

    codes = [row["wbs_code"] for row in await project.rows("project_tasks", "wbs_code")]
    assert codes == ["1.1.1", "1.1.3", "1.1.4", "1.1.5", "1.1.6", "1.1.7"]


async def test_project_without_statuses(project):
    """A project whose board has no columns takes tasks without a status."""
    async with project.db.tenant(project.tenant) as conn:
        await conn.execute("DELETE FROM project_status_mappings")

    created = await create(project)

    assert created.status_id is None


async def test_unknown_project(project):
    """A project that does not exist is what a catch of stored workflows waits for."""
    with pytest.raises(NotFoundError) as caught:
        await create(project, project_id=uuid4())

    assert caught.value.code == "NOT_FOUND"
    assert places(caught.value) == {("project_id", "NOT_FOUND")}


async def test_all_that_is_missing_is_named_at_once(project, foreign_desk):
    """Another tenant's records do not exist; nothing is written, and nothing told."""
    await add_project(foreign_desk, "foreign_")
    given = {
        "project_id": foreign_desk["foreign_project"],
        "phase_id": foreign_desk["foreign_phase"],
        "status_id": foreign_desk["foreign_todo"],
        "priority_id": foreign_desk["task_priority"],
        "assignee": {"type": "user", "id": str(foreign_desk["user"])},
        "link_ticket_id": foreign_desk["foreign_ticket"],
    }
    with pytest.raises(NotFoundError) as caught:
        await create(project, **given)

    assert places(caught.value) == {
        (path, "NOT_FOUND")
        for path in ("project_id", "phase_id", "status_id", "priority_id", "assignee.id", "link_ticket_id")
    }
    assert await project.rows("project_tasks") == []
    assert await project.rows("workflow_runtime_events") == []


async def test_what_does_not_go_together(project):
    """Phase and status of another project, a ticket's priority, a user who has left."""
    await add_project(project, "other_")
    given = {
        "phase_id": project["other_phase"],
        "status_id": project["other_todo"],
        "priority_id": project["priority"],
        "assignee": {"type": "user", "id": str(project["gone"])},
    }
    with pytest.raises(ValidationError) as caught:
        await create(project, **given)

    assert places(caught.value) == {
        ("phase_id", "MISMATCH"),
        ("status_id", "MISMATCH"),
        ("priority_id", "MISMATCH"),
        ("assignee.id", "INACTIVE"),
    }


async def test_project_without_phases(project):
    """A task needs a phase."""
    bare = await project.add("projects", "project_id", project_name="Bare")
    with pytest.raises(NotFoundError, match="no phase"):
        await create(project, project_id=bare)


# ── projects.update_task ─────────────────────────────────────────────────────────────────────────────────────────


async def update(desk, task_id, patch, **given):
    return await desk.run("projects.update_task", {"task_id": str(task_id), "patch": patch, **given})


async def test_changes_are_written_and_told(project):
    """What is given and different; the event has what it was and what it is, under the names of a new task's."""
    created = await create(project, description="In foam.")

    updated = await update(project, created.task_id, {"task_name": " Pack both servers ", "description": "In foam."})

    (row,) = await project.rows("project_tasks")
    assert (row["task_name"], row["description"]) == ("Pack both servers", "In foam.")
    assert (updated.changed_fields, updated.no_op) == (("task_name",), False)
    assert updated.updated_at == row["updated_at"] == updated.task.updated_at > created.created_at
    assert (updated.task.task_name, updated.task.project_id) == ("Pack both servers", project["project"])
    assert updated.task.project_status_mapping_id == project["todo"]
    event = (await project.rows("workflow_runtime_events", "created_at"))[-1]
    assert event["event_name"] == "PROJECT_TASK_UPDATED"
    assert event["payload"]["updatedFields"] == ["title"]
    assert event["payload"]["changes"] == {"title": {"previous": "Pack the server", "new": "Pack both servers"}}


async def test_a_description_can_be_removed(project):
    """Null empties the description; left out, it stays."""
    created = await create(project, description="In foam.")

    await update(project, created.task_id, {"task_name": "Pack"})
    updated = await update(project, created.task_id, {"task_name": None, "description": None})

    assert (updated.task.task_name, updated.task.description) == ("Pack", None)
    assert updated.changed_fields == ("description",)


async def test_nothing_to_change(project):
    """What is like this already is neither written nor told."""
    created = await create(project)
    (before,) = await project.rows("project_tasks")

    updated = await update(project, created.task_id, {"task_name": "Pack the server", "description": None})

    assert (updated.changed_fields, updated.no_op, updated.updated_at) == ((), True, before["updated_at"])
    assert await project.rows("project_tasks") == [before]
    assert len(await project.rows("workflow_runtime_events")) == 1


@pytest.mark.parametrize("patch", [{}, {"task_name": None}])
async def test_an_empty_patch(project, patch):
    """A patch has something in it."""
    created = await create(project)
    with pytest.raises(ValidationError) as caught:
        await update(project, created.task_id, patch)
    assert places(caught.value) == {("patch", "RULE")}


async def test_the_task_is_where_it_is_said_to_be(project, foreign_desk):
    """A task of another project or phase is refused, and another tenant's does not exist."""
    await add_project(project, "other_")
    await add_project(foreign_desk)
    created = await create(project)
    foreign = await create(foreign_desk)

    with pytest.raises(ValidationError) as caught:
        await update(
            project,
            created.task_id,
            {"task_name": "x"},
            project_id=str(project["other_project"]),
            phase_id=str(project["late_phase"]),
        )
    assert places(caught.value) == {("project_id", "MISMATCH"), ("phase_id", "MISMATCH")}
    with pytest.raises(NotFoundError) as missing:
        await update(project, foreign.task_id, {"task_name": "x"}, project_id=str(foreign_desk["project"]))
    assert places(missing.value) == {("task_id", "NOT_FOUND"), ("project_id", "NOT_FOUND")}
    (row,) = await foreign_desk.rows("project_tasks")
    assert row["task_name"] == "Pack the server"
