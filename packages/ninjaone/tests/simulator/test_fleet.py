import json
import tracemalloc

import pytest

from workflow_ninjaone.simulator import ApiApplication, Seed, SimulatorState
from workflow_ninjaone.simulator.fleet import FIRST_DEVICE, FIRST_ORGANIZATION

APP = ApiApplication("id", "secret")


def ids(rows):
    return [row["id"] for row in rows]


async def fleet(simulator):
    """The whole fleet, page by page."""
    token, after, rows = await simulator.token(), 0, []
    while True:
        _, page = await simulator.call("GET", f"/v2/devices-detailed?pageSize=1000&after={after}", token=token)
        if not page:
            return rows
        rows += page
        after = page[-1]["id"]


async def test_pages(simulator):
    """
    A fleet of any size comes in pages beside the seed's devices, with every class of device, and is the same again.
    """
    _, grown = await simulator.control("POST", "fleet", json={"devices": 2500})
    first, second = await fleet(simulator), await fleet(simulator)
    classes = {row["nodeClass"] for row in first}

    assert grown == {"devices": 2509}
    assert len(first) == 2509
    assert ids(first) == sorted(set(ids(first)))
    assert first == second
    assert len(classes) == 33
    assert sum(row["offline"] for row in first[9:]) == 125


async def test_fifty_thousand(simulator):
    """
    Fifty thousand devices take no memory until they are looked at, and all fifty pages are there.
    """
    tracemalloc.start()
    try:
        await simulator.control("POST", "fleet", json={"devices": 50_000})
        before, _ = tracemalloc.get_traced_memory()
        _, page = await simulator.call("GET", "/v2/devices?pageSize=1000&after=200000")
        del page
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    state = simulator.state

    assert len(state.devices) == 50_009
    assert before < 20_000_000
    assert peak - before < 30_000_000
    assert after - before < 5_000_000
    assert sum(1 for _ in state.devices.ids_after(0)) == 50_009


async def test_single_devices(simulator):
    """
    A generated device is the same in every form and place, whatever its class.
    """
    await simulator.control("POST", "fleet", json={"devices": 100})
    _, short = await simulator.call("GET", "/v2/devices?after=1000")
    _, of_one = await simulator.call("GET", f"/v2/organization/{FIRST_ORGANIZATION}/devices")
    _, found = await simulator.call("GET", f"/v2/devices/search?q=SN{FIRST_DEVICE:08d}")
    _, by_name = await simulator.call("GET", f"/v2/devices/search?q=DEV-{FIRST_DEVICE}")

    assert short == of_one
    assert len(short) == 100
    assert found["devices"] == []  # serial numbers are not searched
    assert ids(by_name["devices"]) == [FIRST_DEVICE]
    for row in short[:40]:
        _, single = await simulator.call("GET", f"/v2/device/{row['id']}")
        assert row.items() <= single.items()


async def test_filter(simulator):
    """
    The filter selects from a fleet as from other devices, page by page.
    """
    await simulator.control("POST", "fleet", json={"devices": 500})
    df = f"org = {FIRST_ORGANIZATION + 4} AND class in (WINDOWS_SERVER,MAC)"
    _, page = await simulator.call("GET", "/v2/devices", params={"df": df, "pageSize": "5"})
    _, rest = await simulator.call("GET", "/v2/devices", params={"df": df, "after": str(page[-1]["id"])})
    _, new = await simulator.call("GET", "/v2/devices", params={"df": "created after 2023-11-14"})
    _, old = await simulator.call("GET", "/v2/devices", params={"df": "created before 2023-11-14"})

    assert len(page) == 5
    assert {row["nodeClass"] for row in page + rest} == {"WINDOWS_SERVER", "MAC"}
    assert {row["organizationId"] for row in page + rest} == {FIRST_ORGANIZATION + 4}
    assert (len(new), len(old)) == (0, 509)


async def test_what_happens_to_one(simulator):
    """
    What happens to a generated device stays: it moves, is renamed, reboots, is deleted and enrolled again.
    """
    await simulator.control("POST", "fleet", json={"devices": 10})
    first, second, third = FIRST_DEVICE, FIRST_DEVICE + 3, FIRST_DEVICE + 6
    await simulator.control("POST", f"devices/{first}", json={"organizationId": 2, "displayName": "moved"})
    await simulator.control("POST", f"devices/{second}/restart")
    await simulator.control("DELETE", f"devices/{third}")
    _, rows = await simulator.call("GET", "/v2/devices?after=1000")
    gone, _ = await simulator.call("GET", f"/v2/device/{third}")
    _, back = await simulator.control("POST", "devices", json={"id": third, "organizationId": 1})
    _, state = await simulator.control("GET", "state")
    async with simulator.session.get(f"{simulator.url}/_simulator/devices?after=1000") as response:
        lines = [json.loads(line) for line in (await response.text()).splitlines()]

    assert third not in ids(rows)
    assert gone == 404
    assert (rows[0]["displayName"], rows[0]["organizationId"]) == ("moved", 2)
    assert lines[1]["os"]["lastBootTime"] == simulator.clock.now
    assert (back["organizationId"], ids(lines)) == (1, list(range(FIRST_DEVICE, FIRST_DEVICE + 30, 3)))
    assert ids(state["devices"])[9:] == [first, second, third]  # the others are as they were made


def test_restart(tmp_path):
    """
    A fleet and what happened to it survive a restart.
    """
    path = tmp_path / "state.json"
    first = SimulatorState(applications=[APP], seed=Seed(), fleet=1000, state_file=path, clock=lambda: 1e9)
    first.change_device(FIRST_DEVICE, {"tags": ["a"]})
    first.delete_device(FIRST_DEVICE + 3)

    second = SimulatorState(applications=[APP], seed=Seed(), state_file=path, clock=lambda: 2e9)

    assert list(second.devices.values()) == list(first.devices.values())
    assert second.organizations == first.organizations
    assert (len(second.devices), path.stat().st_size < 20_000) == (999, True)


async def test_another_fleet(simulator):
    """
    Another fleet takes the place of the one before, with all that was about it; the seed's devices stay.
    """
    last = FIRST_DEVICE + 9 * 3
    await simulator.control("POST", "fleet", json={"devices": 10})
    await simulator.control("POST", "alerts", json={"deviceId": last})
    for device in (101, last):
        await simulator.call("POST", f"/v2/device/{device}/reboot/NORMAL")
    await simulator.control("POST", "fleet", json={"devices": 5})
    simulator.clock.now += 60
    _, devices = await simulator.call("GET", "/v2/devices")
    _, alerts = await simulator.call("GET", "/v2/alerts")
    _, reboots = await simulator.call("GET", "/v2/activities?status=SYSTEM_REBOOTED")

    assert len(devices) == 9 + 5
    assert len(alerts) == 6
    assert [row["deviceId"] for row in reboots["activities"]] == [101]


@pytest.mark.parametrize("body", [{}, {"devices": -1}, {"devices": 10**9}, {"devices": True}, {"size": 1}])
async def test_bad_size(simulator, body):
    """
    A size that cannot be meant is refused.
    """
    assert (await simulator.control("POST", "fleet", json=body))[0] == 400
