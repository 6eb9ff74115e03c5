"""What the loops of a worker have in common that take from the database what is due, for all tenants.

Each is notified when there is something, and looks for itself every few seconds besides, since a notification can be
lost. Any number of workers may do this at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from workflow_core.storage.database import Database

T = TypeVar("T")


class Watch:
    """When such a loop looks again, and when it ends.

    Attributes:
        stopping: Whether nothing more is to be begun.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._wake = asyncio.Event()

    def stop(self) -> None:
        """Nothing more is begun."""
        self.stopping = True
        self._wake.set()

    def wake(self) -> None:
        """There is something."""
        self._wake.set()

    @property
    def is_woken(self) -> bool:
        """Whether there is something since the last look began."""
        return self._wake.is_set()

    def begin_look(self) -> None:
        """What is notified from here on is for the next look."""
        self._wake.clear()

    async def until_woken(self, seconds: float) -> None:
        """Waits for something, so long at most."""
        if not self.stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)

    @asynccontextmanager
    async def listening(
        self,
        database: Database,
        channel: str,
        *,
        on_payload: Callable[[str], None] | None = None,
        on_restored: Callable[[], None] | None = None,
    ) -> AsyncIterator[None]:
        """Is woken by a channel's notifications while the block runs.

        Args:
            database: Whose channel it is.
            channel: Its name.
            on_payload: Is given each notification instead; it wakes.
            on_restored: Is called instead when notifications may have been lost; it wakes.

        Raises:
            ConfigurationError: The database does not answer at the start.
        """
        listener = await database.listen(
            channel,
            on_payload=on_payload or (lambda _: self.wake()),
            on_lost=lambda: None,  # until it is back, looking every few seconds has to do
            on_restored=on_restored or self.wake,
        )
        try:
            yield
        finally:
            await listener.close()


async def for_each(
    items: Iterable[T], work: Callable[[T], Awaitable[bool]], *, at_once: int, stopped: Callable[[], bool]
) -> int:
    """Does some work for each, for a few at once, until it is stopped: for how many something was done."""
    turns = iter(list(items))
    done = 0

    async def take() -> None:
        nonlocal done
        for item in turns:
            result = await work(item)
            done += result  # after the awaiting: others count meanwhile
            if stopped():
                return

    await asyncio.gather(*(take() for _ in range(at_once)))
    return done
