"""Runs: start, repeat, cancel, list, read, and what each step took and gave."""

# ruff: noqa: N815 - request fields are named as in the API

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import attrs
import msgspec
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body, read_query
from workflow_catalog_server.paging import TimeQuery
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.run_answers import (
    CanceledRunAnswer,
    RunList,
    RunWithPayload,
    StartedRunAnswer,
    StepList,
    TerminatedRunAnswer,
    Timeline,
)
from workflow_catalog_server.run_history import has_payload, list_runs, read_run, read_steps, read_timeline
from workflow_catalog_server.services import SERVICES
from workflow_catalog_server.starting import KEY_HEADERS, check_payload_size, idempotency_key, not_started, place_of
from workflow_core.errors import ConflictError, RunNotStartedError
from workflow_core.execution.cancel import cancel_run
from workflow_core.execution.models import RunStatus
from workflow_core.execution.runs import Origin, record_run, run_id_for_request, start_recorded
from workflow_core.execution.terminate import terminate_run

_Reason = Annotated[str, msgspec.Meta(max_length=1000)]


@attrs.frozen(kw_only=True)
class StartRun:
    """Body of ``POST /api/workflow-runs``."""

    workflowId: UUID
    workflowVersion: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    payload: dict[str, Any] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class CancelRun:
    """Body of ``POST /api/workflow-runs/{id}/cancel``; it may be left out."""

    reason: _Reason | None = None


@attrs.frozen(kw_only=True)
class TerminateRun:
    """Body of ``POST /api/workflow-runs/{id}/terminate``; it may be left out."""

    reason: _Reason | None = None


@attrs.frozen(kw_only=True)
class ReplayRun:
    """Body of ``POST /api/workflow-runs/{id}/replay``; without a payload, the run's own."""

    payload: dict[str, Any] | None = None
    reason: _Reason | None = None


@attrs.frozen(kw_only=True)
class ListRuns(TimeQuery):
    """Query of ``GET /api/workflow-runs``."""

    workflowId: UUID | None = None
    status: Annotated[list[RunStatus], msgspec.Meta(description="One of these; may be repeated.")] | None = None
    cause: Annotated[str, msgspec.Meta(description="What started it, such as api, event or replay.")] | None = None
    eventType: Annotated[str, msgspec.Meta(description="Only runs that this event started.")] | None = None
    errorCode: Annotated[str, msgspec.Meta(description="The code of the error that ended it.")] | None = None
    dryRun: Annotated[bool, msgspec.Meta(description="Dry runs, and no others.")] = False


