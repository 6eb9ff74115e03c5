"""Alerts: listed, got, acknowledged."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from workflow_core.errors import ActionError, NotFoundError, Refused, TransientError, ValidationError
from workflow_core.records import rmm
from workflow_ninjaone.client import AlertList, NinjaOneClient
from workflow_ninjaone.simulator.shapes import uid

NEWEST = uid("alert/dc01-disk")
BARE = uid("alert/reception-custom-field")
IN_ORDER = [
    uid(f"alert/{name}")
    for name in (
        "dc01-disk",
        "files01-memory",
        "becker-offline",
        "wms-process",
        "reception-custom-field",
        "switch-port",
    )
]


def uids(listed) -> list[str]:
    return [alert.external_alert_id for alert in listed.alerts]


async def status_of(account, alert_uid) -> str:
    row = await account.one("SELECT status FROM rmm_alerts WHERE external_alert_id = $1", alert_uid)
    return row["status"]


# ── List ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_newest_live_alert(account):
    """
    Everything that a ticket needs: words, severity, device, asset and client.
    """
    client_id = await account.client("Northwind", 1)
    asset_id = (await account.handle("devices.sync", device_id=101)).asset_id

    output = await account.json("alerts.list_active", live=True, limit=1)

    (alert,) = output["alerts"]
    UUID(alert.pop("alert_id"))
    triggered = datetime.fromtimestamp(account.simulator.clock.now - 90.5, UTC).isoformat().replace("+00:00", "Z")
    assert alert == {
        "external_alert_id": NEWEST,
        "status": "active",
        "severity": "critical",
        "priority": "high",
        "title": "Low disk space on NWD-DC01",
        "message": "Free disk space on volume C: is below 5 % (9 GB of 240 GB free).",
        "device_id": "101",
        "asset_id": str(asset_id),
        "source_type": "CONDITION_AGENT_DISK_FREE_SPACE",
        "created_at": triggered,
        "updated_at": triggered,
        "acknowledged": False,
        "device_name": "NWD-DC01",
        "organization_id": "1",
        "client_id": str(client_id),
        "ticket_id": None,
    }
    assert output["count"] == 1


async def test_live_list(account):
    """
    The newest first, up to the limit; each gets a record here, and only those that were listed.
    """
    everything = await account.handle("alerts.list_active", live=True)
    three = await account.handle("alerts.list_active", live=True, limit=3)

    assert (uids(everything), everything.count) == (IN_ORDER, 6)
    assert (uids(three), three.count) == (IN_ORDER[:3], 3)
    assert len(await account.rows("SELECT 1 FROM rmm_alerts")) == 6


async def test_local_list(account):
    """
    Without ``live`` NinjaOne is not asked: the list is what it has reported so far, in the same form.
    """
    assert (await account.handle("alerts.list_active")).count == 0
    live = await account.handle("alerts.list_active", live=True)
    account.secrets.values.clear()

    local = await account.handle("alerts.list_active")
    two = await account.handle("alerts.list_active", limit=2)

    assert local == live
    assert uids(two) == IN_ORDER[:2]


async def test_alert_without_its_parts(account):
    """
    Severity, priority, source type and device may all be missing.
    """
    listed = await account.handle("alerts.list_active", live=True)

    bare = next(alert for alert in listed.alerts if alert.external_alert_id == BARE)
    assert (bare.severity, bare.priority, bare.source_type) == ("none", None, None)
    assert (bare.device_id, bare.device_name, bare.organization_id, bare.client_id) == ("102", None, None, None)
    assert bare.title == bare.message == "Custom field condition matched."


async def test_client_without_asset(account):
    """
    An alert of a device that was never synced has the client of its organization.
    """
    client_id = await account.client("Contoso", 2)

    listed = await account.handle("alerts.list_active", live=True)

    alert = listed.alerts[1]
    assert (alert.device_id, alert.asset_id, alert.client_id) == ("201", None, client_id)


async def test_client_of_an_asset_that_is_known_by_now(account):
    """
    An alert that came before its device was synced finds its asset and client later.
    """
    await account.handle("alerts.list_active", live=True)
    client_id = await account.client("Northwind", 1)
    asset_id = (await account.handle("devices.sync", device_id=102)).asset_id

    listed = await account.handle("alerts.list_active")

    bare = next(alert for alert in listed.alerts if alert.external_alert_id == BARE)
    assert (bare.asset_id, bare.client_id, bare.device_name) == (asset_id, client_id, "NWD-RECEPTION")


@pytest.mark.usefixtures("odd_vendor")
async def test_words_that_no_column_takes(account):
    """
    Foreign words: an unknown severity is none, NUL characters go.
    """
    alert = account.simulator.state.add_alert(
        {
            "deviceId": 101,
            "severity": "APOCALYPTIC",
            "priority": "Q" * 40,
            "sourceType": "S" * 90,
            "message": "a\x00b\nsecond line",
            "createTime": account.simulator.clock.now,
        }
    )

    listed = await account.handle("alerts.list_active", live=True, limit=1)

    assert uids(listed) == [alert["uid"]]
    shown = listed.alerts[0]
    assert (shown.severity, shown.title, shown.message) == ("none", "ab", "ab\nsecond line")
    assert (shown.priority, shown.source_type) == ("q" * 20, "S" * 50)


async def test_alerts_that_are_over(account, stranger):
    """
    What a live list does not have any more is resolved here, whatever its limit; nobody else's records are.
    """
    for each in (account, stranger):
        await each.handle("alerts.list_active", live=True)
    await account.handle("alerts.reset", alert_uid=IN_ORDER[1])
    for gone in (IN_ORDER[1], IN_ORDER[2], IN_ORDER[5]):
        account.simulator.state.alerts.pop(gone, None)
    async with account.db.tenant(account.tenant) as conn:
        other = await rmm.put_integration(conn, account.tenant, "tactical", is_active=True)
        reported = rmm.ReportedAlert(external_alert_id="x", severity="major")
        await rmm.upsert_alert(conn, account.tenant, other.integration_id, reported)

    await account.handle("alerts.list_active", live=True, limit=1)

    rows = await account.rows("SELECT external_alert_id, status, resolved_at IS NOT NULL AS over FROM rmm_alerts")
    assert {row["external_alert_id"]: (row["status"], row["over"]) for row in rows} == {
        IN_ORDER[0]: ("active", False),
        IN_ORDER[1]: ("acknowledged", False),
        IN_ORDER[2]: ("resolved", True),
        IN_ORDER[3]: ("active", False),
        IN_ORDER[4]: ("active", False),
        IN_ORDER[5]: ("resolved", True),
        "x": ("active", False),
    }
    assert uids(await account.handle("alerts.list_active")) == [IN_ORDER[0], IN_ORDER[3], IN_ORDER[4]]
    assert (await stranger.handle("alerts.list_active")).count == 6


async def test_alert_that_triggers_again_after_it_was_over(account):
    """
    It is active again.
    """
    await account.handle("alerts.list_active", live=True)
    account.simulator.state.alerts.pop(NEWEST)
    await account.handle("alerts.list_active", live=True)
    assert await status_of(account, NEWEST) == "resolved"
    account.simulator.state.add_alert(
        {"uid": NEWEST, "deviceId": 101, "createTime": datetime.now(UTC).timestamp() + 60}
    )

    assert uids(await account.handle("alerts.list_active", live=True))[0] == NEWEST
    assert await status_of(account, NEWEST) == "active"


async def test_alert_that_is_reported_while_the_list_is_read(account, monkeypatch):
    """
    The list is older than the report, and says nothing about it.
    """
    await account.handle("alerts.list_active", live=True)

    async def list_alerts(_client):
        async with account.db.tenant(account.tenant) as conn:
            reported = rmm.ReportedAlert(external_alert_id="webhook", severity="major")
            await rmm.upsert_alert(conn, account.tenant, account.integration_id, reported)
        return AlertList(())

    monkeypatch.setattr(NinjaOneClient, "list_alerts", list_alerts)
    assert (await account.handle("alerts.list_active", live=True)).count == 0
    assert uids(await account.handle("alerts.list_active")) == ["webhook"]


async def test_list_that_cannot_be_read(account):
    """
    It says nothing about what is over.
    """
    await account.handle("alerts.list_active", live=True)
    account.simulator.state.add_fault({"method": "GET", "path": "/v2/alerts", "effect": {"status": 400}})

    with pytest.raises(ActionError):
        await account.handle("alerts.list_active", live=True)
    assert (await account.handle("alerts.list_active")).count == 6


@pytest.mark.usefixtures("odd_vendor")
@pytest.mark.parametrize("odd", ["u" * 300, "a/../b", "a\x00b"])
async def test_alert_that_cannot_be_named(account, caplog, odd):
    """
    It is left out and logged, without its words, and the others are listed; which one it is nobody knows, so nothing
    counts as over.
    """
    await account.handle("alerts.list_active", live=True)
    account.simulator.state.alerts.pop(NEWEST)
    account.simulator.state.add_alert({"uid": odd, "deviceId": 101, "message": "hunter2"})

    listed = await account.handle("alerts.list_active", live=True)

    assert uids(listed) == IN_ORDER[1:]
    assert await status_of(account, NEWEST) == "active"
    assert "1 alerts without a usable uid" in caplog.text
    assert odd not in caplog.text
    assert "hunter2" not in caplog.text


async def test_another_tenants_alerts(account, stranger):
    """
    Records are one tenant's, even when two share a NinjaOne account.
    """
    listed = await account.handle("alerts.list_active", live=True)

    assert (await stranger.handle("alerts.list_active")).count == 0
    with pytest.raises(NotFoundError):
        await stranger.handle("alerts.get", alert_uid=listed.alerts[0].alert_id)


# ── Get ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_get_by_every_id(account):
    """
    Our id and NinjaOne's uid name the same alert; once it is known here, NinjaOne is not asked.
    """
    listed = (await account.handle("alerts.list_active", live=True)).alerts[2]
    account.secrets.values.clear()

    for given in (
        {"alert_uid": listed.alert_id},
        {"alert_uid": listed.external_alert_id},
        {"external_alert_id": listed.external_alert_id},
        {"alert_uid": listed.alert_id, "external_alert_id": listed.external_alert_id},
        {"alert_uid": f" {listed.alert_id} ", "external_alert_id": None},
    ):
        assert (await account.handle("alerts.get", **given)).alert == listed


async def test_get_an_alert_that_is_not_known_here(account):
    """
    It is looked for among NinjaOne's active ones, and then known here.
    """
    got = (await account.handle("alerts.get", external_alert_id=NEWEST)).alert

    row = await account.one("SELECT alert_id, severity FROM rmm_alerts")
    assert (got.alert_id, got.severity) == (str(row["alert_id"]), "critical")


async def test_get_unknown_alert(account):
    """
    Neither here nor there.
    """
    with pytest.raises(NotFoundError):
        await account.handle("alerts.get", alert_uid=str(uuid4()))


async def test_two_names_for_two_alerts(account):
    """
    Two ids that name different alerts are a mistake, not a choice.
    """
    listed = (await account.handle("alerts.list_active", live=True)).alerts

    with pytest.raises(ValidationError):
        await account.handle("alerts.get", alert_uid=listed[0].alert_id, external_alert_id=listed[1].external_alert_id)
    with pytest.raises(Refused) as caught:
        await account.handle(
            "alerts.reset", alert_uid=listed[0].alert_id, external_alert_id=listed[1].external_alert_id
        )

    assert caught.value.code == "VALIDATION_ERROR"
    assert account.simulator.state.journal == []


# ── Acknowledge ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_acknowledge(account):
    """
    The condition is cleared there and the record marked here, in the actor's name.
    """
    listed = (await account.handle("alerts.list_active", live=True)).alerts[0]

    output = await account.json("alerts.reset", alert_uid=listed.alert_id)

    (entry,) = account.simulator.state.journal
    row = await account.one("SELECT * FROM rmm_alerts WHERE external_alert_id = $1", NEWEST)
    assert output == {"acknowledged": True, "alert_id": listed.alert_id}
    assert (entry["kind"], entry["uid"], entry["outcome"]) == ("alert_reset", NEWEST, "done")
    assert (row["status"], row["acknowledged_by"]) == ("acknowledged", account.actor)
    assert row["acknowledged_at"] is not None
    got = (await account.handle("alerts.get", alert_uid=NEWEST)).alert
    assert (got.acknowledged, got.status) == (True, "acknowledged")
    assert NEWEST not in uids(await account.handle("alerts.list_active"))
    assert NEWEST not in uids(await account.handle("alerts.list_active", live=True))


async def test_acknowledge_an_alert_without_record(account):
    """
    An alert that is not known here is cleared there; its uid is the answer.
    """
    output = await account.json("alerts.reset", external_alert_id=NEWEST)

    assert output == {"acknowledged": True, "alert_id": NEWEST}
    assert NEWEST not in account.simulator.state.alerts


async def test_acknowledge_twice(account):
    """
    An alert that is gone there is acknowledged, after a look at the active ones; who did it first stays.
    """
    listed = (await account.handle("alerts.list_active", live=True)).alerts[0]
    await account.handle("alerts.reset", alert_uid=listed.alert_id)
    first = await account.one("SELECT * FROM rmm_alerts WHERE external_alert_id = $1", NEWEST)
    account.actor = uuid4()

    output = await account.json("alerts.reset", alert_uid=listed.alert_id)

    again = await account.one("SELECT * FROM rmm_alerts WHERE external_alert_id = $1", NEWEST)
    assert output == {"acknowledged": True, "alert_id": listed.alert_id}
    assert (again["acknowledged_by"], again["acknowledged_at"]) == (
        first["acknowledged_by"],
        first["acknowledged_at"],
    )


async def test_a_404_for_an_alert_that_is_still_active(account):
    """
    Nobody says that an alert was acknowledged that stands in NinjaOne's list.
    """
    await account.handle("alerts.list_active", live=True)
    account.simulator.state.add_fault(
        {"method": "POST", "path": f"/v2/alert/{NEWEST}/reset", "effect": {"status": 404}}
    )

    with pytest.raises(NotFoundError):
        await account.handle("alerts.reset", alert_uid=NEWEST)

    assert await status_of(account, NEWEST) == "active"


@pytest.mark.parametrize(
    ("effect", "refused"), [({"status": 429}, True), ({"status": 500}, False), ({"cut": "after"}, False)]
)
async def test_answer_that_is_lost(account, effect, refused):
    """
    The record stays as it is; sent again, the alert is acknowledged whether it was cleared or not.
    """
    await account.handle("alerts.list_active", live=True)
    account.simulator.state.add_fault(
        {"method": "POST", "path": f"/v2/alert/{NEWEST}/reset", "effect": effect, "times": 1}
    )

    with pytest.raises((Refused, TransientError)) as caught:
        await account.handle("alerts.reset", alert_uid=NEWEST)

    assert isinstance(caught.value, Refused) is refused
    assert await status_of(account, NEWEST) == "active"
    assert (await account.handle("alerts.reset", alert_uid=NEWEST)).acknowledged
    assert await status_of(account, NEWEST) == "acknowledged"


async def test_triggered_again(account):
    """
    An alert that NinjaOne triggers again after it was acknowledged is active again.
    """
    await account.handle("alerts.list_active", live=True)
    await account.handle("alerts.reset", alert_uid=NEWEST)
    account.simulator.state.add_alert(
        {"uid": NEWEST, "deviceId": 101, "severity": "MAJOR", "createTime": datetime.now(UTC).timestamp() + 60}
    )

    listed = await account.handle("alerts.list_active", live=True)

    assert uids(listed)[0] == NEWEST
    assert (listed.alerts[0].status, listed.alerts[0].acknowledged) == ("active", False)
    assert uids(await account.handle("alerts.list_active"))[0] == NEWEST


async def test_alert_of_another_connection(account):
    """
    Our id of another provider's alert is no alert of NinjaOne.
    """
    async with account.db.tenant(account.tenant) as conn:
        other = await rmm.put_integration(conn, account.tenant, "tactical", is_active=True)
        alert = await rmm.upsert_alert(
            conn,
            account.tenant,
            other.integration_id,
            rmm.ReportedAlert(external_alert_id="x", severity="major"),
        )

    with pytest.raises(NotFoundError):
        await account.handle("alerts.get", alert_uid=str(alert.alert.alert_id))


async def test_an_alert_that_has_a_ticket(account):
    """
    Shows the open ticket that whoever owns the tickets has noted, in every answer.
    """
    await account.handle("alerts.list_active", live=True)
    ticket_id = uuid4()
    sql = "UPDATE rmm_alerts SET open_ticket_id = $1 WHERE external_alert_id = $2 RETURNING alert_id"
    alert_id = (await account.one(sql, ticket_id, NEWEST))["alert_id"]

    got = await account.json("alerts.get", alert_uid=str(alert_id))
    listed = await account.json("alerts.list_active", live=True, limit=1)

    assert got["alert"]["ticket_id"] == listed["alerts"][0]["ticket_id"] == str(ticket_id)
