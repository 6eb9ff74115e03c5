import pytest

from workflow_ninjaone.simulator.commands import SCRIPT_ANSWERS
from workflow_ninjaone.simulator.shapes import uid

RUN = "/v2/device/101/script/run"
SCRIPT = {"type": "SCRIPT", "id": 71, "parameters": "-Force", "runAs": "SYSTEM"}
ACTION = {"type": "ACTION", "uid": uid("action/flush-dns")}


async def results(simulator, device=101):
    _, log = await simulator.call("GET", f"/v2/device/{device}/activities?activityType=ACTION")
    return [(row["statusCode"], row.get("activityResult"), row["subject"]) for row in log["activities"]]


async def test_scripting_options(simulator):
    """
    A device is offered what its operating system can run: scripts by id, actions by uid; a switch nothing.
    """
    _, windows = await simulator.call("GET", "/v2/device/101/scripting/options")
    _, linux = await simulator.call("GET", "/v2/device/301/scripting/options")
    _, switch = await simulator.call("GET", "/v2/device/303/scripting/options")

    assert [script.get("id") for script in windows["scripts"]] == [71, 72, None]
    assert windows["scripts"][2]["uid"] == ACTION["uid"]
    assert [script.get("id") for script in linux["scripts"]] == [73, None]
    assert switch["scripts"] == []


async def test_run_script(simulator):
    """
    A script runs later, is a job until then, and its result is an activity of the same series.
    """
    await simulator.control("POST", "quirks", json={"script_answer": "jobUid"})
    _, answer = await simulator.call("POST", RUN, json=SCRIPT)
    _, jobs = await simulator.call("GET", "/v2/device/101/jobs")
    _, none = await simulator.call("GET", "/v2/jobs?jobType=SCRIPTING")
    before = await results(simulator)
    simulator.clock.now += 2
    _, after = await simulator.call("GET", "/v2/jobs")
    _, series = await simulator.call("GET", f"/v2/activities?seriesUid={answer['jobUid']}")

    assert [(job["uid"], job["jobStatus"]) for job in jobs] == [(answer["jobUid"], "START_REQUESTED")]
    assert before == [("START_REQUESTED", None, "Clear temporary files")]
    assert (none, after) == ([], [])
    assert [(row["statusCode"], row["data"]) for row in series["activities"]] == [
        ("COMPLETED", {"exitCode": 0}),
        ("START_REQUESTED", {"parameters": "-Force", "runAs": "SYSTEM"}),
    ]


async def test_answers_by_turns(simulator):
    """
    The answer has another shape each time; what it says is what was asked for.
    """
    answers = [await simulator.call("POST", RUN, json=ACTION) for _ in SCRIPT_ANSWERS]
    _, log = await simulator.call("GET", "/v2/device/101/activities?activityType=ACTION")
    asked = log["activities"][::-1]
    number, identity, activity, job, series, (status, nothing) = answers

    assert number == (200, asked[0]["id"])
    assert identity == (200, {"id": asked[1]["id"]})
    assert activity == (200, {"activityId": asked[2]["id"]})
    assert job == (200, {"jobUid": asked[3]["seriesUid"]})
    assert series == (200, asked[4]["seriesUid"])
    assert (status, nothing) == (204, None)


async def test_script_that_fails(simulator):
    """
    A script can fail; one on a device that is offline runs when the device is back.
    """
    await simulator.control("POST", "quirks", json={"script_result": "FAILURE"})
    await simulator.call("POST", "/v2/device/202/script/run", json=SCRIPT)
    simulator.clock.now += 3000
    waiting = await results(simulator, 202)
    await simulator.control("POST", "devices/202", json={"offline": False})
    done = await results(simulator, 202)

    assert [code for code, *_ in waiting] == ["START_REQUESTED"]
    assert done[0] == ("COMPLETED", "FAILURE", "Clear temporary files")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**SCRIPT, "scriptId": 71}, 400),
        ({"id": 71}, 400),
        ({**SCRIPT, "type": "BATCH"}, 400),
        ({**SCRIPT, "parameters": ["-Force"]}, 400),
        ({**SCRIPT, "id": 999}, 404),
        ({"type": "ACTION", "uid": "x"}, 404),
        ({"type": "SCRIPT", "uid": ACTION["uid"]}, 404),
    ],
)
async def test_refused(simulator, body, status):
    """
    What names no script, or has a field that is unknown, is refused and not done.
    """
    answered, answer = await simulator.call("POST", RUN, json=body)
    _, journal = await simulator.control("GET", "journal?kind=script")

    assert (answered, answer["resultCode"]) == (status, "FAILURE")
    assert [entry["outcome"] for entry in journal["entries"]] == ["refused"]
    assert await results(simulator) == []


