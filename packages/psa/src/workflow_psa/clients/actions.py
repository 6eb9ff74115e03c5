"""The client actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.clients.find import find_client
from workflow_psa.clients.search import search_clients
from workflow_psa.clients.shapes import FindClient, FoundClientAnswer, SearchClients, SearchedClients

_CONTACT_ID = "9c8b7a69-5847-4636-8524-1302f1e0d9c8"
_CLIENT = {
    "client_id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d",
    "client_name": "Emerald City",
    "client_type": "company",
    "url": "https://emerald.example",
    "billing_email": "billing@emerald.example",
    "is_inactive": False,
    "properties": {"primary_contact_id": _CONTACT_ID, "external_ref": "org-7"},
    "updated_at": "2026-03-02T09:15:00Z",
}
_CONTACT = {
    "contact_name_id": _CONTACT_ID,
    "full_name": "Dorothy Gale",
    "email": "dorothy@emerald.example",
    "phone": "+1 555 0100",
    "client_id": _CLIENT["client_id"],
    "is_inactive": False,
}


def client_actions() -> list[Action]:
    """All of them."""
    return [
        Action(
            id="clients.find",
            label="Find client",
            description="Finds a client by its id, its name, its external reference or a telephone number.",
            input=FindClient,
            output=FoundClientAnswer,
            effect=Effect.READ,
            io="database",
            handler=find_client,
            permission="client:read",
            examples=(
                Example(
                    "By name, with its primary contact",
                    {"name": "Emerald City", "include_primary_contact": True},
                    {"client": _CLIENT, "primary_contact": _CONTACT, "matched_count": 1},
                ),
                Example(
                    "Unknown", {"external_ref": "org-8"}, {"client": None, "primary_contact": None, "matched_count": 0}
                ),
            ),
        ),
        Action(
            id="clients.search",
            label="Search clients",
            description="Searches the names, websites and billing addresses of clients, a page at a time.",
            input=SearchClients,
            output=SearchedClients,
            effect=Effect.READ,
            io="database",
            handler=search_clients,
            permission="client:read",
            examples=(
                Example(
                    "The last changed first",
                    {"query": "emerald", "filters": {"sort_by": "updated_at", "sort_order": "desc"}},
                    {"clients": [_CLIENT], "first_client": _CLIENT, "page": 1, "page_size": 25, "total": 1},
                ),
            ),
        ),
    ]
