"""``contacts.find`` and ``contacts.search``."""

from datetime import UTC, datetime

import pytest

from workflow_core.errors import NotFoundError, ValidationError
from workflow_core.schema import to_json


async def find(desk, **given):
    return (await desk.run("contacts.find", given)).contact


async def search(desk, query, **given):
    return await desk.run("contacts.search", {"query": query} | given)


def day(number):
    return datetime(2026, 3, number, tzinfo=UTC)


async def add_contact(desk, name, **columns):
    """A contact that the desk knows by name."""
    return await desk.add("contacts", "contact_name_id", name=name, full_name=name, **columns)


@pytest.fixture
async def dorothy(desk):
    """A contact with everything."""
    return await add_contact(
        desk, "Dorothy", email="Dorothy@oz.test", phone_number="+1 (555) 010-0", client_id=desk["client"]
    )


# ── Find ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given", [{"email": " dorothy@OZ.test"}, {"phone": "+15550100"}, {"phone": "1 555 01 00"}, {"contact_id": "id"}]
)
async def test_by_each_name(desk, dorothy, given):
    """
    A contact is found by id, by e-mail address in any case, and by a number however it is written.
    """
    found = await find(desk, **({"contact_id": str(dorothy)} if "contact_id" in given else given))

    assert to_json(found) == {
        "contact_name_id": str(dorothy),
        "full_name": "Dorothy",
        "email": "Dorothy@oz.test",
        "phone": "+1 (555) 010-0",
        "client_id": str(desk["client"]),
        "is_inactive": False,
    }


async def test_the_first_name_counts(desk, dorothy):
    """
    The id goes before the address, and that before the number.
    """
    found = await find(desk, contact_id=str(desk["contact"]), email="dorothy@oz.test", phone="0")

    assert found.contact_name_id == desk["contact"]


async def test_several_with_one_address(desk, dorothy):
    """
    The one created first, or the one created last, of all or of one client.
    """
    client = desk["other_client"]
    oldest = await add_contact(desk, "A", email="info@oz.test", client_id=desk["client"], created_at=day(1))
    middle = await add_contact(desk, "B", email="INFO@oz.test", client_id=client, created_at=day(2))
    newest = await add_contact(desk, "C", email="info@oz.test", client_id=client, created_at=day(3))

    async def found(**more):
        return (await find(desk, email="info@oz.test", **more)).contact_name_id

    assert await found() == oldest
    assert await found(match_strategy="first_created") == oldest
    assert await found(match_strategy="most_recent") == newest
    assert await found(client_id=str(client)) == middle
    assert await found(client_id=str(desk["client"]), match_strategy="most_recent") == oldest


@pytest.mark.parametrize("strategy", ["first_created", "most_recent"])
async def test_active_before_inactive(desk, strategy):
    """
    Whenever they were created.
    """
    for name, number, inactive in (("A", 1, True), ("B", 2, False), ("C", 3, True)):
        await add_contact(desk, name, email="info@oz.test", created_at=day(number), is_inactive=inactive)

    assert (await find(desk, email="info@oz.test", match_strategy=strategy)).contact_name_id == desk["B"]


async def test_of_another_client(desk, dorothy):
    """
    A contact of another client is not found, not even by its id.
    """
    for given in ({"contact_id": str(dorothy)}, {"email": "dorothy@oz.test"}, {"phone": "15550100"}):
        assert await find(desk, client_id=str(desk["other_client"]), **given) is None


async def test_numbers_without_digits(desk):
    """
    They are nobody's number, not that of everybody who has none.
    """
    for phone in (None, "", "unknown"):
        await desk.insert("contacts", "contact_name_id", {"full_name": "x", "phone_number": phone})

    assert await find(desk, phone="unknown") is None


async def test_nothing_found(desk, dorothy):
    """
    An empty result, or an error that says what was looked for.
    """
    assert await find(desk, email="oz.test") is None
    with pytest.raises(NotFoundError) as caught:
        await find(desk, email="oz.test", on_not_found="error")

    assert caught.value.details == {"matched_by": "email"}


