import pytest

ALL = [101, 102, 103, 201, 202, 301, 302, 303, 304]


def ids(rows):
    return [row["id"] for row in rows]


async def quirk(simulator, **settings):
    status, _ = await simulator.control("POST", "quirks", json=settings)
    assert status == 200


@pytest.mark.parametrize("path", ["devices", "devices-detailed", "organizations", "locations"])
async def test_capped_pages(simulator, path):
    """
    A page may be shorter than was asked for, with more to come.
    """
    _, everything = await simulator.call("GET", f"/v2/{path}")
    await quirk(simulator, page_cap=2)
    _, first = await simulator.call("GET", f"/v2/{path}?pageSize=1000")
    _, second = await simulator.call("GET", f"/v2/{path}?pageSize=1000&after={first[-1]['id']}")

    assert first + second == everything[:4]


async def test_boundary_rows(simulator):
    """
    A page may begin with the last row of the one before.
    """
    await quirk(simulator, boundary_rows=True)
    _, first = await simulator.call("GET", "/v2/devices?pageSize=2")
    _, second = await simulator.call("GET", "/v2/devices?pageSize=3&after=102")
    _, stuck = await simulator.call("GET", "/v2/devices?pageSize=1&after=102")

    assert (ids(first), ids(second), ids(stuck)) == ([101, 102], [102, 103, 201], [102])


@pytest.mark.parametrize("bare", [False, True])
async def test_cursor(simulator, bare):
    """
    A report is paged by its cursor, an object or its name; the end is an empty page.
    """
    await quirk(simulator, bare_cursors=bare)
    rows, name = [], None
    for _ in range(4):
        query = {"pageSize": "3"} | ({} if name is None else {"cursor": name})
        _, page = await simulator.call("GET", "/v2/queries/operating-systems", params=query)
        name = page["cursor"] if bare else page["cursor"]["name"]
        rows.append([row["deviceId"] for row in page["results"]])
    simulator.clock.now += 600
    expired, _ = await simulator.call("GET", f"/v2/queries/operating-systems?cursor={name}")

    assert rows == [[101, 102, 103], [201, 202, 301], [302], []]
    assert expired == 400
    if not bare:
        assert page["cursor"] == {"name": name, "offset": 7, "count": 0, "expires": page["cursor"]["expires"]}


async def test_reports(simulator):
    """
    A report takes the device filter, but for its class; health counts the active alerts.
    """
    _, filtered = await simulator.call("GET", "/v2/queries/device-health?df=org%20%3D%203%20AND%20class%20%3D%20MAC")
    _, ill = await simulator.call("GET", "/v2/queries/device-health?health=NEEDS_ATTENTION")
    malformed, _ = await simulator.call("GET", "/v2/queries/device-health?df=class")
    await quirk(simulator, page_cap=1)
    _, capped = await simulator.call("GET", "/v2/queries/operating-systems?pageSize=50")

    assert [row["deviceId"] for row in filtered["results"]] == [301, 302, 303, 304]
    assert [(row["deviceId"], row["alertCount"]) for row in ill["results"]] == [
        (101, 1),
        (102, 1),
        (201, 1),
        (202, 1),
        (301, 1),
        (303, 1),
    ]
    assert (malformed, len(capped["results"])) == (500, 1)


@pytest.mark.parametrize("path", ["/v2/activities", "/v2/device/101/activities"])
async def test_bare_activities(simulator, path):
    """
    Some instances answer activities as a bare array.
    """
    _, usual = await simulator.call("GET", path)
    await quirk(simulator, bare_activities=True)

    assert await simulator.call("GET", path) == (200, usual["activities"])


async def test_capped_activities(simulator):
    """
    Activities can be capped, too.
    """
    await quirk(simulator, page_cap=2)
    _, answer = await simulator.call("GET", "/v2/activities?pageSize=100")

    assert ids(answer["activities"]) == [5006, 5005]


