"""What all strands of one execution share: the count of their steps, and whether they are to be put aside."""

from __future__ import annotations

import os
from typing import Final

from temporalio import workflow

from workflow_worker.frames import Visit

#: Steps after which every execution is continued as a new one; 0: when Temporal suggests it. For tests.
CONTINUE_EVERY: Final = "WORKFLOW_CONTINUE_EVERY"
_EVERY = int(os.environ.get(CONTINUE_EVERY) or 0)


class Control:
    """One execution of a run.

    Args:
        sequence: Steps that began in earlier executions.

    Attributes:
        abandoned: Concurrent loops that were left while items of theirs were put aside.
    """

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.abandoned: list[Visit] = []
        self._every = _EVERY
        self._ended = 0
        self._parking = False

    def next_sequence(self) -> int:
        """The number of the step that begins now."""
        self.sequence += 1
        return self.sequence

    def end_step(self) -> None:
        """A step has ended: an execution that is continued has come further than the one before."""
        self._ended += 1

    @property
    def parking(self) -> bool:
        """Whether the strands are put aside, to go on in an execution with an empty history."""
        if not self._parking:
            forced = 0 < self._every <= self._ended
            self._parking = forced or (self._ended > 0 and workflow.info().is_continue_as_new_suggested())
        return self._parking
