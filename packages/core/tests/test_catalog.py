"""The designer catalog: records in the shape that existing designers read."""

from typing import Any

import attrs
import orjson
import pytest

from workflow_core.actions import Action, Effect
from workflow_core.availability import AVAILABLE, Availability
from workflow_core.catalog import GROUP_ORDER, catalog_records, module_availability, visible_records
from workflow_core.discovery import Registry, registry_of
from workflow_core.modules import Icon, Module

SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


@attrs.frozen
class Nothing:
    pass


@attrs.frozen
class AlertRef:
    alert_uid: str | None = None
    external_alert_id: str | None = None


@attrs.frozen
class Acknowledged:
    acknowledged: bool
    alert_id: str | None


async def handle(given: Any, ctx: Any) -> Any:
    return given


def action(action_id: str, label: str = "", **fields: Any) -> Action:
    """An external read."""
    values = {
        "id": action_id,
        "label": label or action_id,
        "description": f"About {label}.",
        "input": Nothing,
        "output": Nothing,
        "effect": Effect.READ,
        "io": "external",
        "handler": handle,
    }
    return Action(**(values | fields))


def module(group_key: str, *action_ids: str, **fields: Any) -> Module:
    """A tile."""
    values = {
        "group_key": group_key,
        "label": group_key,
        "description": "",
        "tile_kind": "app",
        "default_action_id": action_ids[0] if action_ids else None,
        "allowed_action_ids": action_ids,
    }
    return Module(**(values | fields))


@pytest.fixture
def ninjaone() -> Registry:
    """A module like NinjaOne's, with three of its actions."""
    tile = module(
        "app:ninjaone",
        "ninjaone.devices.find",
        "ninjaone.alerts.reset",
        "ninjaone.alerts.get",
        label="NinjaOne",
        description="NinjaOne RMM actions for devices and alerts.",
        icon=Icon("ninjaone", SVG),
        availability_key="ninjaone",
    )
    actions = [
        action("ninjaone.devices.find", "Find device"),
        action("ninjaone.alerts.reset", "Acknowledge alert", input=AlertRef, output=Acknowledged),
        action("ninjaone.alerts.get", "find alert"),
    ]
    return registry_of("workflow-ninjaone", "0.1.0", modules=[tile], actions=actions)


RECORD = {
    "groupKey": "app:ninjaone",
    "label": "NinjaOne",
    "iconToken": "ninjaone",
    "tileKind": "app",
    "allowedActionIds": ["ninjaone.alerts.get", "ninjaone.alerts.reset", "ninjaone.devices.find"],
    "defaultActionId": "ninjaone.devices.find",
    "description": "NinjaOne RMM actions for devices and alerts.",
    "actions": [
        {
            "id": "ninjaone.alerts.reset",
            "version": 1,
            "label": "Acknowledge alert",
            "description": "About Acknowledge alert.",
            "inputFieldNames": ["alert_uid", "external_alert_id"],
            "outputFieldNames": ["acknowledged", "alert_id"],
        },
        {
            "id": "ninjaone.alerts.get",
            "version": 1,
            "label": "find alert",
            "description": "About find alert.",
            "inputFieldNames": [],
            "outputFieldNames": [],
        },
        {
            "id": "ninjaone.devices.find",
            "version": 1,
            "label": "Find device",
            "description": "About Find device.",
            "inputFieldNames": [],
            "outputFieldNames": [],
        },
    ],
    "available": True,
}


def test_record(ninjaone: Registry) -> None:
    """A record has exactly the contract's fields: allowed ids sorted by id, actions by label, fields in their order."""
    ((tile, record),) = catalog_records(ninjaone)
    assert record == RECORD
    assert list(record) == list(RECORD)
    assert tile is ninjaone.modules["app:ninjaone"]
    assert orjson.loads(orjson.dumps(record)) == record


def groups(*modules: Module) -> list[str]:
    """The order of the palette."""
    registry = registry_of("acme", "1.0", modules=modules)
    return [record["groupKey"] for _, record in catalog_records(registry)]


def test_generic_groups_come_in_their_order() -> None:
    """Generic groups stand in the palette's order, whatever their labels; asset follows client."""
    assert groups(*(module(key) for key in sorted(GROUP_ORDER))) == list(GROUP_ORDER)
    assert GROUP_ORDER[:4] == ("ticket", "contact", "client", "asset")


def test_apps_come_last_by_label() -> None:
    """Integrations follow, sorted by label without regard to case, then by key."""
    assert groups(
        module("app:a", label="zebra"),
        module("app:c", label="Beta"),
        module("app:b", label="beta"),
        module("rmm", label="Apple"),
        module("ai"),
        module("ticket", label="Zoo"),
    ) == ["ticket", "ai", "rmm", "app:b", "app:c", "app:a"]


def test_newest_version() -> None:
    """An action shows once, in its newest version; numbers count, not their text."""
    actions = [action("acme.greet", f"Greet {version}", version=version) for version in (2, 10, 1)]
    registry = registry_of("acme", "1.0", modules=[module("app:acme", "acme.greet")], actions=actions)
    ((_, record),) = catalog_records(registry)
    assert [(entry["version"], entry["label"]) for entry in record["actions"]] == [(10, "Greet 10")]
    assert record["allowedActionIds"] == ["acme.greet"]


def test_equal_labels_are_ordered_by_id() -> None:
    """Two actions with one label always come in one order."""
    actions = [action("acme.b", "Same"), action("acme.a", "same")]
    registry = registry_of("acme", "1.0", modules=[module("app:acme", "acme.b", "acme.a")], actions=actions)
    ((_, record),) = catalog_records(registry)
    assert [entry["id"] for entry in record["actions"]] == ["acme.a", "acme.b"]


def test_module_without_actions() -> None:
    """A module that has no actions yet has a record too; without an icon, its token is its word."""
    registry = registry_of("acme", "1.0", modules=[module("app:acme")])
    ((_, record),) = catalog_records(registry)
    assert (record["actions"], record["defaultActionId"], record["iconToken"]) == ([], None, "acme")


def test_available_only(ninjaone: Registry) -> None:
    """A tenant sees what is available to it; an answer that is missing hides the module."""
    records = catalog_records(ninjaone)
    assert visible_records(records, {"ninjaone": AVAILABLE}) == [RECORD]
    assert visible_records(records, {"ninjaone": Availability(available=False, reason="Connect it.")}) == []
    assert visible_records(records, {}) == []


def test_include_unavailable(ninjaone: Registry) -> None:
    """For the designer's existing steps, unavailable modules are shown as such, with the reason."""
    records = catalog_records(ninjaone)
    no = {"ninjaone": Availability(available=False, reason="Connect it.")}
    assert visible_records(records, no, include_unavailable=True) == [
        {**RECORD, "available": False, "reason": "Connect it."}
    ]
    assert visible_records(records, {}, include_unavailable=True) == [
        {**RECORD, "available": False, "reason": "The integration's availability is unknown."}
    ]
    assert visible_records(records, {"ninjaone": AVAILABLE}, include_unavailable=True) == [RECORD]
    assert records[0][1] == RECORD  # what is shared between tenants is not changed


def test_modules_without_a_key() -> None:
    """A module without an availability key is every tenant's."""
    assert module_availability(module("ticket"), {}) is AVAILABLE
    registry = registry_of("acme", "1.0", modules=[module("ticket")])
    assert [record["groupKey"] for record in visible_records(catalog_records(registry), {})] == ["ticket"]
