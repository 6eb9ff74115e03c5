"""The whole fleet as assets: real PostgreSQL, and a simulator that fails."""

import asyncio
import os
import random

import pytest

from workflow_core.errors import TransientError
from workflow_core.records import rmm
from workflow_core.records.assets import Device
from workflow_core.records.devices import unseen_devices, upsert_devices
from workflow_ninjaone import fleet
from workflow_ninjaone.actions import access
from workflow_ninjaone.actions.normalise import reported_device
from workflow_ninjaone.client import RetryPolicy
from workflow_ninjaone.client.models import parse_device

FULL, INCREMENTAL = "ninjaone.sync_devices", "ninjaone.refresh_devices"

ASSETS = """
SELECT a.rmm_device_id, a.name, a.asset_type, a.status, a.rmm_organization_id, a.serial_number, a.agent_status,
       a.client_id, m.sync_status
FROM (SELECT *, asset_id::text AS entity_id FROM assets) a
JOIN tenant_external_entity_mappings m ON m.alga_entity_id = a.entity_id
"""


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Nobody waits, and pages are small."""

    async def at_once(_seconds):
        await asyncio.sleep(0)

    monkeypatch.setattr(access, "_PATIENT", RetryPolicy(tries=8, patient=True, sleep=at_once))
    monkeypatch.setattr(fleet, "PAGE", 50)


async def assets(account):
    """By device id."""
    rows = await account.rows(ASSETS)
    found = {int(row["rmm_device_id"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def expected(account):
    """What the simulator's devices are as assets."""
    found = {}
    for identity in account.simulator.state.devices:
        device = reported_device(parse_device(account.simulator.state.devices[identity]))
        found[identity] = {
            "name": device.name,
            "asset_type": device.type,
            "rmm_organization_id": device.organization_id,
            "serial_number": device.serial_number,
            "agent_status": device.agent_status,
        }
    return found


def same(assets, wanted):
    """Whether the active assets are exactly these."""
    active = {identity: row for identity, row in assets.items() if row["status"] == "active"}
    assert active.keys() == wanted.keys()
    for identity, values in wanted.items():
        assert values.items() <= active[identity].items()


async def test_all_classes(account):
    """Each of the vendor's 33 classes has a type here, and the row of the table of that type."""
    await account.simulator.control("POST", "fleet", json={"devices": 99})
    client_id = await account.client("Northwind", 1)
    result = await account.run_job(FULL)
    found = await assets(account)
    same(found, expected(account))
    assert result == {"devices": 108, "created": 108, "retired": 0}
    assert {row["asset_type"] for row in found.values()} == {
        *("workstation", "server", "network_device", "mobile_device", "unknown"),
    }
    assert {row["client_id"] for row in found.values() if row["rmm_organization_id"] == "1"} == {client_id}
    (phone,) = await account.rows("SELECT * FROM mobile_device_assets WHERE os_type = 'android' LIMIT 1")
    assert (phone["model"], phone["carrier"]) == ("SM-S911B", "Example Mobile")
    server = await account.one(
        "SELECT s.* FROM server_assets s JOIN assets a USING (asset_id) WHERE a.name = 'NWD-DC01'"
    )
    assert server["uptime_seconds"] == pytest.approx(34 * 86400, abs=60)
    row = await account.one("SELECT sync_status, sync_error, last_full_sync_at FROM rmm_integrations")
    assert (row["sync_status"], row["sync_error"]) == ("completed", None)
    assert row["last_full_sync_at"] is not None
    names = await account.rows("SELECT external_organization_name FROM rmm_organization_mappings")
    assert {"Northwind Dental"} <= {row["external_organization_name"] for row in names} or len(names) > 1


async def test_gone_and_back(account):
    """A device that NinjaOne has no more becomes inactive; one that comes back is the same asset, and active."""
    await account.run_job(FULL)
    before = await account.one("SELECT asset_id FROM assets WHERE rmm_device_id = '101'")
    record = dict(account.simulator.state.devices[101])
    account.simulator.state.delete_device(101)
    for job in (INCREMENTAL, FULL):
        result = await account.run_job(job)
        gone = (await assets(account))[101]
        assert (gone["status"], gone["agent_status"], gone["sync_status"]) == ("inactive", "offline", "deleted")
        assert result["retired"] == (job == INCREMENTAL)
        assert (await account.json("devices.find", device_id=101))["devices"] == []
    account.simulator.state.devices[101] = record
    await account.run_job(INCREMENTAL)
    back = await account.one("SELECT asset_id, status FROM assets WHERE rmm_device_id = '101'")
    assert back == {**before, "status": "active"}


