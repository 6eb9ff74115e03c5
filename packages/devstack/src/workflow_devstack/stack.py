"""``up``: the whole stack from an empty folder to a shown result, and back to nothing running."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Final, TypeVar

import aiohttp
import asyncpg
import attrs
from rich.console import Console

from workflow_core.errors import WorkflowError
from workflow_core.secrets import TenantSecrets, load_key_encryption_key
from workflow_core.storage.database import Database
from workflow_devstack import demonstration, keys, mail, ports, postgres, report, seed, simulator, temporal
from workflow_devstack.disk import check_free_space, full_disk
from workflow_devstack.folder import DataFolder, Lock, write_json
from workflow_devstack.keys import write_private
from workflow_devstack.ports import HOST, Ports
from workflow_devstack.postgres import SERVER_ROLE, WORKER_ROLE, Postgres
from workflow_devstack.processes import Command, Processes, child_environment, command_path, failure, stop_leftovers

SERVER: Final = "server"
WORKER: Final = "worker"
WORKER_SHUTDOWN_SECONDS: Final = 10
#: A person who tries the platform out need not wait long until they are asked what became of a lost effect.
RECONCILE_SECONDS: Final = 10

T = TypeVar("T")


@attrs.frozen
class Options:
    """
    What the user asked for.

    Attributes:
        folder: Where the data lie.
        ports: Where to listen; 0 picks a free one.
        once: Whether to stop after the demonstration.
    """

    folder: DataFolder
    ports: Ports
    once: bool


def up(options: Options, console: Console) -> int:
    """
    Start everything, show what it does, and keep it running unless only once is asked for.

    Args:
        options: What the user asked for.
        console: Where to show it.

    Returns:
        The exit status: 0 when all is well, 1 when the demonstration did not show what it should, 128 + n when a
        demonstration was ended by signal n.

    Raises:
        DevstackError: The stack cannot run; the message says why.
    """
    folder = options.folder
    check_free_space(folder.path)
    folder.prepare()
    with folder.lock() as lock:
        _tell_stale(lock, console)
        stop_leftovers_of(folder, console)
        options = attrs.evolve(options, ports=ports.reserve(options.ports))
        keys.ensure_keys(folder)
        folder.running_file.unlink(missing_ok=True)
        try:
            return asyncio.run(_Stack(options, lock, console).run())
        except asyncpg.DiskFullError as error:
            raise full_disk(folder.path) from error


def _tell_stale(lock: Lock, console: Console) -> None:
    if lock.stale_pid is not None:
        console.print(
            f"The last devstack on this folder (process {lock.stale_pid}) was ended without stopping: its lock is "
            "stale, and the folder is taken over.",
            style="yellow",
        )


def stop_leftovers_of(folder: DataFolder, console: Console) -> None:
    """Stop what an earlier devstack has left running, and say so."""
    stopped = stop_leftovers(folder)
    if stopped:
        console.print(f"Stopped what it had left running: {', '.join(stopped)}.", style="yellow")


class _Interruption:
    """Ctrl-C and its like: the first ends the work in order, the second at once."""

    def __init__(self, task: asyncio.Task[int], at_once: Callable[[], None]) -> None:
        self._task = task
        self._at_once = at_once
        self.signal: signal.Signals | None = None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals in the block."""
        loop = asyncio.get_running_loop()
        handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in handled:
            loop.add_signal_handler(number, self._receive, number)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    def _receive(self, number: signal.Signals) -> None:
        if self.signal is None:
            self.signal = number
            self._task.cancel()
        else:
            self._at_once()


