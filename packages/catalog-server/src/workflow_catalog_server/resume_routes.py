"""Resuming a failed run: what it would do, and doing it."""

# ruff: noqa: N815 - fields are named as in the API

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import attrs
import msgspec
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.run_history import read_run
from workflow_catalog_server.services import SERVICES
from workflow_core.execution.models import RunStatus
from workflow_core.execution.resume import resume_run
from workflow_core.execution.resume_preview import ResumePreview, preview_resume


@attrs.frozen(kw_only=True)
class ResumeRun:
    """Body of ``POST /api/workflow-runs/{id}/resume``; it may be left out.

    Attributes:
        input: Mappings that take the place of fields of the failed action's input; the other fields stay as authored.
    """

    input: dict[str, Any] = attrs.Factory(dict)
    reason: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


@attrs.frozen(kw_only=True)
class ResumedRunAnswer:
    """Answer of ``POST /api/workflow-runs/{id}/resume``.

    Attributes:
        execution: Counts the run's executions from 1.
    """

    runId: UUID
    execution: int
    status: RunStatus


@attrs.frozen(kw_only=True)
class FailedStepAnswer:
    """The step that failed, in the innermost run, with what it was given and why it failed."""

    runId: UUID
    stepPath: str
    iteration: str
    stepId: str
    stepType: str
    actionId: str | None
    actionVersion: int | None
    attempt: int
    input: Any
    error: dict[str, Any] | None


@attrs.frozen(kw_only=True)
class ReusedStepAnswer:
    """An action whose outcome stands, and that is not sent again."""

    runId: UUID
    stepPath: str
    iteration: str
    stepId: str
    actionId: str
    actionVersion: int


@attrs.frozen(kw_only=True)
class UpcomingStepAnswer:
    """An action that is sent, or may be.

    Attributes:
        effect: None: it was not installed when the run started.
        conditional: It stands in a branch or a loop to come, so that it may run not at all, or several times.
    """

    runId: UUID
    stepPath: str
    stepId: str
    actionId: str
    actionVersion: int
    effect: str | None
    conditional: bool


@attrs.frozen(kw_only=True)
class ResumePreviewAnswer:
    """Answer of ``GET /api/workflow-runs/{id}/resume``.

    Attributes:
        execution: The last one of the run.
        fromBeginning: The run left no checkpoint: it starts anew, and what it has read and done is reused.
        failedStep: None: the run failed before its first step.
        itemsLeft: Items that come after the failed one, in the innermost loop around the step.
        reused: The first 500 of ``reusedCount``.
        sent: The failed step, and what may follow it.
    """

    runId: UUID
    execution: int
    fromBeginning: bool
    failedStep: FailedStepAnswer | None
    itemsLeft: int
    reused: list[ReusedStepAnswer]
    reusedCount: int
    sent: list[UpcomingStepAnswer]


async def preview(request: web.Request, principal: Principal) -> web.StreamResponse:
    """What resuming a failed run would reuse, and what it would send."""
    run_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        found = await preview_resume(conn, principal.tenant, run_id)
    return json_answer(_answer(run_id, found))


async def resume(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Lets a failed run go on before the step that failed, as a further execution of the same run."""
    services = request.app[SERVICES]
    run_id = path_uuid(request, "id")
    body = await read_body(request, ResumeRun, optional=True)
    execution = await resume_run(
        services.database,
        services.temporal,
        services.registry,
        tenant=principal.tenant,
        run_id=run_id,
        user=principal.user,
        correction=body.input,
        reason=body.reason,
        tenant_runs=services.tenant_runs,
    )
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        run = await read_run(conn, principal.tenant, run_id)  # it may wait for its turn
    return json_answer(ResumedRunAnswer(runId=run_id, execution=execution, status=run.status), status=202)


def _answer(run_id: UUID, found: ResumePreview) -> ResumePreviewAnswer:
    failed = found.failed
    return ResumePreviewAnswer(
        runId=run_id,
        execution=found.execution,
        fromBeginning=found.from_beginning,
        failedStep=None
        if failed is None
        else FailedStepAnswer(
            runId=found.failed_run_id,
            stepPath=failed["step_path"],
            iteration=failed["iteration"],
            stepId=failed["definition_step_id"],
            stepType=failed["step_type"],
            actionId=failed["action_id"],
            actionVersion=failed["action_version"],
            attempt=failed["attempt"],
            input=failed["input_json"],
            error=failed["error_json"],
        ),
        itemsLeft=found.items_left,
        reused=[
            ReusedStepAnswer(
                runId=step.run_id,
                stepPath=step.step_path,
                iteration=step.iteration,
                stepId=step.step_id,
                actionId=step.action_id,
                actionVersion=step.action_version,
            )
            for step in found.reused
        ],
        reusedCount=found.reused_count,
        sent=[
            UpcomingStepAnswer(
                runId=step.run_id,
                stepPath=step.step_path,
                stepId=step.step_id,
                actionId=step.action_id,
                actionVersion=step.action_version,
                effect=step.effect,
                conditional=step.conditional,
            )
            for step in found.sent
        ],
    )


_PATH: Final = "/api/workflow-runs/{id}/resume"

ROUTES: Final = (
    Route("GET", _PATH, Permission.READ, preview, answer=ResumePreviewAnswer),
    Route("POST", _PATH, Permission.RUN, resume, body=ResumeRun, status=202, answer=ResumedRunAnswer),
)
