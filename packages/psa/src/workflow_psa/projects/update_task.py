"""How ``projects.update_task`` works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs
import msgspec

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError
from workflow_core.events import emit
from workflow_psa.domain_events import Change, origin
from workflow_psa.problems import missing, refuse
from workflow_psa.projects.events import TASK_UPDATED, TaskUpdated
from workflow_psa.projects.shapes import Task, UpdatedTask, UpdateTask

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID: Final = "projects.update_task"

_READ = """
SELECT t.task_id, p.project_id, t.phase_id, t.task_name, t.description, t.assigned_to, m.status_id,
       t.project_status_mapping_id, t.wbs_code, t.order_key, t.updated_at
FROM project_tasks t
JOIN project_phases p ON p.tenant = $1 AND p.phase_id = t.phase_id
LEFT JOIN project_status_mappings m
    ON m.tenant = $1 AND m.project_status_mapping_id = t.project_status_mapping_id
WHERE t.tenant = $1 AND t.task_id = $2
FOR NO KEY UPDATE OF t
"""
_EXISTING = """
SELECT EXISTS (SELECT FROM projects WHERE tenant = $1 AND project_id = $2) AS project_id,
       EXISTS (SELECT FROM project_phases WHERE tenant = $1 AND phase_id = $3) AS phase_id
"""
_UPDATE = """
UPDATE project_tasks SET task_name = $3, description = $4, updated_at = now()
WHERE tenant = $1 AND task_id = $2
RETURNING updated_at
"""
#: The names of the columns in events, which call them as those of a new task do.
_TOLD_AS: Final = {"task_name": "title", "description": "description"}


async def update_task(given: UpdateTask, ctx: ActionContext) -> UpdatedTask:
    """
    Changes what is given and different, and says so.

    Raises:
        NotFoundError: The task, or the project or phase that it has to be in, does not exist for this tenant.
        ValidationError: The task is in another project or phase.
    """
    row = await ctx.tx.fetchrow(_READ, ctx.tenant, given.task_id)
    existing = await ctx.tx.fetchrow(_EXISTING, ctx.tenant, given.project_id, given.phase_id)
    refuse(_problems(given, row, existing))
    task = Task(**dict(row or {}))
    wanted: dict[str, Any] = {"task_name": given.patch.task_name or task.task_name}
    if given.patch.description is not msgspec.UNSET:
        wanted["description"] = given.patch.description
    patch = {name: value for name, value in wanted.items() if value != getattr(task, name)}
    if not patch:
        return UpdatedTask(task=task, changed_fields=(), no_op=True, updated_at=task.updated_at)
    changed: Task = attrs.evolve(task, **patch)
    updated_at = await ctx.tx.fetchval(_UPDATE, ctx.tenant, task.task_id, changed.task_name, changed.description)
    changed = attrs.evolve(changed, updated_at=updated_at)
    await _tell(task, changed, patch, ctx)
    return UpdatedTask(task=changed, changed_fields=tuple(patch), no_op=False, updated_at=updated_at)


def _problems(given: UpdateTask, row: Record | None, existing: Record | None) -> Iterator[FieldError]:
    if row is None:
        yield missing("task_id", "task")
    for path, what in (("project_id", "project"), ("phase_id", "phase")):
        wanted: UUID | None = getattr(given, path)
        if wanted is None:
            continue
        if existing is None or not existing[path]:
            yield missing(path, what)
        elif row is not None and row[path] != wanted:
            yield FieldError(path, "MISMATCH", f"the task is in another {what}")


async def _tell(before: Task, after: Task, patch: dict[str, Any], ctx: ActionContext) -> None:
    changes = {_TOLD_AS[name]: Change(getattr(before, name), getattr(after, name)) for name in patch}
    payload = TaskUpdated(
        **origin(ctx),
        taskId=after.task_id,
        projectId=after.project_id,
        updatedAt=after.updated_at,
        updatedFields=tuple(changes),
        changes=changes,
    )
    await emit(ctx, TASK_UPDATED, payload, correlation_key=str(after.project_id))
