"""
Secrets of tenants: encrypted at rest, and opened only where they are used.

Envelope encryption with AES-256-GCM. Each tenant has a data key, which is stored wrapped with the key-encryption key;
that one comes from the process's environment and never touches the database. What is encrypted is bound to its tenant,
scope and name, so a row that is copied elsewhere does not open.

Scopes: ``workflow`` holds what ``{"$secret": "NAME"}`` in a workflow's mappings names; ``integration:<provider>`` holds
the credentials of a connection.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import attrs
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workflow_core.errors import ConfigurationError, FieldError, SecretNotFoundError, ValidationError
from workflow_core.storage.database import Connection

WORKFLOW_SCOPE: Final = "workflow"
KEY_VARIABLE: Final = "WORKFLOW_SECRETS_KEY"
KEY_FILE_VARIABLE: Final = "WORKFLOW_SECRETS_KEY_FILE"
MAX_SECRET_BYTES: Final = 64 * 1024

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"
_SCOPE = re.compile(r"workflow|integration:[a-z0-9][a-z0-9._-]{0,63}")
#: What the names of workflows' secrets, and of connections', have to be; and the same in words.
_WORKFLOW_NAME: Final = (
    re.compile(r"[A-Z][A-Z0-9_]{0,127}"),
    "must begin with a capital letter, and have capital letters, digits and underscores alone, 128 at most",
)
_INTEGRATION_NAME: Final = (
    re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}"),
    "must begin with a letter, and have letters, digits and _.- alone, 128 at most",
)
_HOW_TO_MAKE_A_KEY: Final = "Make one with: openssl rand -base64 32"


def integration_scope(provider: str) -> str:
    """The scope of a connection's credentials."""
    return f"integration:{provider}"


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class KeyEncryptionKey:
    """The key that wraps the tenants' data keys; 32 bytes that no database knows."""

    value: bytes = attrs.field(repr=False)

    @value.validator
    def _check(self, _attribute: object, value: bytes) -> None:
        if len(value) != _KEY_BYTES:
            raise ConfigurationError(
                f"The key-encryption key has {len(value)} bytes instead of {_KEY_BYTES}. {_HOW_TO_MAKE_A_KEY}"
            )


def load_key_encryption_key(environ: Mapping[str, str]) -> KeyEncryptionKey:
    """
    The key from ``WORKFLOW_SECRETS_KEY``, or from the file that ``WORKFLOW_SECRETS_KEY_FILE`` names.

    Args:
        environ: Usually ``os.environ``; the key is 32 bytes in base64.

    Raises:
        ConfigurationError: Neither or both are set, or what is there is no key.
    """
    text, file = environ.get(KEY_VARIABLE), environ.get(KEY_FILE_VARIABLE)
    if text and file:
        raise ConfigurationError(f"{KEY_VARIABLE} and {KEY_FILE_VARIABLE} are both set; set one of them")
    if text:
        return _decode_key(text, KEY_VARIABLE)
    if file:
        try:
            content = Path(file).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The file {file!r} that {KEY_FILE_VARIABLE} names cannot be read ({type(error).__name__})"
            ) from error
        return _decode_key(content, KEY_FILE_VARIABLE)
    raise ConfigurationError(
        f"No key for the tenants' secrets: set {KEY_VARIABLE}, or {KEY_FILE_VARIABLE} to a file with the key "
        f"(32 bytes in base64). {_HOW_TO_MAKE_A_KEY}"
    )


def _decode_key(text: str, source: str) -> KeyEncryptionKey:
    try:
        value = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError(
            f"What {source} gives is not base64. {_HOW_TO_MAKE_A_KEY}"
        ) from None  # the cause may quote the key
    return KeyEncryptionKey(value)


# ── Encryption ───────────────────────────────────────────────────────────────────────────────────────────────────


