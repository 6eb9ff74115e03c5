"""The baselines: a Temporal worker with workflows of ordinary activities that do nothing."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE = "bare"


@activity.defn
async def first(value: str) -> str:
    """Does nothing."""
    return value


@activity.defn
async def second(value: str) -> str:
    """Does nothing."""
    return value


@workflow.defn
class BareWorkflow:
    """Two activities, one after the other."""

    @workflow.run
    async def run(self, value: str) -> str:
        """Answers what it was given."""
        value = await workflow.execute_activity(first, value, start_to_close_timeout=timedelta(seconds=30))
        return await workflow.execute_activity(second, value, start_to_close_timeout=timedelta(seconds=30))


@workflow.defn
class BareLoop:
    """One activity for each item, so many at once."""

    @workflow.run
    async def run(self, items: int, at_once: int) -> int:
        """Answers how many there were."""
        numbers = iter(range(items))

        async def take() -> None:
            for number in numbers:
                await workflow.execute_activity(first, str(number), start_to_close_timeout=timedelta(seconds=30))

        await asyncio.gather(*(take() for _ in range(at_once)))
        return items


@workflow.defn
class BareWait:
    """Waits for a signal."""

    def __init__(self) -> None:
        self._word: str | None = None

    @workflow.run
    async def run(self) -> str | None:
        """Answers what came."""
        await workflow.wait_condition(lambda: self._word is not None)
        return self._word

    @workflow.signal
    def come(self, word: str) -> None:
        """It has come."""
        self._word = word


async def main() -> None:
    """``python -m benchmarks.bare_worker ADDRESS``."""
    client = await Client.connect(sys.argv[1])
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[BareWorkflow, BareLoop, BareWait],
        activities=[first, second],
        max_concurrent_workflow_tasks=20,
        max_concurrent_activities=20,
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main())
