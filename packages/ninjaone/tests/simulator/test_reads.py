import pytest

from workflow_ninjaone.simulator.filters import MalformedFilterError, parse_filter
from workflow_ninjaone.simulator.shapes import uid

ALL = [101, 102, 103, 201, 202, 301, 302, 303, 304]


def ids(rows):
    return [row["id"] for row in rows]


@pytest.mark.parametrize("prefix", ["/v2", "/api/v2"])
async def test_prefixes(simulator, prefix):
    """
    The API answers under both prefixes that are in use.
    """
    status, rows = await simulator.call("GET", f"{prefix}/devices")

    assert (status, ids(rows)) == (200, ALL)


async def test_device_forms(simulator):
    """
    A list has the short form, the detailed list and the single call the full one; times are epoch seconds.
    """
    _, short = await simulator.call("GET", "/v2/devices?pageSize=1")
    _, detailed = await simulator.call("GET", "/v2/devices-detailed?pageSize=1")
    _, single = await simulator.call("GET", "/v2/device/101")

    assert "os" not in short[0]
    assert "memory" not in short[0]
    assert detailed[0] == single
    assert single["memory"] == {"capacity": 64 * 1024**3}
    assert single["os"]["lastBootTime"] == simulator.clock.now - 34 * 24 * 3600
    assert short[0].items() <= single.items()


async def test_pages(simulator):
    """
    ``after`` is the last id, ``pageSize`` the number of rows; the end is an empty list.
    """
    pages = [
        ids((await simulator.call("GET", f"/v2/devices?pageSize=4&after={after}"))[1]) for after in (0, 201, 303, 304)
    ]

    assert pages == [[101, 102, 103, 201], [202, 301, 302, 303], [304], []]


async def test_unknown_parameters(simulator):
    """
    An unknown query parameter is ignored: the whole fleet comes back.
    """
    _, rows = await simulator.call("GET", "/v2/devices?organizationId=1&nodeClass=MAC")

    assert ids(rows) == ALL


@pytest.mark.parametrize(
    ("df", "expected"),
    [
        ("org = 1", [101, 102, 103]),
        ("org=1 AND class=WINDOWS_SERVER", [101]),
        ("class in (MAC, LINUX_SERVER)", [103, 301]),
        ("class notin (WINDOWS_SERVER,WINDOWS_WORKSTATION) AND org neq 3", [103]),
        ("id in(101,304)", [101, 304]),
        ("id=42", []),
        ("offline", [202]),
        ("online AND org eq 2", [201]),
        ("status eq APPROVED AND id != 101 AND loc = 11", [102]),
    ],
)
async def test_filter(simulator, df, expected):
    """
    ``df`` is the vendor's grammar.
    """
    status, rows = await simulator.call("GET", "/v2/devices", params={"df": df})

    assert (200, expected) == (status, ids(rows))


@pytest.mark.parametrize(
    "df", ["NWD-DC01", "org", "org = x", "location = 1", "org = 1 and id = 2", "org=1 OR id=2", "class in ()", "eq1"]
)
async def test_malformed_filter(simulator, df):
    """
    A filter outside the grammar gives 500.
    """
    status, body = await simulator.call("GET", "/v2/devices", params={"df": df})

    assert (status, body["resultCode"]) == (500, "FAILURE")
    with pytest.raises(MalformedFilterError):
        parse_filter(df)


async def test_search(simulator):
    """
    Free text finds names, addresses and users, with score and the attribute that matched.
    """
    _, by_name = await simulator.call("GET", "/v2/devices/search?q=nwd-&limit=2")
    _, by_address = await simulator.call("GET", "/v2/devices/search?q=10.3.0.5")
    _, by_user = await simulator.call("GET", "/v2/devices/search?q=becker")

    assert (by_name["query"], ids(by_name["devices"])) == ("nwd-", [101, 102])
    assert by_address["devices"][0]["matchAttr"] == "ipAddresses"
    assert ids(by_address["devices"]) == [301]
    assert by_user["devices"][0]["id"] == 202
    assert "os" not in by_user["devices"][0]


