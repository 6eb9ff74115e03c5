"""Whether the ``inputMapping`` of an ``action.call`` fits the action's input, as far as it can be known beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import inspect as types

from workflow_core.errors import FieldError
from workflow_core.language.findings import Finding
from workflow_core.language.fitting import Misfit, misfit, target_of
from workflow_core.language.kinds import element_of, fields_of
from workflow_core.language.mapping import EXPRESSION_KEY, SECRET_KEY, place_text
from workflow_core.language.reads import Read
from workflow_core.language.rules.context import (
    Context,
    StepView,
    called_action,
    did_you_mean,
    input_mapping,
    join,
)
from workflow_core.language.rules.expressions import is_expression
from workflow_core.schema import AtLeastOne, Rule, field_error_for, field_names, required_fields, rules_of, type_of

_BASE: Final = "config.inputMapping"
_PLAIN_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
#: Longer expressions are not written out again.
_MAX_SUGGESTED: Final = 80
#: What the interpreter takes for an idempotency key.
_KEY: Final = str | int | float


def required_fields_are_mapped(view: StepView, context: Context) -> Iterator[Finding]:
    """Every field without a default has a value."""
    action = called_action(view, context)
    if action is None or _is_made_at_once(view):
        return
    mapping = input_mapping(view)
    is_there = isinstance(view.config.get("inputMapping"), Mapping)
    for name in required_fields(action.input):
        if name not in mapping:
            at = f"{_BASE}.{name}" if is_there else _BASE
            yield view.error("MISSING_REQUIRED_MAPPING", f"{action.label} needs {name}.", at=at)


def rules_are_kept(view: StepView, context: Context) -> Iterator[Finding]:
    """The rules across fields, as far as they can be held against a mapping; the rest shows at run time."""
    action = called_action(view, context)
    if action is None or _is_made_at_once(view):
        return
    mapping = input_mapping(view)
    for rule in rules_of(action.input):
        if isinstance(rule, AtLeastOne):
            # A mapped one counts, whether it will have a value or not.
            problem = rule.check({name: value for name, value in mapping.items() if value is not None})
            code = "MISSING_REQUIRED_MAPPING"
        else:
            problem, code = _broken(rule, mapping), "INVALID_ACTION_CONFIG"
        if problem is not None:
            yield view.error(code, f"{action.label}: {problem.message}.", at=_BASE)


def _broken(rule: Rule, mapping: Mapping[str, Any]) -> FieldError | None:
    """What a rule says of a mapping without expressions and secrets."""
    holes: set[str] = set()
    values = {name: _with_holes(value, name, holes) for name, value in mapping.items()}
    if holes:
        return None
    try:
        return rule.check(values)
    except Exception:  # noqa: BLE001 - guards a foreign rule against values that were not converted
        return None


def literals_fit(view: StepView, context: Context) -> Iterator[Finding]:
    """A literal has a value that the field takes; so have the literal parts of a value with expressions in it."""
    action = called_action(view, context)
    if action is None:
        return
    known = set(field_names(action.input))
    for name, value in input_mapping(view).items():
        if name not in known:
            continue
        holes: set[str] = set()
        literal = _with_holes(value, name, holes)
        if name in holes:
            continue
        for error in field_error_for(action.input, name, literal):
            at = f"{_BASE}.{error.path}"
            if any(_touches(error.path, hole) for hole in holes):
                continue
            if error.code == "UNKNOWN_FIELD":
                yield view.warning("UNKNOWN_FIELD", f"{error.path}: there is no such field; it is not used.", at=at)
            else:
                yield view.error("MAPPING_TYPE_INCOMPATIBLE", f"{error.path} {error.message}.", at=at)


def expressions_fit(view: StepView, context: Context) -> Iterator[Finding]:
    """What an expression gives can be converted into its field, as far as its kind is known."""
    action = called_action(view, context)
    if action is None:
        return
    known = set(field_names(action.input))
    for read in view.reads:
        base, *place = read.place[1:] if read.place[0] == "config" else ("",)
        if base == "idempotencyKey" and not place:
            target, name = type_of(_KEY), "The idempotency key"
        elif base == "inputMapping" and not place:
            target, name = type_of(action.input), "The input"
        elif base == "inputMapping" and place[0] in known:
            target, name = target_of(type_of(action.input), place), place_text(tuple(place))
        else:
            continue
        problem = misfit(read.kind, target)
        if problem is not None:
            where = f"{name}.{problem.path}" if problem.path and problem.path[0] != "[" else name + problem.path
            yield view.error(
                "MAPPING_TYPE_INCOMPATIBLE",
                f"{where} {problem.wanted}, and the expression gives {problem.given}.",
                at=read.at,
                suggestion=_suggestion(read, problem, target),
            )


def _suggestion(read: Read, problem: Misfit, target: types.Type) -> str | None:
    """What would fit: a number's text, one item of a list, or the object's field with the name that is mapped."""
    if problem.is_number_for_text and not problem.path:
        return f"did you mean $string({read.source})?" if len(read.source) <= _MAX_SUGGESTED else None
    if not _PLAIN_PATH.fullmatch(read.source):
        return None
    if problem.given == "a list" and misfit(element_of(read.kind), target) is None:
        return f"did you mean {read.source}[0]?"
    name = str(read.place[-1])
    field = (fields_of(read.kind) or {}).get(name)
    return f"did you mean {read.source}.{name}?" if field is not None and misfit(field, target) is None else None


def mapped_fields_exist(view: StepView, context: Context) -> Iterator[Finding]:
    """A mapped field that the action does not have is passed over at run time."""
    action = called_action(view, context)
    if action is None or _is_made_at_once(view):
        return
    known = field_names(action.input)
    for name in input_mapping(view):
        if name not in known:
            yield view.warning(
                "UNKNOWN_FIELD",
                f"{action.label} has no field {name}: the value is not used.",
                at=f"{_BASE}.{name}",
                suggestion=did_you_mean(name, known),
            )


def _is_made_at_once(view: StepView) -> bool:
    """Whether the whole input is what one expression gives: its fields show at run time."""
    return is_expression(view.config.get("inputMapping"))


def _with_holes(value: Any, path: str, holes: set[str]) -> Any:
    """The value with null for every expression and secret, whose paths are added to ``holes``."""
    if isinstance(value, Mapping):
        if len(value) == 1 and (EXPRESSION_KEY in value or SECRET_KEY in value):
            holes.add(path)
            return None
        return {name: _with_holes(item, join(path, name), holes) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_holes(item, f"{path}[{index}]", holes) for index, item in enumerate(value)]
    return value


def _touches(path: str, hole: str) -> bool:
    """Whether what is wrong at a path may be due to a hole: in it, below it, or around it."""
    inner, outer = (path, hole) if len(path) >= len(hole) else (hole, path)
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))
