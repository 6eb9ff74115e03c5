"""Between rows and records whose fields are named like the columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import attrs

RecordT = TypeVar("RecordT", bound=attrs.AttrsInstance)


def names(record: type[attrs.AttrsInstance]) -> list[str]:
    """The names of a record's fields, which are those of its columns."""
    return [field.name for field in attrs.fields(record)]


def columns(record: type[attrs.AttrsInstance], *, table: str | None = None) -> str:
    """The column list of a SELECT or RETURNING for a record."""
    return column_list(names(record), table=table)


def column_list(column_names: Iterable[str], *, table: str | None = None) -> str:
    """Column names, quoted: ``current_user`` is one."""
    prefix = f"{table}." if table else ""
    return ", ".join(f'{prefix}"{name}"' for name in column_names)


def read(record: type[RecordT], row: Mapping[str, Any] | Any) -> RecordT:
    """The record of a row."""
    return record(**{name: row[name] for name in names(record)})


def read_optional(record: type[RecordT], row: Mapping[str, Any] | Any | None) -> RecordT | None:
    """The record of a row, if there is one."""
    return None if row is None else read(record, row)


def like(text: str) -> str:
    """A pattern for ILIKE that finds ``text`` anywhere."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
