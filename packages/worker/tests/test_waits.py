"""Steps that wait: for events, for moments, for people. A waiting run is WAITING, and nothing that comes is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from workflow_core.execution.resume import resume_run
from workflow_core.execution.tasks import claim_task, complete_task, list_tasks
from workflow_worker import control


def call(step_id, action, text=None, **fields):
    mapping = {} if text is None else {"text": {"$expr": text}}
    config = {"actionId": action, "version": 1, "inputMapping": mapping, **fields.pop("config", {})}
    return {"id": step_id, "type": "action.call", "config": config, **fields}


def wait_for_event(step_id="wait", key="payload.ticket", **config):
    return {
        "id": step_id,
        "type": "event.wait",
        "config": {"eventName": "TICKET_UPDATED", "correlationKey": {"$expr": key}, **config},
    }


def each(items, body, **fields):
    return {"id": "loop", "type": "control.forEach", "items": {"$expr": items}, "itemVar": "it", "body": body, **fields}


async def status_of(runner, run_id):
    async with runner.db.tenant(runner.tenant) as conn:
        return await conn.fetchval("SELECT status FROM workflow_runs WHERE run_id = $1", run_id)


async def test_an_event_is_waited_for(runner, probe, post, until_waiting):
    """The run is WAITING until the event with its key comes, and then sees what it brought."""
    steps = [
        wait_for_event(assign={"vars.status": {"$expr": "event.status & ' ' & eventName"}}),
        call("after", "probe.read", "status & ' ' & vars.event.ticketId"),
    ]
    run_id = await runner.start(await runner.publish(steps), {"ticket": "T1"})
    await until_waiting()
    assert await status_of(runner, run_id) == "WAITING"
    await post("T2", status="other")
    await post(name="TICKET_CLOSED", status="other")
    assert await status_of(runner, run_id) == "WAITING"
    await post(status="done")
    run = await runner.finished(run_id)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["done TICKET_UPDATED T1"]
    wait = next(step for step in run["steps"] if step["definition_step_id"] == "wait")
    assert (wait["status"], wait["output_json"]["vars.event"]["status"]) == ("SUCCEEDED", "done")


@pytest.mark.parametrize(
    ("condition", "fits", "does_not"),
    [
        ({"path": "status", "op": "=", "value": "done"}, {"status": "done"}, {"status": "open"}),
        ({"path": "n", "op": ">=", "value": 3}, {"n": 3.5}, {"n": "4"}),
        ({"path": "a.b", "op": "in", "value": [1, 2]}, {"a": {"b": 2}}, {"a": {"b": True}}),
        ({"path": "x", "op": "not_exists"}, {}, {"x": 1}),
    ],
)
async def test_only_what_fulfils_the_filters(runner, post, until_waiting, condition, fits, does_not):
    """Other events with the same key leave the run waiting."""
    run_id = await runner.start(await runner.publish([wait_for_event(filters=[condition])]), {"ticket": "T1"})
    await until_waiting()
    await post(**does_not)
    assert await status_of(runner, run_id) == "WAITING"
    await post(**fits)
    assert (await runner.finished(run_id))["status"] == "SUCCEEDED"


async def test_events_that_came_just_before(runner, probe, post):
    """What came after the run began counts; each event ends one wait of a run; the event that started it ends none."""
    probe.hold = asyncio.Event()
    steps = [
        call("first", "probe.read", "'x'"),
        wait_for_event("one", assign={"vars.one": {"$expr": "event.n"}}),
        wait_for_event("two", assign={"vars.two": {"$expr": "event.n"}}),
        call("after", "probe.read", "$string(one) & $string(two)"),
    ]
    await post(n=0)
    run_id = await runner.start(await runner.publish(steps), {"ticket": "T1"})
    await runner.until(lambda: bool(probe.calls))
    await post(n=1)
    await post(n=2)
    probe.hold.set()
    run = await runner.finished(run_id)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert probe.inputs[-1].text == "12"


async def test_many_events_and_waits_at_once(runner, post):
    """Whoever is first, the event or the wait: none is missed."""
    workflow = await runner.publish([wait_for_event(timeoutMs=60_000)])
    tickets = [f"T{n}" for n in range(25)]
    started = asyncio.gather(*(runner.start(workflow, {"ticket": ticket}) for ticket in tickets))
    run_ids = await started
    await asyncio.gather(*(post(ticket) for ticket in tickets))
    ended = await asyncio.gather(*(runner.finished(run_id) for run_id in run_ids))
    assert {run["status"] for run in ended} == {"SUCCEEDED"}


async def test_nothing_came_in_time(runner, probe):
    """The error can be caught; an event that comes later finds nobody."""
    steps = [
        {
            "id": "try",
            "type": "control.tryCatch",
            "try": [wait_for_event(timeoutMs=50)],
            "catch": [call("caught", "probe.read", "error.category & ' ' & error.code")],
        }
    ]
    run = await runner.run(steps, {"ticket": "T1"})
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["TimeoutError EVENT_WAIT_TIMEOUT"]
    async with runner.db.tenant(runner.tenant) as conn:
        assert await conn.fetchval("SELECT status FROM workflow_run_waits") == "EXPIRED"


async def test_a_wait_that_timed_out_waits_anew_when_resumed(runner, post, until_waiting):
    """The second wait is another one."""
    failed = await runner.run([wait_for_event(timeoutMs=50)], {"ticket": "T1"})
    assert failed["error_json"]["code"] == "EVENT_WAIT_TIMEOUT"
    async with runner.db.tenant(runner.tenant) as conn:
        plan = await conn.fetchval("SELECT plan FROM workflow_runs")
        plan["definition"]["steps"][0]["config"]["timeoutMs"] = 60_000
        await conn.execute("UPDATE workflow_runs SET plan = $1", plan)
    await resume_run(
        runner.db, runner.client, runner.registry, tenant=runner.tenant, run_id=failed["run_id"], user=uuid4()
    )
    await until_waiting()
    await post()
    assert (await runner.finished(failed["run_id"], execution=2))["status"] == "SUCCEEDED"


async def test_time(runner, probe):
    """For some time, until a moment, and until one that has passed; times are the run's."""
    soon = (datetime.now(UTC) + timedelta(milliseconds=300)).isoformat()
    steps = [
        {"id": "a", "type": "time.wait", "config": {"mode": "duration", "durationMs": 100}},
        {"id": "b", "type": "time.wait", "config": {"mode": "until", "until": {"$expr": "payload.soon"}}},
        {"id": "c", "type": "time.wait", "config": {"mode": "until", "until": "2020-02-29T12:00:00"}},
        call("after", "probe.read", "timeWait.mode & ' ' & timeWait.dueAt"),
    ]
    run = await runner.run(steps, {"soon": soon})
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["until 2020-02-29T12:00:00+00:00"]
    async with runner.db.tenant(runner.tenant) as conn:
        waits = await conn.fetch("SELECT wait_type, status FROM workflow_run_waits")
    assert {tuple(wait) for wait in waits} <= {("time", "RESOLVED")}
    assert run["completed_at"] >= datetime.fromisoformat(soon)


