"""Whether the ``inputMapping`` of an ``action.call`` fits the action's input, as far as it can be known beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from workflow_core.language.findings import Finding
from workflow_core.language.mapping import EXPRESSION_KEY, SECRET_KEY
from workflow_core.language.rules.context import (
    Context,
    StepView,
    called_action,
    did_you_mean,
    input_mapping,
    join,
)
from workflow_core.schema import AtLeastOne, field_error_for, field_names, json_name, rules_of

_BASE = "config.inputMapping"


def required_fields_are_mapped(view: StepView, context: Context) -> Iterator[Finding]:
    """Every field without a default has a value."""
    action = called_action(view, context)
    if action is None:
        return
    mapping = input_mapping(view)
    for field in attrs.fields(action.input):
        name = json_name(field.name)
        if field.default is attrs.NOTHING and name not in mapping:
            yield view.error("MISSING_REQUIRED_MAPPING", f"{action.label} needs {name}.", at=f"{_BASE}.{name}")


def one_of_these_is_mapped(view: StepView, context: Context) -> Iterator[Finding]:
    """The rules of the kind "give at least one of these"; whether a mapped one has a value shows at run time."""
    action = called_action(view, context)
    mapping = input_mapping(view)
    for rule in rules_of(action.input) if action is not None else ():
        if not isinstance(rule, AtLeastOne):
            continue
        problem = rule.check({name: value for name, value in mapping.items() if value is not None})
        if problem is not None and action is not None:
            yield view.error("MISSING_REQUIRED_MAPPING", f"{action.label}: {problem.message}.", at=_BASE)


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
            if not any(_touches(error.path, hole) for hole in holes):
                yield view.error(
                    "MAPPING_TYPE_INCOMPATIBLE", f"{error.path} {error.message}.", at=f"{_BASE}.{error.path}"
                )


def mapped_fields_exist(view: StepView, context: Context) -> Iterator[Finding]:
    """A mapped field that the action does not have is passed over at run time."""
    action = called_action(view, context)
    if action is None:
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
