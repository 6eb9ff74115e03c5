"""Workflow definitions: create, read, save, validate, publish."""

# ruff: noqa: N815 - request fields are named as in the API

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Final
from uuid import UUID

import attrs
import msgspec
from aiohttp import hdrs, web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body
from workflow_catalog_server.problems import RequestError, problem
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.services import SERVICES, Services
from workflow_catalog_server.workers import live_workers
from workflow_core.availability import Availability
from workflow_core.called_workflows import called_by
from workflow_core.definitions import (
    PublishedVersion,
    StoredDefinition,
    VersionName,
    WorkflowSummary,
    create_workflow,
    list_versions,
    list_workflows,
    lock_draft,
    publish_draft,
    read_definition,
    save_draft,
)
from workflow_core.errors import ConflictError, NotFoundError
from workflow_core.language.calls import CalledWorkflows
from workflow_core.language.findings import Finding, verdict
from workflow_core.language.validation import validate_definition
from workflow_core.manifest import Manifest
from workflow_core.records.permissions import permissions_of
from workflow_core.secrets import WORKFLOW_SCOPE
from workflow_core.storage.database import Connection

_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@attrs.frozen(kw_only=True)
class CreateDefinition:
    """Body of ``POST /api/workflow-definitions``."""

    definition: dict[str, Any]
    key: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=255)] | None = None


@attrs.frozen(kw_only=True)
class SaveDefinition:
    """Body of ``PUT /api/workflow-definitions/{id}/{version}``."""

    definition: dict[str, Any]


@attrs.frozen(kw_only=True)
class ValidateDefinition:
    """Body of ``POST /api/workflow-definitions/validate``."""

    definition: Any
    allowUnavailable: bool = False


@attrs.frozen(kw_only=True)
class PublishDefinition:
    """Body of ``POST /api/workflow-definitions/{id}/{version}/publish``."""

    allowUnavailable: bool = False


# ── Handlers ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_definitions(request: web.Request, principal: Principal) -> web.StreamResponse:
    """All workflows of the tenant, by name."""
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        workflows = await list_workflows(conn, principal.tenant)
    return json_answer([_summary_json(workflow) for workflow in workflows])


