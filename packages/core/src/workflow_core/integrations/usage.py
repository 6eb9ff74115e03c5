"""Which published workflows use an integration: by the actions of their steps, or by the event that starts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import attrs

from workflow_core.connections import Connection
from workflow_core.discovery import Registry
from workflow_core.storage.database import Connection as DatabaseConnection

_PUBLISHED: Final = """
SELECT d.workflow_id, d.name, v.trigger_event,
       jsonb_path_query_array(
           v.definition_json::jsonb, '$.** ? (@.type == "action.call").config.actionId ? (@.type() == "string")'
       ) AS action_ids
FROM workflow_definitions d
JOIN workflow_definition_versions v
  ON v.tenant = $1 AND v.workflow_id = d.workflow_id AND v.version = d.published_version
-- What is in the text at all is found much faster than where it stands.
WHERE d.tenant = $1 AND (v.trigger_event = ANY ($2::text[]) OR v.definition_json::text LIKE ANY ($3::text[]))
ORDER BY d.name, d.workflow_id
"""


@attrs.frozen(kw_only=True)
class WorkflowUse:
    """A published workflow that uses an integration.

    Attributes:
        workflow_id: The workflow.
        name: Its name.
        uses: Action ids and event names, sorted.
    """

    workflow_id: UUID
    name: str
    uses: tuple[str, ...]


async def workflows_by_provider(
    conn: DatabaseConnection, tenant: UUID, registry: Registry, connections: Sequence[Connection]
) -> Mapping[str, list[WorkflowUse]]:
    """The published workflows that use these integrations, by provider and name."""
    found: dict[str, list[WorkflowUse]] = {connection.provider: [] for connection in connections}
    events = {connection.provider: _events_of(connection, registry) for connection in connections}
    possible = [f'%"{segment}.%' for connection in connections for segment in connection.segments]
    for row in await conn.fetch(_PUBLISHED, tenant, sorted(set().union(*events.values())), possible):
        for connection in connections:
            uses = {action for action in row["action_ids"] if action.split(".", 1)[0] in connection.segments}
            if row["trigger_event"] in events[connection.provider]:
                uses.add(row["trigger_event"])
            if uses:
                use = WorkflowUse(workflow_id=row["workflow_id"], name=row["name"], uses=tuple(sorted(uses)))
                found[connection.provider].append(use)
    return found


def _events_of(connection: Connection, registry: Registry) -> set[str]:
    """What this connection's webhook or jobs tell of: the events of its distribution, if it has no other connection."""
    owner = registry.distribution_of_connection.get(connection.provider)
    rivals = [provider for provider, name in registry.distribution_of_connection.items() if name == owner]
    if len(rivals) > 1 or connection.provider not in registry.receivers:
        return set()
    return {name for name, distribution in registry.distribution_of_event.items() if distribution == owner}
