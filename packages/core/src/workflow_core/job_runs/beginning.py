"""The first thing that Temporal has done of a run: it is held against what is wanted now."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from workflow_core.errors import IntegrationInactiveError, TransientError
from workflow_core.job_runs.models import JobBeginning, JobTask
from workflow_core.job_runs.runs import JobCause, JobRunStatus, end_run, insert_run, is_connected
from workflow_core.storage.database import Connection

_INACTIVE: Final = {"code": IntegrationInactiveError.code, "message": "The connection is not active."}


async def begin_run(conn: Connection, beginning: JobBeginning) -> JobTask | None:
    """How a run is to be executed; None: not at all.

    One that a clock starts is written now, unless the tenant has the job no more, or another run is under way.

    Raises:
        TransientError: ``JOB_NOT_ON_WORKERS``: no worker with this job has looked at the tenant's connections yet.
    """
    tenant, run_id = UUID(beginning.tenant), UUID(beginning.run_id)
    job = await conn.fetchrow(_JOB, tenant, beginning.job_id)
    if beginning.by_clock:
        if job is None or not job["is_active"] or not await is_connected(conn, tenant, job["provider"]):
            return None
        await insert_run(
            conn,
            tenant,
            run_id,
            job_id=beginning.job_id,
            provider=job["provider"],
            cause=JobCause.SCHEDULE,
            execution=beginning.execution,
        )
    provider = await conn.fetchval(_OPEN, tenant, run_id)
    if provider is None:
        return None
    if not await is_connected(conn, tenant, provider):
        await end_run(conn, tenant, run_id, JobRunStatus.CANCELLED, error=_INACTIVE)
        return None
    if job is None or not job["is_active"]:
        raise TransientError(
            f"No worker that has the job {beginning.job_id} has taken it up yet: start one.", code="JOB_NOT_ON_WORKERS"
        )
    return JobTask(distribution=job["distribution"], time_limit=job["time_limit"].total_seconds())


_JOB: Final = """
SELECT provider, distribution, time_limit, is_active FROM workflow_jobs WHERE tenant = $1 AND job_id = $2
"""
_OPEN: Final = "SELECT provider FROM workflow_job_runs WHERE tenant = $1 AND run_id = $2 AND finished_at IS NULL"
