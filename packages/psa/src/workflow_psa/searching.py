"""What the searches for clients and for contacts have in common: filters, order and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import attrs
import msgspec

from workflow_core.actions import ActionContext
from workflow_core.schema import Trimmed

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

# Far beyond any tenant's records, and an offset that PostgreSQL can still count.
_LAST_PAGE = 1_000_000_000

PageNumber = Annotated[int, msgspec.Meta(ge=1, le=_LAST_PAGE, description="Which page to give, counted from 1.")]
PageSize = Annotated[int, msgspec.Meta(ge=1, le=100, description="How many records a page has at most.")]


@attrs.frozen(kw_only=True)
class SearchFilters:
    """Which records to leave out of a search, and the order of the others."""

    include_inactive: Annotated[bool, msgspec.Meta(description="Whether to give inactive ones too.")] = False
    tags: Annotated[
        tuple[Trimmed, ...] | None,
        msgspec.Meta(description="Only those that have at least one of these tags, in any case."),
    ] = None
    sort_by: Annotated[
        Literal["name", "updated_at"], msgspec.Meta(description="By name, or by when they were last changed.")
    ] = "name"
    sort_order: Annotated[Literal["asc", "desc"], msgspec.Meta(description="Rising (asc), or falling (desc).")] = "asc"


@attrs.frozen(kw_only=True)
class Searched:
    """What a search goes through; all names are our own, none is a caller's.

    Attributes:
        table: The table.
        record: What one record is called, as its tags call it.
        id: The column of its id.
        name: The column that it is sorted by as ``name``.
        texts: The columns that the query may stand in.
        columns: The columns to give.
    """

    table: str
    record: str
    id: str
    name: str
    texts: tuple[str, ...]
    columns: str


@attrs.frozen
class Found:
    """One page of what was found, and how many records there are on all pages."""

    rows: list[Record]
    total: int


# strpos takes every character as it is: LIKE's % and _ mean nothing to it.
_CONDITIONS = """
s.tenant = $1 AND ({texts})
AND ($3::boolean OR NOT s.is_inactive)
AND ($4::text[] IS NULL OR EXISTS (
    SELECT FROM tag_mappings m
    JOIN tag_definitions d ON d.tenant = $1 AND d.tag_id = m.tag_id
    WHERE m.tenant = $1 AND m.tagged_type = '{record}' AND m.tagged_id = s.{id}
      AND lower(d.tag_text) IN (SELECT lower(tag) FROM unnest($4::text[]) AS tag)
))
AND ($5::uuid IS NULL OR s.client_id = $5)
"""


async def search(
    ctx: ActionContext,
    searched: Searched,
    *,
    query: str,
    client_id: UUID | None,
    filters: SearchFilters | None,
    page: int,
    page_size: int,
) -> Found:
    """The records in one of whose texts the query stands, in any case; a page of them."""
    filters = filters or SearchFilters()
    conditions = _CONDITIONS.format(
        texts=" OR ".join(f"strpos(lower(s.{text}), lower($2)) > 0" for text in searched.texts),
        record=searched.record,
        id=searched.id,
    )
    arguments = (ctx.tenant, query, filters.include_inactive, list(filters.tags or ()) or None, client_id)
    column = f"lower(s.{searched.name})" if filters.sort_by == "name" else "s.updated_at"
    total: int = await ctx.tx.fetchval(
        f"SELECT count(*) FROM {searched.table} s WHERE {conditions}",  # noqa: S608 - our own names
        *arguments,
    )
    rows = await ctx.tx.fetch(
        f"SELECT {searched.columns} FROM {searched.table} s WHERE {conditions} "  # noqa: S608 - our own names
        f"ORDER BY {column} {filters.sort_order}, s.{searched.id} LIMIT $6 OFFSET $7",
        *arguments,
        page_size,
        (page - 1) * page_size,
    )
    return Found(list(rows), total)
