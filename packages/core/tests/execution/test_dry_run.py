"""A dry run of one action call: what it checks, what it does, and that it writes nothing but its own step."""

from __future__ import annotations

import pytest

from workflow_core.errors import TransientError
from workflow_core.execution.executor import ExecutionFailedError
from workflow_core.testing.contents import changed_tables, read_contents

ACTING = ["write", "send", "once"]
READING = ["read", "fetch"]
OWN_RECORD = {"workflow_run_steps"}


async def failing(bench, call):
    """The failure of a call that has to fail."""
    with pytest.raises(ExecutionFailedError) as caught:
        await bench.executor.execute(call)
    return caught.value


async def contents(bench):
    async with bench.db.tenant(bench.tenant) as conn:
        return await read_contents(conn)


@pytest.mark.parametrize("action", ACTING)
async def test_what_acts_is_not_done(bench, probe, action):
    """Neither look-up nor handler is called; the step shows input and example; no table but the steps changes."""
    run_id = await bench.new_run()
    before = await contents(bench)
    result = await bench.executor.execute(bench.call(run_id, action, {"text": "x"}, dry_run=True))
    assert (result.output, result.would_do) == ({"text": "example", "calls": 0}, True)
    assert probe.calls == []
    assert changed_tables(before, await contents(bench)) == OWN_RECORD
    (step,) = await bench.steps(run_id)
    assert (step["status"], step["would_do"], step["input_json"]["text"]) == ("SUCCEEDED", True, "x")
    assert (step["output_json"], step["notes"]) == (result.output, ["would do; the output is the action's example"])


@pytest.mark.parametrize("action", READING)
async def test_what_reads_is_done(bench, probe, action):
    """Its handler knows that the run is dry; the step looks like any other."""
    run_id = await bench.new_run()
    before = await contents(bench)
    result = await bench.executor.execute(bench.call(run_id, action, {"text": "x"}, dry_run=True))
    assert (result.output, result.would_do) == ({"text": "x", "calls": 1}, False)
    assert [ctx.dry_run for ctx in probe.calls] == [True]
    assert changed_tables(before, await contents(bench)) == OWN_RECORD
    assert [(step["status"], step["would_do"], step["notes"]) for step in await bench.steps(run_id)] == [
        ("SUCCEEDED", False, [])
    ]


async def test_a_real_run_tells_its_handlers_so(bench, probe):
    """``dry_run`` is false unless the run is dry."""
    await bench.executor.execute(bench.call(await bench.new_run(), "fetch"))
    assert [ctx.dry_run for ctx in probe.calls] == [False]


@pytest.mark.parametrize("action", READING)
async def test_what_says_that_it_reads_cannot_write(bench, probe, action):
    """The transactions of a dry run are read-only; the step fails once and says whose mistake it is."""
    run_id = await bench.new_run()

    async def behave(given, ctx):
        statement = "UPDATE workflow_runs SET cause = 'cached' WHERE run_id = $1"
        if action == "read":
            await ctx.tx.execute(statement, run_id)
        else:
            async with ctx.transaction() as conn:
                await conn.execute(statement, run_id)

    probe.behave = behave
    before = await contents(bench)
    failed = await failing(bench, bench.call(run_id, action, dry_run=True))
    assert (failed.error["code"], failed.retryable, failed.counts) == ("READ_ACTION_WRITES", False, True)
    assert changed_tables(before, await contents(bench)) == OWN_RECORD | {"workflow_run_logs"}


@pytest.mark.parametrize("action", ["read", "write", "fetch", "once"])
async def test_the_gate_is_closed_to_a_dry_run_too(bench, probe, action):
    """A tenant whose connection is inactive sees what a real run would meet."""
    probe.available = False
    run_id = await bench.new_run()
    before = await contents(bench)
    failed = await failing(bench, bench.call(run_id, action, dry_run=True))
    assert (failed.error["code"], probe.calls) == ("INTEGRATION_INACTIVE", [])
    assert changed_tables(before, await contents(bench)) == OWN_RECORD | {"workflow_run_logs"}


@pytest.mark.parametrize("action", ["write_guarded", "fetch_guarded", "once_guarded"])
async def test_the_actors_permission_is_needed(bench, probe, action):
    """Of what would be done, and of what is read."""
    actor, other = await bench.new_user("probe:use"), await bench.new_user()
    failed = await failing(bench, bench.call(await bench.new_run(), action, dry_run=True, actor=str(other)))
    assert (failed.error["code"], probe.calls) == ("PERMISSION_DENIED", [])
    await bench.executor.execute(bench.call(await bench.new_run(), action, dry_run=True, actor=str(actor)))


