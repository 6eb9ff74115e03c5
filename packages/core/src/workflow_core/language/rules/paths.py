"""Whether what a step assigns goes to a place that can be assigned to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from workflow_core.errors import ValidationError
from workflow_core.language.findings import Finding
from workflow_core.language.mapping import parse_assign_path
from workflow_core.language.rules.context import Context, StepView

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_READ_ONLY = frozenset({"payload", "vars", "local", "meta", "error", "system", "event"})


def assigned_paths_exist(view: StepView, _context: Context) -> Iterator[Finding]:
    """``saveAs``, the keys of ``assign`` and ``outputMapping``, and ``captureErrorAs``."""
    for at, path in _assigned(view):
        try:
            parse_assign_path(path)
        except ValidationError as error:
            yield view.error("INVALID_ASSIGN_PATH", error.message, at=at)


def item_variable_is_a_name(view: StepView, _context: Context) -> Iterator[Finding]:
    """``itemVar`` is a plain name, and none of the roots."""
    name = view.step.get("itemVar") if view.type == "control.forEach" else None
    if isinstance(name, str) and name and (not _VARIABLE.fullmatch(name) or name in _READ_ONLY):
        yield view.error(
            "INVALID_ASSIGN_PATH", f"{name} cannot be the name of a loop's item: use one word.", at="itemVar"
        )


def _assigned(view: StepView) -> Iterator[tuple[str, str]]:
    save_as = view.config.get("saveAs") if view.type == "action.call" else None
    if isinstance(save_as, str):
        yield "config.saveAs", save_as
    assign = view.config.get("assign")
    if isinstance(assign, Mapping):
        for path in assign:
            yield f"config.assign.{path}", path
    capture = view.step.get("captureErrorAs") if view.type == "control.tryCatch" else None
    if isinstance(capture, str):
        yield "captureErrorAs", capture
    outputs = view.step.get("outputMapping") if view.type == "control.callWorkflow" else None
    if isinstance(outputs, Mapping):
        for path in outputs:
            yield f"outputMapping.{path}", path
