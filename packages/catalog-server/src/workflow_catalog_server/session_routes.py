"""Signing in to the designer: who is there, begin, and end.

A session is begun with a bearer token, which whoever signs people in has given to their browser. In development, when
``WORKFLOW_DEVELOPMENT_SIGN_IN_FILE`` names users, they are signed in by one click.
"""

# ruff: noqa: N815 - fields are named as in the API

from __future__ import annotations

from typing import Final
from uuid import UUID

import attrs
from aiohttp import hdrs, web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal, UnauthenticatedError
from workflow_catalog_server.bodies import read_body
from workflow_catalog_server.routing import PublicRoute, Route
from workflow_catalog_server.services import SERVICES
from workflow_catalog_server.session_auth import forget_session, keep_session
from workflow_core.errors import NotFoundError
from workflow_core.records.users import user_names


@attrs.frozen(kw_only=True)
class SessionAnswer:
    """Answer of ``GET /api/session``: who is signed in, and what they may do.

    Attributes:
        tenantName: Null: the tenant is not known here.
        userName: Null: the user is not known here.
    """

    tenant: UUID
    tenantName: str | None
    user: UUID
    userName: str | None
    permissions: list[str]


@attrs.frozen(kw_only=True)
class DevelopmentUserAnswer:
    """Somebody who is signed in by one click."""

    name: str
    company: str


@attrs.frozen(kw_only=True)
class DevelopmentSignIn:
    """Body of ``POST /api/session/development``: a ``name`` of the list."""

    name: str


async def read(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Who is signed in, and what they may do."""
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        company = await conn.fetchval("SELECT client_name FROM tenants WHERE tenant = $1", principal.tenant)
        names = await user_names(conn, principal.tenant, [principal.user])
    return json_answer(
        SessionAnswer(
            tenant=principal.tenant,
            tenantName=company,
            user=principal.user,
            userName=names.get(principal.user),
            permissions=sorted(principal.permissions),
        )
    )


async def begin(request: web.Request, _principal: Principal) -> web.StreamResponse:
    """Begins a session: a cookie that stands for the request's bearer token."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthenticatedError("A session begins with a bearer token: Authorization: Bearer <token>.")
    response = web.Response(status=204)
    keep_session(request, response, token.strip())
    return response


async def end(request: web.Request, _principal: Principal) -> web.StreamResponse:
    """Ends the session."""
    response = web.Response(status=204)
    forget_session(request, response)
    return response


async def list_development_users(request: web.Request) -> web.StreamResponse:
    """Who can be signed in by one click; nobody outside of development."""
    users = request.app[SERVICES].development_users
    return json_answer([DevelopmentUserAnswer(name=user.name, company=user.company) for user in users])


async def begin_in_development(request: web.Request) -> web.StreamResponse:
    """Signs one of them in."""
    services = request.app[SERVICES]
    body = await read_body(request, DevelopmentSignIn)
    user = next((user for user in services.development_users if user.name == body.name), None)
    if user is None:
        raise NotFoundError("Nobody of this name can be signed in without a token.")
    services.authenticator.authenticate(f"Bearer {user.token}")
    response = web.Response(status=204)
    keep_session(request, response, user.token)
    return response


_PREFIX: Final = "/api/session"

ROUTES: Final = (
    Route("GET", _PREFIX, Permission.READ, read, answer=SessionAnswer),
    Route("POST", _PREFIX, Permission.READ, begin, status=204),
    Route("DELETE", _PREFIX, Permission.READ, end, status=204),
    PublicRoute("GET", f"{_PREFIX}/development", list_development_users),
    PublicRoute("POST", f"{_PREFIX}/development", begin_in_development, status=204),
)
