"""Runs that wait for their turn.

A workflow may limit how many of its runs are under way at once, and may have the runs of events with one correlation
key come one after the other, in the order of the events. A run whose turn has not come is recorded like any other, and
waits: its status is ``WAITING``. Runs that other runs called are part of these, and dry runs do nothing: neither are
counted, and neither wait.

A run that has its workflow's turn may have to wait once more, for its tenant: of each tenant only so many runs are busy
at once, whatever their workflows. Runs that wait for an event, a moment or a person are not busy; one that goes on then
does so at once, beyond the limit if need be. While a run waits for its tenant, it holds its workflow's turn.
"""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

import attrs

from workflow_core.execution.closing import Ending, close_run
from workflow_core.execution.run_log import tell_queued, tell_turn
from workflow_core.storage.database import Connection, Database, Record

#: Notified with tenant and workflow when a run may have its turn; with the tenant alone when one may that has its
#: workflow's.
CHANNEL: Final = "workflow_turns"

#: Whose turn a run waits for.
WaitsFor = Literal["workflow", "tenant"]


@attrs.frozen(kw_only=True)
class Order:
    """Where a run stands among those of its correlation key.

    Attributes:
        key: The event's correlation key.
        number: Of the event, which counts up.
    """

    key: str
    number: int


@attrs.frozen(kw_only=True)
class Turns:
    """How the runs of a workflow take turns.

    Attributes:
        limit: How many may be under way at once; None: as many as there are.
        ordered: Whether those of one correlation key come one after the other.
        is_paused: Whether nobody has a turn at the moment.
    """

    limit: int | None = None
    ordered: bool = False
    is_paused: bool = False

    @classmethod
    def of(cls, row: Record) -> Turns:
        """Those of a workflow's row with :data:`TURN_COLUMNS`."""
        return cls(
            limit=row["concurrency_limit"], ordered=row["ordered_by_correlation_key"], is_paused=row["is_paused"]
        )


TURN_COLUMNS: Final = "concurrency_limit, ordered_by_correlation_key, is_paused"


# ── Waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def must_wait(
    conn: Connection,
    tenant: UUID,
    workflow_id: UUID,
    turns: Turns,
    *,
    run_id: UUID,
    order: Order | None,
    tenant_runs: int | None,
) -> WaitsFor | None:
    """Whose turn a run has to wait for that is about to be started; None: it is its turn.

    Until the transaction ends, nobody else has a turn of this workflow, or of this tenant.

    Args:
        conn: Bound to the tenant.
        tenant: Whose run.
        workflow_id: Its workflow.
        turns: That workflow's.
        run_id: The run, which is not under way yet.
        order: Where it stands, if the workflow's runs come one after the other.
        tenant_runs: How many runs of a tenant may be busy at once; None: as many as there are.
    """
    if await _waits_for_workflow(conn, tenant, workflow_id, turns, run_id=run_id, order=order):
        return "workflow"
    if await _tenant_room(conn, tenant, run_id, tenant_runs, at_most=1) < 1:
        return "tenant"
    return None


async def _waits_for_workflow(
    conn: Connection, tenant: UUID, workflow_id: UUID, turns: Turns, *, run_id: UUID, order: Order | None
) -> bool:
    if turns.limit is None and order is None:
        return False
    await _lock(conn, tenant, workflow_id)
    if turns.limit is not None and await _is_full(conn, tenant, workflow_id, turns.limit, run_id):
        return True
    return order is not None and bool(
        await conn.fetchval(
            "SELECT workflow_run_is_behind($1, $2, $3, $4, $5)", tenant, workflow_id, run_id, order.key, order.number
        )
    )


async def _is_full(conn: Connection, tenant: UUID, workflow_id: UUID, limit: int, run_id: UUID) -> bool:
    if await conn.fetchval(_UNDER_WAY, tenant, workflow_id, run_id) >= limit:
        return True
    others_wait = bool(await conn.fetchval(_OTHERS_WAIT, tenant, workflow_id, run_id))
    if others_wait:
        # It does not overtake those whose turn has come and who are about to be told.
        await conn.execute("SELECT pg_notify($1, $2)", CHANNEL, f"{tenant} {workflow_id}")
    return others_wait


