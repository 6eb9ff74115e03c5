"""What a run waits for: signals that name the wait which is over, and the waits for a settlement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

from workflow_core.execution.ledger import effect_key
from workflow_core.execution.models import ActionCall, SettlementWait
from workflow_core.execution.step_waits import LeftBlock
from workflow_core.temporal import LEAVE_WAITS, OPEN_SETTLEMENT
from workflow_worker.failures import raise_if_canceled
from workflow_worker.leaving import Parked
from workflow_worker.local import execute_local

if TYPE_CHECKING:
    from workflow_worker.state import RunState


class Wakes:
    """The waits that are over, by their ids: one that is told twice, or before it is waited for, is over once."""

    def __init__(self) -> None:
        self._over: set[str] = set()

    def wake(self, wait_id: str) -> None:
        """A wait is over."""
        self._over.add(wait_id)

    async def until(self, wait_id: str, put_aside: Callable[[], bool], *, within: timedelta | None = None) -> None:
        """Waits until it is, or until the strand is put aside.

        Raises:
            TimeoutError: Neither came in time.
            CancelledError: The run was asked to stop, while something else was under way that does not stop.
        """
        raise_if_canceled()
        await workflow.wait_condition(lambda: wait_id in self._over or put_aside(), timeout=within)

    def take(self, wait_id: str) -> bool:
        """Whether it is over; the next one under this id has to be told again."""
        if wait_id not in self._over:
            return False
        self._over.discard(wait_id)
        return True


async def leave_waits(state: RunState) -> None:
    """Steps inside of concurrent loops that were left do not wait any more."""
    while state.control.abandoned:
        left, run = state.control.abandoned.pop(), state.run
        block = LeftBlock(tenant=run.tenant, run_id=run.run_id, step_path=left.path, iteration=left.iteration)
        await execute_local(LEAVE_WAITS, block)


async def until_settled(wakes: Wakes, put_aside: Callable[[], bool], call: ActionCall, *, give_up: bool) -> bool:
    """Waits until it is known what became of an action's effect; the action's next answer says it.

    Args:
        wakes: Of the run.
        put_aside: Whether the strand is put aside meanwhile: its step then begins anew, and waits again.
        call: Of the action.
        give_up: Whether an effect of which nobody has heard any more is uncertain from here.

    Returns:
        Whether there was something to wait for.

    Raises:
        Parked: The strand is put aside.
    """
    wait_id = str(workflow.uuid4())
    wait = SettlementWait(
        tenant=call.tenant,
        run_id=call.run_id,
        step_path=call.step_path,
        iteration=call.iteration,
        step_id=call.step_id,
        wait_id=wait_id,
        key=effect_key(call).digest,
        give_up=give_up,
    )
    waits: bool = await execute_local(OPEN_SETTLEMENT, wait, result_type=bool)
    if waits:
        await wakes.until(wait_id, put_aside)
        if not wakes.take(wait_id):
            raise Parked
    return waits
