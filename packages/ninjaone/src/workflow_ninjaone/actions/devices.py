"""The device actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs

from workflow_core.actions import ActionContext, Happened, SentEffect, Unknown, Verdict
from workflow_core.errors import NotFoundError
from workflow_core.storage.database import Connection
from workflow_ninjaone import client as vendor
from workflow_ninjaone.actions import local
from workflow_ninjaone.actions.access import Access, active_integration, nothing_done_yet
from workflow_ninjaone.actions.normalise import clean
from workflow_ninjaone.actions.shapes import (
    Device,
    FindDevices,
    FoundDevices,
    RebootDevice,
    RequestedReboot,
    SyncDevice,
    SyncedDevice,
)
from workflow_ninjaone.fleet import store_devices

_LONGEST_SEARCH = 200
"""How many devices a search asks for when some of them are filtered out here."""


class DeviceActions:
    """
    The handlers.

    Args:
        access: Makes clients.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    async def find(self, given: FindDevices, ctx: ActionContext) -> FoundDevices:
        """Finds devices: among our assets, or with ``live`` in NinjaOne."""
        async with ctx.transaction() as connection:
            integration = await active_integration(connection, ctx.tenant)
            if not given.live:
                return await local.find_devices(connection, ctx.tenant, given)
            wanted = await _device_id(connection, ctx.tenant, given)
        if given.asset_id is not None and wanted is None:
            return FoundDevices(devices=(), count=0, total=0)  # an asset that is no device of NinjaOne, or another one
        client = await self._access.client(ctx, integration)
        live = await _ask(client, given, wanted)
        async with ctx.transaction() as connection:
            known = await local.known_devices(connection, ctx.tenant, [str(device.id) for device in live.devices])
        found = tuple(_live_device(device, known.get(str(device.id))) for device in live.devices)
        return FoundDevices(devices=found, count=len(found), total=live.total, cursor=live.cursor)

    async def sync(self, given: SyncDevice, ctx: ActionContext) -> SyncedDevice:
        """
        Makes the asset of a device what NinjaOne reports: the asset, its type's row, and the mapping.

        Raises:
            Refused: The device could not be read, so nothing was written.
        """
        with nothing_done_yet():
            integration, client = await self._access.connect(ctx)
            device = await client.get_device(given.device_id)
        device_id = str(device.id)
        async with ctx.transaction() as connection:
            stored = await store_devices(connection, ctx.tenant, integration.integration_id, [device])
        return SyncedDevice(synced=True, external_device_id=device_id, asset_id=stored[device_id].asset_id)

    async def prepare_reboot(self, given: RebootDevice, ctx: ActionContext) -> dict[str, Any]:
        """
        Sees that the account lets us in and has the device: what fails here has certainly not rebooted anything.

        Gives what was known of the device's reboots, and what NinjaOne's clock showed, before ours was asked for.

        Raises:
            NotFoundError: The account has no such device.
            WorkflowError: The connection or its credentials do not serve.
        """
        _, client = await self._access.connect(ctx)
        reboots = await client.list_reboots(given.device_id)
        observed = await client.observe_device(given.device_id)
        return {
            "last_reboot_id": max((reboot.id for reboot in reboots), default=0),
            "last_boot_at": _moment(_booted_at(observed.device)),
            "vendor_time": _moment(observed.at),
        }

    async def reboot(self, given: RebootDevice, ctx: ActionContext) -> RequestedReboot:
        """
        Asks a device to restart; it is sent once.

        Raises:
            Refused: Certainly nothing was done.
            WorkflowError: Nobody knows whether NinjaOne has taken the command.
        """
        with nothing_done_yet():
            _, client = await self._access.connect(ctx)
        await client.reboot_device(given.device_id, given.mode, given.reason)
        return _requested(given)

    async def reconcile_reboot(self, given: RebootDevice, ctx: ActionContext, sent: SentEffect) -> Verdict:
        """
        Looks whether a device has rebooted since it was asked to, on NinjaOne's clock.

        That it has not, or that it has not been reported yet, proves nothing: it may still be about to.
        """
        since = _read_moment(sent.prepared, "vendor_time")
        if since is None:
            return Unknown("It is not known what NinjaOne's clock showed when the reboot was asked for.")
        _, client = await self._access.connect(ctx)
        for reboot in await client.list_reboots(given.device_id):
            # A reboot before ours may be reported after it: its time tells. The second that they may share: its id.
            if reboot.at is not None and reboot.at >= since and reboot.id > sent.prepared["last_reboot_id"]:
                return Happened(_requested(given))
        device = await client.get_device(given.device_id)
        booted, seen = _booted_at(device), _read_moment(sent.prepared, "last_boot_at")
        if booted is not None and booted >= since and (seen is None or booted > seen):
            return Happened(_requested(given))
        state = "offline" if device.offline else "online"
        return Unknown(f"NinjaOne shows no reboot of device {device.id} since {since:%Y-%m-%d %H:%M:%S} UTC ({state}).")


