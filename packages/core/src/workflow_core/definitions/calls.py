"""Looks up the workflows that a definition calls, and those that they call in turn, for its validation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from workflow_core.language.calls import CalledVersion, CalledWorkflows, Version, calls_of
from workflow_core.storage.database import Connection

#: How far calls are followed, and how many versions are read: runs call no deeper either.
_MAX_DEPTH: Final = 20
_MAX_VERSIONS: Final = 200

_PUBLISHED = """
SELECT workflow_id, array_agg(version ORDER BY version) AS versions FROM workflow_definition_versions
WHERE tenant = $1 AND workflow_id = ANY($2::uuid[]) GROUP BY workflow_id
"""
_VERSIONS = """
SELECT v.workflow_id, v.version, v.definition_json
FROM workflow_definition_versions v
JOIN unnest($2::uuid[], $3::int[]) AS wanted(workflow_id, version) USING (workflow_id, version)
WHERE v.tenant = $1
"""


async def called_by(conn: Connection, tenant: UUID, definition: Any) -> CalledWorkflows:
    """What a definition calls, and what that calls, as far as it is published.

    Args:
        conn: Bound to the tenant.
        tenant: The tenant.
        definition: Any JSON value.
    """
    wanted = _targets([definition]) if isinstance(definition, Mapping) else {}
    ids = list({UUID(workflow_id) for workflow_id, _ in wanted})
    rows = await conn.fetch(_PUBLISHED, tenant, ids) if ids else []
    published = {str(row["workflow_id"]): tuple(row["versions"]) for row in rows}
    versions: dict[Version, CalledVersion] = {}
    for _ in range(_MAX_DEPTH):
        wanted = {target: None for target in list(wanted)[: _MAX_VERSIONS - len(versions)] if target not in versions}
        if not wanted:
            break
        definitions = await _read(conn, tenant, wanted)
        versions |= {version: CalledVersion.of(found) for version, found in definitions.items()}
        wanted = _targets(definitions.values())
    return CalledWorkflows(published, versions)


def _targets(definitions: Collection[Mapping[str, Any]]) -> dict[Version, None]:
    """What is called, as far as it can name a workflow at all."""
    targets = (call.target for definition in definitions for call in calls_of(definition))
    return {target: None for target in targets if _can_exist(target)}


def _can_exist(target: Version) -> bool:
    try:
        UUID(target[0])
    except ValueError:
        return False
    return 0 < target[1] < 2**31


async def _read(conn: Connection, tenant: UUID, wanted: Collection[Version]) -> dict[Version, dict[str, Any]]:
    ids, numbers = [UUID(workflow_id) for workflow_id, _ in wanted], [version for _, version in wanted]
    rows = await conn.fetch(_VERSIONS, tenant, ids, numbers)
    return {(str(row["workflow_id"]), row["version"]): row["definition_json"] for row in rows}
