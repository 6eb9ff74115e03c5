"""Validates definitions, publishes drafts, and rolls back to old versions."""

# ruff: noqa: N815 - request fields are named as in the API

from __future__ import annotations

from typing import Any, Final

import attrs
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body
from workflow_catalog_server.definition_answers import PublishAnswer, ValidateAnswer
from workflow_catalog_server.definition_paths import PREFIX, check_draft, path_version
from workflow_catalog_server.findings import surroundings_of, verdict_on
from workflow_catalog_server.problems import problem
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.services import SERVICES
from workflow_core.definitions.calls import called_by
from workflow_core.definitions.models import StoredDefinition
from workflow_core.definitions.publishing import next_version, old_version, publish_draft, roll_back
from workflow_core.definitions.surroundings import Surroundings
from workflow_core.definitions.writing import lock_draft
from workflow_core.errors import NotFoundError
from workflow_core.records.permissions import permissions_of
from workflow_core.storage.database import Connection


@attrs.frozen(kw_only=True)
class ValidateDefinition:
    """Body of ``POST /api/workflow-definitions/validate``."""

    definition: Any
    allowUnavailable: bool = False


@attrs.frozen(kw_only=True)
class PublishDefinition:
    """Body of ``POST /api/workflow-definitions/{id}/{version}/publish`` and ``…/rollback``."""

    allowUnavailable: bool = False


async def validate(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Everything that is wrong with a definition; nothing is stored."""
    services = request.app[SERVICES]
    body = await read_body(request, ValidateDefinition)
    surroundings = await surroundings_of(services, principal, fresh=False)
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        called = await called_by(conn, principal.tenant, body.definition)
    answer = await verdict_on(surroundings, body.definition, allow_unavailable=body.allowUnavailable, called=called)
    return json_answer(answer)


async def publish(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Makes the draft the next version, which acts in the publisher's name; with errors nothing is published."""
    services = request.app[SERVICES]
    workflow_id, version = path_uuid(request, "id"), path_version(request)
    body = await read_body(request, PublishDefinition, optional=True)
    # Asked before the draft is locked: a slow resolver holds nobody up.
    surroundings = await surroundings_of(services, principal, fresh=True)
    async with services.database.tenant(principal.tenant) as conn:
        draft = await lock_draft(conn, principal.tenant, workflow_id)
        check_draft(request, draft, version)
        answer = await _publishable(conn, principal, surroundings, draft, body)
        if not answer["ok"]:
            return _refusal(answer)
        published = await publish_draft(conn, principal.tenant, workflow_id, actor=principal.user)
    return json_answer(PublishAnswer(**answer, publishedVersion=published.version, definitionSha256=published.sha256))


async def rollback(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Publishes an old version again as the newest one, if it is still without errors; the draft stays."""
    services = request.app[SERVICES]
    workflow_id, version = path_uuid(request, "id"), path_version(request)
    if version == "draft":
        raise NotFoundError("Only a published version can be rolled back to.")
    body = await read_body(request, PublishDefinition, optional=True)
    surroundings = await surroundings_of(services, principal, fresh=True)
    async with services.database.tenant(principal.tenant) as conn:
        old = await old_version(conn, principal.tenant, workflow_id, version)
        answer = await _publishable(conn, principal, surroundings, old, body)
        if not answer["ok"]:
            return _refusal(answer)
        published = await roll_back(conn, principal.tenant, workflow_id, version, actor=principal.user)
    return json_answer(PublishAnswer(**answer, publishedVersion=published.version, definitionSha256=published.sha256))


async def _publishable(
    conn: Connection,
    principal: Principal,
    surroundings: Surroundings,
    stored: StoredDefinition,
    body: PublishDefinition,
) -> dict[str, Any]:
    """The findings for who publishes a definition, under the number that it gets: by that it may call itself."""
    version = await next_version(conn, principal.tenant, stored.workflow_id)
    definition = {**stored.definition, "version": version}
    return await verdict_on(
        surroundings,
        definition,
        allow_unavailable=body.allowUnavailable,
        called=await called_by(conn, principal.tenant, definition),
        permissions=await permissions_of(conn, principal.tenant, principal.user),
    )


def _refusal(answer: dict[str, Any]) -> web.Response:
    words = f"Nothing was published: the definition has {len(answer['errors'])} error(s)."
    return problem(422, "PUBLISH_REFUSED", words, members=answer)


ROUTES: Final = (
    Route("POST", f"{PREFIX}/validate", Permission.MANAGE, validate, body=ValidateDefinition, answer=ValidateAnswer),
    Route(
        "POST",
        f"{PREFIX}/{{id}}/{{version}}/publish",
        Permission.PUBLISH,
        publish,
        body=PublishDefinition,
        answer=PublishAnswer,
        headers=("If-Match",),
    ),
    Route(
        "POST",
        f"{PREFIX}/{{id}}/{{version}}/rollback",
        Permission.PUBLISH,
        rollback,
        body=PublishDefinition,
        answer=PublishAnswer,
    ),
)
