"""Whether a definition and its steps have the fields of the contract, with values of the right types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflow_core.errors import FieldError, ValidationError
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
    iter_steps,
)
from workflow_core.language.findings import Finding
from workflow_core.language.rules.context import Context, StepView, did_you_mean, join
from workflow_core.schema import convert, field_names, to_json

INVALID = "INVALID_WORKFLOW_DEFINITION"


def definition_has_its_fields(definition: Any) -> Iterator[Finding]:
    """Name, steps and whatever else every definition has."""
    for error in _field_errors(DefinitionShape, definition):
        if error.code != "UNKNOWN_FIELD":
            yield Finding(
                severity="error",
                step_path=ROOT,
                path=join(ROOT, error.path),
                code=INVALID,
                message=f"{error.path or 'The definition'} {error.message}.",
            )


def entries_are_steps(definition: Any) -> Iterator[Finding]:
    """Every entry of a block is an object."""
    for path, entry in iter_entries(definition):
        if not isinstance(entry, Mapping):
            yield Finding(
                severity="error", step_path=path, path=path, code=INVALID, message="A step has to be an object."
            )


def ids_are_unique(definition: Any) -> Iterator[Finding]:
    """No two steps share an id, wherever they stand."""
    first: dict[str, str] = {}
    for path, step in iter_steps(definition):
        view = StepView(path, step)
        if view.id and first.setdefault(view.id, path) != path:
            yield view.error("DUPLICATE_STEP_ID", f"The step at {first[view.id]} has the id {view.id} too.", at="id")


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
    yield from _findings(view, _field_errors(cls, config or {}, "config"), code, known=True)


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
