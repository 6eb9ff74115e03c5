"""The platform as processes of its own, and a browser in front of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

import aiohttp
import attrs
import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

START_SECONDS = 120
#: Milliseconds: other tests run at the same time.
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)
SHOTS = Path(__file__).parents[2] / ".dev" / "screenshots"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's browser."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no chromium on PATH: apt install chromium")
    return found


@attrs.frozen
class Platform:
    """Where the designer and the simulator are."""

    designer: str
    simulator: str


@pytest_asyncio.fixture(scope="session")
async def platform(tmp_path_factory, chromium) -> AsyncIterator[Platform]:
    """Server, worker, Temporal, PostgreSQL and simulator, with sample data."""
    folder = tmp_path_factory.mktemp("designer")
    log = folder / "up.log"
    ports = [word for name in ("port", "temporal-port", "temporal-ui-port", "simulator-port", "mail-port")
             for word in (f"--{name}", "0")]  # fmt: skip
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("workflow-devstack")), "up", "--data", str(folder / "data"), *ports,
            stdout=output, stderr=asyncio.subprocess.STDOUT, env={**os.environ, "COLUMNS": "200"},
        )  # fmt: skip
    try:
        async with asyncio.timeout(START_SECONDS):
            while "Everything runs" not in (text := log.read_text(errors="replace")):
                assert process.returncode is None, text
                await asyncio.sleep(0.1)
        lines = text.splitlines()
        (designer,) = [line.split()[1] for line in lines if line.startswith("designer ")]
        (simulator,) = [line.split()[2] for line in lines if line.startswith("NinjaOne simulator ")]
        yield Platform(designer, simulator)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


@pytest_asyncio.fixture(scope="session")
async def browser(chromium) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        await opened.close()


@attrs.define
class Designer:
    """A page of the designer.

    Attributes:
        page: The browser's.
        address: The designer's.
        simulator: The simulator's.
        problems: What the browser complained of, such as a breach of the page's policy.
    """

    page: Page
    address: str
    simulator: str
    problems: list[str] = attrs.Factory(list)

    async def sign_in(self, user: str = "Dana Reyes") -> None:
        """By one click, as a sample user."""
        await self.page.goto(self.address)
        await self.page.get_by_role("button", name=user).click()
        await self.page.get_by_role("heading", name="Workflows", exact=True).wait_for()

    async def simulate(self, method: str, path: str, body: Any = None) -> Any:
        """Has something happen at the vendor's side; answers the simulator's JSON, or None."""
        async with aiohttp.request(method, f"{self.simulator}/_simulator/{path}", json=body) as answer:
            answer.raise_for_status()
            return await answer.json() if answer.status != HTTPStatus.NO_CONTENT else None

    async def look(self, name: str, schemes: Sequence[Literal["light", "dark"]] = ("light", "dark")) -> None:
        """Nothing is inaccessible, in light and in dark; what it looks like is kept in ``.dev/screenshots``."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        for scheme in schemes:
            await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await self.page.screenshot(path=SHOTS / f"{name}-{scheme}.png")
            found = await Axe().run(self.page)
            assert found.violations_count == 0, f"{name}, {scheme}: {found.generate_report()}"
        await self.page.emulate_media(color_scheme="light")


@pytest_asyncio.fixture
async def open_designer(browser, platform) -> AsyncIterator[Designer]:
    """A new visitor, with an English browser."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    opened = Designer(page, platform.designer, platform.simulator)
    page.on("pageerror", lambda error: opened.problems.append(str(error)))
    page.on("console", lambda said: opened.problems.append(said.text) if "Content Security" in said.text else None)
    yield opened
    await context.close()
    assert opened.problems == []
