"""The whole stack, as a user starts it: real PostgreSQL, real Temporal, real processes."""

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import pytest

from workflow_devstack.folder import DataFolder, read_json
from workflow_devstack.pids import is_alive

FREE_PORTS = [
    word for option in ("", "temporal-", "temporal-ui-", "simulator-", "mail-") for word in (f"--{option}port", "0")
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder that the tests of this module share, as one start after another does."""
    return DataFolder(tmp_path_factory.mktemp("stack") / "data")


def command(folder, *arguments):
    """The command line of the devstack."""
    return [sys.executable, "-m", "workflow_devstack", *arguments, "--data", str(folder.path)]


def run(folder, *arguments):
    """Run it to its end."""
    environ = {**os.environ, "COLUMNS": "160"}
    return subprocess.run(command(folder, *arguments), env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("start", ["first", "second"])
def test_once_shows_the_whole_path_and_leaves_nothing_running(data, start):
    """The second start reuses what the first has stored, and makes a ticket of another alert."""
    answer = run(data, "up", "--once", *FREE_PORTS)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "✗" not in answer.stdout
    assert {"first": "TIC001000", "second": "TIC001001"}[start] in answer.stdout
    assert {"first": "Published version 1", "second": "is published already"}[start] in answer.stdout
    assert read_json(data.processes_file) == []


@contextmanager
def running(folder):
    """A stack that runs, and what it has shown until then; interrupted after the block."""
    with subprocess.Popen(
        command(folder, "up", *FREE_PORTS), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as stack:
        try:
            shown = list(itertools.takewhile(lambda line: "Everything runs" not in line, stack.stdout))
            yield stack, shown
        finally:
            stack.send_signal(signal.SIGINT)
            stack.stdout.read()


def test_a_stack_that_runs_can_be_called_and_migrated_but_not_reset(data):
    """Until Ctrl-C, which stops it in order."""
    with running(data) as (stack, shown):
        curl = next(line for line in shown if line.startswith("curl"))
        assert "app:ninjaone" in {module["groupKey"] for module in follow(curl)}
        pids = [entry["pid"] for entry in read_json(data.processes_file)]
        migrated, reset, second = run(data, "migrate"), run(data, "reset"), run(data, "up", "--once")

    assert (migrated.returncode, reset.returncode, second.returncode) == (0, 1, 1)
    assert "up to date" in migrated.stdout
    assert f"process {stack.pid}" in reset.stderr
    assert f"process {stack.pid}" in second.stderr
    assert stack.returncode == 0
    assert len(pids) == 6
    assert not any(map(is_alive, pids))


def follow(curl):
    """What the shown command answers."""
    _, _, header, url = shlex.split(curl)
    request = urllib.request.Request(url, headers=dict([header.split(": ")]))
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_a_start_that_is_interrupted_leaves_nothing_running(data):
    """While PostgreSQL has begun, and the rest has not."""
    with subprocess.Popen(
        command(data, "up", "--once", *FREE_PORTS), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as stack:
        assert "PostgreSQL" in stack.stdout.readline()
        stack.send_signal(signal.SIGINT)
        shown = stack.stdout.read()

    assert stack.returncode == 128 + signal.SIGINT, shown
    assert "Everything is stopped" in shown
    assert read_json(data.processes_file) == []


def test_a_stopped_stack_can_be_migrated_and_reset(data):
    """With a PostgreSQL of its own for a moment; then nothing is left."""
    assert run(data, "migrate").returncode == 0
    assert run(data, "reset").returncode == 0
    assert not data.path.exists()
