"""What the vendor's API does: each of these changes the account, and is journaled."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from aiohttp import web
from yarl import URL

from workflow_ninjaone.simulator import scripts
from workflow_ninjaone.simulator.shapes import Record
from workflow_ninjaone.simulator.vendor import (
    STATE,
    Kind,
    device_id,
    failure,
    granted,
    json_object,
    not_found,
    strict_object,
    texts,
)

_FEATURES = frozenset({"ALERTS", "PATCHING", "AVSCANS", "TASKS"})
SCRIPT_ANSWERS = ("number", "id", "activityId", "jobUid", "uid", "empty")
"""The shapes that the answer to a script that is run has by turns."""

TURNS: web.AppKey[cycle[str]] = web.AppKey("turns", cycle)


# ── Devices ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def reboot_device(request: web.Request) -> web.Response:
    """``POST /v2/device/{id}/reboot/{mode}``: 204, and the device reboots later."""
    state = request.app[STATE]
    identity = device_id(request)
    mode = request.match_info["mode"]
    if mode not in {"NORMAL", "FORCED"}:
        raise not_found(state)
    body = await strict_object(request, "RebootRequest", {"reason": str})
    state.request_reboot(identity, mode, body.get("reason"))
    return web.Response(status=204)


async def run_script(request: web.Request) -> web.Response:
    """``POST /v2/device/{id}/script/run``: takes the command; what comes of it shows in activities alone.

    The vendor does not say what it answers, and several shapes have been seen.
    """
    state = request.app[STATE]
    identity = device_id(request)
    fields = {"type": str, "id": int, "uid": str, "parameters": str, "runAs": str}
    body = await strict_object(request, "RunScriptRequest", fields)
    if body.get("type") not in {"ACTION", "SCRIPT"}:
        raise failure(state, 400, "type must be ACTION or SCRIPT")
    script = scripts.find(body["type"], body.get("id"), body.get("uid"))
    if script is None:
        raise not_found(state)
    grant = granted(request)
    if state.quirks.scripts_need_user and (grant is None or grant.session is None):
        raise failure(state, 500, "java.lang.NullPointerException")
    activity = state.run_script(identity, script, body.get("parameters", ""), body.get("runAs", ""))
    shape = state.quirks.script_answer
    turns = request.app[TURNS]
    return _script_answer(next(turns) if shape == "turns" else shape, activity)


def _script_answer(shape: str, activity: Record) -> web.Response:
    if shape == "empty":
        return web.Response(status=204)
    bodies: dict[str, Any] = {
        "number": activity["id"],
        "id": {"id": activity["id"]},
        "activityId": {"activityId": activity["id"]},
        "jobUid": {"jobUid": activity["seriesUid"]},
        "uid": activity["seriesUid"],
    }
    return web.json_response(bodies[shape])


async def set_maintenance(request: web.Request) -> web.Response:
    """``PUT /v2/device/{id}/maintenance``: from ``start`` (or now) to ``end``, epoch milliseconds or ISO 8601."""
    state = request.app[STATE]
    identity = device_id(request)
    times = (int, float, str)
    fields: dict[str, Kind] = {"disabledFeatures": list, "start": times, "end": times, "reasonMessage": str}
    body = await strict_object(request, "MaintenanceSettings", fields)
    if set(map(str, body.get("disabledFeatures", []))) - _FEATURES:
        raise failure(state, 400, "Cannot deserialize value of type DisabledFeature")
    now = state.clock()
    start, end = _seconds(request, body.get("start")), _seconds(request, body.get("end"))
    if end is not None and end <= max(start or now, now):
        raise failure(state, 400, "end must be after start, and in the future")
    maintenance: Record = {"status": "PENDING", "start": start or now}
    if end is not None:
        maintenance["end"] = end
    if "reasonMessage" in body:
        maintenance["reasonMessage"] = body["reasonMessage"]
    state.set_maintenance(identity, maintenance)
    return web.Response(status=204)


async def cancel_maintenance(request: web.Request) -> web.Response:
    """``DELETE /v2/device/{id}/maintenance``: ends it."""
    request.app[STATE].set_maintenance(device_id(request), None)
    return web.Response(status=204)


async def set_custom_fields(request: web.Request) -> web.Response:
    """``PATCH /v2/device/{id}/custom-fields``: sets those that are named; ``null`` removes one."""
    state = request.app[STATE]
    identity = device_id(request)
    body = await json_object(request) or {}
    fields = {**state.custom_fields.get(identity, {}), **body}
    state.custom_fields[identity] = {name: value for name, value in fields.items() if value is not None}
    return web.Response(status=204)


def _seconds(request: web.Request, value: float | str | None) -> float | None:
    """Epoch seconds from epoch milliseconds or ISO 8601."""
    if value is None:
        return None
    if not isinstance(value, str):
        return value / 1000
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise failure(request.app[STATE], 400, "Cannot deserialize value of type Instant") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


# ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def delete_alert(request: web.Request) -> web.Response:
    """``DELETE /v2/alert/{uid}``: resets the condition."""
    return _reset(request, None)


async def reset_alert(request: web.Request) -> web.Response:
    """``POST /v2/alert/{uid}/reset``: resets the condition; the body becomes the activity's ``data``."""
    return _reset(request, await json_object(request))


def _reset(request: web.Request, data: Record | None) -> web.Response:
    state = request.app[STATE]
    if not state.reset_alert(request.match_info["uid"], data):
        raise not_found(state)
    return web.Response(status=204)


# ── Webhook ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def configure_webhook(request: web.Request) -> web.Response:
    """``PUT /v2/webhook``: replaces the application's webhook."""
    state = request.app[STATE]
    fields = {"url": str, "activities": dict, "expand": list, "headers": list, "organizationIds": list}
    body = await strict_object(request, "WebhookConfiguration", fields)
    if not _is_webhook(body):
        raise failure(state, 400, "Cannot deserialize value of type WebhookConfiguration")
    state.post_office.register(_administrator(request), body)
    return web.Response(status=204)


async def disable_webhook(request: web.Request) -> web.Response:
    """``DELETE /v2/webhook``: removes it; without one there is nothing to do."""
    request.app[STATE].post_office.remove(_administrator(request))
    return web.Response(status=204)


def _administrator(request: web.Request) -> str:
    """The application of an administrator."""
    state = request.app[STATE]
    grant = granted(request)
    if grant is None or state.quirks.webhook_forbidden:
        raise failure(state, 403, "HTTP 403 Forbidden")
    return grant.client_id


def _is_webhook(body: Record) -> bool:
    """Whether the values inside have their types, and the URL can be called."""
    try:
        url = URL(body.get("url", ""))
    except ValueError:
        return False
    return (
        url.scheme in {"http", "https"}
        and url.host is not None
        and all(isinstance(codes, list) and texts(codes) for codes in body.get("activities", {}).values())
        and texts(body.get("expand", []))
        and all(
            isinstance(header, dict) and set(header) == {"name", "value"} and texts(header.values())
            for header in body.get("headers", [])
        )
        and all(type(identity) is int for identity in body.get("organizationIds", []))
    )
