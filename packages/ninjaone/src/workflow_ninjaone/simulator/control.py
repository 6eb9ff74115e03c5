"""The paths below ``/_simulator/``: by them a test looks behind the curtain, and pulls strings.

They ask for no authentication: let the simulator listen on this machine only.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
from aiohttp import web

from workflow_ninjaone.simulator.api import STATE
from workflow_ninjaone.simulator.seed import Record

PREFIX = "/_simulator"

_LONGEST = 1e9  # seconds


async def health(_request: web.Request) -> web.Response:
    """``GET health``: 200 as soon as it serves."""
    return web.json_response({"status": "ok"})


async def journal(request: web.Request) -> web.Response:
    """``GET journal``: ``{"entries": [...]}``, oldest first; ``?kind=reboot`` or ``?kind=alert_reset`` for a part."""
    kind = request.query.get("kind")
    entries = request.app[STATE].journal
    return web.json_response({"entries": [entry for entry in entries if kind is None or entry["kind"] == kind]})


async def state(request: web.Request) -> web.Response:
    """``GET state``: everything but tokens and secrets."""
    current = request.app[STATE]
    current.settle()
    return web.json_response(
        {
            "now": current.clock(),
            "organizations": list(current.organizations.values()),
            "locations": list(current.locations.values()),
            **current.to_json(),
            "alerts": [current.alert_answer(alert) for alert in current.alerts.values()],
            "faults": [rule.to_json() for rule in current.faults],
            "timing": attrs.asdict(current.timing),
        }
    )


async def add_alert(request: web.Request) -> web.Response:
    """``POST alerts``: triggers an alert on ``deviceId``; 201 with the alert."""
    body = await _json(request)
    if not isinstance(body, dict):
        raise _bad_request("the body must be an object")
    try:
        return web.json_response(request.app[STATE].add_alert(body), status=201)
    except ValueError as error:
        raise _bad_request(str(error)) from None


async def set_device(request: web.Request) -> web.Response:
    """``POST devices/{id}``: ``{"offline": true}`` cuts a device off, ``false`` brings it back; 200 with the device."""
    current = request.app[STATE]
    text = request.match_info["id"]
    device_id = int(text) if text.isascii() and text.isdecimal() else 0
    if device_id not in current.devices:
        raise _bad_request("there is no such device")
    body = await _json(request)
    if not isinstance(body, dict) or set(body) != {"offline"} or not isinstance(body["offline"], bool):
        raise _bad_request('the body must be {"offline": true} or {"offline": false}')
    current.set_offline(device_id, offline=body["offline"])
    return web.json_response(current.devices[device_id])


async def set_timing(request: web.Request) -> web.Response:
    """``POST timing``: any of ``reboot_seconds``, ``report_seconds``, ``clock_offset``; 200 with all of them."""
    current = request.app[STATE]
    body = await _json(request)
    known = attrs.asdict(current.timing)
    if not isinstance(body, dict) or set(body) - set(known):
        raise _bad_request(f"the body must be an object of {', '.join(known)}")
    for name, value in body.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _bad_request(f"{name} must be a number")
        if not abs(value) <= _LONGEST or (value < 0 and name != "clock_offset"):
            raise _bad_request(f"{name} must be a number of seconds")
    current.settle()
    current.timing = attrs.evolve(current.timing, **body)
    return web.json_response(attrs.asdict(current.timing))


async def add_faults(request: web.Request) -> web.Response:
    """``POST faults``: sets up one rule, or a list of rules; 201 with ``{"faults": [...]}``."""
    body = await _json(request)
    try:
        added = [request.app[STATE].add_fault(rule) for rule in (body if isinstance(body, list) else [body])]
    except ValueError as error:
        raise _bad_request(str(error)) from None
    return web.json_response({"faults": [rule.to_json() for rule in added]}, status=201)


async def list_faults(request: web.Request) -> web.Response:
    """``GET faults``: the rules that still hold."""
    return web.json_response({"faults": [rule.to_json() for rule in request.app[STATE].faults]})


async def delete_faults(request: web.Request) -> web.Response:
    """``DELETE faults``: drops all rules."""
    request.app[STATE].faults.clear()
    return web.Response(status=204)


async def delete_tokens(request: web.Request) -> web.Response:
    """``DELETE tokens``: makes every access token useless."""
    request.app[STATE].revoke_tokens()
    return web.Response(status=204)


async def reset(request: web.Request) -> web.Response:
    """``POST reset``: back to the seed."""
    request.app[STATE].reset()
    return web.Response(status=204)


def add_routes(app: web.Application) -> None:
    """Adds these paths to the application."""
    app.router.add_get(f"{PREFIX}/health", health)
    app.router.add_get(f"{PREFIX}/journal", journal)
    app.router.add_get(f"{PREFIX}/state", state)
    app.router.add_post(f"{PREFIX}/alerts", add_alert)
    app.router.add_post(f"{PREFIX}/devices/{{id}}", set_device)
    app.router.add_post(f"{PREFIX}/timing", set_timing)
    app.router.add_post(f"{PREFIX}/faults", add_faults)
    app.router.add_get(f"{PREFIX}/faults", list_faults)
    app.router.add_delete(f"{PREFIX}/faults", delete_faults)
    app.router.add_delete(f"{PREFIX}/tokens", delete_tokens)
    app.router.add_post(f"{PREFIX}/reset", reset)


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError:
        raise _bad_request("the body must be JSON") from None


def _bad_request(message: str) -> web.HTTPBadRequest:
    body: Record = {"error": message}
    return web.HTTPBadRequest(text=json.dumps(body), content_type="application/json")
