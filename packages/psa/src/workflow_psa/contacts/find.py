"""How ``contacts.find`` works."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import NotFoundError
from workflow_psa.contacts.shapes import FindContact, FoundContact, FoundContactAnswer

COLUMNS: Final = "contact_name_id, full_name, email, phone_number AS phone, client_id, is_inactive"

_FIND = """
SELECT {columns} FROM contacts
WHERE tenant = $1 AND {condition} AND ($3::uuid IS NULL OR client_id = $3)
ORDER BY is_inactive, created_at {order}, contact_name_id {order}
LIMIT 1
"""

# In the order in which they are used. Numbers are written in many ways: their digits are compared, if there are any.
_CONDITIONS: Final = {
    "contact_id": "contact_name_id = $2",
    "email": "email_lower = lower($2)",
    "phone": r"regexp_replace(phone_number, '\D', '', 'g') = nullif(regexp_replace($2, '\D', '', 'g'), '')",
}


async def find_contact(given: FindContact, ctx: ActionContext) -> FoundContactAnswer:
    """
    Finds a contact by id, e-mail address or telephone number.

    Raises:
        NotFoundError: There is none, and ``on_not_found`` is ``error``.
    """
    name = next(name for name in _CONDITIONS if getattr(given, name) is not None)
    contact = await _find(
        ctx, _CONDITIONS[name], getattr(given, name), given.client_id, given.match_strategy == "first_created"
    )
    if contact is None and given.on_not_found == "error":
        raise NotFoundError(f"There is no contact with this {name}.", details={"matched_by": name})
    return FoundContactAnswer(contact=contact)


async def contact_of_id(ctx: ActionContext, contact_id: UUID) -> FoundContact | None:
    """The contact, if it is there."""
    return await _find(ctx, _CONDITIONS["contact_id"], contact_id, None, True)


async def first_contact_of(ctx: ActionContext, client_id: UUID) -> FoundContact | None:
    """The active contact of a client who was entered first; an inactive one if there is no other."""
    return await _find(ctx, "client_id = $2", client_id, None, True)


async def _find(
    ctx: ActionContext, condition: str, value: Any, client_id: UUID | None, oldest: bool
) -> FoundContact | None:
    sql = _FIND.format(columns=COLUMNS, condition=condition, order="ASC" if oldest else "DESC")
    row = await ctx.tx.fetchrow(sql, ctx.tenant, value, client_id)
    return None if row is None else FoundContact(**row)
