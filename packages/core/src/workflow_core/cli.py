"""The command ``workflow-modules``: what is installed, the database's migrations, bundles, and API keys."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workflow_core.api_keys.command import add_api_key_commands
from workflow_core.bundles.command import add_bundle_commands
from workflow_core.discovery import DEFAULT_REQUIRED, Discovery, discover, require
from workflow_core.errors import MigrationError, WorkflowError
from workflow_core.process import DATABASE_URL, REQUIRED_DISTRIBUTIONS, required_distributions
from workflow_core.storage._connecting import CONNECTING_ERRORS, unreachable
from workflow_core.storage.migrations import APP_ROLE, CORE_DISTRIBUTION, Migration, migrate, pending_migrations

ADMIN_URL = "WORKFLOW_ADMIN_DATABASE_URL"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one subcommand; exits with 1 when something is wrong with the installation."""
    options = _parser().parse_args(arguments)
    try:
        sys.exit(options.run(options))
    except WorkflowError as error:
        sys.exit(f"workflow-modules: {error.message}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workflow-modules",
        description="Shows the installed integrations, migrates their tables, moves workflows, and makes API keys.",
    )
    parser.add_argument("--version", action="version", version=version("workflow-modules-core"))
    commands = parser.add_subparsers(required=True, metavar="command")

    listing = commands.add_parser(
        "list",
        help="show every installed distribution, its modules and actions, and why one did not load",
        description=f"Discovers as server and worker do: {REQUIRED_DISTRIBUTIONS} names what has to be there (default: "
        f"{', '.join(sorted(DEFAULT_REQUIRED))}), and with {DATABASE_URL} set, pending migrations show too. "
        "Exits with 1 when a distribution failed or is blocked.",
    )
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)

    migrating = commands.add_parser(
        "migrate",
        help="bring the database to the state that the installed distributions need",
        description="Safe to run again, and from several machines at once.",
    )
    migrating.add_argument(
        "--database",
        metavar="URL",
        default=os.environ.get(ADMIN_URL),
        help=f"as a role that may create tables and roles (default: ${ADMIN_URL})",
    )
    migrating.add_argument(
        "--app-role", default=APP_ROLE, help="the role that server and worker are members of (default: %(default)s)"
    )
    migrating.set_defaults(run=_migrate)

    add_bundle_commands(commands).set_defaults(run=_bundles)
    add_api_key_commands(commands)
    return parser


def _list(options: argparse.Namespace) -> int:
    pending: Mapping[str, Sequence[str]] = {}
    if os.environ.get(DATABASE_URL):
        pending = asyncio.run(_pending(os.environ[DATABASE_URL]))
    found = discover(required=required_distributions(os.environ), pending=pending)
    rows = list_rows(found)
    if options.json:
        summary = {"fingerprint": found.registry.manifest.fingerprint, "distributions": rows}
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    else:
        _print_table(rows, found.registry.manifest.fingerprint)
    return 0 if found.report.healthy else 1


async def _pending(url: str) -> Mapping[str, Sequence[str]]:
    try:
        conn = await asyncpg.connect(url, timeout=10)
    except CONNECTING_ERRORS as error:
        raise unreachable(url, error) from None  # the cause may quote the connection string
    try:
        return await pending_migrations(conn)
    finally:
        await conn.close()


def list_rows(found: Discovery) -> list[dict[str, Any]]:
    """One record for each distribution: name, version, status, cause, modules with their actions, jobs."""
    registry = found.registry
    rows: list[dict[str, Any]] = []
    for loaded in found.report.loaded:
        modules = [
            {
                "groupKey": module.group_key,
                "label": module.label,
                "actions": sorted(a.key for a in registry.actions.values() if a.id in module.allowed_action_ids),
            }
            for module in registry.modules.values()
            if registry.distribution_of_module[module.group_key] == loaded.distribution
        ]
        jobs = sorted(
            job for job, distribution in registry.distribution_of_job.items() if distribution == loaded.distribution
        )
        rows.append(_row(loaded.distribution, loaded.version, "loaded", None, modules=modules, jobs=jobs))
    rows += [_row(b.distribution, b.version, "blocked", b.cause) for b in found.report.blocked]
    rows += [_row(f.distribution, f.version, "failed", f"{f.phase}: {f.cause}") for f in found.report.failed]
    return sorted(rows, key=lambda row: row["distribution"])


def _row(
    distribution: str,
    number: str | None,
    status: str,
    cause: str | None,
    *,
    modules: Sequence[dict[str, Any]] = (),
    jobs: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "distribution": distribution,
        "version": number,
        "status": status,
        "cause": cause,
        "modules": list(modules),
        "jobs": list(jobs),
    }


def _print_table(rows: Sequence[Mapping[str, Any]], fingerprint: str) -> None:
    # A terminal decides the width; a pipe gets wide lines, so that grep finds whole words.
    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table("Distribution", "Version", "Status", "Module", "Actions", title="Workflow integrations")
    colours = {"loaded": "green", "blocked": "yellow", "failed": "red"}
    for row in rows:
        status = Text(row["status"], style=colours[row["status"]])
        first = (Text(row["distribution"]), Text(row["version"] or "–"), status)
        if not row["modules"]:
            table.add_row(*first, "–", Text(row["cause"] or "–"))
        for position, module in enumerate(row["modules"]):
            names = Text(f"{module['label']} ({module['groupKey']})"), Text("\n".join(module["actions"]) or "–")
            table.add_row(*(first if position == 0 else ("", "", "")), *names)
        if row["jobs"]:
            table.add_row("", "", "", Text("jobs"), Text("\n".join(row["jobs"])))
    console.print(table)
    console.print(f"fingerprint {fingerprint}", highlight=False)


def _migrate(options: argparse.Namespace) -> int:
    if not options.database:
        sys.stderr.write(f"workflow-modules: name the database with --database or {ADMIN_URL}.\n")
        return 2

    def say(migration: Migration) -> None:
        sys.stdout.write(f"applied {migration}\n")
        sys.stdout.flush()

    applied = asyncio.run(migrate(options.database, app_role=options.app_role, on_progress=say))
    sys.stdout.write(f"{len(applied)} migrations applied.\n" if applied else "Nothing to do.\n")
    return 0


def _bundles(options: argparse.Namespace) -> int:
    url = os.environ.get(DATABASE_URL, "")
    pending: Mapping[str, Sequence[str]] = {}
    if not options.offline:
        if not url:
            sys.stderr.write(f"workflow-modules: name the database with {DATABASE_URL}.\n")
            return 2
        pending = asyncio.run(_pending(url))
        if CORE_DISTRIBUTION in pending:
            raise MigrationError("Migrations of core are pending; run `workflow-modules migrate`.")
    required = required_distributions(os.environ)
    found = discover(required=required, pending=pending)
    require(found.report, required=required, strict=False)
    exit_code: int = options.work(options, found.registry, url)
    return exit_code


if __name__ == "__main__":
    main()
