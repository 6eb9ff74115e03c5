"""
What the ticket actions take and give.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.schema import Timestamp, Trimmed

Visibility = Literal["public", "internal"]


@attrs.frozen(kw_only=True)
class Assignee:
    """Who works on a ticket."""

    type: Annotated[
        Literal["user", "team", "queue"],
        msgspec.Meta(
            description="A user, a team (its lead becomes the assigned user), or a queue: a board, whose default "
            "user or team it is."
        ),
    ]
    id: Annotated[UUID, msgspec.Meta(description="The id of the user, the team or the board.")]


@attrs.frozen(kw_only=True)
class Assignment:
    """Who works on a ticket, and who else."""

    primary: Annotated[Assignee | None, msgspec.Meta(description="Who is responsible; empty for nobody.")] = None
    additional_user_ids: Annotated[
        tuple[UUID, ...], msgspec.Meta(description="Users who work on it too; needs a responsible user.")
    ] = ()


@attrs.frozen(kw_only=True)
class InitialComment:
    """A ticket's first comment."""

    body: Annotated[Trimmed, msgspec.Meta(description="The text of the comment; Markdown.")]
    visibility: Annotated[
        Visibility, msgspec.Meta(description="Whether the client sees it (public) or technicians only (internal).")
    ] = "public"


@attrs.frozen(kw_only=True)
class CreateTicket:
    """Input of ``tickets.create``."""

    client_id: Annotated[UUID, msgspec.Meta(description="The client that the ticket is for.")]
    title: Annotated[Trimmed, msgspec.Meta(description="One line that says what it is about.")]
    board_id: Annotated[UUID, msgspec.Meta(description="The board that it stands on.")]
    priority_id: Annotated[UUID, msgspec.Meta(description="Its priority.")]
    description: Annotated[str | None, msgspec.Meta(description="What happened, at length.")] = ""
    contact_id: Annotated[UUID | None, msgspec.Meta(description="Who asked: a contact of the client.")] = None
    location_id: Annotated[UUID | None, msgspec.Meta(description="Where: a location of the client.")] = None
    status_id: Annotated[
        UUID | None,
        msgspec.Meta(description="A status of the board; without one, the board's default, else its first."),
    ] = None
    assignment: Annotated[Assignment | None, msgspec.Meta(description="Who works on it.")] = None
    category_id: Annotated[UUID | None, msgspec.Meta(description="A category of the board.")] = None
    subcategory_id: Annotated[UUID | None, msgspec.Meta(description="A category below the category.")] = None
    tags: Annotated[tuple[Trimmed, ...] | None, msgspec.Meta(description="Words to find it by.")] = None
    custom_fields: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="Values of the tenant's own fields, by name.")
    ] = None
    attributes: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(description="Further facts to keep with it, such as external_ref; by name."),
    ] = None
    initial_comment: Annotated[InitialComment | None, msgspec.Meta(description="A first comment.")] = None
    idempotency_key: Annotated[
        Trimmed | None,
        msgspec.Meta(
            description="The same key never makes a second ticket, not even from another run: the first one is the "
            "answer. Such as the uid of an alert."
        ),
    ] = None


@attrs.frozen(kw_only=True)
class CreatedTicket:
    """Output of ``tickets.create``."""

    ticket_id: Annotated[UUID, msgspec.Meta(description="The ticket.")]
    ticket_number: Annotated[str, msgspec.Meta(description="The number that people use, such as TIC001000.")]
    url: Annotated[str | None, msgspec.Meta(description="Where to look at it, if that is known.")]
    created_at: Annotated[Timestamp, msgspec.Meta(description="When it was created.")]
    status_id: Annotated[UUID, msgspec.Meta(description="Its status.")]
    priority_id: Annotated[UUID, msgspec.Meta(description="Its priority.")]
