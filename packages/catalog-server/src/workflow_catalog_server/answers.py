"""JSON answers that are made for one request; what is sent many times is a ``PreparedAnswer``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import attrs
import orjson
from aiohttp import hdrs, web
from msgspec import UNSET

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def _other(value: Any) -> Any:
    if isinstance(value, UUID):  # asyncpg's own kind of UUID
        return str(value)
    if attrs.has(type(value)):
        members = ((field.name, getattr(value, field.name)) for field in attrs.fields(type(value)))
        return {name: member for name, member in members if member is not UNSET}
    raise TypeError(type(value).__name__)


def to_json(value: Any) -> bytes:
    """A value as JSON. An attrs instance is an object of its fields that are set."""
    return orjson.dumps(value, default=_other)


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] = _NOTHING) -> web.Response:
    """A value as JSON, which nobody keeps."""
    return web.Response(
        status=status,
        body=to_json(value),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "private, no-store", **headers},
    )
