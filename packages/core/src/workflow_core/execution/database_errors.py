"""Which failures of PostgreSQL mean that it is away, and what the others mean for a step."""

from __future__ import annotations

from typing import Final

import asyncpg

from workflow_core.errors import ActionError, EngineUnavailableError, TransientError, WorkflowError

#: Seen in the middle of a connection's use.
CONNECTION_GONE: Final = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that ends between two messages of a statement
    asyncpg.InsufficientResourcesError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
#: Seen when one is taken from the pool as well: a missing socket, a time-out.
DATABASE_AWAY: Final = (*CONNECTION_GONE, OSError)

#: It refused for now: the same statement may succeed in a moment.
FOR_THE_MOMENT: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,  # a role's own limit, or an operator
)


def explain(error: BaseException) -> WorkflowError:
    """The error that a step shows for a failure of PostgreSQL; its words, which may quote values, are not told."""
    kind = type(error).__name__
    if isinstance(error, FOR_THE_MOMENT):
        why = "because of another transaction, or of a limit of time"
        return TransientError(f"The database refused for the moment, {why}.", code="CONFLICT")
    if isinstance(error, asyncpg.PostgresError) and not isinstance(error, CONNECTION_GONE):
        return ActionError(f"The database refused the write ({kind}).", code="INTERNAL_ERROR")
    return EngineUnavailableError(f"The database could not be reached ({kind}); the step goes on when it is back.")
