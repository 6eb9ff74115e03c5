"""``store``: what is kept, for how long, and what happens at the same time."""

import asyncio

import pytest

from workflow_core.errors import ConflictError, ValidationError
from workflow_psa.data_store.store import MAX_VALUE_BYTES

PLACE = {"namespace": "seen", "key": "a"}


def places(error) -> set[tuple[str, str]]:
    return {(problem["path"], problem["code"]) for problem in error.details["errors"]}


async def get(desk, **place):
    return await desk.run("store.get", PLACE | place)


async def put(desk, value, **more):
    return await desk.run("store.set", PLACE | {"value": value} | more)


async def expire(desk, key="a"):
    """As if its time had passed."""
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute(
            "UPDATE workflow_data_store SET expires_at = now() - interval '1 second' WHERE key = $1", key
        )


# ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [None, "text", 7, 0.1, True, [], {"deep": [{"er": None}]}, "ünï\u2028code"])
async def test_any_json(desk, value):
    """What is stored is what is read, with the revision that counts the writes."""
    assert (await put(desk, "before")).created
    stored = await put(desk, value, value_type="string")

    got = await get(desk)

    assert (stored.revision, stored.created) == (2, False)
    assert (got.found, got.value, got.value_type, got.revision, got.expires_at) == (True, value, "string", 2, None)


async def test_nothing_there(desk):
    """No value is no error."""
    got = await get(desk)
    assert (got.found, got.value, got.value_type, got.revision, got.expires_at) == (False, None, None, None, None)


async def test_names_are_trimmed_and_separate(desk):
    """The same key in two namespaces is two values."""
    await put(desk, 1, namespace=" seen ", key="\ta ")
    await put(desk, 2, namespace="other")

    assert ((await get(desk)).value, (await get(desk, namespace="other")).value) == (1, 2)


async def test_tenants_keep_their_own(desk, foreign_desk):
    """What one stores, counts or links, the other does not see."""
    await put(desk, 1)
    await foreign_desk.run("store.increment", PLACE)

    assert (await foreign_desk.run("store.get", PLACE)).revision == 1
    assert (await get(desk)).revision == 1
    assert (await foreign_desk.run("store.delete", PLACE)).deleted
    assert (await get(desk)).found
    assert (await foreign_desk.run("store.list", {"namespace": "seen"})).items == ()
    assert (await foreign_desk.run("store.list_namespaces", {})).namespaces == ()


async def test_too_large(desk):
    """A value has a limit, and the error says which; what is just as large fits."""
    with pytest.raises(ValidationError) as caught:
        await put(desk, "x" * (MAX_VALUE_BYTES - 1))
    assert places(caught.value) == {("value", "TOO_LARGE")}
    assert caught.value.details["max_bytes"] == MAX_VALUE_BYTES
    assert not (await get(desk)).found

    await put(desk, "x" * (MAX_VALUE_BYTES - 2))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"namespace": " "}, "namespace"),
        ({"key": "k" * 257}, "key"),
        ({"ttl_seconds": 0}, "ttl_seconds"),
        ({"ttl_seconds": 31_536_001}, "ttl_seconds"),
        ({"if_revision": -1}, "if_revision"),
        ({"value_type": "date"}, "value_type"),
    ],
)
async def test_what_the_contract_refuses(desk, change, path):
    """Names, times and revisions have their bounds."""
    with pytest.raises(ValidationError) as caught:
        await put(desk, 1, **change)
    assert {place for place, _ in places(caught.value)} == {path}


# ── Revisions ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_only_create(desk):
    """``if_revision`` 0 writes only where nothing is."""
    assert (await put(desk, 1, if_revision=0)).created
    with pytest.raises(ConflictError):
        await put(desk, 2, if_revision=0)
    assert (await get(desk)).value == 1

    await expire(desk)
    stored = await put(desk, 3, if_revision=0)
    assert (stored.created, stored.revision) == (True, 1)


async def test_only_over_this_revision(desk):
    """Any other revision is a conflict, and so is no value at all."""
    with pytest.raises(ConflictError):
        await put(desk, 1, if_revision=1)
    assert not (await get(desk)).found

    await put(desk, 1)
    assert (await put(desk, 2, if_revision=1)).revision == 2
    with pytest.raises(ConflictError) as caught:
        await put(desk, 3, if_revision=1)
    assert caught.value.details == {"namespace": "seen", "key": "a", "if_revision": 1}
    await expire(desk)
    with pytest.raises(ConflictError):
        await put(desk, 4, if_revision=2)


