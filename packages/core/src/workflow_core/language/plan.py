"""The compiled plan of a run: its definition and everything that its actions need to be executed.

The interpreter works from the plan alone and never looks at the registry, so that a run keeps the meaning that it
was started with while distributions are upgraded around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from workflow_core.actions import Effect, Io
from workflow_core.discovery import Registry
from workflow_core.language.composing import with_composed_outputs
from workflow_core.language.definition import iter_steps
from workflow_core.manifest import contract_hash, sha256_json


@attrs.frozen(kw_only=True)
class PlannedAction:
    """What the interpreter knows of one ``id@version``. Times are in seconds."""

    distribution: str
    effect: Effect
    io: Io
    contract: str
    time_limit: float
    max_attempts: int
    backoff: float
    multiplier: float
    max_delay: float


@attrs.frozen
class Plan:
    """A definition with the actions that it calls.

    Attributes:
        definition: As published, but for the ``outputs`` of steps that compose text: they stand in the mapping.
        actions: By ``id@version``; an action that was not installed when the run started is not in it.
        samples: What steps give in a dry run in the place of being done, by their ids.
    """

    definition: dict[str, Any]
    actions: dict[str, PlannedAction]
    samples: dict[str, dict[str, Any]] = attrs.Factory(dict)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, as ``workflow_runs.plan`` stores it."""
        return {
            "definition": self.definition,
            "actions": {key: attrs.asdict(action) for key, action in self.actions.items()},
            **({"samples": self.samples} if self.samples else {}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """The plan that :meth:`as_json` gave."""
        actions = {
            key: PlannedAction(**{**action, "effect": Effect(action["effect"])})
            for key, action in value["actions"].items()
        }
        return cls(dict(value["definition"]), actions, dict(value.get("samples", {})))

    @property
    def sha256(self) -> str:
        """The SHA-256 of the plan's canonical JSON."""
        return sha256_json(self.as_json())


def compile_plan(definition: Mapping[str, Any], registry: Registry) -> Plan:
    """The plan of a definition, from the actions that this process has."""
    planned: dict[str, PlannedAction] = {}
    for _, step in iter_steps(definition):
        config = step.get("config")
        if step.get("type") != "action.call" or not isinstance(config, Mapping):
            continue
        action_id, version = config.get("actionId"), config.get("version", 1)
        if not isinstance(action_id, str) or not isinstance(version, int):
            continue
        action = registry.actions.get((action_id, version))
        if action is None:
            continue
        planned[action.key] = PlannedAction(
            distribution=registry.distribution_of[action.id],
            effect=action.effect,
            io=action.io,
            contract=contract_hash(action),
            time_limit=action.time_limit.total_seconds(),
            max_attempts=action.retry.max_attempts,
            backoff=action.retry.backoff,
            multiplier=action.retry.multiplier,
            max_delay=action.retry.max_delay,
        )
    return Plan(with_composed_outputs(definition, registry), planned)
