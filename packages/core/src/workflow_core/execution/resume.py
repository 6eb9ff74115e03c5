"""Going on with a failed run: as a further execution of the same run, before the step that failed.

What has been done is not done again: the steps before the checkpoint are not visited, and the ledger gives the outcome
of every effect that is asked for twice. A failed run that it had called goes on inside of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs
from asyncpg import Record

from workflow_core.audit import Change, record
from workflow_core.discovery import Registry
from workflow_core.errors import (
    ConflictError,
    ExpressionError,
    FieldError,
    NotFoundError,
    RunNotStartedError,
    ValidationError,
)
from workflow_core.execution.checkpoints import Checkpoint, Resumption, read_checkpoint
from workflow_core.execution.run_log import tell_resumed
from workflow_core.execution.runs import start_waiting
from workflow_core.execution.settlement import ask_again
from workflow_core.execution.turns import wait_again
from workflow_core.language.expressions import compile_expression
from workflow_core.language.mapping import iter_expressions, iter_secrets
from workflow_core.language.plan import Plan
from workflow_core.manifest import canonical_json
from workflow_core.schema import json_schema
from workflow_core.storage.database import Connection, Database

if TYPE_CHECKING:
    from temporalio.client import Client

_log = logging.getLogger(__name__)

#: Bytes of a correction as JSON: an execution begins with it, with its plan and with its checkpoint or payload.
MAX_CORRECTION: Final = 256 * 1024

_FIND: Final = """
SELECT run_id, workflow_id, status, execution, plan, checkpoint, failed_step_path, failed_iteration, parent_run_id,
       root_run_id, dry_run
FROM workflow_runs WHERE tenant = $1 AND run_id = $2
"""
_STEP: Final = """
SELECT step_path, iteration, definition_step_id, step_type, action_id, action_version, attempt, input_json, output_json,
       error_json
FROM workflow_run_steps WHERE tenant = $1 AND run_id = $2 AND step_path = $3 AND iteration = $4
"""
#: Each further attempt at a call was a further run: the last one goes on, or stands.
_REPEATED_CALLS: Final = """
SELECT step_path, iteration, attempt FROM workflow_run_steps
WHERE tenant = $1 AND run_id = $2 AND step_type = 'control.callWorkflow' AND attempt > 1
  AND ($3 OR status <> 'SUCCEEDED')
ORDER BY sequence LIMIT 5000
"""
_REOPEN: Final = """
UPDATE workflow_runs SET status = 'RUNNING', execution = execution + 1, started_at = NULL, completed_at = NULL,
       error_json = NULL, updated_at = now()
WHERE tenant = $1 AND run_id = $2
RETURNING execution, checkpoint, failed_step_path, failed_iteration
"""
#: What is under way again. The step that is tried again keeps its attempts and its error.
_REOPEN_STEPS: Final = """
UPDATE workflow_run_steps AS step SET
    status = CASE WHEN (step_path, iteration) = ($5, $6) THEN 'RETRYING' ELSE 'STARTED' END,
    error_json = CASE WHEN (step_path, iteration) = ($5, $6) THEN error_json END,
    attempt = CASE WHEN (step_path, iteration) = ($5, $6) THEN attempt ELSE 0 END,
    completed_at = NULL, duration_ms = NULL, updated_at = clock_timestamp()
FROM unnest($3::text[], $4::text[]) AS held(path, item)
WHERE tenant = $1 AND run_id = $2 AND (step_path, iteration) = (held.path, held.item) AND status <> 'SUCCEEDED'
"""
#: Everything that did not succeed is visited anew.
_RESTART_STEPS: Final = """
UPDATE workflow_run_steps SET
    status = 'RETRYING', attempt = CASE step_type WHEN 'control.callWorkflow' THEN attempt ELSE 0 END,
    completed_at = NULL, duration_ms = NULL, updated_at = clock_timestamp()
