"""An executor over a small integration whose answers the test decides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import aiohttp
import attrs
import msgspec
import pytest
import pytest_asyncio

from workflow_core.actions import Action, ActionContext, Effect, Example, SentEffect, Unknown
from workflow_core.availability import AVAILABLE, Availability, AvailabilityResolver
from workflow_core.connections import Connection, ConnectionField
from workflow_core.discovery import Registry, registry_of
from workflow_core.execution.executor import Executor
from workflow_core.execution.models import ActionCall
from workflow_core.modules import Module
from workflow_core.schema import Trimmed
from workflow_core.secrets import KeyEncryptionKey, TenantSecrets
from workflow_core.storage.database import Database


@attrs.frozen
class Given:
    text: str = ""
    number: int | None = None
    tags: list[str] = attrs.Factory(list)


@attrs.frozen
class Free:
    any: Any = None
    name: Trimmed | None = None
    password: Annotated[str, msgspec.Meta(extra_json_schema={"x-secret": True})] = ""
    number: int | None = None


@attrs.frozen
class Gave:
    text: Any
    calls: int


Behave = Callable[[Given, ActionContext], Awaitable[Any]]


@attrs.define
class Probe:
    """The integration: counts its calls and does what the test says."""

    available: bool = True
    resolver_error: Exception | None = None
    behave: Behave | None = None
    prepare: Behave | None = None
    verdict: Any = attrs.Factory(lambda: Unknown("not seen yet"))
    looks: list[SentEffect] = attrs.Factory(list)
    calls: list[ActionContext] = attrs.Factory(list)
    inputs: list[Given] = attrs.Factory(list)

    async def handle(self, given: Given, ctx: ActionContext) -> Any:
        self.calls.append(ctx)
        self.inputs.append(given)
        if self.behave is not None:
            return await self.behave(given, ctx)
        return Gave(text=getattr(given, "text", ""), calls=len(self.calls))

    async def look_up(self, given: Given, ctx: ActionContext) -> Any:
        return None if self.prepare is None else await self.prepare(given, ctx)

    async def reconcile(self, given: Given, ctx: ActionContext, sent: SentEffect) -> Any:
        """Says ``verdict``, which may be an exception or an awaitable function."""
        self.looks.append(sent)
        verdict = await self.verdict(given, ctx) if callable(self.verdict) else self.verdict
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    async def resolve(self, _conn: Any, _tenant: UUID) -> Availability:
        if self.resolver_error is not None:
            raise self.resolver_error
        return AVAILABLE if self.available else Availability(available=False, reason="Connect it.")

    def registry(self) -> Registry:
        kinds = {
            "read": (Effect.READ, "database"),
            "write": (Effect.LOCAL, "database"),
            "fetch": (Effect.READ, "external"),
            "send": (Effect.REPEATABLE, "external"),
            "once": (Effect.ONCE, "external"),
        }
        actions = [
            Action(
                id=f"probe.{name}",
                label=name,
                description=name,
                input=Given,
                output=Gave,
                effect=effect,
                io=io,
                handler=self.handle,
                prepare=self.look_up if io == "external" else None,
                time_limit=timedelta(seconds=0.5),
                examples=(Example("An example", {}, {"text": "example", "calls": 0}),),
            )
            for name, (effect, io) in kinds.items()
        ]
        actions.append(attrs.evolve(actions[0], id="probe.free", input=Free))
        actions.append(attrs.evolve(actions[1], id="probe.bare", examples=()))
        actions += [
            attrs.evolve(action, id=f"{action.id}_seen", reconcile=self.reconcile)
            for action in actions
            if action.id in ("probe.send", "probe.once")
        ]
        actions += [
            attrs.evolve(action, id=f"{action.id}_guarded", permission="probe:use")
            for action in actions
            if action.id in ("probe.write", "probe.fetch", "probe.once", "probe.once_seen")
        ]
        module = Module(
            group_key="app:probe",
            label="Probe",
            description="Probe",
            tile_kind="app",
            default_action_id="probe.read",
            allowed_action_ids=tuple(action.id for action in actions),
            availability_key="probe",
        )
        connection = Connection(
            provider="probe",
            label="Probe",
            description="Probe",
            segments=("probe",),
            fields=(ConnectionField(name="api_key", label="API key", kind="secret"),),
        )
        return registry_of(
            "workflow-probe",
            "1",
            modules=[module],
            actions=actions,
            resolvers=[AvailabilityResolver("probe", self.resolve)],
            connections=[connection],
        )


@attrs.frozen
class Bench:
    """The executor under test, and what the database says afterwards."""

    db: Database
    executor: Executor
    secrets: TenantSecrets
    tenant: UUID

    async def new_run(self) -> UUID:
        run_id = uuid4()
        async with self.db.tenant(self.tenant) as conn:
            await conn.execute(
                "INSERT INTO workflow_runs (tenant, run_id, workflow_id, workflow_version, status, cause, plan, "
                "plan_sha256) VALUES ($1, $2, $3, 1, 'RUNNING', 'test', '{}', '')",
                self.tenant,
                run_id,
                uuid4(),
            )
        return run_id

    def call(self, run_id: UUID, action: str, given: dict[str, Any] | None = None, **other: Any) -> ActionCall:
        values: dict[str, Any] = {
            "tenant": str(self.tenant),
            "run_id": str(run_id),
            "step_path": "root.steps[0]",
            "iteration": "",
            "step_id": "a",
            "sequence": 1,
            "action_id": f"probe.{action}",
            "action_version": 1,
            "effect": "READ",
            "input": given or {},
            "secrets": [],
            "missing": [],
            "time_limit": 0.5,
            "explicit_key": None,
            "attempt": 1,
            "max_attempts": 3,
            "actor": None,
            "dispatched_at": datetime.now(UTC).isoformat(),
            "trace": [],
        }
        return ActionCall(**{**values, **other})

    async def new_user(self, *permissions: str, is_inactive: bool = False) -> UUID:
        """A user with one role that has these permissions."""
        user_id, role_id = uuid4(), uuid4()
        async with self.db.tenant(self.tenant) as conn:
            await conn.execute(
                "INSERT INTO users (tenant, user_id, username, email, is_inactive) "
                "VALUES ($1, $2, 'u', 'u@x.test', $3)",
                self.tenant,
                user_id,
                is_inactive,
            )
            await conn.execute(
                "INSERT INTO roles (tenant, role_id, role_name) VALUES ($1, $2, 'r')", self.tenant, role_id
            )
            await conn.execute("INSERT INTO user_roles VALUES ($1, $2, $3)", self.tenant, user_id, role_id)
            for permission in permissions:
                permission_id = await conn.fetchval(
                    "INSERT INTO permissions (tenant, resource, action) VALUES ($1, $2, $3) RETURNING permission_id",
                    self.tenant,
                    *permission.split(":"),
                )
                await conn.execute(
                    "INSERT INTO role_permissions VALUES ($1, $2, $3)", self.tenant, role_id, permission_id
                )
        return user_id

    async def ledger(self) -> list[dict[str, Any]]:
        async with self.db.tenant(self.tenant) as conn:
            rows = await conn.fetch("SELECT * FROM workflow_action_invocations ORDER BY reserved_at")
        return [dict(row) for row in rows]

    async def steps(self, run_id: UUID) -> list[dict[str, Any]]:
        async with self.db.tenant(self.tenant) as conn:
            rows = await conn.fetch("SELECT * FROM workflow_run_steps WHERE run_id = $1 ORDER BY sequence", run_id)
        return [dict(row) for row in rows]

    async def alter_ledger(self, change: str) -> None:
        """Makes the only ledger row look as a dead attempt would have left it."""
        async with self.db.tenant(self.tenant) as conn:
            await conn.execute(f"UPDATE workflow_action_invocations SET {change}")


@pytest.fixture
def probe() -> Probe:
    """The test integration."""
    return Probe()


@pytest_asyncio.fixture(loop_scope="session")
async def bench(db: Database, probe: Probe, tenants: Any) -> AsyncIterator[Bench]:
    """An executor on a fresh database."""
    secrets = TenantSecrets(KeyEncryptionKey(bytes(range(32))))
    async with aiohttp.ClientSession() as http:
        executor = Executor(database=db, registry=probe.registry(), secrets=secrets, http=http)
        yield Bench(db, executor, secrets, tenants.a)
