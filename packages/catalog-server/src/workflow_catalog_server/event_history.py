"""What is kept of events: lists by time, and single events with what they started."""

from __future__ import annotations

from uuid import UUID

from workflow_catalog_server.event_answers import EventAnswer, EventList, EventWithPayload
from workflow_catalog_server.paging import Stretch, page_by_time
from workflow_core.errors import NotFoundError
from workflow_core.execution.inbox import EVENT_COLUMNS, Event
from workflow_core.storage.database import Connection


async def list_events(
    conn: Connection, tenant: UUID, stretch: Stretch, *, event_name: str | None, correlation_key: str | None
) -> EventList:
    """One page of events, newest first."""
    page, following = await page_by_time(
        conn,
        tenant,
        stretch,
        table="workflow_runtime_events",
        record_id="event_id",
        columns=EVENT_COLUMNS.replace("payload,", "NULL::jsonb AS payload,"),
        equal={"event_name": event_name, "correlation_key": correlation_key},
    )
    return EventList(events=[EventAnswer.of(Event.of(row)) for row in page], nextCursor=following)


async def read_event(conn: Connection, tenant: UUID, event_id: UUID) -> EventWithPayload:
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
    return EventWithPayload.of(event, payload=event.payload)
