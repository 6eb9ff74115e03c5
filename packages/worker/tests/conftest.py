"""A worker in the test's own process, with a small integration that needs no other package."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import attrs
import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError

from workflow_core.actions import Action, ActionContext, Effect, Example, SentEffect, Unknown, Verdict
from workflow_core.discovery import Registry, registry_of
from workflow_core.execution.executor import Executor
from workflow_core.execution.inbox import Inbox, NewEvent
from workflow_core.execution.runs import Trial, start_run
from workflow_core.execution.settlement import Decision, Settled, settle
from workflow_core.execution.trial_runs import TrialCause, start_trial
from workflow_core.execution.writing import to_the_end
from workflow_core.modules import Module
from workflow_core.storage.database import Database
from workflow_core.temporal import run_workflow_id
from workflow_worker.activities import Activities
from workflow_worker.process import build_workers


@attrs.frozen
class Given:
    text: str = ""
    number: int | None = None


@attrs.frozen
class Gave:
    text: str
    calls: int


@attrs.define
class Probe:
    """What the test integration was asked to do, and how it is to answer."""

    calls: list[ActionContext] = attrs.Factory(list)
    inputs: list[Given] = attrs.Factory(list)
    failures: list[Exception | None] = attrs.Factory(list)
    #: An effect that is under way ends, whoever cancels it, when this is set.
    hold: asyncio.Event | None = None
    #: What looking for an effect says, one after the other; then that it cannot tell.
    verdicts: list[Verdict] = attrs.Factory(list)

    async def look(self, given: Given, ctx: ActionContext, sent: SentEffect) -> Verdict:
        return self.verdicts.pop(0) if self.verdicts else Unknown("not seen yet")

    async def handle(self, given: Given, ctx: ActionContext) -> Gave:
        self.calls.append(ctx)
        self.inputs.append(given)
        if self.hold is not None:
            await to_the_end(self.hold.wait())
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return Gave(text=given.text, calls=len(self.calls))

    def registry(self) -> Registry:
        def action(name: str, effect: Effect, io: str) -> Action:
            return Action(
                id=f"probe.{name}",
                label=name,
                description=name,
                input=Given,
                output=Gave,
                effect=effect,
                io=io,
                handler=self.handle,
                time_limit=timedelta(seconds=5),
                examples=(Example("An example", {}, {"text": "example", "calls": 0}),),
            )

        actions = [
            action("read", Effect.READ, "database"),
            action("write", Effect.LOCAL, "database"),
            action("fetch", Effect.READ, "external"),
            action("send", Effect.REPEATABLE, "external"),
            action("once", Effect.ONCE, "external"),
        ]
        actions.append(attrs.evolve(actions[-1], id="probe.once_seen", reconcile=self.look))
        module = Module(
            group_key="app:probe",
            label="Probe",
            description="Probe",
            tile_kind="app",
            default_action_id="probe.read",
            allowed_action_ids=tuple(a.id for a in actions),
        )
        return registry_of("workflow-probe", "1", modules=[module], actions=actions)


@attrs.frozen
class Runner:
    """Publishes a definition, runs it to its end, and reads the run back."""

    db: Database
    client: Client
    registry: Registry
    tenant: UUID

    async def publish(
        self, steps: list[dict[str, Any]], *, workflow_id: UUID | None = None, publisher: UUID | None = None
    ) -> UUID:
        workflow_id = workflow_id or uuid4()
        definition = {"id": str(workflow_id), "version": 1, "name": "t", "payloadSchemaRef": "x", "steps": steps}
        async with self.db.tenant(self.tenant) as conn:
            await conn.execute(
                "INSERT INTO workflow_definitions (tenant, workflow_id, name, payload_schema_ref, draft_definition, "
                "draft_version, published_version, status) VALUES ($1, $2, 't', 'x', $3, 1, 1, 'published')",
                self.tenant,
                workflow_id,
                definition,
            )
            await conn.execute(
                "INSERT INTO workflow_definition_versions (tenant, workflow_id, version, definition_json, "
                "definition_sha256, published_by) VALUES ($1, $2, 1, $3, 'x', $4)",
                self.tenant,
                workflow_id,
                definition,
                publisher or uuid4(),
            )
        return workflow_id

    async def start(self, workflow_id: UUID, payload: Any = None, *, run_id: UUID | None = None) -> UUID:
        run_id = run_id or uuid4()
        await start_run(
            self.db,
            self.client,
            self.registry,
            tenant=self.tenant,
            workflow_id=workflow_id,
            version=None,
            payload=payload,
            actor=None,
            cause="test",
            run_id=run_id,
        )
        return run_id

    async def start_trial(
        self,
        steps: list[dict[str, Any]],
        payload: Any = None,
        *,
        samples: dict[str, Any] | None = None,
        run_id: UUID | None = None,
        actor: UUID | None = None,
        cause: TrialCause = "simulation",
        dry_run: bool = True,
    ) -> UUID:
        """Starts a run of steps that nobody has stored."""
        run_id = run_id or uuid4()
        definition = {"id": str(run_id), "version": 1, "name": "t", "payloadSchemaRef": "x", "steps": steps}
        await start_trial(
            self.db,
            self.client,
            self.registry,
            tenant=self.tenant,
            workflow_id=run_id,
            trial=Trial(definition=definition, version=1, samples=samples or {}),
            payload=payload,
            actor=actor or uuid4(),
            cause=cause,
            run_id=run_id,
            dry_run=dry_run,
        )
        return run_id

    async def rehearse(self, steps: list[dict[str, Any]], payload: Any = None, **options: Any) -> dict[str, Any]:
        """A dry run of steps to its end."""
        return await self.finished(await self.start_trial(steps, payload, **options))

    async def run(
        self, steps: list[dict[str, Any]], payload: Any = None, *, run_id: UUID | None = None
    ) -> dict[str, Any]:
        return await self.finished(await self.start(await self.publish(steps), payload, run_id=run_id))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.02)

    async def until_step(self, run_id: UUID, step_id: str, status: str) -> None:
        async with asyncio.timeout(30):
            while True:
                async with self.db.tenant(self.tenant) as conn:
                    found = await conn.fetchval(
                        "SELECT status FROM workflow_run_steps WHERE run_id = $1 AND definition_step_id = $2",
                        run_id,
                        step_id,
                    )
                if found == status:
                    return
                await asyncio.sleep(0.02)

    async def until_waiting(self, run_id: UUID) -> UUID:
        """Waits until a run waits for a settlement; gives the effect."""
        async with asyncio.timeout(30):
            while True:
                async with self.db.tenant(self.tenant) as conn:
                    found = await conn.fetchval(
                        "SELECT key FROM workflow_run_waits JOIN workflow_runs run USING (tenant, run_id) "
                        "WHERE run_id = $1 AND run.status = 'WAITING' AND workflow_run_waits.status = 'WAITING'",
                        run_id,
                    )
                if found is not None:
                    return UUID(found)
                await asyncio.sleep(0.02)

    async def settle(self, invocation_id: UUID, decision: str, output: Any = None, **other: Any) -> Settled:
        """Decides what became of an effect."""
        given = {"tenant": self.tenant, "client": self.client, "user": uuid4(), "reason": "Looked.", **other}
        client = given.pop("client")
        return await settle(
            self.db,
            client,
            self.registry,
            invocation_id=invocation_id,
            decision=Decision(decision),
            output=output,
            **given,
        )

    async def until_cancel_requested(self, run_id: UUID) -> None:
        handle = self.client.get_workflow_handle(run_workflow_id(str(run_id), 1))
        requested = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
        async with asyncio.timeout(30):
            while all(event.event_type != requested for event in (await handle.fetch_history()).events):
                await asyncio.sleep(0.02)

    async def finished(self, run_id: UUID, *, execution: int = 1) -> dict[str, Any]:
        ended = None
        try:
            await self.client.get_workflow_handle(run_workflow_id(str(run_id), execution)).result()
        except WorkflowFailureError as failure:
            ended = failure.cause
        async with self.db.tenant(self.tenant) as conn:
            run = await conn.fetchrow("SELECT * FROM workflow_runs WHERE run_id = $1", run_id)
            steps = await conn.fetch("SELECT * FROM workflow_run_steps WHERE run_id = $1 ORDER BY sequence", run_id)
            ledger = await conn.fetch("SELECT * FROM workflow_action_invocations WHERE run_id = $1", run_id)
        return {**run, "ended": ended, "steps": [dict(s) for s in steps], "ledger": [dict(row) for row in ledger]}


@pytest.fixture
def probe() -> Probe:
    """The test integration."""
    return Probe()


Working = Callable[..., AbstractAsyncContextManager[Runner]]


@pytest.fixture
def working(db: Database, tenants: Any) -> Working:
    """Runs a worker on the test's database during a block: ``async with working(client, probe) as runner``."""

    @contextlib.asynccontextmanager
    async def run(
        client: Client,
        probe: Probe,
        *,
        build_id: str | None = None,
        per_tenant: int = 5,
        distributions: Sequence[str] = ("workflow-probe",),
    ) -> AsyncIterator[Runner]:
        registry = probe.registry()
        async with aiohttp.ClientSession() as http, contextlib.AsyncExitStack() as stack:
            executor = Executor(database=db, registry=registry, secrets=None, http=http)
            workers = build_workers(
                client,
                Activities(executor, db, registry),
                list(distributions),
                max_concurrent=5,
                per_tenant=per_tenant,
                shutdown=timedelta(seconds=5),
                build_id=build_id,
            )
            for worker in workers:
                await stack.enter_async_context(worker)
            yield Runner(db, client, registry, tenants.a)

    return run


@pytest_asyncio.fixture(loop_scope="session")
async def runner(temporal_client: Client, probe: Probe, working: Working) -> AsyncIterator[Runner]:
    """A worker on the test's database, and what runs workflows on it."""
    async with working(temporal_client, probe) as runner:
        yield runner


@pytest.fixture
def inbox(runner):
    """Where events arrive."""
    return Inbox(runner.db, runner.client, runner.registry)


@pytest.fixture
def post(runner, inbox):
    """Posts an event about a ticket."""

    async def post(ticket="T1", name="TICKET_UPDATED", correlation_key=None, **payload):
        payload = {"ticketId": ticket, **payload}
        event = NewEvent(name=name, payload=payload, correlation_key=correlation_key)
        return await inbox.accept(runner.tenant, event)

    return post


@pytest.fixture
def until_waiting(runner):
    """Waits until a number of waits are open."""

    async def until_waiting(count=1):
        async with asyncio.timeout(30):
            while True:
                async with runner.db.tenant(runner.tenant) as conn:
                    if await conn.fetchval("SELECT count(*) FROM workflow_run_waits WHERE status = 'WAITING'") == count:
                        return
                await asyncio.sleep(0.02)

    return until_waiting
