"""Functions of lists and objects, and those that call a function for each item."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from jsonata.jexception import JException
from jsonata.utils import Utils

from workflow_core.language._engine import Engine, NativeFunction
from workflow_core.language._regex import Regex
from workflow_core.language._values import MAX_NESTING, NULL, refuse_nesting

_SCALARS = (str, bool, int, float)


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _append_key(value: Any) -> Any:
    """What tells scalars apart in a set: ``1`` and ``true`` are equal and hash alike in Python."""
    return (isinstance(value, bool), value)


def distinct(engine: Engine, values: Any) -> Any:
    """``$distinct``."""
    if not isinstance(values, list) or len(values) <= 1:
        return values
    result = Utils.create_sequence() if Utils.is_sequence(values) else []
    seen: set[Any] = set()
    structures: list[Any] = []
    for value in values:
        if value is None or value is NULL or isinstance(value, _SCALARS):
            key = None if value is NULL else _append_key(value) if value is not None else None
            if key in seen:
                continue
            seen.add(key)
        else:
            engine.charge(len(structures))
            if any(engine.equal(value, other) for other in structures):
                continue
            structures.append(value)
        result.append(NULL if value is None else value)
    return result


def sort(engine: Engine, values: Any, comparator: Any) -> Any:
    """``$sort``."""
    if values is None or len(values) <= 1:
        return values
    engine.charge(len(values) * len(values).bit_length() >> 3)
    if comparator is None:
        if not (Utils.is_array_of_numbers(values) or Utils.is_array_of_strings(values)):
            raise JException("D3070", -1)
        if isinstance(values[0], str):
            engine.charge(sum(map(len, values)) >> 8)
        return sorted(values)

    def order(left: Any, right: Any) -> int:
        """-1 where the left one, later in the list, has to go before the right one."""
        result = engine.call(comparator, [_null(right), _null(left)])
        if isinstance(result, int | float) and not isinstance(result, bool):
            return -1 if result > 0 else 0
        return -1 if engine.truthy(result) else 0

    return sorted(values, key=functools.cmp_to_key(order))


def reverse(_engine: Engine, values: Any) -> Any:
    """``$reverse``."""
    return values if values is None or len(values) <= 1 else values[::-1]


def zip_lists(_engine: Engine, *lists: Any) -> list[Any]:
    """``$zip``."""
    return [] if any(one is None for one in lists) else [list(row) for row in zip(*lists, strict=False)]


# ── Objects ──────────────────────────────────────────────────────────────────────────────────────────────────────


def keys(engine: Engine, value: Any) -> Any:
    """``$keys``."""
    names: dict[str, None] = {}

    def collect(item: Any, depth: int) -> None:
        if depth > MAX_NESTING:
            refuse_nesting()
        engine.charge(1)
        if isinstance(item, list):
            for member in item:
                collect(member, depth + 1)
        elif isinstance(item, dict):
            engine.charge(len(item) >> 2)
            names.update(dict.fromkeys(item))

    collect(value, 0)
    return Utils.create_sequence_from_iter(names)


def lookup(engine: Engine, value: Any, name: Any) -> Any:
    """``$lookup``."""
    return engine.field(value, name)


def spread(engine: Engine, value: Any, depth: int = 0) -> Any:
    """``$spread``."""
    if not isinstance(value, list | dict):
        return value
    if depth > MAX_NESTING:
        refuse_nesting()
    engine.charge(1)
    result = Utils.create_sequence()
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            engine.charge(1 + len(item))
            result.extend({key: member} for key, member in item.items())
        elif isinstance(item, list):
            members = spread(engine, item, depth + 1)
            engine.grow(result, members)
            result.extend(members)
        elif item is not None:
            result.append(item)
    return result


def merge(engine: Engine, objects: Any) -> Any:
    """``$merge``."""
    if objects is None:
        return None
    merged: dict[str, Any] = {}
    for item in objects:
        engine.charge(1 + (len(item) >> 2))
        merged.update(item)
    return merged


def clone(engine: Engine, value: Any) -> Any:
    """``$clone``."""
    return None if value is None else engine.clone(value, set())


# ── Higher-order functions ───────────────────────────────────────────────────────────────────────────────────────


def _arity(function: Any) -> int:
    if isinstance(function, NativeFunction):
        return function.arity
    return 1 if isinstance(function, Regex) else len(function.arguments)


def _null(value: Any) -> Any:
    """An item of a list is there, so ``None`` is null and not missing."""
    return NULL if value is None else value


def _results(engine: Engine, pairs: Sequence[tuple[Any, Any]], whole: Any, function: Any) -> Iterator[Any]:
    """Call a function with value, index or key, and the whole: as many as it takes."""
    count = min(max(_arity(function), 1), 3)
    for key, value in pairs:
        yield engine.call(function, [_null(value), key, whole][:count])


def map_values(engine: Engine, values: Any, function: Any) -> Any:
    """``$map``."""
    if values is None:
        return None
    results = _results(engine, list(enumerate(values)), values, function)
    return Utils.create_sequence_from_iter(result for result in results if result is not None)


def filter_values(engine: Engine, values: Any, function: Any) -> Any:
    """``$filter``."""
    if values is None:
        return None
    results = _results(engine, list(enumerate(values)), values, function)
    chosen = (_null(value) for value, result in zip(values, results, strict=True) if engine.truthy(result))
    return Utils.create_sequence_from_iter(chosen)


def single(engine: Engine, values: Any, function: Any) -> Any:
    """``$single``."""
    if values is None:
        return None
    found = list(values) if function is None else list(filter_values(engine, values, function))
    if len(found) != 1:
        raise JException("D3138" if found else "D3139", -1)
    return _null(found[0])


def reduce(engine: Engine, values: Any, function: Any, start: Any) -> Any:
    """``$reduce``."""
    if values is None:
        return None
    arity = _arity(function)
    if arity < 2:
        raise JException("D3050", -1)
    if start is None and not values:
        return None
    result = _null(values[0]) if start is None else start
    for index in range(1 if start is None else 0, len(values)):
        result = engine.call(function, [result, _null(values[index]), index, values][:arity])
    return result


def each(engine: Engine, value: Any, function: Any) -> Any:
    """``$each``."""
    if value is None:
        return None
    results = _results(engine, list(value.items()), value, function)
    return Utils.create_sequence_from_iter(result for result in results if result is not None)


def sift(engine: Engine, value: Any, function: Any) -> Any:
    """``$sift``."""
    if value is None:
        return None
    pairs = list(value.items())
    results = _results(engine, pairs, value, function)
    kept = {key: item for (key, item), result in zip(pairs, results, strict=True) if engine.truthy(result)}
    return kept or None
