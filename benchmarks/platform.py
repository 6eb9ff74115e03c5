"""A devstack of the benchmark's own, in a temporary folder and on free ports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from workflow_devstack import keys, postgres
from workflow_devstack.folder import DataFolder
from workflow_devstack.ports import HOST
from workflow_devstack.seed import CONNECTED

START_SECONDS = 120


@attrs.frozen
class Platform:
    """What a benchmark talks to."""

    url: str
    temporal_address: str
    dsn: str
    token: str


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


@asynccontextmanager
async def running_platform() -> AsyncIterator[Platform]:
    """Starts ``workflow-devstack up``; stops it at the end."""
    server, temporal, temporal_ui, simulator = _free_ports(4)
    with tempfile.TemporaryDirectory(prefix="workflow-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder, "data")
        log = Path(folder, "up.log")
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("workflow-devstack")),
                "up",
                *("--data", str(data)),
                *("--port", str(server)),
                *("--temporal-port", str(temporal)),
                *("--temporal-ui-port", str(temporal_ui)),
                *("--simulator-port", str(simulator)),
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                while "Everything runs" not in log.read_text(errors="replace"):
                    if process.returncode is not None:
                        sys.exit(f"The devstack did not start:\n{log.read_text(errors='replace')}")
                    await asyncio.sleep(0.1)
            opened = DataFolder(data)
            yield Platform(
                url=f"http://{HOST}:{server}",
                temporal_address=f"{HOST}:{temporal}",
                dsn=postgres.start(opened).dsn(postgres.SERVER_ROLE),
                token=keys.token(opened, tenant=CONNECTED.tenant, user=CONNECTED.user_id),
            )
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
