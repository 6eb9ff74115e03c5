"""The trace of the steps that the interpreter executes itself, on its way into the run's history.

It travels with the next activity. Inside of loops it is bounded: of each control step the first
:data:`RECORDED_ITERATIONS` executions have rows, and as many failed ones; further ones are counted in the output of
their loop (``unrecorded``). Actions and called workflows always have their rows.
"""

from __future__ import annotations

from typing import Any, Final

from temporalio import workflow

from workflow_core.execution.models import StepTrace, TraceBatch
from workflow_core.manifest import canonical_json
from workflow_core.temporal import RECORD_STEPS
from workflow_worker.frames import Visit
from workflow_worker.local import execute_local

RECORDED_ITERATIONS: Final = 1000

#: Bytes of all that waits to be written.
_MAX_PENDING: Final = 256 * 1024
#: Bytes of a row beside its output and error.
_ROW: Final = 512
_ALWAYS: Final = ("action.call", "control.callWorkflow")


class Trace:
    """The steps of one run that no activity has written yet."""

    def __init__(self, tenant: str, run_id: str) -> None:
        self._tenant = tenant
        self._run_id = run_id
        self._pending: list[StepTrace] = []
        self._bytes = 0
        #: How often steps inside of loops have ended, by ``path#status``.
        self.recorded: dict[str, int] = {}

    def take(self) -> list[StepTrace]:
        """What the next activity is to write; whoever takes it puts it back when it may not have been written."""
        steps, self._pending, self._bytes = self._pending, [], 0
        return steps

    def put_back(self, steps: list[StepTrace]) -> None:
        """These steps may not have been written; writing them again is no harm."""
        self._pending = steps + self._pending
        self._bytes = sum(map(_size, self._pending))

    def record(
        self, visit: Visit, status: str, *, output: Any = None, error: dict[str, Any] | None = None, attempt: int = 1
    ) -> bool:
        """Keeps how a step stands; answers whether it will have a row."""
        if visit.iteration and status in ("SUCCEEDED", "FAILED") and visit.type not in _ALWAYS:
            key = f"{visit.path}#{status}"
            self.recorded[key] = self.recorded.get(key, 0) + 1
            if self.recorded[key] > RECORDED_ITERATIONS:
                return False
        row = step_trace(visit, status, output=output, error=error, attempt=attempt)
        self._pending.append(row)
        self._bytes += _size(row)
        return True

    @property
    def is_large(self) -> bool:
        """Whether it must be written before it is too large to travel with an action."""
        return self._bytes >= _MAX_PENDING

    async def write(self) -> None:
        """Writes it in an activity of its own."""
        await execute_local(RECORD_STEPS, TraceBatch(tenant=self._tenant, run_id=self._run_id, trace=self.take()))


def step_trace(
    visit: Visit, status: str, *, output: Any = None, error: dict[str, Any] | None = None, attempt: int = 1
) -> StepTrace:
    """The row of a step as it stands now."""
    action_id, version = _called(visit)
    return StepTrace(
        step_path=visit.path,
        iteration=visit.iteration,
        step_id=visit.step_id,
        step_type=visit.type,
        sequence=visit.sequence,
        status=status,
        started_at=visit.started,
        completed_at=None if status in ("STARTED", "RETRYING") else workflow.now().isoformat(),
        attempt=attempt,
        output=output,
        error=error,
        action_id=action_id,
        action_version=version,
    )


def _size(step: StepTrace) -> int:
    return _ROW + len(canonical_json(step.output)) + len(canonical_json(step.error))


def _called(visit: Visit) -> tuple[str | None, int | None]:
    """The action that a step names, as far as a row can tell it."""
    if visit.type != "action.call":
        return None, None
    action_id, version = visit.config.get("actionId"), visit.config.get("version", 1)
    return (
        action_id if isinstance(action_id, str) else None,
        version if type(version) is int and 0 < version < 2**31 else None,
    )
