"""The platform that is tormented: PostgreSQL, Temporal with a database file, the simulator, server and workers.

Everything is the devstack's own, in a folder of its own. Server and workers are services: each is started again
whenever it ends, as a service manager would do it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import attrs

from workflow_core.secrets import TenantSecrets, load_key_encryption_key
from workflow_core.storage.database import Database
from workflow_devstack import keys, postgres, seed, simulator, temporal
from workflow_devstack.errors import ProcessError
from workflow_devstack.folder import DataFolder, write_json
from workflow_devstack.pids import is_alive
from workflow_devstack.ports import HOST, Ports, reserve, with_numbers
from workflow_devstack.processes import Command, Processes, child_environment, command_path
from workflow_devstack.seed import CONNECTED

REBOOT_SECONDS: Final = 0.3
"""How long after the command a device that is online has rebooted."""
REPORT_SECONDS: Final = 1.5
"""How long after that it shows."""
LOOK_SECONDS: Final = 10
"""For how long workers look whether a reboot has happened whose answer was lost: those that show do so in time."""

_ROOT: Final = Path(__file__).parents[2]
_STOP_SECONDS: Final = 5
_PAUSE_SECONDS: Final = 0.3
_JOURNAL: Final = "journal.jsonl"
_ACCOUNT: Final = "account.json"


@attrs.frozen
class Death:
    """The end of a service's process.

    Attributes:
        name: Of the process.
        point: At which moment it was to kill itself, if it was.
        at: Epoch seconds.
        code: As ``subprocess`` has it; -9 for a killed one.
        by_us: Whether it was killed from outside.
    """

    name: str
    point: str | None
    at: float
    code: int
    by_us: bool


class Service:
    """A process that is started again whenever it ends.

    Args:
        name: Of the service; its processes are called ``name-1``, ``name-2``, and so on.
        processes: Starts them.
        command: Gives the command of the next process, and the moment at which that one kills itself, if it does.

    Attributes:
        deaths: How its processes have ended.
        point: The moment at which the process of now kills itself, if it does.
        ready_at: Since when it is ready, on the monotonic clock; None: it is not.
    """

    def __init__(self, name: str, processes: Processes, command: Callable[[str], tuple[Command, str | None]]) -> None:
        self.name = name
        self.deaths: list[Death] = []
        self.point: str | None = None
        self.ready_at: float | None = None
        self._processes = processes
        self._command = command
        self._process = ""
        self._killed = False

    async def run(self) -> None:
        """Keeps it running until this is cancelled."""
        number = 0
        while True:
            number += 1
            self._process, self._killed = f"{self.name}-{number}", False
            command, self.point = self._command(self._process)
            with contextlib.suppress(ProcessError):  # it ended before it was ready
                await self._processes.start(command)
                self.ready_at = time.monotonic()
            code = await self._processes.ended(self._process)
            self.ready_at = None
            self.deaths.append(Death(self._process, self.point, time.time(), code, self._killed))
            if code != -signal.SIGKILL:  # what it needs is away
                await asyncio.sleep(_PAUSE_SECONDS)

    def kill(self) -> None:
        """Kills the process of the moment."""
        self._killed = True
        self._processes.send(self._process, signal.SIGKILL)


class Platform:
    """What runs; made by :func:`running_platform`.

    Attributes:
        folder: Where it lives; its logs are in it.
        database: As the server's role.
    """

    def __init__(self, folder: DataFolder, ports: Ports, processes: Processes, server: postgres.Postgres) -> None:
        self.folder = folder
        self.processes = processes
        self.database: Database
        self._ports = ports
        self._postgres = server

    @property
    def url(self) -> str:
        """The catalog server's address."""
        return self._ports.server.url

    @property
    def simulator_url(self) -> str:
        """The NinjaOne simulator's."""
        return self._ports.simulator.url

    @property
    def temporal_address(self) -> str:
        """Temporal's ``host:port``."""
        return self._ports.temporal.address

    @property
    def journal(self) -> Path:
        """The file in which the simulator keeps what it was asked to do."""
        return self.folder.path / _JOURNAL

    def token(self) -> str:
        """A token of the tenant that has NinjaOne."""
        return keys.token(self.folder, tenant=CONNECTED.tenant, user=CONNECTED.user_id)

    # ── Services ─────────────────────────────────────────────────────────────────────────────────────────────────

    def server(self) -> Service:
        """The catalog server."""
        url = f"{self.url}/health/live"

        async def not_ready() -> str | None:
            try:
                async with aiohttp.request("GET", url) as answer:
                    return None if answer.ok else str(answer.status)
            except aiohttp.ClientError as error:
                return type(error).__name__

        own = {
            **self._environment(postgres.SERVER_ROLE),
            "WORKFLOW_HTTP_HOST": HOST,
            "WORKFLOW_HTTP_PORT": str(self._ports.server.number),
            "WORKFLOW_JWT_KEY_FILE": str(self.folder.jwt_key),
        }
        argv = (command_path("workflow-catalog-server"),)
        environ = child_environment(own, os.environ)
        return Service("server", self.processes, lambda name: (Command(name, argv, environ, not_ready), None))

    def worker(self, name: str, next_point: Callable[[], str | None]) -> Service:
        """A worker.

        Args:
            name: Of the service.
            next_point: Gives the moment at which its next process kills itself, if it does.
        """

        def command(process: str) -> tuple[Command, str | None]:
            log = self.processes.log(process)

            async def not_ready() -> str | None:
                return None if "ready:" in log.read_text(errors="replace") else "it has not said so"

            point = next_point()
            own = {
                **self._environment(postgres.WORKER_ROLE),
                "WORKFLOW_SHUTDOWN_SECONDS": str(_STOP_SECONDS),
                "WORKFLOW_RECONCILE_SECONDS": str(LOOK_SECONDS),
                **({} if point is None else {"WORKFLOW_FAULT_POINT": point}),
            }
            own["PYTHONPATH"] = str(_ROOT)
            argv = (sys.executable, "-m", "tests.faults.worker")
            return Command(process, argv, child_environment(own, os.environ), not_ready), point

        return Service(name, self.processes, command)

    def _environment(self, role: str) -> dict[str, str]:
        return {
            "WORKFLOW_DATABASE_URL": self._postgres.dsn(role),
            "WORKFLOW_TEMPORAL_ADDRESS": self.temporal_address,
            "WORKFLOW_TEMPORAL_NAMESPACE": temporal.NAMESPACE,
            "WORKFLOW_SECRETS_KEY_FILE": str(self.folder.secrets_key),
        }

    # ── Restarts ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def restart_postgres(self, *, away: float) -> None:
        """Kills PostgreSQL as a crash would, and starts it again.

        Args:
            away: Seconds in between.
        """
        os.kill(self._postgres.pid, signal.SIGQUIT)  # an immediate shutdown: the next start recovers from the log
        while is_alive(self._postgres.pid):
            await asyncio.sleep(0.01)
        await asyncio.sleep(away)
        library = self._postgres._server
        await asyncio.to_thread(library.ensure_postgres_running)
        self._postgres = attrs.evolve(self._postgres, pid=library.get_pid())
        _adopt(self.processes, self._postgres)

    async def restart_temporal(self, *, away: float) -> None:
        """Kills Temporal's server, and starts it again on its database file."""
        self.processes.send(temporal.NAME, signal.SIGKILL)
        await self.processes.ended(temporal.NAME)
        await asyncio.sleep(away)
        await self.processes.start(temporal.command(self.folder, self._ports))


