"""An integration with jobs that do what a test says, and a worker's view of them without Temporal."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
import attrs
import pytest

from workflow_core.actions import Action, Effect
from workflow_core.connections import Connection, ConnectionField
from workflow_core.discovery import registry_of
from workflow_core.events import EventType
from workflow_core.job_runs.attempts import JobRunner
from workflow_core.job_runs.reading import list_jobs
from workflow_core.job_runs.runs import read_run, request_run
from workflow_core.job_runs.settling import Installed, find_unsettled, settle_jobs
from workflow_core.jobs import Job
from workflow_core.modules import Module
from workflow_core.records import rmm
from workflow_core.secrets import KeyEncryptionKey, TenantSecrets

SECRETS = TenantSecrets(KeyEncryptionKey(b"s" * 32))


@attrs.frozen
class Nothing:
    pass


@attrs.frozen(kw_only=True)
class BackupFailed:
    job: str


BACKUP_FAILED = EventType(
    name="BACKUP_FAILED", label="", description="", payload=BackupFailed, schema_ref="payload.BackupFailed.v1"
)


async def look(given, ctx):
    return given


@attrs.define(eq=False)
class Acme:
    """The integration, and what is asked of its jobs."""

    db: object
    http: object
    tenant: object
    handle: object = None
    jobs: list = attrs.Factory(list)
    contexts: list = attrs.Factory(list)

    async def work(self, ctx):
        self.contexts.append(ctx)
        return await self.handle(ctx) if self.handle else None

    def job(self, name="sync", **fields):
        """One more job."""
        given = {"id": f"acme.{name}", "label": "Sync", "description": "", "provider": "acme", "handler": self.work}
        job = Job(**{**given, **fields})
        self.jobs = [other for other in self.jobs if other.id != job.id] + [job]
        return job

    @property
    def registry(self):
        module = Module(
            group_key="app:acme",
            label="Acme",
            description="",
            tile_kind="app",
            default_action_id="acme.look",
            allowed_action_ids=("acme.look",),
        )
        action = Action(
            id="acme.look",
            label="",
            description="",
            input=Nothing,
            output=Nothing,
            effect=Effect.READ,
            io="database",
            handler=look,
        )
        connection = Connection(
            provider="acme",
            label="Acme",
            description="",
            segments=("acme",),
            fields=(ConnectionField(name="api_key", label="API key", kind="secret"),),
        )
        return registry_of(
            "workflow-acme",
            "1",
            modules=[module],
            actions=[action],
            connections=[connection],
            jobs=self.jobs,
            events=[BACKUP_FAILED],
        )

    async def connect(self, *, active=True, settings=None, tenant=None):
        tenant = tenant or self.tenant
        async with self.db.tenant(tenant) as conn:
            await rmm.put_integration(
                conn,
                tenant,
                "acme",
                is_active=active,
                instance_url="https://acme.test",
                connected_at=datetime.now(UTC) if active else None,
                settings=settings,
            )

    async def settle(self, *, tenant=None, **how):
        """What a worker does that is told of a tenant."""
        async with self.db.tenant(tenant or self.tenant) as conn:
            await settle_jobs(conn, tenant or self.tenant, Installed(**{"registry": self.registry, **how}))

    async def unsettled(self, **how):
        return await find_unsettled(self.db, Installed(**{"registry": self.registry, **how}))

    async def row(self, name="sync"):
        async with self.db.tenant(self.tenant) as conn:
            return await conn.fetchrow("SELECT * FROM workflow_jobs WHERE job_id = $1", f"acme.{name}")

    async def runs(self, tenant=None):
        async with self.db.tenant(tenant or self.tenant) as conn:
            return await conn.fetch("SELECT * FROM workflow_job_runs ORDER BY created_at")

    async def ask(self, name="sync", **how):
        async with self.db.tenant(self.tenant) as conn:
            return await request_run(conn, self.tenant, self.registry.jobs[f"acme.{name}"], **{"actor": None, **how})

    async def attempt(self, run):
        """Makes one attempt, as a worker's activity."""
        runner = JobRunner(database=self.db, registry=self.registry, secrets=SECRETS, http=self.http)
        await runner.run(self.tenant, run.job_id, run.run_id)

    async def worked(self, **how):
        """Asks for a run, makes one attempt, and gives the run as it stands then."""
        run = await self.ask(**how)
        await self.attempt(run)
        return await self.read(run)

    async def read(self, run):
        async with self.db.tenant(self.tenant) as conn:
            return await read_run(conn, self.tenant, run.run_id)

    async def state(self):
        async with self.db.tenant(self.tenant) as conn:
            return (await list_jobs(conn, self.tenant, self.registry))[0]

    async def store_secret(self, value):
        async with self.db.tenant(self.tenant) as conn:
            await SECRETS.write(conn, self.tenant, "integration:acme", "api_key", value, actor=uuid4())


@pytest.fixture
async def acme(db, tenants):
    """The integration, with one job that runs when it is asked for."""
    async with aiohttp.ClientSession() as http:
        acme = Acme(db, http, tenants.a)
        acme.job()
        yield acme


@pytest.fixture
def backup_failed():
    """An event's type, and the class of its payload."""
    return BACKUP_FAILED, BackupFailed
