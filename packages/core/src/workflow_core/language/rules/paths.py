"""Whether what a step assigns goes to a place that can be assigned to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workflow_core.errors import ValidationError
from workflow_core.language.assignments import authored_paths, key_of
from workflow_core.language.findings import Finding
from workflow_core.language.mapping import parse_assign_path
from workflow_core.language.rules.context import Context, StepView, did_you_mean
from workflow_core.schema import field_names

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_READ_ONLY = frozenset({"payload", "vars", "local", "meta", "error", "system", "event"})


def assigned_paths_exist(view: StepView, _context: Context) -> Iterator[Finding]:
    """``saveAs``, the keys of ``assign`` and ``outputMapping``, and ``captureErrorAs``."""
    for at, path in authored_paths(view.step):
        try:
            parse_assign_path(path)
        except ValidationError as error:
            yield view.error("INVALID_ASSIGN_PATH", error.message, at=at)


def assigned_payload_fields_exist(view: StepView, context: Context) -> Iterator[Finding]:
    """What is assigned to the payload is in its schema, where that is known."""
    known = field_names(context.payload) if context.payload is not None else []
    for at, path in authored_paths(view.step):
        root, name = key_of(path) or ("", None)
        if context.payload is not None and root == "payload" and name is not None and name not in known:
            yield view.warning(
                "ASSIGN_PATH_UNKNOWN",
                f"The payload has no field {name}: a variable is the place for what a run finds out.",
                at=at,
                suggestion=did_you_mean(name, known),
            )


def item_variable_is_a_name(view: StepView, _context: Context) -> Iterator[Finding]:
    """``itemVar`` is a plain name, and none of the roots."""
    name = view.step.get("itemVar") if view.type == "control.forEach" else None
    if isinstance(name, str) and name and (not _VARIABLE.fullmatch(name) or name in _READ_ONLY):
        yield view.error(
            "INVALID_ASSIGN_PATH", f"{name} cannot be the name of a loop's item: use one word.", at="itemVar"
        )
