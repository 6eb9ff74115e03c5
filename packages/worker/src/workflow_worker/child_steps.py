"""``control.callWorkflow``: a run of another workflow, executed as a child of this one and awaited."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import attrs
from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

from workflow_core.errors import ChildWorkflowError, ErrorCategory, WorkflowError
from workflow_core.execution.child_runs import child_run_id
from workflow_core.execution.models import ChildRun, RunEnd, RunInput
from workflow_core.execution.runs import TASK_TIMEOUT
from workflow_core.execution.writing import to_the_end
from workflow_core.temporal import FINISH_RUN, RECORD_CHILD, RUN_WORKFLOW, run_workflow_id
from workflow_worker.failures import StepFailedError, child_end, is_cancellation, raise_if_canceled, recorded_error
from workflow_worker.frames import Visit
from workflow_worker.local import execute_local
from workflow_worker.retries import Retry, pause
from workflow_worker.state import RunState, error_object, now
from workflow_worker.trace import step_trace

#: Bytes of its scopes that a child gives to an ``outputMapping``.
MAX_SCOPES: Final = 1024 * 1024
#: A child that failed with one of these may succeed another time.
_PASSING: Final = (ErrorCategory.TRANSIENT, ErrorCategory.TIMEOUT)


@attrs.frozen
class EndedChild:
    """A called run that succeeded.

    Attributes:
        scopes: Its final roots ``payload, vars, local, meta, system``; empty when nobody maps them.
    """

    run_id: str
    scopes: dict[str, Any]


async def call_workflow(state: RunState, visit: Visit) -> EndedChild:
    """Executes the called workflow, with the step's retries: each further attempt is a further run.

    Raises:
        StepFailedError: With a ``ChildWorkflowError`` whose code is that of the child's error.
        WorkflowError: Nothing was attempted.
    """
    mapped = await state.evaluator.evaluate(visit.fields.get("inputMapping") or {})
    if mapped.secrets:
        message = "A secret cannot be given to a workflow: let the called workflow use it in an action's input."
        raise WorkflowError(message, code="INVALID_CONFIG")
    dry_run = state.run.dry_run
    retry = Retry.of(visit.fields, dry_run=dry_run)
    # The run that was called last goes on; only when it fails again is there another one.
    resumption = state.run.resumption
    first = attempt = 1 if resumption is None else max(1, resumption.attempts_of(visit.path, visit.iteration))
    while True:
        call = _Call(state, visit, attempt, resumed=state.is_resumed and attempt == first)
        try:
            return await call.execute(mapped.value)
        except StepFailedError as failed:
            error = failed.error
            cause = error["details"].get("error")
            passing = cause is not None and cause["category"] in _PASSING
            if not retry.goes_on(error, retryable=passing, attempt=attempt - first + 1):
                raise
        # Seen in the history while it waits.
        state.trace.record(visit, "RETRYING", error=error, attempt=attempt)
        await state.trace.write()
        raise_if_canceled()
        await pause(retry.delay(attempt - first + 1, workflow.random()), dry_run=dry_run)
        state.evaluator.new_activation()
        attempt += 1


@attrs.frozen
class _Call:
    """One attempt at a call."""

    state: RunState
    visit: Visit
    attempt: int
    resumed: bool

    @property
    def run_id(self) -> str:
        """The child's."""
        return child_run_id(self.state.run.run_id, self.visit.step_id, self.visit.iteration, self.attempt)

    async def execute(self, payload: Any) -> EndedChild:
        mapping = self.visit.fields.get("outputMapping")
        try:
            execution = await self._record(payload)
            raise_if_canceled()
            ended = await self._start(execution, scopes_wanted=bool(mapping))
        except asyncio.CancelledError:
            await self._close("CANCELED", self._canceled())
            raise
        except StepFailedError:
            self.state.evaluator.new_activation()
            raise
        self.state.evaluator.new_activation()
        if not mapping:
            return EndedChild(self.run_id, {})
        if "scopes" not in ended:
            raise StepFailedError(
                self._error(
                    "OUTPUT_TOO_LARGE",
                    f"The variables of the called run {self.run_id} have {ended['bytes']} bytes; {MAX_SCOPES} can be "
                    "mapped. Let it set to null what only it needed.",
                    bytes=ended["bytes"],
                    maximum=MAX_SCOPES,
                )
            )
        return EndedChild(self.run_id, ended["scopes"])

    async def _record(self, payload: Any) -> int:
        """Writes the child's row and what led to the call, so that the child can load itself.

        Returns:
            Which execution of the child is to be started.
        """
        state, step = self.state, self.visit.fields
        workflow_id, version = step.get("workflowId"), step.get("workflowVersion")
        if not isinstance(workflow_id, str) or type(version) is not int:
            raise ChildWorkflowError("The step names no workflow and version to call.", code="WORKFLOW_NOT_FOUND")
        trace = state.trace.take()
        under_way = step_trace(self.visit, "STARTED", output={"childRunId": self.run_id}, attempt=self.attempt)
        child = ChildRun(
            tenant=state.run.tenant,
            parent_run_id=state.run.run_id,
            run_id=self.run_id,
            workflow_id=workflow_id,
            workflow_version=version,
            payload=payload,
            actor=state.run.actor,
            trace=[*trace, under_way],
            resumed=self.resumed,
        )
        try:
            execution: int | None = await execute_local(RECORD_CHILD, child)
        except FailureError as failure:
            state.trace.put_back(trace)
            refused = recorded_error(failure)
            if refused is None:
                raise
            raise StepFailedError({**refused, "nodePath": self.visit.path, "at": now()}) from None
        return execution or 1  # histories from before there were several say nothing

    async def _start(self, execution: int, *, scopes_wanted: bool) -> dict[str, Any]:
        run, step = self.state.run, self.visit.fields
        child = RunInput(
            tenant=run.tenant,
            run_id=self.run_id,
            workflow_id=step["workflowId"],
            workflow_version=step["workflowVersion"],
            actor=run.actor,
            plan=None,
            payload=None,
            scopes_wanted=scopes_wanted,
            dry_run=run.dry_run,
        )
        try:
            ended: dict[str, Any] = await workflow.execute_child_workflow(
                RUN_WORKFLOW,
                child,
                id=run_workflow_id(self.run_id, execution),
                result_type=dict[str, Any],
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                # A canceled run ends after its children have; one that was terminated takes them along.
                cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            )
        except WorkflowAlreadyStartedError:
            # Its row belongs to whoever executes it.
            raise StepFailedError(
                self._error("CHILD_WORKFLOW_FAILED", f"The called run {self.run_id} had been executed before.")
            ) from None
        except FailureError as failure:
            if is_cancellation(failure):
                raise asyncio.CancelledError from failure
            raise StepFailedError(await self._failed(failure)) from None
        return ended

    async def _failed(self, failure: FailureError) -> dict[str, Any]:
        error = recorded_error(failure)
        if error is not None:
            message = f"The called run {self.run_id} failed: {error['message']}"
            return self._error(error["code"], message, error=error)
        code, words = child_end(failure)
        if code == "CANCELED":
            shown = self._canceled()
        else:
            shown = self._error(code, f"The run did not end by itself: {words}.")
        await self._close("CANCELED" if code == "CANCELED" else "FAILED", shown)
        return self._error(code, f"The called run {self.run_id} did not succeed: {words}.", error=shown)

    async def _close(self, status: str, error: dict[str, Any]) -> None:
        """Closes the child's row if the child has not: it may never have begun, or had no chance to."""
        end = RunEnd(
            tenant=self.state.run.tenant,
            run_id=self.run_id,
            status=status,
            error=error,
            completed_at=now(),
            trace=[],
        )
        await to_the_end(execute_local(FINISH_RUN, end))

    def _canceled(self) -> dict[str, Any]:
        error = WorkflowError("The run was canceled.", code="CANCELED")
        shown = error_object(error, self.visit.path)
        return {**shown, "category": ErrorCategory.CANCELLATION.value, "nodePath": "root"}

    def _error(self, code: str, message: str, **details: Any) -> dict[str, Any]:
        step = self.visit.fields
        about = {
            "workflowId": step.get("workflowId"),
            "workflowVersion": step.get("workflowVersion"),
            "childRunId": self.run_id,
        }
        return error_object(ChildWorkflowError(message, code=code, details={**about, **details}), self.visit.path)