@asynccontextmanager
async def running_platform(path: Path, account: dict[str, Any], *, clock_offset: float) -> AsyncIterator[Platform]:
    """Starts everything but the services, with the sample tenants; stops it at the end.

    Args:
        path: An empty folder, with a short path.
        account: What NinjaOne holds.
        clock_offset: Seconds by which NinjaOne's clock is ahead of ours.
    """
    folder = DataFolder(path)
    folder.prepare()
    keys.ensure_keys(folder)
    ports = reserve(with_numbers(server=0, temporal=0, temporal_ui=0, simulator=0, mail=0))
    write_json(folder.path / _ACCOUNT, account)
    with folder.lock() as lock:
        async with Processes(folder, lock=lock.descriptor) as processes:
            server = await asyncio.to_thread(postgres.start, folder)
            _adopt(processes, server)
            await postgres.prepare_database(server)
            await _hurry(server.dsn())
            platform = Platform(folder, ports, processes, server)
            await processes.start(temporal.command(folder, ports))
            await processes.start(_simulator(platform, ports, clock_offset))
            async with Database.open(
                server.dsn(postgres.SERVER_ROLE), application_name="faults", max_size=6
            ) as platform.database:
                await _seed(platform)
                yield platform


def _adopt(processes: Processes, server: postgres.Postgres) -> None:
    processes.adopt_server(postgres.NAME, server.pid, server.log, server.stop)


async def _hurry(dsn: str) -> None:
    """A commit outlives a crash of PostgreSQL as ever, but not one of the machine."""
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute("ALTER SYSTEM SET fsync = off")
        await conn.execute("SELECT pg_reload_conf()")
    finally:
        await conn.close()


def _simulator(platform: Platform, ports: Ports, clock_offset: float) -> Command:
    usual = simulator.command(platform.folder, ports)
    # Nothing restarts it, and a state file would be written at every request.
    place = usual.argv.index("--state-file")
    own = (
        *("--seed-file", str(platform.folder.path / _ACCOUNT)),
        *("--journal-file", str(platform.journal)),
        *("--reboot-seconds", str(REBOOT_SECONDS)),
        *("--report-seconds", str(REPORT_SECONDS)),
        *("--clock-offset", str(clock_offset)),
    )
    return attrs.evolve(usual, argv=(*usual.argv[:place], *usual.argv[place + 2 :], *own))


async def _seed(platform: Platform) -> None:
    account = await simulator.read_account(platform.simulator_url)
    await seed.seed(
        platform.database,
        TenantSecrets(load_key_encryption_key({"WORKFLOW_SECRETS_KEY_FILE": str(platform.folder.secrets_key)})),
        attrs.evolve(account, devices=()),  # a sync makes an asset of each
        url=platform.simulator_url,
        client_secret=keys.read_secret(platform.folder.simulator_secret),
    )
