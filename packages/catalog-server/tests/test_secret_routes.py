"""Secrets go in, and never come out."""

from __future__ import annotations

import pytest

SECRETS = "/api/workflow/secrets"


async def test_secret_is_stored_listed_and_deleted(server, assert_problem):
    """Only names and times are shown, and only to the tenant."""
    assert (await server.a("PUT", f"{SECRETS}/API_KEY", json={"value": "hunter2"})).status == 204
    response = await server.a("GET", SECRETS)
    assert "hunter2" not in await response.text()
    (listed,) = (await response.json())["secrets"]
    assert listed["name"] == "API_KEY"
    assert listed["updatedBy"] == "11111111-1111-4111-8111-111111111111"
    assert (await (await server.b("GET", SECRETS)).json())["secrets"] == []
    await assert_problem(await server.b("DELETE", f"{SECRETS}/API_KEY"), 404, "NOT_FOUND")
    assert (await server.a("DELETE", f"{SECRETS}/API_KEY")).status == 204
    await assert_problem(await server.a("DELETE", f"{SECRETS}/API_KEY"), 404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["lower", "1ST", "A-B", "%00", "A" * 200])
async def test_unfit_name(server, assert_problem, name):
    """Names are those that a workflow can use."""
    response = await server.a("PUT", f"{SECRETS}/{name}", json={"value": "x"})
    document = await assert_problem(response, 422, "INVALID_SECRET_NAME")
    assert [(error["path"], error["code"]) for error in document["errors"]] == [("name", "FORMAT")]


async def test_unfit_value(server, assert_problem):
    """Neither nothing, nor a file, nor what would have to be changed to be stored."""
    for value, code in (("", "LENGTH"), ("x" * 70_000, "LENGTH"), ("xxx\0xxx", "FORMAT")):
        response = await server.a("PUT", f"{SECRETS}/API_KEY", json={"value": value})
        document = await assert_problem(response, 422, "INVALID_SECRET_VALUE")
        assert [(error["path"], error["code"]) for error in document["errors"]] == [("value", code)]
        assert "xxx" not in str(document)
    assert (await (await server.a("GET", SECRETS)).json())["secrets"] == []


async def test_stored_secret_can_be_used(server, definition, worker):
    """Validation knows the tenant's names."""
    definition["steps"][0]["config"]["inputMapping"]["description"] = {"$secret": "API_KEY"}
    path = "/api/workflow-definitions/validate"
    answer = await (await server.a("POST", path, json={"definition": definition})).json()
    assert [finding["code"] for finding in answer["errors"]] == ["SECRET_NOT_FOUND"]
    await server.a("PUT", f"{SECRETS}/API_KEY", json={"value": "hunter2"})
    assert (await (await server.a("POST", path, json={"definition": definition})).json())["ok"] is True


async def test_secret_names_the_workflows_that_use_it(server, definition, worker):
    """In a draft, or as published; a draft that no longer does, and whatever another tenant has, count for nothing."""
    await server.a("PUT", f"{SECRETS}/API_KEY", json={"value": "hunter2"})
    await server.b("PUT", f"{SECRETS}/API_KEY", json={"value": "hunter3"})
    created = await (await server.a("POST", "/api/workflow-definitions", json={"definition": definition})).json()
    assert await used_by(server.a) == []
    draft = f"/api/workflow-definitions/{created['workflowId']}/draft"
    definition["steps"][0]["config"]["inputMapping"]["description"] = {"$secret": "API_KEY"}
    stored = await server.a("PUT", draft, json={"definition": definition}, headers={"If-Match": "*"})
    assert stored.status == 200, await stored.text()
    use = {"workflowId": created["workflowId"], "name": definition["name"]}
    assert await used_by(server.a) == [use]
    assert await used_by(server.b) == []
    published = await server.a("POST", f"/api/workflow-definitions/{created['workflowId']}/1/publish", json={})
    assert published.status == 200, await published.text()
    definition["steps"][0]["config"]["inputMapping"]["description"] = "plain"
    await server.a("PUT", draft, json={"definition": definition}, headers={"If-Match": "*"})
    assert await used_by(server.a) == [use]


async def used_by(ask):
    (secret,) = (await (await ask("GET", SECRETS)).json())["secrets"]
    return secret["usedBy"]
