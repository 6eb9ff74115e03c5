"""The contact actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.contacts.find import find_contact, search_contacts
from workflow_psa.contacts.shapes import FindContact, FoundContact, FoundContacts, SearchContacts

_DOROTHY = {
    "contact_name_id": "4e1f2a3b-5c6d-4e7f-8a9b-0c1d2e3f4a5b",
    "full_name": "Dorothy Gale",
    "email": "dorothy@emeraldcity.example",
    "phone": "+1 785 555 0100",
    "client_id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d",
    "is_inactive": False,
}


def contact_actions() -> list[Action]:
    """All of them."""
    return [
        Action(
            id="contacts.find",
            label="Find contact",
            description="Finds a contact by its id, an e-mail address or a telephone number.",
            input=FindContact,
            output=FoundContact,
            effect=Effect.READ,
            io="database",
            handler=find_contact,
            permission="contact:read",
            examples=(
                Example("The sender of an e-mail", {"email": "Dorothy@EmeraldCity.example"}, {"contact": _DOROTHY}),
                Example("Unknown", {"phone": "+49 30 5550199"}, {"contact": None}),
            ),
        ),
        Action(
            id="contacts.search",
            label="Search contacts",
            description="Finds the contacts in whose name, e-mail address or telephone number a text stands.",
            input=SearchContacts,
            output=FoundContacts,
            effect=Effect.READ,
            io="database",
            handler=search_contacts,
            permission="contact:read",
            examples=(
                Example(
                    "By a part of the name",
                    {"query": "gale", "client_id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d"},
                    {"contacts": [_DOROTHY], "first_contact": _DOROTHY, "page": 1, "page_size": 25, "total": 1},
                ),
            ),
        ),
    ]
