"""Walking a definition, and the plan that a run is started with."""

import json
from datetime import timedelta
from typing import Any

import attrs
import pytest

from workflow_core.actions import Action, Effect, RetryHint
from workflow_core.discovery import Registry, registry_of
from workflow_core.language.definition import CONTROL_STEPS, NODE_CONFIGS, STEP_TYPES, iter_entries, iter_steps
from workflow_core.language.plan import Plan, PlannedAction, compile_plan
from workflow_core.manifest import contract_hash
from workflow_core.modules import Module
from workflow_core.schema import check_supported


@attrs.frozen
class Nothing:
    pass


async def handle(given: Any, ctx: Any) -> Any:
    return given


def action(action_id: str, **fields: Any) -> Action:
    values = {
        "id": action_id,
        "label": action_id,
        "description": "",
        "input": Nothing,
        "output": Nothing,
        "effect": Effect.READ,
        "io": "database",
        "handler": handle,
    }
    return Action(**(values | fields))


REBOOT = action(
    "acme.reboot",
    version=2,
    effect=Effect.ONCE,
    io="external",
    time_limit=timedelta(minutes=2),
    retry=RetryHint(max_attempts=5, backoff=0.5, multiplier=3.0, max_delay=10.0),
)


@pytest.fixture
def registry() -> Registry:
    """Two actions, one of them in two versions."""
    module = Module(
        group_key="app:acme",
        label="Acme",
        description="",
        tile_kind="app",
        default_action_id="acme.find",
        allowed_action_ids=("acme.find", "acme.reboot"),
    )
    actions = [action("acme.find"), action("acme.reboot"), REBOOT]
    return registry_of("workflow-acme", "1.0", modules=[module], actions=actions)


def call(step_id: str, action_id: Any, **config: Any) -> dict[str, Any]:
    """A step that calls an action."""
    return {"id": step_id, "type": "action.call", "config": {"actionId": action_id, **config}}


def set_state(step_id: str) -> dict[str, Any]:
    return {"id": step_id, "type": "state.set", "config": {"state": "x"}}


NESTED = {
    "name": "Nested",
    "steps": [
        set_state("a"),
        {
            "id": "b",
            "type": "control.if",
            "then": [
                {"id": "c", "type": "control.forEach", "body": [set_state("d"), set_state("e")]},
                set_state("f"),
            ],
            "else": [{"id": "g", "type": "control.tryCatch", "try": [set_state("h")], "catch": [set_state("i")]}],
        },
        {"id": "j", "type": "acme.future", "then": [set_state("never")]},
        "no step",
        set_state("k"),
    ],
}


def test_walk() -> None:
    """Steps come in document order with their paths; blocks of unknown types are nobody's business."""
    assert [(path, step["id"]) for path, step in iter_steps(NESTED)] == [
        ("root.steps[0]", "a"),
        ("root.steps[1]", "b"),
        ("root.steps[1].then.steps[0]", "c"),
        ("root.steps[1].then.steps[0].body.steps[0]", "d"),
        ("root.steps[1].then.steps[0].body.steps[1]", "e"),
        ("root.steps[1].then.steps[1]", "f"),
        ("root.steps[1].else.steps[0]", "g"),
        ("root.steps[1].else.steps[0].try.steps[0]", "h"),
        ("root.steps[1].else.steps[0].catch.steps[0]", "i"),
        ("root.steps[2]", "j"),
        ("root.steps[4]", "k"),
    ]
    assert ("root.steps[3]", "no step") in list(iter_entries(NESTED))


@pytest.mark.parametrize(
    "definition",
    [None, [], "x", {}, {"steps": None}, {"steps": {}}, {"steps": [None, 1, []]}, {"steps": [{"type": ["list"]}]}],
)
def test_walk_whatever_it_is(definition: Any) -> None:
    """What is no definition has no steps that go deeper; walking it never fails."""
    assert all(path.count("steps") == 1 for path, _ in iter_entries(definition))


def test_walk_deep() -> None:
    """Depth costs no recursion."""
    step = set_state("end")
    for _ in range(5000):
        step = {"id": "x", "type": "control.if", "then": [step]}
    assert sum(1 for _ in iter_steps({"steps": [step]})) == 5001


def test_step_types() -> None:
    """Everything that the language knows of a step is a contract like any other."""
    assert frozenset(NODE_CONFIGS) | frozenset(CONTROL_STEPS) == STEP_TYPES
    for cls in (*NODE_CONFIGS.values(), *CONTROL_STEPS.values()):
        check_supported(cls)


def test_plan(registry: Registry) -> None:
    """A plan has every action that its steps call, at any depth, with all that running it needs."""
    inner = [call("b", "acme.reboot", version=2), call("c", "acme.reboot", version=2)]
    definition = {"steps": [call("a", "acme.find"), {"id": "d", "type": "control.forEach", "body": inner}]}
    plan = compile_plan(definition, registry)
    assert plan.definition == definition
    assert sorted(plan.actions) == ["acme.find@1", "acme.reboot@2"]
    assert plan.actions["acme.reboot@2"] == PlannedAction(
        distribution="workflow-acme",
        effect=Effect.ONCE,
        io="external",
        contract=contract_hash(REBOOT),
        time_limit=120.0,
        max_attempts=5,
        backoff=0.5,
        multiplier=3.0,
        max_delay=10.0,
    )


@pytest.mark.parametrize(
    "step",
    [
        call("a", "acme.gone"),
        call("a", "acme.find", version=7),
        call("a", "acme.find", version="1"),
        call("a", None),
        call("a", ["acme.find"]),
        {"id": "a", "type": "action.call"},
        {"id": "a", "type": "action.call", "config": ["acme.find"]},
        {"id": "a", "type": "acme.call", "config": {"actionId": "acme.find"}},
        {"id": "a"},
    ],
)
def test_plan_without(registry: Registry, step: dict[str, Any]) -> None:
    """A step that calls nothing that is installed plans nothing; the run says so when it gets there."""
    assert compile_plan({"steps": [step]}, registry) == Plan({"steps": [step]}, {})


def test_plan_as_json(registry: Registry) -> None:
    """A plan survives the database: the same plan, the same hash, whatever the order of keys."""
    plan = compile_plan({"steps": [call("a", "acme.reboot", version=2)], "unknown": {"b": 1, "a": [None]}}, registry)
    stored = json.loads(json.dumps(plan.as_json(), sort_keys=True))
    assert Plan.from_json(stored) == plan
    assert isinstance(Plan.from_json(stored).actions["acme.reboot@2"].effect, Effect)
    assert Plan.from_json(stored).sha256 == plan.sha256
    assert len(bytes.fromhex(plan.sha256)) == 32


def test_plan_hash_follows_the_contract(registry: Registry) -> None:
    """Another definition, and another version of an action, is another plan."""
    one = compile_plan({"steps": [call("a", "acme.reboot", version=1)]}, registry)
    two = compile_plan({"steps": [call("a", "acme.reboot", version=2)]}, registry)
    assert one.sha256 != two.sha256
    assert attrs.evolve(two, definition=one.definition).sha256 not in {one.sha256, two.sha256}
