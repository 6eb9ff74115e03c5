"""How an attempt fails: the error object that everybody reads, and the verdict that the interpreter decides by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from workflow_core.errors import (
    ActionNotOnWorkersError,
    EffectUnknownError,
    EngineUnavailableError,
    KeyBusyError,
    TransientError,
    WorkflowError,
)
from workflow_core.execution.models import ActionCall
from workflow_core.redaction import Redactor
from workflow_core.schema import to_json


class ExecutionFailedError(Exception):
    """An attempt failed; the interpreter decides what follows.

    Attributes:
        error: The error object of the contract, redacted.
        retryable: Whether another attempt may end otherwise.
        counts: Whether this used up an attempt (waiting for a key, for our own database or for a sign of what was sent
            does not).
        retry_after: Seconds after which trying again makes sense at the latest, if somebody said so.
    """

    def __init__(self, error: dict[str, Any], *, retryable: bool, counts: bool, retry_after: float | None) -> None:
        super().__init__(error["message"])
        self.error = error
        self.retryable = retryable
        self.counts = counts
        self.retry_after = retry_after

    @classmethod
    def of(cls, error: WorkflowError, shown: dict[str, Any]) -> ExecutionFailedError:
        """The failure that one of our errors means, with its error object."""
        return cls(
            shown,
            retryable=error.retryable,
            counts=not isinstance(error, _UNCOUNTED),
            retry_after=error.retry_after if isinstance(error, TransientError) else None,
        )


_UNCOUNTED = (KeyBusyError, ActionNotOnWorkersError, EngineUnavailableError, EffectUnknownError)


def error_object(error: WorkflowError, call: ActionCall, redactor: Redactor) -> dict[str, Any]:
    """The error object of the contract: ``category, code, message, details, nodePath, at``; redacted."""
    try:
        details = redactor.redact(to_json(error.details))
    except Exception:  # noqa: BLE001 - guards against whatever an integration put into its details
        details = {}
    return {
        "category": error.category.value,
        "code": error.code,
        "message": redactor.redact_text(error.message),
        "details": details,
        "nodePath": call.step_path,
        "at": datetime.now(UTC).isoformat(),
    }
