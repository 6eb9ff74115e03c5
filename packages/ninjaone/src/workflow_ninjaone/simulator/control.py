"""The paths below ``/_simulator/``: by them a test looks behind the curtain, and pulls strings.

They ask for no authentication: let the simulator listen on this machine only. Bodies and answers are JSON; what cannot
be meant is answered with 400 and ``{"error": "..."}``.

======  ========================  ==================================================================================
GET     ``health``                200 as soon as it serves
GET     ``journal``               ``{"entries": [...]}``: acting requests, oldest first; ``?kind=reboot`` for a part
GET     ``state``                 everything but tokens and secrets; of a fleet what differs from how it was made
POST    ``reset``                 back to the start
GET     ``devices``               all devices in the full form, one JSON object a line; ``?after=`` an id
POST    ``devices``               enrols a device: ``id``, ``organizationId``, and any other of the vendor's fields
POST    ``devices/{id}``          changes fields: ``{"offline": true}`` cuts it off, ``{"organizationId": 2}`` moves it
DELETE  ``devices/{id}``          deletes it; a device with its id may be enrolled again
POST    ``devices/{id}/restart``  it reboots now, unasked
POST    ``fleet``                 ``{"devices": 50000}``: so many generated devices besides those of the seed
POST    ``alerts``                triggers an alert on ``deviceId``, with any other of the vendor's fields
POST    ``activities``            adds an activity with the vendor's fields
POST    ``timing``                any of :class:`~workflow_ninjaone.simulator.settings.Timing`
POST    ``quirks``                any of :class:`~workflow_ninjaone.simulator.settings.Quirks`
POST    ``tokens``                any of :class:`~workflow_ninjaone.simulator.settings.TokenPolicy`
DELETE  ``tokens``                makes every access token useless, as if all had expired
GET     ``grants``                requests for tokens and what came of them; sessions, their state and refreshes
DELETE  ``grants``                ends every session: refresh tokens are useless, too
POST    ``applications``          adds or replaces an application: the fields of
                                  :class:`~workflow_ninjaone.simulator.authority.ApiApplication`
POST    ``delivery``              any of :class:`~workflow_ninjaone.simulator.settings.DeliveryPolicy`
GET     ``deliveries``            the webhooks, how many events are ``queued``, and every sending with its outcome
GET     ``faults``                the rules that still hold
POST    ``faults``                sets up a rule, or a list of rules (:mod:`~workflow_ninjaone.simulator.faults`)
DELETE  ``faults``                drops all rules
======  ========================  ==================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
from aiohttp import web

from workflow_ninjaone.simulator.authority import GRANTS, SCOPES, ApiApplication
from workflow_ninjaone.simulator.settings import changed
from workflow_ninjaone.simulator.shapes import Record
from workflow_ninjaone.simulator.state import SimulatorState
from workflow_ninjaone.simulator.vendor import STATE

PREFIX = "/_simulator"

_LINES = 500


async def health(_request: web.Request) -> web.Response:
    """``GET health``: 200 as soon as it serves."""
    return web.json_response({"status": "ok"})


async def journal(request: web.Request) -> web.Response:
    """``GET journal``: ``{"entries": [...]}``, oldest first; ``?kind=`` for a part."""
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
            "quirks": attrs.asdict(current.quirks),
            "tokens": attrs.asdict(current.authority.policy),
            "delivery": attrs.asdict(current.post_office.policy),
        }
    )


async def reset(request: web.Request) -> web.Response:
    """``POST reset``: back to the start."""
    request.app[STATE].reset()
    return web.Response(status=204)


# ── Records ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_devices(request: web.Request) -> web.StreamResponse:
    """``GET devices``: all of them in the full form, one JSON object a line; ``?after=`` an id."""
    devices = request.app[STATE].devices
    request.app[STATE].settle()
    after = _number(request.query.get("after", "0"))
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    lines: list[str] = []
    for identity in devices.ids_after(after):
        lines.append(json.dumps(devices[identity]))
        if len(lines) == _LINES:
            await response.write(("\n".join(lines) + "\n").encode())
            lines.clear()
    if lines:
        await response.write(("\n".join(lines) + "\n").encode())
    await response.write_eof()
    return response


async def add_device(request: web.Request) -> web.Response:
    """``POST devices``: enrols a device; 201 with it."""
    body = await _object(request)
    try:
        return web.json_response(_stirred(request).add_device(body), status=201)
    except ValueError as error:
        raise _bad_request(str(error)) from None


async def change_device(request: web.Request) -> web.Response:
    """``POST devices/{id}``: changes fields of a device; 200 with it."""
    identity = _device(request)
    body = await _object(request)
    if not body:
        raise _bad_request("the body must name a field, such as offline")
    try:
        return web.json_response(_stirred(request).change_device(identity, body))
    except ValueError as error:
        raise _bad_request(str(error)) from None


async def delete_device(request: web.Request) -> web.Response:
    """``DELETE devices/{id}``: deletes a device."""
    _stirred(request).delete_device(_device(request))
    return web.Response(status=204)


async def restart_device(request: web.Request) -> web.Response:
    """``POST devices/{id}/restart``: it reboots now, unasked; 200 with the device."""
    identity = _device(request)
    current = _stirred(request)
    current.restart(identity)
    return web.json_response(current.devices[identity])


async def set_fleet(request: web.Request) -> web.Response:
    """``POST fleet``: ``{"devices": n}``; 200 with ``{"devices": m}``, all that there are now."""
    body = await _object(request)
    if set(body) != {"devices"} or type(body["devices"]) is not int:
        raise _bad_request('the body must be {"devices": 50000} or another whole number')
    current = _stirred(request)
    try:
        current.grow(body["devices"])
    except ValueError as error:
        raise _bad_request(str(error)) from None
    return web.json_response({"devices": len(current.devices)})


async def add_alert(request: web.Request) -> web.Response:
    """``POST alerts``: triggers an alert on ``deviceId``; 201 with the alert."""
    body = await _object(request)
    try:
        return web.json_response(_stirred(request).add_alert(body), status=201)
    except ValueError as error:
        raise _bad_request(str(error)) from None


async def add_activity(request: web.Request) -> web.Response:
    """``POST activities``: adds an activity; ``activityType`` and ``statusCode`` are required; 201 with it."""
    body = await _object(request)
    if not isinstance(body.get("activityType"), str) or not isinstance(body.get("statusCode"), str):
        raise _bad_request("activityType and statusCode must be the vendor's code words")
    if "id" in body or "activityTime" in body:
        raise _bad_request("id and activityTime are made")
    current = _stirred(request)
    activity = current.add_activity(**body)
    current.save()
    return web.json_response(activity, status=201)


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def set_timing(request: web.Request) -> web.Response:
    """``POST timing``: when things happen; 200 with all of it."""
    current = _stirred(request)
    body = await _object(request)
    try:
        timing = changed(current.timing, body)
    except ValueError as error:
        raise _bad_request(str(error)) from None
    current.settle()
    current.timing = timing
    return web.json_response(attrs.asdict(timing))


async def set_quirks(request: web.Request) -> web.Response:
    """``POST quirks``: which of the vendor's habits show; 200 with all of them."""
    current = request.app[STATE]
    try:
        current.quirks = changed(current.quirks, await _object(request))
    except ValueError as error:
        raise _bad_request(str(error)) from None
    return web.json_response(attrs.asdict(current.quirks))


