"""``links``: pairs of records of any kind."""

import asyncio
import random
from uuid import uuid4

import pytest

from workflow_core.errors import ValidationError
from workflow_core.schema import to_json


def ref(kind, identity):
    return {"type": kind, "id": identity}


async def link(desk, start, end, **more):
    given = {"namespace": "mirror", "from": ref("task", start), "to": ref("task", end)}
    return await desk.run("links.upsert", given | more)


async def lookup(desk, identity, **more):
    given = {"namespace": "mirror", "from": ref("task", identity)}
    found = await desk.run("links.lookup", given | more)
    return [(match.type, match.id) for match in found.matches]


def places(error) -> set[tuple[str, str]]:
    return {(problem["path"], problem["code"]) for problem in error.details["errors"]}


async def test_a_link_and_its_attributes(desk):
    """Made once; again, it gets the new attributes."""
    first = await link(desk, "1", "2", relation="mirrors", attributes={"a": 1})
    again = await link(desk, "1", "2", relation="mirrors", attributes={"b": 2})

    assert (first.created, again.created, again.link_id) == (True, False, first.link_id)
    (row,) = await desk.rows("workflow_entity_links")
    assert {
        "namespace": "mirror",
        "left_type": "task",
        "left_id": "1",
        "right_type": "task",
        "right_id": "2",
        "relation": "mirrors",
        "attributes": {"b": 2},
    }.items() <= row.items()
    found = await desk.run("links.lookup", {"namespace": "mirror", "from": ref("task", "1")})
    assert to_json(found)["matches"] == [
        {"link_id": str(first.link_id), "type": "task", "id": "2", "relation": "mirrors", "attributes": {"b": 2}}
    ]


async def test_relations_are_links_of_their_own(desk):
    """Two records may belong together in two ways."""
    await link(desk, "1", "2")
    await link(desk, "1", "2", relation="mirrors")

    assert {row["relation"] for row in await desk.rows("workflow_entity_links")} == {"related", "mirrors"}
    assert await lookup(desk, "1", relation="mirrors") == [("task", "2")]


async def test_directions(desk):
    """Forward, reverse, either; a record that is linked to itself is found once."""
    await link(desk, "1", "2")
    await link(desk, "3", "1")
    await link(desk, "1", "9", to=ref("ticket", "9"))
    await link(desk, "1", "1")

    assert await lookup(desk, "1") == [("task", "2"), ("ticket", "9"), ("task", "1")]
    assert await lookup(desk, "1", direction="reverse") == [("task", "3"), ("task", "1")]
    either = [("task", "2"), ("ticket", "9"), ("task", "1"), ("task", "3")]
    assert await lookup(desk, "1", direction="either") == either
    assert await lookup(desk, "1", direction="either", limit=2) == either[:2]
    assert await lookup(desk, "1", direction="either", to_type="ticket") == [("ticket", "9")]
    assert await lookup(desk, "2") == []
    assert await lookup(desk, "1", namespace="other") == []


async def test_deleting(desk):
    """By either end or both, and by relation."""
    for start, end in (("1", "2"), ("1", "3"), ("4", "2")):
        await link(desk, start, end)
        await link(desk, start, end, relation="mirrors")

    async def delete(**given):
        return (await desk.run("links.delete", {"namespace": "mirror"} | given)).deleted_count

    assert await delete(**{"from": ref("task", "1"), "to": ref("task", "2"), "relation": "mirrors"}) == 1
    assert await delete(to=ref("task", "2"), relation="mirrors") == 1
    assert await delete(**{"from": ref("task", "1")}) == 3
    assert await delete(**{"from": ref("ticket", "4")}) == 0
    assert len(await desk.rows("workflow_entity_links")) == 1
    with pytest.raises(ValidationError) as caught:
        await delete(relation="related")
    assert places(caught.value) == {("", "RULE")}


async def test_pages(desk):
    """The oldest first, a page at a time, by the kinds of the ends."""
    for end in "23456":
        await link(desk, "1", end)
    await link(desk, "1", "7", to=ref("ticket", "7"))

    seen, cursor = [], None
    while True:
        given = {"namespace": "mirror", "limit": 2, "cursor": cursor, "left_type": "task", "right_type": "task"}
        page = await desk.run("links.list", given)
        seen += [item.to.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == list("23456")
    (item,) = to_json(await desk.run("links.list", {"namespace": "mirror", "right_type": "ticket"}))["items"]
    assert (item["from"], item["to"]) == (ref("task", "1"), ref("ticket", "7"))
    assert (await desk.run("links.list", {"namespace": "mirror", "relation": "mirrors"})).items == ()
    with pytest.raises(ValidationError) as caught:
        await desk.run("links.list", {"namespace": "mirror", "cursor": "2026-01-01/x"})
    assert places(caught.value) == {("cursor", "FORMAT")}


async def test_once_per_key(desk):
    """The first answer holds."""
    first = await link(desk, "1", "2", attributes={"a": 1}, idempotency_key="k")
    assert await link(desk, "1", "3", idempotency_key="k") == first
    given = {"namespace": "mirror", "from": ref("task", "1"), "idempotency_key": "k"}
    assert (await desk.run("links.delete", given)).deleted_count == 1
    assert (await desk.run("links.delete", given)).deleted_count == 1


async def test_the_same_link_at_the_same_time(desk):
    """One makes it."""
    made = await asyncio.gather(*(link(desk, "1", "2") for _ in range(5)))

    assert sorted(one.created for one in made) == [False] * 4 + [True]
    assert len({one.link_id for one in made}) == 1


async def test_tenants_have_their_own(desk, foreign_desk):
    """Nobody sees, changes or deletes another's links."""
    await link(desk, "1", "2")

    assert await lookup(foreign_desk, "1") == []
    assert (await link(foreign_desk, "1", "2")).created
    given = {"namespace": "mirror", "from": ref("task", "1")}
    assert (await foreign_desk.run("links.delete", given)).deleted_count == 1
    assert (await foreign_desk.run("links.list_namespaces", {})).namespaces == ()
    (namespace,) = (await desk.run("links.list_namespaces", {})).namespaces
    assert (namespace.namespace, namespace.link_count) == ("mirror", 1)


async def test_names_that_no_index_takes(desk):
    """Names of any length up to their limit, in any script: what does not fit together is refused, as a whole."""

    def name(seed):
        letters = random.Random(seed)
        return "".join(chr(letters.randrange(0x4E00, 0x9FFF)) for _ in range(256))

    given = {"namespace": name(1), "from": ref(name(2), name(3)), "to": ref(name(4), name(5)), "relation": name(6)}
    with pytest.raises(ValidationError) as caught:
        await desk.run("links.upsert", given)
    assert places(caught.value) == {("", "LENGTH")}
    assert (
        await desk.run("links.upsert", given | {"to": ref("ticket", "1"), "relation": "a", "namespace": "n"})
    ).created


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_a_cursor_at_the_end_of_time(desk, moment):
    """It is none of ours."""
    with pytest.raises(ValidationError) as caught:
        await desk.run("links.list", {"namespace": "n", "cursor": f"{moment}/{uuid4()}"})
    assert places(caught.value) == {("cursor", "FORMAT")}
