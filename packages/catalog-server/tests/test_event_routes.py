"""Events over HTTP: stored first, acted on once, and every workflow started that waits for them."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import Annotated
from uuid import UUID, uuid4

import attrs
import msgspec
import pytest

from workflow_core.events import EventType
from workflow_core.temporal import run_workflow_id

DEFINITIONS = "/api/workflow-definitions"
EVENTS = "/api/workflow/events"
RUNS = "/api/workflow-runs"


@attrs.frozen(kw_only=True)
class Failed:
    """What BACKUP_FAILED brings."""

    jobId: Annotated[int, msgspec.Meta(ge=1)]  # noqa: N815 - as in the JSON


FAILED = EventType(
    name="BACKUP_FAILED", label="Backup failed", description="", payload=Failed, schema_ref="payload.BackupFailed.v1"
)


@pytest.fixture
def registry(registry):
    """With one declared event."""
    return attrs.evolve(registry, events=MappingProxyType({FAILED.name: FAILED}))


@pytest.fixture
async def with_temporal(serve, temporal_client, worker):
    """A server whose Temporal answers."""
    async with serve(temporal=temporal_client) as server:
        yield server


def triggered(steps, **trigger):
    """A definition that BACKUP_FAILED starts."""
    return {
        "name": "On failure",
        "payloadSchemaRef": "payload.Own.v1" if "payloadMapping" in trigger else FAILED.schema_ref,
        "trigger": {"type": "event", "eventName": "BACKUP_FAILED", **trigger},
        "steps": steps,
    }


@pytest.fixture
def publish(definition):
    """Publishes a definition with a trigger as tenant A, or as who is asked for; gives its id."""

    async def make(server, *, call=None, **trigger):
        call = call or server.a
        body = {"definition": triggered(definition["steps"], **trigger)}
        created = await (await call("POST", DEFINITIONS, json=body)).json()
        response = await call("POST", f"{DEFINITIONS}/{created['workflowId']}/draft/publish", json={})
        assert response.status == 200, await response.text()
        return created["workflowId"]

    return make


async def post(call, payload=None, *, status=200, **body):
    """Posts BACKUP_FAILED."""
    response = await call("POST", EVENTS, json={"eventName": "BACKUP_FAILED", "payload": payload or {}, **body})
    assert response.status == status, await response.text()
    return await response.json()


async def test_event_starts_every_workflow_that_waits_for_it(with_temporal, publish, temporal_client):
    """With the payload as it is; each run tells what started it, and Temporal has it."""
    waiting = {await publish(with_temporal), await publish(with_temporal)}
    await publish(with_temporal, eventName="BACKUP_DONE")
    answer = await post(with_temporal.a, {"jobId": 7}, correlationKey="7", payloadSchemaRef="payload.BackupFailed.v1")
    assert answer["created"] is True
    assert {run["workflowId"] for run in answer["runs"]} == waiting
    assert answer["runId"] == answer["runs"][0]["runId"]
    assert answer["warnings"] == []
    for started in answer["runs"]:
        run = await (await with_temporal.a("GET", f"{RUNS}/{started['runId']}")).json()
        assert (run["cause"], run["eventType"], run["eventId"]) == ("event", "BACKUP_FAILED", answer["eventId"])
        assert (run["payload"], run["triggerMappingApplied"]) == ({"jobId": 7}, False)
        assert run["sourcePayloadSchemaRef"] == "payload.BackupFailed.v1"
        handle = temporal_client.get_workflow_handle(run_workflow_id(started["runId"], 1))
        assert (await handle.describe()).id == handle.id
    listed = await (await with_temporal.a("GET", f"{RUNS}?eventType=BACKUP_FAILED")).json()
    assert len(listed["runs"]) == 2
    assert (await (await with_temporal.a("GET", f"{RUNS}?eventType=OTHER")).json())["runs"] == []


async def test_mapping_makes_the_payload(with_temporal, publish):
    """From the event's name, key, payload and schema; what finds nothing is null."""
    mapping = {
        "title": {"$expr": "event.name & ' ' & event.correlationKey & ' ' & event.payloadSchemaRef"},
        "job": {"$expr": "event.payload.jobId"},
        "nested": {"list": [{"$expr": "event.payload.missing"}, "as it is"]},
    }
    await publish(with_temporal, payloadMapping=mapping)
    answer = await post(with_temporal.a, {"jobId": 7}, correlationKey="k", payloadSchemaRef="x.v1")
    run = await (await with_temporal.a("GET", f"{RUNS}/{answer['runId']}")).json()
    assert run["payload"] == {"title": "BACKUP_FAILED k x.v1", "job": 7, "nested": {"list": [None, "as it is"]}}
    assert (run["triggerMappingApplied"], run["sourcePayloadSchemaRef"]) == (True, "x.v1")


