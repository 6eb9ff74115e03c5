"""Schedules as Temporal has them: one for each revision of what is wanted, made once and never changed.

Temporal's calendars know nothing of the clocks that go back or forward: they leave times out, or give them twice. So
the times around each change of the clocks stand beside the calendars one by one; what Temporal fires besides starts
nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.service import RPCError, RPCStatusCode

from workflow_core.errors import NotFoundError, TransientError, ValidationError
from workflow_core.execution.engine import TIMEOUT, ask
from workflow_core.execution.runs import TASK_TIMEOUT
from workflow_core.language.clock import LAST_MADE_UP, Once, Recurring, Timing, between
from workflow_core.temporal import LAUNCH_TASK_QUEUE, LAUNCH_WORKFLOW, share_of

if TYPE_CHECKING:
    from temporalio.client import Client

_PREFIX: Final = "workflow-schedule/"
_PAGE: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
#: So far ahead the changes of the clocks are known to a schedule; before that is over, it is made anew.
KNOWN_CHANGES: Final = timedelta(days=3 * 366)
_EVERY_DAY: Final = (ScheduleRange(1, 31),)
_EVERY_WEEKDAY: Final = (ScheduleRange(0, 6),)


@attrs.frozen
class ScheduledWorkflow:
    """What a schedule starts.

    Attributes:
        tenant: Whose workflow.
        workflow_id: The workflow.
    """

    tenant: str
    workflow_id: str


def schedule_id(tenant: UUID, workflow_id: UUID, revision: int) -> str:
    """The id of a schedule in Temporal."""
    return f"{_PREFIX}{tenant}/{workflow_id}/{revision}"


# ── Asking Temporal ──────────────────────────────────────────────────────────────────────────────────────────────


async def create_schedule(
    client: Client,
    timing: Timing,
    *,
    tenant: UUID,
    workflow_id: UUID,
    revision: int,
    since: datetime,
    now: datetime,
    made_up: Sequence[datetime],
) -> None:
    """Makes a schedule; one that is there already stays.

    Args:
        client: Of the platform's namespace.
        timing: When.
        tenant: Whose workflow.
        workflow_id: The workflow.
        revision: Of what is wanted.
        since: When that came to be wanted.
        now: The time.
        made_up: Times that have passed and are fired at once.

    Raises:
        ValidationError: ``SCHEDULE_REFUSED``: Temporal cannot have such a schedule.
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    known_as = schedule_id(tenant, workflow_id, revision)
    note = f"{timing}, since {since.isoformat()}. Made by the workflow platform: pause the workflow instead of this."
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            LAUNCH_WORKFLOW,
            ScheduledWorkflow(str(tenant), str(workflow_id)),
            id=f"launch/{workflow_id}/{revision}",  # Temporal adds the time
            task_queue=LAUNCH_TASK_QUEUE,
            task_timeout=TASK_TIMEOUT,
            priority=share_of(str(tenant)),
        ),
        spec=spec_of(timing, now),
        # Each time has its own short launch; how many runs there may be at once is the workflow's setting.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=LAST_MADE_UP),
        state=ScheduleState(note=note),
    )
    backfill = []
    if made_up:
        backfill = [ScheduleBackfill(made_up[0], made_up[-1] + _SECOND, ScheduleOverlapPolicy.ALLOW_ALL)]

    await ensure_schedule(client, known_as, schedule, backfill)


async def ensure_schedule(
    client: Client, known_as: str, schedule: Schedule, backfill: Sequence[ScheduleBackfill] = ()
) -> None:
    """Makes a schedule; one that is there already stays, if its note is the same.

    Raises:
        ValidationError: ``SCHEDULE_REFUSED``: Temporal cannot have such a schedule.
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    if await _create(client, known_as, schedule, backfill):
        return
    # Made by whoever died before it was written down; or left by a database that is no more.
    if await _note_of(client, known_as) != schedule.state.note:
        await delete_schedule(client, known_as)
        await _create(client, known_as, schedule, backfill)


async def _create(client: Client, known_as: str, schedule: Schedule, backfill: Sequence[ScheduleBackfill]) -> bool:
    """Makes a schedule; answers False when there is one of this id."""
    try:
        await ask(client.create_schedule(known_as, schedule, backfill=backfill, rpc_timeout=TIMEOUT))
    except ScheduleAlreadyRunningError:
        return False
    except TransientError as error:
        refused = error.__cause__
        if isinstance(refused, RPCError) and refused.status is RPCStatusCode.INVALID_ARGUMENT:
            words = f"Temporal refuses the schedule: {refused.message}"
            raise ValidationError(words, code="SCHEDULE_REFUSED") from refused
        raise
    return True


async def _note_of(client: Client, known_as: str) -> str | None:
    try:
        description = await ask(client.get_schedule_handle(known_as).describe(rpc_timeout=TIMEOUT))
    except NotFoundError:
        return None
    return description.schedule.state.note


async def delete_schedule(client: Client, known_as: str) -> None:
    """Deletes a schedule, if it is there.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    with contextlib.suppress(NotFoundError):
        await ask(client.get_schedule_handle(known_as).delete(rpc_timeout=TIMEOUT))