WHERE tenant = $1 AND run_id = $2 AND status <> 'SUCCEEDED'
"""


@attrs.frozen
class FailedRun:
    """A failed run that can go on.

    Attributes:
        checkpoint: Where it stood; None: it can only go on from its beginning.
        step: The row of the step that ended it, if it has one.
    """

    run_id: UUID
    workflow_id: UUID
    execution: int
    plan: Plan
    checkpoint: Checkpoint | None
    step: Record | None


async def find_failed(conn: Connection, tenant: UUID, run_id: UUID, *, lock: bool = False) -> list[FailedRun]:
    """A failed run and, while the step that failed is a call, the failed run that it called: the innermost last.

    Raises:
        NotFoundError: The tenant has no such run.
        ConflictError: ``RESUME_CALLER``: another run called it; ``RUN_NOT_FAILED``; ``DRY_RUN``.
    """
    row = await conn.fetchrow(f"{_FIND} FOR UPDATE" if lock else _FIND, tenant, run_id)
    if row is None:
        raise NotFoundError("There is no such run.")
    if row["dry_run"]:
        raise ConflictError("Nothing was done in a dry run that it could go on from: make another one.", code="DRY_RUN")
    if row["parent_run_id"] is not None:
        raise ConflictError(
            f"Another run called this one: resume the run {row['root_run_id']}, and this one goes on inside of it.",
            code="RESUME_CALLER",
            details={"rootRunId": str(row["root_run_id"])},
        )
    if row["status"] != "FAILED":
        raise ConflictError(f"Only a failed run can be resumed; this one is {row['status']}.", code="RUN_NOT_FAILED")
    chain = []
    while row is not None and row["status"] == "FAILED":
        step = await conn.fetchrow(_STEP, tenant, row["run_id"], row["failed_step_path"], row["failed_iteration"])
        chain.append(
            FailedRun(
                row["run_id"],
                row["workflow_id"],
                row["execution"],
                Plan.from_json(row["plan"]),
                None if row["checkpoint"] is None else read_checkpoint(row["checkpoint"]),
                step,
            )
        )
        row = await _called(conn, tenant, step)
    return chain


async def _called(conn: Connection, tenant: UUID, step: Record | None) -> Record | None:
    """The run that this step called last."""
    if step is None or step["step_type"] != "control.callWorkflow" or not isinstance(step["output_json"], Mapping):
        return None
    called = step["output_json"].get("childRunId")
    return await conn.fetchrow(_FIND, tenant, UUID(called)) if called else None


async def resume_run(
    database: Database,
    client: Client,
    registry: Registry,
    *,
    tenant: UUID,
    run_id: UUID,
    user: UUID,
    correction: Mapping[str, Any] | None = None,
    reason: str | None = None,
    tenant_runs: int | None = None,
) -> int:
    """Lets a failed run go on.

    Args:
        database: As the application role.
        client: Of the platform's namespace.
        registry: Knows the input of the action that failed.
        tenant: Whose run it is.
        run_id: A run that no other run called.
        user: Who wants it.
        correction: Mapping values that take the place of fields of the failed action's input.
        reason: In their words.
        tenant_runs: How many runs of a tenant may be busy at once; None: as many as there are.

    Returns:
        Which execution of the run this is.

    Raises:
        NotFoundError: The tenant has no such run.
        ConflictError: ``RUN_NOT_FAILED``, ``RESUME_CALLER``, ``DRY_RUN``, ``WORKFLOW_PAUSED``.
        ValidationError: The correction fits no action, or not the one that failed.
    """
    async with database.tenant(tenant) as conn:
        await ask_again(conn, tenant, run_id)  # before the run is locked: the ledger's rows come first
        chain = await find_failed(conn, tenant, run_id, lock=True)
        await _refuse_paused(conn, tenant, chain[0].workflow_id)
        if correction:
            _check_correction(registry, chain[-1].step, correction)
            await conn.execute(
                "UPDATE workflow_runs SET correction = $3 WHERE tenant = $1 AND run_id = $2",
                tenant,
                chain[-1].run_id,
                dict(correction),
            )
        execution = await reopen_run(conn, tenant, run_id, user=user, reason=reason)
        await wait_again(conn, tenant, run_id, tenant_runs=tenant_runs)
        corrected = sorted(correction or {})
        details = {"execution": execution, "reason": reason, **({"corrected": corrected} if corrected else {})}
        change = Change(operation="resume", table_name="workflow_runs", record_id=str(run_id), details=details)
        await record(conn, tenant, user, [change])
    try:
        await start_waiting(database, client, tenant=tenant, run_id=run_id)
    except RunNotStartedError:
        _log.warning("run %s goes on when Temporal is back", run_id)  # whoever sweeps starts it
    return execution


async def reopen_run(conn: Connection, tenant: UUID, run_id: UUID, *, user: UUID | None, reason: str | None) -> int:
    """Makes an ended run one that waits for a further execution; answers which one that is."""
    run = await conn.fetchrow(_REOPEN, tenant, run_id)
    assert run is not None  # noqa: S101 - whoever calls has read it in this transaction
    if run["checkpoint"] is None:
        await conn.execute(_RESTART_STEPS, tenant, run_id)
    else:
        failed = run["failed_step_path"], run["failed_iteration"]
        held = {failed, *read_checkpoint(run["checkpoint"]).held_steps()}
        paths, items = zip(*held, strict=True)
        await conn.execute(_REOPEN_STEPS, tenant, run_id, list(paths), list(items), *failed)
    await tell_resumed(conn, tenant, run_id, execution=run["execution"], user=user, reason=reason)
    return int(run["execution"])


async def find_resumption(conn: Connection, tenant: UUID, run_id: UUID, row: Record) -> Resumption:
    """How a further execution begins, from the run's row."""
    step = await conn.fetchrow(_STEP, tenant, run_id, row["failed_step_path"], row["failed_iteration"])
    calls = await conn.fetch(_REPEATED_CALLS, tenant, run_id, row["checkpoint"] is None)
    return Resumption(
        checkpoint=row["checkpoint"],
        step_path=row["failed_step_path"],
        iteration=row["failed_iteration"],
        attempts=0 if step is None else step["attempt"],
        calls={f"{call['step_path']}#{call['iteration']}": call["attempt"] for call in calls},
        correction=row["correction"],
        from_beginning=row["checkpoint"] is None,
    )


