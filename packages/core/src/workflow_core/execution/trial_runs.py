"""Runs that try something out: a whole definition dry, or one action, dry or for good.

They act in the name of who asks for them, whoever published what, and are recorded like every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from workflow_core.discovery import Registry
from workflow_core.errors import ConflictError
from workflow_core.execution.runs import StartedRun, Trial, record_run, start_recorded
from workflow_core.storage.database import Database

if TYPE_CHECKING:
    from temporalio.client import Client

#: What trials are: the ``cause`` of their runs.
TrialCause = Literal["simulation", "test"]

# The database compares what it stored with what it would store: it writes some numbers differently.
_IS_SAME: Final = """
SELECT payload IS NOT DISTINCT FROM $3::jsonb AND dry_run = $4 AND plan_sha256 = $5
FROM workflow_runs WHERE tenant = $1 AND run_id = $2
"""


async def start_trial(
    database: Database,
    client: Client,
    registry: Registry,
    *,
    tenant: UUID,
    workflow_id: UUID,
    trial: Trial,
    payload: Any,
    actor: UUID,
    cause: TrialCause,
    run_id: UUID,
    dry_run: bool,
) -> StartedRun:
    """Records a trial and starts it, once for each ``run_id``.

    Args:
        database: As the application role.
        client: See :func:`~workflow_core.execution.runs.start_run`.
        registry: Gives the plan what its actions need.
        tenant: Whose run it is.
        workflow_id: What the run's row names; it need not exist.
        trial: What is tried.
        payload: The root ``payload`` of its expressions.
        actor: Who asks, and in whose name it acts.
        cause: What for.
        run_id: The same id starts the same run.
        dry_run: Whether only what reads is done.

    Raises:
        ValidationError: ``RUN_TOO_LARGE``.
        ConflictError: ``IDEMPOTENCY_KEY_REUSED``: the id is that of another trial.
        RunNotStartedError: It is recorded; calling again starts it.
    """
    async with database.tenant(tenant) as conn:
        recorded = await record_run(
            conn,
            registry,
            tenant=tenant,
            workflow_id=workflow_id,
            version=None,
            payload=payload,
            actor=actor,
            cause=cause,
            run_id=run_id,
            trial=trial,
            dry_run=dry_run,
        )
        if not recorded.run.created:
            digest = trial.plan(registry).sha256
            if not await conn.fetchval(_IS_SAME, tenant, run_id, payload, dry_run, digest):
                raise ConflictError(
                    "This Idempotency-Key has started a run of something else; use a new key.",
                    code="IDEMPOTENCY_KEY_REUSED",
                )
    await start_recorded(database, client, tenant, recorded)
    return recorded.run


def action_test(action_id: str, version: int, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A definition of one step, which calls an action."""
    config = {"actionId": action_id, "version": version, "inputMapping": dict(mapping)}
    return {
        "id": "test",
        "version": 1,
        "name": f"Test of {action_id}@{version}",
        "steps": [{"id": "test", "type": "action.call", "config": config}],
    }
