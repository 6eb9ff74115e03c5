"""The audit log: who changed what, written in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.storage.database import Connection

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class Change:
    """Something that was done to a record.

    Attributes:
        operation: Such as ``publish``.
        table_name: Of the record.
        record_id: Its id.
        changed_data: By name: ``{"old": …, "new": …}``.
        details: What else should be known of it, such as the version.
    """

    operation: str
    table_name: str
    record_id: str
    changed_data: Mapping[str, Any] = _NOTHING
    details: Mapping[str, Any] = _NOTHING


@attrs.frozen(kw_only=True)
class AuditEntry(Change):
    """A change as it stands in the log.

    Attributes:
        audit_id: Its id.
        user_id: Who made the change; None: a command on the platform's machine.
        timestamp: When.
    """

    audit_id: UUID
    user_id: UUID | None
    timestamp: datetime


async def record(conn: Connection, tenant: UUID, actor: UUID | None, changes: Iterable[Change]) -> None:
    """Writes what was just done on this connection."""
    await conn.executemany(
        """
        INSERT INTO audit_logs (tenant, user_id, operation, table_name, record_id, changed_data, details)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [
            (
                tenant,
                actor,
                change.operation,
                change.table_name,
                change.record_id,
                dict(change.changed_data),
                dict(change.details),
            )
            for change in changes
        ],
    )


async def list_changes(
    conn: Connection,
    tenant: UUID,
    table_name: str,
    record_id: str,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
) -> list[AuditEntry]:
    """The changes to one record, newest first.

    Args:
        conn: Bound to the tenant.
        tenant: Whose log.
        table_name: Of the record.
        record_id: Its id; it need not exist any more.
        limit: How many at most.
        after: Time and id of the last entry that was seen.
    """
    moment, audit_id = after or (None, None)
    rows = await conn.fetch(
        """
        SELECT audit_id, user_id, operation, table_name, record_id, changed_data, details, timestamp
        FROM audit_logs
        WHERE tenant = $1 AND table_name = $2 AND record_id = $3
          AND ($5::timestamptz IS NULL OR timestamp < $5 OR timestamp = $5 AND audit_id > $6::uuid)
        ORDER BY timestamp DESC, audit_id LIMIT $4
        """,
        tenant,
        table_name,
        record_id,
        limit,
        moment,
        audit_id,
    )
    return [AuditEntry(**row) for row in rows]
