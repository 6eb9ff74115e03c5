"""What the rules look at: one step, and its surroundings."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import attrs

from workflow_core.actions import Action
from workflow_core.availability import Availability
from workflow_core.discovery import Registry
from workflow_core.language.definition import BLOCKS
from workflow_core.language.findings import Finding, Severity
from workflow_core.manifest import Manifest

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@attrs.frozen(eq=False)
class Context:
    """What a definition is held against.

    Attributes:
        registry: The actions and modules of this process.
        availability: The tenant's answers, by availability key.
        secret_names: The secrets that the tenant has stored.
        workers: What the live workers can run; None when nobody looked.
        allow_unavailable: Whether a module that the tenant does not have is a warning only.
    """

    registry: Registry
    availability: Mapping[str, Availability]
    secret_names: Collection[str]
    workers: Sequence[Manifest] | None
    allow_unavailable: bool = False


@attrs.frozen(eq=False)
class StepView:
    """One step of a definition.

    Attributes:
        path: Such as ``root.steps[1].then.steps[0]``.
        step: As stored.
    """

    path: str
    step: Mapping[str, Any]

    @property
    def id(self) -> str | None:
        """Its id, if it has one."""
        value = self.step.get("id")
        return value if isinstance(value, str) else None

    @property
    def type(self) -> str:
        """Its type; empty when it has none."""
        value = self.step.get("type")
        return value if isinstance(value, str) else ""

    @property
    def config(self) -> Mapping[str, Any]:
        """Its configuration; empty when it has none."""
        value = self.step.get("config")
        return value if isinstance(value, Mapping) else _NOTHING

    @property
    def own_fields(self) -> dict[str, Any]:
        """The step without the steps inside it."""
        blocks = BLOCKS.get(self.type, ())
        return {name: value for name, value in self.step.items() if name not in blocks}

    def error(self, code: str, message: str, *, at: str = "", suggestion: str | None = None) -> Finding:
        """A finding that keeps the definition from being published; ``at`` is a path in the step."""
        return self._finding("error", code, message, at, suggestion)

    def warning(self, code: str, message: str, *, at: str = "", suggestion: str | None = None) -> Finding:
        """A finding that does not."""
        return self._finding("warning", code, message, at, suggestion)

    def _finding(self, severity: Severity, code: str, message: str, at: str, suggestion: str | None) -> Finding:
        return Finding(
            severity=severity,
            step_path=self.path,
            step_id=self.id,
            path=f"{self.path}.{at}" if at else self.path,
            code=code,
            message=message,
            suggestion=suggestion,
        )


def called_action(view: StepView, context: Context) -> Action | None:
    """The installed action that an ``action.call`` names, if it names one."""
    if view.type != "action.call":
        return None
    action_id, version = view.config.get("actionId"), view.config.get("version", 1)
    if not isinstance(action_id, str) or not isinstance(version, int) or isinstance(version, bool):
        return None
    return context.registry.actions.get((action_id, version))


def input_mapping(view: StepView) -> Mapping[str, Any]:
    """The ``inputMapping`` of an ``action.call``; empty when it has none."""
    mapping = view.config.get("inputMapping")
    return mapping if isinstance(mapping, Mapping) else _NOTHING


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A suggestion by likeness, or None when nothing is alike."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]}?" if matches else None


def iter_objects(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in a JSON value with its path, in document order."""
    stack = [("", value)]
    while stack:
        path, item = stack.pop()
        children: list[tuple[str, Any]] = []
        if isinstance(item, list):
            children = [(f"{path}[{index}]", child) for index, child in enumerate(item)]
        elif isinstance(item, dict):
            yield path, item
            children = [(join(path, name), child) for name, child in item.items()]
        stack += reversed(children)


def join(path: str, name: str) -> str:
    """A path with one more name."""
    return f"{path}.{name}" if path else name
