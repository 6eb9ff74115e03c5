"""The alert actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import attrs

from workflow_core.actions import ActionContext, Happened, NotHappened, SentEffect, Unknown, Verdict
from workflow_core.errors import FieldError, NotFoundError, ValidationError
from workflow_core.records import rmm
from workflow_core.storage.database import Connection
from workflow_ninjaone import client as vendor
from workflow_ninjaone.actions import local
from workflow_ninjaone.actions.access import Access, active_integration, nothing_done_yet
from workflow_ninjaone.actions.normalise import reported_alert
from workflow_ninjaone.actions.shapes import (
    AcknowledgedAlert,
    ActiveAlerts,
    Alert,
    GotAlert,
    ListActiveAlerts,
    NameAlert,
)
from workflow_ninjaone.actions.shown import about_device, shown
from workflow_ninjaone.actions.unwritten import unwritten_alerts


class AlertActions:
    """
    The handlers.

    Args:
        access: Makes clients.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    async def list_active(self, given: ListActiveAlerts, ctx: ActionContext) -> ActiveAlerts:
        """
        Lists active alerts, the newest first: those that we know of, or with ``live`` those in NinjaOne.

        A live list that could be read whole also says what is over: our other active records are resolved. A dry run
        writes nothing of it.
        """
        async with ctx.transaction() as connection:
            integration = await active_integration(connection, ctx.tenant)
            asked_at = await connection.fetchval("SELECT now()")
            if not given.live:
                rows = await rmm.list_active_alerts(
                    connection, ctx.tenant, integration.integration_id, limit=given.limit
                )
                return _listed(await shown(connection, ctx.tenant, integration.integration_id, rows))
        client = await self._access.client(ctx, integration)
        found = await _all_active(client, ctx)
        if not found.left_out and not ctx.dry_run:
            # In a transaction of its own: it locks records in an order of its own.
            async with ctx.transaction() as connection:
                await local.resolve_alerts(
                    connection,
                    ctx.tenant,
                    integration.integration_id,
                    still_active=[alert.uid for alert in found.alerts],
                    as_of=asked_at,
                )
        newest = sorted(found.alerts, key=_triggered, reverse=True)[: given.limit]
        async with ctx.transaction() as connection:
            rows = await _remember(connection, ctx, integration.integration_id, newest)
            return _listed(await shown(connection, ctx.tenant, integration.integration_id, rows))

    async def get(self, given: NameAlert, ctx: ActionContext) -> GotAlert:
        """
        Gives one alert: as we know it, else as NinjaOne has it among its active ones.

        Raises:
            NotFoundError: Neither knows it.
        """
        async with ctx.transaction() as connection:
            integration = await active_integration(connection, ctx.tenant)
            named = await _named(connection, ctx.tenant, integration.integration_id, given)
            if named.row is not None:
                rows = await shown(connection, ctx.tenant, integration.integration_id, [named.row])
                return GotAlert(alert=rows[0])
        client = await self._access.client(ctx, integration)
        found = await _find_active(client, ctx, named.uid)
        if found is None:
            raise NotFoundError("There is no such alert: neither here nor among NinjaOne's active ones.")
        async with ctx.transaction() as connection:
            remembered = await _remember(connection, ctx, integration.integration_id, [found])
            return GotAlert(alert=(await shown(connection, ctx.tenant, integration.integration_id, remembered))[0])

    async def prepare_reset(self, given: NameAlert, ctx: ActionContext) -> dict[str, Any]:
        """
        Sees which alert is meant, and as what it stands among NinjaOne's active ones.

        Raises:
            WorkflowError: Certainly nothing was done.
        """
        async with ctx.transaction() as connection:
            integration = await active_integration(connection, ctx.tenant)
            named = await _named(connection, ctx.tenant, integration.integration_id, given)
        client = await self._access.client(ctx, integration)
        active = await _find_active(client, ctx, named.uid)
        return {
            "uid": named.uid,
            "active": active is not None,
            "updated_at": None if active is None else _last_change(active),
        }

    async def reset(self, given: NameAlert, ctx: ActionContext) -> AcknowledgedAlert:
        """
        Acknowledges an alert: clears its condition in NinjaOne and marks our record.

        An alert that is not active any more has nothing left to clear, and is acknowledged all the same.

        Raises:
            Refused: Certainly nothing was done.
            WorkflowError: Nobody knows whether the condition was cleared.
        """
        with nothing_done_yet():
            async with ctx.transaction() as connection:
                integration = await active_integration(connection, ctx.tenant)
                named = await _named(connection, ctx.tenant, integration.integration_id, given)
            client = await self._access.client(ctx, integration)
        if ctx.prepared is None or ctx.prepared["active"]:
            await _clear(client, ctx, named.uid)
        return await _acknowledge(ctx, integration.integration_id, named.uid)

    async def reconcile_reset(self, given: NameAlert, ctx: ActionContext, sent: SentEffect) -> Verdict:
        """
        Looks whether an alert is still the one that was to be cleared.

        One that is gone, or that has triggered again since, was cleared: clearing it now would take a new one away.
        So is one that was gone before: it had nothing to clear, and what is active now is a new one.
        """
        async with ctx.transaction() as connection:
            integration = await active_integration(connection, ctx.tenant)
            named = await _named(connection, ctx.tenant, integration.integration_id, given)
        client = await self._access.client(ctx, integration)
        active = await _find_active(client, ctx, named.uid)
        if active is not None and (sent.prepared is None or sent.prepared["active"]):
            seen = None if sent.prepared is None else sent.prepared["updated_at"]
            now = _last_change(active)
            if seen is None or now is None:
                return Unknown("The alert is active, and NinjaOne does not say since when.")
            if now == seen:
                return NotHappened(f"the alert is active, unchanged since {now}")
        return Happened(await _acknowledge(ctx, integration.integration_id, named.uid))


