"""Values to pick for an input field: what an integration finds for the person who fills it in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final
from uuid import UUID

import asyncpg
import attrs
import msgspec
from aiohttp import web

from workflow_catalog_server.answers import json_answer
from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_query
from workflow_catalog_server.catalog_routes import version_in
from workflow_catalog_server.problems import RequestError
from workflow_catalog_server.routing import Route
from workflow_catalog_server.services import SERVICES, Services
from workflow_core.actions import Action
from workflow_core.catalog import module_availability
from workflow_core.errors import (
    ActionError,
    IntegrationInactiveError,
    IntegrationNotConfiguredError,
    NotFoundError,
    ReconnectRequiredError,
    WorkflowError,
)
from workflow_core.execution.database_errors import CONNECTION_GONE
from workflow_core.execution.handler_tools import ConnectionSecrets, RedactingLog
from workflow_core.options import Option, OptionContext, OptionPage, OptionQuery, OptionSource, Picker, pickers_of
from workflow_core.redaction import Redactor
from workflow_core.schema import to_json

#: Seconds that a search may take: somebody waits for it.
SEARCH_LIMIT: Final = 10.0
#: Seconds that one of its statements may take.
STATEMENT_LIMIT: Final = 5.0

_TO_BE_CONNECTED: Final = (IntegrationInactiveError, IntegrationNotConfiguredError, ReconnectRequiredError)
_MAX_VALUES: Final = 200
_MAX_TEXT: Final = 1000
_Value = Annotated[str, msgspec.Meta(max_length=_MAX_TEXT)]
_Cursor = Annotated[str, msgspec.Meta(max_length=10_000)]


@attrs.frozen(kw_only=True)
class OptionsQuery:
    """Query of the options of a field, beside the field's dependencies, which are parameters under their own names."""

    q: Annotated[
        str, msgspec.Meta(max_length=_MAX_TEXT, description="Words that an option has to have, in any case.")
    ] = ""
    value: Annotated[
        tuple[_Value, ...],
        msgspec.Meta(
            max_length=_MAX_VALUES,
            description="Instead of a search: the options of these values, to show what a field has already.",
        ),
    ] = ()
    cursor: Annotated[_Cursor | None, msgspec.Meta(description="The nextCursor of the page before.")] = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200, description="How many options a page has at most.")] = 50


@attrs.frozen(kw_only=True)
class OptionAnswer:
    """One value that the field can have."""

    value: Annotated[str | int, msgspec.Meta(description="As the field takes it.")]
    label: Annotated[str, msgspec.Meta(description="What a person knows it by.")]
    description: Annotated[str | None, msgspec.Meta(description="What tells it from others of the same label.")]


@attrs.frozen(kw_only=True)
class OptionsAnswer:
    """A page of options."""

    options: Annotated[tuple[OptionAnswer, ...], msgspec.Meta(description="In the order in which to show them.")]
    nextCursor: Annotated[  # noqa: N815 - as in the JSON
        str | None, msgspec.Meta(description="What gives the next page; null: this is the last one.")
    ]


async def list_options(request: web.Request, principal: Principal) -> web.StreamResponse:
    """The values that a field of an action's input can have, as its integration finds them for this tenant."""
    services = request.app[SERVICES]
    action = await _action(request, principal, services)
    picker = pickers_of(action.input).get(request.match_info["field"])
    if picker is None:
        raise NotFoundError("The action has no such field, or nothing to pick for it; the catalog names those fields.")
    asked = read_query(request, OptionsQuery, also=picker.dependencies)
    query = OptionQuery(
        q=asked.q.strip(),
        values=asked.value or None,
        cursor=asked.cursor,
        limit=_MAX_VALUES if asked.value else asked.limit,
        dependencies=_dependencies(request, picker),
    )
    source = services.registry.options[picker.source]
    redactor = Redactor()
    page = await _search(source, query, _context(services, principal.tenant, source, redactor), redactor)
    answer = OptionsAnswer(
        options=tuple(
            OptionAnswer(value=option.value, label=option.label, description=option.description)
            for option in page.options
        ),
        nextCursor=page.next_cursor,
    )
    return json_answer(redactor.redact(to_json(answer)))


async def _action(request: web.Request, principal: Principal, services: Services) -> Action:
    """The action, if the tenant has it."""
    version = version_in(request)
    action = None if version is None else services.registry.actions.get((request.match_info["id"], version))
    module = None if action is None else services.registry.module_of(action.id)
    if action is None or module is None:
        raise NotFoundError("The tenant has no such action in this version.")
    availability = await services.availability.get(principal.tenant)
    if not module_availability(module, availability.answers).available:
        raise NotFoundError("The tenant has no such action in this version.")
    return action


def _dependencies(request: web.Request, picker: Picker) -> Mapping[str, str]:
    given = {name: request.query[name] for name in picker.dependencies if name in request.query}
    return {name: text[:_MAX_TEXT] for name, text in given.items() if text}


def _context(services: Services, tenant: UUID, source: OptionSource, redactor: Redactor) -> OptionContext:
    return OptionContext(
        tenant=tenant,
        log=RedactingLog("workflow.options", f"{source.id} tenant={tenant}", redactor),
        http=services.http,
        secrets=ConnectionSecrets(
            tenant,
            services.registry.connection_of(source.id),
            owner=source.id,
            redactor=redactor,
            secrets=services.secrets,
            database=services.database,
            tokens=services.tokens,
        ),
        transaction=partial(services.database.tenant, tenant, statement_timeout=STATEMENT_LIMIT, readonly=True),
    )


async def _search(source: OptionSource, query: OptionQuery, context: OptionContext, redactor: Redactor) -> OptionPage:
    """What the source finds.

    Raises:
        WorkflowError: It could not look; the code says why.
    """
    try:
        async with asyncio.timeout(SEARCH_LIMIT):
            return _checked(await source.search(query, context), query)
    except ActionError as error:  # what the other system, or its connection, says
        status = 409 if isinstance(error, _TO_BE_CONNECTED) else 502
        raise RequestError(status, error.code, redactor.redact_text(error.message)) from None
    except WorkflowError as error:
        error.message = redactor.redact_text(error.message)
        raise
    except (TimeoutError, asyncpg.QueryCanceledError):
        raise RequestError(504, "OPTIONS_TIMEOUT", "The options did not come in time; try again.") from None
    except (*CONNECTION_GONE, FileNotFoundError):
        raise
    except Exception as error:  # foreign code, whose words may quote what it was given
        context.log.warning("%s", type(error).__name__, exc_info=True)
        raise RequestError(
            502, "OPTIONS_FAILED", "The integration could not say what there is to pick; try again later."
        ) from None


def _checked(page: object, query: OptionQuery) -> OptionPage:
    """What a source gave, if it is a page; foreign code may give anything.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(page, OptionPage) or not all(isinstance(option, Option) for option in page.options):
        raise TypeError(f"the source gave {type(page).__name__}, not a page of options")
    if len(page.options) > query.limit:
        raise TypeError(f"the source gave {len(page.options)} options, where {query.limit} were asked for")
    return page


ROUTES: Final = (
    Route(
        "GET",
        "/api/workflow/registry/actions/{id}/{version}/options/{field}",
        Permission.READ,
        list_options,
        query=OptionsQuery,
        answer=OptionsAnswer,
    ),
)
