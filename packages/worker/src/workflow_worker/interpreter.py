"""The interpreter: one generic, deterministic workflow that executes any definition.

It walks an explicit stack of frames over the plan that the run was started with. Control steps cost nothing but
their expressions; each action call is one activity (a local one for actions that only use our database). The rows of
the run's history are written by the activities, which carry the trace of the control steps between them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    import attrs

    from workflow_core.errors import ActionNotOnWorkersError, ErrorCategory, WorkflowError
    from workflow_core.execution.ledger import LEASE_GRACE
    from workflow_core.execution.models import ActionCall, ActionResult, RunEnd, RunInput, StepTrace, TraceBatch
    from workflow_core.language.expressions import Budget
    from workflow_core.language.mapping import Mapped, assign_path, evaluate_stepwise, parse_assign_path
    from workflow_core.language.plan import PlannedAction
    from workflow_core.manifest import canonical_json
    from workflow_core.temporal import EXECUTE_ACTION, FINISH_RUN, RECORD_STEPS, RUN_WORKFLOW, action_task_queue
    from workflow_worker.failures import from_activity_error

#: What an activity does around its handler: the ledger's writes, repeated while the database is away.
_ACTIVITY_GRACE: Final = timedelta(seconds=LEASE_GRACE + 35)
#: A worker that is not heard of for so long is lost.
_HEARTBEAT: Final = timedelta(seconds=10)
#: How long an action may wait for a worker that has it before it is looked at again.
_SCHEDULE_TO_START: Final = timedelta(minutes=5)
#: How long a step goes on trying when nothing counts as an attempt (no worker, a busy key, our database away).
_PATIENCE: Final = timedelta(minutes=30)
#: Seconds between two such tries: doubled from the first to the second.
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0
#: A yield between two activations of a run that computes a lot.
_YIELD: Final = 0.001
#: Bytes of JSON that one action may be given; a workflow's history takes two megabytes at once.
_MAX_INPUT: Final = 1024 * 1024
#: Bytes of what one control step shows, and of all that waits to be written.
_MAX_SHOWN: Final = 4096
_MAX_TRACE: Final = 256 * 1024
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
        status, error = "SUCCEEDED", None
        try:
            await self._walk()
        except _RunFailedError as failed:
            status, error = "FAILED", failed.error
        except asyncio.CancelledError:
            status, error = "CANCELED", self._canceled()
        # Written once, whatever is asked of the run meanwhile: the row and Temporal tell the same end.
        writing = asyncio.ensure_future(self._finish(status, error))
        while not writing.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(writing)
        writing.result()
        if status == "CANCELED":
            raise asyncio.CancelledError
        if error is not None:
            raise ApplicationError(error["message"], error, type=error["code"], non_retryable=True)
        return {"status": status}

    def _canceled(self) -> dict[str, Any]:
        return {
            "category": ErrorCategory.CANCELLATION.value,
            "code": "CANCELED",
            "message": "The run was canceled.",
            "details": {},
            "nodePath": self._frames[-1].path if self._frames else "root",
            "at": self._now(),
        }

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
            try:
                await self._yield_if_spent()
                await self._step(step, path)
                await self._flush_if_large()
            except _Returned:
                return
            except _RunFailedError:
                raise
            except Exception as error:
                _raise_if_canceled(error)
                # A definition that nobody validated: a run never hangs on it.
                failure = self._error_object(_not_interpretable(error), path)
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
            output = await execute(self, step, path)
        except WorkflowError as error:
            failure = self._error_object(error, path)
            self._record(step, path, started, "FAILED", error=failure)
            raise _RunFailedError(failure) from None
        self._record(step, path, started, "SUCCEEDED", output=output)
        if kind == "control.return":
            raise _Returned

    async def _assign(self, step: Mapping[str, Any], _path: str) -> Any:
        values = (await self._evaluate(_config(step).get("assign", {}))).value
        for target, value in values.items():
            self._set(target, value)
        return _shown(values)

    async def _set_state(self, step: Mapping[str, Any], _path: str) -> Any:
        state = (await self._evaluate(_config(step).get("state"))).value
        self._set("meta.state", state)
        return _shown({"state": state})

    async def _if(self, step: Mapping[str, Any], path: str) -> Any:
        branch = "then" if (await self._evaluate(step.get("condition"))).value else "else"
        steps = step.get(branch)
        if isinstance(steps, list) and steps:
            self._frames.append(_Frame(f"{path}.{branch}.steps", steps))
        return {"branch": branch}

    async def _return(self, _step: Mapping[str, Any], _path: str) -> None:
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
        save_as = _config(step).get("saveAs")
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
        except asyncio.CancelledError:
            self._record(step, path, started, "CANCELED", sequence=sequence)
            raise
        else:
            return
        self._record(step, path, started, "FAILED", error=failure, sequence=sequence)
        raise _RunFailedError(failure)

    async def _call(self, step: Mapping[str, Any], path: str, sequence: int) -> ActionResult:
        config = _config(step)
        action_id, version = str(config.get("actionId")), config.get("version", 1)
        planned = self._run.plan.actions.get(f"{action_id}@{version}")
        if planned is None:
            raise ActionNotOnWorkersError(
                f"{action_id}@{version} was not installed when the run started: install its distribution, "
                "then start the run again."
            )
        mapped = await self._evaluate(config.get("inputMapping") or {})
        if (size := len(canonical_json(mapped.value))) > _MAX_INPUT:
            message = (
                f"The input of {action_id} has {size} bytes; {_MAX_INPUT} are possible. Pass on only what it needs."
            )
            raise WorkflowError(message, code="INPUT_TOO_LARGE")
        explicit = config.get("idempotencyKey")
        explicit_key = None if explicit is None else await self._explicit_key(explicit)
        retry = _Retry.of(step, planned)
        attempt, waits, waiting_since = 1, 0, workflow.now()
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
                input=mapped.value,
                secrets=[list(place) for place in mapped.secrets],
                missing=[list(place) for place in mapped.missing],
                time_limit=planned.time_limit,
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
            if not failure.retryable:
                raise _RunFailedError(failure.error)
            if failure.counts:
                if attempt >= retry.max_attempts:
                    raise _RunFailedError(failure.error)
                delay = max(retry.backoff_of(attempt), failure.retry_after or 0.0)
                attempt, waits = attempt + 1, 0
            else:
                if waits == 0:
                    waiting_since = workflow.now()
                if workflow.now() - waiting_since > _PATIENCE:
                    raise _RunFailedError(failure.error)
                delay = _wait(waits, failure.retry_after)
                waits += 1
            await workflow.sleep(delay)
            self._budget.reset()

    async def _dispatch(self, call: ActionCall, planned: PlannedAction) -> ActionResult:
        # Look-up and handler each have the limit.
        limit = 2 * timedelta(seconds=planned.time_limit) + _ACTIVITY_GRACE
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
            # A canceled run ends after its effect has: the ledger and the step then tell how.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return result

    async def _explicit_key(self, mapping: Any) -> str:
        value = (await self._evaluate(mapping)).value
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

    async def _evaluate(self, mapping: Any) -> Mapped:
        """Evaluates a mapping value, and lets Temporal see between its expressions that the run is alive."""
        steps = evaluate_stepwise(mapping, self._scope(), now=workflow.now(), budget=self._budget)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                mapped: Mapped = done.value
                return mapped
            await self._yield_if_spent()

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
        step: Any,
        path: str,
        started: str,
        status: str,
        *,
        output: Any = None,
        error: dict[str, Any] | None = None,
        sequence: int | None = None,
    ) -> None:
        action_id, version = _called(step)
        shown = step if isinstance(step, Mapping) else {}
        self._trace = [
            *self._trace,
            StepTrace(
                step_path=path,
                iteration="",
                step_id=str(shown.get("id")),
                step_type=str(shown.get("type")),
                sequence=self._sequence if sequence is None else sequence,
                status=status,
                started_at=started,
                completed_at=self._now(),
                output=output,
                error=error,
                action_id=action_id,
                action_version=version,
            ),
        ]

    async def _flush_if_large(self) -> None:
        """Writes the trace before it is too large to travel with an action."""
        if len(self._trace) * 512 + sum(len(canonical_json(step.output)) for step in self._trace) < _MAX_TRACE:
            return
        await workflow.execute_local_activity(
            RECORD_STEPS,
            TraceBatch(tenant=self._run.tenant, run_id=self._run.run_id, trace=self._trace),
            start_to_close_timeout=_FINISH_TIMEOUT,
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
        )
        self._trace = []
        self._budget.reset()

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


def _config(step: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step's configuration; an unvalidated definition may hold anything there."""
    config = step.get("config")
    return config if isinstance(config, Mapping) else {}


