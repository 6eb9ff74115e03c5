"""Values to pick for a field, over HTTP: whose, for whom, how long, and what else can be wrong."""

from __future__ import annotations

import asyncio
import logging
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

import attrs
import msgspec
import pytest

from workflow_catalog_server import option_routes
from workflow_core.connections import Connection, ConnectionField
from workflow_core.errors import (
    ActionError,
    IntegrationInactiveError,
    PermissionDeniedError,
    ReconnectRequiredError,
    TransientError,
)
from workflow_core.options import Option, OptionPage, OptionSource, picker, select_options

FIND = "/api/workflow/registry/actions/acme.backups.find/1/options"
SECRET = "canary-5f2c"


@attrs.frozen(kw_only=True)
class FindBackup:
    """Input of acme.backups.find."""

    client_id: Annotated[UUID | None, msgspec.Meta(extra_json_schema=picker("acme.clients"))] = None
    job: Annotated[int | None, msgspec.Meta(extra_json_schema=picker("acme.jobs", client="client_id"))] = None
    name: str | None = None


async def _search_clients(query: Any, ctx: Any) -> OptionPage:
    statement = "SELECT client_id::text AS value, client_name AS label, NULL AS description, 0 AS rank FROM clients"
    async with ctx.transaction() as conn:
        return await select_options(conn, query, statement)


@attrs.define
class Jobs:
    """What the integration answers, and what it was asked."""

    answer: Any = None
    asked: Any = None

    async def search(self, query: Any, ctx: Any) -> Any:
        self.asked = query
        if isinstance(self.answer, Exception):
            raise self.answer
        return await self.answer(ctx) if callable(self.answer) else self.answer


@pytest.fixture
def jobs() -> Jobs:
    """Two backup jobs."""
    return Jobs(OptionPage([Option(7, "Nightly", "Server"), Option(8, "Weekly")], next_cursor="2"))


@pytest.fixture
def registry(registry: Any, jobs: Jobs) -> Any:
    """Acme, whose action has fields with something to pick."""
    connection = Connection(
        provider="acme",
        label="Acme",
        description="",
        segments=("acme",),
        fields=(ConnectionField(name="api_key", label="API key", kind="secret"),),
    )
    key = ("acme.backups.find", 1)
    actions = {**registry.actions, key: attrs.evolve(registry.actions[key], input=FindBackup)}
    sources = {
        "acme.clients": OptionSource(id="acme.clients", search=_search_clients),
        "acme.jobs": OptionSource(id="acme.jobs", search=jobs.search, depends_on=("client",)),
    }
    return attrs.evolve(
        registry,
        actions=MappingProxyType(actions),
        options=MappingProxyType(sources),
        connections=MappingProxyType({"acme": connection}),
    )


@pytest.fixture
async def acme(server: Any, connect_acme: Any) -> Any:
    """The server, with Acme connected for tenant A."""
    await connect_acme(server.tenants.a)
    return server


async def test_a_picker_is_asked(acme, jobs):
    """The source gets words, cursor, limit and what the field depends on; its page is the answer."""
    response = await acme.a("GET", f"{FIND}/job?q=+night+&cursor=x&limit=5&client=42")
    assert (response.status, response.headers["Cache-Control"]) == (200, "private, no-store")
    assert await response.json() == {
        "options": [
            {"value": 7, "label": "Nightly", "description": "Server"},
            {"value": 8, "label": "Weekly", "description": None},
        ],
        "nextCursor": "2",
    }
    assert (jobs.asked.q, jobs.asked.cursor, jobs.asked.limit, jobs.asked.values) == ("night", "x", 5, None)
    assert jobs.asked.dependencies == {"client": "42"}
    assert (await acme.a("GET", f"{FIND}/job?value=7&value=9&client=")).status == 200
    assert (jobs.asked.values, jobs.asked.dependencies) == (("7", "9"), {})


async def test_the_catalog_names_them(acme):
    """An action says which of its fields have something to pick, and on which fields that depends."""
    action = await (await acme.a("GET", "/api/workflow/registry/actions/acme.backups.find/1")).json()
    assert action["pickers"] == [
        {"field": "client_id", "source": "acme.clients", "dependencies": {}},
        {"field": "job", "source": "acme.jobs", "dependencies": {"client": "client_id"}},
    ]


async def test_each_tenant_picks_from_its_own(acme, connect_acme, db):
    """Row-level security does it: the source's statement names no tenant."""
    await connect_acme(acme.tenants.b)
    for tenant, name in ((acme.tenants.a, "Emerald"), (acme.tenants.b, "Ruby")):
        async with db.tenant(tenant) as conn:
            await conn.execute("INSERT INTO clients (tenant, client_name) VALUES ($1, $2)", tenant, name)
    found = await (await acme.a("GET", f"{FIND}/client_id?q=emerald")).json()
    assert [option["label"] for option in found["options"]] == ["Emerald"]
    assert (await (await acme.a("GET", f"{FIND}/client_id?q=ruby")).json())["options"] == []
    assert len((await (await acme.b("GET", f"{FIND}/client_id?q=ruby")).json())["options"]) == 1


