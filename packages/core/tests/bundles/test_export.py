"""Export gives back what import took, byte for byte, until somebody changes it."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow_core.bundles.envelope import read_bundle
from workflow_core.bundles.exporting import export_by_key, export_workflow, make_bundle
from workflow_core.bundles.importing import prepare_import, write_import
from workflow_core.definitions.publishing import publish_draft
from workflow_core.definitions.reading import read_definition
from workflow_core.definitions.writing import change_settings, create_workflow, save_draft
from workflow_core.errors import NotFoundError
from workflow_core.json_text import parse_json
from workflow_core.manifest import canonical_json


def without_ids(entries):
    """The workflows of a bundle by key, as canonical JSON, their own ids replaced by the keys."""
    text = canonical_json(sorted(entries, key=lambda entry: entry["key"]))
    for entry in entries:
        definitions = [entry["draft"]["definition"], *(each["definition"] for each in entry["publishedVersions"])]
        for definition in definitions:
            text = text.replace(canonical_json(definition["id"]), canonical_json(entry["key"]))
    return text


async def test_samples(load, dump, sample):
    """The bundles of the older product come back equal, whether their actions are installed or not."""
    await load(sample)
    exported = await dump()
    assert without_ids(exported) == without_ids(sample["workflows"])
    again = make_bundle(exported, exported_at=datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC))
    assert {**again, "workflows": []} == {**sample, "exportedAt": "2026-01-02T03:04:05.678Z", "workflows": []}
    await load(again, force=True)
    assert without_ids(await dump()) == without_ids(sample["workflows"])


async def test_unknown_members(load, dump, bundle, entry, definition):
    """Whatever a workflow carries is kept: in the entry, its metadata, its draft, its versions, its steps."""
    strange = definition(extra={"a": [1, None]}, steps=[{"id": "x", "type": "new.kind", "inner": [{"deep": True}]}])
    versions = [
        {"version": 7, "definition": definition(), "note": "n", "payloadSchemaJson": {"type": "object"}},
        {"version": 3, "definition": strange, "note": "held", "payloadSchemaJson": None},
        {"version": 5, "definition": definition(name="other")},
    ]
    given = entry(definition=strange, published=versions, owner={"team": "x"})
    given["metadata"] |= {"colour": "red", "failureRateThreshold": 1, "isPaused": True, "concurrencyLimit": 3}
    given["draft"] |= {"draftVersion": 9, "savedBy": "me"}
    given["dependencies"]["licences"] = ["gold"]
    await load(bundle(given))
    (exported,) = await dump()
    assert without_ids([exported]) == without_ids([given])


async def test_changes_show(db, tenants, load, dump, bundle, entry, definition):
    """After a change the export says what is so now, and what nobody knows is still there."""
    given = entry(published=[{"version": 1, "definition": definition()}])
    given["metadata"] |= {"colour": "red", "description": "as it came", "failureRateThreshold": 1}
    given["dependencies"]["nodeTypes"] = ["as it came"]
    report = await load(bundle(given))
    (workflow_id,) = [created["workflowId"] for created in report["createdWorkflows"]]
    async with db.tenant(tenants.a) as conn:
        await change_settings(conn, tenants.a, workflow_id, {"isPaused": True}, actor=None)
    (exported,) = await dump()
    assert exported["metadata"] == {**given["metadata"], "isPaused": True}
    assert exported["dependencies"] == given["dependencies"]
    changed = definition(
        name="Hi", description="new", payloadSchemaRef="payload.A.v1", trigger={"type": "event", "eventName": "A"}
    )
    async with db.tenant(tenants.a) as conn:
        await save_draft(conn, tenants.a, workflow_id, changed, actor=None)
        await publish_draft(conn, tenants.a, workflow_id, actor=None)
        await change_settings(conn, tenants.a, workflow_id, {"isPaused": False}, actor=None)
    (exported,) = await dump()
    assert exported["metadata"] == {
        "name": "Hi",
        "description": "new",
        "payloadSchemaRef": "payload.A.v1",
        "trigger": {"type": "event", "eventName": "A"},
        "colour": "red",
        "failureRateThreshold": 1,
    }
    assert exported["dependencies"] == {
        "actions": [{"actionId": "notes.say", "version": 1}],
        "nodeTypes": ["action.call"],
        "schemaRefs": ["payload.A.v1"],
    }
    assert [(each["version"], "payloadSchemaJson" in each) for each in exported["publishedVersions"]] == [
        (1, False),
        (2, True),
    ]
    assert exported["draft"]["draftVersion"] == 3


async def test_made_here(db, tenants, load, definition):
    """A workflow that came with no bundle has every member, and can be imported as it is exported."""
    async with db.tenant(tenants.a) as conn:
        stored = await create_workflow(conn, tenants.a, definition(), actor=None)
        await publish_draft(conn, tenants.a, stored.workflow_id, actor=None)
        exported = await export_workflow(conn, tenants.a, stored.workflow_id)
    assert exported["key"] == f"workflow.{stored.workflow_id}"
    assert sorted(exported["metadata"]) == [
        "autoPauseOnFailure", "concurrencyLimit", "description", "failureRateMinRuns", "failureRateThreshold",
        "isPaused", "isSystem", "isVisible", "name", "payloadSchemaMode", "payloadSchemaRef", "pinnedPayloadSchemaRef",
        "retentionPolicyOverride", "trigger",
    ]  # fmt: skip
    assert exported["publishedVersions"][0]["payloadSchemaJson"] is None
    report = await load(make_bundle([exported], exported_at=datetime.now(UTC)), tenant=tenants.b)
    assert report["createdPublishedVersions"][0]["versions"] == [1]


async def test_what_the_older_product_does_not_know(db, tenants, load, definition):
    """Stands in the bundle only where it says something, and is imported again."""
    async with db.tenant(tenants.a) as conn:
        stored = await create_workflow(conn, tenants.a, definition(), actor=None)
        ordered = {"orderedByCorrelationKey": True}
        await change_settings(conn, tenants.a, stored.workflow_id, ordered, actor=None)
        exported = await export_workflow(conn, tenants.a, stored.workflow_id)
    assert exported["metadata"]["orderedByCorrelationKey"] is True
    report = await load(make_bundle([exported], exported_at=datetime.now(UTC)), tenant=tenants.b)
    async with db.tenant(tenants.b) as conn:
        again = await export_workflow(conn, tenants.b, UUID(report["createdWorkflows"][0]["workflowId"]))
    assert again["metadata"] == exported["metadata"]


async def test_schemas_that_are_none(db, tenants, load, bundle, entry, definition, dump):
    """What stands in the place of a schema's name, in a trigger or a published version, is no dependency."""
    trigger = {"type": "event", "sourcePayloadSchemaRef": ["payload.A.v1"]}
    published = [{"version": 1, "definition": definition(payloadSchemaRef={"a": 1})}]
    report = await load(bundle(entry(published=published)))
    workflow_id = UUID(report["createdWorkflows"][0]["workflowId"])
    async with db.tenant(tenants.a) as conn:
        await save_draft(conn, tenants.a, workflow_id, definition(trigger=trigger), actor=None)
    (exported,) = await dump("hello")
    assert exported["dependencies"]["schemaRefs"] == []
    assert exported["metadata"]["trigger"] == trigger


