"""Whether the secrets that a step names exist, and stand where they are resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workflow_core.language.definition import STEP_TYPES
from workflow_core.language.findings import Finding
from workflow_core.language.mapping import iter_secrets
from workflow_core.language.rules.context import Context, StepView, did_you_mean

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,127}")


def secrets_exist(view: StepView, context: Context) -> Iterator[Finding]:
    """Every ``{"$secret": "NAME"}`` names a secret of the tenant."""
    if view.type not in STEP_TYPES:
        return
    for at, name in iter_secrets(view.own_fields):
        if not _NAME.fullmatch(name):
            yield view.error(
                "INVALID_SECRET_NAME", "A secret's name has capital letters, digits and underscores.", at=at
            )
        elif name not in context.secret_names:
            yield view.error(
                "SECRET_NOT_FOUND",
                f"The tenant has no secret {name}: store it first.",
                at=at,
                suggestion=did_you_mean(name, context.secret_names),
            )


def secrets_stand_in_action_inputs(view: StepView, _context: Context) -> Iterator[Finding]:
    """Elsewhere nothing would resolve them, and nothing would keep them out of the run's history."""
    if view.type not in STEP_TYPES:
        return
    for at, _ in iter_secrets(view.own_fields):
        if view.type != "action.call" or not at.startswith("config.inputMapping."):
            yield view.error("INVALID_CONFIG", "A secret can only be used in the input of an action.", at=at)
