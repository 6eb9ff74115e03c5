"""The vendor's paths: what they accept and how they answer.

Source: the vendor's OpenAPI document for API version 2, and for what it leaves open (error bodies, paging, the token
endpoint) what users of the API report.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import attrs
from aiohttp import web

from workflow_ninjaone.simulator.filters import MalformedFilterError, Predicate, parse_filter
from workflow_ninjaone.simulator.seed import Record
from workflow_ninjaone.simulator.state import Grant, SimulatorState

STATE: web.AppKey[SimulatorState] = web.AppKey("state", SimulatorState)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_PAGE = 1000
DEFAULT_SEARCH_LIMIT = 50
_ACTIVITIES_PER_PAGE = (10, 1000, 200)
_SEARCHED = ("displayName", "systemName", "dnsName", "netbiosName", "lastLoggedInUser", "publicIP")


class VendorError(Exception):
    """An error answer in one of the vendor's shapes.

    Args:
        status: The HTTP status.
        body: The JSON body.
    """

    def __init__(self, status: int, body: Record) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


@attrs.frozen
class Route:
    """One operation.

    Attributes:
        method: The HTTP method.
        path: The path below ``/v2``.
        scope: The scope that a token needs.
        handler: Answers it.
        kind: What the journal calls it, for an acting operation.
    """

    method: str
    path: str
    scope: str
    handler: Handler
    kind: str | None = None


# ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────


def failure(state: SimulatorState, status: int, message: str) -> VendorError:
    """The shape that most of the API uses."""
    return VendorError(
        status,
        {
            "resultCode": "FAILURE",
            "errorMessage": message,
            "incidentId": f"WEB_MGMT_SERVICE-2a-{int(state.clock())}-{status:x}",
        },
    )


def not_found(state: SimulatorState) -> VendorError:
    """An unknown record or path."""
    return failure(state, 404, "HTTP 404 Not Found")


def _unauthorized(error: str, description: str, code: int) -> VendorError:
    return VendorError(401, {"error": error, "error_description": description, "error_code": code})


# ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def token(request: web.Request) -> web.Response:
    """The token endpoint: client credentials, form-encoded (RFC 6749, section 4.4)."""
    state = request.app[STATE]
    form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    grant_type = form.get("grant_type")
    if not grant_type:
        raise _oauth_error(400, "invalid_request", "grant_type is required")
    if grant_type != "client_credentials":
        raise _oauth_error(400, "unsupported_grant_type", "Only client_credentials is simulated")
    application = state.application(form.get("client_id", ""), form.get("client_secret", ""))
    if application is None:
        raise _oauth_error(401, "invalid_client", "Client authentication failed")
    scopes = form.get("scope", "").split()
    if not scopes or not set(scopes) <= application.scopes:  # refused, not narrowed
        raise _oauth_error(400, "invalid_scope", "The requested scope is invalid, unknown, or malformed")
    answer = {
        "access_token": state.issue_token(application, scopes),
        "token_type": "Bearer",
        "expires_in": int(state.token_seconds),
        "scope": " ".join(scopes),
    }
    return web.json_response(answer, headers={"Cache-Control": "no-store"})


def _oauth_error(status: int, error: str, description: str) -> VendorError:
    return VendorError(status, {"error": error, "error_description": description})


def granted(request: web.Request) -> Grant | None:
    """What the request's bearer token allows, ``None`` without a good one."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    return request.app[STATE].grant(value.strip()) if kind.lower() == "bearer" else None


def authorize(request: web.Request, scope: str) -> None:
    """Checks the bearer token and its scope.

    Raises:
        VendorError: 401 in both cases; ``insufficient_privileges`` for a missing scope.
    """
    grant = granted(request)
    if grant is None:
        raise _unauthorized("not_authenticated", "Invalid credentials", 10)
    if scope not in grant.scopes:
        raise _unauthorized("insufficient_privileges", "Insufficient privileges", 11)


# ── Organizations and locations ──────────────────────────────────────────────────────────────────────────────────


async def list_organizations(request: web.Request) -> web.Response:
    """``GET /v2/organizations``: paged by id."""
    return web.json_response(_page(request, request.app[STATE].organizations.values()))


async def get_organization(request: web.Request) -> web.Response:
    """``GET /v2/organization/{id}``: with its locations."""
    state = request.app[STATE]
    organization = state.organizations.get(_path_id(request))
    if organization is None:
        raise not_found(state)
    locations = [
        {key: value for key, value in location.items() if key != "organizationId"}
        for location in state.locations.values()
        if location.get("organizationId") == organization["id"]
    ]
    return web.json_response({**organization, "locations": locations, "policies": [], "settings": {}})


async def list_organization_devices(request: web.Request) -> web.Response:
    """``GET /v2/organization/{id}/devices``: paged by id."""
    state = request.app[STATE]
    identity = _path_id(request)
    if identity not in state.organizations:
        raise not_found(state)
    devices = [device for device in state.devices.values() if device.get("organizationId") == identity]
    return web.json_response([state.base_device(device["id"]) for device in _page(request, devices)])


