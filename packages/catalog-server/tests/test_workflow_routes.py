"""Workflows over HTTP: found, settled, compared, rolled back, deleted, and accounted for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

DEFINITIONS = "/api/workflow-definitions"
USER = "11111111-1111-4111-8111-111111111111"


async def create(caller, definition, **more):
    response = await caller("POST", DEFINITIONS, json={"definition": definition, **more})
    assert response.status == 201, await response.text()
    return f"{DEFINITIONS}/{(await response.json())['workflowId']}"


async def get(caller, path):
    response = await caller("GET", path)
    assert response.status == 200, await response.text()
    return await response.json()


async def put(caller, path, body):
    response = await caller("PUT", path, json=body)
    assert response.status == 200, await response.text()
    return await response.json()


async def publish(caller, path):
    response = await caller("POST", f"{path}/publish", json={})
    assert response.status == 200, await response.text()
    return (await response.json())["publishedVersion"]


async def start_run(db, tenant, path, status="RUNNING"):
    async with db.tenant(tenant) as conn:
        await conn.execute(
            """
            INSERT INTO workflow_runs (
                tenant, run_id, workflow_id, workflow_version, status, cause, plan, plan_sha256
            ) VALUES ($1, gen_random_uuid(), $2, 1, $3, 'api', '{}', 'x')
            """,
            tenant,
            path.rpartition("/")[2],
            status,
        )


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def workflows(server, definition, worker):
    """Paths of four workflows by name: one is published, one is paused, two have an event."""
    event = {"type": "event", "eventName": "TICKET_CREATED"}
    paths = {}
    for name, key, more in (
        ("Émile 100%", "first", {"description": "Says hello"}),
        ("b", "second_one", {"trigger": event}),
        ("B", None, {"trigger": {**event, "eventName": "OTHER"}}),
        ("a\\c", None, {"trigger": {"type": "schedule", "eventName": "TICKET_CREATED"}}),
    ):
        paths[name] = await create(server.a, {**definition, "name": name, **more}, **({"key": key} if key else {}))
    await publish(server.a, f"{paths['Émile 100%']}/draft")
    await put(server.a, f"{paths['b']}/metadata", {"isPaused": True})
    return paths


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"Émile 100%", "b", "B", "a\\c"}),
        ("search=HELLO", {"Émile 100%"}),
        ("search=second", {"b"}),
        ("search=0%25", {"Émile 100%"}),
        ("search=%25", {"Émile 100%"}),
        ("search=_", {"b"}),
        ("search=\\", {"a\\c"}),
        ("search=%C3%A9MILE", {"Émile 100%"}),
        ("status=published", {"Émile 100%"}),
        ("status=draft&search=b", {"b", "B"}),
        ("paused=true", {"b"}),
        ("paused=false&event=OTHER", {"B"}),
        ("event=TICKET_CREATED", {"b"}),
        ("search=nobody", set()),
    ],
)
async def test_filters(server, workflows, query, names):
    """What is asked for is found, whatever its case and its signs; other tenants find nothing."""
    found = await get(server.a, f"{DEFINITIONS}?{query}")
    assert ({workflow["name"] for workflow in found["workflows"]}, found["nextCursor"]) == (names, None)
    assert (await get(server.b, f"{DEFINITIONS}?{query}"))["workflows"] == []


async def test_pages(server, workflows):
    """Each workflow is on one page, in one order."""
    whole = [workflow["workflowId"] for workflow in (await get(server.a, DEFINITIONS))["workflows"]]
    assert len(whole) == 4
    found, cursor = [], ""
    while cursor is not None:
        page = await get(server.a, f"{DEFINITIONS}?limit=1{cursor and '&cursor='}{cursor}")
        found += [workflow["workflowId"] for workflow in page["workflows"]]
        cursor = page["nextCursor"]
    assert found == whole


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=x", "status=x", "paused=1", "cursor=x", "cursor=", "cursor=W10=",
        "cursor=WzEsMl0=", "cursor=WyJhIiwiYiJd", "cursor=WyJcdTAwMDAiLCJiIl0=", "cursor=%00",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [DEFINITIONS, f"{DEFINITIONS}/99999999-9999-4999-8999-999999999999/audit"])
async def test_bad_queries(server, assert_problem, path, query):
    """Each is refused by its name; the audit log has no status to ask for."""
    if path != DEFINITIONS and query.startswith(("status", "paused")):
        return
    document = await assert_problem(await server.a("GET", f"{path}?{query}"), 422, "VALIDATION_ERROR")
    assert document["errors"][0]["path"] == query.partition("=")[0]


async def test_one_workflow(server, definition):
    """With its draft, and the draft's tag."""
    path = await create(server.a, definition, key="x")
    response = await server.a("GET", path)
    answer = await response.json()
    assert answer["draft"] == await get(server.a, f"{path}/draft")
    assert (answer["key"], answer["name"], answer["isVisible"], answer["concurrencyLimit"]) == (
        "x",
        "Open a ticket",
        True,
        None,
    )
    assert response.headers["ETag"] == f'"{answer["draft"]["definitionSha256"]}"'


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_settings(server, definition):
    """What is sent changes, null included; the rest stays."""
    path = await create(server.a, definition)
    values = {
        "isVisible": False,
        "isPaused": True,
        "concurrencyLimit": 3,
        "orderedByCorrelationKey": True,
        "autoPauseOnFailure": True,
        "failureRateThreshold": 0.5,
        "failureRateMinRuns": 10,
        "retentionPolicyOverride": {"days": 30},
        "payloadSchemaMode": "pinned",
        "pinnedPayloadSchemaRef": "payload.A.v1",
    }
    answer = await put(server.a, f"{path}/metadata", values)
    assert {name: answer[name] for name in values} == values
    changed = {"concurrencyLimit": None, "retentionPolicyOverride": None, "isPaused": False}
    answer = await put(server.a, f"{path}/metadata", changed)
    assert {name: answer[name] for name in values} == {**values, **changed}
    answer = await put(server.a, f"{path}/metadata", {})
    assert {name: answer[name] for name in values} == {**values, **changed}
    assert (await get(server.a, path))["concurrencyLimit"] is None


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({"name": "x", "isPaused": "yes"}, ["isPaused", "name"]),
        ({"isSystem": True}, ["isSystem"]),
        ({"isPaused": None, "isVisible": None}, ["isPaused", "isVisible"]),
        ({"orderedByCorrelationKey": None, "orderedBy": "x"}, ["orderedBy", "orderedByCorrelationKey"]),
        ({"concurrencyLimit": 0, "failureRateThreshold": -1}, ["concurrencyLimit", "failureRateThreshold"]),
        ({"concurrencyLimit": 2**31, "failureRateMinRuns": 1.5}, ["concurrencyLimit", "failureRateMinRuns"]),
        ([], [""]),
    ],
)
async def test_bad_settings(server, definition, assert_problem, body, paths):
    """All wrong places are named, and nothing changes."""
    path = await create(server.a, definition)
    before = await get(server.a, path)
    response = await server.a("PUT", f"{path}/metadata", json=body)
    document = await assert_problem(response, 422, "VALIDATION_ERROR")
    assert sorted(error["path"] for error in document["errors"]) == paths
    assert await get(server.a, path) == before


