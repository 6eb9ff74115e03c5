import asyncio
import json

import aiohttp
import pytest

REBOOT = "/v2/device/101/reboot/NORMAL"


async def reboot(simulator, **options):
    return await simulator.call("POST", REBOOT, **options)


async def entries(simulator):
    _, journal = await simulator.control("GET", "journal")
    return [(entry["outcome"], entry["status"]) for entry in journal["entries"]]


async def test_health(simulator):
    """
    The health path answers as soon as the simulator serves.
    """
    assert await simulator.control("GET", "health") == (200, {"status": "ok"})


async def test_add_alert(simulator):
    """
    An added alert is in the list with its device, and has its TRIGGERED activity.
    """
    status, alert = await simulator.control(
        "POST", "alerts", json={"deviceId": 102, "severity": "MAJOR", "message": "Hot"}
    )
    _, alerts = await simulator.call("GET", "/v2/device/102/alerts")
    _, log = await simulator.call("GET", f"/v2/activities?seriesUid={alert['uid']}")

    assert status == 201
    assert (alert["createTime"], alert["device"]["id"]) == (simulator.clock.now, 102)
    assert alert in alerts
    assert [(row["statusCode"], row["severity"]) for row in log["activities"]] == [("TRIGGERED", "MAJOR")]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("alerts", {}),
        ("alerts", []),
        ("alerts", {"deviceId": 999}),
        ("alerts", {"deviceId": 101, "uid": "30185b9d-6ddf-5b7b-a974-fa7bc8041b30"}),
        ("devices/999", {"offline": True}),
        ("devices/x", {"offline": True}),
        ("devices/101", {"offline": 1}),
        ("devices/101", {"offline": True, "name": "x"}),
        ("devices/101", []),
        ("timing", []),
        ("timing", {"boot_seconds": 1}),
        ("timing", {"reboot_seconds": True}),
        ("timing", {"report_seconds": -1}),
        ("timing", {"clock_offset": 1e10}),
        ("timing", {"clock_offset": "1"}),
        ("faults", 5),
        ("faults", {"effect": {}}),
        ("faults", {"efect": {"status": 429}}),
        ("faults", {"path": "(", "effect": {"status": 429}}),
        ("faults", {"method": 1, "effect": {"status": 429}}),
        ("faults", {"times": 0, "effect": {"status": 429}}),
        ("faults", {"effect": {"status": 99}}),
        ("faults", {"effect": {"status": 429, "headers": {"Retry-After": 1}}}),
        ("faults", {"effect": {"html": 1}}),
        ("faults", {"effect": {"cut": "now"}}),
        ("faults", {"effect": {"truncate": "all"}}),
        ("faults", {"effect": {"content_type": 5}}),
        ("faults", {"skip": -1, "effect": {"status": 429}}),
        ("faults", {"share": 0, "effect": {"status": 429}}),
        ("faults", {"effect": {"hang_seconds": -1}}),
        ("faults", {"effect": {"hang_seconds": 1, "when": "never"}}),
    ],
)
async def test_bad_requests(simulator, path, body):
    """
    A control request that cannot be meant is refused with a reason.
    """
    status, answer = await simulator.control("POST", path, json=body)

    assert status == 400
    assert answer["error"]


async def test_fault_answer(simulator):
    """
    An answer fault keeps the request from being carried out, as often as the rule says.
    """
    rule = {
        "method": "POST",
        "path": "/reboot/",
        "times": 2,
        "effect": {"status": 429, "headers": {"Retry-After": "3"}, "body": {"error": "slow_down"}},
    }
    _, added = await simulator.control("POST", "faults", json=rule)
    _, listed = await simulator.control("GET", "faults")

    assert added == listed == {"faults": [{**rule, "id": 1}]}
    assert [await reboot(simulator), await reboot(simulator)] == [(429, {"error": "slow_down"})] * 2
    assert (await reboot(simulator))[0] == 204
    assert await entries(simulator) == [("fault", 429), ("fault", 429), ("done", 204)]


