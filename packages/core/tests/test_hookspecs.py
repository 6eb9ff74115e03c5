"""Every hook is documented with a complete plugin, and every such plugin works."""

import importlib.metadata
import inspect
import logging
import re
from datetime import UTC, datetime
from textwrap import dedent
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from workflow_core.actions import Action, ActionContext
from workflow_core.availability import resolve_availability
from workflow_core.connections import Account, Mappable
from workflow_core.discovery import DiscoveryReport, Loaded, Registry, discover
from workflow_core.errors import ActionError
from workflow_core.hookspecs import WorkflowSpecs
from workflow_core.integrations.candidates import Candidate
from workflow_core.job_runs.attempts import JobRunner
from workflow_core.job_runs.runs import read_run, request_run
from workflow_core.records import rmm
from workflow_core.schema import convert, to_json
from workflow_core.storage.database import Database
from workflow_core.testing.distributions import FakeDistributions
from workflow_core.testing.postgres import Tenants
from workflow_core.webhooks import WebhookContext

HOOKS = sorted(name for name in vars(WorkflowSpecs) if name.startswith("workflow_"))


def example(hook: str) -> str:
    """The plugin in a hook's docstring."""
    found = re.findall(r"```python\n(.*?)```", inspect.getdoc(getattr(WorkflowSpecs, hook)) or "", re.DOTALL)
    assert len(found) == 1, f"the docstring of {hook} needs one ```python block with a complete plugin"
    return dedent(found[0])


def load(fake_distribution: FakeDistributions, code: str) -> Registry:
    """The example, installed and discovered."""
    fake_distribution("acme", code)
    found = discover(entry_points=list(importlib.metadata.distribution("acme").entry_points), required=())
    assert found.report == DiscoveryReport(loaded=(Loaded("acme", "1.0"),))
    return found.registry


def test_hooks() -> None:
    """The hooks that a plugin can implement."""
    assert HOOKS == [
        "workflow_actions",
        "workflow_availability",
        "workflow_connections",
        "workflow_events",
        "workflow_jobs",
        "workflow_modules",
        "workflow_options",
        "workflow_webhooks",
    ]


@pytest.mark.parametrize("hook", HOOKS)
def test_example(fake_distribution: FakeDistributions, hook: str) -> None:
    """A hook's example is a whole plugin: it loads by itself, implements the hook, and contributes something."""
    code = example(hook)
    assert f"def {hook}(" in code
    registry = load(fake_distribution, code)
    contributed = {
        "workflow_modules": registry.modules,
        "workflow_actions": registry.actions,
        "workflow_availability": registry.resolvers,
        "workflow_connections": registry.connections,
        "workflow_events": registry.events,
        "workflow_webhooks": registry.receivers,
        "workflow_jobs": registry.jobs,
        "workflow_options": registry.options,
    }
    assert contributed[hook]


async def run_example(action: Action, given: dict[str, object], tenants: Tenants) -> object:
    """What a handler gives for an example's input."""
    context = ActionContext(
        tenant=tenants.a,
        run_id=uuid4(),
        step_path="root.steps[0]",
        iteration="",
        idempotency_key="0" * 64,
        attempt=1,
        actor=None,
        now=datetime.now(UTC),
        log=logging.LoggerAdapter(logging.getLogger(__name__)),
        secrets=None,
    )
    return to_json(await action.handler(convert(action.input, given), context))


async def test_examples_of_actions(fake_distribution: FakeDistributions, tenants: Tenants) -> None:
    """The documented action does what its own example says."""
    registry = load(fake_distribution, example("workflow_actions"))
    for action in registry.actions.values():
        assert action.examples
        for shown in action.examples:
            assert await run_example(action, shown.input, tenants) == shown.output


async def test_examples_of_resolvers(fake_distribution: FakeDistributions, db: Database, tenants: Tenants) -> None:
    """The documented resolver says that a tenant without a connection has to connect, and has the module after."""
    registry = load(fake_distribution, example("workflow_availability"))
    answers = await resolve_availability(db, tenants.a, registry.resolvers, registry.resolvers)
    assert [(answer.available, answer.failed) for answer in answers.values()] == [(False, False)]
    async with db.tenant(tenants.a) as connection:
        await connection.execute(
            "INSERT INTO rmm_integrations (tenant, provider, is_active, connected_at) VALUES ($1, $2, true, now())",
            tenants.a,
            next(iter(registry.resolvers)),
        )
    answers = await resolve_availability(db, tenants.a, registry.resolvers, registry.resolvers)
    assert [answer.available for answer in answers.values()] == [True]


async def test_examples_of_connections(fake_distribution: FakeDistributions, db: Database, tenants: Tenants) -> None:
    """The documented connection names its account and lists what can be mapped; with a wrong key it says what to do."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer right":
            return web.Response(status=401)
        answers = {"/account": {"name": "Tailspin"}, "/companies": [{"id": 7, "name": "Lamna"}]}
        return web.json_response(answers[request.path])

    (connection,) = load(fake_distribution, example("workflow_connections")).connections.values()
    app = web.Application()
    app.router.add_get("/{path}", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        address = str(server.make_url("")).rstrip("/")

        def candidate(key: str) -> Candidate:
            return Candidate(
                tenants.a,
                connection,
                http,
                method="api_key",
                instance_url=address,
                settings={},
                scopes=(),
                values={"api_key": key},
            )

        right = candidate("right").context
        assert await connection.check(right) == Account(name="Tailspin")
        assert [found async for found in connection.list_mappable(right, "company")] == [Mappable("7", "Lamna")]
        with pytest.raises(ActionError, match="check the address and the API key"):
            await connection.check(candidate("wrong").context)


async def test_examples_of_receivers(fake_distribution: FakeDistributions, db: Database, tenants: Tenants) -> None:
    """The documented receiver emits an event, once however often it is told of it."""
    registry = load(fake_distribution, example("workflow_webhooks"))
    (receiver,) = registry.receivers.values()
    body = {"id": "e1", "status": "failed", "job": "j1"}
    async with db.tenant(tenants.a) as conn:
        for _ in range(2):
            context = WebhookContext(
                tenant=tenants.a,
                provider="acme",
                integration_id=uuid4(),
                instance_url=None,
                settings={},
                received_at=datetime.now(UTC),
                tx=conn,
                log=logging.LoggerAdapter(logging.getLogger(__name__)),
            )
            await receiver.handle(context, body)
        rows = await conn.fetch("SELECT event_name, payload FROM workflow_runtime_events")
    assert [(row["event_name"], row["payload"]) for row in rows] == [("BACKUP_FAILED", {"jobId": "j1"})]


async def test_examples_of_jobs(fake_distribution: FakeDistributions, db: Database, tenants: Tenants) -> None:
    """The documented job does its work for a tenant that has connected."""
    registry = load(fake_distribution, example("workflow_jobs"))
    for job in registry.jobs.values():
        async with db.tenant(tenants.a) as conn:
            await rmm.put_integration(
                conn, tenants.a, job.provider, is_active=True, connected_at=datetime.now(UTC), settings={"pages": 2}
            )
            run = await request_run(conn, tenants.a, job, actor=None)
        async with aiohttp.ClientSession() as http:
            await JobRunner(database=db, registry=registry, secrets=None, http=http).run(tenants.a, job.id, run.run_id)
        async with db.tenant(tenants.a) as conn:
            done = await read_run(conn, tenants.a, run.run_id)
        assert (done.status, done.result) == ("succeeded", {"pages": 2})
