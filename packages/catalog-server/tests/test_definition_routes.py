"""Definitions over HTTP: saved untouched, guarded by tags, published only without errors."""

from __future__ import annotations

import asyncio

import pytest

DEFINITIONS = "/api/workflow-definitions"


async def create(caller, definition, **more):
    response = await caller("POST", DEFINITIONS, json={"definition": definition, **more})
    assert response.status == 201, await response.text()
    return await response.json()


async def test_stored_definition_keeps_what_nobody_knows(server, definition):
    """Unknown step types and fields survive; only id and version are the platform's."""
    strange = {
        **definition,
        "id": "from-elsewhere",
        "version": 7,
        "x-layout": {"zoom": 1.5},
        "steps": [*definition["steps"], {"id": "new", "type": "quantum.leap", "config": {"far": [1, None]}}],
    }
    created = await create(server.a, strange)
    path = f"{DEFINITIONS}/{created['workflowId']}"
    assert created["definition"] == {**strange, "id": created["workflowId"], "version": 1}
    for name in ("draft", "1"):
        assert (await (await server.a("GET", f"{path}/{name}")).json())["definition"] == created["definition"]
    saved = await server.a("PUT", f"{path}/draft", json={"definition": created["definition"]})
    assert (await saved.json())["definition"] == created["definition"]


async def test_created_is_found_where_it_says(server, definition):
    """Location and tag come with the answer, and the list shows the workflow."""
    response = await server.a("POST", DEFINITIONS, json={"definition": definition, "key": "tickets.open"})
    read = await server.a("GET", response.headers["Location"])
    assert read.headers["ETag"] == response.headers["ETag"]
    (listed,) = (await (await server.a("GET", DEFINITIONS)).json())["workflows"]
    assert (listed["actionIds"], listed["lastRuns"]) == (["tickets.create"], [])
    assert {name: listed[name] for name in ("key", "name", "status", "draftVersion", "publishedVersion")} == {
        "key": "tickets.open",
        "name": "Open a ticket",
        "status": "draft",
        "draftVersion": 1,
        "publishedVersion": None,
    }


async def test_key_is_unique_for_a_tenant(server, definition, assert_problem):
    """Another tenant may use the same."""
    await create(server.a, definition, key="tickets.open")
    response = await server.a("POST", DEFINITIONS, json={"definition": definition, "key": "tickets.open"})
    await assert_problem(response, 409, "KEY_TAKEN")
    await create(server.b, definition, key="tickets.open")


async def test_nul_is_removed(server, definition):
    """The database cannot store it; nothing else changes."""
    created = await create(server.a, {**definition, "name": "a\0b", "x\0y": ["\0", "\\u0000"]})
    assert (created["definition"]["name"], created["definition"]["xy"]) == ("ab", ["", "\\u0000"])


async def test_lost_update_is_refused(server, definition, assert_problem):
    """Who saves over what they have not seen is told so."""
    created = await create(server.a, definition)
    path = f"{DEFINITIONS}/{created['workflowId']}/draft"
    tag = (await server.a("GET", path)).headers["ETag"]
    mine = {"definition": {**definition, "name": "mine"}}
    first = await server.a("PUT", path, json=mine, headers={"If-Match": tag})
    assert first.status == 200
    theirs = {"definition": {**definition, "name": "theirs"}}
    second = await server.a("PUT", path, json=theirs, headers={"If-Match": tag})
    await assert_problem(second, 412, "PRECONDITION_FAILED")
    assert (await (await server.a("GET", path)).json())["definition"]["name"] == "mine"
    for header in (f"W/{first.headers['ETag']}", f'"x", {first.headers["ETag"]}', "*"):
        assert (await server.a("PUT", path, json=mine, headers={"If-Match": header})).status == 200


