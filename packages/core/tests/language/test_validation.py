"""Validation: every rule finds what it is for, all findings come at once, and nothing makes it fail."""

from __future__ import annotations

from copy import deepcopy
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec
import pytest

from workflow_core.actions import Action, ActionContext, Effect
from workflow_core.availability import AVAILABLE, Availability
from workflow_core.discovery import Registry, registry_of
from workflow_core.events import EventType
from workflow_core.language.definition import iter_steps
from workflow_core.language.findings import verdict
from workflow_core.language.validation import validate_definition
from workflow_core.manifest import Manifest
from workflow_core.modules import Module
from workflow_core.schema import AtLeastOne

CLIENT = "22222222-2222-4222-8222-222222222222"


@attrs.frozen
class Assignee:
    type: Literal["user", "team"]
    id: UUID


@attrs.frozen
class CreateTicket:
    title: Annotated[str, msgspec.Meta(min_length=1)]
    client_id: UUID
    priority: Annotated[int, msgspec.Meta(ge=1, le=5)] = 3
    tags: list[str] = attrs.Factory(list)
    assignee: Assignee | None = None


@attrs.frozen
class FindAlert:
    __rules__: ClassVar = (AtLeastOne("alert_uid", "external_alert_id"),)

    alert_uid: UUID | None = None
    external_alert_id: str | None = None


@attrs.frozen
class Done:
    done: bool


@attrs.frozen
class Payload:
    a: str
    ticketId: str = ""  # noqa: N815 - as in the JSON


@attrs.frozen
class Nothing:
    pass


async def _unused(_given: Any, _ctx: ActionContext) -> Any:
    raise NotImplementedError  # declared only: a test that came to call it should fail


def _action(action_id: str, contract: type, version: int = 1) -> Action:
    return Action(
        id=action_id,
        version=version,
        label=action_id,
        description="",
        input=contract,
        output=Done,
        effect=Effect.READ,
        io="database",
        handler=_unused,
    )


def _module(group_key: str, *actions: str, availability_key: str | None = None) -> Module:
    return Module(
        group_key=group_key,
        label=group_key,
        description="",
        tile_kind="app",
        default_action_id=actions[0],
        allowed_action_ids=actions,
        availability_key=availability_key,
    )


REGISTRY: Registry = registry_of(
    "workflow-fake",
    "2.0",
    modules=[
        _module("ticket", "tickets.create", "tickets.purge"),
        _module("app:acme", "acme.alerts.get", availability_key="acme"),
    ],
    actions=[
        _action("tickets.create", CreateTicket),
        _action("tickets.create", CreateTicket, version=2),
        _action("acme.alerts.get", FindAlert),
        attrs.evolve(_action("tickets.purge", Nothing), permission="ticket:purge"),
    ],
    events=[
        EventType(name="X", label="X", description="", payload=Payload, schema_ref="p"),
        EventType(name="Y", label="Y", description="", payload=Done, schema_ref="q"),
    ],
)
OURS = REGISTRY.manifest


def call(**config: Any) -> dict[str, Any]:
    """A step that creates a ticket without an error, unless ``config`` says otherwise."""
    standard = {
        "actionId": "tickets.create",
        "version": 1,
        "inputMapping": {"title": {"$expr": "payload.title"}, "client_id": CLIENT},
    }
    return {"id": "call", "type": "action.call", "config": {**standard, **config}}


def mapping(**fields: Any) -> dict[str, Any]:
    """The same step with more fields mapped."""
    step = call()
    step["config"]["inputMapping"].update(fields)
    return step


def alert(**fields: Any) -> dict[str, Any]:
    """A step of the module that has to be connected."""
    return call(actionId="acme.alerts.get", inputMapping=fields)


def check(definition: Any, **surroundings: Any) -> list[Any]:
    """The findings, in surroundings where everything is there unless said otherwise."""
    standard: dict[str, Any] = {
        "registry": REGISTRY,
        "availability": {"acme": AVAILABLE},
        "secret_names": {"API_KEY"},
        "workers": [OURS],
    }
    return validate_definition(definition, **{**standard, **surroundings})


def workflow(*steps: Any, **fields: Any) -> dict[str, Any]:
    """A definition with these steps."""
    return {"name": "Test", "steps": list(steps), **fields}


