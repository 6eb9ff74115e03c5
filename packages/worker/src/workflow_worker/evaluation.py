"""Evaluates expressions inside of a workflow, which has to let Temporal see again and again that it is alive."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from temporalio import workflow

from workflow_core.execution.models import RunRef
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


class Account:
    """What one execution has computed since Temporal last saw that it is alive; all its strands have one account."""

    def __init__(self, run: RunRef) -> None:
        self.budget = Budget()
        self._run = run
        self._pauses = 0
        self._seen_at = workflow.now()
        self._pause: asyncio.Future[None] | None = None

    def new_activation(self) -> None:
        """Something was waited for; when time has passed meanwhile, Temporal has seen that we are alive."""
        now = workflow.now()
        if now != self._seen_at:
            self._seen_at = now
            self.budget.reset()

    async def pause_if_spent(self) -> None:
        """Lets Temporal see that we are alive, if it is time; strands beside the one that does so wait for it."""
        # Temporal gives up an activation that computes for two seconds.
        while self.budget.exhausted_activation:
            if self._pause is not None:
                await asyncio.shield(self._pause)
                continue
            self._pause = asyncio.get_running_loop().create_future()
            try:
                await self._let_go()
            finally:
                self.budget.reset()
                self._pause.set_result(None)
                self._pause = None

    async def _let_go(self) -> None:
        self._pauses += 1
        if self._pauses % _PAUSES_PER_TIMER == 0:
            await workflow.sleep(_TIMER)
        else:
            await execute_local(PAUSE, self._run)


class Evaluator:
    """Evaluates in the scopes of one strand, on the run's clock, and on the account of its execution."""

    def __init__(self, scopes: Scopes, account: Account) -> None:
        self._scopes = scopes
        self.account = account

    async def evaluate(self, mapping: Any, **extra: Any) -> Mapped:
        """Evaluates a mapping value; ``extra`` are further names that it can read.

        Raises:
            ExpressionError: An expression fails or costs too much.
        """
        steps = evaluate_stepwise(mapping, self._scopes.document(extra), now=workflow.now(), budget=self.account.budget)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                mapped: Mapped = done.value
                return mapped
            await self.account.pause_if_spent()

    async def before_step(self) -> None:
        """Accounts for the interpretation of one more step: a loop must not go on for ever without an expression."""
        self.account.budget.activation_steps += _STEP_COST
        await self.account.pause_if_spent()

    def new_activation(self) -> None:
        """Something was waited for."""
        self.account.new_activation()
