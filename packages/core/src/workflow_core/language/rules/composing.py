"""Whether the ``outputs`` of a step that composes text are what its action takes."""

from __future__ import annotations

from collections.abc import Iterator

from workflow_core.language.composing import OUTPUTS, composes, reference_expression
from workflow_core.language.findings import Finding
from workflow_core.language.rules.context import Context, StepView, called_action, iter_objects, join
from workflow_core.schema import field_error_for


def outputs_fit(view: StepView, context: Context) -> Iterator[Finding]:
    """The documents are well-formed, and their references plain."""
    action = called_action(view, context)
    if action is None or not composes(view.config, context.registry):
        return
    outputs = view.config[OUTPUTS]
    for error in field_error_for(action.input, OUTPUTS, outputs):
        yield view.error("INVALID_ACTION_CONFIG", f"{error.path} {error.message}.", at=f"config.{error.path}")
    for place, item in iter_objects({OUTPUTS: outputs}):
        path = item.get("path")
        if item.get("type") == "reference" and isinstance(path, str) and reference_expression(path) is None:
            message = f"{path!r} is no plain reference, such as payload.title or vars.ticket.tags[0]."
            yield view.error("INVALID_ACTION_CONFIG", message, at=join("config", join(place, "path")))
