"""
What an integration reports of its devices becomes assets: any number of them in a few statements.

A device is one row in ``assets``, one in the table of its type, and one mapping to its external id. The writers of one
tenant's devices of one integration follow one another: a lock is held from the first write to the transaction's end, so
that two syncs at once agree on one asset for each device. Whoever also locks organizations does that before.

A device that the integration has no more keeps its asset, which is inactive then; its mapping is ``deleted`` until the
device is reported again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

import attrs

from workflow_core.records._rows import column_list, names
from workflow_core.records.assets import DETAILS, ENTITY_TYPE, Device, DeviceDetails, UpsertedAsset
from workflow_core.records.mappings import external_ids
from workflow_core.storage.database import Connection

GONE: Final = "deleted"
"""``sync_status`` of the mapping of a device that the integration has no more."""


@attrs.frozen
class _Known:
    """The asset that a device is already.

    Attributes:
        asset_id: Which one.
        asset_type: Its type as stored.
        mapped: Whether the mapping says so, and not only the asset's own columns.
        gone: Whether the integration had it no more.
    """

    asset_id: UUID
    asset_type: str
    mapped: bool
    gone: bool


async def upsert_device(conn: Connection, tenant: UUID, provider: str, device: Device) -> UpsertedAsset:
    """The asset of one device; see :func:`upsert_devices`."""
    return (await upsert_devices(conn, tenant, provider, [device]))[device.device_id]


async def upsert_devices(
    conn: Connection, tenant: UUID, provider: str, devices: Iterable[Device]
) -> dict[str, UpsertedAsset]:
    """
    Make the assets of devices what the integration reports.

    Args:
        conn: Bound to the tenant.
        tenant: Whose assets.
        provider: The integration, such as ``ninjaone``.
        devices: What it reports; of a device that is there twice, the last report counts.

    Returns:
        The assets, by the integration's id of the device.
    """
    reported = {device.device_id: device for device in devices}
    if not reported:
        return {}
    await lock_devices(conn, tenant, provider)
    known = await _known(conn, tenant, provider, list(reported))
    ids = {device_id: known[device_id].asset_id if device_id in known else uuid4() for device_id in reported}
    rows = [
        (device_id in known, _asset_row(ids[device_id], provider, device, known.get(device_id)))
        for device_id, device in reported.items()
    ]
    for statement, of_known in ((_INSERT, False), (_UPDATE, True)):
        if chosen := [row for is_known, row in rows if is_known is of_known]:
            await conn.execute(statement, tenant, provider, chosen)
    await _put_details(conn, tenant, reported.values(), ids, known)
    unmapped = {device_id: ids[device_id] for device_id in reported if not _is_mapped(known.get(device_id))}
    if unmapped:
        entity_ids = [str(asset_id) for asset_id in unmapped.values()]
        await conn.execute(_UNMAP, tenant, provider, ENTITY_TYPE, list(unmapped), entity_ids)
        await conn.execute(_MAP, tenant, provider, ENTITY_TYPE, entity_ids, list(unmapped))
    return {device_id: UpsertedAsset(ids[device_id], created=device_id not in known) for device_id in reported}


async def lock_devices(conn: Connection, tenant: UUID, provider: str) -> None:
    """Until the transaction ends, nobody else writes devices of this integration of this tenant."""
    await conn.execute(
        # A plan that was kept since the tables were empty would read all of them for each device.
        "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'devices', $1::text, $2::text), 0)), "
        "       set_config('plan_cache_mode', 'force_custom_plan', true)",
        str(tenant),
        provider,
    )


async def known_devices(conn: Connection, tenant: UUID, provider: str, device_ids: Iterable[str]) -> frozenset[str]:
    """Those of the devices that are assets here, and that the integration still had when it was asked last."""
    known = await _known(conn, tenant, provider, list(set(device_ids)))
    return frozenset(device_id for device_id, one in known.items() if not one.gone)


async def see_devices(conn: Connection, tenant: UUID, provider: str, device_ids: Iterable[str]) -> None:
    """Remember that the integration has these devices, without changing what is known of them."""
    await lock_devices(conn, tenant, provider)
    await conn.execute(
        "UPDATE assets SET last_rmm_sync_at = now() "
        "WHERE tenant = $1 AND rmm_provider = $2 AND rmm_device_id = ANY ($3::text[])",
        tenant,
        provider,
        list(device_ids),
    )


async def unseen_devices(conn: Connection, tenant: UUID, provider: str, since: datetime) -> list[str]:
    """
    The integration's devices that no sync has seen since a moment, by their ids; without those known to be gone.

    Args:
        conn: Bound to the tenant.
        tenant: Whose assets.
        provider: The integration.
        since: By the database's clock.
    """
    rows = await conn.fetch(_UNSEEN, tenant, provider, ENTITY_TYPE, since)
    return [row["external_entity_id"] for row in rows]


async def retire_devices(
    conn: Connection, tenant: UUID, provider: str, device_ids: Sequence[str], *, unseen_since: datetime
) -> int:
    """
    The integration has these devices no more: their assets are inactive from now on.

    Args:
        conn: Bound to the tenant.
        tenant: Whose assets.
        provider: The integration.
        device_ids: Its ids of the devices.
        unseen_since: What has been seen after this moment is left alone.

    Returns:
        How many there were.
    """
    await lock_devices(conn, tenant, provider)
    rows = await conn.fetch(_RETIRE, tenant, provider, ENTITY_TYPE, unseen_since, list(device_ids))
    await conn.execute(
        "UPDATE assets SET status = 'inactive', agent_status = 'offline', updated_at = now() "
        "WHERE tenant = $1 AND asset_id = ANY ($2::uuid[])",
        tenant,
        [UUID(row["alga_entity_id"]) for row in rows],
    )
    return len(rows)


async def give_devices(
    conn: Connection, tenant: UUID, provider: str, organization_id: str, client_id: UUID | None
) -> None:
    """
    The assets of an organization's devices become a client's.

    Args:
        conn: Bound to the tenant; holds the organization's mapping.
        tenant: Whose assets.
        provider: The integration.
        organization_id: Its id of the organization.
        client_id: None: nobody's.
    """
    await lock_devices(conn, tenant, provider)
    await conn.execute(
        "UPDATE assets SET client_id = $4, updated_at = now() WHERE tenant = $1 AND rmm_provider = $2 "
        "AND rmm_organization_id = $3 AND client_id IS DISTINCT FROM $4",
        tenant,
        provider,
        organization_id,
        client_id,
    )


# ── Which asset a device is ──────────────────────────────────────────────────────────────────────────────────────


def _is_mapped(known: _Known | None) -> bool:
    return known is not None and known.mapped and not known.gone


async def _known(conn: Connection, tenant: UUID, provider: str, device_ids: list[str]) -> dict[str, _Known]:
    """By the mapping, else by the asset's own columns, unless the mapping says that the asset is another device."""
    mapped = await conn.fetch(_MAPPED, tenant, provider, ENTITY_TYPE, device_ids)
    of_asset = {UUID(row["alga_entity_id"]): row for row in mapped}
    known: dict[str, _Known] = {}
    for row in await conn.fetch(_ASSETS, tenant, list(of_asset)):
        mapping = of_asset[row["asset_id"]]
        known[mapping["external_entity_id"]] = _Known(
            row["asset_id"], row["asset_type"], mapped=True, gone=mapping["sync_status"] == GONE
        )
    if others := [device_id for device_id in device_ids if device_id not in known]:
        candidates = await conn.fetch(_OWN, tenant, provider, others)
        elsewhere = await external_ids(conn, tenant, provider, ENTITY_TYPE, (row["asset_id"] for row in candidates))
        for row in candidates:
            if str(row["asset_id"]) not in elsewhere:
                known[row["rmm_device_id"]] = _Known(row["asset_id"], row["asset_type"], mapped=False, gone=False)
    return known


