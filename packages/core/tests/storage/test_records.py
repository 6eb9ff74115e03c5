"""Records that integrations share: found again, safe when two write at once, and never another tenant's."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from workflow_core.records import assets, clients, devices, mappings, rmm
from workflow_core.records.assets import (
    Device,
    MobileDeviceDetails,
    NetworkDeviceDetails,
    ServerDetails,
    WorkstationDetails,
)
from workflow_core.storage.database import Connection, Database
from workflow_core.testing.postgres import Tenants

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PROVIDER = "ninjaone"


@pytest.fixture
def tenant(tenants: Tenants) -> UUID:
    """The tenant at work."""
    return tenants.a


@pytest_asyncio.fixture(loop_scope="session")
async def conn(db: Database, tenant: UUID) -> AsyncIterator[Connection]:
    """A connection that is bound to the tenant."""
    async with db.tenant(tenant) as connection:
        yield connection


async def _add_client(conn: Connection, tenant: UUID, name: str) -> UUID:
    return await conn.fetchval(
        "INSERT INTO clients (tenant, client_name) VALUES ($1, $2) RETURNING client_id", tenant, name
    )


# ── Clients ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_clients(conn: Connection, tenant: UUID, tenants: Tenants) -> None:
    """One by id, many by ids; who is not there is left out."""
    acme, zenith = await _add_client(conn, tenant, "Acme"), await _add_client(conn, tenant, "Zenith")
    client = await clients.get_client(conn, tenant, acme)
    assert client is not None
    assert (client.client_id, client.client_name, client.properties) == (acme, "Acme", {})
    assert list(await clients.get_clients(conn, tenant, [zenith, acme, uuid4()])) == [acme, zenith]
    assert await clients.get_client(conn, tenants.b, acme) is None


# ── Mappings ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_mappings_both_ways(conn: Connection, tenant: UUID) -> None:
    """Found by our id and by theirs; other types and integrations are other mappings."""
    entity = uuid4()
    await mappings.put_mapping(
        conn, tenant, PROVIDER, "asset", entity_id=entity, external_id="7", realm_id="main", metadata={"a": 1}
    )
    found = await mappings.find_by_external_id(conn, tenant, PROVIDER, "asset", "7")
    assert found is not None
    assert (found.alga_entity_id, found.metadata) == (str(entity), {"a": 1})
    assert await mappings.find_by_entity_id(conn, tenant, PROVIDER, "asset", entity) == found
    assert await mappings.find_by_external_id(conn, tenant, PROVIDER, "asset", "7", realm_id="main") == found
    assert await mappings.find_by_external_id(conn, tenant, PROVIDER, "asset", "7", realm_id="other") is None
    assert await mappings.find_by_external_id(conn, tenant, PROVIDER, "client", "7") is None
    assert await mappings.external_ids(conn, tenant, PROVIDER, "asset", [entity, uuid4()]) == {str(entity): "7"}


async def test_a_mapping_is_one_to_one(conn: Connection, tenant: UUID) -> None:
    """Mapping again moves the mapping, keeps its metadata, and takes the entity from whoever had it."""
    one, two = uuid4(), uuid4()
    await mappings.put_mapping(
        conn, tenant, PROVIDER, "asset", entity_id=one, external_id="7", realm_id="main", metadata={"a": 1}
    )
    await mappings.put_mapping(conn, tenant, PROVIDER, "asset", entity_id=one, external_id="8")
    await mappings.put_mapping(conn, tenant, PROVIDER, "asset", entity_id=two, external_id="7")
    moved = await mappings.find_by_entity_id(conn, tenant, PROVIDER, "asset", one)
    assert moved is not None
    assert (moved.external_entity_id, moved.external_realm_id, moved.metadata) == ("8", None, {"a": 1})
    await mappings.put_mapping(conn, tenant, PROVIDER, "asset", entity_id=two, external_id="8")
    assert await mappings.find_by_entity_id(conn, tenant, PROVIDER, "asset", one) is None
    assert await mappings.delete_mapping(conn, tenant, PROVIDER, "asset", two)
    assert not await mappings.delete_mapping(conn, tenant, PROVIDER, "asset", two)


# ── Assets ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_device_becomes_an_asset(conn: Connection, tenant: UUID) -> None:
    """The asset, the row of its type and the mapping are written together."""
    client = await _add_client(conn, tenant, "Acme")
    device = Device(
        device_id="7",
        name="PC-1",
        organization_id="2",
        client_id=client,
        serial_number="SN1",
        agent_status="online",
        last_seen_at=NOON,
        attributes={"a": 1},
        details=WorkstationDetails(
            os_type="Windows", current_user="ann", cpu_utilization_percent=Decimal("12.50"), disk_usage=[{"name": "C:"}]
        ),
    )
    upserted = await devices.upsert_device(conn, tenant, PROVIDER, device)
    assert upserted.created
    asset = await assets.get_asset(conn, tenant, upserted.asset_id)
    assert asset is not None
    assert (asset.asset_type, asset.asset_tag, asset.status) == ("workstation", "ninjaone-7", "active")
    assert (asset.client_id, asset.serial_number, asset.attributes) == (client, "SN1", {"a": 1})
    assert (asset.rmm_provider, asset.rmm_device_id, asset.rmm_organization_id) == (PROVIDER, "7", "2")
    details = (await assets.get_details(conn, tenant, [asset.asset_id]))[asset.asset_id]
    assert isinstance(details, WorkstationDetails)
    assert (details.current_user, details.cpu_utilization_percent) == ("ann", Decimal("12.50"))
    assert (details.disk_usage, details.installed_software) == ([{"name": "C:"}], [])
    assert await assets.find_asset_by_device(conn, tenant, PROVIDER, "7") == asset


async def test_a_second_sync_updates(conn: Connection, tenant: UUID) -> None:
    """What is reported replaces what is stored; what is not reported stays."""
    details = WorkstationDetails(os_type="Windows", lan_ip="10.0.0.1")
    first = await devices.upsert_device(
        conn,
        tenant,
        PROVIDER,
        Device(device_id="7", name="old", serial_number="SN1", attributes={"a": 1, "b": 1}, details=details),
    )
    second = await devices.upsert_device(
        conn,
        tenant,
        PROVIDER,
        Device(device_id="7", name="new", attributes={"b": 2}, details=WorkstationDetails(lan_ip="10.0.0.2")),
    )
    assert (second.asset_id, second.created) == (first.asset_id, False)
    asset = await assets.get_asset(conn, tenant, first.asset_id)
    assert asset is not None
    assert (asset.name, asset.serial_number, asset.attributes) == ("new", "SN1", {"a": 1, "b": 2})
    stored = (await assets.get_details(conn, tenant, [asset.asset_id]))[asset.asset_id]
    assert stored == WorkstationDetails(os_type="Windows", lan_ip="10.0.0.2", installed_software=[], disk_usage=[])


async def test_a_device_may_change_its_type(conn: Connection, tenant: UUID) -> None:
    """It leaves the table of the old type; without details the type stays."""
    for details, asset_type in (
        (WorkstationDetails(), "workstation"),
        (ServerDetails(is_virtual=True, network_interfaces=[{"name": "eth0"}]), "server"),
        (NetworkDeviceDetails(device_type="switch", port_count=24), "network_device"),
        (None, "network_device"),
    ):
        upserted = await devices.upsert_device(
            conn, tenant, PROVIDER, Device(device_id="7", name="thing", details=details)
        )
        asset = await assets.get_asset(conn, tenant, upserted.asset_id)
        assert asset is not None
        assert asset.asset_type == asset_type
    stored = await assets.get_details(conn, tenant, [upserted.asset_id])
    assert stored == {upserted.asset_id: NetworkDeviceDetails(device_type="switch", port_count=24)}
    tables = ("workstation_assets", "server_assets", "network_device_assets")
    assert [await conn.fetchval(f"SELECT count(*) FROM {table}") for table in tables] == [0, 0, 1]


async def test_an_asset_without_a_mapping_is_found(conn: Connection, tenant: UUID) -> None:
    """An asset of an existing database that names its device only in its columns is taken over."""
    asset_id = await conn.fetchval(
        "INSERT INTO assets (tenant, asset_tag, name, status, rmm_provider, rmm_device_id) "
        "VALUES ($1, 'T1', 'PC', 'active', 'ninjaone', '7') RETURNING asset_id",
        tenant,
    )
    upserted = await devices.upsert_device(conn, tenant, PROVIDER, Device(device_id="7", name="PC-1"))
    assert (upserted.asset_id, upserted.created) == (asset_id, False)
    assert await mappings.find_by_entity_id(conn, tenant, PROVIDER, "asset", asset_id) is not None


async def test_a_deleted_asset_is_made_again(conn: Connection, tenant: UUID) -> None:
    """A mapping to an asset that is gone moves to the new one."""
    first = await devices.upsert_device(conn, tenant, PROVIDER, Device(device_id="7", name="PC"))
    await conn.execute("DELETE FROM assets WHERE tenant = $1", tenant)
    second = await devices.upsert_device(conn, tenant, PROVIDER, Device(device_id="7", name="PC"))
    assert second.created
    assert second.asset_id != first.asset_id
    mapping = await mappings.find_by_external_id(conn, tenant, PROVIDER, "asset", "7")
    assert mapping is not None
    assert mapping.alga_entity_id == str(second.asset_id)


async def _count(conn: Connection, condition: str = "true") -> int:
    return int(await conn.fetchval(f"SELECT count(*) FROM assets WHERE {condition}"))


async def test_a_page_of_devices(conn: Connection, tenant: UUID) -> None:
    """New and known devices of every type are written together; of one that is there twice the last report counts."""
    await devices.upsert_device(conn, tenant, PROVIDER, Device(device_id="2", name="old", details=ServerDetails()))
    page = [
        Device(device_id="1", name="ws", details=WorkstationDetails(lan_ip="10.0.0.1")),
        Device(device_id="2", name="phone", details=MobileDeviceDetails(imei="35")),
        Device(device_id="3", name="first"),
        Device(device_id="3", name="second", details=NetworkDeviceDetails(device_type="router")),
        Device(device_id="4", name="what is it", asset_type="unknown"),
    ]
    upserted = await devices.upsert_devices(conn, tenant, PROVIDER, page)
    assert {device_id: one.created for device_id, one in upserted.items()} == {
        "1": True,
        "2": False,
        "3": True,
        "4": True,
    }
    stored = await assets.get_assets(conn, tenant, [one.asset_id for one in upserted.values()])
    assert {asset.rmm_device_id: (asset.name, asset.asset_type) for asset in stored.values()} == {
        "1": ("ws", "workstation"),
        "2": ("phone", "mobile_device"),
        "3": ("second", "network_device"),
        "4": ("what is it", "unknown"),
    }
    details = await assets.get_details(conn, tenant, stored)
    assert details[upserted["2"].asset_id] == MobileDeviceDetails(imei="35")
    assert upserted["4"].asset_id not in details
    assert await conn.fetchval("SELECT count(*) FROM server_assets") == 0
    assert await devices.upsert_devices(conn, tenant, PROVIDER, []) == {}


async def test_an_asset_that_is_another_device_already(conn: Connection, tenant: UUID) -> None:
    """What the mapping says goes before the asset's own columns."""
    first = await devices.upsert_device(conn, tenant, PROVIDER, Device(device_id="7", name="PC"))
    await conn.execute("UPDATE assets SET rmm_device_id = '8'")
    both = await devices.upsert_devices(
        conn, tenant, PROVIDER, [Device(device_id="8", name="other"), Device(device_id="7", name="PC")]
    )
    assert both["7"].asset_id == first.asset_id
    assert both["8"].created


