"""What the worker is configured with: see :mod:`workflow_core.process`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from workflow_core.errors import ConfigurationError
from workflow_core.process import Environment, ProcessSettings

BUILD_ID: Final = "WORKFLOW_BUILD_ID"
_LONGEST_BUILD_ID: Final = 100

#: The worker's own variables → what ``--help`` says of them.
VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "WORKFLOW_MAX_ACTIVITIES": "actions at once: so many on our database, and so many of each integration (20)",
        "WORKFLOW_TENANT_ACTIVITIES": "of those of an integration, so many of one tenant (half of them)",
        "WORKFLOW_SHUTDOWN_SECONDS": "how long SIGTERM waits for activities under way (30)",
        "WORKFLOW_RECONCILE_SECONDS": "how long it is looked for whether an effect has happened that must not be sent "
        "twice, before a person is asked (900)",
        BUILD_ID: "the worker's version in Temporal's worker deployments, which gets runs once it is the current one",
    }
)


@attrs.frozen(kw_only=True)
class Settings(ProcessSettings):
    """The worker's configuration.

    Attributes:
        max_concurrent: Actions at once: so many on our database, and so many of each integration.
        per_tenant: How many calls of an integration one tenant may have under way.
        shutdown_seconds: How long a stop waits for what is under way.
        reconcile_seconds: How long after its sending an effect is looked for that must not be sent twice.
        build_id: Of its version in Temporal's worker deployments; None: the worker is not versioned.
    """

    max_concurrent: int
    per_tenant: int
    shutdown_seconds: int
    reconcile_seconds: int
    build_id: str | None


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings from environment variables.

    Raises:
        ConfigurationError: Naming everything that is missing or wrong, at once.
    """
    read = Environment(environ)
    max_concurrent = read.number("WORKFLOW_MAX_ACTIVITIES", 20, least=1, most=1000)
    return read.settings(
        Settings,
        max_concurrent=max_concurrent,
        per_tenant=read.number("WORKFLOW_TENANT_ACTIVITIES", max(1, max_concurrent // 2), least=1, most=1000),
        shutdown_seconds=read.number("WORKFLOW_SHUTDOWN_SECONDS", 30, least=0, most=3600),
        reconcile_seconds=read.number("WORKFLOW_RECONCILE_SECONDS", 900, least=0, most=86400),
        build_id=read.parsed(_build_id),
    )


def _build_id(environ: Mapping[str, str]) -> str | None:
    text = environ.get(BUILD_ID) or None
    if text is not None and not (len(text) <= _LONGEST_BUILD_ID and text.isascii() and text.isprintable()):
        raise ConfigurationError(f"{BUILD_ID} has at most {_LONGEST_BUILD_ID} printable ASCII characters")
    return text
