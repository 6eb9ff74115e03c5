"""What the simulated account holds at first: three customers, nine devices, six alerts.

All records have the vendor's JSON shapes. Times are numbers of seconds: negative ones (and zero) are relative to the
start of the simulator, positive ones are epoch seconds. An alert with ``"device": true`` is sent with its device in
the short form, one without the key is sent without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from workflow_ninjaone.simulator.shapes import DAY, GIB, Record, agent, device, uid, unix, windows

_TIME_KEYS = frozenset(
    {"created", "lastContact", "lastUpdate", "lastBootTime", "createTime", "updateTime", "activityTime"}
)
_HOUR = 3600.0


class InvalidSeedError(ValueError):
    """The JSON is not a seed; the message says why."""


@attrs.frozen
class Seed:
    """The records of an account, in the vendor's JSON shapes, with times as the module says.

    Attributes:
        organizations: ``Organization``, each with an ``id``.
        locations: ``Location`` with an ``organizationId``.
        devices: ``Device`` in the detailed form.
        alerts: ``Alert``.
        activities: ``Activity``, oldest first; ids rise.
    """

    organizations: tuple[Record, ...] = ()
    locations: tuple[Record, ...] = ()
    devices: tuple[Record, ...] = ()
    alerts: tuple[Record, ...] = ()
    activities: tuple[Record, ...] = ()

    def at(self, now: float) -> Seed:
        """A deep copy of this seed with every time in epoch seconds.

        Args:
            now: The present, in epoch seconds.
        """
        return Seed(
            **{
                field.name: tuple(_timed(record, now) for record in getattr(self, field.name))
                for field in attrs.fields(Seed)
            }
        )


def load_seed(path: Path) -> Seed:
    """A seed from a JSON file: an object with (some of) the fields of :class:`Seed`, each a list of records.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not JSON, or (:class:`InvalidSeedError`) not such an object.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise InvalidSeedError("the file must hold a JSON object")
    identities = {field.name: "id" for field in attrs.fields(Seed)} | {"alerts": "uid"}
    if unknown := set(content) - set(identities):
        raise InvalidSeedError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(identities)}")
    for name, records in content.items():
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise InvalidSeedError(f"{name} must be a list of objects")
        keys = [record.get(identities[name]) for record in records]
        wanted = str if name == "alerts" else int
        if not all(type(key) is wanted for key in keys) or len(set(keys)) != len(keys):
            raise InvalidSeedError(f"every record of {name} needs an {identities[name]} of its own")
    return Seed(**{name: tuple(records) for name, records in content.items()})


def default_seed() -> Seed:
    """The account that the simulator has when it is given no other."""
    return Seed(
        organizations=_organizations(),
        locations=_locations(),
        devices=_devices(),
        alerts=_alerts(),
        activities=_activities(_alerts()),
    )


def _organizations() -> tuple[Record, ...]:
    names = {
        1: ("Northwind Dental", "Dental practices, three sites"),
        2: ("Contoso Legal", "Law firm"),
        3: ("Fabrikam Logistics", "Warehouses and a fleet of lorries"),
    }
    return tuple(
        {
            "id": identity,
            "name": name,
            "description": description,
            "nodeApprovalMode": "AUTOMATIC",
            "userData": {},
        }
        for identity, (name, description) in names.items()
    )


def _locations() -> tuple[Record, ...]:
    rows = [
        (11, 1, "Main practice", "1 Harbour Street"),
        (12, 1, "Eastside practice", "40 Mill Lane"),
        (21, 2, "Head office", "7 Court Square"),
        (31, 3, "Warehouse North", "Gate 3, Ring Road"),
    ]
    return tuple(
        {
            "id": identity,
            "organizationId": organization,
            "name": name,
            "address": address,
            "description": "",
            "userData": {},
        }
        for identity, organization, name, address in rows
    )


