import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import aiohttp
import pytest

from workflow_core.errors import (
    ActionError,
    IntegrationNotConfiguredError,
    NotFoundError,
    PermissionDeniedError,
    Refused,
    TransientError,
    ValidationError,
)
from workflow_ninjaone.client import Activity, AlertList, Device, NinjaOneClient, Observed

UID = "30185b9d-6ddf-5b7b-a974-fa7bc8041b30"
RESET = f"/v2/alert/{UID}/reset"
REBOOT = "/v2/device/7/reboot/FORCED"
UNAUTHENTICATED = {"error": "not_authenticated", "error_code": 10}
UNPRIVILEGED = {"error": "insufficient_privileges"}


def never_opened():
    key = SimpleNamespace(host="app.ninja.test", port=443, ssl=True, is_ssl=True)
    return aiohttp.ClientConnectorError(key, OSError(111, "refused"))


def bearers(vendor, path):
    return [
        call.kwargs["headers"]["Authorization"]
        for (_, url), calls in vendor.requests.items()
        for call in calls
        if url.path == path
    ]


# ── Reads ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_get_device(vendor, client):
    """
    One device, with the token, without following redirections, and with a time limit.
    """
    vendor.get("/v2/device/7", payload={"id": 7, "displayName": "A"}, content_type="text/plain")

    assert await client.get_device(7) == Device(id=7, display_name="A")
    assert bearers(vendor, "/v2/device/7") == ["Bearer token-1"]
    options = next(calls[0].kwargs for (_, url), calls in vendor.requests.items() if url.path == "/v2/device/7")
    assert (options["allow_redirects"], options["timeout"].total) == (False, 20.0)


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Fri, 01 May 2026 09:00:07 GMT", datetime(2026, 5, 1, 9, 0, 7, tzinfo=UTC)),
        ("Fri, 01 May 2026 11:00:07 +0200", datetime(2026, 5, 1, 9, 0, 7, tzinfo=UTC)),
        ("Fri, 01 May 2026 09:00:07", None),
        ("yesterday", None),
        (None, None),
    ],
)
async def test_the_vendors_clock(vendor, client, date, at):
    """
    An answer says when it was given, if its Date can be read.
    """
    vendor.get("/v2/device/7", payload={"id": 7}, headers={} if date is None else {"Date": date})

    assert await client.observe_device(7) == Observed(Device(id=7), at)


REBOOTS = "/v2/device/7/activities?activityType=SYSTEM&pageSize=1000&status=SYSTEM_REBOOTED"


@pytest.mark.parametrize("bare", [False, True])
async def test_reboots_of_a_device(vendor, client, bare):
    """
    They are asked for alone, and picked out where the filter is not known; the list may come bare.
    """
    rows = [
        {"id": 9, "activityTime": 1777626007.5, "activityType": "SYSTEM", "statusCode": "SYSTEM_REBOOTED"},
        {"id": 8, "activityTime": 1777626000, "activityType": "SYSTEM", "statusCode": "USER_LOGGED_IN"},
        {"id": 7, "activityTime": "soon", "statusCode": "SYSTEM_REBOOTED", "deviceId": 7},
        {"statusCode": "SYSTEM_REBOOTED"},
        "no activity",
    ]
    vendor.get(REBOOTS, payload=rows if bare else {"lastActivityId": 9, "activities": rows})

    assert await client.list_reboots(7) == [
        Activity(9, datetime.fromtimestamp(1777626007.5, UTC), "SYSTEM", "SYSTEM_REBOOTED"),
        Activity(7, status_code="SYSTEM_REBOOTED", device_id=7),
    ]


@pytest.mark.parametrize("payload", [{}, {"activities": None}, "x", 7])
async def test_reboots_that_cannot_be_read(vendor, client, payload):
    """
    No list is no proof that nothing happened.
    """
    vendor.get(REBOOTS, payload=payload)

    with pytest.raises(TransientError) as caught:
        await client.list_reboots(7)
    assert caught.value.code == "UPSTREAM_ANSWER_UNREADABLE"


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, NotFoundError), (403, PermissionDeniedError), (400, ActionError), (301, ActionError), (500, TransientError)],
)
async def test_refused_reads(vendor, client, status, expected):
    """
    A verdict is raised at once, a 500 too: a malformed filter gives one.
    """
    vendor.get("/v2/device/7", status=status, payload={})

    with pytest.raises(expected):
        await client.get_device(7)

    assert vendor.count("GET", "/v2/device/7") == 1


