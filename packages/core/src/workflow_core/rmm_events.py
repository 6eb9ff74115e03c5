"""What remote monitoring can tell, whichever system it is: the events, and what they bring.

They are here, and not in an integration, so that a workflow that an alert starts serves for every such system.
"""

# ruff: noqa: N815 - attributes are named as the fields of the JSON

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import attrs
import msgspec

from workflow_core.events import EventType
from workflow_core.schema import Timestamp


@attrs.frozen(kw_only=True)
class MonitoredDevice:
    """Which device it is about, and whose."""

    tenantId: Annotated[UUID, msgspec.Meta(description="The tenant.")]
    occurredAt: Annotated[Timestamp, msgspec.Meta(description="When it happened.")]
    provider: Annotated[str, msgspec.Meta(description="The system that tells it, such as ninjaone.")]
    deviceId: Annotated[str | None, msgspec.Meta(description="The device's id there.")] = None
    deviceName: Annotated[str | None, msgspec.Meta(description="What the device is called.")] = None
    assetId: Annotated[UUID | None, msgspec.Meta(description="The asset that the device is here.")] = None
    organizationId: Annotated[str | None, msgspec.Meta(description="The device's organization there.")] = None
    clientId: Annotated[
        UUID | None, msgspec.Meta(description="The client: of the asset, or the one the organization is mapped to.")
    ] = None


@attrs.frozen(kw_only=True)
class RmmAlert(MonitoredDevice):
    """What ``RMM_ALERT_TRIGGERED`` and ``RMM_ALERT_RESOLVED`` bring."""

    alertId: Annotated[UUID, msgspec.Meta(description="Our id of the alert.")]
    externalAlertId: Annotated[str, msgspec.Meta(description="The alert's id there.")]
    severity: Annotated[str | None, msgspec.Meta(description="critical, major, moderate, minor or none.")] = None
    priority: Annotated[str | None, msgspec.Meta(description="high, medium, low or none.")] = None
    title: Annotated[str | None, msgspec.Meta(description="One line that says what it is about.")] = None
    message: Annotated[str | None, msgspec.Meta(description="What happened, in the system's words.")] = None
    sourceType: Annotated[str | None, msgspec.Meta(description="What raised it.")] = None
    ticketId: Annotated[UUID | None, msgspec.Meta(description="The open ticket for it, if there is one.")] = None


@attrs.frozen(kw_only=True)
class RmmDevice(MonitoredDevice):
    """What the events ``RMM_DEVICE_…`` bring."""

    code: Annotated[str, msgspec.Meta(description="The system's own word for what happened.")]
    message: Annotated[str | None, msgspec.Meta(description="What happened, in the system's words.")] = None


ALERT_TRIGGERED: Final = EventType(
    name="RMM_ALERT_TRIGGERED",
    label="RMM alert triggered",
    description="A device has raised an alert, or the same alert again after it was over.",
    payload=RmmAlert,
    schema_ref="payload.RmmAlertTriggered.v1",
)
ALERT_RESOLVED: Final = EventType(
    name="RMM_ALERT_RESOLVED",
    label="RMM alert resolved",
    description="An alert is over, by itself or because somebody cleared it.",
    payload=RmmAlert,
    schema_ref="payload.RmmAlertResolved.v1",
)
DEVICE_CREATED: Final = EventType(
    name="RMM_DEVICE_CREATED",
    label="RMM device added",
    description="A device has become known to remote monitoring.",
    payload=RmmDevice,
    schema_ref="payload.RmmDeviceCreated.v1",
)
DEVICE_UPDATED: Final = EventType(
    name="RMM_DEVICE_UPDATED",
    label="RMM device changed",
    description="Something about a device has changed in remote monitoring.",
    payload=RmmDevice,
    schema_ref="payload.RmmDeviceUpdated.v1",
)
DEVICE_DELETED: Final = EventType(
    name="RMM_DEVICE_DELETED",
    label="RMM device removed",
    description="A device has been removed from remote monitoring.",
    payload=RmmDevice,
    schema_ref="payload.RmmDeviceDeleted.v1",
)
DEVICE_REBOOTED: Final = EventType(
    name="RMM_DEVICE_REBOOTED",
    label="RMM device rebooted",
    description="A device has restarted, by itself or because somebody asked it to.",
    payload=RmmDevice,
    schema_ref="payload.RmmDeviceRebooted.v1",
)


def rmm_events() -> list[EventType]:
    """All of them."""
    return [ALERT_TRIGGERED, ALERT_RESOLVED, DEVICE_CREATED, DEVICE_UPDATED, DEVICE_DELETED, DEVICE_REBOOTED]
