"""
Alerts as series: each begins, ends, and may begin again; every beginning and every end is told once, in that order.

What a provider reports comes late, twice and in any order: by webhook as a numbered happening, and by a list of what is
active as a fact without a number. Here it becomes one history. A beginning that comes after its end is told before it;
what is older than what is known already changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import attrs

from workflow_core.records import rmm
from workflow_core.records._rows import columns, read
from workflow_core.records.rmm import Alert, ReportedAlert
from workflow_core.storage.database import Connection, Record

Told = Literal["began", "ended"]

#: Of one beginning, a list's time and the happening's time differ by less.
_SAME: Final = timedelta(minutes=1)


@attrs.frozen(kw_only=True)
class Series:
    """What is known of one alert.

    Attributes:
        told: The last that was told of it.
        began: The number of its latest known beginning.
        ended: The number of the latest end that was told.
        pending: The number of an end whose beginning has not come yet.
        unnumbered: Whether it was told to have begun because a list had it, and its happening has not come yet.
        began_at: When it last began, on the provider's clock.
        cleared: Whether it was acknowledged or resolved here, without an end having been told.
    """

    told: Told | None = None
    began: int | None = None
    ended: int | None = None
    pending: int | None = None
    unnumbered: bool = False
    began_at: datetime | None = None
    cleared: bool = False


@attrs.frozen
class Step:
    """What a report means.

    Attributes:
        series: What is known from now on.
        tells: What is to be told, in order.
    """

    series: Series
    tells: tuple[Told, ...] = ()


def on_beginning(known: Series, number: int, at: datetime | None) -> Step:
    """A happening: it began."""
    if known.began is not None and number <= known.began:
        return Step(known)
    began = attrs.evolve(known, began=number, began_at=at or known.began_at, unnumbered=False)
    if known.unnumbered and not _is_later(at, known.began_at):
        return Step(attrs.evolve(began, began_at=known.began_at))  # it is the one that was told
    if known.told == "began":
        if known.cleared:  # its end has not come, and it has begun again
            return Step(attrs.evolve(began, cleared=False, pending=None), ("ended", "began"))
        return Step(began)
    if known.pending is not None and number < known.pending:
        ended = attrs.evolve(began, told="ended", ended=known.pending, pending=None)
        return Step(ended, ("began", "ended"))
    if known.ended is not None and number < known.ended:
        return Step(began)
    return Step(attrs.evolve(began, told="began", pending=None, cleared=False), ("began",))


def on_end(known: Series, number: int, at: datetime | None) -> Step:
    """A happening: it ended."""
    latest = max(known.ended or 0, known.pending or 0, known.began or 0)
    if number <= latest:
        return Step(known)
    if known.told != "began":
        return Step(attrs.evolve(known, pending=number))
    if known.unnumbered and at is not None and known.began_at is not None and at < known.began_at:
        return Step(known)  # of an earlier beginning
    return Step(attrs.evolve(known, told="ended", ended=number, cleared=False), ("ended",))


def on_listed(known: Series, at: datetime | None) -> Step:
    """A list has it: it is active, since ``at``."""
    if known.told == "began" and not known.cleared:
        return Step(known)
    tells: tuple[Told, ...] = ("ended", "began") if known.told == "began" else ("began",)
    return Step(attrs.evolve(known, told="began", unnumbered=True, began_at=at, pending=None, cleared=False), tells)


def on_missing(known: Series) -> Step:
    """A complete list has it no more."""
    if known.told != "began":
        return Step(known)
    return Step(attrs.evolve(known, told="ended", cleared=False), ("ended",))


def _is_later(at: datetime | None, began_at: datetime | None) -> bool:
    return at is not None and began_at is not None and at > began_at + _SAME


# ── In the database ──────────────────────────────────────────────────────────────────────────────────────────────

_OVER: Final = frozenset({"acknowledged", "resolved", "auto_resolved"})

_LOCK: Final = """
SELECT status, told, began_seq, ended_seq, pending_seq, unnumbered, triggered_at, acknowledged_at, resolved_at
FROM rmm_alerts WHERE tenant = $1 AND integration_id = $2 AND external_alert_id = $3
FOR UPDATE
"""

_WRITE: Final = f"""
UPDATE rmm_alerts
SET told = $4, began_seq = $5, ended_seq = $6, pending_seq = $7, unnumbered = $8, triggered_at = $9,
    status = CASE WHEN $10 THEN 'active' WHEN $11 AND status <> 'acknowledged' THEN 'resolved' ELSE status END,
    acknowledged_at = CASE WHEN $10 THEN NULL ELSE acknowledged_at END,
    acknowledged_by = CASE WHEN $10 THEN NULL ELSE acknowledged_by END,
    resolved_at = CASE WHEN $10 THEN NULL WHEN $11 THEN coalesce($12, now()) ELSE resolved_at END,
    occurrence_count = occurrence_count + CASE WHEN $13 THEN 1 ELSE 0 END
