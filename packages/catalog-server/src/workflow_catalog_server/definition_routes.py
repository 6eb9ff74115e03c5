"""Workflow definitions: list, create, read, compare, save, settle, delete."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import attrs
import msgspec
from aiohttp import hdrs, web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import parse_body, read_body, read_content, read_query
from workflow_catalog_server.definition_answers import (
    AuditAnswer,
    AuditList,
    DefinitionAnswer,
    ListedWorkflow,
    VersionAnswer,
    VersionList,
    WorkflowAnswer,
    WorkflowList,
    WorkflowWithDraft,
    definition_response,
    etag_of,
)
from workflow_catalog_server.definition_paths import PREFIX, check_draft, path_version, version_named
from workflow_catalog_server.paging import Cursor, PageQuery, encode_cursor
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.services import SERVICES
from workflow_core.audit import list_changes
from workflow_core.definitions.differences import Difference, difference
from workflow_core.definitions.models import TABLE, EditableSettings, VersionName, WorkflowKey
from workflow_core.definitions.overview import overviews
from workflow_core.definitions.reading import (
    WorkflowFilter,
    held_versions,
    list_versions,
    list_workflows,
    read_definition,
    read_workflow,
)
from workflow_core.definitions.writing import change_settings, create_workflow, delete_workflow, lock_draft, save_draft
from workflow_core.records.users import user_names
from workflow_core.schema import convert


@attrs.frozen(kw_only=True)
class CreateDefinition:
    """Body of ``POST /api/workflow-definitions``."""

    definition: dict[str, Any]
    key: WorkflowKey | None = None


@attrs.frozen(kw_only=True)
class SaveDefinition:
    """Body of ``PUT /api/workflow-definitions/{id}/{version}``."""

    definition: dict[str, Any]


@attrs.frozen(kw_only=True)
class ChangeMetadata(EditableSettings):
    """Body of ``PUT /api/workflow-definitions/{id}/metadata``: what it leaves out stays as it is.

    Name and description belong to the definition: save the draft to change them.
    """


@attrs.frozen(kw_only=True)
class ListWorkflows(PageQuery):
    """Query of ``GET /api/workflow-definitions``."""

    search: Annotated[str, msgspec.Meta(description="A part of the name, the key or the description.")] | None = None
    status: Literal["draft", "published"] | None = None
    paused: bool | None = None
    event: Annotated[str, msgspec.Meta(description="Only those that this event starts.")] | None = None


@attrs.frozen(kw_only=True)
class DeleteWorkflow:
    """Query of ``DELETE /api/workflow-definitions/{id}``."""

    force: Annotated[bool, msgspec.Meta(description="Also while runs are under way.")] = False


@attrs.frozen(kw_only=True)
class CompareVersions:
    """Query of ``GET /api/workflow-definitions/{id}/diff``: each ``draft`` or the number of a version."""

    from_: str
    to: str


# ── Workflows ────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_all(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Workflows by name, in pages."""
    query = read_query(request, ListWorkflows)
    limit, after = query.limit, query.after(lambda name, workflow_id: (name, UUID(workflow_id)))
    matching = WorkflowFilter(
        search=(query.search or "").strip() or None,
        status=query.status,
        is_paused=query.paused,
        event_name=(query.event or "").strip() or None,
    )
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        found = await list_workflows(conn, principal.tenant, matching=matching, limit=limit + 1, after=after)
        page = found[:limit]
        parts = await overviews(conn, principal.tenant, [workflow.workflow_id for workflow in page])
    following = encode_cursor(page[-1].name, str(page[-1].workflow_id)) if len(found) > limit else None
    workflows = [ListedWorkflow.within(workflow, parts[workflow.workflow_id]) for workflow in page]
    return json_answer(WorkflowList(workflows=workflows, nextCursor=following))


