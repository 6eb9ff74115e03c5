"""What starts a workflow, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

DEFINITIONS = "/api/workflow-definitions"
DAILY = {"type": "recurring", "cron": "30 9 * * *", "timezone": "Asia/Tokyo"}


@pytest.fixture
def publish(server, definition, worker):
    """Publishes a workflow with a trigger; gives its path."""

    async def publish(trigger):
        more = {"trigger": trigger} if trigger else {}
        created = await server.a("POST", DEFINITIONS, json={"definition": {**definition, **more}})
        path = f"{DEFINITIONS}/{(await created.json())['workflowId']}"
        answer = await server.a("POST", f"{path}/draft/publish")
        assert answer.status == 200, await answer.text()
        return path

    return publish


async def triggers(caller, path, **query):
    response = await caller("GET", f"{path}/triggers", params=query)
    assert response.status == 200, await response.text()
    return await response.json()


async def test_the_next_times_of_a_schedule(server, publish):
    """As soon as it is published, as many as asked for; none while it is paused."""
    path = await publish(DAILY)
    answer = await triggers(server.a, path)
    schedule = answer["schedule"]
    assert (answer["publishedVersion"], answer["isPaused"], answer["trigger"]) == (1, False, DAILY)
    assert (schedule["status"], schedule["inStep"], schedule["lastError"]) == ("scheduled", False, None)
    times = [datetime.fromisoformat(time) for time in schedule["nextTimes"]]
    assert len(times) == 5
    assert all((time.hour, time.minute, time.second) == (0, 30, 0) and time > datetime.now(UTC) for time in times)
    assert len((await triggers(server.a, path, times=2))["schedule"]["nextTimes"]) == 2
    await server.a("PUT", f"{path}/metadata", json={"isPaused": True})
    paused = await triggers(server.a, path)
    assert (paused["isPaused"], paused["schedule"]["status"], paused["schedule"]["nextTimes"]) == (True, "paused", [])


async def test_a_schedule_that_could_not_be_made_says_why(server, publish, db, tenants):
    """And a failed launch, and what was missed."""
    path = await publish(DAILY)
    async with db.tenant(tenants.a) as conn:
        await conn.execute(
            "UPDATE tenant_workflow_schedule SET last_error = $1, last_missed_at = '2026-01-01T00:00:00Z'",
            {"code": "TEMPORAL_UNAVAILABLE", "message": "Temporal does not answer."},
        )
    schedule = (await triggers(server.a, path))["schedule"]
    assert schedule["lastError"] == {"code": "TEMPORAL_UNAVAILABLE", "message": "Temporal does not answer."}
    assert schedule["lastMissedAt"] == "2026-01-01T00:00:00+00:00"


async def test_workflows_that_no_clock_starts(server, publish, definition):
    """By hand, or not at all as long as nothing is published."""
    by_hand = await triggers(server.a, await publish(None))
    assert (by_hand["publishedVersion"], by_hand["trigger"], by_hand["schedule"]) == (1, None, None)
    created = await server.a("POST", DEFINITIONS, json={"definition": {**definition, "trigger": DAILY}})
    draft = await triggers(server.a, f"{DEFINITIONS}/{(await created.json())['workflowId']}")
    assert (draft["publishedVersion"], draft["trigger"], draft["schedule"]) == (None, None, None)


async def test_others_see_nothing(server, publish, assert_problem):
    """Another tenant has no such workflow; and not every number of times can be asked for."""
    path = await publish(DAILY)
    await assert_problem(await server.b("GET", f"{path}/triggers"), 404, "NOT_FOUND")
    await assert_problem(await server.a("GET", f"{path}/triggers", params={"times": "51"}), 422, "VALIDATION_ERROR")
