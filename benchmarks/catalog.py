"""The designer catalog against a bare aiohttp handler that returns the same bytes."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.load import one_answer, requests_per_second
from benchmarks.platform import Platform
from workflow_devstack.ports import free_ports

PATH = "/api/workflow/registry/designer-catalog"
ROUNDS = 5
SECONDS = 2.0
TARGET = 0.6


@asynccontextmanager
async def _bare(body: bytes, etag: str) -> AsyncIterator[str]:
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "body")
        file.write_bytes(body)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.bare_server", str(port), str(file), etag
        )
        try:
            url = f"http://127.0.0.1:{port}/"
            async with asyncio.timeout(30):
                while True:
                    try:
                        await one_answer(url, {})
                        break
                    except OSError:
                        await asyncio.sleep(0.05)
            yield url
        finally:
            process.terminate()
            await process.wait()


async def measure(platform: Platform, console: Console) -> None:
    """Prints requests a second of both, alternately measured, and the median of the ratios."""
    url = platform.url + PATH
    authorized = {"Authorization": f"Bearer {platform.token}"}
    head, _, body = (await one_answer(url, authorized)).partition(b"\r\n\r\n")
    etag = next(
        line.split(b":", 1)[1].strip().decode() for line in head.split(b"\r\n") if line.lower().startswith(b"etag:")
    )
    table = Table(
        "answer", "connections", "bare /s", "catalog /s", "ratio", "target",
        title=f"Designer catalog ({len(body)} bytes; authentication and availability on), median of {ROUNDS}",
    )  # fmt: skip
    async with _bare(body, etag) as bare:
        for answer, conditional in (("200", {}), ("304", {"If-None-Match": etag})):
            for connections in (1, 16):
                pairs = []
                for _ in range(ROUNDS):
                    ours, theirs = [
                        await requests_per_second(each, given, connections=connections, seconds=SECONDS)
                        for each, given in ((url, {**authorized, **conditional}), (bare, conditional))
                    ]
                    pairs.append((theirs, ours))
                ratio = statistics.median(ours / theirs for theirs, ours in pairs)
                table.add_row(
                    answer,
                    str(connections),
                    f"{statistics.median(theirs for theirs, _ in pairs):.0f}",
                    f"{statistics.median(ours for _, ours in pairs):.0f}",
                    f"{ratio:.2f}",
                    f"≥ {TARGET} {'✓' if ratio >= TARGET else '✗'}",
                )
    console.print(table)
