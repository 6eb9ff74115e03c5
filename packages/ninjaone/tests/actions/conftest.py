"""A tenant that is connected to the simulator, and its actions as the executor calls them."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import attrs
import pytest

from workflow_core.actions import ActionContext, SentEffect
from workflow_core.connections import ConnectionContext
from workflow_core.errors import IntegrationNotConfiguredError
from workflow_core.events import store_event
from workflow_core.jobs import JobContext
from workflow_core.options import OptionContext, OptionQuery
from workflow_core.records import rmm
from workflow_core.schema import convert, to_json
from workflow_core.storage.database import Database
from workflow_core.storage.migrations import CORE_SOURCE, MigrationSource
from workflow_core.webhooks import WebhookContext
from workflow_ninjaone.client import ApiApplication, TokenEndpoint
from workflow_ninjaone.plugin import NinjaOnePlugin
from workflow_ninjaone.webhook import receive

PROVIDER = "ninjaone"


@pytest.fixture
def migration_sources() -> tuple[MigrationSource, ...]:
    """This distribution has no tables of its own."""
    return (CORE_SOURCE,)


@attrs.define
class Secrets:
    """The connection's secrets, and what was asked to be hidden."""

    simulator: object
    values: dict[str, str] = attrs.Factory(lambda: {"client_id": "full-client", "client_secret": "full-secret"})
    hidden: list[str] = attrs.Factory(list)
    kept: tuple[dict[str, str], str] | None = None

    async def require(self, *names: str) -> dict[str, str]:
        missing = [name for name in names if name not in self.values]
        if missing:
            raise IntegrationNotConfiguredError(f"missing: {missing}", details={"missing": missing})
        return {name: self.values[name] for name in names}

    async def token(self, *, refused: str | None = None) -> str:
        """As the platform does: kept, and renewed when it was refused."""
        credentials = await self.require("client_id", "client_secret")
        if self.kept is None or self.kept[0] != credentials or self.kept[1] == refused:
            endpoint = TokenEndpoint(
                self.simulator.session, base_url=self.simulator.url, application=ApiApplication(*credentials.values())
            )
            grant = await endpoint.by_credentials(("monitoring", "management", "control"))
            self.kept = credentials, grant.access_token
        self.hide(self.kept[1])
        return self.kept[1]

    def hide(self, value: str) -> None:
        self.hidden.append(value)


@attrs.define
class Records:
    """Keeps what a job tells of itself.

    Attributes:
        checkpoint: What it saved last.
        at: Called before each transaction and each saving: who wants to interrupt it raises.
    """

    db: Database
    tenant: UUID
    checkpoint: dict = attrs.Factory(dict)
    at: Callable[[], None] = lambda: None

    async def progress(self, done, total, message):
        """Nobody looks."""

    async def save(self, checkpoint):
        self.at()
        self.checkpoint = dict(checkpoint)

    def transaction(self):
        self.at()
        return self.db.tenant(self.tenant)

    async def emit(self, conn, event, payload, *, correlation_key=None, key=None):
        await store_event(conn, self.tenant, event, payload, correlation_key=correlation_key, key=key)


