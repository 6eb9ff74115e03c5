"""Mapping values: literals with ``{"$expr": …}`` and ``{"$secret": …}`` in them; and the paths that steps assign to."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NoReturn, TypeVar, cast

import attrs

from workflow_core.errors import ExpressionError, ValidationError
from workflow_core.language._budget import Budget
from workflow_core.language._values import MAX_NESTING, MISSING, clean_text
from workflow_core.language.expressions import compile_expression

T = TypeVar("T")

EXPRESSION_KEY: Final = "$expr"
SECRET_KEY: Final = "$secret"  # noqa: S105 - the name of a key, not a secret
ASSIGNABLE_ROOTS: Final = ("payload", "vars", "local", "meta", "error")
#: What ``meta`` tells of the run itself; nothing that is assigned takes their place.
RUN_FACTS: Final = ("runId", "workflowId", "workflowVersion", "tenantId")


# ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────


#: Where in a JSON value something stands: names of fields and indexes of items.
Place = tuple[str | int, ...]


@attrs.frozen
class Mapped:
    """An evaluated mapping value.

    What looks like ``{"$secret": …}`` in the *data* of a run is data: only the places that the author wrote count.

    Attributes:
        value: Plain JSON; null where an expression found nothing, ``{"$secret": NAME}`` where a secret belongs.
        secrets: The places of the authored secrets.
        missing: The places of expressions that found nothing: whoever knows the schema decides what that means.
    """

    value: Any
    secrets: list[Place]
    missing: list[Place]


def evaluate_mapping(value: Any, scope: Mapping[str, Any], *, now: datetime, budget: Budget) -> Any:
    """Evaluate every expression in a mapping value, at once; what finds nothing is null.

    See :func:`evaluate_stepwise`, whose ``value`` this is.
    """
    return exhaust(evaluate_stepwise(value, scope, now=now, budget=budget)).value


def evaluate_stepwise(  # noqa: C901 - one walk, with a case for each kind of value
    value: Any, scope: Mapping[str, Any], *, now: datetime, budget: Budget
) -> Generator[None, None, Mapped]:
    """Evaluate every expression in a mapping value, yielding before each, so that a workflow can let others run.

    Secrets stay as they are, and are resolved where they are used. Everything else is literal; NUL characters are
    dropped from strings, as PostgreSQL's ``jsonb`` refuses them.

    Args:
        value: A mapping value, such as a step's whole ``inputMapping``; never changed.
        scope: What the expressions read.
        now: The run's clock.
        budget: The account of the run.

    Raises:
        ExpressionError: One fails; ``details["path"]`` says where, as ``title``, ``assignment.primary.id`` or
            ``tags[1]``.
    """
    secrets: list[Place] = []
    missing: list[Place] = []

    def evaluate(source: str, place: Place) -> Any:
        try:
            result = compile_expression(source).evaluate(scope, now=now, budget=budget)
        except ExpressionError as error:
            error.details["path"] = place_text(place)
            raise
        if result is MISSING:
            missing.append(place)
            return None
        return result

    def walk(value: Any, place: Place) -> Generator[None, None, Any]:
        if isinstance(value, str):
            return clean_text(value)
        if not isinstance(value, dict | list):
            return value
        if len(place) > MAX_NESTING:
            message = f"The mapping is nested too deeply (more than {MAX_NESTING} levels)."
            raise ExpressionError(message, details={"path": place_text(place)})
        if isinstance(value, list):
            items = []
            for index, item in enumerate(value):
                items.append((yield from walk(item, (*place, index))))
            return items
        source = _special(value, EXPRESSION_KEY)
        if source is not None:
            yield
            return evaluate(source, place)
        if _special(value, SECRET_KEY) is not None:
            secrets.append(place)
            return dict(value)
        fields = {}
        for key, item in value.items():
            name = clean_text(str(key))
            fields[name] = yield from walk(item, (*place, name))
        return fields

    result = yield from walk(value, ())
    return Mapped(result, secrets, missing)


def exhaust(steps: Generator[None, None, T]) -> T:
    """The result of a stepwise evaluation that nobody has to wait in."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return cast("T", done.value)


def put_at(value: Any, place: Sequence[str | int], item: Any) -> Any:
    """The value with another item at a place that exists; what is given is not changed."""
    if not place:
        return item
    copy = value.copy()
    copy[place[0]] = put_at(value[place[0]], place[1:], item)
    return copy


def get_at(value: Any, place: Sequence[str | int]) -> Any:
    """The item at a place that exists."""
    for name in place:
        value = value[name]
    return value


