"""``tickets.create``: what it writes, what it refuses, and what the same key does twice."""

import asyncio
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from workflow_core.errors import ConflictError, NotFoundError, ValidationError
from workflow_core.schema import convert
from workflow_psa.tickets.create import create_ticket
from workflow_psa.tickets.shapes import CreatedTicket, CreateTicket


async def create(desk, given, **options) -> CreatedTicket:
    return await desk.run("tickets.create", given, **options)


@asynccontextmanager
async def rolled_back(conn):
    """A part of a transaction that comes to nothing."""
    savepoint = conn.transaction()
    await savepoint.start()
    yield
    await savepoint.rollback()


def places(error) -> set[tuple[str, str]]:
    return {(problem["path"], problem["code"]) for problem in error.details["errors"]}


# ── What is written ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_minimal(desk, ticket):
    """
    Only what is required: the board's default status, the first number, nobody assigned, an empty description.
    """
    created = await create(desk, ticket())

    (row,) = await desk.rows("tickets")
    assert created == CreatedTicket(
        ticket_id=row["ticket_id"],
        ticket_number="TIC001000",
        url=None,
        created_at=row["entered_at"],
        status_id=desk["open"],
        priority_id=desk["priority"],
    )
    assert abs(datetime.now(UTC) - created.created_at) < timedelta(minutes=5)
    assert {
        "ticket_number": "TIC001000",
        "title": "Printer on fire",
        "client_id": desk["client"],
        "board_id": desk["board"],
        "status_id": desk["open"],
        "priority_id": desk["priority"],
        "attributes": {"description": ""},
        "entered_by": None,
        "assigned_to": None,
        "assigned_team_id": None,
        "is_closed": False,
        "closed_at": None,
        "source": "workflow",
        "ticket_origin": "internal",
    }.items() <= row.items()
    assert [
        await desk.rows(table) for table in ("comments", "comment_threads", "tag_mappings", "ticket_resources")
    ] == [
        [],
        [],
        [],
        [],
    ]


async def test_everything(desk, ticket):
    """
    Every input ends in its place, in the name of the actor.
    """
    given = ticket(
        title="  Printer on fire  ",
        description="It burns.",
        contact_id=desk["contact"],
        location_id=desk["location"],
        status_id=desk["new"],
        category_id=desk["category"],
        subcategory_id=desk["subcategory"],
        assignment={
            "primary": {"type": "user", "id": str(desk["user"])},
            "additional_user_ids": [str(desk["helper"]), str(desk["helper"]), str(desk["user"]), str(desk["lead"])],
        },
        tags=["fire", " printer ", "fire"],
        custom_fields={"rack": "B4", "count": 2},
        attributes={"external_ref": "alert-1"},
        initial_comment={"body": "Bring water.", "visibility": "internal"},
    )
    created = await create(desk, given, actor=desk["lead"])

    (row,) = await desk.rows("tickets")
    assert {
        "title": "Printer on fire",
        "contact_name_id": desk["contact"],
        "location_id": desk["location"],
        "status_id": desk["new"],
        "category_id": desk["category"],
        "subcategory_id": desk["subcategory"],
        "assigned_to": desk["user"],
        "entered_by": desk["lead"],
        "attributes": {
            "external_ref": "alert-1",
            "description": "It burns.",
            "custom_fields": {"rack": "B4", "count": 2},
        },
    }.items() <= row.items()
    resources = await desk.rows("ticket_resources")
    assert {(r["ticket_id"], r["assigned_to"], r["additional_user_id"]) for r in resources} == {
        (created.ticket_id, desk["user"], desk["helper"]),
        (created.ticket_id, desk["user"], desk["lead"]),
    }
    assert [tag["tag_text"] for tag in await desk.rows("tag_definitions", "tag_text")] == ["fire", "printer"]
    assert {mapping["tagged_id"] for mapping in await desk.rows("tag_mappings")} == {created.ticket_id}
    (thread,) = await desk.rows("comment_threads")
    (comment,) = await desk.rows("comments")
    assert (thread["ticket_id"], thread["root_comment_id"]) == (created.ticket_id, comment["comment_id"])
    assert {
        "ticket_id": created.ticket_id,
        "thread_id": thread["thread_id"],
        "note": "Bring water.",
        "is_internal": True,
        "user_id": desk["lead"],
        "author_type": "internal",
    }.items() <= comment.items()


