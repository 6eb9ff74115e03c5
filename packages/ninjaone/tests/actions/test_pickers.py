"""What there is to pick for the fields of NinjaOne's actions."""

from __future__ import annotations

import pytest

from workflow_core.errors import IntegrationInactiveError, ValidationError
from workflow_core.options import pickers_of
from workflow_ninjaone.plugin import NinjaOnePlugin

WINDOWS = 101


async def labels(account, source: str, **query) -> list[str]:
    """What is found, in its order."""
    return [option.label for option in (await account.pick(f"ninjaone.{source}", **query)).options]


def test_every_source_is_asked_by_a_field():
    """And devices, assets, organizations, alerts and scripts all have one."""
    used = {
        picker.source for action in NinjaOnePlugin().workflow_actions() for picker in pickers_of(action.input).values()
    }
    assert used == {source.id for source in NinjaOnePlugin().workflow_options()}


async def test_what_has_been_synced(account, stranger):
    """Devices, their assets, organizations and alerts, with what tells them apart; values as the fields take them."""
    client_id = await account.client("Northwind", 1)
    await account.handle("devices.sync", device_id=WINDOWS)
    await account.handle("alerts.list_active", live=True)
    (device,) = (await account.pick("ninjaone.devices")).options
    assert (device.value, device.label) == (WINDOWS, "NWD-DC01")
    (asset,) = (await account.pick("ninjaone.assets")).options
    assert await account.one("SELECT client_id FROM assets WHERE asset_id::text = $1", asset.value) == {
        "client_id": client_id
    }
    assert await labels(account, "devices", dependencies={"organization_id": "2"}) == []
    assert await labels(account, "devices", q="nwd", values=None) == ["NWD-DC01"]
    assert await labels(account, "devices", values=(str(WINDOWS), "5")) == ["NWD-DC01"]
    organizations = (await account.pick("ninjaone.organizations")).options
    assert [(option.value, option.description) for option in organizations] == [(1, "Northwind")]
    alerts = (await account.pick("ninjaone.alerts", limit=1)).options
    assert [option.label for option in alerts] == ["Low disk space on NWD-DC01"]
    (uid,) = (await account.pick("ninjaone.alert_uids", limit=1)).options
    row = await account.one("SELECT alert_id::text FROM rmm_alerts WHERE external_alert_id = $1", uid.value)
    assert row["alert_id"] == alerts[0].value
    for source in ("devices", "assets", "organizations", "alerts", "alert_uids"):
        assert await labels(stranger, source) == []


async def test_scripts(account):
    """NinjaOne is asked: of the device that was chosen; without one, for the whole library."""
    device = {"dependencies": {"device_id": str(WINDOWS)}}
    assert await labels(account, "scripts") == ["Clear temporary files", "Restart print spooler", "Rotate logs"]
    assert await labels(account, "scripts", **device) == ["Clear temporary files", "Restart print spooler"]
    assert await labels(account, "scripts", q="TEMP clear", **device) == ["Clear temporary files"]
    assert await labels(account, "scripts", values=("72",)) == ["Restart print spooler"]
    assert await labels(account, "script_actions", **device) == ["Flush DNS cache"]
    assert await labels(account, "script_actions") == []
    run_as = (await account.pick("ninjaone.run_as", **device)).options
    assert [option.value for option in run_as] == ["5", "LOGGED_ON_USER", "SYSTEM"]
    assert await labels(account, "scripts", dependencies={"device_id": "999999"}) == []
    first = await account.pick("ninjaone.scripts", limit=2)
    second = await account.pick("ninjaone.scripts", limit=2, cursor=first.next_cursor)
    assert [option.value for page in (first, second) for option in page.options] == [71, 72, 73]
    assert second.next_cursor is None


@pytest.mark.parametrize("query", [{"dependencies": {"device_id": "x"}}, {"cursor": "x"}, {"cursor": "٣"}])
async def test_a_wrong_query(account, query):
    """It is refused, and named."""
    with pytest.raises(ValidationError):
        await account.pick("ninjaone.scripts", **query)


async def test_a_connection_that_ended(account):
    """Nothing is shown of it."""
    await account.rows("UPDATE rmm_integrations SET is_active = false WHERE tenant = $1 RETURNING 1", account.tenant)
    for source in ("devices", "scripts"):
        with pytest.raises(IntegrationInactiveError):
            await account.pick(f"ninjaone.{source}")
