"""
From NinjaOne's records to ours.

What the vendor sends is foreign text: characters that PostgreSQL refuses are taken out, and nothing is longer than the
column that it goes to.
"""

from __future__ import annotations

from typing import Any, Final

from workflow_core.records import assets, rmm
from workflow_ninjaone import client as vendor

SEVERITIES: Final = frozenset({"critical", "major", "moderate", "minor", "none"})

_GIB: Final = 1024**3

_SERVER_CLASSES: Final = frozenset(
    {"WINDOWS_SERVER", "LINUX_SERVER", "MAC_SERVER", "VMWARE_VM_HOST", "HYPERV_VMM_HOST"}
)
_MOBILE_CLASSES: Final = {"ANDROID": "android", "APPLE_IOS": "ios", "APPLE_IPADOS": "ipados"}
#: What NinjaOne has no agent on, or looks at from outside: it may be anything.
_UNKNOWN_CLASSES: Final = frozenset({"CLOUD_MONITOR_TARGET", "UNMANAGED_DEVICE", "MANAGED_DEVICE"})
_OS_TYPES: Final = (("WINDOWS", "windows"), ("LINUX", "linux"), ("MAC", "macos"))
_NETWORK_DEVICE_TYPES: Final = {
    "NMS_SWITCH": "switch",
    "NMS_ROUTER": "router",
    "NMS_PRIVATE_NETWORK_GATEWAY": "router",
    "NMS_FIREWALL": "firewall",
    "NMS_WAP": "access_point",
}


def clean(text: str | None, longest: int = 255) -> str | None:
    """Text that a column takes; None when nothing is left of it."""
    if text is None:
        return None
    whole = text if text.isascii() else text.encode("utf-8", "replace").decode()  # no half of a character
    return whole.replace("\x00", "").strip()[:longest] or None


# ── Devices ──────────────────────────────────────────────────────────────────────────────────────────────────────


def asset_type(node_class: str | None) -> str | None:
    """``server``, ``network_device``, ``mobile_device``, ``workstation``, ``unknown``; None: the vendor did not say."""
    if node_class is None:
        return None
    if node_class in _SERVER_CLASSES:
        return "server"
    if node_class in _MOBILE_CLASSES:
        return "mobile_device"
    if node_class in _UNKNOWN_CLASSES:
        return "unknown"
    return "network_device" if node_class.startswith("NMS_") else "workstation"


def agent_status(offline: bool | None) -> str | None:
    """``online`` or ``offline``; None when the vendor did not say."""
    if offline is None:
        return None
    return "offline" if offline else "online"


def device_name(device: vendor.Device) -> str:
    """What to call it: what people call it, else what it calls itself."""
    for name in (device.display_name, device.system_name, device.dns_name, device.netbios_name):
        if cleaned := clean(name):
            return cleaned
    return f"NinjaOne device {device.id}"


def reported_device(device: vendor.Device) -> assets.Device:
    """The device as core's records take it; whose it is has still to be said."""
    system = device.system or vendor.SystemInfo()
    serial_number = clean(system.serial_number) or clean(system.bios_serial_number)
    return assets.Device(
        device_id=str(device.id),
        name=device_name(device),
        asset_type=asset_type(device.node_class),
        organization_id=None if device.organization_id is None else str(device.organization_id),
        serial_number=serial_number,
        location=clean(device.location_name),
        agent_status=agent_status(device.offline),
        last_seen_at=device.last_contact_at,
        attributes=_attributes(device),
        details=_details(device),
    )


def _attributes(device: vendor.Device) -> dict[str, Any]:
    """What has no column of its own; ``hostname`` and ``dns_name`` are searched by ``ninjaone.devices.find``."""
    found = {
        "hostname": clean(device.system_name) or clean(device.netbios_name),
        "dns_name": clean(device.dns_name),
        "node_class": clean(device.node_class),
        "os_name": clean(device.os.name) if device.os else None,
        "ip_addresses": [address for ip in device.ip_addresses if (address := clean(ip))],
        "mac_addresses": [address for mac in device.mac_addresses if (address := clean(mac))],
    }
    return {name: value for name, value in found.items() if value}


def _details(device: vendor.Device) -> assets.DeviceDetails | None:
    match asset_type(device.node_class):
        case "server":
            addresses = [address for ip in device.ip_addresses if (address := clean(ip, 45))]
            return assets.ServerDetails(
                **_computer(device),
                is_virtual=device.system.virtual_machine if device.system else None,
                primary_ip=addresses[0] if addresses else None,
            )
        case "network_device":
            kind = _NETWORK_DEVICE_TYPES.get(device.node_class or "")
            addresses = [address for ip in device.ip_addresses if (address := clean(ip, 45))]
            if kind is None:  # a printer, a phone: the table knows only what switches and routes
                return None
            return assets.NetworkDeviceDetails(device_type=kind, management_ip=addresses[0] if addresses else None)
        case "mobile_device":
            return _mobile(device)
        case "workstation":
            return assets.WorkstationDetails(**_computer(device))
        case _:
            return None


