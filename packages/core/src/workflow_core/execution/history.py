"""The rows of a run's history: its steps, and its end.

What goes on in a run that has ended is canceled: no step is left under way there. An action that was sent before may
still write what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

import attrs

from workflow_core.execution import ledger, waits
from workflow_core.execution.models import ActionCall, RunEnd, StepTrace
from workflow_core.execution.run_log import FailedStep, tell_ended, tell_failed_steps
from workflow_core.storage.database import Connection, Database, Record

#: The statuses of steps that have not ended.
UNDER_WAY: Final = ("STARTED", "RETRYING", "WAITING")
#: What ``duration_ms`` can hold: a step may take longer than its 24 days.
_LONGEST: Final = 2**31 - 1

_TRACE = """
INSERT INTO workflow_run_steps AS step (
    tenant, step_id, run_id, step_path, iteration, definition_step_id, step_type, sequence, status,
    output_json, error_json, started_at, completed_at, duration_ms, action_id, action_version, attempt, updated_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, clock_timestamp())
ON CONFLICT (tenant, run_id, step_path, iteration) DO UPDATE SET
    status = EXCLUDED.status, error_json = EXCLUDED.error_json, completed_at = EXCLUDED.completed_at,
    duration_ms = EXCLUDED.duration_ms, output_json = COALESCE(EXCLUDED.output_json, step.output_json),
    attempt = GREATEST(EXCLUDED.attempt, step.attempt), updated_at = EXCLUDED.updated_at
-- What an activity wrote itself says more; only a row that it left open is closed here.
WHERE step.status IN ('STARTED', 'RETRYING', 'WAITING')
"""


def _action_statement(tenant: str, source: str) -> str:
    return f"""
INSERT INTO workflow_run_steps AS step (
    tenant, step_id, run_id, step_path, iteration, definition_step_id, step_type, sequence, status, attempt,
    action_id, action_version, input_json, output_json, error_json, notes, started_at, would_do, completed_at,
    duration_ms, updated_at
) SELECT
    {tenant}, $2, $3, $4, $5, $6, 'action.call', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
    CASE WHEN $8 IN ('STARTED', 'WAITING') THEN NULL ELSE clock_timestamp() END,
    CASE WHEN $8 IN ('STARTED', 'WAITING') THEN NULL
         ELSE LEAST(2147483647, GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - $16) * 1000))::int END,
    clock_timestamp()
{source}
ON CONFLICT (tenant, run_id, step_path, iteration) DO UPDATE SET
    status = EXCLUDED.status, attempt = EXCLUDED.attempt, input_json = EXCLUDED.input_json,
    output_json = EXCLUDED.output_json, error_json = EXCLUDED.error_json, notes = EXCLUDED.notes,
    would_do = EXCLUDED.would_do, completed_at = EXCLUDED.completed_at, updated_at = EXCLUDED.updated_at,
    duration_ms = CASE WHEN EXCLUDED.completed_at IS NULL THEN NULL
                       ELSE LEAST(2147483647, GREATEST(
                           0, EXTRACT(EPOCH FROM EXCLUDED.completed_at - step.started_at) * 1000
                       ))::int END
-- A late writer takes back neither a success nor what a later attempt wrote.
WHERE step.status <> 'SUCCEEDED' AND (EXCLUDED.status = 'SUCCEEDED' OR EXCLUDED.attempt >= step.attempt)
RETURNING step_id
"""  # noqa: S608 - constant


_ACTION: Final = _action_statement("$1", "")
_ACTION_IN_ITS_OWN_TRANSACTION: Final = _action_statement("bound.tenant", "FROM bound")
_LOCAL_ACTION: Final = f"""
WITH recorded AS ({ledger.RECORD_LOCAL}), written AS ({_ACTION})
SELECT (SELECT count(*) FROM recorded) AS recorded, (SELECT count(*) FROM written) AS written
"""  # noqa: S608 - constant


def step_row_id(run_id: UUID, step_path: str, iteration: str) -> UUID:
    """The id of a step's row: the same however often it is written."""
    return uuid5(run_id, f"{step_path}#{iteration}")


