"""One line per request: time, method, route, status, duration and tenant; never a query string, a header or a body.

The lines do not go through :mod:`logging`, which costs about as much as answering the catalog: they are written
together, a few times a second and whenever there are many.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from workflow_catalog_server.routing import LOGGED

#: Seconds until a line is written.
_DELAY: Final = 0.2
#: How many lines are written at once; more would only be kept for long.
_MOST_LINES: Final = 100
#: What did not reach a route: another address or method, or no HTTP at all.
_NO_ROUTE: Final = ("(no route)", "-")


class RequestLog:
    """Writes lines together.

    Args:
        write: Takes text that ends with a line feed, such as ``sys.stderr.write``.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second = 0
        self._stamp = ""

    def note(self, method: str, route: str, status: int, seconds: float, tenant: str) -> None:
        """Has a line written soon, with the time of now."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        lines = self._lines
        lines.append(f"{self._stamp} INFO request: {method} {route} {status} {seconds * 1000:.1f} ms tenant={tenant}\n")
        if len(lines) >= _MOST_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self.flush)

    def flush(self) -> None:
        """Writes the lines that there are."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if lines:
            with contextlib.suppress(OSError):  # whoever read the log is gone; the requests go on
                self._write("".join(lines))

    def logger_class(self) -> type[AbstractAccessLogger]:
        """What aiohttp makes an instance of for every connection, writing here."""
        note = self.note

        class RequestLogger(AbstractAccessLogger):
            """Names the route instead of the path, so that lines of one route are alike."""

            def log(self, request: web.BaseRequest, response: web.StreamResponse, time_taken: float) -> None:
                route, tenant = request.get(LOGGED, _NO_ROUTE)
                note(request.method, route, response.status, time_taken, tenant)

        return RequestLogger
