"""What is kept of events: lists by time, and single events with what they started."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from workflow_catalog_server.paging import Cursor
from workflow_core.errors import NotFoundError
from workflow_core.execution.inbox import EVENT_COLUMNS, Event, Outcome, OutcomeStatus
from workflow_core.storage.database import Connection


async def list_events(
    conn: Connection,
    tenant: UUID,
    *,
    limit: int,
    after: Cursor | None = None,
    event_name: str | None = None,
    correlation_key: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[list[dict[str, Any]], Cursor | None]:
    """One page of events without their payloads, newest first, and where the next one begins."""
    rows = await conn.fetch(
        f"SELECT {EVENT_COLUMNS.replace('payload,', 'NULL::jsonb AS payload,')} FROM workflow_runtime_events "  # noqa: S608 - constant
        "WHERE tenant = $1 AND ($3::text IS NULL OR event_name = $3) "
        "AND ($4::text IS NULL OR correlation_key = $4) "
        "AND ($5::timestamptz IS NULL OR created_at >= $5) AND ($6::timestamptz IS NULL OR created_at < $6) "
        "AND ($7::timestamptz IS NULL OR created_at <= $7 AND (created_at < $7 OR event_id > $8::uuid)) "
        "ORDER BY created_at DESC, event_id LIMIT $2",
        tenant,
        limit + 1,
        event_name,
        correlation_key,
        since,
        until,
        None if after is None else after.at,
        None if after is None else after.id,
    )
    page = [Event.of(row) for row in rows[:limit]]
    following = Cursor(page[-1].created_at, page[-1].event_id) if len(rows) > limit else None
    return [event_summary(event) for event in page], following


async def read_event(conn: Connection, tenant: UUID, event_id: UUID) -> dict[str, Any]:
    """One event with its payload.

    Raises:
        NotFoundError: The tenant has no such event.
    """
    row = await conn.fetchrow(
        f"SELECT {EVENT_COLUMNS} FROM workflow_runtime_events WHERE tenant = $1 AND event_id = $2",  # noqa: S608 - constant
        tenant,
        event_id,
    )
    if row is None:
        raise NotFoundError("There is no such event.")
    event = Event.of(row)
    return {**event_summary(event), "payload": event.payload}


def event_summary(event: Event) -> dict[str, Any]:
    """An event without its payload."""
    return {
        "eventId": event.event_id,
        "eventName": event.event_name,
        "correlationKey": event.correlation_key,
        "payloadSchemaRef": event.payload_schema_ref,
        "sourceRunId": event.source_run_id,
        "status": "PENDING" if event.processed_at is None else "PROCESSED",
        "outcomes": [outcome_record(outcome) for outcome in event.outcomes or ()],
        "createdAt": event.created_at,
        "processedAt": event.processed_at,
    }


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """What an event did with one workflow: a run, an error, or nothing yet."""
    record = outcome.as_json()
    if outcome.status is OutcomeStatus.STARTED:
        del record["error"]
    else:
        del record["runId"]  # nobody finds a run under it, or not yet
    if outcome.status is OutcomeStatus.PENDING:
        del record["error"]
    return record
