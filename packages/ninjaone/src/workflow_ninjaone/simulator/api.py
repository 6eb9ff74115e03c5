"""What the vendor's API tells: organizations, devices, alerts and activities.

Source: the vendor's OpenAPI document for API version 2, and for what it leaves open (paging, ids that are borders) what
users of the API report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from aiohttp import web

from workflow_ninjaone.simulator import scripts
from workflow_ninjaone.simulator.filters import Predicate
from workflow_ninjaone.simulator.shapes import Record, short
from workflow_ninjaone.simulator.vendor import (
    DEVIATES,
    STATE,
    device_filter,
    device_id,
    not_found,
    page_size,
    path_id,
    query_int,
)

DEFAULT_SEARCH_LIMIT = 50

_ACTIVITIES_PER_PAGE = (10, 1000, 200)
_SEARCHED = ("displayName", "systemName", "dnsName", "netbiosName", "lastLoggedInUser", "publicIP")


# ── Organizations and locations ──────────────────────────────────────────────────────────────────────────────────


async def list_organizations(request: web.Request) -> web.Response:
    """``GET /v2/organizations``: paged by id. The organization filter ``of`` is not simulated: it is ignored."""
    return web.json_response(_page(request, request.app[STATE].organizations))


async def list_organizations_detailed(request: web.Request) -> web.Response:
    """``GET /v2/organizations-detailed``: the same, each with its locations."""
    rows = _page(request, request.app[STATE].organizations)
    return web.json_response([_detailed(request, row) for row in rows])


async def get_organization(request: web.Request) -> web.Response:
    """``GET /v2/organization/{id}``: with its locations."""
    return web.json_response(_detailed(request, _organization(request)))


async def list_organization_locations(request: web.Request) -> web.Response:
    """``GET /v2/organization/{id}/locations``: all of them."""
    return web.json_response(_locations(request, _organization(request)["id"]))


async def list_organization_devices(request: web.Request) -> web.Response:
    """``GET /v2/organization/{id}/devices``: paged by id."""
    state = request.app[STATE]
    identity = _organization(request)["id"]
    rows = _device_page(request, lambda device: device.get("organizationId") == identity)
    return web.json_response([state.devices.short(row["id"]) for row in rows])


async def list_locations(request: web.Request) -> web.Response:
    """``GET /v2/locations``: paged by id."""
    return web.json_response(_page(request, request.app[STATE].locations))


def _organization(request: web.Request) -> Record:
    state = request.app[STATE]
    organization = state.organizations.get(path_id(request))
    if organization is None:
        raise not_found(state)
    return organization


def _locations(request: web.Request, organization: int) -> list[Record]:
    return [
        {key: value for key, value in location.items() if key != "organizationId"}
        for location in request.app[STATE].locations.values()
        if location.get("organizationId") == organization
    ]


def _detailed(request: web.Request, organization: Record) -> Record:
    return {**organization, "locations": _locations(request, organization["id"]), "policies": [], "settings": {}}


# ── Devices ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_devices(request: web.Request) -> web.Response:
    """``GET /v2/devices``: the short form, filtered by ``df``, paged by id."""
    return web.json_response([short(row) for row in _device_page(request, device_filter(request))])


async def list_devices_detailed(request: web.Request) -> web.Response:
    """``GET /v2/devices-detailed``: the same in the full form."""
    return web.json_response(_device_page(request, device_filter(request)))


async def get_device(request: web.Request) -> web.Response:
    """``GET /v2/device/{id}``: the full form."""
    return web.json_response(request.app[STATE].devices[device_id(request)])


async def search_devices(request: web.Request) -> web.Response:
    """``GET /v2/devices/search``: devices whose names, addresses or user contain ``q``."""
    state = request.app[STATE]
    query = request.query.get("q", "")
    limit = query_int(request, "limit") or DEFAULT_SEARCH_LIMIT
    matches = []
    for device in state.devices.values():
        match = _match(device, query)
        if match is not None:
            score, attribute, value = match
            matches.append({**short(device), "score": score, "matchAttr": attribute, "matchAttrValue": value})
    matches.sort(key=lambda match: -int(match["score"]))
    if state.quirks.search_limit_ignored:
        request[DEVIATES] = True
        limit = len(matches)
    return web.json_response({"query": query, "devices": matches[: max(limit, 0)]})


async def get_scripting_options(request: web.Request) -> web.Response:
    """``GET /v2/device/{id}/scripting/options``: what its operating system can run."""
    device = request.app[STATE].devices[device_id(request)]
    return web.json_response(scripts.options_for(device["nodeClass"]))


async def get_custom_fields(request: web.Request) -> web.Response:
    """``GET /v2/device/{id}/custom-fields``: the device's own; nothing is inherited."""
    return web.json_response(request.app[STATE].custom_fields.get(device_id(request), {}))


async def list_device_jobs(request: web.Request) -> web.Response:
    """``GET /v2/device/{id}/jobs``: scripts that it has been told to run, and that have not ended."""
    identity = device_id(request)
    return web.json_response([job for job in _jobs(request) if job["deviceId"] == identity])


