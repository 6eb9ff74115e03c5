"""Building, mending and keeping a workflow in the editor, by mouse and by keyboard."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.pages import call, press, tab_to
from workflow_devstack.seed import CONNECTED

EVENT = "RMM_ALERT_TRIGGERED"
UNKNOWN = {"strange": [1, {"$x": 2}], "type": "acme.thing", "id": "u", "then": [{"a": 1}]}
MISSING = {
    "id": "g",
    "type": "action.call",
    "name": "Back it up",
    "config": {
        "actionId": "acme.backup.start",
        "version": 3,
        "inputMapping": {"host": {"$expr": "payload.deviceName"}, "mode": "full"},
        "designerGroupKey": "app:acme",
        "designerTileKind": "app",
        "kept": {"as": "it is"},
    },
}


async def edit(designer: Any, definition: dict[str, Any]) -> str:
    """A stored workflow in the editor; answers the path of its draft."""
    page = designer.page
    made = await call(
        page, "POST", "/api/workflow-definitions", {"definition": {"id": "w", "version": 1, **definition}}
    )
    await page.goto(f"{designer.address}/workflows/{made['workflowId']}")
    await expect(page.get_by_role("complementary", name="Details")).to_be_visible()
    return f"/api/workflow-definitions/{made['workflowId']}/draft"


async def stored(page: Page, draft: str) -> dict[str, Any]:
    """The draft, when everything is saved."""
    await expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    found = await call(page, "GET", draft)
    return dict(found["definition"])


def step(page: Page, name: str) -> Locator:
    return page.get_by_role("treeitem", name=name).first


def field(page: Page, path: str) -> Locator:
    return page.locator(f'[data-field="{path}"]')


def check_built(definition: dict[str, Any]) -> None:
    """Alert → device → ticket → acknowledge, each mapped to what comes before it."""
    assert definition["trigger"] == {"type": "event", "eventName": EVENT}
    find, ticket, acknowledge = definition["steps"]
    assert find["config"]["actionId"] == "ninjaone.devices.find"
    assert find["config"]["inputMapping"]["device_id"] == {"$expr": "payload.deviceId"}
    assert ticket["config"]["actionId"] == "tickets.create"
    mapping = ticket["config"]["inputMapping"]
    assert mapping["client_id"] == {"$expr": f"vars.{find['config']['saveAs']}.devices[0].client_id"}
    assert mapping["title"] == {"$expr": "payload.title"}
    assert isinstance(mapping["board_id"], str)
    assert isinstance(mapping["priority_id"], str)
    assert acknowledge["config"] | {"inputMapping": {}, "saveAs": ""} == {
        "actionId": "ninjaone.alerts.reset",
        "version": 1,
        "inputMapping": {},
        "saveAs": "",
        "designerGroupKey": "app:ninjaone",
        "designerTileKind": "app",
        "designerAppKey": "app:ninjaone",
    }
    assert acknowledge["config"]["inputMapping"] == {"alert_uid": {"$expr": "payload.alertId"}}


# ── By mouse ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def pick(page: Page, path: str, words: str, source: str) -> None:
    """Maps an input to data, found by a search in what can be read."""
    inputs = field(page, f"config.inputMapping.{path}")
    await inputs.get_by_role("radio", name="Data").click()
    await inputs.get_by_role("button", name="Choose data").click()
    await page.get_by_role("searchbox", name="Search data").fill(words)
    await page.get_by_role("row", name=source).click()
    await expect(inputs).to_contain_text(source)


async def choose(page: Page, path: str, label: str) -> None:
    """Picks a value that the integration offers."""
    inputs = field(page, f"config.inputMapping.{path}")
    await inputs.get_by_role("combobox").fill(label)
    await page.get_by_role("option", name=label).first.click()


async def test_a_ticket_for_an_alert_by_mouse(open_designer):
    """From an empty canvas to a workflow without problems, mapped by the data picker, and saved by itself."""
    page = open_designer.page
    await open_designer.sign_in()
    draft = await edit(open_designer, {"name": "By mouse", "steps": []})
    await open_designer.look("editor-empty")

    await field(page, "trigger.type").get_by_role("button").click()
    await page.get_by_role("option", name="When an event happens").click()
    await field(page, "trigger.eventName").get_by_role("combobox").fill(EVENT)
    await page.get_by_role("option", name=EVENT).click()

    palette = page.get_by_role("region", name="Palette")
    await palette.get_by_role("button", name="NinjaOne").click()
    await expect(step(page, "Find devices")).to_have_attribute("aria-selected", "true")
    await pick(page, "device_id", "device id", "payload.deviceId")

    await palette.get_by_role("button", name="Add Ticket").click()
    await pick(page, "client_id", "client", "devices[0].client_id")
    await pick(page, "title", "title", "payload.title")
    await choose(page, "board_id", "Service desk")
    await choose(page, "priority_id", "High")
    await open_designer.look("editor-step")

    await palette.get_by_role("button", name="NinjaOne").click()
    actions = field(page, "config.actionId").get_by_role("button")
    await actions.click()
    labels = await page.get_by_role("option").all_inner_texts()
    assert any(label.startswith("Acknowledge alert") for label in labels)
    assert not any("ticket" in label.lower() for label in labels), "only the module's own actions are offered"
    await page.get_by_role("option", name="Acknowledge alert").click()
    await pick(page, "alert_uid", "alert id", "payload.alertId")

    await expect(page.get_by_role("button", name="No problems")).to_be_visible()
    check_built(await stored(page, draft))
    await page.reload()
    await expect(step(page, "Acknowledge alert")).to_be_visible()


# ── By keyboard ──────────────────────────────────────────────────────────────────────────────────────────────────


async def add_by_keys(page: Page, words: str, name: str) -> None:
    """Adds what the step dialog finds first."""
    await expect(page.get_by_role("searchbox", name="Search steps and actions").last).to_be_focused()
    await page.keyboard.type(words)
    await expect(page.get_by_role("option").first).to_contain_text(name)
    await expect(page.get_by_role("option").first).to_have_attribute("data-focused", "true")
    await press(page, "Enter")
    await expect(step(page, name)).to_be_focused()


async def pick_by_keys(page: Page, path: str, words: str, source: str) -> None:
    inputs = field(page, f"config.inputMapping.{path}")
    await tab_to(page, inputs.get_by_role("radio", name="Fixed value"))
    await press(page, "ArrowRight", "Enter")
    await tab_to(page, inputs.get_by_role("button", name="Choose data"))
    await press(page, "Enter")
    await expect(page.get_by_role("searchbox", name="Search data")).to_be_focused()
    await page.keyboard.type(words)
    await expect(page.get_by_role("row").first).to_contain_text(source)
    await tab_to(page, page.get_by_role("row").first)
    await press(page, "Enter")
    await expect(inputs).to_contain_text(source)
    await expect(inputs.locator(":focus")).to_have_count(1)


async def choose_by_keys(page: Page, path: str, label: str) -> None:
    inputs = field(page, f"config.inputMapping.{path}").get_by_role("combobox")
    await tab_to(page, inputs)
    await page.keyboard.type(label)
    await expect(page.get_by_role("option").first).to_contain_text(label)
    await press(page, "ArrowDown", "Enter")
    await expect(inputs).to_have_value(label)


async def test_a_ticket_for_an_alert_by_keyboard(open_designer):
    """The same without a mouse; then a step is moved, undone, copied and removed by keys."""
    page = open_designer.page
    await open_designer.sign_in()
    draft = await edit(open_designer, {"name": "By keyboard", "steps": []})

    await tab_to(page, field(page, "trigger.type").get_by_role("button"))
    await press(page, "Enter")
    await expect(page.get_by_role("listbox")).to_be_visible()
    await press(page, "ArrowDown", "Enter")
    await tab_to(page, field(page, "trigger.eventName").get_by_role("combobox"))
    await page.keyboard.type(EVENT)
    await expect(page.get_by_role("option")).to_have_count(1)
    await press(page, "ArrowDown", "Enter")

    await tab_to(page, page.get_by_role("button", name="Add step", exact=True), back=True)
    await press(page, "Enter")
    await add_by_keys(page, "find devices", "Find devices")
    await press(page, "Enter")
    await pick_by_keys(page, "device_id", "device id", "payload.deviceId")
    await press(page, "Escape")
    await expect(step(page, "Find devices")).to_be_focused()

    await press(page, "a")
    await add_by_keys(page, "create ticket", "Create ticket")
    await press(page, "Enter")
    await pick_by_keys(page, "client_id", "client_id", "devices[0].client_id")
    await pick_by_keys(page, "title", "payload title", "payload.title")
    await choose_by_keys(page, "board_id", "Service desk")
    await choose_by_keys(page, "priority_id", "High")
    await press(page, "Escape")

    await press(page, "a")
    await add_by_keys(page, "acknowledge alert", "Acknowledge alert")
    await press(page, "Enter")
    await pick_by_keys(page, "alert_uid", "alert id", "payload.alertId")
    await press(page, "Escape")
    await expect(page.get_by_role("button", name="No problems")).to_be_visible()
    check_built(await stored(page, draft))

    names = page.get_by_role("treeitem")
    await press(page, "Alt+ArrowUp")
    await expect(names.nth(1)).to_contain_text("Acknowledge alert")
    await expect(names.nth(1)).to_be_focused()
    await expect(page.get_by_role("status").filter(has_text="moved up")).to_be_attached()
    await press(page, "Control+z")
    await expect(names.nth(2)).to_contain_text("Acknowledge alert")
    await expect(names.nth(2)).to_be_focused()
    await press(page, "Control+d")
    await expect(names).to_have_count(4)
    await press(page, "Delete")
    await expect(names).to_have_count(3)
    check_built(await stored(page, draft))


# ── Size ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_workflow_is_gone_through_and_mapped(open_designer):
    """Of 300 steps few are drawn, and still all are counted, found by keys, and their data by a search."""
    page = open_designer.page
    await open_designer.sign_in()
    steps = [
        {
            "id": f"s{number}",
            "type": "action.call",
            "name": f"Find {number}.",
            "config": {
                "actionId": "ninjaone.devices.find",
                "version": 1,
                "inputMapping": {"query": "server"},
                "saveAs": f"found_{number}",
            },
        }
        for number in range(1, 301)
    ]
    draft = await edit(open_designer, {"name": "Long", "steps": steps})
    assert await page.get_by_role("treeitem").count() < len(steps) / 3

    await step(page, "Find 1.").click()
    await press(page, "End")
    last = step(page, "Find 300.")
    await expect(last).to_be_focused()
    await expect(last).to_have_attribute("aria-posinset", "300")
    await press(page, "F2")
    await expect(field(page, "name").get_by_role("textbox")).to_be_focused()
    await page.keyboard.type(" The last")
    await press(page, "Escape")
    await expect(step(page, "Find 300. The last")).to_be_focused()

    await pick(page, "query", "found_1. host", "vars.found_1.devices[0].hostname")
    await press(page, "Escape", "Home")
    await expect(step(page, "Find 1.")).to_be_focused()
    stored_steps = (await stored(page, draft))["steps"]
    assert stored_steps[0] == steps[0]
    assert stored_steps[-1]["name"] == "Find 300. The last"
    assert stored_steps[-1]["config"]["inputMapping"] == {"query": {"$expr": "vars.found_1.devices[0].hostname"}}


# ── Findings ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_findings_lead_to_the_field_and_are_fixed(open_designer):
    """A finding opens its step, focuses its field, and its suggestion is taken by one press."""
    page = open_designer.page
    await open_designer.sign_in()
    draft = await edit(
        open_designer,
        {
            "name": "With mistakes",
            "payloadSchemaRef": "payload.RmmAlertTriggered.v1",
            "trigger": {"type": "event", "eventName": EVENT},
            "steps": [
                {"id": "s", "type": "state.set", "config": {"state": "BEGUN"}},
                {
                    "id": "t",
                    "type": "action.call",
                    "config": {
                        "actionId": "tickets.find",
                        "inputMapping": {"ticket_number": {"$expr": "'T' & payload.titel"}, "on_not_fond": "error"},
                    },
                },
            ],
        },
    )
    await page.get_by_role("button", name="2 warnings").click()
    await open_designer.look("editor-findings")
    await page.get_by_role("button").filter(has_text="did you mean payload.title?").click()
    await expect(step(page, "Find ticket")).to_have_attribute("aria-selected", "true")
    code = field(page, "config.inputMapping.ticket_number").get_by_role("textbox")
    await expect(code).to_be_focused()
    await page.get_by_role("button", name="Use payload.title").click()
    await expect(code).to_have_text("'T' & payload.title")
    await page.get_by_role("button", name="Use on_not_found").press("Enter")
    await expect(page.get_by_role("button", name="No problems")).to_be_visible()
    config = (await stored(page, draft))["steps"][1]["config"]
    assert config["inputMapping"] == {"ticket_number": {"$expr": "'T' & payload.title"}, "on_not_found": "error"}


async def test_an_expression_is_tried_while_it_is_written(open_designer):
    """Completion from what can be read, its value on sample data, and an error where it is."""
    page = open_designer.page
    await open_designer.sign_in()
    await edit(
        open_designer,
        {
            "name": "With an expression",
            "payloadSchemaRef": "payload.RmmAlertTriggered.v1",
            "trigger": {"type": "event", "eventName": EVENT},
            "steps": [{"id": "i", "type": "control.if", "condition": {"$expr": ""}, "then": [], "else": []}],
        },
    )
    await step(page, "If").click()
    condition = field(page, "condition")
    await condition.get_by_role("textbox").click()
    await page.keyboard.type("payload.sev")
    await page.get_by_role("option", name="severity").click()
    await expect(condition.get_by_role("textbox")).to_have_text("payload.severity")
    await page.keyboard.type(" = 'Severity'")
    await expect(condition.get_by_role("status")).to_contain_text("true")
    await page.keyboard.type(" and")
    await expect(condition.locator(".cm-lintRange-error")).to_be_visible()
    await open_designer.look("editor-expression")


# ── What stays ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_not_known_stays_as_it_is(open_designer):
    """A step of an unknown type and one of a missing module show what is stored, and survive moving and saving."""
    page = open_designer.page
    await open_designer.sign_in()
    draft = await edit(open_designer, {"name": "Of another world", "steps": [UNKNOWN, MISSING]})
    await step(page, "acme.thing").click()
    await expect(page.get_by_role("complementary", name="Details")).to_contain_text('"strange"')
    await open_designer.look("editor-unknown")
    await page.keyboard.press("Alt+ArrowDown")
    await step(page, "Back it up").click()
    await expect(page.get_by_text("No installed integration has the action acme.backup.start.").first).to_be_visible()
    assert json.dumps((await stored(page, draft))["steps"]) == json.dumps([MISSING, UNKNOWN])


async def test_two_people_do_not_write_over_each_other(open_designer):
    """Who comes second is asked: what the other one saved is loaded, or replaced."""
    page = open_designer.page
    await open_designer.sign_in()
    draft = await edit(open_designer, {"name": "Shared", "steps": []})
    for choice, description in (("Load theirs", "Theirs"), ("Save mine instead", "Mine")):
        theirs = await stored(page, draft) | {"description": "Theirs"}
        await call(page, "PUT", draft, {"definition": theirs})
        await field(page, "description").get_by_role("textbox").fill("Mine")
        await expect(page.get_by_role("alertdialog")).to_be_visible()
        if choice == "Load theirs":
            await open_designer.look("editor-conflict")
        await page.get_by_role("button", name=choice).click()
        await expect(page.get_by_role("alertdialog")).to_have_count(0)
        assert (await stored(page, draft))["description"] == description
        await field(page, "description").get_by_role("textbox").fill("")


async def test_nothing_is_lost_when_one_leaves_or_the_server_is_gone(open_designer):
    """Leaving saves what was just typed; what cannot be saved stays, says so, and is saved when it can be."""
    page = open_designer.page
    await open_designer.sign_in()
    draft = await edit(open_designer, {"name": "Left at once", "steps": []})
    await field(page, "description").get_by_role("textbox").fill("Just typed")
    await page.get_by_role("link", name="Back to workflows").click()
    await expect(page.get_by_role("heading", name="Workflows", exact=True)).to_be_visible()
    assert (await call(page, "GET", draft))["definition"]["description"] == "Just typed"
    await page.go_back()
    await page.route("**/draft", lambda route: route.abort())
    await field(page, "description").get_by_role("textbox").fill("Typed without a server")
    await expect(page.get_by_text("Not saved")).to_be_visible()
    await page.unroute("**/draft")
    await page.get_by_role("button", name="Try again").click()
    assert (await stored(page, draft))["description"] == "Typed without a server"


# ── Integrations that come and go ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def admin_dsn(tmp_path_factory, platform) -> str:
    """Where the platform's administrator looks at its tables."""
    (running,) = tmp_path_factory.getbasetemp().glob("designer[0-9]*/data/running.json")
    return str(json.loads(running.read_text())["admin_dsn"])


