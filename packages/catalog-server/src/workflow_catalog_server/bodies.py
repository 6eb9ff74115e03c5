"""Reads request bodies: JSON of limited size and depth, converted strictly into an attrs class."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar, cast

from aiohttp import web

from workflow_catalog_server.problems import RequestError
from workflow_core.errors import FieldError, ValidationError
from workflow_core.json_text import MAX_DEPTH, parse_json
from workflow_core.schema import convert, json_schema

T = TypeVar("T")

MAX_BODY: Final = 4 * 1024 * 1024
_BOOLEANS: Final = {"true": True, "false": False}


async def read_body(request: web.Request, cls: type[T], *, optional: bool = False, clean: bool = True) -> T:
    """The body as an instance of an attrs class.

    Args:
        request: Whose body.
        cls: What the body has to be; unknown fields are errors.
        optional: Whether no body stands for ``{}``.
        clean: Whether NUL characters, which jsonb refuses, are removed; otherwise they arrive.

    Raises:
        RequestError: As of :func:`read_content` and :func:`parse_body`.
        ValidationError: Naming every wrong place.
    """
    content = await _read(request)
    if not content and optional:
        return convert(cls, {})
    _require_json(request)
    return convert(cls, parse_body(content, clean=clean))


async def read_bytes(request: web.Request, *, limit: int) -> bytes:
    """The body as it came, whatever its headers say of it.

    Raises:
        RequestError: ``UNREADABLE_BODY``.
        web.HTTPRequestEntityTooLarge: It has more bytes than ``limit``.
    """
    return await _read(request.clone(client_max_size=limit))


async def read_content(request: web.Request, *, limit: int = MAX_BODY) -> bytes:
    """The body of a request that sends JSON, as it came.

    Raises:
        RequestError: ``UNREADABLE_BODY`` or ``UNSUPPORTED_MEDIA_TYPE``.
        web.HTTPRequestEntityTooLarge: It has more bytes than ``limit``.
    """
    content = await read_bytes(request, limit=limit)
    _require_json(request)
    return content


def parse_body(content: bytes, *, max_depth: int = MAX_DEPTH, clean: bool = True) -> Any:
    """The JSON value of a body.

    Raises:
        RequestError: ``MALFORMED_JSON``, ``JSON_TOO_DEEP`` or ``NUMBER_TOO_LARGE``.
    """
    try:
        return parse_json(content, max_depth=max_depth, clean=clean)
    except ValidationError as error:
        raise RequestError(400, error.code, error.message) from None


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except (web.RequestPayloadError, ConnectionResetError):
        raise RequestError(
            400, "UNREADABLE_BODY", "The body ended early, or is not encoded as its headers say."
        ) from None


def _require_json(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise RequestError(415, "UNSUPPORTED_MEDIA_TYPE", "Send JSON, with Content-Type: application/json.")


def read_query(request: web.Request, cls: type[T], *, also: Collection[str] = ()) -> T:
    """The query parameters as an instance of an attrs class.

    Of several with one name all count where the field is a list, and the last one elsewhere.

    Args:
        request: Whose query.
        cls: What it has to be.
        also: Parameters that are allowed besides, and are the caller's to read.

    Raises:
        ValidationError: Naming every wrong parameter, and every one that is unknown: a misspelt filter must not
            answer everything.
    """
    given: dict[str, Any] = dict(request.query)
    wrong = [
        FieldError(name, "FORMAT", "must not have a NUL character")
        for name, text in request.query.items()
        if "\0" in text
    ]
    if wrong:
        raise ValidationError(f"{wrong[0].path}: {wrong[0].message}", errors=wrong)
    for name in also:
        given.pop(name, None)
    described = json_schema(cast("Any", cls))["properties"]
    for name in given.keys() & described.keys():
        if _may_be(described[name], "boolean"):
            given[name] = _BOOLEANS.get(given[name], given[name])
        elif _may_be(described[name], "array"):
            given[name] = request.query.getall(name)
    return convert(cls, given)


def _may_be(field: Mapping[str, Any], kind: str) -> bool:
    return any(schema.get("type") == kind for schema in (field, *field.get("anyOf", ())))