async def list_jobs(request: web.Request) -> web.Response:
    """``GET /v2/jobs``: the same of all devices; filtered by ``jobType`` and ``df``."""
    state = request.app[STATE]
    fits = device_filter(request)
    wanted = request.query.get("jobType")
    return web.json_response(
        [
            job
            for job in _jobs(request)
            if (fits is None or fits(state.devices[job["deviceId"]])) and wanted in {None, job["jobType"]}
        ]
    )


async def list_scripts(_request: web.Request) -> web.Response:
    """``GET /v2/automation/scripts``: the library."""
    return web.json_response(scripts.catalog())


def _jobs(request: web.Request) -> list[Record]:
    state = request.app[STATE]
    return [
        {
            "uid": pending["command"]["seriesUid"],
            "deviceId": pending["deviceId"],
            "message": f"Run {pending['command']['sourceName']}",
            "createTime": pending["createTime"],
            "updateTime": pending["createTime"],
            "subject": pending["command"]["subject"],
            "device": state.devices.short(pending["deviceId"]),
            "jobType": "ACTION",
            "jobStatus": "START_REQUESTED",
        }
        for pending in state.pending_scripts
    ]


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


# ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_alerts(request: web.Request) -> web.Response:
    """``GET /v2/alerts``: all active ones, never paged; filtered by ``sourceType`` and the device filter ``df``."""
    state = request.app[STATE]
    fits = device_filter(request)
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
    identity = device_id(request)
    alerts = [alert for alert in state.alerts.values() if alert.get("deviceId") == identity]
    return web.json_response([state.alert_answer(alert) for alert in alerts])


# ── Activities ───────────────────────────────────────────────────────────────────────────────────────────────────


async def list_activities(request: web.Request) -> web.Response:
    """``GET /v2/activities``: newest first; ``olderThan`` and ``newerThan`` are activity ids.

    The vendor does not state the form of ``before`` and ``after``: a day, a moment (ISO 8601) or epoch seconds are
    understood, anything else is ignored, and so is ``user``.
    """
    state = request.app[STATE]
    fits = device_filter(request)
    wanted = request.query.get("class", "ALL")
    before, after = _moment(request, "before"), _moment(request, "after")
    activities = (
        activity
        for activity in reversed(state.activities)
        if (fits is None or fits(state.devices.get(activity.get("deviceId", 0), {})))
        and wanted in {"ALL", "DEVICE" if activity.get("deviceId") else "SYSTEM"}
        and (before is None or activity["activityTime"] < before)
        and (after is None or activity["activityTime"] > after)
    )
    return _activities_answer(request, activities, type_parameter="type", bits=64)


async def list_device_activities(request: web.Request) -> web.Response:
    """``GET /v2/device/{id}/activities``: the same for one device."""
    state = request.app[STATE]
    identity = device_id(request)
    activities = [activity for activity in reversed(state.activities) if activity.get("deviceId") == identity]
    last = activities[0]["id"] if activities else 0
    return _activities_answer(request, activities, type_parameter="activityType", bits=32, lastNodeActivityId=last)


def _activities_answer(
    request: web.Request, newest_first: Iterable[Record], *, type_parameter: str, bits: int, **besides: int
) -> web.Response:
    state = request.app[STATE]
    wanted = [
        (key, value)
        for parameter, key in (
            (type_parameter, "activityType"),
            ("status", "statusCode"),
            ("seriesUid", "seriesUid"),
            ("sourceConfigUid", "sourceConfigUid"),
        )
        if (value := request.query.get(parameter)) is not None
    ]
    older = query_int(request, "olderThan", bits=bits)
    newer = query_int(request, "newerThan", bits=bits)
    least, most, default = _ACTIVITIES_PER_PAGE
    asked = query_int(request, "pageSize")
    size = default if asked is None else min(max(asked, least), most)
    if state.quirks.page_cap is not None and state.quirks.page_cap < size:
        request[DEVIATES] = True
        size = state.quirks.page_cap
    page: list[Record] = []
    for activity in newest_first:
        if len(page) == size or (newer is not None and activity["id"] <= newer):
            break
        if (older is None or activity["id"] < older) and all(activity.get(key) == value for key, value in wanted):
            page.append(activity)
    if state.quirks.bare_activities:
        request[DEVIATES] = True
        return web.json_response(page)
    last = state.activities[-1]["id"] if state.activities else 0
    return web.json_response({"lastActivityId": last, "activities": page, **besides})


def _moment(request: web.Request, name: str) -> float | None:
    """Epoch seconds from a day, a moment or epoch seconds; ``None`` for anything else."""
    text = request.query.get(name, "")
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _page(request: web.Request, records: Mapping[int, Record]) -> list[Record]:
    """The records after the id ``after``, in the order of their ids, ``pageSize`` at most."""
    after = _border(request)
    return [records[identity] for identity in sorted(identity for identity in records if identity > after)][
        : page_size(request)
    ]


def _device_page(request: web.Request, fits: Predicate | None) -> list[Record]:
    """The same of the devices that fit."""
    devices = request.app[STATE].devices
    size = page_size(request)
    page: list[Record] = []
    for identity in devices.ids_after(_border(request)):
        record = devices[identity]
        if fits is None or fits(record):
            page.append(record)
            if len(page) == size:
                break
    return page


def _border(request: web.Request) -> int:
    """The id above which a page begins."""
    after = query_int(request, "after") or 0
    if after > 0 and request.app[STATE].quirks.boundary_rows:
        request[DEVIATES] = True
        return after - 1
    return after
