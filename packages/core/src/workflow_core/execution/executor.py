"""Executes one action call: gate, ledger, handler, history. Knows nothing of Temporal.

Every call ends in a row of the run's history, and every effect in a row of the ledger. What each effect needs:

* ``READ`` has no ledger row: it may simply be done again.
* ``LOCAL`` runs in one transaction with its ledger row and its history: exactly once.
* ``REPEATABLE`` and ``ONCE`` are reserved, prepared, marked *sent* in a transaction of its own, and then handled;
  after that, only :class:`~workflow_core.errors.Refused` proves that nothing was done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import asyncpg
import attrs

from workflow_core.actions import Action, ActionContext, Effect
from workflow_core.availability import resolve_availability
from workflow_core.discovery import Registry
from workflow_core.errors import (
    ActionError,
    ActionNotOnWorkersError,
    ActionTimeoutError,
    EngineUnavailableError,
    IntegrationInactiveError,
    IntegrationNotConfiguredError,
    KeyBusyError,
    Refused,
    SecretNotFoundError,
    TransientError,
    ValidationError,
    WorkflowError,
)
from workflow_core.execution import history, ledger
from workflow_core.execution.models import ActionCall, ActionResult
from workflow_core.language.mapping import MISSING_MARKER, iter_secrets
from workflow_core.manifest import sha256_json
from workflow_core.redaction import Redactor
from workflow_core.schema import convert, mask_secrets, to_json
from workflow_core.secrets import WORKFLOW_SCOPE, TenantSecrets
from workflow_core.storage.database import Connection, Database

if TYPE_CHECKING:
    import aiohttp

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: The effects in the order of their strictness.
_STRICTNESS: Final = (Effect.READ, Effect.LOCAL, Effect.REPEATABLE, Effect.ONCE)
#: Seconds for which the success of an effect is written again and again while the database is away.
_KEEP_TRYING: Final = 30.0
_DATABASE_AWAY: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
)

#: Named moments of an execution, in their order; a fault test ends the process at one of them.
FAULT_POINTS: Final = (
    "before-reserve",
    "after-reserve",
    "after-prepare",
    "after-sent",
    "after-answer",
    "before-commit",
    "after-commit",
)
FaultPoint = Callable[[str, ActionCall], Awaitable[None]]


async def _no_fault(_point: str, _call: ActionCall) -> None:
    return None


def error_object(error: WorkflowError, call: ActionCall, redactor: Redactor) -> dict[str, Any]:
    """The error object of the contract, redacted: ``category, code, message, details, nodePath, at``."""
    redacted: dict[str, Any] = redactor.redact(
        {
            "category": error.category,
            "code": error.code,
            "message": error.message,
            "details": to_json(error.details),
            "nodePath": call.step_path,
            "at": datetime.now(UTC).isoformat(),
        }
    )
    return redacted


class ExecutionFailedError(Exception):
    """An attempt failed; the interpreter decides what follows.

    Attributes:
        error: The error object of the contract, redacted.
        retryable: Whether another attempt may end otherwise.
        counts: Whether this used up an attempt (waiting for a key or for a worker does not).
        retry_after: Seconds to wait at least, if somebody said so.
    """

    def __init__(self, error: dict[str, Any], *, retryable: bool, counts: bool, retry_after: float | None) -> None:
        super().__init__(error["message"])
        self.error = error
        self.retryable = retryable
        self.counts = counts
        self.retry_after = retry_after


class Executor:
    """Executes action calls for one process.

    Args:
        database: As the application role.
        registry: What this process discovered.
        secrets: Opens the tenants' secrets; without it an action that needs one fails.
        http: The process's HTTP session for external actions.
        at: Called at each of :data:`FAULT_POINTS`.
    """

    def __init__(
        self,
        *,
        database: Database,
        registry: Registry,
        secrets: TenantSecrets | None,
        http: aiohttp.ClientSession,
        at: FaultPoint = _no_fault,
    ) -> None:
        self._database = database
        self._registry = registry
        self._secrets = secrets
        self._http = http
        self._at = at

    async def execute(self, call: ActionCall) -> ActionResult:
        """Executes one attempt.

        Raises:
            ExecutionFailedError: With everything that the interpreter needs to decide; its message is redacted.
        """
        attempt = _Attempt(call, self._registry.actions.get((call.action_id, call.action_version)))
        try:
            try:
                return await self._execute(attempt)
            except WorkflowError:
                raise
            except (*_DATABASE_AWAY, asyncpg.PostgresError) as error:
                raise _database_error(error) from error
        except WorkflowError as error:
            await self._record_failure(attempt, error)
            raise ExecutionFailedError(
                error_object(error, call, attempt.redactor),
                retryable=error.retryable,
                counts=_counts(error),
                retry_after=error.retry_after if isinstance(error, TransientError) else None,
            ) from None

    # ── The course of an attempt ─────────────────────────────────────────────────────────────────────────────────

    async def _execute(self, attempt: _Attempt) -> ActionResult:
        call = attempt.call
        if attempt.action is None:
            raise ActionNotOnWorkersError(
                f"This worker has no {call.action_id}@{call.action_version}: install its distribution on every worker."
            )
        await self._at("before-reserve", call)
        if attempt.action.io == "external":
            if attempt.effect is Effect.READ:
                return await self._read_external(attempt)
            return await self._act(attempt)
        return await self._in_transaction(attempt)

    async def _in_transaction(self, attempt: _Attempt) -> ActionResult:
        """A ``database`` action: one transaction for the handler, the ledger and the history."""
        call, key = attempt.call, attempt.key
        if self._gated(call):
            # Before the transaction: the resolver needs a connection of its own, and must not wait for ours.
            if attempt.effect is not Effect.READ:
                async with self._database.tenant(attempt.tenant) as conn:
                    entry = await ledger.lookup(conn, attempt.tenant, key)
                    if entry is not None and entry.state is ledger.State.SUCCEEDED:
                        return await self._reuse(conn, attempt, entry)
            await self._gate(attempt)
        async with self._database.tenant(attempt.tenant) as conn:
            if attempt.effect is not Effect.READ:
                if not await ledger.try_lock(conn, key):
                    raise KeyBusyError(f"{call.action_id} is under way under the same key.", retry_after=0.5)
                entry = await ledger.lookup(conn, attempt.tenant, key)
                if entry is not None and entry.state is ledger.State.SUCCEEDED:
                    return await self._reuse(conn, attempt, entry)
                ledger.refuse_if_held(entry, call)
            value = await self._input(conn, attempt)
            output = attempt.output(
                await self._limited(attempt, attempt.handler(value, self._context(attempt, tx=conn)))
            )
            if attempt.effect is not Effect.READ:
                await ledger.record_local(conn, call, key, input_sha256=attempt.input_sha256, output=output)
            await self._write_success(conn, attempt, output)
            await self._at("before-commit", call)
        await self._at("after-commit", call)
        return ActionResult(output=output)

    async def _read_external(self, attempt: _Attempt) -> ActionResult:
        async with self._database.tenant(attempt.tenant) as conn:
            value = await self._input(conn, attempt)
        await self._gate(attempt)
        output = attempt.output(await self._limited(attempt, attempt.handler(value, self._context(attempt))))
        async with self._database.tenant(attempt.tenant) as conn:
            await self._write_success(conn, attempt, output)
        return ActionResult(output=output)

    async def _act(self, attempt: _Attempt) -> ActionResult:
        """An external effect: reserve, prepare, mark sent, handle, keep the answer."""
        call = attempt.call
        async with self._database.tenant(attempt.tenant) as conn:
            if not await ledger.try_lock(conn, attempt.key):
                raise KeyBusyError(f"{call.action_id} is under way under the same key.", retry_after=0.5)
            entry = await ledger.lookup(conn, attempt.tenant, attempt.key)
            if entry is not None and entry.state is ledger.State.SUCCEEDED:
                return await self._reuse(conn, attempt, entry)
            ledger.refuse_if_held(entry, call)
            value = await self._input(conn, attempt)
            after_unknown = entry is not None and entry.state is ledger.State.SENT
            hold = await ledger.reserve(
                conn,
                call,
                attempt.key,
                effect=attempt.effect,
                input_sha256=attempt.input_sha256,
                lease=attempt.time_limit,
                after_unknown=after_unknown,
            )
            if not after_unknown:
                await history.write_action_step(
                    conn, call, status="STARTED", shown_input=attempt.shown_input, notes=attempt.notes
                )
        if after_unknown and attempt.effect is Effect.ONCE:
            # Its worker was lost after `sent`: whether it acted, nobody can know.
            raise await self._unknown(attempt, hold, ActionError("The worker was lost.", code="WORKER_LOST"))
        attempt.hold = hold
        await self._at("after-reserve", call)
        await self._gate(attempt)
        ctx = self._context(attempt)
        if attempt.prepare is not None:
            await self._limited(attempt, attempt.prepare(value, ctx))
        await self._at("after-prepare", call)
        async with self._database.tenant(attempt.tenant) as conn:
            await ledger.mark_sent(conn, attempt.tenant, hold, lease=attempt.time_limit)
        attempt.sent = True
        await self._at("after-sent", call)
        result = await self._handle_sent(attempt, hold, value, ctx)
        await self._at("after-answer", call)
        return await self._keep(attempt, hold, result)

    async def _handle_sent(self, attempt: _Attempt, hold: ledger.Hold, value: Any, ctx: ActionContext) -> Any:
        try:
            return await self._limited(attempt, attempt.handler(value, ctx))
        except Refused as refused:
            attempt.sent = False
            raise refused.cause from None
        except WorkflowError as error:
            raise await self._unknown(attempt, hold, error) from None
        except asyncio.CancelledError:
            lost = ActionError("The worker stopped while the action was under way.", code="WORKER_LOST")
            await asyncio.shield(self._unknown(attempt, hold, lost))
            raise

    async def _keep(self, attempt: _Attempt, hold: ledger.Hold, result: Any) -> ActionResult:
        """Writes what is known to have happened, and does not give up while the database is away."""
        output = attempt.output(result)

        async def write() -> None:
            async with self._database.tenant(attempt.tenant) as conn:
                await ledger.mark_succeeded(conn, attempt.tenant, hold, output)
                await self._write_success(conn, attempt, output)
                await self._at("before-commit", attempt.call)

        await asyncio.shield(_until_written(write))
        await self._at("after-commit", attempt.call)
        return ActionResult(output=output)

    async def _unknown(self, attempt: _Attempt, hold: ledger.Hold, error: WorkflowError) -> WorkflowError:
        """Records that the answer was lost; answers the error that the step shows."""
        attempt.sent = True
        shown = error_object(error, attempt.call, attempt.redactor)

        async def write() -> None:
            async with self._database.tenant(attempt.tenant) as conn:
                await ledger.mark_unknown(conn, attempt.tenant, hold, shown, effect=attempt.effect)

        await _until_written(write)
        if attempt.effect is Effect.ONCE:
            return ledger.uncertain_error(attempt.call, error.code)
        return error

    async def _reuse(self, conn: Connection, attempt: _Attempt, entry: ledger.Entry) -> ActionResult:
        """The effect has happened: its stored output, even while the connection is inactive."""
        source = None if entry.belongs_to(attempt.call) else str(entry.run_id)
        await self._input(conn, attempt, quiet=True)
        if source is not None:
            attempt.notes.append(f"reused from run {source}")
        if attempt.input_sha256 and entry.input_sha256 != attempt.input_sha256:
            attempt.notes.append("the input differs from the one that the effect was done with")
        await self._write_success(conn, attempt, entry.output)
        return ActionResult(output=entry.output, reused_from=source)

    # ── Parts ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _input(self, conn: Connection, attempt: _Attempt, *, quiet: bool = False) -> Any:
        """The handler's input: secrets resolved, converted and checked.

        Args:
            conn: The tenant's transaction.
            attempt: Learns the secret values, the input to show and its hash.
            quiet: Only the hash is wanted: what is wrong with the input does not matter any more.
        """
        call = attempt.call
        try:
            given = call.input
            names = sorted({name for _, name in iter_secrets(given)})
            if names:
                values = await self._workflow_secrets(conn, attempt.tenant, names)
                for secret in values.values():
                    attempt.redactor.add(secret)
                given = _with_secrets(given, values)
            value: Any = convert(attempt.contract.input, given, unknown="ignore", mapped=True)
        except (ValidationError, SecretNotFoundError) as error:
            if quiet:
                return None
            if isinstance(error, ValidationError):
                error.message = f"The input of {call.action_id} does not fit: {error.message}"
            raise
        plain = to_json(value)
        attempt.input_sha256 = sha256_json(plain)
        attempt.shown_input = attempt.redactor.redact(mask_secrets(attempt.contract.input, plain))
        return value

    async def _workflow_secrets(self, conn: Connection, tenant: UUID, names: list[str]) -> dict[str, str]:
        if self._secrets is None:
            raise SecretNotFoundError("This worker has no key for the tenants' secrets: set WORKFLOW_SECRETS_KEY_FILE.")
        return await self._secrets.resolve(conn, tenant, WORKFLOW_SCOPE, names)

    def _gated(self, call: ActionCall) -> bool:
        module = self._registry.module_of(call.action_id)
        return module is not None and module.availability_key is not None

    async def _gate(self, attempt: _Attempt) -> None:
        """Whether the tenant's connection is active at this moment: asked anew each time."""
        module = self._registry.module_of(attempt.call.action_id)
        if module is None or module.availability_key is None:
            return
        key = module.availability_key
        answer = (await resolve_availability(self._database, attempt.tenant, [key], self._registry.resolvers))[key]
        if answer.failed:
            raise TransientError(f"{module.label}: {answer.reason}", code="AVAILABILITY_UNKNOWN")
        if not answer.available:
            raise IntegrationInactiveError(
                f"{module.label} integration is not active for this tenant", details={"reason": answer.reason}
            )

    async def _limited(self, attempt: _Attempt, work: Awaitable[T]) -> T:
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
        except Exception as error:
            if attempt.contract.io == "database" and isinstance(error, asyncpg.PostgresError | OSError):
                raise _database_error(error) from error
            _log.error(
                "handler of %s raised %s at %s of run %s",
                attempt.call.action_id,
                type(error).__name__,
                attempt.call.step_path,
                attempt.call.run_id,
            )
            # The text of a foreign exception may quote anything, a secret too: only its kind is told.
            raise ActionError(
                f"{attempt.call.action_id} failed unexpectedly ({type(error).__name__}).", code="INTERNAL_ERROR"
            ) from error

    def _context(self, attempt: _Attempt, *, tx: Connection | None = None) -> ActionContext:
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
            log=_RedactingLog(call, attempt.redactor),
            secrets=_ConnectionSecrets(self, attempt, tx),
            tx=tx,
            http=self._http if external else None,
            transaction=(lambda: self._short_transaction(attempt.tenant)) if external else None,
        )

    @asynccontextmanager
    async def _short_transaction(self, tenant: UUID) -> AsyncIterator[Connection]:
        try:
            async with self._database.tenant(tenant) as conn:
                yield conn
        except _DATABASE_AWAY as error:
            raise EngineUnavailableError(f"The database could not be reached ({type(error).__name__}).") from error

    def tenant_transaction(self, tenant: UUID) -> AbstractAsyncContextManager[Connection]:
        """A transaction of a tenant."""
        return self._database.tenant(tenant)

    async def connection_secrets(self, conn: Connection, tenant: UUID, action_id: str) -> dict[str, str]:
        """All stored secrets of the connection that an action belongs to, by name."""
        connection = self._registry.connection_of(action_id)
        if connection is None:
            raise IntegrationNotConfiguredError(f"No installed distribution describes the connection of {action_id}.")
        if self._secrets is None:
            raise IntegrationNotConfiguredError(
                "This worker has no key for the tenants' secrets: set WORKFLOW_SECRETS_KEY_FILE."
            )
        stored = await self._secrets.names(conn, tenant, connection.secret_scope)
        wanted = [field.name for field in connection.fields if field.kind == "secret" and field.name in set(stored)]
        return await self._secrets.resolve(conn, tenant, connection.secret_scope, wanted) if wanted else {}

    async def _write_success(self, conn: Connection, attempt: _Attempt, output: Any) -> None:
        await history.write_action_step(
            conn,
            attempt.call,
            status="SUCCEEDED",
            shown_input=attempt.shown_input,
            output=output,
            notes=attempt.notes,
        )

    async def _record_failure(self, attempt: _Attempt, error: WorkflowError) -> None:
        """Writes a failed attempt into the ledger and the history; a database that is away is only logged."""
        if isinstance(error, KeyBusyError | EngineUnavailableError):
            return  # nothing was done, and the row of the attempt that is under way is not ours to change
        call = attempt.call
        shown = error_object(error, call, attempt.redactor)
        try:
            async with self._database.tenant(attempt.tenant) as conn:
                if attempt.hold is not None and not attempt.sent:
                    await ledger.mark_failed(conn, attempt.tenant, attempt.hold, shown)
                elif attempt.action is not None and attempt.effect is Effect.LOCAL:
                    await ledger.record_local(conn, call, attempt.key, input_sha256=attempt.input_sha256, error=shown)
                waits = error.retryable and (call.attempt < call.max_attempts or not _counts(error))
                await history.write_action_step(
                    conn,
                    call,
                    status="RETRYING" if waits else "FAILED",
                    shown_input=attempt.shown_input,
                    error=shown,
                    notes=attempt.notes,
                )
        except (*_DATABASE_AWAY, asyncpg.PostgresError) as problem:
            _log.warning("could not record the failure of %s: %s", call.step_path, type(problem).__name__)


