"""``tickets.close``: the status that is left, the resolution, the notes, and what it says."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest

from workflow_core.errors import ConflictError, NotFoundError, ValidationError


@pytest.fixture
def close(desk, opened):
    """Closes the opened ticket."""

    async def run(*, actor=None, **more):
        given = {"ticket_id": str(opened), "resolution": {"code": "fixed"}} | more
        return await desk.run("tickets.close", given, actor=actor)

    return run


async def only(desk) -> dict:
    (row,) = await desk.rows("tickets")
    return row


async def test_minimal(desk, opened, close):
    """
    The board's closed status, the time, who did it, and the resolution among the attributes.
    """
    closed = await close(actor=desk["lead"])

    row = await only(desk)
    assert {
        "status_id": desk["closed"],
        "is_closed": True,
        "closed_by": desk["lead"],
        "updated_by": desk["lead"],
        "attributes": {"description": "", "resolution_code": "fixed", "resolution_text": None},
    }.items() <= row.items()
    assert row["closed_at"] == row["updated_at"] > row["entered_at"]
    assert (closed.ticket_id, closed.closed_at) == (opened, row["closed_at"])
    assert (closed.resolution_code, closed.final_status_id) == ("fixed", desk["closed"])
    assert await desk.rows("comments") == []


async def test_event(desk, opened, close):
    """
    ``TICKET_CLOSED`` tells when and why; keyed by the ticket.
    """
    await close(actor=desk["lead"])

    ((name, key, payload),) = await desk.events()
    row = await only(desk)
    assert (name, key) == ("TICKET_CLOSED", str(opened))
    assert {
        "ticketId": str(opened),
        "statusId": str(desk["closed"]),
        "closedByUserId": str(desk["lead"]),
        "reason": "fixed",
    }.items() <= payload.items()
    assert datetime.fromisoformat(payload["closedAt"]) == row["closed_at"]


async def test_notes(desk, close):
    """
    Each is a resolution comment of its own; what is blank is none.
    """
    await close(
        resolution={"code": "fixed", "text": "New toner."},
        public_note="It prints again.",
        internal_note="Order toner.",
        actor=desk["lead"],
    )

    comments = {row["note"]: row for row in await desk.rows("comments")}
    assert {note: row["is_internal"] for note, row in comments.items()} == {
        "It prints again.": False,
        "Order toner.": True,
    }
    assert all(row["is_resolution"] and row["user_id"] == desk["lead"] for row in comments.values())
    assert all(row["metadata"]["closes_ticket"] is True for row in comments.values())
    assert (await only(desk))["attributes"]["resolution_text"] == "New toner."
    assert sorted(name for name, _, _ in await desk.events()) == [
        "TICKET_CLOSED",
        "TICKET_COMMENT_ADDED",
        "TICKET_COMMENT_ADDED",
    ]


async def test_blank_notes(desk, close):
    """
    An expression may find nothing, or an empty text.
    """
    await close(public_note=" ", internal_note=None, email=None)

    assert await desk.rows("comments") == []


@pytest.mark.parametrize(("default", "expected"), [(False, "closed"), (True, "merged")])
async def test_which_closed_status(desk, close, default, expected):
    """
    The board's default one, else its first; those of other boards and of projects do not matter.
    """
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("UPDATE statuses SET is_default = false")
    for name, board, order, kind, is_default in (
        ("merged", "board", 99, "ticket", default),
        ("elsewhere", "other_board", 1, "ticket", True),
        ("done", "board", 1, "project_task", True),
    ):
        columns = {"board_id": desk[board], "order_number": order, "status_type": kind, "is_default": is_default}
        desk.ids[name] = await desk.insert("statuses", "status_id", columns | {"name": name, "is_closed": True})

    closed = await close()

    assert closed.final_status_id == desk[expected]


async def test_email(desk, close, places):
    """
    A closing sends no e-mail: it says what to do instead, and leaves the ticket open.
    """
    with pytest.raises(ValidationError, match=r"email\.send") as caught:
        await close(notify_requester=True, email={"subject": "Done", "html": None, "text": "Done."})

    assert places(caught.value) == {("notify_requester", "UNSUPPORTED")}
    assert (await only(desk))["is_closed"] is False


async def test_email_that_is_not_sent(desk, close):
    """
    Older definitions say what the e-mail would be: without the wish to notify, that is no matter.
    """
    closed = await close(notify_requester=False, email={"subject": "Done"})

    assert closed.resolution_code == "fixed"


async def test_closed_already(desk, close):
    """
    Closing twice is a conflict, and says nothing a second time.
    """
    await close()
    before = await only(desk)

    with pytest.raises(ConflictError, match="TIC001000"):
        await close(public_note="Again")

    assert await only(desk) == before
    assert len(await desk.events()) == 1


@pytest.mark.parametrize("column", ["is_closed = true", "closed_at = now()", "status_id = $1"])
async def test_closed_by_another_program(desk, close, column):
    """
    Whichever sign of it the ticket has.
    """
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute(f"UPDATE tickets SET {column}", *([desk["closed"]] if "$1" in column else []))

    with pytest.raises(ConflictError):
        await close()


async def test_board_without_a_closed_status(desk, close, places):
    """
    There is nothing to close the ticket with.
    """
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("DELETE FROM statuses WHERE status_id = $1", desk["closed"])

    with pytest.raises(ValidationError) as caught:
        await close()

    assert places(caught.value) == {("ticket_id", "RULE")}


async def test_missing_ticket(desk, close, places, foreign_ticket, foreign_desk):
    """
    Another tenant's ticket does not exist any more than a random id.
    """
    for ticket_id in (uuid4(), foreign_ticket):
        with pytest.raises(NotFoundError) as caught:
            await close(ticket_id=str(ticket_id))
        assert places(caught.value) == {("ticket_id", "NOT_FOUND")}

    assert (await foreign_desk.rows("tickets"))[0]["is_closed"] is False


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"resolution": {}}, "resolution.code", "REQUIRED"),
        ({"resolution": {"code": " "}}, "resolution.code", "LENGTH"),
        ({"resolution": {"code": "x", "text": ""}}, "resolution.text", "LENGTH"),
        ({"resolution": "fixed"}, "resolution", "TYPE"),
        ({"notify_requester": "no"}, "notify_requester", "TYPE"),
    ],
)
async def test_input_that_breaks_its_contract(desk, close, places, change, path, code):
    """
    A resolution has a code.
    """
    with pytest.raises(ValidationError) as caught:
        await close(**change)

    assert places(caught.value) == {(path, code)}


async def test_at_the_same_time(desk, close):
    """
    Of those who close a ticket, one does.
    """
    results = await asyncio.gather(*(close(public_note=f"By {n}") for n in range(5)), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["ClosedTicket"] + ["ConflictError"] * 4
    assert len(await desk.rows("comments")) == 1
    assert len(await desk.events()) == 2
