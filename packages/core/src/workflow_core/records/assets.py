"""
Assets: the devices and other things that the MSP looks after.

A device that an integration manages is one row in ``assets``, one in the table of its type, and one mapping to its
external id. :func:`upsert_device` writes all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid4

import attrs

from workflow_core.records._rows import column_list, columns, like, names, read, read_optional
from workflow_core.records.mappings import put_mapping
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


DeviceDetails: TypeAlias = WorkstationDetails | ServerDetails | NetworkDeviceDetails

_TABLES: Final[Mapping[type[DeviceDetails], tuple[str, str]]] = {
    WorkstationDetails: ("workstation_assets", "workstation"),
    ServerDetails: ("server_assets", "server"),
    NetworkDeviceDetails: ("network_device_assets", "network_device"),
}


@attrs.frozen(kw_only=True)
class Device:
    """
    A device as an integration reports it.

    Attributes:
        device_id: The integration's id of it.
        name: What to call it.
        asset_type: Its type when ``details`` does not say; ``details`` wins.
        organization_id: The integration's id of the organization that it belongs to.
        client_id: Whose it is here; None leaves what is stored.
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
    for record, (table, _) in _TABLES.items():
        rows = await conn.fetch(
            f"SELECT asset_id, {columns(record)} FROM {table} "  # noqa: S608 - our names
            "WHERE tenant = $1 AND asset_id = ANY ($2::uuid[])",
            tenant,
            wanted,
        )
        details.update((row["asset_id"], read(record, row)) for row in rows)
    return details


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def upsert_device(conn: Connection, tenant: UUID, provider: str, device: Device) -> UpsertedAsset:
    """
    Make the asset of a device what the integration reports: the asset, the row of its type, and the mapping.

    Safe when two do it for the same device at once: the second waits for the first one's transaction. Whoever writes
    several devices in one transaction does so in the order of their ids, lest two wait for each other.

    Args:
        conn: Bound to the tenant.
        tenant: Whose asset.
        provider: The integration, such as ``ninjaone``.
        device: What it reports.
    """
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'device', $1::text, $2::text, $3::text), 0))",
        str(tenant),
        provider,
        device.device_id,
    )
    known = await find_asset_by_device(conn, tenant, provider, device.device_id)
    if known is None:
        asset_id = await _insert_asset(conn, tenant, provider, device)
    else:
        asset_id = known.asset_id
        await _update_asset(conn, tenant, provider, asset_id, device)
    if device.details is not None:
        await _put_details(conn, tenant, asset_id, device.details)
    await put_mapping(conn, tenant, provider, ENTITY_TYPE, entity_id=asset_id, external_id=device.device_id)
    return UpsertedAsset(asset_id, created=known is None)


def _asset_type(device: Device) -> str | None:
    return device.asset_type if device.details is None else _TABLES[type(device.details)][1]


async def _insert_asset(conn: Connection, tenant: UUID, provider: str, device: Device) -> UUID:
    asset_id = uuid4()
    await conn.execute(
        """
        INSERT INTO assets
            (tenant, asset_id, asset_type, client_id, asset_tag, serial_number, name, status, location, attributes,
             rmm_provider, rmm_device_id, rmm_organization_id, agent_status, last_seen_at, last_rmm_sync_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $9, $10, $11, $12, $13, $14, now())
        """,
        tenant,
        asset_id,
        _asset_type(device) or "unknown",
        device.client_id,
        device.asset_tag or f"{provider}-{device.device_id}",
        device.serial_number,
        device.name,
        device.location,
        dict(device.attributes),
        provider,
        device.device_id,
        device.organization_id,
        device.agent_status,
        device.last_seen_at,
    )
    return asset_id


async def _update_asset(conn: Connection, tenant: UUID, provider: str, asset_id: UUID, device: Device) -> None:
    await conn.execute(
        """
        UPDATE assets
        SET asset_type = coalesce($3, asset_type), client_id = coalesce($4, client_id),
            serial_number = coalesce($5, serial_number), name = $6, location = coalesce($7, location),
            attributes = coalesce(attributes, '{}') || $8, rmm_provider = $9, rmm_device_id = $10,
            rmm_organization_id = coalesce($11, rmm_organization_id), agent_status = coalesce($12, agent_status),
            last_seen_at = coalesce($13, last_seen_at), last_rmm_sync_at = now(), updated_at = now()
        WHERE tenant = $1 AND asset_id = $2
        """,
        tenant,
        asset_id,
        _asset_type(device),
        device.client_id,
        device.serial_number,
        device.name,
        device.location,
        dict(device.attributes),
        provider,
        device.device_id,
        device.organization_id,
        device.agent_status,
        device.last_seen_at,
    )


async def _put_details(conn: Connection, tenant: UUID, asset_id: UUID, details: DeviceDetails) -> None:
    """Write what is not None; a device that changed its type leaves the table of the old one."""
    table, _ = _TABLES[type(details)]
    for other, _ in _TABLES.values():
        if other != table:
            await conn.execute(
                f"DELETE FROM {other} WHERE tenant = $1 AND asset_id = $2",  # noqa: S608 - our names
                tenant,
                asset_id,
            )
    values = {name: getattr(details, name) for name in names(type(details))}
    given = {name: value for name, value in values.items() if value is not None}
    parameters = "".join(f", ${number}" for number in range(3, len(given) + 3))
    changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in given)
    await conn.execute(
        f"INSERT INTO {table} (tenant, asset_id{', ' if given else ''}{column_list(given)}) "  # noqa: S608 - our names
        f"VALUES ($1, $2{parameters}) "
        f"ON CONFLICT (tenant, asset_id) DO {f'UPDATE SET {changes}' if given else 'NOTHING'}",
        tenant,
        asset_id,
        *given.values(),
    )