async def test_publishing(server, definition, worker, assert_problem):
    """Versions count up, never change, and the draft goes on from there."""
    created = await create(server.a, definition)
    path = f"{DEFINITIONS}/{created['workflowId']}"
    answer = await (await server.a("POST", f"{path}/1/publish", json={})).json()
    assert (answer["ok"], answer["publishedVersion"], answer["errors"], answer["warnings"]) == (True, 1, [], [])
    await server.a("PUT", f"{path}/draft", json={"definition": {**definition, "name": "Second"}})
    assert (await (await server.a("POST", f"{path}/draft/publish")).json())["publishedVersion"] == 2
    versions = (await (await server.a("GET", f"{path}/versions")).json())["versions"]
    assert [version["version"] for version in versions] == [2, 1]
    assert versions[1]["definitionSha256"] == answer["definitionSha256"]
    assert versions[1]["publishedBy"] == "11111111-1111-4111-8111-111111111111"
    first = await (await server.a("GET", f"{path}/1")).json()
    assert (first["isDraft"], first["definition"]["name"]) == (False, "Open a ticket")
    draft = await (await server.a("GET", f"{path}/3")).json()
    assert (draft["isDraft"], draft["definition"]["version"]) == (True, 3)
    response = await server.a("PUT", f"{path}/1", json={"definition": definition})
    await assert_problem(response, 409, "VERSION_CONFLICT")
    await assert_problem(await server.a("POST", f"{path}/1/publish", json={}), 409, "VERSION_CONFLICT")


