"""Runs over HTTP: started once, listed in pages, and clear about a Temporal that is down."""

from __future__ import annotations

from uuid import UUID

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from workflow_core.temporal import run_workflow_id

DEFINITIONS = "/api/workflow-definitions"
RUNS = "/api/workflow-runs"


@pytest.fixture
async def workflow_id(server, definition, worker):
    """A workflow with one published version."""
    created = await (await server.a("POST", DEFINITIONS, json={"definition": definition})).json()
    response = await server.a("POST", f"{DEFINITIONS}/{created['workflowId']}/draft/publish", json={})
    assert response.status == 200
    return created["workflowId"]


@pytest.fixture
async def with_temporal(serve, temporal_client):
    """A server whose Temporal answers."""
    async with serve(temporal=temporal_client) as server:
        yield server


async def test_run_starts(with_temporal, workflow_id, temporal_client):
    """The answer says where to look, and Temporal has the run."""
    body = {"workflowId": workflow_id, "payload": {"title": "Disk full"}}
    response = await with_temporal.a("POST", RUNS, json=body)
    assert response.status == 202
    started = await response.json()
    assert (started["status"], started["workflowVersion"]) == ("RUNNING", 1)
    run = await (await with_temporal.a("GET", response.headers["Location"])).json()
    assert (run["runId"], run["payload"], run["cause"]) == (started["runId"], {"title": "Disk full"}, "api")
    assert run["actorId"] == "11111111-1111-4111-8111-111111111111"
    handle = temporal_client.get_workflow_handle(run_workflow_id(started["runId"], 1))
    assert (await handle.describe()).id == run_workflow_id(started["runId"], 1)
    steps = await (await with_temporal.a("GET", f"{RUNS}/{started['runId']}/steps")).json()
    assert steps == {"steps": []}
    assert (await with_temporal.b("GET", f"{RUNS}/{started['runId']}")).status == 404


async def test_run_that_waits_for_its_turn(with_temporal, workflow_id, temporal_client):
    """It is told like any other, as waiting; nothing of it is done, and it can be canceled."""
    await with_temporal.a("PUT", f"{DEFINITIONS}/{workflow_id}/metadata", json={"concurrencyLimit": 1})
    body = {"workflowId": workflow_id, "payload": {"title": "Disk full"}}
    first, second = [await (await with_temporal.a("POST", RUNS, json=body)).json() for _ in range(2)]
    assert (first["status"], second["status"]) == ("RUNNING", "WAITING")
    listed = (await (await with_temporal.a("GET", f"{RUNS}?status=WAITING")).json())["runs"]
    assert [(run["runId"], run["queued"], run["startedAt"]) for run in listed] == [(second["runId"], True, None)]
    with pytest.raises(RPCError, match="not found"):
        await temporal_client.get_workflow_handle(run_workflow_id(second["runId"], 1)).describe()
    canceled = await with_temporal.a("POST", f"{RUNS}/{second['runId']}/cancel", json={})
    assert (await canceled.json())["status"] == "CANCELED"
    run = await (await with_temporal.a("GET", f"{RUNS}/{second['runId']}")).json()
    assert (run["status"], run["queued"], run["error"]["code"]) == ("CANCELED", False, "CANCELED")


async def test_same_key_starts_once(with_temporal, workflow_id, assert_problem):
    """A retried request gets the run of the first; another payload or version under the key is refused."""
    headers = {"Idempotency-Key": "alert-17"}
    body = {"workflowId": workflow_id, "payload": {"n": 1, "big": 1e19, "zero": -0.0}}
    answers = [await (await with_temporal.a("POST", RUNS, json=body, headers=headers)).json() for _ in range(2)]
    assert answers[0] == answers[1]
    for other in ({"payload": {"n": 2}}, {"payload": {"n": True, "big": 1e19, "zero": 0}}):
        response = await with_temporal.a("POST", RUNS, json={**body, **other}, headers=headers)
        await assert_problem(response, 409, "IDEMPOTENCY_KEY_REUSED")
    assert len((await (await with_temporal.a("GET", RUNS)).json())["runs"]) == 1


async def test_temporal_down(server, workflow_id, assert_problem, with_temporal):
    """The run is recorded, and the same key starts it once Temporal is back."""
    headers = {"Idempotency-Key": "alert-18"}
    response = await server.a("POST", RUNS, json={"workflowId": workflow_id}, headers=headers)
    document = await assert_problem(response, 503, "TEMPORAL_UNAVAILABLE")
    assert document["idempotencyKey"] == "alert-18"
    assert response.headers["Retry-After"]
    (recorded,) = (await (await server.a("GET", RUNS)).json())["runs"]
    assert recorded["startedAt"] is None
    again = await with_temporal.a("POST", RUNS, json={"workflowId": workflow_id}, headers=headers)
    assert (again.status, (await again.json())["runId"]) == (202, recorded["runId"])


