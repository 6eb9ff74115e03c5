"""Trying things out over HTTP: dry runs of definitions, and tests of one action. No worker executes them here."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from workflow_catalog_server import simulation_routes
from workflow_core.execution.models import RunInput
from workflow_core.temporal import data_converter, run_workflow_id
from workflow_core.testing.contents import changed_tables, read_contents

DEFINITIONS = "/api/workflow-definitions"
RUNS = "/api/workflow-runs"
ACTIONS = "/api/workflow/registry/actions"
USER = UUID("11111111-1111-4111-8111-111111111111")
MAPPING = {"title": {"$expr": "payload.title"}, "client_id": "22222222-2222-4222-8222-222222222222"}
SECRET = {**MAPPING, "description": {"$secret": "TOKEN"}}


@pytest.fixture
async def with_temporal(serve, temporal_client):
    """A server whose Temporal answers."""
    async with serve(temporal=temporal_client) as server:
        yield server


@pytest.fixture
async def draft(server, definition, worker):
    """The path of a workflow that is not published."""
    created = await (await server.a("POST", DEFINITIONS, json={"definition": definition})).json()
    return f"{DEFINITIONS}/{created['workflowId']}"


async def contents(server):
    async with server.services.database.tenant(server.tenants.a) as conn:
        return await read_contents(conn)


async def started_with(client, run_id):
    """What Temporal was given."""
    history = await client.get_workflow_handle(run_workflow_id(run_id, 1)).fetch_history()
    attributes = history.events[0].workflow_execution_started_event_attributes
    (run,) = await data_converter.decode(attributes.input.payloads, [RunInput])
    return run


def renamed(definition, name):
    return {**definition, "name": name}


def with_mapping(definition, mapping):
    (create, *others) = definition["steps"]
    config = {**create["config"], "inputMapping": mapping}
    return {**definition, "steps": [{**create, "config": config}, *others]}


# ── Simulating what is stored ────────────────────────────────────────────────────────────────────────────────────


async def test_a_draft_is_simulated(with_temporal, draft, definition, temporal_client):
    """It becomes a dry run in the name of who asks, which the run API shows; nothing else is written."""
    before = await contents(with_temporal)
    body = {"payload": {"title": "Disk full"}, "samples": {"create": {"ticket_id": str(uuid4())}}}
    response = await with_temporal.a("POST", f"{draft}/draft/simulate", json=body)
    started = await response.json()
    assert (response.status, started["dryRun"], started["workflowVersion"]) == (202, True, 1), started
    assert {warning["code"] for warning in started["warnings"]} <= {"MAPPING_TYPE_UNKNOWN", "UNKNOWN_FIELD"}
    run = await (await with_temporal.a("GET", response.headers["Location"])).json()
    assert (run["dryRun"], run["cause"], run["payload"]) == (True, "simulation", body["payload"])
    assert (run["workflowId"], run["actorId"]) == (draft.rsplit("/", 1)[-1], str(USER))
    given = await started_with(temporal_client, run["runId"])
    assert (given.dry_run, given.actor, given.plan.samples) == (True, str(USER), body["samples"])
    assert given.plan.definition["steps"] == definition["steps"]
    assert changed_tables(before, await contents(with_temporal)) == {"workflow_runs", "workflow_run_logs"}


async def test_a_definition_that_is_not_stored_stands_for_the_draft(with_temporal, draft, definition, temporal_client):
    """The draft stays; what is published is simulated as it is."""
    other = renamed(definition, "Other")
    response = await with_temporal.a("POST", f"{draft}/1/simulate", json={"definition": other})
    run_id = (await response.json())["runId"]
    given = await started_with(temporal_client, run_id)
    assert given.plan.definition == {**other, "id": draft.rsplit("/", 1)[-1], "version": 1}
    stored = await (await with_temporal.a("GET", f"{draft}/draft")).json()
    assert stored["definition"]["name"] == definition["name"]


async def test_a_version_is_simulated_in_the_name_of_who_asks(
    with_temporal, draft, definition, temporal_client, assert_problem, make_token
):
    """Not in that of its publisher, whose permissions are lent to real runs only; another definition is refused."""
    assert (await with_temporal.a("POST", f"{draft}/draft/publish", json={})).status == 200
    somebody = uuid4()
    asking = with_temporal.a.with_token(make_token(with_temporal.tenants.a, "workflow:manage", sub=str(somebody)))
    run_id = (await (await asking("POST", f"{draft}/1/simulate")).json())["runId"]
    assert (await started_with(temporal_client, run_id)).actor == str(somebody)
    refused = await with_temporal.a("POST", f"{draft}/1/simulate", json={"definition": definition})
    await assert_problem(refused, 409, "VERSION_CONFLICT")


async def test_what_has_errors_is_not_simulated(server, draft, definition, assert_problem):
    """All findings at once, as publishing answers them; nothing is recorded."""
    wrong = with_mapping(definition, {"title": {"$expr": "1 +"}, "client_id": "x"})
    before = await contents(server)
    response = await server.a("POST", f"{draft}/draft/simulate", json={"definition": wrong})
    document = await assert_problem(response, 422, "TRIAL_REFUSED")
    assert {error["code"] for error in document["errors"]} >= {"INVALID_EXPRESSION", "MAPPING_TYPE_INCOMPATIBLE"}
    assert (document["ok"], document["warnings"]) == (False, [])
    assert changed_tables(before, await contents(server)) == set()


async def test_a_simulation_is_not_a_run_of_the_same_key(with_temporal, draft, assert_problem):
    """One key may start a real run and a dry one; within dry ones it starts one thing."""
    await with_temporal.a("POST", f"{draft}/draft/publish", json={})
    headers = {"Idempotency-Key": "k"}
    body = {"payload": {"title": "x"}}
    dry = [
        await (await with_temporal.a("POST", f"{draft}/1/simulate", json=body, headers=headers)).json()
        for _ in range(2)
    ]
    assert dry[0]["runId"] == dry[1]["runId"]
    real = await with_temporal.a("POST", RUNS, json={"workflowId": draft.rsplit("/", 1)[-1], **body}, headers=headers)
    assert (await real.json())["runId"] != dry[0]["runId"]
    for other in ({"payload": {}}, {**body, "samples": {"create": {}}}):
        response = await with_temporal.a("POST", f"{draft}/1/simulate", json=other, headers=headers)
        await assert_problem(response, 409, "IDEMPOTENCY_KEY_REUSED")


async def test_dry_runs_have_a_list_of_their_own(with_temporal, draft):
    """Who counts runs does not count them."""
    await with_temporal.a("POST", f"{draft}/draft/publish", json={})
    workflow_id = draft.rsplit("/", 1)[-1]
    dry = (await (await with_temporal.a("POST", f"{draft}/1/simulate")).json())["runId"]
    real = (await (await with_temporal.a("POST", RUNS, json={"workflowId": workflow_id})).json())["runId"]

    async def listed(query):
        runs = (await (await with_temporal.a("GET", f"{RUNS}?workflowId={workflow_id}{query}")).json())["runs"]
        return [(run["runId"], run["dryRun"]) for run in runs]

    assert await listed("") == await listed("&dryRun=false") == [(real, False)]
    assert await listed("&dryRun=true") == [(dry, True)]


async def test_temporal_down(server, with_temporal, draft, assert_problem):
    """The dry run is recorded, and the same key starts it once Temporal is back."""
    headers = {"Idempotency-Key": "k"}
    response = await server.a("POST", f"{draft}/draft/simulate", headers=headers)
    document = await assert_problem(response, 503, "TEMPORAL_UNAVAILABLE")
    again = await with_temporal.a("POST", f"{draft}/draft/simulate", headers=headers)
    assert (again.status, (await again.json())["runId"]) == (202, document["runId"])


async def test_samples_are_of_steps(server, draft, assert_problem):
    """One that belongs to no step that calls an action is a mistake."""
    samples = {"create": {}, "done": {}, "crate": {}}
    response = await server.a("POST", f"{draft}/draft/simulate", json={"samples": samples})
    document = await assert_problem(response, 422, "VALIDATION_ERROR")
    assert [(error["path"], error["code"]) for error in document["errors"]] == [
        ("samples.crate", "UNKNOWN_STEP"),
        ("samples.done", "UNKNOWN_STEP"),
    ]


async def test_a_trial_is_not_replayed(with_temporal, draft, assert_problem):
    """There may be no published version that was run."""
    dry = (await (await with_temporal.a("POST", f"{draft}/draft/simulate")).json())["runId"]
    body = {"input": MAPPING, "live": True}
    tested = (await (await with_temporal.a("POST", f"{ACTIONS}/tickets.create/1/test", json=body)).json())["runId"]
    for run_id in (dry, tested):
        await assert_problem(await with_temporal.a("POST", f"{RUNS}/{run_id}/replay"), 409, "RUN_IS_TRIAL")


@pytest.mark.parametrize("version", ["draft", "1"])
async def test_another_tenants_workflow_is_not_there(server, draft, assert_problem, version):
    """Nor is a version that does not exist."""
    await assert_problem(await server.b("POST", f"{draft}/{version}/simulate"), 404, "NOT_FOUND")
    await assert_problem(await server.a("POST", f"{draft}/7/simulate"), 404, "NOT_FOUND")
    await assert_problem(await server.a("POST", f"{draft}/next/simulate"), 404, "NOT_FOUND")


async def test_a_payload_has_a_limit(server, draft, assert_problem):
    """The same as for a run."""
    body = {"payload": {"text": "x" * 300_000}}
    await assert_problem(await server.a("POST", f"{draft}/draft/simulate", json=body), 413, "PAYLOAD_TOO_LARGE")


# ── Who may ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_permissions(server, draft, definition, assert_problem, make_token):
    """Trying needs the permission to change definitions; doing it for good, also the one to start runs."""

    def holding(*permissions):
        return server.a.with_token(make_token(server.tenants.a, *permissions))

    requests = [
        (f"{draft}/draft/simulate", {}),
        (f"{DEFINITIONS}/simulate", {"definition": definition}),
        (f"{ACTIONS}/tickets.create/1/test", {"input": MAPPING}),
    ]
    for path, body in requests:
        refused = await holding("workflow:read", "workflow:run", "workflow:publish")("POST", path, json=body)
        await assert_problem(refused, 403, "PERMISSION_DENIED")
        admitted = await holding("workflow:manage")("POST", path, json=body)
        await assert_problem(admitted, 503, "TEMPORAL_UNAVAILABLE")
    live = {"input": MAPPING, "live": True}
    refused = await holding("workflow:manage")("POST", requests[2][0], json=live)
    assert "workflow:run" in (await assert_problem(refused, 403, "PERMISSION_DENIED"))["detail"]
    admitted = await holding("workflow:manage", "workflow:run")("POST", requests[2][0], json=live)
    await assert_problem(admitted, 503, "TEMPORAL_UNAVAILABLE")


async def test_secrets_need_the_permission_to_publish(server, draft, definition, assert_problem, make_token):
    """Who chooses where a secret goes can have it told; what is published was chosen by somebody who may."""
    put = await server.a("PUT", "/api/workflow/secrets/TOKEN", json={"value": "s3cr3t-value"})
    assert put.ok, await put.text()
    secretive = with_mapping(definition, SECRET)
    manager = server.a.with_token(make_token(server.tenants.a, "workflow:manage", "workflow:run"))
    publisher = server.a.with_token(make_token(server.tenants.a, "workflow:manage", "workflow:publish"))
    requests = [
        (f"{draft}/draft/simulate", {"definition": secretive}),
        (f"{DEFINITIONS}/simulate", {"definition": secretive}),
        (f"{ACTIONS}/tickets.create/1/test", {"input": SECRET}),
    ]
    for path, body in requests:
        document = await assert_problem(await manager("POST", path, json=body), 403, "PERMISSION_DENIED")
        assert "workflow:publish" in document["detail"]
        await assert_problem(await publisher("POST", path, json=body), 503, "TEMPORAL_UNAVAILABLE")
    assert (await server.a("PUT", f"{draft}/draft", json={"definition": secretive})).ok
    assert (await server.a("POST", f"{draft}/draft/publish", json={})).ok
    await assert_problem(await manager("POST", f"{draft}/1/simulate"), 503, "TEMPORAL_UNAVAILABLE")
    steered = await manager("POST", f"{draft}/1/simulate", json={"samples": {"create": {}}})
    await assert_problem(steered, 403, "PERMISSION_DENIED")


# ── Testing one action ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("live", [False, True])
async def test_one_action_is_tested(with_temporal, worker, temporal_client, live):
    """A run of one step in the name of who asks, of no workflow; dry unless it is to be live."""
    body = {"input": MAPPING, "payload": {"title": "Disk full"}, "live": live}
    response = await with_temporal.a("POST", f"{ACTIONS}/tickets.create/1/test", json=body)
    started = await response.json()
    assert (response.status, started["dryRun"]) == (202, not live), started
    run = await (await with_temporal.a("GET", response.headers["Location"])).json()
    assert (run["cause"], run["dryRun"], run["workflowId"]) == ("test", not live, run["runId"])
    given = await started_with(temporal_client, run["runId"])
    assert (given.dry_run, given.actor) == (not live, str(USER))
    (step,) = given.plan.definition["steps"]
    assert step["config"] == {"actionId": "tickets.create", "version": 1, "inputMapping": MAPPING}
    listed = (await (await with_temporal.a("GET", RUNS)).json())["runs"]
    assert [run["runId"] for run in listed] == ([started["runId"]] if live else [])


async def test_a_test_for_the_sake_of_a_workflow(with_temporal, draft, assert_problem):
    """Its run is found among the workflow's; one that the tenant does not have is not there."""
    workflow_id = draft.rsplit("/", 1)[-1]
    body = {"input": MAPPING, "workflowId": workflow_id}
    started = await (await with_temporal.a("POST", f"{ACTIONS}/tickets.create/1/test", json=body)).json()
    assert (started["workflowId"], started["workflowVersion"]) == (workflow_id, 1)
    refused = await with_temporal.b("POST", f"{ACTIONS}/tickets.create/1/test", json=body)
    await assert_problem(refused, 404, "NOT_FOUND")


