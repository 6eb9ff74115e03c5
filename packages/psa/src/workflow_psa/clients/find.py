"""How ``clients.find`` and ``clients.search`` work."""

from __future__ import annotations

from typing import Any

from workflow_core.actions import ActionContext
from workflow_core.errors import NotFoundError
from workflow_psa.clients.shapes import Client, FindClient, FoundClient, FoundClients, SearchClients
from workflow_psa.contacts.find import CONTACT_COLUMNS
from workflow_psa.contacts.shapes import Contact
from workflow_psa.directory import DIGITS, Searched, phone_digits, search, without

_COLUMNS = "client_id, client_name, client_type, url, billing_email, is_inactive, properties, updated_at"

_CLIENTS = Searched(
    table="clients",
    tagged_type="client",
    id_column="client_id",
    name_column="client_name",
    text_columns=("client_name",),
    columns=_COLUMNS,
)

_AT_A_LOCATION = f"""client_id = ANY (ARRAY(
    SELECT l.client_id FROM client_locations l WHERE l.tenant = $1 AND {DIGITS.format(column="l.phone")} = $2
))"""  # noqa: S608 - our expression

# In the order in which they are used.
_CONDITIONS = {
    "client_id": "client_id = $2",
    "name": "lower(client_name) = lower($2)",
    "external_ref": "properties ->> 'external_ref' = $2",
    "phone": _AT_A_LOCATION,
}
_FIND = """
SELECT {columns}, count(*) OVER () AS matched_count FROM clients
WHERE tenant = $1 AND {condition}
ORDER BY is_inactive, created_at, client_id
LIMIT 1
"""
_PRIMARY_CONTACT = f"""
SELECT {CONTACT_COLUMNS} FROM contacts
WHERE tenant = $1 AND client_id = $2
ORDER BY contact_name_id::text = coalesce($3, '') DESC, is_inactive, created_at, contact_name_id
LIMIT 1
"""  # noqa: S608 - our columns


async def find_client(given: FindClient, ctx: ActionContext) -> FoundClient:
    """
    Finds a client by its id, its name, its external reference or a telephone number, and its primary contact.

    Raises:
        ValidationError: The telephone number has too few digits.
        NotFoundError: There is none, and ``on_not_found`` is ``error``.
    """
    name = next(name for name in _CONDITIONS if getattr(given, name) is not None)
    value: Any = getattr(given, name)
    if name == "phone":
        value = phone_digits(value)
    row = await ctx.tx.fetchrow(_FIND.format(columns=_COLUMNS, condition=_CONDITIONS[name]), ctx.tenant, value)
    if row is None:
        if given.on_not_found == "error":
            raise NotFoundError(f"There is no client with this {name}.", details={"matched_by": name})
        return FoundClient(client=None, primary_contact=None, matched_count=0)
    client = Client(**without(row, "matched_count"))
    contact = await _primary_contact(client, ctx) if given.include_primary_contact else None
    return FoundClient(client=client, primary_contact=contact, matched_count=row["matched_count"])


async def _primary_contact(client: Client, ctx: ActionContext) -> Contact | None:
    named = (client.properties or {}).get("primary_contact_id")
    row = await ctx.tx.fetchrow(
        _PRIMARY_CONTACT, ctx.tenant, client.client_id, named if isinstance(named, str) else None
    )
    return Contact(**row) if row is not None else None


async def search_clients(given: SearchClients, ctx: ActionContext) -> FoundClients:
    """Finds the clients in whose name a text stands."""
    rows, total = await search(
        ctx,
        _CLIENTS,
        given.query,
        filters=given.filters,
        client_id=None,
        page=given.page,
        page_size=given.page_size,
    )
    clients = tuple(Client(**without(row, "total")) for row in rows)
    return FoundClients(
        clients=clients,
        first_client=clients[0] if clients else None,
        page=given.page,
        page_size=given.page_size,
        total=total,
    )
