"""One attrs class as the source of conversion, schema and masks."""

import enum
import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_core.errors import FieldError, ValidationError
from workflow_core.language.expressions import MISSING
from workflow_core.redaction import REDACTED
from workflow_core.schema import (
    SECRET_MARK,
    AtLeastOne,
    Timestamp,
    Trimmed,
    check_supported,
    clean_json,
    convert,
    field_error_for,
    field_names,
    json_schema,
    mask_secrets,
    rules_of,
    to_json,
)

Secret = Annotated[str, msgspec.Meta(extra_json_schema={SECRET_MARK: True})]


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    ONE = 1
    TWO = 2


@attrs.frozen
class Item:
    """One thing."""

    sku: Trimmed
    count: Annotated[int, msgspec.Meta(ge=1, le=10, description="How many.")] = 1
    price: float | None = None


@attrs.frozen
class Order:
    """What somebody wants."""

    __rules__ = (AtLeastOne("buyer", "account"),)

    reference: UUID
    items: list[Item]
    buyer: str | None = None
    account: int | None = None
    colour: Colour | None = None
    placed: Timestamp | None = None
    day: date | None = None
    tags: tuple[str, ...] = ()
    extra: dict[str, Any] = attrs.Factory(dict)
    by_place: dict[str, Item] = attrs.Factory(dict)


@attrs.frozen
class Node:
    name: str
    children: list["Node"] = attrs.Factory(list)


def holder(annotation: Any, **field: Any) -> type:
    """A class with one field, ``value``."""
    return attrs.make_class("Holder", {"value": attrs.field(type=annotation, **field)}, frozen=True)


def converted(annotation: Any, value: Any, **how: Any) -> Any:
    """What one field becomes."""
    return convert(holder(annotation), {"value": value}, **how).value


def errors(cls: Any, value: Any, **how: Any) -> list[tuple[str, str]]:
    """Paths and codes of everything that is wrong."""
    with pytest.raises(ValidationError) as caught:
        convert(cls, value, **how)
    return [(error.path, error.code) for error in caught.value.errors]


