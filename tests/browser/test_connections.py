"""Connecting an integration, saying what its records are, keeping it in step, and ending the connection."""

from __future__ import annotations

import asyncio

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.pages import call, tab_to

SECRET = "a-secret-of-the-application"


async def register(open_designer, client_id: str) -> None:
    """An application at the vendor that may be used in both ways of connecting."""
    await open_designer.simulate(
        "POST",
        "applications",
        {
            "client_id": client_id,
            "client_secret": SECRET,
            "scopes": ["monitoring", "management", "control"],
            "grants": ["client_credentials", "authorization_code", "refresh_token"],
            "redirect_uris": [f"{open_designer.address}/api/integrations/ninjaone/callback"],
        },
    )


async def open_form(open_designer, name: str = "Connect") -> Page:
    """The form of the tenant that has not connected yet."""
    page = open_designer.page
    await page.goto(f"{open_designer.address}/connections/ninjaone")
    await page.get_by_role("button", name=name, exact=True).click()
    await expect(page.get_by_role("dialog", name="Connect NinjaOne")).to_be_visible()
    return page


async def disconnect(page: Page) -> None:
    await call(page, "POST", "/api/integrations/ninjaone/disconnect")


async def is_in_palette(page: Page) -> bool:
    catalog = await call(page, "GET", "/api/workflow/registry/designer-catalog")
    return "app:ninjaone" in {module["groupKey"] for module in catalog}


