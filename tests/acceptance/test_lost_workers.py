"""Workers killed (SIGKILL) in the middle of an effect: what is done, what is done again, and what is left to a person.

A worker is told a moment at which it kills itself; another one then takes over.
"""

from __future__ import annotations

import pytest

from workflow_devstack.seed import CONNECTED

ALERT = "8a3c2501-fa39-5cf9-9d8e-702a6cf90493"
DEVICE = 101


def one_step(action, mapping):
    return {
        "id": "x",
        "version": 1,
        "name": action,
        "payloadSchemaRef": "payload.Empty.v1",
        "steps": [
            {
                "id": "act",
                "type": "action.call",
                "config": {"actionId": action, "version": 1, "inputMapping": mapping},
            }
        ],
    }


async def run_with_a_dying_worker(stack, action, mapping, point):
    """Runs one action on a worker that dies at the point; then one that lives takes over."""
    doomed = await stack.start_worker(WORKFLOW_FAULT_POINT=f"{point}:{action}")
    workflow_id, published = await stack.publish(one_step(action, mapping))
    assert published["ok"], published
    run_id = await stack.start_run(workflow_id)
    assert await doomed.ended() == -9, doomed.text()
    # The dead attempt's time limit passes; how a live one is waited for is shown with the executor.
    await stack.execute("UPDATE workflow_action_invocations SET lease_until = clock_timestamp() WHERE status = 'sent'")
    await stack.start_worker()
    return run_id


async def ledger_of(stack, run_id):
    return await stack.rows(
        "SELECT status, sends, effect FROM workflow_action_invocations WHERE run_id = $1::text::uuid", run_id
    )


async def uncertain_effect(stack, run_id):
    """The effect that a run waits for, as the API lists it, once it does."""

    async def listed():
        status, answer = await stack.call("GET", "/api/workflow-runs/effects?status=uncertain")
        assert status == 200, answer
        return [effect for effect in answer["effects"] if effect["waitingRunIds"] == [run_id]]

    (effect,) = await stack.until(listed, "the run waits for a settlement")
    assert (await stack.run_of(run_id))["status"] == "WAITING"
    return effect


async def settle(stack, effect, decision, **body):
    return await stack.call(
        "POST",
        f"/api/workflow-runs/effects/{effect['invocationId']}/settle",
        {"decision": decision, "reason": "Looked at the device.", **body},
    )


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
async def test_local_exactly_one_ticket(stack, point):
    """Killed around the commit: the ticket and its ledger row are there together, once."""
    title = f"Killed {point}"
    ticket = {
        "client_id": str(CONNECTED.client_id("Northwind Dental")),
        "title": title,
        "board_id": str(CONNECTED.board_id),
        "priority_id": str(CONNECTED.priority_ids["Low"]),
    }
    run_id = await run_with_a_dying_worker(stack, "tickets.create", ticket, point)
    run, ledger = await stack.ended(run_id), await ledger_of(stack, run_id)
    assert run["status"] == "SUCCEEDED", run
    assert [row["title"] for row in await stack.rows("SELECT title FROM tickets WHERE title = $1", title)] == [title]
    assert [(row["status"], row["effect"]) for row in ledger] == [("succeeded", "LOCAL")]


@pytest.mark.parametrize(("point", "sends"), [("after-reserve", 1), ("after-sent", 2), ("after-answer", 2)])
async def test_repeatable_one_success_and_at_most_two_sends(stack, point, sends):
    """A sync whose answer was lost is sent once more; the ledger knows one success."""
    run_id = await run_with_a_dying_worker(stack, "ninjaone.devices.sync", {"device_id": DEVICE}, point)
    run, ledger = await stack.ended(run_id), await ledger_of(stack, run_id)
    assert run["status"] == "SUCCEEDED", run
    assert [(row["status"], row["sends"]) for row in ledger] == [("succeeded", sends)]


async def test_once_what_was_not_sent_is_sent(stack):
    """A reboot that had only been prepared is sent by the next worker, once."""
    before = len(await stack.journal("reboot"))
    run_id = await run_with_a_dying_worker(stack, "ninjaone.devices.reboot", {"device_id": DEVICE}, "after-prepare")
    assert (await stack.ended(run_id))["status"] == "SUCCEEDED"
    assert len(await stack.journal("reboot")) - before == 1
    assert [(row["status"], row["sends"]) for row in await ledger_of(stack, run_id)] == [("succeeded", 1)]


