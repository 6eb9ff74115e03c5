"""One attempt at a run of a job: what its handler is given, and what becomes of what it gives or raises."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from uuid import uuid4

import aiohttp
import pytest

from workflow_core.errors import (
    ConflictError,
    JobEndedError,
    ReconnectRequiredError,
    TransientError,
    ValidationError,
)
from workflow_core.job_runs.attempts import MAX_CHECKPOINT, AttemptFailedError
from workflow_core.job_runs.runs import KEPT, JobRunStatus, cancel_run, end_run

KEY = "sk-8be1c2a94f7d"


@pytest.fixture(autouse=True)
async def connected(acme):
    """The tenant has connected, and a worker knows."""
    await acme.connect(settings={"region": "eu"})
    await acme.settle()


async def test_what_a_handler_is_given(acme):
    """The connection, the parameters, and a transaction that sees the tenant's rows."""

    async def handle(ctx):
        async with ctx.transaction() as conn:
            found = await conn.fetchval("SELECT integration_id FROM rmm_integrations")
        assert found == ctx.integration_id
        return {"given": ctx.parameters, "url": ctx.instance_url}

    acme.handle = handle
    run = await acme.worked(parameters={"full": True})
    (ctx,) = acme.contexts
    assert (ctx.tenant, ctx.run_id, ctx.provider, ctx.attempt) == (acme.tenant, run.run_id, "acme", 1)
    assert (ctx.settings, ctx.checkpoint, ctx.http) == ({"region": "eu"}, {}, acme.http)
    assert (run.status, run.result) == ("succeeded", {"given": {"full": True}, "url": "https://acme.test"})
    assert run.started_at <= run.finished_at


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, None),
        ({"n": float("nan")}, {"n": None}),
        ([1], {"value": [1]}),
        ({"x": object()}, {"$unreadable": "dict"}),
        ({"x": "y" * 70_000}, {"$tooLarge": 70_008}),
    ],
)
async def test_results(acme, given, shown):
    """The work is done, whatever is given of it."""

    async def handle(ctx):
        return given

    acme.handle = handle
    run = await acme.worked()
    assert (run.status, run.result) == ("succeeded", shown)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ReconnectRequiredError("Connect Acme again."), "RECONNECT_REQUIRED", "Connect Acme again."),
        (KeyError("what it holds is not shown"), "INTERNAL_ERROR", "Sync failed unexpectedly (KeyError)."),
    ],
)
async def test_failures_for_good(acme, error, code, message):
    """What no other attempt mends ends the run at once."""

    async def handle(ctx):
        raise error

    acme.handle = handle
    run = await acme.worked()
    assert (run.status, run.error, run.attempts) == ("failed", {"code": code, "message": message}, 1)


@pytest.mark.parametrize(
    ("error", "code", "retry_after"),
    [
        (TransientError("Acme is busy.", code="RATE_LIMITED", retry_after=7.0), "RATE_LIMITED", 7.0),
        (aiohttp.ServerDisconnectedError(), "TRANSIENT_FAILURE", None),
        (TimeoutError(), "TRANSIENT_FAILURE", None),
        (ConnectionResetError(), "ENGINE_UNAVAILABLE", None),
    ],
)
async def test_passing_failures(acme, error, code, retry_after):
    """What may go better is left to another attempt, and shown until then."""

    async def handle(ctx):
        if ctx.attempt == 1:
            raise error

    acme.handle = handle
    run = await acme.ask()
    with pytest.raises(AttemptFailedError) as failed:
        await acme.attempt(run)
    assert (failed.value.error["code"], failed.value.retry_after) == (code, retry_after)
    between = await acme.read(run)
    assert between.status == "running"
    await acme.attempt(run)
    after = await acme.read(run)
    assert (after.status, after.attempts, after.error) == ("succeeded", 2, None)


async def test_time_limit(acme):
    """An attempt that takes too long is stopped, and the next one goes on from what was saved."""
    acme.job(time_limit=timedelta(seconds=1))

    async def handle(ctx):
        if not ctx.checkpoint:
            await ctx.save({"page": 3})
            await asyncio.Event().wait()
        return dict(ctx.checkpoint)

    acme.handle = handle
    run = await acme.ask()
    with pytest.raises(AttemptFailedError, match="longer than its limit of 1 s") as failed:
        await acme.attempt(run)
    assert failed.value.error["code"] == "JOB_TIMEOUT"
    await acme.attempt(run)
    assert (await acme.read(run)).result == {"page": 3}


async def test_secrets_are_shown_nowhere(acme, caplog):
    """The connection's secrets, and what was made of them, are redacted from all that a run shows."""
    await acme.store_secret(KEY)
    token = f"token-{uuid4().hex}"

    async def handle(ctx):
        ctx.secrets.hide(token)
        (key,) = (await ctx.secrets.require("api_key")).values()
        assert key == KEY
        ctx.log.warning("calling with %s", key)
        await ctx.progress(1, None, f"with {token}")
        await ctx.save({"cursor": f"{key}/2"})
        if ctx.parameters:
            return {"key": key, token: 1}
        raise ReconnectRequiredError(f"Acme refuses {key} and {token}.")

    acme.handle = handle
    with caplog.at_level(logging.DEBUG):
        failed = await acme.worked()
        done = await acme.worked(parameters={"succeed": True})
    assert failed.error["message"] == "Acme refuses [REDACTED] and [REDACTED]."
    assert done.result == {"key": "[REDACTED]", "[REDACTED]": 1}
    assert "calling with [REDACTED]" in caplog.text
    everything = json.dumps([[dict(row) for row in await acme.runs()], caplog.text], default=str)
    assert KEY not in everything
    assert token not in everything


