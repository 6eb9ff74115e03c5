"""Which fields have something to pick, and how options in our own tables are searched."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import attrs
import msgspec
import pytest

from workflow_core.actions import Action, Effect
from workflow_core.discovery import registry_of
from workflow_core.errors import DiscoveryError, ValidationError
from workflow_core.modules import Module
from workflow_core.options import (
    Option,
    OptionPage,
    OptionQuery,
    OptionSource,
    Picker,
    picker,
    pickers_of,
    select_options,
)
from workflow_core.schema import json_schema
from workflow_core.storage.database import Database
from workflow_core.testing.postgres import Tenants


@attrs.frozen(kw_only=True)
class Assignee:
    """Who."""

    type: str
    id: Annotated[UUID, msgspec.Meta(extra_json_schema=picker("acme.people", kind="type", client="client_id"))]
    parent: Assignee | None = None


@attrs.frozen(kw_only=True)
class Given:
    """An input."""

    client_id: Annotated[UUID | None, msgspec.Meta(extra_json_schema=picker("acme.clients"))] = None
    assignee: Assignee | None = None
    others: tuple[Annotated[UUID, msgspec.Meta(extra_json_schema=picker("acme.people"))], ...] = ()
    text: str = ""


@attrs.frozen
class Answered:
    """An output."""


async def _handler(_given, _ctx):
    raise NotImplementedError  # declared only: a test that came to call it should fail


async def _search(_query, _ctx):
    return OptionPage([])


def registry(*sources: OptionSource, given: type = Given):
    """Of an integration with these sources and one action."""
    return registry_of(
        "workflow-acme",
        "1.0",
        modules=[
            Module(
                group_key="app:acme",
                label="Acme",
                description="",
                tile_kind="app",
                default_action_id="acme.do",
                allowed_action_ids=("acme.do",),
            )
        ],
        actions=[
            Action(
                id="acme.do",
                label="Do",
                description="",
                input=given,
                output=Answered,
                effect=Effect.READ,
                io="database",
                handler=_handler,
            )
        ],
        options=sources,
    )


CLIENTS = OptionSource(id="acme.clients", search=_search)
PEOPLE = OptionSource(id="acme.people", search=_search, depends_on=("kind", "client"))


def test_fields_with_something_to_pick():
    """Each by its path, with the paths of what it depends on: beside it, or else around it. A list has one picker."""
    assert pickers_of(Given) == {
        "client_id": Picker("client_id", "acme.clients", {}),
        "assignee.id": Picker("assignee.id", "acme.people", {"kind": "assignee.type", "client": "client_id"}),
        "others": Picker("others", "acme.people", {}),
    }
    assert json_schema(Given)["properties"]["client_id"]["x-picker"] == {"source": "acme.clients", "dependencies": {}}
    assert set(registry(CLIENTS, PEOPLE).options) == {"acme.clients", "acme.people"}


@pytest.mark.parametrize(
    ("sources", "cause"),
    [
        ((PEOPLE,), "the field client_id names the options acme.clients, which this distribution does not have"),
        (
            (CLIENTS, attrs.evolve(PEOPLE, depends_on=("kind",))),
            "the field assignee.id: the options acme.people do not depend on client",
        ),
        ((CLIENTS, PEOPLE, PEOPLE), "source of options acme.people is given twice"),
        (
            (CLIENTS, PEOPLE, attrs.evolve(CLIENTS, id="tickets.boards")),
            "options tickets.boards: no module of this distribution claims tickets.*",
        ),
        ((CLIENTS, PEOPLE, attrs.evolve(CLIENTS, id="Acme")), "options Acme: the id must be dotted lower-case words"),
        (
            (CLIENTS, attrs.evolve(PEOPLE, depends_on=("kind", "client", "limit"))),
            "options acme.people: a dependency cannot be called limit",
        ),
        (
            (PEOPLE, attrs.evolve(CLIENTS, search=lambda query, ctx: None)),
            "options acme.clients: search must be an async function",
        ),
    ],
)
def test_sources_and_marks_that_do_not_fit(sources, cause):
    """The distribution is refused, and the cause says where."""
    with pytest.raises(DiscoveryError) as refused:
        registry(*sources)
    assert cause in str(refused.value)


def test_a_dependency_that_is_no_field():
    """Nothing beside or around the field has that name."""

    @attrs.frozen
    class Lonely:
        id: Annotated[UUID, msgspec.Meta(extra_json_schema=picker("acme.people", client="client_id"))]

    with pytest.raises(DiscoveryError, match="the field id: there is no field for client beside or around it"):
        registry(PEOPLE, given=Lonely)


STATEMENT = """
SELECT client_id::text AS value, client_name AS label, url AS description, 0 AS rank FROM clients WHERE tenant = $1
"""


async def look(db: Database, tenant: UUID, **query: object) -> OptionPage:
    """A page of the tenant's clients."""
    async with db.tenant(tenant, readonly=True) as conn:
        return await select_options(conn, OptionQuery(**query), STATEMENT, tenant)


async def test_pages_of_a_statement(db: Database, tenants: Tenants) -> None:
    """All words have to occur, in any case; pages have no gap and no repetition; values give their labels."""
    names = ["Émile & Söhne", "alpha 100%", "Alpha_2", "beta", "Beta", "beta"]
    async with db.tenant(tenants.a) as conn:
        for name in names:
            await conn.execute(
                "INSERT INTO clients (tenant, client_name, url) VALUES ($1, $2, 'https://x.example')", tenants.a, name
            )
        await conn.execute("DELETE FROM clients WHERE tenant = $1 AND client_name <> ALL ($2)", tenants.a, names)
    found: list[Option] = []
    cursor = None
    while True:
        page = await look(db, tenants.a, limit=2, cursor=cursor)
        assert len(page.options) <= 2
        found += page.options
        if (cursor := page.next_cursor) is None:
            break
    assert len({option.value for option in found}) == len(names)
    labels = [option.label.lower() for option in found]
    assert labels[:5] == ["alpha 100%", "alpha_2", "beta", "beta", "beta"]
    assert [option.label for option in (await look(db, tenants.a, q="0% ALPHA")).options] == ["alpha 100%"]
    assert [option.label for option in (await look(db, tenants.a, q="x.example _")).options] == ["Alpha_2"]
    assert [o.label for o in (await look(db, tenants.a, q="söhne")).options] == ["Émile & Söhne"]
    wanted = (found[-1].value, "nothing")
    assert (await look(db, tenants.a, values=wanted)).options == [found[-1]]
    assert found[0].value not in {option.value for option in (await look(db, tenants.b)).options}


@pytest.mark.parametrize(
    "cursor", ["", "x", "bnVsbA==", "WzEsMiwzXQ==", "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMCwiYSIsImIiXQ=="]
)
async def test_a_cursor_that_is_none(db: Database, tenants: Tenants, cursor: str) -> None:
    """It is refused before the database is asked."""
    with pytest.raises(ValidationError, match="cursor: must be the nextCursor of a page"):
        await look(db, tenants.a, cursor=cursor)
