"""What holds for every finding, whatever is validated: it names a place that is there, and nothing makes it fail."""

from __future__ import annotations

import ast
import json
import re
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, ClassVar
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_core.actions import Action, ActionContext, Effect
from workflow_core.discovery import Registry, registry_of
from workflow_core.events import EventType
from workflow_core.language import rules, validation
from workflow_core.language.calls import Call, CalledVersion, CalledWorkflows
from workflow_core.language.validation import validate_definition
from workflow_core.modules import Module
from workflow_core.schema import AtLeastOne

DOCUMENTATION = Path(__file__).parents[4] / "docs" / "validation.md"
ID = "22222222-2222-4222-8222-222222222222"
OTHER = "33333333-3333-4333-8333-333333333333"


@attrs.frozen
class Inner:
    id: UUID
    names: list[Annotated[str, msgspec.Meta(min_length=1)]] = attrs.Factory(list)


@attrs.frozen
class Everything:
    __rules__: ClassVar = (AtLeastOne("text", "number"),)

    inner: Inner
    text: str | None = None
    number: int | None = None
    inners: list[Inner] = attrs.Factory(list)
    counts: dict[str, int] = attrs.Factory(dict)


@attrs.frozen
class Opened:
    ticketId: str  # noqa: N815 - as in the JSON
    count: int = 0


@attrs.frozen
class Silent:
    note: str


async def _unused(_given: Any, _ctx: ActionContext) -> Any:
    raise NotImplementedError  # declared only: a test that came to call it should fail


REGISTRY: Registry = registry_of(
    "workflow-fake",
    "1.0",
    modules=[
        Module(
            group_key="app:acme", label="Acme", description="", tile_kind="app", default_action_id="acme.do",
            allowed_action_ids=("acme.do",), availability_key="acme",
        )
    ],
    actions=[
        Action(
            id="acme.do", label="Do", description="", input=Everything, output=Everything, effect=Effect.READ,
            io="database", handler=_unused, permission="acme:do",
        )
    ],
    events=[
        EventType(name="OPENED", label="", description="", payload=Opened, schema_ref="payload.Opened.v1"),
        EventType(name="SILENT", label="", description="", payload=Silent, schema_ref="payload.Silent.v1"),
    ],
)  # fmt: skip
CALLED = CalledWorkflows(
    {OTHER: (1,)}, {(OTHER, 1): CalledVersion("Other", "payload.Opened.v1", (Call((ID, 1), is_conditional=False),))}
)


def validate(definition: Any) -> list[Any]:
    """The findings where everything is asked, and little is there."""
    return validate_definition(
        definition,
        registry=REGISTRY,
        availability={},
        secret_names={"KEY"},
        workers=[],
        called=CALLED,
        permissions=(),
    )


# ── Places ───────────────────────────────────────────────────────────────────────────────────────────────────────


def exists(definition: Any, path: str) -> bool:
    """Whether a path names a place, or one field that is missing at a place.

    ``then.steps[0]`` is the first step of ``then``; names may themselves have dots and brackets in them.
    """
    stack = [(definition, path.removeprefix("root"))]
    while stack:
        value, rest = stack.pop()
        if not rest:
            return True
        index = re.match(r"\[(\d+)\]", rest)
        if isinstance(value, list) and index is not None and int(index[1]) < len(value):
            stack.append((value[int(index[1])], rest[index.end() :]))
        if isinstance(value, list) and rest.startswith(".steps["):
            stack.append((value, rest.removeprefix(".steps")))
        if isinstance(value, dict) and rest.startswith("."):
            name = rest[1:]
            if re.fullmatch(r"[A-Za-z_]+", name):
                return True  # the field is missing, or there
            stack += [(value[key], name[len(key) :]) for key in value if name.startswith(key)]
    return False


def test_places_are_told_apart():
    """The test's own reading of paths: what is two names away from anything is not there."""
    definition = {"steps": [{"then": [{"a.b": {"": [1]}}]}], "x": None}
    for path in ("root", "root.name", "root.steps[0].then.steps[0].a.b.[0]", "root.steps[0].then.steps[0].missing"):
        assert exists(definition, path)
    for path in ("root.y.z", "root.steps[1]", "root.steps[0].then.steps[0].a.b.c.d", "root.x.y", "root.steps[0].c.d"):
        assert not exists(definition, path)


