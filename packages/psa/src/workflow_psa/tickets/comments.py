"""Comments on tickets: each begins a thread of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import attrs

from workflow_core.actions import ActionContext
from workflow_psa.tickets.shapes import Visibility


@attrs.frozen(kw_only=True)
class NewComment:
    """What a step says about a ticket.

    Attributes:
        author: The actor, if that is a user.
        metadata: More to remember of it, beside the step that it comes from.
    """

    body: str
    visibility: Visibility
    author: UUID | None
    is_resolution: bool = False
    metadata: dict[str, Any] = attrs.Factory(dict)
    comment_id: UUID = attrs.Factory(uuid4)

    def arguments(self, ctx: ActionContext) -> tuple[Any, ...]:
        """Those of :func:`comment_parts`, in their order."""
        step = {"source": "workflow", "run_id": ctx.run_id and str(ctx.run_id), "step_path": ctx.step_path}
        return (
            uuid4(),
            self.comment_id,
            self.visibility == "internal",
            self.is_resolution,
            self.body,
            self.author,
            step | self.metadata,
        )


#: In place of :meth:`NewComment.arguments`: nothing is written.
NO_COMMENT: tuple[Any, ...] = (None,) * 7


def comment_parts(first: int) -> str:
    """
    The parts ``thread`` and ``comment`` of a WITH, which write a comment.

    Args:
        first: The number of the first of seven arguments; $1 is the tenant, $2 the ticket.
    """
    thread, comment, internal, resolution, body, author, metadata = (f"${first + place}" for place in range(7))
    return f"""thread AS (
    INSERT INTO comment_threads (tenant, thread_id, ticket_id, root_comment_id, is_internal, created_by)
    SELECT $1, {thread}, $2, {comment}, {internal}, {author} WHERE {thread}::uuid IS NOT NULL
),
comment AS (
    INSERT INTO comments (
        tenant, comment_id, ticket_id, thread_id, user_id, author_type, note, markdown_content, is_internal,
        is_resolution, metadata
    )
    SELECT $1, {comment}, $2, {thread}, {author}, 'internal', {body}, {body}, {internal},
           {resolution}, {metadata}::jsonb
    WHERE {thread}::uuid IS NOT NULL
    RETURNING created_at
)"""


_INSERT = f"WITH {comment_parts(3)} SELECT created_at FROM comment"  # noqa: S608 - the parts stand above


async def write_comment(ctx: ActionContext, ticket_id: UUID, comment: NewComment) -> datetime:
    """Writes a comment on a ticket that is there; answers when."""
    written: datetime = await ctx.tx.fetchval(_INSERT, ctx.tenant, ticket_id, *comment.arguments(ctx))
    return written
