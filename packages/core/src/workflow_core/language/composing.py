"""The ``outputs`` of a step that composes text: documents with references in them, which belong to its input.

The existing product keeps them beside the ``inputMapping``. For a run they are moved into it, as the input ``outputs``,
and every reference (``{"type": "reference", "path": "payload.title"}``) gets a ``value`` with the expression that reads
what it refers to.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, Final

from workflow_core.discovery import Registry
from workflow_core.language.definition import iter_steps
from workflow_core.language.mapping import EXPRESSION_KEY
from workflow_core.schema import field_names

OUTPUTS: Final = "outputs"

_REFERENCE: Final = re.compile(r"(\$index|[A-Za-z_][A-Za-z0-9_]*)(\.[A-Za-z_$][A-Za-z0-9_$]*|\[[0-9]+\])*")
_PART: Final = re.compile(r"\[[0-9]+\]|[^.\[]+")


def composes(config: Mapping[str, Any], registry: Registry) -> bool:
    """Whether the step of this configuration has outputs, and calls an action that takes them."""
    action_id, version = config.get("actionId"), config.get("version", 1)
    if config.get(OUTPUTS) is None or not isinstance(action_id, str) or not isinstance(version, int):
        return False
    action = registry.actions.get((action_id, version))
    return action is not None and OUTPUTS in field_names(action.input)


def with_composed_outputs(definition: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """The definition with the outputs of such steps in their mappings; what is given is not changed."""
    copied = copy.deepcopy(dict(definition))
    for _, step in iter_steps(copied):
        config = step.get("config")
        if step.get("type") == "action.call" and isinstance(config, dict) and composes(config, registry):
            mapping = config.get("inputMapping")
            own = mapping if isinstance(mapping, Mapping) else {}
            config["inputMapping"] = {**own, OUTPUTS: _with_values(config[OUTPUTS])}
    return copied


def reference_expression(path: str) -> str | None:
    """The expression that reads a reference such as ``vars.ticket.tags[0]``; None when it is no plain reference."""
    path = path.strip()
    if _REFERENCE.fullmatch(path) is None:
        return None
    text = ""
    for part in _PART.findall(path):
        if part.startswith("["):
            text += part
        else:  # quoted, since `and`, `or` and `in` are words of the expression language
            text += f"{'.' if text else ''}`{'index' if part == '$index' else part}`"
    return text


def _with_values(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_values(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields = {name: _with_values(item) for name, item in value.items()}
    path = value.get("path")
    if value.get("type") == "reference" and isinstance(path, str):
        source = reference_expression(path)
        if source is not None:
            fields["value"] = {EXPRESSION_KEY: source}
    return fields
