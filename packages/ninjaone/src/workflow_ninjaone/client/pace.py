"""How fast a tenant's account is asked. The vendor publishes no limits; a 429 says that there are some.

Each account has a bucket of its own, so that nobody waits for another tenant, and what works in the background leaves
some of it to the tenant's actions, which do not wait for a sync of the whole fleet. A bucket is this process's: another
worker has its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

import attrs

from workflow_core.errors import TransientError
from workflow_ninjaone.client.errors import RATE_LIMITED

RATE: Final = 50.0
"""Requests a second that an account gets in the long run."""
BURST: Final = 100.0
"""Requests that it gets at once after a pause."""
RESERVE: Final = 25.0
"""Of which those in the background leave so many to the others."""
LONGEST_WAIT: Final = 10.0
"""Seconds: who would have to wait longer is told to come again instead."""

_MOST_BUCKETS: Final = 1000


@attrs.define(eq=False)
class Bucket:
    """What is left for one account; fills with time.

    Attributes:
        clock: Seconds that only rise.
    """

    clock: Callable[[], float] = time.monotonic
    _left: float = BURST
    _at: float = attrs.Factory(lambda self: self.clock(), takes_self=True)

    def left(self) -> float:
        """Requests that may be sent now; below zero: so many are waiting already."""
        now = self.clock()
        self._left, self._at = min(BURST, self._left + (now - self._at) * RATE), now
        return self._left

    def take(self) -> float:
        """Takes one request; gives the seconds until it may be sent."""
        self._left = self.left() - 1
        return max(0.0, -self._left / RATE)


@attrs.frozen
class Pace:
    """How one user of a bucket goes about it.

    Attributes:
        bucket: The account's.
        background: Waits as long as it takes, and leaves the reserve alone.
        sleep: Waits.
    """

    bucket: Bucket
    background: bool = False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def turn(self) -> None:
        """Waits until a request may be sent.

        Raises:
            TransientError: ``RATE_LIMITED``: that would take too long; nothing was sent.
        """
        if self.background:
            while (missing := RESERVE + 1 - self.bucket.left()) > 0:
                await self.sleep(missing / RATE)
            self.bucket.take()
            return
        ahead = (1 - self.bucket.left()) / RATE
        if ahead > LONGEST_WAIT:
            raise TransientError(
                "Too many calls of this tenant to NinjaOne are waiting already: try again later.",
                code=RATE_LIMITED,
                retry_after=ahead,
            )
        if (wait := self.bucket.take()) > 0:
            await self.sleep(wait)


class Buckets:
    """The buckets of one process, by account."""

    def __init__(self) -> None:
        self._buckets: dict[Hashable, Bucket] = {}

    def of(self, account: Hashable) -> Bucket:
        """The bucket of an account: a tenant at an instance."""
        if account not in self._buckets and len(self._buckets) >= _MOST_BUCKETS:
            self._buckets = {known: bucket for known, bucket in self._buckets.items() if bucket.left() < BURST}
        return self._buckets.setdefault(account, Bucket())
