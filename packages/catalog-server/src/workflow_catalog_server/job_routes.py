"""Jobs of integrations: what runs for the tenant in the background, how it went, and running it now."""

# ruff: noqa: N815 - fields are named as in the API

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body, read_query
from workflow_catalog_server.catalog_routes import locale_of
from workflow_catalog_server.paging import Cursor, PageQuery, Stretch, page_by_time
from workflow_catalog_server.problems import problem
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.services import SERVICES
from workflow_catalog_server.starting import KEY_HEADERS, idempotency_key
from workflow_core.errors import ConflictError
from workflow_core.job_runs.reading import JobState, find_job, list_jobs
from workflow_core.job_runs.runs import (
    RUN_COLUMNS,
    JobCause,
    JobRun,
    JobRunStatus,
    cancel_run,
    request_run,
    run_id_for_request,
)
from workflow_core.locales import Words


@attrs.frozen(kw_only=True)
class ListJobs:
    """Query of ``GET /api/jobs``."""

    provider: str | None = None


@attrs.frozen(kw_only=True)
class RunJob:
    """Body of ``POST /api/jobs/{id}/run``; the integration's documentation says which parameters its jobs know."""

    parameters: dict[str, Any] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class JobErrorAnswer:
    """Why a job does not do what is wanted."""

    code: str
    message: str

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> JobErrorAnswer | None:
        """The answer about a stored error."""
        return None if stored is None else cls(code=stored["code"], message=stored["message"])


@attrs.frozen(kw_only=True)
class JobProgressAnswer:
    """How far a run is.

    Attributes:
        total: None: nobody knows.
    """

    done: int
    total: int | None
    message: str


@attrs.frozen(kw_only=True)
class JobRunAnswer:
    """One run of a job.

    Attributes:
        cause: ``schedule``, ``connect`` when the connection had just become active, or ``request``.
        actor: Who asked for it; None: nobody, or another job.
        result: What it gave.
        error: Why it failed or was canceled; while it is running, why the attempt before has failed.
        attempts: That have begun.
        stopRequested: Why it is to end; None: nobody wants it to.
    """

    runId: UUID
    jobId: str
    provider: str
    cause: JobCause
    actor: UUID | None
    parameters: dict[str, Any]
    status: JobRunStatus
    progress: JobProgressAnswer | None
    result: dict[str, Any] | None
    error: JobErrorAnswer | None
    attempts: int
    stopRequested: JobErrorAnswer | None
    createdAt: datetime
    startedAt: datetime | None
    finishedAt: datetime | None

    @classmethod
    def of(cls, run: JobRun) -> JobRunAnswer:
        """The answer about a run."""
        progress = None
        if run.done is not None:
            progress = JobProgressAnswer(done=run.done, total=run.total, message=run.message or "")
        return cls(
            runId=run.run_id,
            jobId=run.job_id,
            provider=run.provider,
            cause=run.cause,
            actor=run.actor,
            parameters=dict(run.parameters),
            status=run.status,
            progress=progress,
            result=None if run.result is None else dict(run.result),
            error=JobErrorAnswer.of(run.error),
            attempts=run.attempts,
            stopRequested=JobErrorAnswer.of(run.stop_requested),
            createdAt=run.created_at,
            startedAt=run.started_at,
            finishedAt=run.finished_at,
        )


@attrs.frozen(kw_only=True)
class JobAnswer:
    """A job of the tenant.

    Attributes:
        isActive: Whether the connection is active, and a worker has taken the job up.
        everySeconds: None: it runs only when it is asked for, or when the connection becomes active.
        nextAt: When it runs next by the clock; one that has passed is late.
        scheduleError: Why the clock does not run it.
        underWay: The run that has not ended.
        last: The last run that has.
    """

    id: str
    label: str
    description: str
    provider: str
    isActive: bool
    everySeconds: float | None
    nextAt: datetime | None
    scheduleError: JobErrorAnswer | None
    underWay: JobRunAnswer | None
    last: JobRunAnswer | None
    lastSuccessAt: datetime | None

    @classmethod
    def of(cls, state: JobState, words: Words | None = None) -> JobAnswer:
        """The answer about a job; without words in those that it declares."""
        job = state.job
        said = words or job
        return cls(
            id=job.id,
            label=said.label,
            description=said.description,
            provider=job.provider,
            isActive=state.is_active,
            everySeconds=None if job.every is None else job.every.total_seconds(),
            nextAt=state.next_at,
            scheduleError=JobErrorAnswer.of(state.sync_error),
            underWay=None if state.under_way is None else JobRunAnswer.of(state.under_way),
            last=None if state.last is None else JobRunAnswer.of(state.last),
            lastSuccessAt=state.last_success_at,
        )


