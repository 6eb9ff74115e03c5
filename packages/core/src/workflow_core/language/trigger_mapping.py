"""What a workflow that an event starts is given: the event's payload, or what the trigger's mapping makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from workflow_core.errors import ExpressionError, ValidationError
from workflow_core.language._budget import Budget, refuse
from workflow_core.language.mapping import evaluate_stepwise

#: Steps of all expressions of one mapping together: it is evaluated at once, where nobody else waits for it.
MAX_STEPS: Final = 200_000


def has_mapping(trigger: Mapping[str, Any]) -> bool:
    """Whether the trigger maps; an empty mapping is none."""
    return bool(trigger.get("payloadMapping"))


def map_payload(trigger: Mapping[str, Any], event: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """The payload that a trigger's mapping makes of an event. Computes for up to a second: call it in a thread.

    Args:
        trigger: With a ``payloadMapping``.
        event: What its expressions read as ``event``: name, correlationKey, payload and payloadSchemaRef.
        now: The clock of its expressions.

    Raises:
        ExpressionError: An expression fails or costs too much; the message names its place.
        ValidationError: The mapping asks for a secret, or makes something that is no object.
    """
    budget = Budget()
    steps = evaluate_stepwise(trigger["payloadMapping"], {"event": dict(event)}, now=now, budget=budget)
    try:
        while True:
            next(steps)
            if budget.activation_steps > MAX_STEPS:
                refuse("max_steps", MAX_STEPS, "map less in the trigger, and the rest in a step")
    except StopIteration as done:
        mapped = done.value
    except ExpressionError as error:
        place = error.details.get("path")
        error.message = f"payloadMapping{f'.{place}' if place else ''}: {error.message}"
        raise
    if mapped.secrets:
        raise ValidationError("A trigger's mapping cannot use secrets: use them in the steps.", code="INVALID_CONFIG")
    if not isinstance(mapped.value, dict):
        raise ValidationError("A trigger's mapping has to make an object.", code="INVALID_CONFIG")
    return mapped.value
