"""Evaluates expressions inside of a workflow, which has to let Temporal see again and again that it is alive."""

from __future__ import annotations

from typing import Any, Final

from temporalio import workflow

from workflow_core.language.expressions import Budget
from workflow_core.language.mapping import Mapped, evaluate_stepwise
from workflow_core.temporal import PAUSE
from workflow_worker.local import execute_local
from workflow_worker.scopes import Scopes

#: Every so many pauses a run lets go of its place among the workflow tasks, by a timer. The pauses between are
#: local: the engine's timers take about a second, and a pause is due every few hundred steps.
_PAUSES_PER_TIMER: Final = 16
_TIMER: Final = 0.001
#: What the interpreter's own work for one step costs, in the budget's steps.
_STEP_COST: Final = 25


class Evaluator:
    """Evaluates in the scopes of one run, on its clock, and on one account."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._budget = Budget()
        self._pauses = 0

    async def evaluate(self, mapping: Any, **extra: Any) -> Mapped:
        """Evaluates a mapping value; ``extra`` are further names that it can read.

        Raises:
            ExpressionError: An expression fails or costs too much.
        """
        steps = evaluate_stepwise(mapping, self._scopes.document(extra), now=workflow.now(), budget=self._budget)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                mapped: Mapped = done.value
                return mapped
            await self._pause_if_spent()

    async def before_step(self) -> None:
        """Accounts for the interpretation of one more step: a loop must not go on for ever without an expression."""
        self._budget.activation_steps += _STEP_COST
        await self._pause_if_spent()

    def new_activation(self) -> None:
        """Something was waited for: Temporal has seen that we are alive."""
        self._budget.reset()

    async def _pause_if_spent(self) -> None:
        # Temporal gives up an activation that computes for two seconds.
        if not self._budget.exhausted_activation:
            return
        self._pauses += 1
        if self._pauses % _PAUSES_PER_TIMER == 0:
            await workflow.sleep(_TIMER)
        else:
            await execute_local(PAUSE)
        self._budget.reset()
