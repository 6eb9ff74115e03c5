"""How a strand is left before its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflow_core.execution.checkpoints import SavedStrand
    from workflow_worker.frames import Visit


class StrandFailedError(Exception):
    """A step failed, and nothing in the strand goes on after it.

    Attributes:
        error: The error object.
        visit: The step.
        saved: The strand as it stood before the step; None: its failure has no place where it could go on.
    """

    def __init__(self, error: dict[str, Any], visit: Visit, saved: SavedStrand | None) -> None:
        super().__init__(error["message"])
        self.error = error
        self.visit = visit
        self.saved = saved


class Returned(Exception):  # noqa: N818 - no error: a ``control.return`` ended the run
    """The run has come to its end."""


class Parked(Exception):  # noqa: N818 - no error: it goes on later
    """The strand is put aside where it stands."""
