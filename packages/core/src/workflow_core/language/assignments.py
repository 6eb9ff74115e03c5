"""What a step assigns to: by its author's words, and by what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from workflow_core.errors import ValidationError
from workflow_core.language.mapping import parse_assign_path

#: A root, and the first name below it; no name for the root itself.
Key = tuple[str, str | None]

_WAITS: Final = ("event.wait", "human.task", "time.wait")


def authored_paths(step: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``saveAs``, the keys of ``assign`` and ``outputMapping``, ``captureErrorAs``: where it stands, and the path."""
    step_type, config = step.get("type"), config_of(step)
    if step_type == "action.call" and isinstance(config.get("saveAs"), str):
        yield "config.saveAs", config["saveAs"]
    for at, paths in assigned_in_order(step):
        for path in paths:
            yield f"{at}.{path}", path
    if step_type == "control.tryCatch" and isinstance(step.get("captureErrorAs"), str):
        yield "captureErrorAs", step["captureErrorAs"]


def assigned_in_order(step: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The object of paths and values, which are assigned one after the other, and where it stands."""
    step_type = step.get("type")
    if step_type == "control.callWorkflow":
        at, paths = "outputMapping", step.get("outputMapping")
    elif step_type == "transform.assign" or step_type in _WAITS:
        at, paths = "config.assign", config_of(step).get("assign")
    else:
        return
    if isinstance(paths, Mapping):
        yield at, paths


def implied_paths(step: Mapping[str, Any]) -> tuple[str, ...]:
    """What the interpreter assigns by itself."""
    step_type = step.get("type")
    if step_type in ("event.wait", "human.task"):
        waited: tuple[str, ...] = ("vars.event", "vars.eventName")
    else:
        waited = ("vars.timeWait",) if step_type == "time.wait" else ()
    return (*waited, "vars.error") if goes_on_after_failure(step) else waited


def goes_on_after_failure(step: Mapping[str, Any]) -> bool:
    """Whether the step has ``onError: {"policy": "continue"}``."""
    policies = step.get("onError"), config_of(step).get("onError")
    return any(isinstance(policy, Mapping) and policy.get("policy") == "continue" for policy in policies)


def assigned_keys(step: Mapping[str, Any]) -> Iterator[Key]:
    """Everything that the step itself assigns to, without the variable of a loop."""
    for path in (*(path for _, path in authored_paths(step)), *implied_paths(step)):
        key = key_of(path)
        if key is not None:
            yield key


def key_of(path: str) -> Key | None:
    """The key of an assign path; None when nothing can be assigned to it."""
    try:
        root, names = parse_assign_path(path)
    except ValidationError:
        return None
    return root, names[0] if names else None


def config_of(step: Mapping[str, Any]) -> Mapping[str, Any]:
    """The step's configuration; empty when it has none."""
    config = step.get("config")
    return config if isinstance(config, Mapping) else {}
