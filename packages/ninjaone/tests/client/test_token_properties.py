"""Whatever fails while tokens are renewed, and in whichever process: no refresh token is lost, nobody is logged out.

The platform's keeper and NinjaOne's grants work together here, with a network and a database that fail by schedule.
"""

import asyncio
import json
import random
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from workflow_core.errors import ReconnectRequiredError, WorkflowError
from workflow_core.integrations.renewing import CLAIM_LIMIT, Claim, TokenKeeper, Tokens, TokenState
from workflow_ninjaone.client import ApiApplication, RetryPolicy, TokenEndpoint

NETWORK = ["fine", "kept", "429", "500", "html", "cut before", "cut after", "killed after"]
DATABASE = ["fine", "refuses", "broken commit", "lost commit"]


class Killed(BaseException):
    """The process is gone."""


@attrs.define
class Vendor:
    """Gives tokens, one refresh token after the other; takes the place of an HTTP session.

    Attributes:
        grace: Whether it takes the token before the last one as long as nobody has shown the last one.
    """

    grace: bool
    network: list = attrs.Factory(list)
    current: str = "refresh-0"
    previous: str | None = None
    number: int = 0
    logged_out: bool = False
    may_be_lost: bool = False
    asked: int = 0

    @asynccontextmanager
    async def request(self, method, url, *, data, **_):
        self.asked += 1
        await asyncio.sleep(0)
        fault = self.network.pop(0) if self.network else "fine"
        if fault == "cut before":
            raise aiohttp.ServerDisconnectedError
        if fault in {"429", "500", "html"}:
            yield answer({"429": 429, "500": 500, "html": 200}[fault], b"<html>refresh-0</html>")
            return
        body = self._grant(data["refresh_token"], rotates=fault != "kept")
        rotated = body is not None and "refresh_token" in body
        if fault in {"cut after", "killed after"}:
            self.may_be_lost = self.may_be_lost or rotated
            raise Killed if fault == "killed after" else aiohttp.ServerDisconnectedError
        if body is None:
            yield answer(400, b'{"error": "invalid_grant"}')
        else:
            yield answer(200, json.dumps(body).encode())

    def _grant(self, shown, *, rotates):
        if shown == self.current:
            self.previous = None
        elif not (self.grace and shown == self.previous):
            self.logged_out = True
        if self.logged_out:
            return None
        self.number += 1
        granted = {"access_token": f"access-{self.number}", "expires_in": 3600}
        if rotates:
            self.previous, self.current = shown, f"refresh-{self.number}"
            granted["refresh_token"] = self.current
        return granted


def answer(status, body):
    async def iter_any():
        yield body

    return SimpleNamespace(status=status, headers=CIMultiDict(), content=SimpleNamespace(iter_any=iter_any))


@attrs.define
class Store:
    """A database of one row and one lock."""

    faults: list = attrs.Factory(list)
    now: float = 1000.0
    tokens: Tokens = attrs.Factory(lambda: Tokens(access_token="access-0", refresh_token="refresh-0", good_until=0.0))
    final: str | None = None
    claim: Claim | None = None
    lock: asyncio.Lock = attrs.Factory(asyncio.Lock)

    async def sleep(self, seconds):
        self.now += seconds
        await asyncio.sleep(0)

    async def read(self):
        return TokenState(now=self.now, tokens=self.tokens, final=self.final, claim=self.claim)

    @asynccontextmanager
    async def locked(self):
        async with self.lock:
            fault = self.faults.pop(0) if self.faults else "fine"
            if fault == "refuses":
                raise ConnectionError
            held = Held(self, await self.read())
            yield held  # what raises in the block takes all of its writes back
            if fault != "broken commit":
                for name, value in held.written.items():
                    setattr(self, name, value)
            if fault != "fine":
                raise ConnectionError


