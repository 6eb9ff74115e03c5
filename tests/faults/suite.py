"""One execution of the suite: a platform, its clients, its torment, its operator, and the verdict."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
from temporalio.client import Client

from tests.faults import chaos, verdict, workflows, workload
from tests.faults.chaos import Chaos
from tests.faults.clients import Clients
from tests.faults.operating import Operator
from tests.faults.platform import Platform, running_platform
from tests.faults.reading import read
from tests.faults.vendor import Journal, Vendor, account
from tests.faults.verdict import Check
from workflow_core.storage.database import Database
from workflow_core.temporal import JOB_WORKFLOW
from workflow_devstack.api import Api
from workflow_devstack.errors import ApiError
from workflow_devstack.seed import CONNECTED

_STALLED_SECONDS: Final = 90.0
_LOOK_SECONDS: Final = 0.5
_LOOKS: Final = 20

_PROGRESS: Final = """
SELECT count(*) AS runs, count(*) FILTER (WHERE status IN ('SUCCEEDED', 'CANCELED')) AS ended,
       count(*) FILTER (WHERE status = 'WAITING') AS waiting, max(updated_at)::text AS latest,
       (SELECT count(*) FROM workflow_action_invocations WHERE status = 'uncertain') AS uncertain,
       (SELECT count(*) FROM workflow_runtime_events WHERE processed_at IS NULL) AS events,
       (SELECT count(*) || ' ' || coalesce(sum(attempt), 0) FROM workflow_run_steps) AS steps