async def test_a_device_that_is_gone_and_comes_back(db: Database, tenants: Tenants) -> None:
    """Its asset is inactive meanwhile; one that was seen since the moment in question is left alone."""
    tenant = tenants.a
    async with db.tenant(tenant) as conn:
        reported = [Device(device_id=number, name=f"PC-{number}", agent_status="online") for number in ("1", "2", "3")]
        first = await devices.upsert_devices(conn, tenant, PROVIDER, reported)
        await devices.upsert_device(conn, tenant, "other", Device(device_id="1", name="theirs"))
    async with db.tenant(tenant) as conn:
        since = await conn.fetchval("SELECT now()")
        await devices.see_devices(conn, tenant, PROVIDER, ["2"])
        assert await devices.unseen_devices(conn, tenant, PROVIDER, since) == ["1", "3"]
        assert await devices.retire_devices(conn, tenant, PROVIDER, ["1", "2"], unseen_since=since) == 1
        gone = await assets.get_asset(conn, tenant, first["1"].asset_id)
        assert gone is not None
        assert (gone.status, gone.agent_status) == ("inactive", "offline")
        assert await devices.unseen_devices(conn, tenant, PROVIDER, since) == ["3"]
        assert await devices.known_devices(conn, tenant, PROVIDER, ["1", "2", "9"]) == {"2"}
    async with db.tenant(tenant) as conn:
        await conn.execute("UPDATE assets SET status = 'inactive' WHERE rmm_device_id = '2'")  # somebody's decision
        again = await devices.upsert_devices(conn, tenant, PROVIDER, reported)
        assert [again[number] for number in ("1", "2", "3")] == [
            assets.UpsertedAsset(first[number].asset_id, created=False) for number in ("1", "2", "3")
        ]
        stored = await assets.get_assets(conn, tenant, [one.asset_id for one in first.values()])
        assert {one.rmm_device_id: one.status for one in stored.values()} == {
            "1": "active",
            "2": "inactive",
            "3": "active",
        }
        assert await devices.unseen_devices(conn, tenant, PROVIDER, since) == []