async def test_null_is_as_good_as_left_out(desk, ticket):
    """
    An expression that finds nothing gives null: every optional input takes it.
    """
    optional = (
        *("description", "contact_id", "location_id", "status_id", "assignment", "category_id", "subcategory_id"),
        *("tags", "custom_fields", "attributes", "initial_comment", "idempotency_key"),
    )

    created = await create(desk, ticket(**dict.fromkeys(optional)))

    (row,) = await desk.rows("tickets")
    assert (row["ticket_id"], row["attributes"]) == (created.ticket_id, {"description": ""})


async def test_first_status_without_default(desk, ticket):
    """
    A board without a default status gives its first one by order.
    """
    created = await create(desk, ticket(board_id=desk["other_board"]))

    assert created.status_id == desk["first"]


async def test_closed_status(desk, ticket):
    """
    A ticket may be created closed: it then says so, and since when.
    """
    await create(desk, ticket(status_id=desk["closed"]), actor=desk["user"])

    (row,) = await desk.rows("tickets")
    assert (row["is_closed"], row["closed_at"], row["closed_by"]) == (True, row["entered_at"], desk["user"])


async def test_unknown_actor(desk, ticket):
    """
    An actor who is no user (any more) does not keep a ticket from being created.
    """
    await create(desk, ticket(initial_comment={"body": "Hello"}), actor=uuid4())

    (row,) = await desk.rows("tickets")
    (comment,) = await desk.rows("comments")
    assert (row["entered_by"], comment["user_id"], comment["is_internal"]) == (None, None, False)


@pytest.mark.parametrize(
    ("primary", "user", "team"),
    [
        (("user", "user"), "user", None),
        (("team", "team"), "lead", "team"),
        (("team", "leaderless"), None, "leaderless"),
        (("queue", "other_board"), "user", None),
        (("queue", "board"), None, None),
        (None, None, None),
    ],
)
async def test_assignment(desk, ticket, primary, user, team):
    """
    A user, a team with its lead, or a queue: the board's default user.
    """
    chosen = {"type": primary[0], "id": str(desk[primary[1]])} if primary else None

    await create(desk, ticket(assignment={"primary": chosen}))

    (row,) = await desk.rows("tickets")
    assert (row["assigned_to"], row["assigned_team_id"]) == (
        desk[user] if user else None,
        desk[team] if team else None,
    )


async def test_description_among_attributes(desk, ticket):
    """
    ``description`` wins over an attribute of that name, unless it is empty.
    """
    await create(desk, ticket(attributes={"description": "theirs"}))
    await create(desk, ticket(attributes={"description": "theirs"}, description="ours"))

    rows = await desk.rows("tickets", "ticket_number")
    assert [row["attributes"]["description"] for row in rows] == ["theirs", "ours"]


async def test_known_tags_are_used_again(desk, ticket):
    """
    A tag is defined once, however many tickets have it.
    """
    await create(desk, ticket(tags=["a", "b"]))
    await create(desk, ticket(tags=["b", "c"]))

    assert [tag["tag_text"] for tag in await desk.rows("tag_definitions", "tag_text")] == ["a", "b", "c"]
    assert len(await desk.rows("tag_mappings")) == 4


async def test_three_statements_in_the_usual_case(desk, ticket):
    """
    One to look up, one to write, one for the event; tags and a key cost one more each.
    """
    counts = []
    async with desk.db.tenant(desk.tenant) as conn:
        for more in ({}, {}, {"tags": ["a"]}, {"idempotency_key": "k"}):
            seen = []
            with conn.query_logger(seen.append):
                await create_ticket(convert(CreateTicket, ticket(**more)), desk.context(conn))
                await asyncio.sleep(0)  # the logger is called in the loop's next turn
            counts.append(len(seen))

    # asyncpg asks for the types of a connection's first statement
    assert counts[1:] == [3, 4, 4]


