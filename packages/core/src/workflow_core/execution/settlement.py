"""Effects of which nobody can know whether they happened: the runs that wait for them, and what a person decides."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs
from asyncpg import Record

from workflow_core import audit
from workflow_core.actions import Effect
from workflow_core.discovery import Registry
from workflow_core.errors import ConflictError, FieldError, NotFoundError, ValidationError
from workflow_core.execution import ledger, waits
from workflow_core.execution.attempt import MAX_OUTPUT
from workflow_core.execution.failed_attempts import own_error_object, worker_lost
from workflow_core.execution.history import step_row_id
from workflow_core.execution.models import SettlementWait
from workflow_core.execution.run_log import FailedStep, tell_settled, tell_waiting
from workflow_core.manifest import canonical_json
from workflow_core.schema import convert, mask_secrets, to_json
from workflow_core.storage.database import Connection, Database

if TYPE_CHECKING:
    from temporalio.client import Client


class Decision(enum.StrEnum):
    """What a person says of an uncertain effect."""

    HAPPENED = "happened"
    """It has happened, and gave an output: the step succeeds with it."""
    SEND_AGAIN = "send_again"
    """It has not happened: it is sent again."""
    FAIL = "fail"
    """Whether it happened stays unknown: the step fails with ``EFFECT_FAILED``, which may be caught."""


@attrs.frozen(kw_only=True)
class Settled:
    """An effect that a person has decided on.

    Attributes:
        status: Of its row in the ledger.
        run_ids: The runs that waited for it, and go on.
    """

    invocation_id: UUID
    decision: Decision
    status: ledger.State
    run_ids: tuple[UUID, ...]


# ── Waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def open_settlement(conn: Connection, wait: SettlementWait) -> bool:
    """Has a step wait until it is known what became of its effect; doing it again changes nothing.

    Returns:
        Whether it waits; otherwise the ledger knows by now what holds.
    """
    tenant, run_id, wait_id = UUID(wait.tenant), UUID(wait.run_id), UUID(wait.wait_id)
    row = await conn.fetchrow(
        "SELECT invocation_id, action_id, effect, status, error_json, last_look, settled_as, "
        "COALESCE(lease_until > clock_timestamp(), false) AS held "
        "FROM workflow_action_invocations WHERE tenant = $1 AND key = $2 FOR UPDATE",
        tenant,
        wait.key,
    )
    if row is None:
        return False
    cause = row["error_json"] or own_error_object(worker_lost(), wait.step_path)
    if wait.give_up and row["status"] == ledger.State.SENT and row["effect"] == Effect.ONCE and not row["held"]:
        await conn.execute(
            "UPDATE workflow_action_invocations SET status = 'uncertain', error_json = $3, lease_until = NULL, "
            "updated_at = now() WHERE tenant = $1 AND invocation_id = $2",
            tenant,
            row["invocation_id"],
            cause,
        )
    elif row["status"] != ledger.State.UNCERTAIN or row["settled_as"] is not None:
        return False
    error = ledger.uncertain_error(row["action_id"], row["invocation_id"], str(cause["code"]), row["last_look"])
    shown = own_error_object(error, wait.step_path)
    step = FailedStep(
        row_id=step_row_id(run_id, wait.step_path, wait.iteration),
        step_path=wait.step_path,
        step_id=wait.step_id,
        error=shown,
    )
    await waits.open_wait(
        conn,
        tenant,
        wait_id,
        row["invocation_id"],
        run_id=run_id,
        step_path=wait.step_path,
        iteration=wait.iteration,
    )
    await conn.execute(
        "UPDATE workflow_run_steps SET status = 'WAITING', error_json = $3, completed_at = NULL, duration_ms = NULL, "
        "updated_at = clock_timestamp() "
        "WHERE tenant = $1 AND step_id = $2 AND status IN ('STARTED', 'RETRYING')",
        tenant,
        step.row_id,
        shown,
    )
    await tell_waiting(conn, tenant, wait_id, step, run_id=run_id)
    return True


# ── Settling ─────────────────────────────────────────────────────────────────────────────────────────────────────

_FIND: Final = """
SELECT invocation_id, run_id, step_path, iteration, action_id, action_version, status, settled_as,
       CEIL(EXTRACT(EPOCH FROM lease_until - clock_timestamp()))::int AS lease_left
FROM workflow_action_invocations WHERE tenant = $1 AND invocation_id = $2 FOR UPDATE
"""
_SETTLE: Final = """
UPDATE workflow_action_invocations SET
    status = $3, settled_as = $4, output_json = $5, lease_until = NULL, updated_at = now(),
    finished_at = CASE WHEN $3 = 'uncertain' THEN NULL ELSE clock_timestamp() END