async def test_activities_in_time(simulator):
    """
    Activities can be asked for by moments; a moment that cannot be read is ignored.
    """
    now = simulator.clock.now
    _, late = await simulator.call("GET", f"/v2/activities?after={now - 100}")
    _, day = await simulator.call("GET", "/v2/activities?before=2023-11-12")
    _, moment = await simulator.call("GET", "/v2/activities?before=2023-11-14T21:30:00Z&after=2023-11-13T00:00:00Z")
    _, ignored = await simulator.call("GET", "/v2/activities?after=yesterday")

    assert ids(late["activities"]) == [5006]
    assert ids(day["activities"]) == [5001, 5000]
    assert ids(moment["activities"]) == [5004, 5003, 5002]
    assert len(ignored["activities"]) == 7


async def test_search_without_a_limit(simulator):
    """
    An instance may ignore the limit of a search.
    """
    await quirk(simulator, search_limit_ignored=True)
    _, found = await simulator.call("GET", "/v2/devices/search?q=203.0.113&limit=1")

    assert ids(found["devices"]) == ALL


async def test_organizations(simulator):
    """
    Organizations have a detailed form with their locations, which also stand by themselves.
    """
    _, rows = await simulator.call("GET", "/v2/organizations-detailed?pageSize=1")
    _, locations = await simulator.call("GET", "/v2/organization/1/locations")

    assert ids(rows) == [1]
    assert rows[0]["locations"] == locations
    assert ids(locations) == [11, 12]


async def test_stray_reboots(simulator):
    """
    Devices reboot that nobody asked to: as often as chance has it, in the past since the last look.
    """
    await simulator.control("POST", "timing", json={"stray_reboots_per_hour": 10})
    began = simulator.clock.now
    simulator.clock.now += 3600
    _, log = await simulator.call("GET", "/v2/activities?status=SYSTEM_REBOOTED")
    times = [row["activityTime"] for row in log["activities"]][::-1]
    by_device = {row["deviceId"]: row["activityTime"] for row in log["activities"][::-1]}

    assert 2 <= len(times) <= 20
    assert times == sorted(times)
    assert began < times[0] <= times[-1] <= simulator.clock.now
    for identity, at in by_device.items():
        assert (await simulator.call("GET", f"/v2/device/{identity}"))[1]["os"]["lastBootTime"] == at


async def test_late_reboots(simulator):
    """
    A reboot may come later than usual.
    """
    await simulator.control("POST", "timing", json={"reboot_spread_seconds": 1000})
    for device in (101, 102, 103, 201):
        await simulator.call("POST", f"/v2/device/{device}/reboot/NORMAL")
    delays = [pending["due"] - simulator.clock.now for pending in simulator.state.pending_reboots]

    assert all(30 <= delay <= 1030 for delay in delays)
    assert max(delays) - min(delays) > 50


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("quirks", {"page_cap": 0}),
        ("quirks", {"boundary_rows": 1}),
        ("quirks", {"script_answer": "soap"}),
        ("quirks", {"haste": True}),
        ("tokens", {"rotation": "sometimes"}),
        ("tokens", {"access_seconds": -1}),
        ("delivery", {"duplicates": -1}),
        ("delivery", {"lost_share": 1.5}),
        ("delivery", []),
        ("timing", {"stray_reboots_per_hour": 1e9}),
        ("applications", {}),
        ("applications", {"client_id": "a", "scopes": ["all"]}),
        ("applications", {"client_id": "a", "redirect_uris": "x"}),
        ("applications", {"client_id": "a", "client_secret": 5}),
        ("activities", {"activityType": "SYSTEM"}),
        ("activities", {"activityType": "SYSTEM", "statusCode": "NODE_UPDATED", "id": 5}),
        ("devices", {"id": 101, "organizationId": 1}),
        ("devices", {"id": 999, "organizationId": 9}),
        ("devices", {"id": 999}),
        ("devices", {"id": 999, "organizationId": 1, "name": "x"}),
        ("devices/101", {}),
        ("devices/101", {"id": 102}),
        ("devices/101", {"organizationId": 9}),
        ("devices/999/restart", {}),
    ],
)
async def test_bad_settings(simulator, path, body):
    """
    A setting that does not exist, or cannot have the value, is refused with a reason, and nothing changes.
    """
    _, before = await simulator.control("GET", "state")
    status, answer = await simulator.control("POST", path, json=body)
    _, after = await simulator.control("GET", "state")

    assert status == 400
    assert answer["error"]
    assert before == after
