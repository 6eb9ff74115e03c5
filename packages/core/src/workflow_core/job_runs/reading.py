"""What a tenant sees of its jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from workflow_core.discovery import Registry
from workflow_core.errors import NotFoundError
from workflow_core.job_runs.runs import RUN_COLUMNS, JobRun
from workflow_core.jobs import Job
from workflow_core.storage.database import Connection, Record


@attrs.frozen(kw_only=True)
class JobState:
    """A job of a tenant.

    Attributes:
        job: What it does.
        is_active: Whether the tenant's connection is active, and the workers know of it.
        next_at: When the clock runs it next, as Temporal told last: one that has passed is late. None: no clock does.
        sync_error: ``code`` and ``message`` of why the clock does not run it.
        under_way: The run that has not ended.
        last: The last run that has.
        last_success_at: When one last succeeded.
    """

    job: Job
    is_active: bool
    next_at: datetime | None
    sync_error: dict[str, str] | None
    under_way: JobRun | None
    last: JobRun | None
    last_success_at: datetime | None


def find_job(registry: Registry, job_id: str) -> Job:
    """An installed job.

    Raises:
        NotFoundError: ``JOB_NOT_FOUND``.
    """
    job = registry.jobs.get(job_id)
    if job is None:
        raise NotFoundError("No installed integration has such a job.", code="JOB_NOT_FOUND")
    return job


async def list_jobs(
    conn: Connection, tenant: UUID, registry: Registry, *, provider: str | None = None
) -> list[JobState]:
    """All installed jobs, or those of one connection, by id.

    Args:
        conn: Bound to the tenant.
        tenant: Who asks.
        registry: What is installed.
        provider: Of the connection.
    """
    jobs = sorted((job for job in registry.jobs.values() if provider in {None, job.provider}), key=lambda job: job.id)
    ids = [job.id for job in jobs]
    rows = {row["job_id"]: row for row in await conn.fetch(_JOBS, tenant, ids)}
    under_way: dict[str, JobRun] = {}
    last: dict[str, JobRun] = {}
    for row in await conn.fetch(_RUNS, tenant, ids):
        run = JobRun.of(row)
        (last if run.status.has_ended else under_way)[run.job_id] = run
    succeeded = {row["job_id"]: row["finished_at"] for row in await conn.fetch(_SUCCEEDED, tenant, ids)}

    def state(job: Job) -> JobState:
        row, running = rows.get(job.id), under_way.get(job.id)
        return JobState(
            job=job,
            is_active=row is not None,
            next_at=None if row is None else _next(row, skips=running is not None),
            sync_error=None if row is None else row["sync_error"],
            under_way=running,
            last=last.get(job.id),
            last_success_at=succeeded.get(job.id),
        )

    return [state(job) for job in jobs]


def _next(row: Record, *, skips: bool) -> datetime | None:
    """When the clock runs a job next; while a run is under way, its times pass unused."""
    next_at: datetime | None = row["next_at"]
    if skips and next_at is not None and next_at < row["now"]:
        next_at += ((row["now"] - next_at) // row["every"] + 1) * row["every"]
    return next_at


_JOBS: Final = """
SELECT j.job_id, j.every, j.next_at, j.sync_error, now() AS now
FROM workflow_jobs j JOIN rmm_integrations i ON i.tenant = j.tenant AND i.provider = j.provider
WHERE j.tenant = $1 AND j.job_id = ANY ($2) AND j.is_active AND i.is_active AND i.connected_at IS NOT NULL
"""
_RUNS: Final = f"""
SELECT DISTINCT ON (job_id, finished_at IS NULL) {RUN_COLUMNS} FROM workflow_job_runs
WHERE tenant = $1 AND job_id = ANY ($2)
ORDER BY job_id, finished_at IS NULL, finished_at DESC, run_id
"""  # noqa: S608 - the columns are constant
_SUCCEEDED: Final = """
SELECT job_id, max(finished_at) AS finished_at FROM workflow_job_runs
WHERE tenant = $1 AND job_id = ANY ($2) AND status = 'succeeded'
GROUP BY job_id
"""
