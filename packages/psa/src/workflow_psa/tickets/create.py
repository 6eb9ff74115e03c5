"""
How ``tickets.create`` works: one statement looks everything up, one writes everything.

All that the input refers to is checked before anything is written, and every wrong reference is named at once. The
ticket's number is taken in the last statement, since whoever else creates a ticket waits for it until the commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import attrs

from workflow_core.actions import ActionContext
from workflow_core.errors import ConflictError, FieldError, NotFoundError, ValidationError
from workflow_psa.idempotency import claim
from workflow_psa.tickets.shapes import Assignee, Assignment, CreatedTicket, CreateTicket

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID = "tickets.create"

# A status is looked up by its id, or else the board's own comes first.
_LOOK_UP = """
SELECT client.client_id IS NOT NULL AS client_found,
       board.board_id IS NOT NULL AS board_found, board.is_inactive AS board_inactive,
       status.status_id, status.board_id AS status_board, status.status_type, status.is_closed AS status_closed,
       priority.item_type AS priority_type,
       contact.contact_name_id IS NOT NULL AS contact_found, contact.client_id AS contact_client,
       location.location_id IS NOT NULL AS location_found, location.client_id AS location_client,
       category.board_id AS category_board,
       subcategory.board_id AS subcategory_board, subcategory.parent_category AS subcategory_parent,
       assignee.id IS NOT NULL AS assignee_found, assignee.is_inactive AS assignee_inactive,
       assignee.assigned_to, assignee.assigned_team_id,
       ARRAY(SELECT u.user_id FROM users u WHERE u.tenant = $1 AND u.user_id = ANY ($12::uuid[])) AS users_found,
       ARRAY(SELECT u.user_id FROM users u
             WHERE u.tenant = $1 AND u.user_id = ANY ($12::uuid[]) AND u.is_inactive) AS users_inactive,
       (SELECT u.user_id FROM users u WHERE u.tenant = $1 AND u.user_id = $13) AS actor
FROM (SELECT) AS one
LEFT JOIN clients client ON client.tenant = $1 AND client.client_id = $2
LEFT JOIN boards board ON board.tenant = $1 AND board.board_id = $3
LEFT JOIN LATERAL (
    SELECT s.status_id, s.board_id, s.status_type, s.is_closed
    FROM statuses s
    WHERE s.tenant = $1
      AND (s.status_id = $4 OR ($4::uuid IS NULL AND s.board_id = $3 AND s.status_type = 'ticket'))
    ORDER BY s.is_default DESC, s.order_number
    LIMIT 1
) status ON true
LEFT JOIN priorities priority ON priority.tenant = $1 AND priority.priority_id = $5
LEFT JOIN contacts contact ON contact.tenant = $1 AND contact.contact_name_id = $6
LEFT JOIN client_locations location ON location.tenant = $1 AND location.location_id = $7
LEFT JOIN categories category ON category.tenant = $1 AND category.category_id = $8
LEFT JOIN categories subcategory ON subcategory.tenant = $1 AND subcategory.category_id = $9
LEFT JOIN LATERAL (
    SELECT u.user_id AS id, u.is_inactive, u.user_id AS assigned_to, NULL::uuid AS assigned_team_id
    FROM users u WHERE $10::text = 'user' AND u.tenant = $1 AND u.user_id = $11::uuid
    UNION ALL
    SELECT t.team_id, false, t.manager_id, t.team_id
    FROM teams t WHERE $10 = 'team' AND t.tenant = $1 AND t.team_id = $11
    UNION ALL
    SELECT b.board_id, b.is_inactive, b.default_assigned_to, b.default_assigned_team_id
    FROM boards b WHERE $10 = 'queue' AND b.tenant = $1 AND b.board_id = $11
) assignee ON true
"""

_INSERT_TICKET = """
INSERT INTO tickets (
    tenant, ticket_id, ticket_number, title, client_id, contact_name_id, location_id, board_id, status_id, priority_id,
    category_id, subcategory_id, entered_by, updated_by, assigned_to, assigned_team_id, entered_at, updated_at,
    is_closed, closed_at, closed_by, attributes, source, ticket_origin
) VALUES (
    $1, $2, generate_next_number($1, 'TICKET'), $3, $4, $5, $6, $7, $8, $9,
    $10, $11, $12, $12, $13, $14, now(), now(),
    $15, CASE WHEN $15 THEN now() END, CASE WHEN $15 THEN $12::uuid END, $16::jsonb, 'workflow', 'internal'
)
RETURNING ticket_id, ticket_number, url, entered_at, status_id, priority_id
"""

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
thread AS (
    INSERT INTO comment_threads (tenant, thread_id, ticket_id, root_comment_id, is_internal, created_by)
    SELECT $1, $19, $2, $20, $21, $12 WHERE $19::uuid IS NOT NULL
),
comment AS (
    INSERT INTO comments (
        tenant, comment_id, ticket_id, thread_id, user_id, author_type, note, markdown_content, is_internal
    )
    SELECT $1, $20, $2, $19, $12, 'internal', $22, $22, $21 WHERE $19::uuid IS NOT NULL
)
SELECT * FROM ticket
"""  # noqa: S608 - both parts stand above

