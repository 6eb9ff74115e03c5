"""Evaluates expressions inside of a workflow, which has to let Temporal see again and again that it is alive."""

from __future__ import annotations

from typing import Any, Final

from temporalio import workflow

from workflow_core.language.expressions import Budget
from workflow_core.language.mapping import Mapped, evaluate_stepwise
from workflow_worker.scopes import Scopes

#: A yield between two activations of a run that computes a lot.
_YIELD: Final = 0.001
#: What the interpreter's own work for one step costs, in the budget's steps.
_STEP_COST: Final = 25


class Evaluator:
    """Evaluates in the scopes of one run, on its clock, and on one account."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._budget = Budget()

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
            await self._yield_if_spent()

    async def before_step(self) -> None:
        """Accounts for the interpretation of one more step: a loop must not go on for ever without an expression."""
        self._budget.activation_steps += _STEP_COST
        await self._yield_if_spent()

    def new_activation(self) -> None:
        """Something was waited for: Temporal has seen that we are alive."""
        self._budget.reset()

    async def _yield_if_spent(self) -> None:
        # Temporal ends a workflow task that computes for two seconds.
        if self._budget.exhausted_activation:
            await workflow.sleep(_YIELD)
            self._budget.reset()
