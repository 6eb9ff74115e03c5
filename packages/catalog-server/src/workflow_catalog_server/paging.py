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

from workflow_core.errors import FieldError, ValidationError

T = TypeVar("T")


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


@attrs.frozen
class Cursor:
    """Where a page of a list by time ended: the last record's time and id."""

    at: datetime
    id: UUID

    @classmethod
    def of(cls, moment: str, record_id: str) -> Cursor:
        """The cursor of the two values that :meth:`encode` gave."""
        return cls(_moment(moment), UUID(record_id))

    def encode(self) -> str:
        """As clients carry it."""
        return encode_cursor(self.at.isoformat(), str(self.id))


def moment_of(name: str, text: str | None) -> datetime | None:
    """The moment in a query parameter.

    Raises:
        ValidationError: It has no offset from UTC, or is none.
    """
    if text is None:
        return None
    try:
        return _moment(text)
    except (ValueError, OverflowError):
        words = "must be a date and time with its offset from UTC, such as 2026-08-01T09:00:00Z"
        raise ValidationError(f"{name}: {words}", errors=[FieldError(name, "FORMAT", words)]) from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)  # fails here, and not in the database's driver, beyond the first and the last year
