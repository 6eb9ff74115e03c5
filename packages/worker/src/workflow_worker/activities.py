"""The activities: one executes an action call, one writes the end of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from temporalio import activity

from workflow_core.execution.executor import ExecutionFailedError, Executor
from workflow_core.execution.history import write_end
from workflow_core.execution.models import ActionCall, ActionResult, RunEnd
from workflow_core.storage.database import Database
from workflow_core.temporal import EXECUTE_ACTION, FINISH_RUN
from workflow_worker.failures import to_application_error


class Activities:
    """The activities of one worker process."""

    def __init__(self, executor: Executor, database: Database) -> None:
        self._executor = executor
        self._database = database

    @activity.defn(name=EXECUTE_ACTION)
    async def execute_action(self, call: ActionCall) -> ActionResult:
        """Executes one attempt at an action step.

        Raises:
            ApplicationError: type = the error's code; details = the error object and the verdict on retrying.
        """
        failed: ExecutionFailedError
        try:
            async with _heartbeats():
                return await self._executor.execute(call)
        except ExecutionFailedError as error:
            failed = error
        # Outside the except block: neither cause nor context of the error may reach the history.
        raise to_application_error(failed)

    @activity.defn(name=FINISH_RUN)
    async def finish_run(self, end: RunEnd) -> None:
        """Writes how a run ended, and the control steps since the last action."""
        async with self._database.tenant(UUID(end.tenant)) as conn:
            await write_end(conn, end)


@asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """Heartbeats while the block runs, so that a lost worker is noticed and a cancellation arrives."""
    info = activity.info()
    if info.is_local or info.heartbeat_timeout is None:
        yield
        return
    interval = info.heartbeat_timeout.total_seconds() / 3

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(interval)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
