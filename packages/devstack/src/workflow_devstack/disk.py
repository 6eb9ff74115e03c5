"""Room on the disk: looked at before the start, and recognised as a cause afterwards."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Final

from workflow_devstack.errors import DiskFullError

MINIMUM_FREE_BYTES: Final = 300 * 1024 * 1024
"""A fresh PostgreSQL takes 40 MB and grows in segments of 16; Temporal, logs and runs need the rest."""

_FULL = (
    "no space left on device",  # the operating system, PostgreSQL and Python
    "check free disk space",  # PostgreSQL's hint, when a file could be written in part
    "database or disk is full",  # SQLite, in which Temporal's development server keeps its state
    "disk quota exceeded",
)


def check_free_space(path: Path, *, minimum: int = MINIMUM_FREE_BYTES) -> None:
    """
    See that there is room where the data will lie.

    Args:
        path: The data folder; need not exist yet.
        minimum: Bytes that have to be free.

    Raises:
        DiskFullError: There is less.
    """
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < minimum:
        raise DiskFullError(
            f"Only {free // 2**20} MB are free on the disk of {existing}, and the devstack needs "
            f"{minimum // 2**20} MB. Make room, or put the data elsewhere: --data DIR.",
            details={"path": str(existing), "free": free, "minimum": minimum},
        )


def tells_of_full_disk(text: str) -> bool:
    """Whether a log says that the disk is full."""
    lowered = text.lower()
    return any(phrase in lowered for phrase in _FULL)


def is_full_disk(error: BaseException) -> bool:
    """Whether an error comes from a full disk."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def full_disk(path: Path) -> DiskFullError:
    """The error for a disk that ran full while the devstack worked."""
    return DiskFullError(
        f"The disk of {path} is full. Make room, or put the data elsewhere: --data DIR. "
        "./dev reset gives back what the devstack itself has used.",
        details={"path": str(path)},
    )
