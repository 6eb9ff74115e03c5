"""Puts the application together from parts that are given to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from workflow_catalog_server import (
    bundle_routes,
    definition_routes,
    effect_routes,
    event_routes,
    expression_routes,
    health_routes,
    integration_routes,
    job_routes,
    mapping_routes,
    option_routes,
    publish_routes,
    resume_routes,
    run_routes,
    run_stream_routes,
    secret_routes,
    session_routes,
    simulation_routes,
    task_routes,
    trial_routes,
    trigger_routes,
    webhook_routes,
)
from workflow_catalog_server.api_key_auth import ApiKeyAuthenticator
from workflow_catalog_server.bodies import MAX_BODY
from workflow_catalog_server.catalog_routes import catalog_routes
from workflow_catalog_server.designer_routes import designer_routes
from workflow_catalog_server.openapi import PATH as OPENAPI_PATH
from workflow_catalog_server.openapi import openapi_document, openapi_handler
from workflow_catalog_server.registry_routes import registry_routes
from workflow_catalog_server.routing import PublicRoute, Route, add_routes
from workflow_catalog_server.services import SERVICES, Services
from workflow_core.discovery import Registry


def create_app(services: Services) -> web.Application:
    """The application.

    It starts and stops what listens and waits in the services; the database and the Temporal client stay their owner's.
    """
    app = web.Application(client_max_size=MAX_BODY)
    app[SERVICES] = services
    api_keys = ApiKeyAuthenticator(services.database)
    add_routes(app, all_routes(services.registry), services.authenticator, api_keys)
    app.cleanup_ctx.append(_listening)
    app.on_shutdown.append(_end_streams)
    return app


def all_routes(registry: Registry) -> tuple[Route | PublicRoute, ...]:
    """Every route of the server, and the one that describes them."""
    routes = (
        *health_routes.ROUTES,
        *designer_routes(),
        *session_routes.ROUTES,
        *catalog_routes(registry),
        *registry_routes(registry),
        *option_routes.ROUTES,
        *bundle_routes.ROUTES,
        *publish_routes.ROUTES,
        *trigger_routes.ROUTES,
        *definition_routes.ROUTES,
        *event_routes.ROUTES,
        *expression_routes.ROUTES,
        *effect_routes.ROUTES,
        *job_routes.ROUTES,
        *run_routes.ROUTES,
        *run_stream_routes.ROUTES,
        *resume_routes.ROUTES,
        *secret_routes.ROUTES,
        *integration_routes.ROUTES,
        *mapping_routes.ROUTES,
        *webhook_routes.ROUTES,
        *task_routes.ROUTES,
        *trial_routes.ROUTES,
        *simulation_routes.ROUTES,
    )
    return (*routes, PublicRoute("GET", OPENAPI_PATH, openapi_handler(openapi_document(routes))))


async def _listening(app: web.Application) -> AsyncIterator[None]:
    services = app[SERVICES]
    await services.availability.start()
    yield
    await services.availability.close()
    await services.arrivals.close()
    await services.tokens.close()
    await services.health.close()


async def _end_streams(app: web.Application) -> None:
    """Requests in flight get time to finish; streams would not."""
    app[SERVICES].feeds.close()
