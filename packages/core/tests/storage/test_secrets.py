"""Secrets: encrypted at rest, bound to their place, and shown nowhere."""

import asyncio
import base64
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from workflow_core.errors import ConfigurationError, SecretNotFoundError, ValidationError
from workflow_core.secrets import (
    MAX_SECRET_BYTES,
    WORKFLOW_SCOPE,
    KeyEncryptionKey,
    SecretBox,
    TenantSecrets,
    integration_scope,
    load_key_encryption_key,
)
from workflow_core.storage.database import Database
from workflow_core.testing.postgres import PostgresDatabase, Tenants

KEY = KeyEncryptionKey(bytes(range(32)))
ENCODED_KEY = base64.b64encode(KEY.value).decode()
NINJAONE = integration_scope("ninjaone")


@pytest.fixture
def secrets() -> TenantSecrets:
    """The secrets, with the key that opens them."""
    return TenantSecrets(KEY)


# ── Storing and resolving ────────────────────────────────────────────────────────────────────────────────────────


async def test_round_trip(db: Database, tenants: Tenants, secrets: TenantSecrets) -> None:
    """What was written is resolved, by scope and name; a second write replaces the first."""
    async with db.tenant(tenants.a) as conn:
        await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "API_KEY", "first", actor=None)
        await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "API_KEY", "pässword", actor=uuid4())
        await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "OTHER", "o", actor=None)
        await secrets.write(conn, tenants.a, NINJAONE, "API_KEY", "theirs", actor=None)
    async with db.tenant(tenants.a) as conn:
        assert await secrets.resolve(conn, tenants.a, WORKFLOW_SCOPE, ["API_KEY"]) == {"API_KEY": "pässword"}
        assert await secrets.resolve(conn, tenants.a, NINJAONE, ["API_KEY"]) == {"API_KEY": "theirs"}
        assert await secrets.resolve(conn, tenants.a, WORKFLOW_SCOPE, []) == {}
        assert await secrets.names(conn, tenants.a, WORKFLOW_SCOPE) == ["API_KEY", "OTHER"]
        assert await secrets.delete(conn, tenants.a, WORKFLOW_SCOPE, "OTHER")
        assert not await secrets.delete(conn, tenants.a, WORKFLOW_SCOPE, "OTHER")
        assert await secrets.names(conn, tenants.a, WORKFLOW_SCOPE) == ["API_KEY"]


async def test_nothing_is_stored_in_clear(
    db: Database, migrated_database: PostgresDatabase, tenants: Tenants, secrets: TenantSecrets
) -> None:
    """The tables hold neither the value nor a key that opens it, and equal values look different."""
    async with db.tenant(tenants.a) as conn:
        for name in ("ONE", "TWO"):
            await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, name, "correct horse", actor=None)
    admin = await asyncpg.connect(migrated_database.admin_dsn)
    try:
        ciphertexts = [row["ciphertext"] for row in await admin.fetch("SELECT ciphertext FROM tenant_secrets")]
        keys = await admin.fetchval("SELECT array_agg(wrapped_key) FROM tenant_secret_keys")
    finally:
        await admin.close()
    assert len(set(ciphertexts)) == 2
    assert not any(b"correct horse" in ciphertext for ciphertext in ciphertexts)
    assert len(keys) == 1


async def test_first_secrets_share_a_key(
    db: Database, migrated_database: PostgresDatabase, tenants: Tenants, secrets: TenantSecrets
) -> None:
    """Two that write a tenant's first secret at once make one data key."""

    async def write(name: str) -> None:
        async with db.tenant(tenants.a) as conn:
            await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, name, name, actor=None)

    await asyncio.gather(*(write(f"NAME_{number}") for number in range(4)))
    async with db.tenant(tenants.a) as conn:
        assert await conn.fetchval("SELECT count(*) FROM tenant_secret_keys") == 1


async def test_missing_secrets_are_named(db: Database, tenants: Tenants, secrets: TenantSecrets) -> None:
    """All that are missing are named at once; another tenant's secret is missing too."""
    async with db.tenant(tenants.b) as conn:
        await secrets.write(conn, tenants.b, WORKFLOW_SCOPE, "THEIRS", "x", actor=None)
    async with db.tenant(tenants.a) as conn:
        await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "OURS", "x", actor=None)
        with pytest.raises(SecretNotFoundError, match="GONE, THEIRS") as caught:
            await secrets.resolve(conn, tenants.a, WORKFLOW_SCOPE, ["THEIRS", "OURS", "GONE"])
    assert caught.value.details == {"scope": "workflow", "names": ["GONE", "THEIRS"]}


