"""How ``contacts.find`` and ``contacts.search`` work."""

from __future__ import annotations

from typing import Any, Final

from workflow_core.actions import ActionContext
from workflow_core.errors import NotFoundError
from workflow_psa.contacts.shapes import Contact, FindContact, FoundContact, FoundContacts, SearchContacts
from workflow_psa.directory import DIGITS, Searched, phone_digits, search, without

#: What a :class:`Contact` is made of.
CONTACT_COLUMNS: Final = "contact_name_id, full_name, email, phone_number AS phone, client_id, is_inactive"

_CONTACTS = Searched(
    table="contacts",
    tagged_type="contact",
    id_column="contact_name_id",
    name_column="full_name",
    text_columns=("full_name", "email", "phone_number"),
    columns=CONTACT_COLUMNS,
)

# In the order in which they are used.
_CONDITIONS = {
    "contact_id": "contact_name_id = $2",
    "email": "lower(email) = lower($2)",
    "phone": f"{DIGITS.format(column='phone_number')} = $2",
}
_FIND = """
SELECT {columns} FROM contacts
WHERE tenant = $1 AND {condition} AND ($3::uuid IS NULL OR client_id = $3)
ORDER BY is_inactive, created_at {order}, contact_name_id
LIMIT 1
"""


async def find_contact(given: FindContact, ctx: ActionContext) -> FoundContact:
    """
    Finds a contact by its id, an e-mail address or a telephone number.

    Raises:
        ValidationError: The telephone number has too few digits.
        NotFoundError: There is none, and ``on_not_found`` is ``error``.
    """
    name = next(name for name in _CONDITIONS if getattr(given, name) is not None)
    value: Any = getattr(given, name)
    if name == "phone":
        value = phone_digits(value)
    sql = _FIND.format(
        columns=CONTACT_COLUMNS,
        condition=_CONDITIONS[name],
        order="DESC" if given.match_strategy == "most_recent" else "ASC",
    )
    row = await ctx.tx.fetchrow(sql, ctx.tenant, value, given.client_id)
    if row is None and given.on_not_found == "error":
        raise NotFoundError(f"There is no contact with this {name}.", details={"matched_by": name})
    return FoundContact(contact=Contact(**row) if row is not None else None)


async def search_contacts(given: SearchContacts, ctx: ActionContext) -> FoundContacts:
    """Finds the contacts in whose name, e-mail address or telephone number a text stands."""
    rows, total = await search(
        ctx,
        _CONTACTS,
        given.query,
        filters=given.filters,
        client_id=given.client_id,
        page=given.page,
        page_size=given.page_size,
    )
    contacts = tuple(Contact(**without(row, "total")) for row in rows)
    return FoundContacts(
        contacts=contacts,
        first_contact=contacts[0] if contacts else None,
        page=given.page,
        page_size=given.page_size,
        total=total,
    )
