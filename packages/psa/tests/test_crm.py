"""``crm.create_activity_note``."""

import asyncio
from uuid import UUID, uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError


@pytest.fixture
async def targets(desk, ticket):
    """A record of each kind that a note can be about, by its kind."""
    created = await desk.run("tickets.create", ticket(contact_id=desk["contact"]))
    project = await desk.insert("projects", "project_id", {"project_name": "Move", "client_id": desk["client"]})
    return {"client": desk["client"], "contact": desk["contact"], "ticket": created.ticket_id, "project": project}


@pytest.fixture
def note(desk):
    """Writes a note on the desk's client, or on what a test names."""

    async def run(body="Called them.", *, actor=None, **more):
        given = {"target": {"type": "client", "id": str(desk["client"])}, "body": body}
        return await desk.run("crm.create_activity_note", given | more, actor=actor)

    return run


@pytest.mark.parametrize(
    ("kind", "name", "hangs_on"),
    [
        ("client", "client", {"client"}),
        ("contact", "contact", {"client", "contact"}),
        ("ticket", "TIC001000 Printer on fire", {"client", "contact", "ticket"}),
        ("project", "Move", {"client", "project"}),
    ],
)
async def test_note_on_each_kind(desk, targets, note, kind, name, hangs_on):
    """
    The row hangs on the record and on what that belongs to, and the answer names the record.
    """
    written = await note(
        "  Called them.\nNobody answered. ",
        target={"type": kind, "id": str(targets[kind])},
        tags=["call", "late"],
        category="Support",
        actor=desk["lead"],
    )

    (note_type,) = await desk.rows("interaction_types")
    (row,) = await desk.rows("interactions")
    expected = {key: targets[key] if key in hangs_on else None for key in targets}
    assert {
        "interaction_id": written.note_id,
        "type_id": note_type["type_id"],
        "client_id": expected["client"],
        "contact_name_id": expected["contact"],
        "ticket_id": expected["ticket"],
        "project_id": expected["project"],
        "user_id": desk["lead"],
        "title": "Called them.",
        "notes": "Called them.\nNobody answered.",
        "visibility": "internal",
        "category": "Support",
        "tags": ["call", "late"],
    }.items() <= row.items()
    assert note_type["type_name"] == "Note"
    assert (written.created_at, written.target_type, written.target_id) == (row["created_at"], kind, targets[kind])
    summary = written.target_summary
    assert (summary.type, summary.id, summary.name) == (kind, targets[kind], name)


async def test_for_the_client(desk, note):
    """
    A note may be for the client's eyes; tags, category and author may be missing.
    """
    await note(visibility="client_visible", actor=uuid4())

    (row,) = await desk.rows("interactions")
    assert (row["visibility"], row["tags"], row["category"], row["user_id"]) == ("client_visible", None, None, None)


async def test_long_first_line(desk, note):
    """
    The title is cut, the text is not.
    """
    await note("x" * 101)

    (row,) = await desk.rows("interactions")
    assert (row["title"], row["notes"]) == ("x" * 99 + "…", "x" * 101)


async def test_first_notes_at_once(desk, note):
    """
    They make one type of interaction together.
    """
    written = await asyncio.gather(*(note(f"{number}") for number in range(5)))

    assert len({one.note_id for one in written}) == 5
    assert [row["type_name"] for row in await desk.rows("interaction_types")] == ["Note"]
    assert len(await desk.rows("interactions")) == 5


async def test_type_that_is_there(desk, foreign_desk, note):
    """
    The tenant's own type is used; another tenant's is another.
    """
    await foreign_desk.insert("interaction_types", "type_id", {"type_name": "Note"})
    ours: UUID = await desk.insert("interaction_types", "type_id", {"type_name": "Note", "icon": "pen"})

    await note()

    (row,) = await desk.rows("interactions")
    assert row["type_id"] == ours


@pytest.mark.parametrize("kind", ["client", "contact", "ticket", "project"])
async def test_note_on_what_is_missing(desk, foreign_desk, targets, note, places, kind):
    """
    An unknown record, one of another kind and another tenant's do not exist; nothing is written.
    """
    other = targets["contact" if kind == "client" else "client"]
    for target in (uuid4(), other):
        with pytest.raises(NotFoundError) as caught:
            await note(target={"type": kind, "id": str(target)})
        assert places(caught.value) == {("target.id", "NOT_FOUND")}
    given = {"target": {"type": kind, "id": str(targets[kind])}, "body": "x"}
    with pytest.raises(NotFoundError) as caught:
        await foreign_desk.run("crm.create_activity_note", given)
    assert places(caught.value) == {("target.id", "NOT_FOUND")}

    for one in (desk, foreign_desk):
        assert (await one.rows("interactions"), await one.rows("interaction_types")) == ([], [])


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"body": " \n"}, "body", "LENGTH"),
        ({"body": None}, "body", "TYPE"),
        ({"visibility": "public"}, "visibility", "CHOICE"),
        ({"target": None}, "target", "TYPE"),
        ({"target": {"type": "asset", "id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d"}}, "target.type", "CHOICE"),
        ({"target": {"type": "client"}}, "target.id", "REQUIRED"),
        ({"tags": [""]}, "tags[0]", "LENGTH"),
        ({"category": ""}, "category", "LENGTH"),
    ],
)
async def test_note_that_breaks_its_contract(note, places, change, path, code):
    """
    A record of a known kind, a text, and who sees it.
    """
    with pytest.raises(ValidationError) as caught:
        await note(**change)

    assert places(caught.value) == {(path, code)}
