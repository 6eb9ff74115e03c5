"""When a clock starts a workflow: at a moment, or at times that come again in a time zone.

Times that come again are those of Debian's cron. Days are restricted by the day of the month *or* the day of the week,
where neither field begins with a star. A time that a change of the clocks leaves out comes at the end of the gap; one
that it repeats comes the first time only. Where minute or hour begins with a star, every matching minute counts
instead, also those that come twice.
"""

# ruff: noqa: N815 - the payload's fields are named as in its JSON

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs
from cronsim import CronSim, CronSimError

_SECOND: Final = timedelta(seconds=1)
_LONGEST_CHANGE: Final = timedelta(hours=3)
#: Of a cron expression: the library knows more signs than the five fields have here.
_LONGEST_CRON: Final = 255
_CRON: Final = re.compile(r"[0-9A-Z*,/\-]+(?:\s+[0-9A-Z*,/\-]+){4}", re.ASCII)
#: In which a moment can be: Temporal looks no further.
LAST_YEAR: Final = 2099

#: What was missed while nothing could start it is made up for: every time of the last hour,
MADE_UP: Final = timedelta(hours=1)
#: or else the last time of the last day.
LAST_MADE_UP: Final = timedelta(days=1)


@attrs.frozen
class Once:
    """One moment, to the second."""

    at: datetime

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times that lie after a moment, in UTC."""
        if self.at > moment:
            yield self.at


@attrs.frozen(kw_only=True)
class CronFields:
    """A cron expression as numbers.

    Attributes:
        weekdays: Sunday is 0.
        either_day: Whether it is enough that the day of the month *or* the day of the week fits.
    """

    minutes: list[int]
    hours: list[int]
    days: list[int]
    months: list[int]
    weekdays: list[int]
    either_day: bool


@attrs.frozen
class Recurring:
    """Times that come again.

    Attributes:
        cron: Minute, hour, day of the month, month, day of the week.
        timezone: A name of the tz database.
    """

    cron: str
    timezone: str

    @property
    def zone(self) -> ZoneInfo:
        """In which the cron expression is read."""
        return ZoneInfo(self.timezone)

    @property
    def fields(self) -> CronFields:
        """What the expression says."""
        cron = CronSim(self.cron, datetime(2000, 1, 1))  # noqa: DTZ001 - which zone it is does not matter
        return CronFields(
            minutes=sorted(cron.minutes),
            hours=sorted(cron.hours),
            days=sorted(cron.days),
            months=sorted(cron.months),
            weekdays=sorted({day % 7 for day in cron.weekdays if isinstance(day, int)}),
            either_day=not cron.day_and,
        )

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times that lie after a moment, in UTC; they end when none comes within fifty years."""
        last = moment
        # From before any change of the clocks around the moment: begun inside of one, the library may leave times out.
        for local in CronSim(self.cron, (moment - _LONGEST_CHANGE).astimezone(self.zone)):
            if (time := local.astimezone(UTC)) > last:
                last = time
                yield time


Timing = Once | Recurring


def timing_of(trigger: Mapping[str, Any]) -> Timing | None:
    """When a trigger starts its workflow; None: it is none of the clock's, or cannot be read."""
    if trigger.get("type") == "schedule":
        moment = read_moment(trigger.get("runAt"))
        return None if moment is None else Once(_up_to_the_second(moment))
    cron, timezone = trigger.get("cron"), trigger.get("timezone")
    if trigger.get("type") == "recurring" and is_cron(cron) and is_timezone(timezone):
        return Recurring(str(cron), str(timezone))
    return None


def includes(timing: Timing, moment: datetime) -> bool:
    """Whether a moment is one of the times."""
    return next(timing.after(moment - _SECOND), None) == moment


def made_up(timing: Timing, *, since: datetime, now: datetime) -> list[datetime]:
    """The times that have passed and are still to be started, if they have not been.

    Args:
        timing: When.
        since: Times before this are none.
        now: The time.
    """
    recent = between(timing, max(since, now - MADE_UP), now)
    return recent or between(timing, max(since, now - LAST_MADE_UP), now)[-1:]


def between(timing: Timing, start: datetime, end: datetime) -> list[datetime]:
    """The times from one moment to another, both included."""
    return list(takewhile(lambda time: time <= end, timing.after(start - timedelta(microseconds=1))))


def _up_to_the_second(moment: datetime) -> datetime:
    """Never earlier than asked for."""
    utc = moment.astimezone(UTC)
    return utc if not utc.microsecond else utc.replace(microsecond=0) + _SECOND


# ── What the workflow is given ───────────────────────────────────────────────────────────────────────────────────

#: The schema under which definitions name that.
CLOCK_SCHEMA: Final = "payload.WorkflowClockTrigger.v1"


@attrs.frozen(kw_only=True)
class ClockPayload:
    """The payload of a run that a clock started; times are ISO 8601 in UTC.

    Attributes:
        triggerType: Which kind of trigger.
        scheduleId: Whose schedule: the workflow's id.
        scheduledFor: The time that had come.
        firedAt: When the run was made: later, when it had to be made up for.
        timezone: In which the cron expression is read.
        workflowId: The workflow.
        workflowVersion: Its version.
        cron: The expression, if the times come again.
    """

    triggerType: Literal["schedule", "recurring"]
    scheduleId: str
    scheduledFor: str
    firedAt: str
    timezone: str
    workflowId: str
    workflowVersion: int
    cron: str | None = None


# ── What authors write ───────────────────────────────────────────────────────────────────────────────────────────


def read_moment(value: Any) -> datetime | None:
    """A date and time with its offset from UTC, in text; None: it is not one, or lies too far away."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        near = moment is not None and moment.tzinfo is not None and moment.astimezone(UTC).year <= LAST_YEAR
    except (ValueError, OverflowError):
        return None
    return moment if near else None


def is_cron(value: Any) -> bool:
    """Whether a value is a cron expression of five fields that some day fits."""
    text = value.strip().upper() if isinstance(value, str) else ""
    if len(text) > _LONGEST_CRON or _CRON.fullmatch(text) is None:
        return False
    try:
        cron = CronSim(text, datetime(2000, 1, 1))  # noqa: DTZ001 - which zone it is does not matter
    except CronSimError:
        return False
    # Not the last day of a month, nor its first Monday: other crons do not know them either.
    return all(isinstance(item, int) and item >= 0 for items in (cron.days, cron.weekdays) for item in items)


def is_timezone(value: Any) -> bool:
    """Whether a value is a name of the tz database."""
    if not isinstance(value, str) or not value.strip():
        return False
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name with a slash too many leads to a folder
        return False
    return True