async def test_a_test_with_errors_is_not_started(server, worker, assert_problem):
    """Input that cannot fit, and a module that the tenant has not connected."""
    response = await server.a("POST", f"{ACTIONS}/tickets.create/1/test", json={"input": {"client_id": 7}})
    document = await assert_problem(response, 422, "TRIAL_REFUSED")
    assert {(error["code"], error["path"]) for error in document["errors"]} == {
        ("MISSING_REQUIRED_MAPPING", "root.steps[0].config.inputMapping.title"),
        ("MAPPING_TYPE_INCOMPATIBLE", "root.steps[0].config.inputMapping.client_id"),
    }
    response = await server.a("POST", f"{ACTIONS}/acme.backups.find/1/test", json={"input": {"job_id": 7}})
    document = await assert_problem(response, 422, "TRIAL_REFUSED")
    assert [error["code"] for error in document["errors"]] == ["MODULE_UNAVAILABLE"]


@pytest.mark.parametrize("action", ["tickets.create/2", "tickets.close/1", "tickets.create/x", "tickets.create/0"])
async def test_an_unknown_action(server, assert_problem, action):
    """There is nothing to test."""
    await assert_problem(await server.a("POST", f"{ACTIONS}/{action}/test"), 404, "NOT_FOUND")


# ── Simulating what need not be stored ───────────────────────────────────────────────────────────────────────────


async def test_a_simulation_that_takes_long_says_where_to_look(
    with_temporal, worker, definition, assert_problem, monkeypatch
):
    """No worker executes it here: the answer does not wait for ever."""
    monkeypatch.setattr(simulation_routes, "_PATIENCE", 0.1)
    async with asyncio.timeout(10):
        response = await with_temporal.a("POST", f"{DEFINITIONS}/simulate", json={"definition": definition})
    answer = await response.json()
    assert (response.status, answer["status"], answer["trace"], answer["finalVars"]) == (200, "running", [], {})
    assert answer["payloadSource"] == "empty"
    run = await (await with_temporal.a("GET", f"{RUNS}/{answer['runId']}")).json()
    assert (run["dryRun"], run["workflowId"], run["cause"]) == (True, answer["runId"], "simulation")


async def test_a_simulation_with_errors(server, worker, definition, assert_problem):
    """As for what is stored."""
    wrong = with_mapping(definition, {})
    response = await server.a("POST", f"{DEFINITIONS}/simulate", json={"definition": wrong})
    document = await assert_problem(response, 422, "TRIAL_REFUSED")
    assert {error["code"] for error in document["errors"]} == {"MISSING_REQUIRED_MAPPING"}