@pytest.mark.parametrize(
    "path",
    [
        "acme.backups.find/1/options/name",
        "acme.backups.find/1/options/nothing",
        "acme.backups.find/2/options/job",
        "acme.backups.find/x/options/job",
        "acme.nothing/1/options/job",
    ],
)
async def test_what_has_no_options(acme, assert_problem, path):
    """No such action, version or field, or nothing to pick for it."""
    await assert_problem(await acme.a("GET", f"/api/workflow/registry/actions/{path}"), 404, "NOT_FOUND")


async def test_who_may_not(acme, assert_problem, make_token, jobs):
    """A tenant that has not connected it has no such action; who may not read the catalog may not pick."""
    await assert_problem(await acme.b("GET", f"{FIND}/job"), 404, "NOT_FOUND")
    token = make_token(acme.tenants.a, "workflow:run")
    await assert_problem(await acme.a.with_token(token)("GET", f"{FIND}/job"), 403, "PERMISSION_DENIED")
    await assert_problem(await acme.a.with_token(None)("GET", f"{FIND}/job"), 401, "UNAUTHENTICATED")
    assert jobs.asked is None


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "clients=1", "q=%00", "cursor=!", "value=" + "x" * 1001])
async def test_a_query_that_is_wrong(acme, assert_problem, query):
    """Misspelt dependencies too; nothing is looked for."""
    await assert_problem(await acme.a("GET", f"{FIND}/client_id?{query}"), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (IntegrationInactiveError("Connect it."), 409, "INTEGRATION_INACTIVE"),
        (ReconnectRequiredError("Connect it again."), 409, "RECONNECT_REQUIRED"),
        (PermissionDeniedError("Allow monitoring."), 403, "PERMISSION_DENIED"),
        (TransientError("Later.", code="RATE_LIMITED", retry_after=7), 503, "RATE_LIMITED"),
        (ActionError("It refused."), 502, "ACTION_FAILED"),
        (ValueError(SECRET), 502, "OPTIONS_FAILED"),
        (TimeoutError(), 504, "OPTIONS_TIMEOUT"),
    ],
)
async def test_a_source_that_fails(acme, assert_problem, jobs, error, status, code):
    """The code says why, and no foreign words are told."""
    jobs.answer = error
    response = await acme.a("GET", f"{FIND}/job")
    assert SECRET not in str(await assert_problem(response, status, code))
    assert response.headers.get("Retry-After") == ("7" if code == "RATE_LIMITED" else None)


@pytest.mark.parametrize(
    "answer", [None, [], OptionPage([None]), OptionPage([Option(1, "x")] * 201)], ids=["none", "list", "item", "many"]
)
async def test_a_source_that_gives_something_else(acme, assert_problem, jobs, answer):
    """It is foreign code; what it gives is checked."""
    jobs.answer = answer
    await assert_problem(await acme.a("GET", f"{FIND}/job?limit=200"), 502, "OPTIONS_FAILED")


async def test_a_source_that_takes_its_time(acme, assert_problem, jobs, monkeypatch):
    """Nobody waits for ever."""
    monkeypatch.setattr(option_routes, "SEARCH_LIMIT", 0.05)
    jobs.answer = lambda ctx: asyncio.Event().wait()
    await assert_problem(await acme.a("GET", f"{FIND}/job"), 504, "OPTIONS_TIMEOUT")


async def test_a_source_writes_nothing_and_tells_no_secret(acme, assert_problem, jobs, db, caplog):
    """Its transactions are read-only; a secret that it was given is in no answer, message or log."""
    async with db.tenant(acme.tenants.a) as conn:
        await acme.services.secrets.write(conn, acme.tenants.a, "integration:acme", "api_key", SECRET, actor=None)

    async def write(ctx: Any) -> OptionPage:
        async with ctx.transaction() as conn:
            await conn.execute("DELETE FROM clients")
        return OptionPage([])

    async def leak(ctx: Any) -> OptionPage:
        key = (await ctx.secrets.require("api_key"))["api_key"]
        ctx.log.warning("the key is %s", key)
        return OptionPage([Option(key, f"Key {key}")])

    async def fail(ctx: Any) -> OptionPage:
        raise ActionError(f"Refused: {(await ctx.secrets.require('api_key'))['api_key']}")

    jobs.answer = write
    await assert_problem(await acme.a("GET", f"{FIND}/job"), 503, "DATABASE_UNAVAILABLE")
    with caplog.at_level(logging.INFO):
        jobs.answer = leak
        shown = [await (await acme.a("GET", f"{FIND}/job")).text()]
        jobs.answer = fail
        shown.append(str(await assert_problem(await acme.a("GET", f"{FIND}/job"), 502, "ACTION_FAILED")))
    assert "[REDACTED]" in caplog.text
    assert SECRET not in "".join([*shown, caplog.text])
