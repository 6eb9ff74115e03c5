"""What is kept of runs: lists by time, single runs, and their steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from workflow_catalog_server.paging import Stretch, page_by_time
from workflow_catalog_server.run_answers import (
    RunAnswer,
    RunList,
    RunWithPayload,
    StepAnswer,
    StepList,
    Timeline,
    TimelineEntry,
)
from workflow_core.errors import NotFoundError
from workflow_core.execution.models import RunStatus
from workflow_core.storage.database import Connection

_LISTED: Final = """
run_id, workflow_id, workflow_version, status, execution, cause, actor_id, event_id, event_type, error_json, created_at,
started_at, completed_at, updated_at, dry_run, is_queued,
waits_for_tenant,
(SELECT name FROM workflow_definitions workflow
 WHERE workflow.tenant = workflow_runs.tenant AND workflow.workflow_id = workflow_runs.workflow_id) AS workflow_name
"""


async def list_runs(
    conn: Connection,
    tenant: UUID,
    stretch: Stretch,
    *,
    workflow_id: UUID | None,
    status: list[RunStatus] | None,
    cause: str | None,
    event_type: str | None,
    error_code: str | None,
    dry_run: bool,
) -> RunList:
    """One page of runs, newest first."""
    page, following = await page_by_time(
        conn,
        tenant,
        stretch,
        table="workflow_runs",
        record_id="run_id",
        columns=_LISTED,
        equal={
            "workflow_id": workflow_id,
            "status": status,
            "cause": cause,
            "event_type": event_type,
            "error_json->>'code'": error_code,
            "dry_run": dry_run,
        },
    )
    return RunList(runs=[RunAnswer.of(row) for row in page], nextCursor=following)


async def read_run(conn: Connection, tenant: UUID, run_id: UUID) -> RunWithPayload:
    """One run with its payload and plan's digest.

    Raises:
        NotFoundError: The tenant has no such run.
    """
    row = await conn.fetchrow(
        f"SELECT {_LISTED}, payload, plan->'definition' AS definition, plan_sha256, result_json, "  # noqa: S608 - constant
        "source_payload_schema_ref, trigger_mapping_applied FROM workflow_runs WHERE tenant = $1 AND run_id = $2",
        tenant,
        run_id,
    )
    if row is None:
        raise _no_run()
    return RunWithPayload.of(
        row,
        definition=row["definition"],
        payload=row["payload"],
        planSha256=row["plan_sha256"],
        result=row["result_json"],
        sourcePayloadSchemaRef=row["source_payload_schema_ref"],
        triggerMappingApplied=row["trigger_mapping_applied"],
    )


async def read_steps(conn: Connection, tenant: UUID, run_id: UUID) -> StepList:
    """The steps of a run in the order in which they began.

    Raises:
        NotFoundError: The tenant has no such run.
    """
    await _require_run(conn, tenant, run_id)
    return StepList(steps=[StepAnswer.of(row) for row in await conn.fetch(_STEPS, tenant, run_id)])


async def read_timeline(conn: Connection, tenant: UUID, run_id: UUID) -> Timeline:
    """Steps, without what they took and gave, and log lines of a run, in the order of time.

    Raises:
        NotFoundError: The tenant has no such run.
    """
    await _require_run(conn, tenant, run_id)
    steps = [TimelineEntry.of_step(row) for row in await conn.fetch(_STEP_FACTS, tenant, run_id)]
    lines = [TimelineEntry.of_line(row) for row in await conn.fetch(_LINES, tenant, run_id)]
    unknown = datetime.max.replace(tzinfo=UTC)
    return Timeline(timeline=sorted([*steps, *lines], key=lambda entry: entry.at or unknown))


async def read_listed_run(conn: Connection, tenant: UUID, run_id: UUID) -> tuple[RunAnswer | None, datetime]:
    """One run as lists show it, if it is there; and the database's time."""
    row = await conn.fetchrow(
        f"SELECT {_LISTED} FROM workflow_runs WHERE tenant = $1 AND run_id = $2",  # noqa: S608 - constant
        tenant,
        run_id,
    )
    moment: datetime = await conn.fetchval("SELECT now()")
    return None if row is None else RunAnswer.of(row), moment


async def find_changed_steps(
    conn: Connection, tenant: UUID, run_id: UUID, *, since: datetime | None
) -> dict[UUID, datetime]:
    """The steps of a run that were changed then or later, or all, and when; in the order in which they began."""
    rows = await conn.fetch(_CHANGED, tenant, run_id, since)
    return {row["step_id"]: row["updated_at"] for row in rows}


async def read_steps_by_id(
    conn: Connection, tenant: UUID, step_ids: Sequence[UUID]
) -> list[tuple[StepAnswer, datetime]]:
    """Some steps, in the order in which they began, and when each was changed last."""
    rows = await conn.fetch(_SOME_STEPS, tenant, step_ids) if step_ids else []
    return [(StepAnswer.of(row), row["updated_at"]) for row in rows]


_FACTS: Final = """
step_id, step_path, iteration, definition_step_id, step_type, sequence, status, attempt, action_id, action_version,
error_json, would_do, started_at, completed_at, duration_ms
"""
_STEP: Final = f"{_FACTS}, input_json, output_json, notes"
_STEP_FACTS: Final = f"""
SELECT {_FACTS} FROM workflow_run_steps WHERE tenant = $1 AND run_id = $2 ORDER BY sequence, step_path, iteration
"""  # noqa: S608 - the columns are constant
_STEPS: Final = f"""
SELECT {_STEP} FROM workflow_run_steps WHERE tenant = $1 AND run_id = $2 ORDER BY sequence, step_path, iteration
"""  # noqa: S608 - the columns are constant
_SOME_STEPS: Final = f"""
SELECT {_STEP}, updated_at FROM workflow_run_steps WHERE tenant = $1 AND step_id = ANY ($2::uuid[])
ORDER BY sequence, step_path, iteration
"""  # noqa: S608 - the columns are constant
_CHANGED: Final = """
SELECT step_id, updated_at FROM workflow_run_steps
WHERE tenant = $1 AND run_id = $2 AND ($3::timestamptz IS NULL OR updated_at >= $3)
ORDER BY sequence, step_path, iteration
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


def _no_run() -> NotFoundError:
    return NotFoundError("There is no such run.")
