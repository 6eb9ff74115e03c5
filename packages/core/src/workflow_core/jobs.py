"""Work that an integration does by itself, for each tenant that has connected it: jobs, and what a handler is given.

A worker runs them; :mod:`workflow_core.job_runs` says how.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import attrs
from attrs.validators import ge, instance_of, is_callable, le, optional

from workflow_core.actions import SecretReader
from workflow_core.events import EventType

if TYPE_CHECKING:
    import aiohttp

    from workflow_core.storage.database import Connection


class JobRecords(Protocol):
    """Keeps what a run of a job tells of itself. Each method is refused when the run is not this attempt's any more."""

    async def progress(self, done: int, total: int | None, message: str) -> None:
        """See :meth:`JobContext.progress`."""

    async def save(self, checkpoint: Mapping[str, Any]) -> None:
        """See :meth:`JobContext.save`."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """See :meth:`JobContext.transaction`."""

    async def emit(
        self, conn: Connection, event: EventType, payload: Any, *, correlation_key: str | None, key: str | None
    ) -> None:
        """See :meth:`JobContext.emit`."""


@attrs.frozen(kw_only=True, eq=False)
class JobContext:
    """What the handler of a job is given.

    Attributes:
        tenant: For whom it works.
        run_id: The run of the job, which all its attempts share.
        attempt: Counted from 1.
        provider: Of the connection.
        integration_id: The connection's row in ``rmm_integrations``.
        instance_url: Of that row.
        settings: Of that row; no secrets.
        parameters: Of a run that was asked for; else empty.
        checkpoint: What an earlier attempt of this run saved last; else empty.
        http: The process's HTTP session.
        log: Carries tenant, job and run; never log a secret, and never an upstream body.
        secrets: The connection's secrets; what it gives is redacted from all that the run shows.
    """

    tenant: UUID
    run_id: UUID
    attempt: int
    provider: str
    integration_id: UUID
    instance_url: str | None
    settings: Mapping[str, Any]
    parameters: Mapping[str, Any]
    checkpoint: Mapping[str, Any]
    http: aiohttp.ClientSession
    log: logging.LoggerAdapter[logging.Logger]
    secrets: SecretReader
    _records: JobRecords

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """A short transaction of the tenant; never hold it across a network call.

        Raises:
            JobEndedError: The run was canceled, its connection has ended, or another attempt has taken it over.
        """
        return self._records.transaction()

    async def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Tells how far the run is; cheap enough for every record, since only one in a second is written.

        Args:
            done: How much.
            total: Of how much, if that is known.
            message: What is being done, for a person.

        Raises:
            JobEndedError: As above.
        """
        await self._records.progress(done, total, message)

    async def save(self, checkpoint: Mapping[str, Any]) -> None:
        """Keeps JSON from which a later attempt of this run goes on, whatever becomes of this process.

        Save after the transaction whose work it tells of: that work may be done again, and is never left out.

        Raises:
            JobEndedError: As above.
            ValidationError: ``CHECKPOINT_TOO_LARGE``; ``INVALID_CHECKPOINT``: it is no JSON object.
        """
        await self._records.save(checkpoint)

    async def emit(
        self,
        conn: Connection,
        event: EventType,
        payload: Any,
        *,
        correlation_key: str | None = None,
        key: str | None = None,
    ) -> None:
        """Says that something has happened: kept if, and only if, the transaction commits.

        Args:
            conn: Of :meth:`transaction`.
            event: The declared type.
            payload: An instance of its ``payload`` class.
            correlation_key: What waiting workflows know it by, such as the ticket's id.
            key: What is emitted again under the same key, here or by a webhook, has not happened again.
        """
        await self._records.emit(conn, event, payload, correlation_key=correlation_key, key=key)


JobHandler = Callable[[JobContext], Awaitable[Mapping[str, Any] | None]]


def _at_least_a_second(_job: object, attribute: attrs.Attribute[timedelta], value: timedelta) -> None:
    if value < timedelta(seconds=1):
        raise ValueError(f"{attribute.name} must be a second or more")


@attrs.frozen(kw_only=True, eq=False)
class Job:
    """Work that is done for each tenant whose connection is active: again and again, or when it is asked for.

    One run of a job at a time for each tenant. A run may be interrupted anywhere, and goes on in another process from
    its checkpoint: what it does again must be harmless.

    Attributes:
        id: Dotted, lower case, such as ``acme.sync_devices``; its first segment belongs to the distribution whose
            module claims it.
        label: What an admin reads, such as "Sync devices".
        description: A sentence or two for the admin.
        provider: Of a :class:`~workflow_core.connections.Connection` of the same distribution.
        handler: ``async (ctx) -> result``; the result, JSON or None, is shown as the run's. It raises
            :class:`~workflow_core.errors.TransientError` for what may go better at another attempt; with any other
            error the run has failed.
        every: From one run to the next; None: it runs only when it is asked for.
        jitter: By which share of ``every`` a run may come later, each time another one. Besides, each tenant has its
            own phase: a thousand of them do not start at the same moment.
        time_limit: Of one attempt; another one goes on from the checkpoint.
        on_connect: Whether it also runs as soon as the connection has become active.
    """

    id: str = attrs.field(validator=instance_of(str))
    label: str = attrs.field(validator=instance_of(str))
    description: str = attrs.field(validator=instance_of(str))
    provider: str = attrs.field(validator=instance_of(str))
    handler: JobHandler = attrs.field(validator=is_callable())
    every: timedelta | None = attrs.field(
        default=None, validator=optional([instance_of(timedelta), _at_least_a_second])
    )
    jitter: float = attrs.field(default=0.1, validator=[instance_of((int, float)), ge(0), le(1)])
    time_limit: timedelta = attrs.field(
        default=timedelta(minutes=10), validator=[instance_of(timedelta), _at_least_a_second]
    )
    on_connect: bool = attrs.field(default=False, validator=instance_of(bool))

    @property
    def segment(self) -> str:
        """The first dotted segment of the id."""
        return self.id.split(".", 1)[0]