async def test_reused_key_starts_nothing(server, workflow_id, assert_problem, with_temporal, temporal_client):
    """A run that is recorded and not yet started stays so when its key comes with another payload or version."""
    headers = {"Idempotency-Key": "alert-19"}
    body = {"workflowId": workflow_id, "payload": {"n": 1}}
    await assert_problem(await server.a("POST", RUNS, json=body, headers=headers), 503, "TEMPORAL_UNAVAILABLE")
    for other in ({"payload": {"n": 2}}, {"workflowVersion": 9}):
        response = await with_temporal.a("POST", RUNS, json={**body, **other}, headers=headers)
        await assert_problem(response, 409, "IDEMPOTENCY_KEY_REUSED")
    (recorded,) = (await (await server.a("GET", RUNS)).json())["runs"]
    assert recorded["startedAt"] is None
    with pytest.raises(RPCError, match="not found"):
        await temporal_client.get_workflow_handle(run_workflow_id(recorded["runId"], 1)).describe()


async def test_temporal_down_and_no_key(server, workflow_id, assert_problem, with_temporal):
    """The answer names the run and gives the key that starts it; no second one appears."""
    body = {"workflowId": workflow_id, "payload": {"title": "Disk full"}}
    document = await assert_problem(await server.a("POST", RUNS, json=body), 503, "TEMPORAL_UNAVAILABLE")
    (recorded,) = (await (await server.a("GET", RUNS)).json())["runs"]
    assert (recorded["runId"], recorded["startedAt"]) == (document["runId"], None)
    assert document["idempotencyKey"] in document["detail"]
    headers = {"Idempotency-Key": document["idempotencyKey"]}
    again = await with_temporal.a("POST", RUNS, json=body, headers=headers)
    assert (again.status, (await again.json())["runId"]) == (202, recorded["runId"])
    (started,) = (await (await server.a("GET", RUNS)).json())["runs"]
    assert started["startedAt"] is not None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"payload": {"x": "y" * (256 * 1024)}}, 413, "PAYLOAD_TOO_LARGE"),
        ({"workflowVersion": 9}, 404, "NOT_FOUND"),
    ],
)
async def test_run_that_cannot_start(server, workflow_id, assert_problem, *, body, status, code):
    """Nothing is recorded of it."""
    response = await server.a("POST", RUNS, json={"workflowId": workflow_id, **body})
    await assert_problem(response, status, code)
    assert (await (await server.a("GET", RUNS)).json())["runs"] == []


async def test_workflow_that_cannot_run(server, definition, db, assert_problem, workflow_id):
    """Without a published version, or paused, it does not start."""
    draft = await (await server.a("POST", DEFINITIONS, json={"definition": definition})).json()
    response = await server.a("POST", RUNS, json={"workflowId": draft["workflowId"]})
    await assert_problem(response, 409, "NOT_PUBLISHED")
    async with db.tenant(server.tenants.a) as conn:
        await conn.execute("UPDATE workflow_definitions SET is_paused = true")
    response = await server.a("POST", RUNS, json={"workflowId": workflow_id})
    await assert_problem(response, 409, "WORKFLOW_PAUSED")


@pytest.mark.parametrize("key", ["", "x" * 300, "käse"])
async def test_unfit_key(server, assert_problem, key):
    """A key is short printable ASCII."""
    body = {"workflowId": "99999999-9999-4999-8999-999999999999"}
    response = await server.a("POST", RUNS, json=body, headers={"Idempotency-Key": key})
    document = await assert_problem(response, 422, "VALIDATION_ERROR")
    assert document["errors"][0]["path"] == "Idempotency-Key"


