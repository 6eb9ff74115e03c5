"""How ``scheduling.assign_user`` works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from workflow_core.actions import ActionContext
from workflow_core.errors import ConflictError, FieldError, PermissionDeniedError
from workflow_core.events import emit
from workflow_psa.domain_events import origin
from workflow_psa.problems import missing, refuse
from workflow_psa.scheduling.events import (
    APPOINTMENT_ASSIGNED,
    APPOINTMENT_CREATED,
    SCHEDULE_ENTRY_CREATED,
    AppointmentAssigned,
    AppointmentCreated,
    ScheduleEntryCreated,
)
from workflow_psa.scheduling.shapes import AssignedUser, AssignUser

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

ACTION_ID: Final = "scheduling.assign_user"

_LOOK_UP = """
SELECT (SELECT u.is_inactive FROM users u WHERE u.tenant = $1 AND u.user_id = $2) AS user_inactive,
       EXISTS (
           SELECT FROM user_roles ur
           JOIN roles r ON r.tenant = $1 AND r.role_id = ur.role_id
           WHERE ur.tenant = $1 AND ur.user_id = $2 AND lower(r.role_name) = 'technician'
       ) AS is_technician,
       CASE $3::text
           WHEN 'ticket' THEN EXISTS (SELECT FROM tickets t WHERE t.tenant = $1 AND t.ticket_id = $4)
           ELSE EXISTS (SELECT FROM project_tasks t WHERE t.tenant = $1 AND t.task_id = $4)
       END AS work_item_found
"""

# Whoever plans the same user's time waits until this transaction ends, and then sees what it has planned.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('schedule ' || $1::text || ' ' || $2::text, 0))"

_BUSY = """
SELECT e.entry_id, e.scheduled_start, e.scheduled_end
FROM schedule_entry_assignees a
JOIN schedule_entries e ON e.tenant = $1 AND e.entry_id = a.entry_id
WHERE a.tenant = $1 AND a.user_id = $2 AND e.scheduled_end > $3
  AND ($4::timestamptz IS NULL OR e.scheduled_start < $4)
  AND lower(e.status) NOT IN (
      'cancelled', 'canceled', 'cancel', 'completed', 'complete', 'done', 'no_show', 'no-show', 'noshow', 'no show'
  )
ORDER BY e.scheduled_start, e.entry_id
"""
_INSERT = """
WITH entry AS (
    INSERT INTO schedule_entries (
        tenant, entry_id, title, work_item_id, work_item_type, scheduled_start, scheduled_end, status, notes
    ) VALUES ($1, $2, $4, $5, $6, $7, $8, 'scheduled', $9)
    RETURNING created_at
),
assignee AS (
    INSERT INTO schedule_entry_assignees (tenant, entry_id, user_id) VALUES ($1, $2, $3)
),
conflict AS (
    INSERT INTO schedule_conflicts (tenant, entry_id_1, entry_id_2, conflict_type)
    SELECT $1, $2, other, 'overlap' FROM unnest($10::uuid[]) AS other
)
SELECT created_at FROM entry
"""
_UNTITLED: Final = "Scheduled work"


async def assign_user(given: AssignUser, ctx: ActionContext) -> AssignedUser:
    """
    Plans a user's time for a ticket or a task, and says so.

    Raises:
        NotFoundError: The user, the ticket or the task does not exist for this tenant.
        ValidationError: The user is inactive.
        PermissionDeniedError: The user is no technician.
        ConflictError: The user is busy then, and ``conflict_mode`` is ``fail``; or to the end of all time.
    """
    found = await ctx.tx.fetchrow(_LOOK_UP, ctx.tenant, given.user_id, given.link.type, given.link.id)
    assert found is not None  # noqa: S101 - it is one row
    refuse(_problems(given, found))
    if not found["is_technician"]:
        raise PermissionDeniedError(
            "This user cannot be scheduled: give them the role Technician, or assign somebody who has it.",
            details={"user_id": str(given.user_id)},
        )
    await ctx.tx.execute(_LOCK, str(ctx.tenant), str(given.user_id))
    until = None if given.conflict_mode == "shift" else given.window.end
    busy = await ctx.tx.fetch(_BUSY, ctx.tenant, given.user_id, given.window.start, until)
    start, end = given.window.start, given.window.end
    conflicts: list[UUID] = []
    match given.conflict_mode:
        case "shift":
            try:
                start, end = _first_free(start, end, busy)
            except OverflowError:
                raise _busy_then(given, busy) from None
        case "override":
            conflicts = [row["entry_id"] for row in busy]
        case "fail" if busy:
            raise _busy_then(given, busy)
    assigned = AssignedUser(schedule_event_id=uuid4(), assigned_user_id=given.user_id, start=start, end=end)
    created_at = await ctx.tx.fetchval(
        _INSERT,
        ctx.tenant,
        assigned.schedule_event_id,
        given.user_id,
        given.title or _UNTITLED,
        given.link.id,
        given.link.type,
        start,
        end,
        given.notes,
        conflicts,
    )
    await _tell(given, assigned, created_at, ctx)
    return assigned


def _problems(given: AssignUser, found: Record) -> Iterator[FieldError]:
    if found["user_inactive"] is None:
        yield missing("user_id", "user")
    elif found["user_inactive"]:
        yield FieldError("user_id", "INACTIVE", "this user is inactive")
    if not found["work_item_found"]:
        yield missing("link.id", "ticket" if given.link.type == "ticket" else "task")


def _busy_then(given: AssignUser, busy: Sequence[Record]) -> ConflictError:
    return ConflictError(
        "The user is busy then: choose another time, or another conflict_mode.",
        details={"user_id": str(given.user_id), "entry_ids": [str(row["entry_id"]) for row in busy]},
    )


def _first_free(start: datetime, end: datetime, busy: Sequence[Record]) -> tuple[datetime, datetime]:
    """The first window from ``start`` on that is as long and meets none of the entries, which are in their order."""
    length = end - start
    for entry in busy:
        if entry["scheduled_start"] >= start + length:
            break
        start = max(start, entry["scheduled_end"])
    return start, start + length


async def _tell(given: AssignUser, assigned: AssignedUser, created_at: datetime, ctx: ActionContext) -> None:
    entry_id = assigned.schedule_event_id
    ticket_id = given.link.id if given.link.type == "ticket" else None
    key = str(ticket_id or entry_id)
    created = AppointmentCreated(
        **origin(ctx),
        appointmentId=entry_id,
        ticketId=ticket_id,
        startAt=assigned.start,
        endAt=assigned.end,
        timezone=given.window.timezone or "UTC",
        assigneeId=given.user_id,
        createdByUserId=ctx.actor,
        createdAt=created_at,
    )
    await emit(ctx, APPOINTMENT_CREATED, created, correlation_key=key)
    appointed = AppointmentAssigned(
        **origin(ctx),
        appointmentId=entry_id,
        ticketId=ticket_id,
        newAssigneeId=given.user_id,
        assignedAt=created_at,
    )
    await emit(ctx, APPOINTMENT_ASSIGNED, appointed, correlation_key=key)
    entered = ScheduleEntryCreated(
        **origin(ctx),
        entryId=entry_id,
        userId=given.user_id,
        changes={
            "title": given.title or _UNTITLED,
            "scheduled_start": assigned.start,
            "scheduled_end": assigned.end,
            "work_item_id": given.link.id,
            "work_item_type": given.link.type,
        },
    )
    await emit(ctx, SCHEDULE_ENTRY_CREATED, entered, correlation_key=key)
