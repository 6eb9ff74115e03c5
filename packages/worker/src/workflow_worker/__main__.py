"""The command ``workflow-worker``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from importlib.metadata import version

from workflow_core.discovery import Discovery
from workflow_core.errors import ConfigurationError
from workflow_worker.process import run_worker
from workflow_worker.settings import VARIABLES, Settings, load_settings

_log = logging.getLogger("workflow_worker")


def main() -> None:
    """Runs a worker until SIGTERM or SIGINT."""
    width = max(map(len, VARIABLES))
    parser = argparse.ArgumentParser(
        prog="workflow-worker",
        description="Runs workflows on Temporal with the integrations that are installed beside it.",
        epilog="environment:\n" + "\n".join(f"  {name:<{width}}  {text}" for name, text in VARIABLES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("workflow-worker"))
    parser.add_argument("--strict", action="store_true", help="refuse to start when any integration failed to load")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    options = parser.parse_args()
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = load_settings({**os.environ, **({"WORKFLOW_STRICT": "1"} if options.strict else {})})
        asyncio.run(_run(settings))
    except ConfigurationError as error:
        sys.exit(f"workflow-worker: {error.message}")


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_worker(settings, stop, on_ready=_say_ready)
    _log.info("stopped")


def _say_ready(discovery: Discovery) -> None:
    manifest = discovery.registry.manifest
    names = ", ".join(f"{name} {number}" for name, number in sorted(manifest.distributions.items()))
    _log.info("ready: %d actions of %s; fingerprint %s", len(manifest.actions), names, manifest.fingerprint)


if __name__ == "__main__":
    main()
