"""Simulating a definition that need not be stored, as scripts of the older product do: one request that waits.

The answer has that product's members. Unlike there, what reads is done, and the rest is checked against the tenant's
connections, permissions and secrets; ``runId`` names the dry run, which is kept like any other.
"""

# ruff: noqa: N815 - fields are named as in the API

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID, uuid4

import attrs
import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body
from workflow_catalog_server.definition_answers import FindingAnswer
from workflow_catalog_server.definition_paths import PREFIX
from workflow_catalog_server.findings import surroundings_of
from workflow_catalog_server.routing import Route
from workflow_catalog_server.run_answers import RunWithPayload, StepAnswer
from workflow_catalog_server.run_history import read_run, read_steps
from workflow_catalog_server.services import SERVICES
from workflow_catalog_server.starting import check_payload_size
from workflow_catalog_server.trials import calling_steps, check_secrets, findings_on, refusal
from workflow_core.execution.runs import Trial
from workflow_core.execution.trial_runs import start_trial
from workflow_core.language.definition import iter_steps
from workflow_core.temporal import run_workflow_id

#: Seconds for which the answer waits for the run's end.
_PATIENCE: Final = 15.0
_STATUSES: Final[Mapping[str, Literal["completed", "failed"]]] = {
    "SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELED": "failed",
}


@attrs.frozen(kw_only=True)
class SimulateInline:
    """Body of ``POST /api/workflow-definitions/simulate``.

    Attributes:
        payload: What the run is started with.
        fixtures: What steps give in the place of being done, by their ids; those of other steps are left out.
    """

    definition: dict[str, Any]
    payload: dict[str, Any] | None = None
    fixtures: dict[str, Any] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class SimulatedStep:
    """A step as it was simulated.

    Attributes:
        outcome: ``stubbed``: it was not done, and gave a fixture or an example.
    """

    stepId: str
    path: str
    iteration: str
    type: str
    outcome: Literal["executed", "stubbed", "error"]
    evaluatedInput: Any = UNSET
    branchTaken: str | UnsetType = UNSET
    savedAs: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


@attrs.frozen(kw_only=True)
class SimulatedInvocation:
    """An action that was called, or would have been."""

    stepId: str
    path: str
    iteration: str
    actionId: str
    version: int
    input: Any
    outputSource: Literal["live", "fixture", "example"]


@attrs.frozen(kw_only=True)
class SimulationError:
    """Why it failed."""

    stepId: str | UnsetType = UNSET
    path: str | UnsetType = UNSET
    code: str
    message: str


@attrs.frozen(kw_only=True)
class SimulationAnswer:
    """Answer of ``POST /api/workflow-definitions/simulate``.

    Attributes:
        status: ``running``: it takes longer than a request can wait; look at the run.
        finalVars: Empty while it runs, and when it failed.
    """

    runId: UUID
    status: Literal["completed", "failed", "running"]
    trace: list[SimulatedStep]
    finalVars: Annotated[dict[str, Any], msgspec.Meta(description="The variables at the end.")]
    invocations: list[SimulatedInvocation]
    errors: list[SimulationError]
    warnings: list[FindingAnswer]
    payloadSource: Literal["provided", "empty"]


async def simulate_inline(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Runs a definition dry, which need not be stored, and waits for its end: what older scripts do.

    It acts in the name of who asks. With errors nothing is started.
    """
    services = request.app[SERVICES]
    body = await read_body(request, SimulateInline)
    check_payload_size(body.payload)
    check_secrets(principal, body.definition)
    surroundings = await surroundings_of(services, principal, fresh=True)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        answer = await findings_on(conn, principal, surroundings, body.definition)
    if not answer["ok"]:
        return refusal(answer)
    calling = calling_steps(body.definition)
    fixtures = {name: given for name, given in body.fixtures.items() if name in calling and isinstance(given, dict)}
    run_id = uuid4()
    await start_trial(
        services.database,
        services.temporal,
        services.registry,
        tenant=principal.tenant,
        workflow_id=run_id,
        trial=Trial(definition=body.definition, version=1, samples=fixtures),
        payload=body.payload or {},
        actor=principal.user,
        cause="simulation",
        run_id=run_id,
        dry_run=True,
    )
    variables = await _final_variables(services.temporal, run_id)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        run = await read_run(conn, principal.tenant, run_id)
        steps = (await read_steps(conn, principal.tenant, run_id)).steps
    return json_answer(
        SimulationAnswer(
            runId=run_id,
            status=_STATUSES.get(run.status, "running"),
            trace=_trace(steps, body.definition),
            finalVars=variables,
            invocations=_invocations(steps, fixtures),
            errors=_errors(run, steps),
            warnings=[FindingAnswer(**warning) for warning in answer["warnings"]],
            payloadSource="empty" if body.payload is None else "provided",
        )
    )


async def _final_variables(temporal: Client, run_id: UUID) -> dict[str, Any]:
    """Waits for the end of a run; what its row says counts, whatever Temporal does."""
    try:
        async with asyncio.timeout(_PATIENCE):
            ended = await temporal.get_workflow_handle(run_workflow_id(str(run_id), 1)).result()
    except (TimeoutError, WorkflowFailureError, RPCError):
        return {}
    variables: dict[str, Any] = ended.get("scopes", {}).get("vars", {})
    return variables


def _trace(steps: list[StepAnswer], definition: Mapping[str, Any]) -> list[SimulatedStep]:
    by_path = dict(iter_steps(definition))
    return [
        SimulatedStep(
            stepId=step.definitionStepId,
            path=step.stepPath,
            iteration=step.iteration,
            type=step.type,
            outcome="stubbed" if step.wouldDo else "error" if step.error is not None else "executed",
            evaluatedInput=UNSET if step.actionId is None else step.input,
            branchTaken=_branch(step),
            savedAs=_saved_as(by_path.get(step.stepPath, {})),
            message=UNSET if step.error is None else step.error["message"],
        )
        for step in steps
    ]


def _branch(step: StepAnswer) -> str | UnsetType:
    output = step.output if isinstance(step.output, dict) else {}
    if step.type == "control.tryCatch":
        return "catch" if output.get("caught") else "try"
    branch = output.get("branch")
    return branch if step.type == "control.if" and isinstance(branch, str) else UNSET


def _saved_as(step: Mapping[str, Any]) -> str | UnsetType:
    config = step.get("config")
    saved_as = config.get("saveAs") if isinstance(config, Mapping) else None
    return saved_as if isinstance(saved_as, str) and saved_as else UNSET


def _invocations(steps: list[StepAnswer], fixtures: Mapping[str, Any]) -> list[SimulatedInvocation]:
    return [
        SimulatedInvocation(
            stepId=step.definitionStepId,
            path=step.stepPath,
            iteration=step.iteration,
            actionId=step.actionId,
            version=step.actionVersion,
            input=step.input,
            outputSource="live" if not step.wouldDo else "fixture" if step.definitionStepId in fixtures else "example",
        )
        for step in steps
        if step.actionId is not None and step.actionVersion is not None
    ]


def _errors(run: RunWithPayload, steps: list[StepAnswer]) -> list[SimulationError]:
    if run.error is None:
        return []
    path = run.error["nodePath"]
    failed = next((step.definitionStepId for step in reversed(steps) if step.stepPath == path), UNSET)
    return [SimulationError(stepId=failed, path=path, code=run.error["code"], message=run.error["message"])]


ROUTES: Final = (
    Route(
        "POST",
        f"{PREFIX}/simulate",
        Permission.MANAGE,
        simulate_inline,
        body=SimulateInline,
        answer=SimulationAnswer,
    ),
)
