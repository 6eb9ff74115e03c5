"""Looks up the workflows that definitions call, and those that they call in turn, for their validation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from workflow_core.language.calls import Call, CalledVersion, CalledWorkflows, Version, calls_of
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


async def called_by(conn: Connection, tenant: UUID, *definitions: Any) -> CalledWorkflows:
    """What definitions call, and what that calls, as far as it is published.

    Args:
        conn: Bound to the tenant.
        tenant: The tenant.
        definitions: Any JSON values.
    """
    calls = [call for definition in definitions if isinstance(definition, Mapping) for call in calls_of(definition)]
    published: dict[str, tuple[int, ...]] = {call.target[0]: () for call in calls}
    wanted = _possible(calls)
    ids = list({UUID(workflow_id) for workflow_id, _ in wanted})
    rows = await conn.fetch(_PUBLISHED, tenant, ids) if ids else []
    published |= {str(row["workflow_id"]): tuple(row["versions"]) for row in rows}
    versions: dict[Version, CalledVersion] = {}
    for _ in range(_MAX_DEPTH):
        wanted = {target: None for target in list(wanted)[: _MAX_VERSIONS - len(versions)] if target not in versions}
        if not wanted:
            break
        found = {version: CalledVersion.of(each) for version, each in (await _read(conn, tenant, wanted)).items()}
        versions |= found
        wanted = _possible(call for version in found.values() for call in version.calls)
    return CalledWorkflows(published, versions)


def _possible(calls: Iterable[Call]) -> dict[Version, None]:
    """What is called, as far as it can name a workflow at all."""
    return {call.target: None for call in calls if _can_exist(call.target)}


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
