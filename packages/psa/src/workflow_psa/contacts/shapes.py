"""What the contact actions take and give."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.schema import TRIM_MARK, AtLeastOne, Trimmed
from workflow_psa.directory import OnNotFound, Page, PageSize, SearchFilters

Email = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$", extra_json_schema={TRIM_MARK: True})]


@attrs.frozen(kw_only=True)
class Contact:
    """Somebody at a client."""

    contact_name_id: Annotated[UUID, msgspec.Meta(description="The contact.")]
    full_name: Annotated[str | None, msgspec.Meta(description="First and last name.")]
    email: Annotated[str | None, msgspec.Meta(description="The e-mail address.")]
    phone: Annotated[str | None, msgspec.Meta(description="The telephone number.")]
    client_id: Annotated[UUID | None, msgspec.Meta(description="The client.")]
    is_inactive: Annotated[bool, msgspec.Meta(description="Whether the contact is inactive.")]


@attrs.frozen(kw_only=True)
class FindContact:
    """Input of ``contacts.find``: of several ways to say who it is, the first in this order is used."""

    __rules__: ClassVar = (AtLeastOne("contact_id", "email", "phone"),)

    contact_id: Annotated[UUID | None, msgspec.Meta(description="The contact itself.")] = None
    email: Annotated[Email | None, msgspec.Meta(description="The e-mail address, in any case.")] = None
    phone: Annotated[
        Trimmed | None, msgspec.Meta(description="The telephone number; only its digits count, all of them.")
    ] = None
    client_id: Annotated[UUID | None, msgspec.Meta(description="Only contacts of this client.")] = None
    on_not_found: OnNotFound = "return_null"
    match_strategy: Annotated[
        Literal["first_created", "most_recent"],
        msgspec.Meta(
            description="Of several who fit, the one who was entered first or last; active ones before others."
        ),
    ] = "first_created"


@attrs.frozen(kw_only=True)
class FoundContact:
    """Output of ``contacts.find``."""

    contact: Annotated[Contact | None, msgspec.Meta(description="The contact, or null when there is none.")]


@attrs.frozen(kw_only=True)
class SearchContacts:
    """Input of ``contacts.search``."""

    query: Annotated[Trimmed, msgspec.Meta(description="A part of the name, e-mail address or telephone number.")]
    client_id: Annotated[UUID | None, msgspec.Meta(description="Only contacts of this client.")] = None
    filters: Annotated[
        SearchFilters | None, msgspec.Meta(description="Which of those who fit, and in which order.")
    ] = None
    page: Page = 1
    page_size: PageSize = 25


@attrs.frozen(kw_only=True)
class FoundContacts:
    """Output of ``contacts.search``."""

    contacts: Annotated[tuple[Contact, ...], msgspec.Meta(description="Those on this page.")]
    first_contact: Annotated[Contact | None, msgspec.Meta(description="The first on this page, if there is one.")]
    page: Annotated[int, msgspec.Meta(description="Which page it is.")]
    page_size: Annotated[int, msgspec.Meta(description="How many a page has at most.")]
    total: Annotated[int, msgspec.Meta(description="How many fit in all.")]
