"""Heartbeats of activities."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Heartbeats while the block runs, so that a lost worker is noticed and a cancellation arrives."""
    info = activity.info()
    if info.is_local or info.heartbeat_timeout is None:
        yield
        return
    interval = info.heartbeat_timeout.total_seconds() / 3

    async def beat() -> None:
        while True:
            await asyncio.sleep(interval)  # first: most actions end sooner, and each heartbeat is a request
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
