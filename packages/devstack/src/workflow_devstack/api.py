"""Calls to the catalog server, as any client of it makes them."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from workflow_devstack.errors import ApiError

_TIMEOUT = aiohttp.ClientTimeout(total=30)


class Api:
    """
    The HTTP API with one bearer token; an ``async with`` block closes its connections.

    Args:
        url: The server's address.
        token: Whose requests they are.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """
        One request; the answer's JSON.

        Raises:
            ApiError: The server refused it; the message has the problem document's sentences.
        """
        try:
            async with self._session.request(method, self._url + path, json=body, headers=headers) as answer:
                content = await answer.json(content_type=None)
                if answer.ok:
                    return content
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ApiError(
                f"{method} {path}: no answer that could be read ({type(error).__name__}: {error})"
            ) from error
        raise ApiError(f"{method} {path}: {describe_problem(answer.status, content)}", details={"problem": content})


def describe_problem(status: int, content: Any) -> str:
    """A problem document in a few lines; whatever else was answered is not shown."""
    if not isinstance(content, dict):
        return f"status {status}"
    lines = [f"{status} {content.get('code', '')}: {content.get('detail') or content.get('title', '')}"]
    errors = content.get("errors")
    if isinstance(errors, list):
        lines += [
            f"  {entry.get('path') or entry.get('stepPath', '')}: {entry.get('code', '')} {entry.get('message', '')}"
            for entry in errors
            if isinstance(entry, dict)
        ]
    return "\n".join(lines)
