"""Whatever a definition is made of: runs that are continued every few steps end as one that is not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from workflow_worker import control

CHILD = UUID("c0c0c0c0-0000-4000-8000-000000000003")
CHILD_STEPS = [
    {"id": "pause", "type": "time.wait", "config": {"mode": "duration", "durationMs": 10}},
    {"id": "out", "type": "transform.assign", "config": {"assign": {"vars.got": {"$expr": "payload.text & '!'"}}}},
]
#: What is another one in every run.
_VOLATILE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+]+\w?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Steps that one run may visit, so that the test ends in time.
_MOST = 30

Step = dict[str, Any]


def node(type_: str, **config: Any) -> Step:
    return {"type": type_, "config": config}


def action(text: str, name: str = "probe.read", **config: Any) -> Step:
    return node("action.call", actionId=name, version=1, inputMapping={"text": {"$expr": text}}, **config)


def event(name: str, **config: Any) -> Step:
    return node("event.wait", eventName=name, correlationKey={"$expr": "meta.runId & $string(index)"}, **config)


#: What the variables are made of; ``it`` is the innermost item.
STATE = "$string([a, b.c, it, caught.code, error.code, eventName])"
PLAIN = [
    node("transform.assign", assign={"vars.a": {"$expr": "$string(a) & 'x' & $string(it)"}}),
    node("transform.assign", assign={"vars.b.c": {"$expr": "[b.c, it]"}, "meta.m": {"$expr": "a"}}),
    node("state.set", state="S"),
    action(STATE),
    action(STATE, "probe.send", saveAs="vars.sent"),
    node("time.wait", mode="duration", durationMs=10),
    event("POSTED", assign={"vars.a": {"$expr": "event.word"}}),
    {"type": "event.wait", **event("NEVER", timeoutMs=10), "onError": {"policy": "continue"}},
    {
        "type": "control.callWorkflow",
        "workflowId": str(CHILD),
        "workflowVersion": 1,
        "inputMapping": {"text": {"$expr": "$string(it)"}},
        "outputMapping": {"vars.a": {"$expr": "childRun.vars.got"}},
    },
]
FAILING = [
    action("$error('bad')"),
    event("NEVER", timeoutMs=10),
    {"type": "control.if", "condition": {"$expr": "it = 1"}, "then": [action("$error('one')")], "else": []},
]
RETURN = {"type": "control.return"}


@st.composite
def blocks(draw: st.DrawFn, depth: int, *, fails: bool, returns: bool) -> list[Step]:
    """A block; in a concurrent loop nothing ends what is beside it, since how far that comes is a matter of time."""
    return draw(st.lists(steps(depth, fails=fails, returns=returns), min_size=1, max_size=3))


@st.composite
def steps(draw: st.DrawFn, depth: int, *, fails: bool, returns: bool) -> Step:
    """A step, with the blocks inside of it."""
    kinds = ["plain"] * 3 + ["fail"] * fails + ["return"] * returns
    kind = draw(st.sampled_from(kinds if depth == 0 else [*kinds, "if", "loop", "loop", "wide", "wide", "try"]))

    def inner(*, fails: bool = fails, returns: bool = returns) -> list[Step]:
        return draw(blocks(depth - 1, fails=fails, returns=returns))

    if kind in ("plain", "fail"):
        return draw(st.sampled_from(PLAIN if kind == "plain" else FAILING))
    if kind == "return":
        return RETURN
    if kind == "if":
        condition = draw(st.sampled_from(["it = 1", "$exists(caught)", "true"]))
        return {"type": "control.if", "condition": {"$expr": condition}, "then": inner(), "else": inner()}
    if kind == "try":
        blocks_ = {"try": inner(fails=True), "catch": inner()}
        return {"type": "control.tryCatch", "captureErrorAs": "vars.caught", **blocks_}
    goes_on = draw(st.booleans())
    wide = kind == "wide"
    loop = {
        "type": "control.forEach",
        "items": {"$expr": f"[1..{draw(st.integers(0, 3))}]"},
        "itemVar": "it",
        "body": inner(fails=goes_on or (fails and not wide), returns=returns and not wide),
        "onItemError": "continue" if goes_on else "fail",
    }
    return {**loop, "concurrency": draw(st.integers(2, 3))} if wide else loop


def visits(block: list[Step]) -> int:
    """Steps at most."""
    total = 0
    for step in block:
        inside = sum(visits(step[name]) for name in ("then", "else", "try", "catch", "body") if name in step)
        total += 1 + inside * (3 if "body" in step else 1)
    return total


def named(block: list[Step], names: Iterator[int]) -> list[Step]:
    """With ids."""
    return [
        {
            **{
                key: named(value, names) if key in ("then", "else", "try", "catch", "body") else value
                for key, value in step.items()
            },
            "id": f"s{next(names)}",
        }
        for step in block
    ]


definitions = (
    blocks(3, fails=True, returns=True)
    .filter(lambda block: 4 <= visits(block) <= _MOST)
    .map(lambda block: named([*block, action(STATE)], iter(range(1000))))
)


def told(run: dict[str, Any]) -> dict[str, Any]:
    """What is the same in every run."""

    def plain(value: Any) -> str:
        return _VOLATILE.sub("?", json.dumps(value, sort_keys=True))

    def shown(output: Any) -> Any:
        return {k: v for k, v in output.items() if k != "calls"} if isinstance(output, dict) else output

    return {
        "error": run["error_json"] and [run["error_json"][name] for name in ("code", "nodePath")],
        "status": run["status"],
        "steps": sorted(
            (step["step_path"], step["iteration"], step["status"], step["attempt"], plain(shown(step["output_json"])))
            for step in run["steps"]
        ),
    }


@pytest.fixture
async def posting(runner, post):
    """Every wait for the event gets one, as soon as it is there."""

    async def poll():
        while True:
            async with runner.db.tenant(runner.tenant) as conn:
                waits = await conn.fetch(
                    "SELECT key FROM workflow_run_waits WHERE status = 'WAITING' AND event_name = 'POSTED'"
                )
            await asyncio.gather(*(post(wait["key"], name="POSTED", word="w") for wait in waits))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(poll())
    yield
    task.cancel()


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # each example is many runs
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(batch=st.lists(definitions, min_size=3, max_size=3))
@pytest.mark.usefixtures("posting")
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # definitions are what they are
async def test_the_same_as_without(runner, probe, monkeypatch, batch):
    """Loops in loops, several items at once, open catches, returns, waits, called workflows, failures in all places."""
    async with runner.db.tenant(runner.tenant) as conn:
        if not await conn.fetchval("SELECT count(*) FROM workflow_definitions WHERE workflow_id = $1", CHILD):
            await runner.publish(CHILD_STEPS, workflow_id=CHILD)
    workflows = [await runner.publish(steps) for steps in batch]
    outcomes: dict[int, list[dict[str, Any]]] = {}
    for every in (0, 1, 2, 3):
        monkeypatch.setattr(control, "_EVERY", every)
        run_ids = await asyncio.gather(*(runner.start(workflow) for workflow in workflows))
        async with asyncio.timeout(60):
            runs = await asyncio.gather(*(runner.finished(run_id) for run_id in run_ids))
        outcomes[every] = [
            {**told(run), "texts": texts(probe, run_id)} for run, run_id in zip(runs, run_ids, strict=True)
        ]
    for every in (1, 2, 3):
        for definition, continued, at_once in zip(batch, outcomes[every], outcomes[0], strict=True):
            assert continued == at_once, json.dumps({"every": every, "steps": definition})
    async with runner.db.tenant(runner.tenant) as conn:
        assert await conn.fetchval("SELECT count(*) FROM workflow_run_waits WHERE status = 'WAITING'") == 0


def texts(probe: Any, run_id: UUID) -> list[str]:
    """What the actions of a run were given."""
    calls = zip(probe.calls, probe.inputs, strict=True)
    return sorted(_VOLATILE.sub("?", given.text) for ctx, given in calls if ctx.run_id == run_id)
