"""Steps that compose text: their outputs become part of their input."""

import copy
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from workflow_core.actions import Action, Effect
from workflow_core.discovery import Registry, registry_of
from workflow_core.language._budget import Budget
from workflow_core.language.composing import reference_expression, with_composed_outputs
from workflow_core.language.expressions import MISSING, compile_expression
from workflow_core.language.plan import compile_plan
from workflow_core.language.validation import validate_definition
from workflow_core.modules import Module


@attrs.frozen
class Node:
    """A piece of a text."""

    type: str
    path: str | None = None
    value: Any = None


@attrs.frozen
class Texts:
    """Takes outputs."""

    outputs: tuple[Node, ...] = ()


@attrs.frozen
class Other:
    """Takes none."""

    title: str = ""


async def handle(given: Any, ctx: Any) -> Any:
    return given


@pytest.fixture
def registry() -> Registry:
    """One action that composes, one that does not."""
    common = {"label": "", "description": "", "output": Other, "effect": Effect.READ, "io": "database"}
    actions = [
        Action(id="acme.compose", input=Texts, handler=handle, **common),
        Action(id="acme.other", input=Other, handler=handle, **common),
    ]
    module = Module(
        group_key="app:acme",
        label="Acme",
        description="",
        tile_kind="app",
        default_action_id="acme.other",
        allowed_action_ids=("acme.compose", "acme.other"),
    )
    return registry_of("workflow-acme", "1.0", modules=[module], actions=actions)


def step(action_id: str, **config: Any) -> dict[str, Any]:
    return {"id": "s", "type": "action.call", "config": {"actionId": action_id, "version": 1, **config}}


def definition(*steps: Any) -> dict[str, Any]:
    return {"id": "d", "version": 1, "name": "", "payloadSchemaRef": "payload.X.v1", "steps": list(steps)}


def test_outputs_become_input(registry: Registry) -> None:
    """In the plan, at any depth, beside what is mapped already; the stored definition stays as it is."""
    outputs = [{"type": "reference", "path": "payload.title"}, {"type": "text"}]
    inner = step("acme.compose", outputs=outputs, inputMapping={"x": 1})
    stored = definition({"id": "if", "type": "control.if", "condition": {"$expr": "true"}, "then": [inner]})
    before = copy.deepcopy(stored)

    planned = compile_plan(stored, registry).definition

    assert stored == before
    assert planned["steps"][0]["then"][0]["config"]["inputMapping"] == {
        "x": 1,
        "outputs": [
            {"type": "reference", "path": "payload.title", "value": {"$expr": "`payload`.`title`"}},
            {"type": "text"},
        ],
    }
    assert planned["steps"][0]["then"][0]["config"]["outputs"] == outputs


def test_other_actions_keep_their_mapping(registry: Registry) -> None:
    """Only an action with an input of that name takes outputs."""
    stored = definition(step("acme.other", outputs=[{}]), step("acme.unknown", outputs=[{}]), step("acme.compose"))

    assert with_composed_outputs(stored, registry) == stored


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("payload.title", "x"),
        (" vars.list[1].and ", 7),
        ("item", "i"),
        ("$index", 3),
        ("vars.$odd", None),
        ("vars.none.deep", MISSING),
    ],
)
def test_references_are_read(path: str, value: Any) -> None:
    """Roots, loop variables, items of lists, and names that are words of the expression language."""
    scope = {"payload": {"title": "x"}, "vars": {"list": [0, {"and": 7}], "$odd": None}, "item": "i", "index": 3}
    source = reference_expression(path)
    assert source is not None
    assert compile_expression(source).evaluate(scope, now=datetime.now(UTC), budget=Budget()) == value


@pytest.mark.parametrize("path", ["", "1 + 1", "vars[", "vars['x']", "payload.`x`", "$eval('1')", "a..b"])
def test_anything_else_is_no_reference(path: str, registry: Registry) -> None:
    """It is not evaluated, and keeps the definition from being published."""
    assert reference_expression(path) is None
    found = validate_definition(
        definition(step("acme.compose", outputs=[{"type": "reference", "path": path}])),
        registry=registry,
        availability={},
        secret_names=(),
        workers=None,
    )
    assert ("INVALID_ACTION_CONFIG", "root.steps[0].config.outputs[0].path") in {(f.code, f.path) for f in found}


def test_outputs_have_to_fit(registry: Registry) -> None:
    """Every wrong place is found when the definition is published."""
    found = validate_definition(
        definition(step("acme.compose", outputs=[{"type": 1}, {"kind": "text", "type": "text"}])),
        registry=registry,
        availability={},
        secret_names=(),
        workers=None,
    )
    assert {f.path for f in found if f.code == "INVALID_ACTION_CONFIG"} == {
        "root.steps[0].config.outputs[0].type",
        "root.steps[0].config.outputs[1].kind",
    }
