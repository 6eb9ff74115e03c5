"""What the routes are given: everything that a request may need, made once per process and passed in."""

from __future__ import annotations

from typing import Final

import aiohttp
import attrs
from aiohttp import web
from temporalio.client import Client

from workflow_catalog_server.auth import Authenticator
from workflow_catalog_server.availability_cache import AvailabilityCache
from workflow_catalog_server.designer_catalog import DesignerCatalog
from workflow_catalog_server.health import Health
from workflow_catalog_server.run_feeds import RunFeeds
from workflow_catalog_server.session_auth import DevelopmentUser
from workflow_core.discovery import Registry
from workflow_core.execution.inbox import Inbox
from workflow_core.integrations.connecting import Connector
from workflow_core.integrations.tokens import ConnectionTokens
from workflow_core.integrations.webhook_routes import Arrivals
from workflow_core.secrets import TenantSecrets
from workflow_core.storage.database import Database


@attrs.frozen(kw_only=True, eq=False)
class Services:
    """The process's parts, under :data:`SERVICES` in the application; the last ones follow from the others.

    Attributes:
        tenant_runs: How many runs of a tenant may be busy at once; None: as many as there are.
    """

    database: Database
    temporal: Client
    registry: Registry
    authenticator: Authenticator
    availability: AvailabilityCache
    catalog: DesignerCatalog
    secrets: TenantSecrets
    health: Health
    http: aiohttp.ClientSession
    public_url: str | None = None
    tenant_runs: int | None = None
    development_users: tuple[DevelopmentUser, ...] = ()
    inbox: Inbox = attrs.field(
        init=False,
        default=attrs.Factory(
            lambda self: Inbox(self.database, self.temporal, self.registry, tenant_runs=self.tenant_runs),
            takes_self=True,
        ),
    )
    tokens: ConnectionTokens = attrs.field(
        init=False,
        default=attrs.Factory(lambda self: ConnectionTokens(self.database, self.secrets, self.http), takes_self=True),
    )
    connector: Connector = attrs.field(
        init=False,
        default=attrs.Factory(
            lambda self: Connector(
                database=self.database,
                registry=self.registry,
                secrets=self.secrets,
                tokens=self.tokens,
                http=self.http,
                public_url=self.public_url,
            ),
            takes_self=True,
        ),
    )
    arrivals: Arrivals = attrs.field(
        init=False,
        default=attrs.Factory(lambda self: Arrivals(self.database, self.registry.receivers), takes_self=True),
    )
    feeds: RunFeeds = attrs.field(default=attrs.Factory(lambda self: RunFeeds(self.database), takes_self=True))


SERVICES: Final = web.AppKey("services", Services)