async def test_fault_html(simulator):
    """
    A gateway's page has status 502 unless the rule says another.
    """
    await simulator.control(
        "POST", "faults", json=[{"effect": {"html": True}}, {"effect": {"html": True, "status": 200}}]
    )

    for status in (502, 200):
        async with simulator.session.get(f"{simulator.url}/v2/devices") as response:
            assert (response.status, response.content_type) == (status, "text/html")
            assert (await response.text()).startswith("<!DOCTYPE html>")


async def test_fault_text(simulator):
    """
    A body that is a string is sent as plain text; the token endpoint can fail like any other.
    """
    await simulator.control("POST", "faults", json={"path": "token$", "effect": {"status": 503, "body": "down"}})

    async with simulator.session.post(f"{simulator.url}/ws/oauth/token") as response:
        assert (response.status, response.content_type, await response.text()) == (503, "text/plain", "down")


@pytest.mark.parametrize(("when", "expected"), [("before", [("fault", None)]), ("after", [("done", 204)])])
async def test_fault_cut(simulator, when, expected):
    """
    A cut connection leaves it to ``when`` whether the request was carried out.
    """
    token = await simulator.token()
    await simulator.control("POST", "faults", json={"path": "/reboot/", "effect": {"cut": when}})

    with pytest.raises(aiohttp.ClientConnectionError):
        await reboot(simulator, token=token)

    assert await entries(simulator) == expected
    assert len(simulator.state.pending_reboots) == (when == "after")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_fault_hang(simulator, when):
    """
    A client that waits long enough gets its answer.
    """
    await simulator.control("POST", "faults", json={"path": "/reboot/", "effect": {"hang_seconds": 0.01, "when": when}})

    assert (await reboot(simulator))[0] == 204
    assert await entries(simulator) == [("done", 204)]


@pytest.mark.parametrize(("when", "expected"), [("before", [("fault", None)]), ("after", [("done", 204)])])
async def test_client_gives_up(simulator, when, expected):
    """
    When the client gives up, a hang before acting leaves the request undone, one after acting has done it.
    """
    token = await simulator.token()
    await simulator.control("POST", "faults", json={"path": "/reboot/", "effect": {"hang_seconds": 600, "when": when}})

    with pytest.raises(TimeoutError):
        await reboot(simulator, token=token, timeout=aiohttp.ClientTimeout(total=0.1))
    async with asyncio.timeout(10):
        while await entries(simulator) != expected:
            pass

    assert len(simulator.state.pending_reboots) == (when == "after")


async def test_fault_cut_during(simulator):
    """
    The connection may break in the middle of an answer.
    """
    token = await simulator.token()
    await simulator.control("POST", "faults", json={"effect": {"cut": "during"}})

    with pytest.raises(aiohttp.ClientPayloadError):
        await simulator.call("GET", "/v2/devices", token=token)

    assert (await simulator.call("GET", "/v2/devices", token=token))[0] == 200


async def test_fault_truncated(simulator):
    """
    An answer may be half of itself: half the text, or half the rows of its list.
    """
    token = await simulator.token()
    rules = [{"effect": {"truncate": what}} for what in ("rows", "rows", "body")]
    await simulator.control("POST", "faults", json=rules)
    _, devices = await simulator.call("GET", "/v2/devices", token=token)
    _, found = await simulator.call("GET", "/v2/devices/search?q=203.0.113", token=token)
    with pytest.raises(ValueError, match="line 1 column"):
        await simulator.call("GET", "/v2/devices", token=token)

    assert (len(devices), len(found["devices"]), found["query"]) == (4, 4, "203.0.113")


async def test_fault_content_type(simulator):
    """
    An answer may be called something else than it is; an acting request has been done all the same.
    """
    token = await simulator.token()
    headers = {"Authorization": f"Bearer {token}"}
    rule = {"times": 2, "effect": {"content_type": "text/html"}}
    await simulator.control("POST", "faults", json=rule)
    async with simulator.session.get(f"{simulator.url}/v2/organizations", headers=headers) as response:
        assert response.content_type == "text/html"
        assert len(json.loads(await response.text())) == 3

    assert (await reboot(simulator, token=token))[0] == 204
    assert await entries(simulator) == [("done", 204)]


