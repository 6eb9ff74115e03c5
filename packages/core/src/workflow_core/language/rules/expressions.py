"""Whether the expressions of a step compile, and stand where they have to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from workflow_core.errors import ExpressionError
from workflow_core.language.definition import STEP_TYPES
from workflow_core.language.expressions import compile_expression
from workflow_core.language.findings import Finding
from workflow_core.language.mapping import EXPRESSION_KEY, SECRET_KEY
from workflow_core.language.rules.context import Context, StepView, iter_objects

#: Fields that have to be an expression, where they are given.
_EXPRESSION_FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "control.if": ("condition",),
        "control.forEach": ("items",),
        "action.call": ("config.idempotencyKey",),
        "event.wait": ("config.correlationKey",),
        "time.wait": ("config.until",),
    }
)
_OPTIONAL_FIELDS: Final = ("config.idempotencyKey", "config.until")


def expressions_compile(view: StepView, _context: Context) -> Iterator[Finding]:
    """Every ``{"$expr": …}`` of the step, wherever it stands."""
    for read in view.reads:
        problem = None if read.expression is not None else expression_problem(read.source)
        if problem is not None:
            yield view.error(*problem, at=read.at)


def expressions_stand_where_needed(view: StepView, _context: Context) -> Iterator[Finding]:
    """A condition, for one, cannot be a literal."""
    for at in _EXPRESSION_FIELDS.get(view.type, ()):
        if _is_given(view.step, at) and not is_expression(_at(view.step, at)):
            yield view.error("INVALID_EXPRESSION", f'{at} has to be an expression: {{"$expr": "…"}}.', at=at)


def special_keys_are_known(view: StepView, _context: Context) -> Iterator[Finding]:
    """An object with a key like ``$expr`` that is none is taken literally; seldom was that meant."""
    if view.type not in STEP_TYPES:
        return
    for at, item in iter_objects(view.own_fields):
        for key in item:
            if not key.startswith("$"):
                continue
            if key not in (EXPRESSION_KEY, SECRET_KEY):
                words = f"{key} means nothing here: the object is taken literally."
            elif len(item) > 1:
                words = f"{key} counts only when it stands alone: the object is taken literally."
            elif not isinstance(item[key], str):
                code = "INVALID_EXPRESSION" if key == EXPRESSION_KEY else "INVALID_SECRET_NAME"
                yield view.error(code, f"{key} has to be a string.", at=at)
                continue
            else:
                continue
            yield view.warning("UNKNOWN_SPECIAL_KEY", words, at=at)


def expression_problem(source: str) -> tuple[str, str] | None:
    """Code and message of an expression that does not compile."""
    try:
        compile_expression(source)
    except ExpressionError as error:
        position = error.details.get("position")
        where = f" (at character {position})" if position is not None else ""
        return error.code, f"{error.message}{where}"
    return None


def is_expression(value: Any) -> bool:
    """Whether a value is ``{"$expr": "…"}`` and nothing else."""
    return isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get(EXPRESSION_KEY), str)


def _is_given(step: Mapping[str, Any], path: str) -> bool:
    """Whether the step has the field; null is as good as none where the field is optional."""
    holder, _, name = path.rpartition(".")
    fields = _at(step, holder) if holder else step
    if not isinstance(fields, Mapping) or name not in fields:
        return False
    return fields[name] is not None or path not in _OPTIONAL_FIELDS


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
