"""What the distribution contributes, and the contracts of its actions."""

import importlib.metadata

import orjson
import pytest

from workflow_core.actions import Effect
from workflow_core.catalog import catalog_records
from workflow_core.discovery import discover
from workflow_core.schema import convert, field_names, json_schema, to_json
from workflow_core.storage.migrations import MigrationSource, read_migrations
from workflow_psa.plugin import PsaPlugin

ACTIONS = {action.id: action for action in PsaPlugin().workflow_actions()}


@pytest.fixture(scope="module")
def registry():
    """What discovery makes of this distribution alone."""
    points = importlib.metadata.entry_points(group="workflow.modules", name="psa")
    found = discover(entry_points=list(points))
    assert found.report.healthy
    return found.registry


def test_catalog(registry):
    """
    Ticket and Asset stand in the palette with their defaults and pictures of their own.
    """
    records = [record for _, record in catalog_records(registry)]

    ticket_actions = sorted(action_id for action_id in ACTIONS if action_id.startswith("tickets."))
    shown = ("groupKey", "label", "iconToken", "tileKind", "allowedActionIds", "defaultActionId")
    assert [tuple(record[key] for key in shown) for record in records] == [
        ("ticket", "Ticket", "ticket", "core-object", ticket_actions, "tickets.create"),
        (
            *("contact", "Contact", "contact", "core-object"),
            *(["contacts.find", "contacts.search"], "contacts.find"),
        ),
        (
            *("client", "Client", "client", "core-object"),
            *(["clients.find", "clients.search"], "clients.find"),
        ),
        ("asset", "Asset", "asset", "core-object", ["assets.find"], "assets.find"),
        (
            "communication",
            "Communication",
            "communication",
            "core-object",
            ["email.send", "notifications.send_in_app"],
            "email.send",
        ),
        (
            "scheduling",
            "Scheduling",
            "scheduling",
            "core-object",
            ["scheduling.assign_user"],
            "scheduling.assign_user",
        ),
        (
            "project",
            "Project",
            "project",
            "core-object",
            ["projects.create_task", "projects.update_task"],
            "projects.create_task",
        ),
        ("time", "Time", "time", "core-object", [], None),
        (
            *("crm", "CRM", "crm", "core-object"),
            *(["crm.create_activity_note"], "crm.create_activity_note"),
        ),
        ("activities", "Activities", "activities", "core-object", [], None),
        (
            "data-store",
            "Data Store",
            "data-store",
            "core-object",
            [
                *("links.delete", "links.list", "links.list_namespaces", "links.lookup", "links.upsert"),
                *("store.delete", "store.get", "store.increment", "store.list", "store.list_namespaces", "store.set"),
            ],
            "store.get",
        ),
        (
            "transform",
            "Transform",
            "transform",
            "transform",
            sorted(name for name in ACTIONS if name.startswith("transform.")),
            "transform.compose_text",
        ),
        ("ai", "AI", "ai", "ai", [], None),
    ]
    assert all(module.icon.svg.startswith("<svg") for module in registry.modules.values())


PERMISSIONS = {
    "tickets.create": "ticket:create",
    "tickets.find": "ticket:read",
    "tickets.add_comment": "ticket:update",
    "tickets.update_fields": "ticket:update",
    "tickets.assign": "ticket:update",
    "tickets.close": "ticket:update",
    "tickets.link_entities": "ticket:update",
    "clients.find": "client:read",
    "clients.search": "client:read",
    "contacts.find": "contact:read",
    "contacts.search": "contact:read",
    "notifications.send_in_app": None,  # nor does the existing product ask for one
    "crm.create_activity_note": None,  # it depends on what the note is about: the action looks itself
}


@pytest.mark.parametrize(("action_id", "permission"), PERMISSIONS.items())
def test_permissions(action_id, permission):
    """
    What the publisher of a workflow must be allowed to do.
    """
    assert ACTIONS[action_id].permission == permission