def _called(step: Any) -> tuple[str | None, int | None]:
    """The action that a step names, as far as a row can tell it."""
    if not isinstance(step, Mapping) or step.get("type") != "action.call":
        return None, None
    action_id, version = _config(step).get("actionId"), _config(step).get("version", 1)
    return (
        action_id if isinstance(action_id, str) else None,
        version if type(version) is int and 0 < version < 2**31 else None,
    )


def _not_interpretable(error: Exception) -> WorkflowError:
    return WorkflowError(
        f"The step cannot be interpreted ({type(error).__name__}): look at its definition.", code="INVALID_CONFIG"
    )


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Assigned values for the history: what is large is only named, since the trace travels with the next action."""
    left, shown = _MAX_SHOWN, {}
    for name, value in values.items():
        size = len(canonical_json(value))
        shown[name] = value if size <= left else f"[{size} bytes]"
        left -= min(size, left)
    return shown


def _wait(waits: int, lease_left: float | None) -> float:
    """Seconds until the next look, when nothing counted: soon at first; at the latest when the lease is over."""
    wait = min(_FIRST_WAIT * 2.0 ** min(waits, 20), _LONGEST_WAIT)
    return wait if lease_left is None else min(wait, lease_left + 0.2)


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
        try:
            return min(self.backoff * self.multiplier ** (attempt - 1), self.max_delay)
        except OverflowError:
            return self.max_delay
