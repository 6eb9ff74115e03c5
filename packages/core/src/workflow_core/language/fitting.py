"""Whether a value of some kind can go into a field: what the executor's strict conversion could ever take.

Only what cannot be is refused. Text may hold a number, so it goes into an integer (as a device's id does); a number is
no text, and nothing but true and false is true or false. That a value may be null or missing is left to the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs
from msgspec import inspect as types

from workflow_core.language.kinds import (
    NULL,
    SCALARS,
    Constant,
    Either,
    Kind,
    Listed,
    Record,
    Typed,
    Unknown,
    bare,
    element_of,
    fields_of,
    present,
)
from workflow_core.schema import errors_for

#: Contracts may hold themselves: beyond this nothing is said.
_MAX_DEPTH: Final = 10
_TEXT: Final = (types.StrType, types.UUIDType, types.DateTimeType, types.DateType)
_LISTS: Final = (types.ListType, types.VarTupleType)
_KNOWN: Final = (*SCALARS, *_LISTS, types.DataclassType, types.DictType, types.UnionType)


@attrs.frozen
class Misfit:
    """No value of a kind can be converted.

    Attributes:
        path: Where in the value, such as ``primary.id``; empty for the whole.
        wanted: Such as ``must be an integer``.
        given: Such as ``a list``.
        is_number_for_text: Whether ``$string(…)`` would help.
    """

    path: str
    wanted: str
    given: str
    is_number_for_text: bool = False


def misfit(kind: Kind, info: types.Type, path: str = "", depth: int = 0) -> Misfit | None:
    """Why no value of a kind can be converted into a type; None when one can.

    Args:
        kind: Of what is given.
        info: The type of the field.
        path: Where in the field it stands.
        depth: How far inside.
    """
    info = bare(info)
    if depth > _MAX_DEPTH or not isinstance(info, _KNOWN):
        return None
    first: Misfit | None = None
    for each in _alternatives(kind):
        problem = _misfit(each, info, path, depth)
        if problem is None:
            return None
        first = first or problem
    return first


def _alternatives(kind: Kind) -> list[Kind]:
    """The kinds that a kind may turn out to be; null only when there is nothing else."""
    found: list[Kind] = []
    stack = [kind]
    while stack:
        each = stack.pop()
        info = bare(each.info) if isinstance(each, Typed) else None
        if isinstance(each, Either):
            stack += reversed(each.kinds)
        elif isinstance(each, Typed) and isinstance(info, types.UnionType):
            stack += [Typed(inner, each.is_open) for inner in reversed(present(info))]
        elif isinstance(info, types.LiteralType | types.EnumType):
            found += map(Constant, _choices(info))
        elif each != NULL and not isinstance(info, types.NoneType):
            found.append(each)
    return found or [NULL]


def _misfit(kind: Kind, info: types.Type, path: str, depth: int) -> Misfit | None:
    """The same for a kind that is one thing."""
    if isinstance(kind, Unknown) or (isinstance(kind, Typed) and not isinstance(bare(kind.info), _KNOWN)):
        return None
    if isinstance(kind, Constant):
        return _constant_misfit(kind.value, info, path)
    if isinstance(info, types.UnionType):
        problems = [misfit(kind, each, path, depth) for each in present(info)]
        return None if None in problems else problems[0]
    if isinstance(info, types.ListType | types.VarTupleType):
        return misfit(element_of(kind), info.item_type, path, depth + 1)
    if isinstance(kind, Listed) or (isinstance(kind, Typed) and isinstance(bare(kind.info), _LISTS)):
        return Misfit(path, _wanted(info), "a list")
    fields = fields_of(kind)
    if fields is not None:
        return _object_misfit(kind, fields, info, path, depth)
    return _simple_misfit(bare(kind.info), info, path) if isinstance(kind, Typed) else None


def _constant_misfit(value: Any, info: types.Type, path: str) -> Misfit | None:
    wrong = errors_for(info, value)
    if not wrong:
        return None
    inner = wrong[0].path
    place = f"{path}.{inner}" if path and inner and not inner.startswith("[") else path + inner
    return Misfit(place, wrong[0].message, _given_constant(value), isinstance(value, int | float) and _is_text(info))


def _object_misfit(kind: Kind, fields: Mapping[str, Kind], info: types.Type, path: str, depth: int) -> Misfit | None:
    def inner(name: str) -> str:
        return f"{path}.{name}" if path else name

    if isinstance(info, types.DictType):
        values = (misfit(each, info.value_type, inner(name), depth + 1) for name, each in fields.items())
        return next((problem for problem in values if problem is not None), None)
    if not isinstance(info, types.DataclassType):
        return Misfit(path, _wanted(info), "an object")
    is_whole = kind.rest is None if isinstance(kind, Record) else isinstance(kind, Typed) and not kind.is_open
    for field in info.fields:
        known = fields.get(field.encode_name)
        if known is not None:
            problem = misfit(known, field.type, inner(field.encode_name), depth + 1)
            if problem is not None:
                return problem
        elif field.required and is_whole:
            return Misfit(inner(field.encode_name), "is required", "an object without it")
    return None


def _simple_misfit(given: types.Type, wanted: types.Type, path: str) -> Misfit | None:
    if isinstance(given, types.BoolType):
        fits = isinstance(wanted, types.BoolType) or _has_choice(wanted, bool)
    elif isinstance(given, types.IntType | types.FloatType):
        fits = isinstance(wanted, types.IntType | types.FloatType) or _has_choice(wanted, int)
    elif isinstance(given, types.StrType):
        fits = isinstance(wanted, (*_TEXT, types.IntType, types.FloatType)) or _has_choice(wanted, str)
    elif isinstance(given, types.DictType):
        fits = isinstance(wanted, types.DictType | types.DataclassType)
    else:
        fits = isinstance(wanted, types.StrType | type(given))
    if fits:
        return None
    is_number = isinstance(given, types.IntType | types.FloatType | types.BoolType)
    return Misfit(path, _wanted(wanted), _GIVEN.get(type(given), "an object"), is_number and _is_text(wanted))


def _has_choice(wanted: types.Type, of: type) -> bool:
    choices = _choices(wanted) if isinstance(wanted, types.LiteralType | types.EnumType) else ()
    return any(isinstance(choice, of) for choice in choices)


def _choices(info: types.LiteralType | types.EnumType) -> tuple[Any, ...]:
    if isinstance(info, types.LiteralType):
        return tuple(info.values)
    return tuple(member.value for member in info.cls)


def _is_text(info: types.Type) -> bool:
    return isinstance(info, types.StrType)


# ── The field that a part of a mapping goes to ───────────────────────────────────────────────────────────────────


def target_of(info: types.Type, place: Iterable[str | int]) -> types.Type:
    """The type that a contract has at a place of a mapping; any type where that cannot be said."""
    for name in place:
        info = _inner_type(bare(info), name)
    return info


def _inner_type(info: types.Type, name: str | int) -> types.Type:
    if isinstance(info, types.DataclassType):
        return next((field.type for field in info.fields if field.encode_name == name), types.AnyType())
    if isinstance(info, types.DictType) and isinstance(name, str):
        return info.value_type
    if isinstance(info, types.ListType | types.VarTupleType):
        return info.item_type if isinstance(name, int) else _inner_type(bare(info.item_type), name)
    if isinstance(info, types.UnionType):
        inner = [_inner_type(bare(each), name) for each in present(info)]
        known = [each for each in inner if not isinstance(each, types.AnyType)]
        return known[0] if len(known) == 1 else types.AnyType()
    return types.AnyType()


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────

_GIVEN: Final[Mapping[type[types.Type], str]] = MappingProxyType(
    {
        types.StrType: "a string",
        types.UUIDType: "a UUID",
        types.DateTimeType: "a date and time",
        types.DateType: "a date",
        types.IntType: "an integer",
        types.FloatType: "a number",
        types.BoolType: "true or false",
    }
)


def _wanted(info: types.Type) -> str:
    if isinstance(info, types.LiteralType | types.EnumType):
        return f"must be one of {', '.join(map(str, _choices(info)))}"
    return f"must be {_GIVEN.get(type(info), 'an object')}"


def _given_constant(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "a number"
    return "a string" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
