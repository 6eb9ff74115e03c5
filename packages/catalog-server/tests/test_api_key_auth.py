"""API keys over HTTP: the key's user in the named tenant, and nobody else."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from workflow_catalog_server.api_key_auth import TRUSTED_SECONDS, ApiKeyAuthenticator
from workflow_catalog_server.auth import UnauthenticatedError
from workflow_core.api_keys.keys import create_api_key, revoke_api_key

EVENTS = "/api/workflow/events"
EVENT = {"eventName": "X", "payload": {}}


@pytest.fixture
async def made(db, tenants):
    """A key of tenant A that may read and run, with its record."""
    async with db.tenant(tenants.a) as conn:
        user = await conn.fetchval(
            "INSERT INTO users (tenant, username, email) VALUES ($1, 'u', 'u@x.test') RETURNING user_id", tenants.a
        )
        return await create_api_key(
            conn, tenants.a, user=user, label="a script", permissions=("workflow:read", "workflow:run")
        )


@pytest.fixture
def call(server):
    """A request with these headers, and no bearer token."""
    caller = server.a.with_token(None)

    async def send(method, path, headers, **options):
        return await caller(method, path, headers=headers, **options)

    return send


def headers_of(key, tenant):
    return {"x-api-key": key, "x-tenant-id": str(tenant)}


async def test_a_key_acts_as_its_user(server, call, made, tenants, db, definition, assert_problem):
    """With its permissions and no more; a bearer token works as before."""
    key, record = made
    headers = headers_of(key, tenants.a)
    assert (await call("POST", EVENTS, headers, json=EVENT)).status == 200
    assert len((await (await call("GET", EVENTS, headers)).json())["events"]) == 1
    response = await call("POST", "/api/workflow-definitions", headers, json={"definition": definition})
    await assert_problem(response, 403, "PERMISSION_DENIED")
    assert len((await (await server.a("GET", EVENTS)).json())["events"]) == 1
    # In upper case it is the same tenant.
    assert (await call("GET", EVENTS, headers_of(key, str(tenants.a).upper()))).status == 200
    async with db.tenant(tenants.a) as conn:
        await conn.execute(
            "UPDATE api_keys SET permissions = permissions || ARRAY['workflow:manage'] WHERE api_key_id = $1",
            record.api_key_id,
        )


async def test_who_made_it(serve, made, tenants, definition, db):
    """What a key's request writes is the user's."""
    key, record = made
    async with db.tenant(tenants.a) as conn:
        await conn.execute("UPDATE api_keys SET permissions = permissions || ARRAY['workflow:manage']")
    async with serve() as server:
        caller = server.a.with_token(None)
        body = {"definition": definition}
        headers = headers_of(key, tenants.a)
        created = await (await caller("POST", "/api/workflow-definitions", headers=headers, json=body)).json()
    async with db.tenant(tenants.a) as conn:
        creator = await conn.fetchval(
            "SELECT created_by FROM workflow_definitions WHERE workflow_id = $1", UUID(created["workflowId"])
        )
    assert creator == record.user_id


@pytest.mark.parametrize("wrong", ["key", "tenant", "foreign", "unknown", "garbage", "empty", "long"])
async def test_what_is_not_valid(call, made, tenants, assert_problem, *, wrong):
    """Whatever is wrong is answered alike, with 401."""
    key, _ = made
    headers = {
        "key": headers_of(key[:-1], tenants.a),
        "tenant": headers_of(key, "7"),
        "foreign": headers_of(key, tenants.b),
        "unknown": headers_of(key, uuid4()),
        "garbage": headers_of("\udcff\udcfe", tenants.a),
        "empty": headers_of("", tenants.a),
        "long": headers_of("x" * 4000, tenants.a),
    }[wrong]
    problem = await assert_problem(await call("GET", EVENTS, headers), 401, "API_KEY_INVALID")
    assert problem["error"] == "The request is not authenticated."


async def test_a_key_without_its_tenant(call, made, assert_problem):
    """The answer says which header is missing."""
    problem = await assert_problem(await call("GET", EVENTS, {"x-api-key": made[0]}), 401, "TENANT_REQUIRED")
    assert "x-tenant-id" in problem["detail"]


async def test_a_wrong_key_is_not_saved_by_a_token(server, made, tenants, assert_problem):
    """Who sends a key is who the key says."""
    response = await server.a("GET", EVENTS, headers=headers_of("wfk_x", tenants.a))
    await assert_problem(response, 401, "API_KEY_INVALID")


async def test_revocation_takes_effect_when_trust_ends(db, made, tenants):
    """Within that time the database is not asked again; after it, it is."""
    key, record = made
    now = 0.0
    authenticator = ApiKeyAuthenticator(db, clock=lambda: now)
    principal = await authenticator.authenticate(key, str(tenants.a))
    assert (principal.tenant, principal.user, principal.permissions) == (
        tenants.a,
        record.user_id,
        {"workflow:read", "workflow:run"},
    )
    async with db.tenant(tenants.a) as conn:
        await revoke_api_key(conn, tenants.a, record.api_key_id)
    now = TRUSTED_SECONDS - 0.1
    assert await authenticator.authenticate(key, str(tenants.a)) is principal
    now = TRUSTED_SECONDS
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(key, str(tenants.a))
    assert TRUSTED_SECONDS <= 30


async def test_few_keys_are_remembered(db, made, tenants):
    """What is remembered is bounded, and what is asked for stays."""
    async with db.tenant(tenants.a) as conn:
        others = [
            (await create_api_key(conn, tenants.a, user=made[1].user_id, label="x", permissions=()))[0]
            for _ in range(3)
        ]
    authenticator = ApiKeyAuthenticator(db, cache_size=2)
    first = await authenticator.authenticate(made[0], str(tenants.a))
    for key in others:
        await authenticator.authenticate(key, str(tenants.a))
        assert await authenticator.authenticate(made[0], str(tenants.a)) is first
    for key in others:
        await authenticator.authenticate(key, str(tenants.a))
    assert await authenticator.authenticate(made[0], str(tenants.a)) is not first
