"""The API as an OpenAPI document, made from the declared routes and their attrs classes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Annotated, Any, Final

import attrs
import msgspec
import orjson
from aiohttp import hdrs, web

from workflow_catalog_server.api_key_auth import KEY_HEADER, TENANT_HEADER
from workflow_catalog_server.prepared import PreparedAnswer
from workflow_catalog_server.problems import PROBLEM_JSON
from workflow_catalog_server.routing import PublicHandler, PublicRoute, Route
from workflow_catalog_server.session_auth import COOKIE
from workflow_core.errors import FieldError
from workflow_core.schema import json_schema, required_fields

PATH: Final = "/openapi.json"

_REF: Final = "#/components/schemas/"
_PARAMETER = re.compile(r"\{(\w+)\}")


@attrs.frozen(kw_only=True)
class Problem:
    """What every failed request is answered with (RFC 9457)."""

    type: str
    title: str
    status: int
    code: Annotated[str, msgspec.Meta(description="Stable: what a program decides by.")]
    detail: Annotated[str, msgspec.Meta(description="A sentence for the person who has to act.")]
    error: Annotated[str, msgspec.Meta(description="The title again, for older clients.")]
    errors: Annotated[list[FieldError] | None, msgspec.Meta(description="Every wrong value, with its path.")] = None


def openapi_document(routes: Iterable[Route | PublicRoute]) -> dict[str, Any]:
    """The document (OpenAPI 3.1) of some routes."""
    components: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    problem = {PROBLEM_JSON: {"schema": _component(Problem, components)}}
    for route in routes:
        operation = _operation(route, components)
        operation["responses"]["default"] = {"description": "What is wrong, and what to do.", "content": problem}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Workflow catalog server",
            "version": version("workflow-catalog-server"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apiKey": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
                "tenant": {"type": "apiKey", "in": "header", "name": TENANT_HEADER},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def openapi_handler(document: Mapping[str, Any]) -> PublicHandler:
    """Answers with the document."""
    answer = PreparedAnswer(orjson.dumps(document), "application/json", {hdrs.CACHE_CONTROL: "public, no-cache"})

    async def read_openapi(request: web.Request) -> web.StreamResponse:
        """This document."""
        return answer.respond(request)

    return read_openapi


def _operation(route: Route | PublicRoute, components: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    success: dict[str, Any]
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": _summary(route.handler),
        "parameters": parameters,
    }
    if isinstance(route, PublicRoute):
        operation["security"] = []
        success = {"description": "Success."}
        if route.status == 200:
            success["content"] = {route.content_type: {"schema": _shapeless(route)}}
        if route.method == hdrs.METH_POST:
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {}}}}
        operation["responses"] = {str(route.status): success}
        return operation
    operation["security"] = [{"bearer": []}, {"apiKey": [], "tenant": []}, {"session": []}]
    operation["description"] = f"Needs the permission `{route.permission}`."
    parameters += _query_parameters(route.query, components)
    parameters += [{"name": name, "in": "header", "schema": {"type": "string"}} for name in route.headers]
    if route.body is not None:
        schema = _component(route.body, components)
        required = bool(required_fields(route.body))
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    success = {"description": "Success."}
    if route.status != 204:
        schema = _shapeless(route) if route.answer is None else _component(route.answer, components)
        success["content"] = {route.content_type: {"schema": schema}}
    operation["responses"] = {str(status): success for status in (route.status, *route.also)}
    return operation


def _shapeless(route: Route | PublicRoute) -> dict[str, Any]:
    """The schema of an answer of no fixed shape."""
    return {} if route.content_type.endswith("json") else {"type": "string"}


def _name(route: Route | PublicRoute) -> str:
    """Unique, since method and path are: ``get_workflow_runs_by_id_steps``."""
    words = _PARAMETER.sub(r"by_\1", route.path.removeprefix("/api")).replace(".", "/")
    return re.sub(r"\W+", "_", f"{route.method.lower()}{words}")


def _summary(handler: Callable[..., Any]) -> str:
    return (inspect.getdoc(handler) or "").split("\n\n", 1)[0].replace("\n", " ")


def _query_parameters(cls: type | None, components: dict[str, Any]) -> list[dict[str, Any]]:
    if cls is None:
        return []
    schema = _hoisted(json_schema(cls), components)
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]


def _component(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    """A reference to a class, which becomes a component; a list of one, or a plain type, as it is."""
    if isinstance(kind, type) and attrs.has(kind):
        if kind.__name__ not in components:
            components[kind.__name__] = {}  # it may refer to itself
            components[kind.__name__] = _hoisted(json_schema(kind), components)
        return {"$ref": f"{_REF}{kind.__name__}"}
    (schema,), definitions = msgspec.json.schema_components([kind], ref_template=f"{_REF}{{name}}")
    components.update(definitions)
    return schema


def _hoisted(schema: Mapping[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """A self-contained schema with its definitions moved to the document's components."""
    text = orjson.dumps(schema).replace(b'"#/$defs/', f'"{_REF}'.encode())
    own: dict[str, Any] = orjson.loads(text)
    components.update(own.pop("$defs", {}))
    return own
