"""Signing in, the list of workflows, and the editor, in a real browser before the real platform."""

from __future__ import annotations

import json

from playwright.async_api import expect

SAMPLE = "Ticket for the newest NinjaOne alert"


async def test_signing_in_by_keyboard_and_out_again(open_designer):
    """Nothing but keys: the first sample user, the menu, and back where one began."""
    page = open_designer.page
    await page.goto(f"{open_designer.address}/workflows")
    await expect(page.get_by_role("button", name="Dana Reyes")).to_be_visible()
    await open_designer.look("sign-in")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Dana Reyes")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name=SAMPLE)).to_be_visible()
    await page.get_by_role("button", name="You", exact=True).focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Sign in to Workflows")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in to Workflows")).to_be_visible()


async def test_the_list(open_designer):
    """Status and last run; searched, duplicated, paused, and a deletion that is taken back."""
    page = open_designer.page
    await open_designer.sign_in()
    row = page.get_by_role("row").filter(has_text=SAMPLE).first
    await expect(row).to_contain_text("Published")
    await expect(row).to_contain_text("Succeeded")
    await open_designer.look("workflows")
    await row.get_by_role("button", name=f"More of {SAMPLE}").click()
    await page.get_by_role("menuitem", name="Duplicate").click()
    copy = page.get_by_role("row").filter(has_text=f"Copy of {SAMPLE}")
    await expect(copy).to_contain_text("Draft")
    await copy.get_by_role("button", name="More of").click()
    await page.get_by_role("menuitem", name="Pause").click()
    await expect(copy).to_contain_text("Paused")
    await copy.get_by_role("button", name="More of").click()
    await page.get_by_role("menuitem", name="Delete").click()
    await expect(copy).to_have_count(0)
    deleted = page.get_by_role("alertdialog").filter(has_text="is deleted")
    await deleted.get_by_role("button", name="Undo").click()
    await expect(copy).to_have_count(1)
    await page.get_by_role("searchbox", name="Search workflows").fill("no such thing")
    await expect(page.get_by_role("heading", name="No workflow is called like this")).to_be_visible()


async def test_export_and_import(open_designer, tmp_path):
    """A workflow leaves as a bundle and comes back as a new one."""
    page = open_designer.page
    await open_designer.sign_in()
    await page.get_by_role("button", name=f"More of {SAMPLE}", exact=True).click()
    async with page.expect_download() as download:
        await page.get_by_role("menuitem", name="Export").click()
    file = tmp_path / "bundle.json"
    await (await download.value).save_as(file)
    assert json.loads(file.read_text())["workflows"]


async def test_the_palette_of_each_tenant(open_designer):
    """NinjaOne is there for the tenant that is connected, and not for the other one."""
    page = open_designer.page
    await open_designer.sign_in()
    await page.get_by_role("link", name=SAMPLE, exact=True).click()
    palette = page.get_by_role("region", name="Palette")
    await palette.get_by_role("searchbox").fill("NinjaOne")
    await expect(palette.get_by_role("button", name="Add NinjaOne")).to_be_visible()
    await open_designer.look("editor")
    await page.context.clear_cookies()
    await open_designer.sign_in("Sam Okafor")
    await page.get_by_role("button", name="New workflow").click()
    await palette.get_by_role("searchbox").fill("Ticket")
    await expect(palette.get_by_role("button", name="Add Ticket")).to_be_visible()
    await palette.get_by_role("searchbox").fill("NinjaOne")
    await expect(palette.get_by_role("button", name="Add NinjaOne")).to_have_count(0)


async def test_publish_run_and_watch(open_designer):
    """A draft becomes the next version, runs, and shows what each step took and gave."""
    page = open_designer.page
    await open_designer.sign_in()
    await page.get_by_role("link", name=SAMPLE, exact=True).click()
    await page.get_by_role("button", name="Publish", exact=True).click()
    dialog = page.get_by_role("dialog", name="Publish")
    await expect(dialog).to_contain_text("Nothing differs from version 1")
    await open_designer.look("publish")
    await dialog.get_by_role("button", name="Publish version").click()
    await expect(page.get_by_text("Version 2 is published.").first).to_be_visible()
    await page.get_by_role("button", name="Run", exact=True).click()
    await page.wait_for_url("**/runs/*")
    await expect(page.get_by_role("heading", name=SAMPLE)).to_be_visible()
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Succeeded", timeout=30_000)
    steps = page.get_by_role("region", name="Steps")
    await steps.get_by_role("button").first.press("Enter")
    await expect(steps.get_by_role("region", name="Output").first).to_contain_text("alerts")
    await open_designer.look("run")
    await page.get_by_role("link", name="Runs", exact=True).click()
    await expect(page.get_by_role("row").filter(has_text=SAMPLE).first).to_contain_text("Succeeded")
    await page.get_by_role("button", name="Canceled").click()
    await expect(page.get_by_role("heading", name="No run yet")).to_be_visible()
    await page.get_by_role("button", name="All").click()
    await open_designer.look("runs")


async def test_a_session_that_ends_takes_nothing_away(open_designer):
    """One signs in again above the editor; what was typed is still there, is saved, and can be undone."""
    page = open_designer.page
    await open_designer.sign_in()
    await page.get_by_role("button", name="New workflow").click()
    name = page.get_by_role("complementary", name="Details").get_by_role("textbox", name="Name")
    await name.fill("Before the end")
    await expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    await page.context.clear_cookies()
    await name.fill("After the end")
    again = page.get_by_role("dialog", name="Sign in again")
    await expect(again).to_be_visible()
    await open_designer.look("sign-in-again")
    await again.get_by_role("button", name="Dana Reyes").click()
    await expect(again).to_have_count(0)
    await expect(name).to_have_value("After the end")
    await expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(name).to_have_value("New workflow")
    await page.get_by_role("link", name="Back to workflows").click()
    await page.context.clear_cookies()
    await again.get_by_role("button", name="Sam Okafor").click()
    await expect(page.get_by_role("link", name=SAMPLE)).to_have_count(0)
    await expect(page.get_by_role("button", name="You", exact=True)).to_contain_text("Sam Okafor")


async def test_a_server_that_is_away_is_told(open_designer):
    """What is shown stays, with a notice that it may be old; the notice goes by itself."""
    page = open_designer.page
    await open_designer.sign_in()
    await page.get_by_role("link", name="Runs", exact=True).click()
    await page.get_by_role("heading", name="Runs", exact=True).wait_for()
    row = page.get_by_role("row").filter(has_text=SAMPLE).first
    await expect(row).to_be_visible()
    await page.context.set_offline(True)
    notice = page.get_by_text("The server does not answer.")
    await expect(notice).to_be_visible()
    await expect(row).to_be_visible()
    await open_designer.look("unreachable")
    await page.context.set_offline(False)
    await expect(notice).to_have_count(0)
