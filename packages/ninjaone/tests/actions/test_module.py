"""The module as it meets the platform: catalog, contracts, availability, connection."""

import importlib.metadata
from datetime import UTC, datetime

import orjson
import pytest

from workflow_core.actions import Effect
from workflow_core.availability import resolve_availability
from workflow_core.catalog import catalog_records
from workflow_core.discovery import discover
from workflow_core.errors import ValidationError
from workflow_core.records import rmm
from workflow_core.schema import convert, field_names, json_schema, to_json
from workflow_ninjaone.actions.access import require_tenant
from workflow_ninjaone.plugin import NinjaOnePlugin

ACTIONS = {action.id: action for action in NinjaOnePlugin().workflow_actions()}

ALERT_FIELDS = [
    *("alert_id", "external_alert_id", "status", "severity", "priority", "title", "message", "device_id"),
    *("asset_id", "source_type", "created_at", "updated_at", "acknowledged"),
]
DEVICE_FIELDS = [
    *("external_device_id", "asset_id", "organization_id", "hostname", "display_name", "dns_name", "agent_online"),
    *("last_seen_at", "os_name", "node_class", "source"),
]


@pytest.fixture(scope="module")
def registry():
    """What discovery makes of this distribution alone."""
    points = importlib.metadata.entry_points(group="workflow.modules", name="ninjaone")
    found = discover(entry_points=list(points), required=())
    assert found.report.healthy
    return found.registry


def test_catalog(registry):
    """
    The record is the one that existing designers know.
    """
    ((_, record),) = catalog_records(registry)

    actions = record.pop("actions")
    assert record == {
        "groupKey": "app:ninjaone",
        "label": "NinjaOne",
        "iconToken": "ninjaone",
        "tileKind": "app",
        "allowedActionIds": [
            "ninjaone.alerts.get",
            "ninjaone.alerts.list_active",
            "ninjaone.alerts.reset",
            "ninjaone.devices.find",
            "ninjaone.devices.reboot",
            "ninjaone.devices.run_script",
            "ninjaone.devices.scripting_options",
            "ninjaone.devices.sync",
        ],
        "defaultActionId": "ninjaone.devices.find",
        "description": "NinjaOne RMM actions for devices and alerts.",
        "available": True,
    }
    assert [(action["id"], action["version"], action["label"]) for action in actions] == [
        ("ninjaone.alerts.reset", 1, "Acknowledge alert"),
        ("ninjaone.devices.find", 1, "Find devices"),
        ("ninjaone.alerts.get", 1, "Get alert"),
        ("ninjaone.alerts.list_active", 1, "List active alerts"),
        ("ninjaone.devices.scripting_options", 1, "List runnable scripts"),
        ("ninjaone.devices.reboot", 1, "Reboot device"),
        ("ninjaone.devices.run_script", 1, "Run script"),
        ("ninjaone.devices.sync", 1, "Sync device"),
    ]
    assert actions[0]["inputFieldNames"] == ["alert_uid", "external_alert_id"]
    assert actions[0]["outputFieldNames"] == ["acknowledged", "alert_id"]


def test_no_ticket_is_created_here(registry):
    """
    Tickets are the Ticket module's business.
    """
    assert not [action_id for action_id, _ in registry.actions if "ticket" in action_id]


@pytest.mark.parametrize(
    ("action_id", "effect", "takes", "gives"),
    [
        ("devices.find", Effect.READ, ["device_id", "asset_id", "query", "live", "limit"], ["devices", "count"]),
        (
            "devices.sync",
            Effect.REPEATABLE,
            ["device_id"],
            ["synced", "external_device_id", "asset_id"],
        ),
        ("devices.reboot", Effect.ONCE, ["device_id"], ["reboot_requested", "external_device_id"]),
        ("alerts.list_active", Effect.READ, ["limit", "live"], ["alerts", "count"]),
        ("alerts.get", Effect.READ, ["alert_uid", "external_alert_id"], ["alert"]),
        (
            "alerts.reset",
            Effect.REPEATABLE,
            ["alert_uid", "external_alert_id"],
            ["acknowledged", "alert_id"],
        ),
    ],
)
def test_contracts(action_id, effect, takes, gives):
    """
    Fields may be added, never removed or renamed.
    """
    action = ACTIONS[f"ninjaone.{action_id}"]

    assert (action.version, action.effect, action.io) == (1, effect, "external")
    assert field_names(action.input)[: len(takes)] == takes
    assert field_names(action.output)[: len(gives)] == gives