# ── What it says ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_event(desk, ticket):
    """
    ``TICKET_CREATED`` tells the new ticket, keyed by its id; nobody was assigned, so that is all.
    """
    created = await create(desk, ticket(contact_id=desk["contact"]), actor=desk["lead"])

    ((name, key, payload),) = await desk.events()
    assert (name, key) == ("TICKET_CREATED", str(created.ticket_id))
    assert payload == {
        "tenantId": str(desk.tenant),
        "occurredAt": payload["createdAt"],
        "actorUserId": str(desk["lead"]),
        "actorType": "USER",
        "ticketId": str(created.ticket_id),
        "ticketNumber": "TIC001000",
        "title": "Printer on fire",
        "clientId": str(desk["client"]),
        "contactId": str(desk["contact"]),
        "boardId": str(desk["board"]),
        "statusId": str(desk["open"]),
        "priorityId": str(desk["priority"]),
        "assignedToUserId": None,
        "assignedTeamId": None,
        "createdByUserId": str(desk["lead"]),
        "createdAt": payload["createdAt"],
    }
    assert datetime.fromisoformat(payload["createdAt"]) == created.created_at


async def test_event_of_an_assigned_ticket(desk, ticket):
    """
    ``TICKET_ASSIGNED`` as well; a first comment is part of the ticket and no event.
    """
    assignment = {"primary": {"type": "team", "id": str(desk["team"])}}

    await create(desk, ticket(assignment=assignment, initial_comment={"body": "x"}))

    events = await desk.events()
    assert [name for name, _, _ in events] == ["TICKET_CREATED", "TICKET_ASSIGNED"]
    assert {
        "previousAssigneeId": None,
        "newAssigneeId": str(desk["team"]),
        "newAssigneeType": "team",
        "assignedToUserId": str(desk["lead"]),
    }.items() <= events[1][2].items()


async def test_no_event_of_what_did_not_happen(desk, ticket):
    """
    Neither a refusal nor the same key says anything; nor does a transaction that rolls back.
    """
    with pytest.raises(NotFoundError):
        await create(desk, ticket(board_id=uuid4()))
    async with desk.db.tenant(desk.tenant) as conn, rolled_back(conn):
        await create_ticket(convert(CreateTicket, ticket()), desk.context(conn))
    assert await desk.events() == []

    for _ in range(2):
        await create(desk, ticket(idempotency_key="k"))

    assert len(await desk.events()) == 1


# ── What is refused ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "name", "code"),
    [
        ("contact_id", "other_contact", "MISMATCH"),
        ("location_id", "other_location", "MISMATCH"),
        ("board_id", "old_board", "INACTIVE"),
        ("board_id", "bare_board", "RULE"),
        ("status_id", "first", "MISMATCH"),
        ("status_id", "task_status", "MISMATCH"),
        ("priority_id", "task_priority", "MISMATCH"),
        ("category_id", "other_category", "MISMATCH"),
        ("subcategory_id", "subcategory", "RULE"),
    ],
)
async def test_what_does_not_go_together(desk, ticket, field, name, code):
    """
    Records that exist but do not fit are a ``ValidationError`` at the field's path.
    """
    with pytest.raises(ValidationError) as caught:
        await create(desk, ticket(**{field: desk[name]}))

    assert places(caught.value) == {(field, code)}
    assert [(error.path, error.code) for error in caught.value.errors] == [(field, code)]


async def test_subcategory_of_another_category(desk, ticket):
    """
    A subcategory must be below the category that is given.
    """
    with pytest.raises(ValidationError) as caught:
        await create(desk, ticket(category_id=desk["lone_category"], subcategory_id=desk["subcategory"]))

    assert places(caught.value) == {("subcategory_id", "MISMATCH")}


