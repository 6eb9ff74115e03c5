"""What clients and contacts have in common: how they are searched for, and telephone numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError
from workflow_core.schema import Trimmed
from workflow_psa.problems import refusal

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

OnNotFound = Annotated[
    Literal["return_null", "error"],
    msgspec.Meta(description="What to do when there is none: give an empty result, or fail the step."),
]
Page = Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="Which page, from 1.")]
PageSize = Annotated[int, msgspec.Meta(ge=1, le=100, description="How many a page has at most.")]

#: Of a column, in SQL: its digits.
DIGITS: Final = "regexp_replace({column}, '[^0-9]', '', 'g')"
_FEWEST_DIGITS: Final = 7


@attrs.frozen(kw_only=True)
class SearchFilters:
    """Which of those that fit, and in which order."""

    include_inactive: Annotated[bool | None, msgspec.Meta(description="Whether inactive ones count too.")] = False
    tags: Annotated[
        tuple[Trimmed, ...] | None, msgspec.Meta(description="Only those that have at least one of these tags.")
    ] = None
    sort_by: Annotated[
        Literal["name", "updated_at"] | None, msgspec.Meta(description="By name, or by the last change.")
    ] = "name"
    sort_order: Annotated[
        Literal["asc", "desc"] | None, msgspec.Meta(description="Upwards (asc), or downwards (desc).")
    ] = "asc"


@attrs.frozen(kw_only=True)
class Searched:
    """A table that can be searched.

    Attributes:
        table: Its name; it has ``tenant``, ``client_id``, ``is_inactive`` and ``updated_at``.
        tagged_type: As which its records have tags.
        id_column: The column of its id.
        name_column: The column that it is sorted by.
        text_columns: Those in which the text may be.
        columns: What to select.
    """

    table: str
    tagged_type: str
    id_column: str
    name_column: str
    text_columns: tuple[str, ...]
    columns: str


# One row at least, so that the number is known of a page that is empty.
_SEARCH = """
WITH matching AS (
    SELECT r.* FROM {table} r
    WHERE r.tenant = $1 AND ({matches}) AND ($3 OR NOT r.is_inactive)
      AND ($4::uuid IS NULL OR r.client_id = $4)
      AND ($5::text[] IS NULL OR EXISTS (
          SELECT FROM tag_mappings m JOIN tag_definitions d ON d.tenant = $1 AND d.tag_id = m.tag_id
          WHERE m.tenant = $1 AND m.tagged_type = '{tagged_type}' AND m.tagged_id = r.{id_column}
            AND d.tag_text = ANY ($5)
      ))
)
SELECT page.*, counted.total
FROM (SELECT count(*) AS total FROM matching) counted
LEFT JOIN LATERAL (
    SELECT {columns} FROM matching ORDER BY {order} LIMIT $6 OFFSET $7
) page ON true
"""


async def search(
    ctx: ActionContext,
    searched: Searched,
    query: str,
    *,
    filters: SearchFilters | None,
    client_id: UUID | None,
    page: int,
    page_size: int,
) -> tuple[list[Record], int]:
    """
    One page of the records in which a text stands, in any case; and how many there are in all.

    Args:
        ctx: The action's.
        searched: Where to look.
        query: The text.
        filters: Which of them; None takes the defaults.
        client_id: Only those of this client.
        page: From 1.
        page_size: How many a page has.
    """
    filters = filters or SearchFilters()
    downwards = " DESC" if filters.sort_order == "desc" else ""
    column = "updated_at" if filters.sort_by == "updated_at" else f"lower({searched.name_column})"
    sql = _SEARCH.format(
        table=searched.table,
        tagged_type=searched.tagged_type,
        id_column=searched.id_column,
        columns=searched.columns,
        matches=" OR ".join(f"r.{name} ILIKE $2" for name in searched.text_columns),
        order=f"{column}{downwards}, {searched.id_column}",
    )
    rows = await ctx.tx.fetch(
        sql,
        ctx.tenant,
        _anywhere(query),
        bool(filters.include_inactive),
        client_id,
        filters.tags or None,
        page_size,
        (page - 1) * page_size,
    )
    return [row for row in rows if row[searched.id_column] is not None], rows[0]["total"]


def _anywhere(text: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


def phone_digits(phone: str, path: str = "phone") -> str:
    """
    The digits of a telephone number, however it is written.

    Raises:
        ValidationError: They are too few for one.
    """
    digits = re.sub(r"[^0-9]", "", phone)
    if len(digits) < _FEWEST_DIGITS:
        raise refusal([FieldError(path, "FORMAT", f"must be a telephone number of at least {_FEWEST_DIGITS} digits")])
    return digits


def without(row: Record, *names: str) -> dict[str, Any]:
    """The columns of a row but for some."""
    return {name: value for name, value in row.items() if name not in names}
