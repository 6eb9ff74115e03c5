"""
What the actions take and give.

The names are the existing product's: stored workflows map from and into these fields, so none is ever renamed or
removed. Ids of NinjaOne are numbers in its API and strings here, except where a device is asked for: there a number and
a numeric string are the same, so that an alert's ``device_id`` fits.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.options import picker
from workflow_core.schema import AtLeastOne, Timestamp, Trimmed

_AnyDeviceId = Annotated[int, msgspec.Meta(gt=0, le=2_147_483_647)]
DeviceId = Annotated[
    _AnyDeviceId,
    msgspec.Meta(
        description="The device's id in NinjaOne, such as an alert's device_id.",
        extra_json_schema=picker("ninjaone.devices"),
    ),
]
Limit = Annotated[int, msgspec.Meta(ge=1, le=200, description="How many to give at most.")]
ExternalDeviceId = Annotated[str, msgspec.Meta(description="The device's id in NinjaOne.")]


# ── Devices ──────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class FindDevices:
    """Input of ``ninjaone.devices.find``: every criterion that is given has to be met; without any, all devices do."""

    device_id: Annotated[
        _AnyDeviceId | None,
        msgspec.Meta(
            description="The device's id in NinjaOne, such as an alert's device_id.",
            extra_json_schema=picker("ninjaone.devices", organization_id="organization_id"),
        ),
    ] = None
    asset_id: Annotated[
        UUID | None,
        msgspec.Meta(description="The asset that the device is here.", extra_json_schema=picker("ninjaone.assets")),
    ] = None
    query: Annotated[
        Trimmed | None,
        msgspec.Meta(description="A part of the name, the tag, the host name, the serial number or an IP address."),
    ] = None
    live: Annotated[bool, msgspec.Meta(description="Ask NinjaOne itself instead of what was last synced from it.")] = (
        False
    )
    limit: Limit = 50
    organization_id: Annotated[
        Annotated[int, msgspec.Meta(gt=0)] | None,
        msgspec.Meta(
            description="Only devices of this NinjaOne organization.",
            extra_json_schema=picker("ninjaone.organizations"),
        ),
    ] = None
    online: Annotated[
        bool | None, msgspec.Meta(description="Only devices whose agent is online (true) or offline (false).")
    ] = None
    cursor: Annotated[
        Trimmed | None, msgspec.Meta(description="The cursor of the devices after which the list goes on.")
    ] = None


@attrs.frozen(kw_only=True)
class Device:
    """A device of NinjaOne."""

    external_device_id: ExternalDeviceId
    asset_id: Annotated[UUID | None, msgspec.Meta(description="The asset that it is here, once it has been synced.")]
    organization_id: Annotated[str | None, msgspec.Meta(description="Its organization's id in NinjaOne.")]
    hostname: Annotated[str | None, msgspec.Meta(description="The name that it has itself.")]
    display_name: Annotated[str | None, msgspec.Meta(description="The name that people gave it.")]
    dns_name: Annotated[str | None, msgspec.Meta(description="Its DNS name.")]
    agent_online: Annotated[bool, msgspec.Meta(description="Whether its agent is known to be online.")]
    last_seen_at: Annotated[Timestamp | None, msgspec.Meta(description="When its agent last reported.")]
    os_name: Annotated[str | None, msgspec.Meta(description="Its operating system.")]
    node_class: Annotated[str | None, msgspec.Meta(description="NinjaOne's class, such as WINDOWS_SERVER.")]
    source: Annotated[
        Literal["local", "ninjaone"], msgspec.Meta(description="Whether this is our own record or NinjaOne's answer.")
    ]
    client_id: Annotated[UUID | None, msgspec.Meta(description="The client that the asset belongs to.")]


@attrs.frozen(kw_only=True)
class FoundDevices:
    """Output of ``ninjaone.devices.find``."""

    devices: Annotated[tuple[Device, ...], msgspec.Meta(description="The devices, up to the limit.")]
    count: Annotated[int, msgspec.Meta(description="How many devices there are in the list.")]
    total: Annotated[
        int | None,
        msgspec.Meta(description="How many devices meet the criteria in all; unknown of a longer live list."),
    ] = None
    cursor: Annotated[
        str | None, msgspec.Meta(description="Gives the devices after these; null when there are no more.")
    ] = None


@attrs.frozen(kw_only=True)
class SyncDevice:
    """Input of ``ninjaone.devices.sync``."""

    device_id: DeviceId


@attrs.frozen(kw_only=True)
class SyncedDevice:
    """Output of ``ninjaone.devices.sync``."""

    synced: Annotated[bool, msgspec.Meta(description="Whether the asset is now what NinjaOne reports.")]
    external_device_id: ExternalDeviceId
    asset_id: Annotated[UUID | None, msgspec.Meta(description="The asset.")]


@attrs.frozen(kw_only=True)
class RebootDevice:
    """Input of ``ninjaone.devices.reboot``."""

    device_id: DeviceId
    mode: Annotated[
        Literal["NORMAL", "FORCED"],
        msgspec.Meta(description="FORCED does not wait for programs to close: unsaved work is lost."),
    ] = "NORMAL"
    reason: Annotated[Trimmed | None, msgspec.Meta(description="Shown in NinjaOne's activity feed.")] = None


@attrs.frozen(kw_only=True)
class RequestedReboot:
    """Output of ``ninjaone.devices.reboot``."""

    reboot_requested: Annotated[
        bool, msgspec.Meta(description="Whether NinjaOne has taken the command; the device restarts some time later.")
    ]
    external_device_id: ExternalDeviceId


# ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class ListActiveAlerts:
    """Input of ``ninjaone.alerts.list_active``."""

    limit: Limit = 50
    live: Annotated[bool, msgspec.Meta(description="Ask NinjaOne itself instead of what it has reported so far.")] = (
        False
    )


@attrs.frozen(kw_only=True)
class NameAlert:
    """Input of ``ninjaone.alerts.get`` and ``ninjaone.alerts.reset``: which alert."""

    __rules__: ClassVar = (AtLeastOne("alert_uid", "external_alert_id"),)

    alert_uid: Annotated[
        Trimmed | None,
        msgspec.Meta(
            description="An alert's alert_id, or its uid in NinjaOne.", extra_json_schema=picker("ninjaone.alerts")
        ),
    ] = None
    external_alert_id: Annotated[
        Trimmed | None,
        msgspec.Meta(
            description="The alert's uid in NinjaOne: its external_alert_id.",
            extra_json_schema=picker("ninjaone.alert_uids"),
        ),
    ] = None


@attrs.frozen(kw_only=True)
class Alert:
    """An alert of NinjaOne (there: a triggered condition)."""

    alert_id: Annotated[str, msgspec.Meta(description="Our id of it.")]
    external_alert_id: Annotated[str, msgspec.Meta(description="Its uid in NinjaOne.")]
    status: Annotated[
        str | None, msgspec.Meta(description="active, acknowledged, resolved, auto_resolved or suppressed.")
    ]
    severity: Annotated[str | None, msgspec.Meta(description="critical, major, moderate, minor or none.")]
    priority: Annotated[str | None, msgspec.Meta(description="high, medium, low or none.")]
    title: Annotated[str | None, msgspec.Meta(description="One line that says what it is about.")]
    message: Annotated[str | None, msgspec.Meta(description="What happened, in NinjaOne's words.")]
    device_id: Annotated[str | None, msgspec.Meta(description="The device's id in NinjaOne.")]
    asset_id: Annotated[UUID | None, msgspec.Meta(description="The asset that the device is here.")]
    source_type: Annotated[str | None, msgspec.Meta(description="What raised it, such as CONDITION_AGENT_CPU.")]
    created_at: Annotated[Timestamp | None, msgspec.Meta(description="When it was triggered.")]
    updated_at: Annotated[Timestamp | None, msgspec.Meta(description="When it last changed.")]
    acknowledged: Annotated[bool, msgspec.Meta(description="Whether it has been acknowledged from here.")]
    device_name: Annotated[str | None, msgspec.Meta(description="What the device is called.")]
    organization_id: Annotated[str | None, msgspec.Meta(description="The device's organization in NinjaOne.")]
    client_id: Annotated[
        UUID | None, msgspec.Meta(description="The client: of the asset, or the one the organization is mapped to.")
    ]
    ticket_id: Annotated[UUID | None, msgspec.Meta(description="The open ticket for it, if there is one.")]


@attrs.frozen(kw_only=True)
class ActiveAlerts:
    """Output of ``ninjaone.alerts.list_active``."""

    alerts: Annotated[tuple[Alert, ...], msgspec.Meta(description="The newest first.")]
    count: Annotated[int, msgspec.Meta(description="How many alerts there are in the list.")]


@attrs.frozen(kw_only=True)
class GotAlert:
    """Output of ``ninjaone.alerts.get``."""

    alert: Annotated[Alert, msgspec.Meta(description="The alert.")]


@attrs.frozen(kw_only=True)
class AcknowledgedAlert:
    """Output of ``ninjaone.alerts.reset``."""

    acknowledged: Annotated[
        bool, msgspec.Meta(description="Whether the condition is cleared; it triggers again if it still holds.")
    ]
    alert_id: Annotated[str, msgspec.Meta(description="Our id of the alert; NinjaOne's uid if we have no record.")]