async def test_the_input_has_to_fit(bench):
    """It is converted and checked as for a real run."""
    run_id = await bench.new_run()
    failed = await failing(bench, bench.call(run_id, "write", {"number": "seven"}, dry_run=True))
    assert (failed.error["code"], failed.error["details"]["errors"][0]["path"]) == ("VALIDATION_ERROR", "number")
    assert await bench.ledger() == []
    result = await bench.executor.execute(bench.call(run_id, "write", {"number": "7"}, dry_run=True, attempt=2))
    assert result.would_do
    assert [step["input_json"]["number"] for step in await bench.steps(run_id)] == [7]


async def test_secrets_have_to_be_there_and_are_hidden(bench):
    """A missing one fails the step; a stored one is resolved, and shows nowhere."""
    call = bench.call(await bench.new_run(), "send", {"text": {"$secret": "TOKEN"}}, secrets=[["text"]], dry_run=True)
    assert (await failing(bench, call)).error["code"] == "SECRET_NOT_FOUND"
    async with bench.db.tenant(bench.tenant) as conn:
        await bench.secrets.write(conn, bench.tenant, "workflow", "TOKEN", "s3cr3t-value", actor=None)
    run_id = await bench.new_run()
    await bench.executor.execute(
        bench.call(run_id, "send", call.input, secrets=call.secrets, sample={"text": "s3cr3t-value"}, dry_run=True)
    )
    (step,) = await bench.steps(run_id)
    assert "s3cr3t-value" not in str(dict(step))


@pytest.mark.parametrize("action", ["read", "once"])
async def test_a_sample_stands_for_what_is_not_done(bench, probe, action):
    """Also for what reads; one that does not fit the action's output is kept, and the step says so."""
    run_id = await bench.new_run()
    result = await bench.executor.execute(bench.call(run_id, action, dry_run=True, sample={"text": "given"}))
    assert (result.output, result.would_do, probe.calls) == ({"text": "given"}, True, [])
    assert [step["notes"] for step in await bench.steps(run_id)] == [
        [
            "would do; the output is the sample that was given",
            "the output does not fit the action's schema at: calls",
        ]
    ]


async def test_an_action_without_an_example_ends_there(bench):
    """Nobody can say what its output would be; a sample says it."""
    run_id = await bench.new_run()
    failed = await failing(bench, bench.call(run_id, "bare", dry_run=True))
    assert (failed.error["code"], failed.retryable) == ("NO_EXAMPLE", False)
    result = await bench.executor.execute(bench.call(run_id, "bare", dry_run=True, sample={"text": "", "calls": 1}))
    assert result.would_do


@pytest.mark.parametrize("action", ACTING)
async def test_an_effect_that_has_happened_is_reused(bench, probe, action):
    """Under the step's own key a real run would do nothing either: the step says so, and gives what is stored."""
    first, second = await bench.new_run(), await bench.new_run()
    done = await bench.executor.execute(bench.call(first, action, {"text": "x"}, explicit_key="k"))
    before = await contents(bench)
    again = await bench.executor.execute(bench.call(second, action, {"text": "x"}, explicit_key="k", dry_run=True))
    assert (again.output, again.reused_from, again.would_do) == (done.output, str(first), False)
    assert len(probe.calls) == 1
    assert changed_tables(before, await contents(bench)) == OWN_RECORD


async def test_what_a_dry_run_did_not_do_can_be_done(bench, probe):
    """It takes no key: a real run with the same one acts."""
    await bench.executor.execute(bench.call(await bench.new_run(), "once", explicit_key="k", dry_run=True))
    result = await bench.executor.execute(bench.call(await bench.new_run(), "once", explicit_key="k"))
    assert (result.reused_from, len(probe.calls)) == (None, 1)


async def test_a_failed_read_is_retried_like_any_other(bench, probe):
    """The interpreter hears what a real run would hear."""

    async def behave(given, ctx):
        raise TransientError("Later.", code="RATE_LIMITED", retry_after=3.0)

    probe.behave = behave
    run_id = await bench.new_run()
    failed = await failing(bench, bench.call(run_id, "fetch", dry_run=True))
    assert (failed.error["code"], failed.retryable, failed.retry_after) == ("RATE_LIMITED", True, 3.0)
    assert [(step["status"], step["would_do"]) for step in await bench.steps(run_id)] == [("RETRYING", False)]


async def test_a_plan_may_only_make_it_stricter(bench, probe):
    """What was planned as acting is not done, although this worker's action only reads."""
    result = await bench.executor.execute(bench.call(await bench.new_run(), "fetch", effect="ONCE", dry_run=True))
    assert (result.would_do, probe.calls) == (True, [])