async def start(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Starts a run; with the same ``Idempotency-Key`` the same run.

    A request without a key is given one, so that a run which Temporal did not take can be started again.
    """
    body = await read_body(request, StartRun)
    check_payload_size(body.payload)
    return await _start(
        request,
        principal,
        scope=body.workflowId,
        workflow_id=body.workflowId,
        version=body.workflowVersion,
        payload=body.payload,
        cause="api",
    )


async def replay(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Starts a new run with a run's version and payload; with the same ``Idempotency-Key`` the same one."""
    source_id = path_uuid(request, "id")
    body = await read_body(request, ReplayRun, optional=True)
    check_payload_size(body.payload)
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        source = await read_run(conn, principal.tenant, source_id)
    if source.dryRun or source.cause == "test":
        raise ConflictError("This run tried out what need not be published: try it again instead.", code="RUN_IS_TRIAL")
    return await _start(
        request,
        principal,
        scope=source_id,
        workflow_id=source.workflowId,
        version=source.workflowVersion,
        payload=source.payload if body.payload is None else body.payload,
        cause="replay",
        origin=Origin(
            event_type=source.eventType,
            payload_schema_ref=source.sourcePayloadSchemaRef,
            mapping_applied=source.triggerMappingApplied,
            replay_of=source_id,
            reason=body.reason,
        ),
    )


async def cancel(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Asks for a run to end; the answer does not wait for it."""
    services = request.app[SERVICES]
    run_id = path_uuid(request, "id")
    body = await read_body(request, CancelRun, optional=True)
    status = await cancel_run(
        services.database,
        services.temporal,
        tenant=principal.tenant,
        run_id=run_id,
        user=principal.user,
        reason=body.reason,
    )
    return json_answer(CanceledRunAnswer(runId=run_id, status=status), status=202)


async def terminate(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Ends a run at once, and those that it called; what an action has sent is not called back."""
    services = request.app[SERVICES]
    run_id = path_uuid(request, "id")
    body = await read_body(request, TerminateRun, optional=True)
    status = await terminate_run(
        services.database,
        services.temporal,
        tenant=principal.tenant,
        run_id=run_id,
        user=principal.user,
        reason=body.reason,
    )
    return json_answer(TerminatedRunAnswer(runId=run_id, status=status))


async def list_all(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Runs, newest first, in pages."""
    query = read_query(request, ListRuns)
    stretch = query.stretch()
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        runs = await list_runs(
            conn,
            principal.tenant,
            stretch,
            workflow_id=query.workflowId,
            status=query.status,
            cause=query.cause,
            event_type=query.eventType,
            error_code=query.errorCode,
            dry_run=query.dryRun,
        )
    return json_answer(runs)


async def read_one(request: web.Request, principal: Principal) -> web.StreamResponse:
    """One run."""
    run_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        return json_answer(await read_run(conn, principal.tenant, run_id))


async def list_steps(request: web.Request, principal: Principal) -> web.StreamResponse:
    """What each step of a run took and gave."""
    run_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        return json_answer(await read_steps(conn, principal.tenant, run_id))


async def read_run_timeline(request: web.Request, principal: Principal) -> web.StreamResponse:
    """What happened in a run: its steps and log lines in the order of time."""
    run_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        return json_answer(await read_timeline(conn, principal.tenant, run_id))


async def _start(
    request: web.Request, principal: Principal, *, scope: UUID, payload: Any, version: int | None, **run: Any
) -> web.Response:
    """Starts a run, or finds it started by an equal request.

    Raises:
        ConflictError: ``IDEMPOTENCY_KEY_REUSED``: the key has started another one.
    """
    services = request.app[SERVICES]
    key = idempotency_key(request)
    run_id = run_id_for_request(principal.tenant, scope, key)
    async with services.database.tenant(principal.tenant) as conn:
        recorded = await record_run(
            conn,
            services.registry,
            tenant=principal.tenant,
            version=version,
            payload=payload,
            actor=principal.user,
            run_id=run_id,
            tenant_runs=services.tenant_runs,
            **run,
        )
        started = recorded.run
        same = started.created or (
            version in (None, started.workflow_version) and await has_payload(conn, principal.tenant, run_id, payload)
        )
    if not same:
        raise ConflictError(
            "This Idempotency-Key has started a run with another payload or version; use a new key.",
            code="IDEMPOTENCY_KEY_REUSED",
        )
    try:
        await start_recorded(services.database, services.temporal, principal.tenant, recorded)
    except RunNotStartedError as error:
        return not_started(error, run_id, key)
    return json_answer(
        StartedRunAnswer(
            runId=started.run_id,
            workflowId=started.workflow_id,
            workflowVersion=started.workflow_version,
            status=started.status,
        ),
        status=202,
        headers=place_of(started.run_id),
    )


_PREFIX: Final = "/api/workflow-runs"

ROUTES: Final = (
    Route(
        "POST", _PREFIX, Permission.RUN, start, body=StartRun, answer=StartedRunAnswer, status=202, headers=KEY_HEADERS
    ),
    Route("GET", _PREFIX, Permission.READ, list_all, query=ListRuns, answer=RunList),
    Route("GET", f"{_PREFIX}/{{id}}", Permission.READ, read_one, answer=RunWithPayload),
    Route("GET", f"{_PREFIX}/{{id}}/steps", Permission.READ, list_steps, answer=StepList),
    Route("GET", f"{_PREFIX}/{{id}}/timeline", Permission.READ, read_run_timeline, answer=Timeline),
    Route(
        "POST",
        f"{_PREFIX}/{{id}}/cancel",
        Permission.RUN,
        cancel,
        body=CancelRun,
        answer=CanceledRunAnswer,
        status=202,
    ),
    Route(
        "POST",
        f"{_PREFIX}/{{id}}/terminate",
        Permission.RUN,
        terminate,
        body=TerminateRun,
        answer=TerminatedRunAnswer,
    ),
    Route(
        "POST",
        f"{_PREFIX}/{{id}}/replay",
        Permission.RUN,
        replay,
        body=ReplayRun,
        answer=StartedRunAnswer,
        status=202,
        headers=KEY_HEADERS,
    ),
)