# ── Versions ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_difference(server, definition, worker):
    """Between any two versions, the draft among them."""
    path = await create(server.a, definition)
    await publish(server.a, f"{path}/draft")
    changed = {**definition, "name": "New", "steps": [definition["steps"][1], {"id": "x", "type": "control.return"}]}
    await put(server.a, f"{path}/draft", {"definition": changed})
    answer = await get(server.a, f"{path}/diff?from=1&to=draft")
    assert (answer["from"], answer["to"], answer["truncated"]) == (1, "draft", False)
    assert [
        (change["kind"], change["stepId"], change["oldPath"], change["newPath"]) for change in answer["changes"]
    ] == [
        ("changed", None, "root", "root"),
        ("added", "x", None, "root.steps[1]"),
        ("removed", "create", "root.steps[0]", None),
    ]
    assert answer["changes"][0]["changes"] == [{"path": "name", "old": "Open a ticket", "new": "New"}]
    assert (await get(server.a, f"{path}/diff?from=draft&to=2"))["changes"] == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 422, "VALIDATION_ERROR"),
        ("from=1", 422, "VALIDATION_ERROR"),
        ("from=0&to=1", 422, "VALIDATION_ERROR"),
        ("from=1&to=9", 404, "NOT_FOUND"),
    ],
)
async def test_difference_of_what(server, definition, assert_problem, query, status, code):
    """Both versions have to be named, and to exist."""
    path = await create(server.a, definition)
    await assert_problem(await server.a("GET", f"{path}/diff?{query}"), status, code)