def _requested(given: RebootDevice) -> RequestedReboot:
    return RequestedReboot(reboot_requested=True, external_device_id=str(given.device_id))


def _booted_at(device: vendor.Device) -> datetime | None:
    return device.os.last_boot_at if device.os else None


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read_moment(prepared: Any, name: str) -> datetime | None:
    text = None if prepared is None else prepared[name]
    return None if text is None else datetime.fromisoformat(text)


async def _device_id(connection: Connection, tenant: UUID, given: FindDevices) -> int | None:
    """The one device that ``device_id`` and ``asset_id`` name; None when they name none, or two."""
    if given.asset_id is None:
        return given.device_id
    of_asset = await local.device_id_of(connection, tenant, given.asset_id)
    return of_asset if given.device_id in (None, of_asset) else None


@attrs.frozen
class _Live:
    """What NinjaOne has; see :class:`FoundDevices`."""

    devices: Sequence[vendor.Device]
    total: int | None
    cursor: str | None = None


async def _ask(client: vendor.NinjaOneClient, given: FindDevices, device_id: int | None) -> _Live:
    """NinjaOne's devices that meet every criterion, up to the limit."""
    if device_id is not None:
        try:
            device = await client.get_device(device_id)
        except NotFoundError:
            return _Live([], total=0)
        found = [device] if _fits(device, given) and _is_called(device, given.query) else []
        return _Live(found, total=len(found))
    if given.query is not None:
        filtered = given.organization_id is not None or given.online is not None
        candidates = await client.search_devices(given.query, _LONGEST_SEARCH if filtered else given.limit + 1)
        fitting = [device for device in candidates if _fits(device, given)]
        is_all = len(fitting) <= given.limit and len(candidates) < _LONGEST_SEARCH
        return _Live(fitting[: given.limit], total=len(fitting) if is_all else None)
    return await _list(client, given)


async def _list(client: vendor.NinjaOneClient, given: FindDevices) -> _Live:
    after = None if given.cursor is None else _read_cursor(given.cursor)
    found: list[vendor.Device] = []
    async for page in client.device_pages(_filter(given), after=after, page_size=min(given.limit + 1, 1000)):
        found += sorted((device for device in page.devices if _fits(device, given)), key=lambda device: device.id)
        if len(found) > given.limit:
            return _Live(found[: given.limit], total=None, cursor=str(found[given.limit - 1].id))
    return _Live(found, total=len(found) if after is None else None)


def _read_cursor(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit():
        raise local.invalid_cursor()
    return int(cursor)


def _filter(given: FindDevices) -> str | None:
    """The vendor's device filter for the criteria that it has a word for."""
    clauses = []
    if given.organization_id is not None:
        clauses.append(f"org = {given.organization_id}")
    if given.online is not None:
        clauses.append("online" if given.online else "offline")
    return " AND ".join(clauses) or None


def _fits(device: vendor.Device, given: FindDevices) -> bool:
    """Whether a device meets the criteria of the filter; the vendor ignores one that it does not understand."""
    if given.organization_id is not None and device.organization_id != given.organization_id:
        return False
    return given.online is None or (device.offline is False) is given.online


def _is_called(device: vendor.Device, query: str | None) -> bool:
    if query is None:
        return True
    serial_number = device.system.serial_number if device.system else None
    names = (device.display_name, device.system_name, device.dns_name, device.netbios_name, serial_number)
    return any(query.lower() in name.lower() for name in names if name)


def _live_device(device: vendor.Device, known: local.KnownDevice | None) -> Device:
    return Device(
        external_device_id=str(device.id),
        asset_id=known.asset_id if known else None,
        organization_id=None if device.organization_id is None else str(device.organization_id),
        hostname=clean(device.system_name) or clean(device.netbios_name),
        display_name=clean(device.display_name),
        dns_name=clean(device.dns_name),
        agent_online=device.offline is False,
        last_seen_at=device.last_contact_at,
        os_name=clean(device.os.name) if device.os else None,
        node_class=clean(device.node_class),
        source="ninjaone",
        client_id=known.client_id if known else None,
    )
