"""How NinjaOne is asked for tokens, and what its refusals mean."""

import aiohttp
import pytest
from yarl import URL

from workflow_core.connections import Consent, Consented, Grant
from workflow_core.errors import (
    ActionError,
    IntegrationNotConfiguredError,
    PermissionDeniedError,
    ReconnectRequiredError,
    TransientError,
)
from workflow_ninjaone.client import ApiApplication, RetryPolicy, checked_base_url
from workflow_ninjaone.client.auth import authorize_url

TOKEN = "/ws/oauth/token"
SCOPES = ("monitoring", "management")
CONSENTED = Consented(code="the-code", verifier="the-verifier", redirect_uri="https://workflows.test/back")


def form(vendor):
    """The form of the only request."""
    ((_, calls),) = vendor.requests.items()
    assert calls[0].kwargs["allow_redirects"] is False
    return calls[0].kwargs["data"]


@pytest.fixture(params=["credentials", "code", "refresh"])
def grant(request, endpoint):
    """Asks in each of the three ways."""
    ways = {
        "credentials": lambda: endpoint.by_credentials(SCOPES),
        "code": lambda: endpoint.by_code(CONSENTED, SCOPES),
        "refresh": lambda: endpoint.by_refresh_token("refresh-0"),
    }
    return ways[request.param]


def test_authorize_url():
    """
    The address of the consent carries everything that PKCE and the scopes ask for, and offline access.
    """
    consent = Consent(redirect_uri="https://workflows.test/back?a=b", state="st+ate", code_challenge="challenge")
    url = URL(authorize_url("https://eu.ninjarmm.com/", ApiApplication("id", "s"), SCOPES, consent))
    assert (url.origin(), url.path) == (URL("https://eu.ninjarmm.com"), "/ws/oauth/authorize")
    assert dict(url.query) == {
        "response_type": "code",
        "client_id": "id",
        "redirect_uri": "https://workflows.test/back?a=b",
        "scope": "monitoring management offline_access",
        "state": "st+ate",
        "code_challenge": "challenge",
        "code_challenge_method": "S256",
    }


async def test_by_credentials(vendor, endpoint):
    """
    The credentials' grant is asked for with scopes, by form; blanks around credentials are none of them.
    """
    vendor.grant()
    assert await endpoint.by_credentials(SCOPES) == Grant(access_token="token-1", lifetime=3600.0)
    assert form(vendor) == {
        "grant_type": "client_credentials",
        "client_id": "client-id",
        "client_secret": "client-secret",
        "scope": "monitoring management",
    }


async def test_by_code(vendor, endpoint):
    """
    A code is exchanged with its verifier and the same address.
    """
    vendor.grant(refresh_token="refresh-1")
    assert (await endpoint.by_code(CONSENTED, SCOPES)).refresh_token == "refresh-1"
    assert form(vendor) == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "code_verifier": "the-verifier",
        "redirect_uri": "https://workflows.test/back",
        "client_id": "client-id",
        "client_secret": "client-secret",
    }


async def test_by_refresh_token(vendor, endpoint):
    """
    The scopes are never sent again with a refresh token; an answer without a new one says so.
    """
    vendor.grant()
    assert (await endpoint.by_refresh_token("refresh-0")).refresh_token is None
    assert form(vendor) == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-0",
        "client_id": "client-id",
        "client_secret": "client-secret",
    }


@pytest.mark.parametrize("lifetime", [None, 0, -5, "3600", True])
async def test_senseless_lifetimes(vendor, endpoint, lifetime):
    """
    An answer that does not say how long the token lives means the usual hour.
    """
    vendor.grant(expires_in=lifetime)
    assert (await endpoint.by_credentials(SCOPES)).lifetime == 3600.0


@pytest.mark.parametrize("error", ["invalid_token", "expired_token", "invalid_grant"])
@pytest.mark.parametrize("status", [400, 401])
async def test_final(vendor, endpoint, status, error):
    """
    Three errors end a refresh token for good, and no other; the message repeats nothing of the answer but its code.
    """
    vendor.post(TOKEN, status=status, payload={"error": error, "error_description": "client-secret"})
    with pytest.raises(ReconnectRequiredError) as raised:
        await endpoint.by_refresh_token("refresh-0")
    assert "client-secret" not in str(raised.value)
    assert raised.value.details["vendorCode"] == error
    assert vendor.count("POST", TOKEN) == 1


