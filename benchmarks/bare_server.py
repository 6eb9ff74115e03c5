"""The baseline of the catalog: an aiohttp handler that does nothing but answer the same bytes (or 304)."""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web


def main() -> None:
    """``python -m benchmarks.bare_server PORT BODY-FILE ETAG``."""
    port, body = int(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    headers = {"ETag": sys.argv[3]}

    async def answer(request: web.Request) -> web.Response:
        if "If-None-Match" in request.headers:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type="application/json", headers=headers)

    app = web.Application()
    app.router.add_get("/", answer)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