# ── Any JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(
    ["", "a", "a.b", "[0]", "$expr", "$secret", "$x", ".", "text", "inner", "id", "ünï", "x\0y", "__"]
)
EXPRESSIONS = st.sampled_from(
    ["", "(", "1", "'x'", "vars.a.b", "a", "payload.ticketId", "payload.count.x", "vars.found.inner", "item.a", "[1,2]",
     "vars.`a.b`.c", "{'id': 1}", "event.payload.x", "$random()", "a" * 300, "vars", "$map(a, function($v) { $v })"]
).map(lambda source: {"$expr": source})  # fmt: skip
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | EXPRESSIONS
    | st.sampled_from([{"$secret": "KEY"}, {"$secret": "nope"}, {"$expr": 1}, {"$expr": "a", "b": 1}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(
    ["a", "vars.a", "vars.a.b", "vars", "meta.state", "error", "system.x", "", "a..b", "payload.x", "b"]
)


def sometimes(value: st.SearchStrategy[Any], other: st.SearchStrategy[Any] = ANY) -> st.SearchStrategy[Any]:
    """What belongs there, or now and then something else."""
    return st.integers(0, 20).flatmap(lambda chance: other if chance == 20 else value)


def fields(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with these fields, now and then without one or with another one."""

    def changed(parts: tuple[dict[str, Any], list[str], dict[str, Any]]) -> dict[str, Any]:
        members, left_out, more = parts
        return {**more, **{name: value for name, value in members.items() if name not in left_out}}

    parts = st.tuples(
        st.fixed_dictionaries({name: sometimes(value) for name, value in known.items()}),
        sometimes(st.just([]), st.lists(st.sampled_from(sorted(known)), max_size=2)),
        sometimes(st.just({}), st.dictionaries(NAMES, ANY, max_size=1)),
    ).map(changed)
    return st.deferred(lambda: parts)  # whose description is short


MAPPINGS = fields(
    inner=fields(id=EXPRESSIONS, names=st.lists(ANY, max_size=2)),
    text=EXPRESSIONS,
    number=EXPRESSIONS,
    inners=st.lists(fields(id=ANY), max_size=2),
    counts=st.dictionaries(NAMES, ANY, max_size=2),
)
ASSIGNMENTS = st.dictionaries(PATHS, EXPRESSIONS | ANY, max_size=3)
ON_ERROR = fields(policy=st.sampled_from(["continue", "fail"]))
RETRY = fields(maxAttempts=st.just(2), backoffMs=st.just(1), retryOn=st.lists(st.text(max_size=9), max_size=2))
FILTERS = st.lists(fields(path=st.just("a"), op=st.sampled_from(["=", "in", "exists"]), value=ANY), max_size=2)
IDS = st.sampled_from("abcdefgh")


def node(step_type: str, **config: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A step that does something."""
    return fields(id=IDS, type=st.just(step_type), config=fields(**config), retry=RETRY, onError=ON_ERROR)


NODES = st.one_of(
    node(
        "action.call", actionId=st.sampled_from(["acme.do", "acme.do", "acme.od"]), version=st.sampled_from([1, 1, 2]),
        inputMapping=MAPPINGS, saveAs=PATHS, idempotencyKey=EXPRESSIONS, onError=ON_ERROR,
        designerGroupKey=st.sampled_from(["app:acme", "app:gone"]),
    ),
    node("transform.assign", assign=ASSIGNMENTS),
    node("state.set", state=st.just("S")),
    node(
        "event.wait", eventName=st.sampled_from(["OPENED", "SILENT", "NONE"]), correlationKey=EXPRESSIONS,
        filters=FILTERS, assign=ASSIGNMENTS,
    ),
    node("time.wait", mode=st.sampled_from(["duration", "until"]), durationMs=st.just(5), until=EXPRESSIONS),
    node("human.task", taskType=st.just("t"), title=EXPRESSIONS, contextData=MAPPINGS, assign=ASSIGNMENTS),
    node("new.thing", anything=EXPRESSIONS),
    fields(id=IDS, type=st.just("control.return")),
    fields(
        id=IDS, type=st.just("control.callWorkflow"), workflowId=st.sampled_from([ID, OTHER, "elsewhere"]),
        workflowVersion=st.sampled_from([1, 2]), inputMapping=MAPPINGS, outputMapping=ASSIGNMENTS,
    ),
)  # fmt: skip


def control(block: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A block with steps that have blocks."""
    steps = st.one_of(
        NODES,
        fields(id=IDS, type=st.just("control.if"), condition=EXPRESSIONS, then=block, **{"else": block}),
        fields(
            id=IDS, type=st.just("control.forEach"), items=EXPRESSIONS, itemVar=st.sampled_from(["a", "item", "vars"]),
            concurrency=st.sampled_from([1, 2]), body=block,
        ),
        fields(
            id=IDS, type=st.just("control.tryCatch"), captureErrorAs=PATHS, **{"try": block, "catch": block},
        ),
    )  # fmt: skip
    return st.lists(st.deferred(lambda: steps), max_size=3)


DEFINITIONS = fields(
    id=st.just(ID),
    version=st.sampled_from([1, 2]),
    name=st.just("Test"),
    payloadSchemaRef=st.sampled_from(["payload.Opened.v1", "payload.Closed.v1"]),
    trigger=st.none()
    | fields(
        type=st.just("event"),
        eventName=st.sampled_from(["OPENED", "NONE"]),
        sourcePayloadSchemaRef=st.sampled_from(["payload.Silent.v1", "payload.Opened.v1"]),
        payloadMapping=st.dictionaries(st.sampled_from(["ticketId", "a.b"]), EXPRESSIONS | ANY, max_size=2),
    )
    | fields(type=st.just("schedule"), runAt=st.just("2026-08-01T09:00:00Z"))
    | fields(type=st.just("recurring"), cron=st.just("0 9 * * *"), timezone=st.just("UTC")),
    steps=control(control(st.lists(NODES, max_size=2))),
)


@settings(max_examples=400, deadline=None)
@given(DEFINITIONS | ANY)
def test_every_finding_names_a_place(definition):
    """A place of the definition, or one field that is missing there; and it belongs to the step that it names."""
    before = deepcopy(definition)
    for finding in validate(definition):
        assert exists(definition, finding.path), finding
        assert exists(definition, finding.step_path), finding
        assert finding.path.startswith(finding.step_path)
        assert finding.message
        assert finding.severity in ("error", "warning")
        json.dumps(finding.as_json())
    assert repr(definition) == repr(before)


@settings(max_examples=50, deadline=None)
@given(DEFINITIONS)
def test_findings_are_always_the_same(definition):
    """In the same order."""
    assert validate(definition) == validate(deepcopy(definition))


def nested(depth: int, *, in_list: bool) -> Any:
    """A value that nests so deep."""
    value: Any = {"$expr": "vars.a"}
    for _ in range(depth):
        value = [value] if in_list else {"a": value}
    return value


@pytest.mark.parametrize("depth", [150, 250, 100_000])
@pytest.mark.parametrize("in_list", [True, False])
def test_deep_values(depth, in_list):
    """Where a run could not hold a value either it is said to be too deep; nothing overflows, and the rest is told."""
    deep = nested(depth, in_list=in_list)
    call = {"id": "a", "type": "action.call", "config": {"actionId": "acme.do", "inputMapping": {"text": deep}}}
    steps = [
        call,
        {"id": "b", "type": "transform.assign", "config": {"assign": {"a": deep}}},
        {"id": "c", "type": "control.if", "condition": deep, "then": [{"id": "d", "type": "state.set"}]},
        {"id": "e", "type": "new.thing", "x": deep},
        {"id": "f", "type": deep},
        deep,
    ]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    try:
        found = validate({"name": "Test", "trigger": {"type": "event", "x": deep}, "more": deep, "steps": steps})
        found += validate({"name": deep, "steps": deep, "payloadSchemaRef": deep, "trigger": deep, "id": deep})
        found += validate(deep)
    finally:
        sys.setrecursionlimit(limit)
    too_deep = {finding.path for finding in found if "levels deep" in finding.message}
    expected = {f"root.steps[{index}]" for index in range(5)} | {"root.trigger", "root.more"}
    assert (too_deep >= expected) == (depth > 200)
    assert ("INVALID_CONFIG", "root.steps[2].then.steps[0].config") in {(each.code, each.path) for each in found}


def test_long_names_and_many_of_them():
    """Suggestions are looked for within bounds."""
    steps = [
        {"id": f"{i}", "type": "transform.assign", "config": {"assign": {f"v{i}{'x' * 2000}": {"$expr": f"v{i}y"}}}}
        for i in range(300)
    ]
    started = time.process_time()
    assert {finding.code for finding in validate({"name": "Test", "steps": steps})} == {"UNKNOWN_VARIABLE"}
    assert time.process_time() - started < 20


def test_five_hundred_steps():
    """Takes well under a second, also where eight share the machine; four times as many take about as much longer."""

    def seconds(count: int) -> float:
        steps = [
            {
                "id": f"s{index}", "type": "action.call",
                "config": {
                    "actionId": "acme.do", "saveAs": f"vars.r{index}",
                    "inputMapping": {"inner": {"id": ID}, "text": {"$expr": f"vars.r{max(index - 1, 0)}.text & 'x'"}},
                },
            }
            for index in range(count)
        ]  # fmt: skip
        definition = {"name": "Test", "steps": steps}
        validate(definition)  # compiled expressions are kept
        started = time.process_time()
        validate(definition)
        return time.process_time() - started

    assert seconds(500) < 1
    assert seconds(2000) < 10 * max(seconds(500), 0.05)


# ── Documentation ────────────────────────────────────────────────────────────────────────────────────────────────

#: Words in capitals in the code of the rules that are no codes of findings.
NO_CODES = {"UNKNOWN_FIELD"}


def codes_of(path: Path) -> Iterator[str]:
    """What looks like a code in a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"[A-Z]+(_[A-Z]+)+", node.value)
        ):
            yield node.value


def test_every_code_is_documented_and_tested():
    """The page names each code that a rule gives, and no other; each stands in a test of this folder."""
    modules = Path(rules.__file__).parent.glob("*.py")
    given = {code for module in modules for code in codes_of(module)} | {"EMPTY_EXPRESSION"}
    given -= {"RATE_LIMITED", "TRANSIENT_FAILURE", "INTEGRATION_INACTIVE"}  # codes of errors, not of findings
    documented = re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENTATION.read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(given)
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [code for code in sorted(given) if f'"{code}"' not in tests] == []
    assert validation.STEP_RULES
