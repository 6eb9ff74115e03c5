"""Fixtures of the devstack's tests."""

import subprocess
import sys
from contextlib import contextmanager

import pytest

from workflow_devstack.folder import DataFolder

_HOLD_LOCK = """
import sys
from pathlib import Path
from workflow_devstack.folder import DataFolder
with DataFolder(Path(sys.argv[1])).lock():
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    """A data folder that is ready to be used."""
    data = DataFolder(tmp_path / "data")
    data.prepare()
    return data


@contextmanager
def another_devstack(folder):
    """Another process that holds the folder's lock in the block; give its ``stdin`` an end to have it release it."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD_LOCK, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "locked\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def occupied(folder):
    """The process that holds the folder's lock."""
    with another_devstack(folder) as process:
        yield process
