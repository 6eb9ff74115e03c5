"""NinjaOne's answers, put in the place of the network."""

from collections.abc import Iterator
from unittest.mock import Mock

import aiohttp
import attrs
import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses

from workflow_ninjaone.client import ApiApplication, NinjaOneClient, RetryPolicy, TokenEndpoint

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
class Tokens:
    """A token source that keeps the last token, and knows no expiry."""

    endpoint: TokenEndpoint
    token: str | None = None

    async def access_token(self) -> str:
        return self.token or await self.renewed("")

    async def renewed(self, refused: str) -> str:
        self.token = (await self.endpoint.by_credentials(("monitoring",))).access_token
        return self.token


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
def endpoint(session: aiohttp.ClientSession, retry) -> TokenEndpoint:
    return TokenEndpoint(
        session, base_url=BASE, application=ApiApplication(" client-id ", "client-secret\n"), retry=retry
    )


@pytest.fixture
def tokens(endpoint) -> Tokens:
    return Tokens(endpoint)


@pytest.fixture
def client(session: aiohttp.ClientSession, vendor, tokens, retry) -> NinjaOneClient:
    """A client whose first token is ``token-1``."""
    vendor.grant()
    return NinjaOneClient(session, base_url=BASE, tokens=tokens, retry=retry)
