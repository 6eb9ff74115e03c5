"""A server over a small integration, on a real database, and a client that speaks to it as tenant A or B."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, ClassVar
from uuid import UUID

import aiohttp
import attrs
import jwt
import msgspec
import pytest
import pytest_asyncio
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from temporalio.client import Client

from workflow_catalog_server.app import create_app
from workflow_catalog_server.auth import Authenticator, JwtKey, Permission
from workflow_catalog_server.availability_cache import AvailabilityCache
from workflow_catalog_server.designer_catalog import DesignerCatalog
from workflow_catalog_server.health import Health
from workflow_catalog_server.services import Services
from workflow_core.actions import Action, ActionContext, Effect, Example
from workflow_core.availability import AVAILABLE, Availability, AvailabilityResolver
from workflow_core.discovery import DiscoveryReport, Loaded, Registry, registry_of
from workflow_core.locales import LocaleFile, Translations, Words
from workflow_core.modules import Icon, Module
from workflow_core.schema import AtLeastOne
from workflow_core.secrets import KeyEncryptionKey, TenantSecrets
from workflow_core.storage.database import Connection, Database
from workflow_core.storage.migrations import CORE_SOURCE, MigrationSource
from workflow_core.temporal import data_converter
from workflow_core.testing.postgres import Tenants

KEY = b"k" * 32
GERMAN = Translations(
    {
        "de": (
            LocaleFile(
                modules={"ticket": Words(label="Vorgang", description="Vorgänge.")},
                actions={"tickets.create": Words(label="Vorgang anlegen", description="Legt einen Vorgang an.")},
                schemas={"CreateTicket": {"title": Words(label="Betreff", description="Worum es geht.")}},
            ),
        )
    }
)
USER = UUID("11111111-1111-4111-8111-111111111111")
ACME_SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"/></svg>'


# ── The integration ──────────────────────────────────────────────────────────────────────────────────────────────


@attrs.frozen
class CreateTicket:
    title: Annotated[str, msgspec.Meta(min_length=1)]
    client_id: UUID
    description: str = ""


@attrs.frozen
class CreatedTicket:
    ticket_id: UUID


@attrs.frozen
class FindBackup:
    __rules__: ClassVar = (AtLeastOne("job_id", "name"),)

    job_id: int | None = None
    name: str | None = None


@attrs.frozen
class FoundBackup:
    healthy: bool


async def _unused(_given: Any, _ctx: ActionContext) -> Any:
    raise NotImplementedError  # declared only: a test that came to call it should fail


async def acme_connected(conn: Connection, tenant: UUID) -> Availability:
    """The row of the tenant, and nothing else."""
    active = await conn.fetchval(
        "SELECT is_active FROM rmm_integrations WHERE tenant = $1 AND provider = 'acme'", tenant
    )
    return AVAILABLE if active else Availability(available=False, reason="Connect Acme under Connections.")


def make_registry(resolve: Callable[[Connection, UUID], Awaitable[Availability]] = acme_connected) -> Registry:
    """Tickets, which every tenant has, and Acme, which has to be connected."""
    return registry_of(
        "workflow-acme",
        "1.2.3",
        modules=[
            Module(
                group_key="app:acme",
                label="Acme",
                description="Acme backup jobs.",
                tile_kind="app",
                icon=Icon("acme", ACME_SVG),
                default_action_id="acme.backups.find",
                allowed_action_ids=("acme.backups.find", "acme.backups.start"),
                availability_key="acme",
            ),
            Module(
                group_key="ticket",
                label="Ticket",
                description="Tickets.",
                tile_kind="core-object",
                default_action_id="tickets.create",
                allowed_action_ids=("tickets.create",),
            ),
        ],
        actions=[
            Action(
                id="tickets.create",
                label="Create ticket",
                description="Opens a ticket.",
                input=CreateTicket,
                output=CreatedTicket,
                effect=Effect.LOCAL,
                io="database",
                handler=_unused,
                examples=(Example("A ticket", {"title": "Disk full"}, {"ticket_id": str(USER)}),),
            ),
            Action(
                id="acme.backups.start",
                label="Start backup",
                description="Starts a backup job.",
                input=FindBackup,
                output=FoundBackup,
                effect=Effect.ONCE,
                io="external",
                handler=_unused,
                permission="backup:start",
            ),
            Action(
                id="acme.backups.find",
                label="Find backup",
                description="Finds a backup job.",
                input=FindBackup,
                output=FoundBackup,
                effect=Effect.READ,
                io="external",
                handler=_unused,
            ),
        ],
        resolvers=[AvailabilityResolver("acme", resolve)],
    )


# ── The server ───────────────────────────────────────────────────────────────────────────────────────────────────


def make_token(tenant: UUID, *permissions: str, key: Any = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    """A bearer token; ``claims`` replace or add, and those that are None are left out."""
    standard = {
        "tenant": str(tenant),
        "sub": str(USER),
        "permissions": list(permissions or Permission),
        "exp": int(time.time()) + 600,
    }
    content = {name: value for name, value in {**standard, **claims}.items() if value is not None}
    return jwt.encode(content, key, algorithm)


@attrs.frozen
class Caller:
    """Sends requests as one tenant.

    Attributes:
        client: Speaks to the server.
        token: What it authenticates with; None: not at all.
    """

    client: TestClient[Any, Any]
    token: str | None

    async def __call__(self, method: str, path: str, **options: Any) -> ClientResponse:
        headers = {"Accept-Encoding": "identity", **options.pop("headers", {})}
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return await self.client.request(method, path, headers=headers, **options)

    def with_token(self, token: str | None) -> Caller:
        """The same with another token."""
        return attrs.evolve(self, token=token)

    @asynccontextmanager
    async def at(self, client: TestClient[Any, Any]) -> AsyncIterator[Caller]:
        """The same, speaking to another server, which is stopped afterwards."""
        async with client:
            yield attrs.evolve(self, client=client)


@attrs.frozen
class Running:
    """A running server with its parts."""

    services: Services
    client: TestClient[Any, Any]
    tenants: Tenants

    @property
    def a(self) -> Caller:
        """Tenant A with all permissions."""
        return Caller(self.client, make_token(self.tenants.a))

    @property
    def b(self) -> Caller:
        """Tenant B with all permissions."""
        return Caller(self.client, make_token(self.tenants.b))


def make_services(
    db: Database, temporal: Client, registry: Registry, *, report: DiscoveryReport | None = None, **overrides: Any
) -> Services:
    """The services of a server process, over this registry."""
    report = report or DiscoveryReport(loaded=(Loaded("workflow-acme", "1.2.3"),))
    parts: dict[str, Any] = {
        "database": db,
        "temporal": temporal,
        "registry": registry,
        "authenticator": Authenticator(JwtKey.parse(KEY)),
        "availability": AvailabilityCache.for_registry(db, registry),
        "catalog": DesignerCatalog(registry, GERMAN),
        "secrets": TenantSecrets(KeyEncryptionKey(b"s" * 32)),
        "health": Health(
            db,
            temporal,
            registry.manifest,
            report,
            frozenset({"workflow-acme"}),
            migration_sources=(CORE_SOURCE,),
        ),
        "http": aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()),
        "public_url": "https://workflows.test",
    }
    return Services(**{**parts, **overrides})


@asynccontextmanager
async def serving(services: Services, tenants: Tenants) -> AsyncIterator[Running]:
    """The server on a free port."""
    async with services.http, TestClient(TestServer(create_app(services)), auto_decompress=False) as client:
        yield Running(services, client, tenants)


@pytest.fixture
def migration_sources() -> tuple[MigrationSource, ...]:
    """The server is tested without the distributions that build on core."""
    return (CORE_SOURCE,)


@pytest_asyncio.fixture(loop_scope="session")
async def no_temporal() -> Client:
    """A client of a Temporal server that does not answer."""
    return await Client.connect("127.0.0.1:1", data_converter=data_converter, lazy=True)


@pytest.fixture
def registry() -> Registry:
    """See :func:`make_registry`."""
    return make_registry()


@pytest_asyncio.fixture(loop_scope="session")
async def server(db: Database, no_temporal: Client, registry: Registry, tenants: Tenants) -> AsyncIterator[Running]:
    """The server, while Temporal is down."""
    async with serving(make_services(db, no_temporal, registry), tenants) as running:
        yield running


@pytest.fixture
def connect_acme(db: Database) -> Callable[..., Awaitable[None]]:
    """Connects or disconnects Acme for a tenant."""

    async def connect(tenant: UUID, *, active: bool = True) -> None:
        async with db.tenant(tenant) as conn:
            await conn.execute(
                "INSERT INTO rmm_integrations (tenant, provider, is_active, connected_at) "
                "VALUES ($1, 'acme', $2, now()) "
                "ON CONFLICT (tenant, provider) DO UPDATE SET is_active = EXCLUDED.is_active",
                tenant,
                active,
            )

    return connect


@pytest.fixture
def definition() -> dict[str, Any]:
    """A definition without errors, over the generic modules only."""
    return {
        "name": "Open a ticket",
        "steps": [
            {
                "id": "create",
                "type": "action.call",
                "config": {
                    "actionId": "tickets.create",
                    "version": 1,
                    "inputMapping": {
                        "title": {"$expr": "payload.title"},
                        "client_id": "22222222-2222-4222-8222-222222222222",
                    },
                    "saveAs": "ticket",
                },
            },
            {"id": "done", "type": "control.return"},
        ],
    }


@pytest_asyncio.fixture(loop_scope="session")
async def worker(db: Database, registry: Registry) -> None:
    """A live worker that can run what the server shows."""
    await register_worker(db, registry)


async def register_worker(
    db: Database, registry: Registry, *, identity: str = "worker@test", age: int = 0, **manifest: Any
) -> None:
    """Writes a worker's row; ``manifest`` replaces parts of its manifest."""
    async with db.untenanted() as conn:
        await conn.execute(
            "INSERT INTO workflow_workers (worker_id, identity, fingerprint, manifest, report, heartbeat_at) "
            "VALUES (gen_random_uuid(), $1, $2, $3, '{}', now() - make_interval(secs => $4))",
            identity,
            registry.manifest.fingerprint if not manifest else "other",
            {**registry.manifest.as_json(), **manifest},
            age,
        )