# ── Conversion of single values ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (int, 7, 7),
        (int, "7", 7),
        (int, " +07 ", 7),
        (int, "-7", -7),
        (int, 7.0, 7),
        (int, -0.0, 0),
        (int, 2.0**53, 2**53),
        (int, 2**63 - 1, 2**63 - 1),
        (float, 7, 7),
        (float, 1.5, 1.5),
        (float, " 1.50 ", 1.5),
        (float, "-2", -2.0),
        (bool, True, True),
        (bool, False, False),
        (str, "", ""),
        (str, " 1 ", " 1 "),
        (Trimmed, "  a b ", "a b"),
        (Trimmed | None, " a ", "a"),
        (Trimmed | None, None, None),
        (Any, {"a": [1, None]}, {"a": [1, None]}),
        (UUID, "12345678123456781234567812345678", UUID("12345678-1234-5678-1234-567812345678")),
        (UUID, UUID(int=1), UUID(int=1)),
        (Timestamp, "2026-07-01T12:00:00Z", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        (
            Timestamp,
            "2026-07-01T12:00:00.5+02:00",
            datetime(2026, 7, 1, 12, 0, 0, 500000, timezone(timedelta(hours=2))),
        ),
        (Timestamp, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)),
        (date, "2026-07-01", date(2026, 7, 1)),
        (Literal["a", 1], "a", "a"),
        (Literal["a", 1], 1, 1),
        (Literal["a"] | None, None, None),
        (Colour, "red", Colour.RED),
        (Level, 2, Level.TWO),
        (list[int], ["1", 2], [1, 2]),
        (tuple[int, ...], ["1", 2], (1, 2)),
        (dict[str, int], {"a": "1"}, {"a": 1}),
        (int | None, None, None),
        (int | None, "3", 3),
        (int | str, "3", "3"),
        (int | str, 3, 3),
        (str | int, 3, 3),
        (int | float, 1.0, 1.0),
        (int | float, "1.5", 1.5),
        (list[int] | str, "3", "3"),
        (bool | int, "3", 3),
        (UUID | int, "3", 3),
    ],
)
def test_takes(annotation: Any, value: Any, expected: Any) -> None:
    """What is, or is losslessly, of the type is taken; a union takes what a value is before what it could become."""
    found = converted(annotation, value)
    assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize(
    ("annotation", "value", "error"),
    [
        (int, True, ("TYPE", "must be an integer")),
        (int, 7.5, ("TYPE", "must be an integer")),
        (int, "7.0", ("TYPE", "must be an integer")),
        (int, "7 000", ("TYPE", "must be an integer")),
        (int, "", ("TYPE", "must be an integer")),
        (int, "٧", ("TYPE", "must be an integer")),
        (int, "7\n8", ("TYPE", "must be an integer")),
        (int, None, ("TYPE", "must be an integer")),
        (int, math.nan, ("TYPE", "must be an integer")),
        (int, math.inf, ("TYPE", "must be an integer")),
        (int, 1e300, ("TYPE", "must be an integer")),
        (int, 2**63, ("RANGE", "must be an integer of at most 64 bits")),
        (int, "9" * 40, ("RANGE", "must be an integer of at most 64 bits")),
        (float, False, ("TYPE", "must be a number")),
        (float, "1e5", ("TYPE", "must be a number")),
        (float, "NaN", ("TYPE", "must be a number")),
        (float, math.nan, ("TYPE", "must be a number; JSON has no infinity and no NaN")),
        (float, -math.inf, ("TYPE", "must be a number; JSON has no infinity and no NaN")),
        (float, 10**400, ("RANGE", "must be a whole number of at most 64 bits, or a decimal number")),
        (bool, 1, ("TYPE", "must be true or false")),
        (bool, "true", ("TYPE", "must be true or false")),
        (str, 1, ("TYPE", "must be a string")),
        (str, True, ("TYPE", "must be a string")),
        (str, None, ("TYPE", "must be a string")),
        (str, ["a"], ("TYPE", "must be a string")),
        (Trimmed, "   ", ("LENGTH", "must have at least 1 characters")),
        (UUID, "7", ("FORMAT", "must be a UUID")),
        (UUID, 7, ("TYPE", "must be a UUID")),
        (Timestamp, "2026-07-01T12:00:00", ("FORMAT", "must say its offset from UTC, such as a Z at the end")),
        (Timestamp, "yesterday", ("FORMAT", "must be an ISO 8601 date and time")),
        (Timestamp, 1751371200, ("FORMAT", "must be an ISO 8601 date and time")),
        (date, "2026-07-01T12:00:00Z", ("FORMAT", "must be an ISO 8601 date")),
        (date, 20260701, ("FORMAT", "must be an ISO 8601 date")),
        (Literal["a", 1], True, ("CHOICE", "must be one of 1, a")),
        (Literal["a", 1], "1", ("CHOICE", "must be one of 1, a")),
        (Literal["a", 1], 1.0, ("CHOICE", "must be one of 1, a")),
        (Level, True, ("CHOICE", "must be one of 1, 2")),
        (Level, "1", ("CHOICE", "must be one of 1, 2")),
        (Colour, "green", ("CHOICE", "must be one of red, blue")),
        (list[int], "1", ("TYPE", "must be an array")),
        (list[int], {"0": 1}, ("TYPE", "must be an array")),
        (dict[str, int], [1], ("TYPE", "must be an object")),
        (Item, "a", ("TYPE", "must be an object")),
        (int | None, "x", ("TYPE", "must be an integer")),
        (int | str, True, ("TYPE", "must be an integer")),
        (Annotated[int, msgspec.Meta(ge=2)], 1, ("RANGE", "must be at least 2")),
        (Annotated[int, msgspec.Meta(gt=2)], "2", ("RANGE", "must be more than 2")),
        (Annotated[float, msgspec.Meta(le=2)], 2.5, ("RANGE", "must be at most 2")),
        (Annotated[float, msgspec.Meta(lt=2)], 2, ("RANGE", "must be less than 2")),
        (Annotated[int, msgspec.Meta(multiple_of=5)], 7, ("RANGE", "must be a multiple of 5")),
        (Annotated[str, msgspec.Meta(max_length=2)], "abc", ("LENGTH", "must have at most 2 characters")),
        (Annotated[str, msgspec.Meta(pattern="^[a-z]+$")], "A", ("FORMAT", "must match ^[a-z]+$")),
        (Annotated[str, msgspec.Meta(pattern="^[a-z]+$")], "a\n", ("FORMAT", "must match ^[a-z]+$")),
        (Annotated[str, msgspec.Meta(pattern=r"^[$\]]\$($|x)")], "$$\n", ("FORMAT", r"must match ^[$\]]\$($|x)")),
        (Annotated[list[int], msgspec.Meta(min_length=1)], [], ("LENGTH", "must have at least 1 entries")),
        (Annotated[dict[str, int], msgspec.Meta(max_length=0)], {"a": 1}, ("LENGTH", "must have at most 0 entries")),
    ],
)  # fmt: skip
def test_refuses(annotation: Any, value: Any, error: tuple[str, str]) -> None:
    """What would lose something, or would have to be guessed, is refused; the message never shows the value."""
    with pytest.raises(ValidationError) as caught:
        converted(annotation, value)
    assert (FieldError("value", *error),) == caught.value.errors


