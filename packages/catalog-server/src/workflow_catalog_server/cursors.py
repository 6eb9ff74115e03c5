"""Where a page of a list ended, as clients carry it to the next one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

import orjson
from aiohttp import web

from workflow_core.errors import FieldError, ValidationError

T = TypeVar("T")


def encode_cursor(*parts: str) -> str:
    """The values by which the last entry of a page is found again."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode()


def query_cursor(request: web.Request, read: Callable[[str, str], T]) -> T | None:
    """What ``read`` makes of the two parts of the query parameter ``cursor``; None on the first page.

    Raises:
        ValidationError: It is not the ``nextCursor`` of a page.
    """
    text = request.query.get("cursor")
    if text is None:
        return None
    try:
        first, second = orjson.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        if not isinstance(first, str) or not isinstance(second, str) or "\0" in first:
            raise ValueError
        return read(first, second)
    except (binascii.Error, ValueError, TypeError, OverflowError):
        words = "must be the nextCursor of a page"
        raise ValidationError(f"cursor: {words}", errors=[FieldError("cursor", "FORMAT", words)]) from None