async def list_schedules(client: Client, prefix: str = _PREFIX) -> set[str]:
    """The ids of all schedules of workflows, or of those with another prefix.

    What was made or deleted a moment ago may be told wrong.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    listed = await ask(client.list_schedules(page_size=_PAGE, rpc_timeout=TIMEOUT))
    found: set[str] = set()
    while listed.current_page is None or listed.next_page_token:
        await ask(listed.fetch_next_page())
        found |= {entry.id for entry in listed.current_page or ()}
    return {known_as for known_as in found if known_as.startswith(prefix)}


# ── Times ────────────────────────────────────────────────────────────────────────────────────────────────────────


def spec_of(timing: Timing, now: datetime) -> ScheduleSpec:
    """When Temporal fires: at all times of a timing, and maybe at some others."""
    if isinstance(timing, Once):
        return ScheduleSpec(intervals=[_exactly(timing.at)], end_at=timing.at + _SECOND)
    return ScheduleSpec(
        calendars=_calendars(timing),
        intervals=[_exactly(time) for time in _at_changes_of_the_clocks(timing, now)],
        time_zone_name=timing.timezone,
    )


def _calendars(timing: Recurring) -> list[ScheduleCalendarSpec]:
    fields = timing.fields

    def calendar(days: Sequence[ScheduleRange], weekdays: Sequence[ScheduleRange]) -> ScheduleCalendarSpec:
        return ScheduleCalendarSpec(
            minute=_ranges(fields.minutes),
            hour=_ranges(fields.hours),
            day_of_month=days,
            month=_ranges(fields.months),
            day_of_week=weekdays,
        )

    days, weekdays = _ranges(fields.days), _ranges(fields.weekdays)
    if fields.either_day:
        return [calendar(days, _EVERY_WEEKDAY), calendar(_EVERY_DAY, weekdays)]
    return [calendar(days, weekdays)]


def _ranges(numbers: Iterable[int]) -> list[ScheduleRange]:
    """Ascending numbers, as few ranges."""
    ranges: list[ScheduleRange] = []
    for number in numbers:
        if ranges and ranges[-1].end == number - 1:
            ranges[-1] = ScheduleRange(ranges[-1].start, number)
        else:
            ranges.append(ScheduleRange(number, number))
    return ranges


def _exactly(time: datetime) -> ScheduleIntervalSpec:
    """One moment, whatever the zone: half its distance from the epoch, and as much again."""
    distance = (time - _EPOCH) // _SECOND
    every = distance // 2 + 1
    return ScheduleIntervalSpec(every=timedelta(seconds=every), offset=timedelta(seconds=distance - every))


def _at_changes_of_the_clocks(timing: Recurring, now: datetime) -> list[datetime]:
    """The times at and around the hours that the clocks leave out or repeat."""
    return [
        time
        for moment, change in _changes_of_the_clocks(timing.zone, now, now + KNOWN_CHANGES)
        for time in between(timing, moment - abs(change), moment + abs(change))
    ]


def _changes_of_the_clocks(zone: ZoneInfo, start: datetime, end: datetime) -> Iterable[tuple[datetime, timedelta]]:
    """When the clocks of a zone change, and by how much."""

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(zone).utcoffset() or timedelta()

    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        change = offset(day + _DAY) - offset(day)
        if change:
            before, after = day, day + _DAY
            while after - before > _SECOND:
                middle = before + (after - before) // _SECOND // 2 * _SECOND
                before, after = (middle, after) if offset(middle) == offset(day) else (before, middle)
            yield after, change
        day += _DAY
