"""``crm.create_activity_note``: about what, by whom, and what it says."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, PermissionDeniedError, ValidationError


async def allow(desk, user, *resources):
    """Gives a user a role that may change these kinds of records."""
    async with desk.db.tenant(desk.tenant) as conn:
        role_id = await conn.fetchval(
            "INSERT INTO roles (tenant, role_name) VALUES ($1, 'Noter') RETURNING role_id", desk.tenant
        )
        await conn.execute(
            "INSERT INTO user_roles (tenant, user_id, role_id) VALUES ($1, $2, $3)", desk.tenant, desk[user], role_id
        )
        for resource in resources:
            permission_id = await conn.fetchval(
                "INSERT INTO permissions (tenant, resource, action) VALUES ($1, $2, 'update') RETURNING permission_id",
                *(desk.tenant, resource),
            )
            await conn.execute(
                "INSERT INTO role_permissions (tenant, role_id, permission_id) VALUES ($1, $2, $3)",
                *(desk.tenant, role_id, permission_id),
            )


@pytest.fixture
async def noter(desk, ticket):
    """The lead may note things down about everything; a ticket and a project are there to note them about."""
    await allow(desk, "lead", "client", "contact", "ticket", "project")
    created = await desk.run("tickets.create", ticket(contact_id=desk["contact"]))
    desk.ids["ticket"] = created.ticket_id
    await desk.add("projects", "project_id", name="project", project_name="Migration", client_id=desk["client"])
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("UPDATE contacts SET email = 'c@x.test' WHERE contact_name_id = $1", desk["contact"])
        await conn.execute("DELETE FROM workflow_runtime_events")
    return desk


async def note(desk, kind, target=None, *, actor="lead", **more):
    given = {"target": {"type": kind, "id": str(desk.ids.get(target or kind, target))}, "body": "Called."} | more
    return await desk.run("crm.create_activity_note", given, actor=actor and desk[actor])


TARGETS = {
    "client": ({"client_id": "client"}, {"client_id": "client", "client_name": "client"}),
    "contact": (
        {"client_id": "client", "contact_name_id": "contact"},
        {"contact_id": "contact", "full_name": "contact", "email": "c@x.test", "client_id": "client"},
    ),
    "ticket": (
        {"client_id": "client", "contact_name_id": "contact", "ticket_id": "ticket"},
        {"ticket_id": "ticket", "ticket_number": "TIC001000", "title": "Printer on fire", "client_id": "client"},
    ),
    "project": (
        {"client_id": "client", "project_id": "project"},
        {"project_id": "project", "project_name": "Migration", "client_id": "client"},
    ),
}


@pytest.mark.parametrize("kind", TARGETS)
async def test_target(noter, kind):
    """
    The note belongs to the record and to all that the record belongs to; the answer says what that is.
    """
    columns, summary = TARGETS[kind]

    created = await note(noter, kind)

    (row,) = await noter.rows("interactions")
    belongs = ("client_id", "contact_name_id", "ticket_id", "project_id")
    assert {name: row[name] for name in belongs} == dict.fromkeys(belongs) | {
        name: noter[key] for name, key in columns.items()
    }
    assert (created.note_id, created.created_at) == (row["interaction_id"], row["interaction_date"])
    assert (created.target_type, created.target_id) == (kind, noter[kind])
    assert created.target_summary == {
        name: str(noter[value]) if name.endswith("_id") else value for name, value in summary.items()
    }


async def test_row(noter):
    """
    Text, title, category and tags, in the name of the actor, as a note.
    """
    await note(noter, "client", body="  Wants more. ", category="Upsell", tags=["a", "b"], visibility="client_visible")

    (row,) = await noter.rows("interactions")
    (kind,) = await noter.rows("interaction_types")
    assert {
        "notes": "Wants more.",
        "title": "Upsell",
        "category": "Upsell",
        "tags": ["a", "b"],
        "visibility": "client_visible",
        "user_id": noter["lead"],
        "type_id": kind["type_id"],
    }.items() <= row.items()
    assert kind["type_name"] == "Note"


async def test_defaults(noter):
    """
    An internal note that is called one.
    """
    await note(noter, "client", tags=None, category=None)

    (row,) = await noter.rows("interactions")
    assert (row["title"], row["visibility"], row["category"], row["tags"]) == ("Note", "internal", None, None)


async def test_event(noter):
    """
    ``INTERACTION_LOGGED`` tells what was noted down about whom; keyed by the record.
    """
    created = await note(noter, "ticket", category="Call")

    ((name, key, payload),) = await noter.events()
    assert (name, key) == ("INTERACTION_LOGGED", str(noter["ticket"]))
    assert {
        "tenantId": str(noter.tenant),
        "interactionId": str(created.note_id),
        "clientId": str(noter["client"]),
        "contactId": str(noter["contact"]),
        "ticketId": str(noter["ticket"]),
        "projectId": None,
        "interactionType": "Note",
        "channel": "note",
        "loggedByUserId": str(noter["lead"]),
        "subject": "Call",
    }.items() <= payload.items()
    assert datetime.fromisoformat(payload["interactionOccurredAt"]) == created.created_at


async def test_the_first_notes_of_a_tenant(noter):
    """
    Those who need the type of notes first, at the same time, make it once.
    """
    await asyncio.gather(*(note(noter, "client") for _ in range(5)))

    assert len(await noter.rows("interaction_types")) == 1
    assert len(await noter.rows("interactions")) == 5


@pytest.mark.parametrize("kind", TARGETS)
async def test_missing_target(noter, foreign_desk, foreign_ticket, places, kind):
    """
    Another tenant's record does not exist any more than a random id.
    """
    foreign_desk.ids["ticket"] = foreign_ticket
    await foreign_desk.add("projects", "project_id", name="project", project_name="Theirs")
    for target in (uuid4(), foreign_desk[kind]):
        with pytest.raises(NotFoundError) as caught:
            await note(noter, kind, target)
        assert places(caught.value) == {("target.id", "NOT_FOUND")}

    assert (await noter.rows("interactions"), await noter.events()) == ([], [])


async def test_project_notes_are_internal(noter, places):
    """
    Clients do not see them; that is said together with what else is wrong.
    """
    with pytest.raises(ValidationError) as caught:
        await note(noter, "project", visibility="client_visible")
    with pytest.raises(NotFoundError) as both:
        await note(noter, "project", uuid4(), visibility="client_visible")

    assert places(caught.value) == {("visibility", "RULE")}
    assert places(both.value) == {("visibility", "RULE"), ("target.id", "NOT_FOUND")}


@pytest.mark.parametrize("kind", TARGETS)
async def test_permission(noter, kind):
    """
    It depends on what the note is about; a run without an actor has none.
    """
    await allow(noter, "user", *(set(TARGETS) - {kind}))

    for actor in ("user", "helper", None):
        with pytest.raises(PermissionDeniedError) as caught:
            await note(noter, kind, actor=actor)
        assert caught.value.details["permission"] == f"{kind}:update"

    assert await noter.rows("interactions") == []


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"body": " "}, "body", "LENGTH"),
        ({"target": {"type": "invoice", "id": str(uuid4())}}, "target.type", "CHOICE"),
        ({"target": {"type": "client"}}, "target.id", "REQUIRED"),
        ({"visibility": "public"}, "visibility", "CHOICE"),
        ({"tags": ["x", ""]}, "tags[1]", "LENGTH"),
    ],
)
async def test_input_that_breaks_its_contract(noter, places, change, path, code):
    """
    A text about a known kind of record.
    """
    given = {"target": {"type": "client", "id": str(noter["client"])}, "body": "Called."} | change

    with pytest.raises(ValidationError) as caught:
        await noter.run("crm.create_activity_note", given, actor=noter["lead"])

    assert places(caught.value) == {(path, code)}
