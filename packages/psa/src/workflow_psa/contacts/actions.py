"""The contact actions."""

from __future__ import annotations

from workflow_core.actions import Action, Effect, Example
from workflow_psa.contacts.find import find_contact
from workflow_psa.contacts.search import search_contacts
from workflow_psa.contacts.shapes import FindContact, FoundContactAnswer, SearchContacts, SearchedContacts

_CLIENT = "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d"
_CONTACT = {
    "contact_name_id": "9c8b7a69-5847-4636-8524-1302f1e0d9c8",
    "full_name": "Dorothy Gale",
    "email": "dorothy@emerald.example",
    "phone": "+1 555 0100",
    "client_id": _CLIENT,
    "is_inactive": False,
}


def contact_actions() -> list[Action]:
    """All of them."""
    return [
        Action(
            id="contacts.find",
            label="Find contact",
            description="Finds a contact by id, e-mail address or telephone number.",
            input=FindContact,
            output=FoundContactAnswer,
            effect=Effect.READ,
            io="database",
            handler=find_contact,
            permission="contact:read",
            examples=(
                Example("Who wrote an e-mail", {"email": "Dorothy@emerald.example"}, {"contact": _CONTACT}),
                Example("Unknown", {"phone": "555 0199"}, {"contact": None}),
            ),
        ),
        Action(
            id="contacts.search",
            label="Search contacts",
            description="Searches the names, e-mail addresses and telephone numbers of contacts, a page at a time.",
            input=SearchContacts,
            output=SearchedContacts,
            effect=Effect.READ,
            io="database",
            handler=search_contacts,
            permission="contact:read",
            examples=(
                Example(
                    "Of one client",
                    {"query": "gale", "client_id": _CLIENT},
                    {"contacts": [_CONTACT], "first_contact": _CONTACT, "page": 1, "page_size": 25, "total": 1},
                ),
            ),
        ),
    ]