async def set_tokens(request: web.Request) -> web.Response:
    """``POST tokens``: how tokens are treated from now on; 200 with all of it."""
    authority = request.app[STATE].authority
    try:
        authority.policy = changed(authority.policy, await _object(request))
    except ValueError as error:
        raise _bad_request(str(error)) from None
    return web.json_response(attrs.asdict(authority.policy))


async def delete_tokens(request: web.Request) -> web.Response:
    """``DELETE tokens``: makes every access token useless."""
    request.app[STATE].revoke_tokens()
    return web.Response(status=204)


async def list_grants(request: web.Request) -> web.Response:
    """``GET grants``: requests for tokens and what came of them, and the sessions; no token is in it."""
    authority = request.app[STATE].authority
    shown = ("id", "client_id", "scopes", "state", "refreshes")
    sessions = [{key: session[key] for key in shown} for session in authority.sessions()]
    return web.json_response({"log": authority.log, "sessions": sessions})


async def delete_grants(request: web.Request) -> web.Response:
    """``DELETE grants``: ends every session."""
    current = request.app[STATE]
    current.authority.log_out()
    current.save()
    return web.Response(status=204)


async def add_application(request: web.Request) -> web.Response:
    """``POST applications``: adds or replaces one; 201. Its ``client_secret`` may be null: a native application."""
    body = await _object(request)
    lists = {"scopes": SCOPES, "grants": GRANTS, "redirect_uris": None}
    if set(body) - {"client_id", "client_secret", *lists} or not isinstance(body.get("client_id"), str):
        raise _bad_request(f"the body must be an object of client_id, client_secret, {', '.join(lists)}")
    if not isinstance(body.get("client_secret"), str | None):
        raise _bad_request("client_secret must be a string or null")
    for name, known in lists.items():
        values = body.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise _bad_request(f"{name} must be a list of strings")
        if known is not None and set(values) - set(known):
            raise _bad_request(f"{name} must be some of: {', '.join(known)}")
    application = ApiApplication(**{"client_secret": None, **body})
    request.app[STATE].authority.applications[application.client_id] = application
    return web.json_response({"client_id": application.client_id}, status=201)


