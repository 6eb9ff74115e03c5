"""Users: who works at the MSP."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from workflow_core.storage.database import Connection


async def user_names(conn: Connection, tenant: UUID, user_ids: Iterable[UUID]) -> dict[UUID, str]:
    """First and last names by user; who is not known, or has no name, is left out."""
    rows = await conn.fetch(
        "SELECT user_id, concat_ws(' ', first_name, last_name) AS name FROM users "
        "WHERE tenant = $1 AND user_id = ANY ($2::uuid[])",
        tenant,
        list(user_ids),
    )
    return {row["user_id"]: row["name"] for row in rows if row["name"]}
