"""Import: everything or nothing, under new ids, published as far as it can be run."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from uuid import UUID

import pytest

from workflow_core.audit import list_changes
from workflow_core.bundles.importing import PLACEHOLDER
from workflow_core.definitions.publishing import old_version, publish_draft, roll_back
from workflow_core.definitions.reading import (
    held_versions,
    list_versions,
    list_workflows,
    read_definition,
    read_workflow,
)
from workflow_core.definitions.writing import create_workflow
from workflow_core.errors import ConflictError, NotFoundError
from workflow_core.language.definition import iter_steps

USER = UUID("11111111-1111-4111-8111-111111111111")
UNKNOWN = {"id": "far", "type": "quantum.leap", "config": {}}


async def test_versions_are_published(db, tenants, load, bundle, entry, definition):
    """Under the numbers of the bundle, in the importer's name; the draft goes on from the highest."""
    published = [{"version": 2, "definition": definition()}, {"version": 5, "definition": definition(name="Hi")}]
    report = await load(bundle(entry(published=published)), actor=USER)
    (created,) = report["createdWorkflows"]
    assert created["key"] == "hello"
    assert report["createdPublishedVersions"] == [{**created, "versions": [2, 5]}]
    assert report["deletedWorkflows"] == []
    assert report["report"] == [{**created, "imported": True, "published": [2, 5], "held": [], "findings": []}]
    workflow_id = UUID(created["workflowId"])
    async with db.tenant(tenants.a) as conn:
        workflow = await read_workflow(conn, tenants.a, workflow_id)
        version = await read_definition(conn, tenants.a, workflow_id, 5)
        new = await publish_draft(conn, tenants.a, workflow_id, actor=None)
    assert (workflow.key, workflow.status, workflow.published_version) == ("hello", "published", 5)
    assert (version.definition["id"], version.definition["name"], version.published_by) == (
        str(workflow_id),
        "Hi",
        USER,
    )
    assert new.version == 6


async def test_what_ran_elsewhere_with_an_error_is_published(load, bundle, entry, definition):
    """Such as an id that two steps have: the finding is told, and the version runs as it did."""
    step = {"id": "same", "type": "transform.assign", "config": {"assign": {"vars.x": 1}}}
    twice = [step, step]
    published = [{"version": 1, "definition": definition(steps=twice)}]
    report = (await load(bundle(entry(definition=definition(steps=twice), published=published))))["report"][0]
    assert (report["published"], report["held"]) == ([1], [])
    assert [finding["code"] for finding in report["findings"]] == ["DUPLICATE_STEP_ID"]


async def test_what_cannot_be_run_is_held_back(db, tenants, load, bundle, entry, definition, dump):
    """With findings that say why; it stays in the bundle, its number stays taken, and it can be rolled back to."""
    broken = definition(steps=[UNKNOWN, {"id": "x", "type": "action.call", "config": {"actionId": "notes.sai"}}])
    published = [{"version": 1, "definition": broken, "seen": 1}, {"version": 2, "definition": definition()}]
    given = entry(definition=broken, published=published)
    report = (await load(bundle(given)))["report"][0]
    assert (report["published"], report["held"]) == ([2], [1])
    assert {(finding["code"], tuple(finding["versions"])) for finding in report["findings"]} == {
        ("UNKNOWN_NODE_TYPE", ("draft", 1)),
        ("UNKNOWN_ACTION", ("draft", 1)),
    }
    workflow_id = UUID(report["workflowId"])
    async with db.tenant(tenants.a) as conn:
        assert [version.version for version in await list_versions(conn, tenants.a, workflow_id)] == [2]
        assert await held_versions(conn, tenants.a, workflow_id) == [1]
        assert (await old_version(conn, tenants.a, workflow_id, 1)).definition == {**broken, "id": str(workflow_id)}
        assert (await roll_back(conn, tenants.a, workflow_id, 1, actor=USER)).version == 3
        with pytest.raises(NotFoundError):
            await old_version(conn, tenants.a, workflow_id, 9)
    (exported,) = await dump()
    assert [version["version"] for version in exported["publishedVersions"]] == [1, 2, 3]
    assert exported["publishedVersions"][0]["seen"] == 1


async def test_numbers_of_held_versions_stay_taken(db, tenants, load, bundle, entry, definition):
    """What is published here is never taken for what was published there."""
    broken = definition(steps=[UNKNOWN])
    report = await load(bundle(entry(published=[{"version": 4, "definition": broken}])))
    workflow_id = UUID(report["createdWorkflows"][0]["workflowId"])
    async with db.tenant(tenants.a) as conn:
        assert (await publish_draft(conn, tenants.a, workflow_id, actor=None)).version == 5


