"""Whether steps are reached, and do not get in the way of one another."""

from __future__ import annotations

from collections.abc import Iterator

from workflow_core.language.findings import Finding
from workflow_core.language.rules.context import Context, StepView


def steps_are_reached(view: StepView, _context: Context) -> Iterator[Finding]:
    """A path leads to the step; the first one in a block that none leads to stands for those after it."""
    if view.unreached:
        more = view.unreached - 1
        what = f"This step and the {more} after it are" if more > 1 else "This step is"
        what = "This step and the one after it are" if more == 1 else what
        yield view.warning("UNREACHABLE_STEP", f"{what} never reached: every path has returned before.")


def items_keep_to_themselves(view: StepView, _context: Context) -> Iterator[Finding]:
    """What items assign beside one another is read only by the item itself."""
    if view.lost_writes:
        names = ", ".join(view.lost_writes)
        yield view.warning(
            "CONCURRENT_WRITE",
            f"The items run at the same time, each with its own copy; after the loop {names} is what the last item has "
            "assigned. Set concurrency to 1 if the items build on one another.",
            at="concurrency",
        )
