"""Stored definitions: one draft, versions that never change, ids that are the platform's."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from workflow_core.definitions.publishing import publish_draft
from workflow_core.definitions.reading import list_versions, list_workflows, read_definition, read_workflow
from workflow_core.definitions.writing import create_workflow, delete_workflow, save_draft
from workflow_core.discovery import registry_of
from workflow_core.errors import ConflictError, NotFoundError, ValidationError
from workflow_core.execution.runs import record_run
from workflow_core.manifest import canonical_json, sha256_json

USER = UUID("11111111-1111-4111-8111-111111111111")
DEFINITION = {
    "id": "elsewhere",
    "version": 42,
    "name": "Hello",
    "description": "Says hello.",
    "payloadSchemaRef": "payload.Hello.v1",
    "trigger": {"type": "event", "eventName": "HELLO"},
    "steps": [{"id": "a", "type": "unknown.type", "x": {"y": [1, 2.5, None, True, "ü"]}}],
    "extra": {"kept": "yes"},
}


async def test_definition_survives(db, tenants):
    """What comes back is what went in, under its own id and version."""
    async with db.tenant(tenants.a) as conn:
        stored = await create_workflow(conn, tenants.a, DEFINITION, actor=USER)
        read = await read_definition(conn, tenants.a, stored.workflow_id, "draft")
        workflow = await read_workflow(conn, tenants.a, stored.workflow_id)
    assert read.definition == {**DEFINITION, "id": str(stored.workflow_id), "version": 1}
    assert read == stored
    assert read.sha256 == sha256_json(read.definition)
    assert (workflow.name, workflow.description, workflow.payload_schema_ref, workflow.trigger) == (
        "Hello",
        "Says hello.",
        "payload.Hello.v1",
        {"type": "event", "eventName": "HELLO"},
    )
    assert (workflow.status, workflow.draft_version, workflow.published_version) == ("draft", 1, None)
    assert workflow.created_by == workflow.updated_by == USER


async def test_numbers_survive(db, tenants):
    """As draft and as version: the database rewrites none, not even those that are equal to another."""
    numbers = [1, 1.0, -0.0, 1e18, 10**18, 1e22, 5e-324, 2**64 - 1, -(2**63), 0.1]
    text = canonical_json(numbers)
    async with db.tenant(tenants.a) as conn:
        workflow_id = (await create_workflow(conn, tenants.a, {**DEFINITION, "n": numbers}, actor=None)).workflow_id
        await publish_draft(conn, tenants.a, workflow_id, actor=None)
        draft = await read_definition(conn, tenants.a, workflow_id, "draft")
        published = await read_definition(conn, tenants.a, workflow_id, 1)
    assert canonical_json(draft.definition["n"]) == canonical_json(published.definition["n"]) == text
    assert published.sha256 == sha256_json(published.definition)


async def test_versions_count_up_and_stay(db, tenants):
    """A version keeps its text, publisher and digest, whatever happens to the draft."""
    async with db.tenant(tenants.a) as conn:
        workflow_id = (await create_workflow(conn, tenants.a, DEFINITION, actor=None)).workflow_id
        first = await publish_draft(conn, tenants.a, workflow_id, actor=USER)
        await save_draft(conn, tenants.a, workflow_id, {**DEFINITION, "name": "Hello again"}, actor=None)
        second = await publish_draft(conn, tenants.a, workflow_id, actor=None)
        versions = await list_versions(conn, tenants.a, workflow_id)
        read = await read_definition(conn, tenants.a, workflow_id, 1)
        draft = await read_definition(conn, tenants.a, workflow_id, 3)
        (workflow,) = await list_workflows(conn, tenants.a)
    assert (first.version, second.version) == (1, 2)
    assert [version.version for version in versions] == [2, 1]
    assert read == first
    assert (read.published_by, read.definition["name"], read.definition["version"]) == (USER, "Hello", 1)
    assert read.sha256 == sha256_json(read.definition) == versions[1].sha256
    assert (draft.is_draft, draft.definition["name"], draft.definition["version"]) == (True, "Hello again", 3)
    assert (workflow.status, workflow.draft_version, workflow.published_version) == ("published", 3, 2)


async def test_published_version_cannot_change(db, tenants):
    """The database itself refuses."""
    async with db.tenant(tenants.a) as conn:
        workflow_id = (await create_workflow(conn, tenants.a, DEFINITION, actor=None)).workflow_id
        await publish_draft(conn, tenants.a, workflow_id, actor=None)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="cannot change"):
        async with db.tenant(tenants.a) as conn:
            await conn.execute("UPDATE workflow_definition_versions SET definition_json = '{}'")


async def test_publishing_at_the_same_time_gives_two_versions(db, tenants):
    """The row's lock lets one after the other count."""
    async with db.tenant(tenants.a) as conn:
        workflow_id = (await create_workflow(conn, tenants.a, DEFINITION, actor=None)).workflow_id

    async def publish():
        async with db.tenant(tenants.a) as conn:
            return (await publish_draft(conn, tenants.a, workflow_id, actor=None)).version

    assert sorted(await asyncio.gather(*(publish() for _ in range(4)))) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("definition", "paths"),
    [
        ({}, ["definition.name", "definition.steps"]),
        ({"name": "", "steps": []}, ["definition.name"]),
        ({"name": "x", "steps": {}}, ["definition.steps"]),
        ({"name": "x", "steps": [], "trigger": "now"}, ["definition.trigger"]),
        ({"name": 1, "steps": [], "payloadSchemaRef": 2}, ["definition.name", "definition.payloadSchemaRef"]),
    ],
)
async def test_what_cannot_be_listed_cannot_be_stored(db, tenants, definition, paths):
    """Nothing of it is written."""
    async with db.tenant(tenants.a) as conn:
        with pytest.raises(ValidationError) as refused:
            await create_workflow(conn, tenants.a, definition, actor=None)
        assert refused.value.code == "INVALID_WORKFLOW_DEFINITION"
        assert sorted(error.path for error in refused.value.errors) == paths
        assert await list_workflows(conn, tenants.a) == []


