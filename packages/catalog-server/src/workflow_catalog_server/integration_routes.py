"""Integrations: which are installed, how the tenant stands with them, connecting, testing, disconnecting.

Nothing here knows any integration: forms, checks and calls all follow from the description that each gives.
"""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import quote, urlencode
from uuid import UUID

import asyncpg
from aiohttp import hdrs, web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body, read_query
from workflow_catalog_server.catalog_routes import locale_of
from workflow_catalog_server.integration_answers import (
    CheckAnswer,
    Connect,
    Connected,
    Disconnected,
    DisconnectQuery,
    IntegrationDetail,
    IntegrationList,
    WebhookRegistered,
    WebhookStatus,
)
from workflow_catalog_server.integration_reading import affected, integration_answer, integration_detail, reason_of
from workflow_catalog_server.routing import PublicRoute, Route
from workflow_catalog_server.services import SERVICES, Services
from workflow_core.connections import Connection
from workflow_core.errors import NotFoundError, WorkflowError
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.integrations import connecting, webhook_routes
from workflow_core.integrations.consent import LIFETIME
from workflow_core.integrations.stored import read_connections
from workflow_core.integrations.usage import workflows_by_provider

_log = logging.getLogger(__name__)

#: What the browser keeps while somebody allows a connection over there.
COOKIE: Final = "workflow_connect"


async def list_integrations(request: web.Request, principal: Principal) -> web.StreamResponse:
    """All installed integrations, by label, and how the tenant stands with each."""
    services = request.app[SERVICES]
    translated = (_translated(request, connection) for connection in services.registry.connections.values())
    connections = sorted(translated, key=lambda connection: connection.label.casefold())
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        stored = await read_connections(conn, principal.tenant)
        uses = await workflows_by_provider(conn, principal.tenant, services.registry, connections)
    answers = [
        integration_answer(
            connection,
            stored.get(connection.provider),
            services.registry,
            workflows=len(uses[connection.provider]),
        )
        for connection in connections
    ]
    return json_answer(IntegrationList(integrations=answers))


async def read_integration(request: web.Request, principal: Principal) -> web.StreamResponse:
    """One integration: its forms, what is stored, mappings, webhook, and the workflows that use it."""
    services = request.app[SERVICES]
    connection = _translated(request, services.connector.connection(request.match_info["provider"]))
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        uses = await workflows_by_provider(conn, principal.tenant, services.registry, [connection])
        detail = await integration_detail(
            conn,
            principal.tenant,
            services,
            connection,
            secrets=await services.secrets.names(conn, principal.tenant, connection.secret_scope),
            uses=uses[connection.provider],
        )
    return json_answer(detail)