async def test_an_integration_is_disconnected_while_the_editor_is_open(open_designer, admin_dsn):
    """Its tile goes, its steps say why they cannot run, and both come back with it."""
    page = open_designer.page
    await open_designer.sign_in()
    call_step = {
        "id": "a",
        "type": "action.call",
        "name": "Look",
        "config": {"actionId": "ninjaone.alerts.list_active", "inputMapping": {}, "designerGroupKey": "app:ninjaone"},
    }
    await edit(open_designer, {"name": "While open", "steps": [call_step]})
    tile = page.get_by_role("region", name="Palette").get_by_role("button", name="NinjaOne")
    await expect(tile).to_be_visible()
    conn = await asyncpg.connect(admin_dsn)
    switch = "UPDATE rmm_integrations SET is_active = $2 WHERE tenant = $1"
    try:
        await conn.execute(switch, CONNECTED.tenant, False)
        await expect(step(page, "Look")).to_contain_text("Unavailable", timeout=40_000)
        await expect(tile).to_have_count(0)
        await step(page, "Look").click()
        await expect(page.get_by_role("complementary", name="Details")).to_contain_text("is switched off")
        await expect(page.get_by_role("button", name="1 error")).to_be_visible()
        await page.get_by_text("Show unavailable (1)").click()
        await expect(page.get_by_role("link", name="Go to connections").first).to_be_visible()
        await open_designer.look("editor-unavailable")
    finally:
        await conn.execute(switch, CONNECTED.tenant, True)
        await conn.close()
    await expect(tile).to_be_visible(timeout=40_000)
    await expect(page.get_by_role("button", name="No problems")).to_be_visible()


