"""Frames as checkpoints keep them, and back: the steps themselves stand in the plan, at their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from workflow_core.errors import InterpreterError
from workflow_core.execution.checkpoints import (
    SavedBlock,
    SavedConcurrentLoop,
    SavedFrame,
    SavedItem,
    SavedLoop,
    SavedTry,
    SavedVisit,
)
from workflow_worker.frames import Block, ConcurrentLoop, Frame, Loop, TryCatch, Visit, block_steps
from workflow_worker.scopes import OuterScope

_PART: Final = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]")


def save_frames(frames: Sequence[Frame], *, under_way: bool) -> list[SavedFrame]:
    """The frames of a strand; before the step that is under way, if one is."""
    saved = [_saved(frame) for frame in frames]
    if under_way:
        innermost = saved[-1]
        assert isinstance(innermost, SavedBlock)  # noqa: S101 - only blocks have steps
        saved[-1] = attrs.evolve(innermost, index=innermost.index - 1)
    return saved


def restore_frames(frames: Sequence[SavedFrame], definition: Mapping[str, Any]) -> list[Frame]:
    """The frames that :func:`save_frames` gave.

    Raises:
        InterpreterError: ``CHECKPOINT_MISMATCH``: the plan has no such steps.
    """
    return [_restored(frame, definition) for frame in frames]


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
    common: dict[str, Any] = {
        "visit": visit,
        "items": frame.items,
        "item_var": frame.item_var,
        "goes_on": frame.goes_on,
        "failed": list(frame.failed),
        "failures": frame.failures,
        "unrecorded": frame.unrecorded,
        "index": frame.index,
    }
    if isinstance(frame, Loop):
        return SavedLoop(outer_local=frame.outer.local, outer_variable=list(frame.outer.variable), **common)
    ended = [SavedItem(index=index, writes=writes) for index, writes in frame.ended.items()]
    under_way = [SavedItem(index=index, strand=strand) for index, strand in frame.under_way.items()]
    return SavedConcurrentLoop(
        width=frame.width,
        merged=dict(frame.merged),
        merged_until=frame.merged_until,
        started=[*ended, *under_way],
        **common,
    )


def _restored(frame: SavedFrame, definition: Mapping[str, Any]) -> Frame:
    if isinstance(frame, SavedBlock):
        return Block(frame.path, block_steps(_at(definition, frame.path)), frame.iteration, frame.index)
    saved = frame.visit
    visit = Visit(_at(definition, saved.path), saved.path, saved.iteration, saved.sequence, saved.started)
    if isinstance(frame, SavedTry):
        return TryCatch(visit, frame.capture, frame.outer_error, frame.caught)
    common: dict[str, Any] = {
        "visit": visit,
        "items": frame.items,
        "item_var": frame.item_var,
        "goes_on": frame.goes_on,
        "failed": list(frame.failed),
        "failures": frame.failures,
        "unrecorded": frame.unrecorded,
        "index": frame.index,
    }
    if isinstance(frame, SavedLoop):
        return Loop(outer=OuterScope(frame.outer_local, tuple(frame.outer_variable)), **common)
    return ConcurrentLoop(
        width=frame.width,
        merged=dict(frame.merged),
        merged_until=frame.merged_until,
        ended={item.index: item.writes for item in frame.started if item.writes is not None},
        under_way={item.index: item.strand for item in frame.started if item.strand is not None},
        **common,
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
