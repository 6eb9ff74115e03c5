"""The main job, end to end: a NinjaOne alert becomes a ticket of the right client and is acknowledged."""

from __future__ import annotations

import pytest

from workflow_devstack.sample import definition
from workflow_devstack.seed import CONNECTED, UNCONNECTED

NINJAONE_ACTIONS = [
    "ninjaone.alerts.get",
    "ninjaone.alerts.list_active",
    "ninjaone.alerts.reset",
    "ninjaone.devices.find",
    "ninjaone.devices.reboot",
    "ninjaone.devices.run_script",
    "ninjaone.devices.scripting_options",
    "ninjaone.devices.sync",
]
CATALOG = "/api/workflow/registry/designer-catalog"


def by_group(records):
    return {record["groupKey"]: record for record in records}


async def test_the_newest_alert_becomes_one_ticket_and_is_acknowledged(stack):
    """Right client, mapped title, description and priority; exactly one reset; every step recorded."""
    await stack.start_worker()
    workflow_id, published = await stack.publish(definition(CONNECTED))
    assert published["ok"], published
    run_id = await stack.start_run(workflow_id)
    run = await stack.ended(run_id)
    assert run["status"] == "SUCCEEDED", run
    (ticket,) = await stack.rows(
        "SELECT t.title, t.attributes ->> 'description' AS description, c.client_name, p.priority_name, t.entered_by "
        "FROM tickets t JOIN clients c USING (tenant, client_id) JOIN priorities p USING (tenant, priority_id)"
    )
    assert (ticket["client_name"], ticket["priority_name"]) == ("Northwind Dental", "Urgent")
    assert ticket["entered_by"] == CONNECTED.user_id
    assert "NWD-DC01" in ticket["title"]
    assert "Severity: critical" in ticket["description"]
    resets = await stack.journal("alert_reset")
    assert [(entry["uid"], entry["outcome"]) for entry in resets] == [("30185b9d-6ddf-5b7b-a974-fa7bc8041b30", "done")]
    _, steps = await stack.call("GET", f"/api/workflow-runs/{run_id}/steps")
    recorded = steps["steps"] if isinstance(steps, dict) else steps
    assert {step["status"] for step in recorded} == {"SUCCEEDED"}
    assert {row["effect"]: row["status"] for row in await stack.rows("SELECT * FROM workflow_action_invocations")} == {
        "LOCAL": "succeeded",
        "REPEATABLE": "succeeded",
    }


async def test_only_a_tenant_with_an_active_connection_sees_the_module(stack):
    """Exactly its actions, with an operator's labels; no ticket action among them; nothing for the others."""
    status, records = await stack.call("GET", CATALOG)
    assert status == 200
    ninjaone = by_group(records)["app:ninjaone"]
    assert ninjaone["allowedActionIds"] == NINJAONE_ACTIONS
    assert ninjaone["defaultActionId"] == "ninjaone.devices.find"
    assert ninjaone["iconToken"] == "ninjaone"
    assert {a["id"]: a["label"] for a in ninjaone["actions"]}["ninjaone.alerts.reset"] == "Acknowledge alert"
    assert {"ticket", "asset", "communication", "scheduling", "project", "data-store", "transform"} <= set(
        by_group(records)
    )
    _, others = await stack.call("GET", CATALOG, data=UNCONNECTED)
    assert "app:ninjaone" not in by_group(others)
    _, explained = await stack.call("GET", f"{CATALOG}?include=unavailable", data=UNCONNECTED)
    hidden = by_group(explained)["app:ninjaone"]
    assert (hidden["available"], bool(hidden["reason"])) == (False, True)


@pytest.mark.parametrize(
    "change", ["is_active = false", "connected_at = NULL", "provider = 'other'"], ids=["inactive", "never", "other"]
)
async def test_every_deciding_column_hides_the_module_and_brings_it_back(stack, change):
    """is_active and connected_at decide, and nothing else; a change shows without waiting for the cache."""

    async def visible():
        return "app:ninjaone" in by_group((await stack.call("GET", CATALOG))[1])

    async def hidden():
        return not await visible()

    assert await visible()
    restore = "is_active = true, connected_at = now(), provider = 'ninjaone'"
    await stack.execute(f"UPDATE rmm_integrations SET {change}")
    try:
        await stack.until(hidden, "the module is hidden")
    finally:
        await stack.execute(f"UPDATE rmm_integrations SET {restore}")
    await stack.until(visible, "the module is back")


async def test_a_run_of_a_disconnected_tenant_fails_fast(stack):
    """The stored workflow still loads; its step fails with INTEGRATION_INACTIVE; nothing reaches NinjaOne."""
    await stack.start_worker()
    steps = [
        {
            "id": "reset",
            "type": "action.call",
            "config": {
                "actionId": "ninjaone.alerts.reset",
                "version": 1,
                "inputMapping": {"external_alert_id": "7fce8019-5156-58e7-b91f-191a26234ddd"},
            },
        }
    ]
    sample = {"id": "x", "version": 1, "name": "Reset", "payloadSchemaRef": "payload.Empty.v1", "steps": steps}
    workflow_id, published = await stack.publish(sample)
    assert published["ok"], published
    await stack.execute("UPDATE rmm_integrations SET is_active = false")
    try:
        before = await stack.journal("alert_reset")
        run = await stack.ended(await stack.start_run(workflow_id))
        assert (run["status"], run["error"]["code"]) == ("FAILED", "INTEGRATION_INACTIVE")
        assert run["error"]["nodePath"] == "root.steps[0]"
        assert await stack.journal("alert_reset") == before
        status, _ = await stack.call("GET", f"/api/workflow-definitions/{workflow_id}/1")
        assert status == 200
        _, refused = await stack.publish(sample)
        assert (refused["ok"], [e["code"] for e in refused["errors"]]) == (False, ["MODULE_UNAVAILABLE"])
    finally:
        await stack.execute("UPDATE rmm_integrations SET is_active = true")
