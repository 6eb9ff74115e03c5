"""Effects that nobody could know about, over HTTP: listed with what to look at, and settled once."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jsonschema
import pytest

EFFECTS = "/api/workflow-runs/effects"
SENT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
LOST = {"category": "TransientError", "code": "CONNECTION_LOST", "message": "reset", "details": {}}


@pytest.fixture
async def lose(db, tenants):
    """Makes effects uncertain; gives each one's id, and its run's."""

    async def lose(number=0, *, tenant=tenants.a, status="uncertain", waits=True, **columns):
        run_id, effect = uuid4(), UUID(int=number + 1)
        async with db.tenant(tenant) as conn:
            await conn.execute(
                "INSERT INTO workflow_runs (tenant, run_id, workflow_id, workflow_version, status, cause, plan, "
                "plan_sha256) VALUES ($1, $2, $3, 1, $4, 'test', '{}', '')",
                tenant,
                run_id,
                uuid4(),
                "WAITING" if waits else "CANCELED",
            )
            await conn.execute(
                "INSERT INTO workflow_run_steps (tenant, run_id, step_path, definition_step_id, step_type, sequence, "
                "status, input_json) VALUES ($1, $2, 'root.steps[0]', 'start', 'action.call', 1, 'WAITING', $3)",
                tenant,
                run_id,
                {"job_id": 7},
            )
            row = {
                "tenant": tenant,
                "invocation_id": effect,
                "key": hashlib.sha256(effect.bytes).hexdigest(),
                "key_kind": "run",
                "run_id": run_id,
                "step_path": "root.steps[0]",
                "definition_step_id": "start",
                "action_id": "acme.backups.start",
                "action_version": 1,
                "effect": "ONCE",
                "status": status,
                "fence": uuid4(),
                "input_sha256": "",
                "sends": 1,
                "sent_at": SENT,
                "error_json": LOST,
                "last_look": "no job has begun",
                "prepared_json": {"jobs": 3},
                **columns,
            }
            await conn.execute(
                f"INSERT INTO workflow_action_invocations ({', '.join(row)}) "
                f"VALUES ({', '.join(f'${number}' for number in range(1, len(row) + 1))})",
                *row.values(),
            )
            if waits:
                await conn.execute(
                    "INSERT INTO workflow_run_waits (tenant, wait_id, run_id, step_path, wait_type, key) "
                    "VALUES ($1, $2, $3, 'root.steps[0]', 'settlement', $4)",
                    tenant,
                    uuid4(),
                    run_id,
                    str(effect),
                )
        return str(effect), str(run_id)

    return lose


async def settle(server, effect, decision="fail", *, by=None, **body):
    ask = by or server.a
    return await ask("POST", f"{EFFECTS}/{effect}/settle", json={"decision": decision, "reason": "Looked.", **body})


async def test_what_there_is_to_look_at(server, lose):
    """Run, step, action, when it was sent, why nobody knows, and what was seen; as the document says."""
    effect, run_id = await lose()
    answer = await (await server.a("GET", EFFECTS)).json()
    document = await (await server.client.get("/openapi.json", headers={"Accept-Encoding": "identity"})).json()
    schema = document["components"]["schemas"]["EffectList"]
    jsonschema.validate(answer, {**schema, "components": document["components"]})
    (shown,) = answer["effects"]
    workflow_id = shown.pop("workflowId")
    assert UUID(workflow_id)
    assert shown == {
        "invocationId": effect,
        "runId": run_id,
        "runStatus": "WAITING",
        "workflowName": None,
        "stepId": "start",
        "stepPath": "root.steps[0]",
        "iteration": "",
        "actionId": "acme.backups.start",
        "actionVersion": 1,
        "actionLabel": "Start backup",
        "moduleLabel": "Acme",
        "input": {"job_id": 7},
        "sentAt": "2026-05-01T09:00:00+00:00",
        "sends": 1,
        "cause": {"code": "CONNECTION_LOST", "message": "reset"},
        "lastLook": "no job has begun",
        "prepared": {"jobs": 3},
        "waitingRunIds": [run_id],
    }


async def test_effects_come_in_pages(server, lose):
    """The last sent first, also among those of one moment; only the tenant's own, and only what waits."""
    for number in range(5):
        await lose(number, sent_at=SENT + timedelta(minutes=number // 2))
    await lose(5, status="succeeded")
    await lose(6, settled_as="fail")
    await lose(7, tenant=server.tenants.b)
    seen, cursor = [], ""
    while cursor is not None:
        page = await (await server.a("GET", f"{EFFECTS}?status=uncertain&limit=2{cursor}")).json()
        seen += [effect["invocationId"] for effect in page["effects"]]
        cursor = page["nextCursor"] and f"&cursor={page['nextCursor']}"
    assert seen == [str(UUID(int=number + 1)) for number in (4, 2, 3, 0, 1)]


async def test_the_effects_of_one_run(server, lose, db):
    """Those that a run sent, and those of others that it waits for."""
    effect, sender = await lose()
    _, waiting = await lose(1)
    async with db.tenant(server.tenants.a) as conn:
        await conn.execute("UPDATE workflow_run_waits SET key = $1 WHERE run_id = $2", effect, UUID(waiting))
        await conn.execute("DELETE FROM workflow_action_invocations WHERE run_id = $1", UUID(waiting))
    await lose(2)
    for run_id in (sender, waiting):
        answer = await (await server.a("GET", f"{EFFECTS}?runId={run_id}")).json()
        assert [shown["invocationId"] for shown in answer["effects"]] == [effect]
    assert (await (await server.b("GET", f"{EFFECTS}?runId={sender}")).json())["effects"] == []


async def test_settled_once(server, lose, assert_problem, db):
    """The answer names the runs that go on; the second one is refused; who, what and why are in the audit log."""
    effect, run_id = await lose()
    await assert_problem(await settle(server, effect, by=server.b), 404, "NOT_FOUND")
    response = await settle(server, effect, "happened", output={"healthy": True})
    assert (response.status, await response.json()) == (
        200,
        {"invocationId": effect, "decision": "happened", "status": "succeeded", "runIds": [run_id]},
    )
    for decision in ("fail", "send_again"):
        await assert_problem(await settle(server, effect, decision), 409, "ALREADY_SETTLED")
    assert (await (await server.a("GET", EFFECTS)).json())["effects"] == []
    assert (await (await server.a("GET", f"/api/workflow-runs/{run_id}")).json())["status"] == "RUNNING"
    async with db.tenant(server.tenants.a) as conn:
        (entry,) = await conn.fetch("SELECT * FROM audit_logs WHERE operation = 'settle'")
    assert (entry["record_id"], str(entry["user_id"])) == (effect, "11111111-1111-4111-8111-111111111111")
    assert entry["changed_data"] == {"status": {"old": "uncertain", "new": "succeeded"}}
    assert (entry["details"]["decision"], entry["details"]["reason"]) == ("happened", "Looked.")


async def test_an_effect_of_a_run_that_has_ended(server, lose):
    """It can be settled all the same; nobody goes on."""
    effect, run_id = await lose(waits=False)
    (shown,) = (await (await server.a("GET", EFFECTS)).json())["effects"]
    assert (shown["runStatus"], shown["waitingRunIds"]) == ("CANCELED", [])
    assert (await (await settle(server, effect, "send_again")).json())["runIds"] == []
    assert (await (await server.a("GET", f"/api/workflow-runs/{run_id}")).json())["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"decision": "maybe"}, "decision"),
        ({"reason": ""}, "reason"),
        ({"reason": None}, "reason"),
        ({"decision": "happened"}, "output"),
        ({"decision": "happened", "output": {"healthy": "yes"}}, "output.healthy"),
        ({"decision": "fail", "output": {"healthy": True}}, "output"),
    ],
)
async def test_a_decision_that_is_none(server, lose, assert_problem, body, path):
    """Nothing is settled, and the answer says what is wrong."""
    effect, _ = await lose()
    problem = await assert_problem(await settle(server, effect, **body), 422, "VALIDATION_ERROR")
    assert [error["path"] for error in problem["errors"]] == [path]
    assert len((await (await server.a("GET", EFFECTS)).json())["effects"]) == 1


async def test_an_output_that_nobody_can_check(server, lose, assert_problem):
    """Of an action that is not installed here: it can be sent again or fail, but nobody says what it gave."""
    effect, _ = await lose(action_id="gone.act")
    await assert_problem(await settle(server, effect, "happened", output={}), 409, "UNKNOWN_ACTION")
    assert (await settle(server, effect, "fail")).status == 200


async def test_settling_needs_the_permission_to_run(server, lose, assert_problem, make_token):
    """Reading is not enough."""
    effect, _ = await lose()
    headers = {"Authorization": f"Bearer {make_token(server.tenants.a, 'workflow:read')}"}
    assert (await server.client.get(EFFECTS, headers=headers)).status == 200
    body = {"decision": "fail", "reason": "No."}
    response = await server.client.post(f"{EFFECTS}/{effect}/settle", json=body, headers=headers)
    await assert_problem(response, 403, "PERMISSION_DENIED")
