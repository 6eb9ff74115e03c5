"""What crosses Temporal: attrs instances as JSON objects, everything else as the SDK has it."""

import random
import zlib
from typing import Any

import attrs
import orjson
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from workflow_core.actions import Effect
from workflow_core.execution import models
from workflow_core.language.plan import Plan, PlannedAction
from workflow_core.temporal import action_task_queue, data_converter, run_workflow_id

PLAN = Plan(
    {"name": "Sample", "steps": [{"id": "a", "type": "control.return", "unknown": [1, None, 2.5]}]},
    {
        "acme.greet@1": PlannedAction(
            distribution="acme",
            effect=Effect.ONCE,
            io="external",
            contract="0" * 64,
            time_limit=30.0,
            max_attempts=3,
            backoff=1.0,
            multiplier=2.0,
            max_delay=60.0,
        )
    },
)
RUN_INPUT = models.RunInput(
    tenant="t", run_id="r", workflow_id="w", workflow_version=1, actor=None, plan=PLAN, payload={"ä": ["\u2028", 1]}
)
STEP = models.StepTrace(
    step_path="root.steps[0]",
    iteration="",
    step_id="a",
    step_type="state.set",
    sequence=1,
    status="SUCCEEDED",
    started_at="2026-07-01T12:00:00Z",
    completed_at="2026-07-01T12:00:01Z",
    output={"deep": [None, True]},
)
CALL = models.ActionCall(
    tenant="t",
    run_id="r",
    step_path="root.steps[0]",
    iteration="0.1",
    step_id="a",
    sequence=2,
    action_id="acme.greet",
    action_version=1,
    effect="ONCE",
    input={"name": {"$secret": "x"}},
    secrets=[["text"]],
    missing=[["tags", 0]],
    time_limit=30.0,
    explicit_key=None,
    attempt=1,
    max_attempts=3,
    actor=None,
    dispatched_at="2026-07-01T12:00:00Z",
    trace=[STEP],
)


@attrs.frozen
class Outer:
    name: str
    inner: list["Inner"] = attrs.Factory(list)
    other: "Inner | None" = None


@attrs.frozen
class Inner:
    count: int
    free: Any = None


@pytest.mark.parametrize(
    "value",
    [RUN_INPUT, CALL, STEP, Outer("a"), Outer("a", [Inner(1), Inner(2, {"b": [1.5, None]})], Inner(3))],
)
async def test_attrs(value: Any) -> None:
    """An instance, with all that is in it, arrives as it was sent."""
    (payload,) = await data_converter.encode([value])
    assert payload.metadata["encoding"] == b"json/plain"
    assert await data_converter.decode([payload], [type(value)]) == [value]


async def test_attrs_are_readable() -> None:
    """On the wire an instance is a plain JSON object: history shows it, and any client can make one."""
    (payload,) = await data_converter.encode([Outer("ä", [Inner(1)])])
    expected = {"name": "ä", "inner": [{"count": 1, "free": None}], "other": None}
    assert orjson.loads(payload.data) == expected
    assert await data_converter.decode([payload]) == [expected]


PLAIN = [None, True, 1, 1.5, "ä", b"bytes", [1, {"a": None}], {"a": [1, 2.5, "x"]}]


@pytest.mark.parametrize("value", PLAIN)
async def test_plain_values(value: Any) -> None:
    """Values that the SDK knows keep its encoding, byte for byte."""
    ours = await data_converter.encode([value])
    assert ours == await DataConverter.default.encode([value])
    assert await data_converter.decode(ours) == [value]


async def test_typed_plain_values() -> None:
    """Type hints for plain values work as in the SDK."""
    payloads = await data_converter.encode([[1, 2], {"a": 1}])
    assert await data_converter.decode(payloads, [list[int], dict[str, int]]) == [[1, 2], {"a": 1}]


def test_names() -> None:
    """Queues and workflow ids are found by name from outside."""
    assert action_task_queue("workflow-ninjaone") == "actions.workflow-ninjaone"
    assert run_workflow_id("r", 2) == "r/2"


async def test_what_is_large_is_compressed():
    """Small payloads stay as they are; those that were written uncompressed are read."""
    large = {"items": ["a device"] * 10_000}
    (small,), (compressed,) = [await data_converter.encode([value]) for value in ({"a": 1}, large)]
    assert small.data == b'{"a":1}'
    assert compressed.ByteSize() < 2000
    assert await data_converter.decode([small, compressed]) == [{"a": 1}, large]
    assert await data_converter.decode(data_converter.payload_converter.to_payloads([large])) == [large]


async def test_what_compression_makes_no_smaller_stays():
    """Such as what is compressed already."""
    (payload,) = await data_converter.encode([random.Random(1).randbytes(10_000)])
    assert payload.metadata["encoding"] == b"binary/plain"


@pytest.mark.parametrize(
    "data", [b"", b"?", zlib.compress(b"a" * 100_000)[:50], zlib.compress(bytes(65 * 1024 * 1024))]
)
async def test_broken_compressed_payloads_are_refused(data):
    """Also those that would fill the memory."""
    with pytest.raises(ValueError, match="A payload in Temporal"):
        await data_converter.decode([Payload(metadata={"encoding": b"binary/zlib"}, data=data)])
