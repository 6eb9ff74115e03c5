"""What expressions give goes into fields that can take it: lossless coercions pass, and what cannot be is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec
import pytest

from workflow_core.actions import Action, ActionContext, Effect
from workflow_core.discovery import Registry, registry_of
from workflow_core.errors import FieldError
from workflow_core.events import EventType
from workflow_core.language.validation import validate_definition
from workflow_core.modules import Module
from workflow_core.schema import Timestamp


@attrs.frozen
class Alert:
    alert_id: str
    device_id: str | None
    severity: Literal["low", "high"]
    at: Timestamp
    asset_id: UUID | None
    count: int
    score: float | None
    acknowledged: bool
    tags: list[str]
    parts: list[Alert]
    extra: dict[str, Any]


@attrs.frozen
class Found:
    alert: Alert
    maybe: Alert | None
    alerts: list[Alert]


@attrs.frozen
class Person:
    type: Literal["user", "team"]
    id: UUID
    note: str | None = None


@attrs.frozen
class NotBoth:
    """A rule other than "at least one"."""

    def check(self, values: Any) -> FieldError | None:
        if values.get("text") is not None and values.get("number") is not None:
            return FieldError("", "RULE", "give text or number, not both")
        return None

    def schema(self) -> dict[str, Any]:
        return {}


@attrs.frozen
class Fields:
    __rules__: ClassVar = (NotBoth(),)

    text: str | None = None
    number: int | None = None
    decimal: float | None = None
    flag: bool | None = None
    choice: Literal["low", "medium", "high"] | None = None
    uuid: UUID | None = None
    moment: Timestamp | None = None
    texts: list[str] = attrs.Factory(list)
    numbers: list[int] = attrs.Factory(list)
    person: Person | None = None
    people: list[Person] = attrs.Factory(list)
    counts: dict[str, int] = attrs.Factory(dict)
    anything: Any = None
    text_or_number: str | int | None = None
    device_id: Annotated[int, msgspec.Meta(gt=0)] | None = None


@attrs.frozen
class Nothing:
    pass


@attrs.frozen
class Opened:
    title: str
    count: int
    due: datetime | None = None


async def _unused(_given: Any, _ctx: ActionContext) -> Any:
    raise NotImplementedError  # declared only: a test that came to call it should fail


def _action(action_id: str, given: type, output: type) -> Action:
    return Action(
        id=action_id, label=action_id, description="", input=given, output=output, effect=Effect.READ, io="database",
        handler=_unused,
    )  # fmt: skip


REGISTRY: Registry = registry_of(
    "workflow-fake",
    "1.0",
    modules=[
        Module(
            group_key="fake", label="Fake", description="", tile_kind="core-object", default_action_id="fake.find",
            allowed_action_ids=("fake.find", "fake.use"),
        )
    ],
    actions=[_action("fake.find", Nothing, Found), _action("fake.use", Fields, Nothing)],
    events=[EventType(name="OPENED", label="", description="", payload=Opened, schema_ref="payload.Opened.v1")],
)  # fmt: skip


def validate(*steps: Any, **fields: Any) -> list[Any]:
    """The findings of a definition with these steps."""
    definition = {"name": "Test", "payloadSchemaRef": "payload.Opened.v1", "steps": list(steps), **fields}
    return validate_definition(definition, registry=REGISTRY, availability={}, secret_names=(), workers=None)


def use(**mapping: Any) -> dict[str, Any]:
    """A step that is given expressions."""
    return {"id": "use", "type": "action.call", "config": {"actionId": "fake.use", "inputMapping": mapping}}


FIND = {"id": "find", "type": "action.call", "config": {"actionId": "fake.find", "saveAs": "vars.found"}}


def findings_of(field: str, expression: str) -> list[Any]:
    """What is said of an expression in a field, after something was found."""
    return validate(FIND, use(**{field: {"$expr": expression}}))


@pytest.mark.parametrize(
    ("field", "expression"),
    [
        ("device_id", "vars.found.alert.device_id"),
        ("number", "vars.found.alert.score"),
        ("number", "vars.found.alert.count"),
        ("number", "found.alert.alert_id"),
        ("decimal", "vars.found.alert.count"),
        ("text", "vars.found.alert.alert_id"),
        ("text", "vars.found.alert.at"),
        ("text", "vars.found.alert.asset_id"),
        ("text", "vars.found.alert.severity"),
        ("text", "$string(vars.found.alert.count)"),
        ("text", "vars.found.alert.count & ''"),
        ("text", "toString(vars.found.alert.count)"),
        ("text", "vars.found.alert.count > 1 ? 'many' : 'few'"),
        ("text", "vars.found.alert.count ?? 'none'"),
        ("text", "vars.found.alerts[0].alert_id"),
        ("text", "vars.found.alerts[severity = 'high'].alert_id"),
        ("text", "vars.found.alerts.alert_id"),
        ("text", "null"),
        ("text", "vars.found.alert.extra.whatever"),
        ("text", "$map(vars.found.alerts, function($a) { $a.count })"),
        ("text", "($string := function($x) { 'x' }; $string(vars.found.alert.count))"),
        ("text", "coalesce(vars.found.alert.count, 'none')"),
        ("flag", "vars.found.alert.acknowledged"),
        ("flag", "vars.found.alert.count = 1 and true"),
        ("choice", "vars.found.alert.severity"),
        ("choice", "'medium'"),
        ("choice", "vars.found.alert.title"),
        ("uuid", "vars.found.alert.asset_id"),
        ("uuid", "vars.found.alert.alert_id"),
        ("moment", "vars.found.alert.at"),
        ("moment", "nowIso()"),
        ("texts", "vars.found.alert.tags"),
        ("texts", "vars.found.alert.alert_id"),
        ("texts", "vars.found.alerts.tags"),
        ("text", "vars.found.alerts.tags"),
        ("text", "$keys(vars.found.alert.extra)"),
        ("texts", "[vars.found.alert.tags, 'more']"),
        ("texts", "[]"),
        ("texts", "$split('a,b', ',')"),
        ("numbers", "[1..3]"),
        ("numbers", "vars.found.alerts.count"),
        ("numbers", "vars.found.alerts.parts.count"),
        ("person", '{"type": "user", "id": vars.found.alert.asset_id}'),
        ("person", '{"type": "user", "id": payload.title, "further": 1}'),
        ("person", "vars.found.alert.extra"),
        ("people", '{"type": "user", "id": vars.found.alert.asset_id}'),
        ("counts", '{"a": 1, "b": vars.found.alert.alert_id}'),
        ("anything", "vars.found"),
        ("text_or_number", "vars.found.alert.count"),
        ("text", "payload.title"),
        ("moment", "payload.due"),
        ("number", "payload.notInTheSchema"),
    ],
)
def test_what_may_fit_passes(field, expression):
    """Lossless conversions, values that may be of the right type, and what nobody knows."""
    assert [finding for finding in findings_of(field, expression) if finding.severity == "error"] == []


@pytest.mark.parametrize(
    ("field", "expression", "words"),
    [
        ("text", "vars.found.alert.count", "text must be a string, and the expression gives an integer."),
        ("text", "1 + 2", "text must be a string, and the expression gives a number."),
        ("text", "12", "text must be a string, and the expression gives a number."),
        ("text", "vars.found.alert.acknowledged", "must be a string, and the expression gives true or false"),
        ("text", "vars.found.alert", "must be a string, and the expression gives an object"),
        ("text", "vars.found.maybe", "must be a string, and the expression gives an object"),
        ("text", "vars.found.alert.tags", "must be a string, and the expression gives a list"),
        ("text", "vars.found.alert.extra", "must be a string, and the expression gives an object"),
        ("text", "$count(vars.found.alerts)", "must be a string, and the expression gives a number"),
        ("text", "found.alert.count", "must be a string, and the expression gives an integer"),
        ("number", "vars.found.alert.acknowledged", "must be an integer, and the expression gives true or false"),
        ("number", "vars.found.alert.at", "must be an integer, and the expression gives a date and time"),
        ("number", "'many'", "must be an integer, and the expression gives a string"),
        ("number", "vars.found.alert.count = 1", "must be an integer"),
        ("device_id", "-1", "must be more than 0"),
        ("flag", "vars.found.alert.alert_id", "must be true or false, and the expression gives a string"),
        ("flag", "vars.found.alert.count", "must be true or false, and the expression gives an integer"),
        ("choice", "'urgent'", "must be one of high, low, medium"),
        ("choice", "vars.found.alert.count", "must be one of high, low, medium"),
        ("uuid", "vars.found.alert.at", "must be a UUID, and the expression gives a date and time"),
        ("texts", "vars.found.alert.count", "must be a string, and the expression gives an integer"),
        ("texts", "vars.found.alerts", "must be a string, and the expression gives an object"),
        ("numbers", "[true, false]", "must be an integer, and the expression gives true"),
        ("person", '{"type": "dog", "id": payload.title}', "person.type must be one of team, user"),
        ("person", '{"type": "user"}', "person.id is required"),
        ("person", "vars.found.alert", "person.type is required"),
        ("person", "vars.found.alert.alert_id", "must be an object, and the expression gives a string"),
        ("counts", '{"a": true}', "counts.a must be an integer"),
        ("text_or_number", "vars.found.alert.acknowledged", "must be a string"),
        ("text", "payload.count", "must be a string, and the expression gives an integer"),
    ],
)
def test_what_cannot_fit_is_an_error(field, expression, words):
    """Where the expression stands, with what is wanted and what is given."""
    (finding,) = findings_of(field, expression)
    assert (finding.severity, finding.code) == ("error", "MAPPING_TYPE_INCOMPATIBLE")
    assert finding.path == f"root.steps[1].config.inputMapping.{field}"
    assert words in finding.message


@pytest.mark.parametrize(
    ("field", "expression", "suggestion"),
    [
        ("text", "vars.found.alert.count", "did you mean $string(vars.found.alert.count)?"),
        ("text", "vars.found.alert.tags", "did you mean vars.found.alert.tags[0]?"),
        ("device_id", "vars.found.alert", "did you mean vars.found.alert.device_id?"),
        ("person", "vars.found.alert.alert_id", None),
    ],
)
def test_what_would_fit_is_suggested(field, expression, suggestion):
    """A number as text, one item of a list, the field of the same name."""
    (finding,) = findings_of(field, expression)
    assert finding.suggestion == suggestion


def test_expressions_inside_of_literals():
    """Each is held against the field at its place, in objects and lists."""
    step = use(
        person={"type": {"$expr": "'dog'"}, "id": {"$expr": "vars.found.alert.at"}},
        people=[{"type": "user", "id": {"$expr": "payload.count"}}],
        texts=["a", {"$expr": "1 = 1"}],
        counts={"a.b": {"$expr": "'x'"}, "c": {"$expr": "1"}},
    )
    assert [(finding.code, finding.path) for finding in validate(FIND, step)] == [
        ("MAPPING_TYPE_INCOMPATIBLE", f"root.steps[1].config.inputMapping.{place}")
        for place in ("person.type", "person.id", "people[0].id", "texts[1]", "counts.a.b")
    ]


def test_an_idempotency_key_is_text_or_a_number():
    """As the interpreter takes it."""
    step = use()
    step["config"]["idempotencyKey"] = {"$expr": "vars.found.alert"}
    (finding,) = validate(FIND, step)
    assert (finding.code, finding.path) == ("MAPPING_TYPE_INCOMPATIBLE", "root.steps[1].config.idempotencyKey")
    step["config"]["idempotencyKey"] = {"$expr": "vars.found.alert.count"}
    assert validate(FIND, step) == []


def test_a_rule_is_held_against_literals():
    """A rule of any kind; with an expression in the mapping it is left to the run."""
    (finding,) = validate(use(text="a", number=1))
    assert (finding.code, finding.path) == ("INVALID_ACTION_CONFIG", "root.steps[0].config.inputMapping")
    assert "not both" in finding.message
    assert validate(use(text={"$expr": "payload.title"}, number=1)) == []


@pytest.mark.parametrize(
    ("expression", "suggestion"),
    [
        ("vars.found.alert.titel", None),
        ("vars.found.alert.alertid", "did you mean vars.found.alert.alert_id?"),
        ("vars.fond & vars.found.alrts.alert_id", "did you mean vars.found.alerts.alert_id?"),
        ("vars.found.alert.count.value", None),
        ("payload.tilte", "did you mean payload.title?"),
        ("system.runid", "did you mean system.runId?"),
        ("error.mesage", "did you mean error.message?"),
    ],
)
def test_a_field_that_is_not_in_a_schema(expression, suggestion):
    """A warning that says what the schema has; what reads it gets null."""
    found = [finding for finding in findings_of("anything", expression) if finding.code == "MAPPING_TYPE_UNKNOWN"]
    assert [(finding.severity, finding.suggestion) for finding in found] == [("warning", suggestion)]


@pytest.mark.parametrize(
    "expression",
    ["payload.fixtureDedupeKey", "meta.traceId", "vars.found.alert.extra.a.b", "vars.found.alerts.parts.tags", "local"],
)
def test_what_may_be_there_is_not_told(expression):
    """A payload may have more than its schema says, and free objects anything."""
    assert findings_of("anything", expression) == []


def test_kinds_follow_assignments():
    """Through variables, their fields, loops, captured errors and conditions."""
    steps = [
        FIND,
        {
            "id": "assign",
            "type": "transform.assign",
            "config": {
                "assign": {
                    "vars.number": {"$expr": "vars.found.alert.count"},
                    "vars.again": {"$expr": "vars.number"},
                    "vars.both.text": "x",
                    "vars.both.flag": True,
                    "vars.found.note": 7,
                }
            },
        },
        {**use(text={"$expr": "vars.again"}), "id": "1"},
        {**use(text={"$expr": "both.flag"}, flag={"$expr": "both.text"}), "id": "2"},
        {**use(text={"$expr": "vars.found.note"}, number={"$expr": "vars.found.alert"}), "id": "3"},
        {
            "id": "loop",
            "type": "control.forEach",
            "items": {"$expr": "vars.found.alerts"},
            "itemVar": "alert",
            "body": [
                {**use(text={"$expr": "alert.count"}, flag={"$expr": "vars.alert.count"}), "id": "4"},
                {**use(text={"$expr": "item.count"}, flag={"$expr": "index"}, number={"$expr": "isFirst"}), "id": "5"},
            ],
        },
        {
            "id": "try",
            "type": "control.tryCatch",
            "captureErrorAs": "caught",
            "try": [],
            "catch": [{**use(number={"$expr": "caught.details"}, flag={"$expr": "error.message"}), "id": "6"}],
        },
        {"id": "on", **use(), "onError": {"policy": "continue"}},
        {**use(flag={"$expr": "vars.error.code"}), "id": "7"},
    ]
    found = validate(*steps)
    assert {finding.code for finding in found} == {"MAPPING_TYPE_INCOMPATIBLE"}
    assert [(finding.step_id, finding.path.rpartition(".")[2]) for finding in found] == [
        ("1", "text"),
        ("2", "text"),
        ("2", "flag"),
        ("3", "text"),
        ("3", "number"),
        ("4", "text"),
        ("4", "flag"),
        ("5", "text"),
        ("5", "flag"),
        ("5", "number"),
        ("6", "number"),
        ("6", "flag"),
        ("7", "flag"),
    ]


def test_what_differs_between_paths_may_be_either():
    """After a condition a variable may hold what either branch gave; in a loop, what an item before gave."""

    def assign(value: Any, step_id: str = "a") -> dict[str, Any]:
        return {"id": step_id, "type": "transform.assign", "config": {"assign": {"x": value}}}

    branches = {"id": "if", "type": "control.if", "condition": {"$expr": "true"}, "then": [assign("text", "b")]}
    assert validate(assign(1), branches, use(number={"$expr": "x"}, text={"$expr": "x"})) == []
    (finding,) = validate(branches, use(number={"$expr": "x"}))
    assert (finding.code, finding.path) == (
        "MAPPING_TYPE_INCOMPATIBLE",
        "root.steps[1].config.inputMapping.number",
    )
    loop = {"id": "l", "type": "control.forEach", "items": {"$expr": "[1, 2]"}, "itemVar": "i"}
    loop["body"] = [use(number={"$expr": "x"}), assign(1, "b")]
    assert validate(assign("none"), loop) == []
    assert [each.code for each in validate(assign("none"), loop["body"][0])] == ["MAPPING_TYPE_INCOMPATIBLE"]