@pytest.mark.parametrize("body", ["", "<html></html>", "[]", "{}", "nonsense", "[" * 100_000])
async def test_unreadable_answers(vendor, client, body):
    """
    A 200 that is not what the API answers is a passing failure.
    """
    vendor.get("/v2/device/7", body=body)

    with pytest.raises(TransientError) as raised:
        await client.get_device(7)

    assert raised.value.code == "UPSTREAM_ANSWER_UNREADABLE"


@pytest.mark.parametrize("device_id", [0, -1, True, 2**31])
async def test_device_ids(client, device_id):
    """
    What cannot be a device's id is never sent.
    """
    with pytest.raises(ValidationError):
        await client.get_device(device_id)


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 429, "headers": {"Retry-After": "2"}},
        {"status": 429},
        {"status": 502},
        {"status": 503},
        {"status": 504},
        {"exception": never_opened()},
        {"exception": aiohttp.ServerDisconnectedError()},
        {"exception": aiohttp.ClientPayloadError()},
    ],
)
async def test_reads_are_tried_again(vendor, client, waits, trouble):
    """
    A passing trouble costs a short wait; the third try may still succeed.
    """
    vendor.get("/v2/device/7", **trouble)
    vendor.get("/v2/device/7", **trouble)
    vendor.get("/v2/device/7", payload={"id": 7})

    assert await client.get_device(7) == Device(id=7)
    assert waits.seconds == ([2.0, 2.0] if trouble.get("headers") else [0.125, 0.25])


async def test_three_tries(vendor, client):
    """
    There is no fourth try.
    """
    vendor.get("/v2/device/7", status=503, repeat=True)

    with pytest.raises(TransientError):
        await client.get_device(7)

    assert vendor.count("GET", "/v2/device/7") == 3


async def test_long_retry_after(vendor, client, waits):
    """
    A long wait is the caller's: the error says how long.
    """
    vendor.get("/v2/device/7", status=429, headers={"Retry-After": "30"})

    with pytest.raises(TransientError) as raised:
        await client.get_device(7)

    assert (raised.value.code, raised.value.retry_after) == ("RATE_LIMITED", 30.0)
    assert waits.seconds == []


async def test_time_out(vendor, client):
    """
    A time-out is not tried again: the caller's patience is used up.
    """
    vendor.get("/v2/device/7", exception=TimeoutError())

    with pytest.raises(TransientError) as raised:
        await client.get_device(7)

    assert raised.value.code == "UPSTREAM_TIMEOUT"
    assert raised.value.__suppress_context__


async def test_new_token(vendor, client):
    """
    A token that is no longer good is replaced once, unseen by the caller.
    """
    vendor.get("/v2/device/7", status=401, payload=UNAUTHENTICATED)
    vendor.get("/v2/device/7", payload={"id": 7})
    vendor.grant("token-2")

    assert await client.get_device(7) == Device(id=7)
    assert bearers(vendor, "/v2/device/7") == ["Bearer token-1", "Bearer token-2"]


async def test_no_re_authentication_loop(vendor, client):
    """
    A 401 in spite of a new token is told after one new token.
    """
    vendor.get("/v2/device/7", status=401, payload=UNAUTHENTICATED, repeat=True)
    vendor.grant("token-2")

    with pytest.raises(ActionError) as raised:
        await client.get_device(7)
    assert raised.value.code == "UPSTREAM_UNAUTHENTICATED"

    assert vendor.count("GET", "/v2/device/7") == 2


async def test_missing_scope(vendor, client):
    """
    A 401 for a missing scope is no matter of tokens.
    """
    vendor.get("/v2/device/7", status=401, payload=UNPRIVILEGED)

    with pytest.raises(PermissionDeniedError):
        await client.get_device(7)

    assert vendor.count("POST", "/ws/oauth/token") == 1


async def test_search(vendor, client):
    """
    Free text goes to the search call; more than was asked for is cut off.
    """
    found = {"query": "a&b", "devices": [{"id": 1}, {"noId": 1}, {"id": 2}, {"id": 3}]}
    vendor.get("/v2/devices/search?limit=2&q=a%26b", payload=found)

    assert [device.id for device in await client.search_devices("a&b", limit=2)] == [1, 2]


