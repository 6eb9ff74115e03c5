"""The worker's settings, from environment variables; every problem is reported at once."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from workflow_core.discovery import DEFAULT_REQUIRED
from workflow_core.errors import ConfigurationError
from workflow_core.secrets import KEY_FILE_VARIABLE, KEY_VARIABLE, KeyEncryptionKey, load_key_encryption_key

#: Name → what ``--help`` says of it.
VARIABLES: Mapping[str, str] = {
    "WORKFLOW_DATABASE_URL": "postgresql://user@host/database, as a role in workflow_app (required)",
    "WORKFLOW_TEMPORAL_ADDRESS": "host:port of Temporal (127.0.0.1:7233)",
    "WORKFLOW_TEMPORAL_NAMESPACE": "Temporal namespace (default)",
    "WORKFLOW_REQUIRED_DISTRIBUTIONS": "comma-separated; the worker does not start without them (workflow-psa)",
    "WORKFLOW_STRICT": "1: do not start when any installed integration failed to load (0)",
    KEY_VARIABLE: "key-encryption key of the tenants' secrets, 32 bytes in base64",
    KEY_FILE_VARIABLE: "a file that holds it",
    "WORKFLOW_MAX_ACTIVITIES": "actions at once: so many on our database, and so many of each integration (20)",
    "WORKFLOW_SHUTDOWN_SECONDS": "how long SIGTERM waits for activities under way (30)",
    "WORKFLOW_BUILD_ID": "shown with the worker",
}


@attrs.frozen(kw_only=True)
class Settings:
    """See :data:`VARIABLES`."""

    database_url: str = attrs.field(repr=False)
    temporal_address: str
    temporal_namespace: str
    required: frozenset[str]
    strict: bool
    secrets_key: KeyEncryptionKey | None = attrs.field(repr=False)
    max_concurrent: int
    shutdown_seconds: int
    build_id: str | None


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Reads the settings.

    Raises:
        ConfigurationError: Naming every variable that is missing or wrong.
    """
    problems: list[str] = []
    database_url = environ.get("WORKFLOW_DATABASE_URL", "")
    if not database_url:
        problems.append("WORKFLOW_DATABASE_URL is not set")
    secrets_key = None
    if environ.get(KEY_VARIABLE) or environ.get(KEY_FILE_VARIABLE):
        try:
            secrets_key = load_key_encryption_key(environ)
        except ConfigurationError as error:
            problems.append(error.message)
    max_concurrent = _number(environ, "WORKFLOW_MAX_ACTIVITIES", 20, problems, least=1, most=1000)
    shutdown = _number(environ, "WORKFLOW_SHUTDOWN_SECONDS", 30, problems, least=0, most=3600)
    if problems:
        raise ConfigurationError("; ".join(problems))
    named = environ.get("WORKFLOW_REQUIRED_DISTRIBUTIONS")
    return Settings(
        database_url=database_url,
        temporal_address=environ.get("WORKFLOW_TEMPORAL_ADDRESS") or "127.0.0.1:7233",
        temporal_namespace=environ.get("WORKFLOW_TEMPORAL_NAMESPACE") or "default",
        required=DEFAULT_REQUIRED if named is None else frozenset(filter(None, map(str.strip, named.split(",")))),
        strict=environ.get("WORKFLOW_STRICT", "0").lower() in ("1", "true", "yes"),
        secrets_key=secrets_key,
        max_concurrent=max_concurrent,
        shutdown_seconds=shutdown,
        build_id=environ.get("WORKFLOW_BUILD_ID") or None,
    )


def _number(environ: Mapping[str, str], name: str, default: int, problems: list[str], *, least: int, most: int) -> int:
    text = environ.get(name)
    if not text:
        return default
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
    if not least <= value <= most:
        problems.append(f"{name} must be a whole number from {least} to {most}, not {text!r}")
        return default
    return value
