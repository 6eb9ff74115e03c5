"""Runs: start, repeat, cancel, list, read, and what each step took and gave."""

# ruff: noqa: N815 - request fields are named as in the API

from __future__ import annotations

from typing import Annotated, Any, Final, get_args
from uuid import UUID, uuid4

import attrs
import msgspec
import orjson
from aiohttp import hdrs, web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import query_choice, query_int, read_body
from workflow_catalog_server.paging import query_cursor, query_moment, query_text, query_uuid
from workflow_catalog_server.problems import RequestError
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.run_history import RunStatus, has_payload, list_runs, read_run, read_steps, read_timeline
from workflow_catalog_server.services import SERVICES, Services
from workflow_core.errors import ConflictError, FieldError, ValidationError
from workflow_core.execution.cancel import cancel_run
from workflow_core.execution.runs import Origin, StartedRun, run_id_for_request, start_run

MAX_PAYLOAD: Final = 256 * 1024
_LONGEST_KEY: Final = 255
_STATUSES: Final[dict[str, RunStatus]] = {status: status for status in get_args(RunStatus)}

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
class ReplayRun:
    """Body of ``POST /api/workflow-runs/{id}/replay``; without a payload, the run's own."""

    payload: dict[str, Any] | None = None
    reason: _Reason | None = None


async def start(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Starts a run; with the same ``Idempotency-Key`` the same run."""
    body = await read_body(request, StartRun)
    _check_size(body.payload)
    key = _idempotency_key(request)
    started = await _start(
        request.app[SERVICES],
        principal,
        workflow_id=body.workflowId,
        version=body.workflowVersion,
        payload=body.payload,
        run_id=uuid4() if key is None else run_id_for_request(principal.tenant, body.workflowId, key),
        cause="api",
    )
    return _started_answer(started)


async def replay(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Starts a new run with a run's version and payload; with the same ``Idempotency-Key`` the same one."""
    services = request.app[SERVICES]
    source_id = path_uuid(request, "id")
    body = await read_body(request, ReplayRun, optional=True)
    _check_size(body.payload)
    key = _idempotency_key(request)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        source = await read_run(conn, principal.tenant, source_id)
    started = await _start(
        services,
        principal,
        workflow_id=source["workflowId"],
        version=source["workflowVersion"],
        payload=source["payload"] if body.payload is None else body.payload,
        run_id=uuid4() if key is None else run_id_for_request(principal.tenant, source_id, key),
        cause="replay",
        origin=Origin(
            event_type=source["eventType"],
            payload_schema_ref=source["sourcePayloadSchemaRef"],
            mapping_applied=source["triggerMappingApplied"],
            replay_of=source_id,
            reason=body.reason,
        ),
    )
    return _started_answer(started)


async def cancel(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Asks for a run to end; the answer does not wait for it."""
    services = request.app[SERVICES]
    run_id = path_uuid(request, "id")
    body = await read_body(request, CancelRun, optional=True)
    status = await cancel_run(
        services.database,
        services.temporal,
        services.registry,
        tenant=principal.tenant,
        run_id=run_id,
        user=principal.user,
        reason=body.reason,
    )
    return json_answer({"runId": run_id, "status": status}, status=202)


async def list_all(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Runs, newest first, in pages."""
    limit = query_int(request, "limit", default=50, least=1, most=200)
    status = query_choice(request, "status", _STATUSES, default=None)
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        runs, following = await list_runs(
            conn,
            principal.tenant,
            limit=limit,
            after=query_cursor(request),
            workflow_id=query_uuid(request, "workflowId"),
            status=status,
            event_type=query_text(request, "eventType"),
            since=query_moment(request, "from"),
            until=query_moment(request, "to"),
        )
    return json_answer({"runs": runs, "nextCursor": following.encode() if following else None})


async def read_one(request: web.Request, principal: Principal) -> web.StreamResponse:
    """One run."""
    run_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        return json_answer(await read_run(conn, principal.tenant, run_id))


async def list_steps(request: web.Request, principal: Principal) -> web.StreamResponse:
    """What each step of a run took and gave."""
    run_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        return json_answer({"steps": await read_steps(conn, principal.tenant, run_id)})


async def read_run_timeline(request: web.Request, principal: Principal) -> web.StreamResponse:
    """What happened in a run: its steps and log lines in the order of time."""
    run_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        return json_answer({"timeline": await read_timeline(conn, principal.tenant, run_id)})


async def _start(
    services: Services,
    principal: Principal,
    *,
    workflow_id: UUID,
    version: int | None,
    payload: Any,
    run_id: UUID,
    cause: str,
    origin: Origin | None = None,
) -> StartedRun:
    """Starts a run, or finds it started by an equal request.

    Raises:
        ConflictError: ``IDEMPOTENCY_KEY_REUSED``: it was started by another one.
    """
    started = await start_run(
        services.database,
        services.temporal,
        services.registry,
        tenant=principal.tenant,
        workflow_id=workflow_id,
        version=version,
        payload=payload,
        actor=principal.user,
        cause=cause,
        run_id=run_id,
        origin=origin or Origin(),
    )
    if not started.created:
        async with services.database.tenant(principal.tenant, readonly=True) as conn:
            same = await has_payload(conn, principal.tenant, run_id, payload)
        if not same or version not in (None, started.workflow_version):
            raise ConflictError(
                "This Idempotency-Key has started a run with another payload or version; use a new key.",
                code="IDEMPOTENCY_KEY_REUSED",
            )
    return started


def _started_answer(started: StartedRun) -> web.Response:
    return json_answer(
        {
            "runId": started.run_id,
            "workflowId": started.workflow_id,
            "workflowVersion": started.workflow_version,
            "status": started.status,
        },
        status=202,
        headers={hdrs.LOCATION: f"/api/workflow-runs/{started.run_id}"},
    )


def _check_size(payload: Any) -> None:
    if len(orjson.dumps(payload)) > MAX_PAYLOAD:
        raise RequestError(413, "PAYLOAD_TOO_LARGE", f"A run's payload has at most {MAX_PAYLOAD // 1024} KiB.")


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        words = f"must have between 1 and {_LONGEST_KEY} printable ASCII characters"
        raise ValidationError(f"Idempotency-Key: {words}", errors=[FieldError("Idempotency-Key", "LENGTH", words)])
    return key


_PREFIX: Final = "/api/workflow-runs"

ROUTES: Final = (
    Route("POST", _PREFIX, Permission.RUN, start),
    Route("GET", _PREFIX, Permission.READ, list_all),
    Route("GET", f"{_PREFIX}/{{id}}", Permission.READ, read_one),
    Route("GET", f"{_PREFIX}/{{id}}/steps", Permission.READ, list_steps),
    Route("GET", f"{_PREFIX}/{{id}}/timeline", Permission.READ, read_run_timeline),
    Route("POST", f"{_PREFIX}/{{id}}/cancel", Permission.RUN, cancel),
    Route("POST", f"{_PREFIX}/{{id}}/replay", Permission.RUN, replay),
)
