"""The tenant's secrets for ``{"$secret": "NAME"}``: stored and deleted here, and never shown."""

# ruff: noqa: N815 - fields are named as in the API

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body
from workflow_catalog_server.routing import Route
from workflow_catalog_server.services import SERVICES
from workflow_core.definitions.overview import workflows_by_secret
from workflow_core.errors import NotFoundError
from workflow_core.records.users import user_names
from workflow_core.secrets import WORKFLOW_SCOPE
from workflow_core.storage.database import Connection


@attrs.frozen(kw_only=True)
class SecretValue:
    """Body of ``PUT /api/workflow/secrets/{name}``."""

    value: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class SecretUse:
    """A workflow that uses a secret."""

    workflowId: UUID
    name: str


@attrs.frozen(kw_only=True)
class SecretAnswer:
    """A secret, without its value.

    Attributes:
        updatedBy: The user who stored it last.
        usedBy: The workflows whose draft or published version names it, by name.
    """

    name: str
    createdAt: datetime
    updatedAt: datetime
    updatedBy: UUID | None
    updatedByName: str | None
    usedBy: list[SecretUse]


@attrs.frozen(kw_only=True)
class SecretList:
    """The tenant's secrets, by name."""

    secrets: list[SecretAnswer]


async def list_secrets(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Names, when each was stored last, and which workflows use it."""
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        return json_answer(SecretList(secrets=await _listed(conn, principal.tenant)))


async def store_secret(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Stores a secret, replacing one of the same name."""
    services = request.app[SERVICES]
    name = request.match_info["name"]
    body = await read_body(request, SecretValue, clean=False)  # a secret is stored as it is, or not at all
    async with services.database.tenant(principal.tenant) as conn:
        await services.secrets.write(conn, principal.tenant, WORKFLOW_SCOPE, name, body.value, actor=principal.user)
    return web.Response(status=204)


async def delete_secret(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Forgets a secret."""
    services = request.app[SERVICES]
    name = request.match_info["name"]
    existed = False
    if _NAME.fullmatch(name):
        async with services.database.tenant(principal.tenant) as conn:
            existed = await services.secrets.delete(conn, principal.tenant, WORKFLOW_SCOPE, name)
    if not existed:
        raise NotFoundError("There is no secret of this name.")
    return web.Response(status=204)


async def _listed(conn: Connection, tenant: UUID) -> list[SecretAnswer]:
    rows = await conn.fetch(
        "SELECT name, created_at, updated_at, updated_by FROM tenant_secrets "
        'WHERE tenant = $1 AND scope = $2 ORDER BY name COLLATE "C"',
        tenant,
        WORKFLOW_SCOPE,
    )
    names = await user_names(conn, tenant, {row["updated_by"] for row in rows if row["updated_by"] is not None})
    uses = await workflows_by_secret(conn, tenant)
    return [
        SecretAnswer(
            name=row["name"],
            createdAt=row["created_at"],
            updatedAt=row["updated_at"],
            updatedBy=row["updated_by"],
            updatedByName=names.get(row["updated_by"]),
            usedBy=[
                SecretUse(workflowId=workflow_id, name=name) for workflow_id, name in uses.get(row["name"], {}).items()
            ],
        )
        for row in rows
    ]


_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
_PREFIX: Final = "/api/workflow/secrets"

ROUTES: Final = (
    Route("GET", _PREFIX, Permission.ADMIN, list_secrets, answer=SecretList),
    Route("PUT", f"{_PREFIX}/{{name}}", Permission.ADMIN, store_secret, body=SecretValue, status=204),
    Route("DELETE", f"{_PREFIX}/{{name}}", Permission.ADMIN, delete_secret, status=204),
)
