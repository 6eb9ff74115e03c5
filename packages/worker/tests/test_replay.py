"""Runs that are under way must survive an upgrade: recorded histories replay without a difference.

Record anew, after a change that is meant to break compatibility, with
``RECORD_HISTORIES=1 ./dev test packages/worker/tests/test_replay.py``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from workflow_core.errors import ActionError, TransientError
from workflow_core.temporal import data_converter, run_workflow_id
from workflow_worker.interpreter import RunWorkflow
from workflow_worker.process import workflow_runner

HISTORIES = Path(__file__).with_name("histories")


def call(step_id, action, mapping=None, **other):
    config = {"actionId": action, "version": 1, "inputMapping": mapping or {}, "saveAs": step_id}
    return {"id": step_id, "type": "action.call", "config": config, **other}


EVERY_STEP = [
    {"id": "assign", "type": "transform.assign", "config": {"assign": {"vars.name": {"$expr": "payload.name"}}}},
    {"id": "state", "type": "state.set", "config": {"state": "STARTED"}},
    call("read", "probe.read", {"text": {"$expr": "vars.name & ' ' & nowIso()"}}),
    call("fetch", "probe.fetch", {"text": {"$expr": "read.text"}}),
    call("send", "probe.send", {"number": 7}, retry={"maxAttempts": 3, "backoffMs": 10}),
    {
        "id": "if",
        "type": "control.if",
        "condition": {"$expr": "$count([1..3]) = 3"},
        "then": [call("write", "probe.write"), {"id": "return", "type": "control.return"}],
    },
]
SCENARIOS = {
    "every-step": (EVERY_STEP, []),
    "retried": (EVERY_STEP, [None, None, TransientError("reset")]),
    "failed-local": ([call("write", "probe.write")], [ActionError("No.", code="NO")]),
    "uncertain": ([call("once", "probe.once")], [TransientError("reset")]),
    "unknown-step": ([{"id": "wait", "type": "event.wait", "config": {}}], []),
}


if "RECORD_HISTORIES" in os.environ:

    @pytest.mark.parametrize("name", SCENARIOS)
    async def test_record(runner, probe, name):
        """Writes one history."""
        steps, probe.failures = SCENARIOS[name]
        run = await runner.run(steps, {"name": "Ada"})
        handle = runner.client.get_workflow_handle(run_workflow_id(str(run["run_id"]), 1))
        text = (await handle.fetch_history()).to_json()
        # What says where it was recorded is nobody's business, and of no use to a replay.
        text = re.sub(r'"stackTrace": *"(?:[^"\\]|\\.)*"', '"stackTrace": ""', text)
        text = re.sub(r'"identity": *"(?:[^"\\]|\\.)*"', '"identity": "recorder"', text)
        (HISTORIES / f"{name}.json").write_text(text + "\n")


@pytest.mark.parametrize("name", SCENARIOS)
async def test_replay(name):
    """The interpreter of today takes the same decisions as the one that recorded the history."""
    history = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())
    replayer = Replayer(workflows=[RunWorkflow], workflow_runner=workflow_runner(), data_converter=data_converter)
    await replayer.replay_workflow(history)


async def test_a_changed_history_is_noticed():
    """The replay can fail: a history in which another activity ran is refused."""
    text = (HISTORIES / "every-step.json").read_text().replace('"actions.workflow-probe"', '"actions.elsewhere"')
    changed = text.replace('"name": "execute_action"', '"name": "another_activity"').replace(
        '"name":"execute_action"', '"name":"another_activity"'
    )
    assert changed != text
    replayer = Replayer(workflows=[RunWorkflow], workflow_runner=workflow_runner(), data_converter=data_converter)
    with pytest.raises(Exception, match=r"[Nn]ondeterminism"):
        await replayer.replay_workflow(WorkflowHistory.from_json("changed", changed))