async def test_roll_back(server, definition, worker):
    """The old version is the newest again; the draft stays, under the next number."""
    path = await create(server.a, definition)
    await publish(server.a, f"{path}/draft")
    await put(server.a, f"{path}/draft", {"definition": {**definition, "name": "Second"}})
    await publish(server.a, f"{path}/draft")
    await put(server.a, f"{path}/draft", {"definition": {**definition, "name": "Third"}})
    answer = await (await server.a("POST", f"{path}/1/rollback", json={})).json()
    assert (answer["ok"], answer["publishedVersion"]) == (True, 3)
    version = await get(server.a, f"{path}/3")
    assert (version["definition"]["name"], version["definition"]["version"]) == ("Open a ticket", 3)
    assert version["definitionSha256"] == answer["definitionSha256"]
    draft = await get(server.a, f"{path}/draft")
    assert (draft["version"], draft["definition"]["name"], draft["definition"]["version"]) == (4, "Third", 4)
    workflow = await get(server.a, path)
    assert (workflow["publishedVersion"], workflow["name"]) == (3, "Third")


async def test_roll_back_is_validated(server, definition, worker, connect_acme, assert_problem):
    """What the tenant can no longer run is not published again."""
    await connect_acme(server.tenants.a)
    acme = {"actionId": "acme.backups.find", "version": 1, "inputMapping": {"name": "nightly"}}
    definition["steps"][0]["config"] = acme
    path = await create(server.a, definition)
    await publish(server.a, f"{path}/draft")
    await connect_acme(server.tenants.a, active=False)
    document = await assert_problem(await server.a("POST", f"{path}/1/rollback", json={}), 422, "PUBLISH_REFUSED")
    assert [finding["code"] for finding in document["errors"]] == ["MODULE_UNAVAILABLE"]
    assert len((await get(server.a, f"{path}/versions"))["versions"]) == 1
    insisted = await server.a("POST", f"{path}/1/rollback", json={"allowUnavailable": True})
    assert (await insisted.json())["publishedVersion"] == 2
    for version in ("draft", "9", "x"):
        await assert_problem(await server.a("POST", f"{path}/{version}/rollback"), 404, "NOT_FOUND")


async def test_everybody_at_once(server, definition, worker):
    """Publishing, rolling back and saving at the same time: every version has its number, and nothing is lost."""
    path = await create(server.a, definition)
    await publish(server.a, f"{path}/draft")
    answers = await asyncio.gather(
        *(server.a("POST", f"{path}/1/rollback", json={}) for _ in range(3)),
        *(server.a("POST", f"{path}/draft/publish", json={}) for _ in range(3)),
        *(server.a("PUT", f"{path}/draft", json={"definition": {**definition, "name": "Saved"}}) for _ in range(3)),
    )
    assert {answer.status for answer in answers} == {200}
    versions = (await get(server.a, f"{path}/versions"))["versions"]
    assert [version["version"] for version in versions] == [7, 6, 5, 4, 3, 2, 1]
    workflow = await get(server.a, path)
    assert (workflow["publishedVersion"], workflow["draftVersion"], workflow["name"]) == (7, 8, "Saved")


# ── Deleting ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["RUNNING", "WAITING"])
async def test_delete_while_runs_are_under_way(server, db, definition, worker, assert_problem, status):
    """It is refused, unless forced; the runs stay."""
    path = await create(server.a, definition, key="x")
    await publish(server.a, f"{path}/draft")
    await start_run(db, server.tenants.a, path, status)
    document = await assert_problem(await server.a("DELETE", path), 409, "RUNS_ACTIVE")
    assert "1 run(s)" in document["detail"]
    assert (await server.a("DELETE", f"{path}?force=true")).status == 204
    await assert_problem(await server.a("GET", path), 404, "NOT_FOUND")
    async with db.tenant(server.tenants.a) as conn:
        assert await conn.fetchval("SELECT count(*) FROM workflow_runs") == 1
        assert await conn.fetchval("SELECT count(*) FROM workflow_definition_versions") == 0


