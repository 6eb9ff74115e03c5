"""What validation has to say about a definition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import attrs

Severity = Literal["error", "warning"]


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that is wrong, or doubtful.

    Attributes:
        severity: An error keeps the definition from being published.
        step_path: The step, such as ``root.steps[1].then.steps[0]``; ``root`` is the definition itself.
        step_id: The step's id, if it has one.
        path: Where in the step, such as ``config.inputMapping.title``; None: the whole step.
        code: Stable; what a program decides by.
        message: What to do, without the values of secrets.
        suggestion: What was probably meant: "did you mean tickets.create?"
    """

    severity: Severity
    step_path: str
    step_id: str | None = None
    path: str | None = None
    code: str
    message: str
    suggestion: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, without the members that say nothing."""
        members = {
            "severity": self.severity,
            "stepPath": self.step_path,
            "stepId": self.step_id,
            "path": self.path,
            "code": self.code,
            "message": self.message,
            "suggestion": self.suggestion,
        }
        return {name: value for name, value in members.items() if value is not None}


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that keep a definition from being published."""
    return [finding for finding in findings if finding.severity == "error"]


def verdict(findings: Sequence[Finding]) -> dict[str, Any]:
    """The contract's answer of validation: ``{ok, errors, warnings}``."""
    errors = errors_of(findings)
    return {
        "ok": not errors,
        "errors": [finding.as_json() for finding in errors],
        "warnings": [finding.as_json() for finding in findings if finding.severity == "warning"],
    }
