from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from workflow_core.errors import (
    ActionError,
    NotFoundError,
    PermissionDeniedError,
    TransientError,
)
from workflow_ninjaone.client.errors import error_for, retry_after_seconds, vendor_code
from workflow_ninjaone.client.transport import Answer

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error": "not_authenticated", "error_description": "x", "error_code": 10}', "not_authenticated"),
        (b'{"resultCode": "FAILURE", "errorMessage": "HTTP 404 Not Found"}', "FAILURE"),
        (b'{"errorMessage": {"code": "device_missing", "params": {}}}', "device_missing"),
        (b'"a bare string"', None),
        (b"Device is not applicable for apply.", None),
        (b"<html></html>", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b'{"error": {"x": 1}, "resultCode": "two words"}', None),
        (b'{"error": "' + b"a" * 41 + b'"}', None),
        (b'{"error": "evil\\n"}', None),
    ],
)
def test_vendor_code(body, expected):
    """
    The code word is found in every shape of error body, and nothing else passes for one.
    """
    assert expected == vendor_code(body)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("-3", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(value, expected):
    """
    Retry-After is seconds or a date; a date gone by is no wait.
    """
    assert expected == retry_after_seconds(value, now=NOW)


@pytest.mark.parametrize(
    ("status", "body", "expected", "code"),
    [
        (302, b"", ActionError, "UNEXPECTED_REDIRECT"),
        (400, b'{"resultCode": "FAILURE"}', ActionError, "ACTION_FAILED"),
        (401, b'{"error": "not_authenticated"}', ActionError, "UPSTREAM_UNAUTHENTICATED"),
        (401, b'{"error": "insufficient_privileges"}', PermissionDeniedError, "PERMISSION_DENIED"),
        (403, b"{}", PermissionDeniedError, "PERMISSION_DENIED"),
        (404, b"{}", NotFoundError, "NOT_FOUND"),
        (404, b" <!DOCTYPE html>", TransientError, "UPSTREAM_ANSWER_UNREADABLE"),
        (405, b"", ActionError, "ACTION_FAILED"),
        (429, b"<html>", TransientError, "RATE_LIMITED"),
        (500, b'"x"', TransientError, "UPSTREAM_ERROR"),
        (503, b"<html>", TransientError, "UPSTREAM_ERROR"),
    ],
)
def test_error_for(status, body, expected, code):
    """
    Each status has its error, whatever shape the body has.
    """
    error = error_for(Answer(status, CIMultiDict(), body), method="GET", path="/v2/device/{id}")

    assert (expected, code) == (type(error), error.code)
    assert {"status": status, "method": "GET", "path": "/v2/device/{id}"}.items() <= error.details.items()


def test_no_foreign_text():
    """
    Neither message nor details repeat the body beyond its code word.
    """
    body = b'{"error": "bad_request", "error_description": "token s3cr3t", "params": "s3cr3t"}'

    error = error_for(Answer(400, CIMultiDict(), body), method="POST", path="/v2/x")

    assert error.message == "NinjaOne answered 400 to POST /v2/x (bad_request): NinjaOne refused the request."
    assert error.details == {"status": 400, "method": "POST", "path": "/v2/x", "vendorCode": "bad_request"}


def test_rate_limit_tells_how_long():
    """
    The wait that NinjaOne asks for goes with the error.
    """
    error = error_for(Answer(429, CIMultiDict({"retry-after": "17"}), b""), method="GET", path="/v2/x")

    assert isinstance(error, TransientError)
    assert error.retry_after == 17.0
