"""How a process of the platform is configured and started: what server and worker have in common.

Configuration is environment variables, read once, with everything that is missing or wrong named at once.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final, TypeVar

import attrs

from workflow_core.discovery import DEFAULT_REQUIRED
from workflow_core.errors import ConfigurationError
from workflow_core.secrets import KEY_FILE_VARIABLE, KEY_VARIABLE, KeyEncryptionKey, load_key_encryption_key

T = TypeVar("T")
S = TypeVar("S", bound="ProcessSettings")

#: The exit status of a process that cannot start as configured.
MISCONFIGURED: Final = 2

DATABASE_URL: Final = "WORKFLOW_DATABASE_URL"
TENANT_RUNS: Final = "WORKFLOW_TENANT_RUNS"
REQUIRED_DISTRIBUTIONS: Final = "WORKFLOW_REQUIRED_DISTRIBUTIONS"
STRICT: Final = "WORKFLOW_STRICT"

#: The variables of every process → what ``--help`` says of them.
SHARED_VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        DATABASE_URL: "postgresql://user@host:port/database, as a role of workflow_app that owns nothing (required)",
        KEY_VARIABLE: "what encrypts the tenants' secrets: 32 bytes in base64 (required, here or in a file)",
        KEY_FILE_VARIABLE: "a file that holds it",
        "WORKFLOW_TEMPORAL_ADDRESS": "host:port of Temporal (127.0.0.1:7233)",
        "WORKFLOW_TEMPORAL_NAMESPACE": "the platform's namespace (default)",
        TENANT_RUNS: "runs of one tenant at once, the same for all processes; 0: any number (100)",
        REQUIRED_DISTRIBUTIONS: "comma-separated; the process does not start without them (workflow-psa)",
        STRICT: "1: do not start when any installed distribution failed to load (0)",
    }
)

_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})


@attrs.frozen(kw_only=True)
class ProcessSettings:
    """What :data:`SHARED_VARIABLES` give.

    Attributes:
        database_url: Connects as a role that owns nothing.
        secrets_key: Wraps the tenants' data keys.
        temporal_address: ``host:port``.
        temporal_namespace: The platform's namespace.
        tenant_runs: How many runs of a tenant may be busy at once; None: as many as there are.
        required_distributions: The process does not start without them.
        strict: Whether any failed distribution keeps the process from starting.
    """

    database_url: str = attrs.field(repr=False)
    secrets_key: KeyEncryptionKey
    temporal_address: str
    temporal_namespace: str
    tenant_runs: int | None
    required_distributions: frozenset[str]
    strict: bool


class Environment:
    """Reads environment variables, and collects what is wrong with them.

    A variable that is empty counts as not set.

    Args:
        environ: Usually ``os.environ``.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def text(self, name: str, default: T) -> str | T:
        """The text, or the default."""
        return self._environ.get(name) or default

    def required(self, name: str) -> str:
        """The text, which has to be there."""
        if not self._environ.get(name):
            self._problems.append(f"{name} is not set")
        return self._environ.get(name, "")

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number within bounds, or the default."""
        text = self._environ.get(name)
        if not text:
            return default
        value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
        if not least <= value <= most:
            self._problems.append(f"{name} has to be a whole number from {least} to {most}, not {text!r}")
        return value

    def flag(self, name: str) -> bool:
        """Whether it is switched on."""
        word = self._environ.get(name, "").strip().lower()
        if word not in _TRUE | _FALSE:
            self._problems.append(f"{name} has to be 1 or 0, not {word!r}")
        return word in _TRUE

    def parsed(self, parse: Callable[[Mapping[str, str]], T]) -> T | None:
        """What ``parse`` makes of the variables; None, and collected, when it raises ConfigurationError."""
        try:
            return parse(self._environ)
        except ConfigurationError as error:
            self._problems.append(error.message)
            return None

    def settings(self, cls: type[S], **own: Any) -> S:
        """The process's settings: those that every process has, and its own.

        Args:
            cls: What to make.
            **own: Its fields beside the shared ones, read before.

        Raises:
            ConfigurationError: Naming everything that was missing or wrong.
        """
        shared: dict[str, Any] = {
            "database_url": self.required(DATABASE_URL),
            "secrets_key": self.parsed(load_key_encryption_key),
            "temporal_address": self.text("WORKFLOW_TEMPORAL_ADDRESS", "127.0.0.1:7233"),
            "temporal_namespace": self.text("WORKFLOW_TEMPORAL_NAMESPACE", "default"),
            "tenant_runs": self.number(TENANT_RUNS, 100, least=0, most=1_000_000) or None,
            "required_distributions": required_distributions(self._environ),
            "strict": self.flag(STRICT),
        }
        if self._problems:
            raise ConfigurationError("\n".join(self._problems), details={"problems": self._problems})
        return cls(**shared, **own)


def required_distributions(environ: Mapping[str, str]) -> frozenset[str]:
    """The distributions without which nothing starts; set and empty: there is none."""
    named = environ.get(REQUIRED_DISTRIBUTIONS)
    return DEFAULT_REQUIRED if named is None else frozenset(filter(None, map(str.strip, named.split(","))))


def run_process(
    command: str,
    description: str,
    variables: Mapping[str, str],
    run: Callable[[Mapping[str, str]], Coroutine[Any, Any, None]],
    arguments: Sequence[str] | None = None,
    *,
    options: Mapping[str, str] = _NO_OPTIONS,
) -> int:
    """Runs a process from its command line to its end.

    Args:
        command: Its name, and its distribution's.
        description: What it does, for ``--help``.
        variables: The variables of its own → what ``--help`` says of them.
        run: Runs until the process is told to stop; takes the environment.
        arguments: Of the command line; those of this process when left out.
        options: Options of its own, such as ``--build-id`` → the variable that each stands for.

    Returns:
        0 after a graceful stop, :data:`MISCONFIGURED` when it cannot start as configured.
    """
    shown = {**SHARED_VARIABLES, **variables}
    width = max(map(len, shown))
    parser = argparse.ArgumentParser(
        prog=command,
        description=description,
        epilog="environment (and defaults):\n" + "\n".join(f"  {name:<{width}}  {shown[name]}" for name in shown),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version(command))
    parser.add_argument("--strict", action="store_true", help=f"the same as {STRICT}=1")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    for option, variable in options.items():
        parser.add_argument(option, dest=variable, metavar="…", help=f"the same as {variable}=…")
    given = parser.parse_args(arguments)
    logging.basicConfig(
        level=given.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    try:
        asyncio.run(run({**os.environ, **_chosen(given, options)}))
    except ConfigurationError as error:
        sys.stderr.write(f"{command} cannot start:\n{error.message}\n")
        return MISCONFIGURED
    return 0


def _chosen(given: argparse.Namespace, options: Mapping[str, str]) -> dict[str, str]:
    """The variables that options of the command line set."""
    own = {variable: getattr(given, variable) for variable in options.values()}
    chosen = {variable: text for variable, text in own.items() if text is not None}
    return {**chosen, STRICT: "1"} if given.strict else chosen