CONTRACTS = {
    "tickets.find": (
        "ticket_id ticket_number external_ref on_not_found include",
        "ticket comments comments_meta",
    ),
    "tickets.add_comment": ("ticket_id body visibility idempotency_key", "comment_id created_at visibility"),
    "tickets.update_fields": (
        "ticket_id patch expected_updated_at idempotency_key",
        "ticket_id updated_at status_id priority_id tags",
    ),
    "tickets.assign": (
        "ticket_id assignment reason comment no_op_if_already_assigned",
        "ticket_id assigned_type assigned_id assigned_to updated_at",
    ),
    "tickets.close": (
        "ticket_id resolution public_note internal_note notify_requester email",
        "ticket_id closed_at resolution_code final_status_id",
    ),
    "tickets.link_entities": (
        "ticket_id entity_type entity_id link_type metadata",
        "link_id entity_type entity_id link_type linked_entity_summary",
    ),
    "clients.find": (
        "client_id name external_ref phone include_primary_contact on_not_found",
        "client primary_contact matched_count",
    ),
    "clients.search": ("query filters page page_size", "clients first_client page page_size total"),
    "contacts.find": ("contact_id email phone client_id on_not_found match_strategy", "contact"),
    "contacts.search": ("query client_id filters page page_size", "contacts first_contact page page_size total"),
    "notifications.send_in_app": (
        "recipients title body severity link dedupe_key",
        "notification_ids delivered_count",
    ),
    "crm.create_activity_note": (
        "target body visibility tags category",
        "note_id created_at target_type target_id target_summary",
    ),
}


@pytest.mark.parametrize("action_id", CONTRACTS)
def test_fields(action_id):
    """
    Stored workflows map into and from these fields, so none is ever renamed or removed.
    """
    taken, given = CONTRACTS[action_id]

    action = ACTIONS[action_id]

    assert (action.version, action.io) == (1, "database")
    assert (action.effect is Effect.READ) == (action_id.endswith((".find", ".search")))
    assert field_names(action.input) == taken.split()
    assert field_names(action.output) == given.split()


def test_events(registry):
    """
    Every event type is named as its payload's reference, and says what it brings.
    """
    for event in registry.events.values():
        words = "".join(word.capitalize() for word in event.name.split("_"))
        assert event.schema_ref == f"payload.{words}.v1"
        fields = json_schema(event.payload)["properties"]
        assert {"tenantId", "occurredAt"} <= fields.keys()
        assert all(field.get("description") for field in fields.values())


def test_tickets_create_is_the_contract():
    """
    The fields of ``tickets.create`` are those that stored workflows map into and from.
    """
    action = ACTIONS["tickets.create"]

    assert (action.version, action.effect, action.io) == (1, Effect.LOCAL, "database")
    assert set(field_names(action.input)) == {
        *("client_id", "title", "board_id", "priority_id", "description", "contact_id", "location_id", "status_id"),
        *("assignment", "category_id", "subcategory_id", "tags", "custom_fields", "attributes", "initial_comment"),
        "idempotency_key",
    }
    assert field_names(action.output) == [
        *("ticket_id", "ticket_number", "url", "created_at", "status_id", "priority_id")
    ]


def test_assets_find_only_reads():
    """
    ``assets.find`` is a read of our own database.
    """
    action = ACTIONS["assets.find"]

    assert (action.version, action.effect, action.io) == (1, Effect.READ, "database")


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_examples(action):
    """
    Every action has examples, and they fit its contracts.
    """
    assert action.examples
    for example in action.examples:
        convert(action.input, example.input)
        output = to_json(convert(action.output, example.output))
        declared = {name: value for name, value in example.output.items() if name in field_names(action.output)}
        assert orjson.loads(orjson.dumps(output)) == declared  # further members are checked, not kept


def test_every_field_has_help():
    """
    The designer's forms show a sentence for every input.
    """
    bare = [
        (action.id, name)
        for action in ACTIONS.values()
        for contract in (action.input, action.output)
        for name, field in json_schema(contract)["properties"].items()
        if not field.get("description")
    ]

    assert bare == []


def test_migrations_stand_on_core():
    """
    Each migration says what it stands on.
    """
    migrations = read_migrations(MigrationSource("workflow-psa", "workflow_psa"))

    numbers = [migration.number for migration in migrations]
    assert numbers == sorted(set(numbers))
    assert all(migration.requires for migration in migrations)
