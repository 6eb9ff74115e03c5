"""The inbox of events: each is stored first, then starts every workflow that waits for it.

What an event starts is looked for once, when it is taken for the first time, and kept on it as *outcomes*, one for
each workflow. A failure that trying again does not mend is such an outcome's end; while Temporal or the database is
away, outcomes stay pending, and whoever takes the event later goes on with them. Two processes may work on one event
at once without harm: the ids of its runs follow from the event.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import asyncpg
import attrs

from workflow_core.discovery import Registry
from workflow_core.errors import ConflictError, TransientError, WorkflowError
from workflow_core.execution import waits
from workflow_core.execution.database_errors import DATABASE_AWAY, explain
from workflow_core.execution.runs import Origin, run_id_for_event, start_run
from workflow_core.execution.step_waits import ArrivedEvent, resolve_waits_for_event
from workflow_core.execution.turns import Order
from workflow_core.execution.waits import ResolvedWait
from workflow_core.language.trigger_mapping import has_mapping, map_payload
from workflow_core.places import Places
from workflow_core.storage.database import Connection, Database, Record

if TYPE_CHECKING:
    from temporalio.client import Client

_log = logging.getLogger(__name__)

#: Notified when an event waits for a dispatcher.
CHANNEL: Final = "workflow_events"
#: Events and runs that may lead to one another before an event starts nothing any more.
MAX_CHAIN: Final = 10
#: Seconds for which an event belongs to whoever has taken it, and seconds that one takes with it at most.
LEASE: Final = 60.0
WORK_LIMIT: Final = 20.0
#: Starts at once, of one process.
_STARTS: Final = 5
#: Seconds until an event is taken again, doubled from the first time on.
_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 60.0


class OutcomeStatus(StrEnum):
    """How far an event has come with one workflow."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    FAILED = "FAILED"


