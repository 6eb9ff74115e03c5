"""The existing product's workflows validate: no errors where their actions are there, no warnings out of thin air."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import attrs
import pytest

from workflow_core.actions import Action, ActionContext, Effect
from workflow_core.discovery import Registry, registry_of
from workflow_core.events import EventType
from workflow_core.language.validation import validate_definition
from workflow_core.modules import Module

WORKFLOWS = {
    workflow["key"]: workflow
    for path in sorted((Path(__file__).parents[4] / "tests" / "bundles").glob("*.json"))
    for workflow in json.loads(path.read_text())["workflows"]
}


# ── What these workflows use, in the shapes that it has ──────────────────────────────────────────────────────────


@attrs.frozen
class Recipients:
    user_ids: list[UUID] = attrs.Factory(list)
    role_ids: list[UUID] = attrs.Factory(list)
    role_names: list[str] = attrs.Factory(list)


@attrs.frozen
class SendInApp:
    recipients: Recipients
    title: str
    body: str
    severity: Literal["info", "success", "warning", "error"] = "info"
    link: str | None = None
    dedupe_key: str | None = None


@attrs.frozen
class Sent:
    notification_ids: list[UUID]
    delivered_count: int


@attrs.frozen
class CreateTask:
    project_id: UUID
    title: str
    description: str | None = None
    due_date: datetime | None = None


@attrs.frozen
class CreatedTask:
    task_id: UUID
    url: str
    created_at: datetime


@attrs.frozen
class TaskPatch:
    task_name: str | None = None
    description: str | None = None


@attrs.frozen
class UpdateTask:
    task_id: UUID
    patch: TaskPatch


@attrs.frozen
class Record:
    type: str
    id: str


@attrs.frozen(kw_only=True)
class Upsert:
    namespace: str
    from_: Record
    to: Record
    relation: str = "related"
    attributes: dict[str, Any] = attrs.Factory(dict)
    idempotency_key: str | None = None


@attrs.frozen
class Link:
    link_id: UUID
    created: bool


@attrs.frozen(kw_only=True)
class Lookup:
    namespace: str
    from_: Record
    direction: Literal["forward", "reverse", "either"] = "forward"
    relation: str | None = None
    limit: int = 100


@attrs.frozen
class Match:
    link_id: UUID
    type: str
    id: str
    relation: str
    attributes: dict[str, Any]


@attrs.frozen
class Matches:
    matches: list[Match]


@attrs.frozen
class Payload:
    """What all of these events bring, beside what the workflows add."""

    tenantId: str  # noqa: N815 - as in the JSON
    occurredAt: str  # noqa: N815 - as in the JSON


async def _unused(_given: Any, _ctx: ActionContext) -> Any:
    raise NotImplementedError  # declared only: a test that came to call it should fail


CONTRACTS: dict[str, tuple[type, type]] = {
    "notifications.send_in_app": (SendInApp, Sent),
    "projects.create_task": (CreateTask, CreatedTask),
    "projects.update_task": (UpdateTask, CreatedTask),
    "links.upsert": (Upsert, Link),
    "links.lookup": (Lookup, Matches),
}
ACTIONS = [
    Action(
        id=action_id, label=action_id, description="", input=given, output=output, effect=Effect.LOCAL, io="database",
        handler=_unused,
    )
    for action_id, (given, output) in CONTRACTS.items()
]  # fmt: skip


def registry(*action_ids: str) -> Registry:
    """A platform with these actions, and every event of the workflows."""
    triggers = {
        workflow["metadata"]["trigger"]["eventName"]: workflow["metadata"]["payloadSchemaRef"]
        for workflow in WORKFLOWS.values()
        if workflow["metadata"]["trigger"]
    }
    actions = [action for action in ACTIONS if action.id in action_ids]
    module = Module(
        group_key="fake", label="Fake", description="", tile_kind="core-object",
        default_action_id=action_ids[0] if action_ids else None, allowed_action_ids=action_ids,
    )  # fmt: skip
    return registry_of(
        "workflow-fake",
        "1.0",
        modules=[module],
        actions=actions,
        events=[
            EventType(name=name, label="", description="", payload=Payload, schema_ref=ref)
            for name, ref in triggers.items()
        ],
    )


def validate(key: str, *action_ids: str) -> list[Any]:
    """The findings of a workflow's draft."""
    return validate_definition(
        WORKFLOWS[key]["draft"]["definition"],
        registry=registry(*action_ids),
        availability={},
        secret_names=(),
        workers=None,
        permissions=(),
    )


@pytest.mark.parametrize("key", WORKFLOWS)
def test_bundle(key):
    """Nothing is said of it; one uses an id in try and in catch, which is worth a warning."""
    expected = ["DUPLICATE_STEP_ID"] if key == "fixture.payment-failed-email-trycatch" else []
    found = validate(key, *CONTRACTS)
    assert [finding.code for finding in found if finding.severity == "warning"] == expected
    assert [finding for finding in found if finding.severity == "error"] == []


@pytest.mark.parametrize("key", WORKFLOWS)
def test_bundle_without_its_actions(key):
    """The actions that are missing, and nothing else."""
    wanted = {action["actionId"] for action in WORKFLOWS[key]["dependencies"]["actions"]}
    found = [finding for finding in validate(key) if finding.severity == "error"]
    assert {finding.code for finding in found} == ({"UNKNOWN_ACTION"} if wanted else set())
    assert {word for finding in found for word in wanted if word in finding.message} == wanted


def test_there_are_bundles():
    """Twelve files with fourteen workflows."""
    assert len(WORKFLOWS) == 14
