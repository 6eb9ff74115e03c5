"""What happens when a schedule of Temporal fires: the time is held against what is wanted now, and starts a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from workflow_core.discovery import Registry
from workflow_core.errors import ConflictError, TransientError, WorkflowError
from workflow_core.execution.runs import Origin, StartedRun, run_id_for_schedule, start_run
from workflow_core.language.clock import CLOCK_SCHEMA, ClockPayload, includes, made_up
from workflow_core.schedules.wanted import ScheduleStatus, WantedSchedule, read_schedule
from workflow_core.schema import to_json
from workflow_core.storage.database import Connection, Database

if TYPE_CHECKING:
    from temporalio.client import Client

_log = logging.getLogger(__name__)


async def start_scheduled(
    database: Database,
    client: Client,
    registry: Registry,
    *,
    tenant: UUID,
    workflow_id: UUID,
    scheduled_for: datetime,
    now: datetime,
    tenant_runs: int | None = None,
) -> StartedRun | None:
    """Starts the run of one time, once, if that time is wanted and not too long ago.

    What keeps it from starting for good is written to the schedule's row.

    Args:
        database: As the application role.
        client: Of the platform's namespace.
        registry: Gives the plan what its actions need.
        tenant: Whose workflow.
        workflow_id: The workflow.
        scheduled_for: The time that has come.
        now: The time.
        tenant_runs: How many runs of a tenant may be busy at once; None: as many as there are.

    Returns:
        The run; None: nothing was started.

    Raises:
        TransientError: Calling again is safe.
    """
    async with database.tenant(tenant) as conn:
        wanted = await read_schedule(conn, tenant, workflow_id)
        version = await conn.fetchval(
            "SELECT published_version FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2",
            tenant,
            workflow_id,
        )
        if wanted is None or version is None or not _is_wanted(wanted, scheduled_for):
            return None
        if not _can_be_made_up(wanted, scheduled_for, now):
            _log.warning("workflow %s missed its time %s", workflow_id, scheduled_for.isoformat())
            await _write(conn, wanted, _MISSED, scheduled_for)
            return None
    try:
        run = await start_run(
            database,
            client,
            registry,
            tenant=tenant,
            workflow_id=workflow_id,
            version=version,
            payload=_payload(wanted, version, scheduled_for, now),
            actor=None,
            cause="schedule",
            run_id=run_id_for_schedule(tenant, workflow_id, scheduled_for),
            origin=Origin(payload_schema_ref=CLOCK_SCHEMA),
            tenant_runs=tenant_runs,
        )
    except TransientError:
        raise
    except WorkflowError as error:
        if isinstance(error, ConflictError) and error.code == "WORKFLOW_PAUSED":
            return None  # a moment ago
        _log.warning("workflow %s was not started by its schedule: %s", workflow_id, error.code)
        async with database.tenant(tenant) as conn:
            await _write(conn, wanted, _REFUSED, {"code": error.code, "message": error.message})
        return None
    async with database.tenant(tenant) as conn:
        await _write(conn, wanted, _FIRED, scheduled_for, run.run_id)
    return run


def _is_wanted(wanted: WantedSchedule, scheduled_for: datetime) -> bool:
    timing = wanted.timing
    return (
        wanted.status is ScheduleStatus.SCHEDULED
        and timing is not None
        and scheduled_for >= wanted.since
        and includes(timing, scheduled_for)
    )


def _can_be_made_up(wanted: WantedSchedule, scheduled_for: datetime, now: datetime) -> bool:
    timing = wanted.timing
    # Temporal's clock may be ahead of this process's.
    return timing is not None and scheduled_for in made_up(timing, since=wanted.since, now=max(now, scheduled_for))


def _payload(wanted: WantedSchedule, version: int, scheduled_for: datetime, now: datetime) -> dict[str, Any]:
    payload = ClockPayload(
        triggerType=wanted.trigger["type"],
        scheduleId=str(wanted.workflow_id),
        scheduledFor=_iso(scheduled_for),
        firedAt=_iso(now),
        timezone=wanted.trigger.get("timezone", "UTC"),
        workflowId=str(wanted.workflow_id),
        workflowVersion=version,
        cron=wanted.trigger.get("cron"),
    )
    values: Mapping[str, Any] = to_json(payload)
    return {name: value for name, value in values.items() if value is not None}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _write(conn: Connection, wanted: WantedSchedule, statement: str, *values: Any) -> None:
    """Writes what came of a time; nothing is left of a schedule of one moment."""
    await conn.execute(statement, wanted.tenant, wanted.workflow_id, *values)
    if wanted.trigger["type"] == "schedule":
        await conn.execute(_COMPLETE, wanted.tenant, wanted.workflow_id, wanted.revision)


_FIRED: Final = """
UPDATE tenant_workflow_schedule
SET last_fire_at = $3, last_run_id = $4, last_error = NULL, updated_at = now()
WHERE tenant = $1 AND workflow_id = $2 AND (last_fire_at IS NULL OR last_fire_at < $3)
"""
_MISSED: Final = """
UPDATE tenant_workflow_schedule SET last_missed_at = GREATEST(last_missed_at, $3), updated_at = now()
WHERE tenant = $1 AND workflow_id = $2
"""
_REFUSED: Final = """
UPDATE tenant_workflow_schedule SET last_error = $3, updated_at = now() WHERE tenant = $1 AND workflow_id = $2
"""
_COMPLETE: Final = """
UPDATE tenant_workflow_schedule
SET status = 'completed', revision = revision + 1, due_at = now(), attempts = 0, updated_at = now()
WHERE tenant = $1 AND workflow_id = $2 AND revision = $3 AND status = 'scheduled'
"""
