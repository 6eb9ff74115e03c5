"""Reads request bodies: JSON of limited size and depth, converted strictly into an attrs class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import orjson
from aiohttp import web

from workflow_catalog_server.problems import RequestError
from workflow_core.errors import FieldError, ValidationError
from workflow_core.schema import clean_json, convert

T = TypeVar("T")

MAX_BODY: Final = 4 * 1024 * 1024
_BOOLEANS: Final = {"true": True, "false": False}
#: Deeper JSON is refused: whoever walks or stores it later has limits of their own.
MAX_DEPTH: Final = 128


async def read_body(request: web.Request, cls: type[T], *, optional: bool = False, clean: bool = True) -> T:
    """The body as an instance of an attrs class.

    Args:
        request: Whose body.
        cls: What the body has to be; unknown fields are errors.
        optional: Whether no body stands for ``{}``.
        clean: Whether NUL characters, which jsonb refuses, are removed; otherwise they arrive.

    Raises:
        RequestError: ``UNREADABLE_BODY``, ``UNSUPPORTED_MEDIA_TYPE``, ``MALFORMED_JSON`` or ``JSON_TOO_DEEP``.
        ValidationError: Naming every wrong place.
    """
    try:
        content = await request.read()
    except (web.RequestPayloadError, ConnectionResetError):
        raise RequestError(
            400, "UNREADABLE_BODY", "The body ended early, or is not encoded as its headers say."
        ) from None
    if not content and optional:
        return convert(cls, {})
    if request.content_type != "application/json":
        raise RequestError(415, "UNSUPPORTED_MEDIA_TYPE", "Send JSON, with Content-Type: application/json.")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RequestError(
            400, "MALFORMED_JSON", f"The body is not JSON: line {error.lineno}, column {error.colno}."
        ) from None
    if _deeper_than(value, MAX_DEPTH):
        raise RequestError(400, "JSON_TOO_DEEP", f"The body nests deeper than {MAX_DEPTH} levels.")
    if clean and b"\\u0000" in content:
        value = clean_json(value)
    return convert(cls, value)


def _deeper_than(value: Any, limit: int) -> bool:
    """Level by level: a recursive walk would itself depend on the depth."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for container in level
            if isinstance(container, dict | list)
            for child in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return False
    return True


def read_query(request: web.Request, cls: type[T]) -> T:
    """The query parameters as an instance of an attrs class; the last of several with one name counts.

    Raises:
        ValidationError: Naming every wrong parameter, and every one that is unknown: a misspelt filter must not
            answer everything.
    """
    return convert(cls, {name: _BOOLEANS.get(text, text) for name, text in request.query.items()})


def query_choice(request: web.Request, name: str, choices: Mapping[str, T], default: T) -> T:
    """A query parameter with few values.

    Raises:
        ValidationError: It has another.
    """
    text = request.query.get(name)
    if text is None:
        return default
    if text not in choices:
        words = f"must be {' or '.join(choices)}"
        raise ValidationError(f"{name}: {words}", errors=[FieldError(name, "CHOICE", words)])
    return choices[text]


def query_int(request: web.Request, name: str, *, default: int, least: int, most: int) -> int:
    """A query parameter that is a number.

    Raises:
        ValidationError: It is none, or out of range.
    """
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        words = f"must be a number from {least} to {most}"
        raise ValidationError(f"{name}: {words}", errors=[FieldError(name, "RANGE", words)])
    return int(text)
