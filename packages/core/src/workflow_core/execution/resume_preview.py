"""What resuming a failed run would do: what is reused, and what is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import attrs

from workflow_core.execution.checkpoints import SavedConcurrentLoop, SavedLoop, SavedTry
from workflow_core.execution.resume import FailedRun, find_failed
from workflow_core.language.definition import iter_steps
from workflow_core.storage.database import Connection

#: Steps of each list that are shown.
MAX_SHOWN: Final = 500

_REUSED: Final = """
SELECT step.run_id, step.step_path, step.iteration, step.definition_step_id, step.action_id, step.action_version,
       count(*) OVER () AS total
FROM workflow_run_steps AS step JOIN workflow_runs AS run USING (tenant, run_id)
WHERE step.tenant = $1 AND (run.run_id = $2 OR run.root_run_id = $2)
  AND step.status = 'SUCCEEDED' AND step.step_type = 'action.call'
ORDER BY run.call_depth, run.created_at, step.sequence, step.step_path, step.iteration
LIMIT $3
"""


@attrs.frozen(kw_only=True)
class ReusedStep:
    """An action whose outcome stands, and that is not sent again."""

    run_id: UUID
    step_path: str
    iteration: str
    step_id: str
    action_id: str
    action_version: int


@attrs.frozen(kw_only=True)
class UpcomingStep:
    """An action that is sent, or may be.

    Attributes:
        effect: ``READ``, ``LOCAL``, ``REPEATABLE``, ``ONCE``; None: unknown, since it was not installed.
        conditional: It stands in a branch or a loop to come, so that it may run not at all, or several times.
    """

    run_id: UUID
    step_path: str
    step_id: str
    action_id: str
    action_version: int
    effect: str | None
    conditional: bool


@attrs.frozen(kw_only=True)
class ResumePreview:
    """What resuming would do.

    Attributes:
        from_beginning: The run has no checkpoint: it starts anew, and what it has read and done is reused.
        failed: The row of the step that failed, in the innermost run; None: it failed before its first step.
        failed_run_id: That run.
        items_left: Items of the innermost loop around that step which come after.
        reused: The first of them.
        sent: That step and what may follow it.
    """

    execution: int
    from_beginning: bool
    failed: dict[str, Any] | None
    failed_run_id: UUID
    items_left: int
    reused: list[ReusedStep]
    reused_count: int
    sent: list[UpcomingStep]


async def preview_resume(conn: Connection, tenant: UUID, run_id: UUID) -> ResumePreview:
    """See :func:`workflow_core.execution.resume.resume_run`; this changes nothing.

    Raises:
        NotFoundError: The tenant has no such run.
        ConflictError: ``RUN_NOT_FAILED``, ``RESUME_CALLER``.
    """
    chain = await find_failed(conn, tenant, run_id)
    rows = await conn.fetch(_REUSED, tenant, run_id, MAX_SHOWN)
    innermost = chain[-1]
    loops = _loops_around(innermost)
    upcoming = [step for run in reversed(chain) for step in _upcoming(run, innermost=run is innermost)]
    return ResumePreview(
        execution=chain[0].execution,
        from_beginning=any(run.checkpoint is None for run in chain),
        failed=None if innermost.step is None else dict(innermost.step),
        failed_run_id=innermost.run_id,
        items_left=_items_left(loops[-1]) if loops else 0,
        reused=[
            ReusedStep(
                run_id=row["run_id"],
                step_path=row["step_path"],
                iteration=row["iteration"],
                step_id=row["definition_step_id"],
                action_id=row["action_id"],
                action_version=row["action_version"],
            )
            for row in rows
        ],
        reused_count=rows[0]["total"] if rows else 0,
        sent=upcoming[:MAX_SHOWN],
    )


def _upcoming(run: FailedRun, *, innermost: bool) -> Iterator[UpcomingStep]:
    """The actions that are called from the step that failed on, that one first."""
    steps = [(path, step) for path, step in iter_steps(run.plan.definition)]
    failed = run.step["step_path"] if run.step is not None and run.checkpoint is not None else None
    begin = next((index for index, (path, _) in enumerate(steps) if path == failed), 0)
    later = steps[begin if innermost or failed is None else begin + 1 :]
    around = _blocks_around(failed) if failed else ["root.steps"]
    if failed:
        later += _repeated(run, steps[:begin])
    for path, step in later:
        block = path.rpartition("[")[0]
        if failed and _is_other_branch(run, path, around):
            continue
        config = step.get("config")
        if step.get("type") != "action.call" or not isinstance(config, dict):
            continue
        action_id, version = str(config.get("actionId")), config.get("version", 1)
        planned = run.plan.actions.get(f"{action_id}@{version}")
        yield UpcomingStep(
            run_id=run.run_id,
            step_path=path,
            step_id=str(step.get("id")),
            action_id=action_id,
            action_version=version if isinstance(version, int) else 1,
            effect=planned.effect.value if planned else None,
            conditional=block not in around,
        )


def _blocks_around(path: str) -> list[str]:
    """The blocks that a step stands in, the outermost first, such as ``root.steps``, ``root.steps[1].then.steps``."""
    parts = path.split("[")
    return ["[".join(parts[: index + 1]) for index in range(len(parts) - 1)]


def _repeated(run: FailedRun, before: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Steps before the one that failed, which the loops around it come to again."""
    bodies = [f"{loop.visit.path}.body.steps[" for loop in _loops_around(run) if _items_left(loop)]
    return [(path, step) for path, step in before if any(path.startswith(body) for body in bodies)]


def _loops_around(run: FailedRun) -> list[SavedLoop | SavedConcurrentLoop]:
    """The loops around the step that failed, the outermost first."""
    if run.checkpoint is None or run.step is None:
        return []
    failed = run.step["step_path"]
    loops = [step for step in run.checkpoint.open_steps() if not isinstance(step, SavedTry)]
    return [loop for loop in loops if failed.startswith(f"{loop.visit.path}.")]


def _items_left(loop: SavedLoop | SavedConcurrentLoop) -> int:
    """Items that have not ended, but for the one that failed."""
    ended = (
        loop.index
        if isinstance(loop, SavedLoop)
        else loop.merged_until + sum(i.writes is not None for i in loop.started)
    )
    return len(loop.items) - ended - 1


def _is_other_branch(run: FailedRun, path: str, around: list[str]) -> bool:
    """Whether a step stands in a branch of a step around the failed one that was not taken."""
    assert run.checkpoint is not None  # noqa: S101 - for the type
    open_steps = run.checkpoint.open_steps()
    tried = [step.visit.path for step in open_steps if isinstance(step, SavedTry) and step.caught is None]
    for block in around[1:]:
        owner = block.removesuffix(".steps").rpartition(".")[0]
        if path.startswith(f"{owner}.") and not path.startswith(f"{block}["):
            return owner not in tried
    return False
