"""Bundles over HTTP: imported whole or not at all, exported as they came."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import orjson
import pytest

BUNDLES = "/api/workflow-definitions"
JSON = {"Content-Type": "application/json"}
SAMPLES = sorted((Path(__file__).parents[3] / "tests" / "bundles").glob("*.json"))


def bundle(*entries):
    return {
        "format": "alga-psa.workflow-bundle",
        "formatVersion": 1,
        "exportedAt": "2026-01-01T00:00:00.000Z",
        "workflows": list(entries),
    }


def entry(key, definition, *versions):
    return {
        "key": key,
        "metadata": {"name": definition["name"]},
        "dependencies": {"actions": [], "nodeTypes": [], "schemaRefs": []},
        "draft": {"draftVersion": 1, "definition": definition},
        "publishedVersions": [{"version": version, "definition": definition} for version in versions],
    }


async def load(caller, value, query=""):
    body = io.BytesIO(orjson.dumps(value))
    response = await caller("POST", f"{BUNDLES}/import{query}", data=body, headers=JSON)
    assert response.status == 200, await response.text()
    return await response.json()


async def test_import_publishes(server, definition, worker):
    """The answer has what existing clients read, and a report; the version can be read under its number."""
    answer = await load(server.a, bundle(entry("open", definition, 1, 2), entry("draft.only", definition)))
    ids = {created["key"]: created["workflowId"] for created in answer["createdWorkflows"]}
    assert list(ids) == ["open", "draft.only"]
    assert answer["createdPublishedVersions"] == [{"key": "open", "workflowId": ids["open"], "versions": [1, 2]}]
    assert answer["deletedWorkflows"] == []
    assert [(row["imported"], row["published"], row["held"], row["findings"]) for row in answer["report"]] == [
        (True, [1, 2], [], []),
        (True, [], [], []),
    ]
    read = await (await server.a("GET", f"{BUNDLES}/{ids['open']}/2")).json()
    assert (read["isDraft"], read["definition"]["id"]) == (False, ids["open"])
    assert read["publishedBy"] == "11111111-1111-4111-8111-111111111111"


async def test_gates_of_publishing_stand(server, definition, connect_acme, register_worker):
    """No worker, no module: the version is held back, and says why; with the module and who insists it is published."""
    definition["steps"][0]["config"] = {
        "actionId": "acme.backups.find",
        "version": 1,
        "inputMapping": {"name": "nightly"},
    }
    value = bundle(entry("x", definition, 1))

    async def codes(query="?force=true"):
        (row,) = (await load(server.a, value, query))["report"]
        errors = {finding["code"] for finding in row["findings"] if finding["severity"] == "error"}
        assert (row["published"], row["held"]) == (([], [1]) if errors else ([1], []))
        assert all(finding["versions"] == ["draft", 1] for finding in row["findings"])
        return errors

    assert await codes() == {"ACTION_NOT_ON_WORKERS", "MODULE_UNAVAILABLE"}
    await register_worker()
    assert await codes() == {"MODULE_UNAVAILABLE"}
    assert await codes("?force=true&allowUnavailable=true") == set()
    await connect_acme(server.tenants.a)
    assert await codes() == set()


async def test_importer_publishes(server, definition, worker, connect_acme):
    """Published versions act in the importer's name: what they may not do is told, and what they call is looked up."""
    await connect_acme(server.tenants.a)
    child = (await load(server.a, bundle(entry("child", definition, 1))))["createdWorkflows"][0]["workflowId"]
    steps = [
        {
            "id": "start",
            "type": "action.call",
            "config": {"actionId": "acme.backups.start", "version": 1, "inputMapping": {"name": "nightly"}},
        },
        *(
            {"id": f"c{version}", "type": "control.callWorkflow", "workflowId": child, "workflowVersion": version}
            for version in (1, 2)
        ),
    ]
    (row,) = (await load(server.a, bundle(entry("parent", {**definition, "steps": steps}, 1))))["report"]
    assert row["published"] == [1]
    assert [(finding["code"], finding["path"]) for finding in row["findings"]] == [
        ("PERMISSION_DENIED", "root.steps[0].config.actionId"),
        ("CALLED_WORKFLOW_NOT_FOUND", "root.steps[2].workflowVersion"),
    ]