async def test_connected_with_credentials_by_mouse(open_designer):
    """A wrong secret is told; the right one connects, and is nowhere on the page."""
    page = open_designer.page
    await open_designer.sign_in("Sam Okafor")
    await register(open_designer, "by-mouse")
    await page.get_by_role("link", name="Connections", exact=True).click()
    card = page.get_by_role("article").filter(has_text="NinjaOne")
    await expect(card).to_contain_text("Not connected")
    await open_designer.look("connections")
    await card.get_by_role("link", name="NinjaOne").click()
    await page.get_by_role("button", name="Connect", exact=True).click()
    dialog = page.get_by_role("dialog", name="Connect NinjaOne")
    await dialog.get_by_text("Client credentials", exact=True).click()
    await dialog.get_by_role("combobox", name="Instance").select_option("Another one…")
    await dialog.get_by_role("textbox", name="Instance: another one").fill(open_designer.simulator)
    await dialog.get_by_label("Client ID").fill("by-mouse")
    await open_designer.look("connect")
    await dialog.get_by_role("button", name="Connect", exact=True).click()
    await expect(dialog.get_by_label("Client secret")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Client secret").fill("wrong")
    await dialog.get_by_role("button", name="Connect", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    await dialog.get_by_label("Client secret").fill(SECRET)
    await dialog.get_by_role("button", name="Connect", exact=True).click()
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Connected")
    assert await is_in_palette(page)
    assert SECRET not in await page.content()

    await page.get_by_role("button", name="Test", exact=True).click()
    await expect(page.get_by_text("the connection works").first).to_be_visible()
    await disconnect(page)


@pytest_asyncio.fixture
async def connected(open_designer):
    """The page of a connection that is there; it is ended afterwards."""
    page = open_designer.page
    await open_designer.sign_in("Sam Okafor")
    await register(open_designer, "connected")
    values = {"instance_url": open_designer.simulator, "client_id": "connected", "client_secret": SECRET}
    body = {"method": "client_credentials", "values": values}
    await call(page, "POST", "/api/integrations/ninjaone/connect", body)
    await page.goto(f"{open_designer.address}/connections/ninjaone")
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Connected")
    yield page
    await disconnect(page)


async def test_what_organizations_are_here(open_designer, connected):
    """One that there is, a new one, and nothing again."""
    page = connected
    organizations = page.get_by_role("region", name="Organizations")
    await organizations.get_by_role("button", name="Read anew").click()
    row = organizations.get_by_role("row").filter(has_text="Contoso Legal")
    await row.get_by_role("combobox").fill("Prose")
    await page.get_by_role("option", name="Proseware Bakery").click()
    await expect(organizations.get_by_role("status")).to_contain_text("1 of 3 mapped")
    other = organizations.get_by_role("row").filter(has_text="Fabrikam Logistics")
    await other.get_by_role("button", name="Choose").click()
    await page.get_by_role("option", name="New: Fabrikam Logistics").click()
    await expect(organizations.get_by_role("status")).to_contain_text("2 of 3 mapped")
    await row.get_by_role("button", name="Contoso Legal is nothing here").click()
    await expect(organizations.get_by_role("status")).to_contain_text("1 of 3 mapped")
    await organizations.get_by_role("button", name="Not mapped").click()
    await expect(other).to_have_count(0)


async def test_a_job_is_run_and_watched(open_designer, connected):
    """It tells when it is done, and what it gave."""
    page = connected
    jobs = page.get_by_role("region", name="Synchronisation")
    await jobs.get_by_role("button", name="Run now: Sync devices").click()
    job = jobs.get_by_role("article").filter(has_text="Sync devices")
    await expect(job).to_contain_text("Done")
    await job.get_by_role("button", name="Sync devices").first.click()
    await expect(page.get_by_role("dialog", name="Sync devices")).to_contain_text("devices: 9")
    await open_designer.look("job-runs")
    await page.keyboard.press("Escape")
    await open_designer.look("connection")


async def test_disconnected_with_what_it_affects(open_designer, connected):
    """Whose steps fail from now on is told before; then the palette has it no more."""
    page = connected
    made = await call(
        page,
        "POST",
        "/api/workflow-definitions",
        {
            "definition": {
                "id": "w",
                "version": 1,
                "name": "Uses the connection",
                "payloadSchemaRef": "payload.Any.v1",
                "steps": [
                    {
                        "id": "a",
                        "type": "action.call",
                        "config": {"actionId": "ninjaone.alerts.list_active", "version": 1, "inputMapping": {}},
                    }
                ],
            }
        },
    )
    await call(page, "POST", f"/api/workflow-definitions/{made['workflowId']}/draft/publish", {})
    await page.get_by_role("button", name="Disconnect").click()
    ending = page.get_by_role("dialog", name="Disconnect NinjaOne")
    await expect(ending.get_by_role("link", name="Uses the connection")).to_be_visible()
    await open_designer.look("disconnect")
    await ending.get_by_role("button", name="Disconnect").click()
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Not connected")
    assert not await is_in_palette(page)


async def test_what_is_typed_outlives_a_server_that_is_away(open_designer, connected):
    """The connection is looked at again and again: a look that fails takes no form away."""
    page = connected
    await page.get_by_role("button", name="Connect again", exact=True).click()
    dialog = page.get_by_role("dialog", name="Connect NinjaOne")
    await dialog.get_by_label("Client secret").fill("typed")
    failed = 0

    async def fail(route) -> None:
        nonlocal failed
        failed += 1
        await route.fulfill(status=503, json={"code": "ENGINE_UNAVAILABLE", "detail": "Away for a moment."})

    await page.route("**/api/integrations/ninjaone", fail)
    async with asyncio.timeout(40):
        while failed < 3:
            await asyncio.sleep(0.2)
    await asyncio.sleep(0.5)
    await expect(dialog.get_by_label("Client secret")).to_have_value("typed")
    await page.unroute("**/api/integrations/ninjaone")


async def test_connected_and_disconnected_by_keyboard(open_designer):
    """Nothing but keys, from the navigation to the end of the connection."""
    page = open_designer.page
    await open_designer.sign_in("Sam Okafor")
    await register(open_designer, "by-keyboard")
    await tab_to(page, page.get_by_role("link", name="Connections", exact=True))
    await page.keyboard.press("Enter")
    card = page.get_by_role("article").get_by_role("link", name="NinjaOne")
    await card.wait_for()
    await tab_to(page, card)
    await page.keyboard.press("Enter")
    connect = page.get_by_role("button", name="Connect", exact=True)
    await connect.wait_for()
    await tab_to(page, connect)
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Connect NinjaOne")
    credentials = dialog.get_by_role("radio", name="Client credentials")
    await credentials.wait_for()
    while not await credentials.is_checked():
        if not await dialog.get_by_role("radio").first.evaluate(
            "radio => radio.form?.contains(document.activeElement)"
        ):
            await page.keyboard.press("Tab")
        elif await page.evaluate("document.activeElement.type") == "radio":
            await page.keyboard.press("ArrowDown")
        else:
            await page.keyboard.press("Tab")
    instance = dialog.get_by_role("combobox", name="Instance")
    await tab_to(page, instance)
    await page.keyboard.type("Another")
    other = dialog.get_by_role("textbox", name="Instance: another one")
    await tab_to(page, other)
    await page.keyboard.press("Control+A")
    await page.keyboard.type(open_designer.simulator)
    for label, text in (("Client ID", "by-keyboard"), ("Client secret", SECRET)):
        await tab_to(page, dialog.get_by_label(label))
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Connected")
    ending = page.get_by_role("button", name="Disconnect")
    await tab_to(page, ending)
    await page.keyboard.press("Enter")
    confirm = page.get_by_role("dialog", name="Disconnect NinjaOne").get_by_role("button", name="Disconnect")
    await expect(confirm).to_be_enabled()
    await tab_to(page, confirm)
    await page.keyboard.press("Enter")
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Not connected")


async def test_signing_in_at_the_vendor(open_designer):
    """The browser goes there, somebody allows it, and comes back connected; or refuses, and is told."""
    page = open_designer.page
    await open_designer.sign_in("Sam Okafor")
    await register(open_designer, "by-sign-in")
    await open_designer.simulate("POST", "tokens", {"consent": "ask"})
    try:
        for decision, status in (("Deny", "Not connected"), ("Allow", "Connected")):
            await open_form(open_designer)
            dialog = page.get_by_role("dialog", name="Connect NinjaOne")
            await dialog.get_by_text("Sign in to NinjaOne", exact=True).click()
            await expect(dialog.get_by_label("Address to come back to", exact=True)).to_have_value(
                f"{open_designer.address}/api/integrations/ninjaone/callback"
            )
            await dialog.get_by_role("combobox", name="Instance").select_option("Another one…")
            await dialog.get_by_role("textbox", name="Instance: another one").fill(open_designer.simulator)
            await dialog.get_by_label("Client ID").fill("by-sign-in")
            await dialog.get_by_label("Client secret").fill(SECRET)
            await dialog.get_by_role("button", name="Go on to NinjaOne").click()
            await page.get_by_role("button", name=decision).click()
            await expect(page.locator(".page-title").get_by_role("status")).to_have_text(status)
            await expect(page).to_have_url(f"{open_designer.address}/connections/ninjaone")
            if decision == "Deny":
                await expect(page.get_by_role("alert")).to_contain_text("not allowed over there")
    finally:
        await open_designer.simulate("POST", "tokens", {"consent": "allow"})
        await disconnect(page)
