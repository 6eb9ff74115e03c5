"""What people are asked, the secrets that go in and never come out, and the state of the platform."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.pages import call, press, tab_to

ASK = {
    "id": "ask",
    "type": "human.task",
    "config": {
        "taskType": "approval",
        "title": {"$expr": "'Restart ' & payload.device & '?'"},
        "description": "The server asks for a restart to finish an update.",
        "contextData": {
            "device": {"$expr": "payload.device"},
            "critical": True,
            "disks": [{"drive": "C:", "free": 12}],
        },
        "assign": {"vars.approved": {"$expr": "event.approved"}, "vars.comment": {"$expr": "event.comment"}},
    },
}
RETURN = {"id": "end", "type": "control.return"}


async def ask(page: Page, device: str) -> str:
    """A run that waits for a person: its id."""
    definition = {"id": "w", "version": 1, "payloadSchemaRef": "payload.Any.v1", "steps": [ASK, RETURN]}
    body = {"definition": {**definition, "name": f"Asks about {device}"}}
    workflow = (await call(page, "POST", "/api/workflow-definitions", body))["workflowId"]
    await call(page, "POST", f"/api/workflow-definitions/{workflow}/draft/publish", {})
    run = await call(page, "POST", "/api/workflow-runs", {"workflowId": workflow, "payload": {"device": device}})
    return str(run["runId"])


async def test_task_is_taken_and_completed_by_mouse(open_designer):
    """From the run that waits to its task; taken, given back, and approved: the run goes on with the answer."""
    page = open_designer.page
    await open_designer.sign_in()
    run = await ask(page, "MOUSE-01")
    await page.goto(f"{open_designer.address}/runs/{run}")
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Waiting")
    await page.get_by_role("link", name="Go to the tasks").click()
    row = page.get_by_role("row").filter(has_text="Restart MOUSE-01?")
    await expect(row).to_contain_text("Open")
    await expect(row).to_contain_text("Nobody yet")
    await open_designer.look("tasks")
    await row.get_by_role("link", name="Restart MOUSE-01?").click()
    await expect(page.get_by_role("region", name="What it is about")).to_contain_text("MOUSE-01")
    await page.get_by_role("button", name="I take it").click()
    await page.get_by_role("button", name="Give it back").click()
    await page.get_by_role("button", name="I take it").click()
    await expect(page.locator(".facts")).to_contain_text("You")
    await page.get_by_text("Approve", exact=True).click()
    await page.get_by_role("textbox", name="Comment").fill("After 22:00")
    await page.get_by_text("Further values", exact=True).first.click()
    further = page.get_by_role("textbox", name="Further values")
    await further.fill("{")
    await expect(page.get_by_role("button", name="Complete the task")).to_be_disabled()
    await further.fill('{"window": 22}')
    await open_designer.look("task")
    await page.get_by_role("button", name="Complete the task").click()
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Completed")
    answer = page.get_by_role("region", name="The answer")
    for word in ("After 22:00", "Yes", "22"):
        await expect(answer).to_contain_text(word)
    await page.get_by_role("link", name="Asks about MOUSE-01").click()
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Succeeded")
    answer = await answer_in(page, run)
    assert (answer["vars.approved"], answer["vars.comment"]) == (True, "After 22:00")


async def test_task_is_rejected_by_keyboard(open_designer):
    """Nothing but keys, from the navigation to the answer."""
    page = open_designer.page
    await open_designer.sign_in()
    run = await ask(page, "KEYS-01")
    await tab_to(page, page.get_by_role("link", name="Tasks", exact=True))
    await page.keyboard.press("Enter")
    task = page.get_by_role("link", name="Restart KEYS-01?")
    await task.wait_for()
    await tab_to(page, task)
    await page.keyboard.press("Enter")
    claim = page.get_by_role("button", name="I take it")
    await claim.wait_for()
    await tab_to(page, claim)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Give it back").wait_for()
    await tab_to(page, page.get_by_role("radio", name="Approve"))
    await press(page, "ArrowDown")
    await expect(page.get_by_role("radio", name="Reject")).to_be_checked()
    complete = page.get_by_role("button", name="Complete the task")
    await tab_to(page, complete)
    await page.keyboard.press("Enter")
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Completed")
    await expect(page.get_by_role("region", name="The answer")).to_contain_text("No")
    await page.goto(f"{open_designer.address}/runs/{run}")
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Succeeded")
    assert (await answer_in(page, run))["vars.approved"] is False


async def test_an_answer_outlives_a_server_that_is_away(open_designer):
    """The task is looked at again and again: a look that fails takes no answer away that is being typed."""
    page = open_designer.page
    await open_designer.sign_in()
    run = await ask(page, "AWAY-01")
    await page.goto(f"{open_designer.address}/tasks?run={run}")
    await page.get_by_role("link", name="Restart AWAY-01?").click()
    comment = page.get_by_role("textbox", name="Comment")
    await comment.fill("typed")
    failed = 0

    async def fail(route: Route) -> None:
        nonlocal failed
        failed += 1
        await route.fulfill(status=503, json={"code": "ENGINE_UNAVAILABLE", "detail": "Away for a moment."})

    await page.route("**/api/workflow-tasks/*", fail)
    async with asyncio.timeout(40):
        while failed < 3:
            await asyncio.sleep(0.2)
    await asyncio.sleep(0.5)
    await expect(comment).to_have_value("typed")
    await page.unroute("**/api/workflow-tasks/*")


async def answer_in(page: Page, run: str) -> dict[str, Any]:
    """What the workflow has read of the answer."""
    steps = (await call(page, "GET", f"/api/workflow-runs/{run}/steps"))["steps"]
    (output,) = [step["output"] for step in steps if step["definitionStepId"] == "ask"]
    return dict(output)


async def test_secret_is_stored_replaced_and_deleted_by_mouse(open_designer):
    """Its value is nowhere on the page; the workflow that uses it is named before it is deleted."""
    page = open_designer.page
    await open_designer.sign_in()
    step = {
        "id": "note",
        "type": "action.call",
        "config": {
            "actionId": "tickets.create",
            "version": 1,
            "inputMapping": {"title": "x", "description": {"$secret": "MOUSE_KEY"}},
        },
    }
    definition = {
        "id": "w",
        "version": 1,
        "payloadSchemaRef": "payload.Any.v1",
        "name": "Uses the key",
        "steps": [step],
    }
    await call(page, "POST", "/api/workflow-definitions", {"definition": definition})
    await page.get_by_role("link", name="Secrets", exact=True).click()
    await page.get_by_role("button", name="New secret").click()
    dialog = page.get_by_role("dialog", name="New secret")
    await dialog.get_by_role("textbox", name="Name").fill("1st")
    await dialog.get_by_label("Value").fill("hunter2")
    await dialog.get_by_role("button", name="Store").click()
    await expect(dialog.locator(".field-error")).to_be_visible()
    await dialog.get_by_role("textbox", name="Name").fill("mouse key")
    await open_designer.look("secret")
    await dialog.get_by_role("button", name="Store").click()
    row = page.get_by_role("row").filter(has_text="MOUSE_KEY")
    await expect(row.get_by_role("link", name="Uses the key")).to_be_visible()
    await expect(row).to_contain_text("by Dana Reyes")
    await open_designer.look("secrets")
    await row.get_by_role("button", name="Replace MOUSE_KEY").click()
    await page.get_by_role("dialog").get_by_label("Value").fill("hunter3")
    await page.get_by_role("dialog").get_by_role("button", name="Store").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert "hunter" not in await page.content()
    await row.get_by_role("button", name="Delete MOUSE_KEY").click()
    ending = page.get_by_role("dialog", name="Delete a secret")
    await expect(ending.get_by_role("link", name="Uses the key")).to_be_visible()
    await open_designer.look("secret-delete")
    await ending.get_by_role("button", name="Delete").click()
    await expect(row).to_have_count(0)


async def test_secret_is_stored_and_deleted_by_keyboard(open_designer):
    """Nothing but keys; the focus is in the dialog's first field, and comes back."""
    page = open_designer.page
    await open_designer.sign_in()
    await tab_to(page, page.get_by_role("link", name="Secrets", exact=True))
    await page.keyboard.press("Enter")
    new = page.get_by_role("button", name="New secret")
    await new.wait_for()
    await tab_to(page, new)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    await page.keyboard.type("KEYS_KEY")
    await press(page, "Tab")
    await page.keyboard.type("hunter2")
    await tab_to(page, page.get_by_role("button", name="Store"))
    await press(page, "Enter")
    delete = page.get_by_role("button", name="Delete KEYS_KEY")
    await delete.wait_for()
    await expect(new).to_be_focused()
    await tab_to(page, delete)
    await page.keyboard.press("Enter")
    end = page.get_by_role("dialog").get_by_role("button", name="Delete")
    await end.wait_for()
    await tab_to(page, end)
    await page.keyboard.press("Enter")
    await expect(delete).to_have_count(0)


