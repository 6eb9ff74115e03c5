"""How often and how patiently a step is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import attrs
from temporalio import workflow
from temporalio.common import RetryPolicy

from workflow_core.execution.verdicts import may_be_retried
from workflow_core.language.plan import PlannedAction
from workflow_worker.failures import StepFailure

#: How long a step goes on trying when nothing counts as an attempt (no worker, a busy key, our database away).
_PATIENCE: Final = timedelta(minutes=30)
#: Seconds between two such tries: doubled from the first to the second.
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0
#: How long the other side may ask us to wait.
_LONGEST_ASKED: Final = 24 * 3600.0

#: A dry run, for which somebody waits, is not patient.
_DRY_ATTEMPTS: Final = 3
_DRY_ASKED: Final = 10.0

#: The type of the failure with which a worker asks Temporal to bring a call again later; no run gets to see it.
TENANT_BUSY: Final = "TENANT_BUSY"
#: With these, Temporal brings a call again for that failure only: what else failed, the interpreter decides about.
RETRY_WHEN_BUSY: Final = RetryPolicy(
    maximum_attempts=0,
    non_retryable_error_types=["TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat", "NotFoundError", ""],
)


@attrs.frozen
class Retry:
    """How a step is retried: its own ``retry``, else the action's hint. Times are in seconds.

    Attributes:
        jitter: Each delay is drawn from its upper half, so that runs that failed together do not return together.
        longest_asked: How long the other side may ask us to wait; it may ask again.
        retry_on: The categories and codes that are retried; None: the error itself says whether it is.
    """

    max_attempts: int = 1
    backoff: float = 0.0
    multiplier: float = 2.0
    max_delay: float = 300.0
    jitter: bool = True
    longest_asked: float = _LONGEST_ASKED
    retry_on: list[str] | None = None

    @classmethod
    def of(cls, step: Mapping[str, Any], planned: PlannedAction | None = None, *, dry_run: bool = False) -> Retry:
        """What a step says; without a word of its own, what its action says; else: once.

        A dry run pauses only when it is asked to, and therefore reads a few times at most.
        """
        retry = cls._said(step, planned)
        if not dry_run:
            return retry
        attempts = min(retry.max_attempts, _DRY_ATTEMPTS)
        return attrs.evolve(retry, max_attempts=attempts, backoff=0.0, longest_asked=_DRY_ASKED)

    @classmethod
    def _said(cls, step: Mapping[str, Any], planned: PlannedAction | None) -> Retry:
        own = step.get("retry")
        if isinstance(own, Mapping):
            retry_on = own.get("retryOn")
            return cls(
                max_attempts=int(own.get("maxAttempts") or 1),
                backoff=float(own.get("backoffMs") or 0) / 1000,
                multiplier=float(own.get("backoffMultiplier") or 2),
                max_delay=float(own.get("maxDelayMs") or 300_000) / 1000,
                jitter=own.get("jitter") is not False,
                retry_on=[str(name) for name in retry_on] if isinstance(retry_on, list) else None,
            )
        if planned is None:
            return cls()
        return cls(planned.max_attempts, planned.backoff, planned.multiplier, planned.max_delay)

    def goes_on(self, error: Mapping[str, Any], *, retryable: bool, attempt: int) -> bool:
        """Whether another attempt follows the one that failed with this error object."""
        return attempt < self.max_attempts and may_be_retried(error, retryable=retryable, retry_on=self.retry_on)

    def delay(self, attempt: int, random: Random) -> float:
        """Seconds between a failed attempt and the next one."""
        try:
            delay = min(self.backoff * self.multiplier ** (attempt - 1), self.max_delay)
        except OverflowError:
            delay = self.max_delay
        return delay * (0.5 + random.random() / 2) if self.jitter else delay


@attrs.define
class Attempts:
    """The attempts at one step, in their course.

    Attributes:
        number: Of the one under way, from 1.
        waits: Tries since the last attempt that counted.
        waiting_since: When those began.
    """

    retry: Retry
    number: int = 1
    waits: int = 0
    waiting_since: datetime = attrs.Factory(workflow.now)

    def after(self, failure: StepFailure) -> float | None:
        """Seconds until the next try; None: there is none."""
        if failure.counts:
            if not self.retry.goes_on(failure.error, retryable=failure.retryable, attempt=self.number):
                return None
            asked = min(failure.retry_after or 0.0, self.retry.longest_asked)
            delay = max(self.retry.delay(self.number, workflow.random()), asked)
            self.number, self.waits = self.number + 1, 0
            return delay
        if self.waits == 0:
            self.waiting_since = workflow.now()
        patient = failure.is_unknown or workflow.now() - self.waiting_since <= _PATIENCE
        if not failure.retryable or not patient:
            return None
        self.waits += 1
        return _wait(self.waits - 1, failure)

    def begin_again(self) -> None:
        """What was waited for is known by now."""
        self.waits = 0


def _wait(waits: int, failure: StepFailure) -> float:
    """Seconds until the next try, when nothing counted: soon at first; at the latest when the lease is over."""
    after = failure.retry_after
    if failure.is_unknown and after is not None:
        return after
    wait = min(_FIRST_WAIT * 2.0 ** min(waits, 20), _LONGEST_WAIT)
    return wait if after is None else min(wait, after + 0.2)


async def pause(seconds: float, *, dry_run: bool) -> None:
    """Waits for another attempt; a dry run without a timer, for which the engine takes its time."""
    if seconds or not dry_run:
        await workflow.sleep(seconds)
