import asyncio
from collections.abc import AsyncIterator

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

CONFIG = {
    "url": "",
    "activities": {"CONDITION": ["TRIGGERED", "RESET"], "SYSTEM": ["*"]},
    "expand": ["device", "organization"],
    "headers": [{"name": "X-Webhook-Secret", "value": "canary-7"}],
}


@attrs.define
class Receiver:
    """Where the webhook points to.

    Attributes:
        url: Its address.
        status: What it answers.
        received: Headers and body of each event.
        arrived: Told of each.
    """

    url: str = ""
    status: int = 202
    received: list = attrs.field(factory=list)
    arrived: asyncio.Condition = attrs.field(factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        self.received.append((dict(request.headers), await request.json()))
        async with self.arrived:
            self.arrived.notify_all()
        return web.Response(status=self.status)

    async def wait(self, count):
        """The bodies, as soon as there are so many."""
        async with asyncio.timeout(20), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)
        return [body for _, body in self.received]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    place = Receiver()
    app = web.Application()
    app.router.add_post("/hook", place.take)
    server = TestServer(app)
    await server.start_server()
    place.url = f"http://127.0.0.1:{server.port}/hook"
    try:
        yield place
    finally:
        await server.close()


async def register(simulator, receiver, **change):
    status, _ = await simulator.call("PUT", "/v2/webhook", json={**CONFIG, "url": receiver.url, **change})
    assert status == 204


async def trigger(simulator, device=101, **fields):
    _, alert = await simulator.control("POST", "alerts", json={"deviceId": device, **fields})
    return alert["uid"]


async def settled(simulator):
    """What came of everything, as soon as nothing is on its way."""
    async with asyncio.timeout(20):
        while True:
            _, deliveries = await simulator.control("GET", "deliveries")
            if deliveries["queued"] == 0:
                return deliveries


async def test_delivery(simulator, receiver):
    """
    An activity that is wanted is posted with the registered headers and its device; others are not.
    """
    await register(simulator, receiver)
    uid = await trigger(simulator, severity="MAJOR")
    await simulator.call("DELETE", f"/v2/alert/{uid}")
    await simulator.call("POST", "/v2/device/101/reboot/NORMAL")
    triggered, cleared = await receiver.wait(2)
    deliveries = await settled(simulator)
    _, log = await simulator.call("GET", f"/v2/activities?seriesUid={uid}")

    assert [headers["X-Webhook-Secret"] for headers, _ in receiver.received] == ["canary-7"] * 2
    device = triggered.pop("device")
    assert cleared.pop("device")["id"] == 101
    assert [cleared, triggered] == log["activities"]
    assert (triggered["activityType"], triggered["statusCode"], triggered["severity"]) == (
        "CONDITION",
        "TRIGGERED",
        "MAJOR",
    )
    assert (device["organizationId"], device["references"]["organization"]["name"]) == (1, "Northwind Dental")
    assert "organizationId" not in triggered
    assert [row["outcome"] for row in deliveries["deliveries"]] == [202, 202]


async def test_later_events(simulator, receiver):
    """
    What happens by itself is posted when it has happened.
    """
    await register(simulator, receiver, expand=[])
    await simulator.call("POST", "/v2/device/101/reboot/NORMAL")
    simulator.clock.now += 60
    await simulator.control("GET", "deliveries")
    (event,) = await receiver.wait(1)

    assert (event["statusCode"], "device" in event) == ("SYSTEM_REBOOTED", False)


async def test_by_the_clock(simulator, receiver):
    """
    Nobody needs to ask: a reboot that is due soon is posted by itself.
    """
    await register(simulator, receiver)
    await simulator.control("POST", "timing", json={"reboot_seconds": 0.01})
    await simulator.call("POST", "/v2/device/101/reboot/NORMAL")
    simulator.clock.now += 0.02
    (event,) = await receiver.wait(1)

    assert event["statusCode"] == "SYSTEM_REBOOTED"


async def test_organizations(simulator, receiver):
    """
    A webhook can be for some organizations only.
    """
    await register(simulator, receiver, organizationIds=[2])
    await trigger(simulator, 101)
    wanted = await trigger(simulator, 201)
    (event,) = await receiver.wait(1)
    await settled(simulator)

    assert event["seriesUid"] == wanted
    assert len(receiver.received) == 1