async def test_progress(acme):
    """What was told last is shown at the end; meanwhile only one in a second is written."""

    async def handle(ctx):
        for done in range(100):
            await ctx.progress(done + 1, 100, f"device {done}")
        async with ctx.transaction() as conn:
            return {"seen": await conn.fetchval("SELECT done FROM workflow_job_runs")}

    acme.handle = handle
    run = await acme.worked()
    assert run.result["seen"] < 100
    assert (run.done, run.total, run.message) == (100, 100, "device 99")


async def test_checkpoints_that_cannot_be_kept(acme):
    """They fail the run, and say why."""

    async def handle(ctx):
        await ctx.save(ctx.parameters["save"])

    acme.handle = handle
    run = await acme.worked(parameters={"save": [1]})
    assert (run.status, run.error["code"]) == ("failed", "INVALID_CHECKPOINT")

    async def save_too_much(ctx):
        with pytest.raises(ValidationError):
            await ctx.save({"x": "y" * MAX_CHECKPOINT})
        await ctx.save({"x": object()})

    acme.handle = save_too_much
    assert (await acme.worked()).error["code"] == "INVALID_CHECKPOINT"


async def test_events(acme, backup_failed):
    """An event is kept with the transaction that it tells of, without secrets."""
    event, payload = backup_failed

    async def handle(ctx):
        ctx.secrets.hide(KEY)
        async with ctx.transaction() as conn:
            await ctx.emit(conn, event, payload(job=f"job {KEY}"), correlation_key="7")
        async with ctx.transaction() as conn:
            await ctx.emit(conn, event, payload(job="lost"))
            raise ReconnectRequiredError("Connect again.")

    acme.handle = handle
    assert (await acme.worked()).error["code"] == "RECONNECT_REQUIRED"
    async with acme.db.tenant(acme.tenant) as conn:
        (stored,) = await conn.fetch("SELECT * FROM workflow_runtime_events")
    assert (stored["event_name"], stored["correlation_key"], stored["payload"]) == (
        "BACKUP_FAILED",
        "7",
        {"job": "job [REDACTED]"},
    )


async def test_an_attempt_that_was_overtaken(acme):
    """Once another attempt has begun, the one before writes nothing any more, and ends nothing."""
    overtaken = asyncio.Event()

    async def handle(ctx):
        if ctx.attempt == 2:
            return {"by": 2}
        await overtaken.wait()
        with pytest.raises(JobEndedError):
            await ctx.save({"late": True})
        with pytest.raises(JobEndedError):
            async with ctx.transaction():
                pass
        with pytest.raises(JobEndedError):
            await ctx.progress(1)
        return {"by": 1}

    acme.handle = handle
    run = await acme.ask()
    first = asyncio.create_task(acme.attempt(run))
    while not acme.contexts:
        await asyncio.sleep(0.01)
    await acme.attempt(run)
    overtaken.set()
    await first
    after = await acme.read(run)
    assert (after.status, after.result, after.attempts) == ("succeeded", {"by": 2}, 2)


async def test_a_run_that_is_told_to_end(acme):
    """Its handler is stopped at the next thing that it does here; before it has begun, it is not called at all."""

    async def handle(ctx):
        await cancel()
        async with ctx.transaction():
            pytest.fail("it goes on")

    async def cancel():
        async with acme.db.tenant(acme.tenant) as conn:
            await cancel_run(conn, acme.tenant, run.run_id, actor=None)

    acme.handle = handle
    run = await acme.ask()
    await acme.attempt(run)
    canceled = await acme.read(run)
    assert (canceled.status, canceled.error["code"]) == ("cancelled", "CANCELED")
    run = await acme.ask()
    await cancel()
    await acme.attempt(run)
    assert ((await acme.read(run)).status, len(acme.contexts)) == ("cancelled", 1)


async def test_an_inactive_connection(acme):
    """The run ends without its handler."""
    run = await acme.ask()
    await acme.connect(active=False)
    await acme.attempt(run)
    ended = await acme.read(run)
    assert (ended.status, ended.error["code"], acme.contexts) == ("cancelled", "INTEGRATION_INACTIVE", [])


async def test_a_worker_that_lacks_the_job(acme):
    """Another one may have it."""
    run = await acme.ask()
    acme.jobs = []
    with pytest.raises(AttemptFailedError) as failed:
        await acme.attempt(run)
    assert failed.value.error["code"] == "JOB_NOT_ON_WORKERS"
    assert (await acme.read(run)).status == "queued"


async def test_two_who_ask_at_once(acme):
    """One has a run, and the other is told which."""
    asked = await asyncio.gather(acme.ask(), acme.ask(), return_exceptions=True)
    (refused,) = [error for error in asked if isinstance(error, ConflictError)]
    (run,) = [run for run in asked if run is not refused]
    assert (refused.code, refused.details) == ("JOB_RUNNING", {"runId": str(run.run_id)})


async def test_what_is_kept(acme):
    """The last fifty runs, and the last one that succeeded, however long ago."""
    for number in range(KEPT + 3):
        run = await acme.ask()
        async with acme.db.tenant(acme.tenant) as conn:
            status = JobRunStatus.SUCCEEDED if number == 1 else JobRunStatus.FAILED
            assert await end_run(conn, acme.tenant, run.run_id, status)
            assert not await end_run(conn, acme.tenant, run.run_id, status)
    kept = await acme.runs()
    assert (len(kept), [run["status"] for run in kept].count("succeeded")) == (KEPT + 1, 1)
    assert (await acme.state()).last.run_id == run.run_id