@attrs.frozen(kw_only=True)
class JobList:
    """Answer of ``GET /api/jobs``, by id."""

    jobs: list[JobAnswer]


@attrs.frozen(kw_only=True)
class JobRunList:
    """A page of ``GET /api/jobs/{id}/runs``, newest first."""

    runs: list[JobRunAnswer]
    nextCursor: str | None


async def list_all(request: web.Request, principal: Principal) -> web.StreamResponse:
    """The jobs of all installed integrations, or of one: how the last run went, and when the next one comes."""
    services = request.app[SERVICES]
    query = read_query(request, ListJobs)
    translations = services.catalog.translations
    locale = locale_of(request, None, translations)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        jobs = await list_jobs(conn, principal.tenant, services.registry, provider=query.provider)
    answers = [JobAnswer.of(state, translations.job(locale, state.job.id)) for state in jobs]
    return json_answer(JobList(jobs=answers))


async def list_runs(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Runs of a job, newest first, in pages; the last fifty are kept."""
    services = request.app[SERVICES]
    query = read_query(request, PageQuery)
    job = find_job(services.registry, request.match_info["id"])
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        rows, following = await page_by_time(
            conn,
            principal.tenant,
            Stretch(query.limit, query.after(Cursor.of), None, None),
            table="workflow_job_runs",
            record_id="run_id",
            columns=RUN_COLUMNS,
            equal={"job_id": job.id},
        )
    return json_answer(JobRunList(runs=[JobRunAnswer.of(JobRun.of(row)) for row in rows], nextCursor=following))


async def run(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Runs a job now; with the same ``Idempotency-Key`` the same run.

    There is one run of a job at a time: while it is under way, the problem ``JOB_RUNNING`` names it as ``runId``.
    """
    services = request.app[SERVICES]
    job = find_job(services.registry, request.match_info["id"])
    body = await read_body(request, RunJob, optional=True)
    run_id = run_id_for_request(principal.tenant, job.id, idempotency_key(request))
    try:
        async with services.database.tenant(principal.tenant) as conn:
            asked = await request_run(
                conn, principal.tenant, job, actor=principal.user, parameters=body.parameters, run_id=run_id
            )
    except ConflictError as error:
        return problem(409, error.code, error.message, members=error.details)
    return json_answer(JobRunAnswer.of(asked), status=202)


async def cancel(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Asks for a run to end; the answer does not wait for it. One that has ended stays as it is."""
    services = request.app[SERVICES]
    run_id = path_uuid(request, "id")
    async with services.database.tenant(principal.tenant) as conn:
        told = await cancel_run(conn, principal.tenant, run_id, actor=principal.user)
    return json_answer(JobRunAnswer.of(told), status=202)


_PREFIX: Final = "/api/jobs"

ROUTES: Final = (
    Route("GET", _PREFIX, Permission.READ, list_all, query=ListJobs, answer=JobList),
    Route("GET", f"{_PREFIX}/{{id}}/runs", Permission.READ, list_runs, query=PageQuery, answer=JobRunList),
    Route(
        "POST",
        f"{_PREFIX}/{{id}}/run",
        Permission.ADMIN,
        run,
        body=RunJob,
        answer=JobRunAnswer,
        status=202,
        headers=KEY_HEADERS,
    ),
    Route("POST", f"{_PREFIX}/runs/{{id}}/cancel", Permission.ADMIN, cancel, answer=JobRunAnswer, status=202),
)
