"""A run's end: nothing stays under way in it, and nothing begins in it afterwards."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from workflow_core.execution.history import write_action_step, write_end, write_trace
from workflow_core.execution.models import RunEnd, StepTrace


@pytest.fixture
def steps(bench):
    """Status by name of a run's steps."""

    async def read(run_id):
        async with bench.db.tenant(bench.tenant) as conn:
            found = await conn.fetch(
                "SELECT definition_step_id, status FROM workflow_run_steps WHERE run_id = $1", run_id
            )
        return dict(map(tuple, found))

    return read


@pytest.fixture
def end(bench):
    """Writes a run's end."""

    async def write(run_id, status="FAILED", **more):
        values = {"status": status, "error": None, "completed_at": datetime.now(UTC).isoformat(), "trace": []}
        async with bench.db.tenant(bench.tenant) as conn:
            await write_end(conn, RunEnd(tenant=str(bench.tenant), run_id=str(run_id), **{**values, **more}))

    return write


def trace(name, status, **more):
    now = datetime.now(UTC).isoformat()
    return StepTrace(
        step_path=f"root.steps.{name}",
        iteration="",
        step_id=name,
        step_type="control.callWorkflow",
        sequence=1,
        status=status,
        started_at=now,
        completed_at=None if status == "STARTED" else now,
        **more,
    )


async def put(bench, run_id, *traced):
    async with bench.db.tenant(bench.tenant) as conn:
        await write_trace(conn, bench.tenant, run_id, traced)


async def act(bench, run_id, status, **more):
    call = bench.call(run_id, "send", step_path="root.steps.act", step_id="act")
    async with bench.db.tenant(bench.tenant) as conn:
        await write_action_step(conn, call, status=status, shown_input={}, **more)


async def wait_for(bench, run_id):
    async with bench.db.tenant(bench.tenant) as conn:
        await conn.execute(
            "INSERT INTO workflow_run_waits (tenant, wait_id, run_id, step_path, wait_type, key) "
            "VALUES ($1, $2, $3, 'root.steps.act', 'settlement', 'k')",
            bench.tenant,
            uuid4(),
            run_id,
        )


async def test_what_is_under_way_is_canceled(bench, end, steps):
    """Steps and waits of this run; those that had ended keep their end."""
    run_id, other = await bench.new_run(), await bench.new_run()
    for each in (run_id, other):
        await put(bench, each, trace("call", "STARTED"), trace("again", "RETRYING"), trace("done", "SUCCEEDED"))
        await act(bench, each, "STARTED")
        await wait_for(bench, each)
    await end(run_id, trace=[trace("call", "FAILED"), trace("late", "RETRYING")])
    assert await steps(run_id) == {
        "call": "FAILED",
        "again": "CANCELED",
        "done": "SUCCEEDED",
        "act": "CANCELED",
        "late": "CANCELED",
    }
    assert await steps(other) == {"call": "STARTED", "again": "RETRYING", "done": "SUCCEEDED", "act": "STARTED"}
    async with bench.db.tenant(bench.tenant) as conn:
        waits = await conn.fetch("SELECT run_id, status, resolved_at IS NULL AS open FROM workflow_run_waits")
        open_steps = await conn.fetchval(
            "SELECT count(*) FROM workflow_run_steps WHERE run_id = $1 AND completed_at IS NULL", run_id
        )
    assert {row["run_id"]: (row["status"], row["open"]) for row in waits} == {
        run_id: ("CANCELED", False),
        other: ("WAITING", True),
    }
    assert open_steps == 0


async def test_what_begins_in_an_ended_run_is_canceled(bench, end, steps):
    """An attempt that had been sent out before, or one that would be tried again; but what it did is told."""
    run_id = await bench.new_run()
    await end(run_id, "CANCELED")
    await act(bench, run_id, "STARTED")
    await put(bench, run_id, trace("call", "STARTED"))
    assert await steps(run_id) == {"act": "CANCELED", "call": "CANCELED"}
    await act(bench, run_id, "RETRYING", error={"code": "TRANSIENT_FAILURE", "message": "Later."})
    assert (await steps(run_id))["act"] == "CANCELED"
    await act(bench, run_id, "SUCCEEDED", output={"text": "done"})
    assert (await steps(run_id))["act"] == "SUCCEEDED"


async def test_a_step_that_begins_at_the_same_moment_is_seen(bench, end, steps):
    """The end waits for whoever is writing that a step is under way, and then ends it."""
    run_id = await bench.new_run()
    call = bench.call(run_id, "send", step_id="act")
    async with bench.db.tenant(bench.tenant) as conn:
        await write_action_step(conn, call, status="STARTED", shown_input={})
        ending = asyncio.create_task(end(run_id))
        async with bench.db.untenanted() as other, asyncio.timeout(10):
            while not await other.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                await asyncio.sleep(0.01)
    await ending
    assert await steps(run_id) == {"act": "CANCELED"}


async def test_the_first_end_stays(bench, end, steps):
    """A second one only tells of steps."""
    run_id = await bench.new_run()
    await end(run_id, "CANCELED")
    await end(run_id, "SUCCEEDED", trace=[trace("done", "SUCCEEDED")])
    async with bench.db.tenant(bench.tenant) as conn:
        assert await conn.fetchval("SELECT status FROM workflow_runs WHERE run_id = $1", run_id) == "CANCELED"
    assert await steps(run_id) == {"done": "SUCCEEDED"}


async def test_a_step_that_waits_has_no_end(bench):
    """Its row says neither when it was completed nor how long it took, until it is."""
    run_id = await bench.new_run()
    await put(bench, run_id, trace("ask", "WAITING"))
    waiting = "SELECT completed_at, duration_ms FROM workflow_run_steps WHERE run_id = $1"
    async with bench.db.tenant(bench.tenant) as conn:
        assert tuple(await conn.fetchrow(waiting, run_id)) == (None, None)
    await put(bench, run_id, trace("ask", "SUCCEEDED"))
    async with bench.db.tenant(bench.tenant) as conn:
        assert None not in tuple(await conn.fetchrow(waiting, run_id))
