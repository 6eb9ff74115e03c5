"""What Temporal's schedules start: a workflow of one activity, which starts the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import attrs
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy, SearchAttributeKey

from workflow_core.discovery import Registry
from workflow_core.errors import WorkflowError
from workflow_core.execution.database_errors import DATABASE_AWAY, explain
from workflow_core.language.clock import LAST_MADE_UP
from workflow_core.schedules.in_temporal import ScheduledWorkflow
from workflow_core.schedules.launching import start_scheduled
from workflow_core.storage.database import Database
from workflow_core.temporal import LAUNCH_WORKFLOW, START_SCHEDULED
from workflow_worker.failures import own_failure

#: Temporal writes here which time has come, however late it is.
SCHEDULED_FOR: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
_ATTEMPT: Final = timedelta(seconds=30)
_RETRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))


@attrs.frozen
class ScheduledStart:
    """A time that has come.

    Attributes:
        schedule: What it starts.
        scheduled_for: The time, in ISO 8601.
    """

    schedule: ScheduledWorkflow
    scheduled_for: str


@workflow.defn(name=LAUNCH_WORKFLOW)
class LaunchWorkflow:
    """Starts one run of one time."""

    @workflow.run
    async def run(self, schedule: ScheduledWorkflow) -> str:
        """Answers with the id of the run; with nothing when that time starts none."""
        scheduled_for = workflow.info().typed_search_attributes.get(SCHEDULED_FOR) or workflow.now()
        run_id: str = await workflow.execute_activity(
            START_SCHEDULED,
            ScheduledStart(schedule, scheduled_for.isoformat()),
            result_type=str,
            start_to_close_timeout=_ATTEMPT,
            schedule_to_close_timeout=LAST_MADE_UP,
            retry_policy=_RETRIES,
        )
        return run_id


class Launches:
    """The activity, of one worker process."""

    def __init__(
        self, database: Database, client: Client, registry: Registry, *, tenant_runs: int | None = None
    ) -> None:
        self._database = database
        self._client = client
        self._registry = registry
        self._tenant_runs = tenant_runs

    @activity.defn(name=START_SCHEDULED)
    async def start_scheduled_run(self, start: ScheduledStart) -> str:
        """Starts the run of a time; answers with its id, or with nothing.

        Raises:
            ApplicationError: Database or Temporal are away; type = the error's code.
        """
        failed: WorkflowError
        try:
            run = await start_scheduled(
                self._database,
                self._client,
                self._registry,
                tenant=UUID(start.schedule.tenant),
                workflow_id=UUID(start.schedule.workflow_id),
                scheduled_for=datetime.fromisoformat(start.scheduled_for),
                now=datetime.now(UTC),
                tenant_runs=self._tenant_runs,
            )
        except WorkflowError as error:
            failed = error
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            failed = explain(error)
        else:
            return "" if run is None else str(run.run_id)
        raise own_failure(failed)