@pytest.mark.parametrize(
    ("primary", "additional", "expected"),
    [
        (("user", "gone"), [], {("assignment.primary.id", "INACTIVE")}),
        (("queue", "old_board"), [], {("assignment.primary.id", "INACTIVE")}),
        (("user", "user"), ["gone"], {("assignment.additional_user_ids[0]", "INACTIVE")}),
        (("team", "leaderless"), ["user"], {("assignment.additional_user_ids", "RULE")}),
        (None, ["user"], {("assignment.additional_user_ids", "RULE")}),
    ],
)
async def test_assignment_that_does_not_serve(desk, ticket, primary, additional, expected):
    """
    Inactive people get no tickets, and helpers need somebody to help.
    """
    chosen = {"type": primary[0], "id": str(desk[primary[1]])} if primary else None
    assignment = {"primary": chosen, "additional_user_ids": [str(desk[name]) for name in additional]}

    with pytest.raises(ValidationError) as caught:
        await create(desk, ticket(assignment=assignment))

    assert places(caught.value) == expected


ALL_REFERENCES = {
    "client_id",
    "board_id",
    "status_id",
    "priority_id",
    "contact_id",
    "location_id",
    "category_id",
    "subcategory_id",
    "assignment.primary.id",
    "assignment.additional_user_ids[0]",
}


def all_references(record) -> dict:
    """An input in which every reference is what ``record`` says for its name."""
    plain = ("client", "board", "priority", "contact", "location", "category", "subcategory")
    return {
        **{f"{name}_id": record(name) for name in plain},
        "status_id": record("open"),
        "assignment": {
            "primary": {"type": "user", "id": str(record("user"))},
            "additional_user_ids": [str(record("helper"))],
        },
    }


async def test_all_that_is_missing_is_named_at_once(desk, ticket):
    """
    A ``NotFoundError`` has a path for every reference that leads nowhere.
    """
    with pytest.raises(NotFoundError) as caught:
        await create(desk, ticket(**all_references(lambda _: uuid4())))

    missing = {path for path, code in places(caught.value) if code == "NOT_FOUND"}
    assert missing == ALL_REFERENCES


@pytest.mark.parametrize("kind", ["user", "team", "queue"])
async def test_missing_assignee(desk, ticket, kind):
    """
    Each kind of assignee is looked up among its own.
    """
    with pytest.raises(NotFoundError) as caught:
        await create(desk, ticket(assignment={"primary": {"type": kind, "id": str(desk["client"])}}))

    assert places(caught.value) == {("assignment.primary.id", "NOT_FOUND")}


async def test_another_tenants_records_do_not_exist(desk, foreign_desk, ticket):
    """
    Ids of another tenant are as unknown as any.
    """
    with pytest.raises(NotFoundError) as caught:
        await create(desk, ticket(**all_references(lambda name: foreign_desk[name])))

    missing = {path for path, code in places(caught.value) if code == "NOT_FOUND"}
    assert missing == ALL_REFERENCES


async def test_a_refusal_writes_nothing(desk, ticket):
    """
    Neither a ticket nor a tag, and no number is used up.
    """
    with pytest.raises(NotFoundError):
        await create(desk, ticket(priority_id=uuid4(), tags=["x"], idempotency_key="k"))

    tables = ("tickets", "tag_definitions", "next_number", "workflow_idempotency_keys")
    assert [await desk.rows(table) for table in tables] == [[], [], [], []]


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"title": "  "}, "title", "LENGTH"),
        ({"title": None}, "title", "TYPE"),
        ({"client_id": "42"}, "client_id", "FORMAT"),
        ({"priority_id": None}, "priority_id", "TYPE"),
        ({"tags": ["x", ""]}, "tags[1]", "LENGTH"),
        ({"assignment": {"primary": {"type": "group", "id": str(UUID(int=1))}}}, "assignment.primary.type", "CHOICE"),
        ({"initial_comment": {"body": "x", "visibility": "secret"}}, "initial_comment.visibility", "CHOICE"),
        ({"custom_fields": [1]}, "custom_fields", "TYPE"),
        ({"colour": "red"}, "colour", "UNKNOWN_FIELD"),
    ],
)
async def test_input_that_breaks_its_contract(desk, ticket, change, path, code):
    """
    The contract is checked before the database is asked.
    """
    with pytest.raises(ValidationError) as caught:
        await create(desk, ticket() | change)

    assert places(caught.value) == {(path, code)}


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_numbers_of_concurrent_tickets(desk, ticket):
    """
    Tickets that are created at the same time get numbers of their own, without a gap.
    """
    created = await asyncio.gather(*(create(desk, ticket(tags=["x", str(i % 3)])) for i in range(12)))

    assert sorted(one.ticket_number for one in created) == [f"TIC{n:06}" for n in range(1000, 1012)]


