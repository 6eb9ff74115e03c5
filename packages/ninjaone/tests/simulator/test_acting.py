from email.utils import parsedate_to_datetime

import pytest

from workflow_ninjaone.simulator.shapes import uid

DISK = uid("alert/dc01-disk")
JSON = {"Content-Type": "application/json"}


async def newest_activity(simulator):
    _, body = await simulator.call("GET", "/v2/activities")
    return body["activities"][0]


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("DELETE", f"/v2/alert/{DISK}", {}),
        ("POST", f"/v2/alert/{DISK}/reset", {"json": {"note": "seen"}}),
        ("POST", f"/api/v2/alert/{DISK}/reset", {"json": {}}),
        ("POST", f"/v2/alert/{DISK}/reset", {}),
    ],
)
async def test_reset(simulator, method, path, options):
    """
    A reset alert is gone from the list, its series ends with RESET, and a second reset finds nothing.
    """
    status, body = await simulator.call(method, path, **options)
    _, alerts = await simulator.call("GET", "/v2/alerts")
    activity = await newest_activity(simulator)
    again, _ = await simulator.call(method, path, **options)

    assert (status, body, again) == (204, None, 404)
    assert DISK not in [alert["uid"] for alert in alerts]
    assert (activity["statusCode"], activity["seriesUid"], activity["deviceId"]) == ("RESET", DISK, 101)
    assert activity["data"] == options.get("json", {})


async def test_reboot(simulator):
    """
    A reboot is taken at once and happens later: a new boot time and an activity.
    """
    _, before = await simulator.call("GET", "/v2/device/101")
    status, _ = await simulator.call("POST", "/v2/device/101/reboot/NORMAL", json={"reason": "patches"})
    asked_at = simulator.clock.now
    simulator.clock.now += 29
    _, meanwhile = await simulator.call("GET", "/v2/device/101")
    simulator.clock.now += 5
    _, after = await simulator.call("GET", "/v2/device/101")
    activity = await newest_activity(simulator)

    assert status == 204
    assert before["os"]["lastBootTime"] == meanwhile["os"]["lastBootTime"]
    assert after["os"]["lastBootTime"] == after["lastContact"] == asked_at + 30
    assert (activity["activityType"], activity["statusCode"]) == ("SYSTEM", "SYSTEM_REBOOTED")
    assert (activity["deviceId"], activity["activityTime"]) == (101, asked_at + 30)


async def test_reboot_offline(simulator):
    """
    A device that is offline takes the command, and reboots when it is back.
    """
    status, _ = await simulator.call("POST", "/v2/device/202/reboot/FORCED")
    simulator.clock.now += 3000
    _, state = await simulator.control("GET", "state")
    _, device = await simulator.control("POST", "devices/202", json={"offline": False})
    _, after = await simulator.call("GET", "/v2/device/202")

    assert status == 204
    assert [reboot["deviceId"] for reboot in state["pending_reboots"]] == [202]
    assert device["offline"] is after["offline"] is False
    assert after["os"]["lastBootTime"] == simulator.clock.now
    assert (await newest_activity(simulator))["activityTime"] == simulator.clock.now


async def test_reboot_that_is_reported_late(simulator):
    """
    It happens, shows later, and then with the time at which it happened.
    """
    await simulator.control("POST", "timing", json={"reboot_seconds": 10, "report_seconds": 600})
    _, before = await simulator.call("GET", "/v2/device/101")
    await simulator.call("POST", "/v2/device/101/reboot/NORMAL")
    asked_at = simulator.clock.now
    simulator.clock.now += 605
    _, meanwhile = await simulator.call("GET", "/v2/device/101")
    quiet = await newest_activity(simulator)
    simulator.clock.now += 10
    _, after = await simulator.call("GET", "/v2/device/101")

    assert before["os"]["lastBootTime"] == meanwhile["os"]["lastBootTime"]
    assert quiet["statusCode"] == "START_REQUESTED"
    assert after["os"]["lastBootTime"] == (await newest_activity(simulator))["activityTime"] == asked_at + 10


