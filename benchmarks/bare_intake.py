"""The baseline of webhooks: an aiohttp handler that does nothing but store the body, in one INSERT."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
from aiohttp import web


def main() -> None:
    """``python -m benchmarks.bare_intake PORT DSN``; the table ``bare_intake`` is there."""
    port, dsn = int(sys.argv[1]), sys.argv[2]
    app = web.Application()
    pools: list[asyncpg.Pool] = []

    async def opened(_app: web.Application) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=10, max_size=10) as pool:
            pools.append(pool)
            yield

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        await pools[0].execute("INSERT INTO bare_intake (delivery_id, body) VALUES ($1, $2)", uuid4(), body)
        return web.Response(status=202)

    app.cleanup_ctx.append(opened)
    app.router.add_post("/", take)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
