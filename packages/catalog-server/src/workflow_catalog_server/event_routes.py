"""Events: post one, which starts the workflows that wait for it; list them, and read what they started."""

# ruff: noqa: N815 - request fields are named as in the API

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID, uuid4

import attrs
import msgspec
import orjson
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body, read_query
from workflow_catalog_server.event_answers import EventList, EventWithPayload, PayloadWarning, PostedEvent, RunOfEvent
from workflow_catalog_server.event_history import list_events, read_event
from workflow_catalog_server.paging import TimeQuery
from workflow_catalog_server.problems import RequestError
from workflow_catalog_server.routing import Route, path_uuid
from workflow_catalog_server.services import SERVICES
from workflow_core.discovery import Registry
from workflow_core.errors import ValidationError
from workflow_core.execution.inbox import NewEvent
from workflow_core.schema import convert

MAX_PAYLOAD: Final = 256 * 1024

_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


@attrs.frozen(kw_only=True)
class PostEvent:
    """Body of ``POST /api/workflow/events``."""

    eventName: _Word
    payload: dict[str, Any]
    correlationKey: _Word | None = None
    payloadSchemaRef: _Word | None = None
    eventId: UUID | None = None


@attrs.frozen(kw_only=True)
class ListEvents(TimeQuery):
    """Query of ``GET /api/workflow/events``."""

    eventName: str | None = None
    correlationKey: str | None = None


async def post(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Stores an event, then starts every workflow that waits for it; the same ``eventId`` acts once.

    200 when all that it starts has been started or has failed for good; 202 when it is stored, and a dispatcher goes on
    with it.
    """
    services = request.app[SERVICES]
    body = await read_body(request, PostEvent)
    if len(orjson.dumps(body.payload)) > MAX_PAYLOAD:
        raise RequestError(413, "PAYLOAD_TOO_LARGE", f"An event's payload has at most {MAX_PAYLOAD // 1024} KiB.")
    accepted = await services.inbox.accept(
        principal.tenant,
        NewEvent(
            event_id=body.eventId or uuid4(),
            name=body.eventName,
            correlation_key=body.correlationKey,
            payload=body.payload,
            payload_schema_ref=body.payloadSchemaRef,
        ),
    )
    event = accepted.event
    runs = [RunOfEvent(workflowId=outcome.workflow_id, runId=outcome.run_id) for outcome in event.started]
    answer = PostedEvent.of(
        event,
        created=accepted.created,
        runId=runs[0].runId if runs else None,
        runs=runs,
        warnings=_warnings(services.registry, body),
    )
    return json_answer(answer, status=202 if event.processed_at is None else 200)


async def list_all(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Events without their payloads, newest first, in pages."""
    query = read_query(request, ListEvents)
    stretch = query.stretch()
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        events = await list_events(
            conn, principal.tenant, stretch, event_name=query.eventName, correlation_key=query.correlationKey
        )
    return json_answer(events)


async def read_one(request: web.Request, principal: Principal) -> web.StreamResponse:
    """One event with its payload and what it started."""
    event_id = path_uuid(request, "id")
    async with request.app[SERVICES].database.tenant(principal.tenant, readonly=True) as conn:
        return json_answer(await read_event(conn, principal.tenant, event_id))


def _warnings(registry: Registry, body: PostEvent) -> list[PayloadWarning]:
    """What is known of the payload's schema, and does not fit."""
    by_ref = {event.schema_ref: event for event in registry.events.values()}
    known = registry.events.get(body.eventName) if body.payloadSchemaRef is None else by_ref.get(body.payloadSchemaRef)
    if known is None:
        return []
    try:
        convert(known.payload, body.payload, unknown="ignore")
    except ValidationError as error:
        words = f"The payload does not fit {known.schema_ref}."
        return [PayloadWarning(code="PAYLOAD_SCHEMA_MISMATCH", message=words, errors=list(error.errors))]
    return []


_PREFIX: Final = "/api/workflow/events"

ROUTES: Final = (
    Route("POST", _PREFIX, Permission.RUN, post, body=PostEvent, answer=PostedEvent, also=(202,)),
    Route("GET", _PREFIX, Permission.READ, list_all, query=ListEvents, answer=EventList),
    Route("GET", f"{_PREFIX}/{{id}}", Permission.READ, read_one, answer=EventWithPayload),
)
