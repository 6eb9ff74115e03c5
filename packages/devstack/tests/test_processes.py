"""Processes are started, watched and stopped."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from workflow_devstack.errors import DiskFullError, ProcessError
from workflow_devstack.folder import DataFolder, read_json
from workflow_devstack.pids import is_alive
from workflow_devstack.processes import Command, Processes, child_environment, stop_leftovers

FOREVER = "import signal\nprint('up', flush=True)\nsignal.pause()"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\nsignal.pause()"
WITH_CHILD = (
    "import signal, subprocess, sys\n"
    f"child = subprocess.Popen([sys.executable, '-c', {FOREVER!r}])\n"
    "print(child.pid, flush=True)\nsignal.pause()"
)
# The devstack in another process, so that it can be killed.
KILLED = """
import asyncio, sys
from pathlib import Path
from workflow_devstack.folder import DataFolder
from workflow_devstack.processes import Command, Processes

async def main(folder, lock):
    async def not_ready():
        return None
    async with Processes(folder, lock=lock.descriptor) as processes:
        await processes.start(Command("child", (sys.executable, "-c", sys.argv[2]), {}, not_ready))
        print("started", flush=True)
        await processes.first_ended()

folder = DataFolder(Path(sys.argv[1]))
with folder.lock() as lock:
    asyncio.run(main(folder, lock))
"""


def python(processes, code, *, name="child", ready_within=30.0, ready=None):
    """A command that runs some code, and is ready when it has written a line."""

    async def not_ready():
        return None if processes.log(name).read_text().endswith("\n") else "it has written nothing"

    return Command(name, (sys.executable, "-c", code), dict(os.environ), ready or not_ready, ready_within)


@pytest.fixture
async def processes(folder):
    """Processes on a locked folder."""
    with folder.lock() as lock:
        async with Processes(folder, lock=lock.descriptor) as started:
            yield started


def listed(folder):
    """What the folder says is running."""
    return {entry["name"]: entry["pid"] for entry in read_json(folder.processes_file)}


def wait_until_gone(pid):
    """A condition, not a time: the test's own time-out ends it."""
    while is_alive(pid):
        time.sleep(0.01)


async def test_a_process_is_ready_when_it_says_so_and_gone_after_stop(folder, processes):
    """Its words are in its log, and its id in the folder."""
    await processes.start(python(processes, FOREVER))
    pid = listed(folder)["child"]
    assert is_alive(pid)
    assert processes.log("child").read_text() == "up\n"

    await processes.stop()

    assert not is_alive(pid)
    assert listed(folder) == {}


async def test_a_process_that_dies_at_its_start_shows_its_last_words(processes):
    """Twenty lines, and how it ended."""
    code = "import sys\nfor n in range(100): print('line', n, flush=True)\nsys.exit('no key')"

    with pytest.raises(ProcessError) as caught:
        await processes.start(python(processes, code, ready=never_ready))

    assert "child did not start (exit status 1)" in caught.value.message
    assert "no key" in caught.value.message
    assert "line 81" in caught.value.message
    assert "line 80" not in caught.value.message


async def test_a_process_that_is_never_ready_is_given_up_with_the_reason(processes):
    """The reason is the last thing that was found wrong."""
    with pytest.raises(ProcessError, match="was not ready after 0 s: it is not ready"):
        await processes.start(python(processes, FOREVER, ready=never_ready, ready_within=0.05))


async def never_ready():
    return "it is not ready"


async def test_a_process_that_dies_of_a_full_disk_is_recognised(processes):
    """The remedy is room, not a look into the log."""
    code = "raise OSError(28, 'No space left on device')"
    with pytest.raises(DiskFullError, match="Make room"):
        await processes.start(python(processes, code, ready=never_ready))


async def test_a_process_that_ends_later_is_named(folder, processes):
    """And how: by which signal."""
    await processes.start(python(processes, FOREVER, name="first"))
    await processes.start(python(processes, FOREVER, name="second"))
    os.kill(listed(folder)["second"], 9)

    ended = await processes.first_ended()

    assert (ended.name, ended.how) == ("second", "signal SIGKILL")


async def test_one_process_is_killed_and_another_takes_its_name(folder, processes):
    """With its children; the others go on."""
    await processes.start(python(processes, FOREVER, name="other"))
    await processes.start(python(processes, WITH_CHILD))
    grandchild = int(processes.log("child").read_text().split()[0])

    processes.send("child", signal.SIGKILL)

    assert await processes.ended("child") == -9
    assert list(listed(folder)) == ["other"]
    await asyncio.to_thread(wait_until_gone, grandchild)
    processes.send("child", signal.SIGKILL)  # there is none
    await processes.start(python(processes, FOREVER))
    assert is_alive(listed(folder)["child"])


async def test_stopping_ends_the_whole_group(processes):
    """Children of our processes do not stay behind."""
    await processes.start(python(processes, WITH_CHILD))
    grandchild = int(processes.log("child").read_text().split()[0])
    assert is_alive(grandchild)

    await processes.stop()

    await asyncio.to_thread(wait_until_gone, grandchild)


async def test_a_process_that_does_not_stop_is_ended(folder, processes):
    """After the grace period."""
    await processes.start(python(processes, STUBBORN))
    pid = listed(folder)["child"]

    await processes.stop(grace=0.1)

    assert not is_alive(pid)


def test_nothing_survives_a_devstack_that_is_killed(folder):
    """The watchdog stops its processes, and only then is the folder free."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder.path), FOREVER], stdout=subprocess.PIPE, text=True
    ) as devstack:
        assert devstack.stdout.readline() == "started\n"
        child = listed(folder)["child"]
        devstack.kill()

    with folder.lock() as lock:
        assert lock.stale_pid == devstack.pid
        assert not is_alive(child)


def test_leftovers_are_stopped_by_id_and_start_time(folder):
    """For the case that the watchdog was killed, too."""
    with subprocess.Popen([sys.executable, "-c", FOREVER], start_new_session=True, stdout=subprocess.PIPE) as left:
        left.stdout.readline()
        record(folder, left.pid, offset=1.0)
        assert stop_leftovers(folder) == []  # the id is right, the start time is another process's
        assert is_alive(left.pid)

        record(folder, left.pid)
        assert stop_leftovers(folder) == ["child"]
        assert not is_alive(left.pid)
    assert stop_leftovers(folder) == []


def record(folder: DataFolder, pid, *, offset=0.0):
    """Say that an earlier devstack has started this process."""
    from workflow_devstack.folder import write_json
    from workflow_devstack.pids import started_at

    write_json(
        folder.processes_file, [{"name": "child", "pid": pid, "kind": "group", "started": started_at(pid) + offset}]
    )


def test_children_get_our_settings_and_none_that_leaked_in():
    """What the caller's shell has set for another server does not reach ours."""
    base = {"PATH": "/bin", "WORKFLOW_DATABASE_URL": "postgresql://production", "WORKFLOW_STRICT": "1"}

    environ = child_environment({"WORKFLOW_DATABASE_URL": "postgresql://ours"}, base)

    assert environ == {"PATH": "/bin", "PYTHONUNBUFFERED": "1", "WORKFLOW_DATABASE_URL": "postgresql://ours"}
