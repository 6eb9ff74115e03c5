"""``workflow-modules bundles``: checks, imports and exports bundles from a shell."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from workflow_core.bundles.envelope import MAX_BUNDLE_DEPTH, MAX_BYTES, BundledWorkflow, read_bundle
from workflow_core.bundles.exporting import export_by_key, make_bundle
from workflow_core.bundles.importing import ImportReport, calling_definitions, prepare_import, write_import
from workflow_core.definitions.calls import called_by
from workflow_core.definitions.surroundings import Surroundings
from workflow_core.discovery import Registry
from workflow_core.errors import ConfigurationError, NotFoundError, ValidationError, WorkflowError
from workflow_core.json_text import parse_json
from workflow_core.manifest import canonical_json
from workflow_core.records.permissions import permissions_of
from workflow_core.storage.database import Connection, Database

#: A subcommand's work: options, what is installed, and the database's address; answers what to exit with.
Work = Callable[[argparse.Namespace, Registry, str], int]

_APPLICATION: Final = "workflow-modules"


def add_bundle_commands(commands: Any) -> argparse.ArgumentParser:
    """
    Adds ``bundles`` with its own subcommands.

    Each sets ``work`` (:data:`Work`), and ``offline`` when it needs no database.
    """
    bundles: argparse.ArgumentParser = commands.add_parser(
        "bundles", help="check, import and export workflows as files", description="Workflows as files."
    )
    subcommands = bundles.add_subparsers(required=True, metavar="command")

    checking = subcommands.add_parser(
        "check",
        help="say what is wrong with bundles, without a database",
        description="Holds bundles against their format and the installed actions, as if a tenant had every module "
        "and every secret. Exits with 1 when a file is no bundle, or a workflow has errors.",
    )
    _add_files(checking)
    checking.set_defaults(work=_check, offline=True)

    importing = subcommands.add_parser(
        "import",
        help="import bundles for a tenant",
        description="Imports each file whole or not at all, and publishes what can be run here. Exits with 1 when a "
        "file was not imported, or a published version was held back.",
    )
    _add_files(importing)
    _add_tenant(importing)
    importing.add_argument(
        "--actor", type=_uuid, metavar="UUID", help="the user in whose name the published versions act"
    )
    importing.add_argument("--force", action="store_true", help="replace workflows of the same keys")
    importing.add_argument("--dry-run", action="store_true", help="write nothing, and report the same")
    importing.add_argument(
        "--allow-unavailable",
        action="store_true",
        help="publish also what needs modules that the tenant does not have yet",
    )
    importing.set_defaults(work=_import, offline=False)

    exporting = subcommands.add_parser(
        "export",
        help="export workflows of a tenant",
        description="Writes one bundle, as canonical JSON: equal workflows give equal files, but for the time.",
    )
    _add_tenant(exporting)
    exporting.add_argument(
        "--key", action="append", dest="keys", metavar="KEY", help="only this workflow; may be given several times"
    )
    exporting.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    exporting.set_defaults(work=_export, offline=False)
    return bundles


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_tenant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", type=_uuid, required=True, metavar="UUID")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a UUID") from None


# ── The subcommands ──────────────────────────────────────────────────────────────────────────────────────────────


def _check(options: argparse.Namespace, registry: Registry, _url: str) -> int:
    surroundings = Surroundings.without_tenant(registry)

    async def check(workflows: Sequence[BundledWorkflow]) -> ImportReport:
        return ImportReport(dry_run=True, workflows=prepare_import(workflows, surroundings), deleted=())

    return asyncio.run(_each_file(options, check, _has_errors))


def _import(options: argparse.Namespace, registry: Registry, url: str) -> int:
    async def run() -> int:
        async with Database.open(url, application_name=_APPLICATION) as database:
            await _require_tenant(database, options.tenant, options.actor)
            surroundings = await Surroundings.of_tenant(database, registry, options.tenant)

            async def load(workflows: Sequence[BundledWorkflow]) -> ImportReport:
                async with database.tenant(options.tenant) as conn:
                    prepared = prepare_import(
                        workflows,
                        surroundings,
                        allow_unavailable=options.allow_unavailable,
                        called=await called_by(conn, options.tenant, *calling_definitions(workflows)),
                        permissions=await _permissions(conn, options.tenant, options.actor),
                    )
                    return await write_import(
                        conn,
                        options.tenant,
                        prepared,
                        actor=options.actor,
                        force=options.force,
                        dry_run=options.dry_run,
                    )

            return await _each_file(options, load, _is_held_back)

    return asyncio.run(run())


def _export(options: argparse.Namespace, _registry: Registry, url: str) -> int:
    async def run() -> bytes:
        async with Database.open(url, application_name=_APPLICATION) as database:
            await _require_tenant(database, options.tenant, None)
            async with database.tenant(options.tenant, readonly=True) as conn:
                entries = await export_by_key(conn, options.tenant, options.keys)
        if not entries:
            raise NotFoundError("The tenant has no workflows.")
        return canonical_json(make_bundle(entries, exported_at=datetime.now(UTC))) + b"\n"

    content = asyncio.run(run())
    if options.output is None:
        sys.stdout.buffer.write(content)  # bytes: whatever the terminal's encoding is, the file is UTF-8
        return 0
    try:
        options.output.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"Cannot write {options.output}: {error.strerror}.") from None
    return 0


async def _require_tenant(database: Database, tenant: UUID, actor: UUID | None) -> None:
    """
    The ids were typed by a person: better to say that one is wrong than to fail later.

    Raises:
        NotFoundError: There is no such tenant, or it has no such user.
    """
    async with database.tenant(tenant, readonly=True) as conn:
        if not await conn.fetchval("SELECT EXISTS (SELECT FROM tenants WHERE tenant = $1)", tenant):
            raise NotFoundError(f"There is no tenant {tenant}.")
        known = "SELECT EXISTS (SELECT FROM users WHERE tenant = $1 AND user_id = $2)"
        if actor is not None and not await conn.fetchval(known, tenant, actor):
            raise NotFoundError(f"The tenant has no user {actor}.")


async def _permissions(conn: Connection, tenant: UUID, actor: UUID | None) -> frozenset[str] | None:
    """What the actor may do; None without one: runs then act in the name of who starts them."""
    return None if actor is None else await permissions_of(conn, tenant, actor)


# ── Files and reports ────────────────────────────────────────────────────────────────────────────────────────────


async def _each_file(
    options: argparse.Namespace,
    work: Callable[[Sequence[BundledWorkflow]], Awaitable[ImportReport]],
    is_wrong: Callable[[ImportReport], bool],
) -> int:
    """Works on one file after the other, whatever becomes of one; answers what to exit with."""
    reports: list[dict[str, Any]] = []
    wrong = False
    for path in options.files:
        try:
            report = await work(_read(path))
        except WorkflowError as error:
            wrong = True
            reports.append({"file": str(path), "ok": False, "error": _error_json(error)})
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            # Ends the command: the next file would meet the same.
            raise ConfigurationError(f"{path} was not imported: the database says: {error}") from None
        else:
            wrong = is_wrong(report) or wrong
            reports.append({"file": str(path), "ok": not is_wrong(report), **report.as_json()})
        if not options.json:
            sys.stdout.write("\n".join(_lines(reports[-1])) + "\n")
    if options.json:
        sys.stdout.write(json.dumps({"files": reports}, indent=2) + "\n")
    return 1 if wrong else 0


def _read(path: Path) -> list[BundledWorkflow]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValidationError(f"The file cannot be read: {error.strerror}.", code="FILE_UNREADABLE") from None
    if len(content) > MAX_BYTES:
        raise ValidationError(f"A bundle has at most {MAX_BYTES // 1024**2} MiB; split it.", code="FILE_TOO_LARGE")
    return read_bundle(parse_json(content, max_depth=MAX_BUNDLE_DEPTH))


def _has_errors(report: ImportReport) -> bool:
    return any(found.finding.severity == "error" for workflow in report.workflows for found in workflow.findings)


def _is_held_back(report: ImportReport) -> bool:
    return any(workflow.held for workflow in report.workflows)


def _error_json(error: WorkflowError) -> dict[str, Any]:
    errors = error.details.get("errors", [])
    return {"code": error.code, "message": error.message, "errors": errors}


def _lines(report: Mapping[str, Any]) -> list[str]:
    """The report about one file, for a person."""
    if "error" in report:
        error = report["error"]
        places = [f"  {wrong['path'] or 'the bundle'}: {wrong['message']}" for wrong in error["errors"]]
        return [f"{report['file']}: {error['code']}{'' if places else ': ' + error['message']}", *places]
    lines = [f"{report['file']}:"]
    lines += [f"  {replaced['key']}: replaces {replaced['workflowId']}" for replaced in report["deletedWorkflows"]]
    for workflow in report["report"]:
        states = [
            "imported" if workflow["imported"] else "would be imported",
            *([f"published {_numbers(workflow['published'])}"] if workflow["published"] else []),
            *([f"held back {_numbers(workflow['held'])}"] if workflow["held"] else []),
        ]
        lines.append(f"  {workflow['key']}: {', '.join(states)}")
        for finding in workflow["findings"]:
            place = finding.get("path") or finding["stepPath"]
            suggestion = f" ({finding['suggestion']})" if "suggestion" in finding else ""
            lines.append(
                f"    {finding['severity']} in {_numbers(finding['versions'])}: {place}: {finding['code']}: "
                f"{finding['message']}{suggestion}"
            )
    return lines


def _numbers(versions: Sequence[Any]) -> str:
    return ", ".join(str(version) for version in versions)
