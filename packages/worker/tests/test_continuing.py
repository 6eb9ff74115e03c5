"""An execution that is continued as a new one gives what an uninterrupted one gives."""

from __future__ import annotations

from uuid import UUID

import pytest

from workflow_core.errors import ActionError
from workflow_core.temporal import run_workflow_id
from workflow_worker import control


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


CHILD = UUID("c0c0c0c0-0000-4000-8000-000000000002")
CHILD_STEPS = [call("inside", "probe.write", "payload.text"), assign("out", vars__result="'got ' & payload.text")]
NO = ActionError("No.", code="NO")

SIMPLE = [
    assign("name", vars__name="payload.name"),
    {"id": "state", "type": "state.set", "config": {"state": "STARTED"}},
    call("read", "probe.read", "name & meta.state", saveAs="read"),
    {
        "id": "if",
        "type": "control.if",
        "condition": {"$expr": "read.text = 'AdaSTARTED'"},
        "then": [call("write", "probe.write", "payload.name"), {"id": "return", "type": "control.return"}],
    },
    call("never", "probe.write"),
]
CALLED = [
    {
        "id": "call",
        "type": "control.callWorkflow",
        "workflowId": str(CHILD),
        "workflowVersion": 1,
        "inputMapping": {"text": {"$expr": "payload.name"}},
        "outputMapping": {"vars.result": {"$expr": "childRun.vars.result"}},
    },
    call("after", "probe.read", "result"),
]
FAILED = [
    call("bad", "probe.write", onError={"policy": "continue"}),
    call("note", "probe.read", "vars.error.code & error.code"),
    loop("[1, 2]", [call("send", "probe.send", "$string(thing)")]),
]
NESTED = [
    assign("start", vars__sum="0", vars__it="'mine'"),
    {
        "id": "try",
        "type": "control.tryCatch",
        "captureErrorAs": "vars.caught",
        "try": [
            loop(
                "['a', 'b', 'c']",
                [
                    loop(
                        "[1..3]",
                        [
                            assign("add", vars__sum="sum + n"),
                            call("send", "probe.send", "thing & $string(n) & $string(sum)"),
                        ],
                        item_var="n",
                        step_id="inner",
                        onItemError="continue",
                    )
                ],
                step_id="outer",
            ),
            call("bad", "probe.fetch", "$error('here')"),
        ],
        "catch": [call("caught", "probe.write", "caught.code & ' ' & error.code & $string(sum)")],
    },
    loop(
        "[1..6]",
        [
            call("one", "probe.read", "'c' & $string(thing)"),
            assign("w", **{"vars.last": "thing", "vars.by.item": "thing & it"}),
            loop("[1, 2]", [call("two", "probe.write", "$string(thing) & $string(n)")], item_var="n", step_id="within"),
        ],
        step_id="wide",
        concurrency=3,
    ),
    call("end", "probe.read", "$string(last) & by.item & it & $string(error = null)"),
]
DEFINITIONS = {
    "simple": (SIMPLE, []),
    "called": (CALLED, []),
    "failed": (FAILED, [NO, None, None, NO]),
    "nested": (NESTED, [None, None, NO]),
}


async def executions(runner, run_id):
    """How often the run was continued."""
    return (await runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1)).describe()).run_id


def told(run):
    """What is the same however often a run is continued."""
    return {
        "status": run["status"],
        "error": run["error_json"] and {k: run["error_json"][k] for k in ("code", "message", "nodePath")},
        "steps": sorted(
            (s["step_path"], s["iteration"], s["status"], s["attempt"], _plain(s["output_json"])) for s in run["steps"]
        ),
    }


def _plain(output):
    """Outputs count the calls, which come in any order where items are concurrent; and ids of children differ."""
    return sorted((k, str(v)) for k, v in (output or {}).items() if k not in ("calls", "childRunId", "text"))


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("every", [1, 2, 5])
async def test_the_same_as_without(runner, probe, monkeypatch, name, every):
    """Whatever is under way: loops in loops, concurrent items, an open catch, a called workflow."""
    steps, failures = DEFINITIONS[name]
    await runner.publish(CHILD_STEPS, workflow_id=CHILD)
    workflow = await runner.publish(steps)
    probe.failures = list(failures)
    at_once = await runner.finished(await runner.start(workflow, {"name": "Ada"}))
    texts = sorted(given.text for given in probe.inputs)
    probe.failures, probe.inputs, probe.calls = list(failures), [], []

    monkeypatch.setattr(control, "_EVERY", every)
    run_id = await runner.start(workflow, {"name": "Ada"})
    continued = await runner.finished(run_id)
    assert told(continued) == told(at_once)
    assert sorted(given.text for given in probe.inputs) == texts
    if len(steps) > every:
        assert await executions(runner, run_id) != await first_execution(runner, run_id)


async def first_execution(runner, run_id):
    """The engine's id of the first execution in the chain."""
    handle = runner.client.get_workflow_handle(run_workflow_id(str(run_id), 1))
    history = await handle.fetch_history()
    return history.events[0].workflow_execution_started_event_attributes.first_execution_run_id


def large(name, size=200_000):
    return assign(f"large-{name}", **{f"vars.{name}": f"$pad('', {size}, '{name}')"})


async def test_more_state_than_a_run_may_have(runner, probe):
    """The step fails that assigns too much, and may be caught; what is set to null, or overwritten, counts no more."""
    attempt = {
        "id": "try",
        "type": "control.tryCatch",
        "captureErrorAs": "vars.caught",
        "try": [large("f")],
        "catch": [assign("drop", vars__a="null"), large("f")],
    }
    steps = [
        *map(large, "abcde"),
        loop("[1..20]", [assign("again", vars__b="$pad('', 200000, $string(thing))")], step_id="over"),
        attempt,
        call("told", "probe.read", "caught.code & ' ' & caught.nodePath & ' ' & $string($length(f))"),
        large("a"),
    ]
    run = await runner.run(steps)
    assert [given.text for given in probe.inputs] == ["STATE_TOO_LARGE root.steps[6].try.steps[0] 200000"]
    assert (run["error_json"]["code"], run["error_json"]["nodePath"]) == ("STATE_TOO_LARGE", "root.steps[8]")


async def test_a_payload_takes_no_room_from_the_variables(runner, probe, monkeypatch):
    """The run's row has it, and a continued execution reads it there; what was assigned to it is kept."""
    monkeypatch.setattr(control, "_EVERY", 1)
    steps = [*map(large, "abcd"), assign("mine", payload__mine="'m'"), call("end", "probe.read", "mine & payload.mine")]
    steps[-1]["config"]["inputMapping"] = {"text": {"$expr": "payload.mine & $string($length(payload.text)) & d"}}
    steps.insert(4, assign("less", vars__a="null", vars__d="'d'"))
    run = await runner.run(steps, {"text": "t" * 1_000_000})
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["m1000000d"]
