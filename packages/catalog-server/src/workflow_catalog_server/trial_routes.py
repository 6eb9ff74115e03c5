"""Trying things out: a definition in a dry run, and one action, dry or for good."""

# ruff: noqa: N815 - fields are named as in the API

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID, uuid5

import attrs
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body
from workflow_catalog_server.definition_answers import FindingAnswer
from workflow_catalog_server.definition_paths import PREFIX, path_version
from workflow_catalog_server.findings import surroundings_of
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.run_answers import StartedRunAnswer
from workflow_catalog_server.services import SERVICES
from workflow_catalog_server.starting import KEY_HEADERS, check_payload_size, idempotency_key, not_started, place_of
from workflow_catalog_server.trials import check_samples, check_secrets, findings_on, refusal
from workflow_core.definitions.models import VersionName
from workflow_core.definitions.reading import read_definition, read_workflow
from workflow_core.definitions.writing import rewritten
from workflow_core.errors import ConflictError, NotFoundError, RunNotStartedError
from workflow_core.execution.runs import Trial, run_id_for_request
from workflow_core.execution.trial_runs import action_test, start_trial
from workflow_core.storage.database import Connection

_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@attrs.frozen(kw_only=True)
class SimulateDefinition:
    """Body of ``POST /api/workflow-definitions/{id}/{version}/simulate``; it may be left out.

    Attributes:
        payload: What the run is started with.
        definition: Runs in the place of the draft, and is not stored.
        samples: What steps give in the place of being done, by the ids of steps that call actions.
    """

    payload: dict[str, Any] = attrs.Factory(dict)
    definition: dict[str, Any] | None = None
    samples: dict[str, dict[str, Any]] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class TestAction:
    """Body of ``POST /api/workflow/registry/actions/{id}/{version}/test``; it may be left out.

    Attributes:
        input: A mapping as in a step; its expressions read ``payload``.
        payload: What the run is started with.
        live: Whether the action is done for good.
        workflowId: The workflow for whose sake it is tested.
    """

    input: dict[str, Any] = attrs.Factory(dict)
    payload: dict[str, Any] = attrs.Factory(dict)
    live: bool = False
    workflowId: UUID | None = None


@attrs.frozen(kw_only=True)
class StartedTrialAnswer(StartedRunAnswer):
    """Answer of trying something out: the run that does, and what validation has to say."""

    dryRun: bool
    warnings: list[FindingAnswer]


async def simulate(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Starts a dry run of a draft or a version: what reads is done, of the rest it tells what it would do.

    It acts in the name of who asks. With errors nothing is started.
    """
    services = request.app[SERVICES]
    workflow_id, version = path_uuid(request, "id"), path_version(request)
    body = await read_body(request, SimulateDefinition, optional=True)
    check_payload_size(body.payload)
    surroundings = await surroundings_of(services, principal, fresh=True)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        trial = await _simulated(conn, principal, workflow_id, version, body)
        answer = await findings_on(conn, principal, surroundings, trial.definition)
    if not answer["ok"]:
        return refusal(answer)
    return await _start(
        request,
        principal,
        scope=uuid5(workflow_id, "simulation"),
        workflow_id=workflow_id,
        trial=trial,
        payload=body.payload,
        cause="simulation",
        dry_run=True,
        warnings=answer["warnings"],
    )


async def test(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Starts a run of one action: dry, or for good with ``live``, which needs the permission to start runs.

    It acts in the name of who asks. With errors nothing is started.
    """
    services = request.app[SERVICES]
    body = await read_body(request, TestAction, optional=True)
    if body.live:
        principal.require(Permission.RUN)
    check_payload_size(body.payload)
    action_id, version = request.match_info["id"], request.match_info["version"]
    if not _VERSION.fullmatch(version) or (action_id, int(version)) not in services.registry.actions:
        raise NotFoundError("No installed integration has this action in this version.")
    definition = action_test(action_id, int(version), body.input)
    check_secrets(principal, definition)
    surroundings = await surroundings_of(services, principal, fresh=True)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        number = 1
        if body.workflowId is not None:
            number = (await read_workflow(conn, principal.tenant, body.workflowId)).draft_version
        answer = await findings_on(conn, principal, surroundings, definition)
    if not answer["ok"]:
        return refusal(answer)
    return await _start(
        request,
        principal,
        scope=uuid5(body.workflowId or principal.tenant, f"test of {action_id}@{version}"),
        workflow_id=body.workflowId,
        trial=Trial(definition=definition, version=number),
        payload=body.payload,
        cause="test",
        dry_run=not body.live,
        warnings=answer["warnings"],
    )


async def _simulated(
    conn: Connection, principal: Principal, workflow_id: UUID, version: VersionName, body: SimulateDefinition
) -> Trial:
    """What is run dry.

    Raises:
        NotFoundError: There is no such workflow or version.
        ConflictError: ``VERSION_CONFLICT``: what is published is run as it is.
        PermissionDeniedError: What is not published names a secret.
        ValidationError: A sample is of no step.
    """
    stored = await read_definition(conn, principal.tenant, workflow_id, version)
    definition = stored.definition
    if body.definition is not None:
        if not stored.is_draft:
            raise ConflictError(
                f"Version {version} cannot change any more: simulate the draft with another definition.",
                code="VERSION_CONFLICT",
            )
        definition = rewritten(body.definition, workflow_id, stored.version)
    if stored.is_draft or body.samples:
        check_secrets(principal, definition)
    check_samples(definition, body.samples)
    return Trial(definition=definition, version=stored.version, samples=body.samples)


async def _start(
    request: web.Request,
    principal: Principal,
    *,
    scope: UUID,
    workflow_id: UUID | None,
    warnings: list[dict[str, Any]],
    **run: Any,
) -> web.Response:
    """Starts a trial, or finds it started by an equal request. One that is of no workflow is of its own run's."""
    services = request.app[SERVICES]
    key = idempotency_key(request)
    run_id = run_id_for_request(principal.tenant, scope, key)
    try:
        started = await start_trial(
            services.database,
            services.temporal,
            services.registry,
            tenant=principal.tenant,
            workflow_id=workflow_id or run_id,
            actor=principal.user,
            run_id=run_id,
            **run,
        )
    except RunNotStartedError as error:
        return not_started(error, run_id, key)
    answer = StartedTrialAnswer(
        runId=run_id,
        workflowId=started.workflow_id,
        workflowVersion=started.workflow_version,
        status=started.status,
        dryRun=run["dry_run"],
        warnings=[FindingAnswer(**warning) for warning in warnings],
    )
    return json_answer(answer, status=202, headers=place_of(run_id))


ROUTES: Final = (
    Route(
        "POST",
        f"{PREFIX}/{{id}}/{{version}}/simulate",
        Permission.MANAGE,
        simulate,
        body=SimulateDefinition,
        answer=StartedTrialAnswer,
        status=202,
        headers=KEY_HEADERS,
    ),
    Route(
        "POST",
        "/api/workflow/registry/actions/{id}/{version}/test",
        Permission.MANAGE,
        test,
        body=TestAction,
        answer=StartedTrialAnswer,
        status=202,
        headers=KEY_HEADERS,
    ),
)