async def _tenant_room(
    conn: Connection, tenant: UUID, run_id: UUID | None, tenant_runs: int | None, *, at_most: int
) -> int:
    """How many runs may be begun that do not wait for their tenant yet; this run does not count."""
    if tenant_runs is None:
        return at_most
    row = await conn.fetchrow(_TENANT_ROOM, tenant, run_id, tenant_runs)
    assert row is not None  # noqa: S101 - it is computed
    if row["room"] > 0 and row["others_wait"]:
        # They do not overtake those whose turn has come and who are about to be told.
        await conn.execute("SELECT pg_notify($1, $2)", CHANNEL, str(tenant))
        return 0
    room: int = row["room"]
    return min(room, at_most)


async def wait_again(conn: Connection, tenant: UUID, run_id: UUID, *, tenant_runs: int | None) -> None:
    """Has a run that was opened again wait for its turn, if it has to."""
    run = await conn.fetchrow(_OPENED, tenant, run_id)
    if run is None:
        return
    turns, order = Turns.of(run), None
    if turns.ordered and run["order_key"] is not None:
        order = Order(key=run["order_key"], number=run["order_number"])
    waits_for = await must_wait(
        conn, tenant, run["workflow_id"], turns, run_id=run_id, order=order, tenant_runs=tenant_runs
    )
    if waits_for is not None:
        await conn.execute(_QUEUE, tenant, run_id, waits_for == "tenant")
        await tell_queued(conn, tenant, run_id, waits_for=waits_for, execution=run["execution"])


async def close_queued(conn: Connection, tenant: UUID, run_id: UUID, ending: Ending) -> bool:
    """Ends a run that waits for its turn; answers False when it does not: it has been started, or is about to be."""
    row = await conn.fetchrow(_LOCK_QUEUED, tenant, run_id)
    return row is not None and await close_run(conn, tenant, run_id, row["execution"], ending)


# ── Having a turn ────────────────────────────────────────────────────────────────────────────────────────────────


async def find_queues(database: Database) -> list[tuple[UUID, UUID | None]]:
    """Tenant and id of the workflows of which runs wait for their turn; the tenant alone where they wait for that."""
    async with database.dispatch() as conn:
        return [(row["tenant"], row["workflow_id"]) for row in await conn.fetch(_FIND)]


async def give_turns(
    conn: Connection, tenant: UUID, workflow_id: UUID, *, at_most: int, tenant_runs: int | None = None
) -> list[UUID]:
    """Lets runs of a workflow have their turn, the oldest first; those that their tenant has no room for wait for that.

    Returns:
        The runs, which are to be started once the transaction has ended; whoever sweeps starts them otherwise.
    """
    await _lock(conn, tenant, workflow_id)
    row = await conn.fetchrow(
        f"SELECT {TURN_COLUMNS} FROM workflow_definitions WHERE tenant = $1 AND workflow_id = $2",  # noqa: S608 - constant
        tenant,
        workflow_id,
    )
    turns = Turns() if row is None else Turns.of(row)  # of a workflow that was deleted, nothing limits the rest
    if turns.is_paused:
        return []
    free = at_most
    if turns.limit is not None:
        free = min(at_most, turns.limit - await conn.fetchval(_UNDER_WAY, tenant, workflow_id, None))
    if free <= 0:
        return []
    rows = await conn.fetch(_NEXT_IN_ORDER if turns.ordered else _NEXT, tenant, workflow_id, free)
    ids = [row["run_id"] for row in rows]
    room = await _tenant_room(conn, tenant, None, tenant_runs, at_most=len(ids)) if ids else 0
    for run in await conn.fetch(_WAIT_FOR_TENANT, tenant, ids[room:]) if ids[room:] else []:
        await tell_queued(conn, tenant, run["run_id"], waits_for="tenant", execution=run["execution"])
    return await _begin(conn, tenant, ids[:room])


async def give_tenant_turns(conn: Connection, tenant: UUID, *, at_most: int, tenant_runs: int | None) -> list[UUID]:
    """Lets runs have their turn that wait for their tenant, the oldest first; see :func:`give_turns`."""
    if tenant_runs is not None:
        row = await conn.fetchrow(_TENANT_ROOM, tenant, None, tenant_runs)
        assert row is not None  # noqa: S101 - it is computed
        at_most = min(at_most, row["room"])
    if at_most <= 0:
        return []
    return await _begin(conn, tenant, [row["run_id"] for row in await conn.fetch(_NEXT_OF_TENANT, tenant, at_most)])