async def test_publishing_at_the_same_time(server, definition, worker):
    """Two who publish one draft by its number make one version of it."""
    created = await create(server.a, definition)
    path = f"{DEFINITIONS}/{created['workflowId']}/1/publish"
    answers = await asyncio.gather(*(server.a("POST", path, json={}) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]


async def test_errors_keep_it_from_being_published(server, definition, worker, assert_problem):
    """All findings at once, in the contract's form, and nothing is published."""
    definition["steps"][0]["config"]["inputMapping"] = {"title": "", "colour": "red"}
    definition["steps"].append({"id": "create", "type": "action.call", "config": {"actionId": "tickets.creat"}})
    created = await create(server.a, definition)
    path = f"{DEFINITIONS}/{created['workflowId']}"
    response = await server.a("POST", f"{path}/draft/publish", json={})
    document = await assert_problem(response, 422, "PUBLISH_REFUSED")
    assert document["ok"] is False
    assert sorted(finding["code"] for finding in document["errors"]) == [
        "DUPLICATE_STEP_ID",
        "MAPPING_TYPE_INCOMPATIBLE",
        "MISSING_REQUIRED_MAPPING",
        "UNKNOWN_ACTION",
    ]
    assert {finding["stepPath"] for finding in document["errors"]} == {"root.steps[0]", "root.steps[2]"}
    unknown = next(finding for finding in document["errors"] if finding["code"] == "UNKNOWN_ACTION")
    assert unknown["suggestion"] == "did you mean tickets.create?"
    assert [finding["code"] for finding in document["warnings"]] == ["UNKNOWN_FIELD", "UNREACHABLE_STEP"]
    assert await (await server.a("GET", f"{path}/versions")).json() == {"versions": [], "held": []}
    checked = await server.a("POST", f"{DEFINITIONS}/validate", json={"definition": created["definition"]})
    assert checked.status == 200
    assert (await checked.json())["errors"] == document["errors"]


async def test_module_that_the_tenant_lacks(server, definition, worker, connect_acme, assert_problem):
    """Publishing asks the resolver itself; who insists publishes with a warning."""
    definition["steps"][0]["config"] = {
        "actionId": "acme.backups.find",
        "version": 1,
        "inputMapping": {"name": "nightly"},
        "designerGroupKey": "app:acme",
    }
    created = await create(server.a, definition)
    path = f"{DEFINITIONS}/{created['workflowId']}/draft/publish"
    document = await assert_problem(await server.a("POST", path, json={}), 422, "PUBLISH_REFUSED")
    (finding,) = document["errors"]
    assert finding["code"] == "MODULE_UNAVAILABLE"
    assert "Connect Acme under Connections." in finding["message"]
    insisted = await (await server.a("POST", path, json={"allowUnavailable": True})).json()
    assert insisted["ok"] is True
    assert [warning["code"] for warning in insisted["warnings"]] == ["MODULE_UNAVAILABLE"]
    await connect_acme(server.tenants.a)
    assert (await (await server.a("POST", path, json={})).json())["publishedVersion"] == 2


async def test_publishing_asks_what_the_publisher_may_do(server, definition, worker, connect_acme):
    """A warning to who publishes; whoever only validates is asked nothing."""
    await connect_acme(server.tenants.a)
    definition["steps"][0]["config"] = {"actionId": "acme.backups.start", "inputMapping": {"name": "nightly"}}
    created = await create(server.a, definition)
    checked = await (await server.a("POST", f"{DEFINITIONS}/validate", json={"definition": definition})).json()
    assert checked["warnings"] == []
    path = f"{DEFINITIONS}/{created['workflowId']}/draft/publish"
    published = await (await server.a("POST", path, json={})).json()
    assert [(warning["code"], warning["path"]) for warning in published["warnings"]] == [
        ("PERMISSION_DENIED", "root.steps[0].config.actionId")
    ]
    assert "backup:start" in published["warnings"][0]["message"]


async def test_calls_are_looked_up(server, definition, worker, assert_problem):
    """A workflow that is not published is doubtful; one that leads back here without an end is refused."""
    first, second = await create(server.a, definition), await create(server.a, definition)

    def calling(workflow_id, version):
        step = {"id": "c", "type": "control.callWorkflow", "workflowId": workflow_id, "workflowVersion": version}
        return {**definition, "steps": [step]}

    async def publish(workflow_id, calls):
        path = f"{DEFINITIONS}/{workflow_id}/draft"
        assert (await server.a("PUT", path, json={"definition": calls})).status == 200
        return await server.a("POST", f"{path}/publish", json={})

    early = await (await publish(first["workflowId"], calling(second["workflowId"], 1))).json()
    assert [warning["code"] for warning in early["warnings"]] == ["CALLED_WORKFLOW_NOT_FOUND"]
    late = await publish(second["workflowId"], calling(first["workflowId"], 1))
    document = await assert_problem(late, 422, "PUBLISH_REFUSED")
    assert [error["code"] for error in document["errors"]] == ["CALL_CYCLE"]
    assert f"{definition['name']} v1 → this workflow v1" in document["errors"][0]["message"]
    body = {"definition": {**calling(first["workflowId"], 1), "id": second["workflowId"], "version": 1}}
    checked = await (await server.a("POST", f"{DEFINITIONS}/validate", json=body)).json()
    assert checked["errors"] == document["errors"]


async def test_version_that_calls_itself(server, definition, worker, assert_problem):
    """What counts is the number that it gets: an imported draft has another until then, and so has an old version."""

    def calling(version):
        step = {"id": "c", "type": "control.callWorkflow", "workflowId": "self", "workflowVersion": version}
        return {**definition, "id": "self", "steps": [step]}

    entry = {
        "key": "self",
        "metadata": {"name": definition["name"]},
        "dependencies": {"actions": [], "nodeTypes": [], "schemaRefs": []},
        "draft": {"draftVersion": 1, "definition": calling(1)},
        "publishedVersions": [
            {"version": 1, "definition": definition},
            {"version": 2, "definition": calling(4)},
            {"version": 3, "definition": calling(1)},
        ],
    }
    bundle = {"format": "alga-psa.workflow-bundle", "formatVersion": 1, "exportedAt": "", "workflows": [entry]}
    imported = await (await server.a("POST", f"{DEFINITIONS}/import", json=bundle)).json()
    path = f"{DEFINITIONS}/{imported['createdWorkflows'][0]['workflowId']}"
    document = await assert_problem(await server.a("POST", f"{path}/2/rollback", json={}), 422, "PUBLISH_REFUSED")
    assert [error["code"] for error in document["errors"]] == ["CALL_CYCLE"]
    published = await (await server.a("POST", f"{path}/1/publish", json={})).json()
    assert published["publishedVersion"] == 4
    assert [warning["code"] for warning in published["warnings"]] == ["CALL_CYCLE"]


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        ([], "No worker is running"),
        ([{"age": 60}], "No worker is running"),
        ([{"actions": {}}], "No live worker has tickets.create@1: install workflow-acme 1.2.3 there"),
        (
            [{"actions": {"tickets.create@1": "0" * 64}, "distributions": {"workflow-acme": "1.1"}}],
            "another contract: workflow-acme 1.1 there, 1.2.3 here",
        ),
        ([{"actions": {}}, {}], None),
    ],
    ids=["none", "a dead one", "without it", "with another contract", "one of two has it"],
)
async def test_workers_have_to_run_it(server, definition, register_worker, assert_problem, *, workers, words):
    """Only what a live worker runs in the same contract is published; the difference is named."""
    for number, worker in enumerate(workers):
        await register_worker(identity=f"worker-{number}", **worker)
    created = await create(server.a, definition)
    response = await server.a("POST", f"{DEFINITIONS}/{created['workflowId']}/draft/publish", json={})
    if words is None:
        assert response.status == 200
        return
    (finding,) = (await assert_problem(response, 422, "PUBLISH_REFUSED"))["errors"]
    assert finding["code"] == "ACTION_NOT_ON_WORKERS"
    assert words in finding["message"]


