"""The operator: says what became of uncertain effects, as NinjaOne shows it, resumes failed runs, completes tasks."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import Any, Final
from uuid import UUID

import attrs

from tests.faults.clients import refusal
from tests.faults.reading import read
from tests.faults.vendor import Journal
from workflow_core.storage.database import Database
from workflow_devstack.api import Api
from workflow_devstack.errors import ApiError

_PAUSE_SECONDS: Final = 0.5
_RESUMES: Final = 20
_WORDS: Final = ("yes", "no")

#: Runs that failed by themselves; a called one goes on inside of its caller.
_FAILED: Final = """
SELECT run_id, error_json ->> 'code' AS code FROM workflow_runs WHERE status = 'FAILED' AND parent_run_id IS NULL
"""


@attrs.frozen
class Uncertain:
    """An effect that was named as uncertain.

    Attributes:
        action_id: The action.
        device: The device that it is about.
        happened: Whether it has happened, as the operator sees it in the vendor's journal.
    """

    action_id: str
    device: int
    happened: bool


@attrs.define
class Operator:
    """Does over the API what a person would do.

    Attributes:
        api: The platform, in the person's name.
        journal: Where the person sees what has happened.
        database: Where runs are seen that failed.
        settled: What was uncertain, by the id of its row in the ledger and the moment of its sending.
        failures: The codes with which runs failed, before they were resumed.
        told: With which words a task was completed, as far as the operator was told so, by its id.
    """

    api: Api
    journal: Journal
    database: Database
    settled: dict[tuple[str, str], Uncertain] = attrs.Factory(dict)
    failures: Counter[str] = attrs.Factory(Counter)
    told: dict[UUID, set[str]] = attrs.Factory(lambda: defaultdict(set))
    _resumed: Counter[UUID] = attrs.Factory(Counter)

    async def work(self) -> None:
        """Looks for what there is to do until it is cancelled."""
        while True:
            try:
                await self._settle_all()
                await self._resume_all()
                await self._answer_all()
            except ApiError as error:
                if refusal(error) is not None:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _settle_all(self) -> None:
        page = await self.api.call("GET", "/api/workflow-runs/effects?status=uncertain")
        for effect in page["effects"]:
            await self._settle(effect)

    async def _settle(self, effect: dict[str, Any]) -> None:
        device = effect["input"].get("device_id", 0)
        found = Uncertain(effect["actionId"], device, happened=self.journal.rebooted(device) > 0)
        body: dict[str, Any] = {"decision": "send_again", "reason": "NinjaOne has never heard of it."}
        if found.happened:
            output = {"reboot_requested": True, "external_device_id": str(device)}
            body = {"decision": "happened", "output": output, "reason": "NinjaOne has taken the command."}
        asked = (effect["invocationId"], effect["sentAt"])
        self.settled[asked] = found
        try:
            await self.api.call("POST", f"/api/workflow-runs/effects/{effect['invocationId']}/settle", body=body)
        except ApiError as error:
            if refusal(error) == "EFFECT_UNDER_WAY":  # of a canceled run; what became of it shows later
                del self.settled[asked]
            elif refusal(error) != "ALREADY_SETTLED":  # by the same request, whose answer was lost
                raise

    async def _resume_all(self) -> None:
        for row in await read(self.database, _FAILED):
            run_id = row["run_id"]
            if self._resumed[run_id] >= _RESUMES:
                continue
            try:
                await self.api.call("POST", f"/api/workflow-runs/{run_id}/resume", body={"reason": "Once more."})
            except ApiError as error:
                if refusal(error) != "RUN_NOT_FAILED":  # by the same request, whose answer was lost
                    raise
            else:
                self._resumed[run_id] += 1
                self.failures[row["code"]] += 1

    async def _answer_all(self) -> None:
        page = await self.api.call("GET", "/api/workflow-tasks?status=OPEN")
        for task in page["tasks"]:
            await asyncio.gather(*(self._answer(UUID(task["taskId"]), word) for word in _WORDS))

    async def _answer(self, task_id: UUID, word: str) -> None:
        """One of two answers that come at the same moment: the first one counts."""
        try:
            await self.api.call("POST", f"/api/workflow-tasks/{task_id}/complete", body={"response": {"word": word}})
        except ApiError as error:
            if refusal(error) not in (None, "TASK_ENDED"):
                raise
        else:
            self.told[task_id].add(word)