async def _begin(conn: Connection, tenant: UUID, run_ids: list[UUID]) -> list[UUID]:
    started = await conn.fetch(_START, tenant, run_ids) if run_ids else []
    for run in started:
        await tell_turn(conn, tenant, run["run_id"], execution=run["execution"])
    return [run["run_id"] for run in started]


async def _lock(conn: Connection, tenant: UUID, workflow_id: UUID) -> None:
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('workflow turns ' || $1::text, 0))", f"{tenant} {workflow_id}"
    )


_UNDER_WAY: Final = """
SELECT count(*) FROM workflow_runs
WHERE tenant = $1 AND workflow_id = $2 AND status IN ('RUNNING', 'WAITING') AND (NOT is_queued OR waits_for_tenant)
  AND parent_run_id IS NULL AND NOT dry_run AND run_id IS DISTINCT FROM $3
"""
_OTHERS_WAIT: Final = """
SELECT EXISTS (
    SELECT FROM workflow_runs
    WHERE tenant = $1 AND workflow_id = $2 AND is_queued AND NOT waits_for_tenant AND status = 'WAITING'
      AND run_id <> $3
)
"""
_OF_TENANT: Final = """
FROM workflow_runs run LEFT JOIN workflow_definitions workflow USING (tenant, workflow_id)
WHERE run.tenant = $1 AND run.is_queued AND run.waits_for_tenant AND run.status = 'WAITING'
  AND workflow.is_paused IS NOT TRUE
"""
_TENANT_ROOM: Final = f"""
SELECT workflow_tenant_room($1, $2, $3) AS room,
       EXISTS (SELECT {_OF_TENANT} AND run.run_id IS DISTINCT FROM $2) AS others_wait
"""  # noqa: S608 - constant
_NEXT_OF_TENANT: Final = f"SELECT run.run_id {_OF_TENANT} ORDER BY run.created_at, run.run_id LIMIT $2"
_OPENED: Final = f"""
SELECT run.workflow_id, run.execution, run.order_key, run.order_number, {TURN_COLUMNS}
FROM workflow_runs run
JOIN workflow_definitions USING (tenant, workflow_id)
WHERE run.tenant = $1 AND run.run_id = $2 AND run.parent_run_id IS NULL AND NOT run.dry_run
"""  # noqa: S608 - the columns are constant
_QUEUE: Final = """
UPDATE workflow_runs SET status = 'WAITING', is_queued = true, waits_for_tenant = $3, updated_at = now()
WHERE tenant = $1 AND run_id = $2
"""
_LOCK_QUEUED: Final = """
SELECT execution FROM workflow_runs
WHERE tenant = $1 AND run_id = $2 AND is_queued AND status = 'WAITING' FOR NO KEY UPDATE
"""
_FIND: Final = """
SELECT DISTINCT tenant, CASE WHEN NOT waits_for_tenant THEN workflow_id END AS workflow_id
FROM workflow_runs WHERE is_queued AND status = 'WAITING'
"""
_NEXT: Final = """
SELECT run_id FROM workflow_runs
WHERE tenant = $1 AND workflow_id = $2 AND is_queued AND NOT waits_for_tenant AND status = 'WAITING'
ORDER BY created_at, run_id LIMIT $3
"""
# Of each key only the first one can have its turn.
_NEXT_IN_ORDER: Final = """
SELECT run_id FROM (
    SELECT DISTINCT ON (COALESCE(order_key, run_id::text)) run_id, order_key, order_number, created_at
    FROM workflow_runs
    WHERE tenant = $1 AND workflow_id = $2 AND is_queued AND NOT waits_for_tenant AND status = 'WAITING'
    ORDER BY COALESCE(order_key, run_id::text), order_number, created_at, run_id
) AS first
WHERE order_key IS NULL OR NOT workflow_run_is_behind($1, $2, run_id, order_key, order_number)
ORDER BY created_at, run_id LIMIT $3
"""
_WAIT_FOR_TENANT: Final = """
UPDATE workflow_runs SET waits_for_tenant = true, updated_at = now()
WHERE tenant = $1 AND run_id = ANY ($2) AND is_queued AND status = 'WAITING'
RETURNING run_id, execution
"""
_START: Final = """
UPDATE workflow_runs SET status = 'RUNNING', is_queued = false, waits_for_tenant = false, updated_at = now()
WHERE tenant = $1 AND run_id = ANY ($2) AND is_queued AND status = 'WAITING'
RETURNING run_id, execution
"""
