"""The one place that turns an error into an answer: problem documents (RFC 9457).

Each carries a stable ``code``, ``error`` (the title, which older clients read) and, where single values are wrong,
``errors`` with ``path``, ``code`` and ``message``. What was not foreseen is logged under an id, and only the id is
answered.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import asyncpg
import attrs
import orjson
from aiohttp import hdrs, web

from workflow_catalog_server.auth import UnauthenticatedError
from workflow_core.errors import (
    ConflictError,
    ExpressionError,
    FieldError,
    NotFoundError,
    PermissionDeniedError,
    SecretNotFoundError,
    TransientError,
    ValidationError,
    WorkflowError,
)
from workflow_core.execution.database_errors import CONNECTION_GONE

_log = logging.getLogger(__name__)

PROBLEM_JSON: Final = "application/problem+json"

_TITLES: Final = {
    400: "The request cannot be read.",
    401: "The request is not authenticated.",
    403: "The permission is missing.",
    404: "There is nothing at this address.",
    405: "This address does not support the method.",
    409: "The record's state does not allow this.",
    412: "The record has changed in the meantime.",
    413: "The request is too large.",
    415: "The body has to be JSON.",
    422: "The request is not valid.",
    500: "Something went wrong on our side.",
    503: "A part of the platform cannot be reached at the moment.",
}
_HTTP_CODES: Final = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "BODY_TOO_LARGE",
    417: "EXPECTATION_FAILED",
}
_STATUSES: Final[tuple[tuple[type[WorkflowError], int], ...]] = (
    (UnauthenticatedError, 401),
    (PermissionDeniedError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (ValidationError, 422),
    (ExpressionError, 422),
    (SecretNotFoundError, 422),
    (TransientError, 503),
)
_DATABASE_GONE: Final = (
    *CONNECTION_GONE,
    FileNotFoundError,  # its socket: it is not running
    asyncpg.OperatorInterventionError,  # a statement was cancelled, for its time-out or by an operator
    TimeoutError,
)


class RequestError(WorkflowError):
    """A request that is refused for its form, with the status that says so."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message, code=code)
        self.status = status


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    headers: dict[str, str] | None = None,
    members: dict[str, Any] | None = None,
) -> web.Response:
    """A problem document as an answer.

    Args:
        status: The HTTP status.
        code: Stable; what a program decides by.
        detail: A sentence for the person who has to act.
        errors: Every wrong value, with its path.
        headers: To be sent with it.
        members: More members of the document.
    """
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "error": title,
    }
    if errors:
        document["errors"] = [attrs.asdict(error) for error in errors]
    return web.Response(
        status=status,
        body=orjson.dumps({**document, **(members or {})}),
        content_type=PROBLEM_JSON,
        headers={hdrs.CACHE_CONTROL: "no-store", **(headers or {})},
    )


def problem_for(request: web.Request, error: Exception) -> web.StreamResponse:
    """The answer to a request whose handler raised; called where the error is caught, for the log's sake."""
    if isinstance(error, WorkflowError):
        return _workflow_problem(request, error)
    if isinstance(error, web.HTTPException):
        return _http_problem(error) if error.status >= HTTPStatus.BAD_REQUEST else error
    if isinstance(error, _DATABASE_GONE):
        _log.warning("%s %s: %s: %s", request.method, _route(request), type(error).__name__, error)
        return problem(
            503,
            "DATABASE_UNAVAILABLE",
            "The database does not answer; try again in a moment.",
            headers={hdrs.RETRY_AFTER: "2"},
        )
    return _unexpected(request)


def _workflow_problem(request: web.Request, error: WorkflowError) -> web.Response:
    if isinstance(error, RequestError):
        return problem(error.status, error.code, error.message)
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(request)
    headers: dict[str, str] = {}
    if isinstance(error, UnauthenticatedError):
        challenge = 'Bearer realm="workflow"'
        invalid = error.code != UnauthenticatedError.code
        headers[hdrs.WWW_AUTHENTICATE] = f'{challenge}, error="invalid_token"' if invalid else challenge
    elif isinstance(error, TransientError):
        headers[hdrs.RETRY_AFTER] = str(max(1, round(error.retry_after or 2)))
    errors = error.errors if isinstance(error, ValidationError) else ()
    return problem(status, error.code, error.message, errors=errors, headers=headers)


def _http_problem(error: web.HTTPException) -> web.Response:
    headers = {
        name: value for name, value in error.headers.items() if name.lower() not in {"content-type", "content-length"}
    }
    code = _HTTP_CODES.get(error.status, HTTPStatus(error.status).name)
    detail = {
        404: "There is nothing at this address; check it.",
        405: f"Use {headers.get(hdrs.ALLOW, 'another method')} here.",
        413: "The body is larger than this address accepts.",
    }.get(error.status, "The request was refused.")
    return problem(error.status, code, detail, headers=headers)


def _route(request: web.Request) -> str:
    """The path as it is declared: what stands in its place may be secret."""
    resource = request.match_info.route.resource
    return "-" if resource is None else resource.canonical


def _unexpected(request: web.Request) -> web.Response:
    incident = str(uuid4())
    _log.exception("%s %s failed; incident %s", request.method, _route(request), incident)
    return problem(
        500,
        "INTERNAL_ERROR",
        f"This should not have happened. The server's log has the details under {incident}.",
        members={"incident": incident},
    )
