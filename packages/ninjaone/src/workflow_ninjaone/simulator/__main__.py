"""The command ``ninjaone-simulator``."""

from __future__ import annotations

import argparse
import asyncio
import errno
import ipaddress
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from workflow_ninjaone.simulator.app import create_app
from workflow_ninjaone.simulator.authority import SCOPES, ApiApplication
from workflow_ninjaone.simulator.fleet import MAX_FLEET
from workflow_ninjaone.simulator.seed import load_seed
from workflow_ninjaone.simulator.settings import Timing, TokenPolicy
from workflow_ninjaone.simulator.state import SimulatorState

PROGRAM = "ninjaone-simulator"
SECRET_VARIABLE = "NINJAONE_SIMULATOR_CLIENT_SECRET"  # noqa: S105 - the variable's name
DEFAULT_PORT = 8490

_SHUTDOWN_SECONDS = 2.0


class _StartError(Exception):
    """The simulator cannot start; the message is one line and says why."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(
        prog=PROGRAM,
        description="A NinjaOne API (version 2) to test against, with a small seeded account. "
        "Tests look behind the curtain below /_simulator/, which asks for no authentication.",
    )
    add = command.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=DEFAULT_PORT, help="port, 0 for any free one (default: %(default)s)")
    add("--client-id", default="simulator-client", help="the API application's id (default: %(default)s)")
    add("--client-secret", help=f"its secret (default: ${SECRET_VARIABLE}, else simulator-secret)")
    add("--scopes", type=_scopes, default=" ".join(SCOPES), help="what it may ask for (default: %(default)s)")
    add(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URI",
        help="where users may be sent back to; allows the authorization-code grant, and may be given more than once",
    )
    add(
        "--consent",
        choices=["allow", "ask", "deny"],
        default="allow",
        help="what its consent page does: approve, show two buttons, refuse (default: %(default)s)",
    )
    add("--fleet", type=_fleet, default=0, metavar="N", help="generated devices besides the seed's (default: none)")
    add("--seed-file", type=Path, help="JSON file with the account's first records")
    add("--state-file", type=Path, help="JSON file by which records, journal, sessions and webhooks survive a restart")
    add("--journal-file", type=Path, help="file to which each acting request is added as a line of JSON")
    add("--token-seconds", type=_seconds, default=3600.0, help="life of an access token (default: %(default)s)")
    add("--reboot-seconds", type=_seconds, default=2.0, help="time to reboot (default: %(default)s)")
    add("--report-seconds", type=_seconds, default=0.0, help="time until a reboot shows (default: %(default)s)")
    add("--script-seconds", type=_seconds, default=2.0, help="time to run a script (default: %(default)s)")
    add("--clock-offset", type=float, default=0.0, help="seconds that its clock is ahead (default: %(default)s)")
    add("--random-seed", type=int, default=0, help="where chance begins (default: %(default)s)")
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT.

    Args:
        arguments: The command line without the program's name; the process's when absent.

    Returns:
        0 after a graceful stop; 1, with one line on standard error, when it cannot start.
    """
    options = parser().parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except _StartError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 1
    return 0


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    runner = web.AppRunner(create_app(_state(options)), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await _listen(runner, options.host, options.port)
        if not _is_loopback(options.host):
            sys.stderr.write(f"{PROGRAM}: warning: anyone who reaches {options.host} can control it\n")
        host, port, *_ = runner.addresses[0]
        shown = f"[{host}]" if ":" in host else host
        sys.stdout.write(f"{PROGRAM} listening on http://{shown}:{port}\n")
        sys.stdout.flush()
        await stopped.wait()
    finally:
        await runner.cleanup()


def _state(options: argparse.Namespace) -> SimulatorState:
    secret = options.client_secret or os.environ.get(SECRET_VARIABLE) or "simulator-secret"
    seed = None
    if options.seed_file is not None:
        try:
            seed = load_seed(options.seed_file)
        except (OSError, ValueError) as error:
            raise _StartError(f"cannot use the seed file {options.seed_file}: {error}") from None
    try:
        return SimulatorState(
            applications=[_application(options, secret)],
            seed=seed,
            fleet=options.fleet,
            tokens=TokenPolicy(access_seconds=options.token_seconds, consent=options.consent),
            timing=Timing(
                reboot_seconds=options.reboot_seconds,
                report_seconds=options.report_seconds,
                clock_offset=options.clock_offset,
                script_seconds=options.script_seconds,
            ),
            random_seed=options.random_seed,
            state_file=options.state_file,
            journal_file=options.journal_file,
        )
    except (OSError, ValueError) as error:
        raise _StartError(f"cannot use the state file {options.state_file}: {error}") from None


def _application(options: argparse.Namespace, secret: str) -> ApiApplication:
    users = {"authorization_code", "refresh_token"} if options.redirect_uri else set()
    return ApiApplication(
        options.client_id,
        secret,
        options.scopes,
        grants={"client_credentials", *users},
        redirect_uris=options.redirect_uri,
    )


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _StartError(f"port {port} on {host} is in use; choose another with --port") from None
        raise _StartError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return port


def _fleet(text: str) -> int:
    size = int(text)
    if not 0 <= size <= MAX_FLEET:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {MAX_FLEET}")
    return size


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 1e9:
        raise argparse.ArgumentTypeError("must be a number of seconds, zero or more")
    return seconds


def _scopes(text: str) -> frozenset[str]:
    scopes = frozenset(text.split())
    if not scopes or not scopes <= set(SCOPES):
        raise argparse.ArgumentTypeError(f"must be one or more of: {' '.join(SCOPES)}")
    return scopes


if __name__ == "__main__":
    sys.exit(main())
