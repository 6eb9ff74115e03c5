"""What all requests have in common that start a run: its size, its ``Idempotency-Key``, and a Temporal that is down."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid4

import orjson
from aiohttp import hdrs, web

from workflow_catalog_server.problems import RequestError, problem
from workflow_core.errors import FieldError, RunNotStartedError, ValidationError

MAX_PAYLOAD: Final = 256 * 1024
#: Request headers that mean something to those who start runs.
KEY_HEADERS: Final = ("Idempotency-Key",)

_LONGEST_KEY: Final = 255


def check_payload_size(payload: Any) -> None:
    """A payload is not too large.

    Raises:
        RequestError: ``PAYLOAD_TOO_LARGE``.
    """
    if len(orjson.dumps(payload)) > MAX_PAYLOAD:
        raise RequestError(413, "PAYLOAD_TOO_LARGE", f"A run's payload has at most {MAX_PAYLOAD // 1024} KiB.")


def idempotency_key(request: web.Request) -> str:
    """The request's key; a request without one is given one, so that a run which was not started can be again.

    Raises:
        ValidationError: It is too long, or not printable.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return str(uuid4())
    if not (0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        words = f"must have between 1 and {_LONGEST_KEY} printable ASCII characters"
        raise ValidationError(f"Idempotency-Key: {words}", errors=[FieldError("Idempotency-Key", "LENGTH", words)])
    return key


def not_started(error: RunNotStartedError, run_id: UUID, key: str) -> web.Response:
    """The answer about a run that is recorded, and that Temporal did not take."""
    return problem(
        503,
        error.code,
        f"The run {run_id} is recorded, but Temporal did not answer that it has it. Send the same request again, "
        f"with the header Idempotency-Key: {key}",
        headers={hdrs.RETRY_AFTER: "2"},
        members={"runId": str(run_id), "idempotencyKey": key},
    )


def place_of(run_id: UUID) -> dict[str, str]:
    """The header that says where a run is found."""
    return {hdrs.LOCATION: f"/api/workflow-runs/{run_id}"}