def _mobile(device: vendor.Device) -> assets.MobileDeviceDetails:
    cellular = device.cellular[0] if device.cellular else vendor.Cellular()
    return assets.MobileDeviceDetails(
        os_type=_MOBILE_CLASSES.get(device.node_class or ""),
        os_version=clean(device.os.name) if device.os else None,
        model=clean(device.system.model) if device.system else None,
        imei=clean(cellular.imei),
        phone_number=clean(cellular.phone_number),
        carrier=clean(cellular.carrier),
        last_check_in=device.last_contact_at,
    )


def _computer(device: vendor.Device) -> dict[str, Any]:
    """The columns that servers and workstations share."""
    system = device.system
    memory = device.memory_bytes or (system.memory_bytes if system else None)
    cores = sum(processor.cores or 0 for processor in device.processors)
    addresses = [address for ip in device.ip_addresses if (address := clean(ip, 45))]
    return {
        "os_type": next((kind for word, kind in _OS_TYPES if word in (device.node_class or "")), None),
        "os_version": clean(device.os.name) if device.os else None,
        "cpu_model": clean(device.processors[0].name) if device.processors else None,
        "cpu_cores": cores or None,
        "ram_gb": round(memory / _GIB) if memory else None,
        "last_reboot_at": device.os.last_boot_at if device.os else None,
        "uptime_seconds": _uptime(device),
        "current_user": clean(device.last_logged_in_user),
        "lan_ip": addresses[0] if addresses else None,
        "wan_ip": clean(device.public_ip, 45),
        "disk_usage": [usage for volume in device.volumes if (usage := _volume(volume))] or None,
        "system_info": _system_info(system),
    }


def _uptime(device: vendor.Device) -> int | None:
    """Seconds from its last start to its last report, which are both on the vendor's clock."""
    booted, seen = device.os.last_boot_at if device.os else None, device.last_contact_at
    return int((seen - booted).total_seconds()) if booted is not None and seen is not None and seen >= booted else None


def _volume(volume: vendor.Volume) -> dict[str, Any] | None:
    if not volume.capacity_bytes or volume.capacity_bytes < 0:
        return None
    free = volume.free_bytes if volume.free_bytes is not None else None
    return {
        "name": clean(volume.name) or clean(volume.label),
        "total_gb": round(volume.capacity_bytes / _GIB, 2),
        "free_gb": None if free is None else round(free / _GIB, 2),
        "utilization_percent": None if free is None else round(100 * (1 - free / volume.capacity_bytes), 2),
    }


def _system_info(system: vendor.SystemInfo | None) -> dict[str, Any] | None:
    if system is None:
        return None
    found = {
        "manufacturer": clean(system.manufacturer),
        "model": clean(system.model),
        "chassis_type": clean(system.chassis_type),
        "domain": clean(system.domain),
        "is_virtual": system.virtual_machine,
    }
    return {name: value for name, value in found.items() if value is not None} or None


# ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def severity(word: str | None) -> str | None:
    """The vendor's word in our set; None when it is missing or unknown."""
    lower = (word or "").strip().lower()
    return lower if lower in SEVERITIES else None


def priority(word: str | None) -> str | None:
    """The vendor's word in small letters; None when it is missing."""
    return (clean(word, 20) or "").lower() or None


def title_of(*names: str | None, message: str | None) -> str | None:
    """One line: what the vendor calls an alert, else the beginning of its message."""
    return next((cleaned for name in names if (cleaned := clean(name))), None) or first_line(message)


def first_line(message: str | None) -> str | None:
    """The first line of a message."""
    cleaned = clean(message, 100_000)
    return clean(cleaned.splitlines()[0]) if cleaned else None


def reported_alert(alert: vendor.Alert) -> rmm.ReportedAlert:
    """The alert as core's records take it; which asset it is about has still to be said."""
    device = alert.device
    device_id = alert.device_id if alert.device_id is not None else (device.id if device else None)
    metadata: dict[str, Any] = {
        "title": title_of(alert.subject, alert.condition_name, alert.source_name, message=alert.message),
        "organization_id": str(device.organization_id) if device and device.organization_id is not None else None,
        "updated_at": alert.updated_at.isoformat() if alert.updated_at else None,
        "source_name": clean(alert.source_name),
    }
    return rmm.ReportedAlert(
        external_alert_id=alert.uid,
        severity=severity(alert.severity),
        external_device_id=None if device_id is None else str(device_id),
        priority=priority(alert.priority),
        source_type=clean(alert.source_type, 50),
        activity_type="CONDITION",
        message=clean(alert.message, 100_000),
        device_name=device_name(device) if device else None,
        triggered_at=alert.created_at,
        metadata={name: value for name, value in metadata.items() if value is not None},
    )
