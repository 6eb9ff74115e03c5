"""Devices: found here or there, synced into assets, rebooted once."""

import asyncio
import copy
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, PermissionDeniedError, Refused, TransientError
from workflow_core.records import assets, devices

ALL = [101, 102, 103, 201, 202, 301, 302, 303, 304]


async def sync_all(account) -> dict[int, str]:
    """Asset ids by device id."""
    return {number: (await account.handle("devices.sync", device_id=number)).asset_id for number in ALL}


def ids(found) -> list[str]:
    return [device.external_device_id for device in found.devices]


# ── Sync ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_sync_server(account):
    """
    A server becomes an asset of its organization's client, with everything that NinjaOne says of it.
    """
    client_id = await account.client("Northwind", 1)

    output = await account.json("devices.sync", device_id="101")

    row = await account.one("SELECT * FROM assets")
    details = await account.one("SELECT * FROM server_assets")
    mapping = await account.one("SELECT * FROM tenant_external_entity_mappings")
    assert output == {"synced": True, "external_device_id": "101", "asset_id": str(row["asset_id"])}
    assert {
        "asset_type": "server",
        "client_id": client_id,
        "asset_tag": "ninjaone-101",
        "serial_number": "7JX4KT3",
        "name": "NWD-DC01",
        "status": "active",
        "rmm_provider": "ninjaone",
        "rmm_device_id": "101",
        "rmm_organization_id": "1",
        "agent_status": "online",
    }.items() <= row.items()
    assert row["last_seen_at"].timestamp() == pytest.approx(account.simulator.clock.now - 23)
    assert {"hostname": "NWD-DC01", "dns_name": "nwd-dc01.example.test", "node_class": "WINDOWS_SERVER"}.items() <= row[
        "attributes"
    ].items()
    assert {
        "os_type": "windows",
        "os_version": "Windows Server 2022 Standard Edition",
        "cpu_model": "Intel(R) Xeon(R) E-2378",
        "cpu_cores": 8,
        "ram_gb": 64,
        "current_user": "NWD\\administrator",
        "primary_ip": "10.1.0.10",
        "lan_ip": "10.1.0.10",
        "wan_ip": "203.0.113.1",
        "is_virtual": False,
    }.items() <= details.items()
    assert details["last_reboot_at"].timestamp() == pytest.approx(account.simulator.clock.now - 34 * 86400)
    assert details["disk_usage"][0] == {
        "name": "C:",
        "total_gb": 240.0,
        "free_gb": 9.0,
        "utilization_percent": 96.25,
    }
    assert (mapping["integration_type"], mapping["external_entity_id"], mapping["alga_entity_id"]) == (
        "ninjaone",
        "101",
        str(row["asset_id"]),
    )


async def test_types(account):
    """
    Servers, network devices and workstations go to the tables of their types.
    """
    await sync_all(account)

    rows = await account.rows("SELECT rmm_device_id, asset_type, agent_status FROM assets ORDER BY 1")
    assert {int(row["rmm_device_id"]): row["asset_type"] for row in rows} == {
        101: "server",
        102: "workstation",
        103: "workstation",
        201: "server",
        202: "workstation",
        301: "server",
        302: "workstation",
        303: "network_device",
        304: "server",
    }
    assert [row["rmm_device_id"] for row in rows if row["agent_status"] == "offline"] == ["202"]
    switch = await account.one("SELECT * FROM network_device_assets")
    assert (switch["device_type"], switch["management_ip"]) == ("switch", "10.3.0.2")


async def test_mac_server_and_printer(account):
    """
    MAC_SERVER is a server, and a network device that neither switches nor routes has no details.
    """
    account.simulator.state.devices[103]["nodeClass"] = "MAC_SERVER"
    account.simulator.state.devices[303]["nodeClass"] = "NMS_PRINTER"
    for number in (103, 303):
        await account.handle("devices.sync", device_id=number)

    rows = await account.rows("SELECT asset_type FROM assets ORDER BY rmm_device_id")
    assert [row["asset_type"] for row in rows] == ["server", "network_device"]
    assert await account.rows("SELECT 1 FROM network_device_assets") == []


async def test_sync_again(account):
    """
    A second sync changes the same asset; what NinjaOne does not say stays.
    """
    first = await account.handle("devices.sync", device_id=102)
    device = account.simulator.state.devices[102]
    device["displayName"] = "Reception"
    device["offline"] = True
    del device["system"]

    again = await account.handle("devices.sync", device_id=102)

    row = await account.one("SELECT * FROM assets")
    assert again == first
    assert (row["name"], row["agent_status"], row["serial_number"]) == ("Reception", "offline", "8CC2210XYZ")


async def test_two_syncs_at_the_same_time(account):
    """
    They make one asset.
    """
    outputs = await asyncio.gather(*(account.handle("devices.sync", device_id=101) for _ in range(4)))

    assert len({output.asset_id for output in outputs}) == 1
    assert len(await account.rows("SELECT 1 FROM assets")) == 1