async def test_number_of_a_ticket_that_failed(desk, ticket):
    """
    A transaction that rolls back gives its number back.
    """
    async with desk.db.tenant(desk.tenant) as conn, rolled_back(conn):
        await create_ticket(convert(CreateTicket, ticket()), desk.context(conn))

    assert (await create(desk, ticket())).ticket_number == "TIC001000"


async def test_number_as_the_tenant_wants_it(desk, ticket):
    """
    Prefix, first number and width are the tenant's; a number that outgrows the width is not cut.
    """
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute(
            "INSERT INTO next_number (tenant, entity_type, last_number, initial_value, prefix, padding_length) "
            "VALUES ($1, 'TICKET', 0, 99, 'T-', 2)",
            desk.tenant,
        )

    numbers = [(await create(desk, ticket())).ticket_number for _ in range(2)]

    assert numbers == ["T-99", "T-100"]


async def test_tenants_count_for_themselves(desk, foreign_desk, ticket):
    """
    The other tenant's tickets do not move our numbers, and nobody sees the other's tickets.
    """
    await create(desk, ticket())
    there = {
        "client_id": str(foreign_desk["client"]),
        "title": "Elsewhere",
        "board_id": str(foreign_desk["board"]),
        "priority_id": str(foreign_desk["priority"]),
    }

    created = await create(foreign_desk, there)

    assert created.ticket_number == "TIC001000"
    assert [row["title"] for row in await desk.rows("tickets")] == ["Printer on fire"]


# ── The same key ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_key_answers_the_first_ticket(desk, ticket):
    """
    Whatever else the second call says, and even when it would be refused by now.
    """
    first = await create(desk, ticket(idempotency_key="alert 7"))
    again = await create(desk, ticket(idempotency_key=" alert 7 ", title="Another", client_id=uuid4()))

    assert again == first
    assert len(await desk.rows("tickets")) == 1


async def test_other_keys_other_tenants(desk, foreign_desk, ticket):
    """
    A key is one tenant's, and different keys have nothing to do with each other.
    """
    long = "x" * 5000
    there = ticket(idempotency_key=long) | {
        name: str(foreign_desk[name.removesuffix("_id")]) for name in ("client_id", "board_id", "priority_id")
    }

    created = [
        await create(desk, ticket(idempotency_key=long)),
        await create(desk, ticket(idempotency_key=long + "y")),
        await create(foreign_desk, there),
    ]

    assert len({one.ticket_id for one in created}) == 3


async def test_the_same_key_at_the_same_time(desk, ticket):
    """
    Of calls that race for a key, one creates and the others answer its ticket.
    """
    created = await asyncio.gather(*(create(desk, ticket(idempotency_key="k")) for _ in range(6)))

    assert len({one.ticket_id for one in created}) == 1
    assert len(await desk.rows("tickets")) == 1


async def test_a_key_is_free_after_a_refusal(desk, ticket):
    """
    What was refused did not use its key.
    """
    with pytest.raises(NotFoundError):
        await create(desk, ticket(idempotency_key="k", board_id=uuid4()))

    created = await create(desk, ticket(idempotency_key="k"))

    assert created.ticket_number == "TIC001000"


async def test_the_first_ticket_has_been_deleted(desk, ticket):
    """
    The key acts once: it does not bring a deleted ticket back, and says so.
    """
    await create(desk, ticket(idempotency_key="k"))
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("DELETE FROM tickets")

    with pytest.raises(ConflictError):
        await create(desk, ticket(idempotency_key="k"))


def endless(length=3000):
    """A text that compresses badly, as an index sees it."""
    letters = random.Random(length)
    return "".join(chr(letters.randrange(0x4E00, 0x9FFF)) for _ in range(length))


