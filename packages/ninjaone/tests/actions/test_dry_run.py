"""What reads in a dry run: live, in the same form as ever, and without a trace in our records."""

from datetime import UTC, datetime

import attrs
import pytest

from workflow_core.testing.contents import changed_tables, read_contents
from workflow_ninjaone.simulator.shapes import uid

NEWEST = uid("alert/dc01-disk")


async def contents(account):
    async with account.db.tenant(account.tenant) as conn:
        return await read_contents(conn)


@pytest.fixture
async def mapped(account):
    """The account with a client and the device of its newest alert."""
    await account.client("Northwind", 1)
    await account.handle("devices.sync", device_id=101)
    return account


def without_ids(listed):
    return [attrs.evolve(alert, alert_id="") for alert in listed.alerts]


async def test_live_list_of_alerts_that_have_no_records(mapped):
    """
    As a real run would see it but for our ids, in whose place stand NinjaOne's; no record is written or resolved.
    """
    before = await contents(mapped)
    dry = await mapped.rehearse("alerts.list_active", live=True)
    assert changed_tables(before, await contents(mapped)) == set()
    assert [alert.alert_id for alert in dry.alerts] == [alert.external_alert_id for alert in dry.alerts]

    real = await mapped.handle("alerts.list_active", live=True)
    assert without_ids(dry) == without_ids(real)
    assert dry.count == real.count == 6


async def test_live_list_of_alerts_that_have_records(mapped):
    """
    They have our ids, and say what became of them here: acknowledged, over, or active once more.
    """
    await mapped.handle("alerts.list_active", live=True)
    rows = await mapped.rows("SELECT alert_id FROM rmm_alerts ORDER BY triggered_at DESC NULLS LAST LIMIT 2")
    async with mapped.db.tenant(mapped.tenant) as conn:
        # The first was acknowledged after it had triggered; the second triggers again.
        await conn.execute(
            "UPDATE rmm_alerts SET status = 'acknowledged', acknowledged_at = now() WHERE alert_id = $1",
            rows[0]["alert_id"],
        )
        second = await conn.fetchval(
            "UPDATE rmm_alerts SET status = 'resolved', resolved_at = now(), message = 'old' WHERE alert_id = $1 "
            "RETURNING external_alert_id",
            rows[1]["alert_id"],
        )
    mapped.simulator.state.alerts.pop(second)
    later = datetime.now(UTC).timestamp() + 60
    mapped.simulator.state.add_alert({"uid": second, "deviceId": 101, "createTime": later, "severity": "MAJOR"})
    gone = uid("alert/switch-port")
    mapped.simulator.state.alerts.pop(gone)

    before = await contents(mapped)
    dry = await mapped.rehearse("alerts.list_active", live=True)
    assert changed_tables(before, await contents(mapped)) == set()
    assert await mapped.one("SELECT status FROM rmm_alerts WHERE external_alert_id = $1", gone) == {"status": "active"}

    assert dry == await mapped.handle("alerts.list_active", live=True)
    statuses = {alert.alert_id: alert.status for alert in dry.alerts}
    assert [statuses[str(row["alert_id"])] for row in rows] == ["acknowledged", "active"]


async def test_get_an_alert_that_is_not_known_here(mapped):
    """
    It is looked for among NinjaOne's active ones, and stays unknown here.
    """
    before = await contents(mapped)
    dry = (await mapped.rehearse("alerts.get", external_alert_id=NEWEST)).alert
    assert changed_tables(before, await contents(mapped)) == set()

    real = (await mapped.handle("alerts.get", external_alert_id=NEWEST)).alert
    assert dry == attrs.evolve(real, alert_id=NEWEST)


async def test_live_search_of_devices(mapped):
    """
    Finding devices never wrote anything.
    """
    before = await contents(mapped)
    dry = await mapped.rehearse("devices.find", live=True)
    assert changed_tables(before, await contents(mapped)) == set()
    assert dry == await mapped.handle("devices.find", live=True)
