"""What definitions are made of, over HTTP: step types, events and schemas."""

from __future__ import annotations

from types import MappingProxyType

import attrs
import jsonschema
import pytest

from workflow_catalog_server.designer_catalog import DesignerCatalog
from workflow_core.events import EventType
from workflow_core.language.definition import STEP_TYPES
from workflow_core.locales import LocaleFile, Translations, Words

REGISTRY = "/api/workflow/registry"


@attrs.frozen(kw_only=True)
class Failed:
    """What BACKUP_FAILED brings."""

    jobId: int  # noqa: N815 - as in the JSON
    reason: str | None = None


FAILED = EventType(
    name="BACKUP_FAILED",
    label="Backup failed",
    description="A job has ended with an error.",
    payload=Failed,
    schema_ref="payload.BackupFailed.v1",
)


@pytest.fixture
def registry(registry):
    """With one declared event."""
    return attrs.evolve(registry, events=MappingProxyType({FAILED.name: FAILED}))


async def read(call, path, **options):
    response = await call("GET", f"{REGISTRY}/{path}", **options)
    assert response.status == 200
    return await response.json()


async def test_every_step_type_is_described(server):
    """With words, and a schema that holds what the language holds."""
    nodes = {node["type"]: node for node in await read(server.a, "nodes")}
    assert set(nodes) == STEP_TYPES
    for node in nodes.values():
        assert node["id"] == node["type"]
        assert node["label"]
        assert node["description"]
        jsonschema.Draft202012Validator.check_schema(node["configSchema"])
    assert nodes["control.if"]["blocks"] == ["then", "else"]
    assert (nodes["control.if"]["kind"], nodes["action.call"]["kind"]) == ("control", "node")
    jsonschema.validate({"itemVar": "x", "items": [1]}, nodes["control.forEach"]["configSchema"])
    with pytest.raises(jsonschema.ValidationError, match="actionId"):
        jsonschema.validate({}, nodes["action.call"]["configSchema"])


async def test_events_come_with_their_schemas(server):
    """And each schema can be read under its name."""
    [event] = await read(server.a, "events")
    assert (event["name"], event["label"], event["payloadSchemaRef"]) == (
        "BACKUP_FAILED",
        "Backup failed",
        "payload.BackupFailed.v1",
    )
    schema = await read(server.a, "schemas/payload.BackupFailed.v1")
    assert schema == event["payloadSchema"]
    jsonschema.validate({"jobId": 7}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"jobId": "seven"}, schema)


async def test_unknown_schema(server, assert_problem):
    """It is not there, whatever it is called."""
    for ref in ("payload.Other.v1", "%00", "..%2Fx"):
        await assert_problem(await server.a("GET", f"{REGISTRY}/schemas/{ref}"), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["nodes", "events", "schemas/payload.BackupFailed.v1"])
async def test_answers_are_made_once(server, make_token, assert_problem, *, path):
    """A client that has one already is told so; all of them need the permission to read."""
    first = await server.a("GET", f"{REGISTRY}/{path}")
    etag = first.headers["ETag"]
    again = await server.b("GET", f"{REGISTRY}/{path}", headers={"If-None-Match": etag})
    assert (again.status, await again.read()) == (304, b"")
    nobody = server.a.with_token(make_token(server.tenants.a, "workflow:run"))
    await assert_problem(await nobody("GET", f"{REGISTRY}/{path}"), 403, "PERMISSION_DENIED")


async def test_events_in_other_languages(serve, registry):
    """By query or header; what is not translated keeps the words that it declares."""
    words = LocaleFile(
        events={"BACKUP_FAILED": Words(label="Sicherung fehlgeschlagen", description="…")},
        schemas={"Failed": {"reason": Words(label="Grund", description="Warum.")}},
    )
    async with serve(catalog=DesignerCatalog(registry, Translations({"de": [words]}))) as server:
        [german] = await read(server.a, "events?locale=de-AT")
        [header] = await read(server.a, "events", headers={"Accept-Language": "de"})
        [other] = await read(server.a, "events?locale=fr")
    assert german["label"] == header["label"] == "Sicherung fehlgeschlagen"
    assert other["label"] == "Backup failed"
    reason = german["payloadSchema"]["properties"]["reason"]
    assert (reason["title"], reason["description"]) == ("Grund", "Warum.")
    assert german["payloadSchema"]["properties"]["jobId"] == other["payloadSchema"]["properties"]["jobId"]
    assert "title" not in other["payloadSchema"]["properties"]["reason"]
