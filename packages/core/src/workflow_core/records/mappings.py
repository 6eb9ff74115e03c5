"""
Which record of ours is which entity over there (``tenant_external_entity_mappings``).

Each record has at most one entity per integration, and each entity one record. A realm says where an external id is
unique; without one it is in the whole integration.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs

from workflow_core.records._rows import columns, read_optional
from workflow_core.storage.database import Connection


@attrs.frozen
class EntityMapping:
    """A row of ``tenant_external_entity_mappings``; ``alga_entity_id`` is our id, as text."""

    id: UUID
    integration_type: str
    alga_entity_type: str
    alga_entity_id: str
    external_entity_id: str
    external_realm_id: str | None
    sync_status: str | None
    last_synced_at: datetime | None
    metadata: dict[str, Any] | None


_SELECT = f"SELECT {columns(EntityMapping)} FROM tenant_external_entity_mappings"  # noqa: S608 - our columns


async def find_by_external_id(
    conn: Connection,
    tenant: UUID,
    integration_type: str,
    entity_type: str,
    external_id: str,
    *,
    realm_id: str | None = None,
) -> EntityMapping | None:
    """
    The mapping of an entity over there.

    Args:
        conn: Bound to the tenant.
        tenant: Whose mapping.
        integration_type: Such as ``ninjaone``.
        entity_type: Such as ``asset``.
        external_id: The other side's id.
        realm_id: Looks in this realm only; in all when left out, the one synced last first.
    """
    row = await conn.fetchrow(
        f"{_SELECT} WHERE tenant = $1 AND integration_type = $2 AND alga_entity_type = $3 "
        "AND external_entity_id = $4 AND ($5::text IS NULL OR external_realm_id = $5) "
        "ORDER BY last_synced_at DESC NULLS LAST, id LIMIT 1",
        tenant,
        integration_type,
        entity_type,
        external_id,
        realm_id,
    )
    return read_optional(EntityMapping, row)


async def find_by_entity_id(
    conn: Connection, tenant: UUID, integration_type: str, entity_type: str, entity_id: UUID | str
) -> EntityMapping | None:
    """The mapping of a record of ours."""
    row = await conn.fetchrow(
        f"{_SELECT} WHERE tenant = $1 AND integration_type = $2 AND alga_entity_type = $3 AND alga_entity_id = $4",
        tenant,
        integration_type,
        entity_type,
        str(entity_id),
    )
    return read_optional(EntityMapping, row)


async def external_ids(
    conn: Connection, tenant: UUID, integration_type: str, entity_type: str, entity_ids: Iterable[UUID | str]
) -> dict[str, str]:
    """The other side's ids of many records of ours, by our id as text; without those that have none."""
    rows = await conn.fetch(
        "SELECT alga_entity_id, external_entity_id FROM tenant_external_entity_mappings "
        "WHERE tenant = $1 AND integration_type = $2 AND alga_entity_type = $3 "
        "AND alga_entity_id = ANY ($4::text[])",
        tenant,
        integration_type,
        entity_type,
        [str(entity_id) for entity_id in entity_ids],
    )
    return {row["alga_entity_id"]: row["external_entity_id"] for row in rows}


async def put_mapping(
    conn: Connection,
    tenant: UUID,
    integration_type: str,
    entity_type: str,
    *,
    entity_id: UUID | str,
    external_id: str,
    realm_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """
    Say that a record of ours is this entity over there, as of now; either side's earlier mapping goes.

    Args:
        conn: Bound to the tenant.
        tenant: Whose mapping.
        integration_type: Such as ``ninjaone``.
        entity_type: Such as ``asset``.
        entity_id: Our id.
        external_id: The other side's id.
        realm_id: Where that id is unique.
        metadata: What else to remember; what is there stays when left out.
    """
    key = (tenant, integration_type, entity_type, str(entity_id), external_id)
    await conn.execute(
        "DELETE FROM tenant_external_entity_mappings "
        "WHERE tenant = $1 AND integration_type = $2 AND alga_entity_type = $3 "
        "AND alga_entity_id <> $4 AND external_entity_id = $5 AND external_realm_id IS NOT DISTINCT FROM $6",
        *key,
        realm_id,
    )
    await conn.execute(
        """
        INSERT INTO tenant_external_entity_mappings AS m
            (tenant, integration_type, alga_entity_type, alga_entity_id, external_entity_id, external_realm_id,
             metadata, sync_status, last_synced_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'synced', now())
        ON CONFLICT (tenant, integration_type, alga_entity_type, alga_entity_id) DO UPDATE
        SET external_entity_id = EXCLUDED.external_entity_id, external_realm_id = EXCLUDED.external_realm_id,
            metadata = coalesce(EXCLUDED.metadata, m.metadata), sync_status = 'synced',
            last_synced_at = now(), updated_at = now()
        """,
        *key,
        realm_id,
        metadata,
    )


async def delete_mapping(
    conn: Connection, tenant: UUID, integration_type: str, entity_type: str, entity_id: UUID | str
) -> bool:
    """Forget the mapping of a record of ours; tells whether there was one."""
    deleted = await conn.fetchval(
        "DELETE FROM tenant_external_entity_mappings "
        "WHERE tenant = $1 AND integration_type = $2 AND alga_entity_type = $3 AND alga_entity_id = $4 "
        "RETURNING true",
        tenant,
        integration_type,
        entity_type,
        str(entity_id),
    )
    return deleted is not None
