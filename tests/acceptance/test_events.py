"""Events across processes: what a worker left behind the next one takes; a script posts with an API key."""

from __future__ import annotations

from uuid import uuid4

from workflow_devstack.seed import CONNECTED

DEFINITION = {
    "name": "On a full disk",
    "payloadSchemaRef": "payload.DiskFull.v1",
    "trigger": {"type": "event", "eventName": "DISK_FULL"},
    "steps": [
        {"id": "keep", "type": "transform.assign", "config": {"assign": {"vars.disk": {"$expr": "payload.disk"}}}}
    ],
}
PROCESSED = "SELECT FROM workflow_runtime_events WHERE event_id = $1 AND processed_at IS NOT NULL"


async def put(stack, disk):
    """An event as an action's transaction leaves it."""
    event_id = uuid4()
    await stack.execute(
        "INSERT INTO workflow_runtime_events (tenant, event_id, event_name, payload) VALUES ($1, $2, 'DISK_FULL', $3)",
        CONNECTED.tenant,
        event_id,
        {"disk": disk},
    )
    return event_id


async def ended(stack, event_id):
    """The run that the event has started, at its end."""

    async def look():
        return await stack.rows(
            "SELECT * FROM workflow_runs WHERE event_id = $1 AND completed_at IS NOT NULL", event_id
        )

    [run] = await stack.until(look, "the event's run has ended")
    return run


async def test_the_next_worker_takes_what_was_left(stack):
    """Stored while no worker was there, and while one was killed: each event acts once."""
    workflow_id, published = await stack.publish(DEFINITION)
    assert published["ok"], published
    first = await put(stack, "C")
    worker = await stack.start_worker()
    assert (await ended(stack, first))["status"] == "SUCCEEDED"
    await stack.until(
        lambda: stack.rows(PROCESSED, first), "what became of the event is written"
    )  # after its run began
    worker.kill()
    await worker.ended()
    second = await put(stack, "D")
    workers = [await stack.start_worker() for _ in range(2)]
    run = await ended(stack, second)
    assert (run["status"], run["payload"], run["cause"]) == ("SUCCEEDED", {"disk": "D"}, "event")
    third = await put(stack, "E")  # notified: two workers, one run
    assert (await ended(stack, third))["status"] == "SUCCEEDED"
    for one in workers:
        assert await one.stop() == 0, one.text()
    rows = await stack.rows("SELECT event_id FROM workflow_runs WHERE workflow_id = $1", workflow_id)
    assert sorted(row["event_id"] for row in rows) == sorted([first, second, third])
    left = await stack.rows(
        "SELECT FROM workflow_runtime_events WHERE event_name = 'DISK_FULL' AND processed_at IS NULL"
    )
    assert left == []


async def test_a_script_with_a_key(stack):
    """The command makes a key; with it and the tenant's id a script posts an event and reads its run."""
    await stack.publish({**DEFINITION, "trigger": {"type": "event", "eventName": "DISK_FULL_AGAIN"}})
    arguments = ("--tenant", str(CONNECTED.tenant), "--user", str(CONNECTED.user_id), "--label", "acceptance")
    made = await stack.start("workflow-modules", "api-keys", "create", *arguments)
    assert await made.ended() == 0, made.text()
    key = made.text().splitlines()[-1]
    headers = {"x-api-key": key, "x-tenant-id": str(CONNECTED.tenant)}
    body = {"eventName": "DISK_FULL_AGAIN", "payload": {"disk": "C"}, "eventId": str(uuid4())}
    async with stack.session.post(f"{stack.url}/api/workflow/events", json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        posted = await answer.json()
    assert posted["eventId"] == body["eventId"]
    async with stack.session.get(f"{stack.url}/api/workflow-runs/{posted['runId']}", headers=headers) as answer:
        assert (answer.status, (await answer.json())["eventId"]) == (200, body["eventId"])
    async with stack.session.post(
        f"{stack.url}/api/workflow/events", json=body, headers={**headers, "x-api-key": key + "x"}
    ) as answer:
        assert (answer.status, (await answer.json())["error"]) == (401, "The request is not authenticated.")