async def test_once_what_has_happened_is_found(stack):
    """Killed between the answer and its commit: the next worker finds the reboot in NinjaOne, and sends none."""
    before = len(await stack.journal("reboot"))
    run_id = await run_with_a_dying_worker(stack, "ninjaone.devices.reboot", {"device_id": DEVICE}, "after-answer")
    assert (await stack.ended(run_id))["status"] == "SUCCEEDED"
    assert len(await stack.journal("reboot")) - before == 1
    assert [(row["status"], row["sends"]) for row in await ledger_of(stack, run_id)] == [("succeeded", 1)]
    _, steps = await stack.call("GET", f"/api/workflow-runs/{run_id}/steps")
    assert steps["steps"][0]["notes"] == ["found done by looking"]


@pytest.mark.parametrize(
    ("when", "sends"),
    [("before", 2), ("after", 1)],
)
async def test_repeatable_is_looked_for_before_it_is_sent_again(stack, when, sends):
    """The connection is cut before or after the reset was done: it is done once, and a new alert would stay."""
    alert = await stack.simulated("POST", "alerts", {"deviceId": DEVICE})
    await stack.simulated("POST", "faults", {"method": "POST", "path": "/reset", "effect": {"cut": when}})
    await stack.start_worker()
    workflow_id, _ = await stack.publish(one_step("ninjaone.alerts.reset", {"external_alert_id": alert["uid"]}))
    run_id = await stack.start_run(workflow_id)
    assert (await stack.ended(run_id))["status"] == "SUCCEEDED"
    assert [(row["status"], row["sends"]) for row in await ledger_of(stack, run_id)] == [("succeeded", sends)]
    done = [e for e in await stack.journal("alert_reset") if e["uid"] == alert["uid"] and e["outcome"] == "done"]
    assert len(done) == 1


@pytest.mark.parametrize(
    ("decision", "output", "reboots", "ended", "ledger"),
    [
        ("send_again", None, 1, "SUCCEEDED", ("succeeded", 2)),
        ("happened", {"reboot_requested": True, "external_device_id": str(DEVICE)}, 0, "SUCCEEDED", ("succeeded", 1)),
        ("fail", None, 0, "FAILED", ("uncertain", 1)),
    ],
)
async def test_once_what_nobody_can_know_is_settled_by_a_person(stack, decision, output, reboots, ended, ledger):
    """Killed between *sent* and the call: it shows nowhere, and the run waits until somebody decides."""
    before = len(await stack.journal("reboot"))
    run_id = await run_with_a_dying_worker(stack, "ninjaone.devices.reboot", {"device_id": DEVICE}, "after-sent")
    effect = await uncertain_effect(stack, run_id)
    assert (effect["actionLabel"], effect["input"]["device_id"], effect["cause"]["code"]) == (
        "Reboot device",
        DEVICE,
        "WORKER_LOST",
    )
    assert len(await stack.journal("reboot")) == before
    status, settled = await settle(stack, effect, decision, **({} if output is None else {"output": output}))
    assert (status, settled["runIds"]) == (200, [run_id]), settled
    run = await stack.ended(run_id)
    assert (run["status"], (run["error"] or {}).get("code")) == (
        ended,
        "EFFECT_FAILED" if decision == "fail" else None,
    )
    assert len(await stack.journal("reboot")) - before == reboots
    assert [(row["status"], row["sends"]) for row in await ledger_of(stack, run_id)] == [ledger]
    assert (await settle(stack, effect, decision, **({} if output is None else {"output": output})))[0] == 409


async def test_a_worker_that_is_asked_to_stop_finishes_what_it_does(stack):
    """SIGTERM in the middle of a slow call: the call ends, its answer is kept, and the worker exits with 0."""
    await stack.simulated(
        "POST", "faults", {"method": "POST", "path": "/reset", "effect": {"hang_seconds": 2, "when": "before"}}
    )
    worker = await stack.start_worker()
    workflow_id, _ = await stack.publish(one_step("ninjaone.alerts.reset", {"external_alert_id": ALERT}))
    run_id = await stack.start_run(workflow_id)

    ledger = "SELECT status, sends FROM workflow_action_invocations WHERE run_id = $1::text::uuid"

    async def sent():
        return [row for row in await stack.rows(ledger, run_id) if row["status"] == "sent"]

    await stack.until(sent, "the reset is under way")
    assert await worker.stop() == 0, worker.text()
    (row,) = await stack.rows(ledger, run_id)
    assert (row["status"], row["sends"]) == ("succeeded", 1)
    pid = worker.process.pid
    assert await stack.rows("SELECT 1 FROM workflow_workers WHERE identity LIKE $1", f"{pid}@%") == []
    await stack.start_worker()
    assert (await stack.ended(run_id))["status"] == "SUCCEEDED"
