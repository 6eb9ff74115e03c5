"""How Temporal executes one run of a job: it begins, attempts follow one another, and it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    TimeoutError,  # noqa: A004 - Temporal's own
    TimeoutType,
)

from workflow_core.errors import TransientError, WorkflowError
from workflow_core.execution.database_errors import DATABASE_AWAY, explain
from workflow_core.execution.writing import to_the_end
from workflow_core.job_runs.attempts import AttemptFailedError, JobRunner
from workflow_core.job_runs.beginning import begin_run
from workflow_core.job_runs.clock import tell_next_time
from workflow_core.job_runs.models import JobBeginning, JobRunEnd, JobRunRef, JobStart, JobTask
from workflow_core.job_runs.runs import JobRunStatus, end_run, run_id_for_execution
from workflow_core.storage.database import Database
from workflow_core.temporal import BEGIN_JOB_RUN, END_JOB_RUN, JOB_WORKFLOW, RUN_JOB, job_task_queue
from workflow_worker.failures import is_canceled, own_failure, recorded_error
from workflow_worker.heartbeats import heartbeats

T = TypeVar("T")

#: A worker that is lost is noticed after this.
HEARTBEAT: Final = timedelta(seconds=10)
ATTEMPTS: Final = 10
_RETRIES: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5), maximum_attempts=ATTEMPTS
)
#: A handler that has reached its limit gets so long to let go.
_GRACE: Final = timedelta(seconds=30)
#: So long, beside its attempts, a run may wait for a worker and for the other side.
_PATIENCE: Final = timedelta(hours=2)
_WRITING: Final = timedelta(seconds=30)
_WRITES: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
#: So long a run waits for the job to be taken up by a worker that has it.
_TO_BEGIN: Final = timedelta(minutes=10)


@workflow.defn(name=JOB_WORKFLOW)
class JobWorkflow:
    """Executes one run of a job."""

    @workflow.run
    async def run(self, start: JobStart) -> None:
        """Executes the run to its end, which its row tells."""
        execution = workflow.info().workflow_id
        run_id = start.run_id or str(run_id_for_execution(execution))
        ref = JobRunRef(tenant=start.tenant, job_id=start.job_id, run_id=run_id)
        try:
            task = await self._begin(start, run_id, execution)
            if task is not None:
                await self._work(ref, task)
        except (FailureError, asyncio.CancelledError) as failure:
            status, error = _end_of(failure)
            end = JobRunEnd(tenant=start.tenant, run_id=run_id, status=status, error=error)
            await to_the_end(self._end(end))

    async def _begin(self, start: JobStart, run_id: str, execution: str) -> JobTask | None:
        beginning = JobBeginning(
            tenant=start.tenant,
            job_id=start.job_id,
            run_id=run_id,
            execution=execution,
            by_clock=start.run_id is None,
        )
        task: JobTask | None = await workflow.execute_activity(
            BEGIN_JOB_RUN,
            beginning,
            result_type=JobTask,  # or null
            start_to_close_timeout=_WRITING,
            schedule_to_close_timeout=_TO_BEGIN,
            retry_policy=_WRITES,
        )
        return task

    async def _work(self, ref: JobRunRef, task: JobTask) -> None:
        limit = timedelta(seconds=task.time_limit) + _GRACE
        await workflow.execute_activity(
            RUN_JOB,
            ref,
            task_queue=job_task_queue(task.distribution),
            start_to_close_timeout=limit,
            schedule_to_close_timeout=limit * ATTEMPTS + _PATIENCE,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=_RETRIES,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )

    async def _end(self, end: JobRunEnd) -> None:
        await workflow.execute_activity(END_JOB_RUN, end, start_to_close_timeout=_WRITING, retry_policy=_WRITES)


def _end_of(failure: BaseException) -> tuple[str, dict[str, Any]]:
    """Status and error of a run whose attempts did not write it."""
    if is_canceled():
        return JobRunStatus.CANCELLED.value, {"code": "CANCELED", "message": "The run was canceled."}
    recorded = recorded_error(failure) if isinstance(failure, FailureError) else None
    if recorded is not None:
        return JobRunStatus.FAILED.value, {"code": recorded["code"], "message": recorded["message"]}
    cause = failure.cause if isinstance(failure, ActivityError) else failure
    if isinstance(cause, TimeoutError) and cause.type == TimeoutType.SCHEDULE_TO_CLOSE:
        return JobRunStatus.FAILED.value, {
            "code": "JOB_NOT_ON_WORKERS",
            "message": "No worker took the run: start one that has its distribution installed.",
        }
    return JobRunStatus.FAILED.value, {
        "code": "WORKER_LOST",
        "message": f"The worker was lost at each of {ATTEMPTS} attempts: run the job again.",
    }


class JobActivities:
    """The activities, of one worker process."""

    def __init__(self, runner: JobRunner, client: Client) -> None:
        self._runner = runner
        self._database: Database = runner.database
        self._client = client

    @activity.defn(name=BEGIN_JOB_RUN)
    async def begin(self, beginning: JobBeginning) -> JobTask | None:
        """How a run is to be executed; None: not at all.

        Raises:
            ApplicationError: Not yet; type = the error's code.
        """

        async def write() -> JobTask | None:
            if beginning.by_clock:
                await tell_next_time(
                    self._database, self._client, tenant=UUID(beginning.tenant), job_id=beginning.job_id
                )
            async with self._database.tenant(UUID(beginning.tenant)) as conn:
                return await begin_run(conn, beginning)

        return await _written(write)

    @activity.defn(name=RUN_JOB)
    async def run(self, ref: JobRunRef) -> None:
        """Makes one attempt.

        Raises:
            ApplicationError: Another attempt may do better; first detail = the run's error, redacted.
        """
        failed: AttemptFailedError
        try:
            async with heartbeats():
                await self._runner.run(UUID(ref.tenant), ref.job_id, UUID(ref.run_id))
                return
        except AttemptFailedError as error:
            failed = error
        # Outside the except block: neither cause nor context of the error may reach the history.
        wait = None if failed.retry_after is None else timedelta(seconds=failed.retry_after)
        raise ApplicationError(failed.error["message"], failed.error, type=failed.error["code"], next_retry_delay=wait)

    @activity.defn(name=END_JOB_RUN)
    async def end(self, end: JobRunEnd) -> None:
        """Writes how a run ended, if none of its attempts has."""

        async def write() -> bool:
            async with self._database.tenant(UUID(end.tenant)) as conn:
                return await end_run(
                    conn, UUID(end.tenant), UUID(end.run_id), JobRunStatus(end.status), error=end.error
                )

        await _written(write)


async def _written(write: Callable[[], Awaitable[T]]) -> T:
    failed: WorkflowError
    try:
        return await write()
    except TransientError as error:
        failed = error
    except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
        failed = explain(error)
    raise own_failure(failed)
