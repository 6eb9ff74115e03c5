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
    """Runs one action on a worker that dies at the point, and then on one that lives."""
    doomed = await stack.start_worker(WORKFLOW_FAULT_POINT=f"{point}:{action}")
    workflow_id, published = await stack.publish(one_step(action, mapping))
    assert published["ok"], published
    run_id = await stack.start_run(workflow_id)
    assert await doomed.ended() == -9, doomed.text()
    # The dead attempt's time limit passes; how a live one is waited for is shown with the executor.
    await stack.execute("UPDATE workflow_action_invocations SET lease_until = clock_timestamp() WHERE status = 'sent'")
    await stack.start_worker()
    return await stack.ended(run_id), await stack.rows(
        "SELECT status, sends, effect FROM workflow_action_invocations WHERE run_id = $1::text::uuid", run_id
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
    run, ledger = await run_with_a_dying_worker(stack, "tickets.create", ticket, point)
    assert run["status"] == "SUCCEEDED", run
    assert [row["title"] for row in await stack.rows("SELECT title FROM tickets WHERE title = $1", title)] == [title]
    assert [(row["status"], row["effect"]) for row in ledger] == [("succeeded", "LOCAL")]


@pytest.mark.parametrize(("point", "sends"), [("after-reserve", 1), ("after-sent", 2), ("after-answer", 2)])
async def test_repeatable_one_success_and_at_most_two_sends(stack, point, sends):
    """A sync whose answer was lost is sent once more; the ledger knows one success."""
    run, ledger = await run_with_a_dying_worker(stack, "ninjaone.devices.sync", {"device_id": DEVICE}, point)
    assert run["status"] == "SUCCEEDED", run
    assert [(row["status"], row["sends"]) for row in ledger] == [("succeeded", sends)]


@pytest.mark.parametrize(
    ("point", "reboots", "status"),
    [("after-prepare", 1, "succeeded"), ("after-sent", 0, "uncertain"), ("after-answer", 1, "uncertain")],
)
async def test_once_at_most_one_send(stack, point, reboots, status):
    """A reboot whose answer was lost is never sent again: the run ends as uncertain, whether it happened or not."""
    before = len(await stack.journal("reboot"))
    run, ledger = await run_with_a_dying_worker(stack, "ninjaone.devices.reboot", {"device_id": DEVICE}, point)
    assert len(await stack.journal("reboot")) - before == reboots
    assert [(row["status"], row["sends"]) for row in ledger] == [(status, 1)]
    if status == "uncertain":
        assert (run["status"], run["error"]["code"]) == ("FAILED", "EFFECT_UNCERTAIN")
    else:
        assert run["status"] == "SUCCEEDED", run


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
