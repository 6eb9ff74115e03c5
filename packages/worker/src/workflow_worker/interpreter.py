"""The interpreter: one generic, deterministic workflow that executes any definition.

It walks a strand (:mod:`workflow_worker.strand`) over the plan that the run was started with. Control steps cost
nothing but their expressions; each action call is one activity, each called workflow one child. The rows of the run's
history are written by the activities, which carry the trace of the control steps between them.

When the engine's history of an execution becomes long, nothing more is begun, what is under way ends, and the run goes
on in an execution with an empty history, where all its strands stand where they stood.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from workflow_core.errors import ErrorCategory, WorkflowError
from workflow_core.execution.checkpoints import (
    MAX_CHECKPOINT,
    Checkpoint,
    Resumption,
    SavedStrand,
    checkpoint_json,
    read_checkpoint,
)
from workflow_core.execution.models import RunEnd, RunInput, RunRef
from workflow_core.execution.writing import to_the_end
from workflow_core.manifest import canonical_json
from workflow_core.temporal import FINISH_RUN, LOAD_RUN, RUN_WORKFLOW, WAKE, execution_of
from workflow_worker.child_steps import MAX_SCOPES
from workflow_worker.control import Control
from workflow_worker.evaluation import Account, Evaluator
from workflow_worker.failures import raise_if_canceled, recorded_error
from workflow_worker.leaving import Parked, Returned, StrandFailedError
from workflow_worker.local import execute_local
from workflow_worker.scopes import Scopes
from workflow_worker.state import RunState, error_object, now
from workflow_worker.strand import Strand
from workflow_worker.trace import Trace
from workflow_worker.waiting import Wakes, leave_waits


class _RunFailedError(Exception):
    """The run failed.

    Attributes:
        error: The error object.
        failed: How its strand failed, if it had one.
    """

    def __init__(self, error: dict[str, Any], failed: StrandFailedError | None = None) -> None:
        super().__init__(error["message"])
        self.error = error
        self.failed = failed


@workflow.defn(name=RUN_WORKFLOW)
class RunWorkflow:
    """Executes one run of a workflow."""

    _strand: Strand | None = None  # from the moment when the plan is there

    @workflow.init
    def __init__(self, run: RunInput) -> None:
        self._run = run
        self._trace = Trace(run.tenant, run.run_id)
        self._wakes = Wakes()
        if run.plan is not None:
            self._begin(run)

    @workflow.run
    async def run(self, run: RunInput) -> dict[str, Any]:  # noqa: ARG002 - Temporal gives it to both
        """Executes the plan to its end.

        Returns:
            ``{"status": "SUCCEEDED"}``; when they are wanted, with the final ``scopes``, or with their ``bytes`` when
            they are too large to be given.

        Raises:
            ApplicationError: The run failed: type = the error's code, first detail = the error object.
        """
        status, error, failed = "SUCCEEDED", None, None
        try:
            strand = self._strand or await self._load()
            try:
                await strand.walk()
            except Returned:
                await leave_waits(strand.state)
            except Parked:
                await self._continue(strand)
        except StrandFailedError as failure:
            status, error, failed = "FAILED", failure.error, failure
        except _RunFailedError as failure:
            status, error = "FAILED", failure.error
        except asyncio.CancelledError:
            status, error = "CANCELED", self._canceled()
            if self._strand is not None:
                self._strand.close_frames("CANCELED")
        # Written once, whatever is asked of the run meanwhile: the row and Temporal tell the same end.
        await to_the_end(self._finish(status, error, failed))
        if status == "CANCELED":
            raise asyncio.CancelledError
        if error is not None:
            raise ApplicationError(error["message"], error, type=error["code"], non_retryable=True)
        return {"status": status, **self._result()}

    @workflow.signal(name=WAKE)
    def wake(self, wait_id: str) -> None:
        """A wait of this run is over."""
        self._wakes.wake(wait_id)

    def _begin(self, run: RunInput) -> Strand:
        assert run.plan is not None  # noqa: S101 - for the type: `_load` gives it
        checkpoint = run.resumption.checkpoint if run.resumption is not None else None
        saved = None if checkpoint is None else read_checkpoint(checkpoint)
        account = Account(RunRef(tenant=run.tenant, run_id=run.run_id))
        scopes = Scopes(run, workflow.info().start_time.isoformat(), account.budget)
        evaluator = Evaluator(scopes, account)
        control = Control(saved.sequence if saved else 0)
        self._trace.recorded = dict(saved.recorded) if saved else {}
        state = RunState(run, run.plan, scopes, evaluator, self._trace, control, self._wakes)
        self._strand = Strand.of_run(state, saved.strand if saved else None)
        return self._strand

    async def _load(self) -> Strand:
        """Begins a run that was not given its plan."""
        ref = RunRef(tenant=self._run.tenant, run_id=self._run.run_id)
        try:
            loaded: RunInput = await execute_local(LOAD_RUN, ref, result_type=RunInput)
        except FailureError as failure:
            error = recorded_error(failure)
            if error is None:
                raise
            raise _RunFailedError({**error, "nodePath": "root", "at": now()}) from None
        resumption = self._run.resumption or loaded.resumption
        try:
            return self._begin(attrs.evolve(loaded, scopes_wanted=self._run.scopes_wanted, resumption=resumption))
        except WorkflowError as own:
            raise _RunFailedError(error_object(own, "root")) from None

    async def _continue(self, strand: Strand) -> None:
        """Goes on in an execution with an empty history.

        Raises:
            ContinueAsNewError: Always, but when it cannot.
            _RunFailedError: ``STATE_TOO_LARGE``.
        """
        checkpoint = self._checkpoint(strand.saved(), strand.state, room=MAX_CHECKPOINT)
        if checkpoint is None:
            message = f"The run's variables have more than {MAX_CHECKPOINT} bytes: set to null what it no longer needs."
            raise _RunFailedError(error_object(WorkflowError(message, code="STATE_TOO_LARGE"), strand.path))
        await leave_waits(strand.state)
        await self._trace.write()
        raise_if_canceled()  # an execution that is told so now tells the next one nothing
        resumption = strand.state.run.resumption or Resumption(checkpoint=None, step_path=None, iteration=None)
        further = attrs.evolve(
            self._run, plan=None, payload=None, resumption=attrs.evolve(resumption, checkpoint=checkpoint)
        )
        workflow.continue_as_new(further)

    def _checkpoint(self, saved: SavedStrand, state: RunState, *, room: int) -> dict[str, Any] | None:
        checkpoint = Checkpoint(strand=saved, sequence=state.control.sequence, recorded=self._trace.recorded)
        return checkpoint_json(checkpoint, room=room)

    def _result(self) -> dict[str, Any]:
        if not self._run.scopes_wanted or self._strand is None:
            return {}
        scopes = {name: value for name, value in self._strand.state.scopes.roots().items() if name != "error"}
        size = len(canonical_json(scopes))
        return {"scopes": scopes} if size <= MAX_SCOPES else {"bytes": size}

    def _canceled(self) -> dict[str, Any]:
        path = self._strand.path if self._strand is not None else "root"
        canceled = error_object(WorkflowError("The run was canceled.", code="CANCELED"), path)
        return {**canceled, "category": ErrorCategory.CANCELLATION.value}

    async def _finish(self, status: str, error: dict[str, Any] | None, failed: StrandFailedError | None) -> None:
        end = RunEnd(
            tenant=self._run.tenant,
            run_id=self._run.run_id,
            status=status,
            error=error,
            completed_at=now(),
            trace=self._trace.take(),
            execution=execution_of(workflow.info().workflow_id),
            leaves_open=self._strand is not None and bool(self._strand.state.control.abandoned),
        )
        if failed is not None and failed.saved is not None and self._strand is not None:
            state, visit = self._strand.state, failed.visit
            room = MAX_CHECKPOINT - len(canonical_json([state.plan.as_json(), state.run.payload]))
            checkpoint = self._checkpoint(failed.saved, state, room=room)
            end = attrs.evolve(end, failed_step=[visit.path, visit.iteration], checkpoint=checkpoint)
        await execute_local(FINISH_RUN, end)
