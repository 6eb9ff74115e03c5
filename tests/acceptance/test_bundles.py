"""The bundles of the existing product: each imports, exports, runs on its event, and leaves what it says."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from workflow_devstack.seed import CONNECTED, UNCONNECTED

BUNDLES = Path(__file__).parents[1] / "bundles"
NAMES = sorted(path.stem for path in BUNDLES.glob("*.json"))
USER = str(CONNECTED.user_id)
DEFINITIONS = "/api/workflow-definitions"
EVENTS = "/api/workflow/events"


def bundle(name: str) -> dict[str, Any]:
    """As it lies in the repository."""
    return dict(json.loads((BUNDLES / f"{name}.json").read_text()))


def without_ids(exported: dict[str, Any]) -> dict[str, Any]:
    """What a round trip keeps: everything but the time of the export and the ids of the definitions."""
    copy = json.loads(json.dumps(exported))
    copy.pop("exportedAt")
    for workflow in copy["workflows"]:
        workflow["draft"]["definition"].pop("id")
        for version in workflow["publishedVersions"]:
            version["definition"].pop("id")
    return dict(copy)


async def imported(stack, name: str) -> dict[str, str]:
    """Imports a bundle; gives the new ids by key."""
    status, answer = await stack.call("POST", f"{DEFINITIONS}/import?force=true", bundle(name))
    assert status == 200, answer
    return {created["key"]: created["workflowId"] for created in answer["createdWorkflows"]}


async def publish(stack, workflow_id: str, change=lambda definition: None) -> None:
    """As the existing tools do: export, change, save, publish."""
    status, exported = await stack.call("GET", f"{DEFINITIONS}/{workflow_id}/export")
    assert status == 200, exported
    draft = exported["workflows"][0]["draft"]
    change(draft["definition"])
    path = f"{DEFINITIONS}/{workflow_id}/{draft['draftVersion']}"
    status, saved = await stack.call("PUT", path, {"definition": draft["definition"]})
    assert status == 200, saved
    status, published = await stack.call("POST", f"{path}/publish", {})
    assert (status, published["ok"]) == (200, True), published


async def post(stack, event: str, payload: dict[str, Any], *, event_id: str | None = None) -> str:
    """Posts an event; gives its id."""
    event_id = event_id or str(uuid4())
    body = {"eventName": event, "payload": payload, "eventId": event_id, "correlationKey": event_id}
    status, answer = await stack.call("POST", EVENTS, body)
    assert status in (200, 202), answer
    assert answer["eventId"] == event_id
    return event_id


async def ended(stack, workflow_id: str, *, status: str = "SUCCEEDED", count: int = 1) -> list[dict[str, Any]]:
    """The rows of the workflow's runs, read as the existing tools read them, once so many have ended."""

    async def look():
        rows = await stack.rows(
            "SELECT run_id, status, event_type, source_payload_schema_ref, trigger_mapping_applied, error_json, "
            "started_at, completed_at FROM workflow_runs WHERE workflow_id = $1 ORDER BY created_at",
            workflow_id,
        )
        return rows if len(rows) >= count and all(row["completed_at"] for row in rows) else None

    rows = await stack.until(look, "the runs have ended")
    assert [(row["status"], row["error_json"]) for row in rows] == [(status, None)] * count
    return list(rows)


async def notifications(stack, text: str) -> list[tuple[str, str, str]]:
    """Title, message and kind of what the user was told with this text in it."""
    rows = await stack.rows(
        "SELECT title, message, type FROM internal_notifications WHERE user_id = $1 AND template_name = "
        "'workflow-custom' AND strpos(message, $2) > 0 ORDER BY created_at, message",
        CONNECTED.user_id,
        text,
    )
    return [(row["title"], row["message"], row["type"]) for row in rows]


