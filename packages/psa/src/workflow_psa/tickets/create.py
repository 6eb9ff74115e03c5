"""
How ``tickets.create`` works: one statement looks everything up, one writes everything, one says that it happened.

All that the input refers to is checked before anything is written, and every wrong reference is named at once. The
ticket's number is taken as late as can be, since whoever else creates a ticket waits for it until the commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from workflow_core.actions import ActionContext
from workflow_core.errors import ConflictError, FieldError
from workflow_psa.idempotency import claim
from workflow_psa.problems import missing, refuse
from workflow_psa.tickets.causes import cause_problems, link_causes
from workflow_psa.tickets.comments import NO_COMMENT, NewComment, comment_parts
from workflow_psa.tickets.events import EVENT_COLUMNS, emit_created
from workflow_psa.tickets.references import References, helpers, look_up, problems
from workflow_psa.tickets.shapes import CreatedTicket, CreateTicket
from workflow_psa.tickets.tags import define_tags, distinct

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID = "tickets.create"

_INSERT_TICKET = f"""
INSERT INTO tickets (
    tenant, ticket_id, ticket_number, title, client_id, contact_name_id, location_id, board_id, status_id, priority_id,
    category_id, subcategory_id, entered_by, updated_by, assigned_to, assigned_team_id, entered_at, updated_at,
    is_closed, closed_at, closed_by, attributes, source, ticket_origin
) VALUES (
    $1, $2, generate_next_number($1, 'TICKET'), $3, $4, $5, $6, $7, $8, $9,
    $10, $11, $12, $12, $13, $14, now(), now(),
    $15, CASE WHEN $15 THEN now() END, CASE WHEN $15 THEN $12::uuid END, $16::jsonb, 'workflow', 'internal'
)
RETURNING {EVENT_COLUMNS}, url, entered_at
"""  # noqa: S608 - our columns

# Foreign keys are checked when the whole statement has ended.
_INSERT_TICKET_AND_MORE = f"""
WITH ticket AS ({_INSERT_TICKET}),
resource AS (
    INSERT INTO ticket_resources (tenant, ticket_id, assigned_to, additional_user_id)
    SELECT $1, $2, $13, helper FROM unnest($17::uuid[]) AS helper
),
tagged AS (
    INSERT INTO tag_mappings (tenant, tag_id, tagged_id, tagged_type, created_by)
    SELECT $1, d.tag_id, $2, 'ticket', $12
    FROM tag_definitions d WHERE d.tenant = $1 AND d.tagged_type = 'ticket' AND d.tag_text = ANY ($18::text[])
),
{comment_parts(19)}
SELECT * FROM ticket
"""  # noqa: S608 - the parts are ours

_FIRST_TICKET = """
SELECT ticket_id, ticket_number, url, entered_at, status_id, priority_id
FROM tickets WHERE tenant = $1 AND ticket_id = $2
"""


async def create_ticket(given: CreateTicket, ctx: ActionContext) -> CreatedTicket:
    """
    Creates a ticket with its tags, helpers, first comment, and what it is about.

    Raises:
        NotFoundError: Something that it names does not exist for this tenant; ``details["errors"]`` has the path of
            everything that is wrong.
        ValidationError: What it names exists but does not go together, or is inactive.
        ConflictError: The ticket that this idempotency key made has been deleted.
    """
    ticket_id = uuid4()
    if given.idempotency_key is not None:
        first = await claim(ctx.tx, ctx.tenant, ACTION_ID, given.idempotency_key, ticket_id)
        if first != ticket_id:
            return await _first_ticket(ctx, first)
    references = References(
        client_id=given.client_id,
        board_id=given.board_id,
        status_id=given.status_id,
        priority_id=given.priority_id,
        contact_id=given.contact_id,
        location_id=given.location_id,
        category_id=given.category_id,
        parent_category_id=given.category_id,
        subcategory_id=given.subcategory_id,
        assignment=given.assignment,
    )
    found = await look_up(references, ctx)
    causes = await cause_problems(given, ctx)
    refuse([*_place_problems(given, found), *problems(references, found), *causes])
    row = await _write(given, found, ticket_id, ctx)
    await link_causes(given, ctx, ticket_id, actor=found["actor"], is_closed=found["status_closed"])
    await emit_created(ctx, row, found["actor"], row["entered_at"])
    return _created(row)


async def _first_ticket(ctx: ActionContext, ticket_id: UUID) -> CreatedTicket:
    row = await ctx.tx.fetchrow(_FIRST_TICKET, ctx.tenant, ticket_id)
    if row is None:
        raise ConflictError(
            "The ticket that this idempotency key made has been deleted; use another key for another ticket.",
            details={"ticket_id": str(ticket_id)},
        )
    ctx.log.info("the idempotency key has already made ticket %s", row["ticket_number"])
    return _created(row)


def _place_problems(given: CreateTicket, found: Record) -> Iterator[FieldError]:
    """What is wrong with the client and the board, which only a new ticket chooses."""
    if not found["client_found"]:
        yield missing("client_id", "client")
    if not found["board_found"]:
        yield missing("board_id", "board")
    elif found["board_inactive"]:
        yield FieldError("board_id", "INACTIVE", "this board is inactive")
    if found["board_found"] and found["status_id"] is None and given.status_id is None:
        yield FieldError("board_id", "RULE", "this board has no status for tickets: add one to it")


async def _write(given: CreateTicket, found: Record, ticket_id: UUID, ctx: ActionContext) -> Record:
    ticket = (
        ctx.tenant,
        ticket_id,
        given.title,
        given.client_id,
        given.contact_id,
        given.location_id,
        given.board_id,
        found["status_id"],
        given.priority_id,
        given.category_id,
        given.subcategory_id,
        found["actor"],
        found["assigned_to"],
        found["assigned_team_id"],
        found["status_closed"],
        _attributes(given),
    )
    tags = distinct(given.tags)
    additional = helpers(given.assignment, found["assigned_to"])
    first = given.initial_comment
    if tags:
        await define_tags(ctx, tags)
    if tags or additional or first:
        comment = NewComment(body=first.body, visibility=first.visibility, author=found["actor"]) if first else None
        row = await ctx.tx.fetchrow(
            _INSERT_TICKET_AND_MORE, *ticket, additional, tags, *(comment.arguments(ctx) if comment else NO_COMMENT)
        )
    else:
        row = await ctx.tx.fetchrow(_INSERT_TICKET, *ticket)
    assert row is not None  # noqa: S101 - an INSERT returns its row
    return row


def _attributes(given: CreateTicket) -> dict[str, Any]:
    attributes = dict(given.attributes or {})
    if given.description or "description" not in attributes:
        attributes["description"] = given.description or ""
    if given.custom_fields is not None:
        attributes["custom_fields"] = given.custom_fields
    return attributes


def _created(row: Record) -> CreatedTicket:
    return CreatedTicket(
        ticket_id=row["ticket_id"],
        ticket_number=row["ticket_number"],
        url=row["url"],
        created_at=row["entered_at"],
        status_id=row["status_id"],
        priority_id=row["priority_id"],
    )
