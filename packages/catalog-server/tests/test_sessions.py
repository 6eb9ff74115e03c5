"""Sessions of the designer: a cookie in the place of a bearer token, accepted from our own pages only."""

from __future__ import annotations

import pytest

from workflow_catalog_server.session_auth import COOKIE, DevelopmentUser

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def session(server, make_token):
    """The headers of a browser that is signed in as tenant A."""
    return {"Cookie": f"{COOKIE}={make_token(server.tenants.a)}"}


async def test_a_bearer_token_begins_a_session_that_scripts_cannot_read(server):
    """The cookie is as good as the token, for as long."""
    response = await server.a("POST", "/api/session")
    cookie = response.cookies[COOKIE]
    assert (response.status, cookie["httponly"], cookie["samesite"], cookie["path"]) == (204, True, "Strict", "/")
    assert 500 < int(cookie["max-age"]) <= 600
    assert not cookie["secure"]
    server.client.session.cookie_jar.clear()
    answer = await server.client.get("/api/session", headers={"Cookie": f"{COOKIE}={cookie.value}"})
    described = await answer.json()
    assert (answer.status, described["tenant"]) == (200, str(server.tenants.a))
    assert "workflow:read" in described["permissions"]


async def test_behind_tls_the_cookie_is_for_tls_only(server):
    """A proxy says that it speaks TLS."""
    response = await server.a("POST", "/api/session", headers={"X-Forwarded-Proto": "https"})
    assert response.cookies[COOKIE]["secure"]


async def test_a_token_that_does_not_fit_into_a_cookie_is_refused(server, make_token, assert_problem):
    """Browsers would drop it without a word."""
    long = server.a.with_token(make_token(server.tenants.a, "workflow:read", *("p" * 60 for _ in range(60))))
    await assert_problem(await long("POST", "/api/session"), 422, "TOKEN_TOO_LONG")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (SAME_ORIGIN, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
async def test_only_our_pages_change_something_with_a_session(server, session, definition, headers, status):
    """A browser sends the cookie along with whatever page asks; that page's origin decides."""
    body = {"definition": definition}
    response = await server.client.post("/api/workflow-definitions", headers={**session, **headers}, json=body)
    assert response.status == status
    if status == 403:
        assert (await response.json())["code"] == "CROSS_SITE_REQUEST"


async def test_an_older_browser_is_known_by_its_origin(server, session, definition):
    """``Origin`` names this server."""
    origin = {"Origin": str(server.client.make_url("/")).rstrip("/")}
    body = {"definition": definition}
    response = await server.client.post("/api/workflow-definitions", headers={**session, **origin}, json=body)
    assert response.status == 201


async def test_a_session_reads_from_anywhere_in_the_browser(server, session):
    """A link from elsewhere opens a page; what it reads, no other site's script sees."""
    response = await server.client.get("/api/workflow-runs", headers=session)
    assert response.status == 200


async def test_a_bearer_token_goes_before_a_session(server, session, make_token):
    """Who says who they are is believed, whatever the browser remembers."""
    headers = {**session, "Authorization": f"Bearer {make_token(server.tenants.b)}"}
    response = await server.client.get("/api/session", headers=headers)
    assert (await response.json())["tenant"] == str(server.tenants.b)


async def test_signing_out_forgets_the_cookie(server, session):
    """The browser is told to."""
    response = await server.client.delete("/api/session", headers={**session, **SAME_ORIGIN})
    assert (response.status, response.cookies[COOKIE]["max-age"]) == (204, "0")


async def test_nobody_is_signed_in_by_one_click_unless_configured(server, assert_problem):
    """Outside of development the list is empty, and the door is not there."""
    response = await server.client.get("/api/session/development")
    assert await response.json(content_type=None) == []
    refused = await server.client.post("/api/session/development", json={"name": "Dana"})
    await assert_problem(refused, 404, "NOT_FOUND")


async def test_development_signs_its_users_in_by_one_click(serve, tenants, make_token):
    """The list tells names and no tokens."""
    dana = DevelopmentUser(name="Dana", company="Acme", token=make_token(tenants.a))
    async with serve(development_users=(dana,)) as running:
        listed = await running.client.get("/api/session/development")
        assert await listed.json(content_type=None) == [{"name": "Dana", "company": "Acme"}]
        response = await running.client.post("/api/session/development", json={"name": "Dana"})
        assert (response.status, response.cookies[COOKIE].value) == (204, dana.token)
