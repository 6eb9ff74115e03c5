"""What records over there are here: listed, read anew, and said."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_body, read_query
from workflow_catalog_server.integration_answers import (
    MappedTo,
    MappingAnswer,
    MappingList,
    MappingQuery,
    PutMappings,
    PutMappingsAnswer,
    Refreshed,
    TargetList,
    TargetQuery,
)
from workflow_catalog_server.paging import encode_cursor
from workflow_catalog_server.routing import Route
from workflow_catalog_server.services import SERVICES
from workflow_core.errors import ConflictError, ReconnectRequiredError
from workflow_core.integrations import mapping
from workflow_core.integrations.connecting import refused_as_wrong
from workflow_core.integrations.stored import read_connection


async def list_mappings(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Records over there, by name, with what they are here; those that were read last, or that a sync has met."""
    services, query = request.app[SERVICES], read_query(request, MappingQuery)
    connection = services.connector.connection(request.match_info["provider"])
    kind = mapping.kind_of(connection, request.match_info["kind"])
    after = query.after(lambda position, external_id: (position, external_id))
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        stored = await read_connection(conn, principal.tenant, connection.provider)
        if stored is None:
            return json_answer(MappingList(mappings=[], total=0, refreshedAt=None, nextCursor=None))
        page = await mapping.list_mapped(
            conn,
            principal.tenant,
            stored.integration_id,
            q=query.q,
            state=query.state,
            limit=query.limit,
            after=after,
        )
    last = page.records[-1] if page.more else None
    return json_answer(
        MappingList(
            mappings=[_answer(record) for record in page.records],
            total=page.total,
            refreshedAt=mapping.read_at(stored, kind),
            nextCursor=None if last is None else encode_cursor(last.position, last.external_id),
        )
    )


async def list_targets(request: web.Request, principal: Principal) -> web.StreamResponse:
    """What records over there can be here, by name; so many of them as are asked for."""
    services, query = request.app[SERVICES], read_query(request, TargetQuery)
    mapping.kind_of(services.connector.connection(request.match_info["provider"]), request.match_info["kind"])
    async with services.database.tenant(principal.tenant, readonly=True) as conn:
        found = await mapping.find_targets(conn, principal.tenant, q=query.q, limit=query.limit)
    return json_answer(TargetList(targets=[MappedTo(id=target.id, name=target.name) for target in found]))


async def refresh_mappings(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Reads all records from over there; what is mapped stays."""
    connector = request.app[SERVICES].connector
    provider, kind = request.match_info["provider"], request.match_info["kind"]
    try:
        with refused_as_wrong():
            total = await mapping.refresh(connector, principal.tenant, provider, kind)
    except ReconnectRequiredError as error:
        raise ConflictError(error.message, code=error.code) from None
    return json_answer(Refreshed(total=total))


async def put_mappings(request: web.Request, principal: Principal) -> web.StreamResponse:
    """Says what records over there are: clients that exist, new ones, or nothing."""
    services, body = request.app[SERVICES], await read_body(request, PutMappings)
    connection = services.connector.connection(request.match_info["provider"])
    mapping.kind_of(connection, request.match_info["kind"])
    wanted = [mapping.Wanted(external_id=entry.externalId, to=entry.id, create=entry.create) for entry in body.mappings]
    async with services.database.tenant(principal.tenant) as conn:
        stored = await read_connection(conn, principal.tenant, connection.provider)
        if stored is None:
            raise ConflictError(f"{connection.label} was never connected: connect it first.", code="NOT_CONNECTED")
        records = await mapping.put_mapped(conn, principal.tenant, principal.user, stored, wanted)
    return json_answer(PutMappingsAnswer(mappings=[_answer(record) for record in records]))


def _answer(record: mapping.Mapped) -> MappingAnswer:
    return MappingAnswer(
        externalId=record.external_id,
        name=record.name,
        mappedTo=_to(record.to),
        suggestion=_to(record.suggestion),
    )


def _to(target: mapping.MappedTo | None) -> MappedTo | None:
    return None if target is None else MappedTo(id=target.id, name=target.name)


_PATH: Final = "/api/integrations/{provider}/mappings/{kind}"

ROUTES: Final = (
    Route("GET", _PATH, Permission.ADMIN, list_mappings, query=MappingQuery, answer=MappingList),
    Route("GET", f"{_PATH}/targets", Permission.ADMIN, list_targets, query=TargetQuery, answer=TargetList),
    Route("PUT", _PATH, Permission.ADMIN, put_mappings, body=PutMappings, answer=PutMappingsAnswer),
    Route("POST", f"{_PATH}/refresh", Permission.ADMIN, refresh_mappings, answer=Refreshed),
)
