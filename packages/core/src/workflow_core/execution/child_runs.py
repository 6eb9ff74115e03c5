"""Runs that a run calls: recorded like every run, started and awaited by their parent."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid5

import attrs

from workflow_core.discovery import Registry
from workflow_core.errors import ChildWorkflowError, NotFoundError, WorkflowError
from workflow_core.execution.models import ChildRun, RunInput
from workflow_core.execution.resume import find_resumption, reopen_run
from workflow_core.execution.runs import Caller, Origin, record_run, run_input
from workflow_core.execution.settlement import ask_again
from workflow_core.storage.database import Connection

#: Calls within calls, beyond which a workflow is taken to call itself for ever.
MAX_CALL_DEPTH: Final = 20

_CALLER = """
SELECT COALESCE(root_run_id, run_id) AS root, call_depth, chain_depth, dry_run
FROM workflow_runs WHERE tenant = $1 AND run_id = $2
"""
_LOAD = """
UPDATE workflow_runs SET started_at = COALESCE(started_at, now())
WHERE tenant = $1 AND run_id = $2
RETURNING workflow_id, workflow_version, actor_id, plan, payload, dry_run, execution, checkpoint, failed_step_path,
          failed_iteration, correction
"""


def child_run_id(parent: str, step_id: str, iteration: str, attempt: int) -> str:
    """The id of the run that a step calls: the same however often its recording is repeated.

    A further attempt after a failed child is a run of its own.
    """
    parts = [step_id, iteration, *([str(attempt)] if attempt > 1 else [])]
    return str(uuid5(UUID(parent), "child:" + "".join(f"{len(part)}:{part}" for part in parts)))


async def record_child(conn: Connection, registry: Registry, child: ChildRun) -> int:
    """Records the run that a step calls; recording it again changes nothing.

    One that had ended is opened again when its parent was resumed.

    Returns:
        Which execution of it is to be started.

    Raises:
        ChildWorkflowError: ``WORKFLOW_NOT_FOUND``, ``NOT_PUBLISHED``, ``WORKFLOW_PAUSED``, ``CALL_DEPTH_EXCEEDED``,
            ``RUN_TOO_LARGE``, or ``DUPLICATE_STEP_ID`` when another step made this run.
    """
    tenant = UUID(child.tenant)
    caller = await conn.fetchrow(_CALLER, tenant, UUID(child.parent_run_id))
    if caller is None:
        raise ChildWorkflowError("The run that calls is not in the database any more.", code="RUN_NOT_FOUND")
    if caller["call_depth"] >= MAX_CALL_DEPTH:
        raise ChildWorkflowError(
            f"Workflows call one another {MAX_CALL_DEPTH} levels deep here: one of them calls itself without an end.",
            code="CALL_DEPTH_EXCEEDED",
            details={"maximum": MAX_CALL_DEPTH},
        )
    try:
        workflow_id = UUID(child.workflow_id)
    except ValueError:
        raise ChildWorkflowError("The called workflow's id is not a UUID.", code="WORKFLOW_NOT_FOUND") from None
    try:
        recorded = await record_run(
            conn,
            registry,
            tenant=tenant,
            workflow_id=workflow_id,
            version=child.workflow_version,
            payload=child.payload,
            actor=UUID(child.actor) if child.actor else None,
            cause="child",
            run_id=UUID(child.run_id),
            origin=Origin(depth=caller["chain_depth"]),
            caller=Caller(UUID(child.parent_run_id), caller["root"], caller["call_depth"] + 1),
            dry_run=caller["dry_run"],
        )
    except NotFoundError as error:
        code = "NOT_PUBLISHED" if "version" in error.details else "WORKFLOW_NOT_FOUND"
        raise ChildWorkflowError(error.message, code=code) from None
    except WorkflowError as error:
        raise ChildWorkflowError(error.message, code=error.code, details=error.details) from None
    if (recorded.run.workflow_id, recorded.run.workflow_version) != (workflow_id, child.workflow_version):
        raise ChildWorkflowError("Another step with the same id has called a workflow.", code="DUPLICATE_STEP_ID")
    if child.resumed and recorded.run.status not in ("RUNNING", "WAITING"):
        await ask_again(conn, tenant, UUID(child.run_id))
        return await reopen_run(conn, tenant, UUID(child.run_id), user=None, reason=None)
    return recorded.execution


async def load_run(conn: Connection, tenant: UUID, run_id: UUID) -> RunInput:
    """What a recorded run is executed with; it counts as started from here.

    Raises:
        ChildWorkflowError: ``RUN_NOT_FOUND``.
    """
    row = await conn.fetchrow(_LOAD, tenant, run_id)
    if row is None:
        raise ChildWorkflowError("The run is not in the database any more.", code="RUN_NOT_FOUND")
    run = run_input(tenant, run_id, row)
    if row["execution"] == 1:
        return run
    return attrs.evolve(run, resumption=await find_resumption(conn, tenant, run_id, row))
