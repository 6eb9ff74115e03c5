"""Keys of scripts: shown once, kept as a digest, and ended by a command."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from workflow_core import cli
from workflow_core.api_keys.keys import create_api_key, digest_of, find_api_key, revoke_api_key
from workflow_core.errors import NotFoundError

READ = ("workflow:read",)


@pytest.fixture
async def user(db, tenants):
    """A user of tenant A."""
    return await new_user(db, tenants.a)


async def new_user(db, tenant):
    async with db.tenant(tenant) as conn:
        return await conn.fetchval(
            "INSERT INTO users (tenant, username, email) VALUES ($1, 'u', 'u@x.test') RETURNING user_id", tenant
        )


async def new_key(db, tenant, user, **options):
    async with db.tenant(tenant) as conn:
        return await create_api_key(conn, tenant, user=user, label="a script", permissions=READ, **options)


async def find(db, tenant, key):
    async with db.tenant(tenant) as conn:
        return await find_api_key(conn, tenant, digest_of(key))


async def test_a_key_is_found_by_itself_alone(db, tenants, user):
    """In its own tenant, by all of it; the database has no trace of the key."""
    key, made = await new_key(db, tenants.a, user)
    found = await find(db, tenants.a, key)
    assert (found.api_key_id, found.user_id, found.permissions) == (made.api_key_id, user, frozenset(READ))
    for tenant, other in ((tenants.b, key), (uuid4(), key), (tenants.a, key[:-1]), (tenants.a, key + "x")):
        assert await find(db, tenant, other) is None
    assert len(key) > 40
    assert (await new_key(db, tenants.a, user))[0] != key
    async with db.tenant(tenants.a) as conn:
        rows = await conn.fetch("SELECT k::text FROM api_keys k UNION ALL SELECT a::text FROM audit_logs a")
    assert key.removeprefix("wfk_") not in str(rows)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET expires_at = now() - interval '1 s'",
        "UPDATE api_keys SET revoked_at = now()",
        "UPDATE users SET is_inactive = true",
        "DELETE FROM users",
    ],
)
async def test_a_key_that_may_not_be_used(db, tenants, user, change):
    """Expired, revoked, or of a user who is inactive or gone."""
    key, _ = await new_key(db, tenants.a, user)
    async with db.tenant(tenants.a) as conn:
        await conn.execute(change)
    assert await find(db, tenants.a, key) is None


async def test_use_is_noted_to_the_minute(db, tenants, user):
    """A busy key writes once a minute."""
    key, made = await new_key(db, tenants.a, user)
    assert made.last_used_at is None

    async def last_used():
        await find(db, tenants.a, key)
        async with db.tenant(tenants.a) as conn:
            return await conn.fetchval("SELECT last_used_at FROM api_keys")

    first = await last_used()
    assert first is not None
    assert await last_used() == first
    async with db.tenant(tenants.a) as conn:
        await conn.execute("UPDATE api_keys SET last_used_at = last_used_at - interval '2 minutes'")
    assert await last_used() > first


async def test_unknown_tenants_and_users(db, tenants, user):
    """Nothing is made for them, and a key of another tenant cannot be ended."""
    stranger = await new_user(db, tenants.b)
    for tenant, who in ((tenants.a, stranger), (tenants.a, uuid4()), (uuid4(), user)):
        with pytest.raises(NotFoundError):
            await new_key(db, tenant, who)
    _, made = await new_key(db, tenants.a, user)
    with pytest.raises(NotFoundError):
        async with db.tenant(tenants.b) as conn:
            await revoke_api_key(conn, tenants.b, made.api_key_id)


async def test_the_command(db, migrated_database, tenants, user, monkeypatch, capsys):
    """Prints the key alone on standard output, lists it without the key, and ends it."""
    monkeypatch.setenv("WORKFLOW_DATABASE_URL", migrated_database.dsn)

    async def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            await asyncio.to_thread(cli.main, ["api-keys", *arguments])
        return ended.value.code, capsys.readouterr().out

    tenant = ("--tenant", str(tenants.a))
    code, printed = await run("create", *tenant, "--user", str(user), "--label", "night import", "--days", "30")
    assert (code, printed.count("\n")) == (0, 1)
    key = printed.strip()
    found = await find(db, tenants.a, key)
    assert found.permissions == {"workflow:read", "workflow:manage", "workflow:publish", "workflow:run"}
    assert abs(found.expires_at - found.created_at - timedelta(days=30)) < timedelta(minutes=1)
    code, printed = await run(
        "create", *tenant, "--user", str(user), "--label", "reader", "--permission", "workflow:read"
    )
    assert (await find(db, tenants.a, printed.strip())).permissions == {"workflow:read"}
    code, listed = await run("list", *tenant)
    assert "night import" in listed
    assert key not in listed
    code, listed = await run("list", *tenant, "--json")
    records = {record["label"]: record for record in json.loads(listed)}
    assert set(records) == {"night import", "reader"}
    assert records["night import"]["apiKeyId"] == str(found.api_key_id)
    code, printed = await run("revoke", *tenant, str(found.api_key_id))
    assert (code, "revoked" in printed) == (0, True)
    assert await find(db, tenants.a, key) is None
    assert (await run("revoke", *tenant, str(found.api_key_id)))[0] == 0
    async with db.tenant(tenants.a) as conn:
        audit = await conn.fetch("SELECT operation, record_id FROM audit_logs ORDER BY timestamp")
    assert [row["operation"] for row in audit] == ["create", "create", "revoke"]
    assert UUID(audit[2]["record_id"]) == found.api_key_id


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "--tenant", "7", "--user", str(uuid4()), "--label", "x"], "is not a UUID"),
        (["create", "--tenant", str(uuid4()), "--label", "x"], "--user"),
        (["create", "--tenant", str(uuid4()), "--user", str(uuid4()), "--label", "x\ny"], "one line"),
        (["create", "--tenant", str(uuid4()), "--user", str(uuid4()), "--label", "\udcff"], "one line"),
        (["revoke", "--tenant", str(uuid4()), str(uuid4())], "There is no API key"),
        (["create", "--tenant", str(uuid4()), "--user", str(uuid4()), "--label", "x"], "There is no user"),
        (
            ["create", "--tenant", str(uuid4()), "--user", str(uuid4()), "--label", "x", "--permission", "all"],
            "is not a permission",
        ),
        (["create", "--tenant", str(uuid4()), "--user", str(uuid4()), "--label", "x", "--days", "0"], "1 to 36500"),
    ],
)
async def test_unfit_arguments(migrated_database, monkeypatch, capsys, *, arguments, words):
    """They are named."""
    monkeypatch.setenv("WORKFLOW_DATABASE_URL", migrated_database.dsn)
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(cli.main, ["api-keys", *arguments])
    assert ended.value.code != 0
    assert words in f"{ended.value.code} {capsys.readouterr().err}"


def test_no_database(monkeypatch):
    """It is said which variable names it."""
    monkeypatch.delenv("WORKFLOW_DATABASE_URL", raising=False)
    with pytest.raises(SystemExit, match="WORKFLOW_DATABASE_URL"):
        cli.main(["api-keys", "list", "--tenant", str(uuid4())])
