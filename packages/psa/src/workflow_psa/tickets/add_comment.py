"""How ``tickets.add_comment`` works."""

from __future__ import annotations

from workflow_core.actions import ActionContext
from workflow_psa.idempotency import answer_once
from workflow_psa.tickets.change import acting_user, keep_ticket, known
from workflow_psa.tickets.comments import NewComment, write_comment
from workflow_psa.tickets.events import emit_comment_added
from workflow_psa.tickets.shapes import AddComment, AddedComment

ACTION_ID = "tickets.add_comment"


async def add_comment(given: AddComment, ctx: ActionContext) -> AddedComment:
    """
    Adds a comment to a ticket.

    Raises:
        NotFoundError: There is no such ticket.
    """
    return await answer_once(ctx, ACTION_ID, given.idempotency_key, AddedComment, lambda: _add(given, ctx))


async def _add(given: AddComment, ctx: ActionContext) -> AddedComment:
    ticket = known(await keep_ticket(ctx, given.ticket_id))
    comment = NewComment(body=given.body, visibility=given.visibility, author=await acting_user(ctx))
    created_at = await write_comment(ctx, given.ticket_id, comment)
    await emit_comment_added(ctx, ticket, comment, created_at)
    return AddedComment(comment_id=comment.comment_id, created_at=created_at, visibility=given.visibility)
