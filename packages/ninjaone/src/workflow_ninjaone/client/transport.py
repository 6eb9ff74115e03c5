"""One HTTP exchange with a time limit and without redirections, and how long to wait before another.

The exceptions of aiohttp end here. They are replaced with the chain cut (``from None``): some of them carry the
request's headers, and with them the access token.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import attrs
from yarl import URL

from workflow_core.errors import IntegrationNotConfiguredError, TransientError

CONNECT_SECONDS = 5.0
"""How long opening a connection may take; the time limit of the whole call may be shorter."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""The longest answer that is read; a fleet's page of 1000 detailed devices has a few MiB."""

_RETRYABLE_STATUS = frozenset({429, 502, 503, 504})


@attrs.frozen
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: The headers; looked up case-insensitively.
        body: The whole body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def given_at(self) -> datetime | None:
        """When it was given, on the other side's clock: its ``Date``, to the second; None without a usable one."""
        try:
            moment = parsedate_to_datetime(self.headers["Date"])
        except (KeyError, ValueError):
            return None
        return None if moment.tzinfo is None else moment.astimezone(UTC)

    @property
    def may_be_retried(self) -> bool:
        """Whether a read that was answered so is worth another try."""
        return self.status in _RETRYABLE_STATUS

    @property
    def is_html(self) -> bool:
        """Whether the body is a page; no JSON value begins with ``<``, and the content type may be wrong."""
        return self.body.lstrip()[:1] == b"<"


class ConnectionNotOpened(TransientError):  # noqa: N818 - named as the fact that it proves
    """No connection came about, so the other side has not seen the request."""

    code = "UPSTREAM_UNREACHABLE"


class ConnectionLost(TransientError):  # noqa: N818 - the same
    """The connection broke while the other side may have been working."""

    code = "UPSTREAM_DISCONNECTED"


@attrs.frozen
class RetryPolicy:
    """When a read is tried again; the tests replace ``sleep`` and ``jitter``.

    Attributes:
        tries: How often a call is sent in total.
        base_seconds: The longest wait before the second try; it doubles with every further one.
        longest_retry_after: A ``Retry-After`` beyond this many seconds is the caller's business.
        longest_pause: Seconds beyond which the waits grow no more.
        patient: Whether it has time: then a time-out, a 500 and an answer that cannot be read are worth another try,
            too. A 500 may stand for a malformed filter, and who waits has lost patience at a time-out.
        sleep: Waits.
        jitter: A random number from 0 up to 1.
    """

    tries: int = attrs.field(default=3, validator=attrs.validators.ge(1))
    base_seconds: float = 0.25
    longest_retry_after: float = 5.0
    longest_pause: float = 10.0
    patient: bool = False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random

    def pause_before(self, next_try: int, retry_after: float | None) -> float | None:
        """Seconds to wait before another try, or ``None`` when there is to be none.

        Args:
            next_try: 2 after the first try.
            retry_after: What the answer asked for, in seconds.
        """
        if next_try > self.tries:
            return None
        if retry_after is not None and retry_after > self.longest_retry_after:
            return None
        longest = min(self.base_seconds * 2 ** (next_try - 2), self.longest_pause)
        backoff: float = longest * (0.5 + self.jitter() / 2)
        return max(backoff, retry_after or 0.0)


def is_lost_connection(error: TransientError) -> bool:
    """Whether a read that failed so is worth another try; a time-out has used up the caller's patience already."""
    return isinstance(error, ConnectionNotOpened | ConnectionLost)


def checked_base_url(value: str) -> URL:
    """The address of a NinjaOne instance, such as ``https://app.ninjarmm.com``.

    Raises:
        IntegrationNotConfiguredError: Unless it is ``https://HOST[:PORT]``, or ``http`` to this very machine.
    """
    try:
        url = URL(value.strip())
        host, port = url.host, url.port
    except ValueError:
        host = port = None
        url = URL()
    plain = url.path in {"", "/"} and not (url.query_string or url.fragment or url.user or url.password)
    secure = url.scheme == "https" or (url.scheme == "http" and host is not None and _is_loopback(host))
    if not host or port is None or not plain or not secure:
        raise IntegrationNotConfiguredError(
            "The NinjaOne instance's address must look like https://app.ninjarmm.com: "
            "https, a host, and nothing after it."
        )
    return url.origin()


async def exchange(
    session: aiohttp.ClientSession,
    method: str,
    url: URL,
    *,
    path: str,
    timeout: float,  # noqa: ASYNC109 - aiohttp's own time-out tells apart what was being waited for
    headers: Mapping[str, str],
    params: Mapping[str, str] | None = None,
    json: Any = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    """Sends one request, once, and reads the whole answer.

    Args:
        session: Whose connections to use.
        method: ``GET`` or ``POST``; aiohttp itself sends idempotent methods (such as ``DELETE``) a second time when a
            kept connection turns out closed, so an acting call must be a ``POST``.
        url: Where.
        path: The path template, for messages.
        timeout: Seconds for everything, from waiting for a connection to the last byte.
        headers: Headers to send.
        params: The query.
        json: A JSON body; ``None`` for none.
        form: A form-encoded body; ``None`` for none.

    Raises:
        ConnectionNotOpened: The request certainly never left.
        ConnectionLost: The connection broke.
        TransientError: ``UPSTREAM_TIMEOUT`` or ``UPSTREAM_ANSWER_UNREADABLE`` (a body beyond all bounds).
    """
    details = {"method": method, "path": path}
    what = f"{method} {path}"
    try:
        async with session.request(
            method,
            url,
            params=params,
            json=json,
            data=form,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, CONNECT_SECONDS)),
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    response.close()
                    raise TransientError(
                        f"NinjaOne's answer to {what} is too long to read.",
                        code="UPSTREAM_ANSWER_UNREADABLE",
                        details=details,
                    )
            return Answer(response.status, response.headers, bytes(body))
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise ConnectionNotOpened(
            f"No connection to NinjaOne for {what}: check the instance's address and the network.", details=details
        ) from None
    except TimeoutError:
        raise TransientError(
            f"NinjaOne did not answer {what} within {timeout:g} s.", code="UPSTREAM_TIMEOUT", details=details
        ) from None
    except (aiohttp.ClientError, OSError):
        raise ConnectionLost(f"The connection to NinjaOne broke during {what}.", details=details) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
