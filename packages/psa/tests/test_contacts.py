"""``contacts.find`` and ``contacts.search``."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def people(desk):
    """Five contacts of two clients; two share an e-mail address, and one of another client a telephone number."""
    for day, (name, client, email, phone, inactive) in enumerate(
        (
            ("Dorothy Gale", "client", "Dorothy@x.test", "+1 (785) 555-0100", False),
            ("Dorothy 100%", "client", "dorothy@x.test", None, False),
            ("Tin_Man", "other_client", "tin@x.test", "1.785.555.0100", False),
            ("Scarecrow", "client", None, "555-0101", True),
            ("Lion", "client", "LION@x.test", None, False),
        )
    ):
        await desk.add(
            "contacts",
            "contact_name_id",
            name=name,
            full_name=name,
            client_id=desk[client],
            email=email,
            phone_number=phone,
            is_inactive=inactive,
            created_at=START + timedelta(days=day),
            updated_at=START - timedelta(days=day),
        )
    return desk


async def find(desk, **given):
    return (await desk.run("contacts.find", given)).contact


async def search(desk, query, **given):
    return await desk.run("contacts.search", {"query": query, **given})


async def test_contact(people):
    """
    By its id, with everything.
    """
    contact = await find(people, contact_id=str(people["Dorothy Gale"]))

    assert (contact.contact_name_id, contact.full_name) == (people["Dorothy Gale"], "Dorothy Gale")
    assert (contact.email, contact.phone) == ("Dorothy@x.test", "+1 (785) 555-0100")
    assert (contact.client_id, contact.is_inactive) == (people["client"], False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"email": " DOROTHY@x.test "}, "Dorothy Gale"),
        ({"email": "dorothy@x.test", "match_strategy": "most_recent"}, "Dorothy 100%"),
        ({"email": "dorothy@x.tes"}, None),
        ({"phone": "17855550100"}, "Dorothy Gale"),
        ({"phone": "+1 785 555 0100", "client_id": "other_client"}, "Tin_Man"),
        ({"phone": "555 0101"}, "Scarecrow"),
        ({"phone": "5550100"}, None),
        ({"email": "tin@x.test", "client_id": "client"}, None),
        ({"email": "tin@x.test", "phone": "5550101"}, "Tin_Man"),
        ({"contact_id": "Lion", "email": "tin@x.test"}, "Lion"),
    ],
)
async def test_ways(people, given, expected):
    """
    The first way that is given decides; of several who fit, the strategy does.
    """
    contact = await find(people, **{name: str(people.ids.get(value, value)) for name, value in given.items()})

    assert (contact and contact.full_name) == expected


async def test_active_before_inactive(people):
    """
    Whoever was entered first.
    """
    async with people.db.tenant(people.tenant) as conn:
        await conn.execute("UPDATE contacts SET is_inactive = true WHERE full_name = 'Dorothy Gale'")

    assert (await find(people, email="dorothy@x.test")).full_name == "Dorothy 100%"


async def test_nobody_found(people):
    """
    Null, or an error for those who want one.
    """
    with pytest.raises(NotFoundError) as caught:
        await find(people, email="toto@x.test", on_not_found="error")

    assert await find(people, email="toto@x.test") is None
    assert caught.value.details == {"matched_by": "email"}


async def test_another_tenants_contacts(people, foreign_desk):
    """
    Nobody finds what another tenant has.
    """
    for given in (
        {"contact_id": str(people["Lion"])},
        {"email": "lion@x.test"},
        {"phone": "17855550100"},
    ):
        assert await find(foreign_desk, **given) is None
    assert (await search(foreign_desk, "lion")).total == 0


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({}, "", "RULE"),
        ({"client_id": str(uuid4())}, "", "RULE"),
        ({"email": "dorothy"}, "email", "FORMAT"),
        ({"phone": "555-010"}, "phone", "FORMAT"),
        ({"contact_id": "x"}, "contact_id", "FORMAT"),
        ({"email": "a@b", "match_strategy": "best"}, "match_strategy", "CHOICE"),
        ({"email": "a@b", "on_not_found": "ignore"}, "on_not_found", "CHOICE"),
    ],
)
async def test_input_that_breaks_its_contract(desk, places, given, path, code):
    """
    At least one way to say who it is, each in its form.
    """
    with pytest.raises(ValidationError) as caught:
        await find(desk, **given)

    assert places(caught.value) == {(path, code)}


# ── Search ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "more", "expected"),
    [
        ("dorothy", {}, ["Dorothy 100%", "Dorothy Gale"]),
        (" GALE ", {}, ["Dorothy Gale"]),
        ("lion@", {}, ["Lion"]),
        ("555-01", {}, ["Dorothy Gale"]),
        ("555-01", {"filters": {"include_inactive": True}}, ["Dorothy Gale", "Scarecrow"]),
        ("100%", {}, ["Dorothy 100%"]),
        ("%", {}, ["Dorothy 100%"]),
        ("n_m", {}, ["Tin_Man"]),
        ("\\", {}, []),
        ("x.test", {"client_id": "other_client"}, ["Tin_Man"]),
        ("x.test", {"filters": None}, ["Dorothy 100%", "Dorothy Gale", "Lion", "Tin_Man"]),
        ("x.test", {"filters": {"sort_order": "desc"}}, ["Tin_Man", "Lion", "Dorothy Gale", "Dorothy 100%"]),
        ("x.test", {"filters": {"sort_by": "updated_at"}}, ["Lion", "Tin_Man", "Dorothy 100%", "Dorothy Gale"]),
    ],
)
async def test_search(people, query, more, expected):
    """
    A text in name, address or number, in any case; its special characters mean themselves.
    """
    if "client_id" in more:
        more = {"client_id": str(people[more["client_id"]])}

    found = await search(people, query, **more)

    assert [contact.full_name for contact in found.contacts] == expected
    assert found.total == len(expected)
    assert found.first_contact == (found.contacts[0] if expected else None)


async def test_tags(people):
    """
    Those who have at least one of the tags, each once; no tags are no condition.
    """
    for text, kind, tagged in (
        ("vip", "contact", "Lion"),
        ("brave", "contact", "Lion"),
        ("brave", "ticket", "Tin_Man"),
        ("brave", "contact", "Dorothy Gale"),
    ):
        async with people.db.tenant(people.tenant) as conn:
            await conn.execute(
                "INSERT INTO tag_definitions (tenant, tag_text, tagged_type) VALUES ($1, $2, $3) "
                "ON CONFLICT DO NOTHING",
                *(people.tenant, text, kind),
            )
            await conn.execute(
                "INSERT INTO tag_mappings (tenant, tag_id, tagged_id, tagged_type) SELECT $1, tag_id, $4, $3 "
                "FROM tag_definitions WHERE tag_text = $2 AND tagged_type = $3",
                *(people.tenant, text, kind, people[tagged]),
            )

    async def tagged(*tags):
        found = await search(people, "x.test", filters={"tags": list(tags)})
        return [contact.full_name for contact in found.contacts], found.total

    assert await tagged("vip", "brave") == (["Dorothy Gale", "Lion"], 2)
    assert await tagged("vip") == (["Lion"], 1)
    assert (await tagged())[1] == 4


async def test_pages(people):
    """
    Every page tells how many there are, also the one behind the last.
    """
    pages = [await search(people, "x.test", page=page, page_size=3) for page in (1, 2, 3)]

    assert [[contact.full_name for contact in page.contacts] for page in pages] == [
        ["Dorothy 100%", "Dorothy Gale", "Lion"],
        ["Tin_Man"],
        [],
    ]
    assert [(page.page, page.page_size, page.total) for page in pages] == [(1, 3, 4), (2, 3, 4), (3, 3, 4)]


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({"query": " "}, "query", "LENGTH"),
        ({"query": "x", "page": 0}, "page", "RANGE"),
        ({"query": "x", "page": 2**60}, "page", "RANGE"),
        ({"query": "x", "page_size": 101}, "page_size", "RANGE"),
        ({"query": "x", "filters": {"sort_by": "email"}}, "filters.sort_by", "CHOICE"),
    ],
)
async def test_search_that_breaks_its_contract(desk, places, given, path, code):
    """
    A text to look for, and pages that there can be.
    """
    with pytest.raises(ValidationError) as caught:
        await search(desk, **given)

    assert places(caught.value) == {(path, code)}
