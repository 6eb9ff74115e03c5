"""Runs: watched as they go on, failed by the vendor, resumed with other values, and settled where nobody knows."""

from __future__ import annotations

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.pages import call, tab_to

OFFLINE = 202
ONLINE = 101
REBOOT = {
    "id": "reboot",
    "type": "action.call",
    "config": {
        "actionId": "ninjaone.devices.reboot",
        "version": 1,
        "inputMapping": {"device_id": {"$expr": "item"}, "reason": "Monthly restart"},
        "saveAs": "rebooted",
    },
}
DEFINITION = {
    "id": "w",
    "version": 1,
    "payloadSchemaRef": "payload.Any.v1",
    "steps": [
        {
            "id": "find",
            "name": "Look the server up",
            "type": "action.call",
            "config": {"actionId": "ninjaone.devices.find", "version": 1, "inputMapping": {"device_id": ONLINE}},
        },
        {
            "id": "each",
            "name": "Restart each device",
            "type": "control.forEach",
            "items": {"$expr": "payload.devices"},
            "itemVar": "item",
            "body": [REBOOT],
        },
        {"id": "end", "type": "control.return"},
    ],
}

REFUSED = {"path": "/reboot/", "times": None, "effect": {"status": 429}}


@pytest_asyncio.fixture
async def page(open_designer):
    """Signed in; the vendor does what it is asked again when the test is over."""
    await open_designer.sign_in()
    yield open_designer.page
    await open_designer.simulate("DELETE", "faults")


async def start(page: Page, address: str, name: str, devices: list[int]) -> str:
    """A run of a new workflow, on its page; answers its id."""
    made = await call(page, "POST", "/api/workflow-definitions", {"definition": {**DEFINITION, "name": name}})
    workflow = made["workflowId"]
    await call(page, "POST", f"/api/workflow-definitions/{workflow}/draft/publish", {})
    run = await call(page, "POST", "/api/workflow-runs", {"workflowId": workflow, "payload": {"devices": devices}})
    await page.goto(f"{address}/runs/{run['runId']}")
    await expect(page.get_by_role("heading", name=name)).to_be_visible()
    return str(run["runId"])


def status(page: Page):
    return page.locator(".page-title").get_by_role("status")


async def commands(open_designer, device: int) -> int:
    """How often the vendor was asked to restart a device."""
    journal = await open_designer.simulate("GET", "journal")
    return sum("/reboot/" in entry["path"] and entry["device_id"] == device for entry in journal["entries"])


async def test_failed_by_the_vendor_and_resumed_by_mouse(open_designer, page):
    """The step that failed says why; what is resumed shows what it sends, takes another value, and ends well."""
    await open_designer.simulate("POST", "faults", REFUSED)
    await start(page, open_designer.address, "Restart by mouse", [ONLINE])
    await expect(status(page)).to_have_text("Failed")
    steps = page.get_by_role("region", name="Steps")
    await expect(steps.get_by_role("button", name="Look the server up")).to_contain_text("Done")
    await expect(steps.get_by_role("button", name="Item 1")).to_contain_text("Failed")
    await expect(steps.get_by_role("button", name="Reboot device")).to_contain_text("NinjaOne")
    await expect(steps.get_by_role("region", name="Input")).to_contain_text("Monthly restart")
    await expect(steps.locator("article").filter(has_text="Return")).to_contain_text("Not reached")
    await open_designer.look("run-failed")
    await open_designer.simulate("DELETE", "faults")
    await page.get_by_role("button", name="Resume", exact=True).click()
    dialog = page.get_by_role("dialog", name="Resume the run")
    await expect(dialog).to_contain_text("One result is reused")
    await dialog.get_by_role("button", name="Change Reason").click()
    await dialog.get_by_role("textbox", name="Reason").fill("After the update")
    await open_designer.look("run-resume")
    await dialog.get_by_role("button", name="Resume from Reboot device").click()
    await expect(status(page)).to_have_text("Succeeded")
    await expect(page.get_by_text("Resumed", exact=True)).to_be_visible()
    reboot = steps.get_by_role("button", name="Reboot device")
    await expect(reboot).to_contain_text("Done")
    await reboot.click()
    await expect(steps.get_by_role("region", name="Input")).to_contain_text("After the update")
    await page.get_by_role("button", name="Log").click()
    await expect(page.locator(".run-log")).to_contain_text("Resumed")
    await open_designer.look("run-resumed")


async def test_failed_by_the_vendor_and_resumed_by_keyboard(open_designer, page):
    """The same without a mouse: every control is reached by Tab, and the focus comes back."""
    await open_designer.simulate("POST", "faults", REFUSED)
    await start(page, open_designer.address, "Restart by keyboard", [ONLINE])
    await expect(status(page)).to_have_text("Failed")
    await open_designer.simulate("DELETE", "faults")
    await tab_to(page, page.get_by_role("button", name="Resume", exact=True))
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Resume the run")
    await expect(dialog.get_by_role("button", name="Change Reason")).to_be_visible()
    await tab_to(page, page.get_by_role("button", name="Change Reason"))
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("textbox", name="Reason")).to_be_focused()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("By keyboard")
    await tab_to(page, page.get_by_role("button", name="Resume from Reboot device"))
    await page.keyboard.press("Enter")
    await expect(status(page)).to_have_text("Succeeded")
    await tab_to(page, page.get_by_role("button", name="Reboot device"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="Input")).to_contain_text("By keyboard")


