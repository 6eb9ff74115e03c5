"""A run can do what the user in whose name it acts may do."""

from __future__ import annotations

from uuid import uuid4

import pytest

from workflow_core.execution.failed_attempts import ExecutionFailedError
from workflow_core.records.permissions import permissions_of


@pytest.mark.parametrize("action", ["write_guarded", "fetch_guarded", "once_guarded"])
async def test_an_actor_with_the_permission_may(bench, probe, action):
    """One of the actor's roles has it."""
    actor = await bench.new_user("probe:see", "probe:use")
    await bench.executor.execute(bench.call(await bench.new_run(), action, actor=str(actor)))
    assert len(probe.calls) == 1


@pytest.mark.parametrize("action", ["write_guarded", "fetch_guarded", "once_guarded"])
@pytest.mark.parametrize("who", ["nobody", "unknown", "without", "inactive"])
async def test_any_other_actor_may_not(bench, probe, action, who):
    """Nothing is done, nothing is left in the ledger that says so, and the error names the permission."""
    actors = {
        "nobody": None,
        "unknown": str(uuid4()),
        "without": str(await bench.new_user("probe:see", "other:use")),
        "inactive": str(await bench.new_user("probe:use", is_inactive=True)),
    }
    run_id = await bench.new_run()
    with pytest.raises(ExecutionFailedError) as caught:
        await bench.executor.execute(bench.call(run_id, action, actor=actors[who]))
    assert caught.value.error["code"] == "PERMISSION_DENIED"
    assert caught.value.error["details"]["permission"] == "probe:use"
    assert not caught.value.retryable
    assert probe.calls == []
    assert {row["status"] for row in await bench.ledger()} <= {"failed"}
    assert [step["status"] for step in await bench.steps(run_id)] == ["FAILED"]


async def test_permissions_of_a_user(bench):
    """All of an active user's; nothing of anybody else."""
    user, inactive = await bench.new_user("a:b", "c:d"), await bench.new_user("a:c", is_inactive=True)
    async with bench.db.tenant(bench.tenant) as conn:
        assert await permissions_of(conn, bench.tenant, user) == {"a:b", "c:d"}
        for nobody in (inactive, uuid4(), None):
            assert await permissions_of(conn, bench.tenant, nobody) == frozenset()