async def test_delete_while_a_run_is_recorded(db, tenants):
    """Deleting waits for it, and is then refused; saving and publishing do not wait."""
    async with db.tenant(tenants.a) as conn:
        workflow_id = (await create_workflow(conn, tenants.a, DEFINITION, actor=None)).workflow_id
        await publish_draft(conn, tenants.a, workflow_id, actor=None)
    starting = {"version": None, "payload": {}, "actor": None, "cause": "api"}
    async with db.tenant(tenants.a) as conn:
        await record_run(
            conn, registry_of("x", "1"), tenant=tenants.a, workflow_id=workflow_id, run_id=uuid4(), **starting
        )
        async with db.tenant(tenants.a) as other:
            await other.execute("SET LOCAL lock_timeout = '5s'")
            await publish_draft(other, tenants.a, workflow_id, actor=None)
        async with db.tenant(tenants.a) as other:
            await other.execute("SET LOCAL lock_timeout = '10ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await delete_workflow(other, tenants.a, workflow_id, actor=None)
    async with db.tenant(tenants.a) as conn:
        with pytest.raises(ConflictError, match="1 run"):
            await delete_workflow(conn, tenants.a, workflow_id, actor=None)
        await delete_workflow(conn, tenants.a, workflow_id, actor=None, force=True)


async def test_key_is_taken(db, tenants):
    """The transaction goes on, and another tenant is not asked."""
    async with db.tenant(tenants.a) as conn:
        await create_workflow(conn, tenants.a, DEFINITION, actor=None, key="hello")
        with pytest.raises(ConflictError) as refused:
            await create_workflow(conn, tenants.a, DEFINITION, actor=None, key="hello")
        assert refused.value.code == "KEY_TAKEN"
        assert len(await list_workflows(conn, tenants.a)) == 1
    async with db.tenant(tenants.b) as conn:
        await create_workflow(conn, tenants.b, DEFINITION, actor=None, key="hello")


async def test_other_tenants_see_nothing(db, tenants):
    """Reading, saving and publishing find no such workflow."""
    async with db.tenant(tenants.a) as conn:
        workflow_id = (await create_workflow(conn, tenants.a, DEFINITION, actor=None)).workflow_id
    async with db.tenant(tenants.b) as conn:
        for attempt in (
            read_workflow(conn, tenants.b, workflow_id),
            read_definition(conn, tenants.b, workflow_id, "draft"),
            list_versions(conn, tenants.b, workflow_id),
            save_draft(conn, tenants.b, workflow_id, DEFINITION, actor=None),
            publish_draft(conn, tenants.b, workflow_id, actor=None),
            read_definition(conn, tenants.b, uuid4(), 1),
        ):
            with pytest.raises(NotFoundError):
                await attempt


async def test_unknown_version(db, tenants):
    """Neither the draft's number nor a published one."""
    async with db.tenant(tenants.a) as conn:
        workflow_id = (await create_workflow(conn, tenants.a, DEFINITION, actor=None)).workflow_id
        with pytest.raises(NotFoundError, match="no version 2"):
            await read_definition(conn, tenants.a, workflow_id, 2)