async def list_locations(request: web.Request) -> web.Response:
    """``GET /v2/locations``: paged by id."""
    return web.json_response(_page(request, request.app[STATE].locations.values()))


# ── Devices ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_devices(request: web.Request) -> web.Response:
    """``GET /v2/devices``: the short form, filtered by ``df``, paged by id."""
    state = request.app[STATE]
    return web.json_response([state.base_device(device["id"]) for device in _filtered_page(request)])


async def list_devices_detailed(request: web.Request) -> web.Response:
    """``GET /v2/devices-detailed``: the same in the full form."""
    return web.json_response(_filtered_page(request))


async def get_device(request: web.Request) -> web.Response:
    """``GET /v2/device/{id}``: the full form."""
    return web.json_response(_device(request))


async def search_devices(request: web.Request) -> web.Response:
    """``GET /v2/devices/search``: devices whose names, addresses or user contain ``q``."""
    state = request.app[STATE]
    query = request.query.get("q", "")
    limit = _query_int(request, "limit") or DEFAULT_SEARCH_LIMIT
    matches = []
    for device in sorted(state.devices.values(), key=lambda device: int(device["id"])):
        match = _match(device, query)
        if match is not None:
            score, attribute, value = match
            matches.append(
                {
                    **state.base_device(device["id"]),
                    "score": score,
                    "matchAttr": attribute,
                    "matchAttrValue": value,
                }
            )
    matches.sort(key=lambda match: -int(match["score"]))
    return web.json_response({"query": query, "devices": matches[: max(limit, 0)]})


async def reboot_device(request: web.Request) -> web.Response:
    """``POST /v2/device/{id}/reboot/{mode}``: 204, and the device reboots later."""
    state = request.app[STATE]
    device = _device(request)
    mode = request.match_info["mode"]
    if mode not in {"NORMAL", "FORCED"}:
        raise not_found(state)
    body = await _json_object(request) or {}
    for field in body:
        if field != "reason":
            raise failure(state, 400, f'Unrecognized field "{field}" (class RebootRequest)')
    reason = body.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise failure(state, 400, "Cannot deserialize value of type String")
    state.request_reboot(device["id"], mode, reason)
    return web.Response(status=204)


# ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_alerts(request: web.Request) -> web.Response:
    """``GET /v2/alerts``: all active ones, never paged; filtered by ``sourceType`` and the device filter ``df``."""
    state = request.app[STATE]
    fits = _device_filter(request)
    source_type = request.query.get("sourceType")
    alerts = [
        alert
        for alert in state.alerts.values()
        if (fits is None or fits(state.devices.get(alert.get("deviceId", 0), {})))
        and (source_type is None or alert.get("sourceType") == source_type)
    ]
    return web.json_response([state.alert_answer(alert) for alert in alerts])


async def list_device_alerts(request: web.Request) -> web.Response:
    """``GET /v2/device/{id}/alerts``: the active ones of one device."""
    state = request.app[STATE]
    identity = _device(request)["id"]
    alerts = [alert for alert in state.alerts.values() if alert.get("deviceId") == identity]
    return web.json_response([state.alert_answer(alert) for alert in alerts])


async def delete_alert(request: web.Request) -> web.Response:
    """``DELETE /v2/alert/{uid}``: resets the condition."""
    return _reset(request, None)


async def reset_alert(request: web.Request) -> web.Response:
    """``POST /v2/alert/{uid}/reset``: resets the condition; the body becomes the activity's ``data``."""
    return _reset(request, await _json_object(request))


def _reset(request: web.Request, data: Record | None) -> web.Response:
    state = request.app[STATE]
    if not state.reset_alert(request.match_info["uid"], data):
        raise not_found(state)
    return web.Response(status=204)


# ── Activities ───────────────────────────────────────────────────────────────────────────────────────────────────


async def list_activities(request: web.Request) -> web.Response:
    """``GET /v2/activities``: newest first; ``olderThan`` and ``newerThan`` are activity ids.

    The parameters ``before`` and ``after`` (dates in a form that the vendor does not state) and ``user`` are ignored.
    """
    state = request.app[STATE]
    fits = _device_filter(request)
    wanted = request.query.get("class", "ALL")
    activities = [
        activity
        for activity in state.activities
        if (fits is None or fits(state.devices.get(activity.get("deviceId", 0), {})))
        and wanted in {"ALL", "DEVICE" if activity.get("deviceId") else "SYSTEM"}
    ]
    return web.json_response(_activities_answer(request, activities, type_parameter="type"))


async def list_device_activities(request: web.Request) -> web.Response:
    """``GET /v2/device/{id}/activities``: the same for one device."""
    state = request.app[STATE]
    identity = _device(request)["id"]
    activities = [activity for activity in state.activities if activity.get("deviceId") == identity]
    answer = _activities_answer(request, activities, type_parameter="activityType")
    answer["lastNodeActivityId"] = activities[-1]["id"] if activities else 0
    return web.json_response(answer)


