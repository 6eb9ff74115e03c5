"""How the vendor is spoken to: parameters and bodies as it reads them, refusals in its shapes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import attrs
from aiohttp import web

from workflow_ninjaone.simulator.authority import Grant
from workflow_ninjaone.simulator.filters import MalformedFilterError, Predicate, parse_filter
from workflow_ninjaone.simulator.shapes import Record
from workflow_ninjaone.simulator.state import SimulatorState

STATE: web.AppKey[SimulatorState] = web.AppKey("state", SimulatorState)

DEVIATES: web.RequestKey[bool] = web.RequestKey("deviates", bool)
"""Key of a request whose answer departs from the vendor's document on purpose: a fault or a quirk has shaped it."""

MAX_PAGE = 1000

Kind = type | tuple[type, ...]
"""The Python types of a field of a JSON object."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_INT32 = 2**31


class VendorError(Exception):
    """An error answer in one of the vendor's shapes.

    Args:
        status: The HTTP status.
        body: The JSON body.
    """

    def __init__(self, status: int, body: Record) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


@attrs.frozen
class Route:
    """One operation.

    Attributes:
        method: The HTTP method.
        path: The path below ``/v2``.
        scope: The scope that a token needs.
        handler: Answers it.
        kind: What the journal calls it, for an acting operation.
    """

    method: str
    path: str
    scope: str
    handler: Handler
    kind: str | None = None


# ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────


def failure(state: SimulatorState, status: int, message: str) -> VendorError:
    """The shape that most of the API uses."""
    return VendorError(
        status,
        {
            "resultCode": "FAILURE",
            "errorMessage": message,
            "incidentId": f"WEB_MGMT_SERVICE-2a-{int(state.clock())}-{status:x}",
        },
    )


def not_found(state: SimulatorState) -> VendorError:
    """An unknown record or path."""
    return failure(state, 404, "HTTP 404 Not Found")


def _unauthorized(error: str, description: str, code: int) -> VendorError:
    return VendorError(401, {"error": error, "error_description": description, "error_code": code})


# ── Tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────


def granted(request: web.Request) -> Grant | None:
    """What the request's bearer token allows, ``None`` without a good one."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    return request.app[STATE].authority.grant(value.strip()) if kind.lower() == "bearer" else None


def authorize(request: web.Request, scope: str) -> None:
    """Checks the bearer token and its scope.

    Raises:
        VendorError: 401 in both cases; ``insufficient_privileges`` for a missing scope.
    """
    grant = granted(request)
    if grant is None:
        raise _unauthorized("not_authenticated", "Invalid credentials", 10)
    if scope not in grant.scopes:
        raise _unauthorized("insufficient_privileges", "Insufficient privileges", 11)


# ── Parameters ───────────────────────────────────────────────────────────────────────────────────────────────────


def path_id(request: web.Request) -> int:
    """The number in the path.

    Raises:
        VendorError: 404: it is none.
    """
    text = request.match_info["id"]
    if not (text.isascii() and text.isdecimal()) or int(text) >= _INT32:
        raise not_found(request.app[STATE])
    return int(text)


def device_id(request: web.Request) -> int:
    """The id in the path of a device that exists.

    Raises:
        VendorError: 404: there is none.
    """
    identity = path_id(request)
    if identity not in request.app[STATE].devices:
        raise not_found(request.app[STATE])
    return identity


def query_int(request: web.Request, name: str, *, bits: int = 32) -> int | None:
    """A whole number of the query, ``None`` when it is absent or empty.

    Raises:
        VendorError: 404, what the vendor's framework answers to another text.
    """
    text = request.query.get(name)
    if text is None or text == "":
        return None
    try:
        number = int(text)
    except ValueError:
        raise not_found(request.app[STATE]) from None
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise not_found(request.app[STATE])
    return number


def device_filter(request: web.Request, *, ignored: frozenset[str] = frozenset()) -> Predicate | None:
    """What ``df`` asks of a device, ``None`` without one.

    Args:
        request: The request.
        ignored: Fields that do not count here.

    Raises:
        VendorError: 500: it is malformed.
    """
    text = request.query.get("df")
    if not text:
        return None
    try:
        return parse_filter(text, ignored=ignored)
    except MalformedFilterError:
        raise failure(request.app[STATE], 500, "HTTP 500 Internal Server Error") from None


def page_size(request: web.Request, default: int = MAX_PAGE) -> int:
    """How many rows a page has: what is asked for, at most what the instance gives."""
    size = query_int(request, "pageSize") or default
    cap = request.app[STATE].quirks.page_cap
    if cap is not None and cap < size:
        request[DEVIATES] = True
    return max(1, min(size, MAX_PAGE, cap or MAX_PAGE))


# ── Bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def json_object(request: web.Request) -> Record | None:
    """The JSON object in the body, ``None`` for an empty body.

    Raises:
        VendorError: 415 or 400: it is none.
    """
    state = request.app[STATE]
    raw = await request.read()
    if not raw.strip():
        return None
    if request.content_type != "application/json":
        raise failure(state, 415, "HTTP 415 Unsupported Media Type")
    try:
        body: Any = json.loads(raw)
    except ValueError:
        raise failure(state, 400, "Unable to process JSON") from None
    if not isinstance(body, dict):
        raise failure(state, 400, "Unable to process JSON")
    return body


async def strict_object(request: web.Request, name: str, fields: Mapping[str, Kind]) -> Record:
    """The JSON object in the body, which may have these fields alone, each of its type; an empty body has none.

    Args:
        request: The request.
        name: What the vendor calls such an object.
        fields: The types of its fields.

    Raises:
        VendorError: 415 or 400: it is none.
    """
    state = request.app[STATE]
    body = await json_object(request) or {}
    for field, value in body.items():
        if field not in fields:
            raise failure(state, 400, f'Unrecognized field "{field}" (class {name})')
        wanted = fields[field]
        if value is None:
            continue
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise failure(state, 400, f'Cannot deserialize the field "{field}" (class {name})')
    return {field: value for field, value in body.items() if value is not None}


def texts(value: Iterable[Any]) -> bool:
    """Whether all of these are strings."""
    return all(isinstance(item, str) for item in value)
