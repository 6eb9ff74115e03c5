"""Whatever a definition is made of: runs that are continued every few steps end as one that is not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from temporalio import workflow

from workflow_core.temporal import run_workflow_id
from workflow_worker.control import Control

CHILD = UUID("c0c0c0c0-0000-4000-8000-000000000003")
CHILD_STEPS = [
    {"id": "pause", "type": "time.wait", "config": {"mode": "duration", "durationMs": 10}},
    {"id": "out", "type": "transform.assign", "config": {"assign": {"vars.got": {"$expr": "payload.text & '!'"}}}},
]
#: What is another one in every run.
_VOLATILE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+]+\w?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Steps that one run may visit, so that the test ends in time.
_MOST = 40
#: And that each of a batch visits on average.
_LEAST = 15
#: Definitions.
_BATCH = 10
#: Steps after which a run is continued; 0: it is not.
_EVERY = (0, 1, 2, 3)

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
BLOCKS = ("then", "else", "try", "catch", "body")


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
        inside = sum(visits(step[name]) for name in BLOCKS if name in step)
        total += 1 + inside * (3 if "body" in step else 1)
    return total


def fitted(block: list[Step], room: int) -> list[Step]:
    """As much of a block as one run can visit in so many steps."""
    kept = []
    for step in block:
        if room < 1:
            break
        inner = [name for name in BLOCKS if name in step]
        share = (room - 1) // (len(inner) * (3 if "body" in step else 1) or 1)
        kept.append({**step, **{name: fitted(step[name], share) for name in inner}})
        room -= visits(kept[-1:])
    return kept


def named(block: list[Step], names: Iterator[int]) -> list[Step]:
    """With ids."""
    return [
        {
            **{key: named(value, names) if key in BLOCKS else value for key, value in step.items()},
            "id": f"s{next(names)}",
        }
        for step in block
    ]


definitions = st.lists(steps(3, fails=True, returns=True), min_size=3, max_size=4).map(
    lambda block: named([*fitted(block, _MOST), action(STATE)], iter(range(1000)))
)
#: Hypothesis begins with the simplest, which prove little.
batches = st.lists(definitions, min_size=_BATCH, max_size=_BATCH).filter(
    lambda batch: sum(map(visits, batch)) >= _BATCH * _LEAST
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


@pytest.fixture
def continued(monkeypatch):
    """The steps after which each run, and what it calls, is continued: by the run's id in the engine."""
    numbers: dict[str, int] = {}
    begin = Control.__init__

    def begin_own(self: Control, sequence: int) -> None:
        begin(self, sequence)
        info = workflow.info()
        self._every = numbers[info.parent.workflow_id if info.parent else info.workflow_id]

    monkeypatch.setattr(Control, "__init__", begin_own)
    return numbers


@settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # the example is many runs
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batch=batches)
@pytest.mark.usefixtures("posting")
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # definitions are what they are
async def test_the_same_as_without(runner, probe, continued, batch):
    """Loops in loops, several items at once, open catches, returns, waits, called workflows, failures in all places."""
    async with runner.db.tenant(runner.tenant) as conn:
        if not await conn.fetchval("SELECT count(*) FROM workflow_definitions WHERE workflow_id = $1", CHILD):
            await runner.publish(CHILD_STEPS, workflow_id=CHILD)  # a failing example comes again
    workflows = [await runner.publish(steps) for steps in batch]

    async def outcome(workflow_id: UUID, every: int) -> dict[str, Any]:
        run_id = uuid4()
        continued[run_workflow_id(str(run_id), 1)] = every
        await runner.start(workflow_id, run_id=run_id)
        run = await runner.finished(run_id)
        return {**told(run), "texts": texts(probe, run_id)}

    # All at once: most of the time they wait.
    async with asyncio.timeout(200):
        outcomes = await asyncio.gather(
            *(asyncio.gather(*(outcome(workflow_id, every) for every in _EVERY)) for workflow_id in workflows)
        )
    for steps, (at_once, *others) in zip(batch, outcomes, strict=True):
        for every, other in zip(_EVERY[1:], others, strict=True):
            assert other == at_once, json.dumps({"every": every, "steps": steps})
    async with runner.db.tenant(runner.tenant) as conn:
        assert await conn.fetchval("SELECT count(*) FROM workflow_run_waits WHERE status = 'WAITING'") == 0


def texts(probe: Any, run_id: UUID) -> list[str]:
    """What the actions of a run were given."""
    calls = zip(probe.calls, probe.inputs, strict=True)
    return sorted(_VOLATILE.sub("?", given.text) for ctx, given in calls if ctx.run_id == run_id)
