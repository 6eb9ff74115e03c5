"""What is known of a value before a workflow runs: its kind.

A kind comes from a contract (an attrs class of :mod:`workflow_core.schema`), from a literal, or from what an expression
is made of. :func:`select` follows a path into one, as the expressions do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
from msgspec import inspect as types

from workflow_core.schema import additional_of, type_of

#: More kinds at once are as good as none.
_MAX_ALTERNATIVES: Final = 8
#: How deep into an object assignments are followed.
_MAX_DEPTH: Final = 20
#: What has no fields.
SCALARS: Final = (
    types.StrType,
    types.UUIDType,
    types.DateTimeType,
    types.DateType,
    types.IntType,
    types.FloatType,
    types.BoolType,
    types.NoneType,
    types.LiteralType,
    types.EnumType,
)


@attrs.frozen
class Unknown:
    """Anything."""


def _told_apart(value: Any) -> Any:
    """Python takes ``1``, ``1.0`` and ``True`` for equal."""
    return type(value).__name__, value


@attrs.frozen
class Constant:
    """One JSON value."""

    value: Any = attrs.field(eq=_told_apart)


@attrs.frozen
class Typed:
    """What a contract says.

    Attributes:
        info: Its type.
        is_open: Whether objects may have more fields than it names, as the payloads of events have.
    """

    info: types.Type
    is_open: bool = False


@attrs.frozen
class Listed:
    """A list whose items are of one kind."""

    item: Kind


@attrs.frozen
class Record:
    """An object that an expression or a mapping makes.

    Attributes:
        fields: What is known of it.
        rest: What any other name gives; None: nothing.
    """

    fields: Mapping[str, Kind]
    rest: Kind | None = None


@attrs.frozen
class Either:
    """One of several kinds."""

    kinds: tuple[Kind, ...]


Kind = Unknown | Constant | Typed | Listed | Record | Either

UNKNOWN: Final = Unknown()
NULL: Final = Constant(None)
TEXT: Final = Typed(types.StrType())
NUMBER: Final = Typed(types.FloatType())
BOOLEAN: Final = Typed(types.BoolType())


def kind_of_class(cls: Any, *, is_open: bool = False) -> Kind:
    """The kind of a contract's values."""
    return Typed(type_of(cls), is_open)


def either(*kinds: Kind) -> Kind:
    """One of several kinds, as simple as it can be said."""
    flat: list[Kind] = []
    for kind in kinds:
        for each in kind.kinds if isinstance(kind, Either) else (kind,):
            if isinstance(each, Unknown):
                return UNKNOWN
            if each not in flat:
                flat.append(each)
    if not flat or len(flat) > _MAX_ALTERNATIVES:
        return UNKNOWN
    return flat[0] if len(flat) == 1 else Either(tuple(flat))


# ── Following a path ─────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class Nowhere:
    """A path leads to nothing.

    Attributes:
        name: What is not there.
        names: What is there instead.
        is_open: Whether it may be there all the same.
    """

    name: str
    names: tuple[str, ...]
    is_open: bool = False


def select(kind: Kind, name: str) -> Kind | Nowhere:
    """What a name selects, as expressions do: from each item of a list."""
    if isinstance(kind, Unknown):
        return UNKNOWN
    if isinstance(kind, Record):
        return kind.fields.get(name) or kind.rest or Nowhere(name, tuple(kind.fields))
    if isinstance(kind, Listed):
        return _one_or_many(select(kind.item, name))
    if isinstance(kind, Either):
        return _any_of((select(each, name) for each in kind.kinds if each != NULL), name)
    if isinstance(kind, Constant):
        return _select_constant(kind.value, name)
    return _select_typed(kind, name)


def select_path(kind: Kind, names: Iterable[str]) -> Kind | Nowhere:
    """What a plain path selects."""
    selected: Kind | Nowhere = kind
    for name in names:
        selected = select(selected, name)  # type: ignore[arg-type]  # left when it is Nowhere
        if isinstance(selected, Nowhere):
            return selected
    return selected


def _select_constant(value: Any, name: str) -> Kind | Nowhere:
    if isinstance(value, Mapping):
        return Constant(value[name]) if name in value else Nowhere(name, tuple(value))
    if isinstance(value, list):
        return _one_or_many(_any_of((_select_constant(item, name) for item in value), name))
    return Nowhere(name, ())


