"""How errors cross between activities and the interpreter: ``ApplicationError`` with type = code, and details."""

from __future__ import annotations

from typing import Any

import attrs
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    TimeoutError,  # noqa: A004 - Temporal's own
    TimeoutType,
)

from workflow_core.errors import ErrorCategory
from workflow_core.execution.executor import ExecutionFailedError


def to_application_error(failed: ExecutionFailedError) -> ApplicationError:
    """The failure of an activity; the interpreter retries, Temporal never does."""
    verdict = {"retryable": failed.retryable, "counts": failed.counts, "retryAfter": failed.retry_after}
    return ApplicationError(
        failed.error["message"], failed.error, verdict, type=failed.error["code"], non_retryable=True
    )


@attrs.frozen
class StepFailure:
    """What the interpreter knows of a failed attempt.

    Attributes:
        error: The error object of the contract.
        retryable: Whether another attempt may end otherwise.
        counts: Whether it used up an attempt.
        retry_after: Seconds to wait at least.
    """

    error: dict[str, Any]
    retryable: bool = False
    counts: bool = True
    retry_after: float | None = None


def from_activity_error(failure: FailureError, *, action_id: str, step_path: str, at: str) -> StepFailure:
    """Reads the failure of an action activity."""
    cause = failure.cause if isinstance(failure, ActivityError) else failure
    if isinstance(cause, ApplicationError) and len(cause.details) == 2:
        error, verdict = cause.details
        return StepFailure(error, verdict["retryable"], verdict["counts"], verdict["retryAfter"])

    def engine_failure(code: str, message: str, category: ErrorCategory = ErrorCategory.TRANSIENT) -> StepFailure:
        error: dict[str, Any] = {
            "category": category.value,
            "code": code,
            "message": message,
            "details": {},
            "nodePath": step_path,
            "at": at,
        }
        return StepFailure(error, retryable=True, counts=False)

    if isinstance(cause, TimeoutError) and cause.type == TimeoutType.SCHEDULE_TO_START:
        return engine_failure(
            "ACTION_NOT_ON_WORKERS", f"No worker took {action_id}: start one that has its distribution installed."
        )
    if isinstance(cause, TimeoutError | CancelledError):
        # What the ledger says about the effect is asked by the attempt that follows.
        return engine_failure("WORKER_LOST", f"The worker was lost while {action_id} was under way.")
    kind = cause.type if isinstance(cause, ApplicationError) else type(cause).__name__
    # Nobody foresaw it: it may happen again at every attempt, so it counts as one.
    failed = engine_failure("INTERNAL_ERROR", f"The worker could not execute {action_id} ({kind}).")
    return attrs.evolve(failed, counts=True)