# The last row of each device counts.
_MAPPED: Final = """
SELECT alga_entity_id, external_entity_id, sync_status FROM tenant_external_entity_mappings
WHERE tenant = $1 AND integration_type = $2 AND alga_entity_type = $3 AND external_entity_id = ANY ($4::text[])
"""
_ASSETS: Final = """
SELECT asset_id, asset_type FROM assets WHERE tenant = $1 AND asset_id = ANY ($2::uuid[])
ORDER BY last_rmm_sync_at NULLS FIRST, asset_id
"""
_OWN: Final = """
SELECT asset_id, asset_type, rmm_device_id FROM assets
WHERE tenant = $1 AND rmm_provider = $2 AND rmm_device_id = ANY ($3::text[])
ORDER BY created_at DESC, asset_id DESC
"""


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _asset_row(asset_id: UUID, provider: str, device: Device, known: _Known | None) -> dict[str, Any]:
    """The columns of ``assets`` that a report fills; ``status`` of one that has come back."""
    return {
        "asset_id": str(asset_id),
        "asset_type": device.type,
        "client_id": None if device.client_id is None else str(device.client_id),
        "asset_tag": device.asset_tag or f"{provider}-{device.device_id}",
        "serial_number": device.serial_number,
        "name": device.name,
        "status": "active" if known is None or known.gone else None,
        "location": device.location,
        "attributes": dict(device.attributes),
        "rmm_device_id": device.device_id,
        "rmm_organization_id": device.organization_id,
        "agent_status": device.agent_status,
        "last_seen_at": device.last_seen_at,
    }