@attrs.define(eq=False)
class _Attempt:
    """What one attempt learns on its way."""

    call: ActionCall
    action: Action | None
    redactor: Redactor = attrs.Factory(Redactor)
    notes: list[str] = attrs.Factory(list)
    input_sha256: str = ""
    shown_input: Any = None
    hold: ledger.Hold | None = None
    sent: bool = False
    tenant: UUID = attrs.field(init=False)
    key: ledger.EffectKey = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tenant = UUID(self.call.tenant)
        self.key = ledger.effect_key(self.call)
        self.shown_input = _without_markers(self.call.input)

    @property
    def contract(self) -> Action:
        assert self.action is not None  # noqa: S101 - _execute refuses a call without
        return self.action

    @property
    def effect(self) -> Effect:
        """The stricter of the plan's effect and our own."""
        return max(self.contract.effect, Effect(self.call.effect), key=_STRICTNESS.index)

    @property
    def time_limit(self) -> float:
        return self.contract.time_limit.total_seconds()

    @property
    def handler(self) -> Callable[[Any, ActionContext], Awaitable[Any]]:
        return self.contract.handler

    @property
    def prepare(self) -> Callable[[Any, ActionContext], Awaitable[None]] | None:
        return self.contract.prepare

    def output(self, result: Any) -> Any:
        """The handler's result as redacted JSON; one that breaks its schema is kept and reported."""
        plain = to_json(result)
        try:
            convert(self.contract.output, plain)
        except ValidationError as error:
            places = ", ".join(sorted({problem.path or "value" for problem in error.errors}))
            self.notes.append(f"the output does not fit the action's schema at: {places}")
            _log.error("the output of %s does not fit its schema at: %s", self.call.action_id, places)
        return self.redactor.redact(mask_secrets(self.contract.output, plain))


