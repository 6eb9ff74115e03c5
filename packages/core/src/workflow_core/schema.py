"""One attrs class is the single source of a value's contract.

From a class this module makes its JSON Schema (:func:`json_schema`), a strict conversion of JSON into an instance
(:func:`convert`), and plain JSON back (:func:`to_json`). Constraints stand in the annotation
(``Annotated[int, msgspec.Meta(ge=1, description="…")]``); a rule across fields stands on the class as
``__rules__ = (AtLeastOne("alert_uid", "external_alert_id"),)`` and shows in the schema too. A field whose name is a
keyword of Python is written with an underscore: ``from_`` is ``from`` in JSON (:func:`json_name`). A class that says
``__additional__ = str`` describes an object with further members, all of that type, of any names.

Conversion is strict and lossless: a numeric string may become an integer, ``true`` may not; every wrong place is
reported at once, with its path.
"""

from __future__ import annotations

import keyword
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Literal, Protocol, TypeVar, cast, runtime_checkable
from uuid import UUID

import attrs
import msgspec
from msgspec import inspect as types

from workflow_core.errors import FieldError, ValidationError
from workflow_core.language._values import MISSING, clean_text
from workflow_core.redaction import REDACTED

T = TypeVar("T")

Unknown = Literal["forbid", "ignore"]

# A secret-bearing field is marked in its schema, so that whoever stores or shows the value knows to hide it.
SECRET_MARK = "x-secret"  # noqa: S105 - the name of a schema keyword
TRIM_MARK = "x-trim"

#: A string that is trimmed, and then not empty.
Trimmed = Annotated[str, msgspec.Meta(min_length=1, extra_json_schema={TRIM_MARK: True})]
#: A moment with its offset from UTC.
Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]

# What PostgreSQL's bigint and every JSON library take; and up to where every whole float is exactly one integer.
_SMALLEST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**63 - 1
_LARGEST_EXACT_FLOAT = 2.0**53

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}\Z")
#: A ``$`` that stands for itself, in brackets or after a backslash, is matched with what surrounds it.
_DOLLAR = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?\Z")


@runtime_checkable
class Rule(Protocol):
    """A rule across the fields of one class."""

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """Answers what is wrong with the converted values, or None."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema that says the same."""


@attrs.frozen(init=False)
class AtLeastOne:
    """At least one of the named fields is given (and not null)."""

    fields: tuple[str, ...]

    def __init__(self, *fields: str) -> None:
        self.__attrs_init__(fields)

    def check(self, values: Mapping[str, Any]) -> FieldError | None:
        """See :class:`Rule`."""
        if any(values.get(name) is not None for name in self.fields):
            return None
        return FieldError("", "RULE", f"give at least one of {', '.join(self.fields)}")

    def schema(self) -> dict[str, Any]:
        """See :class:`Rule`."""
        return {
            "anyOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in self.fields]
        }


def json_name(attribute: str) -> str:
    """The name in JSON of a field: ``from_`` is ``from``, any other its own."""
    bare = attribute.removesuffix("_")
    return bare if keyword.iskeyword(bare) else attribute


def rules_of(cls: type) -> tuple[Rule, ...]:
    """The cross-field rules that a class declares."""
    return tuple(getattr(cls, "__rules__", ()))


