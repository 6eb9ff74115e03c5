"""The designer's session: a cookie that stands for a bearer token, and from which requests is it accepted.

The cookie holds the token itself, out of the reach of scripts; the server keeps nothing. Whoever may sign people in
gives them a token; see :mod:`workflow_catalog_server.session_routes`.
"""

from __future__ import annotations

import time
from typing import Final

import attrs
import jwt
from aiohttp import hdrs, web
from yarl import URL

from workflow_core.errors import PermissionDeniedError, ValidationError

COOKIE: Final = "workflow_session"

#: Browsers keep at most 4096 bytes of a cookie, its name and attributes included.
_LONGEST: Final = 3800
_SAFE: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


@attrs.frozen(kw_only=True)
class DevelopmentUser:
    """Somebody whom the designer signs in by one click, in development.

    Attributes:
        name: Of the person.
        company: Of the tenant.
        token: The bearer token that the session stands for.
    """

    name: str
    company: str
    token: str = attrs.field(repr=False)


class CrossSiteError(PermissionDeniedError):
    """A request with a session that another site's page may have sent."""

    code = "CROSS_SITE_REQUEST"


def bearer_of_session(request: web.Request) -> str | None:
    """The ``Authorization`` header that a request's session stands for, if it has one.

    Raises:
        CrossSiteError: The request changes something, and does not prove that a page of this server sent it.
    """
    if hdrs.COOKIE not in request.headers:
        return None
    token = request.cookies.get(COOKIE)
    if token is None:
        return None
    if request.method not in _SAFE and not _is_of_this_site(request):
        raise CrossSiteError("A session is accepted from pages of this server only; scripts send a bearer token.")
    return f"Bearer {token}"


def _is_of_this_site(request: web.Request) -> bool:
    """By ``Sec-Fetch-Site`` where the browser sends it, else by ``Origin``: a page can forge neither."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    try:
        return URL(request.headers[hdrs.ORIGIN]).authority == URL(f"//{request.host}").authority
    except (KeyError, ValueError):
        return False


def keep_session(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Has the browser keep a token, which was verified, for as long as it is good.

    Raises:
        ValidationError: It does not fit into a cookie.
    """
    if len(token) > _LONGEST:
        raise ValidationError(
            f"The token has more than {_LONGEST} characters, and does not fit into a cookie.", code="TOKEN_TOO_LONG"
        )
    claims = jwt.decode(token, options={"verify_signature": False})
    response.set_cookie(
        COOKIE,
        token,
        max_age=max(0, int(claims["exp"] - time.time())),
        path="/",
        httponly=True,
        samesite="Strict",
        secure=_is_encrypted(request),
    )


def forget_session(request: web.Request, response: web.StreamResponse) -> None:
    """Has the browser forget it."""
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=_is_encrypted(request))


def _is_encrypted(request: web.Request) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy. Who claims it falsely keeps only their own cookie safer."""
    return request.secure or request.headers.get("X-Forwarded-Proto") == "https"
