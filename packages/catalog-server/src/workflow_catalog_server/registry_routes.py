"""What definitions are made of: step types, events, and the schemas of what events bring. The same for every tenant."""

from __future__ import annotations

from typing import Annotated, Any, Final

import attrs
import msgspec
import orjson
from aiohttp import hdrs, web

from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_query
from workflow_catalog_server.catalog_routes import locale_of
from workflow_catalog_server.prepared import PreparedAnswer
from workflow_catalog_server.routing import Handler, Route
from workflow_catalog_server.services import SERVICES
from workflow_core.discovery import Registry
from workflow_core.errors import NotFoundError
from workflow_core.events import EventType
from workflow_core.language.clock import CLOCK_SCHEMA, ClockPayload
from workflow_core.language.step_types import step_types
from workflow_core.locales import Translations
from workflow_core.schema import json_schema

_HEADERS: Final = {hdrs.CACHE_CONTROL: "private, no-cache"}


@attrs.frozen(kw_only=True)
class EventsQuery:
    """Query of ``GET /api/workflow/registry/events``."""

    locale: Annotated[str | None, msgspec.Meta(description="A language, before those of Accept-Language.")] = None


def _nodes_handler(registry: Registry) -> Handler:
    answer = _prepared([step_type.as_json() for step_type in step_types()], registry)

    async def list_nodes(request: web.Request, _principal: Principal) -> web.StreamResponse:
        """The step types of the workflow language, with JSON Schemas of their configuration."""
        return answer.respond(request)

    return list_nodes


def _events_handler(registry: Registry) -> Handler:
    answers: dict[str, PreparedAnswer] = {}  # by locale: as many as there are translations

    async def list_events(request: web.Request, _principal: Principal) -> web.StreamResponse:
        """The declared events, with JSON Schemas of what they bring."""
        translations = request.app[SERVICES].catalog.translations
        locale = locale_of(request, read_query(request, EventsQuery).locale, translations)
        if locale not in answers:
            events = [_event_record(registry.events[name], translations, locale) for name in sorted(registry.events)]
            answers[locale] = _prepared(events, registry, language=locale)
        return answers[locale].respond(request)

    return list_events


def _schema_handler(registry: Registry) -> Handler:
    classes = {CLOCK_SCHEMA: ClockPayload, **{event.schema_ref: event.payload for event in registry.events.values()}}
    answers = {ref: _prepared(json_schema(payload), registry) for ref, payload in classes.items()}

    async def read_schema(request: web.Request, _principal: Principal) -> web.StreamResponse:
        """The JSON Schema under which definitions name what an event, or the clock, brings."""
        answer = answers.get(request.match_info["schemaRef"])
        if answer is None:
            raise NotFoundError("No installed integration declares this schema.")
        return answer.respond(request)

    return read_schema


def _event_record(event: EventType, translations: Translations, locale: str) -> dict[str, Any]:
    words = translations.event(locale, event.name) or event
    return {
        "name": event.name,
        "label": words.label,
        "description": words.description,
        "payloadSchemaRef": event.schema_ref,
        "payloadSchema": translations.event_schema(locale, event.name, json_schema(event.payload)),
    }


def _prepared(value: Any, registry: Registry, *, language: str | None = None) -> PreparedAnswer:
    headers = _HEADERS if language is None else {**_HEADERS, hdrs.CONTENT_LANGUAGE: language}
    return PreparedAnswer(orjson.dumps(value), "application/json", headers, salt=registry.manifest.fingerprint)


def registry_routes(registry: Registry) -> tuple[Route, ...]:
    """The routes of this module."""
    prefix = "/api/workflow/registry"
    return (
        Route("GET", f"{prefix}/nodes", Permission.READ, _nodes_handler(registry)),
        Route("GET", f"{prefix}/events", Permission.READ, _events_handler(registry), query=EventsQuery),
        Route("GET", f"{prefix}/schemas/{{schemaRef}}", Permission.READ, _schema_handler(registry)),
    )
