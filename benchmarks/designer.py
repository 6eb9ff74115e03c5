"""The designer with a large workflow and a large catalog, in a browser, against a small workflow and the normal one."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from playwright.async_api import Browser, Locator, Page, Route, async_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.platform import Platform
from workflow_devstack.api import Api

MODULES, ACTIONS = 200, 20
SMALL, LARGE = 5, 500
ROUNDS = 5
#: Milliseconds.
TARGET = 100
SEARCH_TARGET = 50
#: After each press, and before the clock runs.
_PAUSE, _SETTLED = 120, 500
_CATALOG = "/api/workflow/registry/designer-catalog?include=unavailable"
_CONTRACTS = "/api/workflow/registry/actions?include=unavailable"

#: Notes what a browser measures: from each press of a key or the mouse to the next paint and to the last one that
#: changes something, and from frame to frame. The browser rounds the first to 8 ms and keeps what took less than 16 to
#: itself.
_STOPWATCH = """
window.stopwatch = (() => {
    const paints = new Map();
    let since = 0;
    const note = (entries) => entries.forEach(({ interactionId, startTime, duration }) => {
        if (interactionId > 0 && startTime >= since) {
            paints.set(interactionId, Math.max(paints.get(interactionId) ?? 0, duration));
        }
    });
    const observer = new PerformanceObserver((list) => note(list.getEntries()));
    observer.observe({ type: "event", durationThreshold: 16 });

    let pressed = null, answers = new Map();
    const press = ({ timeStamp }) => { pressed = timeStamp; };
    addEventListener("keydown", press, true);
    addEventListener("pointerdown", press, true);
    new MutationObserver(() => {
        const at = pressed;
        at !== null && requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => answers.set(at, performance.now() - at);
            port2.postMessage(null);
        });
    }).observe(document, { childList: true, characterData: true, subtree: true });

    let last = performance.now(), frames = [], count = 0;
    const frame = (now) => { frames.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);

    return {
        start: () => {
            pressed = null;
            paints.clear();
            answers.clear();
            frames = [];
            since = performance.now();
            count = performance.interactionCount;
        },
        read: () => {
            note(observer.takeRecords());
            const all = new Array(performance.interactionCount - count).fill(16);
            [...paints.values()].forEach((duration, index) => { all[index] = duration; });
            return { paints: all, answers: [...answers.values()], frames };
        },
    };
})();
"""


@attrs.frozen
class Times:
    """Milliseconds to the next paint, to the last one that a press leads to, and from frame to frame."""

    paints: list[float]
    answers: list[float]
    frames: list[float]


@attrs.frozen
class Measure:
    """
    Which times count.

    Attributes:
        of: Takes them from all.
        words: What the table says of them, after the interaction.
        target: How long the worst may be, if that matters.
    """

    of: Callable[[Times], list[float]]
    words: str
    target: int | None


Act = Callable[[Page], Awaitable[None]]


@attrs.frozen
class Interaction:
    """
    What somebody does.

    Attributes:
        what: How the table calls it.
        act: Does it several times.
        begin: What is done before; the clock does not run.
        measures: What is noted.
    """

    what: str
    act: Act
    begin: Act
    measures: tuple[Measure, ...]


@attrs.frozen
class Rounds:
    """The times of each round."""

    rounds: list[list[float]] = attrs.Factory(list)

    @property
    def median(self) -> float:
        """Of all times."""
        return statistics.median(itertools.chain.from_iterable(self.rounds))

    @property
    def worst(self) -> float:
        """The worst of a round: the median of that, as other processes disturb one round or another."""
        return statistics.median(map(max, self.rounds))


async def measure(platform: Platform, console: Console) -> None:
    """Prints how long each interaction takes in both, alternately measured."""
    chromium = shutil.which("chromium")
    if chromium is None:
        console.print("The designer is not measured: there is no chromium on PATH (apt install chromium).")
        return
    async with Api(platform.url, platform.token) as api:
        small, large = [await _store(api, steps) for steps in (SMALL, LARGE)]
        enlarged = _enlarged(await api.call("GET", _CATALOG), await api.call("GET", _CONTRACTS))
    rows = {(each, of): (Rounds(), Rounds()) for each in INTERACTIONS for of in each.measures}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        async with (
            _editor(browser, platform.url, small, {}) as few,
            _editor(browser, platform.url, large, enlarged) as many,
        ):
            for _ in range(ROUNDS):
                for each in INTERACTIONS:
                    for index, page in enumerate((few, many)):
                        times = await _timed(page, each)
                        for of in each.measures:
                            rows[each, of][index].rounds.append(of.of(times))
        await browser.close()
    table = Table(
        "interaction", "small", "worst", "large", "worst", "ratio", "target",
        title=f"Designer: {LARGE} steps and {MODULES} × {ACTIONS} actions, against {SMALL} and the normal catalog; "
        f"milliseconds to the next paint, median, and the worst of a round ({ROUNDS} rounds)",
    )  # fmt: skip
    for (each, of), (small_times, large_times) in rows.items():
        table.add_row(
            each.what + of.words,
            *(f"{value:.0f}" for times in (small_times, large_times) for value in (times.median, times.worst)),
            f"{large_times.median / small_times.median:.1f}",
            "" if of.target is None else f"≤ {of.target} {'✓' if large_times.worst <= of.target else '✗'}",
        )
    console.print(table)


# ── What is opened ───────────────────────────────────────────────────────────────────────────────────────────────


async def _store(api: Api, count: int) -> str:
    """A workflow of so many steps, those inside of others counted: its id."""
    definition = {
        "id": "w",
        "version": 1,
        "name": f"With {count} steps",
        "payloadSchemaRef": "payload.RmmAlertTriggered.v1",
        "trigger": {"type": "event", "eventName": "RMM_ALERT_TRIGGERED"},
        "steps": list(itertools.chain.from_iterable(_five_steps(number) for number in range(count // 5))),
    }
    stored = await api.call("POST", "/api/workflow-definitions", body={"definition": definition})
    return str(stored["workflowId"])


def _five_steps(number: int) -> Iterator[dict[str, Any]]:
    def call(name: str, action: str, save_as: str, mapping: dict[str, Any]) -> dict[str, Any]:
        config = {"actionId": action, "version": 1, "inputMapping": mapping, "saveAs": f"{save_as}_{number}"}
        return {"id": f"{save_as}-{number}", "type": "action.call", "name": f"{name} {number}", "config": config}

    yield call("Find the device", "ninjaone.devices.find", "found", {"device_id": {"$expr": "payload.deviceId"}})
    yield {
        "id": f"if-{number}",
        "type": "control.if",
        "condition": {"$expr": f"$count(vars.found_{number}.devices) > 0"},
        "then": [
            {
                "id": f"assign-{number}",
                "type": "transform.assign",
                "config": {"assign": {f"host_{number}": {"$expr": f"vars.found_{number}.devices[0].name"}}},
            }
        ],
        "else": [],
    }
    yield call("Look for tickets", "tickets.find", "known", {"ticket_number": "T1", "on_not_found": "return_null"})
    ticket = {
        "title": {"$expr": "payload.title"},
        "description": "What happened",
        "client_id": {"$expr": f"vars.found_{number}.devices[0].client_id"},
        "board_id": {"$expr": "payload.boardId"},
        "priority_id": {"$expr": "payload.priorityId"},
    }
    yield call("Create a ticket", "tickets.create", "ticket", ticket)


def _enlarged(catalog: list[dict[str, Any]], contracts: list[dict[str, Any]]) -> dict[str, str]:
    """The catalog and its contracts, filled up with modules that hold copies of real actions: the bodies by path."""
    records = itertools.cycle([action for module in catalog for action in module["actions"]])
    known = {action["id"]: action for action in contracts}
    modules, added = list(catalog), list(contracts)
    for number in range(MODULES - len(catalog)):
        key, label = f"app:vendor{number}", f"Vendor {number}"
        actions = [
            {**record, "id": f"vendor{number}.{at}.{record['id']}", "copied": record["id"]}
            for at, record in enumerate(itertools.islice(records, ACTIONS))
        ]
        added += [{**known[each.pop("copied")], "id": each["id"], "groupKey": key} for each in actions]
        modules.append(
            {
                **catalog[-1],
                "groupKey": key,
                "label": label,
                "description": f"What {label} offers.",
                "allowedActionIds": [each["id"] for each in actions],
                "defaultActionId": actions[0]["id"],
                "actions": actions,
            }
        )
    return {_CATALOG: json.dumps(modules), _CONTRACTS: json.dumps(added)}


@asynccontextmanager
async def _editor(browser: Browser, url: str, workflow: str, answers: dict[str, str]) -> AsyncIterator[Page]:
    """A workflow in the editor, opened by a signed-in user; some requests are answered here."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    await context.add_init_script(_STOPWATCH)
    page = await context.new_page()
    for path, body in answers.items():
        await context.route(url + path, _answering(body))
    await page.goto(url)
    await page.get_by_role("button", name="Dana Reyes").click()
    await page.get_by_role("heading", name="Workflows", exact=True).wait_for()
    await page.goto(f"{url}/workflows/{workflow}")
    await page.get_by_role("complementary", name="Details").wait_for()
    await page.get_by_role("button", name=re.compile("problems|warning")).wait_for()
    yield page
    await context.close()


