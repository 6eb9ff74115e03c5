"""What all strands of one execution share: the count of their steps, and whether they are to be put aside."""

from __future__ import annotations

import os
from typing import Final

from temporalio import workflow

#: Steps after which every execution is continued as a new one; 0: when Temporal suggests it. For tests.
CONTINUE_EVERY: Final = "WORKFLOW_CONTINUE_EVERY"
_EVERY = int(os.environ.get(CONTINUE_EVERY) or 0)


class Control:
    """One execution of a run.

    Args:
        sequence: Steps that began in earlier executions.
    """

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self._begun = 0
        self._parking = False

    def next_sequence(self) -> int:
        """The number of the step that begins now."""
        self.sequence += 1
        self._begun += 1
        return self.sequence

    @property
    def parking(self) -> bool:
        """Whether the strands are put aside, to go on in an execution with an empty history."""
        if not self._parking:
            forced = 0 < _EVERY <= self._begun
            self._parking = forced or (self._begun > 0 and workflow.info().is_continue_as_new_suggested())
        return self._parking
