"""Live updates of a run as server-sent events.

``run`` and ``step`` carry the row of a run, or of a step, whenever it has changed, as the lists of runs and steps show
it; ``end`` carries the run after it has ended, and is the last one. The id of an event says up to where everything has
been sent: sent back as ``Last-Event-ID``, it leaves that out, though what was sent shortly before may come again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs
from aiohttp import hdrs, web

from workflow_catalog_server.answers import to_json
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.paging import parse_moment
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.run_answers import RunAnswer
from workflow_catalog_server.run_feeds import OVERLAP, ChangedStep, Look, Subscription
from workflow_catalog_server.run_history import find_changed_steps, read_listed_run, read_steps_by_id
from workflow_catalog_server.services import SERVICES
from workflow_core.errors import FieldError, NotFoundError, ValidationError
from workflow_core.storage.database import Database

#: Seconds of silence after which a comment shows both sides that the other is there.
KEEP_ALIVE: Final = 15.0
#: Seconds after which a stream ends, so that its watcher comes back with a token that is still good.
LONGEST: Final = 600.0
#: Seconds that a watcher may take to read what was sent.
_PATIENCE: Final = 30.0
#: Steps that are read at once.
_CHUNK: Final = 50
#: More than a watcher's last looks can be about.
_MANY: Final = 1000
_HEADERS: Final = {
    hdrs.CONTENT_TYPE: "text/event-stream",
    hdrs.CACHE_CONTROL: "private, no-store",
    "X-Accel-Buffering": "no",  # proxies of this kind would keep events back
}


@attrs.frozen
class Position:
    """What a watcher knows already, as the id of an event says it.

    Attributes:
        moment: Of the last look of which it has everything.
        since: What was changed before that is known.
        has_end: Whether the look saw the run's end.
    """

    moment: datetime
    since: datetime
    has_end: bool

    @classmethod
    def parse(cls, text: str | None) -> Position | None:
        """The position of an event's id; None: the watcher knows nothing.

        Raises:
            ValidationError: It is not one of our ids.
        """
        if not text:
            return None
        moment, slash, end = text.partition("/")
        with contextlib.suppress(ValueError, OverflowError):
            at = parse_moment(moment)
            since = at - OVERLAP
            if slash + end in ("", "/end"):
                return cls(at, since, bool(end))
        words = "must be the id of an event of this stream"
        raise ValidationError(f"Last-Event-ID: {words}", errors=[FieldError("Last-Event-ID", "FORMAT", words)])


def _event_id(look: Look) -> str:
    """What :meth:`Position.parse` reads."""
    return f"{look.moment.isoformat()}{'/end' if look.is_last else ''}"


async def watch(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Live updates of a run until it has ended, as server-sent events: `run`, `step`, and at last `end`.

    After the end, a watcher who knows of it is answered 204, which keeps browsers from coming back.
    """
    run_id = path_uuid(request, "id")
    position = Position.parse(request.headers.get("Last-Event-ID"))
    services = request.app[SERVICES]
    async with services.feeds.subscribe(principal.tenant, run_id) as subscription:
        begin = await _Beginning.read(services.database, principal.tenant, run_id, position)
        if position is not None and position.has_end and begin.is_old_end(position):
            return web.Response(status=204)
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(request)
        if request.method == hdrs.METH_GET:
            # Who is gone, or does not read, is let go without a word; so is everybody after a while.
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(LONGEST):
                    await _Stream(request, response).send_all(begin, subscription)
        return response


@attrs.frozen
class _Beginning:
    """A run as it stands when somebody begins to watch it, and which of its steps are to be told."""

    database: Database
    tenant: UUID
    moment: datetime
    run: RunAnswer
    changed: dict[UUID, datetime]

    @classmethod
    async def read(cls, database: Database, tenant: UUID, run_id: UUID, position: Position | None) -> _Beginning:
        since = None if position is None else position.since
        async with database.tenant(tenant, readonly=True) as conn:
            run, moment = await read_listed_run(conn, tenant, run_id)
            if run is None:
                raise NotFoundError("There is no such run.")
            changed = await find_changed_steps(conn, tenant, run_id, since=since)
        return cls(database, tenant, moment, run, changed)

    def is_old_end(self, position: Position) -> bool:
        """Whether nothing happened after the run's end, of which the watcher knows."""
        return self.run.completedAt is not None and self.run.updatedAt <= position.moment

    async def steps(self, ids: Sequence[UUID]) -> list[ChangedStep]:
        """Some of the steps, as they stand now."""
        async with self.database.tenant(self.tenant, readonly=True) as conn:
            found = await read_steps_by_id(conn, self.tenant, ids)
        return [ChangedStep(step.stepId, at, to_json(step)) for step, at in found]


class _Stream:
    """What one watcher is sent."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request = request
        self._response = response
        self._told: dict[UUID, datetime] = {}
        self._run: RunAnswer | None = None

    async def send_all(self, begin: _Beginning, subscription: Subscription) -> None:
        """Sends the run as it stands, and then every change until its end."""
        ids = list(begin.changed)
        for start in range(0, len(ids), _CHUNK):
            # Without an id: a watcher who is cut off here has not got everything.
            await self._send(self._news(await begin.steps(ids[start : start + _CHUNK])))
        look = Look(begin.moment, begin.run, [])
        while await self._tell(look):
            following = await self._next(subscription)
            if following is None:
                return
            look = following

    async def _next(self, subscription: Subscription) -> Look | None:
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE):
                    return await subscription.next()
            except TimeoutError:
                await self._write(b": still here\n\n")

    async def _tell(self, look: Look) -> bool:
        """Sends what a look found; answers whether the run goes on."""
        events = self._news(look.steps)
        if look.run is not None and look.run != self._run:
            events.append(("end" if look.is_last else "run", to_json(look.run)))
            self._run = look.run
        await self._send(events, _event_id(look))
        if len(self._told) > _MANY:
            self._told = {step: at for step, at in self._told.items() if at >= look.moment - 2 * OVERLAP}
        return not look.is_last

    def _news(self, steps: Sequence[ChangedStep]) -> list[tuple[str, bytes]]:
        news = [step for step in steps if self._told.get(step.step_id) != step.at]
        self._told.update((step.step_id, step.at) for step in news)
        return [("step", step.data) for step in news]

    async def _send(self, events: Sequence[tuple[str, bytes]], event_id: str | None = None) -> None:
        blocks = [b"event: %s\ndata: %s\n" % (name.encode(), data) for name, data in events]
        if not blocks:
            return
        if event_id is not None:
            blocks[-1] += b"id: %s\n" % event_id.encode()
        await self._write(b"\n".join([*blocks, b""]))

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._response.write(data)
        except (TimeoutError, asyncio.CancelledError):
            if self._request.transport is not None:
                self._request.transport.abort()  # an orderly end would wait for the watcher as well
            raise


ROUTES: Final = (
    Route(
        "GET",
        "/api/workflow-runs/{id}/events",
        Permission.READ,
        watch,
        content_type="text/event-stream",
        headers=("Last-Event-ID",),
    ),
)
