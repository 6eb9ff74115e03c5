"""For those who watch the process: is it alive, and can it work."""

from __future__ import annotations

from typing import Final

import orjson
from aiohttp import hdrs, web

from workflow_catalog_server.routing import PublicRoute
from workflow_catalog_server.services import SERVICES

_NO_STORE: Final = {hdrs.CACHE_CONTROL: "no-store"}


async def live(_request: web.Request) -> web.StreamResponse:
    """The process answers."""
    return web.Response(body=b'{"status":"live"}', content_type="application/json", headers=_NO_STORE)


async def ready(request: web.Request) -> web.StreamResponse:
    """200 when requests can be served, else 503; what is wrong stands in the body either way."""
    readiness = await request.app[SERVICES].health.readiness()
    return web.Response(
        status=200 if readiness.ready else 503,
        body=orjson.dumps(readiness.document),
        content_type="application/json",
        headers=_NO_STORE,
    )


ROUTES: Final = (PublicRoute("GET", "/health/live", live), PublicRoute("GET", "/health/ready", ready))
