"""What we know of NinjaOne's devices ourselves: assets, and the mappings that say which device each is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs

from workflow_core.errors import FieldError, ValidationError
from workflow_core.records import mappings
from workflow_core.records.assets import ENTITY_TYPE
from workflow_core.records.devices import GONE
from workflow_core.storage.database import Connection, Record
from workflow_ninjaone.actions.shapes import Device, FindDevices, FoundDevices
from workflow_ninjaone.module import PROVIDER

# Row-level security lets a lookup by `asset_id::text` read all mappings: the inner SELECT, which OFFSET keeps apart,
# makes it a column.
_FIND = """
WITH found AS MATERIALIZED (
    SELECT coalesce(m.external_entity_id, a.rmm_device_id) AS external_device_id, a.asset_id, a.position
    FROM (
        SELECT a.asset_id, a.asset_id::text AS entity_id, a.rmm_provider, a.rmm_device_id,
               lower(a.name) COLLATE "C" AS position
        FROM assets a WHERE a.tenant = $1 AND {conditions} OFFSET 0
    ) a
    LEFT JOIN tenant_external_entity_mappings m
           ON m.tenant = $1 AND m.integration_type = $2 AND m.alga_entity_type = $3 AND m.alga_entity_id = a.entity_id
    WHERE (m.id IS NOT NULL OR (a.rmm_provider = $2 AND a.rmm_device_id IS NOT NULL))
      AND m.sync_status IS DISTINCT FROM {gone}
      AND ({device}::text IS NULL OR coalesce(m.external_entity_id, a.rmm_device_id) = {device})
), page AS (
    SELECT * FROM found
    WHERE {after}::text IS NULL OR (position, asset_id) > ({after} COLLATE "C", {after_id}::uuid)
    ORDER BY position, asset_id LIMIT $4
)
SELECT page.external_device_id, a.asset_id, a.client_id,
       a.rmm_organization_id AS organization_id, a.attributes ->> 'hostname' AS hostname, a.name AS display_name,
       a.attributes ->> 'dns_name' AS dns_name, a.agent_status IS NOT DISTINCT FROM 'online' AS agent_online,
       a.last_seen_at, coalesce(a.attributes ->> 'os_name', w.os_version, s.os_version) AS os_name,
       a.attributes ->> 'node_class' AS node_class, page.position, (SELECT count(*) FROM found) AS total
FROM page
JOIN assets a ON a.tenant = $1 AND a.asset_id = page.asset_id
LEFT JOIN workstation_assets w ON w.tenant = $1 AND w.asset_id = a.asset_id
LEFT JOIN server_assets s ON s.tenant = $1 AND s.asset_id = a.asset_id
ORDER BY page.position, page.asset_id
"""

# The candidates come from two indexes; an asset whose mapping names another device is that one.
_DEVICE = """a.asset_id = ANY (ARRAY(
    SELECT x.alga_entity_id::uuid FROM tenant_external_entity_mappings x
    WHERE x.tenant = $1 AND x.integration_type = $2 AND x.alga_entity_type = $3 AND x.external_entity_id = {device}
    UNION
    SELECT y.asset_id FROM assets y WHERE y.tenant = $1 AND y.rmm_provider = $2 AND y.rmm_device_id = {device}
))"""

_KNOWN = """
SELECT x.device_id, a.asset_id, a.client_id, a.name, a.rmm_organization_id AS organization_id
FROM (
    SELECT m.external_entity_id AS device_id, m.alga_entity_id::uuid AS asset_id, 1 AS rank
    FROM tenant_external_entity_mappings m
    WHERE m.tenant = $1 AND m.integration_type = $2 AND m.alga_entity_type = $3
      AND m.external_entity_id = ANY ($4::text[])
    UNION ALL
    SELECT a.rmm_device_id, a.asset_id, 2
    FROM assets a
    WHERE a.tenant = $1 AND a.rmm_provider = $2 AND a.rmm_device_id = ANY ($4::text[])
) x
JOIN assets a ON a.tenant = $1 AND a.asset_id = x.asset_id
ORDER BY x.rank DESC, a.created_at DESC, a.asset_id DESC
"""

_REOPEN = """
UPDATE rmm_alerts
SET status = 'active', acknowledged_at = NULL, acknowledged_by = NULL, resolved_at = NULL,
    occurrence_count = occurrence_count + 1
WHERE tenant = $1 AND integration_id = $2 AND external_alert_id = ANY ($3::text[])
  AND status IN ('acknowledged', 'resolved', 'auto_resolved')
  AND triggered_at > coalesce(acknowledged_at, resolved_at)
