"""
What the project actions take and give.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.errors import FieldError
from workflow_core.options import picker
from workflow_core.schema import Timestamp, Trimmed


@attrs.frozen(kw_only=True)
class TaskAssignee:
    """Who works on a task."""

    type: Annotated[
        Literal["user", "team"], msgspec.Meta(description="A user, or a team (its lead becomes the assigned user).")
    ]
    id: Annotated[
        UUID,
        msgspec.Meta(
            description="The id of the user or the team.", extra_json_schema=picker("projects.assignees", kind="type")
        ),
    ]


@attrs.frozen(kw_only=True)
class CreateTask:
    """Input of ``projects.create_task``."""

    project_id: Annotated[
        UUID,
        msgspec.Meta(
            description="The project that the task belongs to.", extra_json_schema=picker("projects.projects")
        ),
    ]
    title: Annotated[Trimmed, msgspec.Meta(description="One line that says what is to be done.")]
    phase_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="A phase of the project; without one, its first.",
            extra_json_schema=picker("projects.phases", project_id="project_id"),
        ),
    ] = None
    description: Annotated[str | None, msgspec.Meta(description="What is to be done, at length.")] = None
    due_date: Annotated[Timestamp | None, msgspec.Meta(description="When it has to be done.")] = None
    status_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="A status that tasks of the project can have, by its id or its id in the project; without "
            "one, the project's first.",
            extra_json_schema=picker("projects.statuses", project_id="project_id"),
        ),
    ] = None
    priority_id: Annotated[
        UUID | None, msgspec.Meta(description="A priority for tasks.", extra_json_schema=picker("projects.priorities"))
    ] = None
    assignee: Annotated[TaskAssignee | None, msgspec.Meta(description="Who does it.")] = None
    link_ticket_id: Annotated[
        UUID | None,
        msgspec.Meta(description="A ticket that the task is about.", extra_json_schema=picker("tickets.tickets")),
    ] = None


@attrs.frozen(kw_only=True)
class CreatedTask:
    """Output of ``projects.create_task``."""

    task_id: Annotated[UUID, msgspec.Meta(description="The task.")]
    url: Annotated[str, msgspec.Meta(description="Where to look at it.")]
    status_id: Annotated[UUID | None, msgspec.Meta(description="Its status: the id that this has in the project.")]
    priority_id: Annotated[UUID | None, msgspec.Meta(description="Its priority.")]
    created_at: Annotated[Timestamp, msgspec.Meta(description="When it was created.")]


@attrs.frozen
class _Something:
    """A name is given, or a description: also null, which empties it."""

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """See :class:`workflow_core.schema.Rule`."""
        if values.get("task_name") is not None or "description" in values:
            return None
        return FieldError("", "RULE", "give at least one of task_name, description")

    def schema(self) -> dict[str, Any]:
        """See :class:`workflow_core.schema.Rule`."""
        return {
            "anyOf": [
                {"required": ["task_name"], "properties": {"task_name": {"not": {"type": "null"}}}},
                {"required": ["description"]},
            ]
        }


@attrs.frozen(kw_only=True)
class TaskPatch:
    """What is to change; a field that is left out stays as it is."""

    __rules__: ClassVar = (_Something(),)

    task_name: Annotated[Trimmed | None, msgspec.Meta(description="What is to be done, in one line.")] = None
    description: Annotated[
        str | msgspec.UnsetType | None,
        msgspec.Meta(description="What is to be done, at length; empty to remove it."),
    ] = msgspec.UNSET


@attrs.frozen(kw_only=True)
class UpdateTask:
    """Input of ``projects.update_task``."""

    task_id: Annotated[
        UUID, msgspec.Meta(description="The task.", extra_json_schema=picker("projects.tasks", project_id="project_id"))
    ]
    patch: Annotated[TaskPatch, msgspec.Meta(description="What is to change.")]
    project_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="The project that the task has to be in.", extra_json_schema=picker("projects.projects")
        ),
    ] = None
    phase_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="The phase that the task has to be in.",
            extra_json_schema=picker("projects.phases", project_id="project_id"),
        ),
    ] = None


@attrs.frozen(kw_only=True)
class Task:
    """A task of a project."""

    task_id: Annotated[UUID, msgspec.Meta(description="The task.")]
    project_id: Annotated[UUID, msgspec.Meta(description="Its project.")]
    phase_id: Annotated[UUID, msgspec.Meta(description="Its phase.")]
    task_name: Annotated[str, msgspec.Meta(description="What is to be done, in one line.")]
    description: Annotated[str | None, msgspec.Meta(description="What is to be done, at length.")]
    assigned_to: Annotated[UUID | None, msgspec.Meta(description="The user who does it.")]
    status_id: Annotated[UUID | None, msgspec.Meta(description="Its status.")]
    project_status_mapping_id: Annotated[UUID | None, msgspec.Meta(description="The id of the status in the project.")]
    wbs_code: Annotated[str, msgspec.Meta(description="Its place in the work breakdown, such as 1.2.3.")]
    order_key: Annotated[str | None, msgspec.Meta(description="Its place among the tasks of one status.")]
    updated_at: Annotated[Timestamp, msgspec.Meta(description="When it was last changed.")]


@attrs.frozen(kw_only=True)
class UpdatedTask:
    """Output of ``projects.update_task``."""

    task: Annotated[Task, msgspec.Meta(description="The task as it is now.")]
    changed_fields: Annotated[tuple[str, ...], msgspec.Meta(description="What has become different.")]
    no_op: Annotated[bool, msgspec.Meta(description="Whether all was like this already.")]
    updated_at: Annotated[Timestamp, msgspec.Meta(description="When the task was last changed.")]
