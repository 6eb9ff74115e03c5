"""Everything that can go wrong, in one place.

One root, :class:`WorkflowError`; every child has a stable ``code`` and one of the ``category`` names of the
workflow language (contract of the error object: ``category, code, message, details, nodePath, at``). A message says
what to do next and never carries a secret or the body of a foreign answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

import attrs


class ErrorCategory(StrEnum):
    """The categories that a step's ``retryOn`` and a ``catch`` block may name."""

    VALIDATION = "ValidationError"
    EXPRESSION = "ExpressionError"
    TRANSIENT = "TransientError"
    ACTION = "ActionError"
    TIMEOUT = "TimeoutError"
    CHILD_WORKFLOW = "ChildWorkflowError"
    CANCELLATION = "Cancellation"
    INTERPRETER_CORRUPTION = "InterpreterCorruption"


@attrs.frozen
class FieldError:
    """One wrong place in a value.

    Attributes:
        path: Where, as ``title`` or ``assignment.primary.id`` or ``tags[2]``; empty for the whole value.
        code: What kind, such as ``REQUIRED``, ``TYPE``, ``UNKNOWN_FIELD``, ``RANGE``, ``FORMAT``, ``RULE``.
        message: What was expected, without the value that was found.
    """

    path: str
    code: str
    message: str


class WorkflowError(Exception):
    """The root of every error that this platform raises on purpose.

    Args:
        message: A sentence for the person who has to act on it.
        code: Overrides the class's stable code.
        details: JSON-able facts (ids, paths, limits); never secrets.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    category: ClassVar[ErrorCategory] = ErrorCategory.ACTION
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code  # type: ignore[misc]  # an instance may name a finer code than its class
        self.details: dict[str, Any] = dict(details or {})


# ── What a user gave us ──────────────────────────────────────────────────────────────────────────────────────────


class ValidationError(WorkflowError):
    """A value does not fit its contract; ``errors`` names every wrong place at once."""

    code = "VALIDATION_ERROR"
    category = ErrorCategory.VALIDATION

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[FieldError] = (),
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, details=details)
        self.errors = tuple(errors)
        if self.errors:
            self.details["errors"] = [attrs.asdict(error) for error in self.errors]


class NotFoundError(WorkflowError):
    """Something that was named does not exist for this tenant."""

    code = "NOT_FOUND"


class ConflictError(WorkflowError):
    """The state of the record does not allow this (any more)."""

    code = "CONFLICT"


class PermissionDeniedError(WorkflowError):
    """The actor or the connection lacks a permission; the message says which."""

    code = "PERMISSION_DENIED"


class UnknownTenantError(PermissionDeniedError):
    """The tenant in whose name something is written does not exist (any more)."""

    code = "UNKNOWN_TENANT"


class ExpressionError(WorkflowError):
    """An expression cannot be compiled or evaluated."""

    code = "INVALID_EXPRESSION"
    category = ErrorCategory.EXPRESSION


class ExpressionBudgetError(ExpressionError):
    """An expression costs more than its budget of steps, depth or size."""

    code = "EXPRESSION_BUDGET_EXCEEDED"


# ── What an integration met ──────────────────────────────────────────────────────────────────────────────────────


class ActionError(WorkflowError):
    """An action failed for a reason that trying again does not mend."""

    code = "ACTION_FAILED"


class TransientError(WorkflowError):
    """A passing failure: the same call may succeed later.

    Args:
        retry_after: Seconds that the other side asked us to wait, if it did.
    """

    code = "TRANSIENT_FAILURE"
    category = ErrorCategory.TRANSIENT
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, details=details)
        self.retry_after = retry_after


class Refused(WorkflowError):  # noqa: N818 - it is a verdict about the effect, and the design calls it so
    """The other side certainly did nothing: the only exception after which an effect counts as *failed*.

    A handler raises it only where the vendor's facts prove it (the connection was never opened, or an answer that
    is given before acting, such as 401 or 429), around the error that says why.

    Args:
        cause: The error to report; its code, category and retryability are the ones that the step shows.
    """

    def __init__(self, cause: WorkflowError) -> None:
        super().__init__(cause.message, code=cause.code, details=cause.details)
        self.cause = cause


class OutputTooLargeError(ActionError):
    """An action's output cannot travel through a workflow."""

    code = "OUTPUT_TOO_LARGE"


