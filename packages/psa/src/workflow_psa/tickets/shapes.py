"""
What the ticket actions take and give.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from workflow_core.options import picker
from workflow_core.schema import AtLeastOne, Timestamp, Trimmed
from workflow_psa.rules import AnyField, ShortReference

Visibility = Literal["public", "internal"]
#: What stands in an index.
_Word = Annotated[Trimmed, msgspec.Meta(max_length=256)]


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
    id: Annotated[
        UUID,
        msgspec.Meta(
            description="The id of the user, the team or the board.",
            extra_json_schema=picker("tickets.assignees", kind="type"),
        ),
    ]


@attrs.frozen(kw_only=True)
class Assignment:
    """Who works on a ticket, and who else."""

    primary: Annotated[Assignee | None, msgspec.Meta(description="Who is responsible; empty for nobody.")] = None
    additional_user_ids: Annotated[
        tuple[UUID, ...],
        msgspec.Meta(
            description="Users who work on it too; needs a responsible user.", extra_json_schema=picker("tickets.users")
        ),
    ] = ()


@attrs.frozen(kw_only=True)
class RequiredAssignment:
    """Who works on a ticket from now on, and who else."""

    primary: Annotated[Assignee, msgspec.Meta(description="Who is responsible.")]
    additional_user_ids: Annotated[
        tuple[UUID, ...],
        msgspec.Meta(
            description="Users who work on it too; they replace those who did.",
            extra_json_schema=picker("tickets.users"),
        ),
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

    __rules__: ClassVar = (ShortReference(),)

    client_id: Annotated[
        UUID,
        msgspec.Meta(description="The client that the ticket is for.", extra_json_schema=picker("clients.clients")),
    ]
    title: Annotated[Trimmed, msgspec.Meta(description="One line that says what it is about.")]
    board_id: Annotated[
        UUID, msgspec.Meta(description="The board that it stands on.", extra_json_schema=picker("tickets.boards"))
    ]
    priority_id: Annotated[
        UUID, msgspec.Meta(description="Its priority.", extra_json_schema=picker("tickets.priorities"))
    ]
    description: Annotated[str | None, msgspec.Meta(description="What happened, at length.")] = ""
    contact_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="Who asked: a contact of the client.",
            extra_json_schema=picker("contacts.contacts", client_id="client_id"),
        ),
    ] = None
    location_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="Where: a location of the client.",
            extra_json_schema=picker("tickets.locations", client_id="client_id"),
        ),
    ] = None
    status_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="A status of the board; without one, the board's default, else its first.",
            extra_json_schema=picker("tickets.statuses", board_id="board_id"),
        ),
    ] = None
    assignment: Annotated[Assignment | None, msgspec.Meta(description="Who works on it.")] = None
    category_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="A category of the board.", extra_json_schema=picker("tickets.categories", board_id="board_id")
        ),
    ] = None
    subcategory_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="A category below the category.",
            extra_json_schema=picker("tickets.subcategories", category_id="category_id"),
        ),
    ] = None
    tags: Annotated[tuple[_Word, ...] | None, msgspec.Meta(description="Words to find it by.")] = None
    custom_fields: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="Values of the tenant's own fields, by name.")
    ] = None
    attributes: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(description="Further facts to keep with it, such as external_ref; by name."),
    ] = None
    initial_comment: Annotated[InitialComment | None, msgspec.Meta(description="A first comment.")] = None
    asset_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="The asset that it is about, such as the one of an alert: an asset of the client.",
            extra_json_schema=picker("assets.assets", client_id="client_id"),
        ),
    ] = None
    alert_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="The alert of remote monitoring that it is about: its alert_id. The alert then shows this "
            "ticket as its open one.",
            extra_json_schema=picker("tickets.alerts"),
        ),
    ] = None
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


@attrs.frozen(kw_only=True)
class AddComment:
    """Input of ``tickets.add_comment``."""

    ticket_id: Annotated[
        UUID, msgspec.Meta(description="The ticket to comment on.", extra_json_schema=picker("tickets.tickets"))
    ]
    body: Annotated[Trimmed, msgspec.Meta(description="The text of the comment; Markdown.")]
    visibility: Annotated[
        Visibility, msgspec.Meta(description="Whether the client sees it (public) or technicians only (internal).")
    ] = "public"
    idempotency_key: Annotated[
        Trimmed | None,
        msgspec.Meta(
            description="The same key never makes a second comment, not even from another run: the first one is the "
            "answer."
        ),
    ] = None


@attrs.frozen(kw_only=True)
class AddedComment:
    """Output of ``tickets.add_comment``."""

    comment_id: Annotated[UUID, msgspec.Meta(description="The comment.")]
    created_at: Annotated[Timestamp, msgspec.Meta(description="When it was written.")]
    visibility: Annotated[Visibility, msgspec.Meta(description="Whether the client sees it.")]


@attrs.frozen(kw_only=True)
class TicketPatch:
    """What to change; what is left out stays as it is."""

    __rules__: ClassVar = (AnyField(), ShortReference())

    status_id: Annotated[
        UUID | UnsetType,
        msgspec.Meta(
            description="Another status of the ticket's board.",
            extra_json_schema=picker("tickets.statuses", ticket_id="ticket_id"),
        ),
    ] = UNSET
    priority_id: Annotated[
        UUID | UnsetType, msgspec.Meta(description="Another priority.", extra_json_schema=picker("tickets.priorities"))
    ] = UNSET
    assignment: Annotated[
        Assignment | UnsetType,
        msgspec.Meta(description="Who works on it from now on; an empty primary takes it from everybody."),
    ] = UNSET
    title: Annotated[Trimmed | UnsetType, msgspec.Meta(description="Another title.")] = UNSET
    category_id: Annotated[
        UUID | UnsetType | None,
        msgspec.Meta(
            description="Another category of the board, without the former subcategory; null for none.",
            extra_json_schema=picker("tickets.categories", ticket_id="ticket_id"),
        ),
    ] = UNSET
    subcategory_id: Annotated[
        UUID | UnsetType | None,
        msgspec.Meta(
            description="A category below the category; null for none.",
            extra_json_schema=picker("tickets.subcategories", category_id="category_id"),
        ),
    ] = UNSET
    location_id: Annotated[
        UUID | UnsetType | None,
        msgspec.Meta(
            description="Another location of the client; null for none.",
            extra_json_schema=picker("tickets.locations", ticket_id="ticket_id"),
        ),
    ] = UNSET
    due_date: Annotated[
        Timestamp | UnsetType | None, msgspec.Meta(description="When it has to be done; null for no such date.")
    ] = UNSET
    tags: Annotated[
        tuple[_Word, ...] | UnsetType, msgspec.Meta(description="The tags that it has from now on, and no others.")
    ] = UNSET
    custom_fields: Annotated[
        dict[str, Any] | UnsetType,
        msgspec.Meta(description="Values of the tenant's own fields, in place of all that it has."),
    ] = UNSET
    attributes: Annotated[
        dict[str, Any] | UnsetType, msgspec.Meta(description="Further facts; those of other names stay.")
    ] = UNSET


@attrs.frozen(kw_only=True)
class UpdateFields:
    """Input of ``tickets.update_fields``."""

    ticket_id: Annotated[
        UUID, msgspec.Meta(description="The ticket to change.", extra_json_schema=picker("tickets.tickets"))
    ]
    patch: Annotated[TicketPatch, msgspec.Meta(description="What to change; at least one field.")]
    expected_updated_at: Annotated[
        Timestamp | None,
        msgspec.Meta(description="The ticket's updated_at as it was read: if it has changed since, nothing is done."),
    ] = None
    idempotency_key: Annotated[
        Trimmed | None,
        msgspec.Meta(
            description="The same key never changes a ticket a second time, not even from another run: the answer is "
            "the first one."
        ),
    ] = None


@attrs.frozen(kw_only=True)
class UpdatedTicket:
    """Output of ``tickets.update_fields``."""

    ticket_id: Annotated[UUID, msgspec.Meta(description="The ticket.")]
    updated_at: Annotated[Timestamp, msgspec.Meta(description="When it was last changed.")]
    status_id: Annotated[UUID | None, msgspec.Meta(description="Its status.")]
    priority_id: Annotated[UUID | None, msgspec.Meta(description="Its priority.")]
    tags: Annotated[tuple[str, ...] | None, msgspec.Meta(description="Its tags, sorted.")]


@attrs.frozen(kw_only=True)
class AssignmentComment:
    """What to say along with an assignment."""

    body: Annotated[Trimmed, msgspec.Meta(description="The text of the comment; Markdown.")]
    visibility: Annotated[
        Visibility, msgspec.Meta(description="Whether the client sees it (public) or technicians only (internal).")
    ] = "internal"


@attrs.frozen(kw_only=True)
class AssignTicket:
    """Input of ``tickets.assign``."""

    ticket_id: Annotated[
        UUID, msgspec.Meta(description="The ticket to assign.", extra_json_schema=picker("tickets.tickets"))
    ]
    assignment: Annotated[RequiredAssignment, msgspec.Meta(description="Who works on it from now on.")]
    reason: Annotated[
        str | None, msgspec.Meta(description="Why; it is kept with the comment and told in the event.")
    ] = None
    comment: Annotated[AssignmentComment | None, msgspec.Meta(description="A comment to add.")] = None
    no_op_if_already_assigned: Annotated[
        bool,
        msgspec.Meta(
            description="Whether to do nothing, and to add no comment, when the ticket is assigned like that."
        ),
    ] = True


@attrs.frozen(kw_only=True)
class AssignedTicket:
    """Output of ``tickets.assign``."""

    ticket_id: Annotated[UUID, msgspec.Meta(description="The ticket.")]
    assigned_type: Annotated[
        Literal["user", "team", "queue"], msgspec.Meta(description="What it was assigned to, as given.")
    ]
    assigned_id: Annotated[UUID, msgspec.Meta(description="The id of the user, the team or the board, as given.")]
    assigned_to: Annotated[UUID | None, msgspec.Meta(description="The user who is now responsible.")]
    updated_at: Annotated[Timestamp, msgspec.Meta(description="When the ticket was last changed.")]


@attrs.frozen(kw_only=True)
class Resolution:
    """How a ticket ends."""

    code: Annotated[Trimmed, msgspec.Meta(description="A word for it, such as fixed or duplicate.")]
    text: Annotated[Trimmed | None, msgspec.Meta(description="What was done, in a sentence.")] = None


@attrs.frozen(kw_only=True)
class RequesterEmail:
    """What an e-mail to the requester would say."""

    subject: Annotated[str | None, msgspec.Meta(description="Its subject.")] = None
    html: Annotated[str | None, msgspec.Meta(description="Its text as HTML.")] = None
    text: Annotated[str | None, msgspec.Meta(description="Its plain text.")] = None


@attrs.frozen(kw_only=True)
class CloseTicket:
    """Input of ``tickets.close``."""

    ticket_id: Annotated[
        UUID, msgspec.Meta(description="The ticket to close.", extra_json_schema=picker("tickets.tickets"))
    ]
    resolution: Annotated[Resolution, msgspec.Meta(description="How it ends.")]
    public_note: Annotated[str | None, msgspec.Meta(description="A last comment that the client sees.")] = None
    internal_note: Annotated[str | None, msgspec.Meta(description="A last comment for technicians only.")] = None
    notify_requester: Annotated[
        bool,
        msgspec.Meta(description="Has to be false: closing sends no e-mail. Add a step email.send after this one."),
    ] = False
    email: Annotated[
        RequesterEmail | None,
        msgspec.Meta(description="Of older definitions; without notify_requester it means nothing."),
    ] = None


@attrs.frozen(kw_only=True)
class ClosedTicket:
    """Output of ``tickets.close``."""

    ticket_id: Annotated[UUID, msgspec.Meta(description="The ticket.")]
    closed_at: Annotated[Timestamp, msgspec.Meta(description="When it was closed.")]
    resolution_code: Annotated[str, msgspec.Meta(description="The resolution's code, as given.")]
    final_status_id: Annotated[UUID, msgspec.Meta(description="The status that it now has.")]


LinkedEntity = Literal["project", "project_task", "asset", "contract"]


@attrs.frozen(kw_only=True)
class LinkEntities:
    """Input of ``tickets.link_entities``."""

    ticket_id: Annotated[
        UUID, msgspec.Meta(description="The ticket to link.", extra_json_schema=picker("tickets.tickets"))
    ]
    entity_type: Annotated[LinkedEntity, msgspec.Meta(description="What kind of record to link it to.")]
    entity_id: Annotated[
        UUID, msgspec.Meta(description="The record.", extra_json_schema=picker("tickets.linkable", kind="entity_type"))
    ]
    link_type: Annotated[_Word, msgspec.Meta(description="How they belong together, such as affected.")]
    metadata: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="Further facts to keep with a new link, by name.")
    ] = None


@attrs.frozen(kw_only=True)
class LinkedSummary:
    """What a ticket is linked to."""

    type: Annotated[LinkedEntity, msgspec.Meta(description="What kind of record it is.")]
    id: Annotated[UUID, msgspec.Meta(description="The record.")]
    name: Annotated[str | None, msgspec.Meta(description="Its name.")] = None
    url: Annotated[str | None, msgspec.Meta(description="Where to look at it, if that is known.")] = None


@attrs.frozen(kw_only=True)
class LinkedTicket:
    """Output of ``tickets.link_entities``."""

    link_id: Annotated[UUID, msgspec.Meta(description="The link.")]
    entity_type: Annotated[LinkedEntity, msgspec.Meta(description="What kind of record it leads to.")]
    entity_id: Annotated[UUID, msgspec.Meta(description="The record.")]
    link_type: Annotated[str, msgspec.Meta(description="How they belong together.")]
    linked_entity_summary: Annotated[LinkedSummary, msgspec.Meta(description="The record, in short.")]


@attrs.frozen(kw_only=True)
class Include:
    """What to give beside the ticket itself."""

    comments: Annotated[bool, msgspec.Meta(description="Whether to give its comments.")] = False
    attributes: Annotated[bool, msgspec.Meta(description="Whether to give its attributes and custom fields.")] = False
    custom_fields: Annotated[bool, msgspec.Meta(description="The same as attributes.")] = False
    comments_limit: Annotated[int, msgspec.Meta(ge=1, le=200, description="How many comments to give at most.")] = 50
    comments_order: Annotated[
        Literal["asc", "desc"], msgspec.Meta(description="The oldest comment first (asc), or the newest (desc).")
    ] = "asc"


@attrs.frozen(kw_only=True)
class FindTicket:
    """Input of ``tickets.find``: of several names for a ticket, the first in this order is used."""

    __rules__: ClassVar = (AtLeastOne("ticket_id", "ticket_number", "external_ref"),)

    ticket_id: Annotated[
        UUID | None, msgspec.Meta(description="The ticket itself.", extra_json_schema=picker("tickets.tickets"))
    ] = None
    ticket_number: Annotated[
        Trimmed | None, msgspec.Meta(description="The number that people use, such as TIC001000.")
    ] = None
    external_ref: Annotated[
        Trimmed | None,
        msgspec.Meta(
            description="Its attribute external_ref; of several tickets that have it, an open one goes before closed "
            "ones, then the newest."
        ),
    ] = None
    on_not_found: Annotated[
        Literal["return_null", "error"],
        msgspec.Meta(description="What to do when there is none: give an empty result, or fail the step."),
    ] = "return_null"
    include: Annotated[Include | None, msgspec.Meta(description="What to give beside the ticket itself.")] = None


@attrs.frozen(kw_only=True)
class FoundTicket:
    """One ticket, with the names of what it refers to."""

    ticket_id: Annotated[UUID, msgspec.Meta(description="The ticket.")]
    ticket_number: Annotated[str, msgspec.Meta(description="The number that people use.")]
    title: Annotated[str | None, msgspec.Meta(description="Its title.")]
    url: Annotated[str | None, msgspec.Meta(description="Where to look at it, if that is known.")]
    client_id: Annotated[UUID | None, msgspec.Meta(description="The client that it is for.")]
    client_name: Annotated[str | None, msgspec.Meta(description="That client's name.")]
    company_id: Annotated[UUID | None, msgspec.Meta(description="The client again, under its older name.")]
    contact_name_id: Annotated[UUID | None, msgspec.Meta(description="The contact who asked.")]
    contact_name: Annotated[str | None, msgspec.Meta(description="That contact's name.")]
    location_id: Annotated[UUID | None, msgspec.Meta(description="Where: a location of the client.")]
    board_id: Annotated[UUID | None, msgspec.Meta(description="The board that it stands on.")]
    board_name: Annotated[str | None, msgspec.Meta(description="That board's name.")]
    status_id: Annotated[UUID | None, msgspec.Meta(description="Its status.")]
    status_name: Annotated[str | None, msgspec.Meta(description="That status's name.")]
    priority_id: Annotated[UUID | None, msgspec.Meta(description="Its priority.")]
    priority_name: Annotated[str | None, msgspec.Meta(description="That priority's name.")]
    category_id: Annotated[UUID | None, msgspec.Meta(description="Its category.")]
    category_name: Annotated[str | None, msgspec.Meta(description="That category's name.")]
    subcategory_id: Annotated[UUID | None, msgspec.Meta(description="Its category below the category.")]
    subcategory_name: Annotated[str | None, msgspec.Meta(description="That category's name.")]
    assigned_to: Annotated[UUID | None, msgspec.Meta(description="The user who is responsible.")]
    assigned_to_name: Annotated[str | None, msgspec.Meta(description="That user's name.")]
    assigned_team_id: Annotated[UUID | None, msgspec.Meta(description="The team that is responsible.")]
    entered_at: Annotated[Timestamp | None, msgspec.Meta(description="When it was created.")]
    updated_at: Annotated[Timestamp | None, msgspec.Meta(description="When it was last changed.")]
    closed_at: Annotated[Timestamp | None, msgspec.Meta(description="When it was closed.")]
    due_date: Annotated[Timestamp | None, msgspec.Meta(description="When it has to be done.")]
    is_closed: Annotated[bool, msgspec.Meta(description="Whether it is closed.")]
    attributes: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(description="Its description, custom_fields and further facts, if they were asked for."),
    ] = None


@attrs.frozen(kw_only=True)
class FoundComment:
    """One comment on a ticket."""

    comment_id: Annotated[UUID, msgspec.Meta(description="The comment.")]
    note: Annotated[str, msgspec.Meta(description="Its text.")]
    is_internal: Annotated[bool, msgspec.Meta(description="Whether only technicians see it.")]
    is_resolution: Annotated[bool, msgspec.Meta(description="Whether it says how the ticket ended.")]
    created_at: Annotated[Timestamp, msgspec.Meta(description="When it was written.")]
    user_id: Annotated[UUID | None, msgspec.Meta(description="The user who wrote it.")]
    contact_name_id: Annotated[UUID | None, msgspec.Meta(description="The contact who wrote it.")]
    author_type: Annotated[str | None, msgspec.Meta(description="Such as internal or client.")]


@attrs.frozen(kw_only=True)
class CommentsMeta:
    """How many comments there are, and how many were given."""

    total_count: Annotated[int, msgspec.Meta(description="How many comments the ticket has.")]
    returned_count: Annotated[int, msgspec.Meta(description="How many of them are in the list.")]
    truncated: Annotated[bool, msgspec.Meta(description="Whether there are more than that.")]


@attrs.frozen(kw_only=True)
class FoundTickets:
    """Output of ``tickets.find``."""

    ticket: Annotated[FoundTicket | None, msgspec.Meta(description="The ticket, or null when there is none.")]
    comments: Annotated[
        tuple[FoundComment, ...] | None, msgspec.Meta(description="Its comments, if they were asked for.")
    ] = None
    comments_meta: Annotated[
        CommentsMeta | None, msgspec.Meta(description="How many comments there are, if they were asked for.")
    ] = None