@pytest.mark.parametrize(
    "definition", [None, 3, [], {}, {"steps": 1}, {"name": "x", "steps": [None, [], {"type": {}}]}]
)
async def test_anything_can_be_validated(server, definition):
    """Validation answers; it never fails."""
    response = await server.a("POST", f"{DEFINITIONS}/validate", json={"definition": definition})
    assert response.status == 200
    assert (await response.json())["ok"] is False


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", DEFINITIONS, "workflow:read"),
        ("POST", DEFINITIONS, "workflow:manage"),
        ("POST", f"{DEFINITIONS}/validate", "workflow:manage"),
        ("PUT", f"{DEFINITIONS}/x/draft", "workflow:manage"),
        ("POST", f"{DEFINITIONS}/x/draft/publish", "workflow:publish"),
        ("POST", f"{DEFINITIONS}/x/1/rollback", "workflow:publish"),
        ("POST", f"{DEFINITIONS}/import", "workflow:manage"),
        ("GET", f"{DEFINITIONS}/x/export", "workflow:read"),
        ("GET", f"{DEFINITIONS}/x", "workflow:read"),
        ("DELETE", f"{DEFINITIONS}/x", "workflow:manage"),
        ("PUT", f"{DEFINITIONS}/x/metadata", "workflow:manage"),
        ("GET", f"{DEFINITIONS}/x/audit", "workflow:read"),
        ("GET", f"{DEFINITIONS}/x/diff", "workflow:read"),
        ("POST", "/api/workflow-runs", "workflow:run"),
        ("GET", "/api/workflow-runs", "workflow:read"),
        ("GET", "/api/workflow/secrets", "workflow:admin"),
        ("PUT", "/api/workflow/secrets/X", "workflow:admin"),
        ("DELETE", "/api/workflow/secrets/X", "workflow:admin"),
    ],
)
async def test_permissions(server, make_token, assert_problem, *, method, path, permission):
    """Each route needs its own, before it looks at anything else."""
    from workflow_catalog_server.auth import Permission

    others = [word for word in Permission if word != permission]
    caller = server.a.with_token(make_token(server.tenants.a, *others))
    document = await assert_problem(await caller(method, path, data=b"{"), 403, "PERMISSION_DENIED")
    assert permission in document["detail"]
