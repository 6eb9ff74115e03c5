"""How ``contacts.search`` works."""

from __future__ import annotations

from typing import Final

from workflow_core.actions import ActionContext
from workflow_psa.contacts.find import COLUMNS
from workflow_psa.contacts.shapes import FoundContact, SearchContacts, SearchedContacts
from workflow_psa.searching import Searched, search

_CONTACTS: Final = Searched(
    table="contacts",
    record="contact",
    id="contact_name_id",
    name="full_name",
    texts=("full_name", "email", "phone_number"),
    columns=COLUMNS,
)


async def search_contacts(given: SearchContacts, ctx: ActionContext) -> SearchedContacts:
    """The contacts in whose name, e-mail address or telephone number the query stands, a page at a time."""
    found = await search(
        ctx,
        _CONTACTS,
        query=given.query,
        client_id=given.client_id,
        filters=given.filters,
        page=given.page,
        page_size=given.page_size,
    )
    contacts = tuple(FoundContact(**row) for row in found.rows)
    return SearchedContacts(
        contacts=contacts,
        first_contact=contacts[0] if contacts else None,
        page=given.page,
        page_size=given.page_size,
        total=found.total,
    )
