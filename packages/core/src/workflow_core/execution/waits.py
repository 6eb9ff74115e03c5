"""What runs wait for: rows that are committed before a run waits, and resolved before it is signaled.

Whoever resolves a wait signals its run; what a crash keeps from being signaled is found by :func:`wake_settled`.
Rows are locked in one order: ledger, runs, steps, waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs
from temporalio.service import RPCError, RPCStatusCode

from workflow_core.storage.database import Connection, Database
from workflow_core.temporal import WAKE, run_workflow_id

if TYPE_CHECKING:
    from temporalio.client import Client

_log = logging.getLogger(__name__)

_TIMEOUT: Final = timedelta(seconds=10)
#: Signals at once, of one process.
_SIGNALS: Final = 10


@attrs.frozen
class ResolvedWait:
    """A wait that is over, whose run has to be told.

    Attributes:
        execution: Of the run, at this moment.
    """

    wait_id: UUID
    run_id: UUID
    execution: int
    step_path: str
    iteration: str


_OPEN = """
INSERT INTO workflow_run_waits (tenant, wait_id, run_id, step_path, iteration, wait_type, key)
VALUES ($1, $2, $3, $4, $5, 'settlement', $6)
ON CONFLICT (tenant, wait_id) DO NOTHING
"""
_LOCK_RUNS = """
SELECT FROM workflow_runs
WHERE tenant = $1 AND run_id IN (
    SELECT run_id FROM workflow_run_waits
    WHERE tenant = $1 AND wait_type = 'settlement' AND key = $2 AND status = 'WAITING'
)
ORDER BY run_id FOR NO KEY UPDATE
"""
_RESOLVE = """
UPDATE workflow_run_waits wait SET status = 'RESOLVED', resolved_at = clock_timestamp()
FROM workflow_runs run
WHERE wait.tenant = $1 AND wait.wait_type = 'settlement' AND wait.key = $2 AND wait.status = 'WAITING'
  AND run.tenant = wait.tenant AND run.run_id = wait.run_id
