"""Versions of the worker side by side: runs go to the current one, and move with it."""

from __future__ import annotations

import asyncio

import pytest_asyncio
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from workflow_core.errors import TransientError
from workflow_core.temporal import data_converter, run_workflow_id
from workflow_core.testing.temporal import DEV_SERVER_ARGUMENTS, temporal_binary
from workflow_worker.deployment import DEPLOYMENT, deployment_of


@pytest_asyncio.fixture(loop_scope="session")
async def client():
    """Of a Temporal of its own: a current version would keep runs from all workers of other tests."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary()),
        dev_server_extra_args=list(DEV_SERVER_ARGUMENTS),
        data_converter=data_converter,
    ) as environment:
        yield environment.client


async def make_current(client, build_id):
    """Sets the current version, once Temporal has seen a worker of it."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build_id, identity="test"
    )
    async with asyncio.timeout(60):
        while True:
            try:
                await client.workflow_service.set_worker_deployment_current_version(request)
            except RPCError as error:
                if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
                    raise
                await asyncio.sleep(0.1)
            else:
                return


def act(step_id, action, **fields):
    return {"id": step_id, "type": "action.call", "config": {"actionId": action, "version": 1}, **fields}


async def test_runs_go_to_the_current_version_and_move_with_it(client, working, probe):
    """With their actions: what a run has begun on one version goes on on the next, and nothing is done twice."""
    old, new = probe, type(probe)()
    steps = [act("first", "probe.send"), act("wait", "probe.fetch", retry={"maxAttempts": 9, "backoffMs": 2000})]
    async with working(client, old, build_id="1") as runner:
        workflow_id = await runner.publish([*steps, act("last", "probe.send")])
        await make_current(client, "1")
        async with working(client, new, build_id="2"):
            old.failures = [None, *[TransientError("Later.")] * 8]
            moving = await runner.start(workflow_id)
            await runner.until_step(moving, "wait", "RETRYING")
            assert new.calls == []
            await make_current(client, "2")
            run = await runner.finished(moving)
            assert run["status"] == "SUCCEEDED", run["error_json"]
            assert [ctx.step_path for ctx in new.calls][-1] == "root.steps[2]"
            done = [ctx.step_path for ctx in [*old.calls, *new.calls]]
            assert (done.count("root.steps[0]"), done.count("root.steps[2]")) == (1, 1)
            before = len(old.calls)
            later = await runner.finished(await runner.start(workflow_id))
            assert (later["status"], len(old.calls)) == ("SUCCEEDED", before)
            description = await client.get_workflow_handle(run_workflow_id(str(later["run_id"]), 1)).describe()
            version = description.raw_description.workflow_execution_info.versioning_info.deployment_version
            assert (version.deployment_name, version.build_id) == (DEPLOYMENT, "2")


def test_without_a_build_id_a_worker_is_not_versioned():
    """Any of them gets any run."""
    assert deployment_of(None) is None
    assert deployment_of("7").version == WorkerDeploymentVersion(DEPLOYMENT, "7")
