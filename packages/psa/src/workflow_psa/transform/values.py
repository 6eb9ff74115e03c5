"""Lists and objects."""

# ruff: noqa: N815 - fields are named as the existing product's, which stored workflows map into

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import attrs
import msgspec

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError
from workflow_core.schema import Trimmed

_Values = tuple[Any, ...] | None
_FieldName = Annotated[str, msgspec.Meta(min_length=1)]


@attrs.frozen(kw_only=True)
class Items:
    """Output of what gives a list."""

    items: Annotated[tuple[Any, ...], msgspec.Meta(description="The list.")]


@attrs.frozen(kw_only=True)
class Object:
    """Output of what gives an object."""

    object: Annotated[dict[str, Any], msgspec.Meta(description="The object.")]


# ── One value of many ────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class CoalesceValue:
    """Input of ``transform.coalesce_value``."""

    candidates: Annotated[_Values, msgspec.Meta(description="Values, the most wanted first.")] = ()
    treatEmptyStringAsMissing: Annotated[
        bool | None, msgspec.Meta(description="Whether to pass over texts with nothing but white space.")
    ] = True


@attrs.frozen(kw_only=True)
class CoalescedValue:
    """Output of ``transform.coalesce_value``."""

    value: Annotated[Any, msgspec.Meta(description="The first that is there.")] = None
    matchedIndex: Annotated[int | None, msgspec.Meta(description="Which that is, from 0; empty for none.")]


async def coalesce_value(given: CoalesceValue, _ctx: ActionContext) -> CoalescedValue:
    """The first value that is there."""
    for index, value in enumerate(given.candidates or ()):
        empty = given.treatEmptyStringAsMissing is not False and isinstance(value, str) and not value.strip()
        if value is not None and not empty:
            return CoalescedValue(value=value, matchedIndex=index)
    return CoalescedValue(matchedIndex=None)


# ── Objects ──────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class NamedValue:
    """A field of an object that is built."""

    key: Annotated[_FieldName, msgspec.Meta(description="Its name.")]
    value: Annotated[Any, msgspec.Meta(description="Its value.")] = None


@attrs.frozen(kw_only=True)
class BuildObject:
    """Input of ``transform.build_object``."""

    fields: Annotated[tuple[NamedValue, ...] | None, msgspec.Meta(description="The fields of the object.")] = ()


@attrs.frozen(kw_only=True)
class PickFields:
    """Input of ``transform.pick_fields``."""

    source: Annotated[dict[str, Any] | None, msgspec.Meta(description="The object.")] = attrs.Factory(dict)
    fields: Annotated[tuple[_FieldName, ...] | None, msgspec.Meta(description="The fields to keep.")] = ()


@attrs.frozen(kw_only=True)
class Rename:
    """A new name of a field."""

    from_: Annotated[_FieldName, msgspec.Meta(description="What it is called.")]
    to: Annotated[_FieldName, msgspec.Meta(description="What to call it.")]


@attrs.frozen(kw_only=True)
class RenameFields:
    """Input of ``transform.rename_fields``."""

    source: Annotated[dict[str, Any] | None, msgspec.Meta(description="The object.")] = attrs.Factory(dict)
    renames: Annotated[
        tuple[Rename, ...] | None, msgspec.Meta(description="The new names, one after the other; the rest stays.")
    ] = ()


async def build_object(given: BuildObject, _ctx: ActionContext) -> Object:
    """An object of these fields."""
    return Object(object={field.key: field.value for field in given.fields or ()})


async def pick_fields(given: PickFields, _ctx: ActionContext) -> Object:
    """The object with some of its fields only."""
    source = given.source or {}
    return Object(object={name: source[name] for name in given.fields or () if name in source})


async def rename_fields(given: RenameFields, _ctx: ActionContext) -> Object:
    """The object with other names of its fields."""
    fields = dict(given.source or {})
    for rename in given.renames or ():
        if rename.from_ in fields:
            fields[rename.to] = fields.pop(rename.from_)
    return Object(object=fields)


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class AppendArray:
    """Input of ``transform.append_array``."""

    items: Annotated[_Values, msgspec.Meta(description="The list.")] = ()
    values: Annotated[_Values, msgspec.Meta(description="What comes after its items.")] = ()


@attrs.frozen(kw_only=True)
class BuildArray:
    """Input of ``transform.build_array``."""

    items: Annotated[_Values, msgspec.Meta(description="The items, in order.")] = ()


async def append_array(given: AppendArray, _ctx: ActionContext) -> Items:
    """The list with more items."""
    return Items(items=(*(given.items or ()), *(given.values or ())))


async def build_array(given: BuildArray, _ctx: ActionContext) -> Items:
    """A list of these items."""
    return Items(items=given.items or ())


# ── Filtering ────────────────────────────────────────────────────────────────────────────────────────────────────

Op = Literal[
    "=", "!=", "in", "not_in", "exists", "not_exists", ">", ">=", "<", "<=", "contains", "starts_with", "ends_with"
]  # fmt: skip