async def test_scripts_need_a_user(simulator):
    """
    Some instances run scripts for users only, and fail with 500 for anyone else.
    """
    await simulator.control("POST", "quirks", json={"scripts_need_user": True})
    status, body = await simulator.call("POST", RUN, json=SCRIPT)

    assert (status, body["errorMessage"]) == (500, "java.lang.NullPointerException")


async def test_maintenance(simulator):
    """
    Maintenance is planned, begins and ends by the clock; it is given in milliseconds or ISO 8601, and told in seconds.
    """
    now = simulator.clock.now
    times = {"start": (now + 100) * 1000, "end": "2023-11-14T23:00:00Z"}
    status, _ = await simulator.call(
        "PUT", "/v2/device/101/maintenance", json={**times, "disabledFeatures": ["ALERTS"]}
    )
    seen = []
    for step in (0, 100, 10_000):
        simulator.clock.now += step
        _, device = await simulator.call("GET", "/v2/device/101")
        seen.append(device.get("maintenance"))

    assert status == 204
    assert seen == [
        {"status": "PENDING", "start": now + 100, "end": 1_700_002_800.0},
        {"status": "IN_MAINTENANCE", "start": now + 100, "end": 1_700_002_800.0},
        None,
    ]


async def test_maintenance_cancelled(simulator):
    """
    Without an end it lasts until it is cancelled.
    """
    await simulator.call("PUT", "/v2/device/101/maintenance", json={"reasonMessage": "patches"})
    _, during = await simulator.call("GET", "/v2/device/101")
    status, _ = await simulator.call("DELETE", "/v2/device/101/maintenance")
    _, after = await simulator.call("GET", "/v2/device/101")

    assert during["maintenance"] == {
        "status": "IN_MAINTENANCE",
        "start": simulator.clock.now,
        "reasonMessage": "patches",
    }
    assert (status, "maintenance" in after) == (204, False)


@pytest.mark.parametrize(
    "body",
    [{"end": 5}, {"disabledFeatures": ["SLEEP"]}, {"start": "soon"}, {"until": 5}, {"start": 2e12, "end": 19e11}],
)
async def test_bad_maintenance(simulator, body):
    """
    A window that cannot be is refused.
    """
    assert (await simulator.call("PUT", "/v2/device/101/maintenance", json=body))[0] == 400


async def test_custom_fields(simulator):
    """
    Custom fields are a flat map; what is not named stays, and null removes.
    """
    path = "/v2/device/101/custom-fields"
    _, none = await simulator.call("GET", path)
    await simulator.call("PATCH", path, json={"warranty": "2027-01-01", "floor": 3})
    status, _ = await simulator.call("PATCH", path, json={"floor": None, "room": "B"})
    _, fields = await simulator.call("GET", f"{path}?withInheritance=true")

    assert (none, status, fields) == ({}, 204, {"warranty": "2027-01-01", "room": "B"})


async def test_library(simulator):
    """
    The account's scripts are listed without the built-in actions.
    """
    _, scripts = await simulator.call("GET", "/v2/automation/scripts")

    assert [script["id"] for script in scripts] == [71, 72, 73]


async def test_not_simulated(simulator):
    """
    What the vendor has and the simulator has not is nobody's answer.
    """
    status, body = await simulator.call("GET", "/v2/policies")

    assert (status, body["errorMessage"]) == (501, "GET /v2/policies is not simulated")
