"""Looks whether an effect whose answer was lost has happened, and says what follows from that."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

from workflow_core.actions import ActionContext, Effect, Happened, NotHappened, SentEffect, Unknown, Verdict
from workflow_core.errors import (
    ActionError,
    ActionTimeoutError,
    EffectUnknownError,
    EngineUnavailableError,
    ErrorCategory,
    KeyBusyError,
    TransientError,
    WorkflowError,
)
from workflow_core.execution import ledger
from workflow_core.execution.attempt import Attempt, Progress
from workflow_core.execution.failed_attempts import WORKER_LOST, error_object, worker_lost
from workflow_core.execution.fault_points import FaultPoint
from workflow_core.execution.writing import to_the_end, until_written
from workflow_core.storage.database import Database

#: Characters of what a look says.
_LONGEST_WORDS: Final = 500


@attrs.frozen
class Reconciler:
    """Asks an action's ``reconcile``, and keeps in the ledger what it said.

    Attributes:
        limited: Runs an integration's code under the action's hard limit; its foreign exceptions become ours.
        gate: Refuses when the tenant's connection is not active.
        look_for: Seconds after the sending for which an effect is looked at again that must not be sent twice.
    """

    database: Database
    limited: Callable[[Attempt, Awaitable[Any]], Awaitable[Any]]
    gate: Callable[[Attempt], Awaitable[None]]
    at: FaultPoint
    look_for: float

    async def before_sending(
        self, attempt: Attempt, unknown: ledger.Entry, value: Any, ctx: ActionContext, problem: WorkflowError | None
    ) -> Happened | None:
        """What became of an earlier sending.

        Args:
            attempt: It has reserved the key.
            unknown: What the ledger said of it before.
            value: The handler's input.
            ctx: Its context.
            problem: Why there is no input; the effect may have happened all the same.

        Returns:
            That it has happened; None: it may be sent now.

        Raises:
            EffectUncertainError: It must not be sent twice, and nobody knows whether it has happened.
            EffectUnknownError: The same, and it is looked at again.
            WorkflowError: The attempt fails with it.
        """
        once = attempt.effect is Effect.ONCE
        verdict: Verdict
        if attempt.action.reconcile is None:
            if once:
                raise await self._could_not_tell(attempt, None)
            await self.gate(attempt)
            return None
        try:
            if problem is not None:
                raise problem
            await self.gate(attempt)
            assert unknown.sent is not None  # noqa: S101 - its state says so
            verdict = await self._ask(attempt, value, ctx, unknown.sent)
        except EngineUnavailableError:
            raise
        except WorkflowError as error:
            if not once:
                raise
            verdict = _no_look(error)
        match verdict:
            case Happened():
                return verdict
            case NotHappened():
                async with self.database.tenant(attempt.tenant) as conn:
                    attempt.hold = await ledger.mark_not_happened(
                        conn, attempt.tenant, attempt.held, lease=attempt.time_limit
                    )
                if once and unknown.belongs_to(attempt.call) and not _is_lost_worker(unknown.error):
                    # This attempt has failed with it, as is known only now: whether another follows, its step says.
                    raise _as_error(unknown.error)
            case Unknown(reason) if once:
                raise await self._could_not_tell(attempt, reason)
        return None

    async def answer_lost(
        self, attempt: Attempt, value: Any, ctx: ActionContext, sent: SentEffect, error: WorkflowError
    ) -> Happened:
        """Writes that a handler's answer was lost, and looks at once.

        Raises:
            EffectUncertainError: It must not be sent twice, and nobody can look whether it has happened.
            EffectUnknownError: It must not be sent twice, and is looked at again.
            WorkflowError: ``error``: it has not happened, or may be sent again.
        """
        once, looks = attempt.effect is Effect.ONCE, attempt.action.reconcile is not None
        await self._lost(attempt, error, lease=attempt.time_limit if looks else None)
        await self.at("after-unknown", attempt.call)
        if not looks:
            raise await self._could_not_tell(attempt, None) if once else error
        verdict: Verdict
        try:
            verdict = await self._ask(attempt, value, ctx, sent)
        except WorkflowError as problem:
            verdict = _no_look(problem)
        match verdict:
            case Happened():
                return verdict
            case NotHappened():
                attempt.hold, attempt.progress = attrs.evolve(attempt.held, after_unknown=False), Progress.RESERVED
            case Unknown(reason) if once:
                raise await self._could_not_tell(attempt, reason)
            case Unknown():
                await self._lost(attempt, error, lease=None)
        raise error

    async def stopped(self, attempt: Attempt) -> None:
        """Writes that an attempt was canceled after it had sent."""
        await to_the_end(self._stopped(attempt))

    async def _stopped(self, attempt: Attempt) -> None:
        await self._lost(attempt, worker_lost(), lease=None)
        if attempt.effect is Effect.ONCE and attempt.action.reconcile is None:
            with contextlib.suppress(KeyBusyError):
                await self._could_not_tell(attempt, None)

    async def _ask(self, attempt: Attempt, value: Any, ctx: ActionContext, sent: SentEffect) -> Verdict:
        """What ``reconcile`` says; its words are redacted.

        Raises:
            WorkflowError: It could not look.
        """
        assert attempt.action.reconcile is not None  # noqa: S101 - for the type: whoever asks has seen it
        verdict: Any = await self.limited(attempt, attempt.action.reconcile(value, ctx, sent))
        if isinstance(verdict, Happened):
            attempt.notes.append("found done by looking")
            return verdict
        if isinstance(verdict, NotHappened):
            attempt.notes.append(f"found not done by looking: {_words(attempt, verdict.evidence)}")
            return verdict
        if isinstance(verdict, Unknown):
            return Unknown(_words(attempt, verdict.reason))
        raise ActionError(
            f"{attempt.call.action_id} looked for its effect and gave no verdict, but {type(verdict).__name__}.",
            code="INTERNAL_ERROR",
        )

    async def _lost(self, attempt: Attempt, error: WorkflowError, *, lease: float | None) -> None:
        shown = error_object(error, attempt.call, attempt.redactor)

        async def write() -> None:
            async with self.database.tenant(attempt.tenant) as conn:
                await ledger.mark_unknown(conn, attempt.tenant, attempt.held, shown, lease=lease)

        await until_written(write)

    async def _could_not_tell(self, attempt: Attempt, look: str | None) -> WorkflowError:
        """Keeps that looking did not tell; answers the error of the attempt.

        Raises:
            KeyBusyError: Another attempt has overtaken this one.
        """
        attempt.progress = Progress.SENT
        look_for = 0.0 if attempt.action.reconcile is None else self.look_for

        async def write() -> ledger.Looked:
            async with self.database.tenant(attempt.tenant) as conn:
                return await ledger.mark_looked(conn, attempt.tenant, attempt.held, look=look, give_up_after=look_for)

        looked = await until_written(write)
        action_id = attempt.call.action_id
        if looked.look_again is None:
            return ledger.uncertain_error(action_id, attempt.held.invocation_id, looked.cause, looked.last_look)
        return EffectUnknownError(
            f"{action_id} was sent, and its answer was lost; whether it has happened is looked at again.",
            details={"cause": looked.cause, **({} if looked.last_look is None else {"lastLook": looked.last_look})},
            retry_after=looked.look_again,
        )


def _is_lost_worker(error: Mapping[str, Any] | None) -> bool:
    return error is None or error["code"] == WORKER_LOST


def _as_error(shown: Mapping[str, Any] | None) -> WorkflowError:
    """The error that an error object tells of, as far as it decides what follows."""
    assert shown is not None  # noqa: S101 - for the type: it is no lost worker's
    kind: type[WorkflowError] = {
        ErrorCategory.TRANSIENT.value: TransientError,
        ErrorCategory.TIMEOUT.value: ActionTimeoutError,
    }.get(shown["category"], ActionError)
    return kind(shown["message"], code=shown["code"], details=shown["details"])


def _no_look(error: WorkflowError) -> Unknown:
    return Unknown(f"It could not be looked: {error.code}: {error.message}"[:_LONGEST_WORDS])


def _words(attempt: Attempt, text: str) -> str:
    return attempt.redactor.redact_text(str(text))[:_LONGEST_WORDS]
