"""When tokens are renewed, and by whom: one process at a time, whatever fails on the way.

Refresh tokens rotate: the other system takes the old one back when it gives a new one, and logs a tenant out that shows
an old one. So whoever renews holds a lock across the call, looks once more after it has come to hold it, and lets it go
in the same commit that stores what was given. Before the call it says, in a commit of its own, that it is renewing: if
its database connection breaks, and with it the lock, nobody shows the old token before whoever was given a new one has
had the time to store it. Only a process that dies between the answer and the commit can lose one.

This module knows no database: :mod:`workflow_core.integrations.tokens` stores.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol
from uuid import UUID, uuid4

import attrs

from workflow_core.connections import Grant
from workflow_core.errors import ReconnectRequiredError, TransientError, WorkflowError

_log = logging.getLogger(__name__)

#: Seconds that the other system gets to give a token, all tries together.
RENEW_LIMIT: Final = 30.0
#: A token is not used in its last minute; of one that lives less than two, not in its second half.
MARGIN: Final = 60.0
#: Seconds before each attempt to store what was given.
STORE_PAUSES: Final = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 4.0, 8.0)
#: Seconds after which whoever said that it is renewing is dead: call and storing take less.
CLAIM_LIMIT: Final = 60.0
#: Seconds between two looks at somebody else's claim.
_CLAIM_PAUSE: Final = 0.2


@attrs.frozen(kw_only=True)
class Tokens:
    """What is stored.

    Attributes:
        access_token: For calls.
        refresh_token: For the next ones; None: they are asked for with the credentials.
        good_until: Until when the access token is used; seconds since the epoch, on the database's clock.
    """

    access_token: str = attrs.field(repr=False)
    refresh_token: str | None = attrs.field(repr=False)
    good_until: float


@attrs.frozen
class Claim:
    """Somebody is renewing: who, and since when, on the database's clock."""

    by: UUID
    since: float


@attrs.frozen(kw_only=True)
class TokenState:
    """How it stood at a moment.

    Attributes:
        now: That moment, on the database's clock.
        tokens: None: none are stored.
        final: Why the other system will never give any; None: it may.
        claim: Who is renewing.
    """

    now: float
    tokens: Tokens | None
    final: str | None = None
    claim: Claim | None = None

    def usable(self, refused: str | None) -> Tokens | None:
        """The tokens, if they can be used.

        Raises:
            ReconnectRequiredError: Somebody has to connect again.
        """
        if self.final is not None:
            raise ReconnectRequiredError(self.final)
        tokens = self.tokens
        good = tokens is not None and tokens.good_until > self.now and tokens.access_token != refused
        return tokens if good else None


class HeldTokens(Protocol):
    """The tokens while nobody else can change them. What is written counts when the block ends without an error.

    Attributes:
        state: How it stands.
    """

    @property
    def state(self) -> TokenState:
        """As above."""

    async def claim(self, by: UUID) -> None:
        """Says who is renewing."""

    async def release(self) -> None:
        """Says that nobody is."""

    async def write(self, tokens: Tokens) -> None:
        """Stores them; nobody is renewing any more."""

    async def fail(self, error: WorkflowError) -> None:
        """Shows why there are no new ones; after a ReconnectRequiredError nobody asks again."""


class TokenStore(Protocol):
    """Where the tokens of one connection are."""

    async def read(self) -> TokenState:
        """How it stands; it may change at any time."""

    def locked(self) -> AbstractAsyncContextManager[HeldTokens]:
        """Waits until nobody else holds them, in no process."""


def merge(grant: Grant, before: Tokens | None, asked_at: float) -> Tokens:
    """What there is to store after a grant; one that brings no refresh token has not replaced the one before."""
    return Tokens(
        access_token=grant.access_token,
        refresh_token=grant.refresh_token or (before.refresh_token if before is not None else None),
        good_until=asked_at + grant.lifetime - min(MARGIN, grant.lifetime / 2),
    )


@attrs.frozen
class _Unstored:
    """Tokens that were given and could not be stored, and the ones that they replace."""

    tokens: Tokens
    replaced: Tokens | None


