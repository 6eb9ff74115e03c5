"""The interpreter: one generic, deterministic workflow that executes any definition.

It walks an explicit stack of frames over the plan that the run was started with. Control steps cost nothing but
their expressions; each action call is one activity (a local one for actions that only use our database). The rows of
the run's history are written by the activities, which carry the trace of the control steps between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    import attrs

    from workflow_core.errors import ActionNotOnWorkersError, ErrorCategory, WorkflowError
    from workflow_core.execution.ledger import LEASE_GRACE
    from workflow_core.execution.models import ActionCall, ActionResult, RunEnd, RunInput, StepTrace
    from workflow_core.language.expressions import MISSING, Budget, compile_expression
    from workflow_core.language.mapping import assign_path, evaluate_mapping, parse_assign_path
    from workflow_core.language.plan import PlannedAction
    from workflow_core.manifest import canonical_json
    from workflow_core.temporal import EXECUTE_ACTION, FINISH_RUN, RUN_WORKFLOW, action_task_queue
    from workflow_worker.failures import StepFailure, from_activity_error

#: Beyond a handler's hard limit: for the ledger's writes around it.
_ACTIVITY_GRACE: Final = timedelta(seconds=LEASE_GRACE + 30)
#: A worker that is not heard of for so long is lost.
_HEARTBEAT: Final = timedelta(seconds=10)
#: How long an action may wait for a worker that has it before it is looked at again.
_SCHEDULE_TO_START: Final = timedelta(minutes=1)
#: How long a step goes on trying when nothing counts as an attempt (no worker, a busy key, our database away).
_PATIENCE: Final = timedelta(minutes=30)
#: A yield between two activations of a run that computes a lot.
_YIELD: Final = 0.001

#: Bytes of one assigned value that the history shows.
_MAX_SHOWN: Final = 4096
_FINISH_TIMEOUT: Final = timedelta(seconds=30)

_ROOTS: Final = ("payload", "vars", "local", "meta", "error", "system")


@attrs.define
class _Frame:
    """A block of steps and the next one in it. ``path`` is such as ``root.steps[1].then.steps``."""

    path: str
    steps: list[dict[str, Any]]
    index: int = 0


class _RunFailedError(Exception):
    """A step failed for good; carries the error object."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


class _Returned(Exception):  # noqa: N818 - control.return is no error
    """A ``control.return`` was reached."""


