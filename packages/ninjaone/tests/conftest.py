"""What the tests of this package share: a simulator on a free port of this machine."""

from collections.abc import AsyncIterator

import aiohttp
import attrs
import pytest
from aiohttp.test_utils import TestServer

from workflow_ninjaone.simulator import ApiApplication, SimulatorState, Timing, create_app

FULL = ApiApplication("full-client", "full-secret")
READER = ApiApplication("reader-client", "reader-secret", frozenset({"monitoring"}))


@attrs.define
class Clock:
    """Epoch seconds that a test moves by hand."""

    now: float = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


@attrs.define
class Simulator:
    """A running simulator.

    Attributes:
        state: The account that it serves.
        clock: Its time.
        url: Where it listens.
        session: For raw requests.
    """

    state: SimulatorState
    clock: Clock
    url: str
    session: aiohttp.ClientSession

    async def token(self, application=FULL, scope="monitoring management control"):
        form = {
            "grant_type": "client_credentials",
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "scope": scope,
        }
        async with self.session.post(f"{self.url}/ws/oauth/token", data=form) as response:
            return (await response.json())["access_token"]

    async def call(self, method, path, *, token=None, **options):
        """Status and decoded body (``None`` for an empty one) of an authorized request."""
        bearer = token or await self.token()
        headers = {"Authorization": f"Bearer {bearer}", **options.pop("headers", {})}
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            return response.status, (await response.json() if await response.read() else None)

    async def control(self, method, path, **options):
        """Status and decoded body of a request to the control paths."""
        async with self.session.request(method, f"{self.url}/_simulator/{path}", **options) as response:
            return response.status, (await response.json() if await response.read() else None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.fixture
async def simulator(clock: Clock, session: aiohttp.ClientSession) -> AsyncIterator[Simulator]:
    """A simulator with the default seed and two applications, of which one may only read."""
    state = SimulatorState(applications=[FULL, READER], clock=clock, timing=Timing(reboot_seconds=30))
    server = TestServer(create_app(state))
    await server.start_server()
    try:
        yield Simulator(state, clock, f"http://127.0.0.1:{server.port}", session)
    finally:
        await server.close()
