"""Makes Temporal's schedules equal to what is wanted. Any number of processes may do this at once.

A revision is made before the ones before it are deleted, and may be made again: whoever dies in between leaves nothing
that another one does not mend. What Temporal has lost, or has too much, shows when all of it is compared.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from workflow_core.errors import TransientError, ValidationError, WorkflowError
from workflow_core.language.clock import Once, made_up
from workflow_core.schedules.in_temporal import (
    KNOWN_CHANGES,
    create_schedule,
    delete_schedule,
    list_schedules,
    schedule_id,
)
from workflow_core.schedules.wanted import SCHEDULE_COLUMNS, ScheduleStatus, WantedSchedule
from workflow_core.storage.database import Connection, Database

if TYPE_CHECKING:
    from temporalio.client import Client

_log = logging.getLogger(__name__)

#: Seconds for which a schedule belongs to whoever has taken it.
_LEASE: Final = 60.0
#: Seconds until one that could not be brought in step is taken again, doubled from the first time on.
_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 60.0
#: Temporal's list may be as late as this.
_LIST_IS_LATE: Final = timedelta(minutes=1)


# ── One schedule ─────────────────────────────────────────────────────────────────────────────────────────────────


async def find_out_of_step(database: Database, *, limit: int) -> list[tuple[UUID, UUID]]:
    """Tenant and workflow of the schedules that are due to be brought in step."""
    async with database.dispatch() as conn:
        return [(row["tenant"], row["workflow_id"]) for row in await conn.fetch(_FIND, limit)]


async def sync_schedule(database: Database, client: Client, *, tenant: UUID, workflow_id: UUID) -> bool:
    """Brings one schedule in step; answers False when somebody else is at it, or nothing is to be done.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``: it is found again later.
    """
    async with database.tenant(tenant) as conn:
        row = await conn.fetchrow(_CLAIM, tenant, workflow_id, _LEASE)
    if row is None:
        return False
    wanted = WantedSchedule.of(row)
    try:
        made = await _make_equal(client, wanted)
    except TransientError as error:
        async with database.tenant(tenant) as conn:
            await _put_off(conn, wanted, error)
        raise
    if made.error is not None:
        _log.warning("workflow %s cannot be scheduled: %s", workflow_id, made.error.message)
    async with database.tenant(tenant) as conn:
        await _settle(conn, wanted, made)
    return True


@attrs.frozen(kw_only=True)
class _Made:
    """What became of a schedule.

    Attributes:
        status: As it is now.
        missed: The time that came too late to be made up for, if it was the only one.
        error: Why Temporal does not have it.
    """

    status: ScheduleStatus
    missed: datetime | None = None
    error: WorkflowError | None = None


async def _make_equal(client: Client, wanted: WantedSchedule) -> _Made:
    """What Temporal has of a schedule afterwards is what is wanted."""
    made = await _make(client, wanted) if wanted.status is ScheduleStatus.SCHEDULED else _Made(status=wanted.status)
    stays = made.status is ScheduleStatus.SCHEDULED and made.error is None
    for revision in range(wanted.synced_revision or 1, wanted.revision if stays else wanted.revision + 1):
        await delete_schedule(client, schedule_id(wanted.tenant, wanted.workflow_id, revision))
    return made


async def _make(client: Client, wanted: WantedSchedule) -> _Made:
    now, timing = datetime.now(UTC), wanted.timing
    if timing is None:
        words = "The trigger of the published version cannot be read: publish one that validation accepts."
        return _Made(status=wanted.status, error=ValidationError(words, code="INVALID_TRIGGER"))
    passed = made_up(timing, since=wanted.since, now=now)
    if not passed and next(timing.after(now), None) is None:
        missed = timing.at if isinstance(timing, Once) and timing.at >= wanted.since else None
        return _Made(status=ScheduleStatus.COMPLETED, missed=missed)
    try:
        await create_schedule(
            client,
            timing,
            tenant=wanted.tenant,
            workflow_id=wanted.workflow_id,
            revision=wanted.revision,
            since=wanted.since,
            now=now,
            made_up=passed,
        )
    except ValidationError as error:
        return _Made(status=wanted.status, error=error)
    return _Made(status=wanted.status)


async def _settle(conn: Connection, wanted: WantedSchedule, made: _Made) -> None:
    error = None if made.error is None else {"code": made.error.code, "message": made.error.message}
    schedule = wanted.tenant, wanted.workflow_id, wanted.revision
    await conn.execute(_SETTLE, *schedule, made.status, made.missed, error)
    if made.status is ScheduleStatus.DISABLED:
        await conn.execute(_FORGET, *schedule)


async def _put_off(conn: Connection, wanted: WantedSchedule, error: WorkflowError) -> None:
    delay = min(_FIRST_DELAY * 2.0 ** min(wanted.attempts - 1, 20), _LONGEST_DELAY)
    told = {"code": error.code, "message": error.message}
    await conn.execute(_PUT_OFF, wanted.tenant, wanted.workflow_id, wanted.revision, wanted.attempts, delay, told)


# In turn for each tenant: one with ten thousand schedules does not keep the others waiting.
_FIND: Final = """
SELECT tenant, workflow_id FROM (
    SELECT tenant, workflow_id, due_at, row_number() OVER (PARTITION BY tenant ORDER BY due_at) AS turn
    FROM tenant_workflow_schedule
    WHERE synced_revision IS DISTINCT FROM revision AND due_at <= now()
) AS out_of_step
ORDER BY turn, due_at LIMIT $1
"""
_CLAIM: Final = f"""
UPDATE tenant_workflow_schedule SET due_at = now() + make_interval(secs => $3), attempts = attempts + 1
WHERE (tenant, workflow_id) = (
    SELECT tenant, workflow_id FROM tenant_workflow_schedule
    WHERE tenant = $1 AND workflow_id = $2 AND synced_revision IS DISTINCT FROM revision AND due_at <= now()
    FOR UPDATE SKIP LOCKED
)
RETURNING {SCHEDULE_COLUMNS}
"""  # noqa: S608 - the columns are constant
_SETTLE: Final = """
UPDATE tenant_workflow_schedule
SET synced_revision = revision, synced_at = now(), status = $4, last_missed_at = COALESCE($5, last_missed_at),
    last_error = $6, attempts = 0, updated_at = now()