async def test_moved_to_another_organization(account):
    """It is the other organization's client's from then on; mapped to nobody, it is nobody's."""
    first = await account.client("First", 1)
    await account.run_job(FULL)
    second = await account.client("Second", 2)
    account.simulator.state.change_device(101, {"organizationId": 2})
    assert (await assets(account))[101]["client_id"] == first
    await account.run_job(INCREMENTAL)
    assert (await assets(account))[101]["client_id"] == second
    async with account.db.tenant(account.tenant) as conn:
        await rmm.map_organization(conn, account.tenant, account.integration_id, "2", client_id=first)
    assert (await assets(account))[101]["client_id"] == first


async def test_an_organization_that_is_not_synced(account):
    """Its devices become no assets by themselves, and those that are assets stay as they are; asked for, one does."""
    await account.run_job(FULL)
    async with account.db.tenant(account.tenant) as conn:
        await rmm.map_organization(conn, account.tenant, account.integration_id, "1", client_id=None,
                                   auto_sync_assets=False)  # fmt: skip
    state = account.simulator.state
    state.change_device(101, {"displayName": "Renamed"})
    state.add_device({"id": 90_000, "organizationId": 1})
    assert (await account.run_job(FULL))["retired"] == 0
    found = await assets(account)
    assert (found[101]["name"], found[101]["status"]) == ("NWD-DC01", "active")
    assert 90_000 not in found
    await account.json("devices.sync", device_id=90_000)
    assert 90_000 in await assets(account)


async def test_devices_that_become_no_assets_are_not_looked_at(account, monkeypatch):
    """Of an organization that is not synced, each refresh would ask for all of them, one by one."""
    await account.run_job(FULL)
    async with account.db.tenant(account.tenant) as conn:
        await rmm.map_organization(conn, account.tenant, account.integration_id, "1", client_id=None,
                                   auto_sync_assets=False)  # fmt: skip
    for number in range(5):
        account.simulator.state.add_device({"id": 90_000 + number, "organizationId": 1})
    account.simulator.state.add_device({"id": 91_000, "organizationId": 2})
    looked_at, look = [], fleet._look_at

    async def noted(client, device_id):
        looked_at.append(device_id)
        return await look(client, device_id)

    monkeypatch.setattr(fleet, "_look_at", noted)
    await account.run_job(INCREMENTAL)
    assert looked_at == [91_000]
    assert {90_000, 91_000} & (await assets(account)).keys() == {91_000}


async def test_devices_that_are_not_ours_to_see_are_looked_at_once(account):
    """They are there; an attempt that goes on does not ask for them again."""
    await account.run_job(FULL)
    state = account.simulator.state
    for identity in (101, 102):
        state.delete_device(identity)
        state.add_fault({"path": f"/device/{identity}", "times": None, "effect": {"status": 403}})
    async with account.db.tenant(account.tenant) as conn:
        began = await conn.fetchval("SELECT now()")
    assert (await account.run_job(INCREMENTAL))["retired"] == 0
    assert {row["status"] for row in (await assets(account)).values()} == {"active"}
    async with account.db.tenant(account.tenant) as conn:
        assert await unseen_devices(conn, account.tenant, "ninjaone", began) == []


async def test_what_changes_by_the_hour(account):
    """The refreshing job sees who is online and new names; of a new device it fetches everything."""
    await account.run_job(FULL)
    state = account.simulator.state
    state.change_device(101, {"offline": True, "displayName": "Renamed"})
    state.add_device(
        {"id": 90_000, "organizationId": 1, "nodeClass": "WINDOWS_SERVER", "memory": {"capacity": 64 << 30}}
    )
    result = await account.run_job(INCREMENTAL)
    found = await assets(account)
    assert (found[101]["agent_status"], found[101]["name"]) == ("offline", "Renamed")
    assert result["created"] == 1
    details = await account.one("SELECT s.ram_gb FROM server_assets s JOIN assets a USING (asset_id) "
                                "WHERE a.rmm_device_id = '90000'")  # fmt: skip
    assert details["ram_gb"] is not None


