"""``tickets.update_fields``: what changes, what is refused, what it says, and what races do."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from workflow_core.errors import ConflictError, NotFoundError, ValidationError


@pytest.fixture
def update(desk, opened):
    """Changes the opened ticket."""

    async def run(patch, *, actor=None, **more):
        given = {"ticket_id": str(opened), "patch": patch} | more
        return await desk.run("tickets.update_fields", given, actor=actor)

    return run


async def only(desk) -> dict:
    (row,) = await desk.rows("tickets")
    return row


async def test_everything(desk, opened, update):
    """
    Every field ends in its place, in the name of the actor; the answer tells the ticket as it is then.
    """
    due = datetime(2026, 4, 1, 8, tzinfo=UTC)
    before = await only(desk)

    updated = await update(
        {
            "status_id": str(desk["new"]),
            "priority_id": str(desk["priority"]),
            "assignment": {
                "primary": {"type": "team", "id": str(desk["team"])},
                "additional_user_ids": [str(desk["user"]), str(desk["lead"])],
            },
            "title": " Still on fire ",
            "category_id": str(desk["category"]),
            "subcategory_id": str(desk["subcategory"]),
            "location_id": str(desk["location"]),
            "due_date": due.isoformat(),
            "tags": ["water", "fire", "water"],
            "custom_fields": {"rack": "B4"},
            "attributes": {"external_ref": "alert-1"},
        },
        actor=desk["helper"],
    )

    row = await only(desk)
    assert {
        "status_id": desk["new"],
        "title": "Still on fire",
        "category_id": desk["category"],
        "subcategory_id": desk["subcategory"],
        "location_id": desk["location"],
        "due_date": due,
        "assigned_to": desk["lead"],
        "assigned_team_id": desk["team"],
        "updated_by": desk["helper"],
        "attributes": {"description": "", "custom_fields": {"rack": "B4"}, "external_ref": "alert-1"},
        "external_ref": "alert-1",
    }.items() <= row.items()
    assert row["updated_at"] > before["updated_at"]
    assert [r["additional_user_id"] for r in await desk.rows("ticket_resources")] == [desk["user"]]
    assert (updated.ticket_id, updated.updated_at) == (opened, row["updated_at"])
    assert (updated.status_id, updated.priority_id) == (desk["new"], desk["priority"])
    assert updated.tags == ("fire", "water")


async def test_what_is_left_out_stays(desk, update):
    """
    One field changes, the others do not; attributes of other names and the tags stay.
    """
    await update({"attributes": {"a": 1}, "custom_fields": {"x": 1}, "tags": ["t"]})
    before = await only(desk)

    updated = await update({"attributes": {"b": None}, "custom_fields": {"y": 2}})

    row = await only(desk)
    assert row["attributes"] == {"description": "", "a": 1, "b": None, "custom_fields": {"y": 2}}
    untouched = ("title", "status_id", "assigned_to", "due_date", "is_closed")
    assert [row[name] for name in untouched] == [before[name] for name in untouched]
    assert updated.tags == ("t",)


async def test_null_clears(desk, update):
    """
    Category, subcategory, location and due date can be taken away.
    """
    await update(
        {
            "category_id": str(desk["category"]),
            "subcategory_id": str(desk["subcategory"]),
            "location_id": str(desk["location"]),
            "due_date": "2026-04-01T08:00:00Z",
        }
    )

    await update(dict.fromkeys(("category_id", "subcategory_id", "location_id", "due_date")))

    row = await only(desk)
    assert [row[name] for name in ("category_id", "subcategory_id", "location_id", "due_date")] == [None] * 4


async def test_another_category_drops_the_subcategory(desk, update):
    """
    A subcategory is not below the new category: it goes, unless one is given.
    """
    await update({"category_id": str(desk["category"])})
    await update({"subcategory_id": str(desk["subcategory"])})
    assert (await only(desk))["subcategory_id"] == desk["subcategory"]

    await update({"category_id": str(desk["lone_category"])})

    row = await only(desk)
    assert (row["category_id"], row["subcategory_id"]) == (desk["lone_category"], None)


async def test_closed_and_open_again(desk, update):
    """
    A closed status closes the ticket, another one opens it again.
    """
    await update({"status_id": str(desk["closed"])}, actor=desk["lead"])
    closed = await only(desk)
    await update({"status_id": str(desk["open"])})
    row = await only(desk)

    assert (closed["is_closed"], closed["closed_by"]) == (True, desk["lead"])
    assert closed["closed_at"] == closed["updated_at"]
    assert (row["is_closed"], row["closed_at"], row["closed_by"]) == (False, None, None)
    assert [name for name, _, _ in await desk.events()] == ["TICKET_UPDATED", "TICKET_CLOSED", "TICKET_UPDATED"]


async def test_taken_from_everybody(desk, update):
    """
    An empty primary leaves nobody responsible, and nobody to help.
    """
    helpers = [str(desk["helper"])]
    await update({"assignment": {"primary": {"type": "user", "id": str(desk["lead"])}, "additional_user_ids": helpers}})

    await update({"assignment": {"primary": None}})

    row = await only(desk)
    assert (row["assigned_to"], row["assigned_team_id"]) == (None, None)
    assert await desk.rows("ticket_resources") == []


async def test_tags_are_replaced(desk, update):
    """
    Those that are not in the list go from this ticket, and stay known.
    """
    await update({"tags": ["a", "b"]})

    updated = await update({"tags": ["c", "b"]})
    emptied = await update({"tags": []})

    assert (updated.tags, emptied.tags) == (("b", "c"), ())
    assert await desk.rows("tag_mappings") == []
    assert [tag["tag_text"] for tag in await desk.rows("tag_definitions", "tag_text")] == ["a", "b", "c"]


# ── What it says ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_event(desk, opened, update):
    """
    ``TICKET_UPDATED`` tells what was and what is; keyed by the ticket.
    """
    await update({"title": "Still on fire", "attributes": {"a": 1}, "tags": ["t"]}, actor=desk["helper"])

    ((name, key, payload),) = await desk.events()
    row = await only(desk)
    assert (name, key) == ("TICKET_UPDATED", str(opened))
    assert {
        "tenantId": str(desk.tenant),
        "ticketId": str(opened),
        "ticketNumber": "TIC001000",
        "title": "Still on fire",
        "clientId": str(desk["client"]),
        "actorUserId": str(desk["helper"]),
        "actorType": "USER",
        "updatedByUserId": str(desk["helper"]),
        "updatedFields": ["title", "attributes.a", "tags"],
        "changes": {
            "title": {"previous": "Printer on fire", "new": "Still on fire"},
            "attributes.a": {"previous": None, "new": 1},
            "tags": {"previous": [], "new": ["t"]},
        },
    }.items() <= payload.items()
    assert datetime.fromisoformat(payload["occurredAt"]) == row["updated_at"]


async def test_event_of_an_assignment(desk, opened, update):
    """
    ``TICKET_ASSIGNED`` as well, with who was responsible and who is.
    """
    await update({"assignment": {"primary": {"type": "team", "id": str(desk["team"])}}})

    events = {name: payload for name, _, payload in await desk.events()}
    assert set(events) == {"TICKET_UPDATED", "TICKET_ASSIGNED"}
    assert {
        "previousAssigneeId": str(desk["user"]),
        "previousAssigneeType": "user",
        "newAssigneeId": str(desk["team"]),
        "newAssigneeType": "team",
        "assignedToUserId": str(desk["lead"]),
    }.items() <= events["TICKET_ASSIGNED"].items()


async def test_helpers_alone(desk, update):
    """
    Other additional users are a change, but no new assignment.
    """
    helpers = [str(desk["helper"])]
    await update({"assignment": {"primary": {"type": "user", "id": str(desk["user"])}, "additional_user_ids": helpers}})

    ((name, _, payload),) = await desk.events()
    assert (name, payload["changes"]) == ("TICKET_UPDATED", {"additional_user_ids": {"previous": [], "new": helpers}})


async def test_nothing_changes(desk, opened, update):
    """
    A ticket that is like that already stays as it is, and nothing has happened.
    """
    before = await only(desk)

    updated = await update(
        {
            "title": "Printer on fire",
            "status_id": str(desk["open"]),
            "assignment": {"primary": {"type": "user", "id": str(desk["user"])}},
            "location_id": None,
            "tags": [],
            "attributes": {"description": ""},
        }
    )

    assert await only(desk) == before
    assert updated.updated_at == before["updated_at"]
    assert await desk.events() == []


# ── What is refused ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("patch", "path", "code"),
    [
        ({"status_id": "first"}, "patch.status_id", "MISMATCH"),
        ({"status_id": "task_status"}, "patch.status_id", "MISMATCH"),
        ({"priority_id": "task_priority"}, "patch.priority_id", "MISMATCH"),
        ({"location_id": "other_location"}, "patch.location_id", "MISMATCH"),
        ({"category_id": "other_category"}, "patch.category_id", "MISMATCH"),
        ({"subcategory_id": "subcategory"}, "patch.subcategory_id", "RULE"),
    ],
)
async def test_what_does_not_fit_the_ticket(desk, update, places, patch, path, code):
    """
    Records that exist but do not fit are a ``ValidationError`` at the field's path, and nothing changes.
    """
    before = await only(desk)

    with pytest.raises(ValidationError) as caught:
        await update({name: str(desk[value]) for name, value in patch.items()} | {"title": "New"})

    assert places(caught.value) == {(path, code)}
    assert await only(desk) == before


async def test_subcategory_of_another_category(desk, update, places):
    """
    It is held against the category that the ticket has, or is given.
    """
    await update({"category_id": str(desk["lone_category"])})

    with pytest.raises(ValidationError) as caught:
        await update({"subcategory_id": str(desk["subcategory"])})

    assert places(caught.value) == {("patch.subcategory_id", "MISMATCH")}


def references(record) -> dict:
    return {
        **{f"{name}_id": str(record(name)) for name in ("priority", "location", "category", "subcategory")},
        "status_id": str(record("open")),
        "assignment": {
            "primary": {"type": "user", "id": str(record("user"))},
            "additional_user_ids": [str(record("helper"))],
        },
    }


ALL_PLACES = {
    "patch.status_id",
    "patch.priority_id",
    "patch.location_id",
    "patch.category_id",
    "patch.subcategory_id",
    "patch.assignment.primary.id",
    "patch.assignment.additional_user_ids[0]",
}


async def test_all_that_is_missing_is_named_at_once(desk, update, places):
    """
    The ticket itself is among it.
    """
    with pytest.raises(NotFoundError) as caught:
        await update(references(lambda _: uuid4()), ticket_id=str(uuid4()))

    assert {path for path, code in places(caught.value) if code == "NOT_FOUND"} == ALL_PLACES | {"ticket_id"}


async def test_another_tenants_records_do_not_exist(desk, foreign_desk, foreign_ticket, update, places):
    """
    Neither its tickets nor what they refer to.
    """
    with pytest.raises(NotFoundError) as caught:
        await update(references(lambda name: foreign_desk[name]), ticket_id=str(foreign_ticket))

    assert {path for path, code in places(caught.value) if code == "NOT_FOUND"} == ALL_PLACES | {"ticket_id"}
    assert (await foreign_desk.rows("tickets"))[0]["title"] == "Elsewhere"


async def test_missing_ticket_alone(desk, update, places):
    """
    What cannot be told without the ticket is not said.
    """
    patch = {"subcategory_id": str(desk["subcategory"]), "location_id": str(desk["location"])}

    with pytest.raises(NotFoundError) as caught:
        await update(patch, ticket_id=str(uuid4()))

    assert places(caught.value) == {("ticket_id", "NOT_FOUND")}


@pytest.mark.parametrize(
    ("patch", "path", "code"),
    [
        ({}, "patch", "RULE"),
        ({"title": ""}, "patch.title", "LENGTH"),
        ({"status_id": None}, "patch.status_id", "TYPE"),
        ({"assignment": None}, "patch.assignment", "TYPE"),
        ({"due_date": "2026-04-01"}, "patch.due_date", "FORMAT"),
        ({"due_date": "soon"}, "patch.due_date", "FORMAT"),
        ({"tags": ["x", " "]}, "patch.tags[1]", "LENGTH"),
        ({"colour": "red"}, "patch.colour", "UNKNOWN_FIELD"),
        (None, "patch", "TYPE"),
    ],
)
async def test_input_that_breaks_its_contract(desk, update, places, patch, path, code):
    """
    At least one field, each of its type.
    """
    with pytest.raises(ValidationError) as caught:
        await update(patch)

    assert places(caught.value) == {(path, code)}


# ── Races ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_expected_updated_at(desk, update):
    """
    A ticket that has changed since it was read is left alone.
    """
    read = (await only(desk))["updated_at"].isoformat()

    await update({"title": "One"}, expected_updated_at=read)
    with pytest.raises(ConflictError) as caught:
        await update({"title": "Two"}, expected_updated_at=read)

    row = await only(desk)
    assert row["title"] == "One"
    assert datetime.fromisoformat(caught.value.details["actual_updated_at"]) == row["updated_at"]


async def test_who_reads_the_same_ticket(desk, update):
    """
    Of those who change it at the same time, one gets through.
    """
    read = (await only(desk))["updated_at"].isoformat()

    results = await asyncio.gather(
        *(update({"title": f"By {n}"}, expected_updated_at=read) for n in range(5)), return_exceptions=True
    )

    assert sorted(type(result).__name__ for result in results) == ["ConflictError"] * 4 + ["UpdatedTicket"]
    assert len(await desk.events()) == 1


async def test_changes_at_the_same_time_do_not_undo_each_other(desk, update):
    """
    Each adds its attribute to what the others have written; every change is later than the one before.
    """
    updated = await asyncio.gather(*(update({"attributes": {f"a{n}": n}}) for n in range(5)))

    row = await only(desk)
    assert row["attributes"] == {"description": "", **{f"a{n}": n for n in range(5)}}
    assert row["updated_at"] == max(one.updated_at for one in updated)
    assert len({one.updated_at for one in updated}) == 5


# ── The same key ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_key_changes_once(desk, opened, update):
    """
    The second call answers what the first did, whatever it says itself, and nothing happens again.
    """
    first = await update({"title": "One"}, idempotency_key="k")
    await update({"title": "Two"})

    again = await update({"title": "Three"}, idempotency_key=" k ", ticket_id=str(uuid4()))

    assert again == first
    assert (await only(desk))["title"] == "Two"
    assert len(await desk.events()) == 2


async def test_the_same_key_at_the_same_time(desk, update):
    """
    One changes the ticket, the others answer what it did.
    """
    updated = await asyncio.gather(*(update({"title": f"By {n}"}, idempotency_key="k") for n in range(5)))

    assert len(set(updated)) == 1
    assert len(await desk.events()) == 1


async def test_a_key_is_free_after_a_refusal(desk, update):
    """
    What was refused did not use its key.
    """
    with pytest.raises(NotFoundError):
        await update({"status_id": str(UUID(int=1))}, idempotency_key="k")

    await update({"title": "One"}, idempotency_key="k")

    assert (await only(desk))["title"] == "One"


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_a_due_date_beyond_the_years(desk, opened, moment):
    """Moments that are in no year from 1 to 9999 are refused, as everywhere."""
    with pytest.raises(ValidationError) as caught:
        await desk.run("tickets.update_fields", {"ticket_id": str(opened), "patch": {"due_date": moment}})
    assert [(error.path, error.code) for error in caught.value.errors] == [("patch.due_date", "RANGE")]
