"""Executes one action call: gate, ledger, handler, history. Knows nothing of Temporal.

Every call ends in a row of the run's history, and every effect in a row of the ledger. What each effect needs:

* ``READ`` has no ledger row: it may simply be done again.
* ``LOCAL`` runs in one transaction with its ledger row and its history: exactly once.
* ``REPEATABLE`` and ``ONCE`` are reserved, prepared, marked *sent* in a transaction of its own, and then handled;
  after that, only :class:`~workflow_core.errors.Refused` proves that nothing was done. When the answer is lost, the
  action's ``reconcile`` looks whether the effect has happened: at once, and before anything is sent again.

In a dry run only what reads is done, in read-only transactions; of the rest everything is checked that comes before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import asyncpg
import attrs

from workflow_core.actions import ActionContext, Effect, SentEffect
from workflow_core.discovery import Registry
from workflow_core.errors import (
    ActionError,
    ActionNotOnWorkersError,
    ActionTimeoutError,
    EffectUncertainError,
    EffectUnknownError,
    EngineUnavailableError,
    KeyBusyError,
    OutputTooLargeError,
    Refused,
    WorkflowError,
)
from workflow_core.execution import history, ledger
from workflow_core.execution.admission import Admission
from workflow_core.execution.attempt import Attempt, Progress
from workflow_core.execution.database_errors import CONNECTION_GONE, DATABASE_AWAY, explain
from workflow_core.execution.failed_attempts import ExecutionFailedError, error_object, worker_lost
from workflow_core.execution.fault_points import FaultPoint, no_fault
from workflow_core.execution.handler_tools import ConnectionSecrets, RedactingLog
from workflow_core.execution.models import ActionCall, ActionResult
from workflow_core.execution.reconciling import Reconciler
from workflow_core.execution.verdicts import may_be_retried
from workflow_core.execution.writing import to_the_end, until_written
from workflow_core.integrations.tokens import ConnectionTokens
from workflow_core.redaction import Redactor
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Connection, Database

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds between the lease and the handler beyond which the handler might outlive its lease, and is not called.
_LATEST_START: Final = ledger.LEASE_GRACE / 2


class Executor:
    """Executes action calls for one process.

    Args:
        database: As the application role.
        registry: What this process discovered.
        secrets: Opens the tenants' secrets; without it an action that needs one fails.
        http: The process's HTTP session for external actions.
        tokens: The process's access tokens of connections; of its own when left out.
        look_for: Seconds after the sending for which an effect is looked for that must not be sent twice and whose
            answer was lost, before it is uncertain.
        at: Called at each of :data:`~workflow_core.execution.fault_points.FAULT_POINTS`.
    """

    def __init__(
        self,
        *,
        database: Database,
        registry: Registry,
        secrets: TenantSecrets | None,
        http: aiohttp.ClientSession,
        tokens: ConnectionTokens | None = None,
        look_for: float = 900.0,
        at: FaultPoint = no_fault,
    ) -> None:
        self._database = database
        #: For what an external call does once it has begun: its time limit and its lease run.
        self._ahead = database.ahead()
        self._registry = registry
        self._secrets = secrets
        self._http = http
        self._tokens = tokens or (ConnectionTokens(database, secrets, http) if secrets is not None else None)
        self._at = at
        self._admission = Admission(database, registry, secrets)
        self._reconciler = Reconciler(self._ahead, self._limited, self._admission.pass_gate, at, look_for)

    async def execute(self, call: ActionCall) -> ActionResult:
        """Executes one attempt.

        Raises:
            ExecutionFailedError: With everything that the interpreter needs to decide; its message is redacted.
        """
        action = self._registry.actions.get((call.action_id, call.action_version))
        if action is None:
            missing = ActionNotOnWorkersError(
                f"This worker has no {call.action_id}@{call.action_version}: install its distribution on every worker."
            )
            raise ExecutionFailedError.of(missing, error_object(missing, call, Redactor()))
        attempt = Attempt(call, action)
        try:
            return await self._execute(attempt)
        except asyncio.CancelledError:
            canceled = ActionError("The step was canceled before anything was sent.", code="CANCELED")
            await to_the_end(self._release(attempt, error_object(canceled, call, attempt.redactor)))
            raise
        except Refused as refused:
            error = refused.cause
        except WorkflowError as own:
            error = own
        except (*DATABASE_AWAY, asyncpg.PostgresError) as failure:
            error = explain(failure)
        except Exception as failure:  # noqa: BLE001 - nothing may leave the ledger unwritten
            error = self._unexpected(attempt, failure)
        shown = error_object(error, call, attempt.redactor)
        await self._record_failure(attempt, error, shown)
        raise ExecutionFailedError.of(error, shown)

    # ── The course of an attempt ─────────────────────────────────────────────────────────────────────────────────

    async def _execute(self, attempt: Attempt) -> ActionResult:
        await self._at("before-reserve", attempt.call)
        if attempt.call.dry_run:
            return await self._rehearse(attempt)
        if attempt.effect is Effect.READ and not attempt.call.reads_again:
            result = await self._read_before(attempt)
            if result is not None:
                return result
        if attempt.action.io == "database":
            return await self._in_transaction(attempt)
        if attempt.effect is Effect.READ:
            return await self._read_external(attempt)
        return await self._act(attempt)

    async def _in_transaction(self, attempt: Attempt) -> ActionResult:
        """A ``database`` action: one transaction for the handler, the ledger and the history."""
        call, key = attempt.call, attempt.key
        if self._admission.has_gate(call):
            # Before the transaction: the resolver needs a connection of its own, and must not wait for ours.
            if attempt.effect is not Effect.READ:
                async with self._database.tenant(attempt.tenant) as conn:
                    entry = await ledger.lookup(conn, attempt.tenant, key)
                    if entry is not None and entry.state is ledger.State.SUCCEEDED:
                        return await self._reuse(conn, attempt, entry)
            await self._admission.pass_gate(attempt)
        # A worker that is frozen or cut off must not hold the key's lock for longer than its handler may take.
        longest = attempt.time_limit + ledger.LEASE_GRACE
        async with self._database.tenant(attempt.tenant, transaction_timeout=longest) as conn:
            if attempt.effect is not Effect.READ:
                entry = await ledger.lock_and_look_up(conn, call, key)
                if entry is not None and entry.state is ledger.State.SUCCEEDED:
                    return await self._reuse(conn, attempt, entry)
                ledger.refuse_if_held(entry, call)
            value = await self._admission.input(conn, attempt)
            ctx = self._context(attempt, tx=conn)
            output = attempt.read_output(await self._limited(attempt, attempt.action.handler(value, ctx)))
            attempt.check_size(output)
            await self._write_success(conn, attempt, output, records=attempt.effect is not Effect.READ)
            await self._at("before-commit", call)
        await self._at("after-commit", call)
        return ActionResult(output=output)

    async def _read_before(self, attempt: Attempt) -> ActionResult | None:
        """What the step has read in an earlier execution of the run.

        The run comes to its effects by the same way: read anew, it might do for one item what was done for another.
        """
        async with self._database.tenant(attempt.tenant) as conn:
            read = await history.read_success(conn, attempt.call)
            if read is None:
                return None
            await self._write_success(conn, attempt, read["output_json"])
        return ActionResult(output=read["output_json"])

    async def _read_external(self, attempt: Attempt) -> ActionResult:
        if self._admission.asks(attempt):
            async with self._database.tenant(attempt.tenant) as conn:
                value = await self._admission.input(conn, attempt)
        else:
            value = attempt.convert_input({})
        await self._admission.pass_gate(attempt)
        ctx = self._context(attempt)
        output = attempt.read_output(await self._limited(attempt, attempt.action.handler(value, ctx)))
        attempt.check_size(output)
        await history.write_read(
            self._database, attempt.call, shown_input=attempt.shown_input, output=output, notes=attempt.notes
        )
        return ActionResult(output=output)

    async def _rehearse(self, attempt: Attempt) -> ActionResult:
        """A dry run: the step's own row is all that it writes."""
        if attempt.key.explicit and attempt.effect is not Effect.READ:
            async with self._database.tenant(attempt.tenant) as conn:
                entry = await ledger.lookup(conn, attempt.tenant, attempt.key)
                if entry is not None and entry.state is ledger.State.SUCCEEDED:
                    return await self._reuse(conn, attempt, entry)
        await self._admission.pass_gate(attempt)
        result: Any = None
        longest = attempt.time_limit + ledger.LEASE_GRACE
        async with self._database.tenant(attempt.tenant, transaction_timeout=longest, readonly=True) as conn:
            value = await self._admission.input(conn, attempt)
            if attempt.is_done and attempt.action.io == "database":
                ctx = self._context(attempt, tx=conn)
                result = await self._limited(attempt, attempt.action.handler(value, ctx))
        if not attempt.is_done:
            result = attempt.sample_output()
        elif attempt.action.io == "external":
            result = await self._limited(attempt, attempt.action.handler(value, self._context(attempt)))
        output = attempt.read_output(result)
        attempt.check_size(output)
        async with self._database.tenant(attempt.tenant) as conn:
            await self._write_success(conn, attempt, output, would_do=not attempt.is_done)
        return ActionResult(output=output, would_do=not attempt.is_done)

    async def _act(self, attempt: Attempt) -> ActionResult:
        """An external effect: reserve, prepare, mark sent, handle, keep the answer."""
        call = attempt.call
        value, problem = None, None
        async with self._database.tenant(attempt.tenant) as conn:
            if not await ledger.try_lock(conn, attempt.key):
                raise ledger.busy(call)
            entry = await ledger.lookup(conn, attempt.tenant, attempt.key)
            if entry is not None and entry.state is ledger.State.SUCCEEDED:
                return await self._reuse(conn, attempt, entry)
            ledger.refuse_if_held(entry, call)
            unknown = entry if entry is not None and entry.state is ledger.State.SENT else None
            try:
                value = await self._admission.input(conn, attempt)
            except WorkflowError as error:
                if unknown is None or attempt.effect is not Effect.ONCE:
                    raise
                problem = error  # whether it has happened is another question than whether it may be done now
            hold = await ledger.reserve(
                conn,
                call,
                attempt.key,
                effect=attempt.effect,
                input_sha256=attempt.input_sha256,
                lease=attempt.time_limit,
                after_unknown=unknown is not None,
                lost=error_object(worker_lost(), call, attempt.redactor),
            )
            await history.write_action_step(
                conn, call, status="STARTED", shown_input=attempt.shown_input, notes=attempt.notes
            )
        attempt.hold, attempt.progress = hold, Progress.RESERVED
        await self._at("after-reserve", call)
        ctx = self._context(attempt)
        if unknown is None:
            await self._admission.pass_gate(attempt)
        else:
            found = await self._reconciler.before_sending(attempt, unknown, value, ctx, problem)
            if found is not None:
                return await self._keep(attempt, hold, found.output)
        prepared = await self._prepare(attempt, value, ctx)
        ctx = attrs.evolve(ctx, prepared=prepared)
        await self._at("after-prepare", call)
        sent = await self._mark_sent(attempt, prepared)
        await self._at("after-sent", call)
        result = await self._handle_sent(attempt, value, ctx, sent)
        await self._at("after-answer", call)
        return await self._keep(attempt, attempt.held, result)

    async def _prepare(self, attempt: Attempt, value: Any, ctx: ActionContext) -> Any:
        if attempt.action.prepare is None:
            return None
        return attempt.read_prepared(await self._limited(attempt, attempt.action.prepare(value, ctx)))

    async def _mark_sent(self, attempt: Attempt, prepared: Any) -> SentEffect:
        """Commits *sent*. Whatever happens here, nothing has been sent: the progress stays ``RESERVED`` until it is."""
        clock = asyncio.get_running_loop().time
        async with self._ahead.tenant(attempt.tenant) as conn:
            began = clock()
            sent = await ledger.mark_sent(
                conn, attempt.tenant, attempt.held, lease=attempt.time_limit, prepared=attempt.redactor.redact(prepared)
            )
        if clock() - began > _LATEST_START:
            raise KeyBusyError("This worker was held up, and lets another attempt act.", retry_after=1.0)
        attempt.progress = Progress.SENT
        return sent

    async def _handle_sent(self, attempt: Attempt, value: Any, ctx: ActionContext, sent: SentEffect) -> Any:
        """Calls the handler; when its answer is lost, looks whether the effect has happened all the same."""
        try:
            try:
                return await self._limited(attempt, attempt.action.handler(value, ctx))
            except Refused:
                attempt.progress = Progress.RESERVED
                raise
            except WorkflowError as error:
                return (await self._reconciler.answer_lost(attempt, value, ctx, sent, error)).output
        except asyncio.CancelledError:
            await self._reconciler.stopped(attempt)
            raise

    async def _keep(self, attempt: Attempt, hold: ledger.Hold, result: Any) -> ActionResult:
        """Writes what is known to have happened; neither a cancellation nor a database that is away prevents it."""
        attempt.progress = Progress.SENT
        output = attempt.read_output(result)

        async def write() -> Any:
            async with self._ahead.tenant(attempt.tenant) as conn:
                kept = await ledger.mark_succeeded(conn, attempt.tenant, hold, output)
                try:
                    attempt.check_size(kept)
                except OutputTooLargeError as error:
                    shown = error_object(error, attempt.call, attempt.redactor)
                    await self._write_failure(conn, attempt, shown, status="FAILED")
                else:
                    await self._write_success(conn, attempt, kept)
                await self._at("before-commit", attempt.call)
            return kept

        kept = await to_the_end(until_written(write))
        await self._at("after-commit", attempt.call)
        attempt.check_size(kept)
        return ActionResult(output=kept)

    async def _reuse(self, conn: Connection, attempt: Attempt, entry: ledger.Entry) -> ActionResult:
        """The effect has happened: its stored output, even while the connection is inactive."""
        source = None if entry.belongs_to(attempt.call) else str(entry.run_id)
        if source is not None:
            attempt.notes.append(f"reused from run {source}")
        if entry.settled_as is not None:
            attempt.notes.append("settled by a person: it happened")
        if entry.input_sha256 != attempt.input_sha256:
            attempt.notes.append("the input differs from the one that the effect was done with")
        attempt.progress = Progress.SENT
        attempt.check_size(entry.output)
        await self._write_success(conn, attempt, entry.output)
        return ActionResult(output=entry.output, reused_from=source)

    # ── Parts ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _limited(self, attempt: Attempt, work: Awaitable[T]) -> T:
        """Runs a handler or a look-up under the action's hard limit; foreign exceptions become ours."""
        limit = attempt.time_limit
        try:
            async with asyncio.timeout(limit) as scope:
                return await work
        except WorkflowError:
            raise
        except TimeoutError:
            what = f"took longer than its limit of {limit:g} s" if scope.expired() else "timed out"
            raise ActionTimeoutError(f"{attempt.call.action_id} {what}.") from None
        except Exception as error:  # noqa: BLE001 - guards an integration's code
            if attempt.action.io == "database" and isinstance(error, (*CONNECTION_GONE, asyncpg.PostgresError)):
                raise _explain(attempt, error) from None
            raise self._unexpected(attempt, error) from None

    def _unexpected(self, attempt: Attempt, error: Exception) -> ActionError:
        """The text of a foreign exception may quote anything, a secret too: only its kind is told."""
        call, kind = attempt.call, type(error).__name__
        _log.error("%s raised %s at %s of run %s", call.action_id, kind, call.step_path, call.run_id)
        return ActionError(f"{call.action_id} failed unexpectedly ({kind}).", code="INTERNAL_ERROR")

    def _context(self, attempt: Attempt, *, tx: Connection | None = None) -> ActionContext:
        call = attempt.call
        external = tx is None
        return ActionContext(
            tenant=attempt.tenant,
            run_id=UUID(call.run_id),
            step_path=call.step_path,
            iteration=call.iteration,
            idempotency_key=attempt.key.digest,
            attempt=call.attempt,
            actor=UUID(call.actor) if call.actor else None,
            now=datetime.fromisoformat(call.dispatched_at),
            log=RedactingLog(
                "workflow.action",
                f"{call.action_id} run={call.run_id} step={call.step_path} attempt={call.attempt}",
                attempt.redactor,
            ),
            secrets=ConnectionSecrets(
                attempt.tenant,
                self._registry.connection_of(call.action_id),
                owner=call.action_id,
                redactor=attempt.redactor,
                secrets=self._secrets,
                database=self._ahead,
                tx=tx,
                tokens=self._tokens,
            ),
            dry_run=call.dry_run,
            tx=tx,
            http=self._http if external else None,
            transaction=(lambda: self._short_transaction(attempt)) if external else None,
            redact=attempt.redactor.redact,
        )

    @asynccontextmanager
    async def _short_transaction(self, attempt: Attempt) -> AsyncIterator[Connection]:
        try:
            async with self._ahead.tenant(attempt.tenant, readonly=attempt.call.dry_run) as conn:
                yield conn
        except (*CONNECTION_GONE, FileNotFoundError) as error:  # a socket that is not there
            raise _explain(attempt, error) from error

    async def _write_success(
        self, conn: Connection, attempt: Attempt, output: Any, *, would_do: bool = False, records: bool = False
    ) -> None:
        await history.write_action_step(
            conn,
            attempt.call,
            status="SUCCEEDED",
            shown_input=attempt.shown_input,
            output=output,
            notes=attempt.notes,
            would_do=would_do,
            local=_local_effect(attempt) if records else None,
        )

    async def _write_failure(
        self, conn: Connection, attempt: Attempt, error: dict[str, Any], *, status: str, records: bool = False
    ) -> None:
        await history.write_action_step(
            conn,
            attempt.call,
            status=status,
            shown_input=attempt.shown_input,
            error=error,
            notes=attempt.notes,
            local=_local_effect(attempt) if records else None,
        )

    async def _release(self, attempt: Attempt, shown: dict[str, Any]) -> None:
        """Says that this attempt certainly did nothing, if it held the key."""
        hold = attempt.hold
        if hold is None or attempt.progress is not Progress.RESERVED:
            return

        async def write() -> None:
            async with self._ahead.tenant(attempt.tenant) as conn:
                await ledger.mark_failed(conn, attempt.tenant, hold, shown)

        try:
            await until_written(write)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as problem:
            # The row stays as it is: what was only reserved is overtaken, what says `sent` has to be believed.
            _log.warning("could not release the key of %s: %s", attempt.call.step_path, type(problem).__name__)

    async def _record_failure(self, attempt: Attempt, error: WorkflowError, shown: dict[str, Any]) -> None:
        """Writes a failed attempt into the ledger and the history; a database that is away is only logged."""
        await self._release(attempt, shown)
        if isinstance(error, KeyBusyError | EngineUnavailableError):
            return  # the step's row belongs to the attempt that is under way, or cannot be written
        call = attempt.call
        goes_on = isinstance(error, EffectUnknownError) or (
            call.attempt < call.max_attempts
            and may_be_retried(shown, retryable=error.retryable, retry_on=call.retry_on)
        )
        try:
            async with self._database.tenant(attempt.tenant) as conn:
                status = "RETRYING" if goes_on else "FAILED"
                if isinstance(error, EffectUncertainError):
                    status = "WAITING"
                records = attempt.effect is Effect.LOCAL and not call.dry_run and status != "WAITING"
                await self._write_failure(conn, attempt, shown, status=status, records=records)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as problem:
            _log.warning("could not record the failure of %s: %s", call.step_path, type(problem).__name__)


def _explain(attempt: Attempt, error: Exception) -> WorkflowError:
    """A database that refuses to write is no primary any more; but a dry run asks it to."""
    if attempt.call.dry_run and isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return ActionError(
            f"{attempt.call.action_id} is said only to read, and writes to the database: a dry run does not let it. "
            "Its integration has to be mended.",
            code="READ_ACTION_WRITES",
        )
    return explain(error)


def _local_effect(attempt: Attempt) -> ledger.LocalEffect:
    return ledger.LocalEffect(attempt.key, attempt.input_sha256)
