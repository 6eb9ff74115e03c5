"""What crosses between the interpreter and the activities. Plain, frozen, JSON-able."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from workflow_core.execution.checkpoints import Resumption
from workflow_core.language.plan import Plan

RunStatus = Literal["RUNNING", "WAITING", "SUCCEEDED", "FAILED", "CANCELED"]


@attrs.frozen(kw_only=True)
class RunInput:
    """The argument of one execution of a run.

    Attributes:
        plan: None: the run loads plan and payload itself, so that they do not lie in its parent's history.
        scopes_wanted: Whether the caller reads the final scopes.
        resumption: Of an execution after one that failed.
        dry_run: Whether it only tells what it would do: what reads is done, and nothing else.
    """

    tenant: str
    run_id: str
    workflow_id: str
    workflow_version: int
    actor: str | None
    plan: Plan | None
    payload: Any
    scopes_wanted: bool = False
    resumption: Resumption | None = None
    dry_run: bool = False


@attrs.frozen(kw_only=True)
class StepTrace:
    """A step as the interpreter saw it: one row of the run's history. Times are ISO 8601, UTC.

    Attributes:
        completed_at: None: it is under way.
    """

    step_path: str
    iteration: str
    step_id: str
    step_type: str
    sequence: int
    status: str
    started_at: str
    completed_at: str | None
    attempt: int = 1
    output: Any = None
    error: dict[str, Any] | None = None
    action_id: str | None = None
    action_version: int | None = None


@attrs.frozen(kw_only=True)
class ActionCall:
    """One attempt at one action step.

    Attributes:
        input: The evaluated mapping: null where an expression found nothing, references where secrets belong.
        secrets: The places of the secrets that the author wrote into the mapping; nothing else is resolved.
        missing: The places of expressions that found nothing.
        time_limit: The handler's limit in seconds, as planned.
        effect: The effect that the plan promised; the executor takes the stricter of it and its own.
        explicit_key: The step's own ``idempotencyKey``, evaluated.
        attempt: Counted from 1; attempts that only waited are not counted.
        max_attempts: After this one, a failure is final.
        retry_on: The categories and codes that are retried; None: the error itself says whether it is.
        dispatched_at: The run's clock, ISO 8601, UTC.
        trace: Control steps that ended since the last call.
        dry_run: See :class:`RunInput`.
        sample: What the step gives in a dry run, if somebody has said so; then it is not done, even if it reads.
        reads_again: False: what this step has read in an earlier execution of its run stands.
    """

    tenant: str
    run_id: str
    step_path: str
    iteration: str
    step_id: str
    sequence: int
    action_id: str
    action_version: int
    effect: str
    input: Any
    secrets: list[list[Any]]
    missing: list[list[Any]]
    time_limit: float
    explicit_key: str | None
    attempt: int
    max_attempts: int
    actor: str | None
    dispatched_at: str
    trace: list[StepTrace]
    retry_on: list[str] | None = None
    dry_run: bool = False
    sample: dict[str, Any] | None = None
    reads_again: bool = True


@attrs.frozen(kw_only=True)
class ActionResult:
    """What an action gave: redacted plain JSON.

    Attributes:
        reused_from: The run whose stored output this is, when the effect had happened before.
        would_do: Whether it was not done, since the run is dry: the output is a sample.
    """

    output: Any
    reused_from: str | None = None
    would_do: bool = False


@attrs.frozen(kw_only=True)
class TraceBatch:
    """Steps that ended, on their way into the history."""

    tenant: str
    run_id: str
    trace: list[StepTrace]


@attrs.frozen(kw_only=True)
class ChildRun:
    """A run that a step calls, on its way to being recorded.

    Attributes:
        run_id: See :func:`workflow_core.execution.child_runs.child_run_id`.
        workflow_id: As the step names it, whatever it is.
        workflow_version: As the step names it.
        actor: In whose name the parent acts.
        trace: Steps of the parent that ended since the last write, and the call itself.
        resumed: The parent had an earlier execution, in which the run may have ended.
    """

    tenant: str
    parent_run_id: str
    run_id: str
    workflow_id: str
    workflow_version: int
    payload: Any
    actor: str | None
    trace: list[StepTrace]
    resumed: bool = False


@attrs.frozen(kw_only=True)
class SettlementWait:
    """A step that waits until it is known what became of its effect.

    Attributes:
        wait_id: Made by the run; its signal carries it.
        key: The ledger's key of the effect.
        give_up: Whether an effect of which nobody has heard any more is uncertain from here.
    """

    tenant: str
    run_id: str
    step_path: str
    iteration: str
    step_id: str
    wait_id: str
    key: str
    give_up: bool


@attrs.frozen(kw_only=True)
class RunRef:
    """Names a run."""

    tenant: str
    run_id: str


@attrs.frozen(kw_only=True)
class RunEnd:
    """How a run ended: its status, the error object of the contract, and the last control steps.

    Attributes:
        execution: The one that ended, which a later one does not heed; None: whichever it was.
        leaves_open: Whether it left steps that waited.
        failed_step: Path and iteration of the step that ended it.
        checkpoint: See :func:`workflow_core.execution.checkpoints.checkpoint_json`.
    """

    tenant: str
    run_id: str
    status: str
    error: dict[str, Any] | None
    completed_at: str
    trace: list[StepTrace]
    execution: int | None = None
    leaves_open: bool = False
    failed_step: list[str] | None = None
    checkpoint: dict[str, Any] | None = None
