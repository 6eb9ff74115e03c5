"""Where a run stood between two of its steps, as plain JSON: what a further execution of it begins with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import attrs
import cattrs
import orjson

#: Bytes that plan, payload and checkpoint may have together as JSON: an execution begins with all, in one payload.
MAX_CHECKPOINT: Final = 1536 * 1024


@attrs.frozen(kw_only=True)
class SavedVisit:
    """One execution of a step that holds a frame; the step itself stands in the plan, at its path."""

    path: str
    iteration: str
    sequence: int
    started: str


@attrs.frozen(kw_only=True)
class SavedBlock:
    """A block of steps, and the index of its next one."""

    path: str
    iteration: str
    index: int
    kind: Literal["block"] = "block"


@attrs.frozen(kw_only=True)
class SavedLoop:
    """A loop with an item under way. For the fields see ``workflow_worker.frames.Loop``."""

    visit: SavedVisit
    items: list[Any]
    item_var: str
    goes_on: bool
    outer_local: dict[str, Any]
    outer_variable: list[Any]
    index: int
    failed: list[dict[str, Any]]
    failures: int
    unrecorded: int
    kind: Literal["loop"] = "loop"


@attrs.frozen(kw_only=True)
class SavedTry:
    """A ``control.tryCatch`` in one of its blocks. For the fields see ``workflow_worker.frames.TryCatch``."""

    visit: SavedVisit
    capture: str | None
    outer_error: Any
    caught: dict[str, Any] | None
    kind: Literal["try"] = "try"


@attrs.frozen(kw_only=True)
class SavedItem:
    """An item of a concurrent loop.

    Attributes:
        writes: By path, what an item that has ended has assigned.
        strand: Where an item that has not ended stands.
    """

    index: int
    writes: dict[str, Any] | None = None
    strand: SavedStrand | None = None


@attrs.frozen(kw_only=True)
class SavedConcurrentLoop:
    """A loop with several items under way. For the fields see ``workflow_worker.frames.ConcurrentLoop``."""

    visit: SavedVisit
    items: list[Any]
    item_var: str
    goes_on: bool
    width: int
    index: int
    merged: dict[str, Any]
    merged_until: int
    started: list[SavedItem]
    failed: list[dict[str, Any]]
    failures: int
    unrecorded: int
    kind: Literal["concurrent"] = "concurrent"


SavedFrame = SavedBlock | SavedLoop | SavedConcurrentLoop | SavedTry


@attrs.frozen(kw_only=True)
class SavedStrand:
    """One line of steps, before one of them.

    Attributes:
        frames: From its first block to the one whose next step is the one.
        difference: What its scopes are made of; see ``workflow_worker.scopes.Scopes.difference``.
        writes: By path, what an item of a concurrent loop has assigned so far.
    """

    frames: list[SavedFrame]
    difference: dict[str, dict[str, Any]]
    writes: dict[str, Any]


@attrs.frozen(kw_only=True)
class Checkpoint:
    """A run between two of its steps, with all of its strands.

    Attributes:
        sequence: Steps that have begun.
        recorded: How often steps inside of loops have ended, by ``path#status``.
    """

    strand: SavedStrand
    sequence: int
    recorded: dict[str, int] = attrs.Factory(dict)

    def open_steps(self) -> Iterator[SavedLoop | SavedConcurrentLoop | SavedTry]:
        """The loops and ``control.tryCatch`` steps that are under way, the outermost first."""
        for strand in self._strands():
            yield from (frame for frame in strand.frames if not isinstance(frame, SavedBlock))

    def held_steps(self) -> Iterator[tuple[str, str]]:
        """Path and iteration of the steps that are under way, and of those at which each strand goes on."""
        yield from ((step.visit.path, step.visit.iteration) for step in self.open_steps())
        for strand in self._strands():
            if strand.frames and isinstance(block := strand.frames[-1], SavedBlock):
                yield f"{block.path}[{block.index}]", block.iteration

    def _strands(self) -> Iterator[SavedStrand]:
        """The run's own strand, then those inside of it."""
        strands = [self.strand]
        while strands:
            strand = strands.pop(0)
            yield strand
            for frame in strand.frames:
                if isinstance(frame, SavedConcurrentLoop):
                    strands += [item.strand for item in frame.started if item.strand is not None]


_converter = cattrs.Converter()


def checkpoint_json(checkpoint: Checkpoint, *, room: int) -> dict[str, Any] | None:
    """A checkpoint as plain JSON; None when it has more bytes than there is room."""
    plain: dict[str, Any] = _converter.unstructure(checkpoint)
    try:
        return plain if len(orjson.dumps(plain)) <= room else None
    except TypeError:  # what JSON cannot carry can be no checkpoint
        return None


def read_checkpoint(value: dict[str, Any]) -> Checkpoint:
    """The checkpoint that :func:`checkpoint_json` gave."""
    return _converter.structure(value, Checkpoint)


@attrs.frozen(kw_only=True)
class Resumption:
    """How an execution goes on after one that failed.

    Attributes:
        checkpoint: Where it begins; None: at the run's beginning, where the ledger gives what has been done.
        step_path: Of the step that had failed.
        iteration: Of that step.
        attempts: What that step has used so far.
        calls: What other steps that call workflows have used, by path and iteration, where it is more than one.
        correction: Mappings that take the place of fields of that step's input.
        from_beginning: Whether it began there; what was read before stands, so that it comes the same way.
    """

    checkpoint: dict[str, Any] | None
    step_path: str | None
    iteration: str | None
    attempts: int = 0
    calls: dict[str, int] = attrs.Factory(dict)
    from_beginning: bool = False
    correction: dict[str, Any] | None = None

    def is_of(self, step_path: str, iteration: str) -> bool:
        """Whether this step is the one that had failed."""
        return (self.step_path, self.iteration) == (step_path, iteration)

    def attempts_of(self, step_path: str, iteration: str) -> int:
        """What a step that calls a workflow has used so far, as far as it is known."""
        return self.attempts if self.is_of(step_path, iteration) else self.calls.get(f"{step_path}#{iteration}", 0)
