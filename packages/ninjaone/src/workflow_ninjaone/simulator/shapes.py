"""How a device looks in the vendor's JSON: the forms that seeded and generated devices share."""

from __future__ import annotations

import uuid
from typing import Any

Record = dict[str, Any]

DAY = 24 * 3600.0
GIB = 1024**3

BASE_DEVICE_FIELDS = (
    *("id", "uid", "assignedOwnerUid", "parentDeviceId", "organizationId", "locationId", "nodeClass"),
    *("nodeRoleId", "rolePolicyId", "policyId", "approvalStatus", "offline", "displayName", "systemName"),
    *("dnsName", "netbiosName", "created", "lastContact", "lastUpdate", "userData", "tags", "maintenance"),
)
"""What lists, searches and alerts tell of a device."""

DEVICE_FIELDS = frozenset(
    {
        *BASE_DEVICE_FIELDS,
        *("ipAddresses", "macAddresses", "publicIP", "notes", "deviceType"),
        *("os", "system", "memory", "processors", "volumes", "network", "lastLoggedInUser"),
    }
)
"""What any device can have in its full form."""

_NAMESPACE = uuid.UUID("5b0f3f4e-6f0c-5d5c-9a52-0b6a1c3d7e10")


def uid(name: str) -> str:
    """The UUID of the record with this name: always the same."""
    return str(uuid.uuid5(_NAMESPACE, name))


def short(record: Record) -> Record:
    """A device in the form that lists, searches and alerts have."""
    return {key: record[key] for key in BASE_DEVICE_FIELDS if key in record}


def device(
    identity: int,
    *,
    organization: int,
    location: int,
    node_class: str,
    name: str,
    ip: str,
    offline_since: float | None,
) -> Record:
    """What every device has.

    Args:
        identity: Its id, from which the rest of its numbers follow.
        organization: Whose it is.
        location: Where it stands.
        node_class: The vendor's class.
        name: Its name in all its forms.
        ip: Its address in its network.
        offline_since: When it was last heard of; ``None`` for a device that is online.
    """
    contact = -20.0 - identity % 7 if offline_since is None else offline_since
    number = f"{identity:08X}"
    mac = f"02:5E:{number[0:2]}:{number[2:4]}:{number[4:6]}:{number[6:8]}"
    return {
        "id": identity,
        "uid": uid(f"device/{identity}"),
        "organizationId": organization,
        "locationId": location,
        "nodeClass": node_class,
        "nodeRoleId": 200 + identity % 5,
        "rolePolicyId": 50,
        "policyId": 50,
        "approvalStatus": "APPROVED",
        "offline": offline_since is not None,
        "displayName": name,
        "systemName": name,
        "dnsName": f"{name.lower()}.example.test",
        "netbiosName": name.upper()[:15],
        "created": -400 * DAY - identity,
        "lastContact": contact,
        "lastUpdate": contact,
        "userData": {},
        "tags": [],
        "ipAddresses": [ip],
        "macAddresses": [mac],
        "publicIP": f"203.0.113.{organization}",
        "notes": [],
    }


def agent(
    identity: int,
    *,
    organization: int,
    location: int,
    node_class: str,
    name: str,
    ip: str,
    os: Record,
    system: tuple[str, str, str, str],
    memory: int,
    processor: tuple[str, int, int],
    volumes: list[tuple[str, str, int, int]],
    user: str,
    offline_since: float | None = None,
    virtual: bool = False,
) -> Record:
    """A computer with the vendor's agent: a device with system, memory, processor and volumes.

    Args:
        identity: As for :func:`device`, like all down to ``ip``.
        organization: Whose it is.
        location: Where it stands.
        node_class: The vendor's class.
        name: Its name in all its forms.
        ip: Its address in its network.
        os: Its operating system.
        system: Manufacturer, model, serial number and chassis.
        memory: In bytes.
        processor: Name, cores and logical cores.
        volumes: Name or drive letter, label, capacity and free bytes of each.
        user: Who was last logged in.
        offline_since: When it was last heard of; ``None`` for a device that is online.
        virtual: Whether it is a virtual machine.
    """
    manufacturer, model, serial, chassis = system
    processor_name, cores, logical_cores = processor
    return {
        **device(
            identity,
            organization=organization,
            location=location,
            node_class=node_class,
            name=name,
            ip=ip,
            offline_since=offline_since,
        ),
        "os": os,
        "system": {
            "name": name,
            "manufacturer": manufacturer,
            "model": model,
            "biosSerialNumber": serial,
            "serialNumber": serial,
            "domain": "WORKGROUP",
            "domainRole": "Member Server" if node_class.endswith("SERVER") else "Member Workstation",
            "numberOfProcessors": 1,
            "totalPhysicalMemory": memory,
            "virtualMachine": virtual,
            "chassisType": chassis,
        },
        "memory": {"capacity": memory},
        "processors": [
            {
                "architecture": "arm64" if "Apple" in processor_name else "x64",
                "maxClockSpeed": 3_000_000_000,
                "clockSpeed": 2_600_000_000,
                "name": processor_name,
                "numCores": cores,
                "numLogicalCores": logical_cores,
            }
        ],
        "volumes": [
            {
                "name": drive,
                **({"driveLetter": drive} if drive.endswith(":") else {}),
                "label": label,
                "deviceType": "Local Disk",
                "fileSystem": "NTFS" if drive.endswith(":") else "ext4",
                "autoMount": True,
                "compressed": False,
                "capacity": capacity,
                "freeSpace": free,
                "serialNumber": f"{identity:08X}",
            }
            for drive, label, capacity, free in volumes
        ],
        "deviceType": "AGENT_DEVICE",
        "lastLoggedInUser": user,
    }


def windows(name: str, build: str, release: str, *, booted: float) -> Record:
    """An operating system of Microsoft's."""
    return {
        "manufacturer": "Microsoft Corporation",
        "name": name,
        "architecture": "64-bit",
        "lastBootTime": booted,
        "buildNumber": build,
        "releaseId": release,
        "servicePackMajorVersion": 0,
        "servicePackMinorVersion": 0,
        "locale": "0409",
        "language": "en-US",
        "needsReboot": False,
    }


def unix(name: str, manufacturer: str, build: str, *, booted: float) -> Record:
    """Any other."""
    return {
        "manufacturer": manufacturer,
        "name": name,
        "architecture": "64-bit",
        "lastBootTime": booted,
        "buildNumber": build,
        "locale": "en_US",
        "needsReboot": False,
    }