# ── JSON Schema ──────────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=1024)
def json_schema(cls: Any) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an attrs class, self-contained: ``$defs`` holds what it refers to.

    The answer is cached and shared: treat it as read-only.

    Raises:
        TypeError: The class uses a type that has no JSON form.
    """
    (reference,), definitions = msgspec.json.schema_components([cls], ref_template="#/$defs/{name}")
    own = reference["$ref"].rsplit("/", 1)[-1]
    for name, definition in definitions.items():
        described = _classes(cls).get(name, object)
        if "properties" in definition:
            definition["properties"] = {json_name(field): kind for field, kind in definition["properties"].items()}
            definition["required"] = [json_name(field) for field in definition["required"]]
        if (additional := additional_of(described)) is not None:
            definition["additionalProperties"] = msgspec.json.schema(additional)
        rules = [rule.schema() for rule in rules_of(described)]
        definition.update(rules[0] if len(rules) == 1 else {"allOf": rules} if rules else {})
    schema = dict(definitions[own])
    if f'"{reference["$ref"]}"' not in msgspec.json.encode(definitions).decode():  # else it refers to itself
        del definitions[own]
    if definitions:
        schema["$defs"] = definitions
    return schema


@lru_cache(maxsize=1024)
def _classes(cls: Any) -> dict[str, type]:
    """The classes in a contract by the names of their definitions: the full name where two share the short one."""
    found: dict[str, type] = {}
    for info in _objects(_type_info(cls)):
        full_name = re.sub(r"[^a-zA-Z0-9.\-_]", "_", f"{info.cls.__module__}.{info.cls.__qualname__}")
        found[info.cls.__name__] = found[full_name] = info.cls
    return found


@lru_cache(maxsize=1024)
def _type_info(cls: Any) -> types.Type:
    info = types.type_info(cls)
    for described in _objects(info):
        for field in described.fields:
            field.encode_name = json_name(field.name)
    return info


def _objects(info: types.Type, seen: set[type] | None = None) -> Iterator[types.DataclassType]:
    """The classes in a contract, each once."""
    seen = set() if seen is None else seen
    inner: list[types.Type] = []
    if isinstance(info, types.DataclassType):
        if info.cls in seen:
            return
        seen.add(info.cls)
        yield info
        inner = [field.type for field in info.fields]
    else:
        parts = (getattr(info, name, None) for name in ("type", "item_type", "key_type", "value_type"))
        inner = [part for part in parts if isinstance(part, types.Type)]
        inner += [*getattr(info, "types", ()), *getattr(info, "item_types", ())]
    for part in inner:
        yield from _objects(part, seen)


def additional_of(cls: type) -> Any:
    """The type of the further members of an object of this class; None where there are none."""
    return getattr(cls, "__additional__", None)


def field_names(cls: type) -> list[str]:
    """The names of a class's fields in JSON, in their order."""
    return [json_name(field.name) for field in attrs.fields(cls)]


def required_fields(cls: type) -> list[str]:
    """The names of the fields that have to be given."""
    return [field.encode_name for field in _object_info(cls).fields if field.required]


def type_of(cls: Any) -> types.Type:
    """What a contract, or the annotation of one of its fields, consists of; shared, so nobody may change it."""
    return _type_info(cls)


def _object_info(cls: type) -> types.DataclassType:
    info = _type_info(cls)
    assert isinstance(info, types.DataclassType)  # noqa: S101 - every contract is an attrs class
    return info


def to_json(value: Any) -> Any:
    """An attrs instance (or any tree of them) as plain JSON values that PostgreSQL takes; see :func:`clean_json`.

    Raises:
        TypeError: It holds something that has no JSON form.
        RecursionError: It is nested too deeply, or holds itself.
    """
    plain = msgspec.to_builtins(value)
    cls = type(value)
    return clean_json(_renamed(_type_info(cls), plain) if attrs.has(cls) and _has_keywords(cls) else plain)


@lru_cache(maxsize=1024)
def _has_keywords(cls: type) -> bool:
    return any(field.encode_name != field.name for info in _objects(_type_info(cls)) for field in info.fields)


def _renamed(info: types.Type, value: Any) -> Any:
    """A value of the class with the names of its fields as JSON has them."""
    info = _bare(info)
    if isinstance(info, types.UnionType):
        for kind in info.types:
            value = _renamed(kind, value)
    elif isinstance(info, types.DataclassType) and isinstance(value, dict):
        fields = {field.name: field for field in info.fields}
        return {
            fields[name].encode_name if name in fields else name: (
                _renamed(fields[name].type, item) if name in fields else item
            )
            for name, item in value.items()
        }
    elif isinstance(info, types.ListType | types.VarTupleType) and isinstance(value, list | tuple):
        return [_renamed(info.item_type, item) for item in value]
    elif isinstance(info, types.DictType) and isinstance(value, dict):
        return {key: _renamed(info.value_type, item) for key, item in value.items()}
    return value