def _activities_answer(request: web.Request, activities: list[Record], *, type_parameter: str) -> Record:
    query = request.query
    for parameter, key in (
        (type_parameter, "activityType"),
        ("status", "statusCode"),
        ("seriesUid", "seriesUid"),
        ("sourceConfigUid", "sourceConfigUid"),
    ):
        if (value := query.get(parameter)) is not None:
            activities = [activity for activity in activities if activity.get(key) == value]
    if (border := _query_int(request, "olderThan")) is not None:
        activities = [activity for activity in activities if activity["id"] < border]
    if (border := _query_int(request, "newerThan")) is not None:
        activities = [activity for activity in activities if activity["id"] > border]
    least, most, default = _ACTIVITIES_PER_PAGE
    size = _query_int(request, "pageSize")
    size = default if size is None else min(max(size, least), most)
    newest_first = sorted(activities, key=lambda activity: -int(activity["id"]))
    log = request.app[STATE].activities
    return {"lastActivityId": log[-1]["id"] if log else 0, "activities": newest_first[:size]}


# ── Parameters and bodies ────────────────────────────────────────────────────────────────────────────────────────


def _path_id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not (text.isascii() and text.isdecimal()):
        raise not_found(request.app[STATE])
    return int(text)


def _device(request: web.Request) -> Record:
    state = request.app[STATE]
    device = state.devices.get(_path_id(request))
    if device is None:
        raise not_found(state)
    return device


def _query_int(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None or text == "":
        return None
    try:
        return int(text)
    except ValueError:
        raise not_found(request.app[STATE]) from None  # what the vendor's framework does by default


def _page(request: web.Request, records: Iterable[Record]) -> list[Record]:
    """The records after the id ``after``, in the order of their ids, ``pageSize`` at most."""
    after = _query_int(request, "after") or 0
    size = _query_int(request, "pageSize") or MAX_PAGE
    rest = sorted((record for record in records if record["id"] > after), key=lambda record: int(record["id"]))
    return rest[: min(max(size, 1), MAX_PAGE)]


def _device_filter(request: web.Request) -> Predicate | None:
    text = request.query.get("df")
    if not text:
        return None
    try:
        return parse_filter(text)
    except MalformedFilterError:
        raise failure(request.app[STATE], 500, "HTTP 500 Internal Server Error") from None


def _filtered_page(request: web.Request) -> list[Record]:
    devices: Iterable[Record] = request.app[STATE].devices.values()
    fits = _device_filter(request)
    return _page(request, devices if fits is None else [device for device in devices if fits(device)])


def _match(device: Record, query: str) -> tuple[int, str, str] | None:
    """Score, attribute and value of the first attribute that contains the query."""
    needle = query.casefold()
    if not needle:
        return None
    candidates = [(key, device.get(key)) for key in _SEARCHED]
    candidates += [("ipAddresses", address) for address in device.get("ipAddresses", [])]
    for attribute, value in candidates:
        if isinstance(value, str) and needle in value.casefold():
            return (100 if value.casefold() == needle else 50), attribute, value
    return None


async def _json_object(request: web.Request) -> Record | None:
    """The JSON object in the body, ``None`` for an empty body."""
    state = request.app[STATE]
    raw = await request.read()
    if not raw.strip():
        return None
    if request.content_type != "application/json":
        raise failure(state, 415, "HTTP 415 Unsupported Media Type")
    try:
        body: Any = json.loads(raw)
    except ValueError:
        raise failure(state, 400, "Unable to process JSON") from None
    if not isinstance(body, dict):
        raise failure(state, 400, "Unable to process JSON")
    return body


ROUTES = (
    Route("GET", "/organizations", "monitoring", list_organizations),
    Route("GET", "/organization/{id}", "monitoring", get_organization),
    Route("GET", "/organization/{id}/devices", "monitoring", list_organization_devices),
    Route("GET", "/locations", "monitoring", list_locations),
    Route("GET", "/devices", "monitoring", list_devices),
    Route("GET", "/devices-detailed", "monitoring", list_devices_detailed),
    Route("GET", "/devices/search", "monitoring", search_devices),
    Route("GET", "/device/{id}", "monitoring", get_device),
    Route("GET", "/device/{id}/alerts", "monitoring", list_device_alerts),
    Route("GET", "/device/{id}/activities", "monitoring", list_device_activities),
    Route("POST", "/device/{id}/reboot/{mode}", "control", reboot_device, "reboot"),
    Route("GET", "/alerts", "monitoring", list_alerts),
    Route("DELETE", "/alert/{uid}", "management", delete_alert, "alert_reset"),
    Route("POST", "/alert/{uid}/reset", "management", reset_alert, "alert_reset"),
    Route("GET", "/activities", "monitoring", list_activities),
)
