"""What our records would say if they were written: for dry runs, which show what they read and keep nothing of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.records import rmm
from workflow_core.storage.database import Connection
from workflow_ninjaone import client as vendor
from workflow_ninjaone.actions import local
from workflow_ninjaone.actions.normalise import reported_alert

NO_RECORD: Final = UUID(int=0)
"""The id of an alert that has no record here."""

_REPORTED: Final = (
    "severity", "external_device_id", "asset_id", "priority", "source_type", "activity_type", "message", "device_name",
    "triggered_at",
)  # fmt: skip
_OVER: Final = frozenset({"acknowledged", "resolved", "auto_resolved"})


async def unwritten_alerts(
    connection: Connection, tenant: UUID, integration_id: UUID, alerts: Iterable[vendor.Alert], *, now: datetime
) -> list[rmm.Alert]:
    """
    The records of alerts as they would be after NinjaOne's report, in the order given.

    Args:
        connection: Bound to the tenant; nothing is written.
        tenant: Whose alerts.
        integration_id: Of which connection.
        alerts: What NinjaOne reports as active.
        now: When.

    Returns:
        Records; those that do not exist yet have the id :data:`NO_RECORD`.
    """
    reports = [reported_alert(alert) for alert in alerts]
    known = await local.known_devices(
        connection, tenant, [report.external_device_id for report in reports if report.external_device_id]
    )
    rows = []
    for report in reports:
        device = known.get(report.external_device_id or "")
        row = await rmm.get_alert_by_external_id(connection, tenant, integration_id, report.external_alert_id)
        full = attrs.evolve(
            report,
            asset_id=device.asset_id if device else None,
            device_name=report.device_name or (device.name if device else None),
        )
        rows.append(_after(row or _new(integration_id, report.external_alert_id, now), full))
    return rows


def _after(row: rmm.Alert, report: rmm.ReportedAlert) -> rmm.Alert:
    """A record after a report: what that leaves out stays, and what triggered again is active again."""
    told: dict[str, Any] = {name: value for name in _REPORTED if (value := getattr(report, name)) is not None}
    after = attrs.evolve(row, **told, metadata={**row.metadata, **report.metadata})
    over_at = row.acknowledged_at or row.resolved_at
    if row.status in _OVER and over_at is not None and after.triggered_at is not None and after.triggered_at > over_at:
        return attrs.evolve(after, status=rmm.ACTIVE, acknowledged_at=None, acknowledged_by=None, resolved_at=None)
    return after


def _new(integration_id: UUID, external_alert_id: str, now: datetime) -> rmm.Alert:
    unknown: dict[str, Any] = {field.name: None for field in attrs.fields(rmm.Alert)}
    given = {
        "alert_id": NO_RECORD,
        "integration_id": integration_id,
        "external_alert_id": external_alert_id,
        "severity": "none",
        "status": rmm.ACTIVE,
        "occurrence_count": 1,
        "metadata": {},
        "created_at": now,
        "updated_at": now,
    }
    return rmm.Alert(**{**unknown, **given})
