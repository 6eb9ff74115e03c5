"""Whether a definition and its steps have the fields of the contract, with values of the right types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflow_core.errors import FieldError, ValidationError
from workflow_core.language._values import MAX_NESTING
from workflow_core.language.definition import (
    BLOCKS,
    CONTROL_STEPS,
    NODE_CONFIGS,
    OPTIONAL_BLOCKS,
    ROOT,
    STEP_TYPES,
    DefinitionShape,
    NodeStep,
    iter_entries,
)
from workflow_core.language.findings import Finding
from workflow_core.language.outline import are_alternatives
from workflow_core.language.rules.context import Context, StepView, did_you_mean, join, nests_deeper
from workflow_core.schema import convert, field_names, to_json

INVALID = "INVALID_WORKFLOW_DEFINITION"
_TOO_DEEP = f"A value nests more than {MAX_NESTING} levels deep: make it flatter."


def definition_has_its_fields(definition: Any) -> Iterator[Finding]:
    """Name, steps and whatever else every definition has."""
    shape = definition
    if isinstance(definition, Mapping):
        fields = {name: _shallow(value) for name, value in definition.items()}
        shape = {name: value for name, value in fields.items() if not nests_deeper(value, MAX_NESTING)}
    for error in _field_errors(DefinitionShape, shape):
        if error.code != "UNKNOWN_FIELD":
            yield Finding(
                severity="error",
                step_path=ROOT,
                path=join(ROOT, error.path) if error.path else ROOT,
                code=INVALID,
                message=f"{error.path or 'The definition'} {error.message}.",
            )


def values_nest_reasonably(definition: Mapping[str, Any], _context: Context) -> Iterator[Finding]:
    """No value nests deeper than any that a run may have; blocks of steps may."""
    for name, value in definition.items():
        if name != "steps" and nests_deeper(value, MAX_NESTING):
            path = join(ROOT, name)
            yield Finding(severity="error", step_path=ROOT, path=path, code=INVALID, message=_TOO_DEEP)


def step_nests_reasonably(view: StepView, _context: Context) -> Iterator[Finding]:
    """The same for a step; nothing more is said of one that does."""
    if view.is_too_deep:
        yield view.error(INVALID, _TOO_DEEP)


def entries_are_steps(definition: Mapping[str, Any], _context: Context) -> Iterator[Finding]:
    """Every entry of a block is an object."""
    for path, entry in iter_entries(definition):
        if not isinstance(entry, Mapping):
            yield Finding(
                severity="error", step_path=path, path=path, code=INVALID, message="A step has to be an object."
            )


def id_is_unique(view: StepView, _context: Context) -> Iterator[Finding]:
    """No two steps share an id; where they are alternatives it is only doubtful."""
    before = view.outline.before_with_id(view.path, view.id) if view.id else None
    if before is None:
        return
    message = f"The step at {before} has the id {view.id} too."
    if are_alternatives(before, view.path):
        yield view.warning("DUPLICATE_STEP_ID", f"{message} Give each its own: runs tell steps by it.", at="id")
    else:
        yield view.error("DUPLICATE_STEP_ID", message, at="id")


def type_is_known(view: StepView, _context: Context) -> Iterator[Finding]:
    """The step's type is one of the language."""
    if view.type and view.type not in STEP_TYPES:
        yield view.error(
            "UNKNOWN_NODE_TYPE",
            f"There is no step type {view.type}.",
            at="type",
            suggestion=did_you_mean(view.type, STEP_TYPES),
        )


def step_has_its_fields(view: StepView, _context: Context) -> Iterator[Finding]:
    """The fields beside ``config`` and the blocks; an unknown one is kept, and does nothing."""
    cls = CONTROL_STEPS.get(view.type, NodeStep)
    errors = _field_errors(cls, view.own_fields)
    yield from _findings(view, errors, INVALID, known=view.type in STEP_TYPES)