async def test_duplicates_and_disorder(simulator, receiver):
    """
    Kept events come in another order, and more than once.
    """
    await register(simulator, receiver)
    await simulator.control("POST", "delivery", json={"paused": True})
    uids = [await trigger(simulator) for _ in range(3)]
    _, kept = await simulator.control("GET", "deliveries")
    await simulator.control("POST", "delivery", json={"paused": False, "duplicates": 1, "order": "reversed"})
    events = await receiver.wait(6)

    assert (kept["queued"], kept["deliveries"]) == (3, [])
    assert [event["seriesUid"] for event in events] == [uid for uid in reversed(uids) for _ in range(2)]


async def test_lost(simulator, receiver):
    """
    An event may never leave.
    """
    await register(simulator, receiver)
    await simulator.control("POST", "delivery", json={"lost_share": 1})
    await trigger(simulator)
    lost = await settled(simulator)
    await simulator.control("POST", "delivery", json={"lost_share": 0})
    uid = await trigger(simulator)
    (event,) = await receiver.wait(1)

    assert [row["outcome"] for row in lost["deliveries"]] == ["lost"]
    assert event["seriesUid"] == uid


async def test_tries_again(simulator, receiver):
    """
    An event that was refused is tried again.
    """
    await register(simulator, receiver)
    await simulator.control("POST", "delivery", json={"attempts": 3, "retry_seconds": 0.01})
    receiver.status = 500
    await trigger(simulator)
    await receiver.wait(2)
    receiver.status = 200
    await receiver.wait(3)
    deliveries = await settled(simulator)

    assert [(row["attempt"], row["outcome"]) for row in deliveries["deliveries"]] == [(1, 500), (2, 500), (3, 200)]
    assert deliveries["webhooks"][0]["failures"] == 0


async def test_disabled(simulator, receiver, unused_tcp_port):
    """
    Too many failures in a row disable the webhook, until it is registered again.
    """
    await simulator.control("POST", "delivery", json={"attempts": 1, "disable_after": 2, "timeout_seconds": 5})
    await register(simulator, receiver, url=f"http://127.0.0.1:{unused_tcp_port}/hook")
    for _ in range(3):
        await trigger(simulator)
        deliveries = await settled(simulator)
    await register(simulator, receiver)
    await trigger(simulator)
    await receiver.wait(1)

    assert [row["outcome"] for row in deliveries["deliveries"]] == ["unreachable"] * 2
    assert deliveries["webhooks"][0]["disabled"] is True


async def test_removed(simulator, receiver):
    """
    A removed webhook gets nothing more; removing none is no error. Each application has its own.
    """
    await register(simulator, receiver)
    first = await simulator.call("DELETE", "/v2/webhook")
    second = await simulator.call("DELETE", "/v2/webhook")
    await trigger(simulator)
    deliveries = await settled(simulator)

    assert first == second == (204, None)
    assert (deliveries["webhooks"], deliveries["deliveries"]) == ([], [])


async def test_secrets(simulator, receiver):
    """
    The values of the headers are told to nobody else: journal, state and deliveries have their names alone.
    """
    await register(simulator, receiver)
    _, journal = await simulator.control("GET", "journal?kind=webhook")
    _, state = await simulator.control("GET", "state")
    _, deliveries = await simulator.control("GET", "deliveries")

    assert journal["entries"][0]["body"]["headers"] == deliveries["webhooks"][0]["headers"] == ["X-Webhook-Secret"]
    assert "canary-7" not in str([journal, state, deliveries])


@pytest.mark.parametrize(
    "change",
    [
        {"url": "platform.example/hook"},
        {"url": "ftp://platform.example"},
        {"url": 5},
        {"activities": {"SYSTEM": "*"}},
        {"activities": ["SYSTEM"]},
        {"headers": [{"name": "A"}]},
        {"headers": [{"name": "A", "value": 5}]},
        {"expand": [1]},
        {"organizationIds": ["1"]},
        {"secret": "x"},
    ],
)
async def test_refused(simulator, receiver, change):
    """
    A configuration of another shape is refused, and nothing is registered.
    """
    status, body = await simulator.call("PUT", "/v2/webhook", json={**CONFIG, "url": receiver.url, **change})

    assert (status, body["resultCode"]) == (400, "FAILURE")
    assert (await settled(simulator))["webhooks"] == []


async def test_forbidden(simulator, receiver):
    """
    Whoever is no system administrator may not configure it.
    """
    await simulator.control("POST", "quirks", json={"webhook_forbidden": True})

    assert (await simulator.call("PUT", "/v2/webhook", json={**CONFIG, "url": receiver.url}))[0] == 403
    assert (await simulator.call("DELETE", "/v2/webhook"))[0] == 403
