"""What is stored of a tenant's connection: its row, and how it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.connections import ENTERED, Connection
from workflow_core.errors import ReconnectRequiredError
from workflow_core.records._rows import columns, read, read_optional
from workflow_core.storage.database import Connection as DatabaseConnection

RECONNECT_REQUIRED: Final = ReconnectRequiredError.code


@attrs.frozen(kw_only=True)
class StoredConnection:
    """A row of ``rmm_integrations``, as far as it tells of the connection itself.

    Attributes:
        method: The key of its method; None: it was stored before there were any.
        problem_code: Why it does not work, as far as we know; ``RECONNECT_REQUIRED``: nobody asks for tokens any more.
        problem_message: For the person who has to act.
        webhook_error: ``code`` and ``message`` of why it could not be registered.
        webhook_received_at: When the last delivery came that was worked on.
        mappings_read_at: By kind: when all of them were read over there.
    """

    integration_id: UUID
    provider: str
    instance_url: str | None
    is_active: bool
    connected_at: datetime | None
    disconnected_at: datetime | None
    connected_by: UUID | None
    method: str | None
    scopes: list[str]
    settings: dict[str, Any]
    account_name: str | None
    problem_code: str | None
    problem_message: str | None
    problem_since: datetime | None
    renewal_by: UUID | None
    renewal_since: datetime | None
    webhook_registered_at: datetime | None
    webhook_error: dict[str, str] | None
    webhook_received_at: datetime | None
    mappings_read_at: dict[str, str]

    @property
    def is_connected(self) -> bool:
        """Whether workflows may use it."""
        return self.is_active and self.connected_at is not None

    @property
    def needs_reconnecting(self) -> bool:
        """Whether the other system's last answer was final."""
        return self.problem_code == RECONNECT_REQUIRED

    def method_of(self, connection: Connection) -> str:
        """The key of its method. One that was stored before there were methods needs nobody's consent."""
        if self.method is not None:
            return self.method
        return next((method.key for method in connection.methods if method.oauth is None), ENTERED)


_COLUMNS = columns(StoredConnection)


async def read_connection(conn: DatabaseConnection, tenant: UUID, provider: str) -> StoredConnection | None:
    """The tenant's connection to a provider, active or not."""
    row = await conn.fetchrow(
        f"SELECT {_COLUMNS} FROM rmm_integrations WHERE tenant = $1 AND provider = $2",  # noqa: S608 - our columns
        tenant,
        provider,
    )
    return read_optional(StoredConnection, row)


async def read_connections(conn: DatabaseConnection, tenant: UUID) -> dict[str, StoredConnection]:
    """All connections of a tenant, by provider."""
    rows = await conn.fetch(
        f"SELECT {_COLUMNS} FROM rmm_integrations WHERE tenant = $1",  # noqa: S608 - our columns
        tenant,
    )
    return {row["provider"]: read(StoredConnection, row) for row in rows}


async def write_problem(conn: DatabaseConnection, tenant: UUID, provider: str, code: str, message: str) -> None:
    """Remembers that a connection does not work; what only connecting again mends, stays what it is."""
    await conn.execute(
        """
        UPDATE rmm_integrations
        SET problem_code = $3, problem_message = $4,
            problem_since = CASE WHEN problem_code = $3 THEN problem_since ELSE now() END
        WHERE tenant = $1 AND provider = $2 AND problem_code IS DISTINCT FROM $5
        """,
        tenant,
        provider,
        code,
        message,
        RECONNECT_REQUIRED,
    )


async def clear_problem(conn: DatabaseConnection, tenant: UUID, provider: str) -> None:
    """Remembers that a connection works again; what only connecting again mends, stays what it is."""
    await conn.execute(
        """
        UPDATE rmm_integrations SET problem_code = NULL, problem_message = NULL, problem_since = NULL
        WHERE tenant = $1 AND provider = $2 AND problem_code <> $3
        """,
        tenant,
        provider,
        RECONNECT_REQUIRED,
    )