async def test_unmapped_organization(account):
    """
    A device of an organization that is nobody's yet is synced, and the organization waits to be mapped.
    """
    await account.handle("devices.sync", device_id=201)

    assert (await account.one("SELECT client_id FROM assets"))["client_id"] is None
    mapping = await account.one("SELECT * FROM rmm_organization_mappings")
    assert (mapping["external_organization_id"], mapping["client_id"]) == ("2", None)


async def test_text_that_no_column_takes(account):
    """
    NUL characters, halves of characters and endless names of the vendor do not break a sync.
    """
    device = account.simulator.state.devices[102]
    device["displayName"] = "Re\x00ception \ud83d" + "x" * 1000
    device["lastLoggedInUser"] = "u" * 1000
    device["publicIP"] = "1" * 100

    await account.handle("devices.sync", device_id=102)

    row = await account.one("SELECT name FROM assets")
    assert row["name"].startswith("Reception ?xxx")


async def test_bare_device(account):
    """
    A device of which NinjaOne says next to nothing becomes an asset all the same.
    """
    account.simulator.state.devices[102] = {"id": 102}

    await account.handle("devices.sync", device_id=102)

    row = await account.one("SELECT * FROM assets")
    assert (row["name"], row["asset_type"], row["agent_status"]) == ("NinjaOne device 102", "unknown", None)


async def test_sync_unknown_device(account):
    """
    A device that NinjaOne does not have: certainly nothing was written.
    """
    with pytest.raises(Refused) as caught:
        await account.handle("devices.sync", device_id=999)

    assert caught.value.code == "NOT_FOUND"
    assert await account.rows("SELECT 1 FROM assets") == []


# ── Find, locally ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_find_local_device(account):
    """
    The whole record of a device that has been synced.
    """
    client_id = await account.client("Northwind", 1)
    await account.handle("devices.sync", device_id=101)

    output = await account.json("devices.find", device_id="101")

    (device,) = output["devices"]
    row = await account.one("SELECT * FROM assets")
    assert device == {
        "external_device_id": "101",
        "asset_id": str(row["asset_id"]),
        "organization_id": "1",
        "hostname": "NWD-DC01",
        "display_name": "NWD-DC01",
        "dns_name": "nwd-dc01.example.test",
        "agent_online": True,
        "last_seen_at": row["last_seen_at"].isoformat().replace("+00:00", "Z"),
        "os_name": "Windows Server 2022 Standard Edition",
        "node_class": "WINDOWS_SERVER",
        "source": "local",
        "client_id": str(client_id),
    }
    assert output["count"] == 1


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ALL),
        ({"limit": 2}, None),
        ({"device_id": 301}, [301]),
        ({"device_id": 999}, []),
        ({"query": "dispatch"}, [302]),
        ({"query": "FAB-"}, [301, 302, 303, 304]),
        ({"query": "fab-wms-01.EXAMPLE"}, [301]),
        ({"query": "fab_"}, []),
        ({"query": "nobody"}, []),
        ({"organization_id": 1}, [101, 102, 103]),
        ({"organization_id": 1, "query": "mac"}, [103]),
        ({"organization_id": 9}, []),
        ({"online": False}, [202]),
        ({"organization_id": 2, "online": True}, [201]),
        ({"device_id": 101, "query": "dc01"}, [101]),
        ({"device_id": 101, "query": "reception"}, []),
        ({"device_id": 101, "organization_id": 2}, []),
        ({"device_id": 101, "online": False}, []),
    ],
)
async def test_criteria(account, given, expected, live):
    """
    Here and there the same criteria find the same devices.
    """
    await sync_all(account)

    found = await account.handle("devices.find", **given, live=live)

    if expected is None:
        assert found.count == len(found.devices) == given["limit"]
    else:
        assert sorted(ids(found)) == [str(number) for number in expected]
        assert found.count == len(expected)
    assert {device.source for device in found.devices} <= {"ninjaone" if live else "local"}


@pytest.mark.parametrize("live", [False, True])
async def test_by_asset(account, live):
    """
    An asset names its device; with another device id beside it, no device is both.
    """
    asset_ids = await sync_all(account)

    found = await account.handle("devices.find", asset_id=str(asset_ids[303]), live=live)
    both = await account.handle("devices.find", asset_id=str(asset_ids[303]), device_id=303, live=live)
    neither = await account.handle("devices.find", asset_id=str(asset_ids[303]), device_id=101, live=live)
    unknown = await account.handle("devices.find", asset_id=str(uuid4()), live=live)

    assert [ids(one) for one in (found, both, neither, unknown)] == [["303"], ["303"], [], []]


async def test_by_serial_number(account):
    """
    The local search knows serial numbers.
    """
    await sync_all(account)

    assert ids(await account.handle("devices.find", query="cz29350")) == ["201"]