_DEFINE_TAGS = """
INSERT INTO tag_definitions (tenant, tag_text, tagged_type)
SELECT $1, tag, 'ticket' FROM unnest($2::text[]) AS tag
ON CONFLICT (tenant, tag_text, tagged_type) DO NOTHING
"""

_FIRST_TICKET = """
SELECT ticket_id, ticket_number, url, entered_at, status_id, priority_id
FROM tickets WHERE tenant = $1 AND ticket_id = $2
"""


async def create_ticket(given: CreateTicket, ctx: ActionContext) -> CreatedTicket:
    """
    Creates a ticket with its tags, helpers and first comment.

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
    found = await _look_up(given, ctx)
    _refuse(list(_problems(given, found)))
    return await _write(given, found, ticket_id, ctx)


async def _first_ticket(ctx: ActionContext, ticket_id: UUID) -> CreatedTicket:
    row = await ctx.tx.fetchrow(_FIRST_TICKET, ctx.tenant, ticket_id)
    if row is None:
        raise ConflictError(
            "The ticket that this idempotency key made has been deleted; use another key for another ticket.",
            details={"ticket_id": str(ticket_id)},
        )
    ctx.log.info("the idempotency key has already made ticket %s", row["ticket_number"])
    return _created(row)


async def _look_up(given: CreateTicket, ctx: ActionContext) -> Record:
    assignment = given.assignment or Assignment()
    primary = assignment.primary
    row = await ctx.tx.fetchrow(
        _LOOK_UP,
        ctx.tenant,
        given.client_id,
        given.board_id,
        given.status_id,
        given.priority_id,
        given.contact_id,
        given.location_id,
        given.category_id,
        given.subcategory_id,
        primary.type if primary else None,
        primary.id if primary else None,
        assignment.additional_user_ids,
        ctx.actor,
    )
    assert row is not None  # noqa: S101 - it joins to one row that is always there
    return row


# ── What is wrong ────────────────────────────────────────────────────────────────────────────────────────────────


def _refuse(problems: list[FieldError]) -> None:
    if not problems:
        return
    message = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
    if any(problem.code == "NOT_FOUND" for problem in problems):
        raise NotFoundError(message, details={"errors": [attrs.asdict(problem) for problem in problems]})
    raise ValidationError(message, errors=problems)


def _problems(given: CreateTicket, found: Record) -> Iterator[FieldError]:
    yield from _client_problems(given, found)
    yield from _board_problems(given, found)
    yield from _category_problems(given, found)
    if given.assignment is not None:
        yield from _assignment_problems(given.assignment, found)


def _missing(path: str, what: str) -> FieldError:
    return FieldError(path, "NOT_FOUND", f"there is no such {what}")


def _client_problems(given: CreateTicket, found: Record) -> Iterator[FieldError]:
    if not found["client_found"]:
        yield _missing("client_id", "client")
    for path, what, value in (
        ("contact_id", "contact", given.contact_id),
        ("location_id", "location", given.location_id),
    ):
        if value is None:
            continue
        if not found[f"{what}_found"]:
            yield _missing(path, what)
        elif found["client_found"] and found[f"{what}_client"] != given.client_id:
            yield FieldError(path, "MISMATCH", f"this {what} belongs to another client")


def _board_problems(given: CreateTicket, found: Record) -> Iterator[FieldError]:
    if not found["board_found"]:
        yield _missing("board_id", "board")
    elif found["board_inactive"]:
        yield FieldError("board_id", "INACTIVE", "this board is inactive")
    if found["status_id"] is None:
        if given.status_id is not None:
            yield _missing("status_id", "status")
        elif found["board_found"]:
            yield FieldError("board_id", "RULE", "this board has no status for tickets: add one to it")
    elif found["status_type"] != "ticket":
        yield FieldError("status_id", "MISMATCH", "this is not a status for tickets")
    elif found["board_found"] and found["status_board"] != given.board_id:
        yield FieldError("status_id", "MISMATCH", "this status belongs to another board")
    if found["priority_type"] is None:
        yield _missing("priority_id", "priority")
    elif found["priority_type"] != "ticket":
        yield FieldError("priority_id", "MISMATCH", "this is not a priority for tickets")


def _category_problems(given: CreateTicket, found: Record) -> Iterator[FieldError]:
    if given.category_id is not None:
        if found["category_board"] is None:
            yield _missing("category_id", "category")
        elif found["board_found"] and found["category_board"] != given.board_id:
            yield FieldError("category_id", "MISMATCH", "this category belongs to another board")
    if given.subcategory_id is not None:
        if found["subcategory_board"] is None:
            yield _missing("subcategory_id", "category")
        elif given.category_id is None:
            yield FieldError("subcategory_id", "RULE", "give category_id, too: the category above it")
        elif found["category_board"] is not None and found["subcategory_parent"] != given.category_id:
            yield FieldError("subcategory_id", "MISMATCH", "this is not below the category of category_id")


_ASSIGNEES = {"user": "user", "team": "team", "queue": "board"}


def _assignment_problems(assignment: Assignment, found: Record) -> Iterator[FieldError]:
    path = "assignment.primary.id"
    match assignment.primary:
        case Assignee(type=kind) if not found["assignee_found"]:
            yield _missing(path, _ASSIGNEES[kind])
        case Assignee(type=kind) if found["assignee_inactive"]:
            yield FieldError(path, "INACTIVE", f"this {_ASSIGNEES[kind]} is inactive")
    for index, user_id in enumerate(assignment.additional_user_ids):
        here = f"assignment.additional_user_ids[{index}]"
        if user_id not in found["users_found"]:
            yield _missing(here, "user")
        elif user_id in found["users_inactive"]:
            yield FieldError(here, "INACTIVE", "this user is inactive")
    if assignment.additional_user_ids and found["assigned_to"] is None:
        yield FieldError(
            "assignment.additional_user_ids",
            "RULE",
            "additional users need a responsible one: assign a user, a team with a lead, or a queue with a user",
        )


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _write(given: CreateTicket, found: Record, ticket_id: UUID, ctx: ActionContext) -> CreatedTicket:
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
    tags = sorted(set(given.tags or ()))  # sorted: two runs that define the same tags must not wait crosswise
    helpers = _helpers(given.assignment, found["assigned_to"])
    comment = given.initial_comment
    if not (tags or helpers or comment):
        return _created(await ctx.tx.fetchrow(_INSERT_TICKET, *ticket))
    if tags:
        await ctx.tx.execute(_DEFINE_TAGS, ctx.tenant, tags)
    row = await ctx.tx.fetchrow(
        _INSERT_TICKET_AND_MORE,
        *ticket,
        helpers,
        tags,
        uuid4() if comment else None,
        uuid4() if comment else None,
        comment is not None and comment.visibility == "internal",
        comment.body if comment else None,
    )
    return _created(row)


def _attributes(given: CreateTicket) -> dict[str, Any]:
    attributes = dict(given.attributes or {})
    if given.description or "description" not in attributes:
        attributes["description"] = given.description or ""
    if given.custom_fields is not None:
        attributes["custom_fields"] = given.custom_fields
    return attributes


def _helpers(assignment: Assignment | None, assigned_to: UUID | None) -> list[UUID]:
    """The additional users, each once, without the one who is responsible anyway."""
    if assignment is None:
        return []
    return [user_id for user_id in dict.fromkeys(assignment.additional_user_ids) if user_id != assigned_to]


def _created(row: Record | None) -> CreatedTicket:
    assert row is not None  # noqa: S101 - an INSERT returns its row
    return CreatedTicket(
        ticket_id=row["ticket_id"],
        ticket_number=row["ticket_number"],
        url=row["url"],
        created_at=row["entered_at"],
        status_id=row["status_id"],
        priority_id=row["priority_id"],
    )
