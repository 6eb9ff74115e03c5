"""The compiled plan of a run: its definition and everything that its actions need to be executed.

The interpreter works from the plan alone and never looks at the registry, so that a run keeps the meaning that it
was started with while distributions are upgraded around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from workflow_core.actions import Action, Effect, Io
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

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PlannedAction:
        """What :func:`attrs.asdict` gave, after it was stored as JSON."""
        return cls(**{**value, "effect": Effect(value["effect"])})


@attrs.frozen
class Plan:
    """A definition with the actions that it calls.

    Attributes:
        definition: As published, but for the ``outputs`` of steps that compose text: they stand in the mapping.
        actions: By ``id@version``; an action that no process had when the run started is not in it.
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
        actions = {key: PlannedAction.from_json(action) for key, action in value["actions"].items()}
        return cls(dict(value["definition"]), actions, dict(value.get("samples", {})))

    @property
    def sha256(self) -> str:
        """The SHA-256 of the plan's canonical JSON."""
        return sha256_json(self.as_json())


def called_actions(definition: Mapping[str, Any]) -> set[tuple[str, int]]:
    """The ids and versions of the actions that a definition calls, whether or not they exist."""
    called = set()
    for _, step in iter_steps(definition):
        config = step.get("config")
        if step.get("type") == "action.call" and isinstance(config, Mapping):
            action_id, version = config.get("actionId"), config.get("version", 1)
            if isinstance(action_id, str) and isinstance(version, int):
                called.add((action_id, version))
    return called


def plan_actions(registry: Registry, wanted: Iterable[tuple[str, int]]) -> dict[str, PlannedAction]:
    """Of the wanted actions those that this process has, by ``id@version``."""
    found = [action for key in sorted(wanted) if (action := registry.actions.get(key)) is not None]
    return {action.key: _planned(action, registry.distribution_of[action.id]) for action in found}


def compile_plan(
    definition: Mapping[str, Any], registry: Registry, elsewhere: Mapping[str, PlannedAction] | None = None
) -> Plan:
    """The plan of a definition, from the actions that this process has, and from others that it lacks."""
    called = called_actions(definition)
    ours = plan_actions(registry, called)
    keys = [f"{action_id}@{version}" for action_id, version in called]
    others = {key: action for key, action in (elsewhere or {}).items() if key in keys and key not in ours}
    return Plan(with_composed_outputs(definition, registry), {**ours, **others})


def _planned(action: Action, distribution: str) -> PlannedAction:
    return PlannedAction(
        distribution=distribution,
        effect=action.effect,
        io=action.io,
        contract=contract_hash(action),
        time_limit=action.time_limit.total_seconds(),
        max_attempts=action.retry.max_attempts,
        backoff=action.retry.backoff,
        multiplier=action.retry.multiplier,
        max_delay=action.retry.max_delay,
    )
