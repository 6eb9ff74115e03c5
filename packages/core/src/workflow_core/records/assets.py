"""
Assets: the devices and other things that the MSP looks after.

A device that an integration manages is one row in ``assets``, one in the table of its type, and one mapping to its
external id. :mod:`workflow_core.records.devices` writes all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID

import attrs

from workflow_core.records._rows import columns, like, read, read_optional
from workflow_core.storage.database import Connection

ENTITY_TYPE: Final = "asset"
"""What ``tenant_external_entity_mappings`` calls an asset."""


@attrs.frozen
class Asset:
    """A row of ``assets``."""

    asset_id: UUID
    asset_type: str
    client_id: UUID | None
    asset_tag: str
    serial_number: str | None
    name: str
    status: str
    location: str | None
    attributes: dict[str, Any] | None
    rmm_provider: str | None
    rmm_device_id: str | None
    rmm_organization_id: str | None
    agent_status: str | None
    last_seen_at: datetime | None
    last_rmm_sync_at: datetime | None
    created_at: datetime
    updated_at: datetime


# ── What a synced device says about itself ───────────────────────────────────────────────────────────────────────


@attrs.frozen(kw_only=True)
class _ComputerDetails:
    os_type: str | None = None
    os_version: str | None = None
    cpu_model: str | None = None
    cpu_cores: int | None = None
    ram_gb: int | None = None
    installed_software: list[Any] | None = None
    agent_version: str | None = None
    antivirus_status: str | None = None
    antivirus_product: str | None = None
    last_reboot_at: datetime | None = None
    pending_patches: int | None = None
    failed_patches: int | None = None
    last_patch_scan_at: datetime | None = None
    system_info: dict[str, Any] | None = None
    current_user: str | None = None
    uptime_seconds: int | None = None
    lan_ip: str | None = None
    wan_ip: str | None = None
    memory_usage_percent: Decimal | None = None
    memory_used_gb: Decimal | None = None
    disk_usage: list[dict[str, Any]] | None = None
    pending_os_patches: int | None = None
    pending_software_patches: int | None = None


@attrs.frozen(kw_only=True)
class WorkstationDetails(_ComputerDetails):
    """Columns of ``workstation_assets``; None leaves what is stored."""

    storage_type: str | None = None
    storage_capacity_gb: int | None = None
    gpu_model: str | None = None
    last_login: datetime | None = None
    cpu_utilization_percent: Decimal | None = None


@attrs.frozen(kw_only=True)
class ServerDetails(_ComputerDetails):
    """Columns of ``server_assets``; None leaves what is stored."""

    storage_config: Any = None
    is_virtual: bool | None = None
    hypervisor: str | None = None
    network_interfaces: Any = None
    primary_ip: str | None = None
    installed_services: Any = None
    cpu_usage_percent: Decimal | None = None


@attrs.frozen(kw_only=True)
class NetworkDeviceDetails:
    """Columns of ``network_device_assets``; None leaves what is stored."""

    device_type: str = attrs.field(
        validator=attrs.validators.in_(("switch", "router", "firewall", "access_point", "load_balancer"))
    )
    management_ip: str | None = None
    port_count: int | None = None
    firmware_version: str | None = None
    supports_poe: bool | None = None
    power_draw_watts: Decimal | None = None
    vlan_config: Any = None
    port_config: Any = None


@attrs.frozen(kw_only=True)
class MobileDeviceDetails:
    """Columns of ``mobile_device_assets``; None leaves what is stored."""

    os_type: str | None = None
    os_version: str | None = None
    model: str | None = None
    imei: str | None = None
    phone_number: str | None = None
    carrier: str | None = None
    last_check_in: datetime | None = None


DeviceDetails: TypeAlias = WorkstationDetails | ServerDetails | NetworkDeviceDetails | MobileDeviceDetails

DETAILS: Final[Mapping[type[DeviceDetails], tuple[str, str]]] = {
    WorkstationDetails: ("workstation_assets", "workstation"),
    ServerDetails: ("server_assets", "server"),
    NetworkDeviceDetails: ("network_device_assets", "network_device"),
    MobileDeviceDetails: ("mobile_device_assets", "mobile_device"),
}
"""The table of each kind of details, and the type of the assets that have them."""


@attrs.frozen(kw_only=True)
class Device:
    """
    A device as an integration reports it.

    Attributes:
        device_id: The integration's id of it.
        name: What to call it.
        asset_type: Its type when ``details`` does not say, which wins; None leaves what is stored.
        organization_id: The integration's id of the organization that it belongs to; None leaves what is stored.
        client_id: Whose it is here; None leaves what is stored, unless it has moved to another organization: then it
            is nobody's.
        serial_number: None leaves what is stored.
        asset_tag: Of a new asset; ``<provider>-<device id>`` when left out.
        location: None leaves what is stored.
        agent_status: ``online``, ``offline`` or ``unknown``; None leaves what is stored.
        last_seen_at: None leaves what is stored.
        attributes: Merged into the asset's attributes, key by key.
        details: The columns of its type; None leaves what is stored.
    """

    device_id: str
    name: str
    asset_type: str | None = None
    organization_id: str | None = None
    client_id: UUID | None = None
    serial_number: str | None = None
    asset_tag: str | None = None
    location: str | None = None
    agent_status: str | None = None
    last_seen_at: datetime | None = None
    attributes: Mapping[str, Any] = attrs.field(factory=dict)
    details: DeviceDetails | None = None

    @property
    def type(self) -> str | None:
        """The type of its asset, if that is known."""
        return self.asset_type if self.details is None else DETAILS[type(self.details)][1]


@attrs.frozen
class UpsertedAsset:
    """Which asset a device is, and whether it is a new one."""

    asset_id: UUID
    created: bool


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

_SELECT = f"SELECT {columns(Asset, table='a')} FROM assets a"  # noqa: S608 - our columns


async def get_asset(conn: Connection, tenant: UUID, asset_id: UUID) -> Asset | None:
    """One asset."""
    row = await conn.fetchrow(f"{_SELECT} WHERE a.tenant = $1 AND a.asset_id = $2", tenant, asset_id)
    return read_optional(Asset, row)


async def get_assets(conn: Connection, tenant: UUID, asset_ids: Iterable[UUID]) -> dict[UUID, Asset]:
    """Those of the assets that exist, by id."""
    rows = await conn.fetch(
        f"{_SELECT} WHERE a.tenant = $1 AND a.asset_id = ANY ($2::uuid[]) ORDER BY a.name, a.asset_id",
        tenant,
        list(asset_ids),
    )
    return {row["asset_id"]: read(Asset, row) for row in rows}


async def find_asset_by_device(conn: Connection, tenant: UUID, provider: str, device_id: str) -> Asset | None:
    """
    The asset that is a device of an integration: by its mapping, else by ``assets.rmm_device_id``.

    Args:
        conn: Bound to the tenant.
        tenant: Whose asset.
        provider: The integration, such as ``ninjaone``.
        device_id: The integration's id of the device.
    """
    row = await conn.fetchrow(
        # Not a join: row-level security would let it read every asset of the tenant.
        f"{_SELECT} WHERE a.tenant = $1 AND a.asset_id = ("  # noqa: S608 - our columns
        "SELECT m.alga_entity_id::uuid FROM tenant_external_entity_mappings m "
        "WHERE m.tenant = $1 AND m.integration_type = $2 AND m.external_entity_id = $3 AND m.alga_entity_type = $4 "
        "ORDER BY m.last_synced_at DESC NULLS LAST, m.alga_entity_id LIMIT 1)",
        tenant,
        provider,
        device_id,
        ENTITY_TYPE,
    ) or await conn.fetchrow(
        f"{_SELECT} WHERE a.tenant = $1 AND a.rmm_provider = $2 AND a.rmm_device_id = $3 "
        "ORDER BY a.created_at, a.asset_id LIMIT 1",
        tenant,
        provider,
        device_id,
    )
    return read_optional(Asset, row)


async def find_assets(
    conn: Connection,
    tenant: UUID,
    *,
    provider: str | None = None,
    serial_number: str | None = None,
    name: str | None = None,
    query: str | None = None,
    limit: int = 50,
) -> list[Asset]:
    """
    Assets that fit all that is given, by name.

    Args:
        conn: Bound to the tenant.
        tenant: Whose assets.
        provider: Only devices of this integration.
        serial_number: Exactly this one, in any case.
        name: Exactly this one, in any case.
        query: Part of the name, the serial number or the tag, or the integration's whole device id.
        limit: At most so many.
    """
    rows = await conn.fetch(
        f"{_SELECT} WHERE a.tenant = $1 "
        "AND ($2::text IS NULL OR a.rmm_provider = $2) "
        "AND ($3::text IS NULL OR a.serial_number_lower = lower($3)) "
        "AND ($4::text IS NULL OR a.name_lower = lower($4)) "
        "AND ($5::text IS NULL OR a.name ILIKE $6 OR a.serial_number ILIKE $6 OR a.asset_tag ILIKE $6 "
        "     OR a.rmm_device_id = $5) "
        "ORDER BY lower(a.name), a.asset_id LIMIT $7",
        tenant,
        provider,
        serial_number,
        name,
        query,
        None if query is None else like(query),
        limit,
    )
    return [read(Asset, row) for row in rows]


async def get_details(conn: Connection, tenant: UUID, asset_ids: Iterable[UUID]) -> dict[UUID, DeviceDetails]:
    """What is known of the devices among these assets, by asset id."""
    wanted = list(asset_ids)
    details: dict[UUID, DeviceDetails] = {}
    for record, (table, _) in DETAILS.items():
        rows = await conn.fetch(
            f"SELECT asset_id, {columns(record)} FROM {table} "  # noqa: S608 - our names
            "WHERE tenant = $1 AND asset_id = ANY ($2::uuid[])",
            tenant,
            wanted,
        )
        details.update((row["asset_id"], read(record, row)) for row in rows)
    return details
