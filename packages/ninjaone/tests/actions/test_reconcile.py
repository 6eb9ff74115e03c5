"""Effects whose answer was lost: what NinjaOne shows of them afterwards."""

import copy

import pytest

from workflow_core.actions import Happened, NotHappened, Unknown
from workflow_core.errors import IntegrationInactiveError, NotFoundError, TransientError
from workflow_core.schema import to_json
from workflow_ninjaone.simulator.shapes import uid

NEWEST = uid("alert/dc01-disk")
REBOOTED = {"reboot_requested": True, "external_device_id": "101"}


async def status_of(account, alert):
    rows = await account.rows("SELECT status FROM rmm_alerts WHERE external_alert_id = $1", alert)
    return rows[0]["status"] if rows else None


# ── Reboot ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def reboot(account, device_id=101):
    """Prepares and sends a reboot; gives what was prepared, as the ledger keeps it."""
    prepared = to_json(await account.prepare("devices.reboot", device_id=device_id))
    await account.handle("devices.reboot", device_id=device_id)
    return prepared


async def look(account, prepared, device_id=101):
    return await account.reconcile("devices.reboot", prepared, device_id=device_id)


@pytest.mark.parametrize("offset", [0, -86400, 86400], ids=["same clock", "a day behind", "a day ahead"])
@pytest.mark.parametrize("report", [0, 500], ids=["at once", "late"])
async def test_a_reboot_shows_when_it_is_reported(account, offset, report):
    """
    Until then nobody can tell; NinjaOne's clock alone counts.
    """
    simulator = account.simulator
    await simulator.control("POST", "timing", json={"clock_offset": offset, "report_seconds": report})
    prepared = await reboot(account)

    assert isinstance(await look(account, prepared), Unknown)
    simulator.clock.now += 29 + report
    unknown = await look(account, prepared)
    simulator.clock.now += 2
    happened = await look(account, prepared)

    assert isinstance(unknown, Unknown)
    assert unknown.reason.startswith("NinjaOne shows no reboot of device 101 since ")
    assert unknown.reason.endswith("UTC (online).")
    assert isinstance(happened, Happened)
    assert to_json(happened.output) == REBOOTED


@pytest.mark.parametrize("sign", ["activity", "boot time"])
async def test_one_sign_is_enough(account, sign):
    """
    An activity without a boot time, as of a device that has not reported itself; or the other way round.
    """
    state = account.simulator.state
    before = copy.deepcopy(state.devices[101]["os"])
    prepared = await reboot(account)
    account.simulator.clock.now += 31
    state.settle()
    if sign == "activity":
        state.devices[101]["os"] = before
    else:
        state.activities = [row for row in state.activities if row["statusCode"] != "SYSTEM_REBOOTED"]

    assert isinstance(await look(account, prepared), Happened)


async def test_an_earlier_reboot_that_is_reported_late_is_not_ours(account):
    """
    It was before the sending, whenever it shows: neither its activity nor its boot time counts.
    """
    state, clock = account.simulator.state, account.simulator.clock
    state.request_reboot(101, "NORMAL", "somebody else")
    await account.simulator.control("POST", "timing", json={"report_seconds": 300})
    clock.now += 40
    prepared = to_json(await account.prepare("devices.reboot", device_id=101))
    clock.now += 300
    state.settle()

    assert state.activities[-1]["statusCode"] == "SYSTEM_REBOOTED"
    assert isinstance(await look(account, prepared), Unknown)


async def test_a_reboot_in_the_same_second_before_is_not_ours(account):
    """
    NinjaOne's clock is told to the second: what was reported before the sending was seen by then.
    """
    state, clock = account.simulator.state, account.simulator.clock
    state.request_reboot(101, "NORMAL", "somebody else")
    clock.now += 30.1
    prepared = to_json(await account.prepare("devices.reboot", device_id=101))

    assert prepared["last_reboot_id"] == state.activities[-1]["id"]
    assert isinstance(await look(account, prepared), Unknown)


async def test_a_device_that_is_offline(account):
    """
    It reboots when it is back, whenever that is; until then the reason says where it is.
    """
    prepared = await reboot(account, 202)
    account.simulator.clock.now += 3000

    unknown = await look(account, prepared, 202)
    await account.simulator.control("POST", "devices/202", json={"offline": False})
    happened = await look(account, prepared, 202)

    assert isinstance(unknown, Unknown)
    assert unknown.reason.endswith("(offline).")
    assert isinstance(happened, Happened)


