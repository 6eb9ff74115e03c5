"""What a ticket refers to: one statement looks everything up, and every wrong reference is named at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

import attrs

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError
from workflow_psa.problems import missing
from workflow_psa.tickets.shapes import Assignee, Assignment

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

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


@attrs.frozen(kw_only=True)
class References:
    """What is to be looked up, and where it has to fit; None is nothing to check.

    Attributes:
        client_id: Whose ticket it is: contact and location have to be this client's.
        board_id: The ticket's board: status and category have to be of this board.
        status_id: Without one, the board's own is found.
        parent_category_id: What the subcategory has to be below.
    """

    client_id: UUID | None = None
    board_id: UUID | None = None
    status_id: UUID | None = None
    priority_id: UUID | None = None
    contact_id: UUID | None = None
    location_id: UUID | None = None
    category_id: UUID | None = None
    parent_category_id: UUID | None = None
    subcategory_id: UUID | None = None
    assignment: Assignment | None = None


async def look_up(references: References, ctx: ActionContext) -> Record:
    """One row that says of everything whether it is there and where it belongs; ``actor`` is the actor as a user."""
    assignment = references.assignment or Assignment()
    primary = assignment.primary
    row = await ctx.tx.fetchrow(
        _LOOK_UP,
        ctx.tenant,
        references.client_id,
        references.board_id,
        references.status_id,
        references.priority_id,
        references.contact_id,
        references.location_id,
        references.category_id,
        references.subcategory_id,
        primary.type if primary else None,
        primary.id if primary else None,
        assignment.additional_user_ids,
        ctx.actor,
    )
    assert row is not None  # noqa: S101 - it joins to one row that is always there
    return row


def problems(references: References, found: Record, prefix: str = "") -> Iterator[FieldError]:
    """What is wrong with the references, apart from client and board themselves; paths begin with the prefix."""
    for problem in _problems(references, found):
        yield attrs.evolve(problem, path=f"{prefix}{problem.path}")


def _problems(references: References, found: Record) -> Iterator[FieldError]:
    yield from _client_problems(references, found)
    yield from _status_problems(references, found)
    yield from _priority_problems(references, found)
    yield from _category_problems(references, found)
    if references.assignment is not None:
        yield from _assignment_problems(references.assignment, found)


def _client_problems(references: References, found: Record) -> Iterator[FieldError]:
    for path, what, value in (
        ("contact_id", "contact", references.contact_id),
        ("location_id", "location", references.location_id),
    ):
        if value is None:
            continue
        if not found[f"{what}_found"]:
            yield missing(path, what)
        elif found["client_found"] and found[f"{what}_client"] != references.client_id:
            yield FieldError(path, "MISMATCH", f"this {what} belongs to another client")


def _status_problems(references: References, found: Record) -> Iterator[FieldError]:
    if references.status_id is None:
        return
    if found["status_id"] is None:
        yield missing("status_id", "status")
    elif found["status_type"] != "ticket":
        yield FieldError("status_id", "MISMATCH", "this is not a status for tickets")
    elif found["board_found"] and found["status_board"] != references.board_id:
        yield FieldError("status_id", "MISMATCH", "this status belongs to another board")


def _priority_problems(references: References, found: Record) -> Iterator[FieldError]:
    if references.priority_id is None:
        return
    if found["priority_type"] is None:
        yield missing("priority_id", "priority")
    elif found["priority_type"] != "ticket":
        yield FieldError("priority_id", "MISMATCH", "this is not a priority for tickets")


def _category_problems(references: References, found: Record) -> Iterator[FieldError]:
    unknown_category = references.category_id is not None and found["category_board"] is None
    if unknown_category:
        yield missing("category_id", "category")
    elif references.category_id and found["board_found"] and found["category_board"] != references.board_id:
        yield FieldError("category_id", "MISMATCH", "this category belongs to another board")
    if references.subcategory_id is not None:
        if found["subcategory_board"] is None:
            yield missing("subcategory_id", "category")
        elif references.parent_category_id is None:
            yield FieldError("subcategory_id", "RULE", "give category_id, too: the category above it")
        elif not unknown_category and found["subcategory_parent"] != references.parent_category_id:
            yield FieldError("subcategory_id", "MISMATCH", "this is not below the category of category_id")


_ASSIGNEES = {"user": "user", "team": "team", "queue": "board"}


def _assignment_problems(assignment: Assignment, found: Record) -> Iterator[FieldError]:
    path = "assignment.primary.id"
    match assignment.primary:
        case Assignee(type=kind) if not found["assignee_found"]:
            yield missing(path, _ASSIGNEES[kind])
        case Assignee(type=kind) if found["assignee_inactive"]:
            yield FieldError(path, "INACTIVE", f"this {_ASSIGNEES[kind]} is inactive")
    for index, user_id in enumerate(assignment.additional_user_ids):
        here = f"assignment.additional_user_ids[{index}]"
        if user_id not in found["users_found"]:
            yield missing(here, "user")
        elif user_id in found["users_inactive"]:
            yield FieldError(here, "INACTIVE", "this user is inactive")
    if assignment.additional_user_ids and found["assigned_to"] is None:
        yield FieldError(
            "assignment.additional_user_ids",
            "RULE",
            "additional users need a responsible one: assign a user, a team with a lead, or a queue with a user",
        )


def helpers(assignment: Assignment | None, assigned_to: UUID | None) -> list[UUID]:
    """The additional users, each once, without the one who is responsible anyway."""
    if assignment is None:
        return []
    return [user_id for user_id in dict.fromkeys(assignment.additional_user_ids) if user_id != assigned_to]