def place_text(place: Place) -> str:
    """A place as people read it: ``assignment.primary.id``, ``tags[1]``."""
    text = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in place)
    return text.removeprefix(".")


def iter_expressions(value: Any) -> Iterator[tuple[str, str]]:
    """Every expression in a mapping value, as path and source, in document order."""
    return ((place_text(place), source) for place, source in iter_expression_places(value))


def iter_secrets(value: Any) -> Iterator[tuple[str, str]]:
    """Every secret in a mapping value, as path and name, in document order."""
    return ((place_text(place), name) for place, name in _iter_special(value, SECRET_KEY))


def iter_expression_places(value: Any) -> Iterator[tuple[Place, str]]:
    """Every expression in a mapping value, as place and source, in document order."""
    return _iter_special(value, EXPRESSION_KEY)


def _iter_special(value: Any, key: str) -> Iterator[tuple[Place, str]]:
    stack: list[tuple[Place, Any]] = [((), value)]
    while stack:
        place, item = stack.pop()
        children: list[tuple[Place, Any]] = []
        if isinstance(item, list):
            children = [((*place, index), child) for index, child in enumerate(item)]
        elif isinstance(item, dict):
            found = _special(item, key)
            if found is not None:
                yield place, found
            elif _special(item, EXPRESSION_KEY) is None and _special(item, SECRET_KEY) is None:
                children = [((*place, name), child) for name, child in item.items()]
        stack.extend(reversed(children))


def _special(value: dict[str, Any], key: str) -> str | None:
    """The text of ``{key: "…"}``; an object with further keys, or with another type, is literal."""
    text = value.get(key)
    return text if isinstance(text, str) and len(value) == 1 else None


# ── Assign paths ─────────────────────────────────────────────────────────────────────────────────────────────────


def parse_assign_path(path: str) -> tuple[str, tuple[str, ...]]:
    """Take an assign path apart.

    Args:
        path: Such as ``vars.title``, ``meta.tag``, or ``title``, which means ``vars.title``.

    Returns:
        The root and the names below it; none for a root alone, such as ``payload``.

    Raises:
        ValidationError: With code ``INVALID_ASSIGN_PATH``.
    """
    segments = [segment.strip() for segment in path.split(".")]
    if not all(segments):
        _refuse_path(path, "a name is empty")
    if any("\0" in segment or "[" in segment or "]" in segment for segment in segments):
        _refuse_path(path, "a name may not contain brackets; assign a whole list")
    root, *names = segments
    if root == "meta" and names and names[0] in RUN_FACTS:
        _refuse_path(path, f"meta.{names[0]} can only be read")
    if root in ASSIGNABLE_ROOTS:
        return root, tuple(names)
    if names:
        _refuse_path(path, f"it has to begin with one of {', '.join(ASSIGNABLE_ROOTS)}")
    if root in ("system", "event"):
        _refuse_path(path, f"{root} can only be read")
    return "vars", (root,)


def assign_path(scopes: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Set one value in the scopes, without changing what is given.

    Objects and lists on the way are copied; objects are made where there are none, also in the place of a scalar.
    Everything beside the path is shared with the old scopes.

    Args:
        scopes: Roots to values.
        path: See :func:`parse_assign_path`.
        value: A JSON value.

    Returns:
        New scopes.

    Raises:
        ValidationError: With code ``INVALID_ASSIGN_PATH``; also when a root other than ``error`` is set to something
            that is not an object, or a name leads into a list without being the index of an item.
    """
    root, names = parse_assign_path(path)
    if not names and root != "error" and not isinstance(value, dict):
        _refuse_path(path, f"{root} itself can only be set to an object")
    return {**scopes, root: _put(scopes.get(root), names, value, path)}


def _put(target: Any, names: tuple[str, ...], value: Any, path: str) -> Any:
    if not names:
        return value
    name, *rest = names
    if isinstance(target, list):
        index = int(name) if name.isdecimal() and len(name) < 10 else len(target)
        if index >= len(target):
            _refuse_path(path, f"{name} is not the index of an item in the list there")
        items = list(target)
        items[index] = _put(items[index], tuple(rest), value, path)
        return items
    fields = dict(target) if isinstance(target, Mapping) else {}
    fields[name] = _put(fields.get(name), tuple(rest), value, path)
    return fields


def _refuse_path(path: str, reason: str) -> NoReturn:
    raise ValidationError(
        f"“{path}” is not a path that can be assigned to: {reason}.",
        code="INVALID_ASSIGN_PATH",
        details={"path": path},
    )
