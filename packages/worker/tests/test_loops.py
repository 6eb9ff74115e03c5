"""``control.forEach``: what its body sees, what it records, and what a failing item does."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from workflow_core.errors import ActionError
from workflow_core.temporal import data_converter, run_workflow_id
from workflow_worker.computing import Computing, FairRunner
from workflow_worker.interpreter import RunWorkflow
from workflow_worker.trace import RECORDED_ITERATIONS


def call(step_id, action, text=None, **config):
    mapping = {} if text is None else {"text": text if isinstance(text, dict) else {"$expr": text}}
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


async def steps_of(runner, run_id):
    async with runner.db.tenant(runner.tenant) as conn:
        return await conn.fetchval("SELECT count(*) FROM workflow_run_steps WHERE run_id = $1", run_id)


def rows(run):
    return [(s["definition_step_id"], s["iteration"], s["status"]) for s in run["steps"]]


async def test_the_body_runs_once_for_each_item_with_its_locals(runner, probe):
    """Locals by bare name and under ``local``, the item's variable under ``vars``; rows carry path and iteration."""
    text = (
        "thing & ' ' & item & ' ' & vars.thing & ' ' & local.thing & ' ' & index & '/' & length & ' ' "
        "& $string(isFirst) & ' ' & $string(local.isLast)"
    )
    run = await runner.run([loop("payload.names", [call("a", "probe.read", text)])], {"names": ["x", "y"]})
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["x x x x 0/2 true false", "y y y y 1/2 false true"]
    assert [(s["step_path"], s["iteration"], s["status"]) for s in run["steps"]] == [
        ("root.steps[0]", "", "SUCCEEDED"),
        ("root.steps[0].body.steps[0]", "0", "SUCCEEDED"),
        ("root.steps[0].body.steps[0]", "1", "SUCCEEDED"),
    ]
    assert run["steps"][0]["output_json"] == {"count": 2, "failed": []}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("payload.nothing", []),
        ("null", []),
        ("payload.list[kind = 'none']", []),
        ("payload.list[kind = 'one'].name", ["b"]),
        ("payload.list.name", ["a", "b"]),
        ("'text'", ["text"]),
        ("[null]", [""]),
    ],
)
async def test_items_may_be_nothing_one_thing_or_a_list(runner, probe, items, expected):
    """A JSONata path that matches nothing is no item, and one that matches one thing is one item."""
    payload = {"list": [{"kind": "two", "name": "a"}, {"kind": "one", "name": "b"}]}
    run = await runner.run([loop(items, [call("a", "probe.read", "$string(coalesce(item, ''))")])], payload)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == expected


async def test_equal_inputs_of_two_iterations_are_two_effects(runner, probe):
    """The ledger's key holds the path of the iterations, in nested loops too."""
    body = [loop("[1, 2]", [call("write", "probe.write", "'same'")], "b", "inner")]
    run = await runner.run([loop("['x', 'y']", body, "a", concurrency=4)])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert len(probe.calls) == 4
    assert sorted(row["iteration"] for row in run["ledger"]) == ["0.0", "0.1", "1.0", "1.1"]
    assert len({row["key"] for row in run["ledger"]}) == 4
    assert [iteration for step, iteration, _ in rows(run) if step == "inner"] == ["0", "1"]


async def test_locals_and_the_item_variable_come_back(runner, probe):
    """An inner loop hides the outer one's locals, and what stood before a loop stands after it again."""
    seen = [
        call("before", "probe.read", "item & ' ' & $string(index)"),
        loop("[10, 20]", [call("inside", "probe.read", "$string(item) & ' ' & a")], "b", "inner"),
        call("after", "probe.read", "item & ' ' & $string(index) & ' ' & $string($exists(b))"),
    ]
    run = await runner.run(
        [
            assign("set", vars__a="'kept'", local__own="'mine'"),
            loop("['x']", seen, "a"),
            call("end", "probe.read", "vars.a & ' ' & own & ' ' & $string($exists(item)) & $string($exists(vars.b))"),
        ]
    )
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["x 0", "10 x", "20 x", "x 0 false", "kept mine falsefalse"]


async def test_a_loop_can_accumulate_in_vars(runner, probe):
    """What the body assigns to other variables stays, from one item to the next."""
    run = await runner.run(
        [
            assign("start", vars__sum="0"),
            loop("[1..5]", [assign("add", vars__sum="vars.sum + n")], "n"),
            call("end", "probe.read", "$string(sum)"),
        ]
    )
    assert (run["status"], probe.inputs[0].text) == ("SUCCEEDED", "15")


async def test_a_failing_item_ends_the_run_by_default(runner, probe):
    """The item's row and the loop's row say FAILED, with the item's error."""
    probe.failures = [None, ActionError("No.", code="NO")]
    run = await runner.run([loop("[1, 2, 3]", [call("a", "probe.write")])])
    assert (run["status"], run["error_json"]["code"]) == ("FAILED", "NO")
    assert run["error_json"]["nodePath"] == "root.steps[0].body.steps[0]"
    assert rows(run) == [("loop", "", "FAILED"), ("a", "0", "SUCCEEDED"), ("a", "1", "FAILED")]
    assert run["steps"][0]["output_json"] == {"count": 3, "failed": [], "stoppedAt": 1}
    assert run["steps"][0]["error_json"]["code"] == "NO"


