"""Access tokens: where they come from, and how long one is kept.

A :class:`TokenSource` is what the client needs to know. The one here is OAuth's client-credentials grant (RFC 6749,
section 4.4; the vendor's application type *API Services*).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import aiohttp
import attrs
from yarl import URL

from workflow_core.errors import (
    ActionError,
    IntegrationNotConfiguredError,
    PermissionDeniedError,
    ReconnectRequiredError,
    TransientError,
    WorkflowError,
)
from workflow_ninjaone.client.errors import (
    describe,
    retry_after_seconds,
    transient_error,
    unreadable,
    vendor_code,
)
from workflow_ninjaone.client.transport import (
    Answer,
    RetryPolicy,
    checked_base_url,
    exchange,
    is_lost_connection,
)

DEFAULT_SCOPE = "monitoring management control"
"""Reading, resetting alerts, and rebooting."""

TOKEN_PATH = "/ws/oauth/token"  # noqa: S105 - a path, not a secret

REFRESH_MARGIN_SECONDS = 60.0
"""A token is not used in its last minute; of a token that lives less than two, not in its second half."""

DEFAULT_LIFETIME_SECONDS = 3600.0
"""The vendor's usual lifetime, for an answer that does not say."""

_DEAD_CREDENTIALS = frozenset(
    {"invalid_client", "invalid_grant", "unauthorized_client", "invalid_token", "expired_token"}
)


class TokenSource(Protocol):
    """Gives the client its bearer tokens."""

    async def access_token(self) -> str:
        """A token that should be good.

        Raises:
            WorkflowError: There is none to be had; the error says why.
        """
        ...

    async def renewed(self, refused: str) -> str:
        """Another token, after NinjaOne has refused ``refused`` with a 401.

        Raises:
            WorkflowError: There is none to be had; the error says why.
        """
        ...


@attrs.frozen
class ClientCredentials:
    """What an *API Services* application has.

    Attributes:
        client_id: Good only on the instance that it was created on.
        client_secret: Its secret; in no representation.
        scope: Scopes separated by spaces; the vendor refuses the whole request if the application lacks one.
    """

    client_id: str
    client_secret: str = attrs.field(repr=False)
    scope: str = DEFAULT_SCOPE


@attrs.define
class _Slot:
    """The token of one key, and the lock under which it is fetched."""

    lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    token: str | None = attrs.field(default=None, repr=False)
    good_until: float = 0.0


class TokenCache:
    """The access tokens of one process: bounded, in memory only; for one event loop.

    Whoever makes the token sources makes this once and passes it to all of them.

    Args:
        max_entries: How many keys are kept; beyond it, the one unused for longest goes.
    """

    def __init__(self, max_entries: int = 1024) -> None:
        if max_entries < 1:
            raise ValueError("max_entries must be at least 1")
        self._max_entries = max_entries
        self._slots: OrderedDict[str, _Slot] = OrderedDict()

    def __len__(self) -> int:
        return len(self._slots)

    def slot(self, key: str) -> _Slot:
        """The slot of ``key``, made if need be; it counts as used."""
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot()
        self._slots.move_to_end(key)
        while len(self._slots) > self._max_entries:
            self._slots.popitem(last=False)
        return slot


