"""``clients.find`` and ``clients.search``."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from workflow_core.errors import NotFoundError, ValidationError

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def companies(desk):
    """Four clients, two of one name; one with an external reference, its locations and people."""
    for day, (key, name, properties, inactive) in enumerate(
        (
            ("old", "Emerald City", {}, True),
            ("city", "Emerald City", {"external_ref": "crm:47.11"}, False),
            ("town", "EMERALD CITY", {}, False),
            ("farm", "Gale Farm", None, False),
        )
    ):
        await desk.add(
            "clients",
            "client_id",
            name=key,
            client_name=name,
            properties=properties or {},
            is_inactive=inactive,
            client_type="company",
            url="https://x.test",
            billing_email="bill@x.test",
            created_at=START + timedelta(days=day),
            updated_at=START - timedelta(days=day),
        )
    for number in ("+49 (30) 555-0100", "030/555-0101"):
        await desk.add("client_locations", "location_id", client_id=desk["city"], phone=number)
    for day, (name, inactive) in enumerate((("Retired", True), ("Wizard", False), ("Glinda", False))):
        await desk.add(
            "contacts",
            "contact_name_id",
            name=name,
            full_name=name,
            client_id=desk["city"],
            is_inactive=inactive,
            created_at=START + timedelta(days=day),
        )
    return desk


async def find(desk, **given):
    return await desk.run("clients.find", given)


async def search(desk, query, **given):
    return await desk.run("clients.search", {"query": query, **given})


async def test_client(companies):
    """
    By its id, with everything; its contact only where it is asked for.
    """
    found = await find(companies, client_id=str(companies["city"]))

    client = found.client
    assert (client.client_id, client.client_name, client.client_type) == (companies["city"], "Emerald City", "company")
    assert (client.url, client.billing_email, client.is_inactive) == ("https://x.test", "bill@x.test", False)
    assert (client.properties, client.updated_at) == ({"external_ref": "crm:47.11"}, START - timedelta(days=1))
    assert (found.primary_contact, found.matched_count) == (None, 1)


@pytest.mark.parametrize(
    ("given", "expected", "count"),
    [
        ({"name": " emerald CITY "}, "city", 3),
        ({"name": "Emerald"}, None, 0),
        ({"external_ref": "crm:47.11"}, "city", 1),
        ({"external_ref": "crm:47"}, None, 0),
        ({"phone": "4930 5550100"}, "city", 1),
        ({"phone": "(030) 5550101"}, "city", 1),
        ({"phone": "5550101"}, None, 0),
        ({"name": "Gale Farm", "external_ref": "crm:47.11"}, "farm", 1),
    ],
)
async def test_ways(companies, given, expected, count):
    """
    The first way that is given decides; of several that fit, an active one, then the oldest.
    """
    found = await find(companies, **given)

    assert (found.client and found.client.client_id) == (expected and companies[expected])
    assert found.matched_count == count


@pytest.mark.parametrize(("named", "expected"), [(None, "Wizard"), ("Glinda", "Glinda"), ("contact", "Wizard")])
async def test_primary_contact(companies, named, expected):
    """
    The one that the client names among its own, else the active one who was entered first.
    """
    async with companies.db.tenant(companies.tenant) as conn:
        await conn.execute(
            "UPDATE clients SET properties = $2 WHERE client_id = $1",
            companies["city"],
            {"primary_contact_id": named and str(companies[named])},
        )

    found = await find(companies, client_id=str(companies["city"]), include_primary_contact=True)

    assert found.primary_contact.contact_name_id == companies[expected]


async def test_no_contact(companies):
    """
    A client may have nobody to turn to.
    """
    found = await find(companies, client_id=str(companies["farm"]), include_primary_contact=True)

    assert found.primary_contact is None


async def test_nothing_found(companies):
    """
    Null, or an error for those who want one.
    """
    found = await find(companies, name="Kansas", include_primary_contact=True)
    with pytest.raises(NotFoundError) as caught:
        await find(companies, client_id=str(uuid4()), on_not_found="error")

    assert (found.client, found.primary_contact, found.matched_count) == (None, None, 0)
    assert caught.value.details == {"matched_by": "client_id"}


async def test_another_tenants_clients(companies, foreign_desk):
    """
    Nobody finds what another tenant has.
    """
    for given in (
        {"client_id": str(companies["city"])},
        {"name": "Emerald City"},
        {"external_ref": "crm:47.11"},
        {"phone": "49305550100"},
    ):
        assert (await find(foreign_desk, **given)).client is None
    assert (await search(foreign_desk, "emerald")).total == 0


@pytest.mark.parametrize(
    ("given", "path", "code"),
    [
        ({}, "", "RULE"),
        ({"include_primary_contact": True}, "", "RULE"),
        ({"external_ref": "a b"}, "external_ref", "FORMAT"),
        ({"external_ref": "'; --"}, "external_ref", "FORMAT"),
        ({"phone": "12 34"}, "phone", "FORMAT"),
        ({"name": " "}, "name", "LENGTH"),
        ({"client_id": "x"}, "client_id", "FORMAT"),
    ],
)
async def test_input_that_breaks_its_contract(desk, places, given, path, code):
    """
    At least one way to say which it is, each in its form.
    """
    with pytest.raises(ValidationError) as caught:
        await find(desk, **given)

    assert places(caught.value) == {(path, code)}


async def test_search(companies):
    """
    Active ones by their names, in any case; inactive ones where they are asked for.
    """
    found = await search(companies, "emerald")
    everything = await search(companies, "EMERALD", filters={"include_inactive": True, "sort_by": "updated_at"})

    assert {client.client_id for client in found.clients} == {companies["city"], companies["town"]}
    assert (found.total, found.first_client) == (2, found.clients[0])
    assert [client.client_id for client in everything.clients] == [companies[key] for key in ("town", "city", "old")]


async def test_search_by_tag(companies):
    """
    Tags of clients count, those of other records do not.
    """
    async with companies.db.tenant(companies.tenant) as conn:
        for kind, key in (("client", "city"), ("contact", "town")):
            tag_id = await conn.fetchval(
                "INSERT INTO tag_definitions (tenant, tag_text, tagged_type) VALUES ($1, 'managed', $2) "
                "RETURNING tag_id",
                *(companies.tenant, kind),
            )
            await conn.execute(
                "INSERT INTO tag_mappings (tenant, tag_id, tagged_id, tagged_type) VALUES ($1, $2, $3, $4)",
                *(companies.tenant, tag_id, companies[key], kind),
            )

    found = await search(companies, "emerald", filters={"tags": ["managed", "x"]})

    assert [client.client_id for client in found.clients] == [companies["city"]]


async def test_search_without_a_match(companies):
    """
    An empty page, and no first one.
    """
    found = await search(companies, "kansas", page=4, page_size=10)

    assert (found.clients, found.first_client, found.total) == ((), None, 0)
    assert (found.page, found.page_size) == (4, 10)
