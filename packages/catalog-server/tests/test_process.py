"""The command: starts while Temporal is down, stops when told, and says why when it cannot start."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import signal
import socket
import sys

import aiohttp
import asyncpg
import pytest

COMMAND = (sys.executable, "-m", "workflow_catalog_server")


@pytest.fixture
def environ(migrated_database):
    """Enough to start, on a free port, without any integration."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")},
        "WORKFLOW_DATABASE_URL": migrated_database.dsn,
        "WORKFLOW_JWT_KEY": "k" * 32,
        "WORKFLOW_SECRETS_KEY": base64.b64encode(b"s" * 32).decode(),
        "WORKFLOW_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "WORKFLOW_HTTP_PORT": "0",
        "WORKFLOW_REQUIRED_DISTRIBUTIONS": "",
    }


async def fails(environ, *words):
    process = await asyncio.create_subprocess_exec(*COMMAND, env=environ, stderr=asyncio.subprocess.PIPE)
    _, stderr = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2, stderr.decode()
    assert "Traceback" not in stderr.decode()
    for word in words:
        assert word in stderr.decode()


async def test_serves_until_told_to_stop(environ, make_token, tenants):
    """The catalog works without Temporal; SIGTERM ends the process in order."""
    process = await asyncio.create_subprocess_exec(*COMMAND, env=environ, stderr=asyncio.subprocess.PIPE)
    try:
        assert process.stderr is not None
        address = None
        while address is None:
            line = (await asyncio.wait_for(process.stderr.readline(), 60)).decode()
            assert line, "the process ended"
            address = re.search(r"serving on (http://\S+)", line)
        headers = {"Authorization": f"Bearer {make_token(tenants.a)}"}
        async with aiohttp.ClientSession(address[1], headers=headers) as session:
            async with session.get("/api/workflow/registry/designer-catalog") as response:
                assert response.status == 200
            async with session.get("/health/ready") as response:
                assert response.status == 503
        process.send_signal(signal.SIGTERM)
        _, stderr = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, stderr.decode()
        assert "GET /api/workflow/registry/designer-catalog 200" in stderr.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_settings_are_missing():
    """All of them are named."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}
    await fails(environ, "WORKFLOW_DATABASE_URL", "WORKFLOW_JWT_KEY", "WORKFLOW_SECRETS_KEY")


async def test_superuser_is_refused(environ, migrated_database):
    """Row-level security would not hold for it."""
    await fails({**environ, "WORKFLOW_DATABASE_URL": migrated_database.admin_dsn}, "superuser")


async def test_owner_is_refused(environ, migrated_database, database_factory):
    """Row-level security would not hold for the role that owns a table."""
    owner = f"server_owner_of_{migrated_database.name}"
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


async def test_port_is_taken(environ):
    """It is said which, and what to set."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        await fails({**environ, "WORKFLOW_HTTP_PORT": port}, port, "WORKFLOW_HTTP_PORT")