# ── Conversion of objects ────────────────────────────────────────────────────────────────────────────────────────


def test_object() -> None:
    """Plain JSON becomes an instance, with the class's defaults where nothing is given."""
    reference = "12345678-1234-5678-1234-567812345678"
    order = convert(Order, {"reference": reference, "items": [{"sku": " a ", "count": "2"}], "buyer": "Ada"})
    assert Order(reference=UUID(reference), items=[Item("a", 2)], buyer="Ada") == order


def test_all_errors_at_once() -> None:
    """Every wrong place is reported in one go, with its exact path."""
    value = {
        "items": [{"sku": "a"}, {"count": 0}, 3, {"sku": " ", "count": True, "weight": 1}],
        "colour": "green",
        "tags": ["a", 1],
        "by_place": {"shelf 1": {"sku": "a", "price": "cheap"}},
        "discount": 5,
    }
    assert [
        ("reference", "REQUIRED"),
        ("items[1].sku", "REQUIRED"),
        ("items[1].count", "RANGE"),
        ("items[2]", "TYPE"),
        ("items[3].sku", "LENGTH"),
        ("items[3].count", "TYPE"),
        ("items[3].weight", "UNKNOWN_FIELD"),
        ("colour", "CHOICE"),
        ("tags[1]", "TYPE"),
        ("by_place.shelf 1.price", "TYPE"),
        ("discount", "UNKNOWN_FIELD"),
    ] == errors(Order, value)


def test_message() -> None:
    """The message has the first five places; the details have all, as plain JSON."""
    with pytest.raises(ValidationError) as caught:
        convert(Node, {"name": "a", "children": [1, 2, 3, 4, 5, 6, 7]})
    first = "; ".join(f"children[{i}]: must be an object" for i in range(5))
    assert f"{first} (and 2 more)" == caught.value.message
    assert 7 == len(caught.value.details["errors"])
    assert {"path": "children[6]", "code": "TYPE", "message": "must be an object"} == (
        caught.value.details["errors"][6]
    )
    with pytest.raises(ValidationError, match=r"^value: must be an object$"):
        convert(Node, None)


def test_unknown_fields() -> None:
    """Unknown fields are errors at a strict edge, at every depth, and left out at a lenient one."""
    value = {"name": "a", "x": 1, "children": [{"name": "b", "y": 2}]}
    assert [("children[0].y", "UNKNOWN_FIELD"), ("x", "UNKNOWN_FIELD")] == errors(Node, value)
    assert Node("a", [Node("b")]) == convert(Node, value, unknown="ignore")
    assert [("3", "UNKNOWN_FIELD")] == errors(Node, {"name": "a", 3: 4})


def test_values_are_not_shared() -> None:
    """Defaults are made anew for each instance."""
    assert convert(Node, {"name": "a"}).children is not convert(Node, {"name": "a"}).children


def test_own_validators() -> None:
    """A class may have validators of its own; their words, which may quote the value, stay out of the message."""

    def refuse(_instance: Any, _field: Any, value: Any) -> None:
        raise ValueError(f"not {value}")

    cls = holder(str, validator=refuse)
    with pytest.raises(ValidationError) as caught:
        convert(cls, {"value": "hunter2"})
    assert (FieldError("", "RULE", "does not make a valid Holder"),) == caught.value.errors


