"""The items of a concurrent ``control.forEach``: each is a strand, a bounded number of them at once.

Every item begins with the scopes as they were when the loop began. What the items assign is merged in the items' order
when the loop has ended.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import attrs
from temporalio import workflow

from workflow_core.execution.verdicts import may_be_caught
from workflow_core.execution.writing import to_the_end
from workflow_worker.frames import ConcurrentLoop, Visit
from workflow_worker.leaving import Parked, Returned, StrandFailedError

if TYPE_CHECKING:
    from workflow_worker.strand import Strand


class Stopped(Enum):
    """Why items have not ended although none of them failed."""

    PARKED = auto()
    RETURNED = auto()


@attrs.frozen
class Failed:
    """An item failed, and the loop with it.

    Attributes:
        can_go_on: Whether the items that failed are kept as they stood before their failures.
    """

    visit: Visit
    error: dict[str, Any]
    can_go_on: bool


_Outcome = StrandFailedError | Stopped | None


async def run_items(parent: Strand, loop: ConcurrentLoop) -> Failed | Stopped | None:
    """Goes on with the items until all have ended, or nothing is to begin any more.

    What is under way then is in the loop's ``under_way``.

    Returns:
        None: all items have ended.
    """
    items = _Items(parent, loop)
    try:
        return await items.run()
    except asyncio.CancelledError:
        await to_the_end(items.cancel())
        raise


class _Items:
    def __init__(self, parent: Strand, loop: ConcurrentLoop) -> None:
        self._parent = parent
        self._loop = loop
        self._tasks: dict[asyncio.Task[_Outcome], tuple[int, Strand]] = {}
        self._put_aside = sorted(loop.under_way)
        self._failed: dict[int, Failed] = {}
        self._returned = False

    async def run(self) -> Failed | Stopped | None:
        while True:
            self._begin()
            if not self._tasks:
                break
            done, _ = await workflow.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=lambda task: self._tasks[task][0]):
                index, strand = self._tasks.pop(task)
                self._end(index, strand, task.result())
        if self._returned:
            return Stopped.RETURNED
        if self._failed:
            first = self._failed[min(self._failed)]
            return attrs.evolve(first, can_go_on=all(failed.can_go_on for failed in self._failed.values()))
        return None if self._loop.is_over else Stopped.PARKED

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _is_stopped(self) -> bool:
        return bool(self._failed) or self._returned or self._parent.state.stopped()

    def _begin(self) -> None:
        """Begins as many items as may be under way at once: first those that were put aside."""
        loop = self._loop
        while len(self._tasks) < loop.width and not self._is_stopped() and not self._parent.state.is_put_aside():
            if self._put_aside:
                index = self._put_aside.pop(0)
            elif loop.index < len(loop.items):
                index = loop.index
                loop.index += 1
            else:
                return
            strand = self._parent.branch(loop, index, loop.under_way.pop(index, None), self._is_stopped)
            self._tasks[asyncio.create_task(_walk(strand))] = index, strand

    def _end(self, index: int, strand: Strand, outcome: _Outcome) -> None:
        loop, scopes = self._loop, strand.state.scopes
        loop.unrecorded += strand.unrecorded
        if outcome is None:
            loop.end_item(index, scopes.writes)
        elif outcome is Stopped.RETURNED:
            self._returned = True
        elif isinstance(outcome, StrandFailedError):
            if loop.goes_on and may_be_caught(outcome.error):
                loop.note_failure(index, outcome.error)
                loop.end_item(index, scopes.writes)
                return
            self._failed[index] = Failed(outcome.visit, outcome.error, outcome.saved is not None)
            if outcome.saved is not None:
                loop.under_way[index] = outcome.saved
        else:
            loop.under_way[index] = strand.saved()


async def _walk(strand: Strand) -> _Outcome:
    try:
        await strand.walk()
    except StrandFailedError as failed:
        return failed
    except Parked:
        return Stopped.PARKED
    except Returned:
        return Stopped.RETURNED
    except asyncio.CancelledError:
        strand.close_frames("CANCELED")
        raise
    return None