async def write_trace(conn: Connection, tenant: UUID, run_id: UUID, trace: Sequence[StepTrace]) -> None:
    """Writes steps; writing one that ended again changes nothing."""
    ended = any(step.status in UNDER_WAY for step in trace) and await _has_ended(conn, tenant, run_id)
    await _write_steps(conn, tenant, run_id, _canceled(trace) if ended else trace)


def _canceled(trace: Sequence[StepTrace]) -> Sequence[StepTrace]:
    """The steps of a run that has ended."""
    now = datetime.now(UTC).isoformat()
    return [
        attrs.evolve(step, status="CANCELED", completed_at=now) if step.status in UNDER_WAY else step for step in trace
    ]


async def _has_ended(conn: Connection, tenant: UUID, run_id: UUID) -> bool:
    """Whether a run has ended; one that has not does not end before this transaction has.

    Asked before any step is written: rows are locked in one order.
    """
    ended = await conn.fetchval(
        "SELECT status NOT IN ('RUNNING', 'WAITING') FROM workflow_runs WHERE tenant = $1 AND run_id = $2 FOR SHARE",
        tenant,
        run_id,
    )
    return bool(ended)


async def _write_steps(conn: Connection, tenant: UUID, run_id: UUID, trace: Sequence[StepTrace]) -> None:
    if not trace:
        return
    rows = []
    for step in trace:
        started = datetime.fromisoformat(step.started_at)
        ended = None if step.status == "WAITING" else step.completed_at
        completed = datetime.fromisoformat(ended) if ended else None
        rows.append(
            (
                tenant,
                step_row_id(run_id, step.step_path, step.iteration),
                run_id,
                step.step_path,
                step.iteration,
                step.step_id,
                step.step_type,
                step.sequence,
                step.status,
                step.output,
                step.error,
                started,
                completed,
                min(_LONGEST, max(0, int((completed - started).total_seconds() * 1000))) if completed else None,
                step.action_id,
                step.action_version,
                step.attempt,
            )
        )
    await conn.executemany(_TRACE, rows)
    failed = [
        FailedStep(
            row_id=step_row_id(run_id, step.step_path, step.iteration),
            step_path=step.step_path,
            step_id=step.step_id,
            error=step.error,
            retrying=step.status == "RETRYING",
            attempt=step.attempt if step.status == "RETRYING" else None,
        )
        for step in trace
        if step.status in ("FAILED", "RETRYING") and step.error is not None
    ]
    await tell_failed_steps(conn, tenant, run_id, failed)


async def write_action_step(
    conn: Connection,
    call: ActionCall,
    *,
    status: str,
    shown_input: Any,
    output: Any = None,
    error: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    would_do: bool = False,
    local: ledger.LocalEffect | None = None,
) -> None:
    """Writes an action's own row, and the control steps before it. Input, output and error are redacted already.

    Args:
        conn: Bound to the tenant.
        call: The action's.
        status: Of the step.
        shown_input: Its input.
        output: Its output.
        error: Its error object.
        notes: What a reader should know.
        would_do: Whether the output is an example's.
        local: What is recorded in the ledger together with it.

    Raises:
        KeyBusyError: Somebody else has recorded the effect meanwhile; only of a success.
    """
    tenant, run_id = UUID(call.tenant), UUID(call.run_id)
    if status in UNDER_WAY and await _has_ended(conn, tenant, run_id):
        status = "CANCELED"
    await write_trace(conn, tenant, run_id, call.trace)
    row_id = step_row_id(run_id, call.step_path, call.iteration)
    arguments = _arguments(
        call, row_id, status, shown_input=shown_input, output=output, error=error, notes=notes, would_do=would_do
    )
    if local is None:
        written = await conn.fetchval(_ACTION, tenant, *arguments) is not None
    else:
        state = ledger.State.SUCCEEDED if error is None else ledger.State.FAILED
        row = await conn.fetchrow(_LOCAL_ACTION, tenant, *arguments, *local.arguments(state))
        assert row is not None  # noqa: S101 - it counts
        if error is None and not row["recorded"]:
            raise ledger.busy(call)
        written = row["written"] > 0
    if error is not None and written and status != "WAITING":
        failed = FailedStep(
            row_id=row_id,
            step_path=call.step_path,
            step_id=call.step_id,
            error=error,
            retrying=status == "RETRYING",
            attempt=call.attempt,
        )
        await tell_failed_steps(conn, tenant, run_id, [failed])