WHERE tenant = $1 AND workflow_id = $2 AND revision = $3
"""
_PUT_OFF: Final = """
UPDATE tenant_workflow_schedule
SET due_at = now() + make_interval(secs => $5), last_error = $6, updated_at = now()
WHERE tenant = $1 AND workflow_id = $2 AND revision = $3 AND attempts = $4
"""
#: Nothing is left of a workflow that was deleted.
_FORGET: Final = """
DELETE FROM tenant_workflow_schedule AS schedule
WHERE tenant = $1 AND workflow_id = $2 AND revision = $3 AND NOT EXISTS (
    SELECT FROM workflow_definitions d WHERE d.tenant = $1 AND d.workflow_id = $2
)
"""


# ── All of them ──────────────────────────────────────────────────────────────────────────────────────────────────


async def compare_all(database: Database, client: Client) -> int:
    """Looks for what Temporal has lost, has too much, or knows too few changes of the clocks of.

    What is missing becomes due to be brought in step; what nobody wants is deleted.

    Returns:
        How many schedules were not as they are wanted.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    before = datetime.now(UTC)
    listed = await list_schedules(client)
    async with database.dispatch() as conn:  # after the list: what was made meanwhile is wanted
        rows = await conn.fetch(_ALL, KNOWN_CHANGES / 3)
    # What is being brought in step is neither missing nor too much.
    known: set[str] = set()
    missing: list[tuple[UUID, UUID, int]] = []
    old: list[tuple[UUID, UUID, int]] = []
    for row in rows:
        about = row["tenant"], row["workflow_id"], row["revision"]
        if row["synced_revision"] != row["revision"]:
            known |= {schedule_id(*about[:2], number) for number in range(row["synced_revision"] or 1, about[2] + 1)}
        elif row["status"] == ScheduleStatus.SCHEDULED:
            known.add(schedule_id(*about))
            if schedule_id(*about) not in listed and row["synced_at"] < before - _LIST_IS_LATE:
                missing.append(about)
            elif row["is_old"]:
                old.append(about)
    for tenant, workflow_id, revision in missing:
        async with database.tenant(tenant) as conn:
            await conn.execute(_MAKE_AGAIN, tenant, workflow_id, revision)
    for tenant, workflow_id, revision in old:
        async with database.tenant(tenant) as conn:
            await conn.execute(_RENEW, tenant, workflow_id, revision)
    for unwanted in sorted(listed - known):
        await delete_schedule(client, unwanted)
    return len(missing) + len(old) + len(listed - known)


_ALL: Final = """
SELECT tenant, workflow_id, status, revision, synced_revision, synced_at, synced_at < now() - $1::interval AS is_old
FROM tenant_workflow_schedule
"""
_MAKE_AGAIN: Final = """
UPDATE tenant_workflow_schedule SET synced_revision = revision - 1, due_at = now()
WHERE tenant = $1 AND workflow_id = $2 AND revision = $3 AND synced_revision = $3
"""
_RENEW: Final = """
UPDATE tenant_workflow_schedule SET revision = revision + 1, due_at = now()
WHERE tenant = $1 AND workflow_id = $2 AND revision = $3 AND synced_revision = $3
"""