_INSERT: Final = """
INSERT INTO assets
    (tenant, asset_id, asset_type, client_id, asset_tag, serial_number, name, status, location, attributes,
     rmm_provider, rmm_device_id, rmm_organization_id, agent_status, last_seen_at, last_rmm_sync_at)
SELECT $1, r.asset_id, coalesce(r.asset_type, 'unknown'), r.client_id, r.asset_tag, r.serial_number, r.name, r.status,
       r.location, r.attributes, $2, r.rmm_device_id, r.rmm_organization_id, r.agent_status, r.last_seen_at, now()
FROM jsonb_populate_recordset(NULL::assets, $3) r
"""
_UPDATE: Final = """
UPDATE assets a
SET asset_type = coalesce(r.asset_type, a.asset_type),
    client_id = coalesce(
        r.client_id, CASE WHEN r.rmm_organization_id <> a.rmm_organization_id THEN NULL ELSE a.client_id END
    ),
    serial_number = coalesce(r.serial_number, a.serial_number), name = r.name,
    status = CASE WHEN a.status = 'inactive' THEN coalesce(r.status, a.status) ELSE a.status END,
    location = coalesce(r.location, a.location), attributes = coalesce(a.attributes, '{}') || r.attributes,
    rmm_provider = $2, rmm_device_id = r.rmm_device_id,
    rmm_organization_id = coalesce(r.rmm_organization_id, a.rmm_organization_id),
    agent_status = coalesce(r.agent_status, a.agent_status), last_seen_at = coalesce(r.last_seen_at, a.last_seen_at),
    last_rmm_sync_at = now(), updated_at = now()
FROM jsonb_populate_recordset(NULL::assets, $3) r
WHERE a.tenant = $1 AND a.asset_id = r.asset_id
"""
_UNMAP: Final = """
DELETE FROM tenant_external_entity_mappings
WHERE tenant = $1 AND integration_type = $2 AND alga_entity_type = $3 AND external_entity_id = ANY ($4::text[])
  AND external_realm_id IS NULL AND alga_entity_id <> ALL ($5::text[])
"""
_MAP: Final = """
INSERT INTO tenant_external_entity_mappings
    (tenant, integration_type, alga_entity_type, alga_entity_id, external_entity_id, sync_status, last_synced_at)
SELECT $1, $2, $3, entity_id, external_id, 'synced', now()
FROM unnest($4::text[], $5::text[]) AS given(entity_id, external_id)
ON CONFLICT (tenant, integration_type, alga_entity_type, alga_entity_id) DO UPDATE
SET external_entity_id = EXCLUDED.external_entity_id, external_realm_id = NULL, sync_status = 'synced',
    last_synced_at = now(), updated_at = now()
"""