def _select_typed(kind: Typed, name: str) -> Kind | Nowhere:
    info = bare(kind.info)
    if isinstance(info, types.DataclassType):
        for field in info.fields:
            if field.encode_name == name:
                return Typed(field.type, kind.is_open)
        additional = additional_of(info.cls)
        if additional is not None:
            return Typed(type_of(additional), kind.is_open)
        return Nowhere(name, tuple(field.encode_name for field in info.fields), kind.is_open)
    if isinstance(info, types.DictType):
        return Typed(info.value_type, kind.is_open)
    if isinstance(info, types.ListType | types.VarTupleType):
        return _one_or_many(_select_typed(Typed(info.item_type, kind.is_open), name))
    if isinstance(info, types.UnionType):
        return _any_of((_select_typed(Typed(each, kind.is_open), name) for each in present(info)), name)
    return Nowhere(name, ()) if isinstance(info, SCALARS) else UNKNOWN


def _any_of(selected: Iterable[Kind | Nowhere], name: str) -> Kind | Nowhere:
    kinds: list[Kind] = []
    nowhere: Nowhere | None = None
    for each in selected:
        if isinstance(each, Nowhere):
            nowhere = each if nowhere is None or len(each.names) > len(nowhere.names) else nowhere
        else:
            kinds.append(each)
    if kinds:
        return either(*kinds)
    return nowhere or Nowhere(name, (), is_open=True)


def _one_or_many(kind: Kind | Nowhere) -> Kind | Nowhere:
    """JSONata gives the one thing itself, and several as a list; what the items' own lists hold, likewise."""
    if isinstance(kind, Nowhere | Unknown):
        return kind
    item = element_of(kind)
    return either(item, Listed(item))


def fields_of(kind: Kind) -> Mapping[str, Kind] | None:
    """The fields of an object whose fields are known; None for anything else."""
    if isinstance(kind, Record):
        return kind.fields
    if isinstance(kind, Constant) and isinstance(kind.value, Mapping):
        return {name: Constant(item) for name, item in kind.value.items()}
    info = bare(kind.info) if isinstance(kind, Typed) else None
    if isinstance(kind, Typed) and isinstance(info, types.DataclassType):
        return {field.encode_name: Typed(field.type, kind.is_open) for field in info.fields}
    return None


def put(kind: Kind | None, names: Sequence[str], value: Kind) -> Kind:
    """The kind of an object in which a step has set something; of an unknown one where there was none."""
    if not names:
        return value
    if len(names) > _MAX_DEPTH:
        return UNKNOWN
    name, *deeper = names
    fields = None if kind is None else fields_of(kind)
    if fields is None:
        return Record({name: put(None, deeper, value)}, rest=UNKNOWN)
    is_open = (isinstance(kind, Typed) and kind.is_open) or (isinstance(kind, Record) and kind.rest is not None)
    return Record({**fields, name: put(fields.get(name), deeper, value)}, rest=UNKNOWN if is_open else None)


def element_of(kind: Kind) -> Kind:
    """An item of a list; a single thing is a list of one."""
    if isinstance(kind, Listed):
        return kind.item
    if isinstance(kind, Either):
        return either(*(element_of(each) for each in kind.kinds if each != NULL))
    if isinstance(kind, Constant) and isinstance(kind.value, list):
        return either(*(Constant(item) for item in kind.value))
    if isinstance(kind, Typed):
        info = bare(kind.info)
        if isinstance(info, types.ListType | types.VarTupleType):
            return Typed(info.item_type, kind.is_open)
        if isinstance(info, types.UnionType):
            return either(*(element_of(Typed(each, kind.is_open)) for each in present(info)))
    return kind


# ── Types ────────────────────────────────────────────────────────────────────────────────────────────────────────


def bare(info: types.Type) -> types.Type:
    """A type without its annotations."""
    while isinstance(info, types.Metadata):
        info = info.type
    return info


def present(info: types.UnionType) -> list[types.Type]:
    """The types of a union other than null."""
    return [bare(each) for each in info.types if not isinstance(each, types.NoneType)]
