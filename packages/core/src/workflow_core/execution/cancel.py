"""Canceling a run: asked of Temporal, which lets the step under way end; the run then writes its own end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus

from workflow_core.errors import ConflictError, NotFoundError
from workflow_core.execution.closing import CANCELED, OPEN, close_run
from workflow_core.execution.engine import TIMEOUT, ask, execution_status
from workflow_core.execution.models import RunStatus
from workflow_core.execution.run_log import tell_cancel_requested
from workflow_core.execution.runs import start_waiting
from workflow_core.execution.turns import close_queued
from workflow_core.storage.database import Connection, Database, Record
from workflow_core.temporal import run_workflow_id

if TYPE_CHECKING:
    from temporalio.client import Client

#: How an execution ends without having written its run's end.
_SPEECHLESS: Final = (WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT)
_FIND = "SELECT status, execution, cause, started_at FROM workflow_runs WHERE tenant = $1 AND run_id = $2"


async def cancel_run(
    database: Database, client: Client, *, tenant: UUID, run_id: UUID, user: UUID, reason: str | None = None
) -> RunStatus:
    """Asks for a run to end; asking again changes nothing.

    Returns:
        The run's status: as it was while it comes to its end, or ``CANCELED``.

    Raises:
        NotFoundError: The tenant has no such run.
        ConflictError: ``RUN_ENDED``; or ``RUN_NOT_STARTED``, when it is up to another run to start it.
        TransientError: ``TEMPORAL_UNAVAILABLE``.
    """
    async with database.tenant(tenant) as conn:
        run = await find_open(conn, tenant, run_id)
        await tell_cancel_requested(conn, tenant, run_id, user=user, reason=reason)
        if await close_queued(conn, tenant, run_id, CANCELED):
            return "CANCELED"
    if run["started_at"] is None:
        # Recorded, and maybe about to be started by somebody else: only what runs can be canceled for good.
        await start_waiting(database, client, tenant=tenant, run_id=run_id)
    if await _ask_to_cancel(client, run_workflow_id(str(run_id), run["execution"])):
        status: RunStatus = run["status"]
        return status
    async with database.tenant(tenant) as conn:
        if not await close_run(conn, tenant, run_id, run["execution"], CANCELED):
            await find_open(conn, tenant, run_id)
    return "CANCELED"


async def find_open(conn: Connection, tenant: UUID, run_id: UUID) -> Record:
    """A run that has not ended, and that can be asked to.

    Raises:
        NotFoundError: The tenant has no such run.
        ConflictError: ``RUN_ENDED``; or ``RUN_NOT_STARTED``, when it is up to another run to start it.
    """
    run = await conn.fetchrow(_FIND, tenant, run_id)
    if run is None:
        raise NotFoundError("There is no such run.")
    if run["status"] not in OPEN:
        raise ConflictError(f"The run has ended ({run['status']}).", code="RUN_ENDED")
    if run["started_at"] is None and run["cause"] == "child":
        raise ConflictError(
            "The run that calls this one has not started it yet: end that one, or try again in a moment.",
            code="RUN_NOT_STARTED",
        )
    return run


async def _ask_to_cancel(client: Client, workflow_id: str) -> bool:
    """Whether Temporal has the execution, and lets it be canceled."""
    handle = client.get_workflow_handle(workflow_id)
    try:
        await ask(handle.cancel(rpc_timeout=TIMEOUT))
    except NotFoundError:
        return False
    # One that was just terminated may take the request without a word.
    status = await execution_status(handle)
    return status is not None and status not in _SPEECHLESS