WHERE tenant = $1 AND invocation_id = $2
"""
_STATES: Final = {
    Decision.HAPPENED: ledger.State.SUCCEEDED,
    Decision.SEND_AGAIN: ledger.State.FAILED,
    Decision.FAIL: ledger.State.UNCERTAIN,
}


async def settle(
    database: Database,
    client: Client,
    registry: Registry,
    *,
    tenant: UUID,
    invocation_id: UUID,
    decision: Decision,
    output: Any,
    reason: str,
    user: UUID,
) -> Settled:
    """Writes what a person decided, and has the runs go on that waited for it. Only one decision counts.

    Args:
        database: As the application role.
        client: Of the platform's namespace.
        registry: Knows what the action answers.
        tenant: Whose effect it is.
        invocation_id: The effect.
        decision: About it.
        output: What it gave, when it happened; otherwise None.
        reason: Why, in the person's words.
        user: The person.

    Raises:
        NotFoundError: The tenant has no such effect.
        ConflictError: ``ALREADY_SETTLED``: it is not uncertain, or not any more; ``EFFECT_UNDER_WAY``;
            ``UNKNOWN_ACTION``.
        ValidationError: The output does not fit the action.
    """
    async with database.tenant(tenant) as conn:
        row = await conn.fetchrow(_FIND, tenant, invocation_id)
        if row is None:
            raise NotFoundError("There is no such effect.")
        if row["status"] != ledger.State.UNCERTAIN or row["settled_as"] is not None:
            what = f"settled as {row['settled_as']!r}" if row["settled_as"] else f"{row['status']!r}"
            raise ConflictError(f"The effect is not uncertain: it is {what}.", code="ALREADY_SETTLED")
        if decision is Decision.SEND_AGAIN and (row["lease_left"] or 0) > 0:
            raise ConflictError(
                "Its worker may still be at work, although the run has ended: decide this in "
                f"{row['lease_left']} seconds.",
                code="EFFECT_UNDER_WAY",
                details={"retryAfter": row["lease_left"]},
            )
        kept = _output(registry, row, decision, output)
        state = _STATES[decision]
        await conn.execute(_SETTLE, tenant, invocation_id, state, decision, kept)
        await audit.record(
            conn,
            tenant,
            user,
            [
                audit.Change(
                    operation="settle",
                    table_name="workflow_action_invocations",
                    record_id=str(invocation_id),
                    changed_data={"status": {"old": row["status"], "new": state}},
                    details={
                        "decision": decision,
                        "reason": reason,
                        "runId": str(row["run_id"]),
                        "stepPath": row["step_path"],
                        "action": f"{row['action_id']}@{row['action_version']}",
                    },
                )
            ],
        )
        resolved = await waits.resolve_settlements(conn, tenant, invocation_id)
        places = {(wait.run_id, wait.step_path, wait.iteration) for wait in resolved}
        for run_id, step_path, iteration in places or {(row["run_id"], row["step_path"], row["iteration"])}:
            await tell_settled(
                conn,
                tenant,
                run_id,
                row_id=step_row_id(run_id, step_path, iteration),
                step_path=step_path,
                user=user,
                decision=decision,
                reason=reason,
            )
    await waits.signal(database, client, tenant, resolved)
    return Settled(
        invocation_id=invocation_id,
        decision=decision,
        status=state,
        run_ids=tuple(sorted({wait.run_id for wait in resolved})),
    )


async def ask_again(conn: Connection, tenant: UUID, run_id: UUID) -> None:
    """A run is to go on after its steps were let fail: what became of their effects has to be settled anew.

    Under an explicit key, the effect may be another run's.
    """
    await conn.execute(
        "UPDATE workflow_action_invocations SET settled_as = NULL, updated_at = now() "
        "WHERE tenant = $1 AND status = 'uncertain' AND settled_as = 'fail' AND (run_id = $2 OR invocation_id IN ("
        "SELECT (error_json #>> '{details,invocationId}')::uuid FROM workflow_run_steps "
        "WHERE tenant = $1 AND run_id = $2 AND status = 'FAILED' AND error_json->>'code' = 'EFFECT_FAILED' "
        "AND step_type = 'action.call'))",
        tenant,
        run_id,
    )


def _output(registry: Registry, row: Record, decision: Decision, output: Any) -> Any:
    """What the ledger keeps of the output that a person gave."""
    if decision is not Decision.HAPPENED:
        if output is not None:
            raise _wrong_output("an output is given only where the effect happened", "UNKNOWN_FIELD")
        return None
    action = registry.actions.get((row["action_id"], row["action_version"]))
    if action is None:
        raise ConflictError(
            f"{row['action_id']}@{row['action_version']} is not installed here, so that nobody can check its output: "
            "install its distribution.",
            code="UNKNOWN_ACTION",
        )
    if output is None:
        raise _wrong_output("say what the action would have answered", "REQUIRED")
    try:
        plain = to_json(convert(action.output, output))
    except ValidationError as error:
        errors = [
            attrs.evolve(wrong, path=f"output.{wrong.path}" if wrong.path else "output") for wrong in error.errors
        ]
        raise ValidationError(f"The output does not fit {action.key}: {error.message}", errors=errors) from None
    if len(canonical_json(plain)) > MAX_OUTPUT:
        raise _wrong_output(f"must have at most {MAX_OUTPUT} bytes", "LENGTH")
    return mask_secrets(action.output, plain)


def _wrong_output(words: str, code: str) -> ValidationError:
    return ValidationError(f"output: {words}", errors=[FieldError("output", code, words)])
