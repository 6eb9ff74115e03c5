"""Canceling a run: asked of Temporal, which lets the step under way end; the run then writes its own end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from workflow_core.discovery import Registry
from workflow_core.errors import ConflictError, ErrorCategory, NotFoundError, TransientError
from workflow_core.execution.history import write_end
from workflow_core.execution.models import RunEnd, RunStatus
from workflow_core.execution.run_log import tell_cancel_requested
from workflow_core.execution.runs import start_run
from workflow_core.storage.database import Database
from workflow_core.temporal import run_workflow_id

if TYPE_CHECKING:
    from temporalio.client import Client

_TIMEOUT: Final = timedelta(seconds=10)
_OPEN: Final = ("RUNNING", "WAITING")
#: How an execution ends without having written its run's end.
_SPEECHLESS: Final = (WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT)
_FIND = """
SELECT workflow_id, workflow_version, status, cause, execution, payload, started_at
FROM workflow_runs WHERE tenant = $1 AND run_id = $2
"""


async def cancel_run(
    database: Database,
    client: Client,
    registry: Registry,
    *,
    tenant: UUID,
    run_id: UUID,
    user: UUID,
    reason: str | None = None,
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
        run = await conn.fetchrow(_FIND, tenant, run_id)
        if run is None:
            raise NotFoundError("There is no such run.")
        _refuse_ended(run["status"])
        if run["started_at"] is None and run["cause"] == "child":
            raise ConflictError(
                "The run that calls this one has not started it yet: cancel that one, or try again in a moment.",
                code="RUN_NOT_STARTED",
            )
        await tell_cancel_requested(conn, tenant, run_id, user=user, reason=reason)
    if run["started_at"] is None:
        # Recorded, and maybe about to be started by somebody else: only what runs can be canceled for good.
        await start_run(
            database,
            client,
            registry,
            tenant=tenant,
            workflow_id=run["workflow_id"],
            version=run["workflow_version"],
            payload=run["payload"],
            actor=None,
            cause=run["cause"],
            run_id=run_id,
        )
    if await _ask(client, run_workflow_id(str(run_id), run["execution"])):
        status: RunStatus = run["status"]
        return status
    return await _close(database, tenant, run_id)


def _refuse_ended(status: str) -> None:
    if status not in _OPEN:
        raise ConflictError(f"The run has ended ({status}).", code="RUN_ENDED")


async def _ask(client: Client, workflow_id: str) -> bool:
    """Whether Temporal has the execution, and lets it be canceled."""
    handle = client.get_workflow_handle(workflow_id)
    try:
        async with asyncio.timeout(_TIMEOUT.total_seconds()):
            await handle.cancel(rpc_timeout=_TIMEOUT)
            # One that was just terminated may take the request without a word.
            return (await handle.describe(rpc_timeout=_TIMEOUT)).status not in _SPEECHLESS
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise _unavailable() from error
    except (TimeoutError, OSError, RuntimeError) as error:
        # A lazy client's first connection fails with a bare RuntimeError; afterwards such failures are RPC errors.
        if isinstance(error, RuntimeError) and not str(error).startswith("Failed client connect"):
            raise
        raise _unavailable() from error


async def _close(database: Database, tenant: UUID, run_id: UUID) -> RunStatus:
    """Ends the row of a run whose execution has ended without a word, or that Temporal has forgotten."""
    now = datetime.now(UTC).isoformat()
    error = {
        "category": ErrorCategory.CANCELLATION.value,
        "code": "CANCELED",
        "message": "The run was canceled.",
        "details": {},
        "nodePath": "root",
        "at": now,
    }
    end = RunEnd(tenant=str(tenant), run_id=str(run_id), status="CANCELED", error=error, completed_at=now, trace=[])
    async with database.tenant(tenant) as conn:
        _refuse_ended(
            await conn.fetchval(
                "SELECT status FROM workflow_runs WHERE tenant = $1 AND run_id = $2 FOR UPDATE", tenant, run_id
            )
        )
        await write_end(conn, end)
    return "CANCELED"


def _unavailable() -> TransientError:
    return TransientError("Temporal does not answer; try again in a moment.", code="TEMPORAL_UNAVAILABLE")
