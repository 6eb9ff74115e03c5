"""A stored secret reaches the action that names it, and nothing else: no row, no history, no log has its value."""

from __future__ import annotations

import base64
import json

import asyncpg
from temporalio.client import Client

from workflow_core.temporal import run_workflow_id
from workflow_core.testing.temporal import everything_in
from workflow_devstack.seed import CONNECTED

VALUE = 'pa"ss/wörd-7f3a9c51e2'
#: As it could stand in a row, in a payload or in a line of a log.
FORMS = (VALUE, json.dumps(VALUE)[1:-1], json.dumps(VALUE, ensure_ascii=False)[1:-1], "7f3a9c51e2")
#: Where the action that was given the secret put it, and where it is encrypted.
EXPECTED = {"tickets", "assets"}


def call(step, action, mapping, **config):
    return {
        "id": step,
        "type": "action.call",
        "config": {"actionId": action, "version": 1, "inputMapping": mapping, **config},
    }


SECRET = {"$secret": "PASSPHRASE"}
TICKET = {
    "client_id": str(CONNECTED.client_id("Northwind Dental")),
    "title": "With a secret",
    "description": SECRET,
    "board_id": str(CONNECTED.board_id),
    "priority_id": str(CONNECTED.priority_ids["Low"]),
}


def workflow(name, *steps):
    return {"id": "x", "version": 1, "name": name, "payloadSchemaRef": "payload.Empty.v1", "steps": list(steps)}


def contains(content):
    """Whether text or bytes have the value in any of its forms, or in base64."""
    raw = content.encode() if isinstance(content, str) else content
    whole = VALUE.encode()
    # Base64 takes three bytes at a time: the value may begin with the first, the second or the third of them.
    encoded = [base64.b64encode(whole[start : start + (len(whole) - start) // 3 * 3]) for start in range(3)]
    return any(form in raw for form in (*(form.encode() for form in FORMS), *encoded))


async def tables_with_the_value(stack):
    """Looks through every row of every table, as the superuser who sees all."""
    conn = await asyncpg.connect(stack.database.admin_dsn)
    try:
        names = await conn.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        found = set()
        for (name,) in names:
            rows = await conn.fetch(f'SELECT t::text AS text FROM "{name}" t')
            if any(contains(row["text"]) for row in rows):
                found.add(name)
        return found
    finally:
        await conn.close()


async def history_of(stack, run_id):
    """Everything that Temporal keeps of a run."""
    client = await Client.connect(stack.temporal_address)
    history = await client.get_workflow_handle(run_workflow_id(run_id, 1)).fetch_history()
    return await everything_in(history.events)


async def test_a_secret_is_used_and_kept_nowhere(stack):
    """In a database action, an external one, an output that shows it, and in two errors."""
    await stack.hold_jobs()  # they would bring the asset's name to other tables
    worker = await stack.start("workflow-worker", "--log-level", "debug")
    await stack.until(lambda: is_ready(worker), "the worker is ready")
    status, _ = await stack.call("PUT", "/api/workflow/secrets/PASSPHRASE", {"value": VALUE})
    assert status == 204
    await stack.execute(
        "UPDATE assets SET name = $1 WHERE asset_id = (SELECT asset_id FROM assets ORDER BY asset_id LIMIT 1)", VALUE
    )
    used, published = await stack.publish(
        workflow(
            "Uses it",
            call("find", "assets.find", {"name": SECRET}, saveAs="found"),
            call("ask", "ninjaone.devices.find", {"query": SECRET, "live": True}),
            call("create", "tickets.create", TICKET),
            {"id": "done", "type": "control.return", "value": {"$expr": "found.asset.name"}},
        )
    )
    assert published["ok"], published
    misused, published = await stack.publish(
        workflow("Fails with it", call("create", "tickets.create", {**TICKET, "board_id": SECRET}))
    )
    assert published["ok"], published
    large, published = await stack.publish(
        workflow(
            "Uses it beside much",
            call("create", "tickets.create", {**TICKET, "title": "Large", "tags": [f"tag {n}" for n in range(600)]}),
        )
    )
    assert published["ok"], published
    refused, published = await stack.publish(
        workflow("Is refused with it", call("get", "ninjaone.alerts.get", {"external_alert_id": SECRET}))
    )
    assert published["ok"], published

    runs = [await stack.start_run(each) for each in (used, misused, refused, large)]
    ended = [await stack.ended(run_id) for run_id in runs]

    assert [run["status"] for run in ended] == ["SUCCEEDED", "FAILED", "FAILED", "SUCCEEDED"], ended
    assert [run["error"] and run["error"]["code"] for run in ended] == [None, "VALIDATION_ERROR", "NOT_FOUND", None]
    (ticket,) = await stack.rows(
        "SELECT attributes ->> 'description' AS description FROM tickets WHERE title = $1", TICKET["title"]
    )
    assert ticket["description"] == VALUE
    for run_id in runs:
        _, steps = await stack.call("GET", f"/api/workflow-runs/{run_id}/steps")
        assert all(step["input"] for step in steps["steps"] if step["type"] == "action.call")
        assert not contains(json.dumps(steps, ensure_ascii=False))
        history = await history_of(stack, run_id)
        assert b"PASSPHRASE" in history  # what is looked through is the history: it has the secret's name
        assert not contains(history)
    assert b"tag 599" in history  # also where it is compressed
    assert not contains(json.dumps(ended, ensure_ascii=False))
    assert await tables_with_the_value(stack) == EXPECTED
    assert await worker.stop() == 0
    for process in stack.processes:
        assert not contains(process.text()), process.log


async def is_ready(worker):
    assert worker.process.returncode is None, worker.text()
    return "ready:" in worker.text()