class TokenKeeper:
    """The tokens of one connection, in one process.

    Args:
        store: Where they are.
        renew: Asks the other system for new ones; given the refresh token, if there is one.
        sleep: Waits.
    """

    def __init__(
        self,
        store: TokenStore,
        renew: Callable[[str | None], Awaitable[Grant]],
        *,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._renew = renew
        self._sleep = sleep
        self._id = uuid4()
        self._unstored: _Unstored | None = None
        self._flight: asyncio.Task[Tokens] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and everything that was given is stored."""
        return self._flight is None and self._unstored is None

    async def current(self, refused: str | None = None) -> Tokens:
        """Tokens that should be good.

        Args:
            refused: An access token that the other system does not accept.

        Raises:
            ReconnectRequiredError: Somebody has to connect again.
            WorkflowError: There are none to be had now.
        """
        if self._flight is None and self._unstored is None:
            usable = (await self._store.read()).usable(refused)
            if usable is not None:
                return usable
        if self._flight is None:
            self._flight = asyncio.create_task(self._renewed(refused))
            self._flight.add_done_callback(self._landed)
        # Whoever gives up waiting must not interrupt the call: what it brings would be lost.
        return await asyncio.shield(self._flight)

    async def settled(self) -> None:
        """Waits for what is under way."""
        if self._flight is not None:
            await asyncio.wait([self._flight])

    def _landed(self, flight: asyncio.Task[Tokens]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # those who still wait have it; when nobody does, nobody needs it

    async def _renewed(self, refused: str | None) -> Tokens:
        if self._unstored is not None:
            return await self._store_later()
        while True:
            usable = await self._claimed(refused)
            if usable is None:
                usable = await self._asked(refused)
            if usable is not None:
                return usable

    async def _claimed(self, refused: str | None) -> Tokens | None:
        """Says that this process is renewing; or what somebody else has brought meanwhile."""
        while True:
            async with self._store.locked() as held:
                state = held.state
                usable = state.usable(refused)
                if usable is not None:
                    return usable
                claim = state.claim
                taken = claim is not None and claim.by != self._id and state.now < claim.since + CLAIM_LIMIT
                if not taken:
                    await held.claim(self._id)
            if not taken:
                return None
            await self._sleep(_CLAIM_PAUSE)

    async def _asked(self, refused: str | None) -> Tokens | None:
        """New tokens, stored; None: somebody else has taken over since this process has said that it is renewing."""
        failure: WorkflowError | None = None
        try:
            async with self._store.locked() as held:
                state = held.state
                usable = state.usable(refused)
                if usable is not None or state.claim is None or state.claim.by != self._id:
                    return usable
                try:
                    grant = await self._ask(state.tokens)
                except TransientError as error:
                    failure = error
                    await held.release()
                except WorkflowError as error:
                    failure = error
                    await held.fail(error)
                else:
                    self._unstored = _Unstored(merge(grant, state.tokens, state.now), state.tokens)
                    await held.write(self._unstored.tokens)
        except Exception as error:
            if failure is not None:
                raise failure from None  # whoever comes next is told the same
            if self._unstored is None:
                raise
            _log.warning("new tokens could not be stored yet: %s", type(error).__name__)
            return await self._store_later()
        if failure is not None:
            raise failure
        assert self._unstored is not None  # noqa: S101 - set above
        tokens, self._unstored = self._unstored.tokens, None
        return tokens

    async def _ask(self, tokens: Tokens | None) -> Grant:
        try:
            async with asyncio.timeout(RENEW_LIMIT):
                return await self._renew(None if tokens is None else tokens.refresh_token)
        except TimeoutError:
            raise TransientError(
                "The other system did not give a token in time; try again later.", code="UPSTREAM_TIMEOUT"
            ) from None
        except WorkflowError:
            raise
        except Exception as error:  # noqa: BLE001 - foreign code: its words may quote what it was given
            raise TransientError(f"No token could be had ({type(error).__name__}).") from None

    async def _store_later(self) -> Tokens:
        """Stores what was given before, unless somebody else has gone on meanwhile."""
        kept = self._unstored
        assert kept is not None  # noqa: S101 - the caller has looked
        for pause in STORE_PAUSES:
            await self._sleep(pause)
            try:
                async with self._store.locked() as held:
                    state = held.state
                    if state.final is None and state.tokens == kept.replaced:
                        await held.write(kept.tokens)
                        current = kept.tokens
                    else:  # the commit had gone through, or another one did
                        self._unstored = None
                        return state.usable(None) or kept.tokens
            except WorkflowError:
                self._unstored = None  # disconnected meanwhile: they belong to nothing any more
                raise
            except Exception as error:  # noqa: BLE001 - whatever fails, they must not be lost
                _log.warning("new tokens could not be stored yet: %s", type(error).__name__)
            else:
                self._unstored = None
                return current
        _log.error("new tokens could not be stored; they are kept, and stored with the next call")
        return kept.tokens