async def test_with_on_item_error_continue_the_next_item_follows(runner, probe):
    """Whatever step of the body fails, also one inside of other blocks; the loop's row lists the items."""
    probe.failures = [None, None, ActionError("No.", code="NO")]
    body = [
        {"id": "if", "type": "control.if", "condition": True, "then": [call("a", "probe.write", "$string(n)")]},
        assign("check", vars__x="n = 3 ? $error('three') : n"),
        call("b", "probe.read", "'b' & n"),
    ]
    run = await runner.run(
        [loop("[1, 2, 3, 4]", body, "n", onItemError="continue"), call("end", "probe.read", "'end'")]
    )
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["1", "b1", "2", "3", "4", "b4", "end"]
    shown = run["steps"][0]["output_json"]
    assert (shown["count"], [(f["index"], f["code"]) for f in shown["failed"]]) == (
        4,
        [(1, "NO"), (2, "EXPRESSION_FAILED")],
    )
    assert [row for row in rows(run) if row[2] == "FAILED"] == [("a", "1", "FAILED"), ("check", "2", "FAILED")]


async def test_what_a_loop_shows_of_its_failures_is_bounded(runner):
    """Hundreds of failing items do not make its row large."""
    body = [{**assign("a", vars__x="$error('no')")}]
    run = await runner.run([loop("[1..300]", body, onItemError="continue")])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    shown = run["steps"][0]["output_json"]
    assert (len(shown["failed"]), shown["failedCount"], shown["count"]) == (50, 300, 300)


async def test_rows_of_control_steps_are_bounded_over_nested_loops(runner, probe):
    """The outer loop counts what has no row, also inside of the inner ones; actions always have theirs."""
    inner = loop("[1..30]", [assign("add", vars__x="n")], "n", "inner")
    run = await runner.run([loop("[1..40]", [inner, call("act", "probe.read")], "m")])
    assert run["status"] == "SUCCEEDED", run["error_json"]
    counts = Counter(step for step, _, _ in rows(run))
    assert counts == {"loop": 1, "inner": 40, "act": 40, "add": RECORDED_ITERATIONS}
    assert run["steps"][0]["output_json"]["unrecorded"] == 40 * 30 - RECORDED_ITERATIONS


async def test_return_in_a_loop_ends_the_run(runner, probe):
    """The loop's row says how far it came."""
    stop = {
        "id": "if",
        "type": "control.if",
        "condition": {"$expr": "index = 1"},
        "then": [{"id": "stop", "type": "control.return"}],
    }
    run = await runner.run([loop("[1, 2, 3]", [call("a", "probe.read"), stop]), call("never", "probe.read")])
    assert (run["status"], len(probe.calls)) == ("SUCCEEDED", 2)
    assert run["steps"][0]["output_json"] == {"count": 3, "failed": [], "stoppedAt": 1}


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({**loop("", []), "items": [1] * 50001}, "TOO_MANY_ITEMS"),
        (loop("1 +", []), "INVALID_EXPRESSION"),
        (loop("[1]", [], item_var=None), "INVALID_CONFIG"),
    ],
    ids=["too many", "expression", "itemVar"],
)
async def test_a_loop_that_cannot_begin_fails_with_its_path(runner, step, code):
    """Nothing of its body runs."""
    run = await runner.run([step])
    assert (run["status"], run["error_json"]["code"], run["error_json"]["nodePath"]) == (
        "FAILED",
        code,
        "root.steps[0]",
    )


async def test_a_canceled_loop_closes_its_row(runner, probe):
    """The step under way and the loop around it end as CANCELED."""
    probe.failures = [ActionError("later", code="LATER")]
    waiting = {
        **call("a", "probe.read"),
        "retry": {"maxAttempts": 2, "backoffMs": 60000, "retryOn": ["LATER"]},
    }
    run_id = await runner.start(await runner.publish([loop("[1, 2]", [waiting])]))
    await runner.until(lambda: bool(probe.calls))
    await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).cancel()
    run = await runner.finished(run_id)
    assert run["status"] == "CANCELED"
    assert rows(run) == [("loop", "", "CANCELED"), ("a", "0", "CANCELED")]


async def test_a_long_loop_yields_to_other_runs(runner, probe, caplog):
    """30,000 small evaluations neither stall another run nor hang; few rows, a short history, and it replays."""
    long = [
        assign("start", vars__sum="0"),
        loop("payload.names", [assign("add", vars__sum="vars.sum + $length(n)")], "n"),
        call("end", "probe.read", "$string(sum)"),
    ]
    short = await runner.publish([call("quick", "probe.read", "'quick'")])
    long_id = await runner.start(await runner.publish(long), {"names": ["x"] * 30000})
    handle = runner.client.get_workflow_handle(run_workflow_id(str(long_id), 1))
    while (await steps_of(runner, long_id)) < 100:
        await asyncio.sleep(0.05)  # until it is in the middle of its work
    quick = await runner.finished(await runner.start(short))
    run = await runner.finished(long_id)
    assert (quick["status"], run["status"]) == ("SUCCEEDED", "SUCCEEDED"), run["error_json"]
    assert quick["completed_at"] < run["completed_at"]
    assert [given.text for given in probe.inputs] == ["quick", "30000"]
    assert not [record for record in caplog.records if "TMPRL1101" in record.getMessage()]

    # Of the loop's step the first executions have rows; the loop says how many have none.
    assert len(run["steps"]) == RECORDED_ITERATIONS + 3
    assert run["steps"][1]["output_json"] == {"count": 30000, "failed": [], "unrecorded": 30000 - RECORDED_ITERATIONS}

    history = await handle.fetch_history()
    assert len(history.events) < 1000
    assert len(history.to_json()) < 1_000_000
    replayer = Replayer(workflows=[RunWorkflow], workflow_runner=FairRunner(Computing()), data_converter=data_converter)
    await replayer.replay_workflow(WorkflowHistory.from_json("long/1", json.loads(history.to_json())))
