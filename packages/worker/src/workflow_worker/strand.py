"""A strand of a run: one line of steps with scopes of its own.

A run has one strand, which is the run itself, and one more for each item of a concurrent loop that is under way. A
strand walks an explicit stack of frames; nothing that it needs lies anywhere else, so that it can be put aside between
any two steps, saved, and restored in another execution.

What a failure does: the step's retries come first, then its own ``onError``, then the innermost ``control.forEach``
with ``onItemError: continue`` or ``control.tryCatch`` around it; without any of them the strand fails. The root
``error`` holds the error object inside of a ``catch`` block and is afterwards what it was before; after ``onError:
continue`` it stays, as ``vars.error`` does. See :func:`workflow_core.execution.verdicts.may_be_caught` for what nothing
can hide.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from workflow_core.errors import InterpreterError, WorkflowError
from workflow_core.execution.checkpoints import SavedStrand
from workflow_core.execution.verdicts import may_be_caught
from workflow_core.language.mapping import parse_assign_path
from workflow_core.manifest import canonical_json
from workflow_worker.action_steps import call_action
from workflow_worker.checkpointing import restore_frames, save_frames
from workflow_worker.child_steps import call_workflow
from workflow_worker.concurrency import Failed, Stopped, run_items
from workflow_worker.failures import StepFailedError, is_cancellation, raise_if_canceled
from workflow_worker.frames import Block, ConcurrentLoop, Frame, Loop, TryCatch, Visit, block_steps
from workflow_worker.leaving import Parked, Returned, StrandFailedError
from workflow_worker.scopes import Snapshot
from workflow_worker.state import RunState, error_object, now
from workflow_worker.wait_steps import WAITS
from workflow_worker.waiting import leave_waits

#: Bytes of what one control step shows.
_MAX_SHOWN: Final = 4096
#: Items of one loop.
MAX_ITEMS: Final = 50_000
#: Items of one loop at once, whatever it asks for.
MAX_CONCURRENCY: Final = 1000


class Strand:
    """One line of steps.

    Args:
        state: The run, with the scopes that this strand reads and writes.
        frames: Where it begins.
        base: What its scopes began with; None: with nothing, as those of the run itself.
    """

    def __init__(self, state: RunState, frames: list[Frame], *, base: Snapshot | None = None) -> None:
        self.state = state
        self.frames = frames
        self.unrecorded = 0
        self._base = base
        self._under_way = False

    @classmethod
    def of_run(cls, state: RunState, saved: SavedStrand | None) -> Strand:
        """The strand that the run itself is.

        Raises:
            InterpreterError: ``CHECKPOINT_MISMATCH``: what was saved is of another plan.
        """
        definition = state.plan.definition
        if saved is None:
            return cls(state, [Block("root.steps", block_steps(definition.get("steps")), "")])
        state.scopes.apply(saved.difference, saved.writes)
        return cls(state, restore_frames(saved.frames, definition))

    def branch(
        self, loop: ConcurrentLoop, index: int, saved: SavedStrand | None, stopped: Callable[[], bool]
    ) -> Strand:
        """The strand of one item of a loop of this one: from its beginning, or from where it was put aside."""
        base = self.state.scopes.snapshot()
        state = self.state.branch(stopped)
        if saved is None:
            scopes = state.scopes
            scopes.begin_item(scopes.enter_loop(loop.item_var), loop.item_var, loop.items, index)
            frames: list[Frame] = [loop.visit.block("body", loop.iteration_of(index))]
        else:
            state.scopes.apply(saved.difference, saved.writes)
            frames = restore_frames(saved.frames, state.plan.definition)
        return Strand(state, frames, base=base)

    def saved(self) -> SavedStrand:
        """Where it stands: before the step that is under way, if one is."""
        scopes = self.state.scopes
        return SavedStrand(
            frames=save_frames(self.frames, under_way=self._under_way),
            difference=scopes.difference(self._base),
            writes=scopes.writes,
        )

    @property
    def path(self) -> str:
        """Where it stands."""
        top = self.frames[-1] if self.frames else None
        return "root" if top is None else top.path if isinstance(top, Block) else top.visit.path

    # ── Walking ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def walk(self) -> None:
        """Goes on to the strand's end.

        Raises:
            StrandFailedError: A step failed.
            Returned: The run is over.
            Parked: It is put aside, and :meth:`saved` says where.
        """
        while self.frames:
            await self._between_steps()
            frame = self.frames[-1]
            if isinstance(frame, Loop):
                self._next_item(frame)
            elif isinstance(frame, ConcurrentLoop):
                await self._items(frame)
            elif isinstance(frame, TryCatch):
                self.frames.pop()
                self._end_try(frame, "SUCCEEDED")
            elif frame.index >= len(frame.steps):
                self.frames.pop()
            else:
                visit = frame.visit(self.state.control.next_sequence(), now())
                frame.index += 1
                self._under_way = True
                await self._step(visit)
                self._under_way = False
                self.state.control.end_step()

    async def _between_steps(self) -> None:
        raise_if_canceled()
        if self.state.is_put_aside():
            raise Parked
        await self.state.evaluator.before_step()
        await leave_waits(self.state)
        if self.state.trace.is_large:
            await self.state.trace.write()
            self.state.evaluator.new_activation()

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
        except (Parked, Returned):
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
            try:
                self.state.scopes.assign("vars.error", error)
            except WorkflowError as own:  # it has no place
                error = error_object(own, visit.path)
            else:
                self.state.scopes.error = error
                return
        self._fail(visit, error)

    def _fail(self, visit: Visit, error: dict[str, Any], *, can_go_on: bool = True) -> None:
        """Unwinds to what goes on after the failure.

        Args:
            visit: The step that failed.
            error: How.
            can_go_on: Whether the strand still has all that it needs to go on before that step.

        Raises:
            StrandFailedError: Nothing does.
        """
        saved = None if not can_go_on or self._is_caught(error) else self.saved()
        self._under_way = False
        uncaught = self._unwind(error)
        if uncaught is not None:
            raise StrandFailedError(uncaught, visit, saved)

    async def _execute(self, visit: Visit) -> None:
        if not isinstance(visit.step, Mapping):
            raise InterpreterError("The step is not an object: mend the definition.")
        execute = self._STEPS.get(visit.type)
        if execute is None:
            message = f"Steps of type {visit.type!r} cannot be run by this version of the worker."
            raise InterpreterError(message, code="UNSUPPORTED_STEP_TYPE")
        await execute(self, visit)

    def _record(
        self, visit: Visit, status: str, *, output: Any = None, error: dict[str, Any] | None = None, unrecorded: int = 0
    ) -> None:
        """Keeps how a step ended; what has no row is counted by the loop around it."""
        if not self.state.trace.record(visit, status, output=output, error=error):
            unrecorded += 1
        if unrecorded:
            loop = next((frame for frame in reversed(self.frames) if isinstance(frame, Loop)), None)
            if loop is not None:
                loop.unrecorded += unrecorded
            else:
                self.unrecorded += unrecorded

    # ── Leaving frames ───────────────────────────────────────────────────────────────────────────────────────────

    def _is_caught(self, error: dict[str, Any]) -> bool:
        """Whether a frame goes on after this failure."""
        return may_be_caught(error) and any(
            frame.goes_on if isinstance(frame, Loop) else isinstance(frame, TryCatch) and frame.caught is None
            for frame in self.frames
        )

    def _unwind(self, error: dict[str, Any]) -> dict[str, Any] | None:
        """Gives a failure to the innermost frame that goes on after it; answers what no frame takes."""
        while self.frames:
            frame = self.frames.pop()
            if isinstance(frame, Loop):
                if frame.goes_on and may_be_caught(error):
                    frame.note_failure(frame.index, error)
                    self.frames.append(frame)
                    return None
                self._end_loop(frame, "FAILED", error)
            elif isinstance(frame, TryCatch):
                if frame.caught is None and may_be_caught(error):
                    try:
                        self._catch(frame, error)
                    except WorkflowError as own:  # what it caught has no place
                        error = error_object(own, frame.visit.path)
                    else:
                        return None
                self._end_try(frame, "FAILED", error)
            elif isinstance(frame, ConcurrentLoop):
                with contextlib.suppress(WorkflowError):  # it has failed already
                    frame.merge_into(self.state.scopes)
                self._leave_items(frame, "FAILED", error)
        return error

    def close_frames(self, status: str) -> None:
        """Ends all frames, innermost first."""
        while self.frames:
            frame = self.frames.pop()
            if isinstance(frame, Loop):
                self._end_loop(frame, status)
            elif isinstance(frame, TryCatch):
                self._end_try(frame, status)
            elif isinstance(frame, ConcurrentLoop):
                self._leave_items(frame, status)

    def _leave_items(self, loop: ConcurrentLoop, status: str, error: dict[str, Any] | None = None) -> None:
        """Ends a loop, also where items of it have been put aside."""
        if loop.under_way:
            self.state.control.abandoned.append(loop.visit)
        self._record_loop(loop, status, error)

    # ── Node steps ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _action(self, visit: Visit) -> None:
        save_as = visit.config.get("saveAs")
        if save_as:
            parse_assign_path(save_as)  # before the effect: what it gives must have a place
        result = await call_action(self.state, visit)
        if save_as:
            self.state.scopes.assign(save_as, result.output)

    async def _assign(self, visit: Visit) -> None:
        self._record(visit, "SUCCEEDED", output=_shown(await self._assign_all(visit.config.get("assign", {}))))

    async def _assign_all(self, assignments: Any, **extra: Any) -> dict[str, Any]:
        """Assigns one after the other, so that each sees those before it; all of them, or none when one fails."""
        if not isinstance(assignments, Mapping):
            raise InterpreterError("Assignments are an object of paths and values: mend the definition.")
        scopes, values = self.state.scopes, {}
        before = scopes.snapshot()
        try:
            for path, mapping in assignments.items():
                values[path] = (await self.state.evaluator.evaluate({path: mapping}, **extra)).value[path]
                scopes.assign(path, values[path])
        except WorkflowError:
            scopes.restore(before)
            raise
        return values

    async def _set_state(self, visit: Visit) -> None:
        state = (await self.state.evaluator.evaluate(visit.config.get("state"))).value
        self.state.scopes.assign("meta.state", state)
        self._record(visit, "SUCCEEDED", output=_shown({"state": state}))

    # ── Control steps ────────────────────────────────────────────────────────────────────────────────────────────

    async def _if(self, visit: Visit) -> None:
        condition = await self.state.evaluator.evaluate(visit.fields.get("condition"))
        branch = "then" if condition.value else "else"
        self._record(visit, "SUCCEEDED", output={"branch": branch})
        self.frames.append(visit.block(branch))

    async def _return(self, visit: Visit) -> None:
        self._record(visit, "SUCCEEDED")
        self.close_frames("SUCCEEDED")
        raise Returned

    async def _for_each(self, visit: Visit) -> None:
        item_var = visit.fields.get("itemVar")
        if not isinstance(item_var, str) or not item_var:
            raise InterpreterError("The loop names no variable for its items (itemVar).")
        items = (await self.state.evaluator.evaluate(visit.fields.get("items"))).value
        if not isinstance(items, list):
            # JSONata gives nothing for no match, and the thing itself for one.
            items = [] if items is None else [items]
        if len(items) > MAX_ITEMS:
            message = f"The loop has {len(items)} items; {MAX_ITEMS} are possible. Split the work into several runs."
            raise WorkflowError(message, code="TOO_MANY_ITEMS", details={"items": len(items), "maximum": MAX_ITEMS})
        goes_on = visit.fields.get("onItemError") == "continue"
        width = visit.fields.get("concurrency")
        if isinstance(width, int) and width > 1:
            width = min(width, MAX_CONCURRENCY)
            self.frames.append(
                ConcurrentLoop(visit=visit, items=items, item_var=item_var, goes_on=goes_on, width=width)
            )
        else:
            outer = self.state.scopes.enter_loop(item_var)
            self.frames.append(Loop(visit=visit, items=items, item_var=item_var, goes_on=goes_on, outer=outer))

    def _next_item(self, loop: Loop) -> None:
        loop.index += 1
        if loop.index >= len(loop.items):
            self.frames.pop()
            self._end_loop(loop, "SUCCEEDED")
            return
        self.state.scopes.begin_item(loop.outer, loop.item_var, loop.items, loop.index)
        self.frames.append(loop.visit.block("body", loop.iteration_of(loop.index)))

    def _end_loop(self, loop: Loop, status: str, error: dict[str, Any] | None = None) -> None:
        self.state.scopes.leave_loop(loop.outer, loop.item_var)
        self._record_loop(loop, status, error)

    def _record_loop(self, loop: Loop | ConcurrentLoop, status: str, error: dict[str, Any] | None = None) -> None:
        self._record(loop.visit, status, output=loop.output(), error=error, unrecorded=loop.unrecorded)

    async def _items(self, loop: ConcurrentLoop) -> None:
        """Goes on with the items of a concurrent loop, until all have ended or nothing is to begin any more."""
        outcome = await run_items(self, loop)
        if isinstance(outcome, Failed):
            self._fail(outcome.visit, outcome.error, can_go_on=outcome.can_go_on)
        elif outcome is Stopped.PARKED:
            raise Parked
        elif outcome is Stopped.RETURNED:
            if loop.under_way:
                self.state.control.abandoned.append(loop.visit)
            self.close_frames("SUCCEEDED")
            raise Returned
        else:
            try:
                loop.merge_into(self.state.scopes)
            except WorkflowError as own:
                self._fail(loop.visit, error_object(own, loop.visit.path))
            else:
                self.frames.pop()
                self._record_loop(loop, "SUCCEEDED")

    async def _try(self, visit: Visit) -> None:
        capture = visit.fields.get("captureErrorAs")
        if capture:
            parse_assign_path(capture)
        self.frames += [TryCatch(visit, capture or None, self.state.scopes.error), visit.block("try")]

    def _catch(self, frame: TryCatch, error: dict[str, Any]) -> None:
        scopes = self.state.scopes
        if frame.capture:
            scopes.assign(frame.capture, error)
        scopes.error = error
        frame.caught = error
        self.frames += [frame, frame.visit.block("catch")]

    def _end_try(self, frame: TryCatch, status: str, error: dict[str, Any] | None = None) -> None:
        # An author who captures into the root `error` wants it to stay.
        if frame.caught is not None and (not frame.capture or parse_assign_path(frame.capture)[0] != "error"):
            self.state.scopes.error = frame.outer_error
        self._record(frame.visit, status, output=frame.output(), error=error)

    async def _call_workflow(self, visit: Visit) -> None:
        child = await call_workflow(self.state, visit)
        await self._assign_all(visit.fields.get("outputMapping") or {}, childRun=child.scopes)
        self._record(visit, "SUCCEEDED", output={"childRunId": child.run_id})

    async def _wait(self, visit: Visit) -> None:
        given = await WAITS[visit.type](self.state, visit)
        for path, value in given.items():
            self.state.scopes.assign(path, value)
        assigned = await self._assign_all(visit.config.get("assign") or {})
        dry = {"wouldWait": True} if self.state.run.dry_run else {}
        self._record(visit, "SUCCEEDED", output=_shown({**dry, **given, **assigned}))

    _STEPS: Final = {
        "action.call": _action,
        "transform.assign": _assign,
        "state.set": _set_state,
        "control.if": _if,
        "control.return": _return,
        "control.forEach": _for_each,
        "control.tryCatch": _try,
        "control.callWorkflow": _call_workflow,
        "event.wait": _wait,
        "time.wait": _wait,
        "human.task": _wait,
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
