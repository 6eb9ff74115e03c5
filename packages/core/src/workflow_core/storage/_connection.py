"""The pool's connections: a transaction begins, and is told whose it is, in one message to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

if TYPE_CHECKING:
    _Base: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:  # the stubs are generic, the class is not
    _Base = asyncpg.Connection

#: What an earlier use may have left behind on a session: asyncpg sends the same when a connection goes back.
_CLEAN: Final = "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL"


class PooledConnection(_Base):
    """
    Every transaction of ours would begin with three round trips: clean, begin, bind. Here they are one.

    A transaction that is not bound sees no tenant's rows: were the message ever begun without, nothing would be shown.
    """

    _first: str | None = None

    def begin_with(self, statement: str) -> None:
        """What the next transaction does first, on a clean session."""
        self._first = f"{_CLEAN}; {statement}"

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - asyncpg's
        """See :meth:`asyncpg.Connection.execute`, which is what begins a transaction, too."""
        if self._first is not None and query.startswith("BEGIN"):
            query, self._first = f"{query.rstrip(';')}; {self._first}", None
        return await super().execute(query, *args, timeout=timeout)

    def get_reset_query(self) -> str:
        """Nothing: the session is cleaned before it is used instead of afterwards."""
        return ""
