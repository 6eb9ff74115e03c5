"""What is kept of runs: lists by time, single runs, and their steps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

from workflow_catalog_server.paging import Cursor
from workflow_core.errors import NotFoundError
from workflow_core.storage.database import Connection, Record

RunStatus = Literal["RUNNING", "WAITING", "SUCCEEDED", "FAILED", "CANCELED"]

_LISTED: Final = """
run_id, workflow_id, workflow_version, status, cause, actor_id, event_id, event_type, error_json, created_at,
started_at, completed_at, updated_at
"""


async def list_runs(
    conn: Connection,
    tenant: UUID,
    *,
    limit: int,
    after: Cursor | None = None,
    workflow_id: UUID | None = None,
    status: RunStatus | None = None,
    event_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[list[dict[str, Any]], Cursor | None]:
    """One page of runs, newest first, and where the next one begins."""
    conditions = ["tenant = $1"]
    values: list[Any] = [tenant, limit + 1]
    for condition, value in (
        ("workflow_id =", workflow_id),
        ("status =", status),
        ("event_type =", event_type),
        ("created_at >=", since),
        ("created_at <", until),
    ):
        if value is not None:
            values.append(value)
            conditions.append(f"{condition} ${len(values)}")
    if after is not None:
        values += [after.at, after.id]
        time, run_id = f"${len(values) - 1}::timestamptz", f"${len(values)}::uuid"
        conditions.append(f"created_at <= {time} AND (created_at < {time} OR run_id > {run_id})")
    rows = await conn.fetch(
        f"SELECT {_LISTED} FROM workflow_runs WHERE {' AND '.join(conditions)} "  # noqa: S608 - parts are constants
        "ORDER BY created_at DESC, run_id LIMIT $2",
        *values,
    )
    page = rows[:limit]
    more = len(rows) > limit
    return [_run(row) for row in page], Cursor(page[-1]["created_at"], page[-1]["run_id"]) if more else None


async def read_run(conn: Connection, tenant: UUID, run_id: UUID) -> dict[str, Any]:
    """One run with its payload and plan's digest.

    Raises:
        NotFoundError: The tenant has no such run.
    """
    row = await conn.fetchrow(
        f"SELECT {_LISTED}, payload, plan_sha256, result_json, source_payload_schema_ref, trigger_mapping_applied "  # noqa: S608 - constant
        "FROM workflow_runs WHERE tenant = $1 AND run_id = $2",
        tenant,
        run_id,
    )
    if row is None:
        raise _no_run()
    return {
        **_run(row),
        "payload": row["payload"],
        "planSha256": row["plan_sha256"],
        "result": row["result_json"],
        "sourcePayloadSchemaRef": row["source_payload_schema_ref"],
        "triggerMappingApplied": row["trigger_mapping_applied"],
    }


async def read_steps(conn: Connection, tenant: UUID, run_id: UUID) -> list[dict[str, Any]]:
    """The steps of a run in the order in which they began.

    Raises:
        NotFoundError: The tenant has no such run.
    """
    await _require_run(conn, tenant, run_id)
    return [_step(row) for row in await conn.fetch(_STEPS, tenant, run_id)]


async def read_timeline(conn: Connection, tenant: UUID, run_id: UUID) -> list[dict[str, Any]]:
    """Steps, without what they took and gave, and log lines of a run, in the order of time.

    Raises:
        NotFoundError: The tenant has no such run.
    """
    await _require_run(conn, tenant, run_id)
    steps = [
        {"kind": "step", "at": row["started_at"] or row["completed_at"], **_without_values(_step(row))}
        for row in await conn.fetch(_STEPS, tenant, run_id)
    ]
    lines = [{"kind": "log", "at": row["created_at"], **_line(row)} for row in await conn.fetch(_LINES, tenant, run_id)]
    unknown = datetime.max.replace(tzinfo=UTC)
    return sorted([*steps, *lines], key=lambda entry: entry["at"] or unknown)


_STEPS: Final = """
SELECT step_id, step_path, iteration, definition_step_id, step_type, sequence, status, attempt, action_id,
       action_version, input_json, output_json, error_json, notes, started_at, completed_at, duration_ms
FROM workflow_run_steps WHERE tenant = $1 AND run_id = $2 ORDER BY sequence, step_path, iteration
"""
_LINES: Final = """
SELECT log_id, step_id, step_path, level, message, context_json, correlation_key, event_name, source, created_at
FROM workflow_run_logs WHERE tenant = $1 AND run_id = $2 ORDER BY created_at, log_id
"""


async def _require_run(conn: Connection, tenant: UUID, run_id: UUID) -> None:
    exists = await conn.fetchval(
        "SELECT EXISTS (SELECT FROM workflow_runs WHERE tenant = $1 AND run_id = $2)", tenant, run_id
    )
    if not exists:
        raise _no_run()


async def has_payload(conn: Connection, tenant: UUID, run_id: UUID, payload: Any) -> bool:
    """Whether the run was started with an equal payload."""
    # The database compares what it stored with what it would store: it writes some numbers differently.
    return bool(
        await conn.fetchval(
            "SELECT payload IS NOT DISTINCT FROM $3::jsonb FROM workflow_runs WHERE tenant = $1 AND run_id = $2",
            tenant,
            run_id,
            payload,
        )
    )


def _run(row: Record) -> dict[str, Any]:
    return {
        "runId": row["run_id"],
        "workflowId": row["workflow_id"],
        "workflowVersion": row["workflow_version"],
        "status": row["status"],
        "cause": row["cause"],
        "actorId": row["actor_id"],
        "eventId": row["event_id"],
        "eventType": row["event_type"],
        "error": row["error_json"],
        "createdAt": row["created_at"],
        "startedAt": row["started_at"],
        "completedAt": row["completed_at"],
        "updatedAt": row["updated_at"],
    }


def _step(row: Record) -> dict[str, Any]:
    return {
        "stepId": row["step_id"],
        "stepPath": row["step_path"],
        "iteration": row["iteration"],
        "definitionStepId": row["definition_step_id"],
        "type": row["step_type"],
        "sequence": row["sequence"],
        "status": row["status"],
        "attempt": row["attempt"],
        "actionId": row["action_id"],
        "actionVersion": row["action_version"],
        "input": row["input_json"],
        "output": row["output_json"],
        "error": row["error_json"],
        "notes": row["notes"],
        "startedAt": row["started_at"],
        "completedAt": row["completed_at"],
        "durationMs": row["duration_ms"],
    }


def _without_values(step: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in step.items() if name not in ("input", "output", "notes")}


def _line(row: Record) -> dict[str, Any]:
    return {
        "logId": row["log_id"],
        "stepId": row["step_id"],
        "stepPath": row["step_path"],
        "level": row["level"],
        "message": row["message"],
        "context": row["context_json"],
        "correlationKey": row["correlation_key"],
        "eventName": row["event_name"],
        "source": row["source"],
    }


def _no_run() -> NotFoundError:
    return NotFoundError("There is no such run.")