async def connect(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Connects, or connects again, with what was entered; nothing is stored unless it works.

    A method that redirects answers with the address to which this browser has to go.
    """
    services, provider = request.app[SERVICES], request.match_info["provider"]
    body = await read_body(request, Connect, clean=False)  # a secret is stored as it is, or not at all
    result = await services.connector.begin(
        principal.tenant, principal.user, provider, method=body.method, values=body.values, scopes=body.scopes
    )
    if isinstance(result, connecting.Redirected):
        answer = json_answer(Connected(status="redirect", authorizeUrl=result.url))
        answer.set_cookie(
            COOKIE,
            result.browser,
            path=_callback_path(provider),
            max_age=int(LIFETIME.total_seconds()),
            httponly=True,
            samesite="Lax",
            secure=(services.public_url or "").startswith("https:"),
        )
        return answer
    await _register_webhook(services, principal.tenant, provider)
    return json_answer(Connected(status="connected", account=result.account.name))


async def callback(request: web.Request) -> web.StreamResponse:
    """Where the other system sends the browser back to; goes on to the designer's page of the connection."""
    services, provider = request.app[SERVICES], request.match_info["provider"]
    told = {"result": "connected"}
    try:
        tenant = await services.connector.finish(
            provider,
            state=request.query.get("state", ""),
            code=request.query.get("code", ""),
            browser=request.cookies.get(COOKIE, ""),
        )
        await _register_webhook(services, tenant, provider)
    except NotFoundError:
        raise
    except Exception as error:  # noqa: BLE001 - guards the browser, which is to come back to the designer anyway
        told = {"result": "failed", "code": _code(request, error)}
    answer = web.Response(
        status=303,
        headers={
            hdrs.LOCATION: f"/connections/{quote(provider, safe='')}?{urlencode(told)}",
            hdrs.CACHE_CONTROL: "no-store",
            "Referrer-Policy": "no-referrer",  # the code stands in this address
        },
    )
    answer.del_cookie(COOKIE, path=_callback_path(provider))
    return answer


async def test(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Looks whether the connection works now, and remembers it."""
    result = await request.app[SERVICES].connector.test(principal.tenant, request.match_info["provider"])
    return json_answer(
        CheckAnswer(
            ok=result.error is None,
            account=None if result.account is None else result.account.name,
            reason=None if result.error is None else reason_of(result.error),
        )
    )


async def disconnect(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Ends the connection: tokens are given back, secrets forgotten, its modules gone. Mappings stay."""
    services, query = request.app[SERVICES], read_query(request, DisconnectQuery)
    connection = services.connector.connection(request.match_info["provider"])
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        uses = await workflows_by_provider(conn, principal.tenant, services.registry, [connection])
    revoked = False
    if not query.preview:
        revoked = await services.connector.disconnect(principal.tenant, principal.user, connection.provider)
    return json_answer(
        Disconnected(disconnected=not query.preview, revoked=revoked, workflows=affected(uses[connection.provider]))
    )


async def register_webhook(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Has the other system send what happens there, from now on to a new address."""
    services, provider = request.app[SERVICES], request.match_info["provider"]
    result = await webhook_routes.register(services.connector, principal.tenant, provider)
    if result.error is not None:
        return json_answer(WebhookRegistered(status=WebhookStatus.FAILED, reason=reason_of(result.error)))
    if result.target is None:
        return json_answer(WebhookRegistered(status=WebhookStatus.REGISTERED, reason=None))
    target = result.target
    return json_answer(
        WebhookRegistered(
            status=WebhookStatus.MANUAL, reason=None, url=target.url, header=target.header, value=target.value
        )
    )


async def _register_webhook(services: Services, tenant: UUID, provider: str) -> None:
    """A connection without its webhook is one all the same; the status tells."""
    receiver = services.registry.receivers.get(provider)
    if receiver is None or receiver.register is None:
        return
    try:
        await webhook_routes.register(services.connector, tenant, provider)
    except WorkflowError as error:
        _log.warning("the webhook of %s could not be registered: %s", provider, error.code)


def _code(request: web.Request, error: Exception) -> str:
    """What the designer is told of a failure: the code of the problem that it would be elsewhere."""
    if isinstance(error, WorkflowError):
        return str(error.details.get("reason", error.code))
    if isinstance(error, (*DATABASE_AWAY, asyncpg.PostgresError)):
        return "DATABASE_UNAVAILABLE"
    _log.error("coming back from %s failed: %s", request.match_info["provider"], type(error).__name__)
    return "INTERNAL_ERROR"


def _translated(request: web.Request, connection: Connection) -> Connection:
    translations = request.app[SERVICES].catalog.translations
    return translations.connection(locale_of(request, None, translations), connection)


def _callback_path(provider: str) -> str:
    return f"{_PREFIX}/{quote(provider, safe='')}/callback"


_PREFIX: Final = "/api/integrations"
_ONE: Final = f"{_PREFIX}/{{provider}}"

ROUTES: Final = (
    Route("GET", _PREFIX, Permission.READ, list_integrations, answer=IntegrationList),
    Route("GET", _ONE, Permission.ADMIN, read_integration, answer=IntegrationDetail),
    Route("POST", f"{_ONE}/connect", Permission.ADMIN, connect, body=Connect, answer=Connected),
    PublicRoute("GET", f"{_ONE}/callback", callback, status=303),
    Route("POST", f"{_ONE}/test", Permission.ADMIN, test, answer=CheckAnswer),
    Route("POST", f"{_ONE}/disconnect", Permission.ADMIN, disconnect, query=DisconnectQuery, answer=Disconnected),
    Route("POST", f"{_ONE}/webhook", Permission.ADMIN, register_webhook, answer=WebhookRegistered),
)
