"""The device actions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs

from workflow_core.actions import ActionContext, Happened, SentEffect, Unknown, Verdict
from workflow_core.errors import NotFoundError
from workflow_core.records import assets, rmm
from workflow_core.storage.database import Connection
from workflow_ninjaone import client as vendor
from workflow_ninjaone.actions import local
from workflow_ninjaone.actions.access import Access, active_integration, nothing_done_yet
from workflow_ninjaone.actions.normalise import clean, reported_device
from workflow_ninjaone.actions.shapes import (
    Device,
    FindDevices,
    FoundDevices,
    RebootDevice,
    RequestedReboot,
    SyncDevice,
    SyncedDevice,
)
from workflow_ninjaone.module import PROVIDER

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
                return _found(await local.find_devices(connection, ctx.tenant, given))
            wanted = await _device_id(connection, ctx.tenant, given)
        if given.asset_id is not None and wanted is None:
            return _found([])  # an asset that is no device of NinjaOne, or not the device that was asked for
        client = await self._access.client(ctx, integration)
        found = await _ask(client, given, wanted)
        async with ctx.transaction() as connection:
            known = await local.known_devices(connection, ctx.tenant, [str(device.id) for device in found])
        return _found([_live_device(device, known.get(str(device.id))) for device in found])

    async def sync(self, given: SyncDevice, ctx: ActionContext) -> SyncedDevice:
        """
        Makes the asset of a device what NinjaOne reports: the asset, its type's row, and the mapping.

        Raises:
            Refused: The device could not be read, so nothing was written.
        """
        with nothing_done_yet():
            integration, client = await self._access.connect(ctx)
            device = await client.get_device(given.device_id)
        reported = reported_device(device)
        async with ctx.transaction() as connection:
            client_id = await _client_of(connection, ctx.tenant, integration.integration_id, device)
            synced = await assets.upsert_device(
                connection, ctx.tenant, PROVIDER, attrs.evolve(reported, client_id=client_id)
            )
        return SyncedDevice(synced=True, external_device_id=reported.device_id, asset_id=synced.asset_id)

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


def _found(devices: Sequence[Device]) -> FoundDevices:
    return FoundDevices(devices=tuple(devices), count=len(devices))


async def _device_id(connection: Connection, tenant: UUID, given: FindDevices) -> int | None:
    """The one device that ``device_id`` and ``asset_id`` name; None when they name none, or two."""
    if given.asset_id is None:
        return given.device_id
    of_asset = await local.device_id_of(connection, tenant, given.asset_id)
    return of_asset if given.device_id in (None, of_asset) else None


async def _ask(client: vendor.NinjaOneClient, given: FindDevices, device_id: int | None) -> list[vendor.Device]:
    """NinjaOne's devices that meet every criterion, up to the limit."""
    if device_id is not None:
        try:
            candidates = [await client.get_device(device_id)]
        except NotFoundError:
            return []
        return [device for device in candidates if _fits(device, given) and _is_called(device, given.query)]
    if given.query is not None:
        filtered = given.organization_id is not None or given.online is not None
        candidates = await client.search_devices(given.query, _LONGEST_SEARCH if filtered else given.limit)
        return [device for device in candidates if _fits(device, given)][: given.limit]
    found: list[vendor.Device] = []
    async for device in client.list_devices(_filter(given), page_size=given.limit):
        if _fits(device, given):
            found.append(device)
            if len(found) == given.limit:
                break
    return found


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


async def _client_of(connection: Connection, tenant: UUID, integration_id: UUID, device: vendor.Device) -> UUID | None:
    """The client that the device's organization is mapped to; an organization that is new is remembered."""
    if device.organization_id is None:
        return None
    organization = await rmm.put_organization(
        connection, tenant, integration_id, str(device.organization_id), clean(device.organization_name)
    )
    return organization.client_id
