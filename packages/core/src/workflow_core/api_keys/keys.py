"""Where keys are stored. Every function works on a connection that is bound to the tenant."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import attrs

from workflow_core.audit import Change, record
from workflow_core.errors import NotFoundError
from workflow_core.storage.database import Connection, Record

#: What every key begins with, so that scanners of leaked secrets know one.
PREFIX: Final = "wfk_"
TABLE: Final = "api_keys"


@attrs.frozen(kw_only=True)
class ApiKey:
    """A key without the key.

    Attributes:
        api_key_id: By which it is revoked.
        label: What it is for.
        user_id: In whose name it acts.
        permissions: What it allows.
        last_used_at: To the minute.
        expires_at: None: never.
    """

    api_key_id: UUID
    label: str
    user_id: UUID
    permissions: frozenset[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: Record) -> ApiKey:
        """The key of a row."""
        return cls(**{**row, "permissions": frozenset(row["permissions"])})


def digest_of(key: str) -> bytes:
    """What the database knows a key by."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


async def create_api_key(
    conn: Connection,
    tenant: UUID,
    *,
    user: UUID,
    label: str,
    permissions: Collection[str],
    expires_at: datetime | None = None,
) -> tuple[str, ApiKey]:
    """Makes a key.

    Returns:
        The key itself, which cannot be had again, and its record.

    Raises:
        NotFoundError: The tenant is not there, or it has no such user.
    """
    key = PREFIX + secrets.token_urlsafe(32)
    try:
        row = await conn.fetchrow(_INSERT, tenant, digest_of(key), label, user, sorted(permissions), expires_at)
    except asyncpg.ForeignKeyViolationError:
        raise NotFoundError(f"There is no user {user} of a tenant {tenant}.") from None
    assert row is not None  # noqa: S101 - an insert without a condition
    made = ApiKey.of(row)
    details = {"label": label, "userId": str(user), "permissions": sorted(permissions)}
    change = Change(operation="create", table_name=TABLE, record_id=str(made.api_key_id), details=details)
    await record(conn, tenant, None, [change])
    return key, made


async def list_api_keys(conn: Connection, tenant: UUID) -> list[ApiKey]:
    """The tenant's keys, revoked and expired ones too, newest first."""
    query = f"SELECT {_COLUMNS} FROM api_keys WHERE tenant = $1 ORDER BY created_at DESC, api_key_id"  # noqa: S608 - constant
    return [ApiKey.of(row) for row in await conn.fetch(query, tenant)]


async def revoke_api_key(conn: Connection, tenant: UUID, api_key_id: UUID) -> ApiKey:
    """Ends a key; one that is revoked already keeps its time.

    Raises:
        NotFoundError: The tenant has no such key.
    """
    row = await conn.fetchrow(_LOCK, tenant, api_key_id)
    if row is None:
        raise NotFoundError(f"There is no API key {api_key_id} of a tenant {tenant}.")
    if row["revoked_at"] is not None:
        return ApiKey.of(row)
    row = await conn.fetchrow(_REVOKE, tenant, api_key_id)
    assert row is not None  # noqa: S101 - locked above
    await record(conn, tenant, None, [Change(operation="revoke", table_name=TABLE, record_id=str(api_key_id))])
    return ApiKey.of(row)


async def find_api_key(conn: Connection, tenant: UUID, digest: bytes) -> ApiKey | None:
    """The key with this digest, if it may be used now: not revoked, not expired, and its user active."""
    row = await conn.fetchrow(_FIND, tenant, digest)
    if row is None:
        return None
    found = ApiKey.of(row)
    await conn.execute(_USED, tenant, found.api_key_id)
    return found


_COLUMNS: Final = "api_key_id, label, user_id, permissions, created_at, last_used_at, expires_at, revoked_at"
_INSERT = f"""
INSERT INTO api_keys (tenant, key_sha256, label, user_id, permissions, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
RETURNING {_COLUMNS}
"""  # noqa: S608 - the columns are constant
_LOCK = f"SELECT {_COLUMNS} FROM api_keys WHERE tenant = $1 AND api_key_id = $2 FOR UPDATE"  # noqa: S608 - constant
_REVOKE = f"""
UPDATE api_keys SET revoked_at = now() WHERE tenant = $1 AND api_key_id = $2 RETURNING {_COLUMNS}
"""  # noqa: S608 - the columns are constant
_FIND = f"""
SELECT {_COLUMNS} FROM api_keys k
WHERE tenant = $1 AND key_sha256 = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
  AND EXISTS (SELECT FROM users u WHERE u.tenant = $1 AND u.user_id = k.user_id AND NOT u.is_inactive)
"""  # noqa: S608 - the columns are constant
_USED = """
UPDATE api_keys SET last_used_at = now()
WHERE tenant = $1 AND api_key_id = $2 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""
