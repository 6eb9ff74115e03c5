"""
What the ``links`` actions take and give.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.schema import AtLeastOne, Timestamp
from workflow_psa.data_store.names import IdempotencyKey, Name, Namespace

_Limit = Annotated[
    Annotated[int, msgspec.Meta(ge=1, le=200)] | None, msgspec.Meta(description="How many to give at most.")
]
_RecordType = Annotated[Name, msgspec.Meta(description="What kind of record, such as project_task or ticket.")]
_Relation = Annotated[Name | None, msgspec.Meta(description="Only links of this relation.")]
_Attributes = Annotated[dict[str, Any], msgspec.Meta(description="What else is known of the link.")]


@attrs.frozen(kw_only=True)
class RecordRef:
    """One side of a link: a record of any kind, here or elsewhere."""

    type: _RecordType
    id: Annotated[Name, msgspec.Meta(description="Its id.")]


@attrs.frozen(kw_only=True)
class UpsertLink:
    """Input of ``links.upsert``."""

    namespace: Namespace
    from_: Annotated[RecordRef, msgspec.Meta(description="Where the link starts.")]
    to: Annotated[RecordRef, msgspec.Meta(description="Where it leads.")]
    relation: Annotated[Name | None, msgspec.Meta(description="How they belong together, such as mirrors.")] = "related"
    attributes: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="What else to know of the link; replaces what was there.")
    ] = attrs.Factory(dict)
    idempotency_key: IdempotencyKey = None


@attrs.frozen(kw_only=True)
class UpsertedLink:
    """Output of ``links.upsert``."""

    link_id: Annotated[UUID, msgspec.Meta(description="The link.")]
    created: Annotated[bool, msgspec.Meta(description="Whether there was none before.")]


@attrs.frozen(kw_only=True)
class LookupLinks:
    """Input of ``links.lookup``."""

    namespace: Namespace
    from_: Annotated[RecordRef, msgspec.Meta(description="The record whose links are asked for.")]
    direction: Annotated[
        Literal["forward", "reverse", "either"] | None,
        msgspec.Meta(description="Links that start at the record (forward), that lead to it (reverse), or either."),
    ] = "forward"
    relation: _Relation = None
    to_type: Annotated[
        Name | None, msgspec.Meta(description="Only links to records of this kind, such as project_task.")
    ] = None
    limit: _Limit = 100


@attrs.frozen(kw_only=True)
class LinkMatch:
    """The record at the other end of a link."""

    link_id: Annotated[UUID, msgspec.Meta(description="The link.")]
    type: _RecordType
    id: Annotated[str, msgspec.Meta(description="The id of the record.")]
    relation: Annotated[str, msgspec.Meta(description="How they belong together.")]
    attributes: _Attributes


@attrs.frozen(kw_only=True)
class LinkMatches:
    """Output of ``links.lookup``."""

    matches: Annotated[tuple[LinkMatch, ...], msgspec.Meta(description="The records, the oldest link first.")]


@attrs.frozen(kw_only=True)
class DeleteLinks:
    """Input of ``links.delete``."""

    __rules__: ClassVar = (AtLeastOne("from", "to"),)

    namespace: Namespace
    from_: Annotated[RecordRef | None, msgspec.Meta(description="Only links that start here.")] = None
    to: Annotated[RecordRef | None, msgspec.Meta(description="Only links that lead here.")] = None
    relation: _Relation = None
    idempotency_key: IdempotencyKey = None


@attrs.frozen(kw_only=True)
class DeletedLinks:
    """Output of ``links.delete``."""

    deleted_count: Annotated[int, msgspec.Meta(description="How many there were.")]


@attrs.frozen(kw_only=True)
class ListLinks:
    """Input of ``links.list``."""

    namespace: Namespace
    left_type: Annotated[Name | None, msgspec.Meta(description="Only links that start at this kind of record.")] = None
    right_type: Annotated[Name | None, msgspec.Meta(description="Only links that lead to this kind of record.")] = None
    relation: _Relation = None
    limit: _Limit = 100
    cursor: Annotated[Name | None, msgspec.Meta(description="The next_cursor of the list before.")] = None


@attrs.frozen(kw_only=True)
class Link:
    """One link."""

    link_id: Annotated[UUID, msgspec.Meta(description="Its id.")]
    namespace: Annotated[str, msgspec.Meta(description="Its namespace.")]
    from_: Annotated[RecordRef, msgspec.Meta(description="Where it starts.")]
    to: Annotated[RecordRef, msgspec.Meta(description="Where it leads.")]
    relation: Annotated[str, msgspec.Meta(description="How they belong together.")]
    attributes: _Attributes
    created_at: Annotated[Timestamp, msgspec.Meta(description="When it was created.")]
    updated_at: Annotated[Timestamp, msgspec.Meta(description="When it was last written.")]


@attrs.frozen(kw_only=True)
class ListedLinks:
    """Output of ``links.list``."""

    items: Annotated[tuple[Link, ...], msgspec.Meta(description="The links, the oldest first.")]
    next_cursor: Annotated[
        str | None, msgspec.Meta(description="Give this as cursor to get the next; empty when these are the last.")
    ]


@attrs.frozen(kw_only=True)
class LinkNamespace:
    """A namespace of links."""

    namespace: Annotated[str, msgspec.Meta(description="Its name.")]
    link_count: Annotated[int, msgspec.Meta(description="How many links it has.")]


@attrs.frozen(kw_only=True)
class LinkNamespaces:
    """Output of ``links.list_namespaces``."""

    namespaces: Annotated[tuple[LinkNamespace, ...], msgspec.Meta(description="All that have links, by name.")]
