"""``email.send`` as a worker executes it: ledger, permission, secret."""

import importlib.metadata
from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
import pytest

from workflow_core.discovery import discover
from workflow_core.execution.executor import Executor
from workflow_core.execution.failed_attempts import ExecutionFailedError
from workflow_core.execution.models import ActionCall
from workflow_core.secrets import KeyEncryptionKey, TenantSecrets, integration_scope


@pytest.fixture
async def executor(desk):
    """With the actions of this distribution, and the tenant's password."""
    found = discover(entry_points=list(importlib.metadata.entry_points(group="workflow.modules", name="psa")))
    secrets = TenantSecrets(KeyEncryptionKey(b"k" * 32))
    async with desk.db.tenant(desk.tenant) as conn:
        await secrets.write(conn, desk.tenant, integration_scope("email"), "smtp_password", "t0p-s3cret", actor=None)
    async with aiohttp.ClientSession() as http:
        yield Executor(database=desk.db, registry=found.registry, secrets=secrets, http=http)


@pytest.fixture
async def call(desk):
    """Makes attempts at one step of a run, in the name of a user who may send e-mail."""
    role = await desk.add("roles", "role_id", role_name="Sender")
    permission = await desk.add("permissions", "permission_id", resource="email", action="process")
    run_id = uuid4()
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("INSERT INTO user_roles VALUES ($1, $2, $3)", desk.tenant, desk["user"], role)
        await conn.execute("INSERT INTO role_permissions VALUES ($1, $2, $3)", desk.tenant, role, permission)
        await conn.execute(
            "INSERT INTO workflow_runs (tenant, run_id, workflow_id, workflow_version, status, cause, plan, "
            "plan_sha256) VALUES ($1, $2, $3, 1, 'RUNNING', 'test', '{}', '')",
            desk.tenant,
            run_id,
            uuid4(),
        )

    def make(attempt, actor="user"):
        return ActionCall(
            tenant=str(desk.tenant),
            run_id=str(run_id),
            step_path="root.steps[0]",
            iteration="",
            step_id="a",
            sequence=1,
            action_id="email.send",
            action_version=1,
            effect="REPEATABLE",
            input={
                "to": [{"email": "ada@x.test"}],
                "subject": "s",
                "text": "Hi.",
                "idempotency_key": "welcome",
            },
            secrets=[],
            missing=[],
            time_limit=60.0,
            explicit_key=None,
            attempt=attempt,
            max_attempts=3,
            actor=str(desk[actor]),
            dispatched_at=datetime.now(UTC).isoformat(),
            trace=[],
        )

    return make


async def test_an_answer_that_was_lost(desk, mail_servers, executor, call):
    """
    The ledger says that it may have been sent; the next attempt sends it again, under the same Message-ID; then its
    answer is kept, and the password shows nowhere.
    """
    async with mail_servers(auth=True) as server:
        server.password = "t0p-s3cret"
        config = {"host": "127.0.0.1", "port": server.port, "username": "tailspin"}
        async with desk.db.tenant(desk.tenant) as conn:
            await conn.execute(
                "INSERT INTO tenant_email_settings (tenant, default_from_domain, provider_configs) VALUES ($1, $2, $3)",
                desk.tenant,
                "tailspin.example",
                [{"providerId": "main", "providerType": "smtp", "config": config}],
            )
        server.cut = True
        with pytest.raises(ExecutionFailedError) as lost:
            await executor.execute(call(1))
        assert (lost.value.error["code"], lost.value.retryable) == ("SMTP_ANSWER_LOST", True)
        (entry,) = await desk.rows("workflow_action_invocations")
        assert entry["status"] == "sent"

        server.cut = False
        result = await executor.execute(call(2))
        assert (await executor.execute(call(3))).output == result.output

        (_, _, message), *more = server.messages
        assert (more, server.seen) == ([], 2)
        assert message["Message-ID"] == result.output["message_id"]
        assert server.logins[-1] == ("tailspin", "t0p-s3cret")
        (entry,) = await desk.rows("workflow_action_invocations")
        assert entry["status"] == "succeeded"
        (step,) = await desk.rows("workflow_run_steps")
        assert "t0p-s3cret" not in repr((step, entry))


async def test_the_publisher_needs_a_permission(desk, executor, call):
    """Nothing is looked up, let alone sent, for somebody who may not."""
    with pytest.raises(ExecutionFailedError) as caught:
        await executor.execute(call(1, actor="helper"))
    assert caught.value.error["code"] == "PERMISSION_DENIED"
