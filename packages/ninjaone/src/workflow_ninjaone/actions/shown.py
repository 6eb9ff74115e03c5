"""Our records of alerts as the actions and the events show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import attrs

from workflow_core.records import rmm
from workflow_core.storage.database import Connection
from workflow_ninjaone.actions import local
from workflow_ninjaone.actions.normalise import first_line
from workflow_ninjaone.actions.shapes import Alert
from workflow_ninjaone.actions.unwritten import NO_RECORD


def about_device(report: rmm.ReportedAlert, device: local.KnownDevice | None) -> rmm.ReportedAlert:
    """The report with the asset that its device is here."""
    if device is None:
        return report
    return attrs.evolve(report, asset_id=device.asset_id, device_name=report.device_name or device.name)


async def shown(connection: Connection, tenant: UUID, integration_id: UUID, rows: Sequence[rmm.Alert]) -> list[Alert]:
    """Our records as the actions give them, with asset, organization and client as they are now."""
    known = await local.known_devices(
        connection, tenant, [row.external_device_id for row in rows if row.external_device_id]
    )
    devices = [known.get(row.external_device_id or "") for row in rows]
    organizations = [
        _text(row.metadata.get("organization_id")) or (device.organization_id if device else None)
        for row, device in zip(rows, devices, strict=True)
    ]
    clients = await local.clients_of_organizations(
        connection, tenant, integration_id, [organization for organization in organizations if organization]
    )
    return [
        _alert(
            row,
            device,
            organization,
            (device.client_id if device else None) or (clients.get(organization) if organization else None),
        )
        for row, device, organization in zip(rows, devices, organizations, strict=True)
    ]


def _alert(
    row: rmm.Alert, device: local.KnownDevice | None, organization_id: str | None, client_id: UUID | None
) -> Alert:
    return Alert(
        alert_id=row.external_alert_id if row.alert_id == NO_RECORD else str(row.alert_id),
        external_alert_id=row.external_alert_id,
        status=row.status,
        severity=row.severity,
        priority=row.priority,
        title=_text(row.metadata.get("title")) or first_line(row.message),
        message=row.message,
        device_id=row.external_device_id,
        asset_id=row.asset_id or (device.asset_id if device else None),
        source_type=row.source_type,
        created_at=row.triggered_at or row.created_at,
        updated_at=_time(row.metadata.get("updated_at")) or row.updated_at,
        acknowledged=row.acknowledged_at is not None or row.status == rmm.ACKNOWLEDGED,
        device_name=row.device_name or (device.name if device else None),
        organization_id=organization_id,
        client_id=client_id,
        ticket_id=row.open_ticket_id,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: object) -> datetime | None:
    """A time that was kept in metadata, which others may write, too."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