class _Stack:
    def __init__(self, options: Options, lock: Lock, console: Console) -> None:
        self._options = options
        self._folder = options.folder
        self._ports = options.ports
        self._lock = lock
        self._console = console

    async def run(self) -> int:
        """From nothing to nothing; answers the exit status."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        async with Processes(self._folder, lock=self._lock.descriptor) as processes:
            interruption = _Interruption(task, processes.kill)
            with interruption.handled():
                try:
                    async with self._stopping(processes):
                        return await self._run(processes)
                except (asyncio.CancelledError, WorkflowError):  # Ctrl-C reaches some of what we start as well
                    if interruption.signal is None:
                        raise
                    task.uncancel()
        return 128 + interruption.signal if self._options.once else 0

    @asynccontextmanager
    async def _stopping(self, processes: Processes) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._console.print("\nStopping …")
            began = time.monotonic()
            self._folder.running_file.unlink(missing_ok=True)
            await processes.stop()
            await processes.stop_servers()
            self._console.print(f"Everything is stopped ({time.monotonic() - began:.1f} s).")

    async def _run(self, processes: Processes) -> int:
        database_server = await self._start_postgres(processes)
        await self._start(processes, temporal.command(self._folder, self._ports))
        known_account = self._folder.simulator_state.exists()
        await self._start(processes, simulator.command(self._folder, self._ports))
        await self._start(processes, mail.command(self._folder, self._ports))
        async with Database.open(
            database_server.dsn(SERVER_ROLE), application_name="workflow-devstack", max_size=2
        ) as database:
            await self._seed(database)
            write_private(self._folder.sign_in, json.dumps(seed.sign_in(self._folder)))
            await self._start(processes, self._server(database_server))
            await self._start(processes, await self._worker(database_server, database))
            result = await self._while_running(
                processes,
                demonstration.demonstrate(
                    self._folder, self._ports, database, fresh_alert=known_account, console=self._console
                ),
            )
            report.show(self._console, result)
            report.show_addresses(self._console, self._folder, self._ports)
        if self._options.once:
            return 0 if result.passed else 1
        report.show_how_to_call(self._console, self._folder, self._ports)
        self._console.print("\n[bold]Everything runs.[/] Ctrl-C stops it.")
        ended = await processes.first_ended()
        raise failure(ended.name, f"has ended ({ended.how}), so the whole stack stops", ended.log)

    # ── Starting ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _start_postgres(self, processes: Processes) -> Postgres:
        with self._timed("PostgreSQL", lambda: str(self._folder.postgres)):
            starting = asyncio.ensure_future(asyncio.to_thread(postgres.start, self._folder))
            try:
                await asyncio.shield(starting)
            finally:  # a thread cannot be interrupted: what it starts after Ctrl-C has to be stopped, too
                server = await starting
                processes.adopt_server(postgres.NAME, server.pid, server.log, server.stop)
        with self._timed("migrations", lambda: f"{len(applied)} applied"):
            applied = await postgres.prepare_database(server)
        write_json(self._folder.running_file, {"admin_dsn": server.dsn()})
        return server

    async def _start(self, processes: Processes, command: Command) -> None:
        with self._timed(command.name, lambda: self._where(command.name)):
            await self._while_running(processes, processes.start(command))

    def _where(self, name: str) -> str:
        return {
            temporal.NAME: self._ports.temporal.address,
            simulator.NAME: self._ports.simulator.url,
            mail.NAME: self._ports.mail.address,
            SERVER: self._ports.server.url,
        }.get(name, "")

    async def _seed(self, database: Database) -> None:
        with self._timed("sample data", lambda: f"{seed.CONNECTED.name} (with NinjaOne), {seed.UNCONNECTED.name}"):
            account = await simulator.read_account(self._ports.simulator.url)
            secrets = TenantSecrets(
                load_key_encryption_key({"WORKFLOW_SECRETS_KEY_FILE": str(self._folder.secrets_key)})
            )
            await seed.seed(
                database,
                secrets,
                account,
                url=self._ports.simulator.url,
                client_secret=keys.read_secret(self._folder.simulator_secret),
                mail_server=(HOST, self._ports.mail.number),
            )

    def _environment(self, dsn: str) -> dict[str, str]:
        return {
            "WORKFLOW_DATABASE_URL": dsn,
            "WORKFLOW_TEMPORAL_ADDRESS": self._ports.temporal.address,
            "WORKFLOW_TEMPORAL_NAMESPACE": temporal.NAMESPACE,
            "WORKFLOW_SECRETS_KEY_FILE": str(self._folder.secrets_key),
        }

    def _server(self, database_server: Postgres) -> Command:
        url = f"{self._ports.server.url}/health/ready"

        async def not_ready() -> str | None:
            try:
                async with aiohttp.request("GET", url, timeout=aiohttp.ClientTimeout(total=10)) as answer:
                    return None if answer.ok else f"{url} answers {answer.status}: {await answer.text()}"
            except (aiohttp.ClientError, TimeoutError) as error:
                return f"no answer from {url} ({type(error).__name__})"

        own = {
            **self._environment(database_server.dsn(SERVER_ROLE)),
            "WORKFLOW_HTTP_HOST": HOST,
            "WORKFLOW_HTTP_PORT": str(self._ports.server.number),
            "WORKFLOW_JWT_KEY_FILE": str(self._folder.jwt_key),
            "WORKFLOW_DEVELOPMENT_SIGN_IN_FILE": str(self._folder.sign_in),
        }
        return Command(
            name=SERVER,
            argv=(command_path("workflow-catalog-server"),),
            environ=child_environment(own, os.environ),
            not_ready=not_ready,
        )

    async def _worker(self, database_server: Postgres, database: Database) -> Command:
        started_at = await _database_time(database)

        async def not_ready() -> str | None:
            async with database.untenanted() as conn:
                seen = await conn.fetchval(
                    "SELECT EXISTS (SELECT FROM workflow_workers WHERE heartbeat_at > $1 AND started_at > $1)",
                    started_at,
                )
            return None if seen else "it has not reported to the database yet"

        own = {
            **self._environment(database_server.dsn(WORKER_ROLE)),
            "WORKFLOW_SHUTDOWN_SECONDS": str(WORKER_SHUTDOWN_SECONDS),
            "WORKFLOW_RECONCILE_SECONDS": str(RECONCILE_SECONDS),
        }
        return Command(
            name=WORKER,
            argv=(command_path("workflow-worker"),),
            environ=child_environment(own, os.environ),
            not_ready=not_ready,
        )

    # ── While it runs ────────────────────────────────────────────────────────────────────────────────────────────

    async def _while_running(self, processes: Processes, work: Awaitable[T]) -> T:
        """The work's result, unless a process ends before: then its error."""
        working = asyncio.ensure_future(work)
        ended = asyncio.create_task(processes.first_ended())
        try:
            await asyncio.wait({working, ended}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():  # a process that did not start says so itself
                return working.result()
            died = ended.result()
            raise failure(died.name, f"has ended ({died.how})", died.log)
        finally:
            for task in (working, ended):
                task.cancel()
            await asyncio.gather(working, ended, return_exceptions=True)

    @contextmanager
    def _timed(self, what: str, more: Callable[[], str]) -> Iterator[None]:
        began = time.monotonic()
        with self._console.status(f"{what} …") if self._console.is_terminal else contextlib.nullcontext():
            yield
        took = time.monotonic() - began
        self._console.print(f"[green]✓[/] {what:<12} [dim]{took:5.1f} s  {more()}[/]")


async def _database_time(database: Database) -> datetime:
    async with database.untenanted() as conn:
        now: datetime = await conn.fetchval("SELECT now()")
    return now
