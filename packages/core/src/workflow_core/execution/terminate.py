"""Ending a run at once, without waiting for what it has under way: for one that cannot be canceled.

Its execution is stopped where it stands, and those of the runs that it called. An action that was sent is not called
back: the ledger keeps that it was, and its step may still tell what became of it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final
from uuid import UUID

from workflow_core.audit import Change, record
from workflow_core.errors import NotFoundError
from workflow_core.execution.cancel import find_open
from workflow_core.execution.closing import TERMINATED, close_run
from workflow_core.execution.engine import TIMEOUT, ask
from workflow_core.execution.models import RunStatus
from workflow_core.execution.run_log import tell_termination_requested
from workflow_core.execution.runs import start_waiting
from workflow_core.execution.turns import close_queued
from workflow_core.storage.database import Connection, Database
from workflow_core.temporal import run_workflow_id

if TYPE_CHECKING:
    from temporalio.client import Client

_CALLED: Final = """
WITH RECURSIVE called AS (
    SELECT run_id, execution, status FROM workflow_runs WHERE tenant = $1 AND parent_run_id = $2
    UNION ALL
    SELECT run.run_id, run.execution, run.status
    FROM workflow_runs AS run JOIN called ON run.tenant = $1 AND run.parent_run_id = called.run_id
)
SELECT run_id, execution FROM called WHERE status IN ('RUNNING', 'WAITING')
"""


async def terminate_run(
    database: Database, client: Client, *, tenant: UUID, run_id: UUID, user: UUID, reason: str | None = None
) -> RunStatus:
    """Ends a run, and all that it called, as ``FAILED`` with the code ``TERMINATED``.

    Returns:
        How the run has ended: otherwise, when it came to its own end meanwhile.

    Raises:
        NotFoundError: The tenant has no such run.
        ConflictError: ``RUN_ENDED``; or ``RUN_NOT_STARTED``, when it is up to another run to start it.
        TransientError: ``TEMPORAL_UNAVAILABLE``: asking again is safe.
    """
    async with database.tenant(tenant) as conn:
        run = await find_open(conn, tenant, run_id)
        await tell_termination_requested(conn, tenant, run_id, user=user, reason=reason)
        if await close_queued(conn, tenant, run_id, TERMINATED):
            await _audit(conn, tenant, run_id, user=user, reason=reason)
            return TERMINATED.status
    if run["started_at"] is None:
        # Recorded, and maybe about to be started by somebody else: only what runs can be ended for good.
        await start_waiting(database, client, tenant=tenant, run_id=run_id)
    why = reason or "Terminated by a user."
    await _terminate(client, run_id, run["execution"], why)
    stopped = {run_id: run["execution"]}
    # The caller is stopped: it calls nothing more, but what it called may have called others meanwhile.
    while more := await _open_calls(database, tenant, run_id, stopped):
        for called, execution in more.items():
            await _terminate(client, called, execution, why)
        stopped |= more
    for called, execution in stopped.items():
        async with database.tenant(tenant) as conn:
            if await close_run(conn, tenant, called, execution, TERMINATED):
                await _audit(conn, tenant, called, user=user, reason=reason)
    async with database.tenant(tenant, readonly=True) as conn:
        status: RunStatus = await conn.fetchval(
            "SELECT status FROM workflow_runs WHERE tenant = $1 AND run_id = $2", tenant, run_id
        )
    return status


async def _audit(conn: Connection, tenant: UUID, run_id: UUID, *, user: UUID, reason: str | None) -> None:
    details = {"reason": reason}
    change = Change(operation="terminate", table_name="workflow_runs", record_id=str(run_id), details=details)
    await record(conn, tenant, user, [change])


async def _terminate(client: Client, run_id: UUID, execution: int, reason: str) -> None:
    handle = client.get_workflow_handle(run_workflow_id(str(run_id), execution))
    with contextlib.suppress(NotFoundError):  # it has ended, or was never started, which now nobody can do
        await ask(handle.terminate(reason=reason, rpc_timeout=TIMEOUT))


async def _open_calls(database: Database, tenant: UUID, run_id: UUID, stopped: dict[UUID, int]) -> dict[UUID, int]:
    """The runs that a run called, directly or not, and that are neither ended nor stopped."""
    async with database.tenant(tenant, readonly=True) as conn:
        rows = await conn.fetch(_CALLED, tenant, run_id)
    return {row["run_id"]: row["execution"] for row in rows if stopped.get(row["run_id"]) != row["execution"]}
