"""What NinjaOne sends, and what a job fetches when it did not: records and events, each once."""

from __future__ import annotations

import asyncio
from uuid import UUID

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from workflow_core.errors import PermissionDeniedError, ValidationError
from workflow_core.webhooks import WebhookTarget
from workflow_ninjaone.simulator import Quirks
from workflow_ninjaone.webhook import HEADER, register, remove

SERVER = 101
UID = "0c6cb3d4-9a52-4d50-8ab3-5a5a0e4a7f10"


def condition(number: int, code: str = "TRIGGERED", uid: str = UID, **more) -> dict:
    """An activity of an alert, as a webhook brings it."""
    return {
        "id": number,
        "activityTime": 1_700_000_000 + 3600 * number,
        "deviceId": SERVER,
        "seriesUid": uid,
        "activityType": "CONDITION",
        "statusCode": code,
        "message": "Disk C: is full.",
        **more,
    }


async def told(account) -> list[str]:
    """The names of the events, in their order."""
    return [name for name, _ in await account.events()]


@attrs.define
class Mailbox:
    """Where the simulator sends to: the values of the header, and the bodies."""

    received: list[tuple[str | None, dict]] = attrs.Factory(list)
    arrived: asyncio.Condition = attrs.Factory(asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        """Keeps a delivery."""
        self.received.append((request.headers.get(HEADER), await request.json()))
        async with self.arrived:
            self.arrived.notify_all()
        return web.Response(status=202)

    async def bodies(self, count: int) -> list[dict]:
        """What has arrived, once it is so many; each with the header's value."""
        async with asyncio.timeout(20), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)
        assert [value for value, _ in self.received] == ["v4lue"] * count
        return [body for _, body in self.received]


@pytest.fixture
async def mailbox(account):
    """Registered as the webhook of the account."""
    box = Mailbox()
    app = web.Application()
    app.router.add_post("/hook", box.take)
    async with TestServer(app) as server:
        url = f"http://127.0.0.1:{server.port}/hook"
        await register(account.connection_context(), WebhookTarget(url=url, header=HEADER, value="v4lue"))
        yield box


async def test_a_webhook_brings_an_alert(account, simulator, mailbox):
    """What is sent twice and in the wrong order is one record and two events, which say whose alert it is."""
    client_id = await account.client("Emerald", 1)
    await account.handle("devices.sync", device_id=SERVER)
    device = simulator.state.devices[SERVER]
    await simulator.control("POST", "delivery", json={"paused": True, "duplicates": 1, "order": "reversed"})
    alert = {"deviceId": SERVER, "uid": UID, "severity": "MAJOR", "priority": "HIGH", "subject": "Disk space"}
    await simulator.control("POST", "alerts", json=alert)
    simulator.state.reset_alert(UID, None)
    await simulator.control("POST", "delivery", json={"paused": False})
    await account.deliver(*await mailbox.bodies(4))
    (began, first), (ended, second) = await account.events()
    assert (began, ended) == ("RMM_ALERT_TRIGGERED", "RMM_ALERT_RESOLVED")
    row = await account.one("SELECT * FROM rmm_alerts WHERE external_alert_id = $1", UID)
    assert (row["status"], row["severity"], row["priority"]) == ("resolved", "major", "high")
    assert UUID(first["alertId"]) == row["alert_id"]
    expected = {
        "tenantId": str(account.tenant),
        "provider": "ninjaone",
        "externalAlertId": UID,
        "deviceId": str(SERVER),
        "deviceName": device["displayName"],
        "assetId": str(row["asset_id"]),
        "organizationId": "1",
        "clientId": str(client_id),
        "severity": "major",
        "priority": "high",
        "title": "Disk space",
        "ticketId": None,
    }
    assert expected.items() <= first.items()
    assert second["alertId"] == first["alertId"]


async def test_it_is_removed_and_replaced(account, simulator, mailbox):
    """An application has one webhook: a new address takes its place, and removing it ends it."""
    again = WebhookTarget(url="https://elsewhere.example/x", header=HEADER, value="other")
    await register(account.connection_context(), again)
    (hook,) = simulator.state.post_office.webhooks.values()
    assert hook.config["url"] == again.url
    assert hook.config["headers"] == [{"name": HEADER, "value": "other"}]
    await remove(account.connection_context())
    assert simulator.state.post_office.webhooks == {}


async def test_who_is_no_administrator(account, simulator):
    """Is told so, and that alerts come nevertheless."""
    simulator.state.quirks = Quirks(webhook_forbidden=True)
    with pytest.raises(PermissionDeniedError, match="only a system administrator"):
        await register(account.connection_context(), WebhookTarget(url="https://x.example", header=HEADER, value="v"))


async def test_fields_that_are_missing(account):
    """An activity needs an id, a kind and what it belongs to; everything else may be absent."""
    bare = {"id": 7, "activityType": "CONDITION", "statusCode": "TRIGGERED", "seriesUid": UID}
    await account.deliver(bare)
    ((name, payload),) = await account.events()
    assert (name, payload["severity"], payload["deviceId"], payload["title"]) == (
        "RMM_ALERT_TRIGGERED",
        "none",
        None,
        None,
    )


async def test_what_means_nothing_here(account):
    """It is counted and changes nothing; what is no activity is refused."""
    strange = [
        condition(1, "SOMETHING_NEW"),
        condition(2, uid="../../x"),
        condition(3, activityType="PATCH_MANAGEMENT"),
        {"id": 4, "activityType": "SYSTEM", "statusCode": "NODE_CREATED"},
        {"id": 5},
    ]
    await account.deliver(*strange)
    assert await account.events() == []
    assert await account.rows("SELECT * FROM rmm_alerts") == []
    row = await account.one("SELECT webhook_ignored FROM rmm_integrations WHERE tenant = $1", account.tenant)
    assert row["webhook_ignored"] == len(strange)
    for body in ([], None, "x", {"id": "7"}):
        with pytest.raises(ValidationError):
            await account.deliver(body)