RETURNING wait.wait_id, wait.run_id, run.execution, wait.step_path, wait.iteration
"""
_GO_ON = """
UPDATE workflow_runs run SET status = 'RUNNING', updated_at = now()
WHERE tenant = $1 AND run_id = ANY ($2) AND status = 'WAITING' AND NOT EXISTS (
    SELECT FROM workflow_run_waits wait
    WHERE wait.tenant = run.tenant AND wait.run_id = run.run_id AND wait.status = 'WAITING'
)
"""
# In turn for each tenant: one with ten thousand waits does not keep the others waiting.
_UNTOLD = """
SELECT tenant, wait_id FROM (
    SELECT tenant, wait_id, resolved_at, row_number() OVER (PARTITION BY tenant ORDER BY resolved_at) AS turn
    FROM workflow_run_waits
    WHERE status = 'RESOLVED' AND signaled_at IS NULL AND resolved_at <= clock_timestamp() - $1::interval
) AS untold
ORDER BY turn, resolved_at LIMIT $2
"""


async def open_wait(
    conn: Connection, tenant: UUID, wait_id: UUID, invocation_id: UUID, *, run_id: UUID, step_path: str, iteration: str
) -> None:
    """Has a run wait until it is known what became of an effect, whose ledger row is locked.

    Doing it again changes nothing, and a run that has ended waits for nothing.
    """
    waits = await conn.execute(
        "UPDATE workflow_runs SET status = 'WAITING', updated_at = now() "
        "WHERE tenant = $1 AND run_id = $2 AND status IN ('RUNNING', 'WAITING')",
        tenant,
        run_id,
    )
    if waits == "UPDATE 0":
        return
    await conn.execute(_OPEN, tenant, wait_id, run_id, step_path, iteration, str(invocation_id))


async def resolve_settlements(conn: Connection, tenant: UUID, invocation_id: UUID) -> list[ResolvedWait]:
    """It is known what became of an effect, whose ledger row is locked: the runs that waited for it go on.

    Returns:
        What has to be signaled after the commit.
    """
    key = str(invocation_id)
    await conn.execute(_LOCK_RUNS, tenant, key)
    resolved = [ResolvedWait(**row) for row in await conn.fetch(_RESOLVE, tenant, key)]
    await go_on(conn, tenant, [wait.run_id for wait in resolved])
    return resolved


async def go_on(conn: Connection, tenant: UUID, run_ids: Sequence[UUID]) -> None:
    """Runs that wait for nothing any more are running."""
    if run_ids:
        await conn.execute(_GO_ON, tenant, list(run_ids))


async def close(conn: Connection, tenant: UUID, run_id: UUID) -> None:
    """A run has ended: it waits for nothing any more."""
    await conn.execute(
        "UPDATE workflow_run_waits SET status = 'CANCELED', resolved_at = clock_timestamp() "
        "WHERE tenant = $1 AND run_id = $2 AND status = 'WAITING'",
        tenant,
        run_id,
    )


async def signal(database: Database, client: Client, tenant: UUID, resolved: Sequence[ResolvedWait]) -> int:
    """Tells runs that their waits are over; what Temporal does not take now is left to :func:`wake_settled`.

    Returns:
        How many were told, or had ended.
    """
    told: list[UUID] = []
    left = iter(resolved)
    is_away = False

    async def tell() -> None:
        nonlocal is_away
        for wait in left:
            if await _tell(client, wait):
                told.append(wait.wait_id)
            else:
                is_away = True  # whoever posted an event does not wait while each of a thousand is tried in vain
            if is_away:
                return

    await asyncio.gather(*(tell() for _ in range(min(_SIGNALS, len(resolved)))))
    if told:
        async with database.tenant(tenant) as conn:
            await conn.execute(
                "UPDATE workflow_run_waits SET signaled_at = clock_timestamp() "
                "WHERE tenant = $1 AND wait_id = ANY ($2)",
                tenant,
                told,
            )
    return len(told)


async def _tell(client: Client, wait: ResolvedWait) -> bool:
    handle = client.get_workflow_handle(run_workflow_id(str(wait.run_id), wait.execution))
    try:
        async with asyncio.timeout(_TIMEOUT.total_seconds()):
            await handle.signal(WAKE, str(wait.wait_id), rpc_timeout=_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # otherwise it has ended, and there is nobody to tell
            _log.warning("run %s could not be told to go on: %s", wait.run_id, error.status.name)
            return False
    except (TimeoutError, OSError, RuntimeError) as error:
        # A lazy client's first connection fails with a bare RuntimeError; afterwards such failures are RPC errors.
        if isinstance(error, RuntimeError) and not str(error).startswith("Failed client connect"):
            raise
        _log.warning("run %s could not be told to go on: %s", wait.run_id, type(error).__name__)
        return False
    return True


async def wake_settled(database: Database, client: Client, *, older_than: timedelta, limit: int = 100) -> int:
    """Signals runs whose waits are over and that nobody has told: a crash came in between, or an answer came late.

    Args:
        database: As the application role.
        client: Of the platform's namespace.
        older_than: Whoever has resolved a wait signals the run himself, and gets that time.
        limit: Waits at most.

    Returns:
        How many were told, or had ended.
    """
    async with database.dispatch() as conn:
        rows = await conn.fetch(
            _UNTOLD,
            older_than,
            limit,
        )
    by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
    for row in rows:
        by_tenant[row["tenant"]].append(row["wait_id"])
    told = 0
    for tenant, wait_ids in by_tenant.items():
        async with database.tenant(tenant, readonly=True) as conn:
            resolved = await conn.fetch(
                "SELECT wait.wait_id, wait.run_id, run.execution, wait.step_path, wait.iteration "
                "FROM workflow_run_waits wait JOIN workflow_runs run USING (tenant, run_id) "
                "WHERE wait.tenant = $1 AND wait.wait_id = ANY ($2)",
                tenant,
                wait_ids,
            )
        told += await signal(database, client, tenant, [ResolvedWait(**row) for row in resolved])
    return told