async def test_a_device_that_moves(conn: Connection, tenant: UUID, integration: rmm.Integration) -> None:
    """It becomes the new organization's client's, or nobody's; what somebody has decided of one that stays, stays."""
    one, two = await _add_client(conn, tenant, "One"), await _add_client(conn, tenant, "Two")
    client_ids = []
    for organization, client in (("1", one), ("1", None), ("2", None), ("2", two), (None, None)):
        device = Device(device_id="7", name="PC", organization_id=organization, client_id=client)
        upserted = await devices.upsert_device(conn, tenant, PROVIDER, device)
        asset = await assets.get_asset(conn, tenant, upserted.asset_id)
        assert asset is not None
        client_ids.append(asset.client_id)
    assert client_ids == [one, one, None, two, two]


async def test_mapping_an_organization_gives_its_devices(
    conn: Connection, tenant: UUID, integration: rmm.Integration
) -> None:
    """At once: its devices are the client's, and nobody's when the mapping is taken back."""
    client, key = await _add_client(conn, tenant, "One"), integration.integration_id
    reported = [Device(device_id=number, name="PC", organization_id=number) for number in ("1", "2")]
    await devices.upsert_devices(conn, tenant, PROVIDER, reported)
    await devices.upsert_device(conn, tenant, "other", Device(device_id="1", name="PC", organization_id="1"))
    await rmm.map_organization(conn, tenant, key, "1", client_id=client)
    assert await _count(conn, "client_id IS NOT NULL") == 1
    assert await _count(conn, "rmm_provider = 'ninjaone' AND rmm_device_id = '1' AND client_id IS NOT NULL") == 1
    await rmm.map_organization(conn, tenant, key, "1", client_id=None)
    assert await _count(conn, "client_id IS NOT NULL") == 0


