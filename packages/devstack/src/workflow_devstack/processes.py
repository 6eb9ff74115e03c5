"""
The stack's processes: each in a group of its own, its words in a log file, and none left behind.

What is started is written to ``processes.json`` and told to the :mod:`~workflow_devstack.watchdog`, so that it is
stopped even when the devstack itself is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

from workflow_devstack.disk import full_disk, tells_of_full_disk
from workflow_devstack.errors import DevstackError, ProcessError
from workflow_devstack.folder import DataFolder, read_json, write_json
from workflow_devstack.pids import is_alive, started_at
from workflow_devstack.watchdog import Kind, send
from workflow_devstack.watchdog import stop as stop_processes

SHOWN_LOG_LINES: Final = 20
STOP_SECONDS: Final = 20.0
"""How long a process may take to stop in order; a worker finishes what it has begun."""

_READY_POLL_SECONDS: Final = 0.05
_SERVER_POLL_SECONDS: Final = 0.5


@attrs.frozen
class Command:
    """
    A process to start.

    Attributes:
        name: For messages and the log file.
        argv: What to run.
        environ: Its whole environment.
        not_ready: Answers why the process is not ready yet, or None when it is.
        ready_within: Seconds until a start is given up.
    """

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    not_ready: Callable[[], Awaitable[str | None]]
    ready_within: float = 60.0


@attrs.frozen
class Ended:
    """
    A process that has ended by itself.

    Attributes:
        name: Which.
        how: ``exit status 1``, ``signal SIGKILL``, or ``it is gone``.
        log: Where its last words are.
    """

    name: str
    how: str
    log: Path


@attrs.frozen
class _Server:
    pid: int
    log: Path
    stop: Callable[[], None]


def command_path(name: str) -> str:
    """Where the console command of an installed package lies: beside the Python that runs us."""
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        for candidate in (folder / name, folder / f"{name}.exe"):
            if candidate.exists():
                return str(candidate)
    raise DevstackError(
        f"The command {name!r} is not installed beside {sys.executable}. Install the packages again "
        "(in a checkout: ./dev does it; else: pip install --force-reinstall workflow-devstack)."
    )


def child_environment(own: Mapping[str, str], base: Mapping[str, str]) -> dict[str, str]:
    """
    The environment of a process of ours.

    Settings of this platform that the caller's shell happens to have do not leak into it.

    Args:
        own: What it is configured with.
        base: The environment of the devstack itself.
    """
    inherited = {name: value for name, value in base.items() if not name.startswith("WORKFLOW_")}
    return {**inherited, "PYTHONUNBUFFERED": "1", **own}


def log_tail(path: Path, lines: int = SHOWN_LOG_LINES) -> str:
    """The last lines of a log."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def failure(name: str, what: str, log: Path) -> DevstackError:
    """The error for a process that failed, with its last words."""
    tail = log_tail(log)
    if tells_of_full_disk(tail):
        return full_disk(log.parent)
    words = f"\n\nIts last lines, from {log}:\n{tail}" if tail else f" It has written nothing to {log}."
    return ProcessError(f"{name} {what}.{words}", details={"process": name})


