"""Places that tenants share: for what a process can do only so much of at once.

Of the tenants that wait, the one that holds the fewest places comes first, and equals take turns; within a tenant,
whoever came first, but that some go ahead, up to a limit: what has begun and cannot wait. So a thousand who wait of
one tenant delay another one by as long as somebody holds a place, and no longer.

What is scarce behind the places may be shared all the same: the processor, above all. So a tenant may have fewer of
them while others are about than when it is alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from itertools import takewhile
from threading import Lock
from typing import Final

import attrs

#: Seconds for which a tenant is about after it has asked for a place.
_ABOUT: Final = 2.0
#: How many go ahead of one who waits: calls that never cease to ask must not keep all else of their tenant waiting.
_MOST_AHEAD: Final = 10


class _Turn(Future[None]):
    """Of one who waits.

    Attributes:
        ahead: Whether it goes ahead of its tenant's others.
        passed_by: How many went ahead of it when it was the next but for them.
    """

    def __init__(self, *, ahead: bool) -> None:
        super().__init__()
        self.ahead = ahead
        self.passed_by = 0


@attrs.define(eq=False)
class Places:
    """So many places; for threads and for coroutines of any loop.

    Args:
        count: How many.
        per_tenant: How many of them one tenant can hold; None: all.
        beside_others: How many while another tenant is about; None: as many as ever.
        clock: Seconds that only rise.
    """

    count: int
    per_tenant: int | None = None
    beside_others: int | None = None
    clock: Callable[[], float] = time.monotonic
    _lock: Lock = attrs.field(init=False, factory=Lock)
    _held: Counter[str] = attrs.field(init=False, factory=Counter)
    #: Who wait, by tenant; those that were just given a place come last.
    _queues: dict[str, deque[_Turn]] = attrs.field(init=False, factory=dict)
    _watchers: list[tuple[str | None, int, Future[None]]] = attrs.field(init=False, factory=list)
    #: Who asked last, and when; and when anybody else did.
    _last: str = attrs.field(init=False, default="")
    _last_at: float = attrs.field(init=False, default=-math.inf)
    _others_at: float = attrs.field(init=False, default=-math.inf)

    @asynccontextmanager
    async def hold(self, tenant: str, *, ahead: bool = False) -> AsyncIterator[None]:
        """Holds a place during the block; ``ahead``: before those of the same tenant that came earlier."""
        turn = self._ask(tenant, ahead=ahead)
        if turn is not None:
            try:
                await asyncio.wrap_future(turn)
            except asyncio.CancelledError:
                self._give_up(tenant, turn)
                raise
        try:
            yield
        finally:
            self._release(tenant)

    @contextmanager
    def hold_in_thread(self, tenant: str) -> Iterator[None]:
        """The same, for a thread."""
        turn = self._ask(tenant)
        if turn is not None:
            turn.result()
        try:
            yield
        finally:
            self._release(tenant)

    async def until_fewer(self, count: int, tenant: str | None = None) -> None:
        """Waits until fewer than so many hold a place or wait for one, of a tenant or of all together."""
        while True:
            with self._lock:
                if self._asked(tenant) < count:
                    return
                changed: Future[None] = Future()
                self._watchers.append((tenant, count, changed))
            await asyncio.wrap_future(changed)

    def _asked(self, tenant: str | None) -> int:
        if tenant is None:
            return self._held.total() + sum(map(len, self._queues.values()))
        return self._held[tenant] + len(self._queues.get(tenant, ()))

    def _ask(self, tenant: str, *, ahead: bool = False) -> _Turn | None:
        """None: the place is there; else what is waited for."""
        with self._lock:
            self._note(tenant)
            queue = self._queues.get(tenant)
            if queue is None and self._has_room(tenant):
                self._held[tenant] += 1
                return None
            turn, queue = _Turn(ahead=ahead), self._queues.setdefault(tenant, deque())
            place = sum(1 for _ in takewhile(lambda other: other.ahead, queue)) if ahead else len(queue)
            queue.insert(place, turn)
            return turn

    def _give_up(self, tenant: str, turn: _Turn) -> None:
        """Whoever waited does not any more; a place that was given meanwhile is given back."""
        with self._lock:
            queue = self._queues.get(tenant)
            if queue is not None and turn in queue:
                queue.remove(turn)
                if not queue:
                    del self._queues[tenant]
        if not turn.cancelled():
            self._release(tenant)

    def _release(self, tenant: str) -> None:
        with self._lock:
            self._held[tenant] -= 1
            if not self._held[tenant]:
                del self._held[tenant]
            told = [*self._give(), *self._no_longer_watching()]
        for turn in told:
            turn.set_result(None)

    def _give(self) -> list[_Turn]:
        """Gives the places that are free to those whose turn it is."""
        given = []
        while (tenant := self._next()) is not None:
            queue = self._queues.pop(tenant)
            turn = _take(queue)
            if queue:
                self._queues[tenant] = queue  # the last one now
            if turn.set_running_or_notify_cancel():
                self._held[tenant] += 1
                given.append(turn)
        return given

    def _no_longer_watching(self) -> list[Future[None]]:
        """Those who watch for what is the case now."""
        told = [watching for tenant, count, watching in self._watchers if self._asked(tenant) < count]
        self._watchers = [watcher for watcher in self._watchers if watcher[2] not in told]
        return [watching for watching in told if watching.set_running_or_notify_cancel()]

    def _next(self) -> str | None:
        return min(filter(self._has_room, self._queues), key=self._held.__getitem__, default=None)

    def _has_room(self, tenant: str) -> bool:
        limit = self.per_tenant
        if self.beside_others is not None and self._is_beside_others(tenant):
            limit = self.beside_others
        return self._held.total() < self.count and (limit is None or self._held[tenant] < limit)

    def _note(self, tenant: str) -> None:
        if self._last != tenant:
            self._last, self._others_at = tenant, self._last_at
        self._last_at = self.clock()

    def _is_beside_others(self, tenant: str) -> bool:
        asked_at = self._others_at if tenant == self._last else self._last_at
        return self.clock() - asked_at < _ABOUT


def _take(queue: deque[_Turn]) -> _Turn:
    """The one whose turn it is, taken out of those of a tenant."""
    first = queue[0]
    other = next((turn for turn in queue if not turn.ahead), None) if first.ahead else None
    if other is not None and not other.cancelled():
        if other.passed_by >= _MOST_AHEAD:
            queue.remove(other)
            return other
        other.passed_by += 1
    return queue.popleft()