async def create(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Stores a new workflow with its first draft."""
    body = await read_body(request, CreateDefinition)
    async with request.app[SERVICES].database.tenant(principal.tenant) as conn:
        stored = await create_workflow(conn, principal.tenant, body.definition, actor=principal.user, key=body.key)
    location = f"{PREFIX}/{stored.workflow_id}/draft"
    return definition_response(stored, status=201, headers={hdrs.LOCATION: location})


async def read(request: web.Request, principal: Principal) -> web.StreamResponse:
    """One workflow with its draft."""
    workflow_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        workflow = await read_workflow(conn, principal.tenant, workflow_id)
        draft = await read_definition(conn, principal.tenant, workflow_id, "draft")
    answer = WorkflowWithDraft.of(workflow, draft=DefinitionAnswer.of(draft))
    return json_answer(answer, headers={hdrs.ETAG: etag_of(draft)})


async def change_metadata(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Pauses, resumes and otherwise settles how a workflow is handled."""
    workflow_id = path_uuid(request, "id")
    given = parse_body(await read_content(request))
    settings = convert(ChangeMetadata, given)
    changes = {name: getattr(settings, name) for name in given}
    async with request.app[SERVICES].database.tenant(principal.tenant) as conn:
        workflow = await change_settings(conn, principal.tenant, workflow_id, changes, actor=principal.user)
    return json_answer(WorkflowAnswer.of(workflow))


async def delete(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Deletes a workflow with its versions; while runs are under way only with ``force``."""
    workflow_id, force = path_uuid(request, "id"), read_query(request, DeleteWorkflow).force
    async with request.app[SERVICES].database.tenant(principal.tenant) as conn:
        await delete_workflow(conn, principal.tenant, workflow_id, actor=principal.user, force=force)
    return web.Response(status=204)


async def audit(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Who changed a workflow, newest first, in pages; also of a workflow that was deleted."""
    workflow_id = path_uuid(request, "id")
    query = read_query(request, PageQuery)
    limit, after = query.limit, query.after(Cursor.of)
    place = None if after is None else (after.at, after.id)
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        found = await list_changes(conn, principal.tenant, TABLE, str(workflow_id), limit=limit + 1, after=place)
        if not found and after is None:
            await read_workflow(conn, principal.tenant, workflow_id)
    page = found[:limit]
    following = Cursor(page[-1].timestamp, page[-1].audit_id).encode() if len(found) > limit else None
    return json_answer(AuditList(entries=[AuditAnswer.of(entry) for entry in page], nextCursor=following))


# ── Drafts and versions ──────────────────────────────────────────────────────────────────────────────────────────


async def read_one(request: web.Request, principal: Principal) -> web.StreamResponse:
    """The draft, or the version of a number."""
    workflow_id, version = path_uuid(request, "id"), path_version(request)
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        stored = await read_definition(conn, principal.tenant, workflow_id, version)
    return definition_response(stored)


async def read_versions(request: web.Request, principal: Principal) -> web.StreamResponse:
    """The published versions, newest first."""
    workflow_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        versions = await list_versions(conn, principal.tenant, workflow_id)
        held = await held_versions(conn, principal.tenant, workflow_id)
        publishers = {version.published_by for version in versions if version.published_by is not None}
        names = await user_names(conn, principal.tenant, publishers)
    return json_answer(VersionList(versions=[VersionAnswer.of(version, names) for version in versions], held=held))


async def save(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Replaces the draft; with ``If-Match`` only the one that the client has seen."""
    workflow_id, version = path_uuid(request, "id"), path_version(request)
    body = await read_body(request, SaveDefinition)
    async with request.app[SERVICES].database.tenant(principal.tenant) as conn:
        draft = await lock_draft(conn, principal.tenant, workflow_id)
        check_draft(request, draft, version)
        stored = await save_draft(conn, principal.tenant, workflow_id, body.definition, actor=principal.user)
    return definition_response(stored)


async def compare(request: web.Request, principal: Principal) -> web.StreamResponse:
    """What differs between two versions, step by step."""
    workflow_id = path_uuid(request, "id")
    query = read_query(request, CompareVersions)
    names = version_named("from", query.from_), version_named("to", query.to)
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        old, new = [await read_definition(conn, principal.tenant, workflow_id, name) for name in names]
    # In a thread: large definitions take longer than other requests should wait.
    found = await asyncio.to_thread(difference, old.definition, new.definition)
    return json_answer(_difference_json(names, found))


def _difference_json(names: tuple[VersionName, VersionName], found: Difference) -> dict[str, Any]:
    return {
        "from": names[0],
        "to": names[1],
        "truncated": found.truncated,
        "changes": [
            {
                "kind": change.kind,
                "stepId": change.step_id,
                "oldPath": change.old_path,
                "newPath": change.new_path,
                "changes": [
                    {"path": value.path, **value.values, **({"tooLarge": True} if value.too_large else {})}
                    for value in change.changes
                ],
            }
            for change in found.changes
        ],
    }


ROUTES: Final = (
    Route("GET", PREFIX, Permission.READ, list_all, query=ListWorkflows, answer=WorkflowList),
    Route("POST", PREFIX, Permission.MANAGE, create, body=CreateDefinition, answer=DefinitionAnswer, status=201),
    Route("GET", f"{PREFIX}/{{id}}", Permission.READ, read, answer=WorkflowWithDraft),
    Route("DELETE", f"{PREFIX}/{{id}}", Permission.MANAGE, delete, query=DeleteWorkflow, status=204),
    Route("GET", f"{PREFIX}/{{id}}/versions", Permission.READ, read_versions, answer=VersionList),
    Route("GET", f"{PREFIX}/{{id}}/diff", Permission.READ, compare, query=CompareVersions),
    Route("GET", f"{PREFIX}/{{id}}/audit", Permission.READ, audit, query=PageQuery, answer=AuditList),
    Route(
        "PUT",
        f"{PREFIX}/{{id}}/metadata",
        Permission.MANAGE,
        change_metadata,
        body=ChangeMetadata,
        answer=WorkflowAnswer,
    ),
    Route("GET", f"{PREFIX}/{{id}}/{{version}}", Permission.READ, read_one, answer=DefinitionAnswer),
    Route(
        "PUT",
        f"{PREFIX}/{{id}}/{{version}}",
        Permission.MANAGE,
        save,
        body=SaveDefinition,
        answer=DefinitionAnswer,
        headers=("If-Match",),
    ),
)
