"""The ``idempotency_key`` inputs: the same key in one tenant acts once, whichever run or workflow gives it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID, uuid4

from workflow_core.actions import ActionContext
from workflow_core.schema import convert, to_json
from workflow_core.storage.database import Connection

T = TypeVar("T")

_CLAIM = """
INSERT INTO workflow_idempotency_keys (tenant, action_id, key_sha256, record_id) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING record_id
"""
_HOLDER = """
SELECT record_id FROM workflow_idempotency_keys WHERE tenant = $1 AND action_id = $2 AND key_sha256 = $3
"""


async def claim(tx: Connection, tenant: UUID, action_id: str, key: str, record_id: UUID) -> UUID:
    """
    Takes a key for a record that is about to be made.

    A transaction that holds the key and is not yet finished is waited for.

    Args:
        tx: The transaction that makes the record: rolled back, the key is free again.
        tenant: Whose key.
        action_id: Keys of different actions have nothing to do with each other.
        key: As the step gave it.
        record_id: What is about to be made.

    Returns:
        ``record_id`` when the key was free, else what it made the first time.
    """
    digest = hashlib.sha256(key.encode()).digest()
    claimed: UUID | None = await tx.fetchval(_CLAIM, tenant, action_id, digest, record_id)
    if claimed is not None:
        return claimed
    holder: UUID = await tx.fetchval(_HOLDER, tenant, action_id, digest)
    return holder


_KEEP = """
UPDATE workflow_idempotency_keys SET answer = $4 WHERE tenant = $1 AND action_id = $2 AND key_sha256 = $3
"""
_ANSWER = "SELECT answer FROM workflow_idempotency_keys WHERE tenant = $1 AND action_id = $2 AND key_sha256 = $3"


async def answer_once(
    ctx: ActionContext, action_id: str, key: str | None, answer: type[T], act: Callable[[], Awaitable[T]]
) -> T:
    """
    Acts once per key: whoever gives it again gets the first answer.

    Args:
        ctx: Of a ``database`` action.
        action_id: Keys of different actions have nothing to do with each other.
        key: As the step gave it; None acts every time.
        answer: The class of what ``act`` gives.
        act: Does it in the action's transaction; when it raises, the key stays free.
    """
    if key is None:
        return await act()
    mine, digest = uuid4(), hashlib.sha256(key.encode()).digest()
    if await claim(ctx.tx, ctx.tenant, action_id, key, mine) != mine:
        ctx.log.info("the idempotency key was used before: the first answer holds")
        return convert(answer, await ctx.tx.fetchval(_ANSWER, ctx.tenant, action_id, digest))
    result = await act()
    await ctx.tx.execute(_KEEP, ctx.tenant, action_id, digest, to_json(result))
    return result
