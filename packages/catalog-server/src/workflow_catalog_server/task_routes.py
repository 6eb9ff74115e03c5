"""Tasks for people: list, read, take over, give to somebody else, complete."""

# ruff: noqa: N815 - fields are named as in the API

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

import attrs
import orjson
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body, read_query
from workflow_catalog_server.paging import Cursor, PageQuery
from workflow_catalog_server.problems import RequestError
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.services import SERVICES
from workflow_core.execution.tasks import (
    Task,
    TaskStatus,
    claim_task,
    complete_task,
    list_tasks,
    read_task,
    reassign_task,
)
from workflow_core.records.users import user_names
from workflow_core.storage.database import Connection

#: Bytes of a response as JSON: it travels into the run.
MAX_RESPONSE: Final = 256 * 1024


@attrs.frozen(kw_only=True)
class ListTasks(PageQuery):
    """Query of ``GET /api/workflow-tasks``."""

    status: TaskStatus | None = None
    assignedTo: UUID | None = None
    runId: UUID | None = None


@attrs.frozen(kw_only=True)
class CompleteTask:
    """Body of ``POST /api/workflow-tasks/{id}/complete``: what the run sees as ``event``."""

    response: dict[str, Any] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class ReassignTask:
    """Body of ``POST /api/workflow-tasks/{id}/reassign``; null: nobody has it any more."""

    userId: UUID | None


@attrs.frozen(kw_only=True)
class TaskAnswer:
    """A task.

    Attributes:
        workflowName: Null: the workflow is deleted.
        status: ``OPEN`` as long as its run waits for it.
        assignedTo: The user who has taken it over, or was given it.
        assignedToName: Null where nobody is, or the user has no name.
    """

    taskId: UUID
    runId: UUID
    workflowId: UUID
    workflowName: str | None
    stepPath: str
    iteration: str
    taskType: str
    title: str
    description: str | None
    contextData: Any
    status: TaskStatus
    assignedTo: UUID | None
    assignedToName: str | None
    completedBy: UUID | None
    completedByName: str | None
    response: dict[str, Any] | None
    createdAt: datetime
    endedAt: datetime | None

    @classmethod
    def of(cls, task: Task, names: Mapping[UUID, str]) -> Self:
        """The answer about a task, with the names of users."""
        return cls(
            taskId=task.task_id,
            runId=task.run_id,
            workflowId=task.workflow_id,
            workflowName=task.workflow_name,
            stepPath=task.step_path,
            iteration=task.iteration,
            taskType=task.task_type,
            title=task.title,
            description=task.description,
            contextData=task.context_data,
            status=task.status,
            assignedTo=task.assigned_to,
            assignedToName=_name(names, task.assigned_to),
            completedBy=task.completed_by,
            completedByName=_name(names, task.completed_by),
            response=task.response,
            createdAt=task.created_at,
            endedAt=task.ended_at,
        )


@attrs.frozen(kw_only=True)
class TaskList:
    """A page of ``GET /api/workflow-tasks``."""

    tasks: list[TaskAnswer]
    nextCursor: str | None


async def list_all(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Tasks, newest first, in pages."""
    query = read_query(request, ListTasks)
    after = query.after(Cursor.of)
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        tasks, more = await list_tasks(
            conn,
            principal.tenant,
            limit=query.limit,
            after=None if after is None else (after.at, after.id),
            status=query.status,
            assigned_to=query.assignedTo,
            run_id=query.runId,
        )
        names = await _names(conn, principal.tenant, tasks)
    following = Cursor(tasks[-1].created_at, tasks[-1].task_id).encode() if more else None
    return json_answer(TaskList(tasks=[TaskAnswer.of(task, names) for task in tasks], nextCursor=following))


async def read_one(request: web.Request, principal: Principal) -> web.StreamResponse:
    """One task."""
    return await _answer(request, principal)


async def claim(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Takes a task over, which nobody else has."""
    async with request.app[SERVICES].database.tenant(principal.tenant) as conn:
        await claim_task(conn, principal.tenant, path_uuid(request, "id"), user=principal.user)
    return await _answer(request, principal)


async def reassign(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Gives a task to another user, or to nobody."""
    body = await read_body(request, ReassignTask)
    async with request.app[SERVICES].database.tenant(principal.tenant) as conn:
        task_id = path_uuid(request, "id")
        await reassign_task(conn, principal.tenant, task_id, user=principal.user, to=body.userId)
    return await _answer(request, principal)


async def complete(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Completes a task with an answer; its run goes on at once."""
    services = request.app[SERVICES]
    body = await read_body(request, CompleteTask, optional=True)
    if len(orjson.dumps(body.response)) > MAX_RESPONSE:
        raise RequestError(413, "PAYLOAD_TOO_LARGE", f"A response has at most {MAX_RESPONSE // 1024} KiB.")
    await complete_task(
        services.database,
        services.temporal,
        principal.tenant,
        path_uuid(request, "id"),
        user=principal.user,
        response=body.response,
    )
    return await _answer(request, principal)


async def _answer(request: web.Request, principal: Principal) -> web.Response:
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        task = await read_task(conn, principal.tenant, path_uuid(request, "id"))
        return json_answer(TaskAnswer.of(task, await _names(conn, principal.tenant, [task])))


async def _names(conn: Connection, tenant: UUID, tasks: Sequence[Task]) -> Mapping[UUID, str]:
    users = {user for task in tasks for user in (task.assigned_to, task.completed_by) if user is not None}
    return await user_names(conn, tenant, users)


def _name(names: Mapping[UUID, str], user: UUID | None) -> str | None:
    return None if user is None else names.get(user)


_PREFIX: Final = "/api/workflow-tasks"

ROUTES: Final = (
    Route("GET", _PREFIX, Permission.READ, list_all, query=ListTasks, answer=TaskList),
    Route("GET", f"{_PREFIX}/{{id}}", Permission.READ, read_one, answer=TaskAnswer),
    Route("POST", f"{_PREFIX}/{{id}}/claim", Permission.RUN, claim, answer=TaskAnswer),
    Route("POST", f"{_PREFIX}/{{id}}/reassign", Permission.RUN, reassign, body=ReassignTask, answer=TaskAnswer),
    Route("POST", f"{_PREFIX}/{{id}}/complete", Permission.RUN, complete, body=CompleteTask, answer=TaskAnswer),
)