async def test_pages(vendor, client):
    """
    Pages follow one another by the highest id; a row that comes twice counts once, and a short page is not the last.
    """
    vendor.get("/v2/devices?df=org+%3D+1&pageSize=3", payload=[{"id": 1}, {"id": 9}, {"id": 4}])
    vendor.get("/v2/devices?df=org+%3D+1&pageSize=3&after=9", payload=[{"id": 9}, {"id": 12}, {"id": 11}])
    vendor.get("/v2/devices?df=org+%3D+1&pageSize=3&after=12", payload=[{"id": 13}])
    vendor.get("/v2/devices?df=org+%3D+1&pageSize=3&after=13", payload=[])

    devices = [device.id async for device in client.list_devices("org = 1", page_size=3)]

    assert devices == [1, 9, 4, 12, 11, 13]


async def test_last_page_full(vendor, client):
    """
    A full page is never taken for the last one.
    """
    vendor.get("/v2/organizations?pageSize=2", payload=[{"id": 1}, {"id": 2}])
    vendor.get("/v2/organizations?pageSize=2&after=2", payload=[])

    assert [row.id async for row in client.list_organizations(page_size=2)] == [1, 2]


@pytest.mark.parametrize("page", [[{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 1}], [{}, {}]])
async def test_pages_that_stand_still(vendor, client, page):
    """
    Pages that do not advance are an error, not the end: a list cut short would lose devices.
    """
    vendor.get("/v2/devices-detailed?pageSize=2", payload=[{"id": 1}, {"id": 2}])
    vendor.get("/v2/devices-detailed?pageSize=2&after=2", payload=page)

    with pytest.raises(TransientError) as raised:
        [device async for device in client.list_devices(page_size=2, detailed=True)]

    assert raised.value.code == "PAGING_STUCK"


@pytest.mark.parametrize("size", [0, 1001])
async def test_page_sizes(client, size):
    """
    A page has 1 to 1000 rows.
    """
    with pytest.raises(ValidationError):
        [device async for device in client.list_devices(page_size=size)]


async def test_alerts(vendor, client):
    """
    Alerts come in one piece; what has no uid that could be one is left out, and counted.
    """
    odd = [{"deviceId": 2}, {"uid": 7}, {"uid": ""}, {"uid": "u" * 65}, {"uid": "../a"}, {"uid": "a\n"}, None]
    vendor.get("/v2/alerts", payload=[{"uid": "a", "deviceId": 1}, *odd])
    vendor.get("/v2/alerts?df=id%3D5&sourceType=CONDITION_PING", payload=[])

    listed = await client.list_alerts()
    assert ([alert.uid for alert in listed.alerts], listed.left_out) == (["a"], len(odd))
    assert await client.list_alerts(df="id=5", source_type="CONDITION_PING") == AlertList(())


# ── Acting calls ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answer", [{"status": 204}, {"status": 200}, {"status": 200, "payload": {"any": 1}}])
async def test_reset(vendor, client, answer):
    """
    A reset is a POST with an empty object; any 2xx of the API is success.
    """
    vendor.post(RESET, **answer)

    await client.reset_alert(UID)

    ((_, calls),) = [(key, calls) for key, calls in vendor.requests.items() if key[1].path == RESET]
    assert [call.kwargs["json"] for call in calls] == [{}]


