"""The ``idempotency_key`` inputs: the same key in one tenant acts once, whichever run or workflow gives it."""

from __future__ import annotations

import hashlib
from uuid import UUID

from workflow_core.storage.database import Connection

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