@pytest.mark.parametrize(
    ("action_id", "name", "fields"),
    [("devices.find", "Device", DEVICE_FIELDS), ("alerts.get", "Alert", ALERT_FIELDS)],
)
def test_shapes(action_id, name, fields):
    """
    Devices and alerts have every field that stored workflows map from.
    """
    schema = json_schema(ACTIONS[f"ninjaone.{action_id}"].output)["$defs"][name]

    assert list(schema["properties"])[: len(fields)] == fields


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_examples(action):
    """
    Every action has examples, they fit its contracts, and every field has a sentence of help.
    """
    assert action.examples
    for example in action.examples:
        convert(action.input, example.input)
        output = to_json(convert(action.output, example.output))
        assert orjson.loads(orjson.dumps(output)) == example.output
    for contract in (action.input, action.output):
        assert [n for n, field in json_schema(contract)["properties"].items() if not field.get("description")] == []


@pytest.mark.parametrize("given", ["101", " 101 ", 101, 101.0])
@pytest.mark.parametrize("action_id", ["devices.find", "devices.sync", "devices.reboot"])
def test_a_numeric_string_is_a_device_id(action_id, given):
    """
    An alert's ``device_id`` is a string, and fits.
    """
    assert convert(ACTIONS[f"ninjaone.{action_id}"].input, {"device_id": given}).device_id == 101


@pytest.mark.parametrize("given", [True, 0, -1, "x", "1.5", "", 2**31, [101]])
@pytest.mark.parametrize("action_id", ["devices.find", "devices.sync", "devices.reboot"])
def test_what_is_no_device_id(action_id, given):
    """
    ``true`` is not a device id, nor is anything else that is not a positive number.
    """
    with pytest.raises(ValidationError) as caught:
        convert(ACTIONS[f"ninjaone.{action_id}"].input, {"device_id": given})

    assert [error.path for error in caught.value.errors] == ["device_id"]


@pytest.mark.parametrize("action_id", ["alerts.get", "alerts.reset"])
def test_an_alert_must_be_named(action_id):
    """
    At least one of the two ids.
    """
    with pytest.raises(ValidationError):
        convert(ACTIONS[f"ninjaone.{action_id}"].input, {"alert_uid": None})


def test_a_tenant_is_required():
    """
    The old product's words for a call without a tenant.
    """
    with pytest.raises(ValidationError, match=r"^tenantId is required$"):
        require_tenant(None)


@pytest.mark.parametrize(
    ("row", "available"),
    [
        ({"is_active": True, "connected_at": datetime(2026, 1, 1, tzinfo=UTC)}, True),
        (
            {
                "is_active": True,
                "connected_at": datetime(2026, 1, 1, tzinfo=UTC),
                "settings": {"tokenLifecycle": {"status": "reconnect_required"}},
            },
            True,
        ),
        ({"is_active": False, "connected_at": datetime(2026, 1, 1, tzinfo=UTC)}, False),
        ({"is_active": True, "connected_at": None}, False),
        (None, False),
    ],
)
async def test_availability(db, tenants, registry, row, available):
    """
    The active row that has been connected, and nothing else; another tenant's row does not count.
    """
    async with db.tenant(tenants.b) as conn:
        await rmm.put_integration(
            conn, tenants.b, "ninjaone", is_active=True, connected_at=datetime(2026, 1, 1, tzinfo=UTC)
        )
    if row is not None:
        async with db.tenant(tenants.a) as conn:
            await rmm.put_integration(conn, tenants.a, "ninjaone", **row)

    answers = await resolve_availability(db, tenants.a, ["ninjaone"], registry.resolvers)

    assert answers["ninjaone"].available is available
    assert bool(answers["ninjaone"].reason) is not available


def test_connection(registry):
    """
    Its secrets belong to the module's actions, and are write-only.
    """
    connection = registry.connection_of("ninjaone.alerts.get")

    assert {field.name: field.kind for field in connection.fields} == {
        "instance_url": "choice",
        "client_id": "secret",
        "client_secret": "secret",
    }
    assert connection.secret_scope == "integration:ninjaone"
