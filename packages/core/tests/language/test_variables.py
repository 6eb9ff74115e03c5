"""Variables before use, steps that nothing reaches, items that get in each other's way."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from workflow_core.discovery import Registry, registry_of
from workflow_core.events import EventType
from workflow_core.language.validation import validate_definition


@attrs.frozen
class Opened:
    ticketId: str  # noqa: N815 - as in the JSON


REGISTRY: Registry = registry_of(
    "workflow-fake",
    "1.0",
    events=[EventType(name="OPENED", label="", description="", payload=Opened, schema_ref="payload.Opened.v1")],
)


def validate(*steps: Any, **fields: Any) -> list[Any]:
    """The findings of a definition with these steps."""
    definition = {"name": "Test", "steps": list(steps), **fields}
    return validate_definition(definition, registry=REGISTRY, availability={}, secret_names=(), workers=None)


def assign(step_id: str, **values: str) -> dict[str, Any]:
    """A step that assigns expressions to variables."""
    values = {name.replace("__", "."): {"$expr": source} for name, source in values.items()}
    return {"id": step_id, "type": "transform.assign", "config": {"assign": values}}


def read(*sources: str) -> dict[str, Any]:
    """A step that reads, and assigns to what nobody reads."""
    return assign("read", **{f"unread{index}": source for index, source in enumerate(sources)})


def if_(then: list[Any], otherwise: list[Any] | None = None, step_id: str = "if") -> dict[str, Any]:
    """A condition."""
    return {
        "id": step_id, "type": "control.if", "condition": {"$expr": "true"}, "then": then, "else": otherwise or [],
    }  # fmt: skip


def loop(body: list[Any], step_id: str = "loop", **fields: Any) -> dict[str, Any]:
    """A loop over ``each``."""
    return {
        "id": step_id, "type": "control.forEach", "items": {"$expr": "[1]"}, "itemVar": "each", "body": body, **fields,
    }  # fmt: skip


def try_(tried: list[Any], caught: list[Any], **fields: Any) -> dict[str, Any]:
    """A net."""
    return {"id": "try", "type": "control.tryCatch", "try": tried, "catch": caught, **fields}


RETURN = {"id": "return", "type": "control.return"}
WAIT = {"eventName": "X", "correlationKey": {"$expr": "payload.id"}}

FINE = {
    "assigned before": [assign("a", x="1"), read("x", "vars.x", "$.vars.x", "$$.x")],
    "roots": [read("payload", "vars", "local", "meta", "error", "system", "payload.a", "meta.a", "error.code")],
    "saved": [{"id": "a", "type": "action.call", "config": {"actionId": "x", "saveAs": "x"}}, read("x.y")],
    "in the same step, before": [assign("a", x="1", y="x + 1"), read("y")],
    "in one branch": [if_([assign("a", x="1")]), read("x")],
    "in the branch that goes on": [if_([assign("a", x="1")], [RETURN]), read("x")],
    "in an iteration before": [loop([read("x"), assign("a", x="1")])],
    "in an iteration before, in the other branch": [loop([if_([read("x")], [assign("a", x="1")])])],
    "after a loop": [loop([assign("a", x="1")]), read("x")],
    "after a loop that returns": [loop([assign("a", x="1"), RETURN]), read("x")],
    "in try, read in catch": [try_([assign("a", x="1"), RETURN], [read("x")])],
    "in try or catch": [try_([assign("a", x="1")], [assign("b", y="1")]), read("x", "y")],
    "loop": [loop([read("each", "vars.each", "item", "index", "length", "isFirst", "isLast", "local.item")])],
    "a loop in a loop": [loop([loop([read("each", "outer")], "inner")], itemVar="outer")],
    "error": [try_([], [read("caught.message", "error.code")], captureErrorAs="caught")],
    "after a failure": [{**assign("a", x="1"), "onError": {"policy": "continue"}}, read("vars.error.code")],
    "an event": [
        {"id": "w", "type": "event.wait", "config": {**WAIT, "assign": {"x": {"$expr": "event.a & vars.eventName"}}}},
        read("x", "vars.event.a", "eventName"),
    ],
    "a person": [{"id": "w", "type": "human.task", "config": {"taskType": "a", "title": "b"}}, read("vars.event")],
    "a pause": [
        {"id": "w", "type": "time.wait", "config": {"mode": "duration", "durationMs": 1}}, read("vars.timeWait"),
    ],
    "a child": [
        {
            "id": "c", "type": "control.callWorkflow", "workflowId": "x", "workflowVersion": 1,
            "outputMapping": {"x": {"$expr": "childRun.vars.y"}, "y": {"$expr": "x"}},
        },
        read("x", "y"),
    ],
    "names of the expression's own": [
        read(
            "payload.items[price > 3].name", "payload.items.(a & b)", "$map(payload.items, function($i) { $i.name })",
            "( $y := 1; $y )", "payload.items^(>price)", "payload.items{category: $sum(price)}", "nowIso()",
            "{'key': 'value'}.key", "[1..3][$ > 1]", "payload.items#$i.{'n': $i, 'name': name}", "'quoted' & `payload`",
        )
    ],
    "of a new root": [
        {"id": "a", "type": "transform.assign", "config": {"assign": {"vars": {"$expr": "payload"}}}},
        read("vars.anything", "anything"),
    ],
    "in an unknown step": [{"id": "n", "type": "new.thing", "x": {"$expr": "nothing"}}, read("payload")],
    "under another name": [assign("a", vars__x__y="1"), read("x.y", "vars.x.z")],
}  # fmt: skip


@pytest.mark.parametrize("steps", FINE.values(), ids=FINE)
def test_what_is_there_is_not_told(steps):
    """Whatever some path assigns, and all that an expression has by itself."""
    told = [finding for finding in validate(*steps) if finding.code not in ("UNKNOWN_NODE_TYPE", "UNKNOWN_ACTION")]
    assert told == []


NULL = {
    "never": ([read("vars.x")], "read", "No step assigns the variable x"),
    "never, by its bare name": ([read("x")], "read", "There is no variable x"),
    "later": ([read("x"), assign("a", x="1")], "read", "is assigned only later, at root.steps[1]"),
    "by itself": ([assign("a", y="x", x="1")], "a", "is assigned only by this step itself"),
    "in the other branch": (
        [if_([assign("a", x="1")], [read("x")])],
        "read",
        "on paths that do not lead here, at root.steps[0].then.steps[0]",
    ),
    "before a return": ([if_([assign("a", x="1"), RETURN]), read("x")], "read", "on paths that do not lead here"),
    "in catch, read in try": ([try_([read("x")], [assign("a", x="1")])], "read", "is assigned only later"),
    "the item after its loop": ([loop([]), read("each")], "read", "exists only in the loop at root.steps[0]"),
    "the item by vars": ([loop([]), read("vars.each")], "read", "exists only in the loop at root.steps[0]"),
    "an index outside": ([read("index")], "read", "There is no variable index"),
    "later in items that run at once": (
        [loop([read("x"), assign("a", x="1")], concurrency=2)], "read", "is assigned only later",
    ),
    "the error of a failure that ends the run": ([assign("a", x="1"), read("vars.error")], "read", "No step assigns"),
    "the child outside of its mapping": ([read("childRun.vars")], "read", "There is no variable childRun"),
    "what a call takes for itself": (
        [
            {
                "id": "c", "type": "control.callWorkflow", "workflowId": "x", "workflowVersion": 1,
                "inputMapping": {"a": {"$expr": "y"}}, "outputMapping": {"y": {"$expr": "1"}},
            }
        ],
        "c",
        "is assigned only by this step itself",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "step_id", "words"), NULL.values(), ids=NULL)
def test_what_is_null_is_told(steps, step_id, words):
    """A warning, where the expression stands, that says where the variable is assigned if it is at all."""
    (finding,) = validate(*steps)
    assert (finding.severity, finding.code, finding.step_id) == ("warning", "UNKNOWN_VARIABLE", step_id)
    assert words in finding.message


@pytest.mark.parametrize(
    ("source", "suggestion"),
    [
        ("vars.tiket.id", "did you mean vars.ticket.id?"),
        ("tiket.id", "did you mean ticket.id?"),
        ("payloads.id", "did you mean payload.id?"),
        ("lenght", "did you mean length?"),
        ("vars.quite_different", None),
        ("vars.tickets.s", "did you mean vars.ticket.s?"),
    ],
)
def test_what_was_meant(source, suggestion):
    """A variable, a root, or what a loop has."""
    (finding,) = validate(assign("a", ticket="1"), read(source))
    assert finding.suggestion == suggestion


def test_conditions_items_and_keys_are_read_too():
    """Wherever an expression stands; each place is told by itself."""
    steps = [
        {"id": "if", "type": "control.if", "condition": {"$expr": "a"}, "then": []},
        {"id": "loop", "type": "control.forEach", "items": {"$expr": "b"}, "itemVar": "i", "body": []},
        {"id": "call", "type": "action.call", "config": {"actionId": "x", "idempotencyKey": {"$expr": "c"}}},
        {"id": "wait", "type": "time.wait", "config": {"mode": "until", "until": {"$expr": "d & d"}}},
        {"id": "task", "type": "human.task", "config": {"taskType": "t", "title": {"$expr": "e & f"}}},
    ]
    assert [finding.path for finding in validate(*steps) if finding.code == "UNKNOWN_VARIABLE"] == [
        "root.steps[0].condition",
        "root.steps[1].items",
        "root.steps[2].config.idempotencyKey",
        "root.steps[3].config.until",
        "root.steps[4].config.title",
        "root.steps[4].config.title",
    ]


def test_assignments_to_the_payload():
    """What its schema has not is doubtful; without a schema nothing is known."""
    steps = [assign("a", payload__ticketId="1"), assign("b", payload__tickedId="1", payload__new__x="2")]
    found = validate(*steps, payloadSchemaRef="payload.Opened.v1")
    assert [(finding.severity, finding.code, finding.path, finding.suggestion) for finding in found] == [
        ("warning", "ASSIGN_PATH_UNKNOWN", "root.steps[1].config.assign.payload.tickedId", "did you mean ticketId?"),
        ("warning", "ASSIGN_PATH_UNKNOWN", "root.steps[1].config.assign.payload.new.x", None),
    ]
    assert validate(*steps) == []


# ── Steps that nothing reaches ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("steps", "paths"),
    [
        ([RETURN], []),
        ([RETURN, assign("a"), assign("b")], ["root.steps[1]"]),
        ([if_([RETURN]), assign("a")], []),
        ([if_([RETURN], [{**RETURN, "id": "r"}]), assign("a")], ["root.steps[1]"]),
        (
            [if_([if_([RETURN], [{**RETURN, "id": "r"}], "i"), assign("a")]), assign("b")],
            ["root.steps[0].then.steps[1]"],
        ),
        ([try_([RETURN], [{**RETURN, "id": "r"}]), assign("a")], ["root.steps[1]"]),
        ([try_([RETURN], []), assign("a")], []),
        ([loop([RETURN]), assign("a")], []),
        ([loop([RETURN, assign("a")]), assign("b")], ["root.steps[0].body.steps[1]"]),
        ([RETURN, if_([assign("a")])], ["root.steps[1]"]),
    ],
)
def test_unreachable_steps(steps, paths):
    """The first of them in a block is told; a branch that goes on leads on."""
    found = validate(*steps)
    assert [(finding.severity, finding.code) for finding in found] == [("warning", "UNREACHABLE_STEP")] * len(paths)
    assert [finding.path for finding in found] == paths


def test_how_many_steps_are_unreachable():
    """The one that is told stands for the others."""
    words = [validate(RETURN, *(assign(str(i)) for i in range(count)))[0].message for count in (1, 2, 3)]
    assert [word.split(" never")[0] for word in words] == [
        "This step is",
        "This step and the one after it are",
        "This step and the 2 after it are",
    ]


# ── Items that run at the same time ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        ([loop([assign("a", x="1")], concurrency=2), read("x")], "vars.x"),
        ([loop([assign("a", x="1", y="2", meta__z="3")], concurrency=2), read("meta.z & y")], "vars.y, meta.z"),
        ([loop([if_([assign("a", x="1")])], concurrency=2), if_([read("vars.x.y")], step_id="b")], "vars.x"),
        ([loop([loop([assign("a", x="1")], "inner", concurrency=2), read("x")])], "vars.x"),
        ([loop([if_([read("x")]), loop([assign("a", x="1")], "inner", concurrency=2)])], "vars.x"),
        ([loop([assign("a", x="1"), read("x")], concurrency=2)], None),
        ([loop([assign("a", x="1")], concurrency=1), read("x")], None),
        ([loop([assign("a", x="1")]), read("x")], None),
        ([assign("b", x="1"), loop([assign("a", x="1")], concurrency=2)], None),
    ],
)
def test_writes_of_items_that_run_at_once(steps, names):
    """Told where the body assigns what is read after the loop, also in its next round."""
    found = [finding for finding in validate(*steps) if finding.code == "CONCURRENT_WRITE"]
    if names is None:
        assert found == []
    else:
        (finding,) = found
        assert finding.severity == "warning"
        assert finding.path.endswith(".concurrency")
        assert f"after the loop {names} is" in finding.message
