"""The job that fetches what a webhook lost: it may be late, disabled, or never have been registered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from workflow_core.jobs import JobContext
from workflow_core.records import alert_series, rmm
from workflow_core.storage.database import Connection
from workflow_ninjaone.actions.access import Access
from workflow_ninjaone.actions.normalise import reported_alert
from workflow_ninjaone.activities import CONDITION, SYSTEM, Place, is_wanted, located, oldest_first, take, tell
from workflow_ninjaone.client import Activity, AlertList, NinjaOneClient

#: Activities may show up after others of higher numbers: so many are read again.
OVERLAP: Final = 1000
#: How many activities are taken down at once; after an outage of weeks, the list of alerts has to do for the rest.
MOST: Final = 20_000


async def reconcile_alerts(ctx: JobContext) -> Mapping[str, Any]:
    """Takes down the activities since the last run, and what the list of active alerts says besides.

    At the first run of a connection, alerts that are active already are taken over without an event: they began before
    anybody listened.
    """
    _, client = await Access().connect(ctx)
    async with ctx.transaction() as conn:
        seen = await rmm.activity_seen(conn, ctx.tenant, ctx.integration_id)
    latest = await client.latest_activity_id()
    if seen is not None and seen > latest:
        seen = None  # another account, which numbers anew
    taken = 0
    if seen is not None and latest > seen:
        taken = await _take_activities(ctx, await _missed(ctx, client, seen, latest))
    listed = await _take_list(ctx, client, quietly=seen is None)
    async with ctx.transaction() as conn:
        new = latest if seen is None else max(seen, latest - OVERLAP)
        await rmm.set_activity_seen(conn, ctx.tenant, ctx.integration_id, new)
        ignored = await rmm.ignored_count(conn, ctx.tenant, ctx.integration_id)
    return {"activities": taken, **listed, "ignoredDeliveries": ignored}


async def _missed(ctx: JobContext, client: NinjaOneClient, seen: int, latest: int) -> list[Activity]:
    """The activities that mean something here, up to :data:`MOST` of the newest."""
    found: list[Activity] = []
    for kind in (CONDITION, SYSTEM):
        read = 0
        async for activity in client.list_activities(seen, activity_type=kind):
            read += 1
            if read % OVERLAP == 0:
                await ctx.progress(len(found), message="Reading activities")
            if read > MOST:
                ctx.log.warning("more than %d activities of type %s were missed; older ones are left out", MOST, kind)
                break
            if activity.id <= latest and is_wanted(activity):
                found.append(activity)
    return found


async def _take_activities(ctx: JobContext, activities: Sequence[Activity]) -> int:
    """Takes them down, those of one alert or device in one transaction, the oldest first."""
    done = 0
    for series in oldest_first(activities).values():
        async with ctx.transaction() as conn:
            place = _place(ctx, conn)
            for activity in series:
                await take(activity, place)
        done += len(series)
        await ctx.progress(done, len(activities), "Taking activities down")
    return done


async def _take_list(ctx: JobContext, client: NinjaOneClient, *, quietly: bool) -> dict[str, int]:
    """Follows the list of active alerts where nothing else has been heard since it was asked for."""
    async with ctx.transaction() as conn:
        asked_at = await conn.fetchval("SELECT now()")
    found = await client.list_alerts()
    async with ctx.transaction() as conn:
        open_here, touched = await alert_series.open_series(conn, ctx.tenant, ctx.integration_id, as_of=asked_at)
    active = {alert.uid: alert for alert in found.alerts if alert.uid not in touched}
    opened = await _open(ctx, found, [uid for uid in sorted(active) if uid not in set(open_here)], quietly=quietly)
    gone = [uid for uid in open_here if uid not in active] if not found.left_out else []
    for uid in gone:
        async with ctx.transaction() as conn:
            followed = await alert_series.missing(conn, ctx.tenant, ctx.integration_id, uid)
            if followed is not None:
                await tell(followed, _place(ctx, conn), at=None)
    return {"activeAlerts": len(found.alerts), "opened": opened, "closed": len(gone)}


async def _open(ctx: JobContext, found: AlertList, uids: Sequence[str], *, quietly: bool) -> int:
    alerts = {alert.uid: alert for alert in found.alerts}
    opened = 0
    for uid in uids:
        async with ctx.transaction() as conn:
            place = _place(ctx, conn)
            report = await located(reported_alert(alerts[uid]), place)
            followed = await alert_series.listed(conn, ctx.tenant, ctx.integration_id, report, quietly=quietly)
            await tell(followed, place, at=None)
        opened += bool(followed.tells)
        await ctx.progress(opened, len(uids), "Comparing active alerts")
    return opened


def _place(ctx: JobContext, conn: Connection) -> Place:
    return Place(conn, ctx.tenant, ctx.integration_id, ctx.instance_url, partial(ctx.emit, conn))
