"""The interpreter: one generic, deterministic workflow that executes any definition.

It walks an explicit stack of frames over the plan that the run was started with. Control steps cost nothing but
their expressions; each action call is one activity, each called workflow one child. The rows of the run's history are
written by the activities, which carry the trace of the control steps between them.

What a failure does: the step's retries come first, then its own ``onError``, then the innermost ``control.forEach``
with ``onItemError: continue`` or ``control.tryCatch`` around it; without any of them the run fails. The root ``error``
holds the error object inside of a ``catch`` block and is afterwards what it was before; after ``onError: continue`` it
stays, as ``vars.error`` does. See :func:`workflow_core.execution.verdicts.may_be_caught` for what nothing can hide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    import attrs

    from workflow_core.errors import ErrorCategory, InterpreterError, WorkflowError
    from workflow_core.execution.checkpoints import MAX_CHECKPOINT, Checkpoint, checkpoint_json
    from workflow_core.execution.models import RunEnd, RunInput, RunRef
    from workflow_core.execution.verdicts import may_be_caught
    from workflow_core.execution.writing import to_the_end
    from workflow_core.language.mapping import parse_assign_path
    from workflow_core.manifest import canonical_json
    from workflow_core.temporal import FINISH_RUN, LOAD_RUN, RUN_WORKFLOW, WAKE
    from workflow_worker.action_steps import call_action
    from workflow_worker.checkpointing import restore, take_checkpoint
    from workflow_worker.child_steps import MAX_SCOPES, call_workflow
    from workflow_worker.evaluation import Evaluator
    from workflow_worker.failures import StepFailedError, is_cancellation, raise_if_canceled, recorded_error
    from workflow_worker.frames import Block, Frame, Loop, TryCatch, Visit, block_steps
    from workflow_worker.local import execute_local
    from workflow_worker.scopes import Scopes
    from workflow_worker.state import RunState, error_object, now
    from workflow_worker.trace import Trace
    from workflow_worker.waiting import Wakes

#: Bytes of what one control step shows.
_MAX_SHOWN: Final = 4096
#: Items of one loop.
MAX_ITEMS: Final = 50_000
_WAITS: Final = ("event.wait", "time.wait", "human.task")


@attrs.frozen
class _FailedAt:
    """The step that ends the run, and where the run stood before it."""

    visit: Visit
    checkpoint: Checkpoint


class _RunFailedError(Exception):
    """A step failed, and nothing goes on after it; carries the error object."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


