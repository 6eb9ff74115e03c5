"""``workflow-modules api-keys``: makes, lists and revokes the keys of scripts."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg

from workflow_core.api_keys.keys import ApiKey, create_api_key, list_api_keys, revoke_api_key
from workflow_core.errors import ConfigurationError
from workflow_core.process import DATABASE_URL
from workflow_core.storage.database import Connection, Database

T = TypeVar("T")

#: What a key may do when nothing else is said: what scripts do that import, publish and run workflows. Storing secrets
#: (workflow:admin) has to be asked for.
DEFAULT_PERMISSIONS: Final = ("workflow:read", "workflow:manage", "workflow:publish", "workflow:run")
_LONGEST_LABEL: Final = 255
_PERMISSION = re.compile(r"[a-z][a-z0-9_]*:[a-z][a-z0-9_]*")


def add_api_key_commands(commands: Any) -> None:
    """Adds ``api-keys`` with its own subcommands; each sets ``run``."""
    keys: argparse.ArgumentParser = commands.add_parser(
        "api-keys",
        help="make, list and revoke keys for scripts",
        description="Scripts send a key as x-api-key, and its tenant as x-tenant-id. Works on the database of "
        f"{DATABASE_URL}.",
    )
    subcommands = keys.add_subparsers(required=True, metavar="command")

    creating = subcommands.add_parser(
        "create", help="make a key, and print it once", description="Prints the key, which cannot be shown again."
    )
    _add_tenant(creating)
    creating.add_argument("--user", type=_uuid, required=True, metavar="UUID", help="in whose name it acts")
    creating.add_argument("--label", type=_label, required=True, help="what it is for")
    creating.add_argument(
        "--permission",
        action="append",
        dest="permissions",
        type=_permission,
        metavar="RESOURCE:ACTION",
        help=f"may be given several times (default: {', '.join(DEFAULT_PERMISSIONS)})",
    )
    creating.add_argument("--days", type=_days, metavar="N", help="until it expires (default: never)")
    creating.set_defaults(run=_create)

    listing = subcommands.add_parser("list", help="show the keys of a tenant, without the keys themselves")
    _add_tenant(listing)
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)

    revoking = subcommands.add_parser(
        "revoke", help="end a key", description="Servers refuse the key half a minute later at the latest."
    )
    _add_tenant(revoking)
    revoking.add_argument("api_key_id", type=_uuid, metavar="ID", help="as `list` shows it")
    revoking.set_defaults(run=_revoke)


def _add_tenant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", type=_uuid, required=True, metavar="UUID")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a UUID") from None


def _label(text: str) -> str:
    if not (0 < len(text) <= _LONGEST_LABEL and text.isprintable()):
        raise argparse.ArgumentTypeError(f"has to be one line of at most {_LONGEST_LABEL} characters")
    return text


def _permission(text: str) -> str:
    if _PERMISSION.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a permission such as {DEFAULT_PERMISSIONS[0]}")
    return text


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= 36500 and len(text) <= 5):
        raise argparse.ArgumentTypeError("has to be a number from 1 to 36500")
    return int(text)


def _create(options: argparse.Namespace) -> int:
    expires_at = None if options.days is None else datetime.now(UTC) + timedelta(days=options.days)
    key, made = _on_database(
        options,
        lambda conn: create_api_key(
            conn,
            options.tenant,
            user=options.user,
            label=options.label,
            permissions=options.permissions or DEFAULT_PERMISSIONS,
            expires_at=expires_at,
        ),
    )
    # The key alone on standard output: a script can keep it.
    sys.stderr.write(f"Made the key {made.api_key_id} ({_state(made)}). It is shown this once:\n")
    sys.stdout.write(f"{key}\n")
    return 0


def _list(options: argparse.Namespace) -> int:
    keys = _on_database(options, lambda conn: list_api_keys(conn, options.tenant))
    if options.json:
        sys.stdout.write(json.dumps([_as_json(key) for key in keys], indent=2) + "\n")
    else:
        for key in keys:
            permissions = " ".join(sorted(key.permissions))
            sys.stdout.write(f"{key.api_key_id}  {_state(key)}  {key.label}  user {key.user_id}  {permissions}\n")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    key = _on_database(options, lambda conn: revoke_api_key(conn, options.tenant, options.api_key_id))
    sys.stdout.write(f"{key.api_key_id}  {_state(key)}  {key.label}\n")
    return 0


def _on_database(options: argparse.Namespace, work: Callable[[Connection], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        async with (
            Database.open(url, application_name="workflow-modules", max_size=1) as database,
            database.tenant(options.tenant) as conn,
        ):
            return await work(conn)

    url = os.environ.get(DATABASE_URL)
    if not url:
        raise ConfigurationError(f"Name the database with {DATABASE_URL}.")
    try:
        return asyncio.run(run(url))
    except asyncpg.UndefinedTableError:
        raise ConfigurationError("Migrations are pending; run `workflow-modules migrate`.") from None


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "never expires"
    word = "expired" if key.expires_at <= datetime.now(UTC) else "expires"
    return f"{word} {key.expires_at:%Y-%m-%d}"


def _as_json(key: ApiKey) -> dict[str, Any]:
    return {
        "apiKeyId": str(key.api_key_id),
        "label": key.label,
        "userId": str(key.user_id),
        "permissions": sorted(key.permissions),
        "createdAt": key.created_at.isoformat(),
        "lastUsedAt": key.last_used_at and key.last_used_at.isoformat(),
        "expiresAt": key.expires_at and key.expires_at.isoformat(),
        "revokedAt": key.revoked_at and key.revoked_at.isoformat(),
    }
