"""Jobs that a clock runs: one schedule in Temporal for each tenant and job, made equal to what is wanted.

As with schedules of workflows, each revision of what is wanted is a schedule of its own, made before those before it
are deleted; any number of workers may do this at once, and whoever dies in between leaves nothing that another one
does not mend.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
)

from workflow_core.errors import NotFoundError, ValidationError
from workflow_core.execution.engine import TIMEOUT, ask
from workflow_core.execution.runs import TASK_TIMEOUT
from workflow_core.job_runs.models import JobStart
from workflow_core.schedules.in_temporal import delete_schedule, ensure_schedule, list_schedules
from workflow_core.storage.database import Database, Record
from workflow_core.temporal import JOB_TASK_QUEUE, JOB_WORKFLOW, share_of

if TYPE_CHECKING:
    from temporalio.client import Client

_log = logging.getLogger(__name__)

PREFIX: Final = "workflow-job/"
#: A time that passed while Temporal was down runs up to so much later; Temporal takes no less than ten seconds.
_LEAST_CATCH_UP: Final = timedelta(seconds=10)
_LONGEST_CATCH_UP: Final = timedelta(days=1)
#: Seconds for which a schedule belongs to whoever has taken it, and until one that Temporal did not take is due again.
_LEASE: Final = 60.0
#: Temporal's list may be as late as this.
_LIST_IS_LATE: Final = timedelta(minutes=1)


def schedule_id(tenant: UUID, job_id: str, revision: int) -> str:
    """The id of a job's schedule in Temporal."""
    return f"{PREFIX}{tenant}/{job_id}/{revision}"


