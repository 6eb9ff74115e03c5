"""Runs of jobs: one at a time for each tenant and job; how they begin, and how they end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

import attrs

from workflow_core.audit import Change
from workflow_core.audit import record as record_changes
from workflow_core.errors import ConflictError, IntegrationInactiveError, NotFoundError, ValidationError
from workflow_core.jobs import Job
from workflow_core.manifest import canonical_json
from workflow_core.schema import to_json
from workflow_core.storage.database import Connection, Record

#: Notified when workers have something to do about jobs.
CHANNEL: Final = "workflow_jobs"

#: Bytes of JSON with which a run can be asked for.
MAX_PARAMETERS: Final = 16 * 1024
#: So many ended runs of each tenant and job are kept, and the last one that succeeded.
KEPT: Final = 50

#: Ids of runs are made from what caused them in this namespace, so that beginning is safe twice.
_RUNS: Final = UUID("0d9b2a64-6f0c-5d0e-8f43-64f2a4cf4a55")


class JobRunStatus(StrEnum):
    """How a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        """Whether nothing follows any more."""
        return self not in {JobRunStatus.QUEUED, JobRunStatus.RUNNING}


class JobCause(StrEnum):
    """Why there is a run."""

    SCHEDULE = "schedule"
    CONNECT = "connect"
    REQUEST = "request"


@attrs.frozen(kw_only=True)
class JobRun:
    """One run of a job.

    Attributes:
        run_id: Its id.
        job_id: The job.
        provider: Of the connection that it works with.
        cause: Why there is a run.
        actor: Who asked for it; None: nobody, or another job.
        parameters: Of one that was asked for.
        status: How it stands.
        done: How much is done.
        total: Of how much, if that is known.
        message: What is being done, for a person.
        result: What the handler gave.
        error: ``code`` and ``message``: of its end; while it is running, of the attempt before.
        attempts: That have begun.
        stop_requested: ``code`` and ``message`` of why it is to end; None: nobody wants it to.
        created_at: When it came to be wanted.
        started_at: When its first attempt began.
        finished_at: When it ended.
    """

    run_id: UUID
    job_id: str
    provider: str
    cause: JobCause
    actor: UUID | None
    parameters: Mapping[str, Any]
    status: JobRunStatus
    done: int | None
    total: int | None
    message: str | None
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    attempts: int
    stop_requested: Mapping[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Record) -> JobRun:
        """The one of a row with :data:`RUN_COLUMNS`."""
        columns = dict(row)
        return cls(**{**columns, "cause": JobCause(row["cause"]), "status": JobRunStatus(row["status"])})


RUN_COLUMNS: Final = ", ".join(field.name for field in attrs.fields(JobRun))


def run_id_for_request(tenant: UUID, job_id: str, key: str) -> UUID:
    """The id of the run that a request with this ``Idempotency-Key`` begins."""
    return uuid5(_RUNS, f"request:{tenant}:{job_id}:{key}")


def run_id_for_execution(execution: str) -> UUID:
    """The id of the run that a schedule begins as this workflow of Temporal."""
    return uuid5(_RUNS, f"execution:{execution}")


async def is_connected(conn: Connection, tenant: UUID, provider: str) -> bool:
    """Whether a tenant's connection may be worked with."""
    found: bool = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM rmm_integrations WHERE tenant = $1 AND provider = $2 AND is_active "
        "AND connected_at IS NOT NULL)",
        tenant,
        provider,
    )
    return found


# ── Beginning ────────────────────────────────────────────────────────────────────────────────────────────────────


