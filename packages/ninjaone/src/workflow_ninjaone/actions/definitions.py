"""The actions: what each is called, takes, gives and does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from workflow_core.actions import Action, Effect, Example
from workflow_ninjaone.actions.access import Access
from workflow_ninjaone.actions.alerts import AlertActions
from workflow_ninjaone.actions.devices import DeviceActions
from workflow_ninjaone.actions.script_shapes import ListScripts, RequestedScript, RunScript, ScriptingOptions
from workflow_ninjaone.actions.scripts import ScriptActions
from workflow_ninjaone.actions.shapes import (
    AcknowledgedAlert,
    ActiveAlerts,
    FindDevices,
    FoundDevices,
    GotAlert,
    ListActiveAlerts,
    NameAlert,
    RebootDevice,
    RequestedReboot,
    SyncDevice,
    SyncedDevice,
)

_TIME_LIMIT: Final = timedelta(seconds=60)

_ASSET_ID: Final = "7f0c3a1e-5b2d-4c6e-8f9a-1b2c3d4e5f60"
_CLIENT_ID: Final = "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d"
_ALERT_ID: Final = "c1d2e3f4-5a6b-4c7d-8e9f-0a1b2c3d4e5f"
_ALERT_UID: Final = "0c6cb3d4-9a52-4d50-8ab3-5a5a0e4a7f10"
_DEVICE: Final[dict[str, Any]] = {
    "external_device_id": "42",
    "asset_id": _ASSET_ID,
    "organization_id": "1",
    "hostname": "SRV-01",
    "display_name": "SRV-01",
    "dns_name": "srv-01.emerald.example",
    "agent_online": True,
    "last_seen_at": "2026-03-02T09:14:10Z",
    "os_name": "Windows Server 2022 Standard Edition",
    "node_class": "WINDOWS_SERVER",
    "source": "local",
    "client_id": _CLIENT_ID,
}
_ALERT: Final[dict[str, Any]] = {
    "alert_id": _ALERT_ID,
    "external_alert_id": _ALERT_UID,
    "status": "active",
    "severity": "critical",
    "priority": "high",
    "title": "Disk space",
    "message": "Disk C: has less than 5 % free.",
    "device_id": "42",
    "asset_id": _ASSET_ID,
    "source_type": "CONDITION_AGENT_DISK_FREE_SPACE",
    "created_at": "2026-03-02T09:10:00Z",
    "updated_at": "2026-03-02T09:10:00Z",
    "acknowledged": False,
    "device_name": "SRV-01",
    "organization_id": "1",
    "client_id": _CLIENT_ID,
    "ticket_id": None,
}

_SCRIPT: Final[dict[str, Any]] = {
    "type": "SCRIPT",
    "script_id": 71,
    "action_uid": None,
    "name": "Clear temporary files",
    "description": "Removes temporary files of all users",
    "language": "powershell",
    "category": "Maintenance",
}


def ninjaone_actions(access: Access | None = None) -> list[Action]:
    """
    All of them.

    Args:
        access: Makes clients; a fresh one unless given.
    """
    access = access or Access()
    return [
        *_device_actions(DeviceActions(access)),
        *_script_actions(ScriptActions(access)),
        *_alert_actions(AlertActions(access)),
    ]


def _device_actions(devices: DeviceActions) -> list[Action]:
    return [
        Action(
            id="ninjaone.devices.find",
            label="Find devices",
            description="Finds devices by id, asset, or a part of their name, host name or serial number: among the "
            "synced assets, or live in NinjaOne.",
            input=FindDevices,
            output=FoundDevices,
            effect=Effect.READ,
            io="external",
            handler=devices.find,
            time_limit=_TIME_LIMIT,
            examples=(
                Example(
                    "The device of an alert",
                    {"device_id": "42"},
                    {"devices": [_DEVICE], "count": 1, "total": 1, "cursor": None},
                ),
                Example(
                    "Live, by name",
                    {"query": "srv", "live": True, "limit": 10},
                    {"devices": [{**_DEVICE, "source": "ninjaone"}], "count": 1, "total": None, "cursor": None},
                ),
            ),
        ),
        Action(
            id="ninjaone.devices.sync",
            label="Sync device",
            description="Reads a device from NinjaOne and makes its asset the same; a new device becomes an asset of "
            "the client that its organization is mapped to.",
            input=SyncDevice,
            output=SyncedDevice,
            effect=Effect.REPEATABLE,
            io="external",
            handler=devices.sync,
            time_limit=_TIME_LIMIT,
            examples=(
                Example(
                    "One device",
                    {"device_id": 42},
                    {"synced": True, "external_device_id": "42", "asset_id": _ASSET_ID},
                ),
            ),
        ),
        Action(
            id="ninjaone.devices.reboot",
            label="Reboot device",
            description="Asks NinjaOne to restart a device. It is sent once; when the answer is lost and no reboot "
            "shows in NinjaOne, the run waits for a person.",
            input=RebootDevice,
            output=RequestedReboot,
            effect=Effect.ONCE,
            io="external",
            handler=devices.reboot,
            prepare=devices.prepare_reboot,
            reconcile=devices.reconcile_reboot,
            time_limit=_TIME_LIMIT,
            examples=(
                Example(
                    "With a reason",
                    {"device_id": 42, "mode": "NORMAL", "reason": "Updates are waiting for a restart."},
                    {"reboot_requested": True, "external_device_id": "42"},
                ),
            ),
        ),
    ]


def _script_actions(scripts: ScriptActions) -> list[Action]:
    return [
        Action(
            id="ninjaone.devices.scripting_options",
            label="List runnable scripts",
            description="Lists the scripts and built-in actions that a device can run, and as whom.",
            input=ListScripts,
            output=ScriptingOptions,
            effect=Effect.READ,
            io="external",
            handler=scripts.options,
            time_limit=_TIME_LIMIT,
            examples=(
                Example(
                    "By name",
                    {"device_id": 42, "query": "temporary"},
                    {"scripts": [_SCRIPT], "count": 1, "roles": ["SYSTEM", "LOGGED_ON_USER"], "credentials": []},
                ),
            ),
        ),
        Action(
            id="ninjaone.devices.run_script",
            label="Run script",
            description="Asks NinjaOne to run a script or a built-in action on a device. It is sent once; when the "
            "answer is lost and NinjaOne's activities do not show it, the run waits for a person.",
            input=RunScript,
            output=RequestedScript,
            effect=Effect.ONCE,
            io="external",
            handler=scripts.run,
            prepare=scripts.prepare_run,
            reconcile=scripts.reconcile_run,
            time_limit=_TIME_LIMIT,
            examples=(
                Example(
                    "With parameters",
                    {"device_id": 42, "script_id": 71, "parameters": "-Days 30", "run_as": "SYSTEM"},
                    {
                        "run_requested": True,
                        "external_device_id": "42",
                        "activity_id": "5012",
                        "job_uid": None,
                    },
                ),
            ),
        ),
    ]


def _alert_actions(alerts: AlertActions) -> list[Action]:
    return [
        Action(
            id="ninjaone.alerts.list_active",
            label="List active alerts",
            description="Lists active alerts, the newest first: those that NinjaOne has reported so far, or live.",
            input=ListActiveAlerts,
            output=ActiveAlerts,
            effect=Effect.READ,
            io="external",
            handler=alerts.list_active,
            time_limit=_TIME_LIMIT,
            examples=(Example("The newest, live", {"limit": 1, "live": True}, {"alerts": [_ALERT], "count": 1}),),
        ),
        Action(
            id="ninjaone.alerts.get",
            label="Get alert",
            description="Gives one alert, by our id or NinjaOne's: from our records, else live.",
            input=NameAlert,
            output=GotAlert,
            effect=Effect.READ,
            io="external",
            handler=alerts.get,
            time_limit=_TIME_LIMIT,
            examples=(Example("By NinjaOne's uid", {"external_alert_id": _ALERT_UID}, {"alert": _ALERT}),),
        ),
        Action(
            id="ninjaone.alerts.reset",
            label="Acknowledge alert",
            description="Clears the alert's condition in NinjaOne and marks it acknowledged here. It triggers again "
            "if the condition still holds.",
            input=NameAlert,
            output=AcknowledgedAlert,
            effect=Effect.REPEATABLE,
            io="external",
            handler=alerts.reset,
            prepare=alerts.prepare_reset,
            reconcile=alerts.reconcile_reset,
            time_limit=_TIME_LIMIT,
            examples=(
                Example(
                    "An alert from a list", {"alert_uid": _ALERT_ID}, {"acknowledged": True, "alert_id": _ALERT_ID}
                ),
            ),
        ),
    ]