def summary(findings: list[Any]) -> list[tuple[str, str, str]]:
    """Severity, code and path of each."""
    return [(finding.severity, finding.code, finding.path) for finding in findings]


FINE = {
    "an action": call(saveAs="ticket", idempotencyKey={"$expr": "payload.id"}),
    "an action with everything": {
        **call(saveAs="vars.a.b", designerGroupKey="ticket", designerTileKind="app", outputs={}),
        "name": "Call",
        "retry": {"maxAttempts": 3, "backoffMs": 100, "backoffMultiplier": 1.5, "retryOn": ["TransientError"]},
        "onError": {"policy": "continue"},
    },
    "a numeric string for an integer": mapping(priority="4"),
    "one value for a list": mapping(tags="urgent"),
    "expressions inside of a literal": mapping(
        tags=["a", {"$expr": "payload.tag"}], assignee={"type": "user", "id": {"$expr": "payload.user"}}
    ),
    "a secret": mapping(title={"$secret": "API_KEY"}),
    "an input from one expression": call(inputMapping={"$expr": "payload.ticket"}),
    "one of two fields from one expression": call(
        actionId="acme.alerts.get", inputMapping={"$expr": "{'alert_uid': payload.alert}"}
    ),
    "one of two fields": alert(alert_uid={"$expr": "payload.alert"}),
    "an assignment": {"id": "a", "type": "transform.assign", "config": {"assign": {"vars.x": {"$expr": "1"}, "y": 2}}},
    "a state": {"id": "s", "type": "state.set", "config": {"state": "OPEN"}},
    "a condition": {"id": "i", "type": "control.if", "condition": {"$expr": "true"}, "then": [], "else": []},
    "a condition without else": {"id": "i", "type": "control.if", "condition": {"$expr": "true"}, "then": [call()]},
    "a loop": {
        "id": "l", "type": "control.forEach", "items": {"$expr": "[1]"}, "itemVar": "item", "concurrency": 4,
        "onItemError": "continue", "body": [call()],
    },
    "a net": {"id": "t", "type": "control.tryCatch", "try": [call()], "catch": [], "captureErrorAs": "vars.error"},
    "a child": {
        "id": "c", "type": "control.callWorkflow", "workflowId": CLIENT, "workflowVersion": 1,
        "inputMapping": {"a": {"$expr": "1"}}, "outputMapping": {"vars.b": {"$expr": "2"}},
    },
    "the end": {"id": "r", "type": "control.return"},
    "a pause": {"id": "p", "type": "time.wait", "config": {"mode": "duration", "durationMs": 1000}},
    "a date": {"id": "p", "type": "time.wait", "config": {"mode": "until", "until": {"$expr": "payload.at"}}},
    "an event": {
        "id": "e", "type": "event.wait",
        "config": {
            "eventName": "X", "correlationKey": {"$expr": "payload.id"}, "timeoutMs": 5,
            "filters": [{"path": "a", "op": "in", "value": [1]}, {"path": "b", "op": "exists"}],
            "assign": {"vars.x": {"$expr": "event.a"}},
        },
    },
    "a person": {
        "id": "h", "type": "human.task",
        "config": {"taskType": "approve", "title": {"$expr": "'x'"}, "contextData": {"a": {"$expr": "1"}}},
    },
}  # fmt: skip


@pytest.mark.parametrize("step", FINE.values(), ids=FINE)
def test_fine(step):
    """Every known step type has a form without findings."""
    assert check(workflow(step)) == []


