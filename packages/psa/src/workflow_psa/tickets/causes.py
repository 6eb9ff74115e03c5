"""
What a ticket is about: an asset, and an alert of remote monitoring.

An alert names the ticket that was last made for it, and as long as one is open, an open one: so whoever looks at the
alert sees that somebody is at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError
from workflow_psa.problems import missing
from workflow_psa.tickets.shapes import CreateTicket

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

# The alert is locked: of two tickets for it, made at the same time, the later one sees the other.
_LOOK_UP = """
SELECT asset.asset_id IS NOT NULL AS asset_found, asset.client_id AS asset_client,
       EXISTS (SELECT FROM rmm_alerts l WHERE l.tenant = $1 AND l.alert_id = $3 FOR UPDATE) AS alert_found
FROM (SELECT) AS one
LEFT JOIN assets asset ON asset.tenant = $1 AND asset.asset_id = $2
"""

_LINK = """
WITH associated AS (
    INSERT INTO asset_associations (tenant, asset_id, entity_id, entity_type, relationship_type, created_by)
    SELECT $1, $2, $4, 'ticket', 'affected', $5 WHERE $2::uuid IS NOT NULL
),
linked AS (
    INSERT INTO ticket_entity_links (tenant, ticket_id, entity_type, entity_id, link_type)
    SELECT $1, $4, 'rmm_alert', $3, 'caused_by' WHERE $3::uuid IS NOT NULL
)
UPDATE rmm_alerts SET ticket_id = $4, open_ticket_id = CASE WHEN $6 THEN open_ticket_id ELSE $4 END
WHERE tenant = $1 AND alert_id = $3
"""


async def cause_problems(given: CreateTicket, ctx: ActionContext) -> list[FieldError]:
    """What is wrong with the asset and the alert."""
    if given.asset_id is None and given.alert_id is None:
        return []
    found = await ctx.tx.fetchrow(_LOOK_UP, ctx.tenant, given.asset_id, given.alert_id)
    assert found is not None  # noqa: S101 - it joins to one row that is always there
    return list(_problems(given, found))


def _problems(given: CreateTicket, found: Record) -> Iterator[FieldError]:
    if given.asset_id is not None:
        if not found["asset_found"]:
            yield missing("asset_id", "asset")
        elif found["asset_client"] not in (None, given.client_id):
            yield FieldError("asset_id", "MISMATCH", "this asset belongs to another client")
    if given.alert_id is not None and not found["alert_found"]:
        yield missing("alert_id", "alert")


async def link_causes(
    given: CreateTicket, ctx: ActionContext, ticket_id: UUID, *, actor: UUID | None, is_closed: bool
) -> None:
    """Says what the ticket is about; of the alert it is the ticket from now on."""
    if given.asset_id is not None or given.alert_id is not None:
        await ctx.tx.execute(_LINK, ctx.tenant, given.asset_id, given.alert_id, ticket_id, actor, is_closed)