async def test_unknown_key(db, tenants, load, bundle, entry):
    """The keys that are missing are named; other tenants' are missing too."""
    await load(bundle(entry("there")), tenant=tenants.b)
    async with db.tenant(tenants.a) as conn:
        with pytest.raises(NotFoundError, match="key gone, there"):
            await export_by_key(conn, tenants.a, ["there", "gone"])


# ── Whatever there is ────────────────────────────────────────────────────────────────────────────────────────────

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = (
    st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1.0, -0.0, 1e18, 1e22, 5e-324, 1e308, 2**53 + 1, 0.1, 100000.0])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
STEPS = st.lists(
    st.dictionaries(TEXT | st.sampled_from(["id", "type", "config", "then", "body"]), VALUES, max_size=4)
    | VALUES
    | st.builds(lambda body: {"id": "loop", "type": "control.forEach", "body": body}, st.lists(VALUES, max_size=2)),
    max_size=4,
)
LISTED = {
    "description": st.none() | TEXT,
    "payloadSchemaRef": st.none() | TEXT,
    "trigger": st.none()
    | st.dictionaries(TEXT | st.sampled_from(["type", "eventName", "sourcePayloadSchemaRef"]), VALUES, max_size=4),
}
#: As the edge gives them: read from JSON, without NUL.
DEFINITIONS = st.builds(
    lambda extra, listed, name, steps: parse_json(canonical_json({**extra, **listed, "name": name, "steps": steps})),
    st.dictionaries(TEXT.filter(lambda name: name not in LISTED), VALUES),
    st.fixed_dictionaries({}, optional=LISTED),
    TEXT.filter(lambda name: name.replace("\0", "")),
    STEPS,
)


def stored_bytes(definition, stored):
    """What a definition should be when it is stored: the same, under the ids of the stored one."""
    return canonical_json({**definition, "id": stored["id"], "version": stored["version"]})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(definition=DEFINITIONS, other=DEFINITIONS)
async def test_random_definitions_survive(db, tenants, surroundings, entry, bundle, definition, other):
    """Through create, save, load, export, import and export: not a byte of the canonical JSON changes."""
    async with db.tenant(tenants.a) as conn:
        created = await create_workflow(conn, tenants.a, definition, actor=None)
        assert canonical_json(created.definition) == stored_bytes(definition, created.definition)
        await save_draft(conn, tenants.a, created.workflow_id, other, actor=None)
        saved = (await read_definition(conn, tenants.a, created.workflow_id, "draft")).definition
        assert canonical_json(saved) == stored_bytes(other, saved)
        await save_draft(conn, tenants.a, created.workflow_id, saved, actor=None)
        exported = await export_workflow(conn, tenants.a, created.workflow_id)
        exported["publishedVersions"] = [{"version": 3, "definition": deepcopy(saved), "payloadSchemaJson": other}]
        carried = parse_json(canonical_json(make_bundle([exported], exported_at=datetime.now(UTC))))
        prepared = prepare_import(read_bundle(carried), surroundings)
        report = await write_import(conn, tenants.a, prepared, actor=None, force=True)
        again = await export_workflow(conn, tenants.a, report.workflows[0].workflow_id)
        assert without_ids([again]) == without_ids(carried["workflows"])
