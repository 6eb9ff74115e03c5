"""Fault points: a process that is told to kills itself exactly there, and at no other action."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workflow_core.errors import ConfigurationError
from workflow_worker.faults import fault_point

REACHES = """
import asyncio, types
from workflow_worker.faults import fault_point

async def main():
    at = fault_point({"WORKFLOW_FAULT_POINT": %r})
    await at("after-sent", types.SimpleNamespace(action_id="tickets.create"))
    await at("after-commit", types.SimpleNamespace(action_id="ninjaone.devices.reboot"))
    print("before", flush=True)
    await at("after-sent", types.SimpleNamespace(action_id="ninjaone.devices.reboot"))
    print("after", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize(("moment", "said"), [("after-sent", "before\n"), ("after-sent+0.05", "before\nafter\n")])
def test_the_process_is_killed_at_its_point_or_a_moment_later(moment, said):
    """Nothing of it runs on; at other points and other actions nothing happens."""
    code = REACHES % f"{moment}:ninjaone.devices.reboot"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (-9, said), ended.stderr


@pytest.mark.parametrize("text", ["after-sent", "nowhere:tickets.create", "after-sent+soon:x", "after-sent:"])
def test_what_names_no_point_is_refused(text):
    """The message lists the points."""
    with pytest.raises(ConfigurationError, match=r"POINT:ACTION.*before-reserve"):
        fault_point({"WORKFLOW_FAULT_POINT": text})