async def test_system_shows_packages_processes_and_jobs(open_designer):
    """What is installed with its modules, that the worker can do the same, and the jobs of the tenant."""
    page = open_designer.page
    await open_designer.sign_in()
    await page.get_by_role("link", name="System", exact=True).click()
    await expect(page.get_by_role("status").filter(has_text="Ready")).to_be_visible()
    packages = page.get_by_role("region", name="Packages")
    row = packages.get_by_role("row").filter(has_text="workflow-ninjaone")
    await expect(row).to_contain_text("Loaded")
    await expect(row).to_contain_text("NinjaOne")
    await expect(row).to_contain_text("actions")
    processes = page.get_by_role("region", name="Server and workers")
    await expect(processes.get_by_role("row").filter(has_text="Worker").last).to_contain_text("Same")
    jobs = page.get_by_role("region", name="Background jobs")
    await expect(jobs.get_by_role("article").first).to_be_visible()
    await open_designer.look("system")


@pytest.mark.parametrize("status", [200, 503])
async def test_system_says_what_is_wrong(open_designer, status):
    """A package that fails, one that waits for migrations, and a worker of another version: in words."""
    page = open_designer.page
    await open_designer.sign_in()

    async def spoilt(route: Route) -> None:
        body = await (await route.fetch()).json()
        body["status"] = "degraded" if status == 200 else "unavailable"
        failure = {"distribution": "workflow-bad", "version": "1", "phase": "load", "cause": "ImportError: no bad"}
        waiting = {"distribution": "workflow-new", "version": "2", "cause": "migrations pending: 0001"}
        body["discovery"] |= {"failed": [failure], "blocked": [waiting]}
        (worker,) = body["workers"]["live"]
        worker |= {
            "sameFingerprint": False,
            "missingActions": ["acme.backups.find@1"],
            "differentDistributions": [{"name": "workflow-acme", "here": "1.1", "there": "1.0"}],
        }
        await route.fulfill(status=status, json=body)

    await page.route("**/health/ready", spoilt)
    await page.get_by_role("link", name="System", exact=True).click()
    problems = page.get_by_role("region", name="What needs attention")
    await expect(problems).to_contain_text("workflow-bad failed while it was loaded: ImportError: no bad")
    await expect(problems).to_contain_text("workflow-new is blocked: migrations pending: 0001")
    await expect(problems).to_contain_text("A worker differs from this server.")
    worker = page.get_by_role("region", name="Server and workers").get_by_role("row").filter(has_text="Differs")
    await expect(worker).to_contain_text("workflow-acme: 1.0 there, 1.1 on the server")
    await expect(worker).to_contain_text("An action is missing: acme.backups.find@1")
    await open_designer.look(f"system-{status}")