async def test_one_of_many_creates(desk):
    """Of many that only create at the same time one does; of many that write over a revision, too."""
    created = await asyncio.gather(*(put(desk, n, if_revision=0) for n in range(5)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in created) == [*["ConflictError"] * 4, "StoredValue"]

    written = await asyncio.gather(*(put(desk, n, if_revision=1) for n in range(5)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in written) == [*["ConflictError"] * 4, "StoredValue"]
    assert (await get(desk)).revision == 2


# ── Expiry ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_value_with_a_time(desk):
    """It lasts from now on, by the database's clock; writing without a time makes it last for ever."""
    await put(desk, 1, ttl_seconds=60)

    (row,) = await desk.rows("workflow_data_store")
    assert 59 < (row["expires_at"] - row["created_at"]).total_seconds() < 90
    assert (await get(desk)).expires_at == row["expires_at"]
    await put(desk, 2)
    assert (await get(desk)).expires_at is None


async def test_an_expired_value_is_not_there(desk):
    """Not for reading, listing, counting or deleting; writing begins anew."""
    await put(desk, 7, ttl_seconds=60)
    await put(desk, 8)
    await expire(desk)

    assert not (await get(desk)).found
    assert (await desk.run("store.list", {"namespace": "seen"})).items == ()
    assert (await desk.run("store.list_namespaces", {})).namespaces == ()
    counted = await desk.run("store.increment", PLACE)
    assert (counted.value, counted.revision) == (1, 1)
    assert (await get(desk)).expires_at is None
    await expire(desk)
    assert not (await desk.run("store.delete", PLACE)).deleted
    await put(desk, "text", ttl_seconds=60)
    await expire(desk)
    assert (await put(desk, 9)).created


async def test_writing_deletes_what_has_expired(desk):
    """Nothing piles up."""
    for key in "abc":
        await put(desk, 1, key=key)
        await expire(desk, key)

    await put(desk, 1, key="d")

    assert [row["key"] for row in await desk.rows("workflow_data_store")] == ["d"]


# ── Counting ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_counting(desk):
    """From where it is to begin, by how much, in decimal arithmetic."""
    first = await desk.run("store.increment", PLACE | {"initial": 10, "by": -3})
    assert (first.value, first.revision) == (7, 1)
    assert isinstance(first.value, int)
    assert (await desk.run("store.increment", PLACE | {"initial": 100})).value == 8
    await desk.run("store.increment", PLACE | {"key": "tenth", "by": 0.1})
    assert (await desk.run("store.increment", PLACE | {"key": "tenth", "by": 0.2})).value == 0.3
    got = await get(desk)
    assert (got.value, got.value_type, got.revision) == (8, "number", 2)


async def test_counting_at_the_same_time(desk):
    """Every one counts."""
    counted = await asyncio.gather(*(desk.run("store.increment", PLACE) for _ in range(20)))

    assert sorted(one.value for one in counted) == list(range(1, 21))
    assert (await get(desk)).revision == 20


async def test_what_cannot_be_counted(desk):
    """What is no number stays, and a number does not outgrow 64 bits."""
    await put(desk, "12")
    with pytest.raises(ValidationError) as caught:
        await desk.run("store.increment", PLACE)
    assert places(caught.value) == {("key", "MISMATCH")}
    await put(desk, 2**63 - 1)
    with pytest.raises(ValidationError) as caught:
        await desk.run("store.increment", PLACE)
    assert places(caught.value) == {("by", "RANGE")}
    assert (await get(desk)).value == 2**63 - 1


# ── Once per key ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_key_acts_once(desk):
    """The first answer holds, whatever has happened since; another action's keys are others."""
    given = PLACE | {"idempotency_key": "event 7"}
    first = await desk.run("store.increment", given)
    await desk.run("store.increment", PLACE)

    assert await desk.run("store.increment", given | {"by": 100}) == first
    assert (await get(desk)).value == 2
    stored = await put(desk, 5, idempotency_key="event 7")
    assert await put(desk, 6, idempotency_key="event 7") == stored
    assert (await desk.run("store.delete", given)).deleted
    await put(desk, 7)
    assert (await desk.run("store.delete", given)).deleted
    assert (await get(desk)).value == 7


async def test_the_same_key_at_the_same_time(desk):
    """All get the answer of the one that acted."""
    given = PLACE | {"idempotency_key": "event 7"}
    answers = await asyncio.gather(*(desk.run("store.increment", given) for _ in range(5)))

    assert {answer.value for answer in answers} == {1}


async def test_a_key_is_free_after_a_refusal(desk):
    """What failed may be tried again under its key."""
    with pytest.raises(ConflictError):
        await put(desk, 1, if_revision=4, idempotency_key="k")
    assert (await put(desk, 1, idempotency_key="k")).created


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_pages(desk):
    """By key, a page at a time; what is written between two pages neither hides nor repeats a value."""
    for key in ("b", "B", "a_1", "a%2", "c"):
        await put(desk, key, key=key)

    seen, cursor = [], None
    while True:
        page = await desk.run("store.list", {"namespace": "seen", "limit": 2, "cursor": cursor})
        seen += [item.key for item in page.items]
        await put(desk, 0, key="A")
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == ["B", "a%2", "a_1", "b", "c"]
    found = await desk.run("store.list", {"namespace": "seen", "prefix": "a_"})
    assert [(item.key, item.value, item.revision) for item in found.items] == [("a_1", "a_1", 1)]
    assert (found.next_cursor, found.items[0].namespace) == (None, "seen")


async def test_namespaces(desk):
    """With how many values each has."""
    for namespace, key in (("z", "1"), ("z", "2"), ("y", "1")):
        await put(desk, 1, namespace=namespace, key=key)

    found = (await desk.run("store.list_namespaces", {})).namespaces
    assert [(one.namespace, one.key_count) for one in found] == [("y", 1), ("z", 2)]
