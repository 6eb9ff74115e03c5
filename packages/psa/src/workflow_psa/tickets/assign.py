"""How ``tickets.assign`` works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError
from workflow_psa.problems import missing, refuse
from workflow_psa.tickets.change import change_ticket, helpers_of, known, lock_ticket
from workflow_psa.tickets.comments import NewComment, write_comment
from workflow_psa.tickets.events import emit_assigned, emit_comment_added
from workflow_psa.tickets.references import References, helpers, look_up, problems
from workflow_psa.tickets.shapes import AssignedTicket, Assignment, AssignTicket

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID = "tickets.assign"


async def assign_ticket(given: AssignTicket, ctx: ActionContext) -> AssignedTicket:
    """
    Gives a ticket to a user, a team or a queue, with its additional users, and comments on it.

    Raises:
        NotFoundError: The ticket or somebody does not exist for this tenant; ``details["errors"]`` has the path of
            everything that is wrong.
        ValidationError: Somebody is inactive, or nobody would be responsible.
    """
    assignment = Assignment(primary=given.assignment.primary, additional_user_ids=given.assignment.additional_user_ids)
    locked = await lock_ticket(ctx, given.ticket_id)
    references = References(assignment=assignment)
    found = await look_up(references, ctx)
    refuse(_problems(references, found, locked))
    before = known(locked)

    additional = helpers(assignment, found["assigned_to"])
    if given.no_op_if_already_assigned and await _is_assigned(ctx, before, found, additional):
        return _assigned(given, before)
    actor = found["actor"]
    values = {name: found[name] for name in ("assigned_to", "assigned_team_id")}
    after = await change_ticket(ctx, given.ticket_id, values, actor, helpers=additional)
    await emit_assigned(ctx, after, actor, after["updated_at"], before=before, reason=given.reason)
    if given.comment is not None:
        comment = NewComment(
            body=given.comment.body,
            visibility=given.comment.visibility,
            author=actor,
            metadata={"reason": given.reason},
        )
        await emit_comment_added(ctx, after, comment, await write_comment(ctx, given.ticket_id, comment))
    return _assigned(given, after)


def _problems(references: References, found: Record, ticket: Record | None) -> Iterator[FieldError]:
    if ticket is None:
        yield missing("ticket_id", "ticket")
    yield from problems(references, found)
    somebody = found["assigned_to"] is not None or found["assigned_team_id"] is not None
    if found["assignee_found"] and not found["assignee_inactive"] and not somebody:
        yield FieldError(
            "assignment.primary.id", "RULE", "this queue has nobody: give its board a default user or a default team"
        )


async def _is_assigned(ctx: ActionContext, ticket: Record, found: Record, additional: list[UUID]) -> bool:
    same = all(ticket[name] == found[name] for name in ("assigned_to", "assigned_team_id"))
    return same and await helpers_of(ctx, ticket["ticket_id"]) == set(additional)


def _assigned(given: AssignTicket, ticket: Record) -> AssignedTicket:
    primary = given.assignment.primary
    return AssignedTicket(
        ticket_id=ticket["ticket_id"],
        assigned_type=primary.type,
        assigned_id=primary.id,
        assigned_to=ticket["assigned_to"],
        updated_at=ticket["updated_at"],
    )
