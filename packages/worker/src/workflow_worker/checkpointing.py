"""Frames as checkpoints keep them, and back: the steps themselves stand in the plan, at their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from workflow_core.errors import InterpreterError
from workflow_core.execution.checkpoints import (
    Checkpoint,
    SavedBlock,
    SavedFrame,
    SavedLoop,
    SavedTry,
    SavedVisit,
    read_checkpoint,
)
from workflow_worker.frames import Block, Frame, Loop, TryCatch, Visit, block_steps
from workflow_worker.scopes import OuterScope, Scopes

_PART: Final = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]")


def take_checkpoint(scopes: Scopes, frames: Sequence[Frame], sequence: int) -> Checkpoint:
    """Where a run stands while a step of the innermost block is under way: before that step."""
    saved = [_saved(frame) for frame in frames]
    innermost = saved[-1]
    assert isinstance(innermost, SavedBlock)  # noqa: S101 - only blocks have steps
    saved[-1] = SavedBlock(path=innermost.path, iteration=innermost.iteration, index=innermost.index - 1)
    return Checkpoint(roots=scopes.snapshot(), frames=saved, sequence=sequence - 1)


def restore(value: dict[str, Any], definition: Mapping[str, Any], scopes: Scopes) -> tuple[list[Frame], int]:
    """Sets the scopes as they were; gives the frames and how many steps had begun.

    Raises:
        InterpreterError: ``CHECKPOINT_MISMATCH``: the plan has no such steps.
    """
    checkpoint = read_checkpoint(value)
    scopes.restore(checkpoint.roots)
    return [_restored(frame, definition) for frame in checkpoint.frames], checkpoint.sequence


def _saved(frame: Frame) -> SavedFrame:
    if isinstance(frame, Block):
        return SavedBlock(path=frame.path, iteration=frame.iteration, index=frame.index)
    visit = SavedVisit(
        path=frame.visit.path,
        iteration=frame.visit.iteration,
        sequence=frame.visit.sequence,
        started=frame.visit.started,
    )
    if isinstance(frame, TryCatch):
        return SavedTry(visit=visit, capture=frame.capture, outer_error=frame.outer_error, caught=frame.caught)
    return SavedLoop(
        visit=visit,
        items=frame.items,
        item_var=frame.item_var,
        goes_on=frame.goes_on,
        outer_local=frame.outer.local,
        outer_variable=list(frame.outer.variable),
        index=frame.index,
        failed=list(frame.failed),
        failures=frame.failures,
        unrecorded=frame.unrecorded,
    )


def _restored(frame: SavedFrame, definition: Mapping[str, Any]) -> Frame:
    if isinstance(frame, SavedBlock):
        return Block(frame.path, block_steps(_at(definition, frame.path)), frame.iteration, frame.index)
    saved = frame.visit
    visit = Visit(_at(definition, saved.path), saved.path, saved.iteration, saved.sequence, saved.started)
    if isinstance(frame, SavedTry):
        return TryCatch(visit, frame.capture, frame.outer_error, frame.caught)
    return Loop(
        visit,
        frame.items,
        frame.item_var,
        frame.goes_on,
        OuterScope(frame.outer_local, tuple(frame.outer_variable)),
        frame.index,
        list(frame.failed),
        frame.failures,
        frame.unrecorded,
    )


def _at(definition: Mapping[str, Any], path: str) -> Any:
    """What stands at a path such as ``root.steps[1].then.steps`` (the block ``then`` of a step)."""
    value: Any = definition
    names = 0
    try:
        for part in _PART.finditer(path.removeprefix("root")):
            if part["index"] is not None:
                value = value[int(part["index"])]
                names = 0
            elif names and part["name"] == "steps":
                names = 0  # the block's own name led to its list
            else:
                value = value[part["name"]]
                names += 1
    except (LookupError, TypeError):
        message = "The run cannot go on where it stood: its plan has no such steps."
        raise InterpreterError(message, code="CHECKPOINT_MISMATCH") from None
    return value
