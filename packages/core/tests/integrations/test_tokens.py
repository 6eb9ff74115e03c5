"""Tokens in a real PostgreSQL: one renewal at a time, over all processes, and nothing that is given is lost."""

import asyncio
import sys
import time
from pathlib import Path

import aiohttp
import asyncpg
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from workflow_core.connections import Connection, ConnectionField, Grant
from workflow_core.errors import (
    IntegrationInactiveError,
    IntegrationNotConfiguredError,
    ReconnectRequiredError,
    TransientError,
)
from workflow_core.integrations.renewing import Tokens
from workflow_core.integrations.stored import read_connection
from workflow_core.integrations.tokens import ConnectionTokens, hold_tokens, read_tokens, write_tokens
from workflow_core.secrets import KeyEncryptionKey, TenantSecrets

SCOPE = "integration:acme"
SECRETS = TenantSecrets(KeyEncryptionKey(b"s" * 32))


@attrs.define
class Acme:
    """A system whose refresh tokens rotate; an old one logs the tenant out, for ever."""

    refresh_token: str = "refresh-0"
    asked: list = attrs.Factory(list)
    logged_out: bool = False
    failure: Exception | None = None
    hold: asyncio.Event | None = None

    async def renew(self, ctx, refresh_token):
        await ctx.secrets.require("client_secret")
        self.asked.append(refresh_token)
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            raise self.failure
        return self.grant(refresh_token)

    def grant(self, refresh_token):
        if refresh_token != self.refresh_token or self.logged_out:
            self.logged_out = True
            raise ReconnectRequiredError("Connect Acme again.")
        number = len(self.asked)
        self.refresh_token = f"refresh-{number}"
        return Grant(access_token=f"access-{number}", lifetime=3600.0, refresh_token=self.refresh_token)


@attrs.define
class Bench:
    db: object
    tenant: object
    http: object
    acme: Acme

    @property
    def connection(self):
        return Connection(
            provider="acme",
            label="Acme",
            description="",
            segments=("acme",),
            fields=(ConnectionField(name="client_secret", label="", kind="secret"),),
            renew=self.acme.renew,
        )

    def process(self):
        return ConnectionTokens(self.db, SECRETS, self.http)

    async def connect(self, *, url=None, good_for=-1.0):
        async with self.db.tenant(self.tenant) as conn:
            await conn.execute(
                "INSERT INTO rmm_integrations (tenant, provider, is_active, connected_at, instance_url) "
                "VALUES ($1, 'acme', true, now(), $2)",
                self.tenant,
                url,
            )
            await SECRETS.write(conn, self.tenant, SCOPE, "client_secret", "s3cret", actor=None)
            tokens = Tokens(access_token="access-0", refresh_token="refresh-0", good_until=time.time() + good_for)
            await write_tokens(conn, SECRETS, self.tenant, SCOPE, tokens)

    async def stored(self):
        async with self.db.tenant(self.tenant) as conn:
            return await read_tokens(conn, SECRETS, self.tenant, SCOPE)

    async def row(self):
        async with self.db.tenant(self.tenant) as conn:
            return await read_connection(conn, self.tenant, "acme")


@pytest.fixture
async def bench(db, tenants):
    async with aiohttp.ClientSession() as http:
        yield Bench(db, tenants.a, http, Acme())


async def test_stored_until_it_expires(bench):
    """A token is used as long as it is good, and then renewed and stored with its refresh token."""
    await bench.connect(good_for=60)
    tokens = bench.process()
    assert (await tokens.current(bench.tenant, bench.connection)).access_token == "access-0"
    assert bench.acme.asked == []
    assert (await tokens.current(bench.tenant, bench.connection, refused="access-0")).access_token == "access-1"
    assert (await tokens.current(bench.tenant, bench.connection, refused="access-0")).access_token == "access-1"
    stored = await bench.stored()
    assert (bench.acme.asked, stored.access_token, stored.refresh_token) == (["refresh-0"], "access-1", "refresh-1")


async def test_no_rotation_keeps_the_old_one(bench):
    """An answer without a refresh token has not replaced the one before."""
    await bench.connect()

    async def renew(ctx, refresh_token):
        return Grant(access_token=f"of-{refresh_token}", lifetime=0.001)

    connection = attrs.evolve(bench.connection, renew=renew)
    for _ in range(2):
        current = await bench.process().current(bench.tenant, connection)
        assert (current.access_token, current.refresh_token) == ("of-refresh-0", "refresh-0")


