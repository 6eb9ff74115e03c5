"""How ``clients.search`` works."""

from __future__ import annotations

from typing import Final

from workflow_core.actions import ActionContext
from workflow_psa.clients.find import COLUMNS
from workflow_psa.clients.shapes import FoundClient, SearchClients, SearchedClients
from workflow_psa.searching import Searched, search

_CLIENTS: Final = Searched(
    table="clients",
    record="client",
    id="client_id",
    name="client_name",
    texts=("client_name", "url", "billing_email"),
    columns=COLUMNS,
)


async def search_clients(given: SearchClients, ctx: ActionContext) -> SearchedClients:
    """The clients in whose name, website or billing address the query stands, a page at a time."""
    found = await search(
        ctx,
        _CLIENTS,
        query=given.query,
        client_id=None,
        filters=given.filters,
        page=given.page,
        page_size=given.page_size,
    )
    clients = tuple(FoundClient(**row) for row in found.rows)
    return SearchedClients(
        clients=clients,
        first_client=clients[0] if clients else None,
        page=given.page,
        page_size=given.page_size,
        total=found.total,
    )
