"""The lines that tell a person what became of a run, written in the transaction of what they tell.

Each line's id follows from what it tells, so that telling it again adds nothing. Errors come redacted already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal
from uuid import UUID, uuid4, uuid5

import attrs

from workflow_core.storage.database import Connection

_LONGEST_MESSAGE: Final = 2000
_LINE = """
INSERT INTO workflow_run_logs (
    tenant, log_id, run_id, step_id, step_path, level, message, context_json, correlation_key, event_name, source
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant, log_id) DO NOTHING
"""


@attrs.frozen(kw_only=True)
class FailedStep:
    """A step that failed, or that is tried again.

    Attributes:
        row_id: Of its row in the history.
        step_id: As the author named it.
        attempt: Of the attempt that failed, where it is known.
    """

    row_id: UUID
    step_path: str
    step_id: str
    error: Mapping[str, Any]
    retrying: bool = False
    attempt: int | None = None


async def tell_started(
    conn: Connection,
    tenant: UUID,
    run_id: UUID,
    *,
    cause: str,
    event_id: UUID | None,
    event_name: str | None,
    correlation_key: str | None,
    replay_of: UUID | None,
    reason: str | None,
) -> None:
    """What a run was started by."""
    how = {
        "api": "Started by a request.",
        "event": f"Started by the event {event_name}.",
        "schedule": "Started by the clock.",
        "replay": f"Started as a replay of run {replay_of}.",
        "child": "Started by another run.",
        "simulation": "Started to see what the definition would do.",
    }.get(cause, f"Started ({cause}).")
    context = {
        "cause": cause,
        **({} if event_id is None else {"eventId": str(event_id)}),
        **({} if replay_of is None else {"replayOf": str(replay_of)}),
    }
    await conn.execute(
        _LINE,
        tenant,
        uuid5(run_id, "started"),
        run_id,
        None,
        None,
        "INFO",
        _short(f"{how} {reason}" if reason else how),
        context,
        correlation_key,
        event_name,
        "engine",
    )


async def tell_failed_steps(conn: Connection, tenant: UUID, run_id: UUID, steps: Sequence[FailedStep]) -> None:
    """Why steps failed; a block that only failed with a step inside it is left to that step."""
    lines = [
        (
            tenant,
            # A step that is resumed may fail again.
            uuid5(step.row_id, f"RETRYING:{step.attempt}" if step.retrying else f"FAILED:{step.error.get('at')}"),
            run_id,
            step.row_id,
            step.step_path,
            "WARN" if step.retrying else "ERROR",
            _short(f"{step.step_id} failed{', and is tried again' if step.retrying else ''}: {_words(step.error)}"),
            {
                "stepId": step.step_id,
                "code": step.error.get("code"),
                "category": step.error.get("category"),
                **({} if step.attempt is None else {"attempt": step.attempt}),
            },
            None,
            None,
            "step",
        )
        for step in steps
        if not str(step.error.get("nodePath")).startswith(f"{step.step_path}.")
    ]
    if lines:
        await conn.executemany(_LINE, lines)


async def tell_waiting(conn: Connection, tenant: UUID, wait_id: UUID, step: FailedStep, *, run_id: UUID) -> None:
    """That a step waits until somebody says what became of its effect."""
    message = _short(f"{step.step_id} waits until somebody settles it: {_words(step.error)}")
    context = {"stepId": step.step_id, "code": step.error.get("code"), "waitId": str(wait_id)}
    line = (uuid5(wait_id, "waiting"), run_id, step.row_id, step.step_path, "WARN", message, context, None, None)
    await conn.execute(_LINE, tenant, *line, "engine")


async def tell_settled(
    conn: Connection,
    tenant: UUID,
    run_id: UUID,
    *,
    row_id: UUID,
    step_path: str,
    user: UUID,
    decision: str,
    reason: str,
) -> None:
    """What somebody said of an effect, and why; said once, since only one decision counts."""
    words = {"happened": "it happened", "send_again": "send it again", "fail": "let the step fail"}[decision]
    message = _short(f"A user settled what nobody could know: {words}. {reason}")
    context = {"decision": decision, "userId": str(user)}
    line = (uuid4(), run_id, row_id, step_path, "INFO", message, context, None, None, "api")
    await conn.execute(_LINE, tenant, *line)


async def tell_cancel_requested(
    conn: Connection, tenant: UUID, run_id: UUID, *, user: UUID, reason: str | None
) -> None:
    """That somebody wants the run to end, and why."""
    await _tell_requested(conn, tenant, run_id, ("cancel", "canceled"), user=user, reason=reason)


async def tell_termination_requested(
    conn: Connection, tenant: UUID, run_id: UUID, *, user: UUID, reason: str | None
) -> None:
    """That somebody wants the run to end at once, and why."""
    await _tell_requested(conn, tenant, run_id, ("terminate", "terminated"), user=user, reason=reason)


async def _tell_requested(
    conn: Connection, tenant: UUID, run_id: UUID, verb: tuple[str, str], *, user: UUID, reason: str | None
) -> None:
    request, done = verb
    message = _short(f"A user asked for the run to be {done}{f': {reason}' if reason else '.'}")
    context = {"userId": str(user)}
    line = (uuid5(run_id, f"{request} requested"), run_id, None, None, "INFO", message, context, None, None, "api")
    await conn.execute(_LINE, tenant, *line)


async def tell_resumed(
    conn: Connection, tenant: UUID, run_id: UUID, *, execution: int, user: UUID | None, reason: str | None
) -> None:
    """That a failed run goes on."""
    message = _short(f"Resumed (execution {execution}){f': {reason}' if reason else '.'}")
    context = {"execution": execution, **({} if user is None else {"userId": str(user)})}
    line = (uuid5(run_id, f"resumed:{execution}"), run_id, None, None, "INFO", message, context, None, None, "api")
    await conn.execute(_LINE, tenant, *line)


async def tell_queued(
    conn: Connection, tenant: UUID, run_id: UUID, *, waits_for: Literal["workflow", "tenant"], execution: int
) -> None:
    """That a run waits for its turn."""
    why = {
        "workflow": "the workflow has as many runs under way as it may have, or one of the same key.",
        "tenant": "the tenant has as many runs under way as it may have.",
    }[waits_for]
    message, context = f"Waits for its turn: {why}", {"execution": execution, "waitsFor": waits_for}
    line = (uuid5(run_id, f"queued:{execution}:{waits_for}"), run_id, None, None, "INFO", message, context)
    await conn.execute(_LINE, tenant, *line, None, None, "engine")


async def tell_turn(conn: Connection, tenant: UUID, run_id: UUID, *, execution: int) -> None:
    """That its turn has come."""
    context = {"execution": execution}
    line = (uuid5(run_id, f"turn:{execution}"), run_id, None, None, "INFO", "Its turn has come.", context)
    await conn.execute(_LINE, tenant, *line, None, None, "engine")


async def tell_ended(
    conn: Connection, tenant: UUID, run_id: UUID, *, status: str, error: Mapping[str, Any] | None, completed_at: str
) -> None:
    """How a run ended."""
    level = {"SUCCEEDED": "INFO", "CANCELED": "WARN"}.get(status, "ERROR")
    message = f"Ended: {status}." if error is None else f"Ended: {status}: {_words(error)}"
    context = {"status": status, **({} if error is None else {"code": error.get("code")})}
    line = (uuid5(run_id, f"ended:{completed_at}"), run_id, None, None, level, _short(message), context)
    await conn.execute(_LINE, tenant, *line, None, None, "engine")


def _words(error: Mapping[str, Any]) -> str:
    return f"{error.get('code')}: {error.get('message')}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"
