"""An integration whose actions do nothing: what remains is what the engine takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import attrs

from workflow_core.actions import Action, ActionContext, Effect, Example, Io
from workflow_core.hookspecs import hookimpl
from workflow_core.modules import Module

DISTRIBUTION: Final = "workflow-noop"
#: Seconds.
LATENCY: Final = 0.1


@attrs.frozen
class Given:
    """Whatever."""

    text: str = ""


@attrs.frozen
class Gave:
    """The same again."""

    text: str


async def do_nothing(given: Given, _ctx: ActionContext) -> Gave:
    """Does nothing."""
    return Gave(text=given.text)


async def answer_late(given: Given, _ctx: ActionContext) -> Gave:
    """Does nothing, and takes as long for it as a call over the internet."""
    await asyncio.sleep(LATENCY)
    return Gave(text=given.text)


def _action(
    name: str, effect: Effect, io: Io, handler: Callable[[Given, ActionContext], Awaitable[Gave]] = do_nothing
) -> Action:
    return Action(
        id=f"noop.{name}",
        label=name,
        description=name,
        input=Given,
        output=Gave,
        effect=effect,
        io=io,
        handler=handler,
        time_limit=timedelta(seconds=30),
        examples=(Example("Nothing", {}, {"text": ""}),),
    )


ACTIONS: Final = (
    _action("read", Effect.READ, "external"),
    _action("once", Effect.ONCE, "external"),
    _action("local", Effect.LOCAL, "database"),
    _action("far_read", Effect.READ, "external", answer_late),
    _action("far_once", Effect.ONCE, "external", answer_late),
)
MODULE: Final = Module(
    group_key="app:noop",
    label="Nothing",
    description="Does nothing.",
    tile_kind="app",
    default_action_id="noop.read",
    allowed_action_ids=tuple(action.id for action in ACTIONS),
)


class Noop:
    """The plugin."""

    @hookimpl
    def workflow_modules(self) -> list[Module]:
        """The one."""
        return [MODULE]

    @hookimpl
    def workflow_actions(self) -> list[Action]:
        """All of them."""
        return list(ACTIONS)


plugin = Noop()


def install(folder: Path) -> str:
    """Makes a distribution of it that other processes discover, with what it answers as their ``PYTHONPATH``."""
    info = folder / "workflow_noop-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[workflow.modules]\nnoop = benchmarks.noop:plugin\n")
    return f"{folder}:{Path(__file__).parents[1]}"
