"""Keys for development, made once per data folder and readable by its owner only."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import jwt

from workflow_devstack.folder import DataFolder

PERMISSIONS: Final = (
    "workflow:read",
    "workflow:manage",
    "workflow:publish",
    "workflow:run",
    "workflow:admin",
    "ticket:create",
)
TOKEN_LIFETIME: Final = timedelta(days=7)

_KEY_BYTES: Final = 32


def ensure_keys(folder: DataFolder) -> None:
    """Make the keys that the folder does not have yet: 32 random bytes in base64 each."""
    for path in (folder.jwt_key, folder.secrets_key, folder.simulator_secret):
        if not path.exists():
            write_private(path, base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode() + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, in one piece."""
    staging = path.with_name(path.name + ".new")
    staging.unlink(missing_ok=True)
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    staging.replace(path)


def read_secret(path: Path) -> str:
    """What a key file holds, without the end of the line."""
    return path.read_text(encoding="utf-8").strip()


def token(
    folder: DataFolder,
    *,
    tenant: UUID,
    user: UUID,
    permissions: Iterable[str] = PERMISSIONS,
    lifetime: timedelta = TOKEN_LIFETIME,
) -> str:
    """
    A bearer token that the stack's server accepts.

    Args:
        folder: Whose key signs it.
        tenant: Whose records it opens.
        user: In whose name its bearer acts.
        permissions: What it allows.
        lifetime: How long it is good.
    """
    now = datetime.now(UTC)
    claims = {
        "sub": str(user),
        "tenant": str(tenant),
        "permissions": list(permissions),
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode(claims, read_secret(folder.jwt_key), algorithm="HS256")