async def test_devices(account):
    """What happens to a device is told once, with what is known of it."""
    await account.handle("devices.sync", device_id=SERVER)
    for number, code in enumerate(("NODE_CREATED", "NODE_UPDATED", "NODE_DELETED", "SYSTEM_REBOOTED"), start=1):
        body = {"id": number, "deviceId": SERVER, "activityType": "SYSTEM", "statusCode": code, "message": "So."}
        await account.deliver(body, body)
    events = await account.events()
    assert [name for name, _ in events] == [
        "RMM_DEVICE_CREATED",
        "RMM_DEVICE_UPDATED",
        "RMM_DEVICE_DELETED",
        "RMM_DEVICE_REBOOTED",
    ]
    for _, payload in events:
        assert payload["deviceId"] == str(SERVER)
        assert payload["assetId"] is not None
        assert payload["message"] == "So."


async def test_tenants_are_apart(account, stranger):
    """Two tenants with one NinjaOne account have records and events of their own."""
    await account.deliver(condition(1))
    assert await stranger.events() == []
    await stranger.deliver(condition(1), condition(2, "RESET"))
    assert await told(account) == ["RMM_ALERT_TRIGGERED"]
    assert await told(stranger) == ["RMM_ALERT_TRIGGERED", "RMM_ALERT_RESOLVED"]


# ── The job ──────────────────────────────────────────────────────────────────────────────────────────────────────

RECONCILE = "ninjaone.reconcile_alerts"


async def test_the_first_run_takes_over_quietly(account, simulator):
    """What was active before anybody listened starts nothing; its end is told."""
    active = len(simulator.state.alerts)
    assert active
    result = await account.run_job(RECONCILE)
    assert (result["activities"], result["activeAlerts"], result["opened"]) == (0, active, 0)
    assert await account.events() == []
    assert len(await account.rows("SELECT * FROM rmm_alerts WHERE status = 'active'")) == active
    simulator.state.reset_alert(next(iter(simulator.state.alerts)), None)
    await account.run_job(RECONCILE)
    assert await told(account) == ["RMM_ALERT_RESOLVED"]


@pytest.mark.parametrize("bare", [False, True], ids=["object", "bare"])
async def test_the_job_fetches_what_was_lost(account, simulator, bare):
    """All of it, in order and once, whatever the webhook brings before, between and after."""
    simulator.state.quirks = Quirks(bare_activities=bare, page_cap=2)
    await account.run_job(RECONCILE)
    simulator.state.add_alert({"deviceId": SERVER, "uid": UID, "subject": "Disk space"})
    activity = dict(simulator.state.activities[-1])
    assert (await account.run_job(RECONCILE))["activities"] == 1
    assert await told(account) == ["RMM_ALERT_TRIGGERED"]
    await account.deliver(activity)
    for _ in range(2):
        simulator.clock.now += 600
        simulator.state.reset_alert(UID, None)
        simulator.clock.now += 600
        simulator.state.add_alert({"deviceId": SERVER, "uid": UID})
    reset = next(dict(found) for found in simulator.state.activities if found.get("statusCode") == "RESET")
    await account.deliver(reset)
    await account.run_job(RECONCILE)
    await account.run_job(RECONCILE)
    of_it = [dict(found) for found in simulator.state.activities if found.get("seriesUid") == UID]
    await account.deliver(*reversed(of_it))
    assert await told(account) == ["RMM_ALERT_TRIGGERED", *["RMM_ALERT_RESOLVED", "RMM_ALERT_TRIGGERED"] * 2]
    row = await account.one("SELECT * FROM rmm_alerts WHERE external_alert_id = $1", UID)
    assert (row["status"], row["occurrence_count"]) == ("active", 3)


async def test_the_list_tells_what_activities_do_not(account, simulator):
    """An alert that is in the list began, one that is in it no more ended, even if no activity says so."""
    await account.run_job(RECONCILE)
    simulator.state.add_alert({"deviceId": SERVER, "uid": UID})
    simulator.state.activities.pop()
    assert (await account.run_job(RECONCILE))["opened"] == 1
    del simulator.state.alerts[UID]
    assert (await account.run_job(RECONCILE))["closed"] == 1
    await account.run_job(RECONCILE)
    assert await told(account) == ["RMM_ALERT_TRIGGERED", "RMM_ALERT_RESOLVED"]


async def test_another_account_numbers_anew(account, simulator):
    """The numbers of the one before mean nothing there: it is taken over like a first one."""
    await account.run_job(RECONCILE)
    await account.rows(
        "UPDATE rmm_integrations SET activity_seen = 10000000 WHERE tenant = $1 RETURNING 1", account.tenant
    )
    simulator.state.add_alert({"deviceId": SERVER, "uid": UID})
    await account.run_job(RECONCILE)
    assert await account.events() == []


async def test_acknowledging_is_an_end_like_any(account, simulator):
    """The alert that was cleared from here is told to be over when NinjaOne says so, and stays acknowledged."""
    await account.run_job(RECONCILE)
    simulator.state.add_alert({"deviceId": SERVER, "uid": UID})
    await account.run_job(RECONCILE)
    await account.handle("alerts.reset", external_alert_id=UID)
    await account.run_job(RECONCILE)
    assert await told(account) == ["RMM_ALERT_TRIGGERED", "RMM_ALERT_RESOLVED"]
    row = await account.one("SELECT * FROM rmm_alerts WHERE external_alert_id = $1", UID)
    assert (row["status"], row["acknowledged_by"]) == ("acknowledged", account.actor)
