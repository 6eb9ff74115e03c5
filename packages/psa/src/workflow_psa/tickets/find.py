"""How ``tickets.find`` works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflow_core.actions import ActionContext
from workflow_core.errors import NotFoundError
from workflow_psa.tickets.shapes import CommentsMeta, FindTicket, FoundComment, FoundTicket, FoundTickets, Include

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID = "tickets.find"

_FIND = """
SELECT t.ticket_id, t.ticket_number, t.title, t.url, t.client_id, client.client_name, t.client_id AS company_id,
       t.contact_name_id, contact.full_name AS contact_name, t.location_id, t.board_id, board.board_name,
       t.status_id, status.name AS status_name, t.priority_id, priority.priority_name,
       t.category_id, category.category_name, t.subcategory_id, subcategory.category_name AS subcategory_name,
       t.assigned_to,
       coalesce(nullif(concat_ws(' ', assignee.first_name, assignee.last_name), ''), assignee.username)
           AS assigned_to_name,
       t.assigned_team_id, t.entered_at, t.updated_at, t.closed_at, t.due_date, t.is_closed,
       CASE WHEN $3 THEN coalesce(t.attributes, '{{}}') END AS attributes
FROM (
    SELECT * FROM tickets WHERE tenant = $1 AND {column} = $2
    ORDER BY is_closed, entered_at DESC NULLS LAST, ticket_id LIMIT 1
) t
LEFT JOIN clients client ON client.tenant = $1 AND client.client_id = t.client_id
LEFT JOIN contacts contact ON contact.tenant = $1 AND contact.contact_name_id = t.contact_name_id
LEFT JOIN boards board ON board.tenant = $1 AND board.board_id = t.board_id
LEFT JOIN statuses status ON status.tenant = $1 AND status.status_id = t.status_id
LEFT JOIN priorities priority ON priority.tenant = $1 AND priority.priority_id = t.priority_id
LEFT JOIN categories category ON category.tenant = $1 AND category.category_id = t.category_id
LEFT JOIN categories subcategory ON subcategory.tenant = $1 AND subcategory.category_id = t.subcategory_id
LEFT JOIN users assignee ON assignee.tenant = $1 AND assignee.user_id = t.assigned_to
"""

_COMMENTS = """
SELECT comment_id, note, is_internal, is_resolution, created_at, user_id, contact_id AS contact_name_id, author_type,
       count(*) OVER () AS total
FROM comments
WHERE tenant = $1 AND ticket_id = $2 AND deleted_at IS NULL AND publish_state = 'published'
ORDER BY created_at {order}, comment_id {order}
LIMIT $3
"""

# In the order in which they are used.
_NAMES = ("ticket_id", "ticket_number", "external_ref")


async def find_ticket(given: FindTicket, ctx: ActionContext) -> FoundTickets:
    """
    Finds a ticket by its id, its number or its external reference.

    Raises:
        NotFoundError: There is none, and ``on_not_found`` is ``error``.
    """
    include = given.include or Include()
    name = next(name for name in _NAMES if getattr(given, name) is not None)
    row = await ctx.tx.fetchrow(
        _FIND.format(column=name),
        ctx.tenant,
        getattr(given, name),
        include.attributes or include.custom_fields,
    )
    if row is None:
        if given.on_not_found == "error":
            raise NotFoundError(f"There is no ticket with this {name}.", details={"matched_by": name})
        return FoundTickets(ticket=None)
    ticket = FoundTicket(**row)
    if not include.comments:
        return FoundTickets(ticket=ticket)
    rows = await ctx.tx.fetch(
        _COMMENTS.format(order=include.comments_order), ctx.tenant, ticket.ticket_id, include.comments_limit
    )
    total = rows[0]["total"] if rows else 0
    return FoundTickets(
        ticket=ticket,
        comments=tuple(_comment(row) for row in rows),
        comments_meta=CommentsMeta(total_count=total, returned_count=len(rows), truncated=total > len(rows)),
    )


def _comment(row: Record) -> FoundComment:
    return FoundComment(**{name: value for name, value in row.items() if name != "total"})
