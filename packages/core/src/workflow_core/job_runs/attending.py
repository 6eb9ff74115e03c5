"""Looks after runs that have not ended: has Temporal execute them, tells it that one is to end, and sees what it lost.

Any number of workers may do this at once: whatever they do twice is done once.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from workflow_core.errors import NotFoundError
from workflow_core.execution.engine import TIMEOUT, ask, execution_status
from workflow_core.execution.runs import TASK_TIMEOUT
from workflow_core.job_runs.models import JobStart
from workflow_core.job_runs.runs import JobRunStatus, end_run
from workflow_core.storage.database import Database, Record
from workflow_core.temporal import JOB_TASK_QUEUE, JOB_WORKFLOW, share_of

if TYPE_CHECKING:
    from temporalio.client import Client

_log = logging.getLogger(__name__)

#: Seconds until Temporal is asked again about a run.
_CHECK: Final = 300.0
#: Seconds until a run is looked after again that nobody began, or that was told to end.
_AGAIN: Final = 30.0
_LOST: Final = {"code": "EXECUTION_LOST", "message": "Temporal does not execute the run any more: run the job again."}


async def find_due(database: Database, *, limit: int) -> list[tuple[UUID, UUID]]:
    """Tenant and id of runs that are to be looked after, in turn for each tenant."""
    async with database.dispatch() as conn:
        return [(row["tenant"], row["run_id"]) for row in await conn.fetch(_FIND, limit)]


async def attend(database: Database, client: Client, *, tenant: UUID, run_id: UUID) -> bool:
    """Looks after one run; answers False when somebody else is at it, or nothing is to be done.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``: it is found again half a minute later.
    """
    async with database.tenant(tenant) as conn:
        run = await conn.fetchrow(_CLAIM, tenant, run_id, _AGAIN, _CHECK)
        if run is None:
            return False
        if run["execution"] is None:
            if run["stop_requested"] is not None:
                return await end_run(conn, tenant, run_id, JobRunStatus.CANCELLED)
            await conn.execute(_BEGIN, tenant, run_id, _own_execution(run_id))
    if run["execution"] is None:
        await _start(client, _own_execution(run_id), tenant, run)
    else:
        await _look(database, client, tenant, run)
    return True


def _own_execution(run_id: UUID) -> str:
    return f"job-run/{run_id}"


async def _start(client: Client, execution: str, tenant: UUID, run: Record) -> None:
    start = JobStart(tenant=str(tenant), job_id=run["job_id"], run_id=str(run["run_id"]))
    with contextlib.suppress(WorkflowAlreadyStartedError):
        await ask(
            client.start_workflow(
                JOB_WORKFLOW,
                start,
                id=execution,
                task_queue=JOB_TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                priority=share_of(start.tenant),
                rpc_timeout=TIMEOUT,
            )
        )


async def _look(database: Database, client: Client, tenant: UUID, run: Record) -> None:
    """Sees how Temporal executes a run that it was given."""
    handle = client.get_workflow_handle(run["execution"])
    status = await execution_status(handle)
    stops = run["stop_requested"] is not None
    if status is WorkflowExecutionStatus.RUNNING:
        if stops:
            with contextlib.suppress(NotFoundError):  # it has just ended
                await ask(handle.cancel(rpc_timeout=TIMEOUT))
        return
    if status is None and not stops and run["status"] == JobRunStatus.QUEUED:
        await _start(client, run["execution"], tenant, run)  # whoever was about to died
        return
    async with database.tenant(tenant) as conn:
        if stops:
            await end_run(conn, tenant, run["run_id"], JobRunStatus.CANCELLED)
        elif await end_run(conn, tenant, run["run_id"], JobRunStatus.FAILED, error=_LOST):
            _log.warning("run %s of job %s had lost its execution", run["run_id"], run["job_id"])


# In turn for each tenant: one with many does not keep the others waiting.
_FIND: Final = """
SELECT tenant, run_id FROM (
    SELECT tenant, run_id, due_at, row_number() OVER (PARTITION BY tenant ORDER BY due_at, run_id) AS turn
    FROM workflow_job_runs WHERE due_at <= now()
) AS due
ORDER BY turn, due_at LIMIT $1
"""
_CLAIM: Final = """
UPDATE workflow_job_runs
SET due_at = now() + make_interval(
    secs => CASE WHEN execution IS NULL OR stop_requested IS NOT NULL THEN $3::float8 ELSE $4::float8 END
)
WHERE (tenant, run_id) = (
    SELECT tenant, run_id FROM workflow_job_runs WHERE tenant = $1 AND run_id = $2 AND due_at <= now()
    FOR UPDATE SKIP LOCKED
)
RETURNING run_id, job_id, status, execution, stop_requested
"""
_BEGIN: Final = "UPDATE workflow_job_runs SET execution = $3 WHERE tenant = $1 AND run_id = $2"
