"""Which workflows a definition calls, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import attrs

from workflow_core.language.definition import ROOT, iter_steps

#: A workflow's id, and a version of it.
Version = tuple[str, int]


@attrs.frozen
class Call:
    """One call.

    Attributes:
        target: What is called.
        is_conditional: Whether a run may end or go on without it: it stands in a block, or after a ``control.return``.
    """

    target: Version
    is_conditional: bool


@attrs.frozen
class CalledVersion:
    """A published version, as far as its callers care."""

    name: str
    payload_schema_ref: str | None
    calls: tuple[Call, ...]

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> CalledVersion:
        """What callers care for in a definition."""
        ref = definition.get("payloadSchemaRef")
        return cls(str(definition.get("name")), ref if isinstance(ref, str) else None, calls_of(definition))


@attrs.frozen
class CalledWorkflows:
    """What a definition calls, and what that calls.

    Attributes:
        published: The published versions of every workflow that it calls itself; none of one that does not exist. What
            is not in here was not looked for.
        versions: What is known of the called ones; of a long chain of calls only the beginning.
    """

    published: Mapping[str, tuple[int, ...]]
    versions: Mapping[Version, CalledVersion]


def calls_of(definition: Mapping[str, Any]) -> tuple[Call, ...]:
    """The calls of a definition that name a workflow and a version, in document order."""
    calls = []
    may_have_ended = False
    for path, step in iter_steps(definition):
        target = called_version(step)
        if target is not None:
            calls.append(Call(target, may_have_ended or is_inside(path)))
        may_have_ended = may_have_ended or step.get("type") == "control.return"
    return tuple(calls)


def called_version(step: Mapping[str, Any]) -> Version | None:
    """What a ``control.callWorkflow`` names."""
    workflow_id, version = step.get("workflowId"), step.get("workflowVersion")
    if step.get("type") != "control.callWorkflow" or not isinstance(workflow_id, str):
        return None
    if not isinstance(version, int) or isinstance(version, bool):
        return None
    return workflow_key(workflow_id), version


def workflow_key(workflow_id: Any) -> str:
    """A workflow's id in the one form that equal ids share."""
    try:
        return str(UUID(str(workflow_id)))
    except ValueError:
        return str(workflow_id)


def is_inside(path: str) -> bool:
    """Whether a step stands in a block of another one."""
    return path.count(".steps[") > 1 and path.startswith(f"{ROOT}.")