CALL = "root.steps[0]"
WRONG = {
    "an input that lacks a field": (
        call(inputMapping={"$expr": "{'title': 'x'}"}),
        [("error", "MAPPING_TYPE_INCOMPATIBLE", f"{CALL}.config.inputMapping")],
    ),
    "an input that is a text": (
        call(inputMapping={"$expr": "'x'"}), [("error", "MAPPING_TYPE_INCOMPATIBLE", f"{CALL}.config.inputMapping")],
    ),
    # shape
    "no object": (3, [("error", "INVALID_WORKFLOW_DEFINITION", CALL)]),
    "no id and type": (
        {},
        [
            ("error", "INVALID_WORKFLOW_DEFINITION", f"{CALL}.id"),
            ("error", "INVALID_WORKFLOW_DEFINITION", f"{CALL}.type"),
        ],
    ),
    "unknown type": ({"id": "x", "type": "action.cal"}, [("error", "UNKNOWN_NODE_TYPE", f"{CALL}.type")]),
    "unknown type keeps its fields": (
        {"id": "x", "type": "new.thing", "body": [{"$expr": "(("}], "foo": {"$secret": "nope"}},
        [("error", "UNKNOWN_NODE_TYPE", f"{CALL}.type")],
    ),
    "unknown fields": (
        {**call(inputMaping={}), "colour": 1},
        [("warning", "UNKNOWN_FIELD", f"{CALL}.colour"), ("warning", "UNKNOWN_FIELD", f"{CALL}.config.inputMaping")],
    ),
    "wrong retry": (
        {**call(), "retry": {"maxAttempts": 0, "backoffMs": "10"}},
        [("error", "INVALID_WORKFLOW_DEFINITION", f"{CALL}.retry.maxAttempts")],
    ),
    "number in a string": (
        {**call(), "retry": {"maxAttempts": "3", "backoffMs": 10}},
        [("error", "INVALID_WORKFLOW_DEFINITION", f"{CALL}.retry.maxAttempts")],
    ),
    "wrong policy": (
        {**call(), "onError": {"policy": "ignore"}},
        [("error", "INVALID_WORKFLOW_DEFINITION", f"{CALL}.onError.policy")],
    ),
    "no config": ({"id": "x", "type": "state.set"}, [("error", "INVALID_CONFIG", f"{CALL}.config")]),
    "config is a list": (
        {"id": "x", "type": "state.set", "config": []},
        [("error", "INVALID_WORKFLOW_DEFINITION", f"{CALL}.config")],
    ),
    "action without id": (call(actionId=None), [("error", "INVALID_ACTION_CONFIG", f"{CALL}.config.actionId")]),
    "version in a string": (call(version="1"), [("error", "INVALID_ACTION_CONFIG", f"{CALL}.config.version")]),
    "blocks are missing": (
        {"id": "x", "type": "control.tryCatch", "try": {}},
        [
            ("error", "INVALID_WORKFLOW_DEFINITION", f"{CALL}.try"),
            ("error", "INVALID_WORKFLOW_DEFINITION", f"{CALL}.catch"),
        ],
    ),
    "no duration": (
        {"id": "x", "type": "time.wait", "config": {"mode": "duration"}},
        [("error", "INVALID_CONFIG", f"{CALL}.config.durationMs")],
    ),
    "filter with a wrong value": (
        {
            "id": "x", "type": "event.wait",
            "config": {
                "eventName": "X", "correlationKey": {"$expr": "1"},
                "filters": [{"path": "a", "op": "in", "value": 1}, {"path": "a", "op": "like"}],
            },
        },
        [
            ("error", "INVALID_CONFIG", f"{CALL}.config.filters[1].op"),
            ("error", "INVALID_CONFIG", f"{CALL}.config.filters[0].value"),
        ],
    ),
    # actions
    "unknown action": (call(actionId="tickets.creat"), [("error", "UNKNOWN_ACTION", f"{CALL}.config.actionId")]),
    "unknown version": (call(version=3), [("error", "UNKNOWN_ACTION", f"{CALL}.config.version")]),
    "another module's action": (
        call(designerGroupKey="app:acme"),
        [("error", "INVALID_ACTION_CONFIG", f"{CALL}.config.actionId")],
    ),
    "a module that is not installed": (
        call(designerGroupKey="app:gone"),
        [("warning", "INVALID_ACTION_CONFIG", f"{CALL}.config.designerGroupKey")],
    ),
    # inputs
    "nothing mapped": (
        call(inputMapping={}),
        [
            ("error", "MISSING_REQUIRED_MAPPING", f"{CALL}.config.inputMapping.title"),
            ("error", "MISSING_REQUIRED_MAPPING", f"{CALL}.config.inputMapping.client_id"),
        ],
    ),
    "neither of two": (alert(), [("error", "MISSING_REQUIRED_MAPPING", f"{CALL}.config.inputMapping")]),
    "null for both": (
        alert(alert_uid=None, external_alert_id=None),
        [("error", "MISSING_REQUIRED_MAPPING", f"{CALL}.config.inputMapping")],
    ),
    "literals that do not fit": (
        mapping(title="", client_id="x", priority=True, tags=[1], assignee={"type": "dog"}),
        [
            ("error", "MAPPING_TYPE_INCOMPATIBLE", f"{CALL}.config.inputMapping.{field}")
            for field in ("title", "client_id", "priority", "tags[0]", "assignee.type", "assignee.id")
        ],
    ),
    "one literal for a list": (
        mapping(tags=1),
        [("error", "MAPPING_TYPE_INCOMPATIBLE", f"{CALL}.config.inputMapping.tags")],
    ),
    "a field of a literal that is not there": (
        mapping(assignee={"type": "user", "id": CLIENT, "colour": 1}),
        [("warning", "UNKNOWN_FIELD", f"{CALL}.config.inputMapping.assignee.colour")],
    ),
    "a literal beside an expression": (
        mapping(assignee={"type": "dog", "id": {"$expr": "payload.user"}}),
        [("error", "MAPPING_TYPE_INCOMPATIBLE", f"{CALL}.config.inputMapping.assignee.type")],
    ),
    "a field that is not there": (
        mapping(prioriti=1),
        [("warning", "UNKNOWN_FIELD", f"{CALL}.config.inputMapping.prioriti")],
    ),
    # expressions
    "broken and empty expressions": (
        mapping(title={"$expr": "payload."}, tags=[{"$expr": " "}]),
        [
            ("error", "INVALID_EXPRESSION", f"{CALL}.config.inputMapping.title"),
            ("error", "EMPTY_EXPRESSION", f"{CALL}.config.inputMapping.tags[0]"),
        ],
    ),
    "what is random": (
        mapping(title={"$expr": "$random()"}),
        [("error", "INVALID_EXPRESSION", f"{CALL}.config.inputMapping.title")],
    ),
    "a literal condition": (
        {"id": "x", "type": "control.if", "condition": "true", "then": []},
        [("error", "INVALID_EXPRESSION", f"{CALL}.condition")],
    ),
    "a broken condition": (
        {"id": "x", "type": "control.if", "condition": {"$expr": "("}, "then": []},
        [("error", "INVALID_EXPRESSION", f"{CALL}.condition")],
    ),
    "an expression with company": (
        {"id": "x", "type": "transform.assign", "config": {"assign": {"a": {"$expr": "1", "b": 1}}}},
        [("warning", "UNKNOWN_SPECIAL_KEY", f"{CALL}.config.assign.a")],
    ),
    "an unknown special key": (
        {"id": "x", "type": "transform.assign", "config": {"assign": {"a": {"$expression": "1"}}}},
        [("warning", "UNKNOWN_SPECIAL_KEY", f"{CALL}.config.assign.a")],
    ),
    "an expression that is no string": (
        {"id": "x", "type": "transform.assign", "config": {"assign": {"a": {"$expr": 1}}}},
        [("error", "INVALID_EXPRESSION", f"{CALL}.config.assign.a")],
    ),
    # paths
    "paths that cannot be assigned": (
        {"id": "x", "type": "transform.assign", "config": {"assign": {"system.x": 1, "a..b": 1, "": 1}}},
        [
            ("error", "INVALID_ASSIGN_PATH", f"{CALL}.config.assign.{path}")
            for path in ("system.x", "a..b", "")
        ],
    ),
    "saveAs leads nowhere": (call(saveAs="vars."), [("error", "INVALID_ASSIGN_PATH", f"{CALL}.config.saveAs")]),
    "item is a root": (
        {"id": "x", "type": "control.forEach", "items": {"$expr": "[]"}, "itemVar": "vars", "body": []},
        [("error", "INVALID_ASSIGN_PATH", f"{CALL}.itemVar")],
    ),
    # secrets
    "secret that is not stored": (
        mapping(title={"$secret": "API_KAY"}),
        [("error", "SECRET_NOT_FOUND", f"{CALL}.config.inputMapping.title")],
    ),
    "secret without a name": (
        mapping(title={"$secret": "lower"}),
        [("error", "INVALID_SECRET_NAME", f"{CALL}.config.inputMapping.title")],
    ),
    # waits, retries
    "an event that cannot be told from others": (
        {"id": "x", "type": "event.wait", "config": {"eventName": "Y", "correlationKey": {"$expr": "payload.id"}}},
        [("error", "EVENT_WAIT_UNCORRELATABLE", f"{CALL}.config.eventName")],
    ),
    "errors that there are not": (
        {**call(), "retry": {"maxAttempts": 2, "backoffMs": 1, "retryOn": ["Transient", "RATE_LIMIT", "ACME_OFFLINE"]}},
        [
            ("warning", "UNKNOWN_ERROR_CODE", f"{CALL}.retry.retryOn[0]"),
            ("warning", "UNKNOWN_ERROR_CODE", f"{CALL}.retry.retryOn[1]"),
        ],
    ),
    "secret where nobody resolves it": (
        {"id": "x", "type": "transform.assign", "config": {"assign": {"a": {"$secret": "API_KEY"}}}},
        [("error", "INVALID_CONFIG", f"{CALL}.config.assign.a")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("step", "expected"), WRONG.values(), ids=WRONG)
def test_wrong(step, expected):
    """Each mistake is found where it is, and only it."""
    assert summary(check(workflow(step))) == expected


def test_suggestions():
    """What was probably meant is said."""
    findings = check(
        workflow(
            call(actionId="tickets.creat"),
            {"id": "b", "type": "control.fi"},
            {**call(version=9), "id": "c"},
            {**mapping(titel="x"), "id": "d"},
            {**mapping(title={"$secret": "API_KAY"}), "id": "e"},
        )
    )
    assert [finding.suggestion for finding in findings] == [
        "did you mean tickets.create?",
        "did you mean control.if?",
        "did you mean version 2?",
        "did you mean title?",
        "did you mean API_KEY?",
    ]


def test_paths_of_nested_steps():
    """Paths and ids are the contract's, and a repeated id is found across blocks."""
    inner = {"id": "same", "type": "state.set", "config": {}}
    tree = {"id": "try", "type": "control.tryCatch", "try": [deepcopy(inner)], "catch": [call()]}
    loop = {"id": "loop", "type": "control.forEach", "items": {"$expr": "[]"}, "itemVar": "i", "body": [tree]}
    outer = {"id": "if", "type": "control.if", "condition": {"$expr": "1"}, "then": [], "else": [loop, inner]}
    definition = workflow(call(), outer)
    assert [path for path, _ in iter_steps(definition)] == [
        "root.steps[0]",
        "root.steps[1]",
        "root.steps[1].else.steps[0]",
        "root.steps[1].else.steps[0].body.steps[0]",
        "root.steps[1].else.steps[0].body.steps[0].try.steps[0]",
        "root.steps[1].else.steps[0].body.steps[0].catch.steps[0]",
        "root.steps[1].else.steps[1]",
    ]
    found = {(finding.code, finding.step_path, finding.step_id) for finding in check(definition)}
    assert found == {
        ("DUPLICATE_STEP_ID", "root.steps[1].else.steps[0].body.steps[0].catch.steps[0]", "call"),
        ("DUPLICATE_STEP_ID", "root.steps[1].else.steps[1]", "same"),
        ("INVALID_CONFIG", "root.steps[1].else.steps[0].body.steps[0].try.steps[0]", "same"),
        ("INVALID_CONFIG", "root.steps[1].else.steps[1]", "same"),
    }


def test_availability_decides():
    """A module that the tenant lacks is an error, with the reason; a warning for who insists."""
    definition = workflow(alert(external_alert_id="1"))
    closed = {"acme": Availability(available=False, reason="Connect Acme.")}
    (finding,) = check(definition, availability=closed)
    assert (finding.severity, finding.code) == ("error", "MODULE_UNAVAILABLE")
    assert "Connect Acme." in finding.message
    (finding,) = check(definition, availability=closed, allow_unavailable=True)
    assert finding.severity == "warning"
    (finding,) = check(definition, availability={})
    assert finding.code == "MODULE_UNAVAILABLE"
    assert check(definition) == []


OLD = Manifest(actions={**OURS.actions, "tickets.create@1": "0" * 64}, distributions={"workflow-fake": "1.9"})
WITHOUT = Manifest(actions={}, distributions={})


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        (None, None),
        ([OURS], None),
        ([OLD, WITHOUT, OURS], None),
        ([], "No worker is running"),
        ([WITHOUT], "No live worker has tickets.create@1: install workflow-fake 2.0"),
        ([WITHOUT, OLD], "another contract: workflow-fake 1.9 there, 2.0 here"),
    ],
)
def test_workers_decide(workers, words):
    """One worker with the same contract is enough; otherwise the difference is named."""
    findings = check(workflow(call()), workers=workers)
    assert [finding.code for finding in findings] == (["ACTION_NOT_ON_WORKERS"] if words else [])
    assert all(words in finding.message for finding in findings)


