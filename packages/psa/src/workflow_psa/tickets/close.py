"""How ``tickets.close`` works."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import ConflictError, FieldError
from workflow_psa.problems import refusal
from workflow_psa.tickets.change import NOW, acting_user, change_ticket, known, lock_ticket
from workflow_psa.tickets.comments import NewComment, write_comment
from workflow_psa.tickets.events import emit_closed, emit_comment_added
from workflow_psa.tickets.shapes import ClosedTicket, CloseTicket, Visibility

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID = "tickets.close"

_STATUSES = """
SELECT (SELECT s.is_closed FROM statuses s WHERE s.tenant = $1 AND s.status_id = $2) AS is_closed,
       (SELECT s.status_id FROM statuses s
        WHERE s.tenant = $1 AND s.board_id = $3 AND s.status_type = 'ticket' AND s.is_closed
        ORDER BY s.is_default DESC, s.order_number LIMIT 1) AS closed_status
"""

_NO_EMAIL = FieldError(
    "notify_requester",
    "UNSUPPORTED",
    "closing a ticket sends no e-mail: set this to false, and add a step email.send after this one",
)
_NO_STATUS = FieldError("ticket_id", "RULE", "the ticket's board has no closed status: add one to it")


async def close_ticket(given: CloseTicket, ctx: ActionContext) -> ClosedTicket:
    """
    Closes a ticket with a resolution and last comments.

    It writes our own database only and cannot send an e-mail in the same breath: who wants one is told to use a step
    of its own, before anything is done.

    Raises:
        NotFoundError: There is no such ticket.
        ValidationError: An e-mail is wanted, or the ticket's board has no closed status.
        ConflictError: The ticket is closed already.
    """
    if given.notify_requester:
        raise refusal([_NO_EMAIL])
    ticket = known(await lock_ticket(ctx, given.ticket_id))
    final_status_id = await _final_status(ctx, ticket)
    actor = await acting_user(ctx)
    resolution = {"resolution_code": given.resolution.code, "resolution_text": given.resolution.text}
    closed = await change_ticket(
        ctx,
        given.ticket_id,
        {
            "status_id": final_status_id,
            "is_closed": True,
            "closed_at": NOW,
            "closed_by": actor,
            "attributes": (ticket["attributes"] or {}) | resolution,
        },
        actor,
    )
    await _note(ctx, closed, given.public_note, "public", actor)
    await _note(ctx, closed, given.internal_note, "internal", actor)
    await emit_closed(ctx, closed, actor, closed["closed_at"], reason=given.resolution.code)
    return ClosedTicket(
        ticket_id=given.ticket_id,
        closed_at=closed["closed_at"],
        resolution_code=given.resolution.code,
        final_status_id=final_status_id,
    )


async def _final_status(ctx: ActionContext, ticket: Record) -> UUID:
    """The status of a closed ticket of this board: its default, else its first."""
    statuses = await ctx.tx.fetchrow(_STATUSES, ctx.tenant, ticket["status_id"], ticket["board_id"])
    assert statuses is not None  # noqa: S101 - it selects from nothing
    if ticket["is_closed"] or ticket["closed_at"] is not None or statuses["is_closed"]:
        raise ConflictError(
            f"The ticket {ticket['ticket_number']} is closed already.", details={"ticket_id": str(ticket["ticket_id"])}
        )
    found: UUID | None = statuses["closed_status"]
    if found is None:
        raise refusal([_NO_STATUS])
    return found


async def _note(
    ctx: ActionContext, ticket: Record, text: str | None, visibility: Visibility, actor: UUID | None
) -> None:
    body = (text or "").strip()
    if not body:
        return
    comment = NewComment(
        body=body, visibility=visibility, author=actor, is_resolution=True, metadata={"closes_ticket": True}
    )
    await emit_comment_added(ctx, ticket, comment, await write_comment(ctx, ticket["ticket_id"], comment))
