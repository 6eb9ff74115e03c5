"""What other systems send: authenticated, stored, and answered; worked on afterwards, by a worker."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from workflow_catalog_server.bodies import parse_body, read_bytes
from workflow_catalog_server.routing import PublicRoute
from workflow_catalog_server.services import SERVICES
from workflow_core.errors import NotFoundError
from workflow_core.integrations.webhook_routes import PATH

#: Bytes of a body at most.
MAX_BODY: Final = 1024 * 1024


async def receive(request: web.Request) -> web.StreamResponse:
    """Takes what a connected system sends. An unknown address and a sender who does not prove itself look alike."""
    arrivals = request.app[SERVICES].arrivals
    route = await arrivals.authenticate(request.match_info["token"], request.headers)
    if route is None:
        raise NotFoundError("There is nothing at this address.")
    body = await read_bytes(request, limit=MAX_BODY)
    parse_body(body)
    if not await arrivals.store(route, body):
        raise NotFoundError("There is nothing at this address.")
    return web.Response(status=202)


ROUTES: Final = (PublicRoute("POST", f"{PATH}/{{token}}", receive, status=202),)
