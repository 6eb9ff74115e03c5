"""
What the ``store`` actions take and give.

The names are the existing product's: stored workflows map into these fields, so none is ever renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.schema import Timestamp
from workflow_psa.data_store.names import IdempotencyKey, Name, Namespace

ValueType = Literal["string", "number", "boolean", "json"]

_Key = Annotated[Name, msgspec.Meta(description="The name of one value in the namespace; often the id of a record.")]
_Revision = Annotated[int, msgspec.Meta(description="How often it was written since it was created, from 1.")]


@attrs.frozen(kw_only=True)
class GetValue:
    """Input of ``store.get``."""

    namespace: Namespace
    key: _Key


@attrs.frozen(kw_only=True)
class GotValue:
    """Output of ``store.get``."""

    found: Annotated[bool, msgspec.Meta(description="Whether there is a value.")]
    value: Annotated[Any, msgspec.Meta(description="The value.")] = None
    value_type: Annotated[str | None, msgspec.Meta(description="How whoever stored it calls its type.")] = None
    revision: Annotated[int | None, msgspec.Meta(description="How often it was written, for if_revision.")] = None
    expires_at: Annotated[Timestamp | None, msgspec.Meta(description="When it will be gone; empty for never.")] = None


@attrs.frozen(kw_only=True)
class SetValue:
    """Input of ``store.set``."""

    namespace: Namespace
    key: _Key
    value: Annotated[Any, msgspec.Meta(description="What to store: text, a number, or any JSON up to 256 KiB.")]
    value_type: Annotated[ValueType | None, msgspec.Meta(description="What readers are told that it is.")] = "json"
    ttl_seconds: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] | None,
        msgspec.Meta(description="After how many seconds it is gone, such as 3600; empty for never."),
    ] = None
    if_revision: Annotated[
        Annotated[int, msgspec.Meta(ge=0)] | None,
        msgspec.Meta(
            description="Write only over this revision, as store.get gave it; 0: only when there is no value yet."
        ),
    ] = None
    idempotency_key: IdempotencyKey = None


@attrs.frozen(kw_only=True)
class StoredValue:
    """Output of ``store.set``."""

    revision: _Revision
    created: Annotated[bool, msgspec.Meta(description="Whether there was no value before.")]


@attrs.frozen(kw_only=True)
class DeleteValue:
    """Input of ``store.delete``."""

    namespace: Namespace
    key: _Key
    idempotency_key: IdempotencyKey = None


@attrs.frozen(kw_only=True)
class DeletedValue:
    """Output of ``store.delete``."""

    deleted: Annotated[bool, msgspec.Meta(description="Whether there was a value.")]


@attrs.frozen(kw_only=True)
class Increment:
    """Input of ``store.increment``."""

    namespace: Namespace
    key: _Key
    by: Annotated[int | float | None, msgspec.Meta(description="What to add; a negative number subtracts.")] = 1
    initial: Annotated[int | float | None, msgspec.Meta(description="What to add to when there is no value yet.")] = 0
    idempotency_key: IdempotencyKey = None


@attrs.frozen(kw_only=True)
class Incremented:
    """Output of ``store.increment``."""

    value: Annotated[int | float, msgspec.Meta(description="The number as it is now.")]
    revision: _Revision


@attrs.frozen(kw_only=True)
class ListValues:
    """Input of ``store.list``."""

    namespace: Namespace
    prefix: Annotated[
        Annotated[str, msgspec.Meta(max_length=256)] | None, msgspec.Meta(description="How the keys begin.")
    ] = None
    limit: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=200)] | None, msgspec.Meta(description="How many to give at most.")
    ] = 100
    cursor: Annotated[Name | None, msgspec.Meta(description="The next_cursor of the list before.")] = None


@attrs.frozen(kw_only=True)
class Value:
    """One stored value."""

    store_id: Annotated[UUID, msgspec.Meta(description="Its id.")]
    namespace: Annotated[str, msgspec.Meta(description="Its namespace.")]
    key: Annotated[str, msgspec.Meta(description="Its key.")]
    value: Annotated[Any, msgspec.Meta(description="The value.")]
    value_type: Annotated[str, msgspec.Meta(description="How whoever stored it calls its type.")]
    revision: _Revision
    expires_at: Annotated[Timestamp | None, msgspec.Meta(description="When it will be gone; empty for never.")]
    created_at: Annotated[Timestamp, msgspec.Meta(description="When it was created.")]
    updated_at: Annotated[Timestamp, msgspec.Meta(description="When it was last written.")]


@attrs.frozen(kw_only=True)
class ListedValues:
    """Output of ``store.list``."""

    items: Annotated[tuple[Value, ...], msgspec.Meta(description="The values, by key.")]
    next_cursor: Annotated[
        str | None, msgspec.Meta(description="Give this as cursor to get the next; empty when these are the last.")
    ]


@attrs.frozen(kw_only=True)
class ListNamespaces:
    """Input of ``store.list_namespaces`` and ``links.list_namespaces``: nothing."""


@attrs.frozen(kw_only=True)
class StoreNamespace:
    """A namespace of values."""

    namespace: Annotated[str, msgspec.Meta(description="Its name.")]
    key_count: Annotated[int, msgspec.Meta(description="How many values it has.")]


@attrs.frozen(kw_only=True)
class StoreNamespaces:
    """Output of ``store.list_namespaces``."""

    namespaces: Annotated[tuple[StoreNamespace, ...], msgspec.Meta(description="All that have values, by name.")]
