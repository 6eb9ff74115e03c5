"""
Stops what a killed devstack leaves behind.

The devstack starts ``python -m workflow_devstack.watchdog`` with a pipe to its standard input and tells it, one line
each, what runs: ``+ group 4711`` for a process with its group, ``+ server 4712`` for PostgreSQL's first process, and
``- 4711`` when it has ended. When the pipe closes, whatever the reason, the watchdog ends all that is still listed and
goes. It lives in a session of its own, so neither Ctrl-C nor a closed terminal reaches it before that.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import Final, Literal, TextIO

from workflow_devstack.pids import is_alive

Kind = Literal["group", "server"]

GRACE_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05


def watch(lines: TextIO) -> dict[int, Kind]:
    """Read until the pipe closes; answers what is then left to stop."""
    running: dict[int, Kind] = {}
    for line in lines:
        words = line.split()
        if words[:2] == ["+", "group"]:
            running[int(words[2])] = "group"
        elif words[:2] == ["+", "server"]:
            running[int(words[2])] = "server"
        elif words[:1] == ["-"]:
            running.pop(int(words[1]), None)
    return running


def stop(processes: Iterable[tuple[int, Kind]], *, grace: float = GRACE_SECONDS) -> None:
    """
    Ask processes to end, and end those that have not after a while.

    Args:
        processes: Ids with what they are: the head of a process group, or PostgreSQL.
        grace: Seconds in between.
    """
    left = list(reversed(list(processes)))  # what was started last depends on the rest
    for pid, kind in left:
        # PostgreSQL takes SIGTERM for "when the last client has gone", and SIGINT for "now, in order".
        send(pid, kind, signal.SIGINT if kind == "server" else signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(is_alive(pid) for pid, _ in left) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    for pid, kind in left:
        if kind == "group" or is_alive(pid):
            # SIGQUIT: PostgreSQL recovers from its log at the next start. SIGKILL would leave its children.
            send(pid, kind, signal.SIGQUIT if kind == "server" else signal.SIGKILL)


def send(pid: int, kind: Kind, number: signal.Signals) -> None:
    """Send a signal, to the whole group where there is one; nothing happens when all have gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if kind == "group":
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def main() -> None:
    """What ``python -m workflow_devstack.watchdog`` does."""
    stop(watch(sys.stdin).items())


if __name__ == "__main__":
    main()
