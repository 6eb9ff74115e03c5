"""How the ``store`` actions work: each in one statement, so that what happens at the same time adds up.

Times are the database's. A value that has expired is not there; writing deletes some of those that are left over.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import orjson

from workflow_core.actions import ActionContext
from workflow_core.errors import ConflictError, FieldError, ValidationError
from workflow_core.schema import clean_json
from workflow_psa.data_store.store_shapes import (
    DeletedValue,
    DeleteValue,
    GetValue,
    GotValue,
    Increment,
    Incremented,
    ListedValues,
    ListNamespaces,
    ListValues,
    SetValue,
    StoredValue,
    StoreNamespace,
    StoreNamespaces,
    Value,
)
from workflow_psa.idempotency import answer_once

if TYPE_CHECKING:
    from workflow_core.storage.database import Record

MAX_VALUE_BYTES: Final = 256 * 1024

# Written again and again in one statement: the time of the statement is the same everywhere in it.
_ALIVE = "(expires_at IS NULL OR expires_at > statement_timestamp())"
_EXPIRED = "coalesce(s.expires_at <= statement_timestamp(), false)"

_GET = f"""
SELECT value, value_type, revision, expires_at FROM workflow_data_store
WHERE tenant = $1 AND namespace = $2 AND key = $3 AND {_ALIVE}
"""  # noqa: S608 - all parts stand above
_PUT = f"""
INSERT INTO workflow_data_store AS s (tenant, namespace, key, value, value_type, expires_at, created_by_run_id)
VALUES ($1, $2, $3, $4::text::jsonb, $5, statement_timestamp() + make_interval(secs => $6), $7)
ON CONFLICT (tenant, namespace, key) DO UPDATE SET
    value = EXCLUDED.value, value_type = EXCLUDED.value_type, expires_at = EXCLUDED.expires_at,
    revision = CASE WHEN {_EXPIRED} THEN 1 ELSE s.revision + 1 END,
    created_at = CASE WHEN {_EXPIRED} THEN now() ELSE s.created_at END,
    created_by_run_id = CASE WHEN {_EXPIRED} THEN EXCLUDED.created_by_run_id ELSE s.created_by_run_id END,
    updated_at = now()
WHERE NOT $8 OR {_EXPIRED}
RETURNING revision
"""  # noqa: S608 - all parts stand above
_PUT_OVER = f"""
UPDATE workflow_data_store SET
    value = $4::text::jsonb, value_type = $5, expires_at = statement_timestamp() + make_interval(secs => $6),
    revision = revision + 1, updated_at = now()