class SecretBox:
    """
    Encrypts and decrypts with one key; what is sealed for a purpose opens for that purpose only.

    Layout of what is sealed: one byte of format, twelve of nonce, then ciphertext and tag.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, content: bytes, *purpose: str) -> bytes:
        """Encrypt, bound to the words of ``purpose``."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, content, orjson.dumps(purpose))

    def open(self, sealed: bytes, *purpose: str) -> bytes:
        """
        Decrypt what :meth:`seal` made with the same key for the same purpose.

        Raises:
            ConfigurationError: With another key, for another purpose, or when it was changed.
        """
        start = len(_FORMAT) + _NONCE_BYTES
        try:
            if not sealed.startswith(_FORMAT):
                raise InvalidTag
            return self._cipher.decrypt(sealed[len(_FORMAT) : start], sealed[start:], orjson.dumps(purpose))
        except (InvalidTag, ValueError):
            raise ConfigurationError(
                f"The stored {' / '.join(purpose)} cannot be decrypted: it was written with another "
                f"key-encryption key ({KEY_VARIABLE}), or was changed. Restore the key, or store the secret again.",
                code="SECRET_UNREADABLE",
            ) from None


# ── Storage ──────────────────────────────────────────────────────────────────────────────────────────────────────


class ResolvedSecrets(dict[str, str]):
    """Secrets by name, in clear; shows its names only."""

    def __repr__(self) -> str:
        return f"<ResolvedSecrets {', '.join(sorted(self))}>"

    __str__ = __repr__