class ActionTimeoutError(WorkflowError):
    """A handler ran into its hard time limit."""

    code = "ACTION_TIMEOUT"
    category = ErrorCategory.TIMEOUT
    retryable = True


class IntegrationInactiveError(ActionError):
    """The tenant's connection to an integration is not active."""

    code = "INTEGRATION_INACTIVE"


class IntegrationNotConfiguredError(ActionError):
    """The connection is active, but credentials or settings that it needs are missing."""

    code = "INTEGRATION_NOT_CONFIGURED"


class ReconnectRequiredError(ActionError):
    """The other side refuses our credentials for good: a person has to connect again."""

    code = "RECONNECT_REQUIRED"


class SecretNotFoundError(ActionError):
    """A ``$secret`` names a secret that the tenant has not stored."""

    code = "SECRET_NOT_FOUND"


class JobEndedError(WorkflowError):
    """A run of a job goes on no more in this attempt: it was canceled, its connection ended, or another took over."""

    code = "JOB_ENDED"
    category = ErrorCategory.CANCELLATION


# ── What the engine says about an effect ─────────────────────────────────────────────────────────────────────────


class EffectUncertainError(WorkflowError):
    """Nobody can know whether an effect that must not happen twice has happened."""

    code = "EFFECT_UNCERTAIN"


class EffectFailedError(WorkflowError):
    """Nobody could know whether an effect had happened, and a person decided that its step fails."""

    code = "EFFECT_FAILED"


class EffectUnknownError(TransientError):
    """Whether an effect has happened does not show yet; looking again uses up no attempt."""

    code = "EFFECT_UNKNOWN"


class KeyBusyError(TransientError):
    """Another attempt holds this idempotency key; waiting for it uses up no attempt."""

    code = "KEY_BUSY"


class ActionNotOnWorkersError(TransientError):
    """No worker has this action (in this contract)."""

    code = "ACTION_NOT_ON_WORKERS"


class RunNotStartedError(TransientError):
    """A run is recorded, and Temporal did not take it, or did not say whether it did; starting it again is safe."""

    code = "TEMPORAL_UNAVAILABLE"


class EngineUnavailableError(TransientError):
    """Our own database is away; the step goes on when it is back, and no attempt is used up."""

    code = "ENGINE_UNAVAILABLE"


class InterpreterError(WorkflowError):
    """The interpreter cannot go on: no ``catch`` and no ``onError`` may hide that."""

    code = "INVALID_CONFIG"
    category = ErrorCategory.INTERPRETER_CORRUPTION


class ChildWorkflowError(WorkflowError):
    """A workflow cannot be called, or its run did not succeed."""

    code = "CHILD_WORKFLOW_FAILED"
    category = ErrorCategory.CHILD_WORKFLOW


# ── How a process is set up ──────────────────────────────────────────────────────────────────────────────────────


class ConfigurationError(WorkflowError):
    """A process cannot start as configured; the message says what to change."""

    code = "CONFIGURATION_ERROR"


class DiscoveryError(ConfigurationError):
    """A distribution that the host requires did not load."""

    code = "DISCOVERY_FAILED"


class MigrationError(ConfigurationError):
    """The database schema cannot be brought to, or is not at, the state that the code needs."""

    code = "MIGRATION_FAILED"


class DatabaseRoleError(ConfigurationError):
    """The database role may do too much: row-level security would not hold."""

    code = "DATABASE_ROLE_REFUSED"
