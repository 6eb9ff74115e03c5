"""What the distribution contributes, and the contracts of its actions."""

import importlib.metadata

import orjson
import pytest

from workflow_core.actions import Effect
from workflow_core.catalog import catalog_records
from workflow_core.discovery import discover
from workflow_core.schema import convert, field_names, to_json
from workflow_core.storage.migrations import MigrationSource, read_migrations
from workflow_core.testing.isolation import find_leaks
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
    The generic modules stand in the palette with their defaults and pictures of their own.
    """
    records = [record for _, record in catalog_records(registry)]

    shown = ("groupKey", "label", "iconToken", "tileKind", "allowedActionIds", "defaultActionId")
    assert [tuple(record[key] for key in shown) for record in records] == [
        (
            "ticket",
            "Ticket",
            "ticket",
            "core-object",
            [
                *("tickets.add_comment", "tickets.assign", "tickets.close", "tickets.create", "tickets.find"),
                *("tickets.link_entities", "tickets.update_fields"),
            ],
            "tickets.create",
        ),
        ("contact", "Contact", "contact", "core-object", ["contacts.find", "contacts.search"], "contacts.find"),
        ("client", "Client", "client", "core-object", ["clients.find", "clients.search"], "clients.find"),
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
        ("crm", "CRM", "crm", "core-object", ["crm.create_activity_note"], "crm.create_activity_note"),
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


def test_tickets_create_is_the_contract():
    """
    The fields of ``tickets.create`` are those that stored workflows map into and from, and what a ticket is about.
    """
    action = ACTIONS["tickets.create"]

    assert (action.version, action.effect, action.io) == (1, Effect.LOCAL, "database")
    assert set(field_names(action.input)) == {
        *("client_id", "title", "board_id", "priority_id", "description", "contact_id", "location_id", "status_id"),
        *("assignment", "category_id", "subcategory_id", "tags", "custom_fields", "attributes", "initial_comment"),
        *("idempotency_key", "asset_id", "alert_id"),
    }
    assert field_names(action.output) == [
        *("ticket_id", "ticket_number", "url", "created_at", "status_id", "priority_id")
    ]


CONTRACT = {
    "tickets.find": (
        "READ",
        "ticket:read",
        "ticket_id ticket_number external_ref on_not_found include",
        "ticket comments comments_meta",
    ),
    "tickets.add_comment": (
        "LOCAL",
        "ticket:update",
        "ticket_id body visibility idempotency_key",
        "comment_id created_at visibility",
    ),
    "tickets.update_fields": (
        "LOCAL",
        "ticket:update",
        "ticket_id patch expected_updated_at idempotency_key",
        "ticket_id updated_at status_id priority_id tags",
    ),
    "tickets.assign": (
        "LOCAL",
        "ticket:update",
        "ticket_id assignment reason comment no_op_if_already_assigned",
        "ticket_id assigned_type assigned_id assigned_to updated_at",
    ),
    "tickets.close": (
        "LOCAL",
        "ticket:update",
        "ticket_id resolution public_note internal_note notify_requester email",
        "ticket_id closed_at resolution_code final_status_id",
    ),
    "tickets.link_entities": (
        "LOCAL",
        "ticket:update",
        "ticket_id entity_type entity_id link_type metadata",
        "link_id entity_type entity_id link_type linked_entity_summary",
    ),
    "clients.find": (
        "READ",
        "client:read",
        "client_id name external_ref phone include_primary_contact on_not_found",
        "client primary_contact matched_count",
    ),
    "clients.search": (
        "READ",
        "client:read",
        "query filters page page_size",
        "clients first_client page page_size total",
    ),
    "contacts.find": (
        "READ",
        "contact:read",
        "contact_id email phone client_id on_not_found match_strategy",
        "contact",
    ),
    "contacts.search": (
        "READ",
        "contact:read",
        "query client_id filters page page_size",
        "contacts first_contact page page_size total",
    ),
    "notifications.send_in_app": (
        "LOCAL",
        None,
        "recipients title body severity link dedupe_key",
        "notification_ids delivered_count",
    ),
    "crm.create_activity_note": (
        "LOCAL",
        None,  # it depends on what the note is about: the action looks itself
        "target body visibility tags category",
        "note_id created_at target_type target_id target_summary",
    ),
    "projects.create_task": (
        "LOCAL",
        "project_task:create",
        "project_id title phase_id description due_date status_id priority_id assignee link_ticket_id",
        "task_id url status_id priority_id created_at",
    ),
    "projects.update_task": (
        "LOCAL",
        "project:update",
        "task_id patch project_id phase_id",
        "task changed_fields no_op updated_at",
    ),
    "scheduling.assign_user": (
        "LOCAL",
        "user_schedule:create",
        "user_id window link title notes conflict_mode",
        "schedule_event_id assigned_user_id start end",
    ),
    "store.get": ("READ", "workflow:read", "namespace key", "found value value_type revision expires_at"),
    "store.set": (
        "LOCAL",
        "workflow:manage",
        "namespace key value value_type ttl_seconds if_revision idempotency_key",
        "revision created",
    ),
    "store.delete": ("LOCAL", "workflow:manage", "namespace key idempotency_key", "deleted"),
    "store.increment": ("LOCAL", "workflow:manage", "namespace key by initial idempotency_key", "value revision"),
    "store.list": ("READ", "workflow:read", "namespace prefix limit cursor", "items next_cursor"),
    "store.list_namespaces": ("READ", "workflow:read", "", "namespaces"),
    "links.upsert": (
        "LOCAL",
        "workflow:manage",
        "namespace from to relation attributes idempotency_key",
        "link_id created",
    ),
    "links.lookup": ("READ", "workflow:read", "namespace from direction relation to_type limit", "matches"),
    "links.delete": ("LOCAL", "workflow:manage", "namespace from to relation idempotency_key", "deleted_count"),
    "links.list": (
        "READ",
        "workflow:read",
        "namespace left_type right_type relation limit cursor",
        "items next_cursor",
    ),
    "links.list_namespaces": ("READ", "workflow:read", "", "namespaces"),
    "email.send": (
        "REPEATABLE",
        "email:process",
        "to cc bcc from subject html text template_data provider_id idempotency_key",
        "success message_id provider_id provider_type status sent_at",
    ),
}


@pytest.mark.parametrize("action_id", CONTRACT)
def test_generic_actions_are_the_contract(action_id):
    """
    Stored workflows map into and from exactly these fields; a permission is the existing product's.
    """
    action, (effect, permission, given, result) = ACTIONS[action_id], CONTRACT[action_id]

    assert (action.version, action.effect, action.permission) == (1, Effect(effect), permission)
    assert field_names(action.input) == given.split()
    assert field_names(action.output) == result.split()


def test_transforms_need_nothing():
    """
    They read nothing and write nothing, so anybody may call them.
    """
    transforms = [action for action in ACTIONS.values() if action.segment == "transform"]

    assert {(action.effect, action.io, action.permission) for action in transforms} == {(Effect.READ, "database", None)}


def test_events(registry):
    """
    What the actions emit is declared, under the names and schemas that stored workflows have.
    """
    assert {event.name: event.schema_ref for event in registry.events.values()}.items() >= {
        "PROJECT_TASK_CREATED": "payload.ProjectTaskCreated.v1",
        "PROJECT_TASK_UPDATED": "payload.ProjectTaskUpdated.v1",
        "PROJECT_TASK_ASSIGNED": "payload.ProjectTaskAssigned.v1",
        "APPOINTMENT_CREATED": "payload.AppointmentCreated.v1",
        "APPOINTMENT_ASSIGNED": "payload.AppointmentAssigned.v1",
        "SCHEDULE_ENTRY_CREATED": "payload.ScheduleEntryCreated.v1",
    }.items()


def test_assets_find_only_reads():
    """
    ``assets.find`` is a read of our own database, for those who may see assets.
    """
    action = ACTIONS["assets.find"]

    assert (action.version, action.effect, action.io) == (1, Effect.READ, "database")
    assert action.permission == "asset:read"


def test_what_touches_records_needs_a_permission():
    """
    Every action but those that keep to their input, tell somebody something, or see to their permission themselves.
    """
    free = {action.id for action in ACTIONS.values() if action.permission is None and action.segment != "transform"}

    assert free == {"notifications.send_in_app", "crm.create_activity_note"}


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
    from workflow_core.schema import json_schema

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

    assert [migration.number for migration in migrations] == list(range(1, len(migrations) + 1))
    assert all(migration.requires for migration in migrations)


async def test_no_tenant_touches_another(migrated_database, tenants):
    """
    None of the tables shows, takes or changes another tenant's rows.
    """
    assert await find_leaks(migrated_database, tenants) == []
