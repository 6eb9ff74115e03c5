"""How often and how patiently a step is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

import attrs
from temporalio import workflow

from workflow_core.execution.verdicts import may_be_retried
from workflow_core.language.plan import PlannedAction

_DRY_ATTEMPTS: Final = 3


@attrs.frozen
class Retry:
    """How a step is retried: its own ``retry``, else the action's hint. Times are in seconds.

    Attributes:
        jitter: Each delay is drawn from its upper half, so that runs that failed together do not return together.
        retry_on: The categories and codes that are retried; None: the error itself says whether it is.
    """

    max_attempts: int = 1
    backoff: float = 0.0
    multiplier: float = 2.0
    max_delay: float = 300.0
    jitter: bool = True
    retry_on: list[str] | None = None

    @classmethod
    def of(cls, step: Mapping[str, Any], planned: PlannedAction | None = None, *, dry_run: bool = False) -> Retry:
        """What a step says; without a word of its own, what its action says; else: once.

        A dry run does not pause, and therefore asks what it reads a few times at most.
        """
        retry = cls._said(step, planned)
        if not dry_run:
            return retry
        return attrs.evolve(retry, max_attempts=min(retry.max_attempts, _DRY_ATTEMPTS), backoff=0.0)

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


async def pause(seconds: float, *, dry_run: bool) -> None:
    """Waits for another attempt; a dry run without a timer, for which the engine takes its time."""
    if seconds or not dry_run:
        await workflow.sleep(seconds)