RETURNING alert_id
"""

# What was reported after NinjaOne was asked may well be younger than its answer.
_RESOLVE = """
UPDATE rmm_alerts
SET status = 'resolved', resolved_at = $4
WHERE tenant = $1 AND alert_id IN (
    SELECT alert_id FROM rmm_alerts
    WHERE tenant = $1 AND integration_id = $2 AND status = 'active' AND external_alert_id <> ALL ($3::text[])
      AND updated_at < $4
    ORDER BY external_alert_id COLLATE "C"
    FOR UPDATE
)
"""

_CLIENTS = """
SELECT external_organization_id, client_id
FROM rmm_organization_mappings
WHERE tenant = $1 AND integration_id = $2 AND client_id IS NOT NULL AND external_organization_id = ANY ($3::text[])
"""


@attrs.frozen
class KnownDevice:
    """The asset that a device is here."""

    asset_id: UUID
    client_id: UUID | None
    name: str
    organization_id: str | None


async def find_devices(connection: Connection, tenant: UUID, wanted: FindDevices) -> FoundDevices:
    """
    Devices among the assets that meet every criterion, by name; without those that NinjaOne has no more.

    Raises:
        ValidationError: The cursor is none of ours.
    """
    arguments: list[Any] = [tenant, PROVIDER, ENTITY_TYPE, wanted.limit + 1]

    def place(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    conditions = ["true"]
    device = place(None if wanted.device_id is None else str(wanted.device_id))
    if wanted.device_id is not None:
        conditions.append(_DEVICE.format(device=device))
    if wanted.asset_id is not None:
        conditions.append(f"a.asset_id = {place(wanted.asset_id)}")
    if wanted.organization_id is not None:
        conditions.append(f"a.rmm_organization_id = {place(str(wanted.organization_id))}")
    if wanted.online is not None:
        conditions.append(f"a.agent_status = {place('online' if wanted.online else 'offline')}")
    if wanted.query is not None:
        text = place(wanted.query.lower())
        # strpos, not LIKE: a host name may well contain an underscore
        conditions.append(f"({' OR '.join(f'strpos(lower({column}), {text}) > 0' for column in _SEARCHED)})")
    after_id, after = (None, None) if wanted.cursor is None else _read_cursor(wanted.cursor)
    query = _FIND.format(
        conditions=" AND ".join(conditions),
        device=device,
        gone=place(GONE),
        after=place(after),
        after_id=place(after_id),
    )
    rows = await connection.fetch(query, *arguments)
    page, more = rows[: wanted.limit], len(rows) > wanted.limit
    return FoundDevices(
        devices=tuple(map(_device, page)),
        count=len(page),
        total=rows[0]["total"] if rows else 0,
        cursor=f"{page[-1]['asset_id']} {page[-1]['position']}" if more else None,
    )


_SEARCHED = (
    "a.name",
    "a.asset_tag",
    "a.serial_number",
    "a.attributes ->> 'hostname'",
    "a.attributes ->> 'dns_name'",
    "a.attributes ->> 'ip_addresses'",
)


def _read_cursor(cursor: str) -> tuple[UUID, str]:
    asset_id, _, position = cursor.partition(" ")
    try:
        return UUID(asset_id), position
    except ValueError:
        raise invalid_cursor() from None


def invalid_cursor() -> ValidationError:
    """The error for a cursor that no list has given."""
    message = "is not the cursor of a list of devices: map the one that the last list gave"
    return ValidationError(f"cursor {message}.", errors=[FieldError(path="cursor", code="FORMAT", message=message)])


def _device(row: Record) -> Device:
    values = {name: value for name, value in row.items() if name not in ("position", "total")}
    return Device(**values, source="local")


async def device_id_of(connection: Connection, tenant: UUID, asset_id: UUID) -> int | None:
    """The device that an asset is in NinjaOne."""
    external: str | None
    mapping = await mappings.find_by_entity_id(connection, tenant, PROVIDER, ENTITY_TYPE, asset_id)
    if mapping is not None:
        external = mapping.external_entity_id
    else:
        external = await connection.fetchval(
            "SELECT rmm_device_id FROM assets WHERE tenant = $1 AND asset_id = $2 AND rmm_provider = $3",
            tenant,
            asset_id,
            PROVIDER,
        )
    return int(external) if external is not None and external.isascii() and external.isdigit() else None


async def known_devices(connection: Connection, tenant: UUID, device_ids: Iterable[str]) -> dict[str, KnownDevice]:
    """Those of the devices that are assets here, by NinjaOne's id; the mapping table wins over the asset's row."""
    wanted = sorted(set(device_ids))
    if not wanted:
        return {}
    rows = await connection.fetch(_KNOWN, tenant, PROVIDER, ENTITY_TYPE, wanted)
    return {
        row["device_id"]: KnownDevice(row["asset_id"], row["client_id"], row["name"], row["organization_id"])
        for row in rows
    }


async def reopen_alerts(
    connection: Connection, tenant: UUID, integration_id: UUID, uids: Iterable[str]
) -> frozenset[UUID]:
    """
    Makes alerts active again that were triggered after they had been acknowledged or resolved here.

    Args:
        connection: Bound to the tenant.
        tenant: Whose alerts.
        integration_id: Of which connection.
        uids: NinjaOne's ids of alerts that it has just reported as active.

    Returns:
        Our ids of those that are active again.
    """
    rows = await connection.fetch(_REOPEN, tenant, integration_id, sorted(uids))
    return frozenset(row["alert_id"] for row in rows)


async def resolve_alerts(
    connection: Connection, tenant: UUID, integration_id: UUID, *, still_active: Iterable[str], as_of: datetime
) -> None:
    """
    Resolves the active alerts of a connection that NinjaOne has no more.

    Args:
        connection: Bound to the tenant.
        tenant: Whose alerts.
        integration_id: Of which connection.
        still_active: NinjaOne's ids of all alerts that are active there.
        as_of: When NinjaOne was asked, by the database's clock.
    """
    await connection.execute(_RESOLVE, tenant, integration_id, sorted(still_active), as_of)


async def clients_of_organizations(
    connection: Connection, tenant: UUID, integration_id: UUID, organization_ids: Iterable[str]
) -> Mapping[str, UUID]:
    """Those of the organizations that are mapped to a client, by NinjaOne's id."""
    wanted = sorted(set(organization_ids))
    if not wanted:
        return {}
    rows = await connection.fetch(_CLIENTS, tenant, integration_id, wanted)
    return {row["external_organization_id"]: row["client_id"] for row in rows}
