"""From a refusing answer of NinjaOne to one of the platform's errors.

The vendor has several shapes of error bodies, all seen in the field:

1. ``{"error": "...", "error_description": "...", "error_code": 10}`` (also the OAuth endpoint's, without the code)
2. ``{"resultCode": "FAILURE", "errorMessage": "HTTP 404 Not Found", "incidentId": "..."}``
3. ``{"errorMessage": {"code": "...", "params": {...}}}``
4. a bare JSON string, plain text, an HTML page of a gateway, or nothing

Of these a message carries the vendor's code word at most, and only if it looks like one: a foreign body may hold
anything, including what somebody else typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from workflow_core.errors import (
    ActionError,
    NotFoundError,
    PermissionDeniedError,
    TransientError,
    WorkflowError,
)
from workflow_ninjaone.client.transport import Answer

UNREADABLE = "UPSTREAM_ANSWER_UNREADABLE"
"""Code of a :class:`TransientError`: an answer that NinjaOne itself does not give, such as a gateway's page."""

RATE_LIMITED = "RATE_LIMITED"
"""Code of a :class:`TransientError`: too many requests; nothing was done."""

UPSTREAM_ERROR = "UPSTREAM_ERROR"
"""Code of a :class:`TransientError`: NinjaOne answered 5xx; an acting call may or may not have been done."""

UNAUTHENTICATED = "UPSTREAM_UNAUTHENTICATED"
"""Code of an :class:`ActionError`: 401 in spite of a new token; only who gives tokens can say that it is for good."""

_CODE_WORD = re.compile(r"[A-Za-z_]{1,40}", re.ASCII)
_INSUFFICIENT_PRIVILEGES = "insufficient_privileges"


def vendor_code(body: bytes) -> str | None:
    """The code word of an error body in any of the vendor's shapes, or ``None``."""
    try:
        decoded: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(decoded, Mapping):
        return None
    nested = decoded.get("errorMessage")
    candidates = [
        decoded.get("error"),
        nested.get("code") if isinstance(nested, Mapping) else None,
        decoded.get("resultCode"),
    ]
    for candidate in candidates:
        if isinstance(candidate, str) and _CODE_WORD.fullmatch(candidate):
            return candidate
    return None


def lacks_privilege(answer: Answer) -> bool:
    """Whether a 401 says that the token's scopes do not allow the call: a new token would not help."""
    return answer.status == 401 and vendor_code(answer.body) == _INSUFFICIENT_PRIVILEGES


def retry_after_seconds(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds to wait, from a ``Retry-After`` header.

    Args:
        value: The header: seconds, or an HTTP date.
        now: The present, for the date form; the clock's when absent.

    Returns:
        Seconds, never negative; ``None`` when the header is absent or senseless.
    """
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def error_for(answer: Answer, *, method: str, path: str) -> WorkflowError:
    """The error that an answer outside 2xx stands for.

    Args:
        answer: What came back.
        method: The HTTP method.
        path: The path *template* (``/v2/device/{id}``), so that a message never carries foreign text.

    Returns:
        429: :class:`TransientError` ``RATE_LIMITED`` with ``retry_after``. 5xx: ``TransientError``. An HTML page
        instead of an answer: ``TransientError``. 401: :class:`PermissionDeniedError` when a scope is missing, else
        :class:`ActionError` ``UPSTREAM_UNAUTHENTICATED``. 403: ``PermissionDeniedError``. 404: :class:`NotFoundError`.
        A redirection and any other 4xx: :class:`ActionError`. ``details`` holds ``status``, ``method``, ``path`` and,
        if there is one, ``vendorCode``.
    """
    status = answer.status
    what, details = describe(answer, method=method, path=path)
    if (passing := transient_error(answer, what, details)) is not None:
        return passing
    if status == 401:
        if lacks_privilege(answer):
            return PermissionDeniedError(
                f"{what}: the connection lacks a scope that this call needs. Give it to the API application in "
                "NinjaOne, and allow it under Connections.",
                details=details,
            )
        return ActionError(
            f"{what}: NinjaOne does not accept a fresh access token. Test the connection under Connections.",
            code=UNAUTHENTICATED,
            details=details,
        )
    if status == 403:
        return PermissionDeniedError(f"{what}: the API application may not do this.", details=details)
    if status == 404:
        return NotFoundError(f"{what}: NinjaOne has no such record.", details=details)
    if 300 <= status < 400:
        return ActionError(
            f"{what}: redirections are not followed. Check the instance's address.",
            code="UNEXPECTED_REDIRECT",
            details=details,
        )
    return ActionError(f"{what}: NinjaOne refused the request.", details=details)


def describe(answer: Answer, *, method: str, path: str) -> tuple[str, dict[str, Any]]:
    """The head of an error's message, and its details, for an answer."""
    details: dict[str, Any] = {"status": answer.status, "method": method, "path": path}
    what = f"NinjaOne answered {answer.status} to {method} {path}"
    code = vendor_code(answer.body)
    if code is not None:
        details["vendorCode"] = code
        what = f"{what} ({code})"
    return what, details


def transient_error(answer: Answer, what: str, details: Mapping[str, Any]) -> TransientError | None:
    """The passing failure that an answer outside 2xx stands for, or ``None`` when it is a verdict."""
    retry_after = retry_after_seconds(answer.headers.get("Retry-After"))
    if answer.status == 429:
        return TransientError(
            f"{what}: too many requests.", code=RATE_LIMITED, details=details, retry_after=retry_after
        )
    if answer.status >= 500:
        return TransientError(
            f"{what}: try again later.", code=UPSTREAM_ERROR, details=details, retry_after=retry_after
        )
    if answer.is_html and answer.status >= 400 and answer.status != 401:
        return unreadable(what, details)
    return None


def unreadable(what: str, details: Mapping[str, Any]) -> TransientError:
    """The error for an answer that is not in the form that the vendor's API gives."""
    return TransientError(f"{what}, but in no form that its API uses.", code=UNREADABLE, details=details)
