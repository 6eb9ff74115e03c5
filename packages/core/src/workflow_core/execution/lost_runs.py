"""Runs whose execution has ended without having written their end, or that Temporal does not have any more.

Terminated behind the platform's back, timed out, or lost with Temporal's own database: their rows would stay open for
ever. A run that another one called and never started is such a run as well, once its caller has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus as Status

from workflow_core.errors import ErrorCategory
from workflow_core.execution.closing import CANCELED, OPEN, TERMINATED, Ending, close_run
from workflow_core.execution.engine import execution_status
from workflow_core.storage.database import Connection, Database
from workflow_core.temporal import run_workflow_id

if TYPE_CHECKING:
    from temporalio.client import Client

#: How a run ends by how its execution did; one that is not among them goes on.
_ENDINGS: Final[Mapping[Status | None, Ending]] = MappingProxyType(
    {
        Status.TERMINATED: TERMINATED,
        Status.CANCELED: CANCELED,
        Status.TIMED_OUT: Ending(
            status="FAILED",
            category=ErrorCategory.TIMEOUT,
            code="EXECUTION_TIMED_OUT",
            message="Temporal ended the run because it took too long.",
        ),
        Status.FAILED: Ending(
            status="FAILED",
            category=ErrorCategory.INTERPRETER_CORRUPTION,
            code="EXECUTION_FAILED",
            message="The run ended with an error that it could not write down: look at its execution in Temporal.",
        ),
        # Its own end was written before this, and is lost: the database is an older one.
        Status.COMPLETED: Ending(status="SUCCEEDED"),
        None: Ending(
            status="FAILED",
            category=ErrorCategory.TRANSIENT,
            code="EXECUTION_LOST",
            message="Temporal does not have the run any more: resume it to let it go on.",
        ),
    }
)

# Not what changed a moment ago: a start or an end is on its way. In rotation: what was looked at last comes last.
_OF_AGE: Final = """
status IN ('RUNNING', 'WAITING') AND (started_at IS NOT NULL OR parent_run_id IS NOT NULL)
AND COALESCE(started_at, created_at) < now() - interval '1 minute' AND updated_at < now() - interval '1 minute'
AND (checked_at IS NULL OR checked_at < now() - interval '1 minute')
"""
_FIND: Final = f"""
SELECT tenant, run_id FROM workflow_runs WHERE {_OF_AGE} ORDER BY checked_at NULLS FIRST LIMIT $1
"""  # noqa: S608 - the condition is constant
_CLAIM: Final = f"""
UPDATE workflow_runs SET checked_at = now()
WHERE (tenant, run_id) = (
    SELECT tenant, run_id FROM workflow_runs WHERE tenant = $1 AND run_id = $2 AND {_OF_AGE} FOR UPDATE SKIP LOCKED
)
RETURNING execution, started_at, parent_run_id
"""  # noqa: S608 - the condition is constant


async def find_unchecked(database: Database, *, limit: int) -> list[tuple[UUID, UUID]]:
    """Tenant and id of open runs, those first that nobody has looked at for the longest time."""
    async with database.dispatch() as conn:
        return [(row["tenant"], row["run_id"]) for row in await conn.fetch(_FIND, limit)]


async def close_if_lost(database: Database, client: Client, *, tenant: UUID, run_id: UUID) -> Ending | None:
    """Asks Temporal about an open run, and ends its row when its execution has ended.

    Returns:
        How it was ended; None: it goes on, or somebody else looks after it.

    Raises:
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    async with database.tenant(tenant) as conn:
        run = await conn.fetchrow(_CLAIM, tenant, run_id)
    if run is None:
        return None
    execution = run["execution"]
    status = await execution_status(client.get_workflow_handle(run_workflow_id(str(run_id), execution)))
    ending = _ENDINGS.get(status)
    if ending is None:
        return None
    async with database.tenant(tenant) as conn:
        if status is None and run["started_at"] is None:
            if not await _has_ended(conn, tenant, run["parent_run_id"]):
                return None  # its caller may still start it
            ending = CANCELED
        # It may have written its end since.
        return ending if await close_run(conn, tenant, run_id, execution, ending) else None


async def _has_ended(conn: Connection, tenant: UUID, run_id: UUID) -> bool:
    status = await conn.fetchval("SELECT status FROM workflow_runs WHERE tenant = $1 AND run_id = $2", tenant, run_id)
    return status not in OPEN