async def test_organizations(simulator):
    """
    Organizations are paged; a single one has its locations.
    """
    _, rows = await simulator.call("GET", "/v2/organizations?pageSize=2")
    _, last = await simulator.call("GET", "/v2/organizations?pageSize=2&after=2")
    _, single = await simulator.call("GET", "/v2/organization/1")
    _, devices = await simulator.call("GET", "/v2/organization/3/devices?pageSize=2&after=301")
    _, locations = await simulator.call("GET", "/v2/locations?after=12")

    assert [row["name"] for row in rows + last] == ["Northwind Dental", "Contoso Legal", "Fabrikam Logistics"]
    assert ids(single["locations"]) == [11, 12]
    assert ids(devices) == [302, 303]
    assert [(row["id"], row["organizationId"]) for row in locations] == [(21, 2), (31, 3)]


async def test_alerts(simulator):
    """
    Alerts come in one piece whatever the query says; the newest is critical and on a Windows server.
    """
    _, alerts = await simulator.call("GET", "/v2/alerts?pageSize=1&limit=1")
    newest = max(alerts, key=lambda alert: alert["createTime"])
    bare = next(alert for alert in alerts if alert["uid"] == uid("alert/reception-custom-field"))

    assert len(alerts) == 6
    assert newest["uid"] == uid("alert/dc01-disk") == "30185b9d-6ddf-5b7b-a974-fa7bc8041b30"
    assert (newest["severity"], newest["priority"]) == ("CRITICAL", "HIGH")
    assert newest["device"]["nodeClass"] == "WINDOWS_SERVER"
    assert newest["createTime"] == simulator.clock.now - 90.5
    assert not {"severity", "priority", "sourceType", "device"} & set(bare)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/alerts?sourceType=AGENT_OFFLINE", [202]),
        ("/v2/alerts?df=org%20%3D%203", [301, 303]),
        ("/v2/device/101/alerts", [101]),
        ("/v2/device/304/alerts", []),
    ],
)
async def test_some_alerts(simulator, path, expected):
    """
    Alerts can be narrowed by their source, by a device filter, and to one device.
    """
    _, alerts = await simulator.call("GET", path)

    assert [alert["deviceId"] for alert in alerts] == expected


async def test_activities(simulator):
    """
    Activities come newest first; the borders are ids, and a page has at least ten rows.
    """
    _, all_of_them = await simulator.call("GET", "/v2/activities?pageSize=1")
    _, older = await simulator.call("GET", "/v2/activities?olderThan=5002")
    _, newer = await simulator.call("GET", "/v2/activities?newerThan=5004&class=DEVICE")
    _, series = await simulator.call("GET", f"/v2/activities?seriesUid={uid('alert/dc01-disk')}")
    _, system = await simulator.call("GET", "/v2/activities?type=SYSTEM&status=NODE_CREATED")
    _, device = await simulator.call("GET", "/v2/device/301/activities?activityType=CONDITION")

    assert ids(all_of_them["activities"]) == [5006, 5005, 5004, 5003, 5002, 5001, 5000]
    assert all_of_them["lastActivityId"] == 5006
    assert ids(older["activities"]) == [5001, 5000]
    assert ids(newer["activities"]) == [5006, 5005]
    assert ids(series["activities"]) == [5006]
    assert ids(system["activities"]) == [5000]
    assert (ids(device["activities"]), device["lastNodeActivityId"]) == ([5003], 5003)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/device/999", 404),
        ("GET", "/v2/device/abc", 404),
        ("GET", "/v2/device/999/alerts", 404),
        ("GET", "/v2/organization/9", 404),
        ("GET", "/v2/organization/9/devices", 404),
        ("POST", "/v2/device/101/control/reboot", 404),
        ("GET", "/v1/devices", 404),
        ("GET", "/v2/devices?pageSize=many", 404),
        ("POST", "/v2/alerts", 405),
    ],
)
async def test_not_there(simulator, method, path, status):
    """
    Unknown records, paths and methods are answered in the vendor's shape.
    """
    answered, body = await simulator.call(method, path)

    assert (status, "FAILURE") == (answered, body["resultCode"])
    assert body["errorMessage"].startswith(f"HTTP {status}")
    assert body["incidentId"].startswith("WEB_MGMT_SERVICE-")
