"""A devstack of the benchmark's own, in a temporary folder and on free ports."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs

from workflow_devstack import keys, postgres, temporal
from workflow_devstack.folder import DataFolder
from workflow_devstack.ports import HOST, free_ports
from workflow_devstack.processes import child_environment, command_path
from workflow_devstack.seed import CONNECTED

START_SECONDS = 120


@attrs.frozen
class Platform:
    """What a benchmark talks to.

    Attributes:
        temporal_address: Of the Temporal server, which keeps its state in a file.
        dsn: Of the server's role.
        admin_dsn: Of the database's superuser.
        simulator_secret: Of the simulator's API application.
        worker: The worker's environment.
    """

    url: str
    temporal_address: str
    dsn: str
    admin_dsn: str
    token: str
    simulator_secret: str
    worker: dict[str, str]


@asynccontextmanager
async def running_platform() -> AsyncIterator[Platform]:
    """Starts ``workflow-devstack up``; stops it at the end."""
    server, temporal_port, temporal_ui, simulator = free_ports(4)
    with tempfile.TemporaryDirectory(prefix="workflow-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder, "data")
        log = Path(folder, "up.log")
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("workflow-devstack")),
                "up",
                *("--data", str(data)),
                *("--port", str(server)),
                *("--temporal-port", str(temporal_port)),
                *("--temporal-ui-port", str(temporal_ui)),
                *("--simulator-port", str(simulator)),
                *("--mail-port", "0"),
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
            database = postgres.start(opened)
            yield Platform(
                url=f"http://{HOST}:{server}",
                temporal_address=f"{HOST}:{temporal_port}",
                dsn=database.dsn(postgres.SERVER_ROLE),
                admin_dsn=database.dsn(),
                token=keys.token(opened, tenant=CONNECTED.tenant, user=CONNECTED.user_id),
                simulator_secret=keys.read_secret(opened.simulator_secret),
                worker=child_environment(
                    {
                        "WORKFLOW_DATABASE_URL": database.dsn(postgres.WORKER_ROLE),
                        "WORKFLOW_TEMPORAL_ADDRESS": f"{HOST}:{temporal_port}",
                        "WORKFLOW_SECRETS_KEY_FILE": str(opened.secrets_key),
                    },
                    os.environ,
                ),
            )
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


@asynccontextmanager
async def temporal_in_memory(platform: Platform) -> AsyncIterator[str]:
    """A Temporal server that keeps nothing, with a worker of its own on the platform's database: its address."""
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(bare_temporal())
        environ = {**platform.worker, "WORKFLOW_TEMPORAL_ADDRESS": address}
        await stack.enter_async_context(running("workflow-worker", environ=environ))
        yield address


@asynccontextmanager
async def bare_temporal() -> AsyncIterator[str]:
    """A Temporal server that keeps nothing: its address."""
    (port,) = free_ports(1)
    address = f"{HOST}:{port}"
    settings = (word for option in temporal.SETTINGS if option[0] != "--sqlite-pragma" for word in option)
    server = ("temporal", "server", "start-dev", "--headless", "--ip", HOST, "--port", str(port), *settings)
    async with running(*server, "--log-level", "warn"):
        async with asyncio.timeout(START_SECONDS):
            while await temporal.why_not_ready(address) is not None:
                await asyncio.sleep(0.1)
        yield address


@asynccontextmanager
async def running(command: str, *arguments: str, environ: dict[str, str] | None = None) -> AsyncIterator[int]:
    """A command of an installed package, until the end of the block: its process id."""
    process = await asyncio.create_subprocess_exec(
        command_path(command),
        *arguments,
        env=environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()
