"""The vendor's OAuth 2.0 pages: authorize, consent, token and revocation."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from html import escape
from urllib.parse import unquote_plus, urlencode

from aiohttp import web

from workflow_ninjaone.simulator.authority import ConsentRequest, OAuthError
from workflow_ninjaone.simulator.vendor import STATE, VendorError, not_found

PREFIXES = ("/ws/oauth", "/oauth")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Authorize {client}</title></head>
<body>
<h1>{client} asks for access</h1>
<ul>{scopes}</ul>
<form method="post" action="{action}">
<input type="hidden" name="ticket" value="{ticket}">
<button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny">Deny</button>
</form>
</body>
</html>
"""


async def authorize(request: web.Request) -> web.Response:
    """``GET /ws/oauth/authorize``: sends the user back with a code, or asks first; 404 for an unknown application."""
    state = request.app[STATE]
    try:
        wanted = state.authority.consent_request(request.query)
    except OAuthError as error:
        raise _refusal(error) from None
    if wanted is None:
        raise not_found(state)
    mode = state.authority.policy.consent
    if mode != "ask":
        return _sent_back(request, wanted, allowed=mode == "allow")
    page = _PAGE.format(
        client=escape(wanted.client_id),
        scopes="".join(f"<li>{escape(scope)}</li>" for scope in sorted(wanted.scopes)),
        action=escape(request.path.removesuffix("authorize") + "consent"),
        ticket=state.authority.ask(wanted),
    )
    return web.Response(text=page, content_type="text/html", headers={"Cache-Control": "no-store"})


async def consent(request: web.Request) -> web.Response:
    """``POST /ws/oauth/consent``: what the page's buttons send."""
    form = _texts(await request.post())
    wanted = request.app[STATE].authority.asked(form.get("ticket", ""))
    if wanted is None:
        raise VendorError(400, {"error": "invalid_request", "error_description": "This page has been used"})
    return _sent_back(request, wanted, allowed=form.get("decision") == "allow")


def _sent_back(request: web.Request, wanted: ConsentRequest, *, allowed: bool) -> web.Response:
    answer = {"code": request.app[STATE].authority.code(wanted)} if allowed else {"error": "access_denied"}
    if wanted.state is not None:
        answer["state"] = wanted.state
    uri = wanted.redirect_uri
    location = f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}"
    return web.Response(status=302, headers={"Location": location, "Cache-Control": "no-store"})


async def token(request: web.Request) -> web.Response:
    """``POST /ws/oauth/token``: form-encoded; the application proves itself in the form or by HTTP Basic."""
    state = request.app[STATE]
    try:
        answer = state.authority.token(_with_client(request, _texts(await request.post())), state.quirks)
    except OAuthError as error:
        raise _refusal(error) from None
    finally:
        state.save()
    return web.json_response(answer, headers={"Cache-Control": "no-store"})


async def revoke(request: web.Request) -> web.Response:
    """``POST /ws/oauth/revoke`` (RFC 7009): 200, whether or not the token was good."""
    state = request.app[STATE]
    try:
        state.authority.revoke(_with_client(request, _texts(await request.post())))
    except OAuthError as error:
        raise _refusal(error) from None
    state.save()
    return web.Response()


def add_routes(app: web.Application) -> None:
    """Adds the pages under both of the paths that are in use."""
    for prefix in PREFIXES:
        app.router.add_get(f"{prefix}/authorize", authorize)
        app.router.add_post(f"{prefix}/consent", consent)
        app.router.add_post(f"{prefix}/token", token)
        app.router.add_post(f"{prefix}/revoke", revoke)


def _refusal(error: OAuthError) -> VendorError:
    return VendorError(error.status, {"error": error.error, "error_description": error.description})


def _texts(form: Mapping[str, object]) -> dict[str, str]:
    return {key: value for key, value in form.items() if isinstance(value, str)}


def _with_client(request: web.Request, form: dict[str, str]) -> dict[str, str]:
    """The form with the client's name and secret from HTTP Basic, where it is used (RFC 6749, section 2.3.1)."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return form
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return form
    return {**form, "client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}
