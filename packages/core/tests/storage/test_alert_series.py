"""One history out of reports that come late, twice and in any order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_core.records import alert_series, rmm
from workflow_core.records.alert_series import Series, on_beginning, on_end, on_listed, on_missing
from workflow_core.records.rmm import ReportedAlert
from workflow_core.storage.database import Database
from workflow_core.testing.postgres import Tenants

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(number: int) -> datetime:
    """When a happening happened: an hour after the one before."""
    return START + timedelta(hours=number)


@attrs.define
class Follower:
    """Follows one alert.

    Attributes:
        told: All that it has told.
    """

    series: Series = attrs.Factory(Series)
    told: list[str] = attrs.Factory(list)
    over_since: datetime | None = None

    def hears(self, number: int) -> None:
        """Of a happening: those with odd numbers are beginnings, those with even ones ends."""
        step = (on_beginning if number % 2 else on_end)(self.series, number, at(number))
        self._take(step, at(number))

    def sees(self, truth: int) -> None:
        """A list of the moment at which this many things had happened."""
        if truth % 2 == 0:
            self._take(on_missing(self.series), at(truth))
        elif self.over_since is None or at(truth) > self.over_since:
            self._take(on_listed(self.series, at(truth)), at(truth))

    def _take(self, step: alert_series.Step, moment: datetime) -> None:
        self.series = step.series
        self.told += step.tells
        if self.series.told == "ended" and step.tells:
            self.over_since = moment


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[int, list[int]]:
    """How many things happen, and the numbers that are heard: each at least once, in any order."""
    last = draw(st.integers(1, 7))
    extra = draw(st.lists(st.integers(1, last), max_size=6))
    return last, draw(st.permutations([*range(1, last + 1), *extra]))


@given(deliveries())
@settings(max_examples=500, deadline=None)
def test_any_order(delivered: tuple[int, list[int]]) -> None:
    """Beginnings and ends alternate, none is told that was not, and in the end the last that is told is the truth."""
    last, numbers = delivered
    follower = Follower()
    for number in numbers:
        follower.hears(number)
    assert_history(follower.told, last)


def assert_history(told: Sequence[str], last: int) -> None:
    """What was told of a history of so many happenings."""
    assert all(word == ("began", "ended")[place % 2] for place, word in enumerate(told))
    assert 0 < len(told) <= last + last % 2
    assert told.count("began") <= (last + 1) // 2
    assert told[-1] == ("began" if last % 2 else "ended")


@given(deliveries(), st.data())
@settings(max_examples=500, deadline=None)
def test_any_order_with_lists_between(delivered: tuple[int, list[int]], data: st.DataObject) -> None:
    """The same while lists are seen in between, each newer than the one before, and at last of the last moment."""
    last, numbers = delivered
    follower, seen = Follower(), 0
    for number in numbers:
        seen = max(seen, number)  # a list is asked for after what has been heard
        if data.draw(st.booleans()):
            seen = data.draw(st.integers(seen, last))
            follower.sees(seen)
        follower.hears(number)
    follower.sees(last)
    assert_history(follower.told, last)


def test_in_order() -> None:
    """The plain case; the same again is no news."""
    follower = Follower()
    for number in (1, 1, 2, 1, 2, 3, 4, 3):
        follower.hears(number)
    assert follower.told == ["began", "ended", "began", "ended"]


def test_an_end_before_its_beginning() -> None:
    """Nothing is told until the beginning comes, and then both."""
    follower = Follower()
    follower.hears(2)
    assert follower.told == []
    follower.hears(1)
    assert follower.told == ["began", "ended"]


@pytest.fixture
async def integration(db: Database, tenants: Tenants) -> UUID:
    """The connection of tenant A."""
    async with db.tenant(tenants.a) as conn:
        return (await rmm.put_integration(conn, tenants.a, "acme", is_active=True)).integration_id


def report(**fields: object) -> ReportedAlert:
    """A report on the alert ``x``."""
    return ReportedAlert(**{"external_alert_id": "x", **fields})


async def test_the_record_follows(db: Database, tenants: Tenants, integration: UUID) -> None:
    """Its status, times and count are what the reports say; what one leaves out stays."""
    where = (tenants.a, integration)
    async with db.tenant(tenants.a) as conn:
        first = await alert_series.began(
            conn, *where, report(severity="major", message="Disk", triggered_at=at(1)), number=1
        )
        assert (first.tells, first.alert.status, first.alert.triggered_at) == (("began",), "active", at(1))
        again = await alert_series.began(conn, *where, report(message="Later", triggered_at=at(1)), number=1)
        assert (again.tells, again.alert.message) == ((), "Disk")
        end = await alert_series.ended(conn, *where, report(resolved_at=at(2)), number=2)
        assert (end.tells, end.alert.status, end.alert.resolved_at) == (("ended",), "resolved", at(2))
        assert (end.alert.severity, end.alert.message) == ("major", "Disk")
        third = await alert_series.began(conn, *where, report(triggered_at=at(3)), number=3)
        assert (third.tells, third.alert.status, third.alert.resolved_at) == (("began",), "active", None)
        assert (third.alert.occurrence_count, third.alert.triggered_at) == (2, at(3))
        await rmm.acknowledge_alert(conn, tenants.a, third.alert.alert_id, actor=None)
        fourth = await alert_series.ended(conn, *where, report(resolved_at=at(4)), number=4)
        assert (fourth.tells, fourth.alert.status, fourth.alert.resolved_at) == (("ended",), "acknowledged", at(4))


async def test_an_unknown_end_is_kept(db: Database, tenants: Tenants, integration: UUID) -> None:
    """Its record is not active, before its beginning comes and after."""
    where = (tenants.a, integration)
    async with db.tenant(tenants.a) as conn:
        end = await alert_series.ended(conn, *where, report(resolved_at=at(2)), number=2)
        assert (end.tells, end.alert.status) == ((), "resolved")
        late = await alert_series.began(conn, *where, report(triggered_at=at(1)), number=1)
        assert (late.tells, late.alert.status, late.alert.resolved_at) == (("began", "ended"), "resolved", at(2))
        assert late.alert.triggered_at == at(1)


async def test_lists(db: Database, tenants: Tenants, integration: UUID) -> None:
    """What a list has, began; what it has no more, ended; an old list opens nothing; quietly, nothing is told."""
    where = (tenants.a, integration)
    async with db.tenant(tenants.a) as conn:
        active = report(triggered_at=at(1))
        assert (await alert_series.listed(conn, *where, active)).tells == ("began",)
        assert (await alert_series.listed(conn, *where, active)).tells == ()
        assert (await alert_series.began(conn, *where, active, number=1)).tells == ()
        assert (await alert_series.ended(conn, *where, report(resolved_at=at(2)), number=2)).tells == ("ended",)
        assert (await alert_series.listed(conn, *where, active)).tells == ()
        newer = await alert_series.listed(conn, *where, report(triggered_at=at(3)))
        assert (newer.tells, newer.alert.status) == (("began",), "active")
        gone = await alert_series.missing(conn, *where, "x")
        assert gone is not None
        assert (gone.tells, gone.alert.status) == (("ended",), "resolved")
        assert await alert_series.missing(conn, *where, "y") is None
        quiet = await alert_series.listed(conn, *where, report(external_alert_id="q"), quietly=True)
        assert (quiet.tells, quiet.alert.status) == ((), "active")
        quiet_end = await alert_series.ended(conn, *where, report(external_alert_id="q", resolved_at=at(9)), number=9)
        assert quiet_end.tells == ("ended",)
