"""What we read of NinjaOne's records, and tolerant functions that build it from decoded JSON.

Source of the shapes: the vendor's OpenAPI document for API version 2 (``Device``, ``Alert``, ``Organization``).
Tolerant means: an absent field and a field of the wrong type are ``None``, an unknown field is ignored, and only a
record without its identity (a device's or organization's ``id``, an alert's ``uid``) is not a record at all.
The vendor's times are epoch *seconds* with a fraction; here they are aware datetimes in UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import attrs

_T = TypeVar("_T")

#: An alert's ``uid``, a UUID: it goes into paths, and into the records of whoever remembers the alert.
ALERT_UID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

_LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


# ── The records ──────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class Organization:
    """A customer of the managed service provider.

    Attributes:
        id: The vendor's id: a small integer, unique within one NinjaOne account only.
        name: The display name.
        description: Free text.
    """

    id: int
    name: str | None = None
    description: str | None = None


@attrs.frozen
class OperatingSystem:
    """The operating system of an agent device (the vendor has no ``version`` field).

    Attributes:
        name: Such as ``Windows Server 2022 Standard Edition``.
        manufacturer: Such as ``Microsoft Corporation``.
        architecture: Such as ``64-bit``.
        build_number: Such as ``20348``.
        release_id: Such as ``21H2``.
        last_boot_at: When it last started; a newer value is the sign of a reboot.
        needs_reboot: Whether an update waits for a restart.
    """

    name: str | None = None
    manufacturer: str | None = None
    architecture: str | None = None
    build_number: str | None = None
    release_id: str | None = None
    last_boot_at: datetime | None = None
    needs_reboot: bool | None = None


@attrs.frozen
class SystemInfo:
    """The computer's hardware.

    Attributes:
        name: The computer name.
        manufacturer: Such as ``Dell Inc.``.
        model: Such as ``PowerEdge R650``.
        serial_number: The system's serial number.
        bios_serial_number: The BIOS's serial number, often the same.
        domain: The Windows domain or work group.
        chassis_type: Such as ``LAPTOP``.
        virtual_machine: Whether it is virtual.
        memory_bytes: Physical memory as the system reports it, in bytes; see also :attr:`Device.memory_bytes`.
    """

    name: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial_number: str | None = None
    bios_serial_number: str | None = None
    domain: str | None = None
    chassis_type: str | None = None
    virtual_machine: bool | None = None
    memory_bytes: int | None = None


@attrs.frozen
class Processor:
    """One processor.

    Attributes:
        name: Such as ``Intel(R) Xeon(R) Gold 6330``.
        architecture: Such as ``x64``.
        cores: Physical cores (the vendor's ``numCores``).
        logical_cores: Threads (``numLogicalCores``).
        max_clock_hertz: The vendor's ``maxClockSpeed``.
    """

    name: str | None = None
    architecture: str | None = None
    cores: int | None = None
    logical_cores: int | None = None
    max_clock_hertz: int | None = None


@attrs.frozen
class Volume:
    """One volume.

    Attributes:
        name: Such as ``C:``.
        label: Such as ``System``.
        file_system: Such as ``NTFS``.
        capacity_bytes: Its size.
        free_bytes: What is free of it.
    """

    name: str | None = None
    label: str | None = None
    file_system: str | None = None
    capacity_bytes: int | None = None
    free_bytes: int | None = None


@attrs.frozen
class Cellular:
    """What a phone or a tablet has of the telephone network.

    Attributes:
        imei: The number of the hardware.
        phone_number: Under which it is called.
        carrier: Whose network it uses.
    """

    imei: str | None = None
    phone_number: str | None = None
    carrier: str | None = None


@attrs.frozen
class Device:
    """A device, as a list, a search, an alert or the single-device call gives it.

    The lower half is filled by the detailed calls only, and for devices with an agent.

    Attributes:
        id: The vendor's id: a small integer, unique within one NinjaOne account only.
        uid: A UUID.
        organization_id: The organization that owns it.
        location_id: Where in the organization.
        parent_device_id: For example the host of a virtual machine.
        node_class: Such as ``WINDOWS_SERVER`` or ``NMS_SWITCH``.
        approval_status: ``PENDING``, ``STAGED``, ``APPROVED`` or ``DECOMMISSIONED``.
        offline: Whether the agent is out of contact; ``None`` when the vendor did not say.
        display_name: The name that technicians gave it.
        system_name: The name that it has itself.
        dns_name: Its DNS name.
        netbios_name: Its NetBIOS name.
        created_at: When NinjaOne first saw it.
        last_contact_at: When its agent last reported.
        last_update_at: When its record last changed.
        tags: Its tags.
        organization_name: From the expanded references, when there are any.
        location_name: From the expanded references, when there are any.
        ip_addresses: Its own addresses.
        mac_addresses: Its network hardware's addresses.
        public_ip: The address that it is seen from.
        device_type: The vendor's free word for the kind of device.
        last_logged_in_user: Who last logged in.
        os: The operating system.
        system: The hardware.
        memory_bytes: Installed memory (``memory.capacity``, which stands at the device's root).
        processors: The processors.
        volumes: The volumes.
        cellular: Of phones and tablets.
    """

    id: int
    uid: str | None = None
    organization_id: int | None = None
    location_id: int | None = None
    parent_device_id: int | None = None
    node_class: str | None = None
    approval_status: str | None = None
    offline: bool | None = None
    display_name: str | None = None
    system_name: str | None = None
    dns_name: str | None = None
    netbios_name: str | None = None
    created_at: datetime | None = None
    last_contact_at: datetime | None = None
    last_update_at: datetime | None = None
    tags: tuple[str, ...] = ()
    organization_name: str | None = None
    location_name: str | None = None

    ip_addresses: tuple[str, ...] = ()
    mac_addresses: tuple[str, ...] = ()
    public_ip: str | None = None
    device_type: str | None = None
    last_logged_in_user: str | None = None
    os: OperatingSystem | None = None
    system: SystemInfo | None = None
    memory_bytes: int | None = None
    processors: tuple[Processor, ...] = ()
    volumes: tuple[Volume, ...] = ()
    cellular: tuple[Cellular, ...] = ()


@attrs.frozen
class Alert:
    """An active alert (a *triggered condition*); one that was reset is in no list any more.

    Attributes:
        uid: Its identity, and the ``seriesUid`` of its activities.
        device_id: The device that it is about.
        message: What happened, for a person.
        subject: A title, often empty.
        created_at: When it was triggered.
        updated_at: When it last changed.
        severity: ``NONE``, ``MINOR``, ``MODERATE``, ``MAJOR`` or ``CRITICAL``; often absent.
        priority: ``NONE``, ``LOW``, ``MEDIUM`` or ``HIGH``; often absent.
        source_type: The kind of condition, such as ``CONDITION_AGENT_DISK_FREE_SPACE``; may be absent.
        source_name: The condition's own name, may be empty.
        source_config_uid: Which condition of which policy triggered it.
        condition_name: The condition's display name.
        condition_health_status: ``UNKNOWN``, ``HEALTHY``, ``NEEDS_ATTENTION`` or ``UNHEALTHY``.
        device: The device in its short form, when the vendor sends it along.
    """

    uid: str
    device_id: int | None = None
    message: str | None = None
    subject: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    severity: str | None = None
    priority: str | None = None
    source_type: str | None = None
    source_name: str | None = None
    source_config_uid: str | None = None
    condition_name: str | None = None
    condition_health_status: str | None = None
    device: Device | None = None


@attrs.frozen
class AlertList:
    """All active alerts at one moment.

    Attributes:
        alerts: In the vendor's order, which is not documented.
        left_out: How many entries had no ``uid`` by which they could be named.
    """

    alerts: tuple[Alert, ...]
    left_out: int = 0


@attrs.frozen
class Activity:
    """Something that happened in the account.

    Attributes:
        id: Rises with every activity of the account.
        at: When it happened, on the vendor's clock.
        activity_type: Such as ``SYSTEM``.
        status_code: Such as ``SYSTEM_REBOOTED``.
        series_uid: What it belongs to: the alert's uid, the job's.
        device_id: The device that it is about, if it is about one.
        severity: As of an alert; often absent.
        priority: As of an alert; often absent.
        source_name: What caused it, such as a condition or a script.
        subject: A title, often empty.
        message: What happened, for a person.
        data: Whatever else the vendor tells.
        device: The device in its short form, when the vendor sends it along.
    """

    id: int
    at: datetime | None = None
    activity_type: str | None = None
    status_code: str | None = None
    series_uid: str | None = None
    device_id: int | None = None
    severity: str | None = None
    priority: str | None = None
    source_name: str | None = None
    subject: str | None = None
    message: str | None = None
    data: Mapping[str, Any] = attrs.Factory(dict)
    device: Device | None = None


# ── Reading them ─────────────────────────────────────────────────────────────────────────────────────────────────


def parse_organization(value: object) -> Organization | None:
    """The organization in ``value``, or ``None`` when it has no ``id``."""
    record = _mapping(value)
    identity = _int(record, "id")
    if identity is None:
        return None
    return Organization(id=identity, name=_text(record, "name"), description=_text(record, "description"))


def parse_device(value: object) -> Device | None:
    """The device in ``value``, or ``None`` when it has no ``id``."""
    record = _mapping(value)
    identity = _int(record, "id")
    if identity is None:
        return None
    references = _mapping(record.get("references"))
    return Device(
        id=identity,
        uid=_text(record, "uid"),
        organization_id=_int(record, "organizationId"),
        location_id=_int(record, "locationId"),
        parent_device_id=_int(record, "parentDeviceId"),
        node_class=_text(record, "nodeClass"),
        approval_status=_text(record, "approvalStatus"),
        offline=_bool(record, "offline"),
        display_name=_text(record, "displayName"),
        system_name=_text(record, "systemName"),
        dns_name=_text(record, "dnsName"),
        netbios_name=_text(record, "netbiosName"),
        created_at=parse_time(record.get("created")),
        last_contact_at=parse_time(record.get("lastContact")),
        last_update_at=parse_time(record.get("lastUpdate")),
        tags=_texts(record, "tags"),
        organization_name=_text(_mapping(references.get("organization")), "name"),
        location_name=_text(_mapping(references.get("location")), "name"),
        ip_addresses=_texts(record, "ipAddresses"),
        mac_addresses=_texts(record, "macAddresses"),
        public_ip=_text(record, "publicIP"),
        device_type=_text(record, "deviceType"),
        last_logged_in_user=_text(record, "lastLoggedInUser"),
        os=_optional(record.get("os"), _parse_operating_system),
        system=_optional(record.get("system"), _parse_system),
        memory_bytes=_int(_mapping(record.get("memory")), "capacity"),
        processors=_each(record.get("processors"), _parse_processor),
        volumes=_each(record.get("volumes"), _parse_volume),
        cellular=_each(record.get("network"), _parse_cellular),
    )


def _parse_cellular(record: Mapping[str, Any]) -> Cellular:
    return Cellular(
        imei=_text(record, "imei"), phone_number=_text(record, "phoneNumber"), carrier=_text(record, "carrier")
    )


def parse_alert(value: object) -> Alert | None:
    """The alert in ``value``, or ``None`` when it has no ``uid`` by which it could be named (:data:`ALERT_UID`)."""
    record = _mapping(value)
    uid = _text(record, "uid")
    if uid is None or ALERT_UID.fullmatch(uid) is None:
        return None
    return Alert(
        uid=uid,
        device_id=_int(record, "deviceId"),
        message=_text(record, "message"),
        subject=_text(record, "subject"),
        created_at=parse_time(record.get("createTime")),
        updated_at=parse_time(record.get("updateTime")),
        severity=_text(record, "severity"),
        priority=_text(record, "priority"),
        source_type=_text(record, "sourceType"),
        source_name=_text(record, "sourceName"),
        source_config_uid=_text(record, "sourceConfigUid"),
        condition_name=_text(record, "conditionName"),
        condition_health_status=_text(record, "conditionHealthStatus"),
        device=parse_device(record.get("device")),
    )


def parse_activity(value: object) -> Activity | None:
    """The activity in ``value``, or ``None`` when it has no ``id``."""
    record = _mapping(value)
    identity = _int(record, "id")
    if identity is None:
        return None
    return Activity(
        id=identity,
        at=parse_time(record.get("activityTime")),
        activity_type=_text(record, "activityType"),
        status_code=_text(record, "statusCode"),
        series_uid=_text(record, "seriesUid"),
        device_id=_int(record, "deviceId"),
        severity=_text(record, "severity"),
        priority=_text(record, "priority"),
        source_name=_text(record, "sourceName"),
        subject=_text(record, "subject"),
        message=_text(record, "message"),
        data=_mapping(record.get("data")),
        device=parse_device(record.get("device")),
    )


def parse_time(value: object) -> datetime | None:
    """An aware UTC datetime from epoch seconds.

    Args:
        value: Seconds since 1970 as a number, with a fraction. Zero and less stand for *never* and give ``None``,
            as does what cannot be a time in seconds (milliseconds are beyond the year 9999).
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 < value < _LATEST:  # also false for NaN
        return None
    return datetime.fromtimestamp(value, UTC)


def _parse_operating_system(record: Mapping[str, Any]) -> OperatingSystem:
    return OperatingSystem(
        name=_text(record, "name"),
        manufacturer=_text(record, "manufacturer"),
        architecture=_text(record, "architecture"),
        build_number=_text(record, "buildNumber"),
        release_id=_text(record, "releaseId"),
        last_boot_at=parse_time(record.get("lastBootTime")),
        needs_reboot=_bool(record, "needsReboot"),
    )


def _parse_system(record: Mapping[str, Any]) -> SystemInfo:
    return SystemInfo(
        name=_text(record, "name"),
        manufacturer=_text(record, "manufacturer"),
        model=_text(record, "model"),
        serial_number=_text(record, "serialNumber"),
        bios_serial_number=_text(record, "biosSerialNumber"),
        domain=_text(record, "domain"),
        chassis_type=_text(record, "chassisType"),
        virtual_machine=_bool(record, "virtualMachine"),
        memory_bytes=_int(record, "totalPhysicalMemory"),
    )


def _parse_processor(record: Mapping[str, Any]) -> Processor:
    return Processor(
        name=_text(record, "name"),
        architecture=_text(record, "architecture"),
        cores=_int(record, "numCores"),
        logical_cores=_int(record, "numLogicalCores"),
        max_clock_hertz=_int(record, "maxClockSpeed"),
    )


def _parse_volume(record: Mapping[str, Any]) -> Volume:
    return Volume(
        name=_text(record, "name"),
        label=_text(record, "label"),
        file_system=_text(record, "fileSystem"),
        capacity_bytes=_int(record, "capacity"),
        free_bytes=_int(record, "freeSpace"),
    )


# ── Single fields ────────────────────────────────────────────────────────────────────────────────────────────────


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) else None


def _int(record: Mapping[str, Any], key: str) -> int | None:
    value = record.get(key)
    if isinstance(value, bool):  # true is an int to Python, not to the vendor
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return None


def _bool(record: Mapping[str, Any], key: str) -> bool | None:
    value = record.get(key)
    return value if isinstance(value, bool) else None


def _texts(record: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = record.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _optional(value: object, parse: Callable[[Mapping[str, Any]], _T]) -> _T | None:
    return parse(value) if isinstance(value, Mapping) else None


def _each(value: object, parse: Callable[[Mapping[str, Any]], _T]) -> tuple[_T, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(parse(item) for item in value if isinstance(item, Mapping))