@workflow.defn(name=RUN_WORKFLOW)
class RunWorkflow:
    """Executes one run of a workflow."""

    _state: RunState  # from the moment when the plan is there

    @workflow.init
    def __init__(self, run: RunInput) -> None:
        self._run = run
        self._trace = Trace(run.tenant, run.run_id)
        self._wakes = Wakes()
        self._frames: list[Frame] = []
        self._sequence = 0
        self._failed_at: _FailedAt | None = None
        if run.plan is not None:
            self._begin(run)

    @workflow.run
    async def run(self, run: RunInput) -> dict[str, Any]:
        """Executes the plan to its end.

        Returns:
            ``{"status": "SUCCEEDED"}``; when they are wanted, with the final ``scopes``, or with their ``bytes`` when
            they are too large to be given.

        Raises:
            ApplicationError: The run failed: type = the error's code, first detail = the error object.
        """
        status, error = "SUCCEEDED", None
        try:
            if run.plan is None:
                await self._load()
            await self._walk()
        except _RunFailedError as failed:
            status, error = "FAILED", failed.error
        except asyncio.CancelledError:
            status, error = "CANCELED", self._canceled()
            self._close_frames("CANCELED")
        # Written once, whatever is asked of the run meanwhile: the row and Temporal tell the same end.
        await to_the_end(self._finish(status, error))
        if status == "CANCELED":
            raise asyncio.CancelledError
        if error is not None:
            raise ApplicationError(error["message"], error, type=error["code"], non_retryable=True)
        return {"status": status, **self._result()}

    @workflow.signal(name=WAKE)
    def wake(self, wait_id: str) -> None:
        """A wait of this run is over."""
        self._wakes.wake(wait_id)

    def _begin(self, run: RunInput) -> None:
        assert run.plan is not None  # noqa: S101 - for the type: `_load` gives it
        scopes = Scopes(run, workflow.info().start_time.isoformat())
        self._state = RunState(run, run.plan, scopes, Evaluator(scopes), self._trace, self._wakes)
        if run.resumption is not None and run.resumption.checkpoint is not None:
            self._frames, self._sequence = restore(run.resumption.checkpoint, run.plan.definition, scopes)
        else:
            self._frames.append(Block("root.steps", block_steps(run.plan.definition.get("steps")), ""))

    async def _load(self) -> None:
        ref = RunRef(tenant=self._run.tenant, run_id=self._run.run_id)
        try:
            loaded: RunInput = await execute_local(LOAD_RUN, ref, result_type=RunInput)
        except FailureError as failure:
            error = recorded_error(failure)
            if error is None:
                raise
            raise _RunFailedError({**error, "nodePath": "root", "at": now()}) from None
        try:
            self._begin(attrs.evolve(loaded, scopes_wanted=self._run.scopes_wanted))
        except WorkflowError as own:
            raise _RunFailedError(error_object(own, "root")) from None

    def _result(self) -> dict[str, Any]:
        if not self._run.scopes_wanted:
            return {}
        scopes = {name: value for name, value in self._state.scopes.roots().items() if name != "error"}
        size = len(canonical_json(scopes))
        return {"scopes": scopes} if size <= MAX_SCOPES else {"bytes": size}

    def _canceled(self) -> dict[str, Any]:
        top = self._frames[-1] if self._frames else None
        path = "root" if top is None else top.path if isinstance(top, Block) else top.visit.path
        canceled = error_object(WorkflowError("The run was canceled.", code="CANCELED"), path)
        return {**canceled, "category": ErrorCategory.CANCELLATION.value}

    async def _finish(self, status: str, error: dict[str, Any] | None) -> None:
        end = RunEnd(
            tenant=self._run.tenant,
            run_id=self._run.run_id,
            status=status,
            error=error,
            completed_at=now(),
            trace=self._trace.pending,
        )
        if status == "FAILED" and self._failed_at is not None:
            visit, plan = self._failed_at.visit, self._state.plan
            room = MAX_CHECKPOINT - len(canonical_json(plan.as_json()))
            end = attrs.evolve(
                end,
                failed_step=[visit.path, visit.iteration],
                checkpoint=checkpoint_json(self._failed_at.checkpoint, room=room),
            )
        await execute_local(FINISH_RUN, end)

    # ── Walking ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _walk(self) -> None:
        while self._frames:
            await self._between_steps()
            frame = self._frames[-1]
            if isinstance(frame, Loop):
                self._next_item(frame)
            elif isinstance(frame, TryCatch):
                self._frames.pop()
                self._end_try(frame, "SUCCEEDED")
            elif frame.index >= len(frame.steps):
                self._frames.pop()
            else:
                self._sequence += 1
                visit = frame.visit(self._sequence, now())
                frame.index += 1
                await self._step(visit)

    async def _between_steps(self) -> None:
        raise_if_canceled()
        await self._state.evaluator.before_step()
        if self._trace.is_large:
            await self._trace.write()
            self._state.evaluator.new_activation()

    async def _step(self, visit: Visit) -> None:
        try:
            await self._execute(visit)
        except StepFailedError as failed:
            error = failed.error
        except WorkflowError as own:
            error = error_object(own, visit.path)
        except asyncio.CancelledError:
            self._record(visit, "CANCELED")
            raise
        except Exception as unexpected:
            if is_cancellation(unexpected):
                self._record(visit, "CANCELED")
                raise asyncio.CancelledError from unexpected
            # A definition that nobody validated: a run never hangs on it.
            error = error_object(_not_interpretable(unexpected), visit.path)
        else:
            return
        self._record(visit, "FAILED", error=error)
        if _continues(visit) and may_be_caught(error):
            self._state.scopes.assign("vars.error", error)
            self._state.scopes.error = error
            return
        if not self._is_caught(error):
            checkpoint = take_checkpoint(self._state.scopes, self._frames, self._sequence)
            self._failed_at = _FailedAt(visit, checkpoint)
        self._unwind(error)

    async def _execute(self, visit: Visit) -> None:
        if not isinstance(visit.step, Mapping):
            raise InterpreterError("The step is not an object: mend the definition.")
        if visit.type in _WAITS:
            message = f"Steps of type {visit.type!r} wait, and this version of the worker cannot wait yet."
            raise InterpreterError(message, code="UNSUPPORTED_STEP_TYPE")
        execute = self._STEPS.get(visit.type)
        if execute is None:
            message = f"Steps of type {visit.type!r} cannot be run by this version of the worker."
            raise InterpreterError(message, code="UNSUPPORTED_STEP_TYPE")
        await execute(self, visit)

    def _record(
        self, visit: Visit, status: str, *, output: Any = None, error: dict[str, Any] | None = None, unrecorded: int = 0
    ) -> None:
        """Keeps how a step ended; what has no row is counted by the loop around it."""
        if not self._trace.record(visit, status, output=output, error=error):
            unrecorded += 1
        if unrecorded:
            loop = next((frame for frame in reversed(self._frames) if isinstance(frame, Loop)), None)
            if loop is not None:
                loop.unrecorded += unrecorded

    # ── Leaving frames ───────────────────────────────────────────────────────────────────────────────────────────

    def _is_caught(self, error: dict[str, Any]) -> bool:
        """Whether a frame goes on after this failure."""
        return may_be_caught(error) and any(
            frame.goes_on if isinstance(frame, Loop) else isinstance(frame, TryCatch) and frame.caught is None
            for frame in self._frames
        )

    def _unwind(self, error: dict[str, Any]) -> None:
        """Gives a failure to the innermost frame that goes on after it; the frames inside of that one end."""
        while self._frames:
            frame = self._frames.pop()
            if isinstance(frame, Loop):
                if frame.goes_on and may_be_caught(error):
                    frame.note_failure(error)
                    self._frames.append(frame)
                    return
                self._end_loop(frame, "FAILED", error)
            elif isinstance(frame, TryCatch):
                if frame.caught is None and may_be_caught(error):
                    try:
                        self._catch(frame, error)
                    except WorkflowError as own:  # what it caught has no place
                        error = error_object(own, frame.visit.path)
                    else:
                        return
                self._end_try(frame, "FAILED", error)
        raise _RunFailedError(error)

    def _close_frames(self, status: str) -> None:
        """Ends all frames, innermost first."""
        while self._frames:
            frame = self._frames.pop()
            if isinstance(frame, Loop):
                self._end_loop(frame, status)
            elif isinstance(frame, TryCatch):
                self._end_try(frame, status)

    # ── Node steps ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _action(self, visit: Visit) -> None:
        save_as = visit.config.get("saveAs")
        if save_as:
            parse_assign_path(save_as)  # before the effect: what it gives must have a place
        result = await call_action(self._state, visit)
        if save_as:
            self._state.scopes.assign(save_as, result.output)

    async def _assign(self, visit: Visit) -> None:
        self._record(visit, "SUCCEEDED", output=_shown(await self._assign_all(visit.config.get("assign", {}))))

    async def _assign_all(self, assignments: Any, **extra: Any) -> dict[str, Any]:
        """Assigns one after the other, so that each sees those before it; all of them, or none when one fails."""
        if not isinstance(assignments, Mapping):
            raise InterpreterError("Assignments are an object of paths and values: mend the definition.")
        scopes, values = self._state.scopes, {}
        before = scopes.snapshot()
        try:
            for path, mapping in assignments.items():
                values[path] = (await self._state.evaluator.evaluate({path: mapping}, **extra)).value[path]
                scopes.assign(path, values[path])
        except WorkflowError:
            scopes.restore(before)
            raise
        return values

    async def _set_state(self, visit: Visit) -> None:
        state = (await self._state.evaluator.evaluate(visit.config.get("state"))).value
        self._state.scopes.assign("meta.state", state)
        self._record(visit, "SUCCEEDED", output=_shown({"state": state}))

    # ── Control steps ────────────────────────────────────────────────────────────────────────────────────────────

    async def _if(self, visit: Visit) -> None:
        condition = await self._state.evaluator.evaluate(visit.fields.get("condition"))
        branch = "then" if condition.value else "else"
        self._record(visit, "SUCCEEDED", output={"branch": branch})
        self._frames.append(visit.block(branch))

    async def _return(self, visit: Visit) -> None:
        self._record(visit, "SUCCEEDED")
        self._close_frames("SUCCEEDED")

    async def _for_each(self, visit: Visit) -> None:
        item_var = visit.fields.get("itemVar")
        if not isinstance(item_var, str) or not item_var:
            raise InterpreterError("The loop names no variable for its items (itemVar).")
        items = (await self._state.evaluator.evaluate(visit.fields.get("items"))).value
        if not isinstance(items, list):
            # JSONata gives nothing for no match, and the thing itself for one.
            items = [] if items is None else [items]
        if len(items) > MAX_ITEMS:
            message = f"The loop has {len(items)} items; {MAX_ITEMS} are possible. Split the work into several runs."
            raise WorkflowError(message, code="TOO_MANY_ITEMS", details={"items": len(items), "maximum": MAX_ITEMS})
        goes_on = visit.fields.get("onItemError") == "continue"
        self._frames.append(Loop(visit, items, item_var, goes_on, self._state.scopes.enter_loop(item_var)))

    def _next_item(self, loop: Loop) -> None:
        loop.index += 1
        if loop.index >= len(loop.items):
            self._frames.pop()
            self._end_loop(loop, "SUCCEEDED")
            return
        self._state.scopes.begin_item(loop.outer, loop.item_var, loop.items, loop.index)
        self._frames.append(loop.visit.block("body", loop.iteration))

    def _end_loop(self, loop: Loop, status: str, error: dict[str, Any] | None = None) -> None:
        self._state.scopes.leave_loop(loop.outer, loop.item_var)
        self._record(loop.visit, status, output=loop.output(), error=error, unrecorded=loop.unrecorded)

    async def _try(self, visit: Visit) -> None:
        capture = visit.fields.get("captureErrorAs")
        if capture:
            parse_assign_path(capture)
        self._frames += [TryCatch(visit, capture or None, self._state.scopes.error), visit.block("try")]

    def _catch(self, frame: TryCatch, error: dict[str, Any]) -> None:
        scopes = self._state.scopes
        if frame.capture:
            scopes.assign(frame.capture, error)
        scopes.error = error
        frame.caught = error
        self._frames += [frame, frame.visit.block("catch")]

    def _end_try(self, frame: TryCatch, status: str, error: dict[str, Any] | None = None) -> None:
        # An author who captures into the root `error` wants it to stay.
        if frame.caught is not None and (not frame.capture or parse_assign_path(frame.capture)[0] != "error"):
            self._state.scopes.error = frame.outer_error
        self._record(frame.visit, status, output=frame.output(), error=error)

    async def _call_workflow(self, visit: Visit) -> None:
        child = await call_workflow(self._state, visit)
        await self._assign_all(visit.fields.get("outputMapping") or {}, childRun=child.scopes)
        self._record(visit, "SUCCEEDED", output={"childRunId": child.run_id})

    _STEPS: Final = {
        "action.call": _action,
        "transform.assign": _assign,
        "state.set": _set_state,
        "control.if": _if,
        "control.return": _return,
        "control.forEach": _for_each,
        "control.tryCatch": _try,
        "control.callWorkflow": _call_workflow,
    }


def _continues(visit: Visit) -> bool:
    """Whether the run goes on after this step has failed."""
    if visit.type.startswith("control.") and visit.type != "control.callWorkflow":
        return False
    policies = visit.fields.get("onError"), visit.config.get("onError")
    return any(isinstance(policy, Mapping) and policy.get("policy") == "continue" for policy in policies)


def _not_interpretable(error: Exception) -> InterpreterError:
    return InterpreterError(f"The step cannot be interpreted ({type(error).__name__}): look at its definition.")


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Assigned values for the history: what is large is only named, since the trace travels with the next action."""
    left, shown = _MAX_SHOWN, {}
    for name, value in values.items():
        size = len(canonical_json(value))
        shown[name] = value if size <= left else f"[{size} bytes]"
        left -= min(size, left)
    return shown
