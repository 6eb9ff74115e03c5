"""Pages of what is listed by time, newest first: where one ends, and the query parameters that narrow the list."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import UUID

import attrs
import msgspec
import orjson
from aiohttp import web

from workflow_core.errors import FieldError, ValidationError

T = TypeVar("T")


@attrs.frozen
class Cursor:
    """Where a page ended: the last record's time and id."""

    at: datetime
    id: UUID

    def encode(self) -> str:
        """As clients carry it."""
        return base64.urlsafe_b64encode(f"{self.at.isoformat()} {self.id}".encode()).decode()

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """What :meth:`encode` gave.

        Raises:
            ValidationError: It is none.
        """
        try:
            moment, record_id = base64.b64decode(text, altchars=b"-_", validate=True).decode().split(" ")
            return cls(_moment(moment), UUID(record_id))
        except (binascii.Error, ValueError, OverflowError):
            words = "must be the nextCursor of a page"
            raise ValidationError(f"cursor: {words}", errors=[FieldError("cursor", "FORMAT", words)]) from None


@attrs.frozen(kw_only=True)
class PageQuery:
    """The query of a list that comes in pages."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200, description="How many records a page has at most.")] = 50
    cursor: Annotated[str, msgspec.Meta(description="The nextCursor of the page before.")] | None = None

    def after(self, read: Callable[[str, str], T]) -> T | None:
        """What ``read`` makes of the two parts of the cursor; None on the first page.

        Raises:
            ValidationError: It is not the ``nextCursor`` of a page.
        """
        if self.cursor is None:
            return None
        try:
            first, second = orjson.loads(base64.b64decode(self.cursor, altchars=b"-_", validate=True))
            if not isinstance(first, str) or not isinstance(second, str) or "\0" in first:
                raise ValueError
            return read(first, second)
        except (binascii.Error, ValueError, TypeError, OverflowError):
            words = "must be the nextCursor of a page"
            raise ValidationError(f"cursor: {words}", errors=[FieldError("cursor", "FORMAT", words)]) from None


def encode_cursor(*parts: str) -> str:
    """The two values by which the last entry of a page is found again."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode()


def moment_and_id(moment: str, record_id: str) -> tuple[datetime, UUID]:
    """The cursor of a list by time."""
    return _moment(moment), UUID(record_id)


def query_cursor(request: web.Request) -> Cursor | None:
    """The ``cursor`` of a request.

    Raises:
        ValidationError: It is none that we gave.
    """
    text = request.query.get("cursor")
    return None if text is None else Cursor.decode(text)


def query_moment(request: web.Request, name: str) -> datetime | None:
    """A query parameter that is a moment.

    Raises:
        ValidationError: It has no offset from UTC, or is none.
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return _moment(text)
    except (ValueError, OverflowError):
        words = "must be a date and time with its offset from UTC, such as 2026-08-01T09:00:00Z"
        raise ValidationError(f"{name}: {words}", errors=[FieldError(name, "FORMAT", words)]) from None


def query_uuid(request: web.Request, name: str) -> UUID | None:
    """A query parameter that is a UUID.

    Raises:
        ValidationError: It is none.
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise ValidationError(
            f"{name}: must be a UUID", errors=[FieldError(name, "FORMAT", "must be a UUID")]
        ) from None


def query_text(request: web.Request, name: str) -> str | None:
    """A query parameter that is compared with stored text.

    Raises:
        ValidationError: It has a NUL character, which nothing stored has.
    """
    text = request.query.get(name)
    if text is not None and "\0" in text:
        words = "must not have a NUL character"
        raise ValidationError(f"{name}: {words}", errors=[FieldError(name, "FORMAT", words)])
    return text


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)  # fails here, and not in the database's driver, beyond the first and the last year
