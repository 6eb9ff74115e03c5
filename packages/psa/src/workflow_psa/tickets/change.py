"""A ticket that is there: reading it so that nobody else changes it meanwhile, and changing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_psa.problems import missing, refusal
from workflow_psa.tickets.events import EVENT_COLUMNS

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

_COLUMNS = (
    f"{EVENT_COLUMNS}, location_id, category_id, subcategory_id, due_date, is_closed, closed_at, closed_by, "
    "attributes, updated_at"
)
_LOCK = f"SELECT {_COLUMNS} FROM tickets WHERE tenant = $1 AND ticket_id = $2 FOR {{strength}}"  # noqa: S608 - ours
_ACTOR = "SELECT user_id FROM users WHERE tenant = $1 AND user_id = $2"
_UPDATE = """
UPDATE tickets SET {assignments}
FROM (SELECT clock_timestamp() AS now) AS moment
WHERE tenant = $1 AND ticket_id = $2
RETURNING {columns}
"""
_HELPERS = "SELECT additional_user_id FROM ticket_resources WHERE tenant = $1 AND ticket_id = $2"
_REMOVE_HELPERS = "DELETE FROM ticket_resources WHERE tenant = $1 AND ticket_id = $2"
_ADD_HELPERS = """
INSERT INTO ticket_resources (tenant, ticket_id, assigned_to, additional_user_id)
SELECT $1, $2, $3, helper FROM unnest($4::uuid[]) AS helper
"""

#: As the value of a column: the moment of the change itself.
NOW: Final = object()


async def lock_ticket(ctx: ActionContext, ticket_id: UUID) -> Record | None:
    """The ticket as it is when everybody who was changing it is done; it stays so until the transaction ends."""
    return await ctx.tx.fetchrow(_LOCK.format(strength="UPDATE"), ctx.tenant, ticket_id)


async def keep_ticket(ctx: ActionContext, ticket_id: UUID) -> Record | None:
    """The ticket, which may change but does not go away before the transaction ends."""
    return await ctx.tx.fetchrow(_LOCK.format(strength="KEY SHARE"), ctx.tenant, ticket_id)


def known(ticket: Record | None) -> Record:
    """
    The ticket of ``ticket_id``, if it is there.

    Raises:
        NotFoundError: It is not.
    """
    if ticket is None:
        raise refusal([missing("ticket_id", "ticket")])
    return ticket


async def acting_user(ctx: ActionContext) -> UUID | None:
    """The actor, if that is a user of the tenant."""
    if ctx.actor is None:
        return None
    user: UUID | None = await ctx.tx.fetchval(_ACTOR, ctx.tenant, ctx.actor)
    return user


async def helpers_of(ctx: ActionContext, ticket_id: UUID) -> set[UUID]:
    """Who works on a ticket besides the one who is responsible."""
    return {row["additional_user_id"] for row in await ctx.tx.fetch(_HELPERS, ctx.tenant, ticket_id)}


async def change_ticket(
    ctx: ActionContext,
    ticket_id: UUID,
    values: Mapping[str, Any],
    actor: UUID | None,
    *,
    helpers: Iterable[UUID] | None = None,
) -> Record:
    """
    Writes columns of a locked ticket; ``updated_at`` becomes the moment of the change.

    Args:
        ctx: The action's.
        ticket_id: The ticket.
        values: What to write, by column; :data:`NOW` is that moment.
        actor: Who does it, if that is a user.
        helpers: Who works on it too from now on; None leaves them as they are.

    Returns:
        The ticket as it is then, with the columns of :func:`lock_ticket`.
    """
    arguments: list[Any] = [ctx.tenant, ticket_id, actor]
    assignments = ["updated_by = $3", "updated_at = moment.now"]
    for column, value in values.items():
        if value is NOW:
            assignments.append(f"{column} = moment.now")
        else:
            arguments.append(value)
            assignments.append(f"{column} = ${len(arguments)}")
    if helpers is not None:
        await ctx.tx.execute(_REMOVE_HELPERS, ctx.tenant, ticket_id)
    sql = _UPDATE.format(assignments=", ".join(assignments), columns=_COLUMNS)
    row = await ctx.tx.fetchrow(sql, *arguments)
    assert row is not None  # noqa: S101 - it is locked
    added = list(helpers or ())
    if added:
        await ctx.tx.execute(_ADD_HELPERS, ctx.tenant, ticket_id, row["assigned_to"], added)
    return row