async def assert_problem(response: ClientResponse, status: int, code: str) -> dict[str, Any]:
    """The answer is a problem document with this status and code; gives it."""
    document: dict[str, Any] = await response.json(content_type="application/problem+json")
    assert (response.status, document["status"], document["code"]) == (status, status, code)
    assert document["error"] == document["title"]
    assert document["detail"]
    assert "Traceback" not in str(document)
    return document


# ── What tests call ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(name="make_token")
def make_token_fixture() -> Any:
    """See :func:`make_token`."""
    return make_token


@pytest.fixture(name="assert_problem")
def assert_problem_fixture() -> Any:
    """See :func:`assert_problem`."""
    return assert_problem


@pytest.fixture(name="register_worker")
def register_worker_fixture(db: Database, registry: Registry) -> Any:
    """See :func:`register_worker`."""
    return partial(register_worker, db, registry)


@pytest.fixture
def serve(db: Database, no_temporal: Client, registry: Registry, tenants: Tenants) -> Any:
    """A server with other parts: ``async with serve(temporal=…, resolve=…, …) as running``."""

    @asynccontextmanager
    async def start(
        *, temporal: Client | None = None, registry: Registry = registry, **parts: Any
    ) -> AsyncIterator[Running]:
        async with serving(make_services(db, temporal or no_temporal, registry, **parts), tenants) as running:
            yield running

    return start


@pytest.fixture(name="until")
def until_fixture() -> Any:
    """Waits for a condition, which may be awaitable, for ten seconds at most."""

    async def until(condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while True:
                value = condition()
                if await value if inspect.isawaitable(value) else value:
                    return
                await asyncio.sleep(0.01)  # what it waits for happens elsewhere

    return until
