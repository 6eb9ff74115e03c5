"""How a route is declared: method, path, the permission that it needs, and its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal
from uuid import UUID

import attrs
from aiohttp import hdrs, web

from workflow_catalog_server.api_key_auth import KEY_HEADER, TENANT_HEADER, ApiKeyAuthenticator
from workflow_catalog_server.auth import Authenticator, Permission, Principal
from workflow_catalog_server.problems import problem_for
from workflow_catalog_server.session_auth import bearer_of_session
from workflow_core.errors import NotFoundError

Handler = Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]
PublicHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Where a request keeps what the log says of it: its route's path, and its tenant or ``-``.
LOGGED: Final = web.RequestKey("logged", tuple[str, str])

_UUID_LENGTH: Final = 36


@attrs.frozen
class Route:
    """A route for those whose token or API key carries the permission.

    What is declared beside the handler is what ``/openapi.json`` says of it.

    Attributes:
        method: Of HTTP.
        path: With names in braces.
        permission: What the token or key has to carry.
        handler: Answers; the first paragraph of its docstring describes the route.
        query: The attrs class of its query parameters; None: it has none.
        body: The attrs class of the request's body; None: it takes none.
        answer: The type of the body that it answers with; None: JSON of no fixed shape.
        status: The status of a success.
        also: Further ones, with the same body.
        headers: Request headers that mean something here.
        content_type: Of what it answers with.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    permission: Permission
    handler: Handler
    query: type | None = attrs.field(default=None, kw_only=True)
    body: type | None = attrs.field(default=None, kw_only=True)
    answer: Any = attrs.field(default=None, kw_only=True)
    status: int = attrs.field(default=200, kw_only=True)
    also: tuple[int, ...] = attrs.field(default=(), kw_only=True)
    headers: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    content_type: str = attrs.field(default="application/json", kw_only=True)


@attrs.frozen
class PublicRoute:
    """A route for everybody.

    Attributes:
        content_type: Of what it answers with.
        status: Of a success; only a 200 has a body.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: PublicHandler
    content_type: str = "application/json"
    status: int = 200


def add_routes(
    app: web.Application,
    routes: tuple[Route | PublicRoute, ...],
    authenticator: Authenticator,
    api_keys: ApiKeyAuthenticator,
) -> None:
    """Registers the routes; a GET route answers HEAD too.

    Each route answers its own errors, and the last one the router's: a middleware would cost every request more.
    """
    for route in routes:
        handler = _public(route) if isinstance(route, PublicRoute) else _protected(route, authenticator, api_keys)
        if route.method == hdrs.METH_GET:
            app.router.add_get(route.path, handler)
        else:
            app.router.add_route(route.method, route.path, handler)
    app.router.add_route(hdrs.METH_ANY, r"/{path:[\s\S]*}", _unrouted)


def _public(route: PublicRoute) -> PublicHandler:
    handler, logged = route.handler, (route.path, "-")

    async def answered(request: web.Request) -> web.StreamResponse:
        request[LOGGED] = logged
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 - guards the route: whatever it raises is answered
            return problem_for(request, error)

    return answered


def _protected(route: Route, authenticator: Authenticator, api_keys: ApiKeyAuthenticator) -> PublicHandler:
    handler, permission, path = route.handler, route.permission, route.path

    async def authenticated(request: web.Request) -> web.StreamResponse:
        try:
            headers = request.headers
            api_key = headers.get(KEY_HEADER)
            if api_key is None:
                principal = authenticator.authenticate(headers.get(hdrs.AUTHORIZATION) or bearer_of_session(request))
            else:
                principal = await api_keys.authenticate(api_key, headers.get(TENANT_HEADER))
            request[LOGGED] = (path, principal.tenant_text)
            principal.require(permission)
            return await handler(request, principal)
        except Exception as error:  # noqa: BLE001 - guards the route: whatever it raises is answered
            request.setdefault(LOGGED, (path, "-"))
            return problem_for(request, error)

    return authenticated


async def _unrouted(request: web.Request) -> web.StreamResponse:
    """405 where another method would do, else 404."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        if resource is not request.match_info.route.resource:
            _, methods = await resource.resolve(request)
            allowed |= methods
    return problem_for(request, web.HTTPMethodNotAllowed(request.method, allowed) if allowed else web.HTTPNotFound())


def path_uuid(request: web.Request, name: str) -> UUID:
    """The UUID in a path.

    Raises:
        NotFoundError: It is none: nothing can be stored under it.
    """
    text = request.match_info[name]
    try:
        if len(text) != _UUID_LENGTH:
            raise ValueError
        return UUID(text)
    except ValueError:
        raise NotFoundError("There is nothing at this address.") from None
