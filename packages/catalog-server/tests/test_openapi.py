"""What ``/openapi.json`` says is what there is, in both directions."""

from __future__ import annotations

import re
from uuid import UUID

import attrs
import jsonschema
import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from workflow_catalog_server.app import all_routes
from workflow_catalog_server.auth import Permission
from workflow_catalog_server.openapi import openapi_document
from workflow_catalog_server.routing import PublicRoute, Route


@pytest.fixture
async def document(server):
    """As a client reads it, without a token."""
    response = await server.client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    assert (response.status, response.content_type) == (200, "application/json")
    return orjson.loads(await response.read())


async def test_it_is_openapi(document):
    """Of version 3.1, with every reference resolved."""
    OpenAPIV31SpecValidator(document).validate()


async def test_every_route_is_described_and_everything_described_is_a_route(server, document):
    """Held against the router itself, not against the declarations that both are made from."""
    unrouted = "/{path}"  # answers that there is nothing
    served = {
        (resource.canonical, route.method.lower())
        for resource in server.client.server.app.router.resources()
        for route in resource
        if route.method != "HEAD" and resource.canonical != unrouted
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert described | {("/openapi.json", "get")} == served


async def test_operations_are_complete(server, document):
    """Each has a name of its own, a summary, its path's parameters, and the form of its problems."""
    operations = [(path, o) for path, item in document["paths"].items() for o in item.values()]
    names = [operation["operationId"] for _, operation in operations]
    assert len(set(names)) == len(names)
    for path, operation in operations:
        assert operation["summary"], path
        in_path = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert in_path == re.findall(r"\{(\w+)\}", path)
        assert "application/problem+json" in operation["responses"]["default"]["content"]


async def test_what_needs_a_token_says_so(server, document):
    """Every operation that is answered without one declares that, and every other asks for one."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            address = re.sub(r"\{\w+\}", "x", path)
            response = await server.client.request(method, address)
            assert (response.status == 401) is bool(operation["security"]), (method, path)


async def test_bodies_are_those_that_are_read(server, document):
    """A body without its required fields is refused, naming each; what takes no body declares none."""
    for route in all_routes(server.services.registry):
        if isinstance(route, PublicRoute) or route.body is None:
            continue
        operation = document["paths"][route.path][route.method.lower()]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        component = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        assert set(component["properties"]) == {field.name for field in attrs.fields(route.body)}
        response = await server.a(route.method, re.sub(r"\{\w+\}", "1", route.path), json={"nonsense": 1})
        assert response.status in (404, 422), route.path


async def test_answers_are_as_declared(server, document, serve, temporal_client, worker, definition, db):
    """What is answered about events, runs and their steps fits the schema that the document gives of it."""

    async def call(method, path, *, to=None, server=server, **options):
        response = await server.a(method, to or path, **options)
        assert response.ok, await response.text()
        content = document["paths"][path][method.lower()]["responses"][str(response.status)]["content"]
        (schema,) = [media["schema"] for media in content.values()]
        assert "$ref" in schema
        value = await response.json()
        jsonschema.validate(value, {**schema, "components": document["components"]})
        return value

    async with serve(temporal=temporal_client) as with_temporal:
        for value in (1, {"$expr": "1 / 0"}):
            trigger = {"type": "event", "eventName": "HAPPENED", "payloadMapping": {"x": value}}
            draft = {"definition": {**definition, "payloadSchemaRef": "payload.Own.v1", "trigger": trigger}}
            created = await (await server.a("POST", "/api/workflow-definitions", json=draft)).json()
            address = f"/api/workflow-definitions/{created['workflowId']}/draft/publish"
            assert (await server.a("POST", address, json={})).ok
        events, runs = "/api/workflow/events", "/api/workflow-runs"
        happened = {"eventName": "HAPPENED", "payload": {}}
        posted = await call("POST", events, server=with_temporal, json=happened)
        assert sorted(outcome["status"] for outcome in posted["outcomes"]) == ["FAILED", "STARTED"]
        assert (await call("GET", events))["events"]
        await call("GET", f"{events}/{{id}}", to=f"{events}/{posted['eventId']}")
        run_id = posted["runId"]
        async with db.tenant(server.tenants.a) as conn:
            await conn.execute(
                "INSERT INTO workflow_run_steps (tenant, run_id, step_path, definition_step_id, step_type, sequence, "
                "status, notes) VALUES ($1, $2, 'root.steps[0]', 'a', 'control.if', 1, 'STARTED', $3)",
                server.tenants.a,
                UUID(run_id),
                ["reused"],
            )
        assert (await call("GET", runs))["runs"]
        await call("GET", f"{runs}/{{id}}", to=f"{runs}/{run_id}")
        assert (await call("GET", f"{runs}/{{id}}/steps", to=f"{runs}/{run_id}/steps"))["steps"]
        timeline = (await call("GET", f"{runs}/{{id}}/timeline", to=f"{runs}/{run_id}/timeline"))["timeline"]
        assert {entry["kind"] for entry in timeline} == {"step", "log"}
        await call("POST", runs, server=with_temporal, json={"workflowId": posted["runs"][0]["workflowId"]})
        await call("POST", f"{runs}/{{id}}/replay", to=f"{runs}/{run_id}/replay", server=with_temporal)
        await call("POST", f"{runs}/{{id}}/cancel", to=f"{runs}/{run_id}/cancel", server=with_temporal)
    assert (await call("POST", events, json=happened))["status"] == "PENDING"


def test_a_class_that_refers_to_itself_is_a_component():
    """Recursion in a body ends."""

    async def handler(request, principal):
        """Does it."""

    document = openapi_document([Route("POST", "/tree", Permission.READ, handler, body=Tree, answer=list[Tree])])
    OpenAPIV31SpecValidator(document).validate()
    assert document["components"]["schemas"]["Tree"]["properties"]["children"]["items"] == {
        "$ref": "#/components/schemas/Tree"
    }


@attrs.frozen
class Tree:
    """A tree."""

    children: list[Tree] = attrs.Factory(list)
