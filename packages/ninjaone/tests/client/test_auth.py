import asyncio

import aiohttp
import pytest

from workflow_core.errors import (
    ActionError,
    IntegrationNotConfiguredError,
    PermissionDeniedError,
    ReconnectRequiredError,
    TransientError,
)
from workflow_ninjaone.client import ClientCredentials, RetryPolicy, TokenCache, checked_base_url

TOKEN = "/ws/oauth/token"


async def test_asks_by_form(vendor, make_tokens):
    """
    The grant is asked for with a form: id, secret and scope.
    """
    vendor.grant()

    assert await make_tokens().access_token() == "token-1"
    ((_, calls),) = vendor.requests.items()
    assert calls[0].kwargs["data"] == {
        "grant_type": "client_credentials",
        "client_id": "client-id",
        "client_secret": "client-secret",
        "scope": "monitoring management control",
    }
    assert calls[0].kwargs["allow_redirects"] is False


async def test_kept_until_the_last_minute(vendor, make_tokens, time):
    """
    A token is asked for once and used until a minute before it expires, by all sources of the same application.
    """
    vendor.grant("token-1", expires_in=600)
    vendor.grant("token-2")

    assert await make_tokens().access_token() == "token-1"
    time.now += 539
    assert await make_tokens().access_token() == "token-1"
    time.now += 1
    assert await make_tokens().access_token() == "token-2"


async def test_short_lived(vendor, make_tokens, time):
    """
    A token that lives less than two minutes is used for half its life.
    """
    vendor.grant("token-1", expires_in=10)
    vendor.grant("token-2")
    tokens = make_tokens()

    await tokens.access_token()
    time.now += 4.9
    assert await tokens.access_token() == "token-1"
    time.now += 0.2
    assert await tokens.access_token() == "token-2"


async def test_one_fetch_at_a_time(vendor, make_tokens):
    """
    Callers that come together share one request.
    """
    vendor.grant()

    assert await asyncio.gather(*(make_tokens().access_token() for _ in range(5))) == ["token-1"] * 5
    assert vendor.count("POST", TOKEN) == 1


async def test_keys(vendor, make_tokens, cache):
    """
    Another secret, client or scope never gets somebody else's token.
    """
    for number in range(4):
        vendor.grant(f"token-{number}")
    sources = [
        make_tokens(),
        make_tokens(client_secret="other"),
        make_tokens(client_id="other"),
        make_tokens(credentials=ClientCredentials("client-id", "client-secret", "monitoring")),
    ]

    assert [await source.access_token() for source in sources] == [f"token-{number}" for number in range(4)]
    assert len(cache) == 4


async def test_cache_is_bounded(vendor, make_tokens):
    """
    Beyond its size, the cache forgets the token unused for longest.
    """
    cache = TokenCache(max_entries=2)
    sources = [make_tokens(client_id=name, cache=cache) for name in ("a", "b", "c")]
    for number in range(4):
        vendor.grant(f"token-{number}")

    for source in sources:
        await source.access_token()

    assert len(cache) == 2
    assert await sources[2].access_token() == "token-2"
    assert await sources[0].access_token() == "token-3"


async def test_renewed(vendor, make_tokens):
    """
    A refused token is replaced once, however many callers it was refused to.
    """
    vendor.grant("token-1")
    vendor.grant("token-2")
    tokens = make_tokens()
    refused = await tokens.access_token()

    renewed = await asyncio.gather(*(tokens.renewed(refused) for _ in range(3)))

    assert renewed == ["token-2"] * 3


async def test_secrets_are_reported(vendor, make_tokens):
    """
    Every token given out is reported for redaction, a kept one too: its user may be another run.
    """
    vendor.grant()
    first, second = [], []

    await make_tokens(on_secret=first.append).access_token()
    await make_tokens(on_secret=second.append).access_token()

    assert (first, second) == (["token-1"], ["token-1"])


@pytest.mark.parametrize("error", ["invalid_client", "invalid_grant", "unauthorized_client"])
@pytest.mark.parametrize("status", [400, 401])
async def test_dead_credentials(vendor, make_tokens, status, error):
    """
    Credentials that are refused for good ask for a person; the message repeats nothing of the answer but its code.
    """
    vendor.post(TOKEN, status=status, payload={"error": error, "error_description": "client-secret"})

    with pytest.raises(ReconnectRequiredError) as raised:
        await make_tokens().access_token()

    assert "client-secret" not in str(raised.value)
    assert raised.value.details["vendorCode"] == error
    assert vendor.count("POST", TOKEN) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 400, "payload": {"error": "invalid_scope"}}, PermissionDeniedError),
        ({"status": 400, "payload": {"error": "unsupported_grant_type"}}, ActionError),
        ({"status": 404, "payload": {}}, IntegrationNotConfiguredError),
        ({"status": 302, "headers": {"Location": "https://evil.test"}}, ActionError),
        ({"status": 400, "body": "<html>invalid_client</html>"}, TransientError),
        ({"status": 401, "body": "<html></html>"}, TransientError),
        ({"status": 500, "body": "<html></html>"}, TransientError),
        ({"status": 200, "body": "<html></html>"}, TransientError),
        ({"status": 200, "body": ""}, TransientError),
        ({"status": 200, "payload": {"expires_in": 5}}, TransientError),
        ({"status": 200, "payload": {"access_token": "a\r\nX-Evil: 1"}}, TransientError),
        ({"status": 429, "headers": {"Retry-After": "60"}}, TransientError),
    ],
)
async def test_other_refusals(vendor, make_tokens, answer, expected):
    """
    A passing trouble, a page of a gateway above all, never passes for dead credentials.
    """
    vendor.post(TOKEN, **answer)

    with pytest.raises(expected) as raised:
        await make_tokens().access_token()

    assert expected is type(raised.value)


async def test_tried_again(vendor, make_tokens, waits):
    """
    Lost connections, 502 to 504 and a short 429 are tried again, three times in total.
    """
    vendor.post(TOKEN, status=503)
    vendor.post(TOKEN, exception=aiohttp.ServerDisconnectedError())
    vendor.grant()

    assert await make_tokens().access_token() == "token-1"
    assert waits.seconds == [0.125, 0.25]


async def test_gives_up(vendor, make_tokens):
    """
    After three tries the last error is raised, and the next caller starts anew.
    """
    vendor.post(TOKEN, status=503, repeat=3)
    vendor.grant()
    tokens = make_tokens()

    with pytest.raises(TransientError) as raised:
        await tokens.access_token()

    assert raised.value.code == "UPSTREAM_ERROR"
    assert await tokens.access_token() == "token-1"


@pytest.mark.parametrize(
    ("client_id", "client_secret", "missing"),
    [("", "s", ["client_id"]), ("i", "  ", ["client_secret"]), ("", "", ["client_id", "client_secret"])],
)
async def test_missing_credentials(make_tokens, client_id, client_secret, missing):
    """
    Without credentials no source is made; the error names what is missing.
    """
    with pytest.raises(IntegrationNotConfiguredError) as raised:
        make_tokens(client_id, client_secret)

    assert raised.value.details == {"missing": [name.replace("_", " ") for name in missing]}


def test_representation_has_no_secret():
    """
    Credentials can be printed.
    """
    assert "s3cr3t" not in repr(ClientCredentials("id", "s3cr3t"))


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
