"""The clients that start runs: with an ``Idempotency-Key``, most of them until they are told that it is accepted."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from uuid import UUID

import attrs

from tests.faults.reading import read
from tests.faults.vendor import Vendor
from tests.faults.workload import PlannedRun
from workflow_core.storage.database import Database
from workflow_devstack.api import Api
from workflow_devstack.errors import ApiError

_TRIES: Final = 200
_PAUSE_SECONDS: Final = 0.5
_SLOWLY_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.5

_UNDER_WAY: Final = "SELECT 1 FROM workflow_runs WHERE run_id = $1 AND status = 'RUNNING'"


@attrs.define
class Clients:
    """Start the runs of a workload, and remember what they were told.

    Attributes:
        api: The platform, in the name of its user.
        vendor: Where the runs' alerts are triggered.
        database: Where it is seen which runs are under way.
        asked: The runs that they wanted started.
        passed: How many of them ended, were given up, or wait for a person.
        all_asked: Whether there will be no more.
        accepted: The runs' ids by their refs; more than one for a ref would be a run too many.
        given_up: Refs of runs whose client gave up; they may have been recorded all the same.
        canceled: Ids of runs that were asked to end.
        requests: How many it took.
        starting: Set while a start is under way.
    """

    api: Api
    vendor: Vendor
    database: Database
    asked: list[PlannedRun] = attrs.Factory(list)
    passed: int = 0
    all_asked: bool = False
    accepted: dict[str, set[UUID]] = attrs.Factory(lambda: defaultdict(set))
    given_up: set[str] = attrs.Factory(set)
    canceled: set[UUID] = attrs.Factory(set)
    requests: int = 0
    starting: asyncio.Event = attrs.Factory(asyncio.Event)

    async def start(
        self,
        runs: Iterable[PlannedRun],
        workflow_ids: Mapping[str, str],
        *,
        least: int,
        at_once: int,
        enough: Callable[[], bool],
    ) -> None:
        """Starts runs, so many at once; those that wait for a person are not counted among them.

        Args:
            runs: The runs.
            workflow_ids: By their kind.
            least: How many are started at least; those after them are started slowly.
            at_once: How many.
            enough: Whether those after them need not be started.
        """
        places = asyncio.Semaphore(at_once)
        async with asyncio.TaskGroup() as clients:
            for run in runs:
                await places.acquire()
                if len(self.asked) >= least:
                    if enough():
                        break
                    await asyncio.sleep(_SLOWLY_SECONDS)
                self.asked.append(run)
                client = clients.create_task(self._start_and_watch(run, workflow_ids[run.kind]))
                client.add_done_callback(lambda _: places.release())
            self.all_asked = True

    async def _start_and_watch(self, run: PlannedRun, workflow_id: str) -> None:
        await self.vendor.trigger(run.targets)
        tries = 1 if run.start == "once" else _TRIES
        requests = 2 if run.start == "twice" else 1
        if run.start == "once":
            await self._until_the_server_answers()
        await asyncio.gather(*(self._start(run, workflow_id, tries=tries) for _ in range(requests)))
        for run_id in self.accepted.get(run.ref, ()):
            if run.canceled_after is not None:
                await asyncio.sleep(run.canceled_after)
                await self._cancel(run_id)
            while await read(self.database, _UNDER_WAY, run_id):
                await asyncio.sleep(_LOOK_SECONDS)
        self.passed += 1

    async def _until_the_server_answers(self) -> None:
        while True:
            try:
                await self.api.call("GET", "/health/live")
            except ApiError:
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def _start(self, run: PlannedRun, workflow_id: str, *, tries: int) -> None:
        """Asks for a run until it is accepted.

        Raises:
            ApiError: It was refused for good.
        """
        body = {"workflowId": workflow_id, "payload": run.payload}
        for _ in range(tries):
            self.requests += 1
            self.starting.set()
            try:
                answer = await self.api.call(
                    "POST", "/api/workflow-runs", body=body, headers={"Idempotency-Key": run.ref}
                )
            except ApiError as error:
                if refusal(error) is not None:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self.accepted[run.ref].add(UUID(answer["runId"]))
                return
            finally:
                self.starting.clear()
        self.given_up.add(run.ref)

    async def _cancel(self, run_id: UUID) -> None:
        while True:
            try:
                await self.api.call("POST", f"/api/workflow-runs/{run_id}/cancel", body={})
            except ApiError as error:
                if refusal(error) not in (None, "RUN_ENDED"):
                    raise
                if refusal(error) is not None:
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self.canceled.add(run_id)
                return


def refusal(error: ApiError) -> str | None:
    """The code with which the platform refused for good; None: it was away, or is in trouble."""
    problem = error.details.get("problem") or {}
    return str(problem["code"]) if problem.get("status", 503) < 500 else None