@workflow.defn(name=RUN_WORKFLOW)
class RunWorkflow:
    """Executes one run of a workflow."""

    @workflow.init
    def __init__(self, run: RunInput) -> None:
        self._run = run
        self._budget = Budget()
        self._trace: list[StepTrace] = []
        self._sequence = 0
        self._scopes: dict[str, Any] = {
            "payload": {} if run.payload is None else run.payload,
            "vars": {},
            "local": {},
            "meta": {},
            "error": None,
            "system": {
                "runId": run.run_id,
                "tenantId": run.tenant,
                "workflowId": run.workflow_id,
                "workflowVersion": run.workflow_version,
                "startedAt": workflow.info().start_time.isoformat(),
            },
        }
        steps = run.plan.definition.get("steps")
        self._frames = [_Frame("root.steps", steps if isinstance(steps, list) else [])]

    @workflow.run
    async def run(self, _run: RunInput) -> dict[str, Any]:
        """Executes the plan to its end.

        Returns:
            ``{"status": "SUCCEEDED"}``.

        Raises:
            ApplicationError: The run failed: type = the error's code, first detail = the error object.
        """
        try:
            await self._walk()
        except _RunFailedError as failed:
            await self._finish("FAILED", failed.error)
            raise ApplicationError(
                failed.error["message"], failed.error, type=failed.error["code"], non_retryable=True
            ) from None
        except asyncio.CancelledError:
            canceled = {
                "category": ErrorCategory.CANCELLATION.value,
                "code": "CANCELED",
                "message": "The run was canceled.",
                "details": {},
                "nodePath": self._frames[-1].path if self._frames else "root",
                "at": self._now(),
            }
            await asyncio.shield(self._finish("CANCELED", canceled))
            raise
        await self._finish("SUCCEEDED", None)
        return {"status": "SUCCEEDED"}

    # ── Walking ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _walk(self) -> None:
        while self._frames:
            frame = self._frames[-1]
            if frame.index >= len(frame.steps):
                self._frames.pop()
                continue
            step = frame.steps[frame.index]
            path = f"{frame.path}[{frame.index}]"
            frame.index += 1
            await self._yield_if_spent()
            try:
                await self._step(step, path)
            except _Returned:
                return
            except _RunFailedError:
                raise
            except Exception as error:
                _raise_if_canceled(error)
                # A definition that nobody validated: a run never hangs on it.
                corrupt = WorkflowError(
                    f"The step cannot be interpreted ({type(error).__name__}): look at its definition.",
                    code="INVALID_CONFIG",
                )
                failure = self._error_object(corrupt, path)
                self._record(step, path, self._now(), "FAILED", error=failure)
                raise _RunFailedError(failure) from error

    async def _step(self, step: Mapping[str, Any], path: str) -> None:
        self._sequence += 1
        kind = step.get("type")
        if kind == "action.call":
            await self._action(step, path, self._sequence)
            return
        execute = self._CONTROL.get(str(kind))
        started = self._now()
        try:
            if execute is None:
                message = f"Steps of type {kind!r} cannot be run by this version of the worker."
                raise WorkflowError(message, code="UNSUPPORTED_STEP_TYPE")
            output = execute(self, step, path)
        except WorkflowError as error:
            failure = self._error_object(error, path)
            self._record(step, path, started, "FAILED", error=failure)
            raise _RunFailedError(failure) from None
        self._record(step, path, started, "SUCCEEDED", output=output)
        if kind == "control.return":
            raise _Returned

    def _assign(self, step: Mapping[str, Any], _path: str) -> Any:
        values = {
            target: self._evaluate(value) for target, value in (step.get("config") or {}).get("assign", {}).items()
        }
        for target, value in values.items():
            self._set(target, value)
        return {target: _shown(value) for target, value in values.items()}

    def _set_state(self, step: Mapping[str, Any], _path: str) -> Any:
        state = self._evaluate((step.get("config") or {}).get("state"))
        self._set("meta.state", state)
        return {"state": _shown(state)}

    def _if(self, step: Mapping[str, Any], path: str) -> Any:
        branch = "then" if self._condition(step.get("condition")) else "else"
        steps = step.get(branch)
        if isinstance(steps, list) and steps:
            self._frames.append(_Frame(f"{path}.{branch}.steps", steps))
        return {"branch": branch}

    def _return(self, _step: Mapping[str, Any], _path: str) -> None:
        return None

    _CONTROL: Final = {
        "transform.assign": _assign,
        "state.set": _set_state,
        "control.if": _if,
        "control.return": _return,
    }

    # ── Actions ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _action(self, step: Mapping[str, Any], path: str, sequence: int) -> None:
        started = self._now()
        save_as = (step.get("config") or {}).get("saveAs")
        try:
            if save_as:
                parse_assign_path(save_as)  # before the effect: what it gives must have a place
            result = await self._call(step, path, sequence)
            if save_as:
                self._set(save_as, result.output)
        except WorkflowError as error:
            failure = self._error_object(error, path)
        except _RunFailedError as failed:
            failure = failed.error
        else:
            return
        self._record(step, path, started, "FAILED", error=failure, sequence=sequence)
        raise _RunFailedError(failure)

    async def _call(self, step: Mapping[str, Any], path: str, sequence: int) -> ActionResult:
        config = step.get("config") or {}
        action_id, version = str(config.get("actionId")), int(config.get("version") or 1)
        planned = self._run.plan.actions.get(f"{action_id}@{version}")
        if planned is None:
            raise ActionNotOnWorkersError(
                f"{action_id}@{version} was not installed when the run started: install its distribution, "
                "then start the run again."
            )
        mapped = evaluate_mapping(
            config.get("inputMapping") or {}, self._scope(), now=workflow.now(), budget=self._budget, missing="mark"
        )
        explicit = config.get("idempotencyKey")
        explicit_key = None if explicit is None else self._explicit_key(explicit)
        retry = _Retry.of(step, planned)
        attempt, waited_since = 1, workflow.now()
        while True:
            call = ActionCall(
                tenant=self._run.tenant,
                run_id=self._run.run_id,
                step_path=path,
                iteration="",
                step_id=str(step.get("id")),
                sequence=sequence,
                action_id=action_id,
                action_version=version,
                effect=planned.effect,
                input=mapped,
                explicit_key=explicit_key,
                attempt=attempt,
                max_attempts=retry.max_attempts,
                actor=self._run.actor,
                dispatched_at=self._now(),
                trace=self._trace,
            )
            try:
                result = await self._dispatch(call, planned)
            except FailureError as error:  # a local activity's own failure comes without an ActivityError around it
                _raise_if_canceled(error)
                failure = from_activity_error(error, action_id=action_id, step_path=path, at=self._now())
            else:
                self._trace = []
                self._budget.reset()
                return result
            delay = self._delay(failure, retry, attempt, waited_since)
            if delay is None:
                raise _RunFailedError(failure.error)
            if failure.counts:
                attempt, waited_since = attempt + 1, workflow.now() + timedelta(seconds=delay)
            await workflow.sleep(delay)
            self._budget.reset()

    async def _dispatch(self, call: ActionCall, planned: PlannedAction) -> ActionResult:
        limit = timedelta(seconds=planned.time_limit) + _ACTIVITY_GRACE
        result: ActionResult
        if planned.io == "database":
            result = await workflow.execute_local_activity(
                EXECUTE_ACTION,
                call,
                result_type=ActionResult,
                start_to_close_timeout=limit,
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
            return result
        result = await workflow.execute_activity(
            EXECUTE_ACTION,
            call,
            result_type=ActionResult,
            task_queue=action_task_queue(planned.distribution),
            schedule_to_start_timeout=_SCHEDULE_TO_START,
            start_to_close_timeout=limit,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return result

    def _delay(self, failure: StepFailure, retry: _Retry, attempt: int, waited_since: datetime) -> float | None:
        """Seconds until the next attempt, or None: the failure is final."""
        if not failure.retryable:
            return None
        if not failure.counts:
            if workflow.now() - waited_since > _PATIENCE:
                return None
            # An asked-for wait is the rest of a lease, to the moment: a little more, so as not to come too early.
            return min(max((failure.retry_after or 1.0) + 0.2, 0.2), 300.0)
        if attempt >= retry.max_attempts:
            return None
        return max(retry.backoff_of(attempt), failure.retry_after or 0.0)

    def _explicit_key(self, mapping: Any) -> str:
        value = self._evaluate(mapping)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            message = "The idempotency key must be a string or a number, and not empty."
            raise WorkflowError(message, code="INVALID_IDEMPOTENCY_KEY")
        return str(value)

    # ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _scope(self) -> dict[str, Any]:
        """What expressions see: the variables by their bare names, under the roots."""
        variables = self._scopes["vars"]
        local = self._scopes["local"]
        return {**variables, **local, **{root: self._scopes[root] for root in _ROOTS}}

    def _evaluate(self, mapping: Any) -> Any:
        return evaluate_mapping(mapping, self._scope(), now=workflow.now(), budget=self._budget, missing="null")

    def _condition(self, mapping: Any) -> bool:
        if isinstance(mapping, Mapping) and isinstance(mapping.get("$expr"), str):
            expression = compile_expression(mapping["$expr"])
            value = expression.evaluate(self._scope(), now=workflow.now(), budget=self._budget)
            return value is not MISSING and bool(value)
        return bool(self._evaluate(mapping))

    def _set(self, path: str, value: Any) -> None:
        parse_assign_path(path)
        self._scopes = assign_path(self._scopes, path, value)

    async def _yield_if_spent(self) -> None:
        # Temporal ends a workflow task that computes for two seconds: let it see that we are alive.
        if self._budget.exhausted_activation:
            await workflow.sleep(_YIELD)
            self._budget.reset()

    # ── History ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _now(self) -> str:
        return workflow.now().isoformat()

    def _error_object(self, error: WorkflowError, path: str) -> dict[str, Any]:
        return {
            "category": error.category.value,
            "code": error.code,
            "message": error.message,
            "details": error.details,
            "nodePath": path,
            "at": self._now(),
        }

    def _record(
        self,
        step: Mapping[str, Any],
        path: str,
        started: str,
        status: str,
        *,
        output: Any = None,
        error: dict[str, Any] | None = None,
        sequence: int | None = None,
    ) -> None:
        config = step.get("config") or {}
        is_action = step.get("type") == "action.call"
        self._trace = [
            *self._trace,
            StepTrace(
                step_path=path,
                iteration="",
                step_id=str(step.get("id")),
                step_type=str(step.get("type")),
                sequence=self._sequence if sequence is None else sequence,
                status=status,
                started_at=started,
                completed_at=self._now(),
                output=output,
                error=error,
                action_id=config.get("actionId") if is_action else None,
                action_version=config.get("version", 1) if is_action else None,
            ),
        ]

    async def _finish(self, status: str, error: dict[str, Any] | None) -> None:
        await workflow.execute_local_activity(
            FINISH_RUN,
            RunEnd(
                tenant=self._run.tenant,
                run_id=self._run.run_id,
                status=status,
                error=error,
                completed_at=self._now(),
                trace=self._trace,
            ),
            start_to_close_timeout=_FINISH_TIMEOUT,
            # The end must be written: tried until the database is back.
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
        )


def _shown(value: Any) -> Any:
    """A value for the history: what is large is only named, since the trace travels with the next action."""
    size = len(canonical_json(value))
    return value if size <= _MAX_SHOWN else f"[{size} bytes]"


def _raise_if_canceled(error: BaseException) -> None:
    """An activity ends as canceled when the run is, and also when its worker stops: only the first is the end."""
    task = asyncio.current_task()
    if is_cancelled_exception(error) and task is not None and task.cancelling():
        raise asyncio.CancelledError from error


@attrs.frozen
class _Retry:
    """How a step is retried: its own ``retry``, else the action's hint. Seconds."""

    max_attempts: int
    backoff: float
    multiplier: float
    max_delay: float

    @classmethod
    def of(cls, step: Mapping[str, Any], planned: PlannedAction) -> _Retry:
        own = step.get("retry")
        if not isinstance(own, Mapping):
            return cls(planned.max_attempts, planned.backoff, planned.multiplier, planned.max_delay)
        return cls(
            max_attempts=int(own.get("maxAttempts") or 1),
            backoff=float(own.get("backoffMs") or 0) / 1000,
            multiplier=float(own.get("backoffMultiplier") or 2),
            max_delay=float(own.get("maxDelayMs") or 300_000) / 1000,
        )

    def backoff_of(self, attempt: int) -> float:
        return min(self.backoff * self.multiplier ** (attempt - 1), self.max_delay)