@pytest.mark.parametrize("definition", [None, 1, "x", [], {}, {"name": 1, "steps": {}, "trigger": 3}])
def test_no_definition_at_all(definition):
    """What is no definition is one finding or more, never a failure."""
    findings = check(definition)
    assert findings
    assert {finding.code for finding in findings} == {"INVALID_WORKFLOW_DEFINITION"}
    assert {finding.step_path for finding in findings} == {"root"}


def test_verdict_is_the_contracts():
    """Errors and warnings apart; members that say nothing are left out."""
    answer = verdict(check(workflow({**mapping(x=1), "type": "action.call"}, {"id": "y", "type": "nope"})))
    assert answer["ok"] is False
    assert answer["errors"] == [
        {
            "severity": "error",
            "stepPath": "root.steps[1]",
            "stepId": "y",
            "path": "root.steps[1].type",
            "code": "UNKNOWN_NODE_TYPE",
            "message": "There is no step type nope.",
        }
    ]
    assert [warning["code"] for warning in answer["warnings"]] == ["UNKNOWN_FIELD"]


def test_validation_changes_nothing():
    """The definition is as it was."""
    definition = workflow(*(deepcopy(step) for step in FINE.values()))
    before = deepcopy(definition)
    check(definition)
    assert definition == before


def test_deep_nesting_is_walked():
    """As deep as a request may be, and deeper."""
    step = call()
    for depth in range(2000):
        step = {"id": f"s{depth}", "type": "control.if", "condition": {"$expr": "true"}, "then": [step]}
    assert check(workflow(step)) == []