# Row-level security lets a join by `asset_id::text` read all mappings: the inner SELECT, which OFFSET keeps apart,
# makes it a column.
_OF_UNSEEN: Final = """
    SELECT asset_id::text AS entity_id FROM assets
    WHERE tenant = $1 AND rmm_provider = $2 AND (last_rmm_sync_at IS NULL OR last_rmm_sync_at < $4)
    OFFSET 0
"""
_UNSEEN: Final = f"""
SELECT m.external_entity_id
FROM ({_OF_UNSEEN}) a
JOIN tenant_external_entity_mappings m
  ON m.tenant = $1 AND m.integration_type = $2 AND m.alga_entity_type = $3 AND m.alga_entity_id = a.entity_id
WHERE m.sync_status IS DISTINCT FROM '{GONE}'
ORDER BY length(m.external_entity_id), m.external_entity_id
"""  # noqa: S608 - constants
_RETIRE: Final = f"""
UPDATE tenant_external_entity_mappings m
SET sync_status = '{GONE}', updated_at = now()
FROM ({_OF_UNSEEN}) a
WHERE m.tenant = $1 AND m.integration_type = $2 AND m.alga_entity_type = $3 AND m.alga_entity_id = a.entity_id
  AND m.external_entity_id = ANY ($5::text[]) AND m.sync_status IS DISTINCT FROM '{GONE}'
RETURNING m.alga_entity_id
"""  # noqa: S608 - constants


# ── The tables of the types ──────────────────────────────────────────────────────────────────────────────────────

#: Columns that are never NULL.
_LISTS: Final = frozenset({"installed_software", "disk_usage"})


async def _put_details(
    conn: Connection,
    tenant: UUID,
    devices: Iterable[Device],
    ids: Mapping[str, UUID],
    known: Mapping[str, _Known],
) -> None:
    """Write what is not None; a device that changed its type leaves the table of the old one."""
    rows: dict[type[DeviceDetails], list[dict[str, Any]]] = {kind: [] for kind in DETAILS}
    new: dict[type[DeviceDetails], list[dict[str, Any]]] = {kind: [] for kind in DETAILS}
    moved = []
    for device in devices:
        if device.details is not None:
            kind = type(device.details)
            values = ((name, getattr(device.details, name)) for name in names(kind))
            row = {name: str(value) if isinstance(value, Decimal) else value for name, value in values}
            (rows if device.device_id in known else new)[kind].append({"asset_id": str(ids[device.device_id]), **row})
        before = known.get(device.device_id)
        if before is not None and device.type not in {None, before.asset_type}:
            moved.append(before)
    for kind, (table, asset_type) in DETAILS.items():
        if left := [one.asset_id for one in moved if one.asset_type == asset_type]:
            await conn.execute(
                f"DELETE FROM {table} WHERE tenant = $1 AND asset_id = ANY ($2::uuid[])",  # noqa: S608 - our names
                tenant,
                left,
            )
        if rows[kind]:
            await conn.execute(_MERGE[kind], tenant, rows[kind])
        if new[kind]:
            await conn.execute(_INSERT_DETAILS[kind], tenant, new[kind])


def _values(fields: Sequence[str]) -> str:
    return ", ".join(f"""coalesce(r."{name}", '[]')""" if name in _LISTS else f'r."{name}"' for name in fields)


def _insert(table: str, kind: type[DeviceDetails]) -> str:
    """Inserts the rows of assets that are new."""
    fields = names(kind)
    return (
        f"INSERT INTO {table} (tenant, asset_id, {column_list(fields)}) "  # noqa: S608 - our names
        f"SELECT $1, r.asset_id, {_values(fields)} FROM jsonb_populate_recordset(NULL::{table}, $2) r"
    )


def _merge(table: str, kind: type[DeviceDetails]) -> str:
    """Inserts or updates the rows of a table; a row that stays as it is, is not written."""
    fields = names(kind)
    changed = " OR ".join(f't."{name}" IS DISTINCT FROM coalesce(r."{name}", t."{name}")' for name in fields)
    changes = ", ".join(f'"{name}" = coalesce(r."{name}", t."{name}")' for name in fields)
    return (
        f"MERGE INTO {table} t USING jsonb_populate_recordset(NULL::{table}, $2) r "  # noqa: S608 - our names
        "ON t.tenant = $1 AND t.asset_id = r.asset_id "
        f"WHEN MATCHED AND ({changed}) THEN UPDATE SET {changes} "
        f"WHEN NOT MATCHED THEN INSERT (tenant, asset_id, {column_list(fields)}) "
        f"VALUES ($1, r.asset_id, {_values(fields)})"
    )


_INSERT_DETAILS: Final = {kind: _insert(table, kind) for kind, (table, _) in DETAILS.items()}
_MERGE: Final = {kind: _merge(table, kind) for kind, (table, _) in DETAILS.items()}