async def write_read(
    database: Database, call: ActionCall, *, shown_input: Any, output: Any, notes: Sequence[str]
) -> None:
    """Writes the row of an action that has read something, in a transaction of its own."""
    if call.trace:
        async with database.tenant(UUID(call.tenant)) as conn:
            await write_action_step(conn, call, status="SUCCEEDED", shown_input=shown_input, output=output, notes=notes)
        return
    row_id = step_row_id(UUID(call.run_id), call.step_path, call.iteration)
    arguments = _arguments(call, row_id, "SUCCEEDED", shown_input=shown_input, output=output, notes=notes)
    await database.write(UUID(call.tenant), _ACTION_IN_ITS_OWN_TRANSACTION, *arguments)


def _arguments(
    call: ActionCall,
    row_id: UUID,
    status: str,
    *,
    shown_input: Any,
    output: Any = None,
    error: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    would_do: bool = False,
) -> tuple[Any, ...]:
    """From $2."""
    return (
        row_id,
        UUID(call.run_id),
        call.step_path,
        call.iteration,
        call.step_id,
        call.sequence,
        status,
        call.attempt,
        call.action_id,
        call.action_version,
        shown_input,
        output,
        error,
        list(notes),
        datetime.fromisoformat(call.dispatched_at),
        would_do,
    )


async def read_success(conn: Connection, call: ActionCall) -> Record | None:
    """What an action gave in its step, as ``output_json``; None: it has not succeeded there."""
    return await conn.fetchrow(
        "SELECT output_json FROM workflow_run_steps WHERE tenant = $1 AND run_id = $2 AND step_path = $3 "
        "AND iteration = $4 AND action_id = $5 AND action_version = $6 AND status = 'SUCCEEDED'",
        UUID(call.tenant),
        UUID(call.run_id),
        call.step_path,
        call.iteration,
        call.action_id,
        call.action_version,
    )


_END: Final = """
UPDATE workflow_runs SET status = $3, error_json = $4, completed_at = $5, updated_at = now(),
       failed_step_path = $6, failed_iteration = $7, checkpoint = $8, correction = NULL
WHERE tenant = $1 AND run_id = $2 AND status IN ('RUNNING', 'WAITING') AND execution = COALESCE($9, execution)
"""
_GOES_ON: Final = "SELECT execution > $3 FROM workflow_runs WHERE tenant = $1 AND run_id = $2"
_CANCEL_STEPS: Final = """
UPDATE workflow_run_steps SET
    status = 'CANCELED', completed_at = $3, updated_at = clock_timestamp(),
    duration_ms = LEAST(2147483647, GREATEST(0, EXTRACT(EPOCH FROM $3 - started_at) * 1000))::int
WHERE tenant = $1 AND run_id = $2 AND status IN ('STARTED', 'RETRYING', 'WAITING')
"""


async def write_end(conn: Connection, end: RunEnd) -> None:
    """Writes a run's end; one that has ended already keeps its first end, and one that was resumed since goes on."""
    tenant, run_id = UUID(end.tenant), UUID(end.run_id)
    completed_at = datetime.fromisoformat(end.completed_at)
    if end.status != "SUCCEEDED":
        if end.execution is not None and await conn.fetchval(_GOES_ON, tenant, run_id, end.execution):
            return  # this end was written before, by a worker that died before Temporal heard of it
        await ledger.give_up_run(conn, tenant, run_id)
    ended = await conn.execute(
        _END,
        tenant,
        run_id,
        end.status,
        end.error,
        completed_at,
        *(end.failed_step or (None, None)),
        end.checkpoint,
        end.execution,
    )
    await _write_steps(conn, tenant, run_id, end.trace)
    if ended == "UPDATE 0":
        return
    if end.status != "SUCCEEDED" or end.leaves_open:  # otherwise a run succeeds after all its steps have ended
        await cancel_rest(conn, tenant, run_id, completed_at)
    await tell_ended(conn, tenant, run_id, status=end.status, error=end.error, completed_at=end.completed_at)


async def cancel_rest(conn: Connection, tenant: UUID, run_id: UUID, at: datetime) -> None:
    """Ends the steps that an ended run left under way, and what it waited for."""
    await conn.execute(_CANCEL_STEPS, tenant, run_id, at)
    await waits.close(conn, tenant, run_id)
