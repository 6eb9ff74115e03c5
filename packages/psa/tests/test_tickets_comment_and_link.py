"""``tickets.add_comment`` and ``tickets.link_entities``."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError


@pytest.fixture
def comment(desk, opened):
    """Comments on the opened ticket."""

    async def run(body, *, actor=None, **more):
        return await desk.run("tickets.add_comment", {"ticket_id": str(opened), "body": body} | more, actor=actor)

    return run


@pytest.fixture
async def asset(desk):
    """An asset of the tenant."""
    return await desk.insert("assets", "asset_id", {"asset_tag": "S1", "status": "active", "name": "SRV-01"})


@pytest.fixture
def link(desk, opened, asset):
    """Links the opened ticket to the asset."""

    async def run(**more):
        given = {
            "ticket_id": str(opened),
            "entity_type": "asset",
            "entity_id": str(asset),
            "link_type": "affected",
        }
        return await desk.run("tickets.link_entities", given | more)

    return run


# ── Comments ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("visibility", ["public", "internal"])
async def test_comment(desk, opened, comment, visibility):
    """
    It begins a thread of its own, in the name of the actor, and tells which step wrote it.
    """
    added = await comment("  It *burns*. ", visibility=visibility, actor=desk["lead"])

    (thread,) = await desk.rows("comment_threads")
    (row,) = await desk.rows("comments")
    assert {
        "comment_id": added.comment_id,
        "ticket_id": opened,
        "thread_id": thread["thread_id"],
        "note": "It *burns*.",
        "markdown_content": "It *burns*.",
        "is_internal": visibility == "internal",
        "is_resolution": False,
        "user_id": desk["lead"],
        "author_type": "internal",
        "publish_state": "published",
        "metadata": {"source": "workflow", "run_id": None, "step_path": "root.steps[0]"},
    }.items() <= row.items()
    assert (thread["ticket_id"], thread["root_comment_id"]) == (opened, added.comment_id)
    assert (added.created_at, added.visibility) == (row["created_at"], visibility)


async def test_public_by_default(desk, comment):
    """
    As stored workflows expect.
    """
    added = await comment("x")

    (row,) = await desk.rows("comments")
    assert (added.visibility, row["is_internal"], row["user_id"]) == ("public", False, None)


async def test_comment_event(desk, opened, comment):
    """
    ``TICKET_COMMENT_ADDED`` tells who said it to whom; keyed by the ticket.
    """
    added = await comment("x", visibility="internal", actor=desk["lead"])

    ((name, key, payload),) = await desk.events()
    assert (name, key) == ("TICKET_COMMENT_ADDED", str(opened))
    assert {
        "ticketId": str(opened),
        "ticketNumber": "TIC001000",
        "commentId": str(added.comment_id),
        "visibility": "internal",
        "authorId": str(desk["lead"]),
        "authorType": "user",
    }.items() <= payload.items()
    assert datetime.fromisoformat(payload["createdAt"]) == added.created_at


async def test_the_same_key_comments_once(desk, comment):
    """
    Also when the calls race; the answer is always the first comment, and it is told once.
    """
    added = await asyncio.gather(*(comment(f"By {n}", idempotency_key="k") for n in range(5)))
    again = await comment("Another", idempotency_key="k", visibility="internal", ticket_id=str(uuid4()))

    assert {one.comment_id for one in (*added, again)} == {added[0].comment_id}
    assert again == added[0]
    assert len(await desk.rows("comments")) == 1
    assert len(await desk.events()) == 1


async def test_keys_are_of_one_tenant_and_one_action(desk, foreign_desk, foreign_ticket, opened, comment):
    """
    Another tenant's key, and another action's, have nothing to do with it.
    """
    await desk.run(
        "tickets.update_fields",
        {
            "ticket_id": str((await desk.rows("tickets"))[0]["ticket_id"]),
            "patch": {"title": "x"},
            "idempotency_key": "k",
        },
    )
    ours = await comment("Ours", idempotency_key="k")
    theirs = await foreign_desk.run(
        "tickets.add_comment", {"ticket_id": str(foreign_ticket), "body": "Theirs", "idempotency_key": "k"}
    )

    assert ours.comment_id != theirs.comment_id
    assert [row["note"] for row in await foreign_desk.rows("comments")] == ["Theirs"]


async def test_comment_on_a_missing_ticket(desk, foreign_desk, foreign_ticket, comment, places):
    """
    Another tenant's ticket does not exist any more than a random id; the key stays free.
    """
    for ticket_id in (uuid4(), foreign_ticket):
        with pytest.raises(NotFoundError) as caught:
            await comment("x", ticket_id=str(ticket_id), idempotency_key="k")
        assert places(caught.value) == {("ticket_id", "NOT_FOUND")}

    assert await foreign_desk.rows("comments") == []
    assert (await comment("x", idempotency_key="k")).visibility == "public"


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"body": " "}, "body", "LENGTH"),
        ({"body": None}, "body", "TYPE"),
        ({"visibility": "secret"}, "visibility", "CHOICE"),
        ({"ticket_id": "TIC001000"}, "ticket_id", "FORMAT"),
    ],
)
async def test_comment_that_breaks_its_contract(desk, comment, places, change, path, code):
    """
    A text, and who sees it.
    """
    with pytest.raises(ValidationError) as caught:
        await comment(**({"body": "x"} | change))

    assert places(caught.value) == {(path, code)}


# ── Links ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_link(desk, opened, asset, link):
    """
    The link has its row, and the answer names what it leads to.
    """
    linked = await link(metadata={"since": "today"})

    (row,) = await desk.rows("ticket_entity_links")
    assert {
        "link_id": linked.link_id,
        "ticket_id": opened,
        "entity_type": "asset",
        "entity_id": asset,
        "link_type": "affected",
        "metadata": {"since": "today"},
    }.items() <= row.items()
    assert (linked.entity_type, linked.entity_id, linked.link_type) == ("asset", asset, "affected")
    summary = linked.linked_entity_summary
    assert (summary.type, summary.id, summary.name, summary.url) == ("asset", asset, "SRV-01", None)


async def test_link_to_a_project_and_its_task(desk, foreign_desk, link):
    """
    Both by their names; another tenant's do not exist.
    """
    ids = {}
    for name, owner in (("ours", desk), ("theirs", foreign_desk)):
        project_id = await owner.add("projects", "project_id", project_name="Migration")
        phase_id = await owner.add("project_phases", "phase_id", project_id=project_id, phase_name="One")
        task_id = await owner.add(
            "project_tasks", "task_id", phase_id=phase_id, task_name="Move mail", wbs_code="1.1.1"
        )
        ids[name] = {"project": project_id, "project_task": task_id}

    names = {
        kind: (await link(entity_type=kind, entity_id=str(ids["ours"][kind]))).linked_entity_summary.name
        for kind in ("project", "project_task")
    }

    assert names == {"project": "Migration", "project_task": "Move mail"}
    for kind in names:
        with pytest.raises(NotFoundError):
            await link(entity_type=kind, entity_id=str(ids["theirs"][kind]))


async def test_link_that_is_there(desk, link):
    """
    It is the answer, as it is; another kind of link is another link. Races come to the same.
    """
    first = await link(metadata={"a": 1})
    again = await asyncio.gather(*(link(metadata={"a": 2}) for _ in range(5)))
    other = await link(link_type="caused_by")

    assert {one.link_id for one in again} == {first.link_id}
    assert other.link_id != first.link_id
    assert [row["metadata"] for row in await desk.rows("ticket_entity_links", "created_at")] == [{"a": 1}, None]


async def test_link_to_what_is_missing(desk, foreign_desk, foreign_ticket, link, places):
    """
    Ticket and record are named at once; another tenant's do not exist.
    """
    theirs = await foreign_desk.insert("assets", "asset_id", {"asset_tag": "T", "status": "active", "name": "T"})
    for ticket_id, entity_id in ((uuid4(), uuid4()), (foreign_ticket, theirs)):
        with pytest.raises(NotFoundError) as caught:
            await link(ticket_id=str(ticket_id), entity_id=str(entity_id))
        assert places(caught.value) == {("ticket_id", "NOT_FOUND"), ("entity_id", "NOT_FOUND")}

    assert await desk.rows("ticket_entity_links") == []


async def test_link_to_a_contract(link, places):
    """
    Contracts are not kept here: there is none.
    """
    with pytest.raises(NotFoundError) as caught:
        await link(entity_type="contract")

    assert places(caught.value) == {("entity_id", "NOT_FOUND")}


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"entity_type": "invoice"}, "entity_type", "CHOICE"),
        ({"link_type": ""}, "link_type", "LENGTH"),
        ({"metadata": [1]}, "metadata", "TYPE"),
    ],
)
async def test_link_that_breaks_its_contract(link, places, change, path, code):
    """
    A known kind of record, and a word for the link.
    """
    with pytest.raises(ValidationError) as caught:
        await link(**change)

    assert places(caught.value) == {(path, code)}
