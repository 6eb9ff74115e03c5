"""Clients: the companies that the MSP works for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs

from workflow_core.records._rows import columns, read, read_optional
from workflow_core.storage.database import Connection


@attrs.frozen
class Client:
    """A row of ``clients``."""

    client_id: UUID
    client_name: str
    client_type: str | None
    url: str | None
    properties: dict[str, Any]
    billing_email: str | None
    notes: str | None
    is_inactive: bool
    created_at: datetime
    updated_at: datetime


async def get_client(conn: Connection, tenant: UUID, client_id: UUID) -> Client | None:
    """One client."""
    row = await conn.fetchrow(
        f"SELECT {columns(Client)} FROM clients WHERE tenant = $1 AND client_id = $2",  # noqa: S608 - our columns
        tenant,
        client_id,
    )
    return read_optional(Client, row)


async def get_clients(conn: Connection, tenant: UUID, client_ids: Iterable[UUID]) -> dict[UUID, Client]:
    """Those of the clients that exist, by id."""
    rows = await conn.fetch(
        f"SELECT {columns(Client)} FROM clients "  # noqa: S608 - our columns
        "WHERE tenant = $1 AND client_id = ANY ($2::uuid[]) ORDER BY client_name, client_id",
        tenant,
        list(client_ids),
    )
    return {row["client_id"]: read(Client, row) for row in rows}
