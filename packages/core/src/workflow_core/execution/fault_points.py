"""Named moments of an execution: a fault test ends the process at one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from workflow_core.execution.models import ActionCall

#: In their order.
FAULT_POINTS: Final = (
    "before-reserve",
    "after-reserve",
    "after-prepare",
    "after-sent",
    "after-answer",
    "after-unknown",
    "before-commit",
    "after-commit",
)
#: Called at each of them.
FaultPoint = Callable[[str, ActionCall], Awaitable[None]]


async def no_fault(_point: str, _call: ActionCall) -> None:
    """What production does there: nothing."""
