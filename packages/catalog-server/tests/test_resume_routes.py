"""Resuming over HTTP: told beforehand, done once, and of failed runs alone."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from workflow_core.execution.history import write_end
from workflow_core.execution.models import RunEnd, StepTrace
from workflow_core.temporal import run_workflow_id

DEFINITIONS = "/api/workflow-definitions"
RUNS = "/api/workflow-runs"
NOW = datetime(2026, 5, 1, tzinfo=UTC).isoformat()
ERROR = {"category": "ActionError", "code": "BROKEN", "message": "No.", "details": {}, "nodePath": "root", "at": NOW}


@pytest.fixture
async def failed(server, definition, worker, db, tenants):
    """A run that was recorded, and that failed at its first step."""
    created = await (await server.a("POST", DEFINITIONS, json={"definition": definition})).json()
    published = await server.a("POST", f"{DEFINITIONS}/{created['workflowId']}/draft/publish", json={})
    assert published.status == 200
    refused = await server.a("POST", RUNS, json={"workflowId": created["workflowId"], "payload": {"title": "x"}})
    run_id = (await refused.json())["runId"]
    step = definition["steps"][0]
    trace = StepTrace(
        step_path="root.steps[0]",
        iteration="",
        step_id=step["id"],
        step_type="action.call",
        sequence=1,
        status="FAILED",
        started_at=NOW,
        completed_at=NOW,
        error=ERROR,
        action_id=step["config"]["actionId"],
        action_version=1,
    )
    end = RunEnd(
        tenant=str(tenants.a),
        run_id=run_id,
        status="FAILED",
        error=ERROR,
        completed_at=NOW,
        trace=[trace],
        failed_step=["root.steps[0]", ""],
        checkpoint={
            "strand": {
                "frames": [{"kind": "block", "path": "root.steps", "iteration": "", "index": 0}],
                "difference": {"payload": {"value": {"title": "x"}}},
                "writes": {},
            },
            "sequence": 0,
        },
    )
    async with db.tenant(tenants.a) as conn:
        await write_end(conn, end)
    return run_id


async def test_preview_and_resume(serve, temporal_client, failed, definition, assert_problem):
    """The preview names the failed step; resuming starts a further execution, once, and is audited."""
    step = definition["steps"][0]
    async with serve(temporal=temporal_client) as server:
        shown = await (await server.a("GET", f"{RUNS}/{failed}/resume")).json()
        assert (shown["execution"], shown["fromBeginning"], shown["reused"]) == (1, False, [])
        assert (shown["failedStep"]["stepId"], shown["failedStep"]["error"]["code"]) == (step["id"], "BROKEN")
        assert shown["sent"][0]["actionId"] == step["config"]["actionId"]

        response = await server.a("POST", f"{RUNS}/{failed}/resume", json={"reason": "Mended."})
        assert (response.status, await response.json()) == (
            202,
            {"runId": failed, "execution": 2, "status": "RUNNING"},
        )
        handle = temporal_client.get_workflow_handle(run_workflow_id(failed, 2))
        assert (await handle.describe()).id == run_workflow_id(failed, 2)
        await assert_problem(await server.a("POST", f"{RUNS}/{failed}/resume"), 409, "RUN_NOT_FAILED")
        await assert_problem(await server.a("GET", f"{RUNS}/{failed}/resume"), 409, "RUN_NOT_FAILED")


async def test_temporal_away(server, failed, db, tenants):
    """What is recorded goes on when Temporal is back: nobody has to ask again."""
    response = await server.a("POST", f"{RUNS}/{failed}/resume")
    assert response.status == 202
    async with db.tenant(tenants.a) as conn:
        row = await conn.fetchrow(
            "SELECT status, execution, started_at FROM workflow_runs WHERE run_id = $1", UUID(failed)
        )
    assert tuple(row) == ("RUNNING", 2, None)


async def test_refused(server, failed, assert_problem):
    """Another tenant's run, a correction that does not fit, a body that is none, a paused workflow."""
    path = f"{RUNS}/{failed}/resume"
    await assert_problem(await server.b("GET", path), 404, "NOT_FOUND")
    await assert_problem(await server.b("POST", path, json={}), 404, "NOT_FOUND")
    response = await server.a("POST", path, json={"input": {"nonsense": 1}})
    body = await assert_problem(response, 422, "VALIDATION_ERROR")
    assert body["errors"][0]["path"] == "input.nonsense"
    await assert_problem(await server.a("POST", path, json={"input": 1}), 422, "VALIDATION_ERROR")
    run = await (await server.a("GET", f"{RUNS}/{failed}")).json()
    await server.a("PUT", f"{DEFINITIONS}/{run['workflowId']}/metadata", json={"isPaused": True})
    await assert_problem(await server.a("POST", path), 409, "WORKFLOW_PAUSED")
    assert (await (await server.a("GET", f"{RUNS}/{failed}")).json())["status"] == "FAILED"