async def test_delete(server, db, definition, assert_problem):
    """Runs that have ended do not matter; the key is free again; deleting twice finds nothing."""
    path = await create(server.a, definition, key="x")
    await start_run(db, server.tenants.a, path, "FAILED")
    answers = await asyncio.gather(*(server.a("DELETE", path) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [204, 404, 404]
    await create(server.a, definition, key="x")


# ── The audit log ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_audit(server, definition, worker, assert_problem):
    """Who did what, newest first, in pages, and after the workflow has gone; drafts are not in it."""
    path = await create(server.a, definition, key="x")
    await put(server.a, f"{path}/draft", {"definition": definition})
    await publish(server.a, f"{path}/draft")
    await server.a("POST", f"{path}/1/rollback", json={})
    await put(server.a, f"{path}/metadata", {"isPaused": True})
    await put(server.a, f"{path}/metadata", {"isPaused": True})
    await put(server.a, f"{path}/metadata", {"isPaused": False})
    await put(server.a, f"{path}/metadata", {"concurrencyLimit": 2, "isVisible": True})
    await server.a("DELETE", path)
    entries, cursor = [], ""
    while cursor is not None:
        page = await get(server.a, f"{path}/audit?limit=2{cursor and '&cursor='}{cursor}")
        entries += page["entries"]
        cursor = page["nextCursor"]
    assert [entry["operation"] for entry in entries] == [
        "delete", "change_settings", "resume", "pause", "rollback", "publish", "create",
    ]  # fmt: skip
    assert {entry["userId"] for entry in entries} == {USER}
    assert entries[1]["changedData"] == {"concurrencyLimit": {"old": None, "new": 2}}
    assert entries[4]["details"]["rolledBackTo"] == 1
    assert (entries[5]["details"]["version"], entries[6]["details"]) == (1, {"name": "Open a ticket", "key": "x"})
    assert entries == sorted(entries, key=lambda entry: entry["timestamp"], reverse=True)
    await assert_problem(await server.b("GET", f"{path}/audit"), 404, "NOT_FOUND")
    await assert_problem(await server.a("GET", f"{DEFINITIONS}/{uuid4()}/audit"), 404, "NOT_FOUND")


async def test_refused_changes_leave_no_trace(server, definition, db, assert_problem):
    """What did not happen is not in the log."""
    path = await create(server.a, definition, key="x")
    await assert_problem(
        await server.a("POST", DEFINITIONS, json={"definition": definition, "key": "x"}), 409, "KEY_TAKEN"
    )
    await assert_problem(await server.a("POST", f"{path}/draft/publish", json={}), 422, "PUBLISH_REFUSED")
    async with db.tenant(server.tenants.a) as conn:
        assert await conn.fetchval("SELECT count(*) FROM audit_logs") == 1


async def test_the_list_tells_of_the_actions_of_steps_alone(server, definition):
    """A value that happens to be called like that is none; steps within steps have theirs."""
    create = definition["steps"][0]
    create["config"]["inputMapping"]["actionId"] = "no.action"
    inner = {"id": "inner", "type": "action.call", "config": {"actionId": "acme.backups.find"}}
    loop = {"id": "each", "type": "control.forEach", "items": {"$expr": "[1]"}, "itemVar": "one", "body": [inner]}
    changed = {**definition, "steps": [create, loop], "metadata": {"actionId": "neither"}}
    await server.a("POST", DEFINITIONS, json={"definition": changed})
    (listed,) = (await get(server.a, DEFINITIONS))["workflows"]
    assert listed["actionIds"] == ["acme.backups.find", "tickets.create"]


async def test_the_list_tells_of_actions_and_last_runs(server, definition):
    """The last five runs, the newest first, without dry ones and those of other tenants."""
    created = await (await server.a("POST", DEFINITIONS, json={"definition": definition})).json()
    workflow_id = UUID(created["workflowId"])
    statuses = ["SUCCEEDED", "FAILED", "CANCELED", "RUNNING", "WAITING", "SUCCEEDED"]
    rows = [(server.tenants.a, status, False) for status in statuses]
    for number, (tenant, status, dry) in enumerate(
        [*rows, (server.tenants.a, "FAILED", True), (server.tenants.b, "FAILED", False)]
    ):
        async with server.services.database.tenant(tenant) as conn:
            await conn.execute(
                "INSERT INTO workflow_runs (tenant, run_id, workflow_id, workflow_version, status, cause, plan, "
                "plan_sha256, dry_run, created_at) VALUES ($1, $2, $3, 1, $4, 'api', '{}', '', $5, $6)",
                tenant,
                uuid4(),
                workflow_id,
                status,
                dry,
                datetime(2026, 5, 1, number, tzinfo=UTC),
            )
    (listed,) = (await get(server.a, DEFINITIONS))["workflows"]
    assert [run["status"] for run in listed["lastRuns"]] == statuses[:0:-1]
    assert listed["actionIds"] == ["tickets.create"]