def clean_json(value: Any) -> Any:
    """A JSON value without what PostgreSQL and our JSON library refuse.

    NUL characters and lone surrogates go, NaN and infinity become null, and an integer of more than 64 bits becomes a
    string of its digits.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def mask_secrets(cls: type, value: Any) -> Any:
    """A value of the class with every field that its schema marks as secret (:data:`SECRET_MARK`) hidden."""
    return _masked(_type_info(cls), value, lambda _: REDACTED) if _has_secret(cls) else value


def marked_secrets(cls: type, value: Any) -> list[str]:
    """The strings in a value of the class that stand in fields which its schema marks as secret."""
    if not _has_secret(cls):
        return []
    found: list[str] = []

    def collect(item: Any) -> str:
        if isinstance(item, str):
            found.append(item)
        return REDACTED

    _masked(_type_info(cls), value, collect)
    return found


@lru_cache(maxsize=1024)
def _has_secret(cls: Any) -> bool:
    return f'"{SECRET_MARK}"' in msgspec.json.encode(json_schema(cls)).decode()


def _masked(info: types.Type, value: Any, hide: Callable[[Any], Any]) -> Any:
    while isinstance(info, types.Metadata):
        if (info.extra_json_schema or {}).get(SECRET_MARK) and value is not None:
            return hide(value)
        info = info.type
    if isinstance(info, types.UnionType) and value is not None:
        for kind in info.types:
            value = _masked(kind, value, hide)
        return value
    if isinstance(info, types.DataclassType) and isinstance(value, Mapping):
        kinds = {field.encode_name: field.type for field in info.fields}
        return {key: _masked(kinds[key], item, hide) if key in kinds else item for key, item in value.items()}
    if isinstance(info, types.ListType | types.VarTupleType):
        if isinstance(value, list | tuple):
            return [_masked(info.item_type, item, hide) for item in value]
        return _masked(info.item_type, value, hide)  # a single value may stand for a list of one
    if isinstance(info, types.DictType) and isinstance(value, Mapping):
        return {key: _masked(info.value_type, item, hide) for key, item in value.items()}
    return value


# ── Conversion ───────────────────────────────────────────────────────────────────────────────────────────────────


def convert(cls: type[T], value: Any, *, unknown: Unknown = "forbid", mapped: bool = False) -> T:
    """Converts plain JSON into an instance of an attrs class.

    Args:
        cls: The class to build.
        value: A JSON object.
        unknown: Whether a field that the class does not have is an error or is left out.
        mapped: The value was computed by a mapping: a missing result (:data:`MISSING`) is left to the field's
            default, is ``[]`` for an array and null where null is allowed, and a single value where
            an array is due is a list of one.

    Raises:
        ValidationError: With a :class:`FieldError` for every wrong place.
    """
    run = _Conversion(unknown=unknown, mapped=mapped)
    result = run.convert(_type_info(cast("Any", cls)), value, "")
    if run.errors:
        places = "; ".join(f"{error.path or 'value'}: {error.message}" for error in run.errors[:5])
        more = f" (and {len(run.errors) - 5} more)" if len(run.errors) > 5 else ""
        raise ValidationError(f"{places}{more}", errors=run.errors[:_MAX_ERRORS])
    return cast("T", result)


def field_error_for(cls: type, field: str, value: Any) -> tuple[FieldError, ...]:
    """What is wrong with one literal value of one field; empty when it fits. Paths start at the field."""
    for candidate in _object_info(cls).fields:
        if candidate.encode_name == field:
            run = _Conversion(unknown="forbid", mapped=True)
            run.convert(candidate.type, value, field)
            return tuple(run.errors)
    return (FieldError(field, "UNKNOWN_FIELD", "there is no such field"),)


def errors_for(info: types.Type, value: Any) -> tuple[FieldError, ...]:
    """What keeps a value from being converted into a type as the result of a mapping; empty when nothing does."""
    run = _Conversion(unknown="ignore", mapped=True)
    run.convert(info, value, "")
    return tuple(run.errors)


_WRONG = object()
#: How many wrong places of one value are told.
_MAX_ERRORS: Final = 50


class _Conversion:
    """One conversion: collects the errors while it walks type and value together."""

    def __init__(self, *, unknown: Unknown, mapped: bool) -> None:
        self.unknown = unknown
        self.mapped = mapped
        self.errors: list[FieldError] = []

    def wrong(self, path: str, code: str, message: str) -> Any:
        self.errors.append(FieldError(path, code, message))
        return _WRONG

    def convert(self, info: types.Type, value: Any, path: str) -> Any:
        extra: dict[str, Any] = {}
        while isinstance(info, types.Metadata):
            extra |= info.extra_json_schema or {}
            info = info.type
        if self.mapped and value is MISSING:
            return self._missing(info, path)
        if extra.get(TRIM_MARK) and isinstance(value, str):
            value = value.strip()
        return self._CONVERTERS[type(info)](self, info, value, path)

    def _missing(self, info: types.Type, path: str) -> Any:
        if isinstance(info, types.ListType | types.VarTupleType):
            return self.convert(info, [], path)
        if isinstance(info, types.AnyType) or _nullable(info):
            return None
        return self.wrong(path, "REQUIRED", "is required, and the expression found nothing")

    def _object(self, info: types.DataclassType, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            return self.wrong(path, "TYPE", "must be an object")
        before = len(self.errors)
        values: dict[str, Any] = {}
        for field in info.fields:
            here = f"{path}.{field.encode_name}" if path else field.encode_name
            if field.encode_name not in value:
                if field.required:
                    self.wrong(here, "REQUIRED", "is required")
                continue
            given = value[field.encode_name]
            if self.mapped and given is MISSING and not field.required:
                continue
            values[field.name] = self.convert(field.type, given, here)
        additional = additional_of(info.cls)
        known = {field.encode_name for field in info.fields}
        for name in (name for name in value if name not in known):
            here = f"{path}.{name}" if path else str(name)
            if additional is not None:
                self.convert(_type_info(additional), value[name], here)
            elif self.unknown == "forbid":
                self.wrong(here, "UNKNOWN_FIELD", "there is no such field")
        return _WRONG if len(self.errors) > before else self._instance(info, values, path)

    def _instance(self, info: types.DataclassType, values: dict[str, Any], path: str) -> Any:
        before = len(self.errors)
        named = {json_name(name): item for name, item in values.items()}
        for rule in rules_of(info.cls):
            try:
                problem = rule.check(named)
            except Exception:  # noqa: BLE001 - guards a foreign rule; its words may quote the value
                problem = FieldError("", "RULE", f"cannot be checked by {type(rule).__name__}")
            if problem is not None:
                self.errors.append(attrs.evolve(problem, path=path))
        if len(self.errors) > before:
            return _WRONG
        try:
            return info.cls(**values)
        except Exception:  # noqa: BLE001 - guards a validator of the class's own; its words may quote the value
            return self.wrong(path, "RULE", f"does not make a valid {info.cls.__name__}")

    def _list(self, info: Any, value: Any, path: str) -> Any:
        if isinstance(value, list | tuple):
            items = [self.convert(info.item_type, item, f"{path}[{i}]") for i, item in enumerate(value)]
        elif self.mapped and value is not None:
            items = [self.convert(info.item_type, value, path)]
        else:
            return self.wrong(path, "TYPE", "must be an array")
        self._length(info, items, path, "entries")
        return tuple(items) if isinstance(info, types.VarTupleType) else items

    def _dict(self, info: types.DictType, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            return self.wrong(path, "TYPE", "must be an object")
        self._length(info, value, path, "entries")
        return {
            key: self.convert(info.value_type, item, f"{path}.{key}" if path else key) for key, item in value.items()
        }

    def _union(self, info: types.UnionType, value: Any, path: str) -> Any:
        if value is None and _nullable(info):
            return None
        # What the value is already goes before what it could be made into: "1" stays a string in `int | str`.
        kinds = sorted(
            (kind for kind in info.types if not isinstance(kind, types.NoneType)),
            key=lambda kind: not _is_natural(kind, value),
        )
        best: list[FieldError] = []
        for kind in kinds:
            attempt = _Conversion(unknown=self.unknown, mapped=self.mapped)
            result = attempt.convert(kind, value, path)
            if not attempt.errors:
                return result
            best = best or attempt.errors
        self.errors.extend(best)
        return _WRONG

    def _str(self, info: types.StrType, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self.wrong(path, "TYPE", "must be a string")
        self._length(info, value, path, "characters")
        if info.pattern is not None and _pattern(info.pattern).search(value) is None:
            return self.wrong(path, "FORMAT", f"must match {info.pattern}")
        return value

    def _int(self, info: types.IntType, value: Any, path: str) -> Any:
        if (isinstance(value, str) and _INTEGER.match(value.strip())) or (
            isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_EXACT_FLOAT
        ):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return self.wrong(path, "TYPE", "must be an integer")
        if not _SMALLEST_INTEGER <= value <= _LARGEST_INTEGER:
            return self.wrong(path, "RANGE", "must be an integer of at most 64 bits")
        return self._range(info, value, path)

    def _float(self, info: types.FloatType, value: Any, path: str) -> Any:
        if isinstance(value, str) and _NUMBER.match(value.strip()):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.wrong(path, "TYPE", "must be a number")
        if isinstance(value, float) and not math.isfinite(value):
            return self.wrong(path, "TYPE", "must be a number; JSON has no infinity and no NaN")
        if isinstance(value, int) and not _SMALLEST_INTEGER <= value <= _LARGEST_INTEGER:
            return self.wrong(path, "RANGE", "must be a whole number of at most 64 bits, or a decimal number")
        return self._range(info, value, path)

    def _bool(self, _info: types.BoolType, value: Any, path: str) -> Any:
        return value if isinstance(value, bool) else self.wrong(path, "TYPE", "must be true or false")

    def _none(self, _info: types.NoneType, value: Any, path: str) -> Any:
        return None if value is None else self.wrong(path, "TYPE", "must be null")

    def _any(self, _info: types.AnyType, value: Any, _path: str) -> Any:
        return _without_missing(value) if self.mapped else value

    def _uuid(self, _info: types.UUIDType, value: Any, path: str) -> Any:
        if isinstance(value, UUID):
            return value
        if not isinstance(value, str):
            return self.wrong(path, "TYPE", "must be a UUID")
        try:
            return UUID(value)
        except ValueError:
            return self.wrong(path, "FORMAT", "must be a UUID")

    def _datetime(self, _info: types.DateTimeType, value: Any, path: str) -> Any:
        parsed = value if isinstance(value, datetime) else None
        if isinstance(value, str):
            try:
                parsed = datetime.fromisoformat(value)
            except ValueError:
                parsed = None
        if parsed is None:
            return self.wrong(path, "FORMAT", "must be an ISO 8601 date and time")
        if parsed.tzinfo is None:
            return self.wrong(path, "FORMAT", "must say its offset from UTC, such as a Z at the end")
        try:
            parsed.astimezone(UTC)
        except OverflowError:
            return self.wrong(path, "RANGE", "must be in one of the years 1 to 9999 in UTC")
        return parsed

    def _date(self, _info: types.DateType, value: Any, path: str) -> Any:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            return self.wrong(path, "FORMAT", "must be an ISO 8601 date")

    def _literal(self, info: types.LiteralType, value: Any, path: str) -> Any:
        # `1 == True` in Python: the type decides too.
        if any(value == choice and type(value) is type(choice) for choice in info.values):
            return value
        return self.wrong(path, "CHOICE", f"must be one of {', '.join(map(str, info.values))}")

    def _enum(self, info: types.EnumType, value: Any, path: str) -> Any:
        for member in info.cls:
            if member.value == value and type(value) is type(member.value):
                return member
        return self.wrong(path, "CHOICE", f"must be one of {', '.join(str(m.value) for m in info.cls)}")

    def _range(self, info: Any, value: float, path: str) -> Any:
        for bound, fits, words in (
            (info.ge, operator.ge, "at least"),
            (info.gt, operator.gt, "more than"),
            (info.le, operator.le, "at most"),
            (info.lt, operator.lt, "less than"),
        ):
            if bound is not None and not fits(value, bound):
                return self.wrong(path, "RANGE", f"must be {words} {bound}")
        if info.multiple_of is not None and value % info.multiple_of:
            return self.wrong(path, "RANGE", f"must be a multiple of {info.multiple_of}")
        return value

    def _length(self, info: Any, value: Any, path: str, unit: str) -> None:
        if info.min_length is not None and len(value) < info.min_length:
            self.wrong(path, "LENGTH", f"must have at least {info.min_length} {unit}")
        if info.max_length is not None and len(value) > info.max_length:
            self.wrong(path, "LENGTH", f"must have at most {info.max_length} {unit}")

    _CONVERTERS: ClassVar[dict[type, Callable[[_Conversion, Any, Any, str], Any]]] = {
        types.DataclassType: _object,
        types.ListType: _list,
        types.VarTupleType: _list,
        types.DictType: _dict,
        types.UnionType: _union,
        types.StrType: _str,
        types.IntType: _int,
        types.FloatType: _float,
        types.BoolType: _bool,
        types.NoneType: _none,
        types.AnyType: _any,
        types.UUIDType: _uuid,
        types.DateTimeType: _datetime,
        types.DateType: _date,
        types.LiteralType: _literal,
        types.EnumType: _enum,
    }


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    r"""A pattern as JSON Schema means it: ``$`` is the end, where Python's would let a line feed follow (``\Z``)."""
    return re.compile(_DOLLAR.sub(lambda token: r"\Z" if token[0] == "$" else token[0], text))


