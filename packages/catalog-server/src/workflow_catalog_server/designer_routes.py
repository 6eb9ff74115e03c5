"""The designer: one page for every address that it knows, and the files that the page is made of.

The files are package data, built from ``frontend/``; names in ``assets/`` carry a hash of their content and may be
kept for ever. The page itself has a fresh nonce for the style sheets that its scripts make.
"""

from __future__ import annotations

import mimetypes
import secrets
from importlib.resources import files
from typing import Final

from aiohttp import hdrs, web
from multidict import istr

from workflow_catalog_server.prepared import PreparedAnswer
from workflow_catalog_server.routing import PublicHandler, PublicRoute
from workflow_core.errors import NotFoundError

#: The addresses of the designer's screens.
PAGES: Final = (
    "/",
    "/sign-in",
    "/workflows",
    "/workflows/{id}",
    "/workflows/{id}/versions",
    "/runs",
    "/runs/{id}",
    "/tasks",
    "/tasks/{id}",
    "/connections",
    "/connections/{provider}",
    "/secrets",
    "/system",
)
_NONCE: Final = "__NONCE__"
_FOR_EVER: Final = {
    hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable",
    istr("X-Content-Type-Options"): "nosniff",
}


def designer_routes() -> tuple[PublicRoute, ...]:
    """The routes of this module."""
    folder = files(__package__) / "designer"
    page = _page_handler((folder / "index.html").read_text(encoding="utf-8"))
    assets = {entry.name: _asset(entry.name, entry.read_bytes()) for entry in (folder / "assets").iterdir()}
    return (
        *(PublicRoute("GET", path, page, "text/html") for path in PAGES),
        PublicRoute("GET", "/assets/{name}", _asset_handler(assets), "application/octet-stream"),
    )


def _page_handler(html: str) -> PublicHandler:
    async def read_page(_request: web.Request) -> web.StreamResponse:
        """The designer."""
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
            "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return web.Response(
            text=html.replace(_NONCE, nonce),
            content_type="text/html",
            headers={
                hdrs.CACHE_CONTROL: "no-cache",
                "Content-Security-Policy": policy,
                "Cross-Origin-Opener-Policy": "same-origin",
                "Referrer-Policy": "same-origin",
                "X-Content-Type-Options": "nosniff",
            },
        )

    return read_page


def _asset(name: str, content: bytes) -> PreparedAnswer:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/") or name.endswith(".js"):
        kind = f"{kind}; charset=utf-8"
    return PreparedAnswer(content, kind, _FOR_EVER)


def _asset_handler(assets: dict[str, PreparedAnswer]) -> PublicHandler:
    async def read_asset(request: web.Request) -> web.StreamResponse:
        """A file of the designer."""
        answer = assets.get(request.match_info["name"])
        if answer is None:
            raise NotFoundError("This version of the designer has no such file; load the page again.")
        return answer.respond(request)

    return read_asset
