"""How an attempt fails: the error object that everybody reads, and the verdict that the interpreter decides by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from workflow_core.errors import (
    ActionError,
    ActionNotOnWorkersError,
    EffectUnknownError,
    EngineUnavailableError,
    KeyBusyError,
    TransientError,
    WorkflowError,
)
from workflow_core.execution.models import ActionCall
from workflow_core.manifest import canonical_json
from workflow_core.redaction import Redactor
from workflow_core.schema import clean_json, to_json


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


#: Characters of an error's message, and bytes of its details as JSON.
_LONGEST_MESSAGE: Final = 4000
_LARGEST_DETAILS: Final = 64 * 1024
#: The code of a sent effect of which nothing is known but that its worker has not come back.
WORKER_LOST: Final = "WORKER_LOST"
_UNCOUNTED: Final = (KeyBusyError, ActionNotOnWorkersError, EngineUnavailableError, EffectUnknownError)


def error_object(error: WorkflowError, call: ActionCall, redactor: Redactor) -> dict[str, Any]:
    """The error object of the contract: ``category, code, message, details, nodePath, at``; redacted.

    It can always be stored, and travel: an engine that refused it would take the attempt for one that was lost.
    """
    try:
        details = _small(redactor.redact(to_json(error.details)))
    except Exception:  # noqa: BLE001 - guards against whatever an integration put into its details
        details = {}
    message = redactor.redact_text(clean_json(str(error.message)))
    return {
        **own_error_object(error, call.step_path),
        "message": message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…",
        "details": details,
    }


def _small(details: dict[str, Any]) -> dict[str, Any]:
    """The members that fit, in their order."""
    left, small = _LARGEST_DETAILS, {}
    for name, value in details.items():
        size = len(canonical_json({name: value}))
        if size <= left:
            small[name] = value
            left -= size
    return small


def own_error_object(error: WorkflowError, path: str) -> dict[str, Any]:
    """The same for an error of the engine itself, which tells no secret."""
    return {
        "category": error.category.value,
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "nodePath": path,
        "at": datetime.now(UTC).isoformat(),
    }


def worker_lost() -> ActionError:
    """Why an answer was lost of which nobody else says why."""
    return ActionError("The worker was lost, or stopped, while the action was under way.", code=WORKER_LOST)