FROM workflow_runs
"""


class SuiteError(Exception):
    """The suite cannot go on."""


@attrs.frozen
class Options:
    """How hard.

    Attributes:
        runs: How many runs the clients start; up to three times as many until workers were killed at every moment.
        seed: Of workload, troubles and the order of blows.
        at_once: Runs under way at the same time.
        moments: At which workers kill themselves.
        every: How many runs come to an end from one other blow to the next.
        again: Whether other blows are dealt again and again.
    """

    runs: int
    seed: int
    at_once: int
    moments: tuple[str, ...]
    every: int
    again: bool


def short(seed: int) -> Options:
    """For every change."""
    return Options(runs=30, seed=seed, at_once=20, moments=chaos.FIRST_MOMENTS, every=4, again=False)


def long(runs: int, seed: int) -> Options:
    """For a release: every moment, when there are runs enough for a worker's death in every fifth."""
    moments = tuple(chaos.moments()[: max(len(chaos.FIRST_MOMENTS), runs // 5)])
    return Options(runs=runs, seed=seed, at_once=30, moments=moments, every=min(5, max(1, runs // 8)), again=True)


@attrs.frozen
class Result:
    """What came of it.

    Attributes:
        checks: What was found.
        torment: What was done, and how often.
        seconds: It took.
    """

    checks: list[Check]
    torment: Counter[str]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)


async def run(options: Options, folder: Path, *, say: Callable[[str], None]) -> Result:
    """Runs the suite.

    Args:
        options: How hard.
        folder: An empty one, for data and logs.
        say: Is told how it goes.
    """
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # its pool tells at length of every restart
    began = time.monotonic()
    planned = workload.plan(options.seed, 3 * options.runs)
    offset = Random(f"{options.seed}/clock").uniform(-3600.0, 3600.0)
    async with running_platform(folder, account(planned), clock_offset=offset) as platform:
        vendor = Vendor(platform.simulator_url, planned, Journal(platform.journal))
        await vendor.prepare()
        async with Api(platform.url, platform.token()) as api:
            operator = Operator(api, vendor.journal, platform.database)
            clients = Clients(api, vendor, platform.database)
            torment = Chaos(
                platform,
                clients,
                vendor,
                seed=options.seed,
                points=options.moments,
                every=options.every,
                again=options.again,
            )
            async with _beside(*(service.run() for service in torment.services), vendor.follow()):
                workflow_ids = await _publish(api)
                say(f"The platform runs ({time.monotonic() - began:.0f} s); now it suffers.")
                async with _beside(operator.work()):
                    async with asyncio.TaskGroup() as suffering:
                        suffering.create_task(torment.rage())
                        await clients.start(
                            planned.runs,
                            workflow_ids,
                            least=options.runs,
                            at_once=options.at_once,
                            enough=lambda: not torment.missing,
                        )
                        say(f"{len(clients.asked)} runs are started ({time.monotonic() - began:.0f} s).")
                        await torment.all_dealt.wait()
                        torment.calm()
                    say(f"Nothing is killed any more ({time.monotonic() - began:.0f} s).")
                    await _until_all_have_ended(platform.database, say)
                executions = await _open_executions(platform)
                found = await verdict.gather(
                    platform.database, clients, operator, vendor, executions, torment.worker_deaths
                )
    checks = [_moments(torment, options), *verdict.judge(found)]
    return Result(checks, _torment(torment, clients, operator), time.monotonic() - began)


@asynccontextmanager
async def _beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Works that go on during the block; when one of them fails, the block does."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        yield
        for task in tasks:
            task.cancel()


async def _publish(api: Api) -> dict[str, str]:
    """The ids of the published workflows by the kind of run."""
    (called,) = workflows.definitions(CONNECTED, called_id=None).values()
    others = workflows.definitions(CONNECTED, called_id=await _publish_one(api, called))
    return {kind: await _publish_one(api, definition) for kind, definition in others.items()}


async def _publish_one(api: Api, definition: workflows.Definition) -> str:
    """Publishes one; a server or a worker that is not there yet is waited for."""
    deadline = time.monotonic() + _STALLED_SECONDS
    workflow_id: str | None = None
    while True:
        try:
            if workflow_id is None:
                created = await api.call("POST", "/api/workflow-definitions", body={"definition": definition})
                workflow_id = str(created["workflowId"])
            published = await api.call("POST", f"/api/workflow-definitions/{workflow_id}/draft/publish", body={})
            if published["ok"]:
                return workflow_id
            problem = str(published["errors"])
        except ApiError as error:
            problem = error.message
        if time.monotonic() > deadline:
            raise SuiteError(f"The workflow {definition['id']} cannot be published: {problem}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _until_all_have_ended(database: Database, say: Callable[[str], None]) -> None:
    """Waits as long as anything goes on; what has not ended then is lost."""
    last: dict[str, Any] = {}
    moved = time.monotonic()
    while True:
        (progress,) = await read(database, _PROGRESS)
        if progress["ended"] == progress["runs"] and not (progress["uncertain"] or progress["events"]):
            return
        if progress != last:
            last, moved = progress, time.monotonic()
        elif time.monotonic() - moved > _STALLED_SECONDS:
            say(f"Nothing has gone on for {_STALLED_SECONDS:.0f} s: {progress['runs'] - progress['ended']} runs.")
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def _open_executions(platform: Platform) -> list[str]:
    """Ids of executions that are under way in Temporal, whose list is a moment behind.

    Runs of jobs are left out: their clocks start them all the time, and an attempt may follow minutes after another.
    """
    query = f'ExecutionStatus = "Running" AND WorkflowType != "{JOB_WORKFLOW}"'
    client = await Client.connect(platform.temporal_address)
    for _ in range(_LOOKS):
        found = [execution.id async for execution in client.list_workflows(query)]
        if not found:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return found


def _moments(torment: Chaos, options: Options) -> Check:
    problems = [f"no worker was killed at {moment}" for moment in torment.missing]
    wanted = len(options.moments)
    return Check("moments at which workers were killed", str(wanted), wanted - len(problems), problems)


def _torment(torment: Chaos, clients: Clients, operator: Operator) -> Counter[str]:
    return Counter(
        {
            **{f"worker killed at {moment}": number for moment, number in sorted(torment.reached.items())},
            **torment.blows,
            "processes that ended by themselves": torment.ended_by_themselves,
            **{f"NinjaOne: {trouble}": number for trouble, number in sorted(operator.journal.troubles.items())},
            **{f"run resumed after {code}": number for code, number in sorted(operator.failures.items())},
            "requests to start a run, or about one": clients.requests,
            "tasks answered twice at the same moment": len(operator.told),
            "starts given up": len(clients.given_up),
            "runs canceled": len(clients.canceled),
        }
    )