async def create_definition(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Stores a new workflow with its first draft."""
    body = await read_body(request, CreateDefinition)
    async with request.app[SERVICES].database.tenant(principal.tenant) as conn:
        stored = await create_workflow(conn, principal.tenant, body.definition, actor=principal.user, key=body.key)
    location = f"/api/workflow-definitions/{stored.workflow_id}/draft"
    return _definition_response(stored, status=201, headers={hdrs.LOCATION: location})


async def read_one(request: web.Request, principal: Principal) -> web.StreamResponse:
    """The draft, or the version of a number."""
    workflow_id, version = path_uuid(request, "id"), _path_version(request)
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        stored = await read_definition(conn, principal.tenant, workflow_id, version)
    return _definition_response(stored)


async def read_versions(request: web.Request, principal: Principal) -> web.StreamResponse:
    """The published versions, newest first."""
    workflow_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        versions = await list_versions(conn, principal.tenant, workflow_id)
    return json_answer([_version_json(version) for version in versions])


async def save(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Replaces the draft; with ``If-Match`` only the one that the client has seen."""
    workflow_id, version = path_uuid(request, "id"), _path_version(request)
    body = await read_body(request, SaveDefinition)
    async with request.app[SERVICES].database.tenant(principal.tenant) as conn:
        draft = await lock_draft(conn, principal.tenant, workflow_id)
        _check_draft(request, draft, version)
        stored = await save_draft(conn, principal.tenant, workflow_id, body.definition, actor=principal.user)
    return _definition_response(stored)


async def validate(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Everything that is wrong with a definition; nothing is stored."""
    services = request.app[SERVICES]
    body = await read_body(request, ValidateDefinition)
    surroundings = await _Surroundings.of(services, principal.tenant, fresh=False)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        secret_names = await _secret_names(services, conn, principal.tenant)
        called = await called_by(conn, principal.tenant, body.definition)
    findings = await surroundings.validate(
        services, body.definition, secret_names, called, allow_unavailable=body.allowUnavailable
    )
    return json_answer(verdict(findings))


async def publish(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Makes the draft the next version, which acts in the publisher's name; with errors nothing is published."""
    services = request.app[SERVICES]
    workflow_id, version = path_uuid(request, "id"), _path_version(request)
    body = await read_body(request, PublishDefinition, optional=True)
    # Asked before the draft is locked: a slow resolver holds nobody up.
    surroundings = await _Surroundings.of(services, principal.tenant, fresh=True)
    async with services.database.tenant(principal.tenant) as conn:
        draft = await lock_draft(conn, principal.tenant, workflow_id)
        _check_draft(request, draft, version)
        findings = await surroundings.validate(
            services,
            draft.definition,
            await _secret_names(services, conn, principal.tenant),
            await called_by(conn, principal.tenant, draft.definition),
            allow_unavailable=body.allowUnavailable,
            permissions=await permissions_of(conn, principal.tenant, principal.user),
        )
        answer = verdict(findings)
        if not answer["ok"]:
            return problem(
                422,
                "PUBLISH_REFUSED",
                f"Nothing was published: the definition has {len(answer['errors'])} error(s).",
                members=answer,
            )
        published = await publish_draft(conn, principal.tenant, workflow_id, actor=principal.user)
    return json_answer({**answer, "publishedVersion": published.version, "definitionSha256": published.sha256})


# ── What validation looks at ─────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class _Surroundings:
    """What a definition is held against, beside the registry."""

    availability: dict[str, Availability]
    workers: list[Manifest]

    @classmethod
    async def of(cls, services: Services, tenant: UUID, *, fresh: bool) -> _Surroundings:
        """Looks at the tenant's modules and at the live workers; ``fresh`` accepts no kept answer."""
        availability = services.availability.ask if fresh else services.availability.get
        answers = (await availability(tenant)).answers
        async with services.database.untenanted() as conn:
            workers = await live_workers(conn)
        return cls(dict(answers), [worker.manifest for worker in workers])

    async def validate(
        self,
        services: Services,
        definition: Any,
        secret_names: frozenset[str],
        called: CalledWorkflows,
        *,
        allow_unavailable: bool,
        permissions: frozenset[str] | None = None,
    ) -> list[Finding]:
        """The findings. In a thread: a large definition takes longer than other requests should wait."""
        return await asyncio.to_thread(
            validate_definition,
            definition,
            registry=services.registry,
            availability=self.availability,
            secret_names=secret_names,
            workers=self.workers,
            allow_unavailable=allow_unavailable,
            called=called,
            permissions=permissions,
        )


async def _secret_names(services: Services, conn: Connection, tenant: UUID) -> frozenset[str]:
    return frozenset(await services.secrets.names(conn, tenant, WORKFLOW_SCOPE))


# ── Versions and tags ────────────────────────────────────────────────────────────────────────────────────────────


def _path_version(request: web.Request) -> VersionName:
    text = request.match_info["version"]
    if text == "draft":
        return "draft"
    if _VERSION.fullmatch(text) is None:
        raise NotFoundError("There is nothing at this address.")
    return int(text)


def _check_draft(request: web.Request, draft: StoredDefinition, version: VersionName) -> None:
    """The draft is the one that the path, and If-Match if given, mean."""
    if version not in ("draft", draft.version):
        if int(version) < draft.version:
            raise ConflictError(
                f"Version {version} cannot change any more; the draft is version {draft.version}.",
                code="VERSION_CONFLICT",
                details={"draftVersion": draft.version},
            )
        raise NotFoundError(f"The workflow has no version {version}.")
    wanted = request.headers.get(hdrs.IF_MATCH)
    if wanted is None or wanted.strip() == "*":
        return
    if _etag(draft) not in {tag.strip().removeprefix("W/") for tag in wanted.split(",")}:
        raise RequestError(
            412, "PRECONDITION_FAILED", "Somebody else has saved the draft since you read it; read it again."
        )


def _etag(stored: StoredDefinition) -> str:
    return f'"{stored.sha256}"'


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _definition_response(
    stored: StoredDefinition, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    document: dict[str, Any] = {
        "workflowId": stored.workflow_id,
        "version": stored.version,
        "isDraft": stored.is_draft,
        "definition": stored.definition,
        "definitionSha256": stored.sha256,
    }
    if not stored.is_draft:
        document |= {"publishedBy": stored.published_by, "publishedAt": stored.published_at}
    return json_answer(document, status=status, headers={hdrs.ETAG: _etag(stored), **(headers or {})})


def _summary_json(workflow: WorkflowSummary) -> dict[str, Any]:
    return {
        "workflowId": workflow.workflow_id,
        "key": workflow.key,
        "name": workflow.name,
        "description": workflow.description,
        "payloadSchemaRef": workflow.payload_schema_ref,
        "trigger": workflow.trigger,
        "status": workflow.status,
        "draftVersion": workflow.draft_version,
        "publishedVersion": workflow.published_version,
        "isSystem": workflow.is_system,
        "isVisible": workflow.is_visible,
        "isPaused": workflow.is_paused,
        "createdBy": workflow.created_by,
        "updatedBy": workflow.updated_by,
        "createdAt": workflow.created_at,
        "updatedAt": workflow.updated_at,
    }


def _version_json(version: PublishedVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "definitionSha256": version.sha256,
        "publishedBy": version.published_by,
        "publishedAt": version.published_at,
    }


_PREFIX: Final = "/api/workflow-definitions"

ROUTES: Final = (
    Route("GET", _PREFIX, Permission.READ, list_definitions),
    Route("POST", _PREFIX, Permission.MANAGE, create_definition),
    Route("POST", f"{_PREFIX}/validate", Permission.MANAGE, validate),
    Route("GET", f"{_PREFIX}/{{id}}/versions", Permission.READ, read_versions),
    Route("GET", f"{_PREFIX}/{{id}}/{{version}}", Permission.READ, read_one),
    Route("PUT", f"{_PREFIX}/{{id}}/{{version}}", Permission.MANAGE, save),
    Route("POST", f"{_PREFIX}/{{id}}/{{version}}/publish", Permission.PUBLISH, publish),
)