# ── Rules across fields ──────────────────────────────────────────────────────────────────────────────────────────


def test_at_least_one() -> None:
    """One of the named fields has to be given, and not null; the error stands at the object."""
    base = {"reference": str(UUID(int=1)), "items": []}
    assert 3 == convert(Order, {**base, "account": "3"}).account
    for value in (base, {**base, "buyer": None}):
        with pytest.raises(ValidationError) as caught:
            convert(Order, value)
        assert (FieldError("", "RULE", "give at least one of buyer, account"),) == caught.value.errors

    nested = holder(list[Order])
    assert [("value[0]", "RULE")] == errors(nested, {"value": [base]})


def test_rules_wait_for_sound_fields() -> None:
    """A rule judges converted values only: with a wrong field, the field is what is reported."""
    assert [("account", "TYPE")] == errors(Order, {"reference": str(UUID(int=1)), "items": [], "account": "x"})


def test_rules_in_the_schema() -> None:
    """A rule shows in the JSON Schema of its class, wherever the class stands; several rules all do."""
    rule = {
        "anyOf": [
            {"required": ["buyer"], "properties": {"buyer": {"not": {"type": "null"}}}},
            {"required": ["account"], "properties": {"account": {"not": {"type": "null"}}}},
        ]
    }
    assert (AtLeastOne("buyer", "account"),) == rules_of(Order)
    assert rule["anyOf"] == json_schema(Order)["anyOf"]
    assert rule["anyOf"] == json_schema(holder(list[Order]))["$defs"]["Order"]["anyOf"]

    @attrs.frozen
    class Both:
        __rules__ = (AtLeastOne("a", "b"), AtLeastOne("c", "d"))

        a: int | None = None
        b: int | None = None
        c: int | None = None
        d: int | None = None

    assert [rule.schema() for rule in Both.__rules__] == json_schema(Both)["allOf"]
    assert [("", "RULE"), ("", "RULE")] == errors(Both, {})
    assert Both(a=1, d=2) == convert(Both, {"a": 1, "d": 2})


def test_rules_of_classes_with_one_name() -> None:
    """Two classes that share a name keep their own rules."""

    def order(*fields: str) -> type:
        cls = attrs.make_class("Order", {name: attrs.field(type=int | None, default=None) for name in fields})
        cls.__rules__ = (AtLeastOne(*fields),)
        cls.__qualname__ = "_".join(fields)
        return cls

    one, two = order("a", "b"), order("c", "d")
    both = attrs.make_class("Both", {"one": attrs.field(type=one), "two": attrs.field(type=two)})
    definitions = json_schema(both)["$defs"]
    assert sorted([one.__rules__[0].schema()["anyOf"], two.__rules__[0].schema()["anyOf"]], key=str) == sorted(
        (definition["anyOf"] for definition in definitions.values()), key=str
    )


# ── Mapped values ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (list[int], []),
        (tuple[int, ...], ()),
        (int | None, None),
        (list[int] | None, None),
        (Any, None),
    ],
)
def test_missing(annotation: Any, expected: Any) -> None:
    """Where an expression found nothing: an empty list for an array, null where null is allowed."""
    assert expected == converted(annotation, MISSING, mapped=True)


def test_missing_takes_the_default() -> None:
    """Where an expression found nothing, a field with a default has it."""
    cls = holder(int, default=5)
    assert 5 == convert(cls, {"value": MISSING}, mapped=True).value
    assert [] == convert(Node, {"name": "a", "children": MISSING}, mapped=True).children
    order = {"reference": str(UUID(int=1)), "items": MISSING, "buyer": "Ada", "colour": MISSING}
    assert Order(UUID(int=1), [], "Ada") == convert(Order, order, mapped=True)


