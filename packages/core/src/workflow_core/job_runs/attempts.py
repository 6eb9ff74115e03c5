"""One attempt at a run of a job: the handler is called, what it tells is kept, and its end is written.

Whatever an attempt shows is redacted: result, errors, progress, checkpoint and log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final
from uuid import UUID

import aiohttp
import asyncpg
import attrs

from workflow_core.discovery import Registry
from workflow_core.errors import (
    ActionError,
    JobEndedError,
    TransientError,
    ValidationError,
    WorkflowError,
)
from workflow_core.events import EventType, store_event
from workflow_core.execution.database_errors import CONNECTION_GONE, DATABASE_AWAY, explain
from workflow_core.execution.handler_tools import ConnectionSecrets, RedactingLog
from workflow_core.execution.writing import to_the_end, until_written
from workflow_core.integrations.tokens import ConnectionTokens
from workflow_core.job_runs.runs import JobRunStatus, end_run
from workflow_core.jobs import Job, JobContext
from workflow_core.manifest import canonical_json
from workflow_core.records import rmm
from workflow_core.redaction import Redactor
from workflow_core.schema import clean_json, to_json
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Connection, Database, Record

_log = logging.getLogger(__name__)

#: Seconds between two writes of a run's progress.
_PROGRESS_EVERY: Final = 1.0
#: Bytes of JSON that a handler may give, and that it may save.
MAX_RESULT: Final = 64 * 1024
MAX_CHECKPOINT: Final = 256 * 1024
_LONGEST_MESSAGE: Final = 2000


class AttemptFailedError(Exception):
    """An attempt failed, and another one may do better.

    Attributes:
        error: ``code`` and ``message``, redacted.
        retry_after: Seconds to wait at least, if somebody said so.
    """

    def __init__(self, error: Mapping[str, Any], retry_after: float | None) -> None:
        super().__init__(error["message"])
        self.error = error
        self.retry_after = retry_after


@attrs.frozen(kw_only=True)
class JobRunner:
    """Runs attempts, in one worker process.

    Attributes:
        database: As the application role.
        registry: Has the jobs.
        secrets: None: this process has no key.
        http: The process's session.
        tokens: The process's access tokens of connections; of its own when left out.
    """

    database: Database
    registry: Registry
    secrets: TenantSecrets | None
    http: aiohttp.ClientSession
    tokens: ConnectionTokens | None = attrs.field(
        default=attrs.Factory(
            lambda self: None if self.secrets is None else ConnectionTokens(self.database, self.secrets, self.http),
            takes_self=True,
        )
    )

    async def run(self, tenant: UUID, job_id: str, run_id: UUID) -> None:
        """Does the work of a run, or the rest of it, and writes its end.

        A run that has ended, or is to end, or whose connection is not active any more, is not worked at.

        Raises:
            AttemptFailedError: Another attempt may do better; the run has not ended.
        """
        redactor = Redactor()
        held: _Held | None = None
        try:
            job = self.registry.jobs.get(job_id)
            if job is None:
                raise TransientError(
                    f"This worker does not have the job {job_id}: update its distribution.", code="JOB_NOT_ON_WORKERS"
                )
            held = await self._hold(tenant, job, run_id, redactor)
            if held is None:
                return
            result = _result(await self._handle(held))
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            raise _failed(explain(error), redactor) from None
        except JobEndedError:
            await self._end(tenant, run_id, held, JobRunStatus.CANCELLED)
        except WorkflowError as error:
            await self._fail(tenant, run_id, held, _failed(error, redactor), retryable=error.retryable)
        else:
            await held.write_progress()
            await self._end(tenant, run_id, held, JobRunStatus.SUCCEEDED, result=redactor.redact(result))

    async def _hold(self, tenant: UUID, job: Job, run_id: UUID, redactor: Redactor) -> _Held | None:
        """Begins an attempt, which nobody else is at from here on; None: there is nothing to be done."""
        async with self.database.tenant(tenant) as conn:
            run = await conn.fetchrow(_HOLD, tenant, run_id)
            if run is None:  # it has ended, or is told to
                await end_run(conn, tenant, run_id, JobRunStatus.CANCELLED)
                return None
            integration = await rmm.get_active_integration(conn, tenant, job.provider)
            if integration is None or integration.connected_at is None:
                inactive = {"code": "INTEGRATION_INACTIVE", "message": "The connection is not active."}
                await end_run(conn, tenant, run_id, JobRunStatus.CANCELLED, error=inactive)
                return None
        return _Held(
            database=self.database, tenant=tenant, job=job, run=run, integration=integration, redactor=redactor
        )

    async def _handle(self, held: _Held) -> Any:
        job, run = held.job, held.run
        where = f"{job.id} tenant={held.tenant} run={held.run_id} attempt={held.attempt}"
        ctx = JobContext(
            tenant=held.tenant,
            run_id=held.run_id,
            attempt=held.attempt,
            provider=job.provider,
            integration_id=held.integration.integration_id,
            instance_url=held.integration.instance_url,
            settings=held.integration.settings,
            parameters=run["parameters"],
            checkpoint=run["checkpoint"],
            http=self.http,
            log=RedactingLog("workflow.job", where, held.redactor),
            secrets=ConnectionSecrets(
                held.tenant,
                self.registry.connections.get(job.provider),
                owner=job.id,
                redactor=held.redactor,
                secrets=self.secrets,
                database=self.database,
                tokens=self.tokens,
            ),
            records=held,
        )
        limit = job.time_limit.total_seconds()
        try:
            async with asyncio.timeout(limit) as scope:
                return await job.handler(ctx)
        except (WorkflowError, asyncpg.PostgresError, *CONNECTION_GONE):
            raise
        except (aiohttp.ClientError, OSError) as error:  # time-outs of the network too
            if isinstance(error, TimeoutError) and scope.expired():
                message = f"{job.label} took longer than its limit of {limit:g} s; it goes on from what it has saved."
                raise TransientError(message, code="JOB_TIMEOUT") from None
            message = f"{job.label} could not reach the other side ({type(error).__name__})."
            raise TransientError(message) from None
        except Exception as error:  # noqa: BLE001 - guards an integration's code; its text may quote a secret
            _log.error("%s raised %s", where, type(error).__name__)
            raise ActionError(
                f"{job.label} failed unexpectedly ({type(error).__name__}).", code="INTERNAL_ERROR"
            ) from None

    async def _fail(
        self, tenant: UUID, run_id: UUID, held: _Held | None, failed: AttemptFailedError, *, retryable: bool
    ) -> None:
        if not retryable:
            await self._end(tenant, run_id, held, JobRunStatus.FAILED, error=failed.error)
            return
        if held is not None:
            await held.write_failure(failed.error)
        raise failed

    async def _end(self, tenant: UUID, run_id: UUID, held: _Held | None, status: JobRunStatus, **how: Any) -> None:
        """Writes the end; neither a cancellation nor a database that is away for a moment prevents it."""

        async def write() -> bool:
            async with self.database.tenant(tenant) as conn:
                return await end_run(conn, tenant, run_id, status, attempt=held.attempt if held else None, **how)

        try:
            await to_the_end(until_written(write))
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            raise _failed(explain(error), Redactor()) from None


@attrs.define(kw_only=True, eq=False)
class _Held:
    """An attempt that is under way: see :class:`workflow_core.jobs.JobRecords`."""

    database: Database
    tenant: UUID
    job: Job
    run: Record
    integration: rmm.Integration
    redactor: Redactor
    _told: tuple[int, int | None, str] | None = attrs.field(init=False, default=None)
    _written_at: float | None = attrs.field(init=False, default=None)

    @property
    def run_id(self) -> UUID:
        """The run."""
        run_id: UUID = self.run["run_id"]
        return run_id

    @property
    def attempt(self) -> int:
        """Which attempt it is; no other one has this number."""
        attempt: int = self.run["attempts"]
        return attempt

    async def progress(self, done: int, total: int | None, message: str) -> None:
        self._told = done, total, message
        if self._written_at is None or monotonic() >= self._written_at + _PROGRESS_EVERY:
            self._written_at = monotonic()
            if not await self.write_progress():
                raise _ended()

    async def write_progress(self) -> bool:
        """Writes what was told last; answers whether the run is this attempt's still."""
        if self._told is None:
            return True
        (done, total, message), self._told = self._told, None
        shown = self.redactor.redact_text(clean_json(message))[:_LONGEST_MESSAGE]
        return await self._write("done = $4, total = $5, message = $6", done, total, shown)

    async def save(self, checkpoint: Mapping[str, Any]) -> None:
        plain = _plain(checkpoint)
        if not isinstance(plain, dict):
            raise ValidationError(
                f"{self.job.label} saved a checkpoint that is no JSON object.", code="INVALID_CHECKPOINT"
            )
        size = len(canonical_json(plain))
        if size > MAX_CHECKPOINT:
            raise ValidationError(
                f"{self.job.label} saved a checkpoint of {size} bytes; {MAX_CHECKPOINT} can be kept.",
                code="CHECKPOINT_TOO_LARGE",
            )
        if not await self._write("checkpoint = $4", self.redactor.redact(plain)):
            raise _ended()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.database.tenant(self.tenant) as conn:
            if not await conn.fetchval(_IS_HELD, self.tenant, self.run_id, self.attempt):
                raise _ended()
            yield conn

    async def emit(
        self, conn: Connection, event: EventType, payload: Any, *, correlation_key: str | None, key: str | None
    ) -> None:
        await store_event(
            conn,
            self.tenant,
            event,
            payload,
            correlation_key=correlation_key,
            redact=self.redactor.redact,
            key=key,
        )

    async def write_failure(self, error: Mapping[str, Any]) -> None:
        """Shows why there is another attempt; a database that is away is only logged."""
        try:
            await self._write("error = $4", dict(error))
        except (*DATABASE_AWAY, asyncpg.PostgresError) as problem:
            _log.warning("could not record the failure of %s: %s", self.job.id, type(problem).__name__)

    async def _write(self, what: str, *values: Any) -> bool:
        async with self.database.tenant(self.tenant) as conn:
            written = await conn.execute(
                f"UPDATE workflow_job_runs SET {what} WHERE {_HELD}",  # noqa: S608 - our own words
                self.tenant,
                self.run_id,
                self.attempt,
                *values,
            )
        return written == "UPDATE 1"