async def test_organizations_of_a_page(conn: Connection, tenant: UUID, integration: rmm.Integration) -> None:
    """Those that are new are remembered; what is known of the others stays."""
    client, key = await _add_client(conn, tenant, "One"), integration.integration_id
    await rmm.put_organization(conn, tenant, key, "1", "Acme")
    await rmm.map_organization(conn, tenant, key, "1", client_id=client, auto_sync_assets=False)
    found = await rmm.meet_organizations(conn, tenant, key, {"2": None, "1": None})
    assert {name: (one.client_id, one.external_organization_name) for name, one in found.items()} == {
        "1": (client, "Acme"),
        "2": (None, None),
    }
    assert not found["1"].auto_sync_assets
    renamed = await rmm.meet_organizations(conn, tenant, key, {"1": "Acme Ltd", "2": "Two"})
    assert [one.external_organization_name for one in renamed.values()] == ["Acme Ltd", "Two"]


async def test_racing_syncs_make_one_asset(db: Database, tenants: Tenants) -> None:
    """Several that report the same new device at once agree on one asset; another tenant's is another."""

    async def sync(tenant: UUID) -> assets.UpsertedAsset:
        async with db.tenant(tenant) as conn:
            device = Device(device_id="7", name="PC", details=WorkstationDetails(os_type="Windows"))
            return await devices.upsert_device(conn, tenant, PROVIDER, device)

    upserted = await asyncio.gather(*(sync(tenants.a) for _ in range(5)))
    other = await sync(tenants.b)
    assert sorted(one.created for one in upserted) == [False, False, False, False, True]
    assert len({one.asset_id for one in upserted}) == 1
    assert other.created
    assert other.asset_id != upserted[0].asset_id


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["a-100%", "B_200", "c-300"]),
        ({"limit": 2}, ["a-100%", "B_200"]),
        ({"query": "00"}, ["a-100%", "B_200", "c-300"]),
        ({"query": "b_"}, ["B_200"]),
        ({"query": "0%"}, ["a-100%"]),
        ({"query": "sn-3"}, ["c-300"]),
        ({"query": "2"}, ["B_200"]),
        ({"serial_number": "sn-1"}, ["a-100%"]),
        ({"name": "b_200"}, ["B_200"]),
        ({"name": "b"}, []),
        ({"provider": "other"}, []),
        ({"provider": PROVIDER, "query": "300", "serial_number": "SN-3"}, ["c-300"]),
    ],
)
async def test_finding_assets(conn: Connection, tenant: UUID, wanted: dict[str, object], found: list[str]) -> None:
    """By all that is given, in any case, and with nothing in a query taken for a wildcard."""
    for number, name in enumerate(("a-100%", "B_200", "c-300"), 1):
        device = Device(device_id=str(number), name=name, serial_number=f"SN-{number}", asset_tag=f"T{'x' * number}")
        await devices.upsert_device(conn, tenant, PROVIDER, device)
    assert [asset.name for asset in await assets.find_assets(conn, tenant, **wanted)] == found


