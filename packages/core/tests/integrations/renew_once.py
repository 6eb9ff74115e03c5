"""A process that needs a token, as one of many: says that it is ready, waits for a line, and writes what it gets."""

import asyncio
import sys
from uuid import UUID

import aiohttp

from workflow_core.connections import Connection, ConnectionField, Grant
from workflow_core.integrations.tokens import ConnectionTokens
from workflow_core.secrets import KeyEncryptionKey, TenantSecrets
from workflow_core.storage.database import Database


async def renew(ctx, refresh_token):
    form = {"refresh_token": refresh_token, **await ctx.secrets.require("client_secret")}
    async with ctx.http.post(f"{ctx.instance_url}/token", data=form) as answer:
        body = await answer.json()
    return Grant(access_token=body["access_token"], lifetime=3600.0, refresh_token=body["refresh_token"])


async def main(dsn, tenant):
    connection = Connection(
        provider="acme",
        label="Acme",
        description="",
        segments=("acme",),
        fields=(ConnectionField(name="client_secret", label="", kind="secret"),),
        renew=renew,
    )
    async with Database.open(dsn, application_name="renewer", max_size=2) as db, aiohttp.ClientSession() as http:
        tokens = ConnectionTokens(db, TenantSecrets(KeyEncryptionKey(b"s" * 32)), http)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        sys.stdout.write((await tokens.current(UUID(tenant), connection)).access_token)


asyncio.run(main(*sys.argv[1:]))