_HELD: Final = "tenant = $1 AND run_id = $2 AND attempts = $3 AND status = 'running' AND stop_requested IS NULL"
_IS_HELD: Final = f"SELECT EXISTS (SELECT FROM workflow_job_runs WHERE {_HELD})"  # noqa: S608 - constant
_HOLD: Final = """
UPDATE workflow_job_runs
SET status = 'running', attempts = attempts + 1, started_at = coalesce(started_at, now())
WHERE tenant = $1 AND run_id = $2 AND finished_at IS NULL AND stop_requested IS NULL
RETURNING run_id, parameters, checkpoint, attempts
"""


def _ended() -> JobEndedError:
    return JobEndedError("The run goes on no more in this attempt: it was told to end, or another one has taken over.")


def _failed(error: WorkflowError, redactor: Redactor) -> AttemptFailedError:
    message = redactor.redact_text(clean_json(str(error.message)))
    shown = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
    return AttemptFailedError({"code": error.code, "message": shown}, getattr(error, "retry_after", None))


def _plain(value: Any) -> Any:
    """A handler's value as JSON; None: it is none."""
    try:
        plain = to_json(value)
        canonical_json(plain)
    except Exception:  # noqa: BLE001 - guards against whatever an integration gives
        return None
    return plain


def _result(value: Any) -> dict[str, Any] | None:
    """What a handler gave, as it is shown; the work is done, whatever it is."""
    if value is None:
        return None
    plain = _plain(value)
    if plain is None:
        return {"$unreadable": type(value).__name__}
    if not isinstance(plain, dict):
        return {"value": plain}
    size = len(canonical_json(plain))
    return plain if size <= MAX_RESULT else {"$tooLarge": size}
