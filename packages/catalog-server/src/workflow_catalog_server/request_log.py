"""One line per request: method, route, status, duration and tenant; never a query string, a header or a body."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from workflow_catalog_server.routing import TENANT

logger = logging.getLogger("workflow_catalog_server.requests")


class RequestLogger(AbstractAccessLogger):
    """Logs the route's pattern instead of the path, so that lines of one route are alike."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """See :class:`aiohttp.abc.AbstractAccessLogger`."""
        match = getattr(request, "match_info", None)
        resource = match.route.resource if match is not None else None
        self.logger.info(
            "%s %s %d %.1f ms tenant=%s",
            request.method,
            resource.canonical if resource is not None else "(no route)",
            response.status,
            time * 1000,
            request.get(TENANT, "-"),
        )

    @property
    def enabled(self) -> bool:
        """Whether anybody reads the lines."""
        return self.logger.isEnabledFor(logging.INFO)
