"""How the ``links`` actions work."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import FieldError, ValidationError
from workflow_psa.data_store.link_shapes import (
    DeletedLinks,
    DeleteLinks,
    Link,
    LinkMatch,
    LinkMatches,
    LinkNamespace,
    LinkNamespaces,
    ListedLinks,
    ListLinks,
    LookupLinks,
    RecordRef,
    UpsertedLink,
    UpsertLink,
)
from workflow_psa.data_store.store_shapes import ListNamespaces
from workflow_psa.idempotency import answer_once

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

# They stand in an index, whose entries have an end.
_MAX_NAMES: Final = 2500

# PostgreSQL: a row that an INSERT made has no xmax, one that it updated has.
_UPSERT = """
INSERT INTO workflow_entity_links AS l (
    tenant, namespace, left_type, left_id, right_type, right_id, relation, attributes, created_by_run_id
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant, namespace, left_type, left_id, right_type, right_id, relation) DO UPDATE
SET attributes = EXCLUDED.attributes, updated_at = now()
RETURNING link_id, xmax = 0 AS created
"""

# A record that is linked to itself has one link, not two.
_LOOKUP = """
SELECT link_id, type, id, relation, attributes
FROM (
    SELECT link_id, right_type AS type, right_id AS id, relation, attributes, created_at, 1 AS side
    FROM workflow_entity_links
    WHERE $5 AND tenant = $1 AND namespace = $2 AND left_type = $3 AND left_id = $4
    UNION ALL
    SELECT link_id, left_type, left_id, relation, attributes, created_at, 2
    FROM workflow_entity_links
    WHERE $6 AND tenant = $1 AND namespace = $2 AND right_type = $3 AND right_id = $4
      AND NOT ($5 AND left_type = $3 AND left_id = $4)
) found
WHERE ($7::text IS NULL OR relation = $7) AND ($8::text IS NULL OR type = $8)
ORDER BY side, created_at, link_id
LIMIT $9
"""
_DELETE = """
WITH deleted AS (
    DELETE FROM workflow_entity_links
    WHERE tenant = $1 AND namespace = $2
      AND ($3::text IS NULL OR (left_type = $3 AND left_id = $4))
      AND ($5::text IS NULL OR (right_type = $5 AND right_id = $6))
      AND ($7::text IS NULL OR relation = $7)
    RETURNING 1
)
SELECT count(*) FROM deleted
"""
_LIST = """
SELECT * FROM workflow_entity_links
WHERE tenant = $1 AND namespace = $2
  AND ($3::text IS NULL OR left_type = $3) AND ($4::text IS NULL OR right_type = $4)
  AND ($5::text IS NULL OR relation = $5)
  AND ($6::timestamptz IS NULL OR (created_at, link_id) > ($6, $7::uuid))
ORDER BY created_at, link_id
LIMIT $8
"""
_NAMESPACES = """
SELECT namespace, count(*) AS link_count FROM workflow_entity_links
WHERE tenant = $1 GROUP BY namespace ORDER BY namespace COLLATE "C"
"""


async def upsert_link(given: UpsertLink, ctx: ActionContext) -> UpsertedLink:
    """
    Links two records; a link that is there already gets the new attributes.

    Raises:
        ValidationError: The names are too long together.
    """
    sides = (*_side(given.from_), *_side(given.to))
    relation = given.relation or "related"
    size = sum(len(name.encode()) for name in (given.namespace, *sides, relation) if name)
    if size > _MAX_NAMES:
        problem = FieldError("", "LENGTH", f"the names of a link have at most {_MAX_NAMES} bytes in UTF-8 together")
        raise ValidationError(f"{problem.message}; these have {size}", errors=[problem])

    async def act() -> UpsertedLink:
        row = await ctx.tx.fetchrow(
            _UPSERT,
            ctx.tenant,
            given.namespace,
            *sides,
            relation,
            given.attributes or {},
            ctx.run_id,
        )
        assert row is not None  # noqa: S101 - it inserts or updates
        return UpsertedLink(**row)

    return await answer_once(ctx, "links.upsert", given.idempotency_key, UpsertedLink, act)


async def lookup_links(given: LookupLinks, ctx: ActionContext) -> LinkMatches:
    """The records that one is linked to."""
    direction = given.direction or "forward"
    rows = await ctx.tx.fetch(
        _LOOKUP,
        ctx.tenant,
        given.namespace,
        *_side(given.from_),
        direction != "reverse",
        direction != "forward",
        given.relation,
        given.to_type,
        given.limit or 100,
    )
    return LinkMatches(matches=tuple(LinkMatch(**row) for row in rows))


async def delete_links(given: DeleteLinks, ctx: ActionContext) -> DeletedLinks:
    """Deletes the links that meet every given criterion."""

    async def act() -> DeletedLinks:
        sides = (*_side(given.from_), *_side(given.to))
        count = await ctx.tx.fetchval(_DELETE, ctx.tenant, given.namespace, *sides, given.relation)
        return DeletedLinks(deleted_count=count)

    return await answer_once(ctx, "links.delete", given.idempotency_key, DeletedLinks, act)


async def list_links(given: ListLinks, ctx: ActionContext) -> ListedLinks:
    """
    The links of a namespace, the oldest first, a page at a time.

    Raises:
        ValidationError: The cursor is none of ours.
    """
    limit = given.limit or 100
    after = (None, None) if given.cursor is None else _read_cursor(given.cursor)
    rows = await ctx.tx.fetch(
        _LIST, ctx.tenant, given.namespace, given.left_type, given.right_type, given.relation, *after, limit + 1
    )
    items = tuple(_link(row) for row in rows[:limit])
    return ListedLinks(items=items, next_cursor=_cursor(items[-1]) if len(rows) > limit else None)


async def list_link_namespaces(_given: ListNamespaces, ctx: ActionContext) -> LinkNamespaces:
    """The namespaces that have links."""
    rows = await ctx.tx.fetch(_NAMESPACES, ctx.tenant)
    return LinkNamespaces(namespaces=tuple(LinkNamespace(**row) for row in rows))


def _side(record: RecordRef | None) -> tuple[str | None, str | None]:
    return (None, None) if record is None else (record.type, record.id)


def _link(row: Record) -> Link:
    return Link(
        link_id=row["link_id"],
        namespace=row["namespace"],
        from_=RecordRef(type=row["left_type"], id=row["left_id"]),
        to=RecordRef(type=row["right_type"], id=row["right_id"]),
        relation=row["relation"],
        attributes=row["attributes"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _cursor(last: Link) -> str:
    return f"{last.created_at.isoformat()}/{last.link_id}"


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    moment, _, link_id = cursor.partition("/")
    try:
        created_at, identity = datetime.fromisoformat(moment), UUID(link_id)
        if created_at.tzinfo is None:
            raise ValueError
        created_at = created_at.astimezone(UTC)
    except (ValueError, OverflowError):
        problem = FieldError("cursor", "FORMAT", "give the next_cursor of the list before, as it is")
        raise ValidationError(f"cursor: {problem.message}", errors=[problem]) from None
    return created_at, identity