async def test_which_requests(simulator):
    """
    A rule may let some requests pass first, strike a share of the others, and have no end.
    """
    token = await simulator.token()
    rules = [
        {"path": "/alerts", "skip": 2, "effect": {"status": 500}},
        {"path": "/devices", "share": 0.5, "times": None, "effect": {"status": 502}},
    ]
    await simulator.control("POST", "faults", json=rules)
    alerts = [(await simulator.call("GET", "/v2/alerts", token=token))[0] for _ in range(4)]
    devices = [(await simulator.call("GET", "/v2/devices", token=token))[0] for _ in range(60)]
    _, left = await simulator.control("GET", "faults")

    assert alerts == [200, 200, 500, 200]
    assert 10 < devices.count(502) < 50
    assert left == {"faults": [{**rules[1], "id": 2}]}


async def test_enrol_and_delete(simulator):
    """
    A device can be enrolled and deleted; its alerts and what it was asked to do go with it, and the log tells.
    """
    status, device = await simulator.control("POST", "devices", json={"id": 900, "organizationId": 2, "tags": ["new"]})
    _, listed = await simulator.call("GET", "/v2/device/900")
    await reboot(simulator)
    deleted, _ = await simulator.control("DELETE", "devices/101")
    _, alerts = await simulator.call("GET", "/v2/alerts")
    _, log = await simulator.call("GET", "/v2/activities?type=SYSTEM&newerThan=5006")

    assert (status, deleted, device) == (201, 204, listed)
    assert (device["organizationId"], device["locationId"], device["tags"]) == (2, 21, ["new"])
    assert 101 not in [alert["deviceId"] for alert in alerts]
    assert simulator.state.pending_reboots == []
    assert [(row["statusCode"], row["deviceId"]) for row in log["activities"]] == [
        ("NODE_DELETED", 101),
        ("NODE_CREATED", 900),
    ]


async def test_add_activity(simulator):
    """
    Any activity can be made up.
    """
    status, activity = await simulator.control(
        "POST", "activities", json={"activityType": "SYSTEM", "statusCode": "USER_LOGGED_IN", "deviceId": 102}
    )
    _, log = await simulator.call("GET", "/v2/device/102/activities")

    assert (status, log["activities"][0]) == (201, activity)
    assert (activity["id"], activity["activityTime"]) == (5007, simulator.clock.now)


async def test_delete_faults(simulator):
    """
    Dropped rules do nothing.
    """
    await simulator.control("POST", "faults", json={"times": 5, "effect": {"status": 500}})
    await simulator.control("DELETE", "faults")

    assert (await reboot(simulator))[0] == 204


async def test_reset(simulator):
    """
    A reset goes back to the seed and keeps the tokens.
    """
    token = await simulator.token()
    await reboot(simulator, token=token)
    await simulator.control("POST", "alerts", json={"deviceId": 101})
    await simulator.control("POST", "faults", json={"effect": {"status": 500}})
    await simulator.control("POST", "timing", json={"report_seconds": 60})
    _, before = await simulator.control("GET", "state")
    status, _ = await simulator.control("POST", "reset")
    _, after = await simulator.control("GET", "state")

    assert status == 204
    assert [len(before[key]) for key in ("journal", "pending_reboots", "faults", "alerts")] == [1, 1, 1, 7]
    assert [len(after[key]) for key in ("journal", "pending_reboots", "faults", "alerts")] == [0, 0, 0, 6]
    assert [state["timing"]["report_seconds"] for state in (before, after)] == [60, 0]
    assert (await simulator.call("GET", "/v2/alerts", token=token))[0] == 200


async def test_state_has_no_secrets(simulator):
    """
    Neither state nor journal shows a token or a secret.
    """
    token = await simulator.token()
    await reboot(simulator, token=token)

    for path in ("state", "journal"):
        text = str(await simulator.control("GET", path))
        assert token not in text
        assert "full-secret" not in text