async def _refuse_paused(conn: Connection, tenant: UUID, workflow_id: UUID) -> None:
    paused = await conn.fetchval(
        "SELECT is_paused FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2", tenant, workflow_id
    )
    if paused:
        raise ConflictError("The workflow is paused: resume it before its runs.", code="WORKFLOW_PAUSED")


def _check_correction(registry: Registry, step: Record | None, correction: Mapping[str, Any]) -> None:
    action = None if step is None else registry.actions.get((step["action_id"], step["action_version"]))
    if action is None:
        raise ValidationError("Only the input of an action can be corrected: resume without `input`.", code="NO_INPUT")
    if (size := len(canonical_json(correction))) > MAX_CORRECTION:
        words = f"has {size} bytes; {MAX_CORRECTION} are possible."
        raise ValidationError(
            f"The corrected input {words} Correct only what is wrong.", errors=[FieldError("input", "LENGTH", words)]
        )
    known = json_schema(action.input).get("properties", {})
    errors = [
        FieldError(f"input.{name}", "UNKNOWN_FIELD", f"{action.id} has no such field.")
        for name in correction
        if name not in known
    ]
    # A secret in a corrected field could be sent anywhere by who may resume runs, but not publish workflows.
    errors += [
        FieldError(f"input.{place}", "SECRET_NOT_ALLOWED", "Secrets are named in the workflow alone.")
        for place, _ in iter_secrets(dict(correction))
    ]
    for place, source in iter_expressions(dict(correction)):
        try:
            compile_expression(source)
        except ExpressionError as error:
            errors.append(FieldError(f"input.{place}", error.code, error.message))
    if errors:
        raise ValidationError(f"The corrected input does not fit {action.id}.", errors=errors)
