"""What NinjaOne's activities mean here, whether a webhook brings them or a job fetches them: alerts, events."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from uuid import UUID

import attrs

from workflow_core import rmm_events
from workflow_core.events import EventType
from workflow_core.records import alert_series, devices, rmm
from workflow_core.records.alert_series import Told
from workflow_core.storage.database import Connection
from workflow_ninjaone.actions import local
from workflow_ninjaone.actions.normalise import clean, device_name, priority, severity, title_of
from workflow_ninjaone.actions.shown import about_device, shown
from workflow_ninjaone.client import Activity, Device
from workflow_ninjaone.client.models import ALERT_UID
from workflow_ninjaone.module import PROVIDER

CONDITION: Final = "CONDITION"
SYSTEM: Final = "SYSTEM"

_BEGAN: Final = "TRIGGERED"
_ENDED: Final = frozenset({"RESET", "RESET_BY_PSA_TICKET_CALLBACK", "DISABLED"})

_DEVICE_EVENTS: Final[Mapping[str, EventType]] = {
    "NODE_CREATED": rmm_events.DEVICE_CREATED,
    "NODE_RE_ENROLLED": rmm_events.DEVICE_CREATED,
    "NODE_UPDATED": rmm_events.DEVICE_UPDATED,
    "NODE_IDENTIFICATION_UPDATED": rmm_events.DEVICE_UPDATED,
    "NODE_MANUALLY_APPROVED": rmm_events.DEVICE_UPDATED,
    "NODE_AUTOMATICALLY_APPROVED": rmm_events.DEVICE_UPDATED,
    "NODE_DELETED": rmm_events.DEVICE_DELETED,
    "SYSTEM_REBOOTED": rmm_events.DEVICE_REBOOTED,
}
_ALERT_EVENTS: Final[Mapping[Told, EventType]] = {
    "began": rmm_events.ALERT_TRIGGERED,
    "ended": rmm_events.ALERT_RESOLVED,
}

#: What we want to hear of: status codes by activity type.
WANTED: Final[Mapping[str, tuple[str, ...]]] = {CONDITION: (_BEGAN, *sorted(_ENDED)), SYSTEM: tuple(_DEVICE_EVENTS)}


class Emit(Protocol):
    """Emits events."""

    def __call__(self, event: EventType, payload: Any, *, correlation_key: str | None, key: str) -> Awaitable[None]:
        """Says that something has happened, in the transaction that is open; under the same key, once."""


@attrs.frozen
class Place:
    """Where activities are taken down.

    Attributes:
        conn: The tenant's transaction.
        tenant: Whose.
        integration_id: The connection that they come from.
        instance_url: Of that connection: activities are numbered there.
        emit: In the same transaction.
    """

    conn: Connection
    tenant: UUID
    integration_id: UUID
    instance_url: str | None
    emit: Emit


def is_wanted(activity: Activity) -> bool:
    """Whether it means anything here."""
    if activity.status_code not in WANTED.get(activity.activity_type or "", ()):
        return False
    if activity.activity_type == CONDITION:
        return activity.series_uid is not None and ALERT_UID.fullmatch(activity.series_uid) is not None
    return activity.device_id is not None


async def take(activity: Activity, place: Place) -> None:
    """Takes an activity down that is wanted: what it changes, and what is to be told; a second time, nothing."""
    if activity.activity_type == CONDITION:
        await _take_alert(activity, place)
    else:
        await _tell_of_device(activity, place)


# ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _take_alert(activity: Activity, place: Place) -> None:
    report = await located(_report(activity), place)
    where = (place.conn, place.tenant, place.integration_id)
    if activity.status_code == _BEGAN:
        followed = await alert_series.began(*where, report, number=activity.id)
    else:
        over = rmm.ReportedAlert(
            external_alert_id=report.external_alert_id,
            external_device_id=report.external_device_id,
            asset_id=report.asset_id,
            device_name=report.device_name,
            resolved_at=activity.at,
            activity_type=CONDITION,
        )
        followed = await alert_series.ended(*where, over, number=activity.id)
    await tell(followed, place, at=activity.at)


def _report(activity: Activity) -> rmm.ReportedAlert:
    """What the beginning of an alert says of it: less than NinjaOne's list of alerts would."""
    device = activity.device
    device_id = activity.device_id if activity.device_id is not None else (device.id if device else None)
    metadata = {
        "title": title_of(activity.subject, activity.source_name, message=activity.message),
        "organization_id": _organization(device),
        "source_name": clean(activity.source_name),
    }
    return rmm.ReportedAlert(
        external_alert_id=activity.series_uid or "",
        severity=severity(activity.severity),
        external_device_id=None if device_id is None else str(device_id),
        priority=priority(activity.priority),
        activity_type=CONDITION,
        message=clean(activity.message, 100_000),
        device_name=device_name(device) if device else None,
        triggered_at=activity.at,
        metadata={name: value for name, value in metadata.items() if value is not None},
    )