async def test_a_reboot_of_which_nothing_was_prepared(account):
    """
    Without NinjaOne's time of the sending nothing can be told.
    """
    assert isinstance(await look(account, None), Unknown)
    prepared = {**to_json(await account.prepare("devices.reboot", device_id=101)), "vendor_time": None}
    assert isinstance(await look(account, prepared), Unknown)


async def test_a_look_that_fails_tells_nothing(account):
    """
    It raises, and proves neither.
    """
    prepared = await reboot(account)
    account.simulator.state.add_fault({"path": "/activities", "effect": {"status": 500}, "times": 3})
    with pytest.raises(TransientError):
        await look(account, prepared)
    account.simulator.state.faults.clear()
    account.simulator.state.pending_reboots.clear()
    del account.simulator.state.devices[101]
    with pytest.raises(NotFoundError):
        await look(account, prepared)
    await account.connect(is_active=False)
    with pytest.raises(IntegrationInactiveError):
        await look(account, prepared)


# ── Alert reset ──────────────────────────────────────────────────────────────────────────────────────────────────


async def prepare(account, alert=NEWEST):
    return to_json(await account.prepare("alerts.reset", external_alert_id=alert))


async def look_for(account, prepared, alert=NEWEST):
    return await account.reconcile("alerts.reset", prepared, external_alert_id=alert)


async def test_an_alert_that_is_gone_was_cleared(account):
    """
    It is acknowledged here as well.
    """
    listed = (await account.handle("alerts.list_active", live=True)).alerts[0]
    prepared = await prepare(account)
    account.simulator.state.reset_alert(NEWEST, None)

    happened = await look_for(account, prepared)

    assert isinstance(happened, Happened)
    assert to_json(happened.output) == {"acknowledged": True, "alert_id": listed.alert_id}
    assert await status_of(account, NEWEST) == "acknowledged"


async def test_an_alert_that_is_active_as_before_was_not_cleared(account):
    """
    The evidence says since when.
    """
    await account.handle("alerts.list_active", live=True)
    prepared = await prepare(account)

    verdict = await look_for(account, prepared)

    assert isinstance(verdict, NotHappened)
    assert verdict.evidence == f"the alert is active, unchanged since {prepared['updated_at']}"
    assert await status_of(account, NEWEST) == "active"


async def test_an_alert_that_has_triggered_again_was_cleared(account):
    """
    The new one stays: an old retry never clears it.
    """
    prepared = await prepare(account)
    state = account.simulator.state
    state.reset_alert(NEWEST, None)
    account.simulator.clock.now += 5
    state.add_alert({"uid": NEWEST, "deviceId": 101})

    assert isinstance(await look_for(account, prepared), Happened)
    assert NEWEST in state.alerts


async def test_an_alert_that_was_not_active_is_not_cleared(account):
    """
    What triggers between the look and the sending is a new alert: nothing is sent.
    """
    state = account.simulator.state
    state.reset_alert(NEWEST, None)
    prepared = await prepare(account)
    state.add_alert({"uid": NEWEST, "deviceId": 101})

    output = await account.handle("alerts.reset", prepared, external_alert_id=NEWEST)

    assert (prepared["active"], output.acknowledged) == (False, True)
    assert NEWEST in state.alerts
    assert state.journal == []


async def test_an_alert_that_was_not_active_and_triggers_later_is_a_new_one(account):
    """
    There was nothing to clear: a retry after a lost answer finds that done, and never clears the new one.
    """
    state = account.simulator.state
    state.reset_alert(NEWEST, None)
    prepared = await prepare(account)
    state.add_alert({"uid": NEWEST, "deviceId": 101})

    assert isinstance(await look_for(account, prepared), Happened)
    assert NEWEST in state.alerts


@pytest.mark.parametrize("missing", ["before", "now", "never prepared"])
async def test_an_alert_without_times(account, missing):
    """
    While it is active, nobody can tell whether it is the same one.
    """
    prepared = await prepare(account)
    if missing == "before":
        prepared["updated_at"] = None
    elif missing == "now":
        for name in ("updateTime", "createTime"):
            del account.simulator.state.alerts[NEWEST][name]
    assert isinstance(await look_for(account, None if missing == "never prepared" else prepared), Unknown)
