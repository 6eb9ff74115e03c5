"""Every screen in other languages: none has words of its own, and in German, on a tablet, all of it fits."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.pages import call
from tests.browser.test_admin import ask

SAMPLE = "Ticket for the newest NinjaOne alert"
#: What every screen is gone to by, and what is opened there: the selectors of what is clicked, one after the other.
SCREENS: dict[str, tuple[str, tuple[str, ...]]] = {
    "workflows": ("/workflows", ()),
    "workflow-menu": ("/workflows", ("tbody .table-tools button, tbody td:last-child button",)),
    "editor": ("/workflows/{workflow}", ()),
    "editor-step": ("/workflows/{workflow}", (".ed-step",)),
    "editor-insert": ("/workflows/{workflow}", (".ed-row", ".ed-insert")),
    "editor-publish": ("/workflows/{workflow}", (".button.primary",)),
    "versions": ("/workflows/{workflow}/versions", ()),
    "runs": ("/runs", ()),
    "run": ("/runs/{run}", (".run-step-head", ".run-disclosure button")),
    "run-failed": ("/runs/{failed}", ()),
    "effects": ("/runs/effects", ()),
    "tasks": ("/tasks", ()),
    "task": ("/tasks/{task}", (".task-further summary",)),
    "connections": ("/connections", ()),
    "connection": ("/connections/{provider}", ()),
    "connect": ("/connections/{provider}", (".page-tools button:last-child",)),
    "disconnect": ("/connections/{provider}", (".page-tools button:first-child",)),
    "secrets": ("/secrets", ()),
    "secret": ("/secrets", (".button.primary",)),
    "system": ("/system", ()),
}
#: Moments, spans of time and sizes, as the browser writes them.
MOMENT = re.compile(
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d+|\d*[\d/:.\s]*(AM|PM|ms|s|min|KB|MB)?( \d+ s)?"
)
#: The names of languages, and a word of the library for dialogs, which has its own catalogs.
OWN = {"Pseudo", "Dismiss"}

#: Every text that is shown or read out, but for what is shown as code.
TEXTS = """() => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        if (!parent.closest("pre, code, script, style, .cm-editor, option")) found.push(walker.currentNode.data);
    }
    for (const element of document.body.querySelectorAll("[aria-label], [placeholder], [title], [alt]")) {
        if (element.closest("pre, code, .cm-editor")) continue;
        for (const name of ["aria-label", "placeholder", "title", "alt"]) found.push(element.getAttribute(name) ?? "");
    }
    return found.map((text) => text.trim()).filter((text) => /[a-z]/i.test(text));
}"""

#: Keeps what the server answers.
KEEP = """
window.answers = [];
const ask = window.fetch;
window.fetch = async (...asked) => {
    const answer = await ask(...asked);
    if (answer.headers.get("Content-Type")?.includes("json")) window.answers.push(await answer.clone().text());
    return answer;
};
"""


@pytest_asyncio.fixture
async def ids(open_designer) -> dict[str, str]:
    """Something to show on every screen: the ids of it."""
    page = open_designer.page
    await open_designer.sign_in()
    workflows = (await call(page, "GET", "/api/workflow-definitions"))["workflows"]
    (workflow,) = [each["workflowId"] for each in workflows if each["name"] == SAMPLE]
    runs = (await call(page, "GET", f"/api/workflow-runs?workflowId={workflow}"))["runs"]
    waiting = await ask(page, "WORDS-01")
    failing = {"id": "w", "version": 1, "name": "Fails", "payloadSchemaRef": "payload.Any.v1"}
    step = {
        "id": "reboot",
        "type": "action.call",
        "config": {
            "actionId": "ninjaone.devices.reboot",
            "version": 1,
            "inputMapping": {"device_id": 4, "reason": "Monthly restart"},
        },
    }
    body = {"definition": {**failing, "steps": [step]}}
    fails = (await call(page, "POST", "/api/workflow-definitions", body))["workflowId"]
    await call(page, "POST", f"/api/workflow-definitions/{fails}/draft/publish", {})
    failed = (await call(page, "POST", "/api/workflow-runs", {"workflowId": fails, "payload": {}}))["runId"]
    await page.goto(f"{open_designer.address}/runs/{failed}")
    await expect(page.locator(".page-title").get_by_role("status")).to_have_text("Failed")
    await page.goto(f"{open_designer.address}/tasks")
    await page.get_by_role("link", name="Restart WORDS-01?").first.wait_for()
    (task,) = (await call(page, "GET", f"/api/workflow-tasks?runId={waiting}"))["tasks"]
    integrations = (await call(page, "GET", "/api/integrations"))["integrations"]
    (provider,) = [each["provider"] for each in integrations if each["status"] == "connected"]
    await page.evaluate(
        """fetch("/api/workflow/secrets/WORDS_KEY", {
            method: "PUT", headers: {"Content-Type": "application/json"}, body: '{"value": "x"}',
        })"""
    )
    return {
        "workflow": workflow,
        "run": runs[0]["runId"],
        "failed": failed,
        "task": task["taskId"],
        "provider": provider,
    }


async def show(page: Page, address: str, name: str, ids: dict[str, str]) -> None:
    """Goes to a screen, and opens what is to be opened there."""
    path, clicked = SCREENS[name]
    await page.goto(address + path.format(**ids))
    await expect(page.locator("h1, [role=dialog], .ed-header").first).to_be_visible()
    await expect(page.locator(".skeleton, .screen-loading")).to_have_count(0)
    for selector in clicked:
        await page.locator(selector).first.click()


async def test_no_word_is_outside_of_the_catalogs(open_designer, ids):
    """In the pseudo language all words are marked, but for those that the server has given."""
    page = open_designer.page
    await page.add_init_script(KEEP)
    given: list[str] = []
    await page.evaluate("localStorage.setItem('designer.locale', 'x-pseudo')")
    plain: dict[str, set[str]] = {}
    for name in SCREENS:
        await show(page, open_designer.address, name, ids)
        await page.wait_for_load_state("networkidle")
        texts = set(await page.evaluate(TEXTS))
        given.extend(text for body in await page.evaluate("answers") for text in strings(json.loads(body)))
        known = "\n".join(given)
        plain[name] = {text for text in texts if not is_given(text, known)}
    assert {name: words for name, words in plain.items() if words} == {}


def is_given(text: str, known: str) -> bool:
    """Whether a text is marked, comes from the server or from the browser, or is a name that no language has."""
    return "[" in text or all(
        part in known or part in OWN or MOMENT.fullmatch(part) for part in re.split(" · |, ", text)
    )


def strings(value: Any) -> list[str]:
    """All texts in a JSON value, names of fields too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for each in value.values() for text in strings(each))]
    return [text for each in value for text in strings(each)] if isinstance(value, list) else []


async def test_german_fits_on_a_tablet(open_designer, ids):
    """German words are longer: nothing is wider than the screen."""
    page = open_designer.page
    await page.set_viewport_size({"width": 820, "height": 1180})
    await page.evaluate("localStorage.setItem('designer.locale', 'de')")
    for name in SCREENS:
        await show(page, open_designer.address, name, ids)
        await page.wait_for_load_state("networkidle")
        await open_designer.look(f"tablet-{name}", schemes=("light",))
        for selector in ("html", "main", ".table-box", "[role=dialog]"):
            for box in await page.locator(selector).all():
                assert await box.evaluate("box => box.scrollWidth - box.clientWidth") <= 0, f"{name}: {selector}"