@pytest_asyncio.fixture(loop_scope="session")
async def project(stack):
    """A project with a phase, for tasks."""
    project_id, phase_id, status_id = uuid4(), uuid4(), uuid4()
    tenant = CONNECTED.tenant
    await stack.execute(
        "INSERT INTO statuses (tenant, status_id, name, status_type, order_number) "
        "VALUES ($1, $2, $3, 'project_task', 10)",
        tenant,
        status_id,
        f"To do {status_id}",
    )
    await stack.execute(
        "INSERT INTO projects (tenant, project_id, client_id, project_name, wbs_code) VALUES ($1, $2, $3, 'P', '1')",
        tenant,
        project_id,
        CONNECTED.client_id(CONNECTED.own_clients[0]),
    )
    await stack.execute(
        "INSERT INTO project_phases (tenant, phase_id, project_id, phase_name, order_number, wbs_code) "
        "VALUES ($1, $2, $3, 'First', 1, '1.1')",
        tenant,
        phase_id,
        project_id,
    )
    await stack.execute(
        "INSERT INTO project_status_mappings (tenant, project_id, status_id, display_order) VALUES ($1, $2, $3, 1)",
        tenant,
        project_id,
        status_id,
    )
    return project_id


async def tasks(stack, project_id) -> list[dict[str, Any]]:
    """The tasks of a project."""
    return list(
        await stack.rows(
            "SELECT t.task_id, t.task_name, t.description FROM project_tasks t "
            "JOIN project_phases p USING (tenant, phase_id) WHERE p.project_id = $1 ORDER BY t.created_at",
            project_id,
        )
    )


