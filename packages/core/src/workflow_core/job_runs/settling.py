"""Which jobs a tenant has: those of its active connections that the workers have installed.

Settled when a connection changes, when a worker starts, and compared with everything now and then. A job that a live
worker has stays as it was last defined: by the worker that started last.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import attrs

from workflow_core.discovery import Registry
from workflow_core.errors import IntegrationInactiveError
from workflow_core.job_runs.runs import JobCause, insert_run
from workflow_core.jobs import Job
from workflow_core.storage.database import Connection, Database, Record
from workflow_core.workers import jobs_of_workers


@attrs.frozen(kw_only=True)
class Installed:
    """What is held against the tenants' connections.

    Attributes:
        registry: Of this worker.
        elsewhere: The jobs of all live workers; None: nobody knows, and none is stopped for being gone.
        defines: Whether the jobs are as this worker has them, where they are known otherwise.
    """

    registry: Registry
    elsewhere: Collection[str] | None = None
    defines: bool = False

    def is_gone(self, job_id: str) -> bool:
        """Whether no worker has the job any more."""
        return self.elsewhere is not None and job_id not in self.elsewhere and job_id not in self.registry.jobs


async def find_jobs_of_workers(database: Database) -> list[str]:
    """The ids of the jobs that live workers have."""
    async with database.untenanted() as conn:
        return await jobs_of_workers(conn)


async def find_unsettled(database: Database, installed: Installed) -> list[UUID]:
    """The tenants whose jobs are not those of their connections."""
    registry = installed.registry
    jobs = list(registry.jobs.values())
    async with database.dispatch() as conn:
        rows = await conn.fetch(
            _UNSETTLED,
            [job.id for job in jobs],
            [job.provider for job in jobs],
            [registry.distribution_of_job[job.id] for job in jobs],
            [job.every for job in jobs],
            [float(job.jitter) for job in jobs],
            [job.time_limit for job in jobs],
            installed.defines,
            None if installed.elsewhere is None else [*installed.elsewhere, *registry.jobs],
        )
    return [row["tenant"] for row in rows]


async def settle_jobs(conn: Connection, tenant: UUID, installed: Installed) -> None:
    """Writes which jobs a tenant has; those of a new connection that want to run at once do.

    What worked with a connection that is no more is told to end.
    """
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('workflow_jobs ' || $1::text, 0))", str(tenant))
    connected: dict[str, datetime] = {
        row["provider"]: row["connected_at"] for row in await conn.fetch(_CONNECTED, tenant)
    }
    known = {row["job_id"]: row for row in await conn.fetch(_KNOWN, tenant)}
    for job in installed.registry.jobs.values():
        since, row = connected.get(job.provider), known.get(job.id)
        if since is None or (row is not None and _stands(row, job, since, installed)):
            continue
        distribution = installed.registry.distribution_of_job[job.id]
        await conn.execute(_WRITE, tenant, job.id, *_definition(job, distribution), since)
        if job.on_connect and (row is None or row["connected_at"] != since):
            await _run_now(conn, tenant, job)
    for job_id, row in known.items():
        if row["is_active"] and row["provider"] not in connected:
            await _stop(conn, tenant, job_id, since=None)
        elif row["is_active"] and installed.is_gone(job_id):
            await _stop(conn, tenant, job_id, since=row["connected_at"])


def _definition(job: Job, distribution: str) -> tuple[str, str, timedelta | None, float, timedelta]:
    return job.provider, distribution, job.every, float(job.jitter), job.time_limit


def _stands(row: Record, job: Job, since: datetime, installed: Installed) -> bool:
    """Whether a row is as it should be."""
    if not row["is_active"] or row["connected_at"] != since:
        return False
    stored = tuple(row[name] for name in ("provider", "distribution", "every", "jitter", "time_limit"))
    return not installed.defines or stored == _definition(job, installed.registry.distribution_of_job[job.id])


async def _run_now(conn: Connection, tenant: UUID, job: Job) -> None:
    """A run for a new connection; the one that is under way, of the connection before, ends first."""
    if not await insert_run(conn, tenant, uuid4(), job_id=job.id, provider=job.provider, cause=JobCause.CONNECT):
        await conn.execute(
            "UPDATE workflow_jobs SET runs_again = true WHERE tenant = $1 AND job_id = $2", tenant, job.id
        )


async def _stop(conn: Connection, tenant: UUID, job_id: str, *, since: datetime | None) -> None:
    await conn.execute(_STOP, tenant, job_id, since)
    if since is None:
        why = {"code": IntegrationInactiveError.code, "message": "The connection is not active any more."}
    else:
        why = {"code": "JOB_NOT_ON_WORKERS", "message": "No worker has this job any more."}
    await conn.execute(_STOP_RUNS, tenant, job_id, why)


_UNSETTLED: Final = """
WITH job AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::interval[], $5::float8[], $6::interval[])
        AS job (job_id, provider, distribution, every, jitter, time_limit)
), connected AS (
    SELECT tenant, provider, connected_at FROM rmm_integrations WHERE is_active AND connected_at IS NOT NULL
)
SELECT c.tenant
FROM connected c JOIN job USING (provider) LEFT JOIN workflow_jobs w ON w.tenant = c.tenant AND w.job_id = job.job_id
WHERE w.is_active IS NOT TRUE OR w.connected_at IS DISTINCT FROM c.connected_at
   OR $7 AND (w.provider, w.distribution, w.every, w.jitter, w.time_limit)
             IS DISTINCT FROM (job.provider, job.distribution, job.every, job.jitter, job.time_limit)
UNION
SELECT w.tenant
FROM workflow_jobs w LEFT JOIN connected c ON c.tenant = w.tenant AND c.provider = w.provider
WHERE w.is_active AND (c.tenant IS NULL OR w.job_id <> ALL ($8::text[]))
"""
_CONNECTED: Final = """
SELECT provider, connected_at FROM rmm_integrations WHERE tenant = $1 AND is_active AND connected_at IS NOT NULL
"""
_KNOWN: Final = """
SELECT job_id, provider, distribution, every, jitter, time_limit, is_active, connected_at
FROM workflow_jobs WHERE tenant = $1
"""
# A new connection, and a job that comes back, begin a new schedule as well.
_WRITE: Final = """
INSERT INTO workflow_jobs AS known
    (tenant, job_id, provider, distribution, every, jitter, time_limit, connected_at, is_active)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, true)
ON CONFLICT (tenant, job_id) DO UPDATE SET
    provider = EXCLUDED.provider, distribution = EXCLUDED.distribution, every = EXCLUDED.every,
    jitter = EXCLUDED.jitter, time_limit = EXCLUDED.time_limit, connected_at = EXCLUDED.connected_at,
    is_active = true, revision = known.revision + 1, due_at = now(), next_at = NULL, sync_error = NULL
"""
_STOP: Final = """
UPDATE workflow_jobs
SET is_active = false, connected_at = $3, runs_again = false, revision = revision + 1, due_at = now(), next_at = NULL,
    sync_error = NULL
WHERE tenant = $1 AND job_id = $2
"""
_STOP_RUNS: Final = """
UPDATE workflow_job_runs SET stop_requested = $3, due_at = now()
WHERE tenant = $1 AND job_id = $2 AND finished_at IS NULL AND stop_requested IS NULL
"""