@attrs.define
class Account:
    """One tenant, its connection and its actions.

    Attributes:
        db: The database, as a worker's role.
        tenant: Whose connection.
        simulator: The other side.
        secrets: The connection's.
        actor: In whose name the actions run.
        integration_id: The connection's row, once there is one.
    """

    db: Database
    tenant: UUID
    simulator: object
    secrets: Secrets = attrs.Factory(lambda self: Secrets(self.simulator), takes_self=True)
    actor: UUID = attrs.Factory(uuid4)
    integration_id: UUID | None = None
    actions: dict = attrs.Factory(
        lambda: {action.id.removeprefix("ninjaone."): action for action in NinjaOnePlugin().workflow_actions()}
    )

    async def connect(self, **columns) -> None:
        """Writes the connection's row."""
        row = {"is_active": True, "instance_url": self.simulator.url, "connected_at": datetime.now(UTC)} | columns
        async with self.db.tenant(self.tenant) as conn:
            self.integration_id = (await rmm.put_integration(conn, self.tenant, PROVIDER, **row)).integration_id

    async def client(self, name: str, organization: int | None = None) -> UUID:
        """A client, mapped to an organization."""
        async with self.db.tenant(self.tenant) as conn:
            client_id = await conn.fetchval(
                "INSERT INTO clients (tenant, client_name) VALUES ($1, $2) RETURNING client_id", self.tenant, name
            )
            if organization is not None:
                await rmm.map_organization(
                    conn, self.tenant, self.integration_id, str(organization), client_id=client_id
                )
        return client_id

    def context(self, prepared=None, *, dry_run: bool = False) -> ActionContext:
        return ActionContext(
            tenant=self.tenant,
            run_id=None,
            step_path="root.steps[0]",
            iteration="",
            idempotency_key="0" * 64,
            attempt=1,
            actor=self.actor,
            now=datetime.now(UTC),
            log=logging.LoggerAdapter(logging.getLogger("test")),
            secrets=self.secrets,
            prepared=prepared,
            dry_run=dry_run,
            http=self.simulator.session,
            transaction=lambda: self.db.tenant(self.tenant, readonly=dry_run),
        )

    def connection_context(self) -> ConnectionContext:
        """What the functions of the connection are given."""
        return ConnectionContext(
            tenant=self.tenant,
            provider=PROVIDER,
            method="client_credentials",
            instance_url=self.simulator.url,
            settings={},
            scopes=("monitoring", "management", "control"),
            http=self.simulator.session,
            log=logging.LoggerAdapter(logging.getLogger("test")),
            secrets=self.secrets,
        )

    def webhook_context(self, conn) -> WebhookContext:
        """What the receiver is given in this transaction."""
        return WebhookContext(
            tenant=self.tenant,
            provider=PROVIDER,
            integration_id=self.integration_id,
            instance_url=self.simulator.url,
            settings={},
            received_at=datetime.now(UTC),
            tx=conn,
            log=logging.LoggerAdapter(logging.getLogger("test")),
        )

    def job_context(self, records: Records | None = None) -> JobContext:
        """What the handler of a job is given; it goes on from the checkpoint of the records."""
        records = records or Records(self.db, self.tenant)
        return JobContext(
            tenant=self.tenant,
            run_id=uuid4(),
            attempt=1,
            provider=PROVIDER,
            integration_id=self.integration_id,
            instance_url=self.simulator.url,
            settings={},
            parameters={},
            checkpoint=records.checkpoint,
            http=self.simulator.session,
            log=logging.LoggerAdapter(logging.getLogger("test")),
            secrets=self.secrets,
            records=records,
        )

    async def deliver(self, *bodies) -> None:
        """Hands deliveries to the receiver, each in a transaction of its own."""
        for body in bodies:
            async with self.db.tenant(self.tenant) as conn:
                await receive(self.webhook_context(conn), body)

    def records(self, at=lambda: None) -> Records:
        """What a run of a job keeps between its attempts."""
        return Records(self.db, self.tenant, at=at)

    async def run_job(self, job_id: str, records: Records | None = None):
        """One attempt of a run of a job."""
        (job,) = [job for job in NinjaOnePlugin().workflow_jobs() if job.id == job_id]
        return await job.handler(self.job_context(records))

    async def events(self) -> list[tuple[str, dict]]:
        """What has been told, in its order."""
        rows = await self.rows("SELECT event_name, payload FROM workflow_runtime_events ORDER BY created_at, ctid")
        return [(row["event_name"], row["payload"]) for row in rows]

    async def pick(self, source_id: str, **query):
        """What a source of options finds."""
        (source,) = [source for source in NinjaOnePlugin().workflow_options() if source.id == source_id]
        context = OptionContext(
            tenant=self.tenant,
            log=logging.LoggerAdapter(logging.getLogger("test")),
            http=self.simulator.session,
            secrets=self.secrets,
            transaction=lambda: self.db.tenant(self.tenant, readonly=True),
        )
        return await source.search(OptionQuery(**query), context)

    async def handle(self, action_id: str, prepared=None, **given):
        """One call of a handler."""
        action = self.actions[action_id]
        return await action.handler(convert(action.input, given), self.context(prepared))

    async def rehearse(self, action_id: str, **given):
        """One call of a handler that reads, in a dry run."""
        action = self.actions[action_id]
        return await action.handler(convert(action.input, given), self.context(dry_run=True))

    async def prepare(self, action_id: str, **given):
        """The look-ups before the effect."""
        action = self.actions[action_id]
        return await action.prepare(convert(action.input, given), self.context())

    async def reconcile(self, action_id: str, prepared, **given):
        """The look for an effect whose answer was lost."""
        action = self.actions[action_id]
        sent = SentEffect(datetime.now(UTC), prepared)
        return await action.reconcile(convert(action.input, given), self.context(), sent)

    async def json(self, action_id: str, **given):
        """The output of a call as the next step sees it."""
        return to_json(await self.handle(action_id, **given))

    async def rows(self, sql: str, *arguments) -> list[dict]:
        async with self.db.tenant(self.tenant) as conn:
            return [dict(row) for row in await conn.fetch(sql, *arguments)]

    async def one(self, sql: str, *arguments) -> dict:
        (row,) = await self.rows(sql, *arguments)
        return row


@pytest.fixture
async def account(db, tenants, simulator) -> Account:
    """The first tenant, connected."""
    connected = Account(db, tenants.a, simulator)
    await connected.connect()
    return connected


@pytest.fixture
async def stranger(db, tenants, simulator) -> Account:
    """The second tenant, connected to the same NinjaOne account."""
    connected = Account(db, tenants.b, simulator)
    await connected.connect()
    return connected