async def test_assets_of_another_tenant(db: Database, tenants: Tenants) -> None:
    """Neither the tenant that is asked for nor the one that is set shows the other's."""
    async with db.tenant(tenants.b) as conn:
        theirs = await devices.upsert_device(conn, tenants.b, PROVIDER, Device(device_id="7", name="PC"))
        assert await assets.get_assets(conn, tenants.a, [theirs.asset_id]) == {}
        assert list(await assets.get_assets(conn, tenants.b, [theirs.asset_id])) == [theirs.asset_id]
    async with db.tenant(tenants.a) as conn:
        assert await assets.get_asset(conn, tenants.b, theirs.asset_id) is None
        assert await assets.find_asset_by_device(conn, tenants.b, PROVIDER, "7") is None


# ── Remote monitoring ────────────────────────────────────────────────────────────────────────────────────────────


@pytest_asyncio.fixture(loop_scope="session")
async def integration(conn: Connection, tenant: UUID) -> rmm.Integration:
    """An active connection."""
    return await rmm.put_integration(conn, tenant, PROVIDER, is_active=True, settings={"region": "eu"})


async def test_integrations(conn: Connection, tenant: UUID, integration: rmm.Integration) -> None:
    """Active while it is; disconnecting keeps what is known; settings are merged."""
    assert await rmm.get_active_integration(conn, tenant, PROVIDER) == integration
    await rmm.merge_settings(conn, tenant, integration.integration_id, {"deviceSync": {"enabled": True}})
    inactive = await rmm.put_integration(conn, tenant, PROVIDER, is_active=False)
    assert inactive.integration_id == integration.integration_id
    assert inactive.settings == {"region": "eu", "deviceSync": {"enabled": True}}
    assert await rmm.get_active_integration(conn, tenant, PROVIDER) is None
    assert await rmm.get_integration(conn, tenant, PROVIDER) == inactive
    assert await rmm.get_integration(conn, tenant, "other") is None


