"""What the designer can offer: modules, actions with their contracts, icons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import attrs
import msgspec
from aiohttp import hdrs, web
from multidict import istr

from workflow_catalog_server.auth import Permission, Principal
from workflow_catalog_server.bodies import read_query
from workflow_catalog_server.negotiation import accepted_languages
from workflow_catalog_server.prepared import PreparedAnswer
from workflow_catalog_server.routing import PublicHandler, PublicRoute, Route
from workflow_catalog_server.services import SERVICES
from workflow_core.discovery import Registry
from workflow_core.errors import NotFoundError
from workflow_core.locales import DEFAULT_LOCALE, Translations

_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_ICON_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "public, no-cache",
    istr("Content-Security-Policy"): "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    istr("X-Content-Type-Options"): "nosniff",
}


@attrs.frozen(kw_only=True)
class CatalogQuery:
    """Query of the catalog's routes."""

    include: Annotated[
        Literal["unavailable"] | None, msgspec.Meta(description="Also what the tenant does not have, with why.")
    ] = None
    locale: Annotated[str | None, msgspec.Meta(description="A language, before those of Accept-Language.")] = None


_NOTHING_ASKED: Final = CatalogQuery()


def _asked(request: web.Request) -> CatalogQuery:
    # Taking the query apart costs more than the rest of the handler.
    return read_query(request, CatalogQuery) if "?" in request.raw_path else _NOTHING_ASKED


def locale_of(request: web.Request, asked: str | None, translations: Translations) -> str:
    """``?locale=`` before ``Accept-Language`` before the default."""
    if asked is not None:
        return translations.choose((asked,))
    header = request.headers.get(hdrs.ACCEPT_LANGUAGE)
    return DEFAULT_LOCALE if header is None else translations.choose(accepted_languages(header))


def version_in(request: web.Request) -> int | None:
    """The version in a path; None: there can be none."""
    text = request.match_info["version"]
    return int(text) if _VERSION.fullmatch(text) else None


async def designer_catalog(request: web.Request, principal: Principal) -> web.StreamResponse:
    """The designer's palette: an array of modules with their actions."""
    services, query = request.app[SERVICES], _asked(request)
    availability = await services.availability.get(principal.tenant)
    locale = locale_of(request, query.locale, services.catalog.translations)
    answer = services.catalog.modules(availability, locale, include_unavailable=query.include is not None)
    return answer.respond(request)


async def list_actions(request: web.Request, principal: Principal) -> web.StreamResponse:
    """All actions of the tenant's modules, with JSON Schemas."""
    services, query = request.app[SERVICES], _asked(request)
    availability = await services.availability.get(principal.tenant)
    locale = locale_of(request, query.locale, services.catalog.translations)
    answer = services.catalog.actions(availability, locale, include_unavailable=query.include is not None)
    return answer.respond(request)


async def read_action(request: web.Request, principal: Principal) -> web.StreamResponse:
    """One action, with JSON Schemas."""
    services, query = request.app[SERVICES], _asked(request)
    version = version_in(request)
    availability = await services.availability.get(principal.tenant)
    answer = None
    if version is not None:
        locale = locale_of(request, query.locale, services.catalog.translations)
        answer = services.catalog.action(
            request.match_info["id"], version, availability, locale, include_unavailable=query.include is not None
        )
    if answer is None:
        raise NotFoundError("The tenant has no such action in this version.")
    return answer.respond(request)


def _icon_handler(registry: Registry) -> PublicHandler:
    icons: Mapping[str, PreparedAnswer] = {
        module.icon.token: PreparedAnswer(module.icon.svg.encode(), "image/svg+xml; charset=utf-8", _ICON_HEADERS)
        for module in registry.modules.values()
        if module.icon is not None
    }

    async def read_icon(request: web.Request) -> web.StreamResponse:
        """The icon of a module."""
        answer = icons.get(request.match_info["token"])
        if answer is None:
            raise NotFoundError("No installed module has this icon.")
        return answer.respond(request)

    return read_icon


def catalog_routes(registry: Registry) -> tuple[Route | PublicRoute, ...]:
    """The routes of this module."""
    prefix = "/api/workflow/registry"
    return (
        Route("GET", f"{prefix}/designer-catalog", Permission.READ, designer_catalog, query=CatalogQuery),
        Route("GET", f"{prefix}/actions", Permission.READ, list_actions, query=CatalogQuery),
        Route("GET", f"{prefix}/actions/{{id}}/{{version}}", Permission.READ, read_action, query=CatalogQuery),
        PublicRoute("GET", f"{prefix}/icons/{{token}}.svg", _icon_handler(registry), "image/svg+xml"),
    )
