"""The activities: one executes an action call, the others write and read runs."""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

import asyncpg
import attrs
from temporalio import activity

from workflow_core.discovery import Registry
from workflow_core.errors import WorkflowError
from workflow_core.execution.child_runs import load_run, record_child
from workflow_core.execution.database_errors import DATABASE_AWAY, explain
from workflow_core.execution.executor import Executor
from workflow_core.execution.failed_attempts import ExecutionFailedError
from workflow_core.execution.history import write_end, write_trace
from workflow_core.execution.models import (
    ActionCall,
    ActionResult,
    ChildRun,
    RunEnd,
    RunInput,
    RunRef,
    SettlementWait,
    TraceBatch,
)
from workflow_core.execution.settlement import open_settlement
from workflow_core.execution.step_waits import LeftBlock, StepWait, WaitOutcome, close_waits_inside, look
from workflow_core.storage.database import Database
from workflow_core.temporal import (
    EXECUTE_ACTION,
    FINISH_RUN,
    LEAVE_WAITS,
    LOAD_RUN,
    LOOK_AT_WAIT,
    OPEN_SETTLEMENT,
    PAUSE,
    RECORD_CHILD,
    RECORD_STEPS,
)
from workflow_worker.failures import own_failure, to_application_error
from workflow_worker.heartbeats import heartbeats

_log = logging.getLogger(__name__)

#: What no further try mends: a value that a column does not take, a run that is not there any more.
_UNWRITABLE: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError)


class Activities:
    """The activities of one worker process."""

    def __init__(self, executor: Executor, database: Database, registry: Registry) -> None:
        self._executor = executor
        self._database = database
        self._registry = registry

    @activity.defn(name=EXECUTE_ACTION)
    async def execute_action(self, call: ActionCall) -> ActionResult:
        """Executes one attempt at an action step.

        Raises:
            ApplicationError: type = the error's code; details = the error object and the verdict on retrying.
        """
        failed: ExecutionFailedError
        try:
            async with heartbeats():
                return await self._executor.execute(call)
        except ExecutionFailedError as error:
            failed = error
        # Outside the except block: neither cause nor context of the error may reach the history.
        raise to_application_error(failed)

    @activity.defn(name=RECORD_STEPS)
    async def record_steps(self, batch: TraceBatch) -> None:
        """Writes steps that ended; those that cannot be written are left out, since a run must not hang on them."""
        try:
            async with self._database.tenant(UUID(batch.tenant)) as conn:
                await write_trace(conn, UUID(batch.tenant), UUID(batch.run_id), batch.trace)
        except _UNWRITABLE as error:
            _log.error("steps of run %s cannot be written: %s", batch.run_id, type(error).__name__)

    @activity.defn(name=RECORD_CHILD)
    async def record_child_run(self, child: ChildRun) -> int:
        """Records the run that a step calls, and the steps before it.

        Returns:
            Which execution of it is to be started.

        Raises:
            ApplicationError: It cannot be called; type = the error's code, first detail = what the step shows.
        """
        refused: WorkflowError
        try:
            async with self._database.tenant(UUID(child.tenant)) as conn:
                await write_trace(conn, UUID(child.tenant), UUID(child.parent_run_id), child.trace)
                return await record_child(conn, self._registry, child)
        except WorkflowError as error:
            refused = error
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            refused = explain(error)
        raise own_failure(refused)

    @activity.defn(name=LOAD_RUN)
    async def load_run(self, ref: RunRef) -> RunInput:
        """What a called run is executed with.

        Raises:
            ApplicationError: ``RUN_NOT_FOUND``.
        """
        missing: WorkflowError
        try:
            async with self._database.tenant(UUID(ref.tenant)) as conn:
                return await load_run(conn, UUID(ref.tenant), UUID(ref.run_id))
        except WorkflowError as error:
            missing = error
        raise own_failure(missing)

    @activity.defn(name=OPEN_SETTLEMENT)
    async def open_settlement(self, wait: SettlementWait) -> bool:
        """Has a step wait until it is known what became of its effect; answers whether that is still to be seen."""
        async with self._database.tenant(UUID(wait.tenant)) as conn:
            return await open_settlement(conn, wait)

    @activity.defn(name=LOOK_AT_WAIT)
    async def look_at_wait(self, wait: StepWait) -> WaitOutcome:
        """Begins a step's wait, or tells how it stands."""
        async with self._database.tenant(UUID(wait.tenant)) as conn:
            return await look(conn, wait)

    @activity.defn(name=LEAVE_WAITS)
    async def leave_waits(self, left: LeftBlock) -> None:
        """Steps inside of a block that was left do not wait any more."""
        async with self._database.tenant(UUID(left.tenant)) as conn:
            await close_waits_inside(conn, left)

    @activity.defn(name=PAUSE)
    async def pause(self, run: RunRef) -> None:
        """Does nothing: a run that computes a lot ends its activation by waiting for this."""

    @activity.defn(name=FINISH_RUN)
    async def finish_run(self, end: RunEnd) -> None:
        """Writes how a run ended, and the control steps since the last action."""
        try:
            async with self._database.tenant(UUID(end.tenant)) as conn:
                await write_end(conn, end)
        except _UNWRITABLE as error:
            # That the run has ended must not depend on whether its last steps can be told.
            _log.error("the last steps of run %s cannot be written: %s", end.run_id, type(error).__name__)
            async with self._database.tenant(UUID(end.tenant)) as conn:
                await write_end(conn, attrs.evolve(end, trace=[]))
