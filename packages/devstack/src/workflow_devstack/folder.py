"""
The data folder: what lies where in it, and who may work on it.

One process at a time works on a folder. It holds a lock of the operating system on the file ``lock`` there, which
ends with it however it ends; the process id in the file only serves the messages. The watchdog shares the lock, so a
folder stays locked until the leftovers of a killed ``up`` are stopped as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from workflow_devstack.errors import FolderError, FolderInUseError
from workflow_devstack.pids import is_alive

FOLDER_VARIABLE: Final = "WORKFLOW_DEV_DATA"
LEFTOVER_SECONDS: Final = 20.0
"""How long the watchdog of a killed devstack may take to stop what that one has left."""

_MARKER: Final = "devstack.json"
_FORMAT: Final = 1
_POLL_SECONDS: Final = 0.1


@attrs.frozen
class Lock:
    """
    The right to work on a data folder.

    Attributes:
        descriptor: The open file that carries the lock; a process that inherits it shares the lock.
        stale_pid: The process that held the lock before and did not give it back, if there was one.
    """

    descriptor: int
    stale_pid: int | None


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


@attrs.frozen
class DataFolder:
    """
    Where one devstack keeps everything.

    Attributes:
        path: Absolute.
    """

    path: Path = attrs.field(converter=_absolute)

    @property
    def postgres(self) -> Path:
        """PostgreSQL's cluster."""
        return self.path / "postgres"

    @property
    def temporal_database(self) -> Path:
        """The SQLite file of Temporal's development server."""
        return self.path / "temporal.sqlite"

    @property
    def logs(self) -> Path:
        """One file per process, of the last start."""
        return self.path / "logs"

    @property
    def jwt_key(self) -> Path:
        """The key that signs development tokens."""
        return self.path / "jwt.key"

    @property
    def sign_in(self) -> Path:
        """Whom the designer signs in by one click, with their tokens."""
        return self.path / "sign-in.json"

    @property
    def secrets_key(self) -> Path:
        """The key-encryption key of the tenants' secrets."""
        return self.path / "secrets.key"

    @property
    def simulator_secret(self) -> Path:
        """The secret of the simulator's one API application."""
        return self.path / "simulator.secret"

    @property
    def simulator_state(self) -> Path:
        """What the simulator remembers from one start to the next."""
        return self.path / "simulator.json"

    @property
    def mail(self) -> Path:
        """The e-mails that were sent, one file each."""
        return self.path / "mail"

    @property
    def lock_file(self) -> Path:
        """The file that carries the lock."""
        return self.path / "lock"

    @property
    def processes_file(self) -> Path:
        """Which processes were started: see :mod:`workflow_devstack.processes`."""
        return self.path / "processes.json"

    @property
    def running_file(self) -> Path:
        """How to reach the database of a stack that runs; only meaningful while the folder is locked."""
        return self.path / "running.json"

    def prepare(self) -> None:
        """
        Make the folder, or see that it is one of ours.

        Raises:
            FolderError: It holds something else, or cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            content = {entry.name for entry in self.path.iterdir()}
        except OSError as error:
            raise FolderError(f"The data folder {self.path} cannot be used: {error.strerror}.") from error
        if _MARKER not in content and content - {self.lock_file.name}:
            raise FolderError(
                f"{self.path} holds something else than the data of a devstack. Choose an empty or a new folder: "
                "--data DIR."
            )
        if _MARKER not in content:
            write_json(self.path / _MARKER, {"format": _FORMAT})
        elif (found := self._format()) != _FORMAT:
            raise FolderError(
                f"The data in {self.path} have format {found}, and this version knows {_FORMAT}. Throw them away with "
                "./dev reset, or choose another folder: --data DIR."
            )
        self.logs.mkdir(exist_ok=True)

    def exists(self) -> bool:
        """Whether a devstack has data here."""
        return (self.path / _MARKER).exists()

    def _format(self) -> object:
        content = read_json(self.path / _MARKER)
        return content.get("format") if isinstance(content, dict) else None

    @contextmanager
    def lock(self, *, patience: float = LEFTOVER_SECONDS) -> Iterator[Lock]:
        """
        Take the folder for the time of the block.

        Args:
            patience: Seconds to wait for the leftovers of a devstack that was killed.

        Raises:
            FolderInUseError: Another devstack runs on it; the message names its process.
        """
        descriptor = self._acquire(patience)
        try:
            stale_pid = self._owner()
            _write_owner(descriptor, str(os.getpid()))
            try:
                yield Lock(descriptor, stale_pid)
            finally:
                _write_owner(descriptor, "")
        finally:
            os.close(descriptor)

    def _acquire(self, patience: float) -> int:
        deadline = time.monotonic() + patience
        while True:
            descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_current(descriptor):
                    return descriptor
            except BlockingIOError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            owner = self._owner()
            if (owner is not None and is_alive(owner)) or time.monotonic() > deadline:
                raise _in_use(self.path, owner)
            time.sleep(_POLL_SECONDS)

    def _is_current(self, descriptor: int) -> bool:
        """Whether the file that we locked is still the one in the folder: a reset removes it."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.lock_file.stat())
        except FileNotFoundError:
            return False

    def _owner(self) -> int | None:
        try:
            return int(self.lock_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def remove(self) -> None:
        """
        Delete the folder with all that is in it; the caller holds the lock.

        Raises:
            FolderError: It holds no devstack's data, or cannot be deleted.
        """
        if not self.exists():
            raise FolderError(f"{self.path} does not hold the data of a devstack: nothing was deleted.")
        try:
            # The marker goes last: a removal that was broken off can be repeated.
            for entry in sorted(self.path.iterdir(), key=lambda entry: entry.name == _MARKER):
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                elif entry != self.lock_file:
                    entry.unlink()
            self.lock_file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # a lock that came in between, or a folder that others watch
                self.path.rmdir()
        except OSError as error:
            raise FolderError(f"{error.filename} cannot be deleted: {error.strerror}.") from error


def _in_use(path: Path, owner: int | None) -> FolderInUseError:
    who, how = ("", "") if owner is None else (f" (process {owner})", f", or: kill {owner}")
    return FolderInUseError(
        f"A devstack already runs on {path}{who}. Stop it first (Ctrl-C where it runs{how}), or choose another folder: "
        "--data DIR.",
        details={"path": str(path), "pid": owner},
    )


def default_path(environ: dict[str, str] | os._Environ[str]) -> Path:
    """``WORKFLOW_DEV_DATA``, or ``.dev/data`` below the current folder."""
    named = environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(".dev", "data")


def read_json(path: Path) -> Any:
    """What a JSON file holds; None when there is none, or it was not written to its end."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, or leave the one that was there."""
    staging = path.with_name(path.name + ".new")
    staging.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    staging.replace(path)


def _write_owner(descriptor: int, owner: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, owner.encode("ascii"), 0)
