"""Pages of lists: where one ends, and the query parameters that ask for the next one or narrow the list."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import attrs
import msgspec
import orjson

from workflow_core.errors import FieldError, ValidationError
from workflow_core.storage.database import Connection, Record

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
        return cls(parse_moment(moment), UUID(record_id))

    def encode(self) -> str:
        """As clients carry it."""
        return encode_cursor(self.at.isoformat(), str(self.id))


@attrs.frozen
class Stretch:
    """A part of a list by time.

    Attributes:
        limit: How many records at most.
        after: Where the page before ended.
        since: Only what was stored then or later.
        until: Only what was stored before.
    """

    limit: int
    after: Cursor | None
    since: datetime | None
    until: datetime | None


@attrs.frozen(kw_only=True)
class TimeQuery(PageQuery):
    """The query of a list by time."""

    from_: Annotated[str, msgspec.Meta(description="Stored then or later; with its offset from UTC.")] | None = None
    to: Annotated[str, msgspec.Meta(description="Stored before; with its offset from UTC.")] | None = None

    def stretch(self) -> Stretch:
        """What it asks for.

        Raises:
            ValidationError: A time is none or has no offset from UTC, or the cursor is not one.
        """
        return Stretch(self.limit, self.after(Cursor.of), _moment_in("from", self.from_), _moment_in("to", self.to))


async def page_by_time(
    conn: Connection,
    tenant: UUID,
    stretch: Stretch,
    *,
    table: str,
    record_id: str,
    columns: str,
    equal: Mapping[str, Any],
) -> tuple[list[Record], str | None]:
    """One page of a table's rows, newest first, and the cursor of the next one.

    Args:
        conn: Bound to the tenant.
        tenant: Whose rows.
        stretch: Which part of the list.
        table: With ``tenant`` and ``created_at``.
        record_id: The column of its ids.
        columns: What to read, ``created_at`` and the id among it.
        equal: Values that columns have to have, or lists of those that they may have; None does not matter.
    """
    conditions, values = ["tenant = $1"], [tenant, stretch.limit + 1]
    wanted = {
        f"{column} = ANY (${{}})" if isinstance(value, list) else f"{column} = ${{}}": value
        for column, value in equal.items()
    }
    for condition, value in {**wanted, "created_at >= ${}": stretch.since, "created_at < ${}": stretch.until}.items():
        if value is not None:
            values.append(value)
            conditions.append(condition.format(len(values)))
    if stretch.after is not None:
        values += [stretch.after.at, stretch.after.id]
        at, after = f"${len(values) - 1}::timestamptz", f"${len(values)}::uuid"
        conditions.append(f"created_at <= {at} AND (created_at < {at} OR {record_id} > {after})")
    rows = await conn.fetch(
        f"SELECT {columns} FROM {table} WHERE {' AND '.join(conditions)} "  # noqa: S608 - the callers' own words
        f"ORDER BY created_at DESC, {record_id} LIMIT $2",
        *values,
    )
    page = rows[: stretch.limit]
    more = len(rows) > stretch.limit
    return page, Cursor(page[-1]["created_at"], page[-1][record_id]).encode() if more else None


def _moment_in(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_moment(text)
    except (ValueError, OverflowError):
        words = "must be a date and time with its offset from UTC, such as 2026-08-01T09:00:00Z"
        raise ValidationError(f"{name}: {words}", errors=[FieldError(name, "FORMAT", words)]) from None


def parse_moment(text: str) -> datetime:
    """A date and time with its offset from UTC.

    Raises:
        ValueError: It is none.
        OverflowError: It lies beyond the first or the last year.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)  # fails here, and not in the database's driver, beyond the first and the last year