async def test_how_a_sync_goes(conn: Connection, tenant: UUID, integration: rmm.Integration) -> None:
    """Only a completed sync sets the times, those of its kind."""
    await rmm.record_sync(conn, tenant, integration.integration_id, status="error", error="rate limited")
    failed = await rmm.get_integration(conn, tenant, PROVIDER)
    assert failed is not None
    assert (failed.sync_status, failed.sync_error, failed.last_sync_at) == ("error", "rate limited", None)
    await rmm.record_sync(conn, tenant, integration.integration_id, status="completed", full=True)
    done = await rmm.get_integration(conn, tenant, PROVIDER)
    assert done is not None
    assert (done.sync_status, done.sync_error, done.last_incremental_sync_at) == ("completed", None, None)
    assert done.last_full_sync_at == done.last_sync_at is not None


async def test_updates_are_dated(db: Database, tenant: UUID) -> None:
    """The triggers write ``updated_at``."""
    async with db.tenant(tenant) as conn:
        before = await rmm.put_integration(conn, tenant, PROVIDER, is_active=True)
    async with db.tenant(tenant) as conn:
        after = await rmm.put_integration(conn, tenant, PROVIDER, is_active=True)
    assert after.updated_at > before.updated_at


async def test_organizations(conn: Connection, tenant: UUID, integration: rmm.Integration) -> None:
    """A report remembers the name and leaves the mapping; mapping says whose it is, also before a report."""
    client = await _add_client(conn, tenant, "Acme")
    key = integration.integration_id
    reported = await rmm.put_organization(conn, tenant, key, "2", "Acme GmbH")
    assert reported.client_id is None
    await rmm.map_organization(conn, tenant, key, "2", client_id=client, auto_sync_assets=False)
    again = await rmm.put_organization(conn, tenant, key, "2", None)
    assert (again.client_id, again.external_organization_name, again.auto_sync_assets) == (client, "Acme GmbH", False)
    await rmm.map_organization(conn, tenant, key, "1", client_id=client)
    assert await rmm.find_client_id(conn, tenant, key, "1") == client
    assert await rmm.find_client_id(conn, tenant, key, "9") is None
    assert [o.external_organization_id for o in await rmm.list_organizations(conn, tenant, key)] == ["2", "1"]
    await rmm.map_organization(conn, tenant, key, "2", client_id=None)
    assert await rmm.find_client_id(conn, tenant, key, "2") is None


