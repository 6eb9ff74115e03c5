"""
What the contact actions take and give.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.options import picker
from workflow_core.schema import AtLeastOne, Trimmed
from workflow_psa.searching import PageNumber, PageSize, SearchFilters


@attrs.frozen(kw_only=True)
class FindContact:
    """Input of ``contacts.find``: of several names for a contact, the first in this order is used."""

    __rules__: ClassVar = (AtLeastOne("contact_id", "email", "phone"),)

    contact_id: Annotated[
        UUID | None,
        msgspec.Meta(
            description="The contact itself.", extra_json_schema=picker("contacts.contacts", client_id="client_id")
        ),
    ] = None
    email: Annotated[Trimmed | None, msgspec.Meta(description="The contact's e-mail address, in any case.")] = None
    phone: Annotated[
        Trimmed | None, msgspec.Meta(description="The contact's telephone number; only the digits count.")
    ] = None
    client_id: Annotated[
        UUID | None,
        msgspec.Meta(description="Only a contact of this client.", extra_json_schema=picker("clients.clients")),
    ] = None
    on_not_found: Annotated[
        Literal["return_null", "error"],
        msgspec.Meta(description="What to do when there is none: give an empty result, or fail the step."),
    ] = "return_null"
    match_strategy: Annotated[
        Literal["first_created", "most_recent"],
        msgspec.Meta(
            description="Which of several to give: the one created first, or last; active ones go before others."
        ),
    ] = "first_created"


@attrs.frozen(kw_only=True)
class FoundContact:
    """One contact."""

    contact_name_id: Annotated[UUID, msgspec.Meta(description="The contact.")]
    full_name: Annotated[str | None, msgspec.Meta(description="First and last name.")]
    email: Annotated[str | None, msgspec.Meta(description="The e-mail address.")]
    phone: Annotated[str | None, msgspec.Meta(description="The telephone number.")]
    client_id: Annotated[UUID | None, msgspec.Meta(description="The client that the contact belongs to.")]
    is_inactive: Annotated[bool, msgspec.Meta(description="Whether the contact is no longer there.")]


@attrs.frozen(kw_only=True)
class FoundContactAnswer:
    """Output of ``contacts.find``."""

    contact: Annotated[FoundContact | None, msgspec.Meta(description="The contact, or null when there is none.")]


@attrs.frozen(kw_only=True)
class SearchContacts:
    """Input of ``contacts.search``."""

    query: Annotated[
        Trimmed, msgspec.Meta(description="A part of the name, e-mail address or telephone number, in any case.")
    ]
    client_id: Annotated[
        UUID | None,
        msgspec.Meta(description="Only contacts of this client.", extra_json_schema=picker("clients.clients")),
    ] = None
    filters: Annotated[
        SearchFilters | None, msgspec.Meta(description="Which contacts to leave out, and the order of the others.")
    ] = None
    page: PageNumber = 1
    page_size: PageSize = 25


@attrs.frozen(kw_only=True)
class SearchedContacts:
    """Output of ``contacts.search``."""

    contacts: Annotated[tuple[FoundContact, ...], msgspec.Meta(description="The contacts of this page.")]
    first_contact: Annotated[FoundContact | None, msgspec.Meta(description="The first of them, or null.")]
    page: Annotated[int, msgspec.Meta(description="Which page this is.")]
    page_size: Annotated[int, msgspec.Meta(description="How many contacts a page has at most.")]
    total: Annotated[int, msgspec.Meta(description="How many contacts there are on all pages.")]