def test_missing_and_required() -> None:
    """Where an expression found nothing for a required field, the message says that it was the expression."""
    message = "is required, and the expression found nothing"
    for annotation in (int, str, Item, dict[str, int], bool):
        with pytest.raises(ValidationError) as caught:
            converted(annotation, MISSING, mapped=True)
        assert (FieldError("value", "REQUIRED", message),) == caught.value.errors
    assert [("value[1]", "REQUIRED")] == errors(holder(list[int]), {"value": [1, MISSING]}, mapped=True)
    assert [("value.a", "REQUIRED")] == errors(holder(dict[str, int]), {"value": {"a": MISSING}}, mapped=True)


def test_missing_in_a_free_mapping() -> None:
    """In a free value, at every depth, what was missing is null."""
    value = {"a": MISSING, "b": [1, MISSING, {"c": MISSING}]}
    expected = {"a": None, "b": [1, None, {"c": None}]}
    assert expected == converted(Any, value, mapped=True)
    assert expected == converted(dict[str, Any], value, mapped=True)


def test_missing_counts_for_rules() -> None:
    """An optional field whose expression found nothing does not satisfy "at least one"."""
    value = {"reference": str(UUID(int=1)), "items": [], "buyer": MISSING}
    assert [("", "RULE")] == errors(Order, value, mapped=True)


def test_marker_outside_of_mappings() -> None:
    """Outside of mappings the marker is a value like any other."""
    assert {"$missing": True} == converted(Any, {"$missing": True}, mapped=True)
    assert [("value", "TYPE")] == errors(holder(int), {"value": {"$missing": True}}, mapped=True)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (list[int], "3", [3]),
        (tuple[str, ...], "a", ("a",)),
        (list[Item], {"sku": "a"}, [Item("a")]),
        (list[int] | None, 3, [3]),
        (list[int], [3], [3]),
        (list[str] | str, "a", "a"),
    ],
)
def test_single_value_for_an_array(annotation: Any, value: Any, expected: Any) -> None:
    """JSONata gives the thing itself where a path matches one: it becomes a list of one."""
    assert expected == converted(annotation, value, mapped=True)


def test_null_is_no_list_of_one() -> None:
    """Null where an array is due stays an error."""
    assert [("value", "TYPE")] == errors(holder(list[int]), {"value": None}, mapped=True)


def test_one_literal_field() -> None:
    """Publish validation asks about one field at a time; paths start at the field."""
    assert () == field_error_for(Order, "items", [{"sku": "a"}])
    assert (FieldError("items[0].count", "RANGE", "must be at most 10"),) == field_error_for(
        Order, "items", [{"sku": "a", "count": 11}]
    )
    assert (FieldError("nothing", "UNKNOWN_FIELD", "there is no such field"),) == field_error_for(Order, "nothing", 1)


# ── JSON Schema ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_json_schema() -> None:
    """The schema has constraints, descriptions and defaults, and holds in ``$defs`` all that it refers to."""
    assert {
        "title": "Bag",
        "description": "Things together.",
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}, "minItems": 1},
            "colour": {"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "null"}], "default": None},
            "key": {"anyOf": [{"type": "string", "x-secret": True}, {"type": "null"}], "default": None},
        },
        "required": ["items"],
        "$defs": {
            "Item": {
                "title": "Item",
                "description": "One thing.",
                "type": "object",
                "properties": {
                    "sku": {"type": "string", "minLength": 1, "x-trim": True},
                    "count": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 10,
                        "description": "How many.",
                        "default": 1,
                    },
                    "price": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
                },
                "required": ["sku"],
            },
            "Colour": {"title": "Colour", "enum": ["blue", "red"]},
        },
    } == json_schema(Bag)


@attrs.frozen
class Bag:
    """Things together."""

    items: Annotated[list[Item], msgspec.Meta(min_length=1)]
    colour: Colour | None = None
    key: Secret | None = None


def test_recursive_schema() -> None:
    """A class that refers to itself has a self-contained schema too."""
    schema = json_schema(Node)
    assert {"type": "array", "items": {"$ref": "#/$defs/Node"}} == schema["properties"]["children"]
    assert {key: schema[key] for key in ("title", "type", "properties", "required")} == schema["$defs"]["Node"]


def references(value: Any) -> set[str]:
    """All references in a schema."""
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("cls", [Order, Node, Item, Bag])
def test_schema_is_self_contained(cls: type) -> None:
    """Every reference leads into the schema itself."""
    schema = json_schema(cls)
    assert references(schema) <= {f"#/$defs/{name}" for name in schema.get("$defs", {})}


