"""Workflows that call workflows: they exist, get what they need, and do not call one another without an end."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from workflow_core.discovery import Registry, registry_of
from workflow_core.events import EventType
from workflow_core.language.calls import Call, CalledVersion, CalledWorkflows, calls_of
from workflow_core.language.rules.calls import MAX_CALLS
from workflow_core.language.validation import validate_definition

A, B, C = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abc")


@attrs.frozen
class Opened:
    ticketId: str  # noqa: N815 - as in the JSON
    title: str = ""


REGISTRY: Registry = registry_of(
    "workflow-fake",
    "1.0",
    events=[EventType(name="OPENED", label="", description="", payload=Opened, schema_ref="payload.Opened.v1")],
)


def call(workflow_id: str, version: int = 1, **more: Any) -> dict[str, Any]:
    """A step that calls."""
    return {
        "id": f"call-{workflow_id[0]}{version}", "type": "control.callWorkflow", "workflowId": workflow_id,
        "workflowVersion": version, **more,
    }  # fmt: skip


def if_(*steps: Any) -> dict[str, Any]:
    """A condition."""
    return {"id": "if", "type": "control.if", "condition": {"$expr": "true"}, "then": list(steps)}


def validate(*steps: Any, called: dict[tuple[str, int], Any] | None = None, **published: tuple[int, ...]) -> list[Any]:
    """The findings of version 2 of the workflow A, where ``called`` are the steps of other versions."""
    versions = {
        (workflow_id, version): CalledVersion.of({"name": workflow_id[0].upper(), "steps": others})
        for (workflow_id, version), others in (called or {}).items()
    }
    existing: dict[str, tuple[int, ...]] = {A: (1,), B: (), C: (), "elsewhere": ()}
    existing |= {workflow_id: (version,) for workflow_id, version in versions if workflow_id != A}
    existing |= {{"a": A, "b": B, "c": C}[name]: numbers for name, numbers in published.items()}
    return validate_definition(
        {"id": A, "version": 2, "name": "Test", "steps": list(steps)},
        registry=REGISTRY,
        availability={},
        secret_names=(),
        workers=None,
        called=CalledWorkflows(existing, versions),
    )


def test_what_is_called_exists():
    """A warning, on the id or on the version, that says which there are."""
    (finding,) = validate(call(B))
    assert (finding.severity, finding.code, finding.path) == (
        "warning",
        "CALLED_WORKFLOW_NOT_FOUND",
        "root.steps[0].workflowId",
    )
    (finding,) = validate(call(B, 3), b=(1, 2))
    assert (finding.code, finding.path) == ("CALLED_WORKFLOW_NOT_FOUND", "root.steps[0].workflowVersion")
    assert "it has 1, 2" in finding.message
    assert finding.suggestion == "did you mean version 2?"
    assert validate(call(B.upper(), 2), b=(1, 2)) == []
    (finding,) = validate(call("elsewhere"))
    assert finding.code == "CALLED_WORKFLOW_NOT_FOUND"


def test_nobody_looked():
    """Without a look into the database nothing is said."""
    definition = {"id": A, "version": 1, "name": "Test", "steps": [call(B), call(A)]}
    assert validate_definition(definition, registry=REGISTRY, availability={}, secret_names=(), workers=None) == []


@pytest.mark.parametrize(
    ("mapping", "path"),
    [
        ({"ticketId": {"$expr": "payload.id"}}, None),
        ({"$expr": "payload"}, None),
        ({"title": "x"}, "root.steps[0].inputMapping.ticketId"),
        (None, "root.steps[0].inputMapping"),
    ],
)
def test_what_is_called_gets_its_payload(mapping, path):
    """Its required fields; a warning, since the payload is checked by nobody else."""
    step = call(B) if mapping is None else call(B, inputMapping=mapping)
    found = validate_definition(
        {"name": "Test", "steps": [step]},
        registry=REGISTRY,
        availability={},
        secret_names=(),
        workers=None,
        called=CalledWorkflows({B: (1,)}, {(B, 1): CalledVersion("Child", "payload.Opened.v1", ())}),
    )
    expected = [] if path is None else [("warning", "MISSING_REQUIRED_MAPPING", path)]
    assert [(finding.severity, finding.code, finding.path) for finding in found] == expected


CYCLES = {
    "itself": ([call(A, 2)], {}, "error", "this workflow v2 → this workflow v2"),
    "by another": ([call(B)], {(B, 1): [call(A, 2)]}, "error", "this workflow v2 → B v1 → this workflow v2"),
    "by two": (
        [call(C), call(B)],
        {(B, 1): [call(C)], (C, 1): [call(A, 2)]},
        "error",
        "this workflow v2 → C v1 → this workflow v2",
    ),
    "on a condition": ([if_(call(A, 2))], {}, "warning", "this workflow v2 → this workflow v2"),
    "on another's condition": ([call(B)], {(B, 1): [if_(call(A, 2))]}, "warning", "B v1 → this workflow v2"),
    "after what may end it": (
        [if_({"id": "r", "type": "control.return"}), call(A, 2)], {}, "warning", "this workflow v2 → this workflow v2",
    ),
    "through another version": ([call(A, 1)], {(A, 1): []}, "warning", "this workflow v2 → this workflow v1"),
    "through another's older version": (
        [call(B)], {(B, 1): [call(A, 1)]}, "warning", "this workflow v2 → B v1 → this workflow v1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "called", "severity", "chain"), CYCLES.values(), ids=CYCLES)
def test_cycles(steps, called, severity, chain):
    """A cycle that nothing can end is an error, any other a warning; both name the chain."""
    found = [finding for finding in validate(*steps, called=called) if finding.code == "CALL_CYCLE"]
    assert found
    assert {finding.severity for finding in found} == {severity}
    assert f": {chain}" in found[0].message or found[0].message.count(chain) == 1
    assert found[0].path.endswith(".workflowId")


def test_no_cycle():
    """The same workflow twice, and others that go round by themselves."""
    called = {(B, 1): [call(C)], (C, 1): [call(B)]}
    assert validate(call(B), call(C), call(B, id="again"), called=called) == []


@pytest.mark.parametrize(("others", "found"), [(MAX_CALLS - 1, True), (MAX_CALLS, False)])
def test_search_for_a_cycle_is_bounded(others, found):
    """From each of thousands of calls to a workflow with thousands of calls: else it would take hours."""
    called = {(B, 1): [*(call(C, number + 1) for number in range(others)), call(A, 2)]}
    assert [finding.code for finding in validate(call(B), called=called)] == ["CALL_CYCLE"] * found


def test_calls_of_a_definition():
    """In their order, wherever they stand; what names nothing is passed over."""
    steps = [
        call(B.upper()),
        if_(call(C, 2)),
        {"id": "r", "type": "control.return"},
        call(C, 1),
        call(B, True),
        {"id": "x", "type": "control.callWorkflow"},
    ]
    assert calls_of({"steps": steps}) == (
        Call((B, 1), is_conditional=False),
        Call((C, 2), is_conditional=True),
        Call((C, 1), is_conditional=True),
    )