def _devices() -> tuple[Record, ...]:
    return (
        agent(
            101,
            organization=1,
            location=11,
            node_class="WINDOWS_SERVER",
            name="NWD-DC01",
            ip="10.1.0.10",
            os=windows("Windows Server 2022 Standard Edition", "20348", "21H2", booted=-34 * DAY),
            system=("Dell Inc.", "PowerEdge T350", "7JX4KT3", "SERVER"),
            memory=64 * GIB,
            processor=("Intel(R) Xeon(R) E-2378", 8, 16),
            volumes=[("C:", "System", 240 * GIB, 9 * GIB), ("D:", "Data", 1800 * GIB, 610 * GIB)],
            user="NWD\\administrator",
        ),
        agent(
            102,
            organization=1,
            location=11,
            node_class="WINDOWS_WORKSTATION",
            name="NWD-RECEPTION",
            ip="10.1.0.51",
            os=windows("Windows 11 Pro Edition", "22631", "23H2", booted=-3 * DAY),
            system=("HP", "HP ProDesk 400 G7", "8CC2210XYZ", "DESKTOP"),
            memory=16 * GIB,
            processor=("Intel(R) Core(TM) i5-10500", 6, 12),
            volumes=[("C:", "Windows", 476 * GIB, 201 * GIB)],
            user="NWD\\a.larsen",
        ),
        agent(
            103,
            organization=1,
            location=12,
            node_class="MAC",
            name="nwd-xray-mac",
            ip="10.1.1.20",
            os=unix("macOS Sonoma", "Apple", "23G93", booted=-11 * DAY),
            system=("Apple Inc.", "Mac14,3", "H2WL4Q1PWV", "DESKTOP"),
            memory=16 * GIB,
            processor=("Apple M2", 8, 8),
            volumes=[("/", "Macintosh HD", 494 * GIB, 120 * GIB)],
            user="xray",
        ),
        agent(
            201,
            organization=2,
            location=21,
            node_class="WINDOWS_SERVER",
            name="CTL-FILES01",
            ip="10.2.0.11",
            os=windows("Windows Server 2019 Standard Edition", "17763", "1809", booted=-61 * DAY),
            system=("HPE", "ProLiant DL380 Gen10", "CZ29350JJK", "SERVER"),
            memory=128 * GIB,
            processor=("Intel(R) Xeon(R) Silver 4214", 12, 24),
            volumes=[("C:", "System", 300 * GIB, 88 * GIB), ("E:", "Matters", 7000 * GIB, 290 * GIB)],
            user="CONTOSO\\svc-backup",
        ),
        agent(
            202,
            organization=2,
            location=21,
            node_class="WINDOWS_WORKSTATION",
            name="CTL-LT-BECKER",
            ip="192.168.178.23",
            os=windows("Windows 11 Pro Edition", "22631", "23H2", booted=-9 * DAY),
            system=("LENOVO", "21HES0AA00", "PF4KX1TL", "LAPTOP"),
            memory=32 * GIB,
            processor=("13th Gen Intel(R) Core(TM) i7-1355U", 10, 12),
            volumes=[("C:", "Windows", 953 * GIB, 700 * GIB)],
            user="CONTOSO\\m.becker",
            offline_since=-2 * DAY,
        ),
        agent(
            301,
            organization=3,
            location=31,
            node_class="LINUX_SERVER",
            name="fab-wms-01",
            ip="10.3.0.5",
            os=unix("Ubuntu 22.04.4 LTS", "Canonical", "5.15.0-107-generic", booted=-120 * DAY),
            system=("VMware, Inc.", "VMware7,1", "VMware-56 4d 1c 0a", "OTHER"),
            memory=32 * GIB,
            processor=("AMD EPYC 7313", 8, 8),
            volumes=[("/", "root", 200 * GIB, 13 * GIB)],
            user="deploy",
            virtual=True,
        ),
        agent(
            302,
            organization=3,
            location=31,
            node_class="WINDOWS_WORKSTATION",
            name="FAB-DISPATCH-2",
            ip="10.3.0.62",
            os=windows("Windows 10 Pro Edition", "19045", "22H2", booted=-1 * DAY),
            system=("Dell Inc.", "OptiPlex 7090", "4TQ8HG3", "DESKTOP"),
            memory=8 * GIB,
            processor=("Intel(R) Core(TM) i5-11500", 6, 12),
            volumes=[("C:", "OS", 237 * GIB, 31 * GIB)],
            user="FAB\\dispatch",
        ),
        device(
            303,
            organization=3,
            location=31,
            node_class="NMS_SWITCH",
            name="fab-core-sw1",
            ip="10.3.0.2",
            offline_since=None,
        ),
        device(
            304,
            organization=3,
            location=31,
            node_class="VMWARE_VM_HOST",
            name="fab-esx-01",
            ip="10.3.0.4",
            offline_since=None,
        ),
    )


