"""The vendor's reports below ``/v2/queries``: paged by a cursor that the account remembers for a while."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import attrs
from aiohttp import web

from workflow_ninjaone.simulator.shapes import Record
from workflow_ninjaone.simulator.vendor import (
    DEVIATES,
    STATE,
    device_filter,
    failure,
    page_size,
)

_CURSOR_SECONDS = 600.0
_NOT_HONOURED = frozenset({"class"})


@attrs.frozen
class Cursor:
    """Where a reader of a report is.

    Attributes:
        after: The id of the device that was told last.
        offset: How many rows were told.
        expires: Until when it is known, in epoch seconds.
    """

    after: int
    offset: int
    expires: float


CURSORS: web.AppKey[dict[str, Cursor]] = web.AppKey("cursors", dict)


async def operating_systems(request: web.Request) -> web.Response:
    """``GET /v2/queries/operating-systems``: of every device that has one. ``ts`` is ignored."""

    def row(device: Record) -> Record | None:
        if "os" not in device:
            return None
        return {**device["os"], "deviceId": device["id"], "timestamp": device["lastUpdate"]}

    return _report(request, row)


async def device_health(request: web.Request) -> web.Response:
    """``GET /v2/queries/device-health``: of every device; filtered by ``health``."""
    state = request.app[STATE]
    alerts: dict[int, int] = {}
    for alert in state.alerts.values():
        alerts[alert.get("deviceId", 0)] = alerts.get(alert.get("deviceId", 0), 0) + 1
    wanted = request.query.get("health")

    def row(device: Record) -> Record | None:
        count = alerts.get(device["id"], 0)
        health = "NEEDS_ATTENTION" if count else "HEALTHY"
        if wanted not in {None, health}:
            return None
        return {
            "deviceId": device["id"],
            "offline": device["offline"],
            "healthStatus": health,
            "alertCount": count,
            "activeJobCount": 0,
        }

    return _report(request, row)


def _report(request: web.Request, row: Callable[[Record], Record | None]) -> web.Response:
    """One page: the rows of the devices that fit. The filter's ``class`` does not count here, as at the vendor's."""
    state = request.app[STATE]
    fits = device_filter(request, ignored=_NOT_HONOURED)
    size = page_size(request)
    cursors = request.app[CURSORS]
    name = request.query.get("cursor")
    if name:
        known = cursors.get(name)
        if known is None or known.expires <= state.clock():
            raise failure(state, 400, "Unknown cursor")
        cursor = known
    else:
        name, cursor = secrets.token_hex(8), Cursor(0, 0, 0.0)
    rows: list[Record] = []
    after = cursor.after
    for identity in state.devices.ids_after(cursor.after):
        if len(rows) == size:
            break
        after = identity
        device = state.devices[identity]
        if (fits is None or fits(device)) and (told := row(device)) is not None:
            rows.append(told)
    moved = Cursor(after, cursor.offset + len(rows), state.clock() + _CURSOR_SECONDS)
    cursors[name] = moved
    if state.quirks.bare_cursors:
        request[DEVIATES] = True
        return web.json_response({"cursor": name, "results": rows})
    shown = {"name": name, "offset": moved.offset, "count": len(rows), "expires": moved.expires}
    return web.json_response({"cursor": shown, "results": rows})