@pytest.mark.parametrize(
    ("change", "path"),
    [({"tags": ["ok", endless()]}, "tags[1]"), ({"attributes": {"external_ref": endless()}}, "")],
)
async def test_what_no_index_takes(desk, ticket, change, path):
    """Words that a ticket is found by have a length."""
    with pytest.raises(ValidationError) as caught:
        await desk.run("tickets.create", ticket(**change))
    assert places(caught.value) == {(path, "LENGTH")}


async def test_the_longest_words(desk, ticket):
    """What is just short enough is stored and found."""
    reference = endless(512)
    given = ticket(tags=[endless(256)], attributes={"external_ref": reference})
    created = await create(desk, given)
    found = await desk.run("tickets.find", {"external_ref": reference})
    assert found.ticket.ticket_id == created.ticket_id


# ── What it is about ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def causes(desk) -> dict[str, UUID]:
    """An asset of the client, one of another client, and an alert."""
    ids = {}
    for name, client in (("asset", "client"), ("other_asset", "other_client")):
        row = {"name": name, "asset_tag": name, "status": "active", "client_id": desk[client]}
        ids[name] = await desk.insert("assets", "asset_id", row)
    integration = await desk.insert("rmm_integrations", "integration_id", {"provider": "acme", "is_active": True})
    row = {"integration_id": integration, "external_alert_id": "a", "severity": "none"}
    ids["alert"] = await desk.insert("rmm_alerts", "alert_id", row)
    return ids


async def test_a_ticket_is_linked_to_asset_and_alert(desk, ticket, causes):
    """The asset is affected by it; the alert names it, and as long as one is open, an open one."""

    async def alert() -> tuple[UUID | None, UUID | None]:
        (row,) = await desk.rows("rmm_alerts")
        return row["ticket_id"], row["open_ticket_id"]

    about = {"asset_id": str(causes["asset"]), "alert_id": str(causes["alert"])}
    first = (await desk.run("tickets.create", ticket(**about), actor=desk["user"])).ticket_id
    (association,) = await desk.rows("asset_associations")
    assert (association["asset_id"], association["entity_id"], association["entity_type"]) == (
        causes["asset"],
        first,
        "ticket",
    )
    assert (association["relationship_type"], association["created_by"]) == ("affected", desk["user"])
    assert await alert() == (first, first)
    second = (await desk.run("tickets.create", ticket(**about))).ticket_id
    assert await alert() == (second, second)
    await desk.run("tickets.close", {"ticket_id": str(second), "resolution": {"code": "fixed"}})
    assert await alert() == (second, first)
    await desk.run("tickets.close", {"ticket_id": str(first), "resolution": {"code": "fixed"}})
    assert await alert() == (second, None)
    await desk.run("tickets.update_fields", {"ticket_id": str(first), "patch": {"status_id": str(desk["open"])}})
    assert await alert() == (second, first)
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("DELETE FROM tickets WHERE tenant = $1 AND ticket_id = $2", desk.tenant, first)
    assert await alert() == (second, None)
    closed = ticket(**about, status_id=desk["closed"])
    third = (await desk.run("tickets.create", closed)).ticket_id
    assert await alert() == (third, None)


async def test_asset_and_alert_have_to_be_there(desk, foreign_desk, ticket, causes):
    """Of this tenant, and the asset of the ticket's client; nothing is written."""
    with pytest.raises(NotFoundError) as refused:
        await desk.run("tickets.create", ticket(asset_id=uuid4(), alert_id=uuid4()))
    assert places(refused.value) == {("asset_id", "NOT_FOUND"), ("alert_id", "NOT_FOUND")}
    with pytest.raises(ValidationError) as mismatch:
        await desk.run("tickets.create", ticket(asset_id=causes["other_asset"]))
    assert places(mismatch.value) == {("asset_id", "MISMATCH")}
    names = ("client_id", "board_id", "priority_id")
    given = {name: str(foreign_desk[name.removesuffix("_id")]) for name in names} | {"title": "Elsewhere"}
    with pytest.raises(NotFoundError) as foreign:
        await foreign_desk.run("tickets.create", {**given, **{f"{n}_id": str(causes[n]) for n in ("asset", "alert")}})
    assert places(foreign.value) == {("asset_id", "NOT_FOUND"), ("alert_id", "NOT_FOUND")}
    assert await desk.rows("tickets") == []
