"""What happens in the schedule."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.events import EventType
from workflow_core.schema import Timestamp
from workflow_psa.domain_events import DomainEvent

_AppointmentId = Annotated[UUID, msgspec.Meta(description="The entry of the schedule.")]
_TicketId = Annotated[UUID | None, msgspec.Meta(description="The ticket that it is about.")]
_AssigneeType = Literal["user"]


@attrs.frozen(kw_only=True)
class AppointmentCreated(DomainEvent):
    """Payload of ``APPOINTMENT_CREATED``."""

    appointmentId: _AppointmentId
    ticketId: _TicketId = None
    startAt: Annotated[Timestamp, msgspec.Meta(description="When it begins.")]
    endAt: Annotated[Timestamp, msgspec.Meta(description="When it ends.")]
    timezone: Annotated[str, msgspec.Meta(description="The time zone that it was planned in.")]
    assigneeId: Annotated[UUID, msgspec.Meta(description="Who is to come.")]
    assigneeType: Annotated[_AssigneeType, msgspec.Meta(description="What kind of assignee that is.")] = "user"
    createdByUserId: Annotated[UUID | None, msgspec.Meta(description="Who planned it.")] = None
    createdAt: Annotated[Timestamp, msgspec.Meta(description="When it was planned.")]


@attrs.frozen(kw_only=True)
class AppointmentAssigned(DomainEvent):
    """Payload of ``APPOINTMENT_ASSIGNED``."""

    appointmentId: _AppointmentId
    ticketId: _TicketId = None
    newAssigneeId: Annotated[UUID, msgspec.Meta(description="Who is to come.")]
    newAssigneeType: Annotated[_AssigneeType, msgspec.Meta(description="What kind of assignee that is.")] = "user"
    assignedAt: Annotated[Timestamp, msgspec.Meta(description="When they were assigned.")]


@attrs.frozen(kw_only=True)
class ScheduleEntryCreated(DomainEvent):
    """Payload of ``SCHEDULE_ENTRY_CREATED``."""

    entryId: Annotated[UUID, msgspec.Meta(description="The entry.")]
    userId: Annotated[UUID, msgspec.Meta(description="Whose schedule has got it.")]
    changes: Annotated[dict[str, Any], msgspec.Meta(description="What the entry says, by the names of its fields.")]


APPOINTMENT_CREATED: Final = EventType(
    name="APPOINTMENT_CREATED",
    label="Appointment created",
    description="Somebody's time was planned for a ticket or a task.",
    payload=AppointmentCreated,
    schema_ref="payload.AppointmentCreated.v1",
)
APPOINTMENT_ASSIGNED: Final = EventType(
    name="APPOINTMENT_ASSIGNED",
    label="Appointment assigned",
    description="An appointment was given to somebody.",
    payload=AppointmentAssigned,
    schema_ref="payload.AppointmentAssigned.v1",
)
SCHEDULE_ENTRY_CREATED: Final = EventType(
    name="SCHEDULE_ENTRY_CREATED",
    label="Schedule entry created",
    description="Somebody's schedule has got a new entry.",
    payload=ScheduleEntryCreated,
    schema_ref="payload.ScheduleEntryCreated.v1",
)


def scheduling_events() -> list[EventType]:
    """All of them."""
    return [APPOINTMENT_CREATED, APPOINTMENT_ASSIGNED, SCHEDULE_ENTRY_CREATED]
