"""The shape of a workflow definition, and how to walk it.

A stored definition is plain JSON and stays as it is: unknown step types and unknown fields survive every load and save.
The classes here describe what is *known*; :mod:`workflow_core.language.validation` holds a definition against them, and
nothing converts a stored one.
"""

# ruff: noqa: N815 - attributes are named as the fields of the stored JSON

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import attrs
import msgspec

#: The blocks of the control steps, in the order in which they stand.
BLOCKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "control.if": ("then", "else"),
        "control.forEach": ("body",),
        "control.tryCatch": ("try", "catch"),
    }
)
#: Where a block may be left out.
OPTIONAL_BLOCKS: Final = frozenset({"else"})

#: Fields of an event's payload from which its correlation key is taken when it brings none.
CORRELATION_FIELDS: Final = ("ticketId", "clientId", "invoiceId", "projectId", "paymentId")

#: The path of the whole definition.
ROOT: Final = "root"

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=10 * 366 * 24 * 3600 * 1000)]
_Version = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


# ── Walking ──────────────────────────────────────────────────────────────────────────────────────────────────────


def iter_entries(definition: Any) -> Iterator[tuple[str, Any]]:
    """Every entry of every block with its path, in document order, whatever it is.

    Paths look like ``root.steps[1].then.steps[0]``.
    """
    stack = _entries(ROOT, definition.get("steps") if isinstance(definition, Mapping) else None)
    while stack:
        path, entry = stack.pop()
        yield path, entry
        if isinstance(entry, Mapping):
            step_type = entry.get("type")
            blocks = BLOCKS.get(step_type, ()) if isinstance(step_type, str) else ()
            for block in reversed(blocks):
                stack += _entries(f"{path}.{block}", entry.get(block))


def iter_steps(definition: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every step with its path, in document order; entries that are no objects are passed over."""
    for path, entry in iter_entries(definition):
        if isinstance(entry, Mapping):
            yield path, entry


def _entries(path: str, block: Any) -> list[tuple[str, Any]]:
    """The entries of one block, last first, as a stack wants them."""
    if not isinstance(block, list):
        return []
    return [(f"{path}.steps[{index}]", entry) for index, entry in enumerate(block)][::-1]


# ── What is known of the definition itself ───────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class DefinitionShape:
    """What every definition has, and what can be listed of it; saving a draft asks for no more."""

    name: _Name
    steps: list[Any]
    description: str | None = None
    payloadSchemaRef: str | None = None
    trigger: dict[str, Any] | None = None
    id: Any = None
    version: Any = None


# ── What is known of the steps ───────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class Retry:
    """How often and how patiently a step is tried again."""

    maxAttempts: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    backoffMs: _Milliseconds
    backoffMultiplier: Annotated[float, msgspec.Meta(ge=1, le=100)] = 2
    jitter: bool = True
    maxDelayMs: _Milliseconds | None = None
    retryOn: list[str] | None = None


@attrs.frozen(kw_only=True)
class OnError:
    """Whether the run goes on after a step that failed."""

    policy: Literal["fail", "continue"]


@attrs.frozen(kw_only=True)
class ActionCallConfig:
    """``action.call``."""

    actionId: _Name
    version: _Version = 1
    inputMapping: dict[str, Any] = attrs.Factory(dict)
    saveAs: str | None = None
    idempotencyKey: Any = None
    onError: OnError | None = None
    outputs: Any = None
    designerGroupKey: str | None = None
    designerTileKind: str | None = None
    designerAppKey: str | None = None


@attrs.frozen(kw_only=True)
class AssignConfig:
    """``transform.assign``."""

    assign: dict[str, Any]


@attrs.frozen(kw_only=True)
class StateConfig:
    """``state.set``."""

    state: _Name


_FilterOp = Literal[
    "=", "!=", "in", "not_in", "exists", "not_exists", ">", ">=", "<", "<=", "contains", "starts_with", "ends_with"
]  # fmt: skip


@attrs.frozen(kw_only=True)
class EventFilter:
    """One condition on the payload of an awaited event."""

    path: _Name
    op: _FilterOp
    value: Any = None


@attrs.frozen(kw_only=True)
class EventWaitConfig:
    """``event.wait``."""

    eventName: _Name
    correlationKey: Any
    filters: list[EventFilter] | None = None
    timeoutMs: _Milliseconds | None = None
    assign: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class TimeWaitConfig:
    """``time.wait``."""

    mode: Literal["duration", "until"]
    durationMs: _Milliseconds | None = None
    until: Any = None
    assign: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class HumanTaskConfig:
    """``human.task``."""

    taskType: _Name
    title: Any
    description: Any = None
    contextData: Any = None
    assign: dict[str, Any] | None = None


#: The node steps: their type, and what their ``config`` has to be.
NODE_CONFIGS: Final[Mapping[str, type]] = MappingProxyType(
    {
        "action.call": ActionCallConfig,
        "transform.assign": AssignConfig,
        "state.set": StateConfig,
        "event.wait": EventWaitConfig,
        "time.wait": TimeWaitConfig,
        "human.task": HumanTaskConfig,
    }
)


@attrs.frozen(kw_only=True)
class NodeStep:
    """What the node steps have in common."""

    id: _Name
    type: _Name
    name: str | None = None
    config: dict[str, Any] | None = None
    retry: Retry | None = None
    onError: OnError | None = None


@attrs.frozen(kw_only=True)
class ForEachStep:
    """``control.forEach``, without its block."""

    id: _Name
    type: _Name
    itemVar: _Name
    items: Any
    name: str | None = None
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    onItemError: Literal["continue", "fail"] | None = None


@attrs.frozen(kw_only=True)
class IfStep:
    """``control.if``, without its blocks."""

    id: _Name
    type: _Name
    condition: Any
    name: str | None = None


@attrs.frozen(kw_only=True)
class TryCatchStep:
    """``control.tryCatch``, without its blocks."""

    id: _Name
    type: _Name
    captureErrorAs: str | None = None
    name: str | None = None


@attrs.frozen(kw_only=True)
class CallWorkflowStep:
    """``control.callWorkflow``."""

    id: _Name
    type: _Name
    workflowId: _Name
    workflowVersion: _Version
    name: str | None = None
    inputMapping: dict[str, Any] | None = None
    outputMapping: dict[str, Any] | None = None
    retry: Retry | None = None
    onError: OnError | None = None


@attrs.frozen(kw_only=True)
class ReturnStep:
    """``control.return``."""

    id: _Name
    type: _Name
    name: str | None = None


#: The control steps, and what they have to be.
CONTROL_STEPS: Final[Mapping[str, type]] = MappingProxyType(
    {
        "control.if": IfStep,
        "control.forEach": ForEachStep,
        "control.tryCatch": TryCatchStep,
        "control.callWorkflow": CallWorkflowStep,
        "control.return": ReturnStep,
    }
)

#: Every step type of the language.
STEP_TYPES: Final = frozenset(NODE_CONFIGS) | frozenset(CONTROL_STEPS)
