"""One line per request: time, method, route, status, duration and tenant; never a query string, a header or a body.

The lines do not go through :mod:`logging`, which costs about as much as answering the catalog: they are collected and
written together a few times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from workflow_catalog_server.routing import TENANT

#: Seconds until a line is written.
_DELAY: Final = 0.2


class RequestLog:
    """Collects lines and writes them together.

    Args:
        write: Takes text that ends with a line feed, such as ``sys.stderr.write``.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, line: str) -> None:
        """Has a line written soon."""
        self._lines.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self.flush)

    def flush(self) -> None:
        """Writes what has been collected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            text = "\n".join(self._lines)
            self._lines.clear()
            with contextlib.suppress(OSError):  # whoever read the log is gone; the requests go on
                self._write(f"{text}\n")

    def logger_class(self) -> type[AbstractAccessLogger]:
        """What aiohttp makes an instance of for every connection, writing here."""
        log = self

        class RequestLogger(AbstractAccessLogger):
            """Logs the route's pattern instead of the path, so that lines of one route are alike."""

            def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
                match = getattr(request, "match_info", None)
                resource = match.route.resource if match is not None else None
                route = resource.canonical if resource is not None else "(no route)"
                log.add(
                    f"{datetime.now():%Y-%m-%d %H:%M:%S} INFO request: {request.method} {route} {response.status} "
                    f"{time * 1000:.1f} ms tenant={request.get(TENANT, '-')}"
                )

        return RequestLogger
