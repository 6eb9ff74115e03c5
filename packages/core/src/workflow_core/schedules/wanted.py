"""What is wanted of the clock: one row for each workflow that it starts, or has started."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.language.clock import Timing, timing_of
from workflow_core.storage.database import Connection, Record

#: Notified when something else is wanted than before.
CHANNEL: Final = "workflow_schedules"


class ScheduleStatus(StrEnum):
    """What the clock does with a workflow."""

    SCHEDULED = "scheduled"
    PAUSED = "paused"
    DISABLED = "disabled"
    COMPLETED = "completed"


@attrs.frozen(kw_only=True)
class WantedSchedule:
    """What is wanted, and how far Temporal is in step with it.

    Attributes:
        tenant: Whose workflow.
        workflow_id: The workflow.
        trigger: Of its newest published version that a clock starts: type, and runAt, or cron and timezone.
        status: ``scheduled``: Temporal is to have it; ``paused`` with its workflow; ``disabled``, since nothing is
            published any more that a clock starts; ``completed``, since no time is left.
        since: Times before this are none of the schedule's.
        revision: Counts up with every change of all these.
        synced_revision: The last one that Temporal is in step with; None: none ever was.
        attempts: At bringing it in step.
        last_fire_at: The last time that started a run.
        last_run_id: That run.
        last_missed_at: The last time that came too late to be made up for.
        last_error: ``code`` and ``message`` of why it is not in step, or why its last time started nothing.
    """

    tenant: UUID
    workflow_id: UUID
    trigger: Mapping[str, Any]
    status: ScheduleStatus
    since: datetime
    revision: int
    synced_revision: int | None
    attempts: int
    last_fire_at: datetime | None
    last_run_id: UUID | None
    last_missed_at: datetime | None
    last_error: Mapping[str, Any] | None

    @classmethod
    def of(cls, row: Record) -> WantedSchedule:
        """The one of a row with :data:`SCHEDULE_COLUMNS`."""
        columns = dict(row)
        trigger = {"type": columns.pop("trigger_type"), "runAt": columns.pop("run_at")}
        trigger |= {name: columns.pop(name) for name in ("cron", "timezone")}
        return cls(
            **{**columns, "status": ScheduleStatus(row["status"])},
            trigger={name: value for name, value in trigger.items() if value is not None},
        )

    @property
    def timing(self) -> Timing | None:
        """When the clock starts it; None: its trigger cannot be read."""
        return timing_of(self.trigger)

    @property
    def in_step(self) -> bool:
        """Whether Temporal is in step with it."""
        return self.synced_revision == self.revision


SCHEDULE_COLUMNS: Final = """
tenant, workflow_id, trigger_type, run_at, cron, timezone, status, since, revision, synced_revision, attempts,
last_fire_at, last_run_id, last_missed_at, last_error
"""


async def read_schedule(conn: Connection, tenant: UUID, workflow_id: UUID) -> WantedSchedule | None:
    """What is wanted of a workflow; None: no clock has ever started it."""
    row = await conn.fetchrow(
        f"SELECT {SCHEDULE_COLUMNS} FROM tenant_workflow_schedule WHERE tenant = $1 AND workflow_id = $2",  # noqa: S608 - constant
        tenant,
        workflow_id,
    )
    return None if row is None else WantedSchedule.of(row)
