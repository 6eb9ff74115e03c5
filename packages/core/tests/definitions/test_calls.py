"""What a definition calls is looked up in the tenant's published versions."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from workflow_core.definitions.calls import called_by
from workflow_core.definitions.publishing import publish_draft
from workflow_core.definitions.writing import create_workflow, save_draft
from workflow_core.language.calls import Call, CalledVersion, CalledWorkflows


def call(workflow_id: UUID | str, version: int = 1) -> dict[str, Any]:
    """A definition that calls once."""
    step = {"id": "c", "type": "control.callWorkflow", "workflowId": str(workflow_id), "workflowVersion": version}
    return {"name": "Caller", "payloadSchemaRef": "payload.Empty.v1", "steps": [step]}


async def publish(conn, tenant, definition) -> UUID:
    """A new workflow with one published version."""
    stored = await create_workflow(conn, tenant, definition, actor=None)
    await publish_draft(conn, tenant, stored.workflow_id, actor=None)
    return stored.workflow_id


async def test_calls_are_followed(db, tenants):
    """Published versions of what is called, and what these call in turn; drafts do not count."""
    async with db.tenant(tenants.a) as conn:
        last = await publish(conn, tenants.a, {"name": "Last", "steps": []})
        middle = await publish(conn, tenants.a, call(last))
        await save_draft(conn, tenants.a, middle, call(last, 2), actor=None)
        await publish_draft(conn, tenants.a, middle, actor=None)
        called = await called_by(conn, tenants.a, call(middle, 2))
    assert called == CalledWorkflows(
        {str(middle): (1, 2)},
        {
            (str(middle), 2): CalledVersion(
                "Caller", "payload.Empty.v1", (Call((str(last), 2), is_conditional=False),)
            ),
        },
    )
    async with db.tenant(tenants.a) as conn:
        called = await called_by(conn, tenants.a, call(middle, 1))
        both = await called_by(conn, tenants.a, {"steps": []}, call(last), call(middle, 1))
    assert list(called.versions) == [(str(middle), 1), (str(last), 1)]
    assert both == CalledWorkflows({str(last): (1,), str(middle): (1, 2)}, called.versions)
    assert called.versions[(str(last), 1)] == CalledVersion("Last", None, ())


async def test_another_tenants_workflows_do_not_exist(db, tenants):
    """Nor does anything that no id names."""
    async with db.tenant(tenants.a) as conn:
        workflow_id = await publish(conn, tenants.a, {"name": "Mine", "steps": []})
    async with db.tenant(tenants.b) as conn:
        for target in (workflow_id, uuid4(), "elsewhere"):
            assert await called_by(conn, tenants.b, call(target)) == CalledWorkflows({str(target): ()}, {})
        assert await called_by(conn, tenants.b, call(workflow_id, 2**40)) == CalledWorkflows({str(workflow_id): ()}, {})
        assert await called_by(conn, tenants.b, None, {}) == CalledWorkflows({}, {})


async def test_long_chains_end_somewhere(db, tenants):
    """A workflow that calls the one before it, forty times: as far as a run would come."""
    async with db.tenant(tenants.a) as conn:
        workflow_id = await publish(conn, tenants.a, {"name": "First", "steps": []})
        for _ in range(40):
            workflow_id = await publish(conn, tenants.a, call(workflow_id))
        called = await called_by(conn, tenants.a, call(workflow_id))
    assert len(called.versions) == 20