WHERE tenant = $1 AND integration_id = $2 AND external_alert_id = $3
RETURNING {columns(Alert)}
"""  # noqa: S608 - our columns


@attrs.frozen
class Followed:
    """An alert as it is now, and what is to be told of it, in order.

    Its ``occurrence_count`` rises with every beginning that is told.
    """

    alert: Alert
    tells: tuple[Told, ...]


async def began(
    conn: Connection, tenant: UUID, integration_id: UUID, reported: ReportedAlert, *, number: int
) -> Followed:
    """Takes the report that an alert has begun, which the provider has numbered; its time is ``triggered_at``."""
    known = await _known(conn, tenant, integration_id, reported)
    step = on_beginning(known.series, number, reported.triggered_at)
    if step.series.began != known.series.began and not known.created:
        await rmm.upsert_alert(conn, tenant, integration_id, reported)
    at = known.ended_at if known.series.told is None else None  # when the end came whose beginning this is
    return await _written(conn, tenant, integration_id, known, step, at=at)


async def ended(
    conn: Connection, tenant: UUID, integration_id: UUID, reported: ReportedAlert, *, number: int
) -> Followed:
    """Takes the report that an alert has ended, which the provider has numbered; its time is ``resolved_at``."""
    known = await _known(conn, tenant, integration_id, attrs.evolve(reported, status="resolved"))
    step = on_end(known.series, number, reported.resolved_at)
    return await _written(conn, tenant, integration_id, known, step, at=reported.resolved_at)


async def listed(
    conn: Connection, tenant: UUID, integration_id: UUID, reported: ReportedAlert, *, quietly: bool = False
) -> Followed:
    """Takes the report that an alert is active, since ``triggered_at``.

    Args:
        conn: Bound to the tenant.
        tenant: Whose alert.
        integration_id: Of which connection.
        reported: The alert. One that has ended here since then is not active again.
        quietly: Nothing is told: it was active before anybody listened.
    """
    known = await _known(conn, tenant, integration_id, reported)
    at = reported.triggered_at
    if known.over_since is not None and (at is None or at <= known.over_since):
        step = Step(known.series)
    else:
        step = on_listed(known.series, at)
    if step.tells and not known.created:
        await rmm.upsert_alert(conn, tenant, integration_id, reported)
    followed = await _written(conn, tenant, integration_id, known, step, at=None)
    return attrs.evolve(followed, tells=()) if quietly else followed


async def missing(conn: Connection, tenant: UUID, integration_id: UUID, external_alert_id: str) -> Followed | None:
    """Takes the report that an alert that we know is not active any more; None: we do not know it."""
    row = await conn.fetchrow(_LOCK, tenant, integration_id, external_alert_id)
    if row is None:
        return None
    known = _Known.of(external_alert_id, row, created=False)
    return await _written(conn, tenant, integration_id, known, on_missing(known.series), at=None)


async def open_series(
    conn: Connection, tenant: UUID, integration_id: UUID, *, as_of: datetime
) -> tuple[list[str], frozenset[str]]:
    """The provider's ids of the alerts that were told to have begun and not to have ended.

    Returns:
        Those that nothing has been written of since ``as_of`` on the database's clock, and all those that something
        has.
    """
    rows = await conn.fetch(
        "SELECT external_alert_id, told = 'began' AS open, updated_at >= $3 AS touched FROM rmm_alerts "
        "WHERE tenant = $1 AND integration_id = $2 AND (told = 'began' OR updated_at >= $3)",
        tenant,
        integration_id,
        as_of,
    )
    settled = [row["external_alert_id"] for row in rows if row["open"] and not row["touched"]]
    return sorted(settled), frozenset(row["external_alert_id"] for row in rows if row["touched"])


@attrs.frozen(kw_only=True)
class _Known:
    external_alert_id: str
    series: Series
    over_since: datetime | None
    ended_at: datetime | None
    created: bool

    @classmethod
    def of(cls, external_alert_id: str, row: Record, *, created: bool) -> _Known:
        over = not created and row["status"] in _OVER
        return cls(
            external_alert_id=external_alert_id,
            series=Series(
                told=row["told"],
                began=row["began_seq"],
                ended=row["ended_seq"],
                pending=row["pending_seq"],
                unnumbered=row["unnumbered"],
                began_at=row["triggered_at"],
                cleared=row["told"] == "began" and over,
            ),
            over_since=(row["resolved_at"] or row["acknowledged_at"]) if over else None,
            ended_at=row["resolved_at"],
            created=created,
        )


async def _known(conn: Connection, tenant: UUID, integration_id: UUID, reported: ReportedAlert) -> _Known:
    """What is known of it, locked until the transaction ends; an alert that is new is stored."""
    row = await conn.fetchrow(_LOCK, tenant, integration_id, reported.external_alert_id)
    created = row is None
    if row is None:
        created = (await rmm.upsert_alert(conn, tenant, integration_id, reported)).created
        row = await conn.fetchrow(_LOCK, tenant, integration_id, reported.external_alert_id)
        assert row is not None  # noqa: S101 - it has just been stored
    return _Known.of(reported.external_alert_id, row, created=created)


async def _written(
    conn: Connection, tenant: UUID, integration_id: UUID, known: _Known, step: Step, *, at: datetime | None
) -> Followed:
    series = step.series
    opens = step.tells[-1:] == ("began",)
    closes = step.tells[-1:] == ("ended",) or (series.pending is not None and series.told is None)
    row = await conn.fetchrow(
        _WRITE,
        tenant,
        integration_id,
        known.external_alert_id,
        series.told,
        series.began,
        series.ended,
        series.pending,
        series.unnumbered,
        series.began_at,
        opens,
        closes,
        at,
        "began" in step.tells and known.series.told is not None,
    )
    assert row is not None  # noqa: S101 - it is locked
    return Followed(read(Alert, row), step.tells)