async def request_run(
    conn: Connection,
    tenant: UUID,
    job: Job,
    *,
    actor: UUID | None,
    parameters: Mapping[str, Any] | None = None,
    run_id: UUID | None = None,
) -> JobRun:
    """Asks for a run, which a worker begins as soon as the transaction commits.

    Args:
        conn: Bound to the tenant.
        tenant: For whom.
        job: Which job.
        actor: Who asks; None: nobody, or another job.
        parameters: For the handler, such as ``{"full": True}``; never a secret.
        run_id: Asking again with the same one gives the same run; None: a new one.

    Raises:
        ConflictError: ``JOB_RUNNING``, with the ``runId`` of the one that is under way; ``INTEGRATION_INACTIVE``;
            ``IDEMPOTENCY_KEY_REUSED``: that id belongs to a run with other parameters.
        ValidationError: ``PARAMETERS_TOO_LARGE``.
    """
    given = to_json(parameters or {})
    if len(canonical_json(given)) > MAX_PARAMETERS:
        raise ValidationError(
            f"The parameters of a run have at most {MAX_PARAMETERS} bytes of JSON.", code="PARAMETERS_TOO_LARGE"
        )
    if run_id is not None and (known := await _find(conn, tenant, run_id)) is not None:
        return _same(known, job, given)
    if not await is_connected(conn, tenant, job.provider):
        raise ConflictError(
            f"{job.label} cannot run: the connection {job.provider} is not active. Connect it first.",
            code=IntegrationInactiveError.code,
        )
    run_id = run_id or uuid4()
    if not await insert_run(
        conn,
        tenant,
        run_id,
        job_id=job.id,
        provider=job.provider,
        cause=JobCause.REQUEST,
        actor=actor,
        parameters=given,
    ):
        if (known := await _find(conn, tenant, run_id)) is not None:  # a moment ago
            return _same(known, job, given)
        raise await _running(conn, tenant, job)
    if actor is not None:
        change = Change(operation="run", table_name="workflow_jobs", record_id=job.id, details={"runId": str(run_id)})
        await record_changes(conn, tenant, actor, [change])
    return await read_run(conn, tenant, run_id)


def _same(known: JobRun, job: Job, parameters: Mapping[str, Any]) -> JobRun:
    if known.job_id != job.id or known.parameters != parameters:
        raise ConflictError(
            "This Idempotency-Key has asked for a run with other parameters; use a new key.",
            code="IDEMPOTENCY_KEY_REUSED",
        )
    return known


async def _running(conn: Connection, tenant: UUID, job: Job) -> ConflictError:
    under_way = await conn.fetchval(
        "SELECT run_id FROM workflow_job_runs WHERE tenant = $1 AND job_id = $2 AND finished_at IS NULL", tenant, job.id
    )
    return ConflictError(
        f"{job.label} is under way already, as run {under_way}: wait until it has ended, or cancel it.",
        code="JOB_RUNNING",
        details={"runId": str(under_way)},
    )


async def insert_run(
    conn: Connection,
    tenant: UUID,
    run_id: UUID,
    *,
    job_id: str,
    provider: str,
    cause: JobCause,
    actor: UUID | None = None,
    parameters: Mapping[str, Any] | None = None,
    execution: str | None = None,
) -> bool:
    """Writes a run, unless there is one of this id, or one of this job that has not ended; answers whether it did.

    Args:
        conn: Bound to the tenant.
        tenant: For whom.
        run_id: Its id.
        job_id: Of which job.
        provider: Of the connection.
        cause: Why.
        actor: Who asks.
        parameters: For the handler.
        execution: The Temporal workflow that executes it already; None: a worker starts one.
    """
    return (
        await conn.fetchval(
            _INSERT, tenant, run_id, job_id, provider, cause.value, actor, dict(parameters or {}), execution
        )
        is not None
    )


_INSERT: Final = """
INSERT INTO workflow_job_runs
    (tenant, run_id, job_id, provider, cause, actor, parameters, execution, status, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued',
        now() + CASE WHEN $8::text IS NULL THEN interval '0' ELSE interval '5 min' END)
ON CONFLICT DO NOTHING
RETURNING run_id
"""