def test_the_publisher_needs_the_permission():
    """Runs act in the publisher's name; nobody is asked when nobody publishes."""
    definition = workflow(call(actionId="tickets.purge", inputMapping={}))
    assert check(definition) == check(definition, permissions={"ticket:purge"}) == []
    (finding,) = check(definition, permissions={"ticket:read"})
    assert (finding.severity, finding.code, finding.path) == (
        "warning",
        "PERMISSION_DENIED",
        f"{CALL}.config.actionId",
    )
    assert "ticket:purge" in finding.message


def test_an_id_may_be_used_by_alternatives():
    """Two branches of a condition, try and catch: a warning, since existing workflows do it."""
    twins = [{**call(), "id": "same"}, {**call(), "id": "same"}]
    branches = {"id": "i", "type": "control.if", "condition": {"$expr": "true"}, "then": twins[:1], "else": twins[1:]}
    net = {"id": "t", "type": "control.tryCatch", "try": twins[:1], "catch": twins[1:]}
    assert summary(check(workflow(branches))) == [("warning", "DUPLICATE_STEP_ID", f"{CALL}.else.steps[0].id")]
    assert summary(check(workflow(net))) == [("warning", "DUPLICATE_STEP_ID", f"{CALL}.catch.steps[0].id")]
    both = workflow(branches, {**call(), "id": "same"})
    assert [finding.severity for finding in check(both)] == ["warning", "error"]


@pytest.mark.parametrize("field", ["condition", "items"])
def test_null_is_no_expression(field):
    """Where one is required."""
    step = {"id": "x", "type": "control.if" if field == "condition" else "control.forEach", field: None}
    step |= {"then": []} if field == "condition" else {"itemVar": "i", "body": []}
    assert summary(check(workflow(step))) == [("error", "INVALID_EXPRESSION", f"{CALL}.{field}")]
