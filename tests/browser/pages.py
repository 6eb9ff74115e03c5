"""What the tests of several screens do with a page."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Locator, Page


async def call(page: Page, method: str, path: str, body: Any = None) -> Any:
    """A request of the page's own session; the answer's JSON."""
    return await page.evaluate(
        """async ([method, path, body]) => {
            const headers = body === null ? {} : {"Content-Type": "application/json"};
            const answer = await fetch(path, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
            if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
            return await answer.json();
        }""",
        [method, path, body],
    )


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def tab_to(page: Page, target: Locator, *, back: bool = False) -> None:
    """Tabs until something has the focus."""
    for _ in range(80):
        # While a list is open, what is around it is hidden.
        if await target.count() and await target.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"the focus does not come to {target}")
