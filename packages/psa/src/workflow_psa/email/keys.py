"""The ``idempotency_key`` of ``email.send``: an e-mail leaves the database's hands, so its key is taken beforehand.

A key without an answer belongs to a step that is sending, or that was lost: then it is taken over after a while, and
the e-mail sent again, with the same Message-ID.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final
from uuid import UUID

from workflow_core.actions import ActionContext
from workflow_core.errors import KeyBusyError
from workflow_core.storage.database import Connection

ACTION_ID: Final = "email.send"

# Longer than any attempt may take.
_ABANDONED: Final = 180.0

_TAKE = """
INSERT INTO workflow_idempotency_keys AS k (tenant, action_id, key_sha256, record_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, action_id, key_sha256) DO UPDATE SET record_id = EXCLUDED.record_id, created_at = now()
WHERE k.answer IS NULL AND (k.record_id = $4 OR k.created_at < now() - make_interval(secs => $5))
RETURNING true
"""
_ANSWER = "SELECT answer FROM workflow_idempotency_keys WHERE tenant = $1 AND action_id = $2 AND key_sha256 = $3"
_KEEP = """
UPDATE workflow_idempotency_keys SET answer = $4 WHERE tenant = $1 AND action_id = $2 AND key_sha256 = $3
"""
_RELEASE = """
DELETE FROM workflow_idempotency_keys
WHERE tenant = $1 AND action_id = $2 AND key_sha256 = $3 AND record_id = $4 AND answer IS NULL
"""


async def take(ctx: ActionContext, key: str) -> Any:
    """
    Takes a key for this step, whichever of its attempts it is.

    Returns:
        None when it is ours, else the answer of the one that has sent.

    Raises:
        KeyBusyError: Another step is sending.
    """
    async with ctx.transaction() as conn:
        if await conn.fetchval(_TAKE, *_place(ctx, key), _step(ctx), _ABANDONED):
            return None
        answer = await conn.fetchval(_ANSWER, *_place(ctx, key))
    if answer is None:
        raise KeyBusyError("Another run is sending the e-mail of this idempotency key.", retry_after=2.0)
    return answer


async def keep(conn: Connection, ctx: ActionContext, key: str, answer: Any) -> None:
    """It is sent: whoever gives the key again gets this answer."""
    await conn.execute(_KEEP, *_place(ctx, key), answer)


async def release(conn: Connection, ctx: ActionContext, key: str) -> None:
    """Nothing was sent: the key is free again."""
    await conn.execute(_RELEASE, *_place(ctx, key), _step(ctx))


def _place(ctx: ActionContext, key: str) -> tuple[UUID, str, bytes]:
    return ctx.tenant, ACTION_ID, hashlib.sha256(key.encode()).digest()


def _step(ctx: ActionContext) -> UUID:
    """The same for every attempt of a step."""
    return UUID(hex=ctx.idempotency_key[:32])