WHERE tenant = $1 AND namespace = $2 AND key = $3 AND revision = $7 AND {_ALIVE}
RETURNING revision
"""  # noqa: S608 - all parts stand above
_INCREMENT = f"""
INSERT INTO workflow_data_store AS s (tenant, namespace, key, value, value_type, created_by_run_id)
VALUES ($1, $2, $3, to_jsonb($4::numeric + $5::numeric), 'number', $6)
ON CONFLICT (tenant, namespace, key) DO UPDATE SET
    value = CASE WHEN {_EXPIRED} THEN EXCLUDED.value ELSE to_jsonb((s.value #>> '{{}}')::numeric + $5) END,
    value_type = 'number',
    revision = CASE WHEN {_EXPIRED} THEN 1 ELSE s.revision + 1 END,
    expires_at = CASE WHEN {_EXPIRED} THEN NULL ELSE s.expires_at END,
    created_at = CASE WHEN {_EXPIRED} THEN now() ELSE s.created_at END,
    created_by_run_id = CASE WHEN {_EXPIRED} THEN EXCLUDED.created_by_run_id ELSE s.created_by_run_id END,
    updated_at = now()
WHERE jsonb_typeof(s.value) = 'number' OR {_EXPIRED}
RETURNING value, revision
"""  # noqa: S608 - all parts stand above
_DELETE = f"""
DELETE FROM workflow_data_store WHERE tenant = $1 AND namespace = $2 AND key = $3 RETURNING {_ALIVE}
"""  # noqa: S608 - all parts stand above
_LIST = f"""
SELECT store_id, namespace, key, value, value_type, revision, expires_at, created_at, updated_at
FROM workflow_data_store
WHERE tenant = $1 AND namespace = $2 AND {_ALIVE}
  AND ($3::text IS NULL OR (key COLLATE "C" >= $3 AND starts_with(key, $3)))
  AND ($4::text IS NULL OR key COLLATE "C" > $4)
ORDER BY key COLLATE "C"
LIMIT $5
"""  # noqa: S608 - all parts stand above
_NAMESPACES = f"""
SELECT namespace, count(*) AS key_count FROM workflow_data_store
WHERE tenant = $1 AND {_ALIVE} GROUP BY namespace ORDER BY namespace COLLATE "C"
"""  # noqa: S608 - all parts stand above

# Last in its transaction, and past what others hold: it never waits while it holds something.
_PURGE = """
DELETE FROM workflow_data_store d USING (
    SELECT store_id FROM workflow_data_store
    WHERE tenant = $1 AND expires_at <= statement_timestamp()
    ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
) expired
WHERE d.tenant = $1 AND d.store_id = expired.store_id
"""


async def get_value(given: GetValue, ctx: ActionContext) -> GotValue:
    """The value under a key, if there is one."""
    row = await ctx.tx.fetchrow(_GET, ctx.tenant, given.namespace, given.key)
    return GotValue(found=False) if row is None else GotValue(found=True, **row)


async def set_value(given: SetValue, ctx: ActionContext) -> StoredValue:
    """
    Stores a value.

    Raises:
        ValidationError: It is too large.
        ConflictError: The value has another revision than ``if_revision``.
    """
    value = _as_json(given.value)

    async def act() -> StoredValue:
        row = await _put(given, value, ctx)
        if row is None:
            raise ConflictError(
                "The value was written in the meantime: read it again, and decide anew."
                if given.if_revision
                else "There is a value already.",
                details={"namespace": given.namespace, "key": given.key, "if_revision": given.if_revision},
            )
        await ctx.tx.execute(_PURGE, ctx.tenant)
        return StoredValue(revision=row["revision"], created=row["revision"] == 1)

    return await answer_once(ctx, "store.set", given.idempotency_key, StoredValue, act)


async def _put(given: SetValue, value: str, ctx: ActionContext) -> Record | None:
    place = (ctx.tenant, given.namespace, given.key, value, given.value_type or "json", given.ttl_seconds)
    if given.if_revision:
        return await ctx.tx.fetchrow(_PUT_OVER, *place, given.if_revision)
    return await ctx.tx.fetchrow(_PUT, *place, ctx.run_id, given.if_revision == 0)


def _as_json(value: Any) -> str:
    encoded = orjson.dumps(clean_json(value))
    if len(encoded) > MAX_VALUE_BYTES:
        problem = FieldError("value", "TOO_LARGE", f"must have at most {MAX_VALUE_BYTES} bytes as JSON")
        raise ValidationError(
            f"value: {problem.message}; it has {len(encoded)}",
            errors=[problem],
            details={"size_bytes": len(encoded), "max_bytes": MAX_VALUE_BYTES},
        )
    return encoded.decode()


async def delete_value(given: DeleteValue, ctx: ActionContext) -> DeletedValue:
    """Deletes the value under a key."""

    async def act() -> DeletedValue:
        alive = await ctx.tx.fetchval(_DELETE, ctx.tenant, given.namespace, given.key)
        return DeletedValue(deleted=bool(alive))

    return await answer_once(ctx, "store.delete", given.idempotency_key, DeletedValue, act)


async def increment(given: Increment, ctx: ActionContext) -> Incremented:
    """
    Adds to a number; however many do it at once, it is exact.

    Raises:
        ValidationError: What is stored is no number, or becomes too large a one.
    """
    by = Decimal(str(1 if given.by is None else given.by))
    initial = Decimal(str(given.initial or 0))

    async def act() -> Incremented:
        place = (ctx.tenant, given.namespace, given.key)
        row = await ctx.tx.fetchrow(_INCREMENT, *place, initial, by, ctx.run_id)
        if row is None:
            raise ValidationError(
                "key: what is stored there is no number",
                errors=[FieldError("key", "MISMATCH", "what is stored there is no number")],
            )
        value = row["value"]
        if not -(2**63) <= value < 2**63:
            raise ValidationError(
                "by: the number would become larger than 64 bits",
                errors=[FieldError("by", "RANGE", "the number would become larger than 64 bits")],
            )
        await ctx.tx.execute(_PURGE, ctx.tenant)
        return Incremented(value=value, revision=row["revision"])

    return await answer_once(ctx, "store.increment", given.idempotency_key, Incremented, act)


async def list_values(given: ListValues, ctx: ActionContext) -> ListedValues:
    """The values of a namespace, by key, a page at a time."""
    limit = given.limit or 100
    rows = await ctx.tx.fetch(_LIST, ctx.tenant, given.namespace, given.prefix, given.cursor, limit + 1)
    items = tuple(Value(**row) for row in rows[:limit])
    return ListedValues(items=items, next_cursor=items[-1].key if len(rows) > limit else None)


async def list_namespaces(_given: ListNamespaces, ctx: ActionContext) -> StoreNamespaces:
    """The namespaces that have values."""
    rows = await ctx.tx.fetch(_NAMESPACES, ctx.tenant)
    return StoreNamespaces(namespaces=tuple(StoreNamespace(**row) for row in rows))