async def located(report: rmm.ReportedAlert, place: Place) -> rmm.ReportedAlert:
    """The report with the asset that its device is here."""
    device_id = report.external_device_id
    if device_id is None:
        return report
    known = await local.known_devices(place.conn, place.tenant, [device_id])
    return about_device(report, known.get(device_id))


async def tell(followed: alert_series.Followed, place: Place, *, at: datetime | None) -> None:
    """Emits what is to be told of an alert."""
    if not followed.tells:
        return
    (alert,) = await shown(place.conn, place.tenant, place.integration_id, [followed.alert])
    reopened = followed.tells == ("ended", "began")  # and the end is of the occurrence before
    for told in followed.tells:
        occurrence = followed.alert.occurrence_count - (reopened and told == "ended")
        moment = followed.alert.triggered_at if told == "began" else followed.alert.resolved_at
        payload = rmm_events.RmmAlert(
            tenantId=place.tenant,
            occurredAt=moment or at or datetime.now(UTC),
            provider=PROVIDER,
            deviceId=alert.device_id,
            deviceName=alert.device_name,
            assetId=alert.asset_id,
            organizationId=alert.organization_id,
            clientId=alert.client_id,
            alertId=followed.alert.alert_id,
            externalAlertId=alert.external_alert_id,
            severity=alert.severity,
            priority=alert.priority,
            title=alert.title,
            message=alert.message,
            sourceType=alert.source_type,
            ticketId=alert.ticket_id,
        )
        key = f"{place.integration_id} {alert.external_alert_id} {occurrence}"
        await place.emit(_ALERT_EVENTS[told], payload, correlation_key=str(followed.alert.alert_id), key=key)


# ── Devices ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _tell_of_device(activity: Activity, place: Place) -> None:
    device, device_id = activity.device, str(activity.device_id)
    known = (await local.known_devices(place.conn, place.tenant, [device_id])).get(device_id)
    organization_id = _organization(device) or (known.organization_id if known else None)
    client_id = known.client_id if known else None
    if client_id is None and organization_id is not None:
        clients = await local.clients_of_organizations(
            place.conn, place.tenant, place.integration_id, [organization_id]
        )
        client_id = clients.get(organization_id)
    code = activity.status_code or ""
    payload = rmm_events.RmmDevice(
        tenantId=place.tenant,
        occurredAt=activity.at or datetime.now(UTC),
        provider=PROVIDER,
        deviceId=device_id,
        deviceName=device_name(device) if device else (known.name if known else None),
        assetId=known.asset_id if known else None,
        organizationId=organization_id,
        clientId=client_id,
        code=code,
        message=clean(activity.message, 100_000),
    )
    key = f"{place.integration_id} {place.instance_url} {activity.id}"
    await place.emit(_DEVICE_EVENTS[code], payload, correlation_key=device_id, key=key)
    if code == "NODE_DELETED" and activity.at is not None:
        # Enrolled anew, it has been seen since; the next sync of the fleet has the last word.
        await devices.retire_devices(place.conn, place.tenant, PROVIDER, [device_id], unseen_since=activity.at)


def _organization(device: Device | None) -> str | None:
    return str(device.organization_id) if device is not None and device.organization_id is not None else None


def oldest_first(activities: Iterable[Activity]) -> dict[str, list[Activity]]:
    """Activities by what they belong to, which may be taken down by itself: an alert, a device."""
    found: dict[str, list[Activity]] = {}
    for activity in sorted(activities, key=lambda activity: activity.id):
        belongs = activity.series_uid if activity.activity_type == CONDITION else f"device {activity.device_id}"
        found.setdefault(belongs or "", []).append(activity)
    return found