async def test_runs_come_in_pages(server, db):
    """Newest first; each page goes on where the last one ended, also among runs of one moment."""
    workflow = "99999999-9999-4999-8999-999999999999"
    async with db.tenant(server.tenants.a) as conn:
        for number in range(7):
            await conn.execute(
                "INSERT INTO workflow_runs (tenant, run_id, workflow_id, workflow_version, status, cause, plan, "
                "plan_sha256, created_at) VALUES ($1, $2, $3, 1, $4, 'api', '{}', '', "
                "'2026-08-01T00:00:00Z'::timestamptz + make_interval(mins => $5))",
                server.tenants.a,
                UUID(int=number),
                UUID(workflow),
                "FAILED" if number % 2 else "SUCCEEDED",
                number // 3,
            )
    seen, cursor = [], None
    while True:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        page = await (await server.a("GET", f"{RUNS}{query}")).json()
        seen += [run["runId"] for run in page["runs"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == [str(UUID(int=number)) for number in (6, 3, 4, 5, 0, 1, 2)]
    failed = await (await server.a("GET", f"{RUNS}?status=FAILED&workflowId={workflow}")).json()
    assert [run["runId"] for run in failed["runs"]] == [str(UUID(int=number)) for number in (3, 5, 1)]
    none = await (await server.a("GET", f"{RUNS}?workflowId={UUID(int=1)}")).json()
    assert none == {"runs": [], "nextCursor": None}
    assert (await (await server.b("GET", RUNS)).json())["runs"] == []


async def test_runs_are_found_by_how_they_ended_and_what_started_them(server, db, assert_problem):
    """Several statuses, a cause, and the code of an error; each narrows what the others left."""
    runs = [
        ("api", "SUCCEEDED", None),
        ("event", "FAILED", "TERMINATED"),
        ("api", "FAILED", "NOT_FOUND"),
        ("api", "CANCELED", "CANCELED"),
        ("event", "WAITING", None),
    ]
    async with db.tenant(server.tenants.a) as conn:
        for number, (cause, status, code) in enumerate(runs):
            await conn.execute(
                "INSERT INTO workflow_runs (tenant, run_id, workflow_id, workflow_version, status, cause, plan, "
                "plan_sha256, error_json, created_at) VALUES ($1, $2, $2, 1, $3, $4, '{}', '', $5, "
                "now() - make_interval(mins => $6))",
                server.tenants.a,
                UUID(int=number),
                status,
                cause,
                None if code is None else {"code": code},
                number,
            )
    for query, found in {
        "status=FAILED&status=CANCELED": [1, 2, 3],
        "status=WAITING": [4],
        "cause=event": [1, 4],
        "errorCode=NOT_FOUND": [2],
        "cause=api&status=FAILED&status=SUCCEEDED": [0, 2],
        "cause=schedule": [],
        "errorCode=%27%20OR%20true": [],
    }.items():
        page = await (await server.a("GET", f"{RUNS}?{query}")).json()
        assert [UUID(run["runId"]).int for run in page["runs"]] == found, query
    document = await assert_problem(await server.a("GET", f"{RUNS}?status=FAILED&status=x"), 422, "VALIDATION_ERROR")
    assert [error["path"] for error in document["errors"]] == ["status[1]"]
    await assert_problem(await server.a("GET", f"{RUNS}?status=FAILED&status=%00"), 422, "VALIDATION_ERROR")


# ── Cancel, replay, timeline ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def run_id(with_temporal, workflow_id):
    """A run that no worker takes."""
    body = {"workflowId": workflow_id, "payload": {"title": "Disk full"}}
    return (await (await with_temporal.a("POST", RUNS, json=body)).json())["runId"]


async def test_cancel(with_temporal, server, run_id, temporal_client, assert_problem, db):
    """Temporal is asked, as often as it is wanted; a run that has ended says so."""
    for body in ({}, {"json": {}}, {"json": {"reason": "Wrong client"}}):
        response = await with_temporal.a("POST", f"{RUNS}/{run_id}/cancel", **body)
        assert (response.status, await response.json()) == (202, {"runId": run_id, "status": "RUNNING"})
    handle = temporal_client.get_workflow_handle(run_workflow_id(run_id, 1))
    kinds = [event.event_type async for event in handle.fetch_history_events()]
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED in kinds
    await assert_problem(await with_temporal.b("POST", f"{RUNS}/{run_id}/cancel"), 404, "NOT_FOUND")
    await assert_problem(await server.a("POST", f"{RUNS}/{run_id}/cancel"), 503, "TEMPORAL_UNAVAILABLE")
    async with db.tenant(with_temporal.tenants.a) as conn:
        await conn.execute("UPDATE workflow_runs SET status = 'CANCELED'")
    await assert_problem(await with_temporal.a("POST", f"{RUNS}/{run_id}/cancel"), 409, "RUN_ENDED")


async def test_terminate(with_temporal, server, run_id, temporal_client, assert_problem, db):
    """It has ended when the answer comes; the audit log says who did it and why."""
    path = f"{RUNS}/{run_id}/terminate"
    await assert_problem(await with_temporal.b("POST", path), 404, "NOT_FOUND")
    await assert_problem(await server.a("POST", path), 503, "TEMPORAL_UNAVAILABLE")
    assert (await (await with_temporal.a("GET", f"{RUNS}/{run_id}")).json())["status"] == "RUNNING"
    response = await with_temporal.a("POST", path, json={"reason": "It hangs"})
    assert (response.status, await response.json()) == (200, {"runId": run_id, "status": "FAILED"})
    run = await (await with_temporal.a("GET", f"{RUNS}/{run_id}")).json()
    assert (run["status"], run["error"]["code"]) == ("FAILED", "TERMINATED")
    description = await temporal_client.get_workflow_handle(run_workflow_id(run_id, 1)).describe()
    assert description.status is WorkflowExecutionStatus.TERMINATED
    async with db.tenant(with_temporal.tenants.a) as conn:
        [entry] = await conn.fetch("SELECT * FROM audit_logs WHERE operation = 'terminate'")
    assert (entry["record_id"], entry["details"]) == (run_id, {"reason": "It hangs"})
    assert str(entry["user_id"]) == "11111111-1111-4111-8111-111111111111"
    await assert_problem(await with_temporal.a("POST", path), 409, "RUN_ENDED")


async def test_replay(with_temporal, run_id, assert_problem, db):
    """A new run of the same version, with the same payload or a given one; a key makes it one."""
    response = await with_temporal.a("POST", f"{RUNS}/{run_id}/replay", json={"reason": "Try again"})
    assert response.status == 202
    again = await response.json()
    assert again["runId"] != run_id
    run = await (await with_temporal.a("GET", f"{RUNS}/{again['runId']}")).json()
    assert (run["cause"], run["payload"], run["workflowVersion"]) == ("replay", {"title": "Disk full"}, 1)
    timeline = (await (await with_temporal.a("GET", f"{RUNS}/{again['runId']}/timeline")).json())["timeline"]
    assert [line["message"] for line in timeline] == [f"Started as a replay of run {run_id}. Try again"]
    assert timeline[0]["context"] == {"cause": "replay", "replayOf": run_id}
    headers = {"Idempotency-Key": "again"}
    path = f"{RUNS}/{run_id}/replay"
    same = [await (await with_temporal.a("POST", path, headers=headers)).json() for _ in range(2)]
    assert same[0] == same[1]
    given = {"payload": {"title": "Other"}}
    await assert_problem(
        await with_temporal.a("POST", path, json=given, headers=headers), 409, "IDEMPOTENCY_KEY_REUSED"
    )
    other = await (await with_temporal.a("POST", path, json=given)).json()
    assert (await (await with_temporal.a("GET", f"{RUNS}/{other['runId']}")).json())["payload"] == {"title": "Other"}
    await assert_problem(await with_temporal.b("POST", path), 404, "NOT_FOUND")
    large = {"payload": {"x": "y" * (256 * 1024)}}
    await assert_problem(await with_temporal.a("POST", path, json=large), 413, "PAYLOAD_TOO_LARGE")
    # What an event's mapping or another run gave may be larger than what a request brings.
    async with db.tenant(with_temporal.tenants.a) as conn:
        await conn.execute("UPDATE workflow_runs SET payload = $2 WHERE run_id = $1", UUID(run_id), large["payload"])
    assert (await with_temporal.a("POST", path)).status == 202


async def test_timeline(with_temporal, run_id, db, assert_problem):
    """Steps without their values, and log lines, in the order of time."""
    async with db.tenant(with_temporal.tenants.a) as conn:
        start = await conn.fetchval("SELECT created_at FROM workflow_run_logs WHERE run_id = $1", UUID(run_id))
        for sequence, (path, seconds) in enumerate([("root.steps[0]", 1), ("root.steps[1]", 3)]):
            await conn.execute(
                "INSERT INTO workflow_run_steps (tenant, run_id, step_path, definition_step_id, step_type, sequence, "
                "status, input_json, started_at) VALUES ($1, $2, $3, 'a', 'action.call', $4, 'SUCCEEDED', '{}', "
                "$5::timestamptz + make_interval(secs => $6))",
                with_temporal.tenants.a,
                UUID(run_id),
                path,
                sequence,
                start,
                seconds,
            )
        await conn.execute(
            "INSERT INTO workflow_run_logs (tenant, run_id, step_path, level, message, source, created_at) "
            "VALUES ($1, $2, 'root.steps[0]', 'WARN', 'again', 'step', $3::timestamptz + interval '2 s')",
            with_temporal.tenants.a,
            UUID(run_id),
            start,
        )
    timeline = (await (await with_temporal.a("GET", f"{RUNS}/{run_id}/timeline")).json())["timeline"]
    assert [(entry["kind"], entry["stepPath"]) for entry in timeline] == [
        ("log", None),
        ("step", "root.steps[0]"),
        ("log", "root.steps[0]"),
        ("step", "root.steps[1]"),
    ]
    assert timeline[0]["message"] == "Started by a request."
    assert "input" not in timeline[1]
    await assert_problem(await with_temporal.b("GET", f"{RUNS}/{run_id}/timeline"), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["cancel", "replay", "terminate"])
async def test_changing_a_run_needs_the_permission(with_temporal, run_id, make_token, assert_problem, *, path):
    """The one that starting needs."""
    reader = with_temporal.a.with_token(make_token(with_temporal.tenants.a, "workflow:read"))
    await assert_problem(await reader("POST", f"{RUNS}/{run_id}/{path}"), 403, "PERMISSION_DENIED")