@attrs.frozen
class _ValueFitsOp:
    """The value is of the kind that the operator compares with."""

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """See :class:`workflow_core.schema.Rule`."""
        op, value = values["op"], values.get("value")
        if op in {"in", "not_in"} and not isinstance(value, list | tuple):
            return FieldError("", "RULE", f"{op} needs a list as value")
        if op in {"starts_with", "ends_with"} and not isinstance(value, str):
            return FieldError("", "RULE", f"{op} needs a text as value")
        return None

    def schema(self) -> dict[str, Any]:
        """See :class:`workflow_core.schema.Rule`."""
        return {
            "allOf": [
                {
                    "if": {"properties": {"op": {"enum": list(ops)}}},
                    "then": {"required": ["value"], "properties": {"value": {"type": kind}}},
                }
                for ops, kind in ((("in", "not_in"), "array"), (("starts_with", "ends_with"), "string"))
            ]
        }


@attrs.frozen(kw_only=True)
class Condition:
    """What an item has to be like."""

    __rules__: ClassVar = (_ValueFitsOp(),)

    path: Annotated[
        Trimmed | None,
        msgspec.Meta(description="Where in the item, such as client.name or tags[0]; empty for the item itself."),
    ] = None
    op: Annotated[Op, msgspec.Meta(description="How to compare.")]
    value: Annotated[Any, msgspec.Meta(description="What to compare with; exists and not_exists need nothing.")] = None


@attrs.frozen(kw_only=True)
class FilterArray:
    """Input of ``transform.filter_array``."""

    items: Annotated[_Values, msgspec.Meta(description="The list.")] = ()
    conditions: Annotated[
        tuple[Condition, ...], msgspec.Meta(max_length=100, description="What an item has to be like.")
    ]
    match: Annotated[
        Literal["all", "any"] | None, msgspec.Meta(description="Whether all conditions have to hold, or one of them.")
    ] = "all"


@attrs.frozen(kw_only=True)
class FilteredArray:
    """Output of ``transform.filter_array``."""

    items: Annotated[tuple[Any, ...], msgspec.Meta(description="The items that are like this, in order.")]
    first: Annotated[Any, msgspec.Meta(description="The first of them.")]
    count: Annotated[int, msgspec.Meta(description="How many there are.")]


async def filter_array(given: FilterArray, _ctx: ActionContext) -> FilteredArray:
    """The items for which the conditions hold."""
    enough = any if given.match == "any" else all
    tests = [_test(condition) for condition in given.conditions]
    items = tuple(item for item in given.items or () if enough(holds(item) for holds in tests))
    return FilteredArray(items=items, first=items[0] if items else None, count=len(items))


_STEP = re.compile(r"\[([0-9]{1,9})\]|[^.\[]+")
_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def _steps(path: str | None) -> list[str | int]:
    return [step[0] if step[1] is None else int(step[1]) for step in _STEP.finditer(path or "")]


def _at(item: Any, steps: Iterable[str | int]) -> Any:
    """The value at a path in an item; None where there is none."""
    for step in steps:
        if isinstance(step, int):
            item = item[step] if isinstance(item, list | tuple) and step < len(item) else None
        else:
            item = item.get(step) if isinstance(item, Mapping) else None
        if item is None:
            break
    return item


def _test(condition: Condition) -> Callable[[Any], bool]:
    """Whether the condition holds for an item; what needs to be done only once is done here."""
    steps, holds = _steps(condition.path), _comparison(condition.op, condition.value)
    return lambda item: holds(_at(item, steps))


def _comparison(op: Op, value: Any) -> Callable[[Any], bool]:
    """Whether what was found in an item compares to the value as the operator says."""
    wanted = _key(value)
    match op:
        case "=":
            return lambda found: bool(_key(found) == wanted)
        case "!=":
            return lambda found: bool(_key(found) != wanted)
        case "in" | "not_in":
            keys = {_key(one) for one in value}
            return lambda found: (_key(found) in keys) is (op == "in")
        case "exists":
            return lambda found: found is not None
        case "not_exists":
            return lambda found: found is None
        case "contains":
            return lambda found: (
                any(_key(one) == wanted for one in found)
                if isinstance(found, list | tuple)
                else isinstance(found, str) and isinstance(value, str) and value in found
            )
        case "starts_with":
            return lambda found: isinstance(found, str) and found.startswith(value)
        case "ends_with":
            return lambda found: isinstance(found, str) and found.endswith(value)
        case order:
            return lambda found: _kind(found) == _kind(value) in {"number", "text"} and _ORDER[order](found, value)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def _key(value: Any) -> Any:
    """Equal for values that are equal as JSON, where ``1`` is ``1.0`` and no ``true``; to be looked up in a set."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, Mapping):
        return ("object", frozenset((name, _key(item)) for name, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", tuple(map(_key, value)))
    return value