@pytest.mark.parametrize("error", ["invalid_token", "expired_token", "invalid_grant"])
async def test_used_code(vendor, endpoint, error):
    """
    A code that is refused ends nothing: there was nothing yet.
    """
    vendor.post(TOKEN, status=400, payload={"error": error})
    with pytest.raises(ActionError, match="Connect NinjaOne again") as raised:
        await endpoint.by_code(CONSENTED, SCOPES)
    assert raised.value.code == "ACTION_FAILED"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 400, "payload": {"error": "invalid_scope"}}, PermissionDeniedError),
        ({"status": 401, "payload": {"error": "invalid_client"}}, IntegrationNotConfiguredError),
        ({"status": 400, "payload": {"error": "unauthorized_client"}}, IntegrationNotConfiguredError),
        ({"status": 400, "payload": {"error": "unsupported_grant_type"}}, ActionError),
        ({"status": 404, "payload": {}}, IntegrationNotConfiguredError),
        ({"status": 302, "headers": {"Location": "https://evil.test"}}, ActionError),
        ({"status": 403, "payload": {"error": "invalid_grant"}}, ActionError),
        ({"status": 400, "body": "<html>invalid_grant</html>"}, TransientError),
        ({"status": 401, "body": "<html></html>"}, TransientError),
        ({"status": 500, "payload": {"error": "invalid_grant"}}, TransientError),
        ({"status": 200, "body": "<html></html>"}, TransientError),
        ({"status": 200, "body": ""}, TransientError),
        ({"status": 200, "payload": {"expires_in": 5}}, TransientError),
        ({"status": 200, "payload": {"access_token": "a\r\nX-Evil: 1"}}, TransientError),
        ({"status": 429, "headers": {"Retry-After": "60"}, "payload": {"error": "invalid_grant"}}, TransientError),
    ],
)
async def test_other_refusals(vendor, grant, answer, expected):
    """
    Nothing else is final: a passing trouble, a page of a gateway above all, never passes for a dead token.
    """
    vendor.post(TOKEN, **answer)
    with pytest.raises(expected) as raised:
        await grant()
    assert expected is type(raised.value)


@pytest.mark.parametrize("way", ["by_credentials", "by_refresh_token"])
async def test_tried_again(vendor, endpoint, waits, way):
    """
    Lost connections, 502 to 504 and a short 429 are tried again, three times in total.
    """
    vendor.post(TOKEN, status=503)
    vendor.post(TOKEN, exception=aiohttp.ServerDisconnectedError())
    vendor.grant()
    assert (await getattr(endpoint, way)(SCOPES)).access_token == "token-1"
    assert waits.seconds == [0.125, 0.25]


@pytest.mark.parametrize("answer", [{"status": 503}, {"exception": aiohttp.ServerDisconnectedError()}])
async def test_a_code_is_sent_once(vendor, endpoint, answer):
    """
    A code that may have been used is not sent again.
    """
    vendor.post(TOKEN, **answer)
    with pytest.raises(TransientError):
        await endpoint.by_code(CONSENTED, SCOPES)
    assert vendor.count("POST", TOKEN) == 1


async def test_gives_up(vendor, endpoint):
    """
    After three tries the last error is raised, and the next caller starts anew.
    """
    vendor.post(TOKEN, status=503, repeat=3)
    vendor.grant()
    with pytest.raises(TransientError) as raised:
        await endpoint.by_credentials(SCOPES)
    assert raised.value.code == "UPSTREAM_ERROR"
    assert (await endpoint.by_credentials(SCOPES)).access_token == "token-1"


async def test_revoke(vendor, endpoint):
    """
    A token is given back once; a refusal is told, and nothing of it but its code.
    """
    vendor.post("/ws/oauth/revoke", status=200)
    await endpoint.revoke("refresh-1")
    assert form(vendor) == {"token": "refresh-1", "client_id": "client-id", "client_secret": "client-secret"}
    vendor.post("/ws/oauth/revoke", status=404, body="refresh-1")
    with pytest.raises(ActionError) as raised:
        await endpoint.revoke("refresh-1")
    assert "refresh-1" not in str(raised.value)


def test_representation_has_no_secret():
    """
    Credentials and tokens can be printed.
    """
    shown = repr((ApiApplication("id", "s3cr3t"), CONSENTED, Grant(access_token="s3cr3t", lifetime=1.0)))
    assert "s3cr3t" not in shown
    assert "the-" not in shown


@pytest.mark.parametrize(
    "value",
    [
        "https://eu.ninjarmm.com",
        "https://eu.ninjarmm.com/",
        " https://eu.ninjarmm.com:8443 ",
        "http://localhost:8490",
        "http://127.0.0.1:8490",
        "http://[::1]:8490",
    ],
)
def test_good_addresses(value):
    """
    An instance is https and a host, or http on this machine.
    """
    assert str(checked_base_url(value)) == value.strip().rstrip("/")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "eu.ninjarmm.com",
        "http://eu.ninjarmm.com",
        "http://127.0.0.1.evil.test",
        "https://user:pw@eu.ninjarmm.com",
        "https://eu.ninjarmm.com/v2",
        "https://eu.ninjarmm.com?x=1",
        "https://eu.ninjarmm.com#x",
        "https://",
        "https://host:99999",
        "ftp://eu.ninjarmm.com",
        "file:///etc/passwd",
    ],
)
def test_bad_addresses(value):
    """
    Anything else is refused before a secret is sent there.
    """
    with pytest.raises(IntegrationNotConfiguredError):
        checked_base_url(value)


def test_long_waits_are_the_callers():
    """
    A Retry-After beyond the limit, or a try beyond the last, is no pause at all.
    """
    policy = RetryPolicy(jitter=lambda: 1.0)

    assert policy.pause_before(2, None) == 0.25
    assert policy.pause_before(3, 5.0) == 5.0
    assert policy.pause_before(2, 5.1) is None
    assert policy.pause_before(4, None) is None
