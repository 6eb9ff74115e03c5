"""Work that goes on beside the pollers of a worker, until the worker stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

_log = logging.getLogger(__name__)

#: Seconds for which work under way may go on when the worker stops; what it leaves another worker takes.
GRACE: Final = 10.0


class Background(Protocol):
    """Work of its own."""

    async def run(self) -> None:
        """Works until it is told to stop."""

    def stop(self) -> None:
        """Lets :meth:`run` end after what is under way."""


@asynccontextmanager
async def in_background(work: Background) -> AsyncIterator[asyncio.Task[None]]:
    """Runs work beside a block of code, and lets what it has under way end; gives its task."""
    name = type(work).__name__
    task = asyncio.create_task(work.run(), name=name)
    try:
        yield task
    finally:
        work.stop()
        done, _ = await asyncio.wait([task], timeout=GRACE)
        if not done:
            _log.warning("%s was still at work %g s after stopping; another worker takes what it leaves", name, GRACE)
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):  # told to whoever watches the task
            await task
