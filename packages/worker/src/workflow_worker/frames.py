"""Where a run stands: an explicit stack of frames, from the definition's own steps to the block that is executed.

Frames are plain values, and nothing waits inside of one: a run could be put aside between any two steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from workflow_core.execution.checkpoints import SavedStrand
from workflow_worker.scopes import OuterScope, Scopes

#: Failures that a loop shows one by one, and characters of each one's message.
_SHOWN_FAILURES: Final = 50
_SHOWN_MESSAGE: Final = 300


@attrs.frozen
class Visit:
    """One execution of one step.

    Attributes:
        step: As it stands in the definition; only a mapping can be executed.
        path: Such as ``root.steps[1].then.steps[0]``.
        iteration: The indexes of the loops around it, such as ``3.1``; empty outside of loops.
        sequence: Counts the steps of the run in the order in which they began.
        started: ISO 8601, UTC.
    """

    step: Any
    path: str
    iteration: str
    sequence: int
    started: str

    @property
    def fields(self) -> Mapping[str, Any]:
        """The step's fields; an unvalidated definition may hold anything in its place."""
        return self.step if isinstance(self.step, Mapping) else {}

    @property
    def step_id(self) -> str:
        """As the author named it."""
        return str(self.fields.get("id"))

    @property
    def type(self) -> str:
        """Such as ``action.call``."""
        return str(self.fields.get("type"))

    @property
    def config(self) -> Mapping[str, Any]:
        """A node step's configuration."""
        config = self.fields.get("config")
        return config if isinstance(config, Mapping) else {}

    def block(self, name: str, iteration: str | None = None) -> Block:
        """A block of this step, such as ``then``; empty when it has none of that name."""
        around = self.iteration if iteration is None else iteration
        return Block(f"{self.path}.{name}.steps", block_steps(self.fields.get(name)), around)


@attrs.define
class Block:
    """A block of steps and the next one in it; its steps are those at ``path`` of the plan's definition."""

    path: str
    steps: list[Any]
    iteration: str
    index: int = 0

    def visit(self, sequence: int, started: str) -> Visit:
        """Its next step."""
        return Visit(self.steps[self.index], f"{self.path}[{self.index}]", self.iteration, sequence, started)


@attrs.define(kw_only=True)
class _AnyLoop:
    """What every ``control.forEach`` has.

    Attributes:
        goes_on: ``onItemError`` is ``continue``.
        failed: The first failures: ``{index, code, message}``.
        failures: How many items failed.
        unrecorded: Steps inside of it that have no row of their own.
    """

    visit: Visit
    items: list[Any]
    item_var: str
    goes_on: bool
    failed: list[dict[str, Any]] = attrs.Factory(list)
    failures: int = 0
    unrecorded: int = 0

    def iteration_of(self, index: int) -> str:
        """The path of indexes inside of one of its items."""
        around = self.visit.iteration
        return f"{around}.{index}" if around else str(index)

    def note_failure(self, index: int, error: Mapping[str, Any]) -> None:
        """Keeps what the loop's own row tells of a failed item."""
        self.failures += 1
        if len(self.failed) < _SHOWN_FAILURES:
            message = error["message"][:_SHOWN_MESSAGE]
            self.failed.append({"index": index, "code": error["code"], "message": message})

    def output(self) -> dict[str, Any]:
        """What its row shows: ``count`` and ``failed``, and how far it came if not to the end."""
        failed = sorted(self.failed, key=lambda failure: failure["index"])
        shown: dict[str, Any] = {"count": len(self.items), "failed": failed}
        if self.failures > len(self.failed):
            shown["failedCount"] = self.failures
        if self.stands_at < len(self.items):
            shown["stoppedAt"] = self.stands_at
        if self.unrecorded:
            shown["unrecorded"] = self.unrecorded
        return shown

    @property
    def stands_at(self) -> int:
        """The first item that has not ended."""
        raise NotImplementedError  # abstract: serial and concurrent loops stand differently


@attrs.define(kw_only=True)
class Loop(_AnyLoop):
    """A ``control.forEach`` that takes its items one after the other, between two of them.

    Attributes:
        outer: What its locals hide until it ends.
        index: Of the item that is, or was last, under way.
    """

    outer: OuterScope
    index: int = -1

    @property
    def stands_at(self) -> int:
        """The first item that has not ended."""
        return self.index


@attrs.define(kw_only=True)
class ConcurrentLoop(_AnyLoop):
    """A ``control.forEach`` with several items at once; each is a strand of its own.

    Attributes:
        width: How many at once.
        index: Of the item that begins next.
        merged: By path, what the items before ``merged_until`` have assigned, in the order in which it holds.
        ended: What items after it have assigned, by their index.
        under_way: Items that were put aside, by their index.
    """

    width: int
    index: int = 0
    merged: dict[str, Any] = attrs.Factory(dict)
    merged_until: int = 0
    ended: dict[int, dict[str, Any]] = attrs.Factory(dict)
    under_way: dict[int, SavedStrand] = attrs.Factory(dict)

    @property
    def stands_at(self) -> int:
        """The first item that has not ended."""
        return self.merged_until

    @property
    def is_over(self) -> bool:
        """Whether all items have ended."""
        return self.merged_until == len(self.items)

    def end_item(self, index: int, writes: dict[str, Any]) -> None:
        """Keeps what an item has assigned."""
        self.ended[index] = writes
        while self.merged_until in self.ended:
            self._merge(self.ended.pop(self.merged_until))
            self.merged_until += 1

    def merge_into(self, scopes: Scopes) -> None:
        """Assigns what the items have assigned, in their order.

        Raises:
            ValidationError: Two items have assigned what does not go together.
        """
        for index in sorted(self.ended):
            self._merge(self.ended.pop(index))
        for path, value in self.merged.items():
            scopes.assign(path, value)

    def _merge(self, writes: dict[str, Any]) -> None:
        for path, value in writes.items():
            self.merged.pop(path, None)  # the last write of a path has its place in the order
            self.merged[path] = value


@attrs.define
class TryCatch:
    """A ``control.tryCatch`` around one of its blocks.

    Attributes:
        capture: ``captureErrorAs``.
        outer_error: The root ``error`` outside of the ``catch`` block.
        caught: The error object; None: its ``try`` block is under way.
    """

    visit: Visit
    capture: str | None
    outer_error: Any
    caught: dict[str, Any] | None = None

    def output(self) -> dict[str, Any]:
        """What its row shows."""
        return {"caught": False} if self.caught is None else {"caught": True, "code": self.caught["code"]}


Frame = Block | Loop | ConcurrentLoop | TryCatch


def block_steps(block: Any) -> list[Any]:
    """The steps of a block; an unvalidated definition may hold anything in its place."""
    return block if isinstance(block, list) else []
