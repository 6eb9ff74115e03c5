"""Requests to one tenant's account: with a token, within the tenant's share, and tried again where that is harmless."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import aiohttp
import attrs
import orjson
from yarl import URL

from workflow_core.errors import Refused, TransientError, WorkflowError
from workflow_ninjaone.client.auth import TokenSource
from workflow_ninjaone.client.errors import error_for, lacks_privilege, retry_after_seconds, unreadable
from workflow_ninjaone.client.pace import Pace
from workflow_ninjaone.client.transport import Answer, ConnectionNotOpened, RetryPolicy, exchange, is_lost_connection

_T = TypeVar("_T")


@attrs.frozen
class Call:
    """One request, before a token and an instance are put to it.

    Attributes:
        method: The HTTP method.
        template: The path as the vendor documents it, for messages.
        path: The same with its parameters filled in.
        params: The query.
        body: The JSON body, ``None`` for none.
    """

    method: str
    template: str
    path: str
    params: Mapping[str, str] | None = None
    body: Any = None


@attrs.frozen
class Requests:
    """Sends calls; see :class:`~workflow_ninjaone.client.api.NinjaOneClient` for what may go wrong."""

    session: aiohttp.ClientSession
    base_url: URL
    tokens: TokenSource
    timeout: float
    retry: RetryPolicy
    pace: Pace | None

    async def read(self, call: Call, *, kind: type | tuple[type, ...] = object) -> Any:
        """The decoded JSON of a read's answer.

        Args:
            call: A ``GET``.
            kind: Of which type it has to be.
        """
        return (await self.observe(call, kind=kind))[0]

    async def observe(self, call: Call, *, kind: type | tuple[type, ...] = object) -> tuple[Any, Answer]:
        """The decoded JSON of a read's answer, and the answer; after tries within the retry policy."""
        tries = 0
        renewed = False
        token = await self.tokens.access_token()
        while True:
            tries += 1
            retry_after: float | None = None
            failure: WorkflowError
            try:
                answer = await self._send(call, token)
            except TransientError as error:
                failure, worth_it = error, is_lost_connection(error) or self.retry.patient
            else:
                if answer.is_success:
                    try:
                        return _decoded(answer, call, kind), answer
                    except TransientError as error:
                        failure, worth_it = error, self.retry.patient
                elif _wants_new_token(answer) and not renewed:
                    renewed = True
                    tries -= 1
                    token = await self.tokens.renewed(token)
                    continue
                else:
                    failure = error_for(answer, method=call.method, path=call.template)
                    worth_it = answer.may_be_retried or (self.retry.patient and failure.retryable)
                    retry_after = retry_after_seconds(answer.headers.get("Retry-After"))
            pause = self.retry.pause_before(tries + 1, retry_after) if worth_it else None
            if pause is None:
                raise failure
            await self.retry.sleep(pause)

    async def act(self, call: Call) -> Answer:
        """Sends an acting call: once, or twice if the first was refused for its token."""
        token = await _before_acting(self.tokens.access_token)
        answer = await self._send_acting(call, token)
        if _wants_new_token(answer):
            refused = token
            token = await _before_acting(lambda: self.tokens.renewed(refused))
            answer = await self._send_acting(call, token)
        if answer.is_success:
            if answer.is_html:  # a gateway's page: who knows whether NinjaOne ever saw the call
                raise unreadable_answer(call, answer)
            return answer
        failure = error_for(answer, method=call.method, path=call.template)
        if answer.status in {401, 429}:
            raise Refused(failure)
        raise failure

    async def _send_acting(self, call: Call, token: str) -> Answer:
        if self.pace is not None:
            await _before_acting(self.pace.turn)
        try:
            return await self._exchange(call, token)
        except ConnectionNotOpened as error:
            raise Refused(error) from None

    async def _send(self, call: Call, token: str) -> Answer:
        if self.pace is not None:
            await self.pace.turn()
        return await self._exchange(call, token)

    async def _exchange(self, call: Call, token: str) -> Answer:
        return await exchange(
            self.session,
            call.method,
            self.base_url.with_path(call.path),
            path=call.template,
            timeout=self.timeout,
            headers={"Accept": "application/json", "Authorization": f"Bearer {token}"},
            params=call.params,
            json=call.body,
        )


def unreadable_answer(call: Call, answer: Answer | None = None) -> TransientError:
    """The error for an answer that is not what the vendor documents."""
    status = 200 if answer is None else answer.status
    details = {"status": status, "method": call.method, "path": call.template}
    return unreadable(f"NinjaOne answered {status} to {call.method} {call.template}", details)


async def _before_acting(do: Callable[[], Awaitable[_T]]) -> _T:
    """What comes before an acting call: without it the call is never made."""
    try:
        return await do()
    except WorkflowError as error:
        raise Refused(error) from None


def _wants_new_token(answer: Answer) -> bool:
    return answer.status == 401 and not lacks_privilege(answer)


def _decoded(answer: Answer, call: Call, kind: type | tuple[type, ...]) -> Any:
    """The JSON of an answer, whatever its content type says."""
    try:
        try:
            decoded = orjson.loads(answer.body)
        except ValueError:  # half of a character, where NinjaOne has cut a text, or a number beyond 64 bits
            decoded = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise unreadable_answer(call, answer) from None
    if not isinstance(decoded, kind):
        raise unreadable_answer(call)
    return decoded
