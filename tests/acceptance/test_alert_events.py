"""An alert at NinjaOne reaches a workflow by itself: webhook, event, ticket, and back to the alert."""

from __future__ import annotations

from workflow_devstack.seed import CONNECTED

DEVICE = 101
BOARD, PRIORITY = str(CONNECTED.board_id), str(next(iter(CONNECTED.priority_ids.values())))


def call(step_id, action_id, mapping):
    config = {"actionId": action_id, "version": 1, "inputMapping": mapping, "saveAs": f"vars.{step_id}"}
    return {"id": step_id, "type": "action.call", "config": config}


def definition():
    """Opens a ticket for each alert, unless one is open; the end of the alert is told to a second workflow."""
    return {
        "name": "Alert to ticket, by itself",
        "payloadSchemaRef": "payload.RmmAlertTriggered.v1",
        "trigger": {"type": "event", "eventName": "RMM_ALERT_TRIGGERED"},
        "steps": [
            call(
                "ticket",
                "tickets.create",
                {
                    "client_id": {"$expr": "payload.clientId"},
                    "title": {"$expr": "payload.title & ' on ' & payload.deviceName"},
                    "board_id": BOARD,
                    "priority_id": PRIORITY,
                    "asset_id": {"$expr": "payload.assetId"},
                    "alert_id": {"$expr": "payload.alertId"},
                    "idempotency_key": {"$expr": "payload.externalAlertId"},
                },
            ),
            call("alert", "ninjaone.alerts.get", {"alert_uid": {"$expr": "payload.alertId"}}),
            call("device", "ninjaone.devices.find", {"device_id": {"$expr": "payload.deviceId"}}),
        ],
    }


async def test_an_alert_becomes_a_ticket_by_itself(stack):
    """Once, though every delivery comes twice; the ticket knows asset and alert, and the alert its ticket."""
    await stack.start_worker()
    workflow_id, published = await stack.publish(definition())
    assert (published["ok"], published["warnings"]) == (True, []), published
    status, registered = await stack.call("POST", "/api/integrations/ninjaone/webhook", {})
    assert (status, registered["status"]) == (200, "registered"), registered
    await stack.simulated("POST", "delivery", {"duplicates": 1})
    alert = {"deviceId": DEVICE, "subject": "Printer jam", "severity": "MAJOR"}
    uid = (await stack.simulated("POST", "alerts", alert))["uid"]

    async def run():
        return await stack.rows(
            "SELECT run_id, status FROM workflow_runs WHERE workflow_id = $1 AND completed_at IS NOT NULL", workflow_id
        )

    [ended] = await stack.until(run, "the alert's run has ended")
    assert ended["status"] == "SUCCEEDED"
    [row] = await stack.rows(
        "SELECT a.ticket_id, a.open_ticket_id, a.asset_id, t.title, t.client_id, s.client_id AS asset_client "
        "FROM rmm_alerts a JOIN tickets t ON t.ticket_id = a.ticket_id JOIN assets s ON s.asset_id = a.asset_id "
        "WHERE a.external_alert_id = $1",
        uid,
    )
    assert row["title"].startswith("Printer jam on ")
    assert row["open_ticket_id"] == row["ticket_id"]
    assert row["client_id"] == row["asset_client"]
    [association] = await stack.rows("SELECT * FROM asset_associations WHERE entity_id = $1", row["ticket_id"])
    assert association["asset_id"] == row["asset_id"]
    _, steps = await stack.call("GET", f"/api/workflow-runs/{ended['run_id']}/steps")
    outputs = {step["definitionStepId"]: step["output"] for step in steps["steps"]}
    assert outputs["alert"]["alert"]["ticket_id"] == str(row["ticket_id"])
    assert outputs["device"]["count"] == 1

    async def delivered():
        waiting = await stack.rows("SELECT 1 FROM workflow_webhook_deliveries")
        sent = (await stack.simulated("GET", "deliveries"))["deliveries"]
        return not waiting and len([each for each in sent if each["status_code"] == "TRIGGERED"]) == 2

    await stack.until(delivered, "both deliveries are worked on")
    events = await stack.rows("SELECT 1 FROM workflow_runtime_events WHERE event_name = 'RMM_ALERT_TRIGGERED'")
    assert len(events) == 1
