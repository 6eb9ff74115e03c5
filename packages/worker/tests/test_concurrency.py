"""``control.forEach`` with ``concurrency``: items at once, each for itself, and the same end as one after the other."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from workflow_core.errors import ActionError
from workflow_core.execution.resume import resume_run

BROKEN = ActionError("The other side is broken.", code="BROKEN")


def call(step_id, action, text=None, **config):
    mapping = {} if text is None else {"text": {"$expr": text}}
    return {
        "id": step_id,
        "type": "action.call",
        "config": {"actionId": action, "version": 1, "inputMapping": mapping, **config},
    }


def assign(step_id, **paths):
    values = {path.replace("__", "."): {"$expr": source} for path, source in paths.items()}
    return {"id": step_id, "type": "transform.assign", "config": {"assign": values}}


def loop(items, body, item_var="thing", step_id="loop", **fields):
    return {
        "id": step_id,
        "type": "control.forEach",
        "items": {"$expr": items},
        "itemVar": item_var,
        "body": body,
        **fields,
    }


def rows(run):
    return [(s["definition_step_id"], s["iteration"], s["status"]) for s in run["steps"]]


async def test_no_more_at_once_than_asked_for(runner, probe):
    """As many as asked for begin; the next one when one has ended."""
    probe.hold = asyncio.Event()
    body = [call("send", "probe.read", "thing")]
    run_id = await runner.start(await runner.publish([loop("[1..7].('i' & $)", body, concurrency=3)]))
    await runner.until(lambda: len(probe.calls) >= 3)
    assert sorted(given.text for given in probe.inputs) == ["i1", "i2", "i3"]
    probe.hold.set()
    run = await runner.finished(run_id)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert sorted(given.text for given in probe.inputs) == [f"i{n}" for n in range(1, 8)]
    (shown,) = [step["output_json"] for step in run["steps"] if step["definition_step_id"] == "loop"]
    assert shown == {"count": 7, "failed": []}
    assert sorted(row for row in rows(run) if row[0] == "send") == [("send", str(n), "SUCCEEDED") for n in range(7)]


async def test_items_do_not_see_each_other_and_merge_in_their_order(runner, probe):
    """Each begins with what was there before the loop; afterwards the last item's word holds, path by path."""
    body = [
        assign("own", vars__seen="$string(coalesce(last, 'none'))", vars__last="thing"),
        call("send", "probe.read", "seen & ' ' & last & ' ' & $string(index)"),
        assign("more", **{"vars.by.last": "thing", "meta.state": "thing", "local.mine": "thing"}),
        {
            "id": "even",
            "type": "control.if",
            "condition": {"$expr": "index = 0"},
            "then": [assign("first", **{"vars.by.first": "thing"})],
        },
    ]
    steps = [
        assign("before", vars__last="'before'", vars__thing="'mine'"),
        loop("['a', 'b', 'c']", body, concurrency=10),
        call(
            "after",
            "probe.read",
            "last & ' ' & by.last & ' ' & by.first & ' ' & meta.state & ' ' & thing & $string($exists(mine))",
        ),
    ]
    run = await runner.run(steps)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    texts = [given.text for given in probe.inputs]
    assert sorted(texts[:3]) == ["before a 0", "before b 1", "before c 2"]
    assert texts[3] == "c c a c minefalse"


async def test_failed_items_are_told_in_their_order(runner, probe):
    """``onItemError: continue``: the others go on, whichever ends first."""
    body = [
        {
            "id": "odd",
            "type": "control.if",
            "condition": {"$expr": "index % 2 = 1"},
            "then": [call("bad", "probe.fetch", "$error('item ' & $string(index))")],
            "else": [call("good", "probe.read", "thing")],
        }
    ]
    run = await runner.run([loop("['a', 'b', 'c', 'd']", body, concurrency=4, onItemError="continue")])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    (shown,) = [step["output_json"] for step in run["steps"] if step["definition_step_id"] == "loop"]
    assert (shown["count"], [failure["index"] for failure in shown["failed"]]) == (4, [1, 3])
    assert sorted(given.text for given in probe.inputs) == ["a", "c"]