class _ConnectionSecrets:
    """See :class:`workflow_core.actions.SecretReader`."""

    def __init__(self, executor: Executor, attempt: _Attempt, tx: Connection | None) -> None:
        self._executor = executor
        self._attempt = attempt
        self._tx = tx

    async def require(self, *names: str) -> dict[str, str]:
        tenant, action_id = self._attempt.tenant, self._attempt.call.action_id
        scope: AbstractAsyncContextManager[Connection] = (
            contextlib.nullcontext(self._tx) if self._tx is not None else self._executor.tenant_transaction(tenant)
        )
        async with scope as conn:
            stored = await self._executor.connection_secrets(conn, tenant, action_id)
        missing = sorted(set(names) - set(stored))
        if missing:
            raise IntegrationNotConfiguredError(
                f"The connection lacks {', '.join(missing)}: enter it under Connections.", details={"missing": missing}
            )
        for value in stored.values():
            self._attempt.redactor.add(value)
        return {name: stored[name] for name in names}

    def hide(self, value: str) -> None:
        self._attempt.redactor.add(value)


class _RedactingLog(logging.LoggerAdapter[logging.Logger]):
    """Logs with run and step; whatever a handler logs is redacted."""

    def __init__(self, call: ActionCall, redactor: Redactor) -> None:
        super().__init__(logging.getLogger("workflow.action"), {})
        self._where = f"[{call.action_id} run={call.run_id} step={call.step_path} attempt={call.attempt}]"
        self._redactor = redactor

    def log(self, level: int, msg: object, *args: object, **_kwargs: Any) -> None:
        if self.isEnabledFor(level):
            text = str(msg) % args if args else str(msg)
            self.logger.log(level, "%s %s", self._where, self._redactor.redact(text))


