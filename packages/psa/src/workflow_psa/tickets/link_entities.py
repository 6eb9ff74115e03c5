"""How ``tickets.link_entities`` works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError
from workflow_psa.problems import missing, refuse
from workflow_psa.tickets.change import keep_ticket
from workflow_psa.tickets.shapes import LinkedSummary, LinkedTicket, LinkEntities

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID = "tickets.link_entities"

# Of each kind, the statement that finds its name. Contracts are kept elsewhere.
_NAMES = {
    "project": "SELECT project_name AS name FROM projects WHERE tenant = $1 AND project_id = $2",
    "project_task": "SELECT task_name AS name FROM project_tasks WHERE tenant = $1 AND task_id = $2",
    "asset": "SELECT name FROM assets WHERE tenant = $1 AND asset_id = $2",
}

# The update changes nothing: it makes the link that is there come back.
_LINK = """
INSERT INTO ticket_entity_links AS l (tenant, ticket_id, entity_type, entity_id, link_type, metadata)
VALUES ($1, $2, $3, $4, $5, $6::jsonb)
ON CONFLICT (tenant, ticket_id, entity_type, entity_id, link_type) DO UPDATE SET metadata = l.metadata
RETURNING link_id
"""


async def link_entities(given: LinkEntities, ctx: ActionContext) -> LinkedTicket:
    """
    Links a ticket to another record; a link that is there already is the answer, as it is.

    Raises:
        NotFoundError: The ticket or the record does not exist for this tenant.
    """
    ticket = await keep_ticket(ctx, given.ticket_id)
    found = await _find(ctx, given)
    refuse(_problems(given, ticket, found))
    link_id: UUID = await ctx.tx.fetchval(
        _LINK, ctx.tenant, given.ticket_id, given.entity_type, given.entity_id, given.link_type, given.metadata
    )
    return LinkedTicket(
        link_id=link_id,
        entity_type=given.entity_type,
        entity_id=given.entity_id,
        link_type=given.link_type,
        linked_entity_summary=LinkedSummary(
            type=given.entity_type, id=given.entity_id, name=found["name"] if found else None
        ),
    )


async def _find(ctx: ActionContext, given: LinkEntities) -> Record | None:
    statement = _NAMES.get(given.entity_type)
    return None if statement is None else await ctx.tx.fetchrow(statement, ctx.tenant, given.entity_id)


def _problems(given: LinkEntities, ticket: Record | None, found: Record | None) -> Iterator[FieldError]:
    if ticket is None:
        yield missing("ticket_id", "ticket")
    if found is None:
        yield missing("entity_id", given.entity_type.replace("_", " "))
