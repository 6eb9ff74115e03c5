"""``action.call``: one activity for each attempt (a local one for actions that only use our database)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

from workflow_core.actions import Effect
from workflow_core.errors import ActionNotOnWorkersError, WorkflowError
from workflow_core.execution.checkpoints import Resumption
from workflow_core.execution.ledger import LEASE_GRACE
from workflow_core.execution.models import ActionCall, ActionResult
from workflow_core.language.plan import PlannedAction
from workflow_core.manifest import canonical_json
from workflow_core.temporal import EXECUTE_ACTION, action_task_queue
from workflow_worker.failures import (
    StepFailedError,
    from_activity_error,
    is_cancellation,
    raise_if_canceled,
)
from workflow_worker.frames import Visit
from workflow_worker.retries import RETRY_WHEN_BUSY, Attempts, Retry, pause
from workflow_worker.state import RunState, now
from workflow_worker.waiting import until_settled

#: What an activity does around its handler: waiting for its tenant's turn, and the ledger's writes, repeated while the
#: database is away.
_ACTIVITY_GRACE: Final = timedelta(seconds=LEASE_GRACE + 40)
#: A worker that is not heard of for so long is lost.
_HEARTBEAT: Final = timedelta(seconds=10)
#: How long an action may wait for a worker that has it before it is looked at again.
_SCHEDULE_TO_START: Final = timedelta(minutes=5)
#: Bytes of JSON that one action may be given; a workflow's history takes two megabytes at once.
_MAX_INPUT: Final = 1024 * 1024


async def call_action(state: RunState, visit: Visit) -> ActionResult:
    """Executes an action step, with its retries.

    Raises:
        StepFailedError: With the error object that the last attempt recorded.
        WorkflowError: Nothing was attempted.
    """
    config = visit.config
    action_id, version = str(config.get("actionId")), config.get("version", 1)
    planned = state.plan.actions.get(f"{action_id}@{version}")
    if planned is None:
        raise ActionNotOnWorkersError(
            f"{action_id}@{version} was on no worker when the run started: install its distribution, "
            "then start the run again."
        )
    resumption = state.resumption_of(visit)
    mapped = await state.evaluator.evaluate(_corrected(config.get("inputMapping") or {}, resumption))
    if (size := len(canonical_json(mapped.value))) > _MAX_INPUT:
        message = f"The input of {action_id} has {size} bytes; {_MAX_INPUT} are possible. Pass on only what it needs."
        raise WorkflowError(message, code="INPUT_TOO_LARGE")
    explicit = config.get("idempotencyKey")
    explicit_key = None if explicit is None else await _explicit_key(state, explicit)
    dry_run = state.run.dry_run
    retry = Retry.of(visit.fields, planned, dry_run=dry_run)
    used = 0 if resumption is None else resumption.attempts
    reads_again = state.run.resumption is None or not state.run.resumption.from_beginning
    attempts = Attempts(retry)
    elsewhere = False
    while True:
        trace = state.trace.take()
        call = ActionCall(
            tenant=state.run.tenant,
            run_id=state.run.run_id,
            step_path=visit.path,
            iteration=visit.iteration,
            step_id=visit.step_id,
            sequence=visit.sequence,
            action_id=action_id,
            action_version=version,
            effect=planned.effect,
            input=mapped.value,
            secrets=[list(place) for place in mapped.secrets],
            missing=[list(place) for place in mapped.missing],
            time_limit=planned.time_limit,
            explicit_key=explicit_key,
            attempt=used + attempts.number,
            max_attempts=used + retry.max_attempts,
            retry_on=retry.retry_on,
            actor=state.run.actor,
            dispatched_at=now(),
            trace=trace,
            dry_run=dry_run,
            sample=state.plan.samples.get(visit.step_id),
            reads_again=reads_again,
        )
        try:
            result = await _dispatch(call, planned, elsewhere=elsewhere)
        except FailureError as error:  # a local activity's own failure comes without an ActivityError around it
            state.evaluator.new_activation()
            state.trace.put_back(trace)
            if is_cancellation(error):
                raise asyncio.CancelledError from error
            failure = from_activity_error(error, action_id=action_id, step_path=visit.path, at=now())
        else:
            state.evaluator.new_activation()
            return result
        if failure.is_uncertain:
            await _until_settled(state, call, give_up=False)
            attempts.begin_again()
            continue
        if failure.error["code"] == ActionNotOnWorkersError.code:
            elsewhere = workflow.patched("database-actions-elsewhere")
        delay = attempts.after(failure)
        if delay is None:
            if await _may_have_happened(state, call, planned):
                attempts.begin_again()
                continue
            raise StepFailedError(failure.error)
        raise_if_canceled()
        await pause(delay, dry_run=dry_run)


async def _dispatch(call: ActionCall, planned: PlannedAction, *, elsewhere: bool) -> ActionResult:
    """Executes one attempt: an action of our database here, unless this worker has been found to lack it."""
    # The look for an earlier sending, look-ups, handler, and the look for what became of it each have the limit.
    limit = 4 * timedelta(seconds=planned.time_limit) + _ACTIVITY_GRACE
    # A canceled run ends after its effect has: the ledger and the step then tell how.
    cancellation_type = workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
    result: ActionResult
    if planned.io == "database" and not elsewhere:
        result = await workflow.execute_local_activity(
            EXECUTE_ACTION,
            call,
            result_type=ActionResult,
            start_to_close_timeout=limit,
            cancellation_type=cancellation_type,
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
        cancellation_type=cancellation_type,
        retry_policy=RETRY_WHEN_BUSY,
    )
    return result


def _corrected(mapping: Any, resumption: Resumption | None) -> Any:
    if resumption is None or resumption.correction is None or not isinstance(mapping, Mapping):
        return mapping
    return {**mapping, **resumption.correction}


async def _explicit_key(state: RunState, mapping: Any) -> str:
    value = (await state.evaluator.evaluate(mapping)).value
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        message = "The idempotency key must be a string or a number, and not empty."
        raise WorkflowError(message, code="INVALID_IDEMPOTENCY_KEY")
    return str(value)


async def _may_have_happened(state: RunState, call: ActionCall, planned: PlannedAction) -> bool:
    """Whether the ledger still had the effect of a failing step as sent, which must not be sent twice.

    That is so when nobody came back who could tell what became of it; somebody has told by now.
    """
    if call.dry_run or planned.effect is not Effect.ONCE or not workflow.patched("settle-lost-effects"):
        return False
    return await _until_settled(state, call, give_up=True)


async def _until_settled(state: RunState, call: ActionCall, *, give_up: bool) -> bool:
    waited = await until_settled(state.wakes, state.is_continued, call, give_up=give_up)
    state.evaluator.new_activation()
    return waited