class ClientCredentialsTokenSource:
    """Tokens by the client-credentials grant, kept in a :class:`TokenCache` until shortly before they expire.

    At most one fetch per key (instance, client, secret, scope) is under way in a process; the others wait for it.

    Args:
        session: For the token request.
        base_url: The instance, such as ``https://app.ninjarmm.com``.
        credentials: The application's.
        cache: Where tokens are kept, shared by all sources of the process.
        on_secret: Called with every token that this source gives, fetched or kept, before it is used: so that the
            caller can register it for redaction.
        timeout: Seconds for one token request.
        retry: Tries and waits for 429, 502, 503, 504 and lost connections.
        clock: Seconds that only grow; for tests.

    Raises:
        IntegrationNotConfiguredError: The address is unfit, or client id, secret or scope is missing.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        credentials: ClientCredentials,
        cache: TokenCache,
        on_secret: Callable[[str], None] | None = None,
        timeout: float = 20.0,
        retry: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._base_url = checked_base_url(base_url)
        self._credentials = _complete(credentials)
        self._cache = cache
        self._on_secret = on_secret
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._clock = clock
        self._key = _cache_key(self._base_url, self._credentials)

    async def access_token(self) -> str:
        """A token with at least its last minute left, from the cache or from the vendor.

        Raises:
            ReconnectRequiredError: The vendor refuses the credentials for good.
            PermissionDeniedError: The application lacks a scope that we ask for.
            TransientError: The vendor is out of reach, overloaded or out of order.
            IntegrationNotConfiguredError: There is no token endpoint at that address.
            ActionError: Any other refusal.
        """
        return await self._token(refused=None)

    async def renewed(self, refused: str) -> str:
        """A token other than ``refused``; one that somebody else has fetched meanwhile will do.

        Raises:
            WorkflowError: As :meth:`access_token`.
        """
        return await self._token(refused=refused)

    async def _token(self, *, refused: str | None) -> str:
        slot = self._cache.slot(self._key)
        async with slot.lock:
            token = slot.token
            if token is None or token == refused or self._clock() >= slot.good_until:
                slot.token = None
                asked_at = self._clock()
                token, lifetime = await self._fetch()
                slot.token = token
                slot.good_until = asked_at + lifetime - min(REFRESH_MARGIN_SECONDS, lifetime / 2)
        if self._on_secret is not None:
            self._on_secret(token)
        return token

    async def _fetch(self) -> tuple[str, float]:
        """A new token and its lifetime in seconds."""
        tries = 0
        while True:
            tries += 1
            retry_after: float | None = None
            failure: WorkflowError
            try:
                answer = await self._ask()
            except TransientError as error:
                failure, worth_it = error, is_lost_connection(error)
            else:
                if answer.is_success:
                    return _granted(answer)
                failure = _refusal(answer, self._credentials)
                worth_it = answer.may_be_retried
                retry_after = retry_after_seconds(answer.headers.get("Retry-After"))
            pause = self._retry.pause_before(tries + 1, retry_after) if worth_it else None
            if pause is None:
                raise failure
            await self._retry.sleep(pause)

    async def _ask(self) -> Answer:
        return await exchange(
            self._session,
            "POST",
            self._base_url.with_path(TOKEN_PATH),
            path=TOKEN_PATH,
            timeout=self._timeout,
            headers={"Accept": "application/json"},
            form={
                "grant_type": "client_credentials",
                "client_id": self._credentials.client_id,
                "client_secret": self._credentials.client_secret,
                "scope": self._credentials.scope,
            },
        )


def _complete(credentials: ClientCredentials) -> ClientCredentials:
    """The credentials without blanks around them, when nothing is missing."""
    stripped = attrs.evolve(
        credentials,
        client_id=credentials.client_id.strip(),
        client_secret=credentials.client_secret.strip(),
        scope=" ".join(credentials.scope.split()),
    )
    names = {"client_id": "client id", "client_secret": "client secret", "scope": "scope"}
    missing = [label for field, label in names.items() if not getattr(stripped, field)]
    if missing:
        raise IntegrationNotConfiguredError(
            f"The NinjaOne connection has no {' and no '.join(missing)}: complete it.",
            details={"missing": missing},
        )
    return stripped


def _cache_key(base_url: URL, credentials: ClientCredentials) -> str:
    """A key that changes with every part and holds no secret."""
    parts = [str(base_url), credentials.client_id, credentials.client_secret, credentials.scope]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _granted(answer: Answer) -> tuple[str, float]:
    """Token and lifetime in seconds from a 2xx of the token endpoint."""
    what, details = f"NinjaOne answered {answer.status} to POST {TOKEN_PATH}", {"status": answer.status}
    try:
        body: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise unreadable(what, details) from None
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise unreadable(what, details)  # such a thing cannot stand in an Authorization header
    lifetime = body.get("expires_in")
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or not 0 <= lifetime < 1e9:
        lifetime = DEFAULT_LIFETIME_SECONDS
    return token, float(lifetime)


def _refusal(answer: Answer, credentials: ClientCredentials) -> WorkflowError:
    """The error that the token endpoint's answer outside 2xx stands for."""
    what, details = describe(answer, method="POST", path=TOKEN_PATH)
    if (passing := transient_error(answer, what, details)) is not None:
        return passing
    code = vendor_code(answer.body)
    if answer.status in {400, 401}:
        if answer.is_html:
            return unreadable(what, details)
        if code in _DEAD_CREDENTIALS:
            return ReconnectRequiredError(
                f"{what}: it refuses the client id or secret. Connect NinjaOne again.", details=details
            )
        if code == "invalid_scope":
            return PermissionDeniedError(
                f"{what}: give the API application all of these scopes: {credentials.scope}.", details=details
            )
    if answer.status == 404:
        return IntegrationNotConfiguredError(
            f"{what}: no NinjaOne instance is there. Check the region in the instance's address.",
            details=details,
        )
    return ActionError(f"{what}: it gives no access token.", details=details)