async def set_delivery(request: web.Request) -> web.Response:
    """``POST delivery``: how events travel; 200 with all of it."""
    office = _stirred(request).post_office
    try:
        office.policy = changed(office.policy, await _object(request))
    except ValueError as error:
        raise _bad_request(str(error)) from None
    office.stirred.set()
    return web.json_response(attrs.asdict(office.policy))


async def list_deliveries(request: web.Request) -> web.Response:
    """``GET deliveries``: the webhooks, how many events are queued, and every sending."""
    return web.json_response(_stirred(request).post_office.to_json())


# ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────


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


_ROUTES = (
    ("GET", "health", health),
    ("GET", "journal", journal),
    ("GET", "state", state),
    ("POST", "reset", reset),
    ("GET", "devices", list_devices),
    ("POST", "devices", add_device),
    ("POST", "devices/{id}", change_device),
    ("DELETE", "devices/{id}", delete_device),
    ("POST", "devices/{id}/restart", restart_device),
    ("POST", "fleet", set_fleet),
    ("POST", "alerts", add_alert),
    ("POST", "activities", add_activity),
    ("POST", "timing", set_timing),
    ("POST", "quirks", set_quirks),
    ("POST", "tokens", set_tokens),
    ("DELETE", "tokens", delete_tokens),
    ("GET", "grants", list_grants),
    ("DELETE", "grants", delete_grants),
    ("POST", "applications", add_application),
    ("POST", "delivery", set_delivery),
    ("GET", "deliveries", list_deliveries),
    ("GET", "faults", list_faults),
    ("POST", "faults", add_faults),
    ("DELETE", "faults", delete_faults),
)


def add_routes(app: web.Application) -> None:
    """Adds these paths to the application."""
    for method, path, handler in _ROUTES:
        app.router.add_route(method, f"{PREFIX}/{path}", handler)


# ── Requests ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _stirred(request: web.Request) -> SimulatorState:
    """The account, of which something may have to be sent after this request."""
    current = request.app[STATE]
    current.post_office.stirred.set()
    return current


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


def _device(request: web.Request) -> int:
    identity = _number(request.match_info["id"])
    if identity not in request.app[STATE].devices:
        raise _bad_request("there is no such device")
    return identity


async def _object(request: web.Request) -> Mapping[str, Any]:
    body = await _json(request)
    if not isinstance(body, dict):
        raise _bad_request("the body must be an object")
    return body


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError:
        raise _bad_request("the body must be JSON") from None


def _bad_request(message: str) -> web.HTTPBadRequest:
    body: Record = {"error": message}
    return web.HTTPBadRequest(text=json.dumps(body), content_type="application/json")