def test_field_names() -> None:
    """Names come in the order of the class."""
    assert ["sku", "count", "price"] == field_names(Item)


class Mixed(enum.Enum):
    A = "a"
    ONE = 1


@pytest.mark.parametrize(
    "annotation",
    [set[int], bytes, complex, dict[int, str], Mixed, tuple[int, str], timedelta, dict[str, bytes], list[set[int]]],
)
def test_unsupported(annotation: Any) -> None:
    """A contract with a type that conversion does not serve is refused when it is loaded, not when it is used."""
    with pytest.raises(TypeError):
        check_supported(holder(annotation))


def test_unsupported_classes() -> None:
    """A contract is an attrs class whose fields are given by their own names."""

    @attrs.frozen
    class Private:
        _name: str

    @attrs.frozen
    class Computed:
        name: str = attrs.field(init=False, default="")

    class Plain:
        pass

    for cls in (Private, Computed, Plain, holder(Plain), holder(Private), int):
        with pytest.raises(TypeError):
            check_supported(cls)
    for cls in (Order, Node, Item, Bag):
        check_supported(cls)


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class Login:
    user: str
    password: Secret
    old: list[Secret] = attrs.Factory(list)
    token: Annotated[dict[str, str] | None, msgspec.Meta(extra_json_schema={SECRET_MARK: True})] = None


@attrs.frozen
class Vault:
    name: str
    login: Login | None = None
    logins: list[Login] = attrs.Factory(list)
    by_host: dict[str, Login] = attrs.Factory(dict)
    inner: list["Vault"] = attrs.Factory(list)


def test_mask_secrets() -> None:
    """Fields that the schema marks are hidden, however deep they stand; null stays null, the rest as it is."""
    shown = {"user": "u", "password": REDACTED, "old": [REDACTED, REDACTED], "token": REDACTED}
    login = {"user": "u", "password": "p", "old": ["q", "r"], "token": {"a": "b"}}
    assert shown == mask_secrets(Login, login)
    assert {"user": "u", "password": REDACTED, "old": [], "token": None} == mask_secrets(
        Login, {"user": "u", "password": "p", "old": [], "token": None}
    )
    inside = {"name": "n", "login": login, "logins": [login], "by_host": {"h": login}}
    hidden = {"name": "n", "login": shown, "logins": [shown], "by_host": {"h": shown}}
    assert {**hidden, "inner": [hidden]} == mask_secrets(Vault, {**inside, "inner": [inside]})
    assert "p" == login["password"]


def test_mask_secrets_of_odd_values() -> None:
    """A value that does not fit is masked as far as it goes: a single login for a list, unknown fields."""
    assert {"logins": {"password": REDACTED}, "x": 1} == mask_secrets(Vault, {"logins": {"password": "p"}, "x": 1})
    assert {"password": REDACTED} == mask_secrets(Login, {"password": {"deep": "p"}})
    assert None is mask_secrets(Login, None)


def test_mask_nothing() -> None:
    """Without marks in the schema, the value itself comes back."""
    value = {"sku": "a"}
    assert value is mask_secrets(Item, value)


# ── There and back ───────────────────────────────────────────────────────────────────────────────────────────────


def test_to_json() -> None:
    """Instances become plain JSON that PostgreSQL takes: UUIDs and times as strings, no NUL characters, no NaN."""
    order = Order(
        reference=UUID(int=1),
        items=[Item("a", price=math.nan)],
        buyer="A\0da",
        colour=Colour.RED,
        placed=datetime(2026, 7, 1, 12, tzinfo=UTC),
        day=date(2026, 7, 1),
        tags=("x",),
        extra={"k\0": [1]},
    )
    assert {
        "reference": "00000000-0000-0000-0000-000000000001",
        "items": [{"sku": "a", "count": 1, "price": None}],
        "buyer": "Ada",
        "account": None,
        "colour": "red",
        "placed": "2026-07-01T12:00:00Z",
        "day": "2026-07-01",
        "tags": ["x"],
        "extra": {"k": [1]},
        "by_place": {},
    } == to_json(order)