@attrs.define
class Held:
    store: Store
    state: TokenState
    written: dict = attrs.Factory(dict)

    async def claim(self, by):
        self.written["claim"] = Claim(by, self.store.now)

    async def release(self):
        self.written["claim"] = None

    async def write(self, tokens):
        self.written |= {"tokens": tokens, "claim": None}

    async def fail(self, error):
        self.written |= {"claim": None}
        if isinstance(error, ReconnectRequiredError):
            self.written["final"] = error.message


@attrs.define
class Platform:
    """Some processes, which are replaced when they die."""

    store: Store
    vendor: Vendor
    keepers: list = attrs.field(init=False)

    def __attrs_post_init__(self):
        self.keepers = [self.process() for _ in range(3)]

    def process(self):
        endpoint = TokenEndpoint(
            self.vendor,
            base_url="https://app.ninja.test",
            application=ApiApplication("id", "secret"),
            retry=RetryPolicy(sleep=self.store.sleep, jitter=lambda: 0.0, tries=2),
        )
        return TokenKeeper(self.store, endpoint.by_refresh_token, sleep=self.store.sleep)

    async def use(self, number):
        """A process needs a token, and its last one has just been refused."""
        keeper = self.keepers[number]
        try:
            return await keeper.current(self.store.tokens.access_token)
        except (WorkflowError, ConnectionError):
            return None
        except Killed:
            self.keepers[number] = self.process()
            return None

    @property
    def known(self):
        """The refresh tokens that are stored, or that a living process is about to store."""
        kept = [keeper._unstored.tokens for keeper in self.keepers if keeper._unstored is not None]
        return {tokens.refresh_token for tokens in [self.store.tokens, *kept]}


rounds = st.lists(
    st.tuples(
        st.lists(st.integers(0, 2), min_size=1, max_size=3),
        st.lists(st.sampled_from(NETWORK), max_size=3),
        st.lists(st.sampled_from(DATABASE), max_size=6),
    ),
    min_size=1,
    max_size=4,
)


def test_no_refresh_token_is_lost():
    """Nothing but a cut or a death between the vendor's answer and ours can cost a login, and only where it forgives
    nothing; whoever was told that it is over asks no more."""
    with asyncio.Runner() as runner:

        @given(rounds=rounds, grace=st.booleans())
        @settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        def holds(rounds, grace):
            runner.run(play(rounds, grace=grace))

        holds()


def test_ten_thousand_schedules():
    """The same for ten thousand schedules, which are cheaper to draw than to shrink."""
    with asyncio.Runner() as runner:
        for seed in range(10_000):
            draw = random.Random(seed)
            rounds = [
                (
                    draw.choices(range(3), k=draw.randint(1, 3)),
                    draw.choices(NETWORK, k=draw.randint(0, 3)),
                    draw.choices(DATABASE, k=draw.randint(0, 6)),
                )
                for _ in range(draw.randint(1, 4))
            ]
            try:
                runner.run(play(rounds, grace=draw.random() < 0.5))
            except AssertionError as error:
                error.add_note(f"seed {seed}")
                raise


async def play(rounds, *, grace):
    store, vendor = Store(), Vendor(grace)
    platform = Platform(store, vendor)
    for processes, network, faults in rounds:
        vendor.network, store.faults = list(network), list(faults)
        await asyncio.gather(*(platform.use(number) for number in processes))
        store.now += 1.0
        assert store.tokens.refresh_token is not None
        if not vendor.may_be_lost:
            assert not vendor.logged_out
            assert vendor.current in platform.known
        if vendor.logged_out:
            assert not grace
        if store.final is not None:
            assert vendor.logged_out
    vendor.network, store.faults = [], []
    store.now += CLAIM_LIMIT
    asked = vendor.asked
    was_over = store.final is not None
    found = await platform.use(0)
    assert (found is None) == vendor.logged_out
    if was_over:
        assert vendor.asked == asked
    elif not vendor.logged_out:
        assert vendor.current in platform.known