def _answering(body: str) -> Callable[[Route], Awaitable[None]]:
    return lambda route: route.fulfill(body=body, content_type="application/json")


async def _timed(page: Page, interaction: Interaction) -> Times:
    await interaction.begin(page)
    await page.wait_for_timeout(_SETTLED)
    await page.evaluate("stopwatch.start()")
    await interaction.act(page)
    return Times(**await page.evaluate("stopwatch.read()"))


# ── What is done ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _press(page: Page, *keys: str) -> None:
    """One after the other, as fast as somebody types who types fast."""
    for key in keys:
        await page.keyboard.press(key)
        await page.wait_for_timeout(_PAUSE)


async def _last_step(page: Page) -> None:
    """From any place: to the list's last row, whose step can read the most."""
    await page.keyboard.press("Escape")
    await page.get_by_role("treeitem").last.focus()
    await _press(page, "End")


async def _its_name(page: Page) -> None:
    await _last_step(page)
    await page.locator('[data-field="name"]').get_by_role("textbox").click()


async def _step_dialog(page: Page) -> None:
    await _last_step(page)
    await _press(page, "a")


async def _data_picker(page: Page) -> None:
    await _last_step(page)
    await _title(page).click()


def _title(page: Page) -> Locator:
    return page.locator('[data-field="config.inputMapping.title"]').get_by_role("button", name="payload.title")