_text = st.text(max_size=5)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | _text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_text, inner, max_size=2),
    max_leaves=4,
)
_numeric = st.integers(-(2**65), 2**65) | st.floats() | st.integers().map(str) | _json
_item = st.fixed_dictionaries(
    {"sku": _text.map(lambda text: f" {text}x ") | _json},
    optional={"count": st.integers(0, 11) | st.integers(0, 11).map(str) | _json, "price": _numeric},
)
_order = st.fixed_dictionaries(
    {"reference": st.uuids().map(str), "items": st.lists(_item, max_size=2) | _item, "buyer": _text},
    optional={
        "account": _numeric,
        "colour": st.sampled_from(["red", "blue", None]),
        "placed": st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | _json,
        "day": st.dates().map(str),
        "tags": st.lists(_text, max_size=2) | _text,
        "extra": st.dictionaries(_text, _json, max_size=2),
        "by_place": st.dictionaries(_text, _item, max_size=2),
        "unknown": _json,
    },
)


@settings(deadline=None)  # how fast is no question here
@given(value=_order, mapped=st.booleans())
def test_conversion_is_stable(value: dict[str, Any], mapped: bool) -> None:
    """What conversion gave converts to itself, strictly; and conversion never fails but with a ValidationError."""
    try:
        once = to_json(convert(Order, value, unknown="ignore", mapped=mapped))
    except ValidationError:
        return
    assert once == to_json(convert(Order, once))


def test_clean_json() -> None:
    """What jsonb refuses goes, in keys, values and lists; everything else stays."""
    dirty = {"a\0": ["\0b", {"c": "\0"}, 1, None, float("nan")], "d": "\ud800x"}
    assert {"a": ["b", {"c": ""}, 1, None, None], "d": "\ufffdx"} == clean_json(dirty)


@attrs.frozen(kw_only=True)
class Edge:
    """Has a field whose name is a keyword."""

    __rules__ = (AtLeastOne("from", "to"),)

    from_: Item | None = None
    to: Item | None = None


@attrs.frozen(kw_only=True)
class Edges:
    """Holds some."""

    all: tuple[Edge, ...]
    by_name: dict[str, Edge | None] = attrs.Factory(dict)
    class_: str = "x"


def test_a_field_that_is_a_keyword() -> None:
    """``from_`` is ``from`` in the schema, in conversion, in rules and in JSON, at any depth; its errors say so."""
    given = {"all": [{"from": {"sku": "a"}}], "by_name": {"b": {"from": {"sku": "b"}}, "c": None}}
    edges = convert(Edges, given)
    assert edges.all[0].from_ == Item("a")
    assert to_json(edges) == {
        "all": [{"from": {"sku": "a", "count": 1, "price": None}, "to": None}],
        "by_name": {"b": {"from": {"sku": "b", "count": 1, "price": None}, "to": None}, "c": None},
        "class": "x",
    }
    assert field_names(Edges) == ["all", "by_name", "class"]
    assert list(json_schema(Edge)["properties"]) == ["from", "to"]
    with pytest.raises(ValidationError) as caught:
        convert(Edges, {"all": [{"from_": {"sku": "a"}}, {"from": 1}]})
    assert {(error.path, error.code) for error in caught.value.errors} == {
        ("all[0].from_", "UNKNOWN_FIELD"),
        ("all[1].from", "TYPE"),
    }
    assert convert(Edge, {"from": {"sku": "a"}})
    assert field_error_for(Edge, "from", 1)
    with pytest.raises(ValidationError, match="at least one of from, to"):
        convert(Edge, {})


@attrs.frozen(kw_only=True)
class Named:
    """Members of any name."""

    __additional__ = str

    kind: str = "x"


def test_additional_members() -> None:
    """A class with ``__additional__`` takes members of any name, all of that type, and its schema says so."""
    assert convert(Named, {"kind": "y", "anything": "z"}) == Named(kind="y")
    with pytest.raises(ValidationError) as caught:
        convert(Named, {"anything": 1})
    assert [(error.path, error.code) for error in caught.value.errors] == [("anything", "TYPE")]
    assert json_schema(Named)["additionalProperties"] == {"type": "string"}
