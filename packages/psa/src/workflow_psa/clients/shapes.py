"""
What the client actions take and give.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.options import picker
from workflow_core.schema import AtLeastOne, Timestamp, Trimmed
from workflow_psa.contacts.shapes import FoundContact
from workflow_psa.searching import PageNumber, PageSize, SearchFilters

ExternalRef = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._:-]+$")]


@attrs.frozen(kw_only=True)
class FindClient:
    """Input of ``clients.find``: of several names for a client, the first in this order is used."""

    __rules__: ClassVar = (AtLeastOne("client_id", "name", "external_ref", "phone"),)

    client_id: Annotated[
        UUID | None, msgspec.Meta(description="The client itself.", extra_json_schema=picker("clients.clients"))
    ] = None
    name: Annotated[Trimmed | None, msgspec.Meta(description="Its whole name, in any case.")] = None
    external_ref: Annotated[
        ExternalRef | None,
        msgspec.Meta(description="The name that another system knows it by: external_ref of its properties."),
    ] = None
    phone: Annotated[
        Trimmed | None,
        msgspec.Meta(description="The telephone number of one of its locations; only the digits count."),
    ] = None
    include_primary_contact: Annotated[bool, msgspec.Meta(description="Whether to give its primary contact too.")] = (
        False
    )
    on_not_found: Annotated[
        Literal["return_null", "error"],
        msgspec.Meta(description="What to do when there is none: give an empty result, or fail the step."),
    ] = "return_null"


@attrs.frozen(kw_only=True)
class FoundClient:
    """One client."""

    client_id: Annotated[UUID, msgspec.Meta(description="The client.")]
    client_name: Annotated[str, msgspec.Meta(description="Its name.")]
    client_type: Annotated[str | None, msgspec.Meta(description="Such as company or individual.")]
    url: Annotated[str | None, msgspec.Meta(description="Its website.")]
    billing_email: Annotated[str | None, msgspec.Meta(description="Where its invoices go.")]
    is_inactive: Annotated[bool, msgspec.Meta(description="Whether it is no longer a customer.")]
    properties: Annotated[dict[str, Any] | None, msgspec.Meta(description="Further facts about it, by name.")]
    updated_at: Annotated[Timestamp, msgspec.Meta(description="When it was last changed.")]


@attrs.frozen(kw_only=True)
class FoundClientAnswer:
    """Output of ``clients.find``."""

    client: Annotated[
        FoundClient | None,
        msgspec.Meta(description="The client, or null when there is none; of several an active one, then the oldest."),
    ]
    primary_contact: Annotated[
        FoundContact | None,
        msgspec.Meta(
            description="If it was asked for: its primary contact, else its active contact that was created first."
        ),
    ] = None
    matched_count: Annotated[
        int | None, msgspec.Meta(description="How many clients fit; more than 1 says that the choice was ours.")
    ] = None


@attrs.frozen(kw_only=True)
class SearchClients:
    """Input of ``clients.search``."""

    query: Annotated[
        Trimmed, msgspec.Meta(description="A part of its name, website or billing address for e-mails, in any case.")
    ]
    filters: Annotated[
        SearchFilters | None, msgspec.Meta(description="Which clients to leave out, and the order of the others.")
    ] = None
    page: PageNumber = 1
    page_size: PageSize = 25


@attrs.frozen(kw_only=True)
class SearchedClients:
    """Output of ``clients.search``."""

    clients: Annotated[tuple[FoundClient, ...], msgspec.Meta(description="The clients of this page.")]
    first_client: Annotated[FoundClient | None, msgspec.Meta(description="The first of them, or null.")]
    page: Annotated[int, msgspec.Meta(description="Which page this is.")]
    page_size: Annotated[int, msgspec.Meta(description="How many clients a page has at most.")]
    total: Annotated[int, msgspec.Meta(description="How many clients there are on all pages.")]
