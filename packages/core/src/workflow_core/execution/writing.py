"""Writes that must not be lost: neither a cancellation nor a database that is away for a moment prevents them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from workflow_core.execution.database_errors import DATABASE_AWAY, FOR_THE_MOMENT

T = TypeVar("T")

#: Seconds for which what is known is written again and again while the database is away.
_KEEP_TRYING: Final = 30.0


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Awaits something that must be finished: a cancellation meanwhile is put aside, and the result counts."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    return task.result()


async def until_written(write: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Repeats a write while the database is away, or busy: what it tells is known, and would be lost."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + _KEEP_TRYING
    delay = 0.1
    while True:
        try:
            return await write()
        except (*DATABASE_AWAY, *FOR_THE_MOMENT):
            if clock() + delay > deadline:
                raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)
