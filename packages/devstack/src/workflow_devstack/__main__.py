"""The command ``workflow-devstack``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from workflow_core.errors import WorkflowError
from workflow_core.storage.migrations import migrate
from workflow_devstack import postgres
from workflow_devstack.disk import check_free_space, full_disk, is_full_disk, tells_of_full_disk
from workflow_devstack.errors import FolderInUseError
from workflow_devstack.folder import FOLDER_VARIABLE, DataFolder, default_path, read_json
from workflow_devstack.ports import DEFAULT_PORTS, Ports, with_numbers
from workflow_devstack.stack import Options, stop_leftovers_of, up

PROGRAM = "workflow-devstack"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(
        prog=PROGRAM,
        description="The whole platform on one machine, with sample data. For development only.",
        epilog=f"environment:\n  {FOLDER_VARIABLE}  the data folder, instead of .dev/data",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--version", action="version", version=version("workflow-devstack"))
    commands = command.add_subparsers(dest="command", required=True, metavar="COMMAND")

    up_command = commands.add_parser(
        "up",
        help="start everything, run the sample workflow, and keep running until Ctrl-C",
        description="Starts PostgreSQL, Temporal, the NinjaOne simulator, a mail server, server and worker, runs the "
        "sample workflow, and shows what each step did.",
    )
    up_command.add_argument(
        "--once",
        action="store_true",
        help="stop afterwards; exit 0 only if the ticket is there, the alert was reset once, and the tenant without "
        "NinjaOne does not see it",
    )
    for port in DEFAULT_PORTS.all():
        up_command.add_argument(
            port.option,
            type=_port,
            default=port.number,
            metavar="NUMBER",
            help=f"port of the {port.name}; 0 picks a free one (default: {port.number})",
        )
    migrate_command = commands.add_parser(
        "migrate",
        help="bring the database to the state of the installed distributions",
        description="Migrates the devstack's database, of a stack that runs or of one that does not.",
    )
    reset_command = commands.add_parser(
        "reset",
        help="delete the data folder",
        description="Deletes the data folder, and stops what an earlier stack has left running.",
    )
    for subcommand in (up_command, migrate_command, reset_command):
        subcommand.add_argument(
            "--data",
            type=Path,
            default=default_path(os.environ),
            metavar="DIR",
            help="the data folder (default: %(default)s)",
        )
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    Args:
        arguments: The command line without the program's name; the process's when absent.

    Returns:
        The exit status.
    """
    options = parser().parse_args(arguments)
    console = Console(highlight=False)
    folder = DataFolder(options.data)
    try:
        if options.command == "up":
            return up(Options(folder=folder, ports=_ports(options), once=options.once), console)
        if options.command == "migrate":
            return _migrate(folder, console)
        return _reset(folder, console)
    except WorkflowError as error:
        if tells_of_full_disk(error.message):
            return _fail(full_disk(folder.path).message)
        return _fail(error.message)
    except OSError as error:
        if not is_full_disk(error):
            raise
        return _fail(full_disk(folder.path).message)
    except KeyboardInterrupt:  # before the stack handles it, or after
        return 130


def _fail(message: str) -> int:
    sys.stderr.write(f"{PROGRAM}: {message}\n")
    return 1


def _ports(options: argparse.Namespace) -> Ports:
    return with_numbers(
        server=options.port,
        temporal=options.temporal_port,
        temporal_ui=options.temporal_ui_port,
        simulator=options.simulator_port,
        mail=options.mail_port,
    )


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return number


def _migrate(folder: DataFolder, console: Console) -> int:
    """Through the stack that runs, or with a PostgreSQL of our own for a moment."""
    check_free_space(folder.path)
    folder.prepare()
    try:
        with folder.lock() as lock:
            if lock.stale_pid is not None:
                stop_leftovers_of(folder, console)
            server = postgres.start(folder)
            try:
                applied = asyncio.run(postgres.prepare_database(server))
            finally:
                server.stop()
    except FolderInUseError:
        running = read_json(folder.running_file)
        if running is None:
            raise
        applied = asyncio.run(migrate(running["admin_dsn"]))
    for migration in applied:
        console.print(f"applied {migration}")
    console.print(f"The database in {folder.postgres} is up to date ({len(applied)} applied).")
    return 0


def _reset(folder: DataFolder, console: Console) -> int:
    if not folder.exists():
        console.print(f"There is nothing to delete: {folder.path} holds no devstack's data.")
        return 0
    with folder.lock():
        stop_leftovers_of(folder, console)
        console.print(f"Deleting {folder.path} …")
        folder.remove()
    console.print("Deleted. The next up begins from nothing.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
