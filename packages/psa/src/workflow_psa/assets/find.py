"""How ``assets.find`` works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import NotFoundError
from workflow_psa.assets.shapes import FindAssets, FoundAsset, FoundAssets

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

_ORDER = "a.status = 'active' DESC, a.last_seen_at DESC NULLS LAST, a.name, a.asset_id"

# The mapping table says which device an asset is; assets that another program keeps have it in their own row only.
_DEVICE = """a.asset_id = ANY (ARRAY(
    SELECT x.alga_entity_id::uuid FROM tenant_external_entity_mappings x
    WHERE x.tenant = $1 AND x.alga_entity_type = 'asset' AND x.external_entity_id = {device}
    UNION
    SELECT y.asset_id FROM assets y WHERE y.tenant = $1 AND y.rmm_device_id = {device}
))"""
_PROVIDER = """(a.rmm_provider = {provider} OR EXISTS (
    SELECT FROM tenant_external_entity_mappings x
    WHERE x.tenant = $1 AND x.alga_entity_type = 'asset' AND x.alga_entity_id = a.asset_id::text
      AND x.integration_type = {provider}
))"""
# Both at once: another provider may have a device of the same number.
_DEVICE_OF_PROVIDER = """a.asset_id = ANY (ARRAY(
    SELECT x.alga_entity_id::uuid FROM tenant_external_entity_mappings x
    WHERE x.tenant = $1 AND x.integration_type = {provider} AND x.alga_entity_type = 'asset'
      AND x.external_entity_id = {device}
    UNION
    SELECT y.asset_id FROM assets y
    WHERE y.tenant = $1 AND y.rmm_provider = {provider} AND y.rmm_device_id = {device}
))"""

# Row-level security lets a lookup by `a.asset_id::text` read all mappings of the tenant: the inner SELECT, which its
# LIMIT keeps apart, makes it a column.
_FIND = """
SELECT a.asset_id, a.name, a.asset_tag, a.asset_type, a.serial_number, a.status, a.client_id, c.client_name,
       coalesce(m.integration_type, a.rmm_provider) AS rmm_provider,
       coalesce(m.external_entity_id, a.rmm_device_id) AS external_device_id, a.agent_status, a.last_seen_at
FROM (
    SELECT *, asset_id::text AS entity_id FROM assets a
    WHERE a.tenant = $1 AND {conditions} ORDER BY {order} LIMIT $2
) a
LEFT JOIN clients c ON c.tenant = $1 AND c.client_id = a.client_id
LEFT JOIN LATERAL (
    SELECT x.integration_type, x.external_entity_id
    FROM tenant_external_entity_mappings x
    WHERE x.tenant = $1 AND x.alga_entity_type = 'asset' AND x.alga_entity_id = a.entity_id AND {mapping}
    ORDER BY x.integration_type = a.rmm_provider DESC NULLS LAST, x.integration_type
    LIMIT 1
) m ON true
ORDER BY {order}
"""


async def find_assets(given: FindAssets, ctx: ActionContext) -> FoundAssets:
    """
    Finds assets that meet every given criterion.

    Raises:
        NotFoundError: There is none, and ``on_not_found`` is ``error``.
    """
    sql, arguments = _query(given, ctx.tenant)
    rows = await ctx.tx.fetch(sql, *arguments)
    if not rows and given.on_not_found == "error":
        raise NotFoundError("No asset fits what assets.find was given.")
    assets = tuple(_asset(row) for row in rows)
    return FoundAssets(asset=assets[0] if assets else None, assets=assets, count=len(assets))


def _query(given: FindAssets, tenant: UUID) -> tuple[str, list[Any]]:
    """One statement per set of criteria, so that each is planned once, for the index that it needs."""
    arguments: list[Any] = [tenant, given.limit]

    def place(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    conditions: list[str] = []
    mapping: list[str] = ["true"]
    if given.asset_id is not None:
        conditions.append(f"a.asset_id = {place(given.asset_id)}")
    if given.serial_number is not None:
        conditions.append(f"a.serial_number_lower = lower({place(given.serial_number)})")
    if given.name is not None:
        conditions.append(f"a.name_lower = lower({place(given.name)})")
    device = None if given.external_device_id is None else place(str(given.external_device_id))
    provider = None if given.provider is None else place(given.provider.lower())
    if device is not None:
        template = _DEVICE if provider is None else _DEVICE_OF_PROVIDER
        conditions.append(template.format(device=device, provider=provider))
        mapping.append(f"x.external_entity_id = {device}")
    elif provider is not None:
        conditions.append(_PROVIDER.format(provider=provider))
    if provider is not None:
        mapping.append(f"x.integration_type = {provider}")
    sql = _FIND.format(conditions=" AND ".join(conditions), mapping=" AND ".join(mapping), order=_ORDER)
    return sql, arguments


def _asset(row: Record) -> FoundAsset:
    return FoundAsset(**row)