async def test_same_id_acts_once(with_temporal, publish, assert_problem):
    """Posting again, also at the same time, answers the first; another body under the id is refused."""
    await publish(with_temporal)
    event_id = str(uuid4())
    payload = {"jobId": 1, "big": 1e19, "zero": -0.0}
    first = await post(with_temporal.a, payload, eventId=event_id)
    await publish(with_temporal)
    again = await post(with_temporal.a, payload, eventId=event_id)
    assert (first["created"], again["created"]) == (True, False)
    assert (again["runs"], again["eventId"]) == (first["runs"], event_id)
    for other in ({"payload": {"jobId": 2}}, {"correlationKey": "x"}, {"payloadSchemaRef": "x"}, {"eventName": "X"}):
        body = {"eventName": "BACKUP_FAILED", "payload": payload, "eventId": event_id, **other}
        await assert_problem(await with_temporal.a("POST", EVENTS, json=body), 409, "EVENT_ID_REUSED")
    at_once = str(uuid4())
    body = {"eventName": "BACKUP_FAILED", "payload": payload, "eventId": at_once}
    responses = await asyncio.gather(*(with_temporal.a("POST", EVENTS, json=body) for _ in range(5)))
    assert {response.status for response in responses} <= {200, 202}
    assert sum([(await response.json())["created"] for response in responses]) == 1
    runs = (await (await with_temporal.a("GET", RUNS)).json())["runs"]
    assert len([run for run in runs if run["eventId"] == at_once]) == 2
    assert len([run for run in runs if run["eventId"] == event_id]) == 1
    # The same id of another tenant is another event.
    assert (await post(with_temporal.b, payload, eventId=event_id))["created"] is True


async def test_one_broken_workflow_among_three(with_temporal, publish, db):
    """It is told with its error, and the others start; paused workflows are no part of it."""
    broken = await publish(with_temporal, payloadMapping={"title": {"$expr": "$number(event.payload.text)"}})
    healthy = {await publish(with_temporal), await publish(with_temporal, payloadMapping={"a": 1})}
    paused = await publish(with_temporal)
    async with db.tenant(with_temporal.tenants.a) as conn:
        await conn.execute("UPDATE workflow_definitions SET is_paused = true WHERE workflow_id = $1", UUID(paused))
    answer = await post(with_temporal.a, {"text": "no number"})
    assert {run["workflowId"] for run in answer["runs"]} == healthy
    outcomes = {outcome["workflowId"]: outcome for outcome in answer["outcomes"]}
    assert set(outcomes) == {*healthy, broken}
    assert (outcomes[broken]["status"], outcomes[broken]["error"]["code"]) == ("FAILED", "EXPRESSION_FAILED")
    assert outcomes[broken]["error"]["message"].startswith("payloadMapping.title: ")
    assert "runId" not in outcomes[broken]
    event = await (await with_temporal.a("GET", f"{EVENTS}/{answer['eventId']}")).json()
    assert (event["status"], event["outcomes"]) == ("PROCESSED", answer["outcomes"])


async def test_hostile_mapping_is_bounded(with_temporal, publish):
    """Expressions that cost much, one or many, end with the budget's error."""
    one = await publish(with_temporal, payloadMapping={"x": {"$expr": "$sum([1..99999].($ * $))"}})
    busy = {"$expr": "$sum([1..3000].($ * $ + $))"}
    many = await publish(with_temporal, payloadMapping={f"x{number}": busy for number in range(60)})
    answer = await post(with_temporal.a)
    errors = {outcome["workflowId"]: outcome["error"]["code"] for outcome in answer["outcomes"]}
    budget = "EXPRESSION_BUDGET_EXCEEDED"
    assert errors == {one: budget, many: budget}


async def test_run_too_large(with_temporal, publish):
    """A mapping that makes more than a run can take is a failure that stays."""
    large = {"$expr": "$pad('x', 200000)"}
    await publish(with_temporal, payloadMapping={f"x{number}": large for number in range(9)})
    answer = await post(with_temporal.a)
    assert [outcome["error"]["code"] for outcome in answer["outcomes"]] == ["RUN_TOO_LARGE"]


async def test_temporal_down(server, worker, publish, db):
    """The event is stored and waits; nothing of it is lost, and posting it again says so."""
    await publish(server)
    event_id = str(uuid4())
    answer = await post(server.a, {"jobId": 1}, status=202, eventId=event_id)
    assert (answer["created"], answer["status"], answer["runs"], answer["runId"]) == (True, "PENDING", [], None)
    assert [outcome["status"] for outcome in answer["outcomes"]] == ["PENDING"]
    again = await post(server.a, {"jobId": 1}, status=202, eventId=event_id)
    assert (again["created"], again["status"]) == (False, "PENDING")
    async with db.tenant(server.tenants.a) as conn:
        waits = await conn.fetchval(
            "SELECT due_at - now() < interval '2 s' FROM workflow_runtime_events WHERE processed_at IS NULL"
        )
    assert waits is True


