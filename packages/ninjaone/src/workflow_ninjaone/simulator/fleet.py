"""A fleet of any size, made as it is looked at: a device costs memory only once something has happened to it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from heapq import merge

import attrs

from workflow_ninjaone.simulator.shapes import DAY, GIB, Record, agent, device, short, unix, windows

FIRST_DEVICE = 100_001
FIRST_ORGANIZATION = 1_001
DEVICES_PER_ORGANIZATION = 100
MAX_FLEET = 1_000_000

_STEP = 3  # the vendor's ids have gaps

_NODE_CLASSES = (
    *("WINDOWS_SERVER", "WINDOWS_WORKSTATION", "LINUX_WORKSTATION", "MAC", "ANDROID", "APPLE_IOS", "APPLE_IPADOS"),
    *("VMWARE_VM_HOST", "VMWARE_VM_GUEST", "HYPERV_VMM_HOST", "HYPERV_VMM_GUEST", "LINUX_SERVER", "MAC_SERVER"),
    *("CLOUD_MONITOR_TARGET", "NMS_SWITCH", "NMS_ROUTER", "NMS_FIREWALL", "NMS_PRIVATE_NETWORK_GATEWAY"),
    *("NMS_PRINTER", "NMS_SCANNER", "NMS_DIAL_MANAGER", "NMS_WAP", "NMS_IPSLA", "NMS_COMPUTER", "NMS_VM_HOST"),
    *("NMS_APPLIANCE", "NMS_OTHER", "NMS_SERVER", "NMS_PHONE", "NMS_VIRTUAL_MACHINE"),
    *("NMS_NETWORK_MANAGEMENT_AGENT", "UNMANAGED_DEVICE", "MANAGED_DEVICE"),
)
#: One class after the other: each of them once, and as many computers again.
_MIX = (*_NODE_CLASSES, *("WINDOWS_WORKSTATION",) * 40, *("WINDOWS_SERVER",) * 16, *("MAC",) * 8)

_OFFLINE_EVERY = 20


@attrs.frozen
class Fleet:
    """Generated customers and their devices: always the same for the same size.

    Attributes:
        size: How many devices.
        now: The moment that their times are relative to, in epoch seconds.
    """

    size: int
    now: float

    @property
    def ids(self) -> range:
        """The ids of the devices, ascending."""
        return range(FIRST_DEVICE, FIRST_DEVICE + self.size * _STEP, _STEP)

    def organizations(self) -> Iterator[Record]:
        """One for each hundred devices."""
        for number in range(-(-self.size // DEVICES_PER_ORGANIZATION)):
            yield {
                "id": FIRST_ORGANIZATION + number,
                "name": f"Customer {number + 1:04d}",
                "description": "",
                "nodeApprovalMode": "AUTOMATIC",
                "userData": {},
            }

    def locations(self) -> Iterator[Record]:
        """One for each organization, with the same id."""
        for organization in self.organizations():
            yield {
                "id": organization["id"],
                "organizationId": organization["id"],
                "name": "Main office",
                "address": "",
                "description": "",
                "userData": {},
            }

    def device(self, identity: int) -> Record:
        """The device with one of :attr:`ids`, in its full form."""
        number = (identity - FIRST_DEVICE) // _STEP
        node_class = _MIX[number % len(_MIX)]
        organization = FIRST_ORGANIZATION + number // DEVICES_PER_ORGANIZATION
        offline_since = self.now - 3 * DAY if number % _OFFLINE_EVERY == _OFFLINE_EVERY - 1 else None
        name = f"DEV-{identity}"
        ip = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        if node_class.startswith(("WINDOWS_", "LINUX_", "MAC")):
            server = node_class.endswith("_SERVER")
            record = agent(
                identity,
                organization=organization,
                location=organization,
                node_class=node_class,
                name=name,
                ip=ip,
                os=_os(node_class, self.now - (1 + identity % 60) * DAY),
                system=(*_hardware(node_class), f"SN{identity:08d}", "SERVER" if server else "LAPTOP"),
                memory=(64 if server else 16) * GIB,
                processor=("Intel(R) Xeon(R) Gold 6330", 28, 56) if server else ("Intel(R) Core(TM) i7-1355U", 10, 12),
                volumes=[("C:" if node_class.startswith("WINDOWS") else "/", "System", 476 * GIB, 100 * GIB)],
                user=f"user{identity % 1000}",
                offline_since=offline_since,
            )
        else:
            record = device(
                identity,
                organization=organization,
                location=organization,
                node_class=node_class,
                name=name,
                ip=ip,
                offline_since=offline_since,
            )
            if node_class in {"ANDROID", "APPLE_IOS", "APPLE_IPADOS"}:
                record |= _mobile(identity, name, node_class)
        record["created"] += self.now
        if offline_since is None:
            record["lastContact"] = record["lastUpdate"] = self.now + record["lastContact"]
        return record


def _os(node_class: str, booted: float) -> Record:
    if node_class.startswith("MAC"):
        return unix("macOS Sonoma", "Apple", "23G93", booted=booted)
    if node_class.startswith("LINUX"):
        return unix("Ubuntu 22.04.4 LTS", "Canonical", "5.15.0-107-generic", booted=booted)
    if node_class == "WINDOWS_SERVER":
        return windows("Windows Server 2022 Standard Edition", "20348", "21H2", booted=booted)
    return windows("Windows 11 Pro Edition", "22631", "23H2", booted=booted)


def _hardware(node_class: str) -> tuple[str, str]:
    if node_class.startswith("MAC"):
        return "Apple Inc.", "Mac14,3"
    return ("Dell Inc.", "PowerEdge R650") if node_class.endswith("_SERVER") else ("LENOVO", "21HES0AA00")


def _mobile(identity: int, name: str, node_class: str) -> Record:
    maker, model = ("Samsung", "SM-S911B") if node_class == "ANDROID" else ("Apple Inc.", "iPhone15,2")
    return {
        "system": {
            "displayName": name,
            "name": name,
            "manufacturer": maker,
            "model": model,
            "serialNumber": f"SN{identity:08d}",
            "build": "21F90",
        },
        "memory": {"capacity": 6 * GIB},
        "network": [{"imei": f"35{identity:013d}", "phoneNumber": "+15550100", "carrier": "Example Mobile"}],
        "volumes": [{"name": "Internal", "capacity": 128 * GIB, "freeSpace": 40 * GIB}],
        "deviceType": "MDM_DEVICE",
    }


class Devices(MutableMapping[int, Record]):
    """All devices of the account by id, ascending: records that are kept, and those of a fleet, made when looked at.

    Args:
        records: Those that are kept.
        fleet: The generated ones.
        gone: Ids of the fleet that are no more.
    """

    def __init__(self, records: Iterable[Record], fleet: Fleet, gone: Iterable[int] = ()) -> None:
        self._kept = {record["id"]: record for record in records}
        self._fleet = fleet
        self._gone = set(gone)
        self._others = sorted(identity for identity in self._kept if identity not in fleet.ids)

    def __getitem__(self, identity: int) -> Record:
        """The record. One of a fleet is a copy until :meth:`edit` has kept it."""
        kept = self._kept.get(identity)
        if kept is not None:
            return kept
        if identity in self._fleet.ids and identity not in self._gone:
            return self._fleet.device(identity)
        raise KeyError(identity)

    def __contains__(self, identity: object) -> bool:
        return identity in self._kept or (identity in self._fleet.ids and identity not in self._gone)

    def __iter__(self) -> Iterator[int]:
        return self.ids_after(0)

    def __len__(self) -> int:
        return len(self._others) + self._fleet.size - len(self._gone)

    @property
    def kept(self) -> list[Record]:
        """The records that are kept: seeded, added and changed ones."""
        return list(self._kept.values())

    @property
    def gone(self) -> list[int]:
        """The ids of the fleet that are no more."""
        return sorted(self._gone)

    def ids_after(self, border: int) -> Iterator[int]:
        """The ids above one, ascending."""
        others = self._others[bisect_right(self._others, border) :]
        ids = self._fleet.ids
        first = max(0, (border - ids.start) // ids.step + 1)
        generated = (identity for identity in ids[first:] if identity not in self._gone)
        return merge(others, generated) if others else generated

    def chosen(self, pick: Callable[[int], int]) -> Record | None:
        """Any device.

        Args:
            pick: A number from 0 up to, not including, the one given.
        """
        total = len(self._others) + self._fleet.size
        if total == 0:
            return None
        number = pick(total)
        others = len(self._others)
        return self.get(self._others[number] if number < others else self._fleet.ids[number - others])

    def short(self, identity: int) -> Record:
        """A device in the form that lists, searches and alerts have."""
        return short(self[identity])

    def edit(self, identity: int) -> Record:
        """The record itself, to be changed; it is kept from now on.

        Raises:
            KeyError: There is none.
        """
        record = self._kept.get(identity)
        if record is None:
            record = self._kept[identity] = self[identity]
        return record

    def __setitem__(self, identity: int, record: Record) -> None:
        """Keeps a device, such as one that was gone."""
        self._gone.discard(identity)
        self._kept[identity] = record
        if identity not in self._fleet.ids and identity not in self._others:
            self._others.insert(bisect_right(self._others, identity), identity)

    def __delitem__(self, identity: int) -> None:
        if identity not in self:
            raise KeyError(identity)
        self._kept.pop(identity, None)
        if identity in self._fleet.ids:
            self._gone.add(identity)
        else:
            self._others.remove(identity)
