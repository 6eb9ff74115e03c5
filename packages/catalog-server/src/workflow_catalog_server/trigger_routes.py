"""What starts a workflow now: the trigger of its newest published version, and the times at which a clock does."""

# ruff: noqa: N815 - answers are named as in the API

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Final
from uuid import UUID

import attrs
import msgspec
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_query
from workflow_catalog_server.definition_paths import PREFIX
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.services import SERVICES
from workflow_core.definitions.reading import read_definition, read_workflow
from workflow_core.schedules.wanted import ScheduleStatus, WantedSchedule, read_schedule


@attrs.frozen(kw_only=True)
class TriggersQuery:
    """Query of ``GET /api/workflow-definitions/{id}/triggers``."""

    times: Annotated[int, msgspec.Meta(ge=1, le=50, description="How many of the next times to tell.")] = 5


@attrs.frozen(kw_only=True)
class ScheduleErrorAnswer:
    """Why a schedule does not do what is wanted."""

    code: str
    message: str


@attrs.frozen(kw_only=True)
class ScheduleAnswer:
    """What the clock does with a workflow.

    Attributes:
        status: ``scheduled``; ``paused`` with its workflow; ``completed`` when no time is left; ``disabled`` when
            nothing is published any more that a clock starts.
        nextTimes: The next times at which it starts a run.
        inStep: Whether Temporal knows what is wanted; if not, it is told in a moment, or when it answers again.
        lastFireAt: The last time that started a run.
        lastRunId: That run.
        lastMissedAt: The last time that came too late to be made up for.
        lastError: Why it is not in step, or why its last time started nothing.
    """

    status: ScheduleStatus
    nextTimes: list[datetime]
    inStep: bool
    lastFireAt: datetime | None
    lastRunId: UUID | None
    lastMissedAt: datetime | None
    lastError: ScheduleErrorAnswer | None

    @classmethod
    def of(cls, schedule: WantedSchedule, *, times: int) -> ScheduleAnswer:
        """The answer about a schedule."""
        timing = schedule.timing if schedule.status is ScheduleStatus.SCHEDULED else None
        error = schedule.last_error
        return cls(
            status=schedule.status,
            nextTimes=[] if timing is None else list(islice(timing.after(datetime.now(UTC)), times)),
            inStep=schedule.in_step,
            lastFireAt=schedule.last_fire_at,
            lastRunId=schedule.last_run_id,
            lastMissedAt=schedule.last_missed_at,
            lastError=None if error is None else ScheduleErrorAnswer(code=error["code"], message=error["message"]),
        )


@attrs.frozen(kw_only=True)
class TriggersAnswer:
    """Answer of ``GET /api/workflow-definitions/{id}/triggers``.

    Attributes:
        publishedVersion: The version that is started; null: none is published.
        isPaused: Whether nothing starts it at the moment.
        trigger: That version's; null: it is started by hand or over the API.
        schedule: What the clock does with it; null: no clock ever started it.
    """

    workflowId: UUID
    publishedVersion: int | None
    isPaused: bool
    trigger: Any
    schedule: ScheduleAnswer | None


async def read_triggers(request: web.Request, principal: Principal) -> web.StreamResponse:
    """What starts the newest published version, and when a clock does so next."""
    workflow_id, query = path_uuid(request, "id"), read_query(request, TriggersQuery)
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        workflow = await read_workflow(conn, principal.tenant, workflow_id)
        trigger = None
        if workflow.published_version is not None:
            published = await read_definition(conn, principal.tenant, workflow_id, workflow.published_version)
            trigger = published.definition.get("trigger")
        schedule = await read_schedule(conn, principal.tenant, workflow_id)
    return json_answer(
        TriggersAnswer(
            workflowId=workflow_id,
            publishedVersion=workflow.published_version,
            isPaused=workflow.settings.isPaused,
            trigger=trigger,
            schedule=None if schedule is None else ScheduleAnswer.of(schedule, times=query.times),
        )
    )


ROUTES: Final = (
    Route(
        "GET", f"{PREFIX}/{{id}}/triggers", Permission.READ, read_triggers, query=TriggersQuery, answer=TriggersAnswer
    ),
)