async def test_alerts_are_known_by_their_external_id(
    conn: Connection, tenant: UUID, integration: rmm.Integration
) -> None:
    """A second report of the same alert changes it and makes none."""
    key = integration.integration_id
    report = rmm.ReportedAlert(
        external_alert_id="x1", severity="major", message="disk full", triggered_at=NOON, metadata={"a": 1}
    )
    first = await rmm.upsert_alert(conn, tenant, key, report)
    second = await rmm.upsert_alert(
        conn, tenant, key, rmm.ReportedAlert(external_alert_id="x1", severity="critical", metadata={"b": 2})
    )
    assert (first.created, second.created) == (True, False)
    assert second.alert.alert_id == first.alert.alert_id
    assert (second.alert.severity, second.alert.message) == ("critical", "disk full")
    assert (second.alert.triggered_at, second.alert.metadata) == (NOON, {"a": 1, "b": 2})
    assert await rmm.get_alert(conn, tenant, first.alert.alert_id) == second.alert
    assert await rmm.get_alert_by_external_id(conn, tenant, key, "x1") == second.alert
    assert await rmm.get_alert_by_external_id(conn, tenant, key, "x2") is None


async def test_racing_reports_make_one_alert(db: Database, tenant: UUID) -> None:
    """A webhook and a poll that report the same alert at once agree on one."""
    async with db.tenant(tenant) as conn:
        key = (await rmm.put_integration(conn, tenant, PROVIDER, is_active=True)).integration_id

    async def report() -> rmm.UpsertedAlert:
        async with db.tenant(tenant) as conn:
            alert = rmm.ReportedAlert(external_alert_id="x1", severity="major")
            return await rmm.upsert_alert(conn, tenant, key, alert)

    upserted = await asyncio.gather(*(report() for _ in range(5)))
    assert sorted(one.created for one in upserted) == [False, False, False, False, True]


async def test_active_alerts(conn: Connection, tenant: UUID, integration: rmm.Integration) -> None:
    """The newest first, as many as wanted, without those that are over."""
    key = integration.integration_id
    for number in range(4):
        report = rmm.ReportedAlert(
            external_alert_id=str(number),
            severity="minor",
            status="resolved" if number == 2 else "active",
            triggered_at=NOON + timedelta(minutes=number),
        )
        await rmm.upsert_alert(conn, tenant, key, report)
    found = await rmm.list_active_alerts(conn, tenant, key)
    assert [alert.external_alert_id for alert in found] == ["3", "1", "0"]
    assert len(await rmm.list_active_alerts(conn, tenant, key, limit=1)) == 1


async def test_acknowledging(conn: Connection, tenant: UUID, integration: rmm.Integration) -> None:
    """The first to acknowledge stays; a late report does not make the alert active again, its end ends it."""
    key, ann = integration.integration_id, uuid4()
    report = rmm.ReportedAlert(external_alert_id="x1", severity="major")
    alert = (await rmm.upsert_alert(conn, tenant, key, report)).alert
    acknowledged = await rmm.acknowledge_alert(conn, tenant, alert.alert_id, actor=ann)
    assert acknowledged is not None
    assert (acknowledged.status, acknowledged.acknowledged_by) == ("acknowledged", ann)
    again = await rmm.acknowledge_alert(conn, tenant, alert.alert_id, actor=uuid4())
    assert again is not None
    assert (again.acknowledged_by, again.acknowledged_at) == (ann, acknowledged.acknowledged_at)
    assert (await rmm.upsert_alert(conn, tenant, key, report)).alert.status == "acknowledged"
    ended = rmm.ReportedAlert(external_alert_id="x1", severity="major", status="resolved", resolved_at=NOON)
    assert (await rmm.upsert_alert(conn, tenant, key, ended)).alert.status == "resolved"
    over = await rmm.acknowledge_alert(conn, tenant, alert.alert_id, actor=None)
    assert over is not None
    assert over.status == "resolved"
    assert await rmm.acknowledge_alert(conn, tenant, uuid4(), actor=None) is None