def config_has_its_fields(view: StepView, _context: Context) -> Iterator[Finding]:
    """The ``config`` of a node step."""
    cls = NODE_CONFIGS.get(view.type)
    config = view.step.get("config")
    if cls is None or not (config is None or isinstance(config, dict)):
        return  # that it is no object is said with the step's other fields
    code = "INVALID_ACTION_CONFIG" if view.type == "action.call" else "INVALID_CONFIG"
    errors = _field_errors(cls, config or {}, "config")
    if config is None:  # what is missing in it has no place yet
        for error in errors:
            yield view.error(code, f"{error.path} {error.message}.", at="config")
    else:
        yield from _findings(view, errors, code, known=True)


def blocks_are_lists(view: StepView, _context: Context) -> Iterator[Finding]:
    """A control step has its blocks, and they are lists of steps."""
    for block in BLOCKS.get(view.type, ()):
        value = view.step.get(block)
        if not isinstance(value, list) and not (value is None and block in OPTIONAL_BLOCKS):
            yield view.error(INVALID, f"{block} has to be a list of steps.", at=block)


def times_fit_their_mode(view: StepView, _context: Context) -> Iterator[Finding]:
    """``time.wait`` has what its mode waits for."""
    if view.type != "time.wait":
        return
    needed = {"duration": "durationMs", "until": "until"}.get(str(view.config.get("mode")))
    if needed is not None and view.config.get(needed) is None:
        yield view.error("INVALID_CONFIG", f"{needed} is required in this mode.", at=f"config.{needed}")


def filters_fit_their_operator(view: StepView, _context: Context) -> Iterator[Finding]:
    """``in`` takes an array, ``exists`` nothing, the string operators a string."""
    filters = view.config.get("filters") if view.type == "event.wait" else None
    for index, condition in enumerate(filters if isinstance(filters, list) else ()):
        if not isinstance(condition, Mapping):
            continue
        op, value = condition.get("op"), condition.get("value")
        if op in ("in", "not_in") and not isinstance(value, list):
            words = "an array"
        elif op in ("exists", "not_exists") and value is not None:
            words = "left out"
        elif op in ("contains", "starts_with", "ends_with") and not isinstance(value, str):
            words = "a string"
        else:
            continue
        at = f"config.filters[{index}].value"
        yield view.error("INVALID_CONFIG", f"For the operator {op} the value has to be {words}.", at=at)


def _shallow(value: Any) -> Any:
    """A list without what is in it: steps are looked at one by one."""
    return [] if isinstance(value, list) else value


def _findings(view: StepView, errors: list[FieldError], code: str, *, known: bool) -> Iterator[Finding]:
    for error in errors:
        if error.code != "UNKNOWN_FIELD":
            yield view.error(code, f"{error.path or 'The step'} {error.message}.", at=error.path)
        elif known:
            name = error.path.rpartition(".")[2]
            cls = NODE_CONFIGS.get(view.type) if error.path.startswith("config.") else CONTROL_STEPS.get(view.type)
            yield view.warning(
                "UNKNOWN_FIELD",
                f"{error.path} is kept, and has no effect.",
                at=error.path,
                suggestion=did_you_mean(name, field_names(cls or NodeStep)),
            )


def _field_errors(cls: type, value: Any, below: str = "") -> list[FieldError]:
    """What is wrong with a stored value; it is used as it is, so its types have to fit without conversion."""
    try:
        converted: Any = convert(cls, value)
    except ValidationError as error:
        errors = list(error.errors)
    else:
        errors = list(_type_changes(value, to_json(converted), ""))
    return [FieldError(join(below, error.path) if error.path else below, error.code, error.message) for error in errors]


def _type_changes(stored: Any, converted: Any, path: str) -> Iterator[FieldError]:
    if isinstance(stored, str) and isinstance(converted, int | float):
        yield FieldError(path, "TYPE", "must be a number, not a string")
    elif isinstance(stored, dict) and isinstance(converted, dict):
        for name, item in stored.items():
            yield from _type_changes(item, converted.get(name), join(path, name))
    elif isinstance(stored, list) and isinstance(converted, list):
        for index, (item, other) in enumerate(zip(stored, converted, strict=False)):
            yield from _type_changes(item, other, f"{path}[{index}]")