async def test_a_person(runner, probe, until_waiting):
    """A task is listed, claimed, and completed once; the run sees what was answered."""
    steps = [
        {
            "id": "ask",
            "type": "human.task",
            "config": {
                "taskType": "approval",
                "title": {"$expr": "'Reboot ' & payload.name & '?'"},
                "contextData": {"device": {"$expr": "payload.name"}},
                "assign": {"vars.yes": {"$expr": "event.approved"}},
            },
        },
        call("after", "probe.read", "$string(yes) & ' ' & eventName"),
    ]
    run_id = await runner.start(await runner.publish(steps), {"name": "SRV-01"})
    await until_waiting()
    user, other = uuid4(), uuid4()
    async with runner.db.tenant(runner.tenant) as conn:
        (task,), _ = await list_tasks(conn, runner.tenant, limit=10)
        assert (task.title, task.status, task.context_data) == ("Reboot SRV-01?", "OPEN", {"device": "SRV-01"})
        await claim_task(conn, runner.tenant, task.task_id, user=user)
    answers = await asyncio.gather(
        *(
            complete_task(runner.db, runner.client, runner.tenant, task.task_id, user=who, response={"approved": True})
            for who in (user, other)
        ),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["ConflictError", "NoneType"]
    run = await runner.finished(run_id)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert [given.text for given in probe.inputs] == ["true HUMAN_TASK_COMPLETED"]


@pytest.mark.parametrize("every", [0, 1])
async def test_concurrent_waits_over_continued_executions(runner, probe, post, until_waiting, monkeypatch, every):
    """Waits go on while the execution is continued, and each item gets its own event."""
    monkeypatch.setattr(control, "_EVERY", every)
    body = [
        call("one", "probe.read", "it"),
        wait_for_event(key="it", assign={"vars.got": {"$expr": "event.ticketId"}}),
        call("two", "probe.write", "it & got"),
    ]
    run_id = await runner.start(await runner.publish([each("['A', 'B', 'C']", body, concurrency=3)]))
    await until_waiting(3)
    for ticket in "BCA":
        await post(ticket)
    run = await runner.finished(run_id)
    assert run["status"] == "SUCCEEDED", run["error_json"]
    assert sorted(given.text for given in probe.inputs) == ["A", "AA", "B", "BB", "C", "CC"]


async def test_a_loop_that_fails_leaves_no_wait(runner, probe, until_waiting):
    """Items beside the one that failed wait no more, and the run goes on."""
    body = [
        {
            "id": "if",
            "type": "control.if",
            "condition": {"$expr": "index = 0"},
            "then": [
                {"id": "pause", "type": "time.wait", "config": {"mode": "duration", "durationMs": 300}},
                call("bad", "probe.read", "$error('no')"),
            ],
            "else": [wait_for_event(key="it")],
        }
    ]
    steps = [
        {
            "id": "try",
            "type": "control.tryCatch",
            "try": [each("['A', 'B']", body, concurrency=2)],
            "catch": [call("caught", "probe.write", "'caught'"), wait_for_event("later", key="'L'")],
        }
    ]
    run_id = await runner.start(await runner.publish(steps))
    await runner.until(lambda: bool(probe.inputs))
    await until_waiting(1)
    async with runner.db.tenant(runner.tenant) as conn:
        open_waits = await conn.fetch("SELECT step_path FROM workflow_run_waits WHERE status = 'WAITING'")
    assert [row["step_path"] for row in open_waits] == ["root.steps[0].catch.steps[1]"]
    await runner.client.get_workflow_handle(f"{run_id}/1").cancel()
    run = await runner.finished(run_id)
    assert run["status"] == "CANCELED"
    assert {step["status"] for step in run["steps"]} <= {"CANCELED", "FAILED", "SUCCEEDED"}
    async with runner.db.tenant(runner.tenant) as conn:
        assert await conn.fetchval("SELECT count(*) FROM workflow_run_waits WHERE status = 'WAITING'") == 0
