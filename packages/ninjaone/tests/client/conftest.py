"""NinjaOne's answers, put in the place of the network."""

from collections.abc import Iterator
from unittest.mock import Mock

import aiohttp
import attrs
import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses

from workflow_ninjaone.client import (
    ClientCredentials,
    ClientCredentialsTokenSource,
    NinjaOneClient,
    RetryPolicy,
    TokenCache,
)

BASE = "https://app.ninja.test"


class _Response(ClientResponse):
    """A response that aioresponses can make: aiohttp 3.14 wants an argument that it does not pass (its issue 289)."""

    def __init__(self, *args, **kwargs):
        try:
            super().__init__(*args, **kwargs)
        except TypeError:
            super().__init__(*args, stream_writer=Mock(output_size=0), **kwargs)


class Vendor(aioresponses):
    """The mock with a response class that works, and without the host in every URL."""

    def add(self, url, *args, **kwargs):
        kwargs.setdefault("response_class", _Response)
        super().add(BASE + url, *args, **kwargs)

    def sent(self):
        """Method and URL of every request so far, in no order across URLs."""
        return [(method, str(url)) for (method, url), calls in self.requests.items() for _ in calls]

    def count(self, method, path):
        return sum(1 for sent in self.sent() if sent == (method, BASE + path))

    def grant(self, token="token-1", **body):
        self.post("/ws/oauth/token", payload={"access_token": token, "expires_in": 3600, **body})


@attrs.define
class Waits:
    """Takes the place of ``asyncio.sleep``."""

    seconds: list[float] = attrs.field(factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@attrs.define
class Time:
    """A monotonic clock that a test moves by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def vendor(contract) -> Iterator[Vendor]:
    """Every request that is made to it is held against the vendor's document."""
    with Vendor() as mock:
        yield mock
        for (method, url), calls in mock.requests.items():
            for call in calls:
                contract.check_request(method, url, call.kwargs.get("json"))


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def retry(waits) -> RetryPolicy:
    return RetryPolicy(sleep=waits, jitter=lambda: 0.0)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def cache() -> TokenCache:
    return TokenCache()


@pytest.fixture
def make_tokens(session: aiohttp.ClientSession, cache, retry, time):
    """Makes token sources that share one cache."""

    def make(client_id="client-id", client_secret="client-secret", **options):
        return ClientCredentialsTokenSource(
            session,
            **{
                "base_url": BASE,
                "credentials": ClientCredentials(client_id, client_secret),
                "cache": cache,
                "retry": retry,
                "clock": time,
                **options,
            },
        )

    return make


@pytest.fixture
def client(session: aiohttp.ClientSession, vendor, make_tokens, retry) -> NinjaOneClient:
    """A client whose first token is ``token-1``."""
    vendor.grant()
    return NinjaOneClient(session, base_url=BASE, tokens=make_tokens(), retry=retry)
