"""The life of the process: open, discover, serve, drain, close."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from aiohttp import web
from temporalio.client import Client

from workflow_catalog_server.app import create_app
from workflow_catalog_server.auth import Authenticator
from workflow_catalog_server.availability_cache import AvailabilityCache
from workflow_catalog_server.designer_catalog import DesignerCatalog
from workflow_catalog_server.health import Health
from workflow_catalog_server.request_log import RequestLog
from workflow_catalog_server.services import Services
from workflow_catalog_server.settings import Settings
from workflow_core.discovery import discover, require
from workflow_core.errors import ConfigurationError
from workflow_core.locales import load_translations
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Database
from workflow_core.storage.migrations import CORE_DISTRIBUTION, pending_migrations
from workflow_core.temporal import data_converter

_log = logging.getLogger(__name__)

#: Seconds that requests in flight get to finish.
DRAIN_SECONDS: Final = 20.0


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Opens everything that the application needs.

    Temporal may be down: the client connects when it is first needed, and ``/health/ready`` says so until then.

    Raises:
        ConfigurationError: The database, its role, its migrations or a required distribution is not as it must be.
    """
    async with (
        Database.open(settings.database_url, application_name="workflow-catalog-server") as database,
        aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=60, connect=10), cookie_jar=aiohttp.DummyCookieJar()
        ) as http,
    ):
        pending = await pending_migrations(database)
        if CORE_DISTRIBUTION in pending:
            names = ", ".join(pending[CORE_DISTRIBUTION])
            raise ConfigurationError(f"The database is not migrated ({names}): run `workflow-modules migrate`.")
        discovery = discover(required=settings.required_distributions, pending=pending)
        require(discovery.report, required=settings.required_distributions, strict=settings.strict)
        registry = discovery.registry
        temporal = await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=data_converter,
            lazy=True,
        )
        yield Services(
            database=database,
            temporal=temporal,
            registry=registry,
            authenticator=Authenticator(settings.jwt_key, issuer=settings.jwt_issuer, audience=settings.jwt_audience),
            availability=AvailabilityCache.for_registry(database, registry),
            catalog=DesignerCatalog(registry, load_translations(registry.distributions)),
            secrets=TenantSecrets(settings.secrets_key),
            health=Health(
                database,
                temporal,
                registry.manifest,
                discovery.report,
                settings.required_distributions,
                tenant_runs=settings.tenant_runs,
            ),
            tenant_runs=settings.tenant_runs,
            http=http,
            public_url=settings.public_url,
            development_users=settings.development_users,
        )


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then lets requests in flight finish.

    Raises:
        ConfigurationError: The process cannot start as configured.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_services(settings) as services:
        log = RequestLog(sys.stderr.write)
        runner = web.AppRunner(
            create_app(services),
            access_log_class=log.logger_class(),
            shutdown_timeout=DRAIN_SECONDS,
            handle_signals=False,
        )
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(log.flush)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            await _listen(runner, settings)
            for address in runner.addresses:
                _log.info("serving on http://%s:%s", *address[:2])
            gc.collect()
            gc.freeze()  # what lives as long as the process need not be looked through again and again
            await stop.wait()
            _log.info("stopping: requests in flight have %.0f s to finish", DRAIN_SECONDS)


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    try:
        await web.TCPSite(runner, settings.http_host, settings.http_port).start()
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {settings.http_host}:{settings.http_port}: {error.strerror or error}. "
            "Set WORKFLOW_HTTP_HOST or WORKFLOW_HTTP_PORT to what is free."
        ) from error