def _counts(error: WorkflowError) -> bool:
    """Whether an error uses up an attempt: waiting for a key, a worker or our own database does not."""
    return not isinstance(error, KeyBusyError | ActionNotOnWorkersError | EngineUnavailableError)


def _database_error(error: Exception) -> WorkflowError:
    if isinstance(error, asyncpg.SerializationError | asyncpg.DeadlockDetectedError | asyncpg.LockNotAvailableError):
        return TransientError("The database refused for the moment, because of another transaction.", code="CONFLICT")
    if isinstance(error, _DATABASE_AWAY):
        return EngineUnavailableError(
            f"The database could not be reached ({type(error).__name__}); the step goes on when it is back."
        )
    return ActionError(f"The database refused the write ({type(error).__name__}).", code="INTERNAL_ERROR")


async def _until_written(write: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Repeats a write while the database is away: what is written is known, and would be lost."""
    deadline = asyncio.get_running_loop().time() + _KEEP_TRYING
    delay = 0.1
    while True:
        try:
            await write()
        except _DATABASE_AWAY:
            if asyncio.get_running_loop().time() + delay > deadline:
                raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)
        else:
            return


def _with_secrets(value: Any, secrets: dict[str, str]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$secret"}:
            return secrets[value["$secret"]]
        return {key: _with_secrets(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_secrets(item, secrets) for item in value]
    return value


def _without_markers(value: Any) -> Any:
    """The input as it came, for a history row whose input was never converted; secrets are still references."""
    if value == MISSING_MARKER:
        return None
    if isinstance(value, dict):
        return {key: _without_markers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_markers(item) for item in value]
    return value