async def test_calls_within_a_bundle(load, bundle, entry, definition, dump):
    """A call of another workflow of the bundle names its new id; the placeholder and strangers stay."""

    def call(name, workflow_id):
        return {"id": name, "type": "control.callWorkflow", "workflowId": workflow_id, "workflowVersion": 1}

    stranger = "99999999-9999-4999-8999-999999999999"
    steps = [
        call("child", "bundle-child"),
        {"id": "if", "type": "control.if", "condition": {"$expr": "true"}, "then": [call("self", "bundle-parent")]},
        call("placeholder", PLACEHOLDER),
        call("stranger", stranger),
        {"id": "unknown", "type": "x.y", "workflowId": "bundle-child"},
    ]
    parent = definition(id="bundle-parent", steps=steps)
    report = await load(
        bundle(
            entry("parent", definition=parent, published=[{"version": 1, "definition": parent}]),
            entry("child", definition=definition(id="bundle-child")),
            entry("placeholder", definition=definition(id=PLACEHOLDER)),
        )
    )
    ids = {created["key"]: created["workflowId"] for created in report["createdWorkflows"]}
    (exported,) = await dump("parent")
    for found in (exported["draft"]["definition"], exported["publishedVersions"][0]["definition"]):
        called = {step["id"]: step["workflowId"] for _, step in iter_steps(found) if "workflowId" in step}
        assert called == {
            "child": ids["child"],
            "self": ids["parent"],
            "placeholder": PLACEHOLDER,
            "stranger": stranger,
            "unknown": "bundle-child",
        }


async def test_calls_are_validated(db, tenants, load, bundle, entry, definition):
    """What is called is looked for in the bundle, of which not all is published, and among the tenant's workflows."""
    (there,) = (await load(bundle(entry("there", published=[{"version": 3, "definition": definition()}]))))[
        "createdWorkflows"
    ]

    def calling(*targets):
        step = {"type": "control.callWorkflow"}
        return [
            {"id": f"c{number}", "workflowId": workflow_id, "workflowVersion": version, **step}
            for number, (workflow_id, version) in enumerate(targets)
        ]

    child_id = "c1111111-1111-4111-8111-111111111111"
    targets = [(child_id.upper(), 1), (child_id, 2), (there["workflowId"], 3), (there["workflowId"], 1), ("gone", 1)]
    parent = definition(id="parent", steps=calling(*targets))
    child = definition(id=child_id)
    held = definition(id=child_id, steps=[UNKNOWN])
    report = await load(
        bundle(
            entry("parent", definition=parent, published=[{"version": 1, "definition": parent}]),
            entry(
                "child",
                definition=child,
                published=[{"version": 1, "definition": held}, {"version": 2, "definition": child}],
            ),
        )
    )
    of_parent, of_child = (workflow["findings"] for workflow in report["report"])
    assert [(each["code"], each["path"], each["versions"]) for each in of_parent] == [
        ("CALLED_WORKFLOW_NOT_FOUND", "root.steps[0].workflowVersion", ["draft", 1]),
        ("CALLED_WORKFLOW_NOT_FOUND", "root.steps[3].workflowVersion", ["draft", 1]),
        ("CALLED_WORKFLOW_NOT_FOUND", "root.steps[4].workflowId", ["draft", 1]),
    ]
    assert [of_parent[0]["suggestion"], of_parent[1]["suggestion"]] == [
        "did you mean version 2?",
        "did you mean version 3?",
    ]
    assert [each["code"] for each in of_child] == ["UNKNOWN_NODE_TYPE"]


async def test_cycles_in_a_bundle(load, bundle, entry, definition):
    """A version that calls itself by another one does so for ever; its draft, under the next number, perhaps."""

    def calling(workflow_id, own_id):
        step = {"id": "c", "type": "control.callWorkflow", "workflowId": workflow_id, "workflowVersion": 1}
        return definition(id=own_id, version=7, steps=[step])

    ping, pong = calling("pong", "ping"), calling("ping", "pong")
    report = await load(
        bundle(
            entry("ping", definition=ping, published=[{"version": 1, "definition": ping}]),
            entry("pong", definition=pong, published=[{"version": 1, "definition": pong}]),
        )
    )
    for workflow in report["report"]:
        assert [(each["severity"], each["code"], each["versions"]) for each in workflow["findings"]] == [
            ("warning", "CALL_CYCLE", ["draft"]),
            ("error", "CALL_CYCLE", [1]),
        ]
        assert workflow["published"] == [1]