@attrs.frozen(kw_only=True)
class Outcome:
    """What an event did with one workflow.

    Attributes:
        workflow_id: The workflow.
        workflow_version: Its newest published version when the event was taken.
        run_id: The run that it starts.
        status: Whether it has.
        error: ``category``, ``code`` and ``message`` of why it has not.
    """

    workflow_id: UUID
    workflow_version: int
    run_id: UUID
    status: OutcomeStatus = OutcomeStatus.PENDING
    error: dict[str, Any] | None = None

    def failed(self, error: WorkflowError) -> Outcome:
        """The same, ended by an error that stays."""
        told = {"category": error.category.value, "code": error.code, "message": error.message}
        return attrs.evolve(self, status=OutcomeStatus.FAILED, error=told)

    def as_json(self) -> dict[str, Any]:
        """As the event's row keeps it."""
        return {
            "workflowId": str(self.workflow_id),
            "workflowVersion": self.workflow_version,
            "runId": str(self.run_id),
            "status": self.status.value,
            "error": self.error,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Outcome:
        """What :meth:`as_json` gave."""
        return cls(
            workflow_id=UUID(value["workflowId"]),
            workflow_version=value["workflowVersion"],
            run_id=UUID(value["runId"]),
            status=OutcomeStatus(value["status"]),
            error=value["error"],
        )


@attrs.frozen(kw_only=True)
class NewEvent:
    """An event as somebody posts it.

    Attributes:
        event_id: The same id is the same event.
        name: Such as ``TICKET_CREATED``.
        correlation_key: What waiting workflows know it by.
        payload: What it brings; without NUL characters.
        payload_schema_ref: The schema of that.
    """

    name: str
    payload: dict[str, Any]
    event_id: UUID = attrs.Factory(uuid4)
    correlation_key: str | None = None
    payload_schema_ref: str | None = None


@attrs.frozen(kw_only=True)
class Event:
    """An event in the inbox.

    Attributes:
        source_run_id: The run whose action emitted it.
        chain_depth: How many events and runs led to it, one by the other.
        outcomes: One for each workflow that it starts; None while nobody has looked for them.
        attempts: How often it was taken.
        processed_at: When the last outcome was known; None: something is still to be done.
        sequence: Counts up from event to event.
    """

    event_id: UUID
    event_name: str
    correlation_key: str | None
    payload: Any
    payload_schema_ref: str | None
    source_run_id: UUID | None
    chain_depth: int
    outcomes: tuple[Outcome, ...] | None
    attempts: int
    processed_at: datetime | None
    created_at: datetime
    sequence: int

    @classmethod
    def of(cls, row: Record) -> Event:
        """The event of a row with :data:`EVENT_COLUMNS`."""
        outcomes = row["outcomes"]
        found = None if outcomes is None else tuple(map(Outcome.from_json, outcomes))
        return cls(**{**row, "outcomes": found})

    @property
    def started(self) -> list[Outcome]:
        """The outcomes that are runs."""
        return [outcome for outcome in self.outcomes or () if outcome.status is OutcomeStatus.STARTED]


EVENT_COLUMNS: Final = """
event_id, event_name, correlation_key, payload, payload_schema_ref, source_run_id, chain_depth, outcomes, attempts,
processed_at, created_at, sequence
"""


@attrs.frozen
class Accepted:
    """An event that was posted: as it is now, and whether this call brought it."""

    event: Event
    created: bool


@attrs.frozen
class _Taken:
    """An event with the triggers of the workflows that it has still to start, by workflow."""

    event: Event
    triggers: Mapping[UUID, Mapping[str, Any]]
    resolved: Sequence[ResolvedWait] = ()


class Inbox:
    """Stores events and starts what they start.

    The plans of the runs are compiled from the registry of the process that takes the event: the server's for what is
    posted to it, a worker's for what actions emit and for what was left behind.

    Args:
        database: As the application role.
        client: Of the platform's Temporal namespace.
        registry: What this process discovered.
        tenant_runs: How many runs of a tenant may be busy at once; None: as many as there are.
    """

    def __init__(
        self, database: Database, client: Client, registry: Registry, *, tenant_runs: int | None = None
    ) -> None:
        self._database = database
        self._client = client
        self._registry = registry
        self._tenant_runs = tenant_runs
        self._starts = Places(_STARTS)

    async def accept(self, tenant: UUID, new: NewEvent) -> Accepted:
        """Stores an event, then starts its workflows; one that is there already is answered as it is.

        Raises:
            ConflictError: ``EVENT_ID_REUSED``: another event has this id.
        """
        async with self._database.tenant(tenant) as conn:
            taken = await self._store(conn, tenant, new)
            if taken is None:
                return Accepted(await _read_same(conn, tenant, new), created=False)
        return Accepted(await self._work(tenant, taken), created=True)

    async def process(self, tenant: UUID, event_id: UUID) -> Event | None:
        """Takes an event that waits, and goes on with it.

        Returns:
            How far it has come; None when there was nothing to take.
        """
        async with self._database.tenant(tenant) as conn:
            taken = await self._take(conn, tenant, event_id)
        return None if taken is None else await self._work(tenant, taken)

    # ── Taking ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _store(self, conn: Connection, tenant: UUID, new: NewEvent) -> _Taken | None:
        """The new event, taken; None when there is one with its id."""
        matches = await conn.fetch(_MATCHES, tenant, new.name)
        outcomes = _outcomes(tenant, new.event_id, matches)
        row = await conn.fetchrow(
            _INSERT,
            tenant,
            new.event_id,
            new.name,
            new.correlation_key,
            new.payload,
            new.payload_schema_ref,
            [outcome.as_json() for outcome in outcomes],
            not outcomes,
            LEASE,
        )
        if row is None:
            return None
        event = Event.of(row)
        return _Taken(event, _triggers(matches), await self._resolve(conn, tenant, event))

    async def _take(self, conn: Connection, tenant: UUID, event_id: UUID) -> _Taken | None:
        row = await conn.fetchrow(_CLAIM, tenant, event_id)
        if row is None:
            return None
        event = Event.of(row)
        if event.outcomes is None:
            matches = await conn.fetch(_MATCHES, tenant, event.event_name)
            outcomes = _outcomes(tenant, event_id, matches)
            if event.chain_depth > MAX_CHAIN:
                outcomes = tuple(outcome.failed(_endless(event)) for outcome in outcomes)
        else:
            outcomes = event.outcomes
            ids = [(o.workflow_id, o.workflow_version) for o in _pending(outcomes)]
            matches = await conn.fetch(_TRIGGERS, tenant, [i for i, _ in ids], [v for _, v in ids])
        row = await conn.fetchrow(
            _TAKE,
            tenant,
            event_id,
            [outcome.as_json() for outcome in outcomes],
            not _pending(outcomes),
            LEASE,
        )
        assert row is not None  # noqa: S101 - this transaction holds its lock
        event = Event.of(row)
        return _Taken(event, _triggers(matches), await self._resolve(conn, tenant, event))

    async def _resolve(self, conn: Connection, tenant: UUID, event: Event) -> list[ResolvedWait]:
        """Ends the waits that the event fulfils."""
        arrived = ArrivedEvent(
            event_id=event.event_id,
            name=event.event_name,
            correlation_key=event.correlation_key,
            payload=event.payload,
        )
        return await resolve_waits_for_event(conn, tenant, arrived)

    # ── Starting ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _work(self, tenant: UUID, taken: _Taken) -> Event:
        """Starts what is pending, at once, and writes how that went."""
        event = taken.event
        await waits.signal(self._database, self._client, tenant, taken.resolved)
        if event.processed_at is not None:
            return event
        outcomes = {outcome.workflow_id: outcome for outcome in event.outcomes or ()}

        async def start(outcome: Outcome) -> None:
            async with self._starts.hold(str(tenant)):
                outcomes[outcome.workflow_id] = await self._start(tenant, taken, outcome)

        try:
            async with asyncio.timeout(WORK_LIMIT):
                await asyncio.gather(*(start(outcome) for outcome in _pending(outcomes.values())))
        except TimeoutError:
            _log.warning("event %s: not all its workflows could be started in %g s", event.event_id, WORK_LIMIT)
        ended = list(outcomes.values())
        try:
            settled = await self._settle(tenant, event, ended)
        except (*DATABASE_AWAY, asyncpg.PostgresError) as error:
            # It is stored: whoever brought it must not be told to bring it again. It is taken again after the lease.
            _log.warning("event %s: how it went could not be written: %s", event.event_id, type(error).__name__)
            settled = None
        return settled or attrs.evolve(event, outcomes=tuple(ended))

    async def _settle(self, tenant: UUID, event: Event, ended: Sequence[Outcome]) -> Event | None:
        delay = min(_FIRST_DELAY * 2.0 ** min(event.attempts - 1, 20), _LONGEST_DELAY)
        async with self._database.tenant(tenant) as conn:
            row = await conn.fetchrow(
                _SETTLE,
                tenant,
                event.event_id,
                event.attempts,
                [outcome.as_json() for outcome in ended],
                not _pending(ended),
                delay,
            )
            if row is None:  # somebody else has taken it since, and tells how it went
                row = await conn.fetchrow(_READ, tenant, event.event_id)
        return None if row is None else Event.of(row)

    async def _start(self, tenant: UUID, taken: _Taken, outcome: Outcome) -> Outcome:
        event = taken.event
        # Of a workflow that was deleted since, a run that is recorded can still be started, with what was recorded.
        trigger = taken.triggers.get(outcome.workflow_id, {})
        try:
            payload = event.payload
            mapped = has_mapping(trigger)
            if mapped:
                payload = await asyncio.to_thread(map_payload, trigger, _root(event), now=event.created_at)
            await start_run(
                self._database,
                self._client,
                self._registry,
                tenant=tenant,
                workflow_id=outcome.workflow_id,
                version=outcome.workflow_version,
                payload=payload,
                actor=None,
                cause="event",
                run_id=outcome.run_id,
                origin=Origin(
                    event_id=event.event_id,
                    event_type=event.event_name,
                    correlation_key=event.correlation_key,
                    payload_schema_ref=self._schema_ref(event, trigger),
                    mapping_applied=mapped,
                    order=_order(event),
                    depth=event.chain_depth,
                ),
                tenant_runs=self._tenant_runs,
            )
        except Exception as error:  # noqa: BLE001 - one workflow's failure never stops another's start
            return self._not_started(event, outcome, error)
        return attrs.evolve(outcome, status=OutcomeStatus.STARTED, error=None)

    def _not_started(self, event: Event, outcome: Outcome, failure: Exception) -> Outcome:
        if isinstance(failure, (*DATABASE_AWAY, asyncpg.PostgresError)):
            error = explain(failure)
        elif isinstance(failure, WorkflowError):
            error = failure
        else:
            kind = type(failure).__name__
            error = WorkflowError(f"The workflow could not be started ({kind}): look at its definition.")
        if isinstance(error, TransientError):
            return outcome
        _log.warning("event %s does not start workflow %s: %s", event.event_id, outcome.workflow_id, error.code)
        return outcome.failed(error)

    def _schema_ref(self, event: Event, trigger: Mapping[str, Any]) -> str | None:
        declared = self._registry.events.get(event.event_name)
        authored = trigger.get("sourcePayloadSchemaRef")
        if event.payload_schema_ref is not None:
            return event.payload_schema_ref
        if isinstance(authored, str):
            return authored
        return None if declared is None else declared.schema_ref


def _outcomes(tenant: UUID, event_id: UUID, matches: Iterable[Record]) -> tuple[Outcome, ...]:
    return tuple(
        Outcome(
            workflow_id=match["workflow_id"],
            workflow_version=match["version"],
            run_id=run_id_for_event(tenant, event_id, match["workflow_id"]),
        )
        for match in matches
    )


def _triggers(matches: Iterable[Record]) -> dict[UUID, Mapping[str, Any]]:
    return {match["workflow_id"]: match["trigger"] for match in matches}


def _pending(outcomes: Iterable[Outcome]) -> Sequence[Outcome]:
    return [outcome for outcome in outcomes if outcome.status is OutcomeStatus.PENDING]


def _root(event: Event) -> dict[str, Any]:
    """What a mapping reads as ``event``."""
    return {
        "name": event.event_name,
        "correlationKey": event.correlation_key,
        "payload": event.payload,
        "payloadSchemaRef": event.payload_schema_ref,
    }


def _order(event: Event) -> Order | None:
    return None if event.correlation_key is None else Order(key=event.correlation_key, number=event.sequence)


def _endless(event: Event) -> WorkflowError:
    return WorkflowError(
        f"{event.chain_depth} events and runs led to this event, one by the other; {MAX_CHAIN} may. Does the workflow "
        "do what starts it? Give it a condition.",
        code="EVENT_CHAIN_TOO_LONG",
    )


async def _read_same(conn: Connection, tenant: UUID, new: NewEvent) -> Event:
    """The event that has the new one's id."""
    # The database compares what it stored with what it would store: it writes some numbers differently.
    row = await conn.fetchrow(
        _READ_SAME,
        tenant,
        new.event_id,
        new.name,
        new.correlation_key,
        new.payload,
        new.payload_schema_ref,
    )
    if row is None:
        raise ConflictError("Another event has this eventId; use a new one.", code="EVENT_ID_REUSED")
    return Event.of(row)


_MATCHES = """
SELECT d.workflow_id, v.version, v.definition_json->'trigger' AS trigger
FROM workflow_definition_versions v
JOIN workflow_definitions d ON d.tenant = $1 AND d.workflow_id = v.workflow_id AND d.published_version = v.version
WHERE v.tenant = $1 AND v.trigger_event = $2 AND NOT d.is_paused
ORDER BY d.workflow_id
"""
_TRIGGERS = """
SELECT v.workflow_id, v.version, v.definition_json->'trigger' AS trigger
FROM workflow_definition_versions v
JOIN unnest($2::uuid[], $3::integer[]) AS wanted(workflow_id, version) USING (workflow_id, version)
WHERE v.tenant = $1
"""
_INSERT = f"""
INSERT INTO workflow_runtime_events (
    tenant, event_id, event_name, correlation_key, payload, payload_schema_ref, outcomes, attempts, processed_at, due_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, 1, CASE WHEN $8 THEN now() END, now() + make_interval(secs => $9)
)
ON CONFLICT (tenant, event_id) DO NOTHING
RETURNING {EVENT_COLUMNS}
"""  # noqa: S608 - the columns are constant
_CLAIM = f"""
SELECT {EVENT_COLUMNS} FROM workflow_runtime_events
WHERE tenant = $1 AND event_id = $2 AND processed_at IS NULL AND due_at <= now()
FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - the columns are constant
_TAKE = f"""
UPDATE workflow_runtime_events
SET outcomes = $3, attempts = attempts + 1, processed_at = CASE WHEN $4 THEN now() END,
    due_at = now() + make_interval(secs => $5)
WHERE tenant = $1 AND event_id = $2
RETURNING {EVENT_COLUMNS}
"""  # noqa: S608 - the columns are constant
_SETTLE = f"""
UPDATE workflow_runtime_events
SET outcomes = $4, processed_at = CASE WHEN $5 THEN now() END, due_at = now() + make_interval(secs => $6)
WHERE tenant = $1 AND event_id = $2 AND attempts = $3 AND processed_at IS NULL
RETURNING {EVENT_COLUMNS}
"""  # noqa: S608 - the columns are constant
_READ = f"SELECT {EVENT_COLUMNS} FROM workflow_runtime_events WHERE tenant = $1 AND event_id = $2"  # noqa: S608 - constant
_READ_SAME = f"""
SELECT {EVENT_COLUMNS} FROM workflow_runtime_events
WHERE tenant = $1 AND event_id = $2 AND event_name = $3 AND correlation_key IS NOT DISTINCT FROM $4
  AND payload = $5::jsonb AND payload_schema_ref IS NOT DISTINCT FROM $6
"""  # noqa: S608 - the columns are constant