async def test_the_palette_by_keyboard(open_designer, admin_dsn):
    """Nothing but keys: the tile goes with the connection, and says where to connect; another tenant has none."""
    page = open_designer.page
    await page.goto(open_designer.address)
    await tab_to(page, page.get_by_role("button", name="Dana Reyes"))
    await press(page, "Enter")
    palette = page.get_by_role("region", name="Palette")
    tile = palette.get_by_role("button", name="Add NinjaOne")
    await search_by_keyboard(page, "NinjaOne")
    await tab_to(page, tile)
    conn = await asyncpg.connect(admin_dsn)
    switch = "UPDATE rmm_integrations SET is_active = $2 WHERE tenant = $1"
    try:
        await conn.execute(switch, CONNECTED.tenant, False)
        await expect(tile).to_have_count(0, timeout=40_000)
        await tab_to(page, palette.get_by_role("switch", name="Show unavailable (1)"))
        await press(page, "Space")
        await tab_to(page, palette.get_by_role("link", name="Go to connections").first, back=True)
        await press(page, "Enter")
        await expect(page.get_by_role("article").filter(has_text="NinjaOne")).to_contain_text("Not connected")
    finally:
        await conn.execute(switch, CONNECTED.tenant, True)
        await conn.close()
    await tab_to(page, page.get_by_role("button", name="You", exact=True))
    await press(page, "Enter", "Enter")
    await page.get_by_role("button", name="Sam Okafor").wait_for()
    await tab_to(page, page.get_by_role("button", name="Sam Okafor"))
    await press(page, "Enter")
    workflows = page.get_by_role("link", name="Workflows", exact=True)
    await workflows.wait_for()
    await tab_to(page, workflows)
    await press(page, "Enter")
    await search_by_keyboard(page, "Ticket")
    await expect(palette.get_by_role("button", name="Add Ticket")).to_be_visible()
    await press(page, "Control+a")
    await page.keyboard.type("NinjaOne")
    await expect(palette.get_by_role("button", name="Add Ticket")).to_have_count(0)
    await expect(tile).to_have_count(0)


async def search_by_keyboard(page: Page, words: str) -> None:
    """From the list of workflows to a new one, and into its palette's search."""
    new = page.get_by_role("button", name="New workflow")
    await new.wait_for()
    await tab_to(page, new)
    await press(page, "Enter")
    field = page.get_by_role("region", name="Palette").get_by_role("searchbox")
    await field.wait_for()
    await tab_to(page, field)
    await page.keyboard.type(words)
