"""``tickets.find``: by every name that a ticket has, and what it gives beside it."""

from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError


async def find(desk, **given):
    return await desk.run("tickets.find", given)


@pytest.fixture
async def known(desk, ticket):
    """A ticket with everything, and its number."""
    given = ticket(
        contact_id=desk["contact"],
        location_id=desk["location"],
        category_id=desk["category"],
        subcategory_id=desk["subcategory"],
        assignment={"primary": {"type": "team", "id": str(desk["team"])}},
        description="It burns.",
        custom_fields={"rack": "B4"},
        attributes={"external_ref": "alert-1"},
    )
    return await desk.run("tickets.create", given)


async def test_with_the_names_of_what_it_refers_to(desk, known):
    """
    A ticket is given with the ids and names of all that it refers to, and without its attributes unless asked for.
    """
    found = await find(desk, ticket_id=str(known.ticket_id))

    (row,) = await desk.rows("tickets")
    ticket = found.ticket
    assert (ticket.ticket_number, ticket.title, ticket.is_closed) == ("TIC001000", "Printer on fire", False)
    assert (ticket.client_id, ticket.client_name, ticket.company_id) == (desk["client"], "client", desk["client"])
    assert (ticket.contact_name_id, ticket.contact_name) == (desk["contact"], "contact")
    assert (ticket.board_id, ticket.board_name) == (desk["board"], "Support")
    assert (ticket.status_id, ticket.status_name) == (desk["open"], "open")
    assert (ticket.priority_id, ticket.priority_name) == (desk["priority"], "priority")
    assert (ticket.category_name, ticket.subcategory_name) == ("Hardware", "subcategory")
    assert (ticket.assigned_to, ticket.assigned_to_name) == (desk["lead"], "lead")
    assert (ticket.assigned_team_id, ticket.location_id) == (desk["team"], desk["location"])
    assert (ticket.entered_at, ticket.updated_at, ticket.closed_at) == (row["entered_at"], row["updated_at"], None)
    assert (ticket.attributes, found.comments, found.comments_meta) == (None, None, None)


async def test_name_of_a_person(desk, known):
    """
    An assigned user is called by first and last name where there is one.
    """
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("UPDATE users SET first_name = 'Glinda' WHERE user_id = $1", desk["lead"])

    found = await find(desk, ticket_id=str(known.ticket_id))

    assert found.ticket.assigned_to_name == "Glinda"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"ticket_number": "TIC001000"}, True),
        ({"ticket_number": " TIC001000 "}, True),
        ({"external_ref": "alert-1"}, True),
        ({"ticket_number": "TIC001000", "external_ref": "other"}, True),
        ({"ticket_number": "TIC001001", "external_ref": "alert-1"}, False),
        ({"external_ref": "alert"}, False),
        ({"ticket_number": "1000"}, False),
    ],
)
async def test_names(desk, known, given, found):
    """
    The first name of a ticket that is given decides, and has to be whole.
    """
    answer = await find(desk, **given)

    assert (answer.ticket is not None) == found


@pytest.mark.parametrize("name", ["attributes", "custom_fields"])
async def test_attributes(desk, known, name):
    """
    Under either of their names.
    """
    found = await find(desk, ticket_number="TIC001000", include={name: True})

    assert found.ticket.attributes == {
        "description": "It burns.",
        "custom_fields": {"rack": "B4"},
        "external_ref": "alert-1",
    }


async def test_open_ticket_of_a_reference(desk, ticket):
    """
    Of tickets with one external reference, an open one goes before a newer closed one, then the newest.
    """
    attributes = {"attributes": {"external_ref": "alert-1"}}
    created = [
        await desk.run("tickets.create", ticket(**attributes)),
        await desk.run("tickets.create", ticket(**attributes)),
        await desk.run("tickets.create", ticket(**attributes, status_id=desk["closed"])),
    ]

    found = await find(desk, external_ref="alert-1")

    assert found.ticket.ticket_id == created[1].ticket_id


async def test_the_index_of_references_serves(desk, known):
    """
    Row-level security does not keep the index from being used.
    """
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("SET LOCAL enable_seqscan = off")
        plan = await conn.fetch(
            "EXPLAIN SELECT * FROM tickets WHERE tenant = $1 AND external_ref = $2", desk.tenant, "x"
        )

    assert any("tickets_by_external_ref" in line[0] for line in plan)
    assert not any("Filter" in line[0] and "external_ref" in line[0] for line in plan)


async def test_comments(desk, known):
    """
    In either order, up to the limit, with their number; what was deleted or is not yet published is not among them.
    """
    ticket_id = str(known.ticket_id)
    for body in ("one", "two", "three", "gone", "draft"):
        await desk.run("tickets.add_comment", {"ticket_id": ticket_id, "body": body, "visibility": "internal"})
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("UPDATE comments SET deleted_at = now() WHERE note = 'gone'")
        await conn.execute("UPDATE comments SET publish_state = 'draft' WHERE note = 'draft'")

    oldest = await find(desk, ticket_id=ticket_id, include={"comments": True, "comments_limit": 2})
    newest = await find(desk, ticket_id=ticket_id, include={"comments": True, "comments_order": "desc"})

    assert [comment.note for comment in oldest.comments] == ["one", "two"]
    assert [comment.note for comment in newest.comments] == ["three", "two", "one"]
    assert (oldest.comments[0].is_internal, oldest.comments[0].author_type) == (True, "internal")
    meta = [
        (one.comments_meta.total_count, one.comments_meta.returned_count, one.comments_meta.truncated)
        for one in (oldest, newest)
    ]
    assert meta == [(3, 2, True), (3, 3, False)]


async def test_no_comments(desk, known):
    """
    An empty list, and a count of nothing.
    """
    found = await find(desk, ticket_number="TIC001000", include={"comments": True})

    assert (found.comments, found.comments_meta.total_count, found.comments_meta.truncated) == ((), 0, False)


async def test_nothing_found(desk):
    """
    Null, or an error for those who want one.
    """
    found = await find(desk, ticket_id=str(uuid4()), include={"comments": True})
    with pytest.raises(NotFoundError) as caught:
        await find(desk, ticket_number="X", on_not_found="error")

    assert (found.ticket, found.comments, found.comments_meta) == (None, None, None)
    assert caught.value.details == {"matched_by": "ticket_number"}


async def test_another_tenants_ticket(desk, foreign_desk, known):
    """
    Nobody finds what another tenant has.
    """
    for given in (
        {"ticket_id": str(known.ticket_id)},
        {"ticket_number": known.ticket_number},
        {"external_ref": "alert-1"},
    ):
        assert (await find(foreign_desk, **given)).ticket is None


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, ""),
        ({"ticket_id": None, "ticket_number": None}, ""),
        ({"ticket_id": "42"}, "ticket_id"),
        ({"ticket_number": " "}, "ticket_number"),
        ({"ticket_number": "x", "include": {"comments_limit": 201}}, "include.comments_limit"),
        ({"ticket_number": "x", "include": {"comments_limit": 0}}, "include.comments_limit"),
        ({"ticket_number": "x", "include": {"comments_order": "up"}}, "include.comments_order"),
        ({"ticket_number": "x", "on_not_found": "ignore"}, "on_not_found"),
    ],
)
async def test_input_that_breaks_its_contract(desk, given, path):
    """
    At least one name, each of its type.
    """
    with pytest.raises(ValidationError) as caught:
        await find(desk, **given)

    assert [error.path for error in caught.value.errors] == [path]
