"""How ``projects.create_task`` works: one statement looks everything up; then the task, its link and its events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError
from workflow_core.events import emit
from workflow_psa.domain_events import origin
from workflow_psa.problems import missing, refuse
from workflow_psa.projects.events import TASK_ASSIGNED, TASK_CREATED, TaskAssigned, TaskCreated
from workflow_psa.projects.shapes import CreatedTask, CreateTask

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID: Final = "projects.create_task"

_LOOK_UP = """
SELECT project.project_id IS NOT NULL AS project_found,
       phase.phase_id, phase.project_id AS phase_project,
       status.project_status_mapping_id AS status_id, status.name AS status_name,
       $4::uuid IS NULL
           OR EXISTS (SELECT FROM project_status_mappings m
                      WHERE m.tenant = $1 AND m.project_status_mapping_id = $4)
           OR EXISTS (SELECT FROM statuses s
                      WHERE s.tenant = $1 AND s.status_id = $4 AND s.status_type = 'project_task') AS status_exists,
       priority.item_type AS priority_type,
       ticket.ticket_id IS NOT NULL AS ticket_found,
       assignee.id IS NOT NULL AS assignee_found, assignee.is_inactive AS assignee_inactive,
       assignee.assigned_to, assignee.assigned_team_id
FROM (SELECT) AS one
LEFT JOIN projects project ON project.tenant = $1 AND project.project_id = $2
LEFT JOIN LATERAL (
    SELECT p.phase_id, p.project_id
    FROM project_phases p
    WHERE p.tenant = $1 AND (p.phase_id = $3 OR ($3::uuid IS NULL AND p.project_id = $2))
    ORDER BY p.order_number, p.created_at, p.phase_id
    LIMIT 1
) phase ON true
LEFT JOIN LATERAL (
    SELECT m.project_status_mapping_id, coalesce(m.custom_name, s.name) AS name
    FROM project_status_mappings m
    LEFT JOIN statuses s ON s.tenant = $1 AND s.status_id = m.status_id
    WHERE m.tenant = $1 AND m.project_id = $2
      AND (($4::uuid IS NULL AND m.is_visible) OR m.project_status_mapping_id = $4 OR m.status_id = $4)
    ORDER BY m.project_status_mapping_id = $4 DESC, m.display_order, m.project_status_mapping_id
    LIMIT 1
) status ON true
LEFT JOIN priorities priority ON priority.tenant = $1 AND priority.priority_id = $5
LEFT JOIN tickets ticket ON ticket.tenant = $1 AND ticket.ticket_id = $6
LEFT JOIN LATERAL (
    SELECT u.user_id AS id, u.is_inactive, u.user_id AS assigned_to, NULL::uuid AS assigned_team_id
    FROM users u WHERE $7::text = 'user' AND u.tenant = $1 AND u.user_id = $8::uuid
    UNION ALL
    SELECT t.team_id, false, t.manager_id, t.team_id
    FROM teams t WHERE $7 = 'team' AND t.tenant = $1 AND t.team_id = $8
) assignee ON true
"""

# Two new tasks of one phase must not get the same code: the second waits for the first.
_LOCK_PHASE = "SELECT FROM project_phases WHERE tenant = $1 AND phase_id = $2 FOR NO KEY UPDATE"

_INSERT = """
INSERT INTO project_tasks (
    tenant, task_id, phase_id, task_name, description, assigned_to, assigned_team_id, project_status_mapping_id,
    priority_id, due_date, wbs_code
)
SELECT $1, $2, p.phase_id, $4, $5, $6, $7, $8, $9, $10, p.wbs_code || '.' || (
    SELECT 1 + coalesce(max(substring(t.wbs_code FROM '([0-9]{1,9})$')::bigint), 0)
    FROM project_tasks t WHERE t.tenant = $1 AND t.phase_id = $3
)
FROM project_phases p WHERE p.tenant = $1 AND p.phase_id = $3
RETURNING created_at
"""
_LINK_TICKET = """
INSERT INTO project_ticket_links (tenant, project_id, phase_id, task_id, ticket_id) VALUES ($1, $2, $3, $4, $5)
"""


async def create_task(given: CreateTask, ctx: ActionContext) -> CreatedTask:
    """
    Creates a task, links it to a ticket, and says so.

    Raises:
        NotFoundError: Something that it names does not exist for this tenant; ``details["errors"]`` has the path of
            everything that is wrong.
        ValidationError: What it names exists but does not go together, or is inactive.
    """
    found = await _look_up(given, ctx)
    refuse(_problems(given, found))
    task_id, phase_id = uuid4(), found["phase_id"]
    await ctx.tx.execute(_LOCK_PHASE, ctx.tenant, phase_id)
    created_at = await ctx.tx.fetchval(
        _INSERT,
        ctx.tenant,
        task_id,
        phase_id,
        given.title,
        given.description,
        found["assigned_to"],
        found["assigned_team_id"],
        found["status_id"],
        given.priority_id,
        given.due_date,
    )
    if given.link_ticket_id is not None:
        await ctx.tx.execute(_LINK_TICKET, ctx.tenant, given.project_id, phase_id, task_id, given.link_ticket_id)
    created = CreatedTask(
        task_id=task_id,
        url=f"/msp/projects/{given.project_id}?task={task_id}",
        status_id=found["status_id"],
        priority_id=given.priority_id,
        created_at=created_at,
    )
    await _tell(given, found, created, ctx)
    return created


async def _look_up(given: CreateTask, ctx: ActionContext) -> Record:
    row = await ctx.tx.fetchrow(
        _LOOK_UP,
        ctx.tenant,
        given.project_id,
        given.phase_id,
        given.status_id,
        given.priority_id,
        given.link_ticket_id,
        given.assignee.type if given.assignee else None,
        given.assignee.id if given.assignee else None,
    )
    assert row is not None  # noqa: S101 - it joins to one row that is always there
    return row


def _problems(given: CreateTask, found: Record) -> Iterator[FieldError]:
    if not found["project_found"]:
        yield missing("project_id", "project")
    yield from _phase_problems(given, found)
    if given.status_id is not None:
        if not found["status_exists"]:
            yield missing("status_id", "status for tasks")
        elif found["project_found"] and found["status_id"] is None:
            yield FieldError("status_id", "MISMATCH", "tasks of this project cannot have this status")
    if given.priority_id is not None:
        if found["priority_type"] is None:
            yield missing("priority_id", "priority")
        elif found["priority_type"] != "project_task":
            yield FieldError("priority_id", "MISMATCH", "this is not a priority for tasks of projects")
    if given.assignee is not None:
        if not found["assignee_found"]:
            yield missing("assignee.id", given.assignee.type)
        elif found["assignee_inactive"]:
            yield FieldError("assignee.id", "INACTIVE", "this user is inactive")
    if given.link_ticket_id is not None and not found["ticket_found"]:
        yield missing("link_ticket_id", "ticket")


def _phase_problems(given: CreateTask, found: Record) -> Iterator[FieldError]:
    if given.phase_id is None:
        if found["project_found"] and found["phase_id"] is None:
            yield FieldError("project_id", "NOT_FOUND", "this project has no phase: add one to it")
    elif found["phase_id"] is None:
        yield missing("phase_id", "phase")
    elif found["project_found"] and found["phase_project"] != given.project_id:
        yield FieldError("phase_id", "MISMATCH", "this phase belongs to another project")


async def _tell(given: CreateTask, found: Record, created: CreatedTask, ctx: ActionContext) -> None:
    project = str(given.project_id)
    payload = TaskCreated(
        **origin(ctx),
        taskId=created.task_id,
        projectId=given.project_id,
        phaseId=found["phase_id"],
        title=given.title,
        description=given.description,
        status=found["status_name"],
        dueDate=given.due_date,
        createdByUserId=ctx.actor,
        createdAt=created.created_at,
    )
    await emit(ctx, TASK_CREATED, payload, correlation_key=project)
    if given.assignee is not None:
        assigned = TaskAssigned(
            **origin(ctx),
            taskId=created.task_id,
            projectId=given.project_id,
            assignedToId=given.assignee.id,
            assignedToType=given.assignee.type,
            assignedByUserId=ctx.actor,
            assignedAt=created.created_at,
        )
        await emit(ctx, TASK_ASSIGNED, assigned, correlation_key=project)
