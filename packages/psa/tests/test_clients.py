"""``clients.find`` and ``clients.search``."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError
from workflow_core.schema import to_json


async def find(desk, **given):
    return await desk.run("clients.find", given)


async def search(desk, query, **given):
    return await desk.run("clients.search", {"query": query} | given)


def day(number):
    return datetime(2026, 3, number, tzinfo=UTC)


async def add_client(desk, name, **columns):
    """A client that the desk knows by its name."""
    return await desk.add("clients", "client_id", name=name, client_name=name, **columns)


async def add_tag(desk, client, text):
    """Tags a client."""
    tag = await desk.insert("tag_definitions", "tag_id", {"tag_text": text, "tagged_type": "client"})
    await desk.insert("tag_mappings", "mapping_id", {"tag_id": tag, "tagged_id": desk[client], "tagged_type": "client"})


@pytest.fixture
async def emerald(desk):
    """A client with everything, and a telephone."""
    client = await add_client(
        desk,
        "Emerald City",
        client_type="company",
        url="https://oz.example",
        billing_email="Gold@oz.example",
        properties={"primary_contact_id": str(desk["contact"]), "external_ref": "org:7"},
    )
    columns = {"location_name": "Palace", "client_id": client, "phone": "+1 (555) 010-0"}
    await desk.insert("client_locations", "location_id", columns)
    return client


# ── Find ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given",
    [
        {"name": "emerald CITY"},
        {"name": "  Emerald City "},
        {"external_ref": "org:7"},
        {"phone": "+15550100"},
        {"phone": "1 555 01 00"},
    ],
)
async def test_by_each_name(desk, emerald, given):
    """
    A client is found by name in any case, by its external reference, and by a number however it is written.
    """
    found = await find(desk, **given)

    assert (found.client.client_id, found.matched_count, found.primary_contact) == (emerald, 1, None)


async def test_by_id_with_its_fields(desk, emerald):
    """
    All of its fields are given.
    """
    found = await find(desk, client_id=str(emerald))

    (row,) = (row for row in await desk.rows("clients") if row["client_id"] == emerald)
    assert to_json(found.client) == {
        "client_id": str(emerald),
        "client_name": "Emerald City",
        "client_type": "company",
        "url": "https://oz.example",
        "billing_email": "Gold@oz.example",
        "is_inactive": False,
        "properties": {"primary_contact_id": str(desk["contact"]), "external_ref": "org:7"},
        "updated_at": to_json(row["updated_at"]),
    }


async def test_the_first_name_counts(desk, emerald):
    """
    The id goes before the name, and so on; others are not looked at.
    """
    found = await find(desk, client_id=str(desk["client"]), name="Emerald City", phone="1")

    assert found.client.client_id == desk["client"]


async def test_several_of_one_name(desk):
    """
    The oldest active one is given, with how many there are.
    """
    await add_client(desk, "Oz", is_inactive=True, created_at=day(1))
    chosen = await desk.insert("clients", "client_id", {"client_name": "OZ", "created_at": day(2)})
    await desk.insert("clients", "client_id", {"client_name": "oz", "created_at": day(3)})

    found = await find(desk, name="oz")

    assert (found.client.client_id, found.client.is_inactive, found.matched_count) == (chosen, False, 3)


async def test_several_locations_with_one_number(desk, emerald):
    """
    A client counts once, however many of its locations have the number.
    """
    await desk.insert("client_locations", "location_id", {"client_id": emerald, "phone": "15550100"})

    assert (await find(desk, phone="1-555-0100")).matched_count == 1


async def test_numbers_without_digits(desk, emerald):
    """
    They are nobody's number, not that of everybody who has none.
    """
    for number, phone in enumerate((None, "", "unknown")):
        await desk.insert("client_locations", "location_id", {"client_id": emerald, "phone": phone})
        found = await find(desk, phone="unknown")
        assert (number, found.client) == (number, None)


async def test_primary_contact(desk, emerald):
    """
    It is given when it is asked for.
    """
    found = await find(desk, client_id=str(emerald), include_primary_contact=True)

    assert to_json(found.primary_contact) == {
        "contact_name_id": str(desk["contact"]),
        "full_name": "contact",
        "email": None,
        "phone": None,
        "client_id": str(desk["client"]),
        "is_inactive": False,
    }


@pytest.mark.parametrize("written", [None, 7, "Dorothy", "unknown", "foreign"])
async def test_no_primary_contact(desk, foreign_desk, written):
    """
    A client without contacts whose properties name nobody, or somebody of another tenant, has none.
    """
    named = {"unknown": str(uuid4()), "foreign": str(foreign_desk["contact"])}.get(written, written)
    client = await add_client(desk, "Oz", properties={"primary_contact_id": named})

    found = await find(desk, client_id=str(client), include_primary_contact=True)

    assert (found.client.client_id, found.primary_contact) == (client, None)


@pytest.mark.parametrize("written", [None, "unknown"])
async def test_first_contact(desk, written):
    """
    Without a primary contact, the client's active contact that was created first is the one to turn to.
    """
    client = await add_client(desk, "Oz", properties={"primary_contact_id": written and str(uuid4())})
    for name, number, inactive in (("Retired", 1, True), ("Wizard", 2, False), ("Glinda", 3, False)):
        columns = {"full_name": name, "client_id": client, "created_at": day(number), "is_inactive": inactive}
        await desk.insert("contacts", "contact_name_id", columns)

    found = await find(desk, client_id=str(client), include_primary_contact=True)

    assert found.primary_contact.full_name == "Wizard"


async def test_nothing_found(desk, emerald):
    """
    An empty result, or an error that says what was looked for; a name has to be whole.
    """
    found = await find(desk, name="Emerald")
    with pytest.raises(NotFoundError) as caught:
        await find(desk, name="Emerald", on_not_found="error")

    assert (found.client, found.primary_contact, found.matched_count) == (None, None, 0)
    assert caught.value.details == {"matched_by": "name"}


async def test_another_tenants_clients(desk, foreign_desk, emerald):
    """
    Nobody finds or searches what another tenant has.
    """
    for given in (
        {"client_id": str(emerald)},
        {"name": "Emerald City"},
        {"external_ref": "org:7"},
        {"phone": "+15550100"},
    ):
        assert (await find(foreign_desk, **given)).client is None
    assert (await search(foreign_desk, "Emerald")).total == 0


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, ""),
        ({"include_primary_contact": True}, ""),
        ({"name": None}, ""),
        ({"name": " "}, "name"),
        ({"client_id": "Oz"}, "client_id"),
        ({"external_ref": "org 7"}, "external_ref"),
        ({"external_ref": ""}, "external_ref"),
        ({"external_ref": "org:7\n"}, "external_ref"),
        ({"name": "Oz", "on_not_found": "ignore"}, "on_not_found"),
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
async def wizards(desk):
    """Clients to search; by name: a_c, abc, ABCD, and Old abc, which is inactive."""
    await add_client(desk, "abc", updated_at=day(3))
    await add_client(desk, "ABCD", updated_at=day(1))
    await add_client(desk, "a_c", updated_at=day(2), url="https://100%.example", billing_email="Pay@x.test")
    await add_client(desk, "Old abc", is_inactive=True, updated_at=day(4))
    await add_tag(desk, "abc", "VIP")
    await add_tag(desk, "ABCD", "nonprofit")
    return desk


@pytest.mark.parametrize(
    ("query", "filters", "names"),
    [
        ("ABC", None, ["abc", "ABCD"]),
        (" abc ", {}, ["abc", "ABCD"]),
        ("a_c", {}, ["a_c"]),
        ("%", {}, ["a_c"]),
        ("\\", {}, []),
        ("pay@X", {}, ["a_c"]),
        ("abc", {"include_inactive": True}, ["abc", "ABCD", "Old abc"]),
        ("abc", {"sort_order": "desc"}, ["ABCD", "abc"]),
        ("abc", {"sort_by": "updated_at"}, ["ABCD", "abc"]),
        ("abc", {"include_inactive": True, "sort_by": "updated_at", "sort_order": "desc"}, ["Old abc", "abc", "ABCD"]),
        ("abc", {"tags": ["vip"]}, ["abc"]),
        ("abc", {"tags": ["VIP", "Nonprofit", "none"]}, ["abc", "ABCD"]),
        ("abc", {"tags": ["none"]}, []),
        ("abc", {"tags": []}, ["abc", "ABCD"]),
    ],
)
async def test_search(wizards, query, filters, names):
    """
    The query stands in a text in any case, and every character in it for itself.
    """
    found = await search(wizards, query, filters=filters)

    assert [client.client_name for client in found.clients] == names
    assert found.first_client == (found.clients[0] if names else None)
    assert (found.page, found.page_size, found.total) == (1, 25, len(names))


async def test_tags_of_other_records(wizards):
    """
    A tag on a ticket is none of a client, even under the same id.
    """
    tag = await wizards.insert("tag_definitions", "tag_id", {"tag_text": "x", "tagged_type": "ticket"})
    columns = {"tag_id": tag, "tagged_id": wizards["abc"], "tagged_type": "ticket"}
    await wizards.insert("tag_mappings", "mapping_id", columns)

    assert (await search(wizards, "abc", filters={"tags": ["x"]})).total == 0


async def test_pages(wizards):
    """
    Together the pages have every client once, also where names are the same; a page after the last is empty.
    """
    for _ in range(5):
        await wizards.insert("clients", "client_id", {"client_name": "abcde"})

    pages = [await search(wizards, "abc", page=number, page_size=3) for number in (1, 2, 3, 4, 1_000_000_000)]

    assert [len(page.clients) for page in pages] == [3, 3, 1, 0, 0]
    assert {(page.total, page.page_size) for page in pages} == {(7, 3)}
    assert [page.page for page in pages[:4]] == [1, 2, 3, 4]
    assert len({client.client_id for page in pages for client in page.clients}) == 7
    assert pages[3].first_client is None


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"query": " "}, "query"),
        ({"query": None}, "query"),
        ({"page": 0}, "page"),
        ({"page": 1_000_000_001}, "page"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": 101}, "page_size"),
        ({"filters": {"sort_by": "url"}}, "filters.sort_by"),
        ({"filters": {"sort_order": "down"}}, "filters.sort_order"),
        ({"filters": {"tags": [""]}}, "filters.tags[0]"),
    ],
)
async def test_search_that_breaks_its_contract(desk, given, path):
    """
    Something to look for, and a page that there can be.
    """
    with pytest.raises(ValidationError) as caught:
        await desk.run("clients.search", {"query": "x"} | given)

    assert [error.path for error in caught.value.errors] == [path]
