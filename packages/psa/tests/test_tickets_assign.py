"""``tickets.assign``: who works on a ticket, what it says, and when it does nothing."""

import asyncio
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError


@pytest.fixture
def assign(desk, opened):
    """Assigns the opened ticket, which is the user's."""

    async def run(kind, name, *additional, actor=None, **more):
        assignment = {
            "primary": {"type": kind, "id": str(desk.ids.get(name, name))},
            "additional_user_ids": [str(desk.ids.get(one, one)) for one in additional],
        }
        given = {"ticket_id": str(opened), "assignment": assignment} | more
        return await desk.run("tickets.assign", given, actor=actor)

    return run


async def only(desk) -> dict:
    (row,) = await desk.rows("tickets")
    return row


@pytest.mark.parametrize(
    ("kind", "name", "user", "team"),
    [("user", "lead", "lead", None), ("team", "team", "lead", "team"), ("team", "leaderless", None, "leaderless")],
)
async def test_kinds(desk, opened, assign, kind, name, user, team):
    """
    A user, or a team with its lead.
    """
    assigned = await assign(kind, name, actor=desk["helper"])

    row = await only(desk)
    assert (row["assigned_to"], row["assigned_team_id"]) == (user and desk[user], team and desk[team])
    assert row["updated_by"] == desk["helper"]
    assert (assigned.ticket_id, assigned.assigned_type, assigned.assigned_id) == (opened, kind, desk[name])
    assert (assigned.assigned_to, assigned.updated_at) == (row["assigned_to"], row["updated_at"])


async def test_queue(desk, assign):
    """
    A board's default user; the ticket stays on its own board.
    """
    await assign("user", "lead")

    assigned = await assign("queue", "other_board")

    row = await only(desk)
    assert (assigned.assigned_type, assigned.assigned_id) == ("queue", desk["other_board"])
    assert (row["assigned_to"], row["board_id"]) == (desk["user"], desk["board"])


async def test_additional_users_replace_the_former(desk, assign):
    """
    Each once, without the one who is responsible.
    """
    await assign("user", "user", "helper")

    await assign("user", "lead", "user", "user", "lead")

    rows = await desk.rows("ticket_resources")
    assert [(row["assigned_to"], row["additional_user_id"]) for row in rows] == [(desk["lead"], desk["user"])]


async def test_comment_and_event(desk, opened, assign):
    """
    An internal comment that keeps the reason; both are told, keyed by the ticket.
    """
    await assign("user", "lead", actor=desk["helper"], reason="Too late", comment={"body": "Please look."})

    (comment,) = await desk.rows("comments")
    assert (comment["note"], comment["is_internal"], comment["user_id"]) == ("Please look.", True, desk["helper"])
    assert comment["metadata"] == {
        "source": "workflow",
        "run_id": None,
        "step_path": "root.steps[0]",
        "reason": "Too late",
    }
    events = await desk.events()
    assert [(name, key) for name, key, _ in events] == [
        ("TICKET_ASSIGNED", str(opened)),
        ("TICKET_COMMENT_ADDED", str(opened)),
    ]
    assert {
        "previousAssigneeId": str(desk["user"]),
        "previousAssigneeType": "user",
        "newAssigneeId": str(desk["lead"]),
        "newAssigneeType": "user",
        "assignedByUserId": str(desk["helper"]),
        "reason": "Too late",
    }.items() <= events[0][2].items()
    assert (events[1][2]["commentId"], events[1][2]["visibility"]) == (str(comment["comment_id"]), "internal")


async def test_public_comment(desk, assign):
    """
    Where the step says so.
    """
    await assign("user", "lead", comment={"body": "Lead looks at it.", "visibility": "public"})

    (comment,) = await desk.rows("comments")
    assert comment["is_internal"] is False