async def test_values_are_not_shown(db: Database, tenants: Tenants, secrets: TenantSecrets) -> None:
    """What is resolved shows its names; the keys show nothing."""
    async with db.tenant(tenants.a) as conn:
        await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "API_KEY", "hunter2", actor=None)
        resolved = await secrets.resolve(conn, tenants.a, WORKFLOW_SCOPE, ["API_KEY"])
    assert f"{resolved} {resolved!r}" == "<ResolvedSecrets API_KEY> <ResolvedSecrets API_KEY>"
    assert repr(KEY) == "KeyEncryptionKey()"


# ── Tampering ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE tenant_secrets SET name = 'MOVED' WHERE name = 'API_KEY'",
        "UPDATE tenant_secrets SET scope = 'integration:ninjaone', name = 'MOVED' WHERE name = 'API_KEY'",
        "UPDATE tenant_secrets SET name = 'MOVED', ciphertext = set_byte(ciphertext, 20, 0) WHERE name = 'API_KEY'",
        "UPDATE tenant_secrets SET name = 'MOVED', ciphertext = '\\x' WHERE name = 'API_KEY'",
        "UPDATE tenant_secrets SET name = 'MOVED', ciphertext = '\\x02' || ciphertext WHERE name = 'API_KEY'",
        "UPDATE tenant_secret_keys SET wrapped_key = set_byte(wrapped_key, 20, 0)",
    ],
)
async def test_tampering_is_found(db: Database, tenants: Tenants, secrets: TenantSecrets, tampering: str) -> None:
    """A row that was changed or moved to another name or scope does not open, and the error says what to do."""
    async with db.tenant(tenants.a) as conn:
        await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "API_KEY", "hunter2", actor=None)
        await conn.execute(tampering)
        row = await conn.fetchrow("SELECT scope, name FROM tenant_secrets")
        assert row is not None
        with pytest.raises(ConfigurationError, match="store the secret again") as caught:
            await secrets.resolve(conn, tenants.a, row["scope"], [row["name"]])
    assert caught.value.code == "SECRET_UNREADABLE"


async def test_another_tenant_cannot_open_it(
    db: Database, migrated_database: PostgresDatabase, tenants: Tenants, secrets: TenantSecrets
) -> None:
    """Rows copied to another tenant, with the data key, do not open there."""
    async with db.tenant(tenants.a) as conn:
        await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "API_KEY", "hunter2", actor=None)
    admin = await asyncpg.connect(migrated_database.admin_dsn)
    try:
        await admin.execute(
            "INSERT INTO tenant_secret_keys (tenant, key_id, wrapped_key) "
            "SELECT $1, key_id, wrapped_key FROM tenant_secret_keys",
            tenants.b,
        )
        await admin.execute(
            "INSERT INTO tenant_secrets (tenant, scope, name, ciphertext, key_id) "
            "SELECT $1, scope, name, ciphertext, key_id FROM tenant_secrets",
            tenants.b,
        )
    finally:
        await admin.close()
    async with db.tenant(tenants.b) as conn:
        with pytest.raises(ConfigurationError, match="cannot be decrypted"):
            await secrets.resolve(conn, tenants.b, WORKFLOW_SCOPE, ["API_KEY"])


async def test_another_key_does_not_open_it(db: Database, tenants: Tenants, secrets: TenantSecrets) -> None:
    """With another key-encryption key the error names the variable; writing with it is refused likewise."""
    other = TenantSecrets(KeyEncryptionKey(bytes(32)))
    async with db.tenant(tenants.a) as conn:
        await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "API_KEY", "hunter2", actor=None)
        with pytest.raises(ConfigurationError, match="WORKFLOW_SECRETS_KEY"):
            await other.resolve(conn, tenants.a, WORKFLOW_SCOPE, ["API_KEY"])
        with pytest.raises(ConfigurationError, match="WORKFLOW_SECRETS_KEY"):
            await other.write(conn, tenants.a, WORKFLOW_SCOPE, "API_KEY", "new", actor=None)


