"""``assets.find``: by every criterion, and whose asset it is."""

from datetime import UTC, datetime

import pytest

from workflow_core.errors import NotFoundError, ValidationError
from workflow_core.records import assets, devices, mappings

SEEN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
async def fleet(desk):
    """Assets: two of NinjaOne, one of another RMM with the same device id, one without any."""
    reported = [
        ("ninjaone", "42", {"name": "SRV-01", "serial_number": "ABC1", "client_id": desk["client"]}),
        ("ninjaone", "43", {"name": "srv-01", "serial_number": "ABC2", "client_id": desk["other_client"]}),
        ("tactical", "42", {"name": "WS-9", "serial_number": "abc1"}),
    ]
    async with desk.db.tenant(desk.tenant) as conn:
        for provider, device_id, more in reported:
            device = assets.Device(
                device_id=device_id, agent_status="online", last_seen_at=SEEN, details=assets.ServerDetails(), **more
            )
            upserted = await devices.upsert_device(conn, desk.tenant, provider, device)
            desk.ids[f"{provider}/{device_id}"] = upserted.asset_id
        desk.ids["spare"] = await conn.fetchval(
            "INSERT INTO assets (tenant, asset_tag, name, status, serial_number) "
            "VALUES ($1, 'S1', 'SRV-01', 'spare', 'Z') RETURNING asset_id",
            desk.tenant,
        )
    return desk


async def find(desk, **given):
    return await desk.run("assets.find", given)


async def test_the_asset_of_an_alert(fleet):
    """
    A device id and its provider give the asset with its client: the alert can be routed.
    """
    found = await find(fleet, external_device_id="42", provider="ninjaone")

    asset = found.asset
    assert asset.asset_id == fleet["ninjaone/42"]
    assert (asset.client_id, asset.client_name) == (fleet["client"], "client")
    assert (asset.rmm_provider, asset.external_device_id) == ("ninjaone", "42")
    assert (asset.name, asset.asset_type, asset.asset_tag) == ("SRV-01", "server", "ninjaone-42")
    assert (asset.serial_number, asset.status) == ("ABC1", "active")
    assert (asset.agent_status, asset.last_seen_at) == ("online", SEEN)
    assert (found.assets, found.count) == ((asset,), 1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"external_device_id": 42, "provider": "NinjaOne"}, ["ninjaone/42"]),
        ({"external_device_id": 42.0, "provider": "tactical"}, ["tactical/42"]),
        ({"external_device_id": "42"}, ["ninjaone/42", "tactical/42"]),
        ({"serial_number": "AbC1"}, ["ninjaone/42", "tactical/42"]),
        ({"serial_number": "abc1", "provider": "tactical"}, ["tactical/42"]),
        ({"name": "Srv-01"}, ["ninjaone/42", "ninjaone/43", "spare"]),
        ({"name": "srv-01", "provider": "ninjaone"}, ["ninjaone/42", "ninjaone/43"]),
        ({"name": "SRV-01", "limit": 1}, ["ninjaone/42"]),
        ({"name": "SRV"}, []),
        ({"name": "SRV-01", "serial_number": "ABC2"}, ["ninjaone/43"]),
        ({"name": "SRV-01", "provider": "acme"}, []),
        ({"external_device_id": "042"}, []),
        ({"external_device_id": "43", "serial_number": "ABC1"}, []),
    ],
)
async def test_criteria(fleet, given, expected):
    """
    All that is given has to fit; active ones first, then by name.
    """
    found = await find(fleet, **given)

    assert {one.asset_id for one in found.assets} == {fleet[name] for name in expected}
    assert found.count == len(expected)
    assert found.asset == (found.assets[0] if expected else None)


async def test_by_id(fleet):
    """
    An asset without an RMM is found, too.
    """
    found = await find(fleet, asset_id=str(fleet["spare"]))

    asset = found.asset
    assert (asset.asset_id, asset.client_id, asset.client_name) == (fleet["spare"], None, None)
    assert (asset.rmm_provider, asset.external_device_id, asset.last_seen_at) == (None, None, None)


async def test_active_before_others(fleet):
    """
    Of assets with one name, the one in use is the first.
    """
    found = await find(fleet, name="SRV-01")

    assert found.assets[-1].asset_id == fleet["spare"]


async def test_a_mapping_without_the_assets_own_columns(fleet):
    """
    The mapping table alone makes an asset the device.
    """
    async with fleet.db.tenant(fleet.tenant) as conn:
        await mappings.put_mapping(conn, fleet.tenant, "ninjaone", "asset", entity_id=fleet["spare"], external_id="77")

    found = await find(fleet, external_device_id="77")
    of_provider = await find(fleet, name="SRV-01", provider="ninjaone")

    assert (found.asset.asset_id, found.asset.rmm_provider, found.asset.external_device_id) == (
        fleet["spare"],
        "ninjaone",
        "77",
    )
    assert of_provider.count == 3


async def test_the_assets_own_columns_without_a_mapping(fleet):
    """
    An asset that another program keeps has its device id in its own row only.
    """
    async with fleet.db.tenant(fleet.tenant) as conn:
        await mappings.delete_mapping(conn, fleet.tenant, "tactical", "asset", fleet["tactical/42"])

    found = await find(fleet, external_device_id="42", provider="tactical")

    assert (found.asset.asset_id, found.asset.external_device_id) == (fleet["tactical/42"], "42")


async def test_nothing_found(fleet):
    """
    An empty result, or an error for those who want one.
    """
    found = await find(fleet, name="NOBODY")
    with pytest.raises(NotFoundError):
        await find(fleet, name="NOBODY", on_not_found="error")

    assert (found.asset, found.assets, found.count) == (None, (), 0)


async def test_another_tenants_assets(fleet, foreign_desk):
    """
    Nobody finds what another tenant has.
    """
    for given in (
        {"asset_id": str(fleet["ninjaone/42"])},
        {"external_device_id": "42"},
        {"serial_number": "ABC1"},
        {"name": "SRV-01"},
    ):
        assert (await find(foreign_desk, **given)).count == 0


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, ""),
        ({"provider": "ninjaone"}, ""),
        ({"external_device_id": None, "name": None}, ""),
        ({"external_device_id": True}, "external_device_id"),
        ({"external_device_id": " "}, "external_device_id"),
        ({"name": "x", "limit": 0}, "limit"),
        ({"name": "x", "limit": 51}, "limit"),
        ({"asset_id": "x"}, "asset_id"),
        ({"name": "x", "on_not_found": "ignore"}, "on_not_found"),
    ],
)
async def test_input_that_breaks_its_contract(desk, given, path):
    """
    At least one criterion, each of its type.
    """
    with pytest.raises(ValidationError) as caught:
        await find(desk, **given)

    assert [error.path for error in caught.value.errors] == [path]
