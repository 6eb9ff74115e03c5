"""Bundles, and a platform that has one action."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from workflow_core.actions import Action, ActionContext, Effect
from workflow_core.definitions.surroundings import Surroundings
from workflow_core.discovery import registry_of
from workflow_core.modules import Module

SAMPLES = Path(__file__).parents[4] / "tests" / "bundles"


@attrs.frozen
class Say:
    text: str


@attrs.frozen
class Said:
    text: str


async def say(given: Say, _ctx: ActionContext) -> Said:
    return Said(given.text)


@pytest.fixture
def surroundings() -> Surroundings:
    """What a tenant has: the action ``notes.say@1``, and no secrets."""
    action = Action(
        id="notes.say", label="Say", description="", input=Say, output=Said, effect=Effect.LOCAL, io="database",
        handler=say,
    )  # fmt: skip
    module = Module(
        group_key="notes", label="Notes", description="", tile_kind="core-object", default_action_id="notes.say",
        allowed_action_ids=("notes.say",),
    )  # fmt: skip
    return Surroundings.without_tenant(registry_of("workflow-notes", "1", modules=[module], actions=[action]))


def definition(**more: Any) -> dict[str, Any]:
    """A definition without errors."""
    step = {"id": "say", "type": "action.call", "config": {"actionId": "notes.say", "version": 1}}
    step["config"]["inputMapping"] = {"text": "Hello"}
    return {"id": "elsewhere", "version": 1, "name": "Hello", "steps": [step], **more}


def entry(key: str = "hello", *, published: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """A workflow of a bundle; ``published`` are entries."""
    draft = more.pop("definition", definition())
    return {
        "key": key,
        "metadata": {"name": draft["name"]},
        "dependencies": {"actions": [], "nodeTypes": [], "schemaRefs": []},
        "draft": {"draftVersion": 1, "definition": draft},
        "publishedVersions": published or [],
        **more,
    }


def bundle(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A bundle."""
    return {
        "format": "alga-psa.workflow-bundle",
        "formatVersion": 1,
        "exportedAt": "2026-01-01T00:00:00.000Z",
        "workflows": list(entries),
        **more,
    }


@pytest.fixture(params=sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def sample(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each bundle of the older product that is kept with the tests."""
    return json.loads(request.param.read_text())


@pytest.fixture(name="definition")
def definition_fixture() -> Any:
    """See :func:`definition`."""
    return definition


@pytest.fixture(name="entry")
def entry_fixture() -> Any:
    """See :func:`entry`."""
    return entry


@pytest.fixture(name="bundle")
def bundle_fixture() -> Any:
    """See :func:`bundle`."""
    return bundle


@pytest.fixture
def load(db, tenants, surroundings) -> Any:
    """Imports a bundle for tenant A, in a transaction of its own; gives the report."""
    from workflow_core.bundles.envelope import read_bundle
    from workflow_core.bundles.importing import calling_definitions, prepare_import, write_import
    from workflow_core.definitions.calls import called_by

    async def imported(value: Any, *, tenant: Any = tenants.a, actor: Any = None, **options: Any) -> dict[str, Any]:
        workflows = read_bundle(value)
        async with db.tenant(tenant) as conn:
            called = await called_by(conn, tenant, *calling_definitions(workflows))
            prepared = prepare_import(workflows, surroundings, called=called)
            return (await write_import(conn, tenant, prepared, actor=actor, **options)).as_json()

    return imported


@pytest.fixture
def dump(db, tenants) -> Any:
    """The workflows of tenant A (with these keys) as they stand in a bundle."""
    from workflow_core.bundles.exporting import export_by_key

    async def exported(*keys: str) -> list[dict[str, Any]]:
        async with db.tenant(tenants.a, readonly=True) as conn:
            return await export_by_key(conn, tenants.a, keys or None)

    return exported
