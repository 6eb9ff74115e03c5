"""What drafts use, and how the last runs of workflows went: what lists tell without the definitions themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from workflow_core.execution.models import RunStatus
from workflow_core.storage.database import Connection

#: How many of the last runs are told of.
LAST_RUNS: Final = 5

# Only of steps: a field of an action may be called `actionId` as well.
_ACTIONS: Final = """
SELECT workflow_id, jsonb_path_query_array(
    draft_definition::jsonb, '$.** ? (@.type == "action.call").config.actionId ? (@.type() == "string")'
) AS actions
FROM workflow_definitions WHERE tenant = $1 AND workflow_id = ANY ($2::uuid[])
"""
_RUNS: Final = """
SELECT run.workflow_id, run.run_id, run.status, run.created_at
FROM unnest($2::uuid[]) AS wanted(workflow_id)
CROSS JOIN LATERAL (
    SELECT workflow_id, run_id, status, created_at FROM workflow_runs
    WHERE tenant = $1 AND workflow_id = wanted.workflow_id AND NOT dry_run
    ORDER BY created_at DESC, run_id LIMIT $3
) AS run
ORDER BY run.created_at DESC, run.run_id
"""

# Most definitions name no secret, and their text tells so in a small part of the time.
_SECRETS: Final = """
SELECT DISTINCT secret.name AS secret, workflow.workflow_id, workflow.name
FROM workflow_definitions AS workflow
LEFT JOIN workflow_definition_versions AS version
  ON version.tenant = $1 AND version.workflow_id = workflow.workflow_id AND version.version = workflow.published_version
CROSS JOIN LATERAL (VALUES (workflow.draft_definition), (version.definition_json)) AS stored (definition)
CROSS JOIN LATERAL jsonb_path_query(
    stored.definition::jsonb, '$.**."$secret" ? (@.type() == "string")'
) AS found (name)
CROSS JOIN LATERAL (SELECT found.name #>> '{}' AS name) AS secret
WHERE workflow.tenant = $1 AND stored.definition::text LIKE '%"$secret"%'
ORDER BY secret.name, workflow.name, workflow.workflow_id
"""


@attrs.frozen(kw_only=True)
class LastRun:
    """A run, as far as a list of workflows tells of it."""

    run_id: UUID
    status: RunStatus
    created_at: datetime


@attrs.frozen(kw_only=True)
class Overview:
    """One workflow's part.

    Attributes:
        action_ids: Of the draft, each once, sorted.
        last_runs: The newest first; dry runs are no runs.
    """

    action_ids: Sequence[str]
    last_runs: Sequence[LastRun]


async def overviews(conn: Connection, tenant: UUID, workflow_ids: Sequence[UUID]) -> Mapping[UUID, Overview]:
    """The parts of these workflows, by their ids."""
    runs: dict[UUID, list[LastRun]] = {workflow_id: [] for workflow_id in workflow_ids}
    for row in await conn.fetch(_RUNS, tenant, workflow_ids, LAST_RUNS):
        run = LastRun(run_id=row["run_id"], status=row["status"], created_at=row["created_at"])
        runs[row["workflow_id"]].append(run)
    return {
        row["workflow_id"]: Overview(action_ids=sorted(set(row["actions"])), last_runs=runs[row["workflow_id"]])
        for row in await conn.fetch(_ACTIONS, tenant, workflow_ids)
    }


async def workflows_by_secret(conn: Connection, tenant: UUID) -> Mapping[str, Mapping[UUID, str]]:
    """The names of the workflows that use a secret, in their draft or as they are published, by the secret's name."""
    found: dict[str, dict[UUID, str]] = {}
    for row in await conn.fetch(_SECRETS, tenant):
        found.setdefault(row["secret"], {})[row["workflow_id"]] = row["name"]
    return found
