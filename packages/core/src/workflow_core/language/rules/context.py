"""What the rules look at: one step, and its surroundings."""

from __future__ import annotations

import difflib
import heapq
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Final

import attrs

from workflow_core.actions import Action
from workflow_core.availability import Availability
from workflow_core.discovery import Registry
from workflow_core.events import EventType
from workflow_core.language._values import MAX_NESTING
from workflow_core.language.assignments import config_of
from workflow_core.language.calls import CalledWorkflows
from workflow_core.language.clock import CLOCK_SCHEMA, ClockPayload
from workflow_core.language.findings import Finding, Severity
from workflow_core.language.outline import Outline, own_fields
from workflow_core.language.reads import Read
from workflow_core.manifest import Manifest

#: From here on words are alike; and where much is alike anyway, or may be meant as it stands, misspelt.
ALIKE: Final = 0.6
MISSPELT: Final = 0.8
_LOOKED_AT: Final = 500
_COMPARED: Final = 5
_MAX_LENGTH: Final = 100
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@attrs.frozen
class _EmptyPayload:
    """Of a workflow that is started by hand and takes nothing."""


@attrs.frozen(eq=False)
class Context:
    """What a definition is held against.

    Attributes:
        registry: The actions and modules of this process.
        availability: The tenant's answers, by availability key.
        secret_names: The secrets that the tenant has stored.
        workers: What the live workers can run; None when nobody looked.
        allow_unavailable: Whether a module that the tenant does not have is a warning only.
        called: The tenant's workflows that the definition calls; None when nobody looked.
        permissions: What the publisher may do; None when nobody publishes.
        workflow_id: Of the definition.
        workflow_version: Of the definition.
        payload_ref: What the definition names as the schema of its payload.
    """

    registry: Registry
    availability: Mapping[str, Availability]
    secret_names: Collection[str]
    workers: Sequence[Manifest] | None
    allow_unavailable: bool = False
    called: CalledWorkflows | None = None
    permissions: Collection[str] | None = None
    workflow_id: str = ""
    workflow_version: int = 0
    payload_ref: Any = None

    @cached_property
    def payload(self) -> type | None:
        """The class of the definition's payload, if it is known."""
        return self.payload_class(self.payload_ref)

    @cached_property
    def payloads(self) -> Mapping[str, type]:
        """The classes that are known for payloads, by the names that definitions have for them."""
        declared = {event.schema_ref: event.payload for event in self.registry.events.values()}
        return {"payload.Empty.v1": _EmptyPayload, CLOCK_SCHEMA: ClockPayload, **declared}

    def payload_class(self, ref: Any) -> type | None:
        """The class of a payload, if it is known."""
        return self.payloads.get(ref) if isinstance(ref, str) else None

    def event(self, name: Any) -> EventType | None:
        """An event that an integration declares."""
        return self.registry.events.get(name) if isinstance(name, str) else None


@attrs.frozen(eq=False)
class StepView:
    """One step of a definition.

    Attributes:
        path: Such as ``root.steps[1].then.steps[0]``.
        step: As stored.
        outline: Of the whole definition.
        reads: What its expressions read and give; those of the steps inside of it are theirs.
        unreached: How many steps of its block, from this one on, no path leads to; 0 for all but the first of them.
        lost_writes: What its body assigns, item beside item, and what is read after it.
    """

    path: str
    step: Mapping[str, Any]
    outline: Outline
    reads: tuple[Read, ...] = ()
    unreached: int = 0
    lost_writes: tuple[str, ...] = ()

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
        return config_of(self.step)

    @cached_property
    def own_fields(self) -> dict[str, Any]:
        """The step without the steps inside it."""
        return own_fields(self.step)

    @cached_property
    def is_too_deep(self) -> bool:
        """Whether it holds a value that nests deeper than any that a run may have."""
        return nests_deeper(self.own_fields, MAX_NESTING)

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


def did_you_mean(word: str, known: Iterable[str], *, likeness: float = ALIKE) -> str | None:
    """A suggestion by likeness, or None when nothing is alike enough (1 is the same)."""
    match = most_alike(word, known, likeness=likeness)
    return f"did you mean {match}?" if match else None


def most_alike(word: str, known: Iterable[str], *, likeness: float = ALIKE) -> str | None:
    """The word that is most alike, if one is alike enough (1 is the same)."""
    # Comparing well takes long: only those that share the most pairs of letters are compared.
    pairs = _pairs(word)
    candidates = heapq.nlargest(
        _COMPARED, itertools.islice(known, _LOOKED_AT), key=lambda candidate: _overlap(pairs, _pairs(candidate))
    )
    matches = difflib.get_close_matches(word[:_MAX_LENGTH], candidates, n=1, cutoff=likeness)
    return matches[0] if matches else None


@lru_cache(maxsize=4096)
def _pairs(word: str) -> frozenset[tuple[str, str]]:
    return frozenset(itertools.pairwise(f" {word[:_MAX_LENGTH].casefold()} "))


def _overlap(pairs: frozenset[tuple[str, str]], others: frozenset[tuple[str, str]]) -> float:
    return len(pairs & others) / (len(pairs) + len(others))


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


def nests_deeper(value: Any, limit: int) -> bool:
    """Whether lists and objects stand within one another more than so many times."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def join(path: str, name: str) -> str:
    """A path with one more name."""
    return f"{path}.{name}" if path else name