def _nullable(info: types.Type) -> bool:
    return isinstance(info, types.NoneType) or (isinstance(info, types.UnionType) and info.includes_none)


#: The types of plain JSON values, and the contracts that take them as they are.
_NATURAL: dict[type, tuple[type[types.Type], ...]] = {
    str: (types.StrType, types.UUIDType, types.DateTimeType, types.DateType, types.LiteralType, types.EnumType),
    bool: (types.BoolType, types.LiteralType),
    int: (types.IntType, types.LiteralType, types.EnumType),
    float: (types.FloatType,),
    list: (types.ListType, types.VarTupleType),
    dict: (types.DataclassType, types.DictType),
}


def _is_natural(info: types.Type, value: Any) -> bool:
    return isinstance(_bare(info), _NATURAL.get(type(value), ()))


def _bare(info: types.Type) -> types.Type:
    while isinstance(info, types.Metadata):
        info = info.type
    return info


def _without_missing(value: Any) -> Any:
    """A free value in which what was missing is null."""
    if value is MISSING:
        return None
    if isinstance(value, Mapping):
        return {key: _without_missing(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_missing(item) for item in value]
    return value


def check_supported(cls: type) -> None:
    """Raises TypeError when a class uses a type that :func:`convert` or :func:`json_schema` cannot serve."""
    if not attrs.has(cls):
        raise TypeError(f"{cls!r} is not an attrs class")

    def visit(info: types.Type, seen: set[type]) -> None:
        info = _bare(info)
        if type(info) not in _Conversion._CONVERTERS:  # noqa: SLF001 - the table is this module's own
            raise TypeError(f"{cls.__name__} uses {type(info).__name__}, which has no conversion")
        if isinstance(info, types.DataclassType):
            if info.cls in seen:
                return
            seen.add(info.cls)
            _check_fields(info.cls)
            for field in info.fields:
                visit(field.type, seen)
        if isinstance(info, types.DictType) and not isinstance(_bare(info.key_type), types.StrType | types.AnyType):
            raise TypeError(f"{cls.__name__} has a mapping whose keys are not strings")
        for name in ("item_type", "value_type"):
            if hasattr(info, name):
                visit(getattr(info, name), seen)
        for inner in getattr(info, "types", ()):
            visit(inner, seen)

    visit(_type_info(cls), set())
    json_schema(cls)


def _check_fields(cls: type) -> None:
    if not attrs.has(cls):
        raise TypeError(f"{cls.__name__} is not an attrs class")
    for field in attrs.fields(cls):
        if not field.init or field.alias != field.name:
            raise TypeError(f"{cls.__name__}.{field.name}: a contract's fields are given by their own names")
