"""Runs that are recorded, and that nobody started: whoever was about to died, or Temporal did not answer.

A run that another run calls is not among them: its caller starts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from workflow_core.execution.runs import start_waiting
from workflow_core.storage.database import Database

if TYPE_CHECKING:
    from temporalio.client import Client

# Whoever recorded it may still be about to start it; whoever took it up last as well.
_LEFT_BEHIND: Final = """
status = 'RUNNING' AND started_at IS NULL AND parent_run_id IS NULL
AND updated_at < now() - interval '10 s' AND (checked_at IS NULL OR checked_at < now() - interval '30 s')
"""
# In turn for each tenant: one with ten thousand runs does not keep the others waiting.
_FIND: Final = f"""
SELECT tenant, run_id FROM (
    SELECT tenant, run_id, updated_at, row_number() OVER (PARTITION BY tenant ORDER BY updated_at, run_id) AS turn
    FROM workflow_runs WHERE {_LEFT_BEHIND}
) AS left_behind
ORDER BY turn, updated_at LIMIT $1
"""  # noqa: S608 - the condition is constant
_CLAIM: Final = f"""
UPDATE workflow_runs SET checked_at = now()
WHERE (tenant, run_id) = (
    SELECT tenant, run_id FROM workflow_runs WHERE tenant = $1 AND run_id = $2 AND {_LEFT_BEHIND}
    FOR UPDATE SKIP LOCKED
)
"""  # noqa: S608 - the condition is constant


async def find_unstarted(database: Database, *, limit: int) -> list[tuple[UUID, UUID]]:
    """Tenant and id of runs that wait to be started, each tenant's oldest first."""
    async with database.dispatch() as conn:
        return [(row["tenant"], row["run_id"]) for row in await conn.fetch(_FIND, limit)]


async def start_unstarted(database: Database, client: Client, *, tenant: UUID, run_id: UUID) -> bool:
    """Starts such a run; answers False when somebody else has taken it up.

    Raises:
        RunNotStartedError: Temporal did not answer; it is found again half a minute later.
    """
    async with database.tenant(tenant) as conn:
        claimed = await conn.execute(_CLAIM, tenant, run_id)
    return claimed == "UPDATE 1" and await start_waiting(database, client, tenant=tenant, run_id=run_id)