async def test_key_is_taken(server, definition, assert_problem):
    """Nothing is written; forced, the old one is replaced; a dry run only says so."""
    first = await load(server.a, bundle(entry("a", definition)))
    value = bundle(entry("b", definition), entry("a", definition))
    document = await assert_problem(await server.a("POST", f"{BUNDLES}/import", json=value), 409, "KEY_TAKEN")
    assert "these keys: a." in document["detail"]
    dry = await load(server.a, value, "?force=true&dryRun=true")
    assert dry["dryRun"] is True
    listed = (await (await server.a("GET", BUNDLES)).json())["workflows"]
    assert [workflow["workflowId"] for workflow in listed] == [first["createdWorkflows"][0]["workflowId"]]
    forced = await load(server.a, value, "?force=true")
    assert forced["deletedWorkflows"] == first["createdWorkflows"] == dry["deletedWorkflows"]
    assert [row["key"] for row in forced["createdWorkflows"]] == ["b", "a"]
    await load(server.b, value)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
async def test_samples_come_back(server, path):
    """Every workflow of the older product's bundles is exported as it came, but for time and id."""
    sample = orjson.loads(path.read_bytes())
    response = await server.a("POST", f"{BUNDLES}/import", data=path.read_bytes(), headers=JSON)
    assert response.status == 200, await response.text()
    created = (await response.json())["createdWorkflows"]
    for reference, came in zip(created, sample["workflows"], strict=True):
        response = await server.a("GET", f"{BUNDLES}/{reference['workflowId']}/export")
        content = await response.read()
        exported = orjson.loads(content)
        assert content == orjson.dumps(exported, option=orjson.OPT_SORT_KEYS)
        for each in [came["draft"], *came["publishedVersions"]]:
            each["definition"]["id"] = reference["workflowId"]
        assert exported == {**sample, "exportedAt": exported["exportedAt"], "workflows": [came]}


BAD = {
    "no JSON": (b"{", JSON, 400, "MALFORMED_JSON"),
    "nothing": (b"", JSON, 400, "MALFORMED_JSON"),
    "a large number": (b"[18446744073709551616]", JSON, 400, "NUMBER_TOO_LARGE"),
    "too deep": (b"[" * 200 + b"]" * 200, JSON, 400, "JSON_TOO_DEEP"),
    "no bundle": (b"[]", JSON, 422, "INVALID_BUNDLE"),
    "a form": (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "too large": (b'"' + b"x" * (16 * 1024 * 1024) + b'"', JSON, 413, "BODY_TOO_LARGE"),
}


@pytest.mark.parametrize(("body", "headers", "status", "code"), BAD.values(), ids=BAD)
async def test_bad_bundle(server, assert_problem, *, body, headers, status, code):
    """Each gets its own code."""
    response = await server.a("POST", f"{BUNDLES}/import", data=io.BytesIO(body), headers=headers)
    await assert_problem(response, status, code)


async def test_wrong_places_are_named(server, definition, assert_problem):
    """All of them; nothing is imported."""
    value = bundle(entry("ok", definition), {**entry("B", definition), "draft": {}})
    document = await assert_problem(await server.a("POST", f"{BUNDLES}/import", json=value), 422, "INVALID_BUNDLE")
    assert [error["path"] for error in document["errors"]] == [
        "workflows[1].key",
        "workflows[1].draft.draftVersion",
        "workflows[1].draft.definition",
    ]
    await assert_problem(await server.a("POST", f"{BUNDLES}/import?force=yes", json=value), 422, "VALIDATION_ERROR")
    assert (await (await server.a("GET", BUNDLES)).json())["workflows"] == []


async def test_more_than_other_bodies_may_have(server, definition):
    """Sixteen megabytes for a bundle, while other requests are answered."""
    definition["x"] = "y" * (5 * 1024 * 1024)
    answers = await asyncio.gather(
        load(server.a, bundle(entry("large", definition))), *(server.b("GET", BUNDLES) for _ in range(5))
    )
    assert answers[0]["createdWorkflows"][0]["key"] == "large"
    exported = await server.a("GET", f"{BUNDLES}/{answers[0]['createdWorkflows'][0]['workflowId']}/export")
    assert json.loads(await exported.read())["workflows"][0]["draft"]["definition"]["x"] == definition["x"]


async def test_permissions(server, definition, make_token, assert_problem):
    """Importing changes definitions; a bundle with published versions publishes too. Exporting reads."""
    manage = server.a.with_token(make_token(server.tenants.a, "workflow:manage"))
    await load(manage, bundle(entry("a", definition)))
    response = await manage("POST", f"{BUNDLES}/import", json=bundle(entry("b", definition, 1)))
    document = await assert_problem(response, 403, "PERMISSION_DENIED")
    assert "workflow:publish" in document["detail"]


async def test_other_tenants_export_nothing(server, definition, assert_problem):
    """For them there is no such workflow."""
    (created,) = (await load(server.a, bundle(entry("a", definition))))["createdWorkflows"]
    for path in (created["workflowId"], "x", "99999999-9999-4999-8999-999999999999"):
        await assert_problem(await server.b("GET", f"{BUNDLES}/{path}/export"), 404, "NOT_FOUND")
