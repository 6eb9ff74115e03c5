"""Waits of steps: for an event, for a moment, or for a person.

A wait is a row that is committed before its run waits. Events and waits are brought together under a lock of the key
by which they are told apart: whoever comes second, the event or the wait, sees the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import attrs

from workflow_core.execution import waits
from workflow_core.execution.event_filters import all_hold, correlation_keys
from workflow_core.execution.history import write_trace
from workflow_core.execution.models import StepTrace
from workflow_core.execution.waits import ResolvedWait
from workflow_core.language.definition import CORRELATION_FIELDS
from workflow_core.storage.database import Connection

WaitType = Literal["event", "time", "human"]
WaitStatus = Literal["WAITING", "RESOLVED", "EXPIRED", "CANCELED"]

#: What ends a task, as expressions see it.
TASK_COMPLETED: Final = "HUMAN_TASK_COMPLETED"


@attrs.frozen(kw_only=True)
class HumanTask:
    """What a person is asked to do."""

    workflow_id: str
    task_type: str
    title: str
    description: str | None
    context_data: Any


@attrs.frozen(kw_only=True)
class StepWait:
    """A step that waits, or looks again whether its wait is over.

    Attributes:
        wait_id: The same however often the step looks.
        event_name: Of the event that is waited for.
        key: By which that event is told from others of its name.
        filters: Conditions on its payload.
        due_at: The moment that is waited for, or at which waiting ends. ISO 8601, UTC.
        expire: That moment has come.
        again: The step was reached in an earlier execution of the run and may have got what it waited for there.
        trace: Steps that ended, and the step itself as it begins to wait.
    """

    tenant: str
    run_id: str
    wait_id: str
    step_path: str
    iteration: str
    wait_type: WaitType
    event_name: str | None = None
    key: str | None = None
    filters: list[dict[str, Any]] | None = None
    due_at: str | None = None
    task: HumanTask | None = None
    expire: bool = False
    again: bool = False
    trace: list[StepTrace] = attrs.Factory(list)


@attrs.frozen(kw_only=True)
class WaitOutcome:
    """How a wait stands.

    Attributes:
        result: ``{eventName, payload}`` of a wait that was resolved.
        due_at: As it was written when the wait began.
    """

    status: WaitStatus
    result: dict[str, Any] | None
    due_at: str | None


def _is_key(name: str) -> str:
    """Whether a field of the payload is the key, as ``event_filters.key_text`` reads it."""
    field = f"payload->'{name}'"
    return (
        f"CASE jsonb_typeof({field}) WHEN 'string' THEN payload->>'{name}' "
        f"WHEN 'number' THEN trim_scale(({field})::numeric)::text END = $4"
    )


_READ: Final = "SELECT status, result, due_at FROM workflow_run_waits WHERE tenant = $1 AND wait_id = $2"
_WAITING: Final = """
UPDATE workflow_runs SET status = 'WAITING', updated_at = now()
WHERE tenant = $1 AND run_id = $2 AND status IN ('RUNNING', 'WAITING')
"""
_INSERT: Final = """
INSERT INTO workflow_run_waits (
    tenant, wait_id, run_id, step_path, iteration, wait_type, key, event_name, filters, due_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (tenant, wait_id) DO NOTHING
"""
_INSERT_TASK: Final = """
INSERT INTO workflow_human_tasks (
    tenant, task_id, run_id, workflow_id, task_type, title, description, context_data
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant, task_id) DO NOTHING
"""
_EXPIRE: Final = """
UPDATE workflow_run_waits SET status = $3, resolved_at = clock_timestamp(), signaled_at = clock_timestamp()
WHERE tenant = $1 AND wait_id = $2 AND status = 'WAITING'
"""
_GIVEN_BEFORE: Final = """
UPDATE workflow_run_waits AS wait
SET status = before.status, event_id = before.event_id, result = before.result, due_at = before.due_at,
    resolved_at = clock_timestamp(), signaled_at = clock_timestamp()
FROM (
    SELECT status, event_id, result, due_at FROM workflow_run_waits
    WHERE tenant = $1 AND run_id = $3 AND step_path = $4 AND iteration = $5 AND wait_type = $6
      AND status IN ('RESOLVED', 'EXPIRED') AND wait_id <> $2
    ORDER BY resolved_at DESC LIMIT 1
) AS before
WHERE wait.tenant = $1 AND wait.wait_id = $2
"""
#: Events that came since the run began, but for the one that started it and those that it has waited for already. A
#: run that an event started began with that: whoever took it may have died, and the run been recorded much later.
_EARLIER: Final = f"""
SELECT event_id, event_name, payload, correlation_key FROM workflow_runtime_events AS event
WHERE tenant = $1 AND event_name = $2
  AND created_at >= (
      SELECT COALESCE(first.created_at, run.created_at)
      FROM workflow_runs AS run LEFT JOIN workflow_runtime_events AS first USING (tenant, event_id)
      WHERE run.tenant = $1 AND run.run_id = $3
  )
  AND (correlation_key = $4 OR {" OR ".join(map(_is_key, CORRELATION_FIELDS))})
  AND event_id IS DISTINCT FROM (SELECT event_id FROM workflow_runs WHERE tenant = $1 AND run_id = $3)
  AND NOT EXISTS (
      SELECT FROM workflow_run_waits AS wait
      WHERE wait.tenant = $1 AND wait.run_id = $3 AND wait.event_id = event.event_id
  )
ORDER BY created_at, sequence
"""  # noqa: S608 - the fields are constant
#: An event may be taken again: what started a run, or ended a wait of it, does not end another one.
_MATCHING: Final = """
SELECT wait_id, run_id, key, filters FROM workflow_run_waits AS wait
WHERE tenant = $1 AND wait_type = 'event' AND status = 'WAITING' AND event_name = $2 AND key = ANY ($3)
  AND NOT EXISTS (
      SELECT FROM workflow_run_waits AS other
      WHERE other.tenant = $1 AND other.run_id = wait.run_id AND other.event_id = $4
  )
  AND NOT EXISTS (SELECT FROM workflow_runs AS run WHERE tenant = $1 AND run.run_id = wait.run_id AND run.event_id = $4)
ORDER BY run_id, wait_id
"""
_LOCK_RUNS: Final = (
    "SELECT FROM workflow_runs WHERE tenant = $1 AND run_id = ANY ($2) ORDER BY run_id FOR NO KEY UPDATE"
)
_RESOLVE: Final = """
UPDATE workflow_run_waits AS wait
SET status = 'RESOLVED', resolved_at = clock_timestamp(), event_id = $3, result = $4
FROM workflow_runs AS run
WHERE wait.tenant = $1 AND wait.wait_id = ANY ($2) AND wait.status = 'WAITING'
  AND run.tenant = wait.tenant AND run.run_id = wait.run_id
RETURNING wait.wait_id, wait.run_id, run.execution, wait.step_path, wait.iteration
"""


async def look(conn: Connection, wait: StepWait) -> WaitOutcome:
    """Begins a wait, or tells how it stands; doing it again changes nothing."""
    tenant, run_id, wait_id = UUID(wait.tenant), UUID(wait.run_id), UUID(wait.wait_id)
    row = await conn.fetchrow(_READ, tenant, wait_id)
    if row is None:
        await _begin(conn, tenant, run_id, wait_id, wait)
        row = await conn.fetchrow(_READ, tenant, wait_id)
    elif wait.trace:  # an execution that was continued looks again; what it brings may be of other steps
        await write_trace(conn, tenant, run_id, wait.trace)
    if row is not None and row["status"] == "WAITING" and wait.expire:
        status = "RESOLVED" if wait.wait_type == "time" else "EXPIRED"
        await conn.execute(_LOCK_RUNS, tenant, [run_id])
        await conn.execute(_EXPIRE, tenant, wait_id, status)
        await waits.go_on(conn, tenant, [run_id])
        row = await conn.fetchrow(_READ, tenant, wait_id)
    if row is None:  # the run has ended, or was deleted
        return WaitOutcome(status="CANCELED", result=None, due_at=None)
    due_at = row["due_at"].isoformat() if row["due_at"] else None
    return WaitOutcome(status=row["status"], result=row["result"], due_at=due_at)


async def _begin(conn: Connection, tenant: UUID, run_id: UUID, wait_id: UUID, wait: StepWait) -> None:
    if wait.wait_type == "event":
        await _lock(conn, tenant, wait.event_name, [str(wait.key)])
    if await conn.execute(_WAITING, tenant, run_id) == "UPDATE 0":
        return
    await write_trace(conn, tenant, run_id, wait.trace)
    await conn.execute(
        _INSERT,
        tenant,
        wait_id,
        run_id,
        wait.step_path,
        wait.iteration,
        wait.wait_type,
        wait.key,
        wait.event_name,
        wait.filters,
        datetime.fromisoformat(wait.due_at) if wait.due_at else None,
    )
    if (
        wait.again
        and await conn.execute(_GIVEN_BEFORE, tenant, wait_id, run_id, wait.step_path, wait.iteration, wait.wait_type)
        != "UPDATE 0"
    ):
        await waits.go_on(conn, tenant, [run_id])
        return
    if wait.task is not None:
        await conn.execute(
            _INSERT_TASK,
            tenant,
            wait_id,
            run_id,
            UUID(wait.task.workflow_id),
            wait.task.task_type,
            wait.task.title,
            wait.task.description,
            wait.task.context_data,
        )
    if wait.wait_type == "event":
        for event in await conn.fetch(_EARLIER, tenant, wait.event_name, run_id, wait.key):
            if all_hold(wait.filters, event["payload"]):
                result = _result(event["event_name"], event["payload"], event["correlation_key"])
                resolved = await _resolve(conn, tenant, [wait_id], event["event_id"], result)
                await _mark_signaled(conn, tenant, resolved)  # the step looks itself
                return


@attrs.frozen(kw_only=True)
class ArrivedEvent:
    """An event that is stored in this transaction, or was before."""

    event_id: UUID
    name: str
    correlation_key: str | None
    payload: Any


async def resolve_waits_for_event(conn: Connection, tenant: UUID, event: ArrivedEvent) -> list[ResolvedWait]:
    """Ends the waits that an event fulfils.

    Returns:
        What has to be signaled after the commit.
    """
    keys = correlation_keys(event.correlation_key, event.payload)
    if not keys:
        return []
    await _lock(conn, tenant, event.name, keys)
    waiting = await conn.fetch(_MATCHING, tenant, event.name, keys, event.event_id)
    found = [row for row in waiting if all_hold(row["filters"], event.payload)]
    if not found:
        return []
    await conn.execute(_LOCK_RUNS, tenant, [row["run_id"] for row in found])
    wait_ids = [row["wait_id"] for row in found]
    return await _resolve(
        conn, tenant, wait_ids, event.event_id, _result(event.name, event.payload, event.correlation_key)
    )


async def resolve_task(conn: Connection, tenant: UUID, task_id: UUID, response: dict[str, Any]) -> list[ResolvedWait]:
    """Ends the wait for a person; answers what has to be signaled after the commit."""
    await conn.execute(
        "SELECT FROM workflow_runs run JOIN workflow_run_waits wait USING (tenant, run_id) "
        "WHERE tenant = $1 AND wait.wait_id = $2 FOR NO KEY UPDATE OF run",
        tenant,
        task_id,
    )
    return await _resolve(conn, tenant, [task_id], None, {"eventName": TASK_COMPLETED, "payload": response})


@attrs.frozen(kw_only=True)
class LeftBlock:
    """A step whose blocks were left while steps inside of them waited."""

    tenant: str
    run_id: str
    step_path: str
    iteration: str


async def close_waits_inside(conn: Connection, left: LeftBlock) -> None:
    """A block was left while steps inside of it waited: they do not any more."""
    tenant, run_id = UUID(left.tenant), UUID(left.run_id)
    await conn.execute(_LOCK_RUNS, tenant, [run_id])
    await conn.execute(
        "UPDATE workflow_run_waits SET status = 'CANCELED', resolved_at = clock_timestamp() "
        "WHERE tenant = $1 AND run_id = $2 AND status = 'WAITING' AND starts_with(step_path, $3) "
        "AND (iteration = $4 OR starts_with(iteration, $4 || CASE WHEN $4 = '' THEN '' ELSE '.' END))",
        tenant,
        run_id,
        f"{left.step_path}.",
        left.iteration,
    )
    await conn.execute(
        "UPDATE workflow_run_steps SET status = 'CANCELED', completed_at = clock_timestamp(), "
        "updated_at = clock_timestamp() WHERE tenant = $1 AND run_id = $2 AND status = 'WAITING' "
        "AND NOT EXISTS (SELECT FROM workflow_run_waits wait WHERE wait.tenant = $1 AND wait.run_id = $2 "
        "AND wait.status = 'WAITING' AND wait.step_path = workflow_run_steps.step_path "
        "AND wait.iteration = workflow_run_steps.iteration)",
        tenant,
        run_id,
    )
    await waits.go_on(conn, tenant, [run_id])


async def _resolve(
    conn: Connection, tenant: UUID, wait_ids: Sequence[UUID], event_id: UUID | None, result: Mapping[str, Any]
) -> list[ResolvedWait]:
    rows = await conn.fetch(_RESOLVE, tenant, list(wait_ids), event_id, dict(result))
    await waits.go_on(conn, tenant, [row["run_id"] for row in rows])
    return [ResolvedWait(**row) for row in rows]


async def _mark_signaled(conn: Connection, tenant: UUID, resolved: Sequence[ResolvedWait]) -> None:
    await conn.execute(
        "UPDATE workflow_run_waits SET signaled_at = clock_timestamp() WHERE tenant = $1 AND wait_id = ANY ($2)",
        tenant,
        [wait.wait_id for wait in resolved],
    )


async def _lock(conn: Connection, tenant: UUID, event_name: str | None, keys: Sequence[str]) -> None:
    """Until the transaction ends; in one order, so that no two wait for each other."""
    digests = (hashlib.sha256(f"{tenant}:{event_name}:{key}".encode()).digest() for key in keys)
    for number in sorted(int.from_bytes(digest[:8], "big", signed=True) for digest in digests):
        await conn.execute("SELECT pg_advisory_xact_lock($1)", number)


def _result(name: str, payload: Any, correlation_key: str | None) -> dict[str, Any]:
    return {"eventName": name, "payload": payload, "correlationKey": correlation_key}
