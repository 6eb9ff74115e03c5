"""What differs between two definitions: steps by their ids, values by their paths."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import attrs

from workflow_core.language.definition import BLOCKS, ROOT, iter_entries
from workflow_core.manifest import canonical_json

#: Of one comparison.
MAX_CHANGES: Final = 1000
#: Bytes of JSON of one value; larger ones are left out.
MAX_VALUE: Final = 4096

Kind = Literal["added", "removed", "moved", "changed"]

#: Differ between any two versions, and say nothing.
_IGNORED: Final = frozenset({"id", "version", "steps"})
_MISSING: Final = object()


@attrs.frozen(kw_only=True)
class ValueChange:
    """One value that differs.

    Attributes:
        path: In the step or the definition, such as ``config.inputMapping.title``.
        values: ``old`` and ``new``, as far as there are such, and they are not too large to show.
        too_large: Whether one of them was left out for its size.
    """

    path: str
    values: dict[str, Any]
    too_large: bool = False


@attrs.frozen(kw_only=True)
class StepChange:
    """What became of one step, or of the definition's own fields.

    Attributes:
        kind: ``moved`` and ``changed`` may both be said of one step.
        step_id: The step's id; None: the definition itself, or a step without one.
        old_path: Where the step was, such as ``root.steps[1].then.steps[0]``; None: it was not there.
        new_path: Where it is now; None: nowhere.
        changes: Of a changed step, the values that differ.
    """

    kind: Kind
    step_id: str | None
    old_path: str | None
    new_path: str | None
    changes: tuple[ValueChange, ...] = ()


@attrs.frozen
class Difference:
    """What differs.

    Attributes:
        changes: In the order of the new definition, what was removed at the end.
        truncated: Whether there are more.
    """

    changes: tuple[StepChange, ...]
    truncated: bool


@attrs.frozen
class _Place:
    """Where a step stands: its path, and the block, named by the step that holds it."""

    path: str
    block: tuple[str, str]
    entry: Any


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    """What has to be told of ``new`` to somebody who knows ``old``, at most :data:`MAX_CHANGES` places."""
    told: list[StepChange] = []
    left = MAX_CHANGES
    for change in _step_changes(old, new):
        if left <= 0:
            return Difference(tuple(told), truncated=True)
        values = change.changes[:left]
        told.append(attrs.evolve(change, changes=values))
        left -= max(1, len(values))
        if len(values) < len(change.changes):
            return Difference(tuple(told), truncated=True)
    return Difference(tuple(told), truncated=False)


def _step_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[StepChange]:
    fields = tuple(
        _value_changes(
            {name: value for name, value in old.items() if name not in _IGNORED},
            {name: value for name, value in new.items() if name not in _IGNORED},
        )
    )
    if fields:
        yield StepChange(kind="changed", step_id=None, old_path=ROOT, new_path=ROOT, changes=fields)
    before, after = _places(old), _places(new)
    moved = _moved(before, after)
    for key, place in after.items():
        was = before.get(key)
        if was is None:
            yield StepChange(kind="added", step_id=_id(place.entry), old_path=None, new_path=place.path)
            continue
        if key in moved:
            yield StepChange(kind="moved", step_id=_id(place.entry), old_path=was.path, new_path=place.path)
        values = tuple(_value_changes(_own(was.entry), _own(place.entry)))
        if values:
            yield StepChange(
                kind="changed", step_id=_id(place.entry), old_path=was.path, new_path=place.path, changes=values
            )
    for key, was in before.items():
        if key not in after:
            yield StepChange(kind="removed", step_id=_id(was.entry), old_path=was.path, new_path=None)


def _places(definition: Mapping[str, Any]) -> dict[str, _Place]:
    """Every entry by its id; by its path when it has none, or shares it with an earlier one."""
    places: dict[str, _Place] = {}
    key_at: dict[str, str] = {ROOT: ROOT}
    for path, entry in iter_entries(definition):
        step_id = _id(entry)
        key = f"id {step_id}" if step_id is not None and f"id {step_id}" not in places else f"at {path}"
        key_at[path] = key
        block = path[: path.rindex(".steps[")]
        # The block is named by its step's key, so that what only went along with its step has not moved.
        holder, _, name = (block, "", "") if block in key_at else block.rpartition(".")
        places[key] = _Place(path, (key_at[holder], name), entry)
    return places


def _moved(before: Mapping[str, _Place], after: Mapping[str, _Place]) -> set[str]:
    """Steps in another block, and the fewest that have to move for the others' order to be the same."""
    common = [key for key in after if key in before]
    moved = {key for key in common if before[key].block != after[key].block}
    blocks: dict[tuple[str, str], list[str]] = {}
    for key in common:
        if key not in moved:
            blocks.setdefault(after[key].block, []).append(key)
    order = {key: number for number, key in enumerate(before)}
    for keys in blocks.values():
        kept = _longest_increasing([order[key] for key in keys])
        moved.update(key for key in keys if order[key] not in kept)
    return moved


def _longest_increasing(numbers: Sequence[int]) -> set[int]:
    """The longest increasing subsequence of numbers that are all different."""
    ends: list[int] = []
    previous: dict[int, int | None] = {}
    for number in numbers:
        at = bisect.bisect_left(ends, number)
        previous[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    kept: set[int] = set()
    number_kept = ends[-1] if ends else None
    while number_kept is not None:
        kept.add(number_kept)
        number_kept = previous[number_kept]
    return kept


def _own(entry: Any) -> Any:
    """A step without the steps inside it."""
    if not isinstance(entry, Mapping):
        return entry
    step_type = entry.get("type")
    blocks = BLOCKS.get(step_type, ()) if isinstance(step_type, str) else ()
    return {name: value for name, value in entry.items() if not (name in blocks and isinstance(value, list))}


def _id(entry: Any) -> str | None:
    step_id = entry.get("id") if isinstance(entry, Mapping) else None
    return step_id if isinstance(step_id, str) else None


def _value_changes(old: Any, new: Any, path: str = "") -> Iterator[ValueChange]:
    """The deepest places in which two JSON values differ; lists are compared entry by entry."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*new, *(name for name in old if name not in new)]:
            below = f"{path}.{name}" if path else name
            yield from _value_changes(old.get(name, _MISSING), new.get(name, _MISSING), below)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _value_changes(_at(old, index), _at(new, index), f"{path}[{index}]")
    elif old is _MISSING or new is _MISSING or canonical_json(old) != canonical_json(new):
        yield _value_change(path, old, new)


def _at(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else _MISSING


def _value_change(path: str, old: Any, new: Any) -> ValueChange:
    given = {name: value for name, value in (("old", old), ("new", new)) if value is not _MISSING}
    shown = {name: value for name, value in given.items() if len(canonical_json(value)) <= MAX_VALUE}
    return ValueChange(path=path, values=shown, too_large=len(shown) < len(given))
