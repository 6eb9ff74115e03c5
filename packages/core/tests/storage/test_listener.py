"""Notifications: only about what decides, and on a connection that comes back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from workflow_core.storage.database import Connection, Database, Listener
from workflow_core.testing.postgres import PostgresDatabase, Tenants

CHANNEL = "workflow_availability"


class Ear:
    """Remembers what a listener reports, in order."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[str] = asyncio.Queue()

    async def listen(self, db: Database, *, check_interval: float = 15.0) -> Listener:
        return await db.listen(
            CHANNEL,
            on_payload=self.events.put_nowait,
            on_lost=lambda: self.events.put_nowait("lost"),
            on_restored=lambda: self.events.put_nowait("restored"),
            check_interval=check_interval,
        )

    async def next(self) -> str:
        return await asyncio.wait_for(self.events.get(), 20)


@pytest_asyncio.fixture(loop_scope="session")
async def admin(migrated_database: PostgresDatabase) -> AsyncIterator[asyncpg.Connection]:
    conn = await asyncpg.connect(migrated_database.admin_dsn)
    yield conn
    await conn.close()


async def _listener_pid(admin: asyncpg.Connection) -> int:
    return await admin.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'tests listener' AND datname = current_database()"
    )


async def test_a_lost_connection_is_made_again(db: Database, admin: asyncpg.Connection) -> None:
    """The loss is reported, then the return, and then notifications arrive again."""
    ear = Ear()
    listener = await ear.listen(db)
    await admin.execute("SELECT pg_notify($1, 'one')", CHANNEL)
    assert await ear.next() == "one"
    await admin.execute("SELECT pg_terminate_backend($1)", await _listener_pid(admin))
    assert await ear.next() == "lost"
    assert await ear.next() == "restored"
    assert listener.connected
    await admin.execute("SELECT pg_notify($1, 'two')", CHANNEL)
    assert await ear.next() == "two"


async def test_a_silent_connection_counts_as_lost(db: Database, admin: asyncpg.Connection) -> None:
    """A server that no longer answers, without closing the connection, is found out."""
    ear = Ear()
    await ear.listen(db, check_interval=0.1)
    pid = await _listener_pid(admin)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert await ear.next() == "lost"
        assert await ear.next() == "restored"
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_failing_callback_does_not_end_it(
    db: Database, admin: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback's error is logged, and the next notification is delivered."""
    heard = asyncio.Event()

    def on_payload(payload: str) -> None:
        if payload == "bad":
            raise LookupError
        heard.set()

    await db.listen(CHANNEL, on_payload=on_payload, on_lost=lambda: None, on_restored=lambda: None)
    await admin.execute("SELECT pg_notify($1, 'bad')", CHANNEL)
    await admin.execute("SELECT pg_notify($1, 'good')", CHANNEL)
    await asyncio.wait_for(heard.wait(), 20)
    assert "A callback for the channel 'workflow_availability' failed." in caplog.text


async def test_closing_is_quiet(db: Database, admin: asyncpg.Connection) -> None:
    """A listener that is closed reports no loss and leaves no connection."""
    ear = Ear()
    listener = await ear.listen(db)
    await listener.close()
    assert not listener.connected
    assert ear.events.empty()


async def _connect(conn: Connection, tenant: UUID) -> None:
    await conn.execute(
        "INSERT INTO rmm_integrations (tenant, provider, is_active) VALUES ($1, 'ninjaone', true)", tenant
    )


DECIDING = [
    "UPDATE rmm_integrations SET is_active = false",
    "UPDATE rmm_integrations SET provider = 'other'",
    "UPDATE rmm_integrations SET connected_at = now()",
    "DELETE FROM rmm_integrations",
    "INSERT INTO rmm_integrations (tenant, provider) SELECT tenant, 'other' FROM tenants",
    "UPDATE tenant_extension_install SET is_enabled = true",
    "UPDATE tenant_extension_install SET status = 'enabled'",
    "DELETE FROM tenant_extension_install",
]
NOT_DECIDING = [
    "UPDATE rmm_integrations SET is_active = true, sync_status = 'syncing', last_sync_at = now()",
    "UPDATE rmm_integrations SET settings = '{\"a\": 1}', sync_error = 'x'",
    "UPDATE tenant_extension_install SET is_enabled = false",
]


@pytest.mark.parametrize(("statement", "decides"), [(s, True) for s in DECIDING] + [(s, False) for s in NOT_DECIDING])
async def test_only_deciding_changes_notify(db: Database, tenants: Tenants, statement: str, decides: bool) -> None:
    """A change that decides availability is told with the tenant; what a sync writes all the time is not."""
    async with db.untenanted() as conn:
        extension = await conn.fetchval(
            "INSERT INTO extension_registry (publisher, name) VALUES ('acme', 'app') RETURNING id"
        )
    async with db.tenant(tenants.a) as conn:
        await _connect(conn, tenants.a)
        await conn.execute(
            "INSERT INTO tenant_extension_install (tenant, registry_id) VALUES ($1, $2)", tenants.a, extension
        )
    ear = Ear()
    await ear.listen(db)
    async with db.tenant(tenants.a) as conn:
        await conn.execute(statement)
    async with db.untenanted() as conn:
        await conn.execute("SELECT pg_notify($1, 'end')", CHANNEL)
    if decides:
        assert await ear.next() == str(tenants.a)
    assert await ear.next() == "end"


async def test_a_later_connected_at_decides_nothing(db: Database, tenants: Tenants) -> None:
    """Only whether it was ever connected counts, not when."""
    async with db.tenant(tenants.a) as conn:
        await _connect(conn, tenants.a)
        await conn.execute("UPDATE rmm_integrations SET connected_at = '2026-01-01'")
    ear = Ear()
    await ear.listen(db)
    async with db.tenant(tenants.a) as conn:
        await conn.execute("UPDATE rmm_integrations SET connected_at = now()")
    async with db.untenanted() as conn:
        await conn.execute("SELECT pg_notify($1, 'end')", CHANNEL)
    assert await ear.next() == "end"