async def test_effects_of_which_nobody_knows(open_designer, page):
    """Two answers are lost, and the device is away: a person says what holds, once by mouse and once by keyboard."""
    await open_designer.simulate("POST", "faults", {"path": "/reboot/", "times": 2, "effect": {"cut": "after"}})
    by_keyboard = await start(page, open_designer.address, "Settled by keyboard", [OFFLINE])
    by_mouse = await start(page, open_designer.address, "Settled by mouse", [OFFLINE])
    await expect(status(page)).to_have_text("Waiting", timeout=60_000)
    steps = page.get_by_role("region", name="Steps")
    await expect(steps.get_by_text("EFFECT_UNCERTAIN")).to_be_visible()
    await open_designer.look("run-uncertain")
    await steps.get_by_role("button", name="Decide").click()
    dialog = page.get_by_role("dialog", name="What became of it?")
    await dialog.get_by_text("It happened", exact=True).click()
    await dialog.get_by_role("textbox", name="External device ID").fill(str(OFFLINE))
    await dialog.get_by_role("combobox", name="Reboot requested").select_option("Yes")
    await expect(dialog.get_by_role("button", name="Save the decision")).to_be_disabled()
    await dialog.get_by_role("textbox", name="Reason").fill("The event log shows it.")
    await open_designer.look("settle")
    await dialog.get_by_role("button", name="Save the decision").click()
    await expect(status(page)).to_have_text("Succeeded")

    await tab_to(page, page.get_by_role("link", name="Runs", exact=True))
    await page.keyboard.press("Enter")
    decide = page.get_by_role("link", name="Decide")
    await decide.wait_for()
    await tab_to(page, decide)
    await page.keyboard.press("Enter")
    row = page.get_by_role("row").filter(has_text="Settled by keyboard")
    await expect(row).to_contain_text("Reboot device")
    await open_designer.look("effects")
    await tab_to(page, row.get_by_role("button", name="Decide"))
    await page.keyboard.press("Enter")
    await expect(dialog).to_contain_text("Monthly restart")
    await tab_to(page, dialog.get_by_role("radio").first)
    await page.keyboard.press("Space")
    await expect(dialog.get_by_role("radio", name="It happened")).to_be_checked()
    await tab_to(page, dialog.get_by_role("textbox", name="External device ID"))
    await page.keyboard.type(str(OFFLINE))
    await tab_to(page, dialog.get_by_role("combobox", name="Reboot requested"), back=True)
    await page.keyboard.type("Y")
    await tab_to(page, dialog.get_by_role("textbox", name="Reason"))
    await page.keyboard.type("The event log shows it.")
    await tab_to(page, dialog.get_by_role("button", name="Save the decision"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Nothing waits for a decision")).to_be_visible()
    for run_id in (by_keyboard, by_mouse):
        await page.goto(f"{open_designer.address}/runs/{run_id}")
        await expect(status(page)).to_have_text("Succeeded")
    assert await commands(open_designer, OFFLINE) == 2


async def test_a_large_loop(open_designer, page):
    """Of many items a part is shown, and what failed is among it."""
    made = await call(
        page,
        "POST",
        "/api/workflow-definitions",
        {
            "definition": {
                "id": "w",
                "version": 1,
                "name": "Many items",
                "payloadSchemaRef": "payload.Any.v1",
                "steps": [
                    {
                        "id": "each",
                        "type": "control.forEach",
                        "items": {"$expr": "[1..60]"},
                        "itemVar": "item",
                        "body": [
                            {
                                "id": "look",
                                "type": "action.call",
                                "config": {
                                    "actionId": "ninjaone.devices.find",
                                    "version": 1,
                                    "inputMapping": {"device_id": {"$expr": "item = 50 ? 'none' : 101"}},
                                },
                            }
                        ],
                    }
                ],
            }
        },
    )
    workflow = made["workflowId"]
    await call(page, "POST", f"/api/workflow-definitions/{workflow}/draft/publish", {})
    run = await call(page, "POST", "/api/workflow-runs", {"workflowId": workflow})
    await page.goto(f"{open_designer.address}/runs/{run['runId']}")
    await expect(status(page)).to_have_text("Failed")
    steps = page.get_by_role("region", name="Steps")
    await expect(steps.get_by_role("button", name="Item 25")).to_be_visible()
    await expect(steps.get_by_role("button", name="Item 26")).to_have_count(0)
    await expect(steps.get_by_role("button", name="Item 50")).to_contain_text("Failed")
    await open_designer.look("run-loop")
    await steps.get_by_role("button", name="more items").click()
    await expect(steps.get_by_role("button", name="Item 26")).to_be_visible()