async def test_a_failed_item_ends_the_loop_and_can_be_resumed(runner, probe):
    """Nothing more begins, what is under way ends; resumed, only what had not ended goes on."""
    body = [
        call("one", "probe.read", "thing & '1'"),
        {
            "id": "if",
            "type": "control.if",
            "condition": {"$expr": "thing = 'b' and payload.bad"},
            "then": [call("bad", "probe.send", "thing")],
        },
        call("two", "probe.write", "thing & '2'"),
        assign("done", **{"vars.done": "thing"}),
    ]
    handle = probe.handle

    async def fails_once(given, ctx):
        if given.text == "b" and ctx.attempt == 1:
            probe.calls.append(ctx)
            probe.inputs.append(given)
            raise BROKEN
        return await handle(given, ctx)

    for key, action in list(runner.registry.actions.items()):
        if key[0] == "probe.send":
            object.__setattr__(action, "handler", fails_once)
    steps = [loop("['a', 'b', 'c', 'd', 'e']", body, concurrency=2), call("after", "probe.read", "done")]
    failed = await runner.run(steps, {"bad": True})
    assert (failed["status"], failed["failed_step_path"], failed["failed_iteration"]) == (
        "FAILED",
        "root.steps[0].body.steps[1].then.steps[0]",
        "1",
    )
    assert "b2" not in [given.text for given in probe.inputs]
    await resume_run(
        runner.db, runner.client, runner.registry, tenant=runner.tenant, run_id=failed["run_id"], user=uuid4()
    )
    run = await runner.finished(failed["run_id"], execution=2)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    texts = [given.text for given in probe.inputs]
    assert sorted(set(texts)) == sorted([f"{item}{n}" for item in "abcde" for n in (1, 2)] + ["b", "e"])
    assert texts[-1] == "e"  # of the last item
    assert {text: texts.count(text) for text in set(texts) - {"b", "e"}} == dict.fromkeys(set(texts) - {"b", "e"}, 1)
    assert {status for _, _, status in rows(run)} == {"SUCCEEDED"}


async def test_a_return_ends_the_run(runner, probe):
    """What is under way ends; nothing after it begins."""
    body = [call("one", "probe.read", "thing"), {"id": "end", "type": "control.return"}]
    run = await runner.run([loop("[1..20].$string($)", body, concurrency=2), call("after", "probe.read", "'after'")])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert len(probe.calls) <= 2
    assert "after" not in [given.text for given in probe.inputs]


async def test_a_return_ends_what_other_items_wait_for(runner, probe):
    """Nobody is asked any more for a run that has succeeded."""
    probe.hold = asyncio.Event()
    ask = {"id": "ask", "type": "human.task", "config": {"taskType": "look", "title": "Look"}}
    leave = [call("read", "probe.read"), {"id": "return", "type": "control.return"}]
    branch = {"id": "if", "type": "control.if", "condition": {"$expr": "thing = 1"}, "then": [ask], "else": leave}
    run_id = await runner.start(await runner.publish([loop("[1, 2]", [branch], concurrency=2)]))
    await runner.until_step(run_id, "ask", "WAITING")
    probe.hold.set()
    run = await runner.finished(run_id)
    assert run["status"] == "SUCCEEDED"
    assert ("ask", "0", "CANCELED") in rows(run)
    async with runner.db.tenant(runner.tenant) as conn:
        assert await conn.fetchval("SELECT status FROM workflow_run_waits") == "CANCELED"


async def test_a_canceled_run_ends_when_its_items_have(runner, probe):
    """The effects under way end, and their rows tell it."""
    probe.hold = asyncio.Event()
    body = [call("one", "probe.send", "thing"), call("two", "probe.send", "thing")]
    run_id = await runner.start(await runner.publish([loop("['a', 'b', 'c']", body, concurrency=2)]))
    await runner.until(lambda: len(probe.calls) == 2)
    handle = runner.client.get_workflow_handle(f"{run_id}/1")
    await handle.cancel()
    await runner.until_cancel_requested(run_id)
    probe.hold.set()
    run = await runner.finished(run_id)
    assert run["status"] == "CANCELED"
    assert len(probe.calls) == 2
    assert {(name, status) for name, _, status in rows(run)} <= {
        ("one", "SUCCEEDED"),
        ("one", "CANCELED"),
        ("loop", "CANCELED"),
    }


async def test_loops_in_concurrent_loops(runner, probe):
    """Each with its own width; iterations name both items."""
    inner = loop(
        "[1, 2, 3]", [call("send", "probe.read", "thing & $string(n)")], item_var="n", step_id="in", concurrency=2
    )
    serial = loop("[1, 2]", [assign("sum", vars__sum="coalesce(sum, 0) + m")], item_var="m", step_id="serial")
    run = await runner.run(
        [
            loop("['a', 'b']", [inner, serial, assign("keep", **{"vars.sums": "sum"})], concurrency=2),
            call("after", "probe.read", "$string(sums)"),
        ]
    )
    assert run["status"] == "SUCCEEDED", run["error_json"]
    texts = [given.text for given in probe.inputs]
    assert sorted(texts[:-1]) == ["a1", "a2", "a3", "b1", "b2", "b3"]
    assert texts[-1] == "3"
    assert {row[1] for row in rows(run) if row[0] == "send"} == {f"{i}.{j}" for i in range(2) for j in range(3)}


async def test_a_thousand_at_once(runner, probe):
    """All of them are done once, and their rows are there."""
    run = await runner.run([loop("[1..1000]", [call("send", "probe.write", "$string(thing)")], concurrency=1000)])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert sorted(int(given.text) for given in probe.inputs) == list(range(1, 1001))
    assert len([row for row in rows(run) if row[0] == "send"]) == 1000