@pytest_asyncio.fixture(loop_scope="session")
async def api_key(stack):
    """A key for scripts, made by the command."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("workflow-modules")),
        *("api-keys", "create", "--tenant", str(CONNECTED.tenant), "--user", USER, "--label", "harness"),
        env=stack.environ,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().strip().splitlines()[0]


async def test_a_script_with_a_key_does_all_of_it(stack, api_key):
    """Import, event, run and its timeline, with the headers of the existing tools; a failed answer says ``error``."""
    await stack.start_worker()

    async def call(method, path, body=None, key=api_key, tenant=str(CONNECTED.tenant)):
        headers = {"x-api-key": key, "x-tenant-id": tenant}
        async with stack.session.request(method, stack.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    status, answer = await call("POST", f"{DEFINITIONS}/import?force=true", bundle("ticket-created-hello"))
    assert (status, answer["createdPublishedVersions"][0]["versions"]) == (200, [1])
    workflow_id = answer["createdWorkflows"][0]["workflowId"]
    status, posted = await call("POST", EVENTS, {"eventName": "TICKET_CREATED", "payload": {}})
    assert status in (200, 202), posted
    [run] = await ended(stack, workflow_id)
    status, timeline = await call("GET", f"/api/workflow-runs/{run['run_id']}/timeline")
    assert status == 200
    assert timeline["timeline"][0]["kind"] == "log"
    assert [entry["type"] for entry in timeline["timeline"] if entry["kind"] == "step"] == [
        "state.set",
        "transform.assign",
        "control.return",
    ]
    for headers in ({"key": "wrong"}, {"tenant": str(UNCONNECTED.tenant)}):
        status, refused = await call("GET", "/api/workflow-runs", **headers)
        assert (status, bool(refused["error"])) == (401, True)
    await call("DELETE", f"{DEFINITIONS}/{workflow_id}")


@pytest.mark.parametrize("name", NAMES)
async def test_a_bundle_survives_the_round_trip(stack, name):
    """Import and export give the same, but for the time of the export and the new ids."""
    ids = await imported(stack, name)
    given = without_ids(bundle(name))
    assert set(ids) == {workflow["key"] for workflow in given["workflows"]}
    for workflow in given["workflows"]:
        status, exported = await stack.call("GET", f"{DEFINITIONS}/{ids[workflow['key']]}/export")
        assert status == 200
        assert without_ids(exported)["workflows"] == [workflow]


@pytest.mark.parametrize(
    ("name", "event", "title", "kind"),
    [
        ("appointment-assigned-notify-email", "APPOINTMENT_ASSIGNED", "Notify", "info"),
        ("ticket-created-assign-idempotent", "TICKET_CREATED", "Notify", "info"),
        ("ticket-created-severity-route-by-time", "TICKET_CREATED", "Notify", "info"),
    ],
)
async def test_an_event_becomes_a_notification(stack, name, event, title, kind):
    """With the text that the expressions give; the same event id posted again acts once."""
    await stack.start_worker()
    [workflow_id] = (await imported(stack, name)).values()
    dedupe = str(uuid4())
    payload = {"fixtureNotifyUserId": USER, "fixtureDedupeKey": dedupe}
    event_id = await post(stack, event, payload)
    await post(stack, event, payload, event_id=event_id)
    [run] = await ended(stack, workflow_id)
    assert (run["event_type"], run["trigger_mapping_applied"]) == (event, False)
    assert await notifications(stack, dedupe) == [
        (f"[fixture {name}] {title}", f"[fixture {name}] dedupe={dedupe}", kind)
    ]
    await post(stack, event, {**payload, "fixtureMode": "skip", "fixtureDedupeKey": str(uuid4())})
    await ended(stack, workflow_id, count=2)
    assert len(await notifications(stack, f"[fixture {name}]")) == 1
    await stack.call("DELETE", f"{DEFINITIONS}/{workflow_id}")


async def test_a_failed_sync_is_told(stack):
    """The texts are made of the event's fields; the severity is the step's."""
    await stack.start_worker()
    [workflow_id] = (await imported(stack, "integration-sync-failed-notify")).values()
    sync = str(uuid4())
    payload = {"fixtureNotifyUserId": USER, "provider": "ninjaone", "syncId": sync, "errorMessage": "timed out"}
    await post(stack, "INTEGRATION_SYNC_FAILED", payload)
    await ended(stack, workflow_id)
    assert await notifications(stack, sync) == [
        (
            "[fixture integration-sync-failed-notify] Sync failed",
            f"provider=ninjaone syncId={sync} error=timed out",
            "error",
        )
    ]


@pytest.mark.parametrize(
    ("name", "event", "field", "title"),
    [
        (
            "project-created-kickoff-tasks",
            "PROJECT_CREATED",
            "projectId",
            "[fixture project-created-kickoff-tasks] Kickoff: initial review",
        ),
        (
            "invoice-overdue-send-reminder-email",
            "INVOICE_OVERDUE",
            "invoiceId",
            "[fixture invoice-overdue-send-reminder-email] [fixture invoice-overdue-send-reminder-email] dedupe=d1",
        ),
    ],
)
async def test_an_event_becomes_a_task(stack, project, name, event, field, title):
    """In the project that the event names."""
    await stack.start_worker()
    [workflow_id] = (await imported(stack, name)).values()
    await post(stack, event, {field: str(project), "fixtureDedupeKey": "d1"})
    await ended(stack, workflow_id)
    assert [task["task_name"] for task in await tasks(stack, project)] == [title]


async def test_a_failed_step_is_caught(stack):
    """Its message is in the fallback's text; both steps have the same id, as the bundle has it."""
    await stack.start_worker()
    [workflow_id] = (await imported(stack, "payment-failed-email-trycatch")).values()
    dedupe = str(uuid4())
    bad = str(uuid4())
    payload = {"fixtureNotifyUserId": USER, "fixtureBadUserId": bad, "fixtureDedupeKey": dedupe}
    await post(stack, "PAYMENT_FAILED", payload)
    [run] = await ended(stack, workflow_id)
    [(title, message, _)] = await notifications(stack, dedupe)
    assert title == "[fixture payment-failed-email-trycatch] Fallback"
    steps = await stack.rows(
        "SELECT step_path, definition_step_id, status, error_json FROM workflow_run_steps WHERE run_id = $1 "
        "AND definition_step_id = 'notify' ORDER BY sequence",
        run["run_id"],
    )
    assert [step["status"] for step in steps] == ["FAILED", "SUCCEEDED"]
    error = steps[0]["error_json"]
    assert (error["category"], error["code"]) == ("ActionError", "NOT_FOUND")
    assert message == f"[fixture payment-failed-email-trycatch] dedupe={dedupe} error={error['message']}"


