"""An integration is installed on one process after the other: what starts a run may lack what the run calls."""

from __future__ import annotations

import attrs
from temporalio import activity

from workflow_core.discovery import Discovery, DiscoveryReport, registry_of
from workflow_core.errors import ActionNotOnWorkersError
from workflow_core.execution.executor import Executor
from workflow_core.execution.failed_attempts import ExecutionFailedError, own_error_object
from workflow_worker.presence import Presence

BARE = registry_of("workflow-bare", "1", modules=[], actions=[])


def call(step_id, action):
    return {"id": step_id, "type": "action.call", "config": {"actionId": action, "version": 1, "inputMapping": {}}}


def presence(runner):
    discovery = Discovery(runner.registry, DiscoveryReport())
    return Presence(runner.db, discovery, identity="other", build_id=None, queues=[])


async def test_a_run_is_planned_with_what_other_workers_have(runner, probe):
    """As long as no worker has the action, a run fails with words; from then on it runs, wherever it is started."""
    starter = attrs.evolve(runner, registry=BARE)
    workflow_id = await runner.publish([call("once", "probe.once")])
    run = await runner.finished(await starter.start(workflow_id))
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "ACTION_NOT_ON_WORKERS")
    other = presence(runner)
    await other.announce()
    run = await runner.finished(await starter.start(workflow_id))
    assert (run["status"], len(probe.calls)) == ("SUCCEEDED", 1)
    assert run["plan"]["actions"]["probe.once@1"]["effect"] == "ONCE"
    await other.leave()
    run = await runner.finished(await starter.start(workflow_id))
    assert run["error_json"]["code"] == "ACTION_NOT_ON_WORKERS"


async def test_an_action_of_our_database_that_a_worker_lacks_is_executed_by_another(runner, probe, monkeypatch):
    """The worker that has the run asks those that have the action's distribution; no attempt is used up."""
    execute = Executor.execute

    async def lacking(executor, call, *args, **options):
        if activity.info().is_local:
            missing = ActionNotOnWorkersError("Install it.")
            raise ExecutionFailedError.of(missing, own_error_object(missing, call.step_path))
        return await execute(executor, call, *args, **options)

    monkeypatch.setattr(Executor, "execute", lacking)
    run = await runner.run([call("write", "probe.write")])
    assert (run["status"], [ctx.attempt for ctx in probe.calls]) == ("SUCCEEDED", [1])
