"""What an expression may cost, counted in steps and sizes so that every replay counts the same."""

from __future__ import annotations

from typing import NoReturn

import attrs

from workflow_core.errors import ExpressionBudgetError

MAX_OUTPUT_BYTES = 256 * 1024


@attrs.define
class Budget:
    """The account of a run: each evaluation spends from it. Make one for a run, and never share it.

    A step is the evaluation of one node of an expression; work in bulk counts too: about one step for eight list
    elements or 256 characters. On one slow core a step costs a few microseconds.

    Attributes:
        max_steps: Steps of one evaluation; beyond them it fails.
        max_depth: Nested evaluations and calls (a tail call nests nothing); beyond them it fails.
        max_elements: Elements of one list, also an intermediate one.
        max_characters: Characters of one string, also an intermediate one.
        max_output_bytes: Size of one result as compact JSON in UTF-8.
        max_activation_steps: Steps after which :attr:`exhausted_activation` asks the interpreter to yield.
        activation_steps: Steps since the last :meth:`reset`.
    """

    max_steps: int = 50_000
    max_depth: int = 500
    max_elements: int = 100_000
    max_characters: int = 256 * 1024
    max_output_bytes: int = MAX_OUTPUT_BYTES
    max_activation_steps: int = 25_000
    activation_steps: int = attrs.field(default=0, init=False)

    @property
    def exhausted_activation(self) -> bool:
        """Whether the interpreter should yield (by a timer), then :meth:`reset`, before it evaluates anything more.

        It never makes an evaluation fail: one activation computes at most ``max_activation_steps + max_steps``.
        """
        return self.activation_steps >= self.max_activation_steps

    def reset(self) -> None:
        """Begin a new workflow activation."""
        self.activation_steps = 0


def refuse(limit: str, maximum: int, advice: str) -> NoReturn:
    """Stop an evaluation that costs too much.

    Args:
        limit: Which attribute of :class:`Budget` it ran into.
        maximum: The value of that attribute.
        advice: What the author can do about it.

    Raises:
        ExpressionBudgetError: Always.
    """
    message = f"The expression costs more than allowed ({limit} = {maximum}): {advice}."
    raise ExpressionBudgetError(message, details={"limit": limit, "maximum": maximum})