def phase_of(tenant: UUID, job_id: str, every: timedelta) -> timedelta:
    """Where in its interval a tenant's job runs: somewhere for each tenant, and there again whoever asks."""
    digest = hashlib.sha256(f"{tenant}/{job_id}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8]) % max(1, int(every.total_seconds())))


# ── One schedule ─────────────────────────────────────────────────────────────────────────────────────────────────


async def find_out_of_step(database: Database, *, limit: int) -> list[tuple[UUID, str]]:
    """Tenant and job of the schedules that are due to be brought in step."""
    async with database.dispatch() as conn:
        return [(row["tenant"], row["job_id"]) for row in await conn.fetch(_FIND, limit)]


async def sync_schedule(database: Database, client: Client, *, tenant: UUID, job_id: str) -> bool:
    """Brings one schedule in step; answers False when somebody else is at it, or nothing is to be done.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``: it is found again a minute later.
    """
    async with database.tenant(tenant) as conn:
        row = await conn.fetchrow(_CLAIM, tenant, job_id, _LEASE)
    if row is None:
        return False
    revision, next_at, refused = row["revision"], None, None
    if row["is_scheduled"]:
        try:
            await ensure_schedule(client, schedule_id(tenant, job_id, revision), _schedule(tenant, row))
        except ValidationError as error:
            refused = {"code": error.code, "message": error.message}
            _log.error("job %s cannot be scheduled: %s", job_id, error.message)
        else:
            next_at = await _next_time(client, tenant, job_id, revision)
    stays = row["is_scheduled"] and refused is None
    for number in range(row["synced_revision"] or 1, revision if stays else revision + 1):
        await delete_schedule(client, schedule_id(tenant, job_id, number))
    async with database.tenant(tenant) as conn:
        await conn.execute(_SETTLE, tenant, job_id, revision, next_at, refused)
    return True


async def tell_next_time(database: Database, client: Client, *, tenant: UUID, job_id: str) -> None:
    """Writes when Temporal runs a job next.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    async with database.tenant(tenant) as conn:
        revision = await conn.fetchval(_REVISION, tenant, job_id)
    if revision is not None:
        next_at = await _next_time(client, tenant, job_id, revision)
        async with database.tenant(tenant) as conn:
            await conn.execute(_NEXT, tenant, job_id, revision, next_at)


async def _next_time(client: Client, tenant: UUID, job_id: str, revision: int) -> datetime | None:
    """When Temporal runs a job next; None: it does not have this schedule."""
    handle = client.get_schedule_handle(schedule_id(tenant, job_id, revision))
    try:
        described = await ask(handle.describe(rpc_timeout=TIMEOUT))
    except NotFoundError:
        return None
    return next(iter(described.info.next_action_times), None)


def _schedule(tenant: UUID, row: Record) -> Schedule:
    every, job_id, revision = row["every"], row["job_id"], row["revision"]
    jitter = every * row["jitter"]
    words = f"every {every}, up to {jitter} later, since {row['connected_at'].isoformat()}"
    return Schedule(
        action=ScheduleActionStartWorkflow(
            JOB_WORKFLOW,
            JobStart(tenant=str(tenant), job_id=job_id),
            id=f"job/{tenant}/{job_id}/{revision}",  # Temporal adds the time
            task_queue=JOB_TASK_QUEUE,
            task_timeout=TASK_TIMEOUT,
            priority=share_of(str(tenant)),
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=every, offset=phase_of(tenant, job_id, every))],
            jitter=jitter or None,
        ),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP,
            catchup_window=min(max(every, _LEAST_CATCH_UP), _LONGEST_CATCH_UP),
        ),
        state=ScheduleState(note=f"{words}. Made by the workflow platform: disconnect the integration to end it."),
    )


_FIND: Final = """
SELECT tenant, job_id FROM workflow_jobs WHERE synced_revision IS DISTINCT FROM revision AND due_at <= now()
ORDER BY due_at LIMIT $1
"""
_CLAIM: Final = """
UPDATE workflow_jobs SET due_at = now() + make_interval(secs => $3)
WHERE (tenant, job_id) = (
    SELECT tenant, job_id FROM workflow_jobs
    WHERE tenant = $1 AND job_id = $2 AND synced_revision IS DISTINCT FROM revision AND due_at <= now()
    FOR UPDATE SKIP LOCKED
)
RETURNING job_id, is_scheduled, every, jitter, connected_at, revision, synced_revision
"""
_SETTLE: Final = """
UPDATE workflow_jobs SET synced_revision = revision, synced_at = now(), next_at = $4, sync_error = $5
WHERE tenant = $1 AND job_id = $2 AND revision = $3
"""
_REVISION: Final = "SELECT revision FROM workflow_jobs WHERE tenant = $1 AND job_id = $2 AND is_scheduled"
_NEXT: Final = "UPDATE workflow_jobs SET next_at = $4 WHERE tenant = $1 AND job_id = $2 AND revision = $3"


# ── All of them ──────────────────────────────────────────────────────────────────────────────────────────────────


async def compare_all(database: Database, client: Client) -> int:
    """Looks for what Temporal has lost, or has too much; answers how much that was.

    What is missing becomes due to be brought in step; what nobody wants is deleted.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    before = datetime.now(UTC)
    listed = await list_schedules(client, PREFIX)
    async with database.dispatch() as conn:  # after the list: what was made meanwhile is wanted
        rows = await conn.fetch(_ALL)
    known: set[str] = set()
    missing: list[tuple[UUID, str, int]] = []
    for row in rows:
        about = row["tenant"], row["job_id"], row["revision"]
        if row["synced_revision"] != row["revision"]:  # being brought in step: neither missing nor too much
            known |= {schedule_id(*about[:2], number) for number in range(row["synced_revision"] or 1, about[2] + 1)}
        elif row["is_scheduled"]:
            known.add(schedule_id(*about))
            if schedule_id(*about) not in listed and row["synced_at"] < before - _LIST_IS_LATE:
                missing.append(about)
    for tenant, job_id, revision in missing:
        async with database.tenant(tenant) as conn:
            await conn.execute(_MAKE_AGAIN, tenant, job_id, revision)
    for unwanted in sorted(listed - known):
        await delete_schedule(client, unwanted)
    return len(missing) + len(listed - known)


_ALL: Final = "SELECT tenant, job_id, is_scheduled, revision, synced_revision, synced_at FROM workflow_jobs"
_MAKE_AGAIN: Final = """
UPDATE workflow_jobs SET synced_revision = revision - 1, due_at = now()
WHERE tenant = $1 AND job_id = $2 AND revision = $3 AND synced_revision = $3
"""
