"""What the server is configured with: environment variables, read once, with every mistake named at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import attrs

from workflow_catalog_server.auth import JwtKey
from workflow_core.discovery import DEFAULT_REQUIRED
from workflow_core.errors import ConfigurationError
from workflow_core.secrets import KeyEncryptionKey, load_key_encryption_key

T = TypeVar("T")

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})

VARIABLES: Final = """\
environment:
  WORKFLOW_DATABASE_URL            postgresql://user@host:port/database; the role owns nothing (required)
  WORKFLOW_JWT_KEY, …_KEY_FILE     what verifies bearer tokens (required): an HS256 secret of at least 32 bytes, or a
                                   public key in PEM, whose type decides: RS256, ES256/384/512 or EdDSA
  WORKFLOW_JWT_ISSUER, …_AUDIENCE  tokens must name them, when set
  WORKFLOW_SECRETS_KEY, …_KEY_FILE key that encrypts the tenants' secrets, 32 bytes in base64 (required)
  WORKFLOW_TEMPORAL_ADDRESS        default 127.0.0.1:7233
  WORKFLOW_TEMPORAL_NAMESPACE      default "default"
  WORKFLOW_HTTP_HOST, …_PORT       default 127.0.0.1 and 8080
  WORKFLOW_REQUIRED_DISTRIBUTIONS  comma-separated; the server does not start without them (default workflow-psa)
  WORKFLOW_STRICT                  1: refuse to start when any installed distribution failed to load
"""


@attrs.frozen(kw_only=True)
class Settings:
    """The server's configuration.

    Attributes:
        database_url: Connects as a role that owns nothing.
        temporal_address: ``host:port``.
        temporal_namespace: The platform's namespace.
        http_host: Where to listen.
        http_port: Where to listen; 0 takes a free port.
        jwt_key: What verifies bearer tokens.
        jwt_issuer: Tokens must name it, if set.
        jwt_audience: Tokens must name it, if set.
        secrets_key: Wraps the tenants' data keys.
        required_distributions: The server does not start without them.
        strict: Whether any failed distribution keeps the server from starting.
    """

    database_url: str = attrs.field(repr=False)
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    jwt_key: JwtKey
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    secrets_key: KeyEncryptionKey
    required_distributions: frozenset[str] = DEFAULT_REQUIRED
    strict: bool = False


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings from environment variables.

    Raises:
        ConfigurationError: Naming everything that is missing or wrong, at once.
    """
    problems: list[str] = []

    def collect(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except ConfigurationError as error:
            problems.append(error.message)
            return None

    database_url = collect(lambda: _required(environ, "WORKFLOW_DATABASE_URL"))
    port = collect(lambda: _port(environ.get("WORKFLOW_HTTP_PORT") or "8080"))
    jwt_key = collect(lambda: _jwt_key(environ))
    secrets_key = collect(lambda: load_key_encryption_key(environ))
    strict = collect(lambda: _flag(environ, "WORKFLOW_STRICT"))
    if problems or database_url is None or port is None or jwt_key is None or secrets_key is None or strict is None:
        raise ConfigurationError("\n".join(problems), details={"problems": problems})
    required = environ.get("WORKFLOW_REQUIRED_DISTRIBUTIONS")
    return Settings(
        database_url=database_url,
        temporal_address=environ.get("WORKFLOW_TEMPORAL_ADDRESS") or "127.0.0.1:7233",
        temporal_namespace=environ.get("WORKFLOW_TEMPORAL_NAMESPACE") or "default",
        http_host=environ.get("WORKFLOW_HTTP_HOST") or "127.0.0.1",
        http_port=port,
        jwt_key=jwt_key,
        jwt_issuer=environ.get("WORKFLOW_JWT_ISSUER") or None,
        jwt_audience=environ.get("WORKFLOW_JWT_AUDIENCE") or None,
        secrets_key=secrets_key,
        required_distributions=DEFAULT_REQUIRED if required is None else _names(required),
        strict=strict,
    )


def _required(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise ConfigurationError(f"{name} is not set")
    return environ[name]


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ConfigurationError("WORKFLOW_HTTP_PORT has to be a number from 0 to 65535")
    return int(text)


def _flag(environ: Mapping[str, str], name: str) -> bool:
    word = environ.get(name, "").strip().lower()
    if word not in _TRUE | _FALSE:
        raise ConfigurationError(f"{name} has to be 1 or 0")
    return word in _TRUE


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _jwt_key(environ: Mapping[str, str]) -> JwtKey:
    text, file = environ.get("WORKFLOW_JWT_KEY"), environ.get("WORKFLOW_JWT_KEY_FILE")
    if text and file:
        raise ConfigurationError("WORKFLOW_JWT_KEY and WORKFLOW_JWT_KEY_FILE are both set; set one of them")
    if file:
        try:
            return JwtKey.parse(Path(file).read_bytes().strip())
        except OSError as error:
            raise ConfigurationError(
                f"The file {file!r} that WORKFLOW_JWT_KEY_FILE names cannot be read ({type(error).__name__})"
            ) from error
    if not text:
        raise ConfigurationError("WORKFLOW_JWT_KEY or WORKFLOW_JWT_KEY_FILE is not set")
    return JwtKey.parse(text.strip().encode())