async def test_reboot(vendor, client):
    """
    The mode stands in the path, the reason in the body.
    """
    vendor.post(REBOOT, status=204)
    vendor.post("/v2/device/7/reboot/NORMAL", status=204)

    await client.reboot_device(7, "FORCED", reason="patch night")
    await client.reboot_device(7)

    bodies = {url.path: calls[0].kwargs["json"] for (_, url), calls in vendor.requests.items()}
    assert bodies[REBOOT] == {"reason": "patch night"}
    assert bodies["/v2/device/7/reboot/NORMAL"] == {}


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        ({"status": 429, "headers": {"Retry-After": "1"}}, TransientError),
        ({"status": 401, "payload": UNPRIVILEGED}, PermissionDeniedError),
        ({"exception": never_opened()}, TransientError),
        ({"exception": aiohttp.ConnectionTimeoutError()}, TransientError),
    ],
)
async def test_certainly_not_done(vendor, client, trouble, cause):
    """
    Where the facts prove that nothing was done, the error says so; the call is not sent again.
    """
    vendor.post(REBOOT, repeat=True, **trouble)

    with pytest.raises(Refused) as raised:
        await client.reboot_device(7, "FORCED")

    assert isinstance(raised.value.cause, cause)
    assert vendor.count("POST", REBOOT) == 1


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ({"status": 500}, TransientError),
        ({"status": 502}, TransientError),
        ({"status": 503, "headers": {"Retry-After": "1"}}, TransientError),
        ({"status": 200, "body": "<html></html>"}, TransientError),
        ({"status": 404, "payload": {}}, NotFoundError),
        ({"status": 403, "payload": {}}, PermissionDeniedError),
        ({"status": 400, "payload": {}}, ActionError),
        ({"status": 302}, ActionError),
        ({"exception": TimeoutError()}, TransientError),
        ({"exception": aiohttp.SocketTimeoutError()}, TransientError),
        ({"exception": aiohttp.ServerDisconnectedError()}, TransientError),
        ({"exception": aiohttp.ClientOSError(104, "reset")}, TransientError),
    ],
)
async def test_perhaps_done(vendor, client, trouble, expected):
    """
    Everything else leaves it open, and is never sent again.
    """
    vendor.post(REBOOT, repeat=True, **trouble)

    with pytest.raises(expected) as raised:
        await client.reboot_device(7, "FORCED")

    assert not isinstance(raised.value, Refused)
    assert vendor.count("POST", REBOOT) == 1


async def test_acting_with_a_new_token(vendor, client):
    """
    A 401 comes before acting: with a new token the call is sent once more.
    """
    vendor.post(RESET, status=401, payload=UNAUTHENTICATED)
    vendor.post(RESET, status=204)
    vendor.grant("token-2")

    await client.reset_alert(UID)

    assert bearers(vendor, RESET) == ["Bearer token-1", "Bearer token-2"]


async def test_acting_without_end(vendor, client):
    """
    A second 401 is a refusal.
    """
    vendor.post(RESET, status=401, payload=UNAUTHENTICATED, repeat=True)
    vendor.grant("token-2")

    with pytest.raises(Refused) as raised:
        await client.reset_alert(UID)

    assert raised.value.code == "UPSTREAM_UNAUTHENTICATED"
    assert vendor.count("POST", RESET) == 2


@pytest.mark.parametrize("after_401", [False, True])
async def test_acting_without_token(vendor, session, tokens, after_401):
    """
    Without a token nothing is sent, so nothing is done.
    """
    if after_401:
        vendor.grant()
        vendor.post(RESET, status=401, payload=UNAUTHENTICATED)
    vendor.post("/ws/oauth/token", status=401, payload={"error": "invalid_client"})
    client = NinjaOneClient(session, base_url="https://app.ninja.test", tokens=tokens)

    with pytest.raises(Refused) as raised:
        await client.reset_alert(UID)

    assert isinstance(raised.value.cause, IntegrationNotConfiguredError)


@pytest.mark.parametrize("uid", ["", "..", "a/b", "a?b", "ä", "x" * 65, f"{UID}\n"])
async def test_alert_uids(client, uid):
    """
    What cannot be an alert's uid, such as a path, is never sent.
    """
    with pytest.raises(Refused) as raised:
        await client.reset_alert(uid)

    assert isinstance(raised.value.cause, ValidationError)


async def test_reboot_arguments(client):
    """
    A mode or id that does not exist is never sent.
    """
    for arguments in ((7, "now"), (0, "NORMAL")):
        with pytest.raises(Refused) as raised:
            await client.reboot_device(*arguments)
        assert isinstance(raised.value.cause, ValidationError)


async def test_cancellation(vendor, client):
    """
    A cancelled call stays cancelled.
    """
    vendor.post(RESET, exception=asyncio.CancelledError())

    with pytest.raises(asyncio.CancelledError):
        await client.reset_alert(UID)


async def test_address(session, tokens):
    """
    A client is made for a fit address only.
    """
    with pytest.raises(IntegrationNotConfiguredError):
        NinjaOneClient(session, base_url="http://app.ninja.test", tokens=tokens)