async def test_another_tenants_contacts(desk, foreign_desk, dorothy):
    """
    Nobody finds or searches what another tenant has.
    """
    for given in ({"contact_id": str(dorothy)}, {"email": "dorothy@oz.test"}, {"phone": "15550100"}):
        assert await find(foreign_desk, **given) is None
    assert (await search(foreign_desk, "Dorothy")).total == 0
    assert (await search(foreign_desk, "o", client_id=str(desk["client"]))).total == 0


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, ""),
        ({"client_id": "3d5a1b1c-2f6e-4a7b-8c9d-0e1f2a3b4c5d"}, ""),
        ({"email": ""}, "email"),
        ({"contact_id": "Dorothy"}, "contact_id"),
        ({"phone": "1", "match_strategy": "best"}, "match_strategy"),
        ({"phone": "1", "on_not_found": "ignore"}, "on_not_found"),
    ],
)
async def test_find_that_breaks_its_contract(desk, given, path):
    """
    At least one name, each of its form.
    """
    with pytest.raises(ValidationError) as caught:
        await find(desk, **given)

    assert [error.path for error in caught.value.errors] == [path]


# ── Search ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def people(desk):
    """Contacts to search; by name: lion, Lioness, and Old lion, who is gone."""
    await add_contact(
        desk, "lion", client_id=desk["client"], updated_at=day(3), email="King_@oz.test", phone_number="555-01"
    )
    await add_contact(desk, "Lioness", client_id=desk["other_client"], updated_at=day(1))
    await add_contact(desk, "Old lion", client_id=desk["client"], is_inactive=True, updated_at=day(2))
    tag = await desk.insert("tag_definitions", "tag_id", {"tag_text": "VIP", "tagged_type": "contact"})
    columns = {"tag_id": tag, "tagged_id": desk["Lioness"], "tagged_type": "contact"}
    await desk.insert("tag_mappings", "mapping_id", columns)
    return desk


@pytest.mark.parametrize(
    ("query", "filters", "names"),
    [
        ("LION", None, ["lion", "Lioness"]),
        ("king_", {}, ["lion"]),
        ("_", {}, ["lion", "other_contact"]),
        ("555-", {}, ["lion"]),
        ("%", {}, []),
        ("lion", {"include_inactive": True}, ["lion", "Lioness", "Old lion"]),
        ("lion", {"sort_by": "updated_at"}, ["Lioness", "lion"]),
        ("lion", {"sort_by": "name", "sort_order": "desc"}, ["Lioness", "lion"]),
        ("lion", {"tags": ["vip"]}, ["Lioness"]),
    ],
)
async def test_search(people, query, filters, names):
    """
    The query stands in a text in any case, and every character in it for itself.
    """
    found = await search(people, query, filters=filters)

    assert [contact.full_name for contact in found.contacts] == names
    assert found.first_contact == (found.contacts[0] if names else None)
    assert (found.page, found.page_size, found.total) == (1, 25, len(names))


async def test_search_in_one_client(people):
    """
    Contacts of others are left out.
    """
    found = await search(people, "lion", client_id=str(people["client"]), filters={"include_inactive": True})

    assert [contact.full_name for contact in found.contacts] == ["lion", "Old lion"]


async def test_pages(people):
    """
    Together the pages have every contact once; a page after the last is empty.
    """
    pages = [
        await search(people, "lion", page=number, page_size=2, filters={"include_inactive": True})
        for number in (1, 2, 3)
    ]

    assert [[contact.full_name for contact in page.contacts] for page in pages] == [
        ["lion", "Lioness"],
        ["Old lion"],
        [],
    ]
    assert [(page.page, page.page_size, page.total) for page in pages] == [(1, 2, 3), (2, 2, 3), (3, 2, 3)]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"query": ""}, "query"),
        ({"client_id": "Oz"}, "client_id"),
        ({"page": 0}, "page"),
        ({"page_size": 101}, "page_size"),
        ({"filters": {"sort_by": "email"}}, "filters.sort_by"),
        ({"filters": {"client": "x"}}, "filters.client"),
    ],
)
async def test_search_that_breaks_its_contract(desk, given, path):
    """
    Something to look for, and a page that there can be.
    """
    with pytest.raises(ValidationError) as caught:
        await desk.run("contacts.search", {"query": "x"} | given)

    assert [error.path for error in caught.value.errors] == [path]
