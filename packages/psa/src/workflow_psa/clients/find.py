"""How ``clients.find`` works."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import NotFoundError
from workflow_psa.clients.shapes import FindClient, FoundClient, FoundClientAnswer
from workflow_psa.contacts.find import contact_of_id, first_contact_of
from workflow_psa.contacts.shapes import FoundContact

COLUMNS: Final = "client_id, client_name, client_type, url, billing_email, is_inactive, properties, updated_at"

_FIND = """
SELECT {columns}, count(*) OVER () AS matched_count FROM clients c
WHERE c.tenant = $1 AND {condition}
ORDER BY is_inactive, created_at, client_id
LIMIT 1
"""

# In the order in which they are used. Numbers are written in many ways: their digits are compared, if there are any.
_CONDITIONS: Final = {
    "client_id": "c.client_id = $2",
    "name": "c.client_name_lower = lower($2)",
    "external_ref": "c.properties ->> 'external_ref' = $2",
    "phone": r"""EXISTS (
        SELECT FROM client_locations l
        WHERE l.tenant = $1 AND l.client_id = c.client_id
          AND regexp_replace(l.phone, '\D', '', 'g') = nullif(regexp_replace($2, '\D', '', 'g'), '')
    )""",
}


async def find_client(given: FindClient, ctx: ActionContext) -> FoundClientAnswer:
    """
    Finds a client by its id, its name, its external reference or a telephone number.

    Raises:
        NotFoundError: There is none, and ``on_not_found`` is ``error``.
    """
    name = next(name for name in _CONDITIONS if getattr(given, name) is not None)
    sql = _FIND.format(columns=COLUMNS, condition=_CONDITIONS[name])
    row = await ctx.tx.fetchrow(sql, ctx.tenant, getattr(given, name))
    if row is None:
        if given.on_not_found == "error":
            raise NotFoundError(f"There is no client with this {name}.", details={"matched_by": name})
        return FoundClientAnswer(client=None, matched_count=0)
    values = dict(row)
    matched = values.pop("matched_count")
    client = FoundClient(**values)
    contact = await _primary_contact(ctx, client) if given.include_primary_contact else None
    return FoundClientAnswer(client=client, primary_contact=contact, matched_count=matched)


async def _primary_contact(ctx: ActionContext, client: FoundClient) -> FoundContact | None:
    """The one that the properties name, else the client's first; what other programs wrote there need not be an id."""
    try:
        contact_id = UUID(str((client.properties or {}).get("primary_contact_id")))
    except ValueError:
        named = None
    else:
        named = await contact_of_id(ctx, contact_id)
    return named or await first_contact_of(ctx, client.client_id)