async def test_every_item_is_told_once(stack):
    """A loop's iterations are effects of their own."""
    await stack.start_worker()
    name = "ticket-created-rule-eval-foreach-firstmatch"
    [workflow_id] = (await imported(stack, name)).values()
    dedupe = str(uuid4())
    await post(stack, "TICKET_CREATED", {"fixtureNotifyUserId": USER, "fixtureDedupeKey": dedupe})
    await ended(stack, workflow_id)
    assert await notifications(stack, dedupe) == [
        (f"[fixture {name}] ForEach notify #{i}", f"[fixture {name}] dedupe={dedupe} item={i}", "info") for i in (0, 1)
    ]
    await stack.call("DELETE", f"{DEFINITIONS}/{workflow_id}")


async def test_a_workflow_calls_another(stack):
    """The placeholder patched as the existing tools do it: both tell, and the child is a run of its own."""
    await stack.start_worker()
    name = "ticket-created-call-notify-subworkflow"
    ids = await imported(stack, name)
    parent, child = ids[f"fixture.{name}"], ids[f"subfixture.{name}"]
    await publish(stack, child)

    def patch(definition):
        [call] = [step for step in definition["steps"] if step["type"] == "control.callWorkflow"]
        call.update(workflowId=child, workflowVersion=1)

    await publish(stack, parent, patch)
    dedupe = str(uuid4())
    await post(stack, "TICKET_CREATED", {"fixtureNotifyUserId": USER, "fixtureDedupeKey": dedupe})
    await ended(stack, parent)
    await ended(stack, child)
    assert sorted(await notifications(stack, dedupe)) == [
        (f"[fixture {name} child] Child", f"[fixture {name} child] dedupe={dedupe}", "info"),
        (f"[fixture {name}] Parent", f"[fixture {name}] dedupe={dedupe}", "info"),
    ]
    await stack.call("DELETE", f"{DEFINITIONS}/{parent}")


@pytest.mark.parametrize("name", ["ticket-created-hello", "sample.ticket-created-hello.v1"])
async def test_the_smallest_workflow_runs(stack, name):
    """Published by the bundle, or after the import."""
    await stack.start_worker()
    [workflow_id] = (await imported(stack, name)).values()
    if not bundle(name)["workflows"][0]["publishedVersions"]:
        await publish(stack, workflow_id)
    await post(stack, "TICKET_CREATED", {"ticketId": str(uuid4())})
    await ended(stack, workflow_id)
    await stack.call("DELETE", f"{DEFINITIONS}/{workflow_id}")


async def test_tasks_are_mirrored(stack, project):
    """A new task gets a twin that is linked to it; a change of the one becomes a change of the other."""
    await stack.start_worker()
    ids = await imported(stack, "workflow-data-store-task-mirror.v1")
    task_id = str(uuid4())
    created = {
        "taskId": task_id,
        "projectId": str(uuid4()),
        "targetProjectId": str(project),
        "title": "Order the switch",
        "description": "48 ports",
        "dueDate": "2026-12-01T00:00:00Z",
    }
    await post(stack, "PROJECT_TASK_CREATED", created)

    # The twin's own creation is an event too, whose run fails: it names no target project.
    async def twin():
        return await tasks(stack, project)

    [task] = await stack.until(twin, "the twin is there")
    assert (task["task_name"], task["description"]) == ("Order the switch", "48 ports")

    async def link():
        return await stack.rows(
            "SELECT relation, attributes FROM workflow_entity_links WHERE namespace = 'project-task-mirror' "
            "AND left_id = $1 AND right_id = $2",
            task_id,
            str(task["task_id"]),
        )

    [linked] = await stack.until(link, "the tasks are linked")
    assert (linked["relation"], linked["attributes"]["targetProjectId"]) == ("mirrors", str(project))
    changes = {"title": {"old": "Order the switch", "new": "Order two switches"}, "description": {"new": "24 ports"}}
    await post(stack, "PROJECT_TASK_UPDATED", {"taskId": task_id, "changes": changes})

    async def renamed():
        [row] = await tasks(stack, project)
        return (row["task_name"], row["description"]) == ("Order two switches", "24 ports")

    await stack.until(renamed, "the twin has changed too")
    for workflow_id in ids.values():
        await stack.call("DELETE", f"{DEFINITIONS}/{workflow_id}?force=true")
