"""Tasks for people: what ``human.task`` steps ask, who has taken it over, and what was answered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

import attrs

from workflow_core.audit import Change, record
from workflow_core.errors import ConflictError, NotFoundError
from workflow_core.execution import waits
from workflow_core.execution.step_waits import resolve_task
from workflow_core.storage.database import Connection, Database

if TYPE_CHECKING:
    from temporalio.client import Client

TaskStatus = Literal["OPEN", "COMPLETED", "CANCELED"]

_STATUS: Final = "CASE wait.status WHEN 'WAITING' THEN 'OPEN' WHEN 'RESOLVED' THEN 'COMPLETED' ELSE 'CANCELED' END"
_COLUMNS: Final = f"""
task.task_id, task.run_id, task.workflow_id, workflow.name AS workflow_name, wait.step_path, wait.iteration,
task.task_type, task.title, task.description, task.context_data, {_STATUS} AS status,
task.assigned_to, task.completed_by, task.response, task.created_at, wait.resolved_at AS ended_at
"""
_FROM: Final = """
FROM workflow_human_tasks AS task
JOIN workflow_run_waits AS wait ON wait.tenant = task.tenant AND wait.wait_id = task.task_id
LEFT JOIN workflow_definitions AS workflow ON workflow.tenant = task.tenant AND workflow.workflow_id = task.workflow_id
WHERE task.tenant = $1
"""


@attrs.frozen(kw_only=True)
class Task:
    """A task.

    Attributes:
        workflow_name: None: the workflow is deleted.
        status: ``OPEN`` as long as its run waits for it.
        assigned_to: The user who has taken it over, or was given it.
        response: What the one who completed it has answered.
    """

    task_id: UUID
    run_id: UUID
    workflow_id: UUID
    workflow_name: str | None
    step_path: str
    iteration: str
    task_type: str
    title: str
    description: str | None
    context_data: Any
    status: TaskStatus
    assigned_to: UUID | None
    completed_by: UUID | None
    response: dict[str, Any] | None
    created_at: datetime
    ended_at: datetime | None


async def list_tasks(
    conn: Connection,
    tenant: UUID,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
    status: TaskStatus | None = None,
    assigned_to: UUID | None = None,
    run_id: UUID | None = None,
) -> tuple[list[Task], bool]:
    """One page of tasks, the newest first, and whether there are more."""
    conditions, values = "", [tenant, limit + 1]
    for condition, value in ((_STATUS, status), ("task.assigned_to", assigned_to), ("task.run_id", run_id)):
        if value is not None:
            values.append(value)
            conditions += f" AND {condition} = ${len(values)}"
    if after is not None:
        values += [*after]
        at, task_id = f"${len(values) - 1}::timestamptz", f"${len(values)}::uuid"
        conditions += f" AND (task.created_at < {at} OR task.created_at = {at} AND task.task_id > {task_id})"
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} {_FROM} {conditions} ORDER BY task.created_at DESC, task.task_id LIMIT $2",
        *values,
    )
    return [Task(**row) for row in rows[:limit]], len(rows) > limit


async def read_task(conn: Connection, tenant: UUID, task_id: UUID, *, lock: bool = False) -> Task:
    """One task.

    Raises:
        NotFoundError: The tenant has no such task.
    """
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} {_FROM} AND task.task_id = $2 {'FOR UPDATE OF task' if lock else ''}",
        tenant,
        task_id,
    )
    if row is None:
        raise NotFoundError("There is no such task.")
    return Task(**row)


async def claim_task(conn: Connection, tenant: UUID, task_id: UUID, *, user: UUID) -> None:
    """Takes a task over, which nobody else has; taking one's own again changes nothing.

    Raises:
        NotFoundError: The tenant has no such task.
        ConflictError: ``TASK_ENDED``, ``TASK_CLAIMED``.
    """
    task = await _open(conn, tenant, task_id)
    if task.assigned_to not in (None, user):
        raise ConflictError(
            "Another user has this task: have it reassigned.",
            code="TASK_CLAIMED",
            details={"assignedTo": str(task.assigned_to)},
        )
    await _assign(conn, tenant, task, user)


async def reassign_task(conn: Connection, tenant: UUID, task_id: UUID, *, user: UUID, to: UUID | None) -> None:
    """Gives a task to a user of the tenant, or to nobody.

    Raises:
        NotFoundError: The tenant has no such task, or no such user.
        ConflictError: ``TASK_ENDED``.
    """
    task = await _open(conn, tenant, task_id)
    if to is not None and not await conn.fetchval(
        "SELECT EXISTS (SELECT FROM users WHERE tenant = $1 AND user_id = $2)", tenant, to
    ):
        raise NotFoundError("There is no such user.")
    await _assign(conn, tenant, task, to)
    change = {"assigned_to": {"old": _text(task.assigned_to), "new": _text(to)}}
    await record(conn, tenant, user, [_change("reassign", task, change)])


async def complete_task(
    database: Database, client: Client, tenant: UUID, task_id: UUID, *, user: UUID, response: dict[str, Any]
) -> None:
    """Completes a task with an answer; its run goes on at once.

    Raises:
        NotFoundError: The tenant has no such task.
        ConflictError: ``TASK_ENDED``.
    """
    async with database.tenant(tenant) as conn:
        task = await _open(conn, tenant, task_id)
        resolved = await resolve_task(conn, tenant, task_id, response)
        if not resolved:
            raise _ended()
        await conn.execute(
            "UPDATE workflow_human_tasks SET completed_by = $3, response = $4, updated_at = now() "
            "WHERE tenant = $1 AND task_id = $2",
            tenant,
            task_id,
            user,
            response,
        )
        await record(conn, tenant, user, [_change("complete", task, {})])
    await waits.signal(database, client, tenant, resolved)


async def _open(conn: Connection, tenant: UUID, task_id: UUID) -> Task:
    task = await read_task(conn, tenant, task_id, lock=True)
    if task.status != "OPEN":
        raise _ended()
    return task


def _ended() -> ConflictError:
    return ConflictError("The task has ended: somebody has completed it, or its run has ended.", code="TASK_ENDED")


async def _assign(conn: Connection, tenant: UUID, task: Task, to: UUID | None) -> None:
    await conn.execute(
        "UPDATE workflow_human_tasks SET assigned_to = $3, updated_at = now() WHERE tenant = $1 AND task_id = $2",
        tenant,
        task.task_id,
        to,
    )


def _change(operation: str, task: Task, changed: dict[str, Any]) -> Change:
    return Change(
        operation=operation,
        table_name="workflow_human_tasks",
        record_id=str(task.task_id),
        changed_data=changed,
        details={"runId": str(task.run_id), "title": task.title},
    )


def _text(user: UUID | None) -> str | None:
    return None if user is None else str(user)