async def test_assigned_already(desk, assign):
    """
    Then nothing is done and nothing has happened, not even a comment.
    """
    await assign("user", "user", "helper")
    before, events = await only(desk), await desk.events()

    assigned = await assign("user", "user", "helper", comment={"body": "x"})

    assert await only(desk) == before
    assert (assigned.updated_at, assigned.assigned_to) == (before["updated_at"], desk["user"])
    assert (await desk.rows("comments"), await desk.events()) == ([], events)


async def test_assigned_already_but_done_anyway(desk, assign):
    """
    Where the step wants it, the comment is written.
    """
    before = await only(desk)

    assigned = await assign("user", "user", comment={"body": "x"}, no_op_if_already_assigned=False)

    assert assigned.updated_at > before["updated_at"]
    assert len(await desk.rows("comments")) == 1


async def test_other_helpers_are_another_assignment(desk, assign):
    """
    The same user with somebody else to help is not the same.
    """
    await assign("user", "user", "helper")
    await assign("user", "user", "lead")
    await assign("user", "user")

    assert await desk.rows("ticket_resources") == []
    assert len(await desk.events()) == 3


@pytest.mark.parametrize(
    ("kind", "name", "additional", "expected"),
    [
        ("user", "gone", [], {("assignment.primary.id", "INACTIVE")}),
        ("queue", "old_board", [], {("assignment.primary.id", "INACTIVE")}),
        ("queue", "board", [], {("assignment.primary.id", "RULE")}),
        ("user", "user", ["gone"], {("assignment.additional_user_ids[0]", "INACTIVE")}),
        ("team", "leaderless", ["user"], {("assignment.additional_user_ids", "RULE")}),
    ],
)
async def test_who_does_not_serve(desk, assign, places, kind, name, additional, expected):
    """
    Inactive people, and queues in which nobody is.
    """
    before = await only(desk)

    with pytest.raises(ValidationError) as caught:
        await assign(kind, name, *additional)

    assert places(caught.value) == expected
    assert await only(desk) == before


@pytest.mark.parametrize("kind", ["user", "team", "queue"])
async def test_all_that_is_missing_is_named_at_once(desk, foreign_desk, assign, places, foreign_ticket, kind):
    """
    Another tenant's records do not exist any more than random ids.
    """
    theirs = {"user": "user", "team": "team", "queue": "board"}[kind]
    for ticket_id, primary, additional in (
        (uuid4(), uuid4(), uuid4()),
        (foreign_ticket, foreign_desk[theirs], foreign_desk["helper"]),
    ):
        with pytest.raises(NotFoundError) as caught:
            await assign(kind, primary, additional, ticket_id=str(ticket_id))

        assert {path for path, code in places(caught.value) if code == "NOT_FOUND"} == {
            "ticket_id",
            "assignment.primary.id",
            "assignment.additional_user_ids[0]",
        }
    assert await desk.events() == []


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"assignment": {}}, "assignment.primary", "REQUIRED"),
        ({"assignment": {"primary": None}}, "assignment.primary", "TYPE"),
        ({"assignment": {"primary": {"type": "group", "id": str(uuid4())}}}, "assignment.primary.type", "CHOICE"),
        ({"comment": {"body": " "}}, "comment.body", "LENGTH"),
        ({"comment": {"body": "x", "visibility": "secret"}}, "comment.visibility", "CHOICE"),
        ({"no_op_if_already_assigned": "yes"}, "no_op_if_already_assigned", "TYPE"),
    ],
)
async def test_input_that_breaks_its_contract(desk, assign, places, change, path, code):
    """
    Somebody has to be responsible.
    """
    with pytest.raises(ValidationError) as caught:
        await assign("user", "lead", **change)

    assert places(caught.value) == {(path, code)}


async def test_at_the_same_time(desk, assign):
    """
    Of those who assign it alike, one does and the others find it done.
    """
    await asyncio.gather(*(assign("user", "lead", "helper", comment={"body": "x"}) for _ in range(5)))

    assert len(await desk.rows("comments")) == 1
    assert [name for name, _, _ in await desk.events()] == ["TICKET_ASSIGNED", "TICKET_COMMENT_ADDED"]
