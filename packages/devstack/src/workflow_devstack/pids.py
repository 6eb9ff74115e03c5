"""Whether a process lives; one that has ended and that nobody has collected does not."""

from __future__ import annotations

import psutil  # type: ignore[import-untyped]  # it ships no types


def started_at(pid: int) -> float | None:
    """
    When a living process was started; None when there is none with this id.

    Together with its id, this tells a process from any later one that is given the same id.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def is_alive(pid: int) -> bool:
    """Whether a process with this id lives."""
    return started_at(pid) is not None


def name_of(pid: int) -> str | None:
    """The name of a living process."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.name())
    except psutil.Error:
        return None
