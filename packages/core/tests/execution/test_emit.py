"""An event is kept if, and only if, the action that emits it commits."""

from __future__ import annotations

import attrs
import pytest

from workflow_core.errors import ActionError
from workflow_core.events import EventType, emit
from workflow_core.execution.failed_attempts import ExecutionFailedError
from workflow_core.secrets import WORKFLOW_SCOPE


@attrs.frozen(kw_only=True)
class Happened:
    """What the event brings."""

    thing: str


HAPPENED = EventType(
    name="THING_HAPPENED", label="Happened", description="", payload=Happened, schema_ref="payload.ThingHappened.v1"
)


async def events(bench):
    """What the inbox holds."""
    async with bench.db.tenant(bench.tenant) as conn:
        return [dict(row) for row in await conn.fetch("SELECT * FROM workflow_runtime_events")]


async def test_an_emitted_event_waits_in_the_inbox(bench, probe):
    """With its schema, its correlation key and the run that it came from."""

    async def behave(given, ctx):
        await emit(ctx, HAPPENED, Happened(thing="7"), correlation_key="7")
        return {"text": "", "calls": 1}

    probe.behave = behave
    run_id = await bench.new_run()
    await bench.executor.execute(bench.call(run_id, "write"))
    [event] = await events(bench)
    assert event["event_name"] == "THING_HAPPENED"
    assert event["payload"] == {"thing": "7"}
    assert event["payload_schema_ref"] == "payload.ThingHappened.v1"
    assert (event["correlation_key"], event["source_run_id"], event["processed_at"]) == ("7", run_id, None)


async def test_an_event_tells_no_secret(bench, probe):
    """What the step was given as a secret is left out of payload and key, from which runs would have it."""

    async def behave(given, ctx):
        await emit(ctx, HAPPENED, Happened(thing=f"Say {given.text}"), correlation_key=given.text)
        return {"text": "", "calls": 1}

    probe.behave = behave
    async with bench.db.tenant(bench.tenant) as conn:
        await bench.secrets.write(conn, bench.tenant, WORKFLOW_SCOPE, "DOOR", "open sesame", actor=None)
    given = {"text": {"$secret": "DOOR"}}
    await bench.executor.execute(bench.call(await bench.new_run(), "write", given, secrets=[["text"]]))
    [event] = await events(bench)
    assert (event["payload"], event["correlation_key"]) == ({"thing": "Say [REDACTED]"}, "[REDACTED]")


async def test_a_failed_action_emits_nothing(bench, probe):
    """The event is rolled back with everything else."""

    async def behave(given, ctx):
        await emit(ctx, HAPPENED, Happened(thing="7"))
        raise ActionError("No.")

    probe.behave = behave
    with pytest.raises(ExecutionFailedError):
        await bench.executor.execute(bench.call(await bench.new_run(), "write"))
    assert await events(bench) == []


async def test_a_payload_of_another_class_is_a_mistake(bench, probe):
    """An event brings what its type says."""

    async def behave(given, ctx):
        await emit(ctx, HAPPENED, {"thing": "7"})

    probe.behave = behave
    with pytest.raises(ExecutionFailedError) as caught:
        await bench.executor.execute(bench.call(await bench.new_run(), "write"))
    assert caught.value.error["code"] == "INTERNAL_ERROR"
    assert await events(bench) == []
