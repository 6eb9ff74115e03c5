"""Taking webhooks in, against a bare aiohttp handler with one INSERT."""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.load import Load, one_answer, under_load
from benchmarks.platform import Platform
from workflow_core.integrations.webhook_routes import PATH
from workflow_devstack.ports import free_ports
from workflow_devstack.seed import CONNECTED
from workflow_ninjaone.webhook import HEADER

ROUNDS = 5
SECONDS = 2.0
TARGET = 0.6

_TOKEN, _VALUE = "benchmark-token", "benchmark-value"
_BODY = orjson.dumps(
    {
        "id": 5012,
        "activityTime": 1772442600.25,
        "deviceId": 101,
        "seriesUid": "0c6cb3d4-9a52-4d50-8ab3-5a5a0e4a7f10",
        "activityType": "CONDITION",
        "statusCode": "TRIGGERED",
        "status": "Triggered",
        "severity": "MAJOR",
        "priority": "HIGH",
        "message": "Free disk space on volume C: is below 5 % (9 GB of 240 GB free).",
        "type": "Condition",
        "device": {"id": 101, "organizationId": 1, "nodeClass": "WINDOWS_SERVER", "displayName": "NWD-DC01"},
    }
)


async def _prepare(platform: Platform) -> None:
    """A route of the connected tenant, and deliveries that no worker takes: only taking in is measured."""
    admin = await asyncpg.connect(platform.admin_dsn)
    try:
        await admin.execute("CREATE TABLE bare_intake (delivery_id uuid PRIMARY KEY, body bytea NOT NULL)")
        await admin.execute("GRANT INSERT ON bare_intake TO PUBLIC")
        await admin.execute("ALTER TABLE workflow_webhook_deliveries ALTER COLUMN due_at SET DEFAULT 'infinity'")
        await admin.execute(
            "INSERT INTO workflow_webhook_routes (token_sha256, header_sha256, tenant, integration_id, provider) "
            "SELECT $1, $2, tenant, integration_id, provider FROM rmm_integrations "
            "WHERE tenant = $3 AND provider = 'ninjaone'",
            hashlib.sha256(_TOKEN.encode()).digest(),
            hashlib.sha256(_VALUE.encode()).digest(),
            CONNECTED.tenant,
        )
    finally:
        await admin.close()


@asynccontextmanager
async def _bare(platform: Platform) -> AsyncIterator[str]:
    (port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.bare_intake", str(port), platform.dsn
    )
    try:
        url = f"http://127.0.0.1:{port}/"
        async with asyncio.timeout(30):
            while True:
                try:
                    await one_answer(url, {}, _BODY)
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def measure(platform: Platform, console: Console) -> None:
    """Prints deliveries a second and p99 of both, alternately measured, and the median of the ratios."""
    await _prepare(platform)
    ours = f"{platform.url}{PATH}/{_TOKEN}", {HEADER: _VALUE}
    if b" 202 " not in await one_answer(*ours, _BODY):
        sys.exit("The benchmark's webhook was not taken.")
    table = Table(
        "connections", "bare /s", "ours /s", "ratio", "target", "bare p99 ms", "ours p99 ms",
        title=f"Webhook intake ({len(_BODY)} bytes; authenticated, stored), median of {ROUNDS}",
    )  # fmt: skip
    async with _bare(platform) as bare:
        for connections in (1, 16):
            pairs: list[tuple[Load, Load]] = []
            for _ in range(ROUNDS):
                theirs, own = [
                    await under_load(url, headers, body=_BODY, connections=connections, seconds=SECONDS)
                    for url, headers in ((bare, {}), ours)
                ]
                pairs.append((theirs, own))
            ratio = statistics.median(own.rate / theirs.rate for theirs, own in pairs)
            table.add_row(
                str(connections),
                f"{statistics.median(theirs.rate for theirs, _ in pairs):.0f}",
                f"{statistics.median(own.rate for _, own in pairs):.0f}",
                f"{ratio:.2f}",
                f"≥ {TARGET} {'✓' if ratio >= TARGET else '✗'}",
                f"{1000 * statistics.median(theirs.p99 for theirs, _ in pairs):.1f}",
                f"{1000 * statistics.median(own.p99 for _, own in pairs):.1f}",
            )
    console.print(table)