# ── Ending ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def cancel_run(conn: Connection, tenant: UUID, run_id: UUID, *, actor: UUID | None) -> JobRun:
    """Asks for a run to end; one that has ended stays as it is.

    Raises:
        NotFoundError: ``JOB_RUN_NOT_FOUND``.
    """
    why = {"code": "CANCELED", "message": "The run was canceled."}
    row = await conn.fetchrow(
        "UPDATE workflow_job_runs SET stop_requested = $3, due_at = now() "
        "WHERE tenant = $1 AND run_id = $2 AND finished_at IS NULL AND stop_requested IS NULL RETURNING job_id",
        tenant,
        run_id,
        why,
    )
    if row is not None and actor is not None:
        change = Change(
            operation="cancel", table_name="workflow_jobs", record_id=row["job_id"], details={"runId": str(run_id)}
        )
        await record_changes(conn, tenant, actor, [change])
    return await read_run(conn, tenant, run_id)


async def end_run(
    conn: Connection,
    tenant: UUID,
    run_id: UUID,
    status: JobRunStatus,
    *,
    error: Mapping[str, Any] | None = None,
    result: Mapping[str, Any] | None = None,
    attempt: int | None = None,
) -> bool:
    """Writes how a run ended, if it has not ended yet, and forgets the oldest ones; answers whether it did.

    Args:
        conn: Bound to the tenant.
        tenant: For whom it was.
        run_id: The run.
        status: Its end.
        error: ``code`` and ``message``; for one that somebody wanted to end, why they did is written.
        result: What the handler gave.
        attempt: Only if this is its last attempt.
    """
    job = await conn.fetchrow(_END, tenant, run_id, status.value, error, result, attempt)
    if job is None:
        return False
    await conn.execute(_FORGET, tenant, job["job_id"], KEPT)
    again = await conn.fetchval(_AGAIN, tenant, job["job_id"])
    if again is not None:
        await insert_run(conn, tenant, uuid4(), job_id=job["job_id"], provider=again, cause=JobCause.CONNECT)
    return True


_END: Final = """
UPDATE workflow_job_runs
SET status = $3, error = CASE WHEN $3 = 'cancelled' THEN coalesce(stop_requested, $4) ELSE $4 END, result = $5,
    checkpoint = '{}', finished_at = now(), due_at = NULL
WHERE tenant = $1 AND run_id = $2 AND finished_at IS NULL AND ($6::integer IS NULL OR attempts = $6)
RETURNING job_id
"""
_FORGET: Final = """
DELETE FROM workflow_job_runs
WHERE tenant = $1 AND job_id = $2 AND run_id IN (
    SELECT run_id FROM (
        SELECT run_id, row_number() OVER (ORDER BY created_at DESC, run_id) AS place,
               row_number() OVER (PARTITION BY status ORDER BY created_at DESC, run_id) AS place_in_status, status
        FROM workflow_job_runs WHERE tenant = $1 AND job_id = $2 AND finished_at IS NOT NULL
    ) AS ended
    WHERE place > $3 AND NOT (status = 'succeeded' AND place_in_status = 1)
)
"""
_AGAIN: Final = """
UPDATE workflow_jobs SET runs_again = false WHERE tenant = $1 AND job_id = $2 AND runs_again AND is_active
RETURNING provider
"""


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def read_run(conn: Connection, tenant: UUID, run_id: UUID) -> JobRun:
    """One run.

    Raises:
        NotFoundError: ``JOB_RUN_NOT_FOUND``.
    """
    found = await _find(conn, tenant, run_id)
    if found is None:
        raise NotFoundError("There is no such run of a job.", code="JOB_RUN_NOT_FOUND")
    return found


async def _find(conn: Connection, tenant: UUID, run_id: UUID) -> JobRun | None:
    row = await conn.fetchrow(
        f"SELECT {RUN_COLUMNS} FROM workflow_job_runs WHERE tenant = $1 AND run_id = $2",  # noqa: S608 - constant
        tenant,
        run_id,
    )
    return None if row is None else JobRun.of(row)
