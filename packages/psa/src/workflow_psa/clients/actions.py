"""The client actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.clients.find import find_client, search_clients
from workflow_psa.clients.shapes import FindClient, FoundClient, FoundClients, SearchClients

_CITY = {
    "client_id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d",
    "client_name": "Emerald City",
    "client_type": "company",
    "url": "https://emeraldcity.example",
    "billing_email": "billing@emeraldcity.example",
    "is_inactive": False,
    "properties": {"external_ref": "crm:4711"},
    "updated_at": "2026-02-11T08:30:00Z",
}
_DOROTHY = {
    "contact_name_id": "4e1f2a3b-5c6d-4e7f-8a9b-0c1d2e3f4a5b",
    "full_name": "Dorothy Gale",
    "email": "dorothy@emeraldcity.example",
    "phone": "+1 785 555 0100",
    "client_id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d",
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
            output=FoundClient,
            effect=Effect.READ,
            io="database",
            handler=find_client,
            permission="client:read",
            examples=(
                Example(
                    "By its name, with whom to turn to",
                    {"name": "emerald city", "include_primary_contact": True},
                    {"client": _CITY, "primary_contact": _DOROTHY, "matched_count": 1},
                ),
                Example(
                    "Unknown",
                    {"external_ref": "crm:4712"},
                    {"client": None, "primary_contact": None, "matched_count": 0},
                ),
            ),
        ),
        Action(
            id="clients.search",
            label="Search clients",
            description="Finds the clients in whose name a text stands.",
            input=SearchClients,
            output=FoundClients,
            effect=Effect.READ,
            io="database",
            handler=search_clients,
            permission="client:read",
            examples=(
                Example(
                    "By a part of the name",
                    {"query": "emerald", "filters": {"tags": ["managed"], "sort_by": "updated_at"}, "page_size": 10},
                    {"clients": [_CITY], "first_client": _CITY, "page": 1, "page_size": 10, "total": 1},
                ),
            ),
        ),
    ]
