"""A concurrent loop over external calls that do nothing, against bare Temporal activities in the same shape."""

from __future__ import annotations

import time
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from benchmarks.alone import Alone, call, loop, running_alone
from benchmarks.bare_worker import QUEUE, BareLoop
from benchmarks.platform import Platform

ITEMS = 500
AT_ONCE = 10
ROUNDS = 6
TARGET = 0.7


async def measure(platform: Platform, console: Console) -> None:
    """Prints how many items a second both take, measured in turn."""
    async with running_alone(platform) as engine:
        names = ("read", "once")
        workflows = {
            name: await engine.publish([loop(ITEMS, [call(name, "$string(item)")], at_once=AT_ONCE)]) for name in names
        }

        async def ours(name: str) -> None:
            await engine.ended(await engine.start(workflows[name]))

        seconds = {"bare": 0.0, **dict.fromkeys(names, 0.0)}
        for number in range(ROUNDS + 1):  # the first is not counted
            for name in seconds if number % 2 else reversed(seconds):
                began = time.perf_counter()
                await (_bare(engine) if name == "bare" else ours(name))
                seconds[name] += (time.perf_counter() - began) * (number > 0)
    table = Table("what", "items/s", "ratio", "target", title=f"A loop over {ITEMS} external calls, {AT_ONCE} at once")
    rates = {name: ROUNDS * ITEMS / taken for name, taken in seconds.items()}
    table.add_row("bare activities", f"{rates['bare']:.0f}", "", "")
    for name, what, target in (("read", "calls that only read", TARGET), ("once", "effects, with their ledger", None)):
        ratio = rates[name] / rates["bare"]
        verdict = "" if target is None else f"≥ {target} {'✓' if ratio >= target else '✗'}"
        table.add_row(what, f"{rates[name]:.0f}", f"{ratio:.2f}", verdict)
    console.print(table)


async def _bare(engine: Alone) -> None:
    handle = await engine.bare.start_workflow(BareLoop.run, args=[ITEMS, AT_ONCE], id=str(uuid4()), task_queue=QUEUE)
    await handle.result()
