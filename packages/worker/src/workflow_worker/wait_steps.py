"""``event.wait``, ``time.wait``, ``human.task``: a row says what is waited for, a signal or a timer that it is over.

Afterwards ``vars.event`` holds what the event or the person brought and ``vars.eventName`` its name; ``vars.timeWait``
tells of a wait for a moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

import attrs
from temporalio import workflow

from workflow_core.errors import ErrorCategory, InterpreterError, WorkflowError
from workflow_core.execution.event_filters import key_text
from workflow_core.execution.step_waits import TASK_COMPLETED, HumanTask, StepWait, WaitOutcome
from workflow_core.manifest import canonical_json
from workflow_core.temporal import LOOK_AT_WAIT
from workflow_worker.frames import Visit
from workflow_worker.leaving import Parked
from workflow_worker.local import execute_local
from workflow_worker.state import RunState, now
from workflow_worker.trace import step_trace

#: Bytes of what a task shows beside its title and description.
_MAX_CONTEXT: Final = 256 * 1024
_LONGEST_TEXT: Final = 10_000
#: Characters of a correlation key: it stands in an index.
_LONGEST_KEY: Final = 255


class WaitTimeoutError(WorkflowError):
    """What was waited for did not come in time."""

    code = "EVENT_WAIT_TIMEOUT"
    category = ErrorCategory.TIMEOUT


#: What a wait gives: paths and values.
Given = dict[str, Any]


async def wait_for_event(state: RunState, visit: Visit) -> Given:
    """Waits for an event with the step's correlation key.

    Raises:
        WaitTimeoutError: It did not come in time.
    """
    config = visit.config
    name = config.get("eventName")
    if not isinstance(name, str) or not name:
        raise InterpreterError("The step names no event to wait for.")
    if state.run.dry_run:
        return _sampled(state, visit, name)
    key = key_text((await state.evaluator.evaluate(config.get("correlationKey"))).value)
    if key is None or len(key) > _LONGEST_KEY:
        message = f"The correlation key must be a number or a text of 1 to {_LONGEST_KEY} characters."
        raise WorkflowError(message, code="INVALID_KEY")
    timeout = config.get("timeoutMs")
    due = _after(timeout) if isinstance(timeout, int) and timeout > 0 else None
    filters = config.get("filters")
    outcome = await _until_over(
        state,
        visit,
        wait_type="event",
        event_name=name,
        key=key,
        filters=[dict(item) for item in filters if isinstance(item, Mapping)] if isinstance(filters, list) else None,
        due_at=due.isoformat() if due else None,
    )
    if outcome.result is None:
        raise WaitTimeoutError(f"No {name} with the key {key} came until {outcome.due_at}.")
    return {"vars.event": outcome.result["payload"], "vars.eventName": outcome.result["eventName"]}


async def wait_for_time(state: RunState, visit: Visit) -> Given:
    """Waits for some time, or until a moment; one that has passed is no wait."""
    config = visit.config
    mode = "until" if config.get("mode") == "until" else "duration"
    if mode == "until":
        due = _moment((await state.evaluator.evaluate(config.get("until"))).value)
    else:
        duration = config.get("durationMs")
        if isinstance(duration, bool) or not isinstance(duration, int | float) or duration < 0:
            raise InterpreterError("The step does not say how long it waits (durationMs).")
        due = _after(duration)
    if due > workflow.now() and not state.run.dry_run:
        outcome = await _until_over(state, visit, wait_type="time", due_at=due.isoformat())
        due = datetime.fromisoformat(outcome.due_at) if outcome.due_at else due
    return {"vars.timeWait": {"mode": mode, "dueAt": due.isoformat(), "resumedAt": now()}}


async def wait_for_person(state: RunState, visit: Visit) -> Given:
    """Waits until somebody has completed a task."""
    config = visit.config
    task_type = config.get("taskType")
    if not isinstance(task_type, str) or not task_type:
        raise InterpreterError("The step does not say what kind of task it gives (taskType).")
    if state.run.dry_run:
        return _sampled(state, visit, TASK_COMPLETED)
    evaluate = state.evaluator.evaluate
    mapped = await evaluate({name: config.get(name) for name in ("title", "description", "contextData")})
    if mapped.secrets:
        raise WorkflowError("A secret cannot be shown to a person.", code="INVALID_CONFIG")
    title, description, context = (mapped.value[name] for name in ("title", "description", "contextData"))
    if len(canonical_json(context)) > _MAX_CONTEXT:
        raise WorkflowError(f"A task's contextData has at most {_MAX_CONTEXT} bytes.", code="INPUT_TOO_LARGE")
    task = HumanTask(
        workflow_id=state.run.workflow_id,
        task_type=task_type,
        title=_text(title) or task_type,
        description=_text(description) or None,
        context_data={} if context is None else context,
    )
    outcome = await _until_over(state, visit, wait_type="human", task=task)
    result = outcome.result or {}
    return {"vars.event": result.get("payload"), "vars.eventName": result.get("eventName")}


async def _until_over(state: RunState, visit: Visit, **wait: Any) -> WaitOutcome:
    """Begins the wait, or goes on with it, and comes back when it is over.

    Raises:
        Parked: The strand is put aside meanwhile; the wait goes on, and the step finds it again.
    """
    # The same wait in every execution that continues this one; another one when a failed run is resumed.
    wait_id = str(uuid5(UUID(state.run.run_id), f"{workflow.info().workflow_id}:{visit.path}#{visit.iteration}"))
    trace = [*state.trace.take(), step_trace(visit, "WAITING")]
    look = StepWait(
        tenant=state.run.tenant,
        run_id=state.run.run_id,
        wait_id=wait_id,
        step_path=visit.path,
        iteration=visit.iteration,
        again=state.is_resumed and state.resumption_of(visit) is None,
        trace=trace,
        **wait,
    )
    outcome: WaitOutcome = await execute_local(LOOK_AT_WAIT, look, result_type=WaitOutcome)
    look = attrs.evolve(look, trace=[])
    while outcome.status == "WAITING":
        expire = not await _woken(state, wait_id, outcome.due_at)
        outcome = await execute_local(LOOK_AT_WAIT, attrs.evolve(look, expire=expire), result_type=WaitOutcome)
    state.evaluator.new_activation()
    if outcome.status == "CANCELED":
        raise WorkflowError("The wait was ended from outside.", code="WAIT_CANCELED")
    return outcome


async def _woken(state: RunState, wait_id: str, due_at: str | None) -> bool:
    """Whether a signal said that the wait is over; otherwise its moment has come."""
    left = None if due_at is None else max(datetime.fromisoformat(due_at) - workflow.now(), timedelta(0))
    try:
        await state.wakes.until(wait_id, state.is_put_aside, within=left)
    except TimeoutError:
        return False
    if not state.wakes.take(wait_id):
        raise Parked
    return True


def _sampled(state: RunState, visit: Visit, event_name: str) -> Given:
    """What a dry run goes on with."""
    return {"vars.event": state.plan.samples.get(visit.step_id, {}), "vars.eventName": event_name}


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        message = "`until` must give a moment such as 2026-11-30T09:00:00Z."
        raise WorkflowError(message, code="INVALID_MOMENT") from None


def _after(milliseconds: float) -> datetime:
    try:
        return workflow.now() + timedelta(milliseconds=milliseconds)
    except OverflowError:
        message = "The wait would end after the year 9999: make it shorter."
        raise WorkflowError(message, code="INVALID_MOMENT") from None


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text[:_LONGEST_TEXT]


#: By the step's type.
WAITS: Final[Mapping[str, Callable[[RunState, Visit], Awaitable[Given]]]] = MappingProxyType(
    {"event.wait": wait_for_event, "time.wait": wait_for_time, "human.task": wait_for_person}
)
