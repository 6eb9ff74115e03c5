"""The baseline of a run: a Temporal worker with a workflow of two ordinary activities that do nothing."""

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


async def main() -> None:
    """``python -m benchmarks.bare_worker ADDRESS``."""
    client = await Client.connect(sys.argv[1])
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[BareWorkflow],
        activities=[first, second],
        max_concurrent_workflow_tasks=20,
        max_concurrent_activities=20,
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main())