async def test_sixteen_processes(bench, migrated_database):
    """Of sixteen processes that find one expired token, one renews it, and none is logged out."""
    requests = []

    async def token(request):
        requests.append((await request.post())["refresh_token"])
        grant = bench.acme.grant(requests[-1])
        await asyncio.sleep(0.05)  # as a real one takes its time
        return web.json_response({"access_token": grant.access_token, "refresh_token": grant.refresh_token})

    app = web.Application()
    app.router.add_post("/token", token)
    async with TestServer(app) as server:
        bench.acme.asked.append("the first is number 1")
        await bench.connect(url=str(server.make_url("")).rstrip("/"))
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                Path(__file__).with_name("renew_once.py"),
                migrated_database.dsn,
                str(bench.tenant),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(16)
        ]
        try:
            async with asyncio.timeout(120):
                for process in processes:
                    assert await process.stdout.readline() == b"ready\n"
                gets = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
    printed = [output.decode() for output, _ in gets]
    assert printed == ["access-1"] * 16
    assert requests == ["refresh-0"]
    assert not bench.acme.logged_out


async def test_final(bench):
    """After the one final answer nobody asks again, the status tells, and the module stays available."""
    await bench.connect()
    bench.acme.logged_out = True
    for _ in range(3):
        with pytest.raises(ReconnectRequiredError, match="Connect Acme again"):
            await bench.process().current(bench.tenant, bench.connection)
    row = await bench.row()
    assert len(bench.acme.asked) == 1
    assert (row.is_connected, row.needs_reconnecting, row.problem_message) == (True, True, "Connect Acme again.")
    assert (await bench.stored()).refresh_token == "refresh-0"


@pytest.mark.parametrize(
    ("failure", "shown"),
    [
        (TransientError("Acme is down."), None),
        (IntegrationNotConfiguredError("The secret is wrong."), "INTEGRATION_NOT_CONFIGURED"),
        (RuntimeError("client_secret=s3cret"), None),
    ],
)
async def test_not_final(bench, failure, shown, caplog):
    """Any other failure leaves what is stored, and the next call asks again; only what a person can mend is shown."""
    await bench.connect()
    bench.acme.failure = failure
    with pytest.raises((TransientError, IntegrationNotConfiguredError)) as raised:
        await bench.process().current(bench.tenant, bench.connection)
    assert "s3cret" not in str(raised.value)
    assert (await bench.row()).problem_code == shown
    bench.acme.failure = None
    assert (await bench.process().current(bench.tenant, bench.connection)).access_token == "access-2"
    assert (await bench.row()).problem_code is None
    assert "s3cret" not in caplog.text


async def test_given_up_waiting(bench):
    """Whoever gives up waiting does not interrupt the call: what it brings is stored."""
    await bench.connect()
    bench.acme.hold = asyncio.Event()
    tokens = bench.process()
    waiting = asyncio.create_task(tokens.current(bench.tenant, bench.connection))
    while not bench.acme.asked:
        await asyncio.sleep(0.01)
    waiting.cancel()
    bench.acme.hold.set()
    await tokens.close()
    assert (await bench.stored()).refresh_token == "refresh-1"


async def test_connection_cut_after_the_answer(bench, migrated_database):
    """A database connection that breaks before the commit loses nothing: what was given is stored again."""
    await bench.connect()
    bench.acme.hold = asyncio.Event()
    tokens = bench.process()
    waiting = asyncio.create_task(tokens.current(bench.tenant, bench.connection))
    while not bench.acme.asked:
        await asyncio.sleep(0.01)
    admin = await asyncpg.connect(migrated_database.admin_dsn)
    try:
        killed = await admin.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_database d ON d.oid = database "
            "WHERE locktype = 'advisory' AND datname = current_database()"
        )
    finally:
        await admin.close()
    bench.acme.hold.set()
    assert (killed, (await waiting).access_token) == (1, "access-1")
    assert (await bench.stored()).refresh_token == "refresh-1"
    assert bench.acme.asked == ["refresh-0"]


async def test_disconnected_meanwhile(bench):
    """Who waits for the lock while somebody disconnects finds no connection, and asks nobody."""
    await bench.connect()
    async with bench.db.tenant(bench.tenant) as conn:
        await hold_tokens(conn, bench.tenant, "acme")
        waiting = asyncio.create_task(bench.process().current(bench.tenant, bench.connection))
        async with bench.db.untenanted() as other:
            while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        await conn.execute("UPDATE rmm_integrations SET is_active = false")
    with pytest.raises(IntegrationInactiveError):
        await waiting
    assert bench.acme.asked == []


async def test_many_at_once_with_one_connection_each(bench):
    """Callers that come together share one renewal, and it needs one connection: the pool is never exhausted by it."""
    await bench.connect()
    tokens = [bench.process() for _ in range(4)]
    found = await asyncio.gather(*(one.current(bench.tenant, bench.connection) for one in tokens for _ in range(25)))
    assert {current.access_token for current in found} == {"access-1"}
    assert bench.acme.asked == ["refresh-0"]
