"""Reserving an effect in a ledger of a million rows against an empty one."""

from __future__ import annotations

import statistics
import time
from contextlib import AsyncExitStack
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.platform import Platform
from workflow_core.actions import Effect
from workflow_core.execution import ledger
from workflow_core.execution.models import ActionCall
from workflow_core.storage.database import Database
from workflow_core.storage.migrations import migrate

ROWS = 1_000_000
ROUNDS = 10
BLOCK = 200
TENANT = UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")

#: As a ledger looks that is in use: random keys, two effects a run, nearly all of them done.
_FILL = """
INSERT INTO workflow_action_invocations (
    tenant, key, key_kind, run_id, step_path, definition_step_id, action_id, action_version, effect, status, fence,
    input_sha256, output_json, sends, finished_at
)
SELECT $1, encode(sha256(number::text::bytea), 'hex'), 'run', md5((number / 2)::text)::uuid, 'root.steps[0]', 'reboot',
       'ninjaone.devices.reboot', 1, 'ONCE', CASE WHEN number % 1000 = 0 THEN 'failed' ELSE 'succeeded' END,
       gen_random_uuid(), repeat('0', 64), '{"accepted": true}', 1, now()
FROM generate_series(1, $2) AS number
"""


async def measure(platform: Platform, console: Console) -> None:
    """Prints what a reservation takes in both, measured in turn in blocks."""
    taken: dict[str, list[float]] = {"empty": [], "full": []}
    async with AsyncExitStack() as stack:
        ledgers = {}
        for name, rows in (("empty", 0), ("full", ROWS)):
            await _make(platform, name, rows)
            ledgers[name] = await stack.enter_async_context(
                Database.open(_of(platform.dsn, name), application_name="benchmarks", max_size=2)
            )
            await _block(ledgers[name])
        for _ in range(ROUNDS):
            for name, database in ledgers.items():
                taken[name] += await _block(database)
    table = Table(
        "what", "empty", "full", "ratio", "target", title=f"Reserving an effect; the full ledger has {ROWS:,} rows"
    )
    for what, percentile, target in (("p50", 50, 1.2), ("p95", 95, None)):
        empty, full = (statistics.quantiles(taken[name], n=100)[percentile - 1] for name in ("empty", "full"))
        ratio = full / empty
        verdict = "" if target is None else f"≤ {target} {'✓' if ratio <= target else '✗'}"
        table.add_row(what, f"{empty:.2f} ms", f"{full:.2f} ms", f"{ratio:.2f}", verdict)
    console.print(table)


def _of(dsn: str, name: str) -> str:
    """The same server's other database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/ledger_{name}"))


async def _make(platform: Platform, name: str, rows: int) -> None:
    conn = await asyncpg.connect(platform.admin_dsn)
    await conn.execute(f"CREATE DATABASE ledger_{name} TEMPLATE template0 ENCODING 'UTF8'")
    await conn.close()
    dsn = _of(platform.admin_dsn, name)
    await migrate(dsn)
    conn = await asyncpg.connect(dsn)
    await conn.execute("INSERT INTO tenants (tenant, client_name) VALUES ($1, 'Benchmark')", TENANT)
    await conn.execute(_FILL, TENANT, rows)
    await conn.execute("VACUUM ANALYZE workflow_action_invocations")
    await conn.execute("CHECKPOINT")
    await conn.close()


async def _block(database: Database) -> list[float]:
    """Milliseconds of each reservation."""
    taken = []
    for _ in range(BLOCK):
        call = _call()
        key = ledger.effect_key(call)
        began = time.perf_counter()
        async with database.tenant(TENANT) as conn:
            assert await ledger.try_lock(conn, key)
            assert await ledger.lookup(conn, TENANT, key) is None
            await ledger.reserve(
                conn, call, key, effect=Effect.ONCE, input_sha256="0" * 64, lease=30.0, after_unknown=False, lost={}
            )
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _call() -> ActionCall:
    return ActionCall(
        tenant=str(TENANT),
        run_id=str(uuid4()),
        step_path="root.steps[0]",
        iteration="",
        step_id="reboot",
        sequence=1,
        action_id="ninjaone.devices.reboot",
        action_version=1,
        effect=Effect.ONCE,
        input={},
        secrets=[],
        missing=[],
        time_limit=30.0,
        explicit_key=None,
        attempt=1,
        max_attempts=1,
        actor=None,
        dispatched_at="2026-03-02T00:00:00+00:00",
        trace=[],
    )
