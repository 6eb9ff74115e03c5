"""The step types of the language as a catalog: what each is called, and the JSON Schema of what an author fills in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import attrs

from workflow_core.language.definition import BLOCKS, CONTROL_STEPS, NODE_CONFIGS, NodeStep
from workflow_core.schema import json_schema

#: Label and description of each step type.
WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "action.call": ("Action", "Calls an action of an integration."),
        "transform.assign": ("Assign", "Sets variables to values and expressions."),
        "state.set": ("Set state", "Names the state that the run is in."),
        "event.wait": ("Wait for event", "Waits until an event with a correlation key arrives."),
        "time.wait": ("Wait", "Waits for a time, or until a moment."),
        "human.task": ("Human task", "Waits until a person has done a task."),
        "control.if": ("If", "Goes one way or the other by a condition."),
        "control.forEach": ("For each", "Does the same for each item of a list."),
        "control.tryCatch": ("Try and catch", "Goes on with other steps when one fails."),
        "control.callWorkflow": ("Call workflow", "Runs another workflow, and waits for its end."),
        "control.return": ("Return", "Ends the run."),
    }
)

#: Fields that every step has; they stand beside the configuration.
_COMMON: Final = frozenset(field.name for field in attrs.fields(NodeStep)) - {"config", "retry", "onError"}


@attrs.frozen(kw_only=True)
class StepType:
    """One step type.

    Attributes:
        kind: ``node``: what is configured stands under ``config``; ``control``: it stands in the step itself.
        blocks: Names of the lists of steps that it holds.
        config_schema: The JSON Schema of what is configured, without id, type, name and blocks.
    """

    type: str
    kind: Literal["node", "control"]
    label: str
    description: str
    blocks: tuple[str, ...]
    config_schema: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As the registry's route gives it."""
        return {
            "id": self.type,
            "type": self.type,
            "kind": self.kind,
            "label": self.label,
            "description": self.description,
            "blocks": list(self.blocks),
            "configSchema": dict(self.config_schema),
        }


def step_types() -> list[StepType]:
    """Every step type of the language, in the order of its definition."""
    found = [_step_type(name, "node", json_schema(cls)) for name, cls in NODE_CONFIGS.items()]
    return [*found, *(_step_type(name, "control", _own_fields(cls)) for name, cls in CONTROL_STEPS.items())]


def _step_type(name: str, kind: Literal["node", "control"], schema: Mapping[str, Any]) -> StepType:
    label, description = WORDS[name]
    return StepType(
        type=name,
        kind=kind,
        label=label,
        description=description,
        blocks=BLOCKS.get(name, ()),
        config_schema=schema,
    )


def _own_fields(cls: type) -> dict[str, Any]:
    schema = json_schema(cls)
    return {
        **schema,
        "properties": {name: field for name, field in schema["properties"].items() if name not in _COMMON},
        "required": [name for name in schema.get("required", ()) if name not in _COMMON],
    }