async def test_local_finds_what_is_known_here(account):
    """
    Without ``live`` NinjaOne is not asked, not even for a device that is unknown here.
    """
    account.secrets.values.clear()

    assert (await account.handle("devices.find", device_id=101)).count == 0


async def test_assets_of_others_are_no_devices(account):
    """
    Neither an asset without an RMM nor one of another provider is a device of NinjaOne.
    """
    async with account.db.tenant(account.tenant) as conn:
        await devices.upsert_device(conn, account.tenant, "tactical", assets.Device(device_id="101", name="X"))
        await conn.execute(
            "INSERT INTO assets (tenant, asset_tag, name, status) VALUES ($1, 'a', 'X', 'active')", account.tenant
        )

    assert (await account.handle("devices.find")).count == 0
    assert (await account.handle("devices.find", device_id=101, live=True)).devices[0].asset_id is None


async def test_another_tenants_devices(account, stranger):
    """
    What one tenant has synced, another does not find, nor does it get its asset ids live.
    """
    await account.handle("devices.sync", device_id=101)

    local = await stranger.handle("devices.find", device_id=101)
    live = await stranger.handle("devices.find", device_id=101, live=True)

    assert local.count == 0
    assert live.devices[0].asset_id is None


# ── Find, live ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_find_live_device(account):
    """
    NinjaOne's answer in our words, with the asset that it is here.
    """
    asset_id = (await account.handle("devices.sync", device_id=202)).asset_id
    client_id = await account.client("Contoso", 2)
    async with account.db.tenant(account.tenant) as conn:
        await conn.execute("UPDATE assets SET client_id = $1", client_id)

    output = await account.json("devices.find", device_id=202, live=True)

    (device,) = output["devices"]
    assert device.pop("last_seen_at").endswith("Z")
    assert device == {
        "external_device_id": "202",
        "asset_id": str(asset_id),
        "organization_id": "2",
        "hostname": "CTL-LT-BECKER",
        "display_name": "CTL-LT-BECKER",
        "dns_name": "ctl-lt-becker.example.test",
        "agent_online": False,
        "os_name": "Windows 11 Pro Edition",
        "node_class": "WINDOWS_WORKSTATION",
        "source": "ninjaone",
        "client_id": str(client_id),
    }


async def test_a_filter_that_the_vendor_ignores(account):
    """
    The vendor answers a filter that it does not know with the whole fleet: we look ourselves.
    """
    account.simulator.state.add_fault(
        {
            "method": "GET",
            "path": "/v2/devices",
            "effect": {"status": 200, "body": copy.deepcopy(list(account.simulator.state.devices.values()))},
        }
    )

    found = await account.handle("devices.find", organization_id=2, live=True, limit=200)

    assert ids(found) == ["201", "202"]


# ── Reboot ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_reboot(account):
    """
    One command, with mode and reason.
    """
    await account.prepare("devices.reboot", device_id="101", mode="FORCED", reason="Updates")
    output = await account.json("devices.reboot", device_id="101", mode="FORCED", reason="Updates")

    (entry,) = account.simulator.state.journal
    assert output == {"reboot_requested": True, "external_device_id": "101"}
    assert (entry["kind"], entry["device_id"], entry["path"], entry["body"], entry["outcome"]) == (
        "reboot",
        101,
        "/v2/device/101/reboot/FORCED",
        {"reason": "Updates"},
        "done",
    )


async def test_reboot_is_gentle_unless_told(account):
    """
    The mode is NORMAL.
    """
    await account.handle("devices.reboot", device_id=102)

    assert account.simulator.state.journal[0]["path"].endswith("/NORMAL")


async def test_prepare_finds_what_is_wrong(account):
    """
    An unknown device, credentials and permissions surface before the effect, as plain errors.
    """
    with pytest.raises(NotFoundError):
        await account.prepare("devices.reboot", device_id=999)
    account.secrets.values = {"client_id": "reader-client", "client_secret": "reader-secret"}
    with pytest.raises(PermissionDeniedError):
        await account.prepare("devices.reboot", device_id=101)

    assert account.simulator.state.journal == []


@pytest.mark.parametrize(
    ("effect", "refused"),
    [
        ({"status": 429, "headers": {"Retry-After": "60"}}, True),
        ({"status": 500}, False),
        ({"cut": "before"}, False),
        ({"cut": "after"}, False),
    ],
    ids=["429", "500", "cut before", "cut after"],
)
async def test_reboot_whose_answer_is_lost(account, effect, refused):
    """
    Only what proves that nothing was done is told as refused, and nothing is sent twice.
    """
    account.simulator.state.add_fault(
        {"method": "POST", "path": "/v2/device/101/reboot/NORMAL", "effect": effect, "times": 5}
    )

    with pytest.raises((Refused, TransientError)) as caught:
        await account.handle("devices.reboot", device_id=101)

    assert isinstance(caught.value, Refused) is refused
    assert len(account.simulator.state.journal) == 1
