"""Every hook is documented with a complete plugin, and every such plugin works."""

import importlib.metadata
import inspect
import logging
import re
from datetime import UTC, datetime
from textwrap import dedent
from uuid import uuid4

import pytest

from workflow_core.actions import Action, ActionContext
from workflow_core.availability import resolve_availability
from workflow_core.discovery import DiscoveryReport, Loaded, Registry, discover
from workflow_core.hookspecs import WorkflowSpecs
from workflow_core.schema import convert, to_json
from workflow_core.storage.database import Database
from workflow_core.testing.distributions import FakeDistributions
from workflow_core.testing.postgres import Tenants

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
        "workflow_jobs": registry.jobs,
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
