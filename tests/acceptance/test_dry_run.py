"""The main job, dry: what is read is read, live too; no ticket, no reset, nothing but the run's own record."""

from __future__ import annotations

from workflow_core.storage.database import Database
from workflow_core.testing.contents import changed_tables, read_contents
from workflow_devstack.sample import definition
from workflow_devstack.seed import CONNECTED

OWN_RECORD = {"workflow_runs", "workflow_run_steps", "workflow_run_logs"}
NOTES = {"workflow_workers", "workflow_jobs", "rmm_integrations", "tenant_secrets", "tenant_secret_keys"}
ACTING = {"create-ticket", "acknowledge"}
ALERT = "30185b9d-6ddf-5b7b-a974-fa7bc8041b30"
ACTIONS = "/api/workflow/registry/actions"


async def contents(stack):
    """Everything in the database, but for what is noted of workers, and of the connection and its tokens."""
    dsn = stack.database.admin_dsn
    async with Database.open(dsn, application_name="tests", verify_role=False) as admin, admin.untenanted() as conn:
        found = await read_contents(conn)
    return {table: rows for table, rows in found.items() if table not in NOTES}


async def steps_of(stack, run_id):
    _, answer = await stack.call("GET", f"/api/workflow-runs/{run_id}/steps")
    return {step["definitionStepId"]: step for step in answer["steps"]}


async def test_the_sample_workflow_dry(stack):
    """The newest alert is listed live and its client found; ticket and acknowledgement are what would be done."""
    await stack.hold_jobs()
    await stack.start_worker()
    status, created = await stack.call("POST", "/api/workflow-definitions", {"definition": definition(CONNECTED)})
    assert status == 201, created
    assert await stack.rows("SELECT 1 FROM rmm_alerts") == []  # only NinjaOne knows of any
    before = await contents(stack)
    path = f"/api/workflow-definitions/{created['workflowId']}/draft/simulate"
    status, started = await stack.call("POST", path)
    assert (status, started["dryRun"]) == (202, True), started
    run = await stack.ended(started["runId"])
    assert (run["status"], run["dryRun"], run["cause"]) == ("SUCCEEDED", True, "simulation"), run
    assert changed_tables(before, await contents(stack)) == OWN_RECORD
    assert await stack.journal("alert_reset") == []

    steps = await steps_of(stack, started["runId"])
    assert {step_id for step_id, step in steps.items() if step["wouldDo"]} == ACTING
    (alert,) = [a for a in steps["list-alerts"]["output"]["alerts"] if a["external_alert_id"] == ALERT]
    assert alert["alert_id"] == ALERT
    ticket = steps["create-ticket"]["input"]
    assert ticket["client_id"] == str(CONNECTED.client_id("Northwind Dental"))
    assert "NWD-DC01" in ticket["title"]
    assert "Severity: critical" in ticket["description"]
    assert steps["acknowledge"]["input"]["external_alert_id"] == ALERT
    assert steps["acknowledge"]["output"]["acknowledged"] is True


async def test_the_older_products_scripts_simulate(stack):
    """One request that waits: status, trace, variables, and every action that would be called, with its input."""
    await stack.hold_jobs()
    await stack.start_worker()
    before = await contents(stack)
    body = {
        "definition": definition(CONNECTED),
        "payload": {},
        "fixtures": {"create-ticket": {"ticket_number": "TIC000007"}, "any-alert": 1, "unknown": {}},
    }
    status, answer = await stack.call("POST", "/api/workflow-definitions/simulate", body)
    assert (status, answer["status"], answer["errors"]) == (200, "completed", []), answer
    outcomes = {step["stepId"]: step["outcome"] for step in answer["trace"]}
    assert {step_id for step_id, outcome in outcomes.items() if outcome == "stubbed"} == ACTING
    assert {step["stepId"]: step.get("branchTaken") for step in answer["trace"]}["any-alert"] == "else"
    assert answer["finalVars"]["ticket"] == {"ticket_number": "TIC000007"}
    assert [(call["stepId"], call["outputSource"]) for call in answer["invocations"]] == [
        ("list-alerts", "live"),
        ("find-asset", "live"),
        ("create-ticket", "fixture"),
        ("acknowledge", "example"),
    ]
    assert answer["invocations"][3]["input"]["external_alert_id"] == ALERT
    assert changed_tables(before, await contents(stack)) == OWN_RECORD
    assert await stack.journal("alert_reset") == []

    lost = {**body, "fixtures": {"find-asset": {"asset": None}}}
    status, answer = await stack.call("POST", "/api/workflow-definitions/simulate", lost)
    assert (status, answer["status"]) == (200, "failed")
    (error,) = answer["errors"]
    assert error["path"].startswith("root.steps")


async def test_one_action_dry_and_for_good(stack):
    """Dry, an alert is not acknowledged; live, it is, by the user who asks, and once for one key."""
    await stack.hold_jobs()
    await stack.start_worker()
    body = {"input": {"external_alert_id": {"$expr": "payload.uid"}}, "payload": {"uid": ALERT}}
    before = await contents(stack)
    path = f"{ACTIONS}/ninjaone.alerts.reset/1/test"
    status, started = await stack.call("POST", path, body)
    assert status == 202, started
    assert (await stack.ended(started["runId"]))["status"] == "SUCCEEDED"
    assert (await steps_of(stack, started["runId"]))["test"]["wouldDo"]
    assert changed_tables(before, await contents(stack)) == OWN_RECORD
    assert await stack.journal("alert_reset") == []

    runs = set()
    for _ in range(2):
        status, started = await stack.call("POST", path, {**body, "live": True}, headers={"Idempotency-Key": "k"})
        assert status == 202, started
        runs.add(started["runId"])
    (run_id,) = runs
    run = await stack.ended(run_id)
    assert (run["status"], run["dryRun"], run["actorId"]) == ("SUCCEEDED", False, str(CONNECTED.user_id)), run
    assert not (await steps_of(stack, run_id))["test"]["wouldDo"]
    assert [entry["uid"] for entry in await stack.journal("alert_reset")] == [ALERT]
