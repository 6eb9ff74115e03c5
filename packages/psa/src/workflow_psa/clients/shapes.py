"""What the client actions take and give."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar
from uuid import UUID

import attrs
import msgspec

from workflow_core.schema import TRIM_MARK, AtLeastOne, Timestamp, Trimmed
from workflow_psa.contacts.shapes import Contact
from workflow_psa.directory import OnNotFound, Page, PageSize, SearchFilters

ExternalRef = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:-]+$", extra_json_schema={TRIM_MARK: True})]


@attrs.frozen(kw_only=True)
class Client:
    """A company that the MSP works for."""

    client_id: Annotated[UUID, msgspec.Meta(description="The client.")]
    client_name: Annotated[str, msgspec.Meta(description="Its name.")]
    client_type: Annotated[str | None, msgspec.Meta(description="Such as company or individual.")]
    url: Annotated[str | None, msgspec.Meta(description="Its web site.")]
    billing_email: Annotated[str | None, msgspec.Meta(description="Where its invoices go.")]
    is_inactive: Annotated[bool, msgspec.Meta(description="Whether it is inactive.")]
    properties: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="Further facts, such as external_ref; by name.")
    ]
    updated_at: Annotated[Timestamp, msgspec.Meta(description="When it was last changed.")]


@attrs.frozen(kw_only=True)
class FindClient:
    """Input of ``clients.find``: of several ways to say which it is, the first in this order is used."""

    __rules__: ClassVar = (AtLeastOne("client_id", "name", "external_ref", "phone"),)

    client_id: Annotated[UUID | None, msgspec.Meta(description="The client itself.")] = None
    name: Annotated[Trimmed | None, msgspec.Meta(description="The whole name, in any case.")] = None
    external_ref: Annotated[
        ExternalRef | None,
        msgspec.Meta(description="Its property external_ref: letters, digits, dots, colons, hyphens, underscores."),
    ] = None
    phone: Annotated[
        Trimmed | None,
        msgspec.Meta(description="The telephone number of one of its locations; only its digits count, all of them."),
    ] = None
    include_primary_contact: Annotated[
        bool, msgspec.Meta(description="Whether to give the contact to turn to as well.")
    ] = False
    on_not_found: OnNotFound = "return_null"


@attrs.frozen(kw_only=True)
class FoundClient:
    """Output of ``clients.find``."""

    client: Annotated[
        Client | None,
        msgspec.Meta(description="The client, or null when there is none; of several, an active and older one."),
    ]
    primary_contact: Annotated[
        Contact | None,
        msgspec.Meta(
            description="If it was asked for: the client's primary contact, else its active contact who was entered "
            "first."
        ),
    ]
    matched_count: Annotated[int | None, msgspec.Meta(description="How many clients fit.")] = None


@attrs.frozen(kw_only=True)
class SearchClients:
    """Input of ``clients.search``."""

    query: Annotated[Trimmed, msgspec.Meta(description="A part of the name.")]
    filters: Annotated[
        SearchFilters | None, msgspec.Meta(description="Which of those that fit, and in which order.")
    ] = None
    page: Page = 1
    page_size: PageSize = 25


@attrs.frozen(kw_only=True)
class FoundClients:
    """Output of ``clients.search``."""

    clients: Annotated[tuple[Client, ...], msgspec.Meta(description="Those on this page.")]
    first_client: Annotated[Client | None, msgspec.Meta(description="The first on this page, if there is one.")]
    page: Annotated[int, msgspec.Meta(description="Which page it is.")]
    page_size: Annotated[int, msgspec.Meta(description="How many a page has at most.")]
    total: Annotated[int, msgspec.Meta(description="How many fit in all.")]