async def _palette(page: Page) -> None:
    await _last_step(page)
    await page.get_by_role("region", name="Palette").get_by_role("searchbox").click()


async def _scroll(page: Page) -> None:
    await page.get_by_role("tree").hover()
    for direction in (-1, 1):
        for _ in range(40):
            await page.mouse.wheel(0, direction * 600)
            await page.wait_for_timeout(16)


async def _select(page: Page) -> None:
    for name in ("Find the device", "If", "Look for tickets", "Create a ticket"):
        await page.get_by_role("treeitem", name=name).last.click()
        await page.wait_for_timeout(_PAUSE)


async def _arrows(page: Page) -> None:
    await _press(page, *["ArrowUp"] * 6, *["ArrowDown"] * 6)


async def _ends(page: Page) -> None:
    await _press(page, "Home", "End", "Home", "End")


async def _type(page: Page) -> None:
    await _press(page, *"again ")


async def _change(page: Page) -> None:
    """A change, and the time in which it is checked and saved."""
    await _press(page, "x")
    await page.get_by_text("Saved", exact=True).wait_for()


async def _undo(page: Page) -> None:
    await _press(page, "Alt+ArrowUp", "Alt+ArrowUp", "Control+z", "Control+z")


async def _open_dialog(page: Page) -> None:
    await _press(page, "a", "Escape", "a", "Escape")


async def _open_picker(page: Page) -> None:
    for _ in range(2):
        await _title(page).click()
        await page.wait_for_timeout(_PAUSE)
        await _press(page, "Escape")


async def _search(page: Page) -> None:
    await _press(page, *"ticket", *["Backspace"] * 6)


_PAINT = Measure(lambda times: times.paints, "", TARGET)
_ALL = Measure(lambda times: times.answers, ": until all is there", None)
_FOUND = Measure(lambda times: times.answers, ": until the answer is there", SEARCH_TARGET)
_FRAME = Measure(lambda times: [max(times.frames)], ": longest frame", TARGET)
INTERACTIONS = (
    Interaction("scroll the steps", _scroll, _last_step, (_FRAME,)),
    Interaction("select a step", _select, _last_step, (_PAINT, _ALL)),
    Interaction("go through steps by arrows", _arrows, _last_step, (_PAINT, _ALL)),
    Interaction("go to the first step, or the last", _ends, _last_step, (_PAINT, _ALL)),
    Interaction("type a step's name", _type, _its_name, (_PAINT,)),
    Interaction("be checked and saved", _change, _its_name, (_FRAME,)),
    Interaction("move a step, and undo", _undo, _last_step, (_PAINT,)),
    Interaction("search the palette", _search, _palette, (_PAINT, _FOUND)),
    Interaction("open and close what can be added", _open_dialog, _last_step, (_PAINT,)),
    Interaction("search what can be added", _search, _step_dialog, (_PAINT, _FOUND)),
    Interaction("open and close the data to map", _open_picker, _last_step, (_PAINT, _ALL)),
    Interaction("search the data to map", _search, _data_picker, (_PAINT, _ALL)),
)
