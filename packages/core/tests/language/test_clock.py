"""When a clock starts a workflow: tables of computed times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workflow_core.language.clock import (
    MADE_UP,
    Once,
    Recurring,
    includes,
    is_cron,
    is_timezone,
    made_up,
    read_moment,
    timing_of,
)


def at(text):
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


#: Cron, zone, after which moment (UTC), and the times that follow (UTC).
TIMES = {
    # ── Time zones ──
    "UTC": ("0 9 * * *", "UTC", "2027-01-01", ["2027-01-01 09:00", "2027-01-02 09:00"]),
    "east of it": ("0 9 * * *", "Asia/Tokyo", "2027-01-01", ["2027-01-02 00:00", "2027-01-03 00:00"]),
    "west of it": ("0 20 * * *", "America/New_York", "2027-01-01", ["2027-01-01 01:00", "2027-01-02 01:00"]),
    "half an hour": ("0 9 * * *", "Asia/Kolkata", "2027-01-01", ["2027-01-01 03:30"]),
    "three quarters": ("0 9 * * *", "Asia/Kathmandu", "2027-01-01", ["2027-01-01 03:15"]),
    "the day is the zone's": ("0 1 1 * *", "Pacific/Auckland", "2027-01-01", ["2027-01-31 12:00"]),
    "the weekday is the zone's": ("0 1 * * MON", "Asia/Tokyo", "2027-01-01", ["2027-01-03 16:00"]),
    # ── The clocks go forward: 02:00 becomes 03:00 in Berlin on 2027-03-28, at 01:00 UTC ──
    "daily, in the gap": (
        "30 2 * * *", "Europe/Berlin", "2027-03-27",
        ["2027-03-27 01:30", "2027-03-28 01:00", "2027-03-29 00:30"],
    ),
    "several in the gap come once": (
        "0,20,40 2 * * *", "Europe/Berlin", "2027-03-28",
        ["2027-03-28 01:00", "2027-03-29 00:00"],
    ),
    "in the gap and at its end": (
        "0 2,3 * * *", "Europe/Berlin", "2027-03-28",
        ["2027-03-28 01:00", "2027-03-29 00:00"],
    ),
    "every half hour, over the gap": (
        "*/30 * * * *", "Europe/Berlin", "2027-03-28 00:15",
        ["2027-03-28 00:30", "2027-03-28 01:00", "2027-03-28 01:30"],
    ),
    "hourly, over the gap": (
        "5 * * * *", "Europe/Berlin", "2027-03-28",
        ["2027-03-28 00:05", "2027-03-28 01:05", "2027-03-28 02:05"],
    ),
    "at midnight, which there is not": (
        "0 0 * * *", "Africa/Cairo", "2027-04-29",
        ["2027-04-29 22:00", "2027-04-30 21:00"],
    ),
    "a whole day that there is not": (
        "0 12 * * *", "Pacific/Apia", "2011-12-29",
        ["2011-12-29 22:00", "2011-12-30 10:00", "2011-12-30 22:00"],
    ),
    # ── The clocks go back: 03:00 becomes 02:00 in Berlin on 2027-10-31, at 01:00 UTC ──
    "daily, in the repeated hour": (
        "30 2 * * *", "Europe/Berlin", "2027-10-30 12:00",
        ["2027-10-31 00:30", "2027-11-01 01:30"],
    ),
    "seen from the second one": ("30 2 * * *", "Europe/Berlin", "2027-10-31 01:10", ["2027-11-01 01:30"]),
    "every half hour, over the repeated hour": (
        "*/30 * * * *", "Europe/Berlin", "2027-10-30 23:45",
        ["2027-10-31 00:00", "2027-10-31 00:30", "2027-10-31 01:00", "2027-10-31 01:30", "2027-10-31 02:00"],
    ),
    "hourly, over the repeated hour": (
        "5 * * * *", "Europe/Berlin", "2027-10-31",
        ["2027-10-31 00:05", "2027-10-31 01:05", "2027-10-31 02:05"],
    ),
    "west, daily, in the repeated hour": (
        "30 1 * * *", "America/New_York", "2027-11-06 12:00",
        ["2027-11-07 05:30", "2027-11-08 06:30"],
    ),
    "half an hour is repeated": (
        "45 1 * * *", "Australia/Lord_Howe", "2027-04-03",
        ["2027-04-03 14:45", "2027-04-04 15:15"],
    ),
    "winter and summer": ("0 9 1 1,7 *", "Europe/London", "2027-01-01", ["2027-01-01 09:00", "2027-07-01 08:00"]),
    # ── Days ──
    "a leap day": ("0 0 29 2 *", "UTC", "2027-01-01", ["2028-02-29 00:00", "2032-02-29 00:00"]),
    "a century without one": ("0 0 29 2 *", "UTC", "2096-01-01", ["2096-02-29 00:00", "2104-02-29 00:00"]),
    "the last of long months": ("0 0 31 * *", "UTC", "2027-02-01", ["2027-03-31 00:00", "2027-05-31 00:00"]),
    "the thirtieth skips February": ("0 0 30 * *", "UTC", "2027-01-31", ["2027-03-30 00:00"]),
    "either day": ("0 0 13 * FRI", "UTC", "2027-08-01", ["2027-08-06 00:00", "2027-08-13 00:00", "2027-08-20 00:00"]),
    "both, after a star": ("0 0 */2 * MON", "UTC", "2027-08-01", ["2027-08-09 00:00", "2027-08-23 00:00"]),
    "seven is Sunday": ("0 0 * * 7", "UTC", "2027-08-01", ["2027-08-08 00:00"]),
    "over the end of the year": ("59 23 31 12 *", "UTC", "2027-12-31 23:59", ["2028-12-31 23:59"]),
    # ── Fields ──
    "names": ("0 0 * jan-MAR mon", "UTC", "2027-03-28", ["2027-03-29 00:00", "2028-01-03 00:00"]),
    "a step from a number on": ("5/25 0 * * *", "UTC", "2027-01-01", ["2027-01-01 00:05", "2027-01-01 00:30"]),
    "the moment itself is past": ("0 9 * * *", "UTC", "2027-01-01 09:00", ["2027-01-02 09:00"]),
}  # fmt: skip


@pytest.mark.parametrize(("cron", "zone", "after", "times"), TIMES.values(), ids=TIMES)
def test_times(cron, zone, after, times):
    """What a change of the clocks leaves out or repeats comes once, unless it comes every hour anyway."""
    found = list(islice(Recurring(cron, zone).after(at(after)), len(times)))
    assert [time.strftime("%Y-%m-%d %H:%M") for time in found] == times
    assert all(includes(Recurring(cron, zone), time) for time in found)
    assert not includes(Recurring(cron, zone), found[0] + timedelta(seconds=1))


FIELD = st.sampled_from(["*", "*/2", "*/20", "0", "1,2", "0-3", "2", "3/5", "30"])
CRONS = st.builds(
    "{} {} {} {} {}".format,
    FIELD,
    FIELD.filter(lambda text: text != "30"),
    st.sampled_from(["*", "1", "28", "31", "1-7"]),
    st.sampled_from(["*", "3", "10,11"]),
    st.sampled_from(["*", "SUN", "1-5"]),
).filter(lambda text: text.split()[2:4] != ["31", "11"])
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "America/Havana", "Asia/Gaza"]
)
MOMENTS = st.integers(0, 15 * 366 * 24 * 60).map(lambda minutes: at("2020-01-01") + timedelta(minutes=minutes))


@settings(max_examples=200, deadline=None)
@given(CRONS, ZONES, MOMENTS)
@example("* */2 28 3 *", "Asia/Gaza", at("2020-01-01"))
def test_times_are_the_same_wherever_one_begins(cron, zone, moment):
    """They only go forward, each comes once, and beginning before any of them finds it and those that follow."""
    timing = Recurring(cron, zone)
    times = list(islice(timing.after(moment), 6))
    assert times == sorted(set(times))
    assert all(time > moment and time.second == time.microsecond == 0 for time in times)
    for place, time in enumerate(times):
        assert includes(timing, time)
        assert list(islice(timing.after(time), 5 - place)) == times[place + 1 :]


# ── What was missed ──────────────────────────────────────────────────────────────────────────────────────────────

NOON = at("2027-01-10 12:00")
LONG_AGO = at("2026-01-01")
#: Cron, since when, and what is made up for at noon.
MISSED = {
    "all of the last hour": ("*/20 * * * *", LONG_AGO, ["11:00", "11:20", "11:40", "12:00"]),
    "or the last of the last day": ("0 */3 * * *", LONG_AGO, ["12:00"]),
    "which may be older than an hour": ("30 3,9 * * *", LONG_AGO, ["09:30"]),
    "of yesterday": ("30 13 * * *", LONG_AGO, ["13:30"]),
    "nothing that is older than a day": ("0 9 8 * *", LONG_AGO, []),
    "nothing from before it was wanted": ("*/20 * * * *", at("2027-01-10 11:30"), ["11:40", "12:00"]),
    "the very moment from which on it is": ("*/20 * * * *", at("2027-01-10 11:40"), ["11:40", "12:00"]),
    "nor the last one then": ("30 9 * * *", at("2027-01-10 10:00"), []),
}  # fmt: skip


@pytest.mark.parametrize(("cron", "since", "times"), MISSED.values(), ids=MISSED)
def test_what_is_made_up_for(cron, since, times):
    """Every time of the last hour; where it has none, the last time of the last day."""
    found = made_up(Recurring(cron, "UTC"), since=since, now=NOON)
    assert [time.strftime("%H:%M") for time in found] == times


def test_a_moment_is_made_up_for_within_a_day():
    """And not twice as late."""
    once = Once(NOON)
    assert made_up(once, since=LONG_AGO, now=NOON + timedelta(hours=23)) == [NOON]
    assert made_up(once, since=LONG_AGO, now=NOON + timedelta(hours=25)) == []
    assert made_up(once, since=LONG_AGO, now=NOON - timedelta(seconds=1)) == []
    assert made_up(once, since=NOON + timedelta(seconds=1), now=NOON + MADE_UP) == []


# ── What authors write ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2027-08-01T09:00:00Z", "2027-08-01T09:00:00+00:00"),
        ("2027-08-01T09:00:00+02:00", "2027-08-01T07:00:00+00:00"),
        ("2027-08-01T09:00:00.001Z", "2027-08-01T09:00:01+00:00"),
    ],
)
def test_a_moment_is_never_early(text, time):
    """Fractions of a second are rounded up."""
    assert timing_of({"type": "schedule", "runAt": text}) == Once(datetime.fromisoformat(time))


@pytest.mark.parametrize(
    "value",
    ["2027-08-01T09:00:00", "2027-08-01", "soon", "", None, 5, "2100-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"],
)
def test_no_moment(value):
    """Without its offset, or too far away, a moment is none."""
    assert read_moment(value) is None
    assert timing_of({"type": "schedule", "runAt": value}) is None


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("* * * * *", True),
        ("0 0 1 1 7", True),
        ("59 23 31 12 0", True),
        ("1,2,3-5 * * * *", True),
        ("0-30/10 * * * SUN-SAT", True),
        ("60 * * * *", False),
        ("* 24 * * *", False),
        ("* * 0 * *", False),
        ("* * * 13 *", False),
        ("* * * * 8", False),
        ("5-1 * * * *", False),
        ("*/0 * * * *", False),
        ("* * * *", False),
        ("* * * * * *", False),
        ("a * * * *", False),
        ("@daily", False),
        ("0 0 31 2 *", False),
        ("0 0 30 2 MON", True),
        ("0 0 L * *", False),
        ("0 0 LW * *", False),
        ("0 0 * * 1L", False),
        ("0 0 * * MON#1", False),
        ("0 0 ? * *", False),
        ("0 0 0 1 * *", False),
        ("0," * 200 + "0 * * * *", False),
        ("", False),
        (None, False),
        ("٣ * * * *", False),
    ],
)
def test_cron(text, valid):
    """Five fields, each in its range, that fit some day."""
    assert is_cron(text) is valid


@pytest.mark.parametrize("value", ["Mars/Olympus", "../etc/passwd", "Europe", "", None, 3, "Europe/Berlin\0"])
def test_no_timezone(value):
    """A name of the tz database is needed."""
    assert not is_timezone(value)
    assert timing_of({"type": "recurring", "cron": "* * * * *", "timezone": value}) is None
