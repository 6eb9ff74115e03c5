"""The clients: start runs with a key, most of them until they are told that it is accepted, and post their events."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import attrs

from tests.faults.reading import read
from tests.faults.vendor import Vendor
from tests.faults.workflows import ANSWERED, BEGUN
from tests.faults.workload import PlannedRun
from workflow_core.execution.runs import run_id_for_event
from workflow_core.storage.database import Database
from workflow_devstack.api import Api
from workflow_devstack.errors import ApiError
from workflow_devstack.seed import CONNECTED

_TRIES: Final = 500
_PATIENCE_SECONDS: Final = 120.0
_PAUSE_SECONDS: Final = 0.5
_SLOWLY_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.5

_RECORDED: Final = "SELECT 1 FROM workflow_runs WHERE run_id = $1"
_UNDER_WAY: Final = """
SELECT 1 FROM workflow_runs run
WHERE run_id = $1 AND status IN ('RUNNING', 'WAITING') AND NOT EXISTS (
    SELECT FROM workflow_run_waits wait
    WHERE wait.tenant = run.tenant AND wait.run_id = run.run_id AND wait.status = 'WAITING'
      AND wait.wait_type IN ('settlement', 'human')
)
"""


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
        posting: How many requests for a run, or about one, are under way.
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
    posting: int = 0

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
        start = self._begin if run.start == "event" else self._start
        await asyncio.gather(*(start(run, workflow_id, tries=tries) for _ in range(requests)))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell(run))
            for run_id in self.accepted.get(run.ref, ()):
                group.create_task(self._watch(run, run_id))
        self.passed += 1

    async def _watch(self, run: PlannedRun, run_id: UUID) -> None:
        with contextlib.suppress(TimeoutError):  # others take its place; what became of it the verdict tells
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not await read(self.database, _RECORDED, run_id):  # its event is stored, and nobody has taken it
                    await asyncio.sleep(_LOOK_SECONDS)
                if run.canceled_after is not None:
                    await asyncio.sleep(run.canceled_after)
                    await self._cancel(run_id)
                while await read(self.database, _UNDER_WAY, run_id):
                    await asyncio.sleep(_LOOK_SECONDS)

    async def _tell(self, run: PlannedRun) -> None:
        """Posts what a run waits for, also of one whose client does not know whether it is there."""
        for event in run.events:
            await asyncio.sleep(event.after)
            body = {
                "eventId": str(event.event_id),
                "eventName": ANSWERED,
                "correlationKey": event.key,
                "payload": {"word": event.word},
            }
            await asyncio.gather(
                *(self._post("/api/workflow/events", body, tries=_TRIES) for _ in range(event.requests))
            )

    async def _until_the_server_answers(self) -> None:
        while True:
            try:
                await self.api.call("GET", "/health/live")
            except ApiError:
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def _start(self, run: PlannedRun, workflow_id: str, *, tries: int) -> None:
        body = {"workflowId": workflow_id, "payload": run.payload}
        answer = await self._post("/api/workflow-runs", body, tries=tries, key=run.ref)
        if answer is None:
            self.given_up.add(run.ref)
        else:
            self.accepted[run.ref].add(UUID(answer["runId"]))

    async def _begin(self, run: PlannedRun, workflow_id: str, *, tries: int) -> None:
        """Posts the event that starts a run: once it is stored, the run comes, also when it cannot come at once."""
        body = {"eventId": str(run.event_id), "eventName": BEGUN, "payload": run.payload}
        if await self._post("/api/workflow/events", body, tries=tries) is None:
            self.given_up.add(run.ref)
        else:
            self.accepted[run.ref].add(run_id_for_event(CONNECTED.tenant, run.event_id, UUID(workflow_id)))

    async def _post(self, path: str, body: Mapping[str, Any], *, tries: int, key: str | None = None) -> Any:
        """Asks until it is accepted: the answer; None when it gives up.

        Raises:
            ApiError: It was refused for good.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        for _ in range(tries):
            self.requests += 1
            self.posting += 1
            try:
                return await self.api.call("POST", path, body=body, headers=headers)
            except ApiError as error:
                if refusal(error) is not None:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            finally:
                self.posting -= 1
        return None

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
