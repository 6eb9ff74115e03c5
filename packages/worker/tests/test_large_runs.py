"""Large runs, small enough for every change; ``./dev bench scale`` has the large numbers."""

from __future__ import annotations

import asyncio
from functools import reduce

import pytest

from workflow_core.temporal import run_workflow_id
from workflow_worker import control

DEPTH = 100


def call(step_id, action, text):
    config = {"actionId": action, "version": 1, "inputMapping": {"text": {"$expr": text}}}
    return {"id": step_id, "type": "action.call", "config": config}


def loop(step_id, items, body, item_var="thing", **fields):
    return {
        "id": step_id,
        "type": "control.forEach",
        "items": {"$expr": items},
        "itemVar": item_var,
        "body": body,
        **fields,
    }


def around(inner, level):
    """The block ``level`` of those in each other."""
    step = f"s{level}"
    if level % 4 == 0:
        return loop(step, "[1]", [inner], item_var=f"item{level}")
    if level % 4 == 1:
        return loop(step, "[1]", [inner], item_var=f"item{level}", concurrency=2)
    if level % 4 == 2:
        return {"id": step, "type": "control.if", "condition": {"$expr": "true"}, "then": [inner], "else": []}
    return {"id": step, "type": "control.tryCatch", "try": [inner], "catch": []}


async def histories(runner, run_id, execution=1):
    """Events and bytes of each execution in the engine that a run was continued in."""
    query = f'WorkflowId = "{run_workflow_id(str(run_id), execution)}"'
    async with asyncio.timeout(30):
        while True:  # what is listed follows what is
            infos = [found.raw_info async for found in runner.client.list_workflows(query)]
            if infos and all(info.status != 1 and info.history_length for info in infos):
                return [(info.history_length, info.history_size_bytes) for info in infos]
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("every", [0, 20])
async def test_a_hundred_blocks_in_each_other(runner, probe, monkeypatch, every):
    """The innermost step sees the items of all loops, also where the run is continued inside of them."""
    monkeypatch.setattr(control, "_EVERY", every)
    inner = call("inner", "probe.write", "$string(item0 + item1 + item96 + item97)")
    run = await runner.run([reduce(around, range(DEPTH), inner)])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["4"]
    (step,) = [step for step in run["steps"] if step["definition_step_id"] == "inner"]
    assert step["iteration"].count(".") == DEPTH // 2 - 1
    assert len(run["steps"]) == DEPTH + 1


@pytest.mark.parametrize("concurrency", [1, 10])
async def test_histories_do_not_grow_with_the_items(runner, probe, monkeypatch, concurrency):
    """A hundred and twenty items take many short histories; each is done once, in a row of its own."""
    monkeypatch.setattr(control, "_EVERY", 20)
    items = 120
    run = await runner.run(
        [loop("loop", f"[1..{items}]", [call("do", "probe.send", "$string(thing)")], concurrency=concurrency)]
    )
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert sorted(int(given.text) for given in probe.inputs) == list(range(1, items + 1))
    assert sum(step["definition_step_id"] == "do" for step in run["steps"]) == items
    kept = await histories(runner, run["run_id"])
    assert len(kept) > 3
    assert max(events for events, _ in kept) < 300
    assert max(size for _, size in kept) < 100_000


async def test_what_waits_is_small(runner, probe, until_waiting, post):
    """A hundred runs that wait for an event have short histories, and each goes on with its own."""
    wait = {"id": "wait", "type": "event.wait"}
    config = {"eventName": "TICKET_UPDATED", "correlationKey": {"$expr": "payload.key"}}
    workflow_id = await runner.publish([{**wait, "config": config}, call("after", "probe.read", "event.ticketId")])
    run_ids = await asyncio.gather(*(runner.start(workflow_id, {"key": f"T{n}"}) for n in range(100)))
    await until_waiting(100)
    infos = [
        (await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).describe()).raw_info
        for run_id in run_ids[:3]
    ]
    assert all(info.history_length < 10 and info.history_size_bytes < 5_000 for info in infos)
    await asyncio.gather(*(post(f"T{n}") for n in range(100)))
    runs = await asyncio.gather(*(runner.finished(run_id) for run_id in run_ids))
    assert {run["status"] for run in runs} == {"SUCCEEDED"}
    assert sorted(given.text for given in probe.inputs) == sorted(f"T{n}" for n in range(100))