async def test_ambiguous_ids_are_left(load, bundle, entry, definition, dump):
    """Of two workflows with one id nobody can know which is called."""
    step = {"id": "call", "type": "control.callWorkflow", "workflowId": "twin", "workflowVersion": 1}
    await load(
        bundle(entry("a", definition=definition(id="twin", steps=[step])), entry("b", definition=definition(id="twin")))
    )
    (exported,) = await dump("a")
    assert exported["draft"]["definition"]["steps"][0]["workflowId"] == "twin"


async def test_key_is_taken(db, tenants, load, bundle, entry):
    """Without force nothing of the bundle is written; another tenant is not asked."""
    await load(bundle(entry("b")))
    with pytest.raises(ConflictError, match="with these keys: b") as refused:
        await load(bundle(entry("a"), entry("b")))
    assert (refused.value.code, refused.value.details) == ("KEY_TAKEN", {"keys": ["b"]})
    async with db.tenant(tenants.a) as conn:
        assert [workflow.key for workflow in await list_workflows(conn, tenants.a)] == ["b"]
    await load(bundle(entry("a"), entry("b")), tenant=tenants.b)


async def test_force_replaces(db, tenants, load, bundle, entry, definition):
    """The old workflow goes, and the report names it; another tenant's stays."""
    await load(bundle(entry()), tenant=tenants.b)
    old = (await load(bundle(entry())))["createdWorkflows"][0]["workflowId"]
    report = await load(bundle(entry(definition=definition(name="New"))), force=True)
    assert report["deletedWorkflows"] == [{"key": "hello", "workflowId": old}]
    async with db.tenant(tenants.a) as conn:
        (workflow,) = await list_workflows(conn, tenants.a)
        changes = await list_changes(conn, tenants.a, "workflow_definitions", old, limit=10)
    assert (workflow.name, str(workflow.workflow_id)) == ("New", report["createdWorkflows"][0]["workflowId"])
    assert [change.operation for change in changes] == ["delete", "import"]
    async with db.tenant(tenants.b) as conn:
        assert [workflow.name for workflow in await list_workflows(conn, tenants.b)] == ["Hello"]


async def test_dry_run(db, tenants, load, bundle, entry, definition):
    """It says what would happen, and nothing happens."""
    old = (await load(bundle(entry("a"))))["createdWorkflows"][0]["workflowId"]
    given = bundle(entry("a", published=[{"version": 1, "definition": definition()}]), entry("b"))
    report = await load(given, force=True, dry_run=True)
    assert report["dryRun"] is True
    assert report["createdWorkflows"] == [{"key": "a", "workflowId": None}, {"key": "b", "workflowId": None}]
    assert report["deletedWorkflows"] == [{"key": "a", "workflowId": old}]
    assert [(row["published"], row["imported"]) for row in report["report"]] == [([1], False), ([], False)]
    with pytest.raises(ConflictError):
        await load(given, dry_run=True)
    async with db.tenant(tenants.a) as conn:
        (workflow,) = await list_workflows(conn, tenants.a)
        assert (str(workflow.workflow_id), workflow.published_version) == (old, None)
        assert len(await list_changes(conn, tenants.a, "workflow_definitions", old, limit=10)) == 1


@pytest.mark.parametrize("force", [False, True])
async def test_imports_at_the_same_time(db, tenants, load, bundle, entry, force):
    """One after the other: without force one wins, with force the last one stays, and none fails halfway."""
    given = [bundle(entry("a"), entry("b")), bundle(entry("b"), entry("a"))]
    results = await asyncio.gather(*(load(deepcopy(each), force=force) for each in given * 2), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert {getattr(error, "code", repr(error)) for error in refused} <= {"KEY_TAKEN"}
    assert len(refused) == (0 if force else 3)
    async with db.tenant(tenants.a) as conn:
        found = await list_workflows(conn, tenants.a)
    assert sorted(workflow.key for workflow in found) == ["a", "b"]


async def test_import_and_create_at_the_same_time(db, tenants, load, bundle, entry, definition):
    """A forced import never meets a key that somebody else is just taking."""

    async def create():
        async with db.tenant(tenants.a) as conn:
            await create_workflow(conn, tenants.a, definition(), actor=None, key="hello")

    results = await asyncio.gather(
        create(), load(bundle(entry()), force=True), create(), load(bundle(entry()), force=True), return_exceptions=True
    )
    assert all(not isinstance(result, BaseException) for result in results[1::2])
    async with db.tenant(tenants.a) as conn:
        assert len(await list_workflows(conn, tenants.a)) == 1
