"""Tasks over HTTP: one person has each, one answer counts, and no other tenant sees it."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from workflow_core.execution.step_waits import HumanTask, StepWait, look

TASKS = "/api/workflow-tasks"
RUN = UUID(int=77)
WORKFLOW = "99999999-9999-4999-8999-999999999999"


@pytest.fixture
async def tasks(db, tenants):
    """Three tasks of one waiting run, the newest first."""
    ids = []
    async with db.tenant(tenants.a) as conn:
        await conn.execute(
            "INSERT INTO workflow_runs "
            "(tenant, run_id, workflow_id, workflow_version, status, cause, plan, plan_sha256) "
            "VALUES ($1, $2, $3, 1, 'RUNNING', 'api', '{}', '')",
            tenants.a,
            RUN,
            UUID(WORKFLOW),
        )
    for number in range(3):
        task = HumanTask(
            workflow_id=WORKFLOW, task_type="approval", title=f"Task {number}", description=None, context_data={}
        )
        wait = StepWait(
            tenant=str(tenants.a),
            run_id=str(RUN),
            wait_id=str(uuid4()),
            step_path=f"root.steps[{number}]",
            iteration="",
            wait_type="human",
            task=task,
        )
        async with db.tenant(tenants.a) as conn:
            assert (await look(conn, wait)).status == "WAITING"
        ids.insert(0, wait.wait_id)
    return ids


async def test_listed_in_pages(server, tasks):
    """Newest first, by status and by who has them."""
    page = await (await server.a("GET", f"{TASKS}?limit=2")).json()
    assert [task["taskId"] for task in page["tasks"]] == tasks[:2]
    rest = await (await server.a("GET", f"{TASKS}?limit=2&cursor={page['nextCursor']}")).json()
    assert ([task["taskId"] for task in rest["tasks"]], rest["nextCursor"]) == (tasks[2:], None)
    assert (await (await server.a("GET", f"{TASKS}?status=COMPLETED")).json())["tasks"] == []
    assert (await (await server.b("GET", TASKS)).json())["tasks"] == []


async def test_claimed_and_completed_once(server, tasks, db, tenants, assert_problem):
    """The one who has it is shown; the answer reaches the run, which is not WAITING when nothing else is open."""
    path = f"{TASKS}/{tasks[0]}"
    claimed = await (await server.a("POST", f"{path}/claim")).json()
    assert claimed["assignedTo"] == "11111111-1111-4111-8111-111111111111"
    assert (await server.a("POST", f"{path}/claim")).status == 200
    done = await (await server.a("POST", f"{path}/complete", json={"response": {"approved": True}})).json()
    assert (done["status"], done["response"], done["completedBy"]) == (
        "COMPLETED",
        {"approved": True},
        "11111111-1111-4111-8111-111111111111",
    )
    await assert_problem(await server.a("POST", f"{path}/complete"), 409, "TASK_ENDED")
    await assert_problem(await server.a("POST", f"{path}/claim"), 409, "TASK_ENDED")

    async def status():
        async with db.tenant(tenants.a) as conn:
            return await conn.fetchval("SELECT status FROM workflow_runs WHERE run_id = $1", RUN)

    assert await status() == "WAITING"
    for task in tasks[1:]:
        assert (await server.a("POST", f"{TASKS}/{task}/complete")).status == 200
    assert await status() == "RUNNING"


async def test_of_another_user(server, tasks, db, tenants, assert_problem):
    """It cannot be claimed; it can be reassigned, to users of the tenant alone."""
    other = uuid4()
    async with db.tenant(tenants.a) as conn:
        await conn.execute("UPDATE workflow_human_tasks SET assigned_to = $2 WHERE task_id = $1", UUID(tasks[0]), other)
    path = f"{TASKS}/{tasks[0]}"
    await assert_problem(await server.a("POST", f"{path}/claim"), 409, "TASK_CLAIMED")
    await assert_problem(await server.a("POST", f"{path}/reassign", json={"userId": str(uuid4())}), 404, "NOT_FOUND")
    freed = await (await server.a("POST", f"{path}/reassign", json={"userId": None})).json()
    assert freed["assignedTo"] is None
    assert (await server.a("POST", f"{path}/claim")).status == 200


async def test_refused(server, tasks, assert_problem):
    """Another tenant's task, an id that is none, an answer that is no object or too large."""
    path = f"{TASKS}/{tasks[0]}"
    for verb in ("claim", "complete"):
        await assert_problem(await server.b("POST", f"{path}/{verb}"), 404, "NOT_FOUND")
    await assert_problem(await server.a("GET", f"{TASKS}/nonsense"), 404, "NOT_FOUND")
    await assert_problem(await server.a("POST", f"{path}/complete", json={"response": 1}), 422, "VALIDATION_ERROR")
    large = {"response": {"text": "x" * (257 * 1024)}}
    await assert_problem(await server.a("POST", f"{path}/complete", json=large), 413, "PAYLOAD_TOO_LARGE")
    assert (await (await server.a("GET", path)).json())["status"] == "OPEN"
