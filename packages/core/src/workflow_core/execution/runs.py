"""Starting a run. Every start goes through :func:`start_run`, which is safe to call again for the same run.

A run that another run calls is recorded here as well, and then started by its parent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

import asyncpg
import attrs
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from workflow_core.discovery import Registry
from workflow_core.errors import ConflictError, NotFoundError, RunNotStartedError, ValidationError
from workflow_core.execution.database_errors import DATABASE_AWAY
from workflow_core.execution.models import RunInput, RunStatus
from workflow_core.execution.run_log import tell_queued, tell_started
from workflow_core.execution.turns import TURN_COLUMNS, Order, Turns, must_wait
from workflow_core.language.plan import Plan, called_actions, compile_plan
from workflow_core.manifest import canonical_json
from workflow_core.storage.database import Connection, Database, Record
from workflow_core.temporal import RUN_TASK_QUEUE, RUN_WORKFLOW, run_workflow_id, share_of
from workflow_core.workers import planned_by_workers

if TYPE_CHECKING:
    from temporalio.client import Client

_log = logging.getLogger(__name__)

#: Ids of runs are made from what caused them in this namespace, so that starting is safe twice.
_RUNS: Final = UUID("6c7c1a3e-2f0e-5d3c-9b52-5f1d8c1c7a10")

#: Bytes of JSON with which a run can be started; Temporal takes two megabytes.
MAX_RUN: Final = 1536 * 1024
#: The time that Temporal gives a worker for one workflow task. A worker that dies in the middle of a local activity
#: is noticed after it.
TASK_TIMEOUT: Final = timedelta(seconds=10)
_START_TIMEOUT: Final = timedelta(seconds=10)


@attrs.frozen
class StartedRun:
    """A run that has been handed to the engine.

    Attributes:
        created: Whether this call made it; otherwise it had been started before.
    """

    run_id: UUID
    workflow_id: UUID
    workflow_version: int
    status: RunStatus
    created: bool


@attrs.frozen(kw_only=True)
class Origin:
    """What a run came from, as its row tells.

    Attributes:
        event_id: The event that started it.
        event_type: That event's name.
        correlation_key: That event's.
        payload_schema_ref: The schema of what the event brought.
        mapping_applied: Whether the trigger's mapping made the payload.
        order: Where it stands among the runs of its correlation key, if they come one after the other.
        depth: How many events and runs led to it, one by the other.
        replay_of: The run that this one repeats.
        reason: Why somebody started it, in their words.
    """

    event_id: UUID | None = None
    event_type: str | None = None
    correlation_key: str | None = None
    payload_schema_ref: str | None = None
    mapping_applied: bool = False
    order: Order | None = None
    depth: int = 0
    replay_of: UUID | None = None
    reason: str | None = None


_UNKNOWN_ORIGIN: Final = Origin()


def run_id_for_request(tenant: UUID, workflow_id: UUID, key: str) -> UUID:
    """The id of the run that a request with this ``Idempotency-Key`` starts."""
    return uuid5(_RUNS, f"request:{tenant}:{workflow_id}:{key}")


def run_id_for_event(tenant: UUID, event_id: UUID, workflow_id: UUID) -> UUID:
    """The id of the run that this event starts of this workflow."""
    return uuid5(_RUNS, f"event:{tenant}:{event_id}:{workflow_id}")


def run_id_for_schedule(tenant: UUID, workflow_id: UUID, scheduled_for: datetime) -> UUID:
    """The id of the run that a clock starts of this workflow at this time."""
    return uuid5(_RUNS, f"schedule:{tenant}:{workflow_id}:{scheduled_for.astimezone(UTC).isoformat()}")


@attrs.frozen(kw_only=True)
class Trial:
    """A definition that is run to try it out, whether or not it is published.

    Attributes:
        definition: Without errors.
        version: What the run's row names.
        samples: See :class:`~workflow_core.language.plan.Plan`.
    """

    definition: Mapping[str, Any]
    version: int
    samples: Mapping[str, dict[str, Any]] = attrs.Factory(dict)

    def plan(self, registry: Registry) -> Plan:
        """Its compiled plan."""
        return attrs.evolve(compile_plan(self.definition, registry), samples=dict(self.samples))


async def start_run(
    database: Database,
    client: Client,
    registry: Registry,
    *,
    tenant: UUID,
    workflow_id: UUID,
    version: int | None,
    payload: Any,
    actor: UUID | None,
    cause: str,
    run_id: UUID,
    origin: Origin = _UNKNOWN_ORIGIN,
    tenant_runs: int | None = None,
) -> StartedRun:
    """Records a run with its compiled plan, then starts it on Temporal.

    Args:
        database: As the application role.
        client: Of the platform's namespace, with :data:`workflow_core.temporal.data_converter`.
        registry: Gives the plan what its actions need.
        tenant: Whose run it is.
        workflow_id: The workflow.
        version: A published version; None: the newest.
        payload: The root ``payload`` of its expressions.
        actor: Who started it, when the version does not name its publisher.
        cause: Such as ``api``.
        run_id: The same id starts the same run: it is recorded and executed once.
        origin: What it came from.
        tenant_runs: How many runs of a tenant may be busy at once; None: as many as there are.

    Raises:
        NotFoundError: No such workflow or version.
        ValidationError: ``RUN_TOO_LARGE``.
        ConflictError: The workflow is paused, or has no published version.
        RunNotStartedError: The run is recorded; calling again with the same ``run_id`` starts it.
    """
    async with database.tenant(tenant) as conn:
        recorded = await record_run(
            conn,
            registry,
            tenant=tenant,
            workflow_id=workflow_id,
            version=version,
            payload=payload,
            actor=actor,
            cause=cause,
            run_id=run_id,
            origin=origin,
            tenant_runs=tenant_runs,
        )
    await start_recorded(database, client, tenant, recorded)
    return recorded.run


@attrs.frozen
class RecordedRun:
    """A run that stands in the database.

    Attributes:
        input: What its execution is started with; None: the engine has it already, or its turn has not come.
        execution: Which one that is.
    """

    run: StartedRun
    input: RunInput | None
    execution: int


async def start_recorded(database: Database, client: Client, tenant: UUID, recorded: RecordedRun) -> None:
    """Starts a run on Temporal that :func:`record_run` recorded, if it has not got it: the second half of a start.

    Raises:
        RunNotStartedError: Calling again is safe.
    """
    if recorded.input is None:
        return
    started_at = datetime.now(UTC)  # a short run has ended before the row can say that it was started
    await _start(client, recorded.input, recorded.execution)
    try:
        async with database.tenant(tenant) as conn:
            await conn.execute(_STARTED, tenant, recorded.run.run_id, started_at, recorded.execution)
    except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
        # The run is under way: whoever asked for it must not be told to ask again.
        _log.warning("run %s has started, but its row does not say so: %s", recorded.run.run_id, type(error).__name__)


async def start_waiting(database: Database, client: Client, *, tenant: UUID, run_id: UUID) -> bool:
    """Starts the execution that a recorded run waits for, if it does.

    Returns:
        Whether it was started here.

    Raises:
        RunNotStartedError: Calling again is safe.
    """
    async with database.tenant(tenant, readonly=True) as conn:
        row = await conn.fetchrow(_FIND_RUN, tenant, run_id)
    if row is None:
        return False
    recorded = _recorded(tenant, run_id, row, created=False)
    await start_recorded(database, client, tenant, recorded)
    return recorded.input is not None


@attrs.frozen
class Caller:
    """The run that calls another one, and where in the chain of calls that one stands."""

    run_id: UUID
    root_run_id: UUID
    call_depth: int


async def record_run(
    conn: Connection,
    registry: Registry,
    *,
    tenant: UUID,
    workflow_id: UUID,
    version: int | None,
    payload: Any,
    actor: UUID | None,
    cause: str,
    run_id: UUID,
    origin: Origin = _UNKNOWN_ORIGIN,
    caller: Caller | None = None,
    trial: Trial | None = None,
    dry_run: bool = False,
    tenant_runs: int | None = None,
) -> RecordedRun:
    """Records a run with its compiled plan, once: the first half of :func:`start_run`, which see.

    A dry run, and one of a trial, acts in the name of who asked for it, and of nobody else; it waits for no turn.
    """
    row = await conn.fetchrow(_FIND_RUN, tenant, run_id)
    created = False
    if row is None:
        turns = Turns()
        if trial is None:
            turns, published = await _published(conn, tenant, workflow_id, version)
            plan, number = await _plan(conn, published["definition_json"], registry), published["version"]
            in_name_of = actor if dry_run else published["published_by"] or actor
        else:
            plan, number, in_name_of = trial.plan(registry), trial.version, actor
        _check_size(plan, payload)
        order = origin.order if turns.ordered else None
        waits_for = None
        if not (dry_run or caller or trial):
            waits_for = await must_wait(
                conn, tenant, workflow_id, turns, run_id=run_id, order=order, tenant_runs=tenant_runs
            )
        row = await conn.fetchrow(
            _INSERT_RUN,
            tenant,
            run_id,
            workflow_id,
            number,
            cause,
            in_name_of,
            plan.as_json(),
            plan.sha256,
            payload,
            origin.event_id,
            origin.event_type,
            origin.payload_schema_ref,
            origin.mapping_applied,
            origin.depth,
            caller.run_id if caller else None,
            caller.root_run_id if caller else None,
            caller.call_depth if caller else 0,
            dry_run,
            "RUNNING" if waits_for is None else "WAITING",
            waits_for is not None,
            waits_for == "tenant",
            order.key if order else None,
            order.number if order else None,
        )
        created = row is not None
        if created:
            await tell_started(
                conn,
                tenant,
                run_id,
                cause=cause,
                event_id=origin.event_id,
                event_name=origin.event_type,
                correlation_key=origin.correlation_key,
                replay_of=origin.replay_of,
                reason=origin.reason,
            )
            if waits_for is not None:
                await tell_queued(conn, tenant, run_id, waits_for=waits_for, execution=1)
        else:
            row = await conn.fetchrow(_FIND_RUN, tenant, run_id)
    assert row is not None  # noqa: S101 - written in this transaction, or by the one that the insert waited for
    return _recorded(tenant, run_id, row, created=created)


def _recorded(tenant: UUID, run_id: UUID, row: Record, *, created: bool) -> RecordedRun:
    run = StartedRun(
        run_id=run_id,
        workflow_id=row["workflow_id"],
        workflow_version=row["workflow_version"],
        status=row["status"],
        created=created,
    )
    execution = row["execution"]
    if row["started_at"] is not None or row["is_queued"] or row["status"] not in ("RUNNING", "WAITING"):
        return RecordedRun(run, None, execution)
    start = run_input(tenant, run_id, row)
    # A first execution is given all that it needs; a further one loads it, with what came of those before.
    return RecordedRun(run, start if execution == 1 else attrs.evolve(start, plan=None, payload=None), execution)


def run_input(tenant: UUID, run_id: UUID, row: Record) -> RunInput:
    """What a run is executed with, from its row."""
    return RunInput(
        tenant=str(tenant),
        run_id=str(run_id),
        workflow_id=str(row["workflow_id"]),
        workflow_version=row["workflow_version"],
        actor=str(row["actor_id"]) if row["actor_id"] else None,
        plan=Plan.from_json(row["plan"]),
        payload=row["payload"],
        scopes_wanted=row["dry_run"],  # it is for them that somebody tries it
        dry_run=row["dry_run"],
    )


def _check_size(plan: Plan, payload: Any) -> None:
    size = len(canonical_json(plan.as_json())) + len(canonical_json(payload))
    if size > MAX_RUN:
        raise ValidationError(
            f"Definition and payload together have {size} bytes; a run takes {MAX_RUN}. Split the workflow.",
            code="RUN_TOO_LARGE",
            details={"bytes": size, "maximum": MAX_RUN},
        )


_READ: Final = """
workflow_id, workflow_version, status, actor_id, plan, payload, started_at, execution, dry_run, is_queued
"""
_FIND_RUN = f"SELECT {_READ} FROM workflow_runs WHERE tenant = $1 AND run_id = $2"  # noqa: S608 - a constant
_STARTED = """
UPDATE workflow_runs SET started_at = COALESCE(started_at, $3) WHERE tenant = $1 AND run_id = $2 AND execution = $4
"""
_INSERT_RUN = f"""
INSERT INTO workflow_runs (
    tenant, run_id, workflow_id, workflow_version, cause, actor_id, plan, plan_sha256, payload,
    event_id, event_type, source_payload_schema_ref, trigger_mapping_applied, chain_depth,
    parent_run_id, root_run_id, call_depth, dry_run, status, is_queued, waits_for_tenant,
    order_key, order_number
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
ON CONFLICT (tenant, run_id) DO NOTHING
RETURNING {_READ}
"""  # noqa: S608 - a constant


async def _plan(conn: Connection, definition: Mapping[str, Any], registry: Registry) -> Plan:
    """The compiled plan, also where an integration is being installed on one process after the other."""
    missing = called_actions(definition).difference(registry.actions)
    if not missing:
        return compile_plan(definition, registry)
    elsewhere = await planned_by_workers(conn, [f"{action_id}@{version}" for action_id, version in missing])
    return compile_plan(definition, registry, elsewhere)


async def _published(conn: Connection, tenant: UUID, workflow_id: UUID, version: int | None) -> tuple[Turns, Record]:
    """How the runs of a workflow take turns, and a version of it."""
    # The lock keeps the workflow from being deleted as one without runs while this one is not committed.
    workflow = await conn.fetchrow(
        f"SELECT published_version, {TURN_COLUMNS} FROM workflow_definitions "  # noqa: S608 - constant
        "WHERE tenant = $1 AND workflow_id = $2 FOR KEY SHARE",
        tenant,
        workflow_id,
    )
    if workflow is None:
        raise NotFoundError(f"There is no workflow {workflow_id}.")
    if workflow["is_paused"]:
        raise ConflictError("The workflow is paused: resume it before you start it.", code="WORKFLOW_PAUSED")
    wanted = version if version is not None else workflow["published_version"]
    if wanted is None:
        raise ConflictError("The workflow has no published version: publish it first.", code="NOT_PUBLISHED")
    row = await conn.fetchrow(
        "SELECT version, definition_json, published_by FROM workflow_definition_versions "
        "WHERE tenant = $1 AND workflow_id = $2 AND version = $3",
        tenant,
        workflow_id,
        wanted,
    )
    if row is None:
        raise NotFoundError(f"The workflow has no published version {wanted}.", details={"version": wanted})
    return Turns.of(workflow), row


async def _start(client: Client, run: RunInput, execution: int) -> None:
    try:
        async with asyncio.timeout(_START_TIMEOUT.total_seconds()):
            await client.start_workflow(
                RUN_WORKFLOW,
                run,
                id=run_workflow_id(run.run_id, execution),
                task_queue=RUN_TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                priority=share_of(run.tenant),
                rpc_timeout=_START_TIMEOUT,
            )
    except WorkflowAlreadyStartedError:
        _log.info("run %s had been started before", run.run_id)
    except (RPCError, TimeoutError, OSError, RuntimeError) as error:
        # A lazy client's first connection fails with a bare RuntimeError; afterwards such failures are RPC errors.
        if isinstance(error, RuntimeError) and not str(error).startswith("Failed client connect"):
            raise
        _log.warning("could not start run %s: %s", run.run_id, type(error).__name__)
        raise RunNotStartedError(
            f"The run {run.run_id} is recorded, but Temporal did not answer that it has it; start it again.",
            details={"runId": run.run_id},
        ) from error