async def test_another_clock(simulator):
    """
    Records and the Date of every answer show the account's clock.
    """
    _, timing = await simulator.control("POST", "timing", json={"clock_offset": -7200})
    await simulator.call("POST", "/v2/device/101/reboot/NORMAL")
    async with simulator.session.get(f"{simulator.url}/_simulator/state") as response:
        shown = parsedate_to_datetime(response.headers["Date"]).timestamp()
        now = (await response.json())["now"]

    assert (timing["reboot_seconds"], timing["report_seconds"], timing["clock_offset"]) == (30, 0, -7200)
    assert now == simulator.clock.now - 7200
    assert shown == int(now)
    assert (await newest_activity(simulator))["activityTime"] == now


@pytest.mark.parametrize(
    ("path", "options", "status", "message"),
    [
        ("/v2/device/101/reboot/NOW", {}, 404, "HTTP 404"),
        ("/v2/device/999/reboot/NORMAL", {}, 404, "HTTP 404"),
        ("/v2/device/101/reboot/NORMAL", {"json": {"why": "x"}}, 400, "Unrecognized field"),
        ("/v2/device/101/reboot/NORMAL", {"json": {"reason": 5}}, 400, "Cannot deserialize"),
        ("/v2/device/101/reboot/NORMAL", {"json": []}, 400, "Unable"),
        (
            "/v2/device/101/reboot/NORMAL",
            {"data": b"{", "headers": {"Content-Type": "application/json"}},
            400,
            "Unable",
        ),
        ("/v2/device/101/reboot/NORMAL", {"data": {"reason": "x"}}, 415, "HTTP 415"),
        (f"/v2/alert/{DISK}/reset", {"json": [1]}, 400, "Unable"),
        ("/v2/alert/unknown/reset", {"json": {}}, 404, "HTTP 404"),
    ],
)
async def test_refused(simulator, path, options, status, message):
    """
    What the vendor refuses is not done, and journaled as refused.
    """
    answered, body = await simulator.call("POST", path, **options)
    _, journal = await simulator.control("GET", "journal")
    _, state = await simulator.control("GET", "state")

    assert status == answered
    assert body["errorMessage"].startswith(message)
    assert [(entry["outcome"], entry["status"]) for entry in journal["entries"]] == [("refused", status)]
    assert (state["pending_reboots"], len(state["alerts"])) == ([], 6)


async def test_journal(simulator):
    """
    The journal holds every acting request in order, who made it, and what came of it; reads are not in it.
    """
    simulator.clock.now = 1_800_000_000.5
    await simulator.call("GET", "/v2/alerts")
    await simulator.call("POST", "/v2/device/101/reboot/NORMAL", json={"reason": "patches"})
    await simulator.call("DELETE", f"/v2/alert/{DISK}")
    async with simulator.session.post(f"{simulator.url}/v2/device/101/reboot/FORCED"):
        pass  # without a token

    _, journal = await simulator.control("GET", "journal")
    _, resets = await simulator.control("GET", "journal?kind=alert_reset")

    at = 1_800_000_000.5
    assert journal["entries"] == [
        {
            "seq": 1,
            "at": at,
            "kind": "reboot",
            "outcome": "done",
            "method": "POST",
            "path": "/v2/device/101/reboot/NORMAL",
            "device_id": 101,
            "uid": None,
            "body": {"reason": "patches"},
            "status": 204,
            "fault": None,
            "client_id": "full-client",
        },
        {
            "seq": 2,
            "at": at,
            "kind": "alert_reset",
            "outcome": "done",
            "method": "DELETE",
            "path": f"/v2/alert/{DISK}",
            "device_id": None,
            "uid": DISK,
            "body": None,
            "status": 204,
            "fault": None,
            "client_id": "full-client",
        },
        {
            "seq": 3,
            "at": at,
            "kind": "reboot",
            "outcome": "refused",
            "method": "POST",
            "path": "/v2/device/101/reboot/FORCED",
            "device_id": 101,
            "uid": None,
            "body": None,
            "status": 401,
            "fault": None,
            "client_id": None,
        },
    ]
    assert resets["entries"] == journal["entries"][1:2]
