"""What happens to tickets, for workflows that wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.actions import ActionContext
from workflow_core.events import EventType, emit
from workflow_core.schema import Timestamp
from workflow_psa.domain_events import Change, DomainEvent, origin
from workflow_psa.tickets.comments import NewComment
from workflow_psa.tickets.shapes import Visibility

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

AssigneeKind = Literal["user", "team"]


@attrs.frozen(kw_only=True)
class TicketEvent(DomainEvent):
    """The ticket as it is after the event; all but its id may be missing in events of other programs."""

    ticketId: Annotated[UUID, msgspec.Meta(description="The ticket.")]
    ticketNumber: Annotated[str | None, msgspec.Meta(description="Its number.")] = None
    title: Annotated[str | None, msgspec.Meta(description="Its title.")] = None
    clientId: Annotated[UUID | None, msgspec.Meta(description="The client that it is for.")] = None
    contactId: Annotated[UUID | None, msgspec.Meta(description="The contact who asked.")] = None
    boardId: Annotated[UUID | None, msgspec.Meta(description="The board that it stands on.")] = None
    statusId: Annotated[UUID | None, msgspec.Meta(description="Its status.")] = None
    priorityId: Annotated[UUID | None, msgspec.Meta(description="Its priority.")] = None
    assignedToUserId: Annotated[UUID | None, msgspec.Meta(description="The user who is responsible.")] = None
    assignedTeamId: Annotated[UUID | None, msgspec.Meta(description="The team that is responsible.")] = None


@attrs.frozen(kw_only=True)
class TicketCreated(TicketEvent):
    """Payload of ``TICKET_CREATED``."""

    createdByUserId: Annotated[UUID | None, msgspec.Meta(description="Who created it.")] = None
    createdAt: Annotated[Timestamp | None, msgspec.Meta(description="When it was created.")] = None


@attrs.frozen(kw_only=True)
class TicketUpdated(TicketEvent):
    """Payload of ``TICKET_UPDATED``."""

    updatedByUserId: Annotated[UUID | None, msgspec.Meta(description="Who changed it.")] = None
    updatedFields: Annotated[tuple[str, ...], msgspec.Meta(description="The names of the fields that changed.")] = ()
    changes: Annotated[dict[str, Change] | None, msgspec.Meta(description="What changed, by the field's name.")] = None


@attrs.frozen(kw_only=True)
class TicketAssigned(TicketEvent):
    """Payload of ``TICKET_ASSIGNED``."""

    assignedByUserId: Annotated[UUID | None, msgspec.Meta(description="Who assigned it.")] = None
    previousAssigneeId: Annotated[
        UUID | None, msgspec.Meta(description="The team or user who was responsible before.")
    ] = None
    previousAssigneeType: Annotated[AssigneeKind | None, msgspec.Meta(description="Which of the two.")] = None
    newAssigneeId: Annotated[UUID | None, msgspec.Meta(description="The team or user who is responsible now.")] = None
    newAssigneeType: Annotated[AssigneeKind | None, msgspec.Meta(description="Which of the two.")] = None
    assignedAt: Annotated[Timestamp | None, msgspec.Meta(description="When it was assigned.")] = None
    reason: Annotated[str | None, msgspec.Meta(description="Why, if the step says so.")] = None


@attrs.frozen(kw_only=True)
class TicketClosed(TicketEvent):
    """Payload of ``TICKET_CLOSED``."""

    closedByUserId: Annotated[UUID | None, msgspec.Meta(description="Who closed it.")] = None
    closedAt: Annotated[Timestamp | None, msgspec.Meta(description="When it was closed.")] = None
    reason: Annotated[str | None, msgspec.Meta(description="The resolution's code.")] = None


@attrs.frozen(kw_only=True)
class TicketCommentAdded(TicketEvent):
    """Payload of ``TICKET_COMMENT_ADDED``."""

    commentId: Annotated[UUID | None, msgspec.Meta(description="The comment.")] = None
    visibility: Annotated[Visibility | None, msgspec.Meta(description="Whether the client sees it.")] = None
    authorId: Annotated[UUID | None, msgspec.Meta(description="Who wrote it.")] = None
    authorType: Annotated[
        Literal["user", "contact"] | None, msgspec.Meta(description="What kind of author that is.")
    ] = None
    createdAt: Annotated[Timestamp | None, msgspec.Meta(description="When it was written.")] = None


CREATED = EventType(
    name="TICKET_CREATED",
    label="Ticket created",
    description="A ticket has been created.",
    payload=TicketCreated,
    schema_ref="payload.TicketCreated.v1",
)
UPDATED = EventType(
    name="TICKET_UPDATED",
    label="Ticket updated",
    description="Fields of a ticket have changed.",
    payload=TicketUpdated,
    schema_ref="payload.TicketUpdated.v1",
)
ASSIGNED = EventType(
    name="TICKET_ASSIGNED",
    label="Ticket assigned",
    description="A ticket has been given to a user or a team, when it was created or later.",
    payload=TicketAssigned,
    schema_ref="payload.TicketAssigned.v1",
)
CLOSED = EventType(
    name="TICKET_CLOSED",
    label="Ticket closed",
    description="A ticket has been closed.",
    payload=TicketClosed,
    schema_ref="payload.TicketClosed.v1",
)
COMMENT_ADDED = EventType(
    name="TICKET_COMMENT_ADDED",
    label="Comment added to ticket",
    description="Somebody has commented on a ticket that was already there.",
    payload=TicketCommentAdded,
    schema_ref="payload.TicketCommentAdded.v1",
)


def ticket_events() -> list[EventType]:
    """All of them."""
    return [CREATED, UPDATED, ASSIGNED, CLOSED, COMMENT_ADDED]


#: What a statement has to return for the events of a ticket.
EVENT_COLUMNS = (
    "ticket_id, ticket_number, title, client_id, contact_name_id, board_id, status_id, priority_id, assigned_to, "
    "assigned_team_id"
)


async def emit_created(ctx: ActionContext, ticket: Record, actor: UUID | None, at: datetime) -> None:
    """A ticket is new; also that it is assigned, if it is."""
    payload = TicketCreated(**_ticket(ctx, ticket, at), createdByUserId=actor, createdAt=at)
    await _emit(ctx, CREATED, payload)
    await emit_assigned(ctx, ticket, actor, at)


async def emit_updated(
    ctx: ActionContext, ticket: Record, actor: UUID | None, at: datetime, changes: Mapping[str, Change]
) -> None:
    """Fields of a ticket have changed."""
    payload = TicketUpdated(
        **_ticket(ctx, ticket, at), updatedByUserId=actor, updatedFields=tuple(changes), changes=dict(changes)
    )
    await _emit(ctx, UPDATED, payload)


async def emit_assigned(
    ctx: ActionContext,
    ticket: Record,
    actor: UUID | None,
    at: datetime,
    *,
    before: Record | None = None,
    reason: str | None = None,
) -> None:
    """A ticket has been given to somebody; when nobody is responsible for it, that is no such event.

    Args:
        ctx: The action's.
        ticket: As it is now.
        actor: Who did it.
        at: When.
        before: The ticket as it was; None for a new one.
        reason: Why, if the step says so.
    """
    previous_id, previous_type = _assignee(before)
    new_id, new_type = _assignee(ticket)
    if new_id is None:
        return
    payload = TicketAssigned(
        **_ticket(ctx, ticket, at),
        assignedByUserId=actor,
        previousAssigneeId=previous_id,
        previousAssigneeType=previous_type,
        newAssigneeId=new_id,
        newAssigneeType=new_type,
        assignedAt=at,
        reason=reason,
    )
    await _emit(ctx, ASSIGNED, payload)


async def emit_closed(
    ctx: ActionContext, ticket: Record, actor: UUID | None, at: datetime, reason: str | None = None
) -> None:
    """A ticket is closed that was open."""
    payload = TicketClosed(**_ticket(ctx, ticket, at), closedByUserId=actor, closedAt=at, reason=reason)
    await _emit(ctx, CLOSED, payload)


async def emit_comment_added(ctx: ActionContext, ticket: Record, comment: NewComment, at: datetime) -> None:
    """There is one more comment."""
    payload = TicketCommentAdded(
        **_ticket(ctx, ticket, at),
        commentId=comment.comment_id,
        visibility=comment.visibility,
        authorId=comment.author,
        authorType=None if comment.author is None else "user",
        createdAt=at,
    )
    await _emit(ctx, COMMENT_ADDED, payload)


def _assignee(ticket: Record | None) -> tuple[UUID | None, AssigneeKind | None]:
    if ticket is not None and ticket["assigned_team_id"] is not None:
        return ticket["assigned_team_id"], "team"
    if ticket is not None and ticket["assigned_to"] is not None:
        return ticket["assigned_to"], "user"
    return None, None


def _ticket(ctx: ActionContext, ticket: Record, at: datetime) -> dict[str, Any]:
    return origin(ctx, at) | {
        "ticketId": ticket["ticket_id"],
        "ticketNumber": ticket["ticket_number"],
        "title": ticket["title"],
        "clientId": ticket["client_id"],
        "contactId": ticket["contact_name_id"],
        "boardId": ticket["board_id"],
        "statusId": ticket["status_id"],
        "priorityId": ticket["priority_id"],
        "assignedToUserId": ticket["assigned_to"],
        "assignedTeamId": ticket["assigned_team_id"],
    }


async def _emit(ctx: ActionContext, event: EventType, payload: TicketEvent) -> None:
    await emit(ctx, event, payload, correlation_key=str(payload.ticketId))
