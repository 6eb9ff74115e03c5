"""The command ``workflow-worker``."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Mapping, Sequence

from workflow_core.discovery import Discovery
from workflow_core.process import run_process
from workflow_worker.process import run_worker
from workflow_worker.settings import BUILD_ID, VARIABLES, load_settings

_log = logging.getLogger("workflow_worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a worker until SIGTERM or SIGINT; see :func:`workflow_core.process.run_process`."""
    description = "Runs workflows on Temporal with the integrations that are installed beside it."
    return run_process("workflow-worker", description, VARIABLES, _run, arguments, options={"--build-id": BUILD_ID})


async def _run(environ: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_worker(load_settings(environ), stop, on_ready=_say_ready)
    _log.info("stopped")


def _say_ready(discovery: Discovery) -> None:
    manifest = discovery.registry.manifest
    names = ", ".join(f"{name} {number}" for name, number in sorted(manifest.distributions.items()))
    _log.info("ready: %d actions of %s; fingerprint %s", len(manifest.actions), names, manifest.fingerprint)


if __name__ == "__main__":
    sys.exit(main())
