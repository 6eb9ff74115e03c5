"""What happens to the tasks of projects."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.events import EventType
from workflow_core.schema import Timestamp
from workflow_psa.domain_events import Change, DomainEvent

_TaskId = Annotated[UUID, msgspec.Meta(description="The task.")]
_ProjectId = Annotated[UUID, msgspec.Meta(description="Its project.")]


@attrs.frozen(kw_only=True)
class TaskCreated(DomainEvent):
    """Payload of ``PROJECT_TASK_CREATED``."""

    taskId: _TaskId
    projectId: _ProjectId
    phaseId: Annotated[UUID, msgspec.Meta(description="Its phase.")]
    title: Annotated[str, msgspec.Meta(description="What is to be done, in one line.")]
    description: Annotated[str | None, msgspec.Meta(description="What is to be done, at length.")] = None
    status: Annotated[str | None, msgspec.Meta(description="The name of its status.")] = None
    dueDate: Annotated[Timestamp | None, msgspec.Meta(description="When it has to be done.")] = None
    createdByUserId: Annotated[UUID | None, msgspec.Meta(description="Who created it.")] = None
    createdAt: Annotated[Timestamp, msgspec.Meta(description="When it was created.")]


@attrs.frozen(kw_only=True)
class TaskUpdated(DomainEvent):
    """Payload of ``PROJECT_TASK_UPDATED``."""

    taskId: _TaskId
    projectId: _ProjectId
    updatedAt: Annotated[Timestamp, msgspec.Meta(description="When it was changed.")]
    updatedFields: Annotated[
        tuple[str, ...], msgspec.Meta(description="What was changed, such as title and description.")
    ]
    changes: Annotated[dict[str, Change], msgspec.Meta(description="What each of them was and is now, by its name.")]


@attrs.frozen(kw_only=True)
class TaskAssigned(DomainEvent):
    """Payload of ``PROJECT_TASK_ASSIGNED``."""

    taskId: _TaskId
    projectId: _ProjectId
    assignedToId: Annotated[UUID, msgspec.Meta(description="The user or the team.")]
    assignedToType: Annotated[Literal["user", "team"], msgspec.Meta(description="Which of them it is.")]
    assignedByUserId: Annotated[UUID | None, msgspec.Meta(description="Who assigned it.")] = None
    assignedAt: Annotated[Timestamp, msgspec.Meta(description="When it was assigned.")]


TASK_CREATED: Final = EventType(
    name="PROJECT_TASK_CREATED",
    label="Project task created",
    description="A project has got a new task.",
    payload=TaskCreated,
    schema_ref="payload.ProjectTaskCreated.v1",
)
TASK_UPDATED: Final = EventType(
    name="PROJECT_TASK_UPDATED",
    label="Project task updated",
    description="A task of a project was changed.",
    payload=TaskUpdated,
    schema_ref="payload.ProjectTaskUpdated.v1",
)
TASK_ASSIGNED: Final = EventType(
    name="PROJECT_TASK_ASSIGNED",
    label="Project task assigned",
    description="A task of a project was given to a user or a team.",
    payload=TaskAssigned,
    schema_ref="payload.ProjectTaskAssigned.v1",
)


def project_events() -> list[EventType]:
    """All of them."""
    return [TASK_CREATED, TASK_UPDATED, TASK_ASSIGNED]