class Processes:
    """
    Starts processes, tells when one ends, and stops them all at the end of an ``async with`` block.

    Args:
        folder: Where logs and the list of processes go.
        lock: The descriptor of the folder's lock, which the watchdog shares.
    """

    def __init__(self, folder: DataFolder, *, lock: int) -> None:
        self._folder = folder
        self._lock = lock
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._waits: dict[str, asyncio.Task[int]] = {}
        self._servers: dict[str, _Server] = {}
        self._watchdog: subprocess.Popen[str] | None = None

    async def __aenter__(self) -> Self:
        self._watchdog = subprocess.Popen(  # noqa: ASYNC220 - a pipe that also plain code can write to
            [sys.executable, "-m", "workflow_devstack.watchdog"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            pass_fds=(self._lock,),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop()
            await self.stop_servers()
        finally:
            watchdog = self._watchdog
            if watchdog is not None and watchdog.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    watchdog.stdin.close()
                await asyncio.to_thread(watchdog.wait)

    async def start(self, command: Command) -> None:
        """
        Start a process and wait until it is ready.

        Raises:
            ProcessError: It ended, or was not ready in time; with the last lines of its log.
            DiskFullError: It failed because the disk is full.
        """
        log = self.log(command.name)
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(command.environ),
                start_new_session=True,
            )
        self._children[command.name] = process
        self._tell(f"+ group {process.pid}")
        self._write_list()
        ended = asyncio.create_task(process.wait(), name=f"wait for {command.name}")
        self._waits[command.name] = ended
        ready = asyncio.create_task(self._wait_until_ready(command), name=f"ready: {command.name}")
        try:
            await asyncio.wait({ended, ready}, timeout=command.ready_within, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise failure(command.name, f"did not start ({_how(ended.result())})", log)
            if not ready.done():
                reason = await command.not_ready() or "it was, just now"
                raise failure(command.name, f"was not ready after {command.ready_within:.0f} s: {reason}", log)
            ready.result()
        finally:
            ready.cancel()
            await asyncio.gather(ready, return_exceptions=True)

    @staticmethod
    async def _wait_until_ready(command: Command) -> None:
        while await command.not_ready() is not None:  # noqa: ASYNC110 - another process is being waited for
            await asyncio.sleep(_READY_POLL_SECONDS)  # it tells nobody when it is ready

    def adopt_server(self, name: str, pid: int, log: Path, stop: Callable[[], None]) -> None:
        """
        Watch over PostgreSQL, which its library has started.

        Args:
            name: For messages.
            pid: Its first process.
            log: Where its words are.
            stop: Stops it in order; may block.
        """
        self._servers[name] = _Server(pid, log, stop)
        self._tell(f"+ server {pid}")
        self._write_list()

    async def stop_servers(self) -> None:
        """Stop what was adopted."""
        for name, server in list(self._servers.items()):
            await asyncio.to_thread(server.stop)
            del self._servers[name]
            self._tell(f"- {server.pid}")
            self._write_list()

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self._folder.logs / f"{name}.log"

    async def first_ended(self) -> Ended:
        """Wait until a process ends; answers which."""
        servers = asyncio.create_task(self._first_gone_server())
        try:
            done, _ = await asyncio.wait({*self._waits.values(), servers}, return_when=asyncio.FIRST_COMPLETED)
            for name, wait in self._waits.items():
                if wait in done:
                    return Ended(name, _how(wait.result()), self.log(name))
            name = servers.result()
            return Ended(name, "it is gone", self._servers[name].log)
        finally:
            servers.cancel()
            await asyncio.gather(servers, return_exceptions=True)

    async def _first_gone_server(self) -> str:
        while True:
            for name, server in self._servers.items():
                if not is_alive(server.pid):
                    return name
            await asyncio.sleep(_SERVER_POLL_SECONDS)

    async def stop(self, *, grace: float = STOP_SECONDS) -> None:
        """Stop every process that we started, the last one first; ends after ``grace`` seconds each what does not."""
        for name in reversed(list(self._children)):
            process = self._children[name]
            if process.returncode is None:
                send(process.pid, "group", signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(grace):
                        await asyncio.shield(self._waits[name])
            send(process.pid, "group", signal.SIGKILL)  # whatever of the group is left
            await self._waits[name]
            del self._children[name], self._waits[name]
            self._tell(f"- {process.pid}")
            self._write_list()

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one process and its group; nothing happens when it has ended."""
        process = self._children.get(name)
        if process is not None:
            send(process.pid, "group", number)

    async def ended(self, name: str) -> int:
        """Wait until one process has ended, and forget it; answers its return code."""
        code = await asyncio.shield(self._waits[name])  # others may wait for it, too
        pid = self._children.pop(name).pid
        del self._waits[name]
        send(pid, "group", signal.SIGKILL)  # whatever of the group is left
        self._tell(f"- {pid}")
        self._write_list()
        return code

    def kill(self) -> None:
        """End everything at once; for a user who does not want to wait."""
        for process in self._children.values():
            send(process.pid, "group", signal.SIGKILL)

    def _tell(self, line: str) -> None:
        if self._watchdog is not None and self._watchdog.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._watchdog.stdin.write(line + "\n")
                self._watchdog.stdin.flush()

    def _write_list(self) -> None:
        listed: list[tuple[str, int, Kind]] = [
            *((name, server.pid, "server") for name, server in self._servers.items()),
            *((name, process.pid, "group") for name, process in self._children.items()),
        ]
        write_json(
            self._folder.processes_file,
            [
                {"name": name, "pid": pid, "kind": kind, "started": started_at(pid)}
                for name, pid, kind in listed
                if started_at(pid) is not None
            ],
        )


def stop_leftovers(folder: DataFolder) -> list[str]:
    """
    Stop what an earlier devstack has left running on this folder; the caller holds its lock.

    Returns:
        The names of the processes that were stopped.
    """
    found: dict[int, Kind] = {}
    names: list[str] = []
    for entry in read_json(folder.processes_file) or []:
        started = started_at(entry["pid"])
        if started is not None and started == entry["started"]:  # else the id belongs to another process by now
            found[entry["pid"]] = entry["kind"]
            names.append(entry["name"])
    stop_processes(found.items())
    folder.processes_file.unlink(missing_ok=True)
    return names


def _how(returncode: int) -> str:
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:
        return f"signal {-returncode}"