class TenantSecrets:
    """
    The secrets of all tenants, with the key that opens them.

    Every method takes a connection that is bound to the tenant.
    """

    def __init__(self, key: KeyEncryptionKey) -> None:
        self._keys = SecretBox(key.value)

    async def write(
        self, conn: Connection, tenant: UUID, scope: str, name: str, value: str, *, actor: UUID | None
    ) -> None:
        """
        Store a secret, replacing one of the same name.

        Args:
            conn: Bound to the tenant.
            tenant: Whose secret.
            scope: ``workflow`` or ``integration:<provider>``.
            name: In the scope ``workflow`` capital letters, digits and underscores, beginning with a letter.
            value: Not empty, at most 64 KiB, without NUL characters, which no place where it is used could take.
            actor: The user who stores it; None for the platform itself, such as for a refreshed token.

        Raises:
            ValidationError: ``INVALID_SECRET_NAME`` or ``INVALID_SECRET_VALUE``.
        """
        _check_name(scope, name)
        content = value.encode()
        if not 0 < len(content) <= MAX_SECRET_BYTES:
            raise _invalid_value(name, "LENGTH", f"must have between 1 and {MAX_SECRET_BYTES} bytes")
        if b"\0" in content:
            raise _invalid_value(name, "FORMAT", "must not have a NUL character")
        key_id, box = await self._current_key(conn, tenant)
        await conn.execute(
            """
            INSERT INTO tenant_secrets (tenant, scope, name, ciphertext, key_id, updated_by)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (tenant, scope, name) DO UPDATE
            SET ciphertext = EXCLUDED.ciphertext, key_id = EXCLUDED.key_id, updated_by = EXCLUDED.updated_by,
                updated_at = now()
            """,
            tenant,
            scope,
            name,
            box.seal(content, "secret", str(tenant), scope, name),
            key_id,
            actor,
        )

    async def resolve(self, conn: Connection, tenant: UUID, scope: str, names: Iterable[str]) -> ResolvedSecrets:
        """
        The values of all these secrets.

        Raises:
            SecretNotFoundError: Some are not stored; the message and ``details['names']`` name them.
            ValidationError: ``INVALID_SECRET_NAME``.
            ConfigurationError: ``SECRET_UNREADABLE``: written with another key-encryption key, or changed.
        """
        wanted = sorted(set(names))
        for name in wanted:
            _check_name(scope, name)
        found = await self.find(conn, tenant, scope, wanted)
        missing = sorted(set(wanted) - set(found))
        if missing:
            raise SecretNotFoundError(
                f"Not stored in the scope {scope!r}: {', '.join(missing)}. Store the secret, or name another one.",
                details={"scope": scope, "names": missing},
            )
        return found

    async def find(self, conn: Connection, tenant: UUID, scope: str, names: Iterable[str]) -> ResolvedSecrets:
        """
        The values of those of the secrets that are stored.

        Raises:
            ConfigurationError: ``SECRET_UNREADABLE``: written with another key-encryption key, or changed.
        """
        rows = await conn.fetch(
            """
            SELECT s.name, s.ciphertext, k.key_id, k.wrapped_key
            FROM tenant_secrets s JOIN tenant_secret_keys k ON k.tenant = s.tenant AND k.key_id = s.key_id
            WHERE s.tenant = $1 AND s.scope = $2 AND s.name = ANY ($3::text[])
            """,
            tenant,
            scope,
            list(names),
        )
        boxes = {row["key_id"]: self._unwrap(tenant, row["key_id"], row["wrapped_key"]) for row in rows}
        return ResolvedSecrets(
            {
                row["name"]: boxes[row["key_id"]]
                .open(row["ciphertext"], "secret", str(tenant), scope, row["name"])
                .decode()
                for row in rows
            }
        )

    @staticmethod
    async def names(conn: Connection, tenant: UUID, scope: str) -> list[str]:
        """The names of all secrets of a scope, sorted; nobody needs the key for that."""
        rows = await conn.fetch(
            'SELECT name FROM tenant_secrets WHERE tenant = $1 AND scope = $2 ORDER BY name COLLATE "C"',
            tenant,
            scope,
        )
        return [row["name"] for row in rows]

    async def delete(self, conn: Connection, tenant: UUID, scope: str, name: str) -> bool:
        """Forget a secret; tells whether it was there."""
        deleted = await conn.fetchval(
            "DELETE FROM tenant_secrets WHERE tenant = $1 AND scope = $2 AND name = $3 RETURNING true",
            tenant,
            scope,
            name,
        )
        return deleted is not None

    async def forget(self, conn: Connection, tenant: UUID, scope: str, *, besides: Iterable[str] = ()) -> None:
        """Forget all secrets of a scope, besides these."""
        await conn.execute(
            "DELETE FROM tenant_secrets WHERE tenant = $1 AND scope = $2 AND name <> ALL ($3::text[])",
            tenant,
            scope,
            list(besides),
        )

    def seal(self, content: bytes, *purpose: str) -> bytes:
        """Encrypt with the platform's own key what it gives away or keeps for a while; see :meth:`SecretBox.seal`."""
        return self._keys.seal(content, *purpose)

    def open(self, sealed: bytes, *purpose: str) -> bytes:
        """
        What :meth:`seal` was given.

        Raises:
            ConfigurationError: ``SECRET_UNREADABLE``: sealed with another key, for another purpose, or changed.
        """
        return self._keys.open(sealed, *purpose)

    async def _current_key(self, conn: Connection, tenant: UUID) -> tuple[UUID, SecretBox]:
        """The tenant's newest data key; the first secret makes it, and two first ones make one."""
        await conn.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('tenant_secret_keys ' || $1::text, 0))", str(tenant)
        )
        row = await conn.fetchrow(
            "SELECT key_id, wrapped_key FROM tenant_secret_keys WHERE tenant = $1 "
            "ORDER BY created_at DESC, key_id LIMIT 1",
            tenant,
        )
        if row is not None:
            return row["key_id"], self._unwrap(tenant, row["key_id"], row["wrapped_key"])
        key_id, key = uuid4(), AESGCM.generate_key(bit_length=8 * _KEY_BYTES)
        await conn.execute(
            "INSERT INTO tenant_secret_keys (tenant, key_id, wrapped_key) VALUES ($1, $2, $3)",
            tenant,
            key_id,
            self._keys.seal(key, "data key", str(tenant), str(key_id)),
        )
        return key_id, SecretBox(key)

    def _unwrap(self, tenant: UUID, key_id: UUID, wrapped_key: bytes) -> SecretBox:
        return SecretBox(self._keys.open(wrapped_key, "data key", str(tenant), str(key_id)))


def _invalid_value(name: str, code: str, expected: str) -> ValidationError:
    return ValidationError(
        f"The value of the secret {name} {expected}.",
        code="INVALID_SECRET_VALUE",
        details={"name": name},
        errors=[FieldError("value", code, expected)],
    )


def _check_name(scope: str, name: str) -> None:
    if _SCOPE.fullmatch(scope) is None:
        raise ValidationError(
            f"{scope!r} is no scope for secrets; use 'workflow' or 'integration:<provider>'",
            code="INVALID_SECRET_SCOPE",
            errors=[FieldError("scope", "FORMAT", "must be 'workflow' or 'integration:<provider>'")],
        )
    pattern, rule = _WORKFLOW_NAME if scope == WORKFLOW_SCOPE else _INTEGRATION_NAME
    if pattern.fullmatch(name) is None:
        raise ValidationError(
            f"{name!r} is no name for a secret in the scope {scope!r}: it {rule}",
            code="INVALID_SECRET_NAME",
            details={"name": name},
            errors=[FieldError("name", "FORMAT", rule)],
        )
