"""The command: says why when it cannot start, in the same words and with the same status as the server."""

from __future__ import annotations

import asyncio
import base64
import os
import sys

import asyncpg
import pytest


@pytest.fixture
def environ(migrated_database):
    """Enough to start but for Temporal, without any integration."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")},
        "WORKFLOW_DATABASE_URL": migrated_database.dsn,
        "WORKFLOW_SECRETS_KEY": base64.b64encode(b"s" * 32).decode(),
        "WORKFLOW_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "WORKFLOW_REQUIRED_DISTRIBUTIONS": "",
    }


async def fails(environ, *words, options=()):
    command = (sys.executable, "-m", "workflow_worker", *options)
    process = await asyncio.create_subprocess_exec(*command, env=environ, stderr=asyncio.subprocess.PIPE)
    _, stderr = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2, stderr.decode()
    assert "Traceback" not in stderr.decode()
    for word in ("workflow-worker cannot start", *words):
        assert word in stderr.decode()


async def test_settings_are_missing():
    """All of them are named."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}
    await fails({**environ, "WORKFLOW_STRICT": "maybe"}, "WORKFLOW_DATABASE_URL", "WORKFLOW_SECRETS_KEY", "STRICT")


async def test_a_build_id_that_cannot_be_one(environ):
    """The option is the variable, and takes its place."""
    environ = {**environ, "WORKFLOW_BUILD_ID": "7"}
    await fails(environ, "WORKFLOW_BUILD_ID has at most 100", options=("--build-id", "7" * 101))


async def test_superuser_is_refused(environ, migrated_database):
    """Row-level security would not hold for it."""
    await fails({**environ, "WORKFLOW_DATABASE_URL": migrated_database.admin_dsn}, "is a superuser")


async def test_owner_is_refused(environ, migrated_database, database_factory):
    """Row-level security would not hold for the role that owns a table."""
    owner = f"owner_of_{migrated_database.name}"
    conn = await asyncpg.connect(migrated_database.admin_dsn)
    try:
        await conn.execute(f"CREATE ROLE {owner} LOGIN IN ROLE workflow_app")
        await conn.execute(f"GRANT CREATE ON SCHEMA public TO {owner}")
        await conn.execute(f"ALTER TABLE clients OWNER TO {owner}")
    finally:
        await conn.close()
    url = database_factory.dsn(migrated_database.name, user=owner)
    await fails({**environ, "WORKFLOW_DATABASE_URL": url}, "owns the table 'clients'")


async def test_required_distribution_is_missing(environ):
    """It is named."""
    await fails({**environ, "WORKFLOW_REQUIRED_DISTRIBUTIONS": "workflow-missing"}, "workflow-missing")


async def test_temporal_is_down(environ):
    """It is said where it was looked for."""
    await fails(environ, "127.0.0.1:1", "WORKFLOW_TEMPORAL_ADDRESS")
