"""From the draft to a version and back: trying it out, what stands in the way, what differs, going back."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.pages import call, tab_to

LIST = {
    "id": "list",
    "name": "Look at the alerts",
    "type": "action.call",
    "config": {
        "actionId": "ninjaone.alerts.list_active",
        "version": 1,
        "inputMapping": {},
        "saveAs": "active",
        "designerGroupKey": "app:ninjaone",
    },
}
ACKNOWLEDGE = {
    "id": "reset",
    "name": "Acknowledge the first",
    "type": "action.call",
    "config": {
        "actionId": "ninjaone.alerts.reset",
        "version": 1,
        "inputMapping": {"alert_uid": {"$expr": "vars.active.alerts[0].alert_id"}},
        "designerGroupKey": "app:ninjaone",
    },
}


async def make(page: Page, name: str, *steps: dict[str, Any], publish: bool = False) -> str:
    """A new workflow; answers its id."""
    definition = {"id": "w", "version": 1, "name": name, "payloadSchemaRef": "payload.Empty.v1", "steps": list(steps)}
    made = await call(page, "POST", "/api/workflow-definitions", {"definition": definition})
    if publish:
        await call(page, "POST", f"/api/workflow-definitions/{made['workflowId']}/draft/publish", {})
    return str(made["workflowId"])


async def save(page: Page, workflow: str, name: str, *steps: dict[str, Any]) -> None:
    definition = {"id": "w", "version": 1, "name": name, "payloadSchemaRef": "payload.Empty.v1", "steps": list(steps)}
    await call(page, "PUT", f"/api/workflow-definitions/{workflow}/draft", {"definition": definition})


async def test_versions_differ_and_are_rolled_back(open_designer):
    """What differs is shown step by step; an old version becomes the newest one again."""
    page = open_designer.page
    await open_designer.sign_in()
    workflow = await make(page, "Two versions", LIST, publish=True)
    changed = {**LIST, "config": {**LIST["config"], "inputMapping": {"severity": "CRITICAL"}}}
    await save(page, workflow, "Two versions", changed, ACKNOWLEDGE)
    await call(page, "POST", f"/api/workflow-definitions/{workflow}/draft/publish", {})
    await page.goto(f"{open_designer.address}/workflows")
    await page.get_by_role("button", name="More of Two versions").click()
    await page.get_by_role("menuitem", name="Versions").click()
    await expect(page.get_by_role("heading", name="Versions of Two versions")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="Version 2")
    await expect(row).to_contain_text("Current")
    await expect(row).to_contain_text("Dana Reyes")
    await page.get_by_role("combobox", name="From").select_option("1")
    await page.get_by_role("combobox", name="To").select_option("2")
    difference = page.get_by_role("region", name="What differs")
    await expect(difference).to_contain_text("config.inputMapping.severity")
    await expect(difference.get_by_role("listitem").filter(has_text="Acknowledge the first")).to_contain_text("Added")
    await open_designer.look("versions")
    await page.get_by_role("button", name="Roll back to version 1").press("Enter")
    dialog = page.get_by_role("dialog", name="Roll back to version 1")
    await expect(dialog.get_by_role("listitem").filter(has_text="Acknowledge the first")).to_contain_text("Removed")
    await open_designer.look("roll-back")
    await dialog.get_by_role("button", name="Publish version 1 again").press("Enter")
    await expect(page.get_by_role("row").filter(has_text="Version 3")).to_contain_text("Current")


async def test_a_dry_run_sends_nothing(open_designer):
    """What reads is done; what writes says what it would do."""
    page = open_designer.page
    await open_designer.sign_in()
    workflow = await make(page, "Tried out", LIST, ACKNOWLEDGE)
    sent = len((await open_designer.simulate("GET", "journal"))["entries"])
    await page.goto(f"{open_designer.address}/workflows/{workflow}")
    await page.get_by_role("button", name="Try it").click()
    dialog = page.get_by_role("dialog", name="Try it")
    payload = dialog.get_by_role("textbox", name="Payload")
    await payload.fill("[1")
    await expect(dialog.get_by_role("button", name="Start the dry run")).to_be_disabled()
    await payload.fill('{"why": "to see it"}')
    await open_designer.look("try")
    await dialog.get_by_role("button", name="Start the dry run").click()
    await page.wait_for_url("**/runs/*")
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Succeeded")
    await expect(page.locator(".page-title")).to_contain_text("Dry run")
    steps = page.get_by_role("region", name="Steps")
    await expect(steps.get_by_role("button", name="Acknowledge the first")).to_contain_text("Would do")
    await expect(steps.get_by_role("button", name="Look at the alerts")).not_to_contain_text("Would do")
    await open_designer.look("run-dry")
    assert len((await open_designer.simulate("GET", "journal"))["entries"]) == sent


async def test_one_step_is_tested(open_designer):
    """Its action alone, with values of its own; what writes is only tried unless it is asked for."""
    page = open_designer.page
    await open_designer.sign_in()
    workflow = await make(page, "One step", LIST, ACKNOWLEDGE)
    await page.goto(f"{open_designer.address}/workflows/{workflow}")
    await page.get_by_role("treeitem", name="Look at the alerts").click()
    await page.get_by_role("button", name="Test this step").click()
    dialog = page.get_by_role("dialog", name="Test List active alerts")
    await dialog.get_by_role("button", name="Read", exact=True).click()
    await expect(dialog.get_by_role("status")).to_contain_text("Succeeded")
    await expect(dialog.get_by_role("region", name="Output")).to_contain_text("alerts")
    await open_designer.look("test-step")
    await dialog.get_by_role("button", name="Close").last.click()
    await page.get_by_role("treeitem", name="Acknowledge the first").click()
    await page.get_by_role("button", name="Test this step").click()
    dialog = page.get_by_role("dialog", name="Test Acknowledge alert")
    await dialog.get_by_role("button", name="Try it without doing it").click()
    await expect(dialog.get_by_role("status")).to_contain_text("Would do")


async def mend(page: Page) -> None:
    """What stands in the way is gone; what is only doubtful is not."""
    await expect(page.get_by_role("button", name=re.compile("No problems|^1 warning"))).to_be_visible()
    await expect(page.get_by_text("Saved", exact=True)).to_be_visible()


async def test_errors_stand_in_the_way_of_publishing_by_mouse(open_designer):
    """Each leads to its field; when it is mended, the version is published."""
    page = open_designer.page
    await open_designer.sign_in()
    broken = {**ACKNOWLEDGE, "config": {**ACKNOWLEDGE["config"], "inputMapping": {}}}
    workflow = await make(page, "Mended by mouse", LIST, broken)
    await page.goto(f"{open_designer.address}/workflows/{workflow}")
    await page.get_by_role("button", name="Publish", exact=True).click()
    dialog = page.get_by_role("dialog", name="Publish")
    await dialog.get_by_role("button", name="Publish version").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    await open_designer.look("publish-refused")
    await dialog.get_by_role("button", name="Show").first.click()
    await expect(page.get_by_role("treeitem", name="Acknowledge the first")).to_have_attribute("aria-selected", "true")
    uid = page.locator('[data-field="config.inputMapping.alert_uid"]')
    await uid.get_by_role("radio", name="Expression").click()
    await uid.get_by_role("textbox").fill("vars.active.alerts[0].alert_id")
    await mend(page)
    await page.get_by_role("button", name="Publish", exact=True).click()
    await dialog.get_by_role("button", name="Publish version 1").click()
    await expect(page.get_by_text("Version 1 is published.").first).to_be_visible()


async def test_errors_stand_in_the_way_of_publishing_by_keyboard(open_designer):
    """The same with nothing but keys."""
    page = open_designer.page
    await open_designer.sign_in()
    mapping = {"alert_uid": {"$expr": "vars.active.alerts[0"}}
    broken = {**ACKNOWLEDGE, "config": {**ACKNOWLEDGE["config"], "inputMapping": mapping}}
    workflow = await make(page, "Mended by keyboard", LIST, broken)
    await page.goto(f"{open_designer.address}/workflows/{workflow}")
    publish = page.get_by_role("button", name="Publish", exact=True)
    await publish.wait_for()
    await tab_to(page, publish)
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Publish")
    show = dialog.get_by_role("button", name="Show").first
    await show.wait_for()
    await tab_to(page, show)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("treeitem", name="Acknowledge the first")).to_have_attribute("aria-selected", "true")
    uid = page.locator('[data-field="config.inputMapping.alert_uid"]')
    await expect(uid.get_by_role("textbox")).to_be_focused()
    await page.keyboard.press("Control+End")
    await page.keyboard.type("].alert_id")
    await mend(page)
    await tab_to(page, publish)
    await page.keyboard.press("Enter")
    confirm = dialog.get_by_role("button", name="Publish version 1")
    await confirm.wait_for()
    await tab_to(page, confirm)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Version 1 is published.").first).to_be_visible()


async def test_the_list_warns_of_what_cannot_be_used(open_designer):
    """Badges of the modules; one whose connection is missing says why and leads there."""
    page = open_designer.page
    await open_designer.sign_in("Sam Okafor")
    await make(page, "Not connected", LIST)
    await page.goto(f"{open_designer.address}/workflows")
    row = page.get_by_role("row").filter(has_text="Not connected")
    badge = row.get_by_role("link", name="NinjaOne:")
    await expect(badge).to_be_visible()
    await open_designer.look("workflows-badges")
    await badge.click()
    await expect(page.get_by_role("heading", name="Connections")).to_be_visible()