# ── Which alert ──────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class _Named:
    """The alert that an input names.

    Attributes:
        uid: NinjaOne's id of it.
        row: Our record, if there is one.
    """

    uid: str
    row: rmm.Alert | None


async def _named(connection: Connection, tenant: UUID, integration_id: UUID, given: NameAlert) -> _Named:
    """
    Finds out which alert is meant: ``alert_uid`` may be our id or NinjaOne's.

    Raises:
        ValidationError: The two fields name two alerts.
    """
    row: rmm.Alert | None = None
    if given.alert_uid is not None and (alert_id := _uuid(given.alert_uid)) is not None:
        row = await rmm.get_alert(connection, tenant, alert_id)
        if row is not None and row.integration_id != integration_id:
            row = None
    uid = row.external_alert_id if row else (given.alert_uid or given.external_alert_id)
    assert uid is not None  # noqa: S101 - the input's rule demands one of the two
    if given.external_alert_id not in (None, uid):
        raise ValidationError(
            "alert_uid and external_alert_id name different alerts: give one of them.",
            errors=[FieldError("external_alert_id", "RULE", "names another alert than alert_uid")],
        )
    return _Named(uid, row or await rmm.get_alert_by_external_id(connection, tenant, integration_id, uid))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _all_active(client: vendor.NinjaOneClient, ctx: ActionContext) -> vendor.AlertList:
    """NinjaOne's active alerts; one that cannot be named does not hide the others."""
    found = await client.list_alerts()
    if found.left_out:
        ctx.log.warning("NinjaOne listed %d alerts without a usable uid; they are left out.", found.left_out)
    return found


async def _find_active(client: vendor.NinjaOneClient, ctx: ActionContext, uid: str) -> vendor.Alert | None:
    return next((alert for alert in (await _all_active(client, ctx)).alerts if alert.uid == uid), None)


def _last_change(alert: vendor.Alert) -> str | None:
    moment = alert.updated_at or alert.created_at
    return None if moment is None else moment.isoformat()


async def _acknowledge(ctx: ActionContext, integration_id: UUID, uid: str) -> AcknowledgedAlert:
    """Marks our record, if there is one, of an alert that is cleared."""
    async with ctx.transaction() as connection:
        row = await rmm.get_alert_by_external_id(connection, ctx.tenant, integration_id, uid)
        if row is not None:
            await rmm.acknowledge_alert(connection, ctx.tenant, row.alert_id, actor=ctx.actor)
    return AcknowledgedAlert(acknowledged=True, alert_id=str(row.alert_id) if row else uid)


async def _clear(client: vendor.NinjaOneClient, ctx: ActionContext, uid: str) -> None:
    """Resets an alert; one that is not there any more is as good as reset."""
    try:
        await client.reset_alert(uid)
    except NotFoundError:
        # The vendor does not say what a 404 means here: look whether the alert is really gone.
        if await _find_active(client, ctx, uid) is not None:
            raise


# ── Writing them down ────────────────────────────────────────────────────────────────────────────────────────────


def _triggered(alert: vendor.Alert) -> tuple[float, str]:
    return (alert.created_at.timestamp() if alert.created_at else 0.0, alert.uid)


async def _remember(
    connection: Connection, ctx: ActionContext, integration_id: UUID, alerts: Iterable[vendor.Alert]
) -> list[rmm.Alert]:
    """Writes what NinjaOne reports, unless the run is dry; answers our records in the order given."""
    tenant = ctx.tenant
    if ctx.dry_run:
        return await unwritten_alerts(connection, tenant, integration_id, alerts, now=ctx.now)
    reported = [reported_alert(alert) for alert in alerts]
    known = await local.known_devices(
        connection, tenant, [alert.external_device_id for alert in reported if alert.external_device_id]
    )
    rows: dict[str, rmm.Alert] = {}
    for alert in sorted(reported, key=lambda alert: alert.external_alert_id):  # two runs must not wait crosswise
        upserted = await rmm.upsert_alert(
            connection,
            tenant,
            integration_id,
            about_device(alert, known.get(alert.external_device_id or "")),
        )
        rows[alert.external_alert_id] = upserted.alert
    if await local.reopen_alerts(connection, tenant, integration_id, rows):
        for uid, row in rows.items():
            rows[uid] = await rmm.get_alert(connection, tenant, row.alert_id) or row
    return [rows[alert.external_alert_id] for alert in reported]


def _listed(alerts: Sequence[Alert]) -> ActiveAlerts:
    return ActiveAlerts(alerts=tuple(alerts), count=len(alerts))
