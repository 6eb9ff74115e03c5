"""How a failed connection is reported: what, where and why, and never the password."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from workflow_core.errors import ConfigurationError

CONNECTING_ERRORS = (
    OSError,
    TimeoutError,
    ValueError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What asyncpg raises when a connection cannot be made."""


def where(dsn: str) -> str:
    """``user@host:port/database`` of a connection string, for messages; no password, no options."""
    try:
        parts = urlsplit(dsn)
        query = parse_qs(parts.query)
        port = parts.port
    except ValueError:
        return "(a connection string that cannot be read)"
    if parts.scheme not in {"postgres", "postgresql"}:
        return "(a connection string that does not begin with postgresql://)"
    host = parts.hostname or query.get("host", ["(default host)"])[0]
    user = f"{unquote(parts.username)}@" if parts.username else ""
    return f"{user}{host}{f':{port}' if port else ''}/{parts.path.lstrip('/')}"


def unreachable(dsn: str, error: BaseException) -> ConfigurationError:
    """The error for a database that does not let us in."""
    if isinstance(error, asyncpg.PostgresError):
        reason = error.args[0] if error.args else type(error).__name__
    elif isinstance(error, TimeoutError):
        reason = "no answer in time"
    elif isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
    else:
        reason = f"{type(error).__name__}; check the connection string"
    return ConfigurationError(
        f"Cannot connect to PostgreSQL at {where(dsn)}: {reason}. Check that the server runs and that the "
        "connection string is right.",
        details={"database": where(dsn)},
    )
