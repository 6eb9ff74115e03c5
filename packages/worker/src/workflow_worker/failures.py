"""How errors cross between activities, child runs and the interpreter: ``ApplicationError`` with type = code.

Its first detail is the error object of the contract, as it was recorded.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    FailureError,
    TerminatedError,
    TimeoutError,  # noqa: A004 - Temporal's own
    TimeoutType,
    is_cancelled_exception,
)

from workflow_core.errors import EffectUncertainError, EffectUnknownError, ErrorCategory, WorkflowError
from workflow_core.execution.failed_attempts import ExecutionFailedError


class StepFailedError(Exception):
    """A step failed for good; carries the error object."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


def is_cancellation(error: BaseException) -> bool:
    """Whether an awaited activity or child ended because the run is canceled.

    An activity ends as canceled also when its worker stops: that is not the end of the run.
    """
    return is_cancelled_exception(error) and is_canceled()


def is_canceled() -> bool:
    """Whether the run was asked to stop."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def raise_if_canceled() -> None:
    """Ends a run whose cancellation was swallowed by an activity or a child that ended otherwise at that moment."""
    if is_canceled():
        raise asyncio.CancelledError


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

    @property
    def is_uncertain(self) -> bool:
        """Whether the step waits for a person; what failed before there was such a wait does not name its effect."""
        return bool(self.error["code"] == EffectUncertainError.code) and "invocationId" in self.error["details"]

    @property
    def is_unknown(self) -> bool:
        """Whether its effect is looked for; the executor says when that is over."""
        return bool(self.error["code"] == EffectUnknownError.code)


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


def own_failure(error: WorkflowError) -> ApplicationError:
    """One of our errors as the failure of an activity that is no action: its kind, code, message and details."""
    plain = {
        "category": error.category.value,
        "code": error.code,
        "message": error.message,
        "details": error.details,
    }
    return ApplicationError(error.message, plain, type=error.code, non_retryable=not error.retryable)


def recorded_error(failure: FailureError) -> dict[str, Any] | None:
    """The error object that an activity or a child run failed with; None when it had no word in its end."""
    cause = failure.cause if isinstance(failure, ActivityError | ChildWorkflowError) else failure
    if isinstance(cause, ApplicationError) and cause.details:
        error: dict[str, Any] = cause.details[0]
        return error
    return None


def child_end(failure: FailureError) -> tuple[str, str]:
    """Code and words for a child that did not end by itself."""
    cause = failure.cause if isinstance(failure, ChildWorkflowError) else failure
    if isinstance(cause, CancelledError):
        return "CANCELED", "it was canceled"
    if isinstance(cause, TerminatedError):
        return "TERMINATED", "it was terminated"
    return "CHILD_WORKFLOW_FAILED", f"it could not be executed ({type(cause).__name__})"
