"""The real client against the simulator: two readings of the same API meet."""

from uuid import uuid4

import pytest

from workflow_core.errors import (
    IntegrationNotConfiguredError,
    NotFoundError,
    PermissionDeniedError,
    Refused,
    TransientError,
)
from workflow_core.integrations.candidates import Candidate
from workflow_ninjaone.client import ConnectionTokenSource, NinjaOneClient, RetryPolicy
from workflow_ninjaone.connection import ninjaone_connection

NEWEST = "30185b9d-6ddf-5b7b-a974-fa7bc8041b30"


async def no_wait(_seconds):
    """Takes the place of ``asyncio.sleep``."""


@pytest.fixture
def connect(simulator):
    """Makes clients of the simulator; the default one may do everything."""

    def make(client_id="full-client", client_secret="full-secret", scope=None, timeout=5.0, base_url=None):
        candidate = Candidate(
            uuid4(),
            ninjaone_connection(),
            simulator.session,
            method="client_credentials",
            instance_url=simulator.url,
            settings={},
            scopes=tuple((scope or "monitoring management control").split()),
            values={"client_id": client_id, "client_secret": client_secret},
        )
        tokens, retry = ConnectionTokenSource(candidate), RetryPolicy(sleep=no_wait)
        return NinjaOneClient(
            simulator.session, base_url=base_url or simulator.url, tokens=tokens, retry=retry, timeout=timeout
        )

    return make


@pytest.fixture
def client(connect):
    return connect()


async def test_reads(client):
    """
    Every read understands every seeded record.
    """
    devices = [device async for device in client.list_devices(page_size=2)]
    detailed = [device async for device in client.list_devices("org = 1", detailed=True)]
    organizations = [row.name async for row in client.list_organizations(page_size=1)]
    single = await client.get_device(101)

    assert [device.id for device in devices] == [101, 102, 103, 201, 202, 301, 302, 303, 304]
    assert [device.offline for device in devices].count(True) == 1
    assert detailed[0] == single
    assert single.os.name == "Windows Server 2022 Standard Edition"
    assert single.memory_bytes == single.system.memory_bytes == 64 * 1024**3
    assert single.processors[0].cores == 8
    assert [volume.name for volume in single.volumes] == ["C:", "D:"]
    assert organizations == ["Northwind Dental", "Contoso Legal", "Fabrikam Logistics"]
    assert [device.id for device in await client.search_devices("CTL-", limit=5)] == [201, 202]


async def test_alerts(client, simulator):
    """
    The newest alert can be told by its time; absent fields stay absent.
    """
    alerts = (await client.list_alerts()).alerts
    newest = max(alerts, key=lambda alert: alert.created_at)

    assert (newest.uid, newest.severity, newest.priority) == (NEWEST, "CRITICAL", "HIGH")
    assert newest.created_at.timestamp() == simulator.clock.now - 90.5
    assert newest.device.node_class == "WINDOWS_SERVER"
    assert any(alert.severity is alert.source_type is alert.device is None for alert in alerts)


async def test_reset_alert(client):
    """
    A reset alert is gone, and resetting it again finds none.
    """
    await client.reset_alert(NEWEST)

    assert NEWEST not in [alert.uid for alert in (await client.list_alerts()).alerts]
    with pytest.raises(NotFoundError):
        await client.reset_alert(NEWEST)


async def test_reboot(client, simulator):
    """
    A reboot shows in the boot time once it has happened.
    """
    before = await client.get_device(101)
    await client.reboot_device(101, "FORCED", reason="patches")
    simulator.clock.now += 60
    after = await client.get_device(101)

    assert after.os.last_boot_at > before.os.last_boot_at
    assert [entry["body"] for entry in simulator.state.journal] == [{"reason": "patches"}]


async def test_stale_token(client, simulator):
    """
    A token that the vendor has forgotten is replaced, for reads and for acting calls.
    """
    await client.get_device(101)
    simulator.state.revoke_tokens()
    await client.get_device(101)
    simulator.state.revoke_tokens()
    await client.reset_alert(NEWEST)

    assert [entry["outcome"] for entry in simulator.state.journal] == ["refused", "done"]


async def test_wrong_credentials(connect):
    """
    Wrong credentials and scopes that the application lacks are told apart.
    """
    with pytest.raises(IntegrationNotConfiguredError):
        await connect(client_secret="wrong").get_device(101)
    with pytest.raises(PermissionDeniedError):
        await connect("reader-client", "reader-secret").get_device(101)


async def test_missing_scope(connect):
    """
    A call beyond the token's scope is refused before acting.
    """
    client = connect("reader-client", "reader-secret", "monitoring")

    with pytest.raises(Refused) as raised:
        await client.reboot_device(101)

    assert isinstance(raised.value.cause, PermissionDeniedError)


@pytest.mark.parametrize(
    "effect", [{"status": 503}, {"status": 429, "headers": {"Retry-After": "1"}}, {"html": True}, {"cut": "before"}]
)
async def test_reads_survive(client, simulator, effect):
    """
    Two passing faults do not fail a read.
    """
    await client.get_device(101)  # with a token at hand, the faults strike the read alone
    simulator.state.add_fault({"path": "/device/", "times": 2, "effect": effect})

    assert (await client.get_device(101)).id == 101


async def test_malformed_filter(client):
    """
    A malformed filter is an error, never the whole fleet.
    """
    with pytest.raises(TransientError):
        [device async for device in client.list_devices("NWD-DC01")]


@pytest.mark.parametrize(
    ("effect", "refused", "outcome"),
    [
        ({"status": 429}, True, "fault"),
        ({"status": 503}, False, "fault"),
        ({"html": True, "status": 200}, False, "fault"),
        ({"cut": "before"}, False, "fault"),
        ({"cut": "after"}, False, "done"),
        ({"hang_seconds": 60, "when": "after"}, False, "done"),
    ],
)
async def test_acting_once(connect, simulator, effect, refused, outcome):
    """
    Whatever goes wrong with an acting call, it is sent once, and called refused only if nothing was done.
    """
    client = connect(timeout=0.3)
    simulator.state.add_fault({"path": "/reboot/", "effect": effect})

    with pytest.raises(Refused if refused else TransientError):
        await client.reboot_device(101)

    assert [entry["outcome"] for entry in simulator.state.journal] == [outcome]


async def test_nobody_there(connect, unused_tcp_port):
    """
    Where nothing listens, an acting call was certainly not done.
    """
    client = connect(base_url=f"http://127.0.0.1:{unused_tcp_port}")

    with pytest.raises(Refused) as raised:
        await client.reboot_device(101)

    assert (raised.value.code, raised.value.details["path"]) == (
        "UPSTREAM_UNREACHABLE",
        "/v2/device/{id}/reboot/{mode}",
    )