@pytest.mark.parametrize("effect", [{"status": 400}, {"truncate": "body"}, {"status": 500}])
async def test_a_list_that_breaks_off_retires_nothing(account, effect):
    """Neither the devices that were not read, nor one that is gone; the connection says why."""
    await account.simulator.control("POST", "fleet", json={"devices": 150})
    await account.run_job(FULL)
    account.simulator.state.delete_device(101)
    account.simulator.state.add_fault({"path": "/devices", "skip": 1, "times": None, "effect": effect})
    with pytest.raises(Exception, match="NinjaOne"):
        await account.run_job(FULL)
    assert {row["status"] for row in (await assets(account)).values()} == {"active"}
    row = await account.one("SELECT sync_status, sync_error FROM rmm_integrations")
    assert row["sync_status"] == "error"
    assert "NinjaOne" in row["sync_error"]


async def test_a_list_that_lacks_devices_retires_none_that_are_there(account):
    """A page that came without its rows: each device that it should have had is asked for."""
    await account.simulator.control("POST", "fleet", json={"devices": 150})
    await account.run_job(FULL)
    account.simulator.state.delete_device(101)
    account.simulator.state.add_fault({"path": "/devices", "skip": 1, "effect": {"status": 200, "body": []}})
    result = await account.run_job(FULL)
    assert result["retired"] == 1
    same(await assets(account), expected(account))


async def test_two_at_once(account):
    """A full sync, a refresh and the action, at the same time: one asset for each device."""
    await account.simulator.control("POST", "fleet", json={"devices": 150})
    await asyncio.gather(
        account.run_job(FULL),
        account.run_job(INCREMENTAL),
        account.run_job(FULL),
        account.json("devices.sync", device_id=101),
    )
    same(await assets(account), expected(account))


async def test_tenants_are_apart(account, stranger):
    """Two tenants with the same NinjaOne account have assets of their own."""
    await account.run_job(FULL)
    assert await stranger.rows("SELECT * FROM assets") == []
    await stranger.run_job(FULL)
    account.simulator.state.delete_device(101)
    await account.run_job(FULL)
    assert (await assets(stranger))[101]["status"] == "active"


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_killed_at_random_points(account, monkeypatch, seed):
    """With a tenth of the requests failing, and killed again and again, it ends equal to NinjaOne's fleet.

    ``FLEET_DEVICES=50000`` for a large one.
    """
    rng, size = random.Random(seed), int(os.environ.get("FLEET_DEVICES", "1000"))
    monkeypatch.setattr(fleet, "PAGE", min(1000, size // 20))
    await account.simulator.control("POST", "fleet", json={"devices": size})
    await account.run_job(FULL)
    state = account.simulator.state
    for identity in rng.sample(sorted(state.devices), 30):
        state.delete_device(identity)
    for identity in rng.sample(sorted(state.devices), 30):
        state.change_device(identity, {"displayName": f"renamed {identity}", "organizationId": 2})
    for effect in ({"status": 500}, {"status": 429, "headers": {"Retry-After": "0"}}, {"cut": "after"}, {"html": True},
                   {"truncate": "body"}):  # fmt: skip
        state.add_fault({"path": "/v2/", "share": 0.02, "times": None, "effect": effect})

    def kill():
        if rng.random() < 0.15:
            raise Killed

    records, kills = account.records(kill), 0
    while True:
        try:
            result = await account.run_job(FULL, records)
        except Killed:
            kills += 1
        except TransientError:
            continue
        else:
            break
    state.faults.clear()
    assert kills > 1
    assert result["devices"] >= size - 21
    same(await assets(account), expected(account))


async def test_stored_in_a_few_statements(account):
    """A thousand devices cost no more round trips than one."""
    counted = []
    async with account.db.tenant(account.tenant) as conn:
        with conn.query_logger(counted.append):
            await upsert_devices(conn, account.tenant, "ninjaone", [Device(device_id="1", name="one")])
        one = len(counted)
        counted.clear()
        with conn.query_logger(counted.append):
            devices = [Device(device_id=str(number), name="x", asset_type="server") for number in range(2, 1002)]
            await upsert_devices(conn, account.tenant, "ninjaone", devices)
    assert len(counted) <= one
