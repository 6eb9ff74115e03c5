"""What is answered about runs, their steps, and what happened in them."""

# ruff: noqa: N815 - answers are named as in the API

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

import attrs
from msgspec import UNSET, UnsetType

from workflow_core.execution.models import RunStatus
from workflow_core.execution.turns import WaitsFor
from workflow_core.storage.database import Record

StepStatus = Literal["STARTED", "SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "RETRYING", "WAITING"]


@attrs.frozen(kw_only=True)
class RunAnswer:
    """A run without what it was given.

    Attributes:
        workflowName: As it is called now; None: it was deleted, or there was none.
        cause: What started it, such as ``api``, ``event`` or ``replay``.
        dryRun: Whether it only tells what it would do: what reads was done, and nothing else.
        actorId: In whose name it acts.
        queued: Whether it waits for its turn: it is ``WAITING``, and nothing of it has been done.
        waitsFor: Whose turn that is: its workflow has, or its tenant, as many runs under way as it may have.
        execution: Counts its executions from 1; resuming begins another one.
        error: The error object of a run that did not succeed.
    """

    runId: UUID
    workflowId: UUID
    workflowName: str | None
    workflowVersion: int
    status: RunStatus
    queued: bool
    waitsFor: WaitsFor | None
    execution: int
    cause: str
    dryRun: bool
    actorId: UUID | None
    eventId: UUID | None
    eventType: str | None
    error: dict[str, Any] | None
    createdAt: datetime
    startedAt: datetime | None
    completedAt: datetime | None
    updatedAt: datetime

    @classmethod
    def of(cls, row: Record, **more: Any) -> Self:
        """The answer about a run, from its row."""
        queued = row["is_queued"] and row["status"] == "WAITING"
        return cls(
            runId=row["run_id"],
            workflowId=row["workflow_id"],
            workflowName=row["workflow_name"],
            workflowVersion=row["workflow_version"],
            status=row["status"],
            queued=queued,
            waitsFor=("tenant" if row["waits_for_tenant"] else "workflow") if queued else None,
            execution=row["execution"],
            cause=row["cause"],
            dryRun=row["dry_run"],
            actorId=row["actor_id"],
            eventId=row["event_id"],
            eventType=row["event_type"],
            error=row["error_json"],
            createdAt=row["created_at"],
            startedAt=row["started_at"],
            completedAt=row["completed_at"],
            updatedAt=row["updated_at"],
            **more,
        )


@attrs.frozen(kw_only=True)
class RunList:
    """A page of ``GET /api/workflow-runs``."""

    runs: list[RunAnswer]
    nextCursor: str | None


@attrs.frozen(kw_only=True)
class RunWithPayload(RunAnswer):
    """Answer of ``GET /api/workflow-runs/{id}``.

    Attributes:
        definition: What it runs; also when its workflow was changed or deleted since.
    """

    definition: dict[str, Any]
    payload: Any
    planSha256: str
    result: Any
    sourcePayloadSchemaRef: str | None
    triggerMappingApplied: bool


@attrs.frozen(kw_only=True)
class StartedRunAnswer:
    """Answer of starting and of repeating a run."""

    runId: UUID
    workflowId: UUID
    workflowVersion: int
    status: RunStatus


@attrs.frozen(kw_only=True)
class CanceledRunAnswer:
    """Answer of ``POST /api/workflow-runs/{id}/cancel``: the status as it is while the run comes to its end."""

    runId: UUID
    status: RunStatus


@attrs.frozen(kw_only=True)
class TerminatedRunAnswer:
    """Answer of ``POST /api/workflow-runs/{id}/terminate``: how the run has ended."""

    runId: UUID
    status: RunStatus


@attrs.frozen(kw_only=True)
class StepAnswer:
    """A step of a run, once for each iteration of the loops around it: what it took and gave.

    Attributes:
        wouldDo: It was not done, since the run is dry: what it gave is a sample or an example.
    """

    stepId: UUID
    stepPath: str
    iteration: str
    definitionStepId: str
    type: str
    sequence: int
    status: StepStatus
    wouldDo: bool
    attempt: int
    actionId: str | None
    actionVersion: int | None
    input: Any
    output: Any
    error: dict[str, Any] | None
    notes: list[str]
    startedAt: datetime | None
    completedAt: datetime | None
    durationMs: int | None

    @classmethod
    def of(cls, row: Record) -> StepAnswer:
        """The answer about a step, from its row."""
        return cls(**_step_facts(row), input=row["input_json"], output=row["output_json"], notes=row["notes"])


@attrs.frozen(kw_only=True)
class StepList:
    """Answer of ``GET /api/workflow-runs/{id}/steps``, in the order in which they began."""

    steps: list[StepAnswer]


@attrs.frozen(kw_only=True)
class TimelineEntry:
    """Something that happened in a run: a ``step``, without what it took and gave, or a line of its ``log``.

    The first fields are those of both; then come a step's, then a line's.
    """

    kind: Literal["step", "log"]
    at: datetime | None
    stepId: UUID | None
    stepPath: str | None
    iteration: str | UnsetType = UNSET
    definitionStepId: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    sequence: int | UnsetType = UNSET
    status: StepStatus | UnsetType = UNSET
    wouldDo: bool | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    actionId: str | UnsetType | None = UNSET
    actionVersion: int | UnsetType | None = UNSET
    error: dict[str, Any] | UnsetType | None = UNSET
    startedAt: datetime | UnsetType | None = UNSET
    completedAt: datetime | UnsetType | None = UNSET
    durationMs: int | UnsetType | None = UNSET
    logId: UUID | UnsetType = UNSET
    level: Literal["DEBUG", "INFO", "WARN", "ERROR"] | UnsetType = UNSET
    message: str | UnsetType = UNSET
    context: dict[str, Any] | UnsetType = UNSET
    correlationKey: str | UnsetType | None = UNSET
    eventName: str | UnsetType | None = UNSET
    source: str | UnsetType = UNSET

    @classmethod
    def of_step(cls, row: Record) -> TimelineEntry:
        """The entry of a step's row."""
        return cls(kind="step", at=row["started_at"] or row["completed_at"], **_step_facts(row))

    @classmethod
    def of_line(cls, row: Record) -> TimelineEntry:
        """The entry of a row of the log."""
        return cls(
            kind="log",
            at=row["created_at"],
            stepId=row["step_id"],
            stepPath=row["step_path"],
            logId=row["log_id"],
            level=row["level"],
            message=row["message"],
            context=row["context_json"],
            correlationKey=row["correlation_key"],
            eventName=row["event_name"],
            source=row["source"],
        )


@attrs.frozen(kw_only=True)
class Timeline:
    """Answer of ``GET /api/workflow-runs/{id}/timeline``, in the order of time."""

    timeline: list[TimelineEntry]


def _step_facts(row: Record) -> dict[str, Any]:
    """What a step's row tells beside the values that it took and gave."""
    return {
        "stepId": row["step_id"],
        "stepPath": row["step_path"],
        "iteration": row["iteration"],
        "definitionStepId": row["definition_step_id"],
        "type": row["step_type"],
        "sequence": row["sequence"],
        "status": row["status"],
        "wouldDo": row["would_do"],
        "attempt": row["attempt"],
        "actionId": row["action_id"],
        "actionVersion": row["action_version"],
        "error": row["error_json"],
        "startedAt": row["started_at"],
        "completedAt": row["completed_at"],
        "durationMs": row["duration_ms"],
    }