def _alerts() -> tuple[Record, ...]:
    newest: Record = {
        "uid": uid("alert/dc01-disk"),
        "deviceId": 101,
        "message": "Free disk space on volume C: is below 5 % (9 GB of 240 GB free).",
        "createTime": -90.5,
        "updateTime": -90.5,
        "sourceType": "CONDITION_AGENT_DISK_FREE_SPACE",
        "sourceConfigUid": uid("condition/disk-free-space"),
        "sourceName": "Disk free space",
        "subject": "Low disk space on NWD-DC01",
        "severity": "CRITICAL",
        "priority": "HIGH",
        "conditionName": "Server disk free space",
        "conditionHealthStatus": "UNHEALTHY",
        "useGlobalHealthStatus": False,
        "data": {"message": {"code": "disk_free_space_below", "params": {"volume": "C:", "percent": "5"}}},
        "device": True,
    }
    return (
        newest,
        {
            "uid": uid("alert/files01-memory"),
            "deviceId": 201,
            "message": "Memory utilisation was above 95 % for 15 minutes.",
            "createTime": -25 * 60.0,
            "updateTime": -12 * 60.0,
            "sourceType": "CONDITION_AGENT_MEMORY",
            "sourceConfigUid": uid("condition/memory"),
            "sourceName": "Memory",
            "subject": "",
            "severity": "MAJOR",
            "priority": "MEDIUM",
            "conditionName": "Server memory",
            "conditionHealthStatus": "NEEDS_ATTENTION",
            "device": True,
        },
        {
            "uid": uid("alert/becker-offline"),
            "deviceId": 202,
            "message": "The device has been offline for 48 hours.",
            "createTime": -2 * _HOUR,
            "updateTime": -2 * _HOUR,
            "sourceType": "AGENT_OFFLINE",
            "sourceConfigUid": uid("condition/offline"),
            "sourceName": "",
            "subject": "",
            "severity": "MODERATE",
            "priority": "LOW",
            "device": True,
        },
        {  # neither severity nor priority
            "uid": uid("alert/wms-process"),
            "deviceId": 301,
            "message": "Process postgres uses more than 90 % CPU.",
            "createTime": -5 * _HOUR,
            "updateTime": -5 * _HOUR,
            "sourceType": "CONDITION_LINUX_PROCESS_RESOURCE_CPU",
            "sourceConfigUid": uid("condition/linux-process"),
            "sourceName": "Process CPU",
            "subject": "",
            "device": True,
        },
        {  # as little as has been seen in the field: no severity, priority, source type or device
            "uid": uid("alert/reception-custom-field"),
            "deviceId": 102,
            "message": "Custom field condition matched.",
            "createTime": -1 * DAY,
            "updateTime": -1 * DAY,
            "sourceConfigUid": uid("condition/custom-field"),
            "sourceName": "",
            "subject": "",
            "data": {
                "message": {
                    "code": "agent_customfields_matched",
                    "params": {"conditionName": "Warranty expires"},
                }
            },
        },
        {
            "uid": uid("alert/switch-port"),
            "deviceId": 303,
            "message": "Port 12 changed from up to down.",
            "createTime": -3 * DAY,
            "updateTime": -3 * DAY,
            "sourceType": "CONDITION_NMS_NETWORK_STATUS_CHANGE",
            "sourceConfigUid": uid("condition/port-status"),
            "sourceName": "Port status",
            "subject": "fab-core-sw1",
            "severity": "MINOR",
            "priority": "NONE",
        },
    )


def _activities(alerts: Iterable[Mapping[str, Any]]) -> tuple[Record, ...]:
    started: Record = {
        "id": 5000,
        "activityTime": -120 * DAY,
        "deviceId": 301,
        "activityType": "SYSTEM",
        "statusCode": "NODE_CREATED",
        "status": "Node Created",
        "activityResult": "SUCCESS",
        "message": "Device fab-wms-01 was added.",
        "type": "System",
        "subject": "fab-wms-01",
    }
    triggered = [
        {
            "id": 5001 + number,
            "activityTime": alert["createTime"],
            "deviceId": alert["deviceId"],
            "seriesUid": alert["uid"],
            "activityType": "CONDITION",
            "statusCode": "TRIGGERED",
            "status": "Triggered",
            "message": alert["message"],
            "type": "Condition",
            **{key: alert[key] for key in ("severity", "priority", "sourceConfigUid") if key in alert},
        }
        for number, alert in enumerate(sorted(alerts, key=lambda alert: float(alert["createTime"])))
    ]
    return (started, *triggered)


def _timed(value: Any, now: float) -> Any:
    """A deep copy with the times that stand at or below zero moved to ``now``."""
    if isinstance(value, Mapping):
        return {
            key: now + item if key in _TIME_KEYS and _is_relative(item) else _timed(item, now)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_timed(item, now) for item in value]
    return value


def _is_relative(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= 0