def test_a_box_opens_for_its_purpose_only() -> None:
    """The words of the purpose are kept apart."""
    box = SecretBox(KEY.value)
    sealed = box.seal(b"x", "a", "bc")
    assert box.open(sealed, "a", "bc") == b"x"
    with pytest.raises(ConfigurationError):
        box.open(sealed, "ab", "c")


# ── Names, values, scopes ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (("workflow", "api_key"), "INVALID_SECRET_NAME"),
        (("workflow", "1KEY"), "INVALID_SECRET_NAME"),
        (("workflow", "KEY\n"), "INVALID_SECRET_NAME"),
        (("workflow", ""), "INVALID_SECRET_NAME"),
        (("integration:ninjaone", "client secret"), "INVALID_SECRET_NAME"),
        (("integration:", "token"), "INVALID_SECRET_SCOPE"),
        (("other", "TOKEN"), "INVALID_SECRET_SCOPE"),
    ],
)
async def test_names_are_checked(
    db: Database, tenants: Tenants, secrets: TenantSecrets, place: tuple[str, str], code: str
) -> None:
    """A name or scope that cannot be is refused where it is written and where it is resolved."""
    scope, name = place
    async with db.tenant(tenants.a) as conn:
        with pytest.raises(ValidationError) as written:
            await secrets.write(conn, tenants.a, scope, name, "x", actor=None)
        with pytest.raises(ValidationError) as resolved:
            await secrets.resolve(conn, tenants.a, scope, [name])
    assert written.value.code == resolved.value.code == code


async def test_the_size_of_values(db: Database, tenants: Tenants, secrets: TenantSecrets) -> None:
    """A value has at least one byte and at most 64 KiB; the error does not quote it."""
    async with db.tenant(tenants.a) as conn:
        await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "LONG", "x" * MAX_SECRET_BYTES, actor=None)
        for value in ("", "x" * (MAX_SECRET_BYTES + 1)):
            with pytest.raises(ValidationError) as caught:
                await secrets.write(conn, tenants.a, WORKFLOW_SCOPE, "LONG", value, actor=None)
            assert caught.value.code == "INVALID_SECRET_VALUE"
            assert "xx" not in str(caught.value)


# ── The key-encryption key ───────────────────────────────────────────────────────────────────────────────────────


def test_the_key_from_the_environment() -> None:
    """The variable holds the key in base64."""
    assert load_key_encryption_key({"WORKFLOW_SECRETS_KEY": ENCODED_KEY}) == KEY


def test_the_key_from_a_file(tmp_path: Path) -> None:
    """The file holds the key in base64, a line's end after it does no harm."""
    file = tmp_path / "key"
    file.write_text(f"{ENCODED_KEY}\n")
    assert load_key_encryption_key({"WORKFLOW_SECRETS_KEY_FILE": str(file)}) == KEY


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "set WORKFLOW_SECRETS_KEY, or WORKFLOW_SECRETS_KEY_FILE"),
        ({"WORKFLOW_SECRETS_KEY": ""}, "set WORKFLOW_SECRETS_KEY, or WORKFLOW_SECRETS_KEY_FILE"),
        ({"WORKFLOW_SECRETS_KEY": ENCODED_KEY, "WORKFLOW_SECRETS_KEY_FILE": "/x"}, "set one of them"),
        ({"WORKFLOW_SECRETS_KEY": "hunter2!"}, "What WORKFLOW_SECRETS_KEY gives is not base64"),
        ({"WORKFLOW_SECRETS_KEY": "c2hvcnQ="}, "has 5 bytes instead of 32"),
        ({"WORKFLOW_SECRETS_KEY_FILE": "/nowhere/key"}, "'/nowhere/key' that WORKFLOW_SECRETS_KEY_FILE names"),
    ],
)
def test_a_key_that_is_none(environ: dict[str, str], message: str) -> None:
    """The error says what to set and how to make a key, and never quotes one."""
    with pytest.raises(ConfigurationError) as caught:
        load_key_encryption_key(environ)
    assert message in caught.value.message
    assert "hunter2" not in caught.value.message