async def test_event_that_nothing_waits_for(server):
    """It is kept, and done with; a payload that does not fit its schema is a warning."""
    answer = await post(server.a, {"jobId": "seven"})
    assert (answer["status"], answer["outcomes"], answer["runs"]) == ("PROCESSED", [], [])
    [warning] = answer["warnings"]
    assert (warning["code"], warning["errors"][0]["path"]) == ("PAYLOAD_SCHEMA_MISMATCH", "jobId")
    other = await post(server.a, {}, payloadSchemaRef="payload.Other.v1")
    assert other["warnings"] == []
    by_ref = await server.a(
        "POST", EVENTS, json={"eventName": "MINE", "payload": {}, "payloadSchemaRef": "payload.BackupFailed.v1"}
    )
    assert [w["code"] for w in (await by_ref.json())["warnings"]] == ["PAYLOAD_SCHEMA_MISMATCH"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"payload": {}}, 422, "VALIDATION_ERROR"),
        ({"eventName": "", "payload": {}}, 422, "VALIDATION_ERROR"),
        ({"eventName": "X" * 300, "payload": {}}, 422, "VALIDATION_ERROR"),
        ({"eventName": "X"}, 422, "VALIDATION_ERROR"),
        ({"eventName": "X", "payload": []}, 422, "VALIDATION_ERROR"),
        ({"eventName": "X", "payload": {}, "eventId": "7"}, 422, "VALIDATION_ERROR"),
        ({"eventName": "X", "payload": {}, "other": 1}, 422, "VALIDATION_ERROR"),
        ({"eventName": "X", "payload": {"x": "y" * (256 * 1024)}}, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_unfit_event(server, assert_problem, *, body, status, code):
    """Nothing of it is kept."""
    await assert_problem(await server.a("POST", EVENTS, json=body), status, code)
    assert (await (await server.a("GET", EVENTS)).json())["events"] == []


async def test_permissions(server, make_token, assert_problem):
    """Posting needs what starting a run needs; reading needs what reading needs."""
    reader = server.a.with_token(make_token(server.tenants.a, "workflow:read"))
    body = {"eventName": "X", "payload": {}}
    await assert_problem(await reader("POST", EVENTS, json=body), 403, "PERMISSION_DENIED")
    runner = server.a.with_token(make_token(server.tenants.a, "workflow:run"))
    event_id = (await (await runner("POST", EVENTS, json=body)).json())["eventId"]
    await assert_problem(await runner("GET", EVENTS), 403, "PERMISSION_DENIED")
    assert (await reader("GET", f"{EVENTS}/{event_id}")).status == 200
    await assert_problem(await server.b("GET", f"{EVENTS}/{event_id}"), 404, "NOT_FOUND")


async def test_events_come_in_pages(server, db):
    """Newest first, without payloads; narrowed by name, key and time."""
    async with db.tenant(server.tenants.a) as conn:
        for number in range(7):
            await conn.execute(
                "INSERT INTO workflow_runtime_events (tenant, event_id, event_name, correlation_key, payload, "
                "processed_at, created_at) VALUES ($1, $2, $3, $4, '{\"x\": 1}', now(), "
                "'2026-08-01T00:00:00Z'::timestamptz + make_interval(mins => $5))",
                server.tenants.a,
                UUID(int=number),
                "ODD" if number % 2 else "EVEN",
                str(number),
                number // 3,
            )
    seen, cursor = [], None
    while True:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        page = await (await server.a("GET", f"{EVENTS}{query}")).json()
        seen += [event["eventId"] for event in page["events"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == [str(UUID(int=number)) for number in (6, 3, 4, 5, 0, 1, 2)]

    async def ids(query):
        events = (await (await server.a("GET", f"{EVENTS}?{query}")).json())["events"]
        assert all("payload" not in event for event in events)
        return [UUID(event["eventId"]).int for event in events]

    assert await ids("eventName=ODD") == [3, 5, 1]
    assert await ids("correlationKey=4") == [4]
    assert await ids("correlationKey=true") == []  # a word like any other
    assert await ids("from=2026-08-01T00:01:00Z&to=2026-08-01T02:02:00%2B02:00") == [3, 4, 5]
    assert await ids("eventName=ODD&to=2026-08-01T00:01:00Z") == [1]


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "to=2026-08-01T00:00:00",
        "from=0001-01-01T00:00:00%2B10:00",
        "to=9999-12-31T23:59:59-10:00",
        "cursor=x",
        "cursor=MDAwMS0wMS0wMVQwMDowMDowMCsxMDowMCAxMTExMTExMS0xMTExLTQxMTEtODExMS0xMTExMTExMTExMTE=",
        "limit=0",
        "correlationKey=%00",
    ],
)
@pytest.mark.parametrize("path", [EVENTS, RUNS])
async def test_unfit_query(server, assert_problem, *, path, query):
    """It is named, and the database is not asked."""
    if path == RUNS:
        query = query.replace("correlationKey", "eventType")
    await assert_problem(await server.a("GET", f"{path}?{query}"), 422, "VALIDATION_ERROR")
