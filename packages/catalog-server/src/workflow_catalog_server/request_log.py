"""One line per request: time, method, route, status, duration and tenant; never a query string, a header or a body.

The lines do not go through :mod:`logging`, which costs about as much as answering the catalog: requests are noted, and
their lines written together a few times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from workflow_catalog_server.routing import TENANT

#: Seconds until a line is written.
_DELAY: Final = 0.2


class Note(NamedTuple):
    """A request that has been answered."""

    at: float
    method: str
    resource: web.AbstractResource | None
    status: int
    seconds: float
    tenant: str


class RequestLog:
    """Notes requests, and writes their lines together.

    Args:
        write: Takes text that ends with a line feed, such as ``sys.stderr.write``.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._notes: list[Note] = []
        self._timer: asyncio.TimerHandle | None = None

    def note(self, note: Note) -> None:
        """Has a line written soon."""
        self._notes.append(note)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self.flush)

    def flush(self) -> None:
        """Writes what has been noted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        notes, self._notes = self._notes, []
        if notes:
            with contextlib.suppress(OSError):  # whoever read the log is gone; the requests go on
                self._write("".join(_lines(notes)))

    def logger_class(self) -> type[AbstractAccessLogger]:
        """What aiohttp makes an instance of for every connection, writing here."""
        log = self

        class RequestLogger(AbstractAccessLogger):
            """Notes the route instead of the path, so that lines of one route are alike."""

            def log(self, request: web.BaseRequest, response: web.StreamResponse, time_taken: float) -> None:
                resource: web.AbstractResource | None = None
                with contextlib.suppress(AttributeError, AssertionError):  # what is no HTTP was never routed
                    resource = request.match_info.route.resource  # type: ignore[attr-defined]  # a Request if routed
                tenant = request.get(TENANT, "-")
                log.note(Note(time.time(), request.method, resource, response.status, time_taken, tenant))

        return RequestLogger


def _lines(notes: list[Note]) -> Iterator[str]:
    second, stamp = -1, ""
    for note in notes:
        if int(note.at) != second:
            second = int(note.at)
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        route = note.resource.canonical if note.resource is not None else "(no route)"
        yield (
            f"{stamp} INFO request: {note.method} {route} {note.status} {note.seconds * 1000:.1f} ms "
            f"tenant={note.tenant}\n"
        )
