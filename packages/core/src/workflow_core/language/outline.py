"""Where a definition's steps stand and what they assign to, by their positions in document order."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

import attrs

from workflow_core.language.assignments import Key, assigned_keys
from workflow_core.language.definition import BLOCKS, iter_steps
from workflow_core.language.expressions import compiled
from workflow_core.language.mapping import ASSIGNABLE_ROOTS, iter_expressions

#: What every expression can read.
ROOTS = (*ASSIGNABLE_ROOTS, "system")
#: What expressions in a loop can read besides its ``itemVar``.
LOOP_LOCALS = ("item", "index", "length", "isFirst", "isLast")


@attrs.frozen
class Elsewhere:
    """Where a variable is assigned, when no path leads from there.

    Attributes:
        kind: ``later``; ``here``, by the step that reads it; ``branch``, on other paths; ``loop``, only inside of it.
        path: Of the step that assigns it.
    """

    kind: Literal["later", "here", "branch", "loop"]
    path: str


class Outline:
    """The steps of one definition in document order."""

    def __init__(self, definition: Any) -> None:
        self.steps = list(iter_steps(definition))
        self.keys: list[tuple[Key, ...]] = [tuple(assigned_keys(step)) for _, step in self.steps]
        self._ends = _ends([path for path, _ in self.steps])
        self._position = {path: index for index, (path, _) in enumerate(self.steps)}
        self._assigning: dict[Key, list[int]] = {}
        self._loop_of: dict[str, int] = {}
        for index, keys in enumerate(self.keys):
            for key in keys:
                self._assigning.setdefault(key, []).append(index)
            step = self.steps[index][1]
            if step.get("type") == "control.forEach":
                for name in (step.get("itemVar"), *LOOP_LOCALS):
                    if isinstance(name, str):
                        self._loop_of.setdefault(name, index)

    def before_with_id(self, path: str, step_id: str) -> str | None:
        """The step before one that has its id too, the last of several."""
        same = self._with_id.get(step_id, [])
        index = bisect.bisect_left(same, self._position[path])
        return self.steps[same[index - 1]][0] if index > 0 else None

    @cached_property
    def _with_id(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for index, (_, step) in enumerate(self.steps):
            if isinstance(step.get("id"), str):
                found.setdefault(step["id"], []).append(index)
        return found

    @cached_property
    def replaced(self) -> frozenset[str]:
        """The roots that a step assigns to as a whole: what stands below them cannot be known."""
        return frozenset(root for root, name in self._assigning if name is None and root != "error")

    @cached_property
    def variables(self) -> list[str]:
        """The names of all variables that are assigned anywhere, sorted."""
        return sorted(name for root, name in self._assigning if root == "vars" and name is not None)

    @cached_property
    def first_return(self) -> int | None:
        """The position of the first ``control.return``."""
        return next((index for index, (_, step) in enumerate(self.steps) if step.get("type") == "control.return"), None)

    def position(self, path: str) -> int:
        """Where a step stands."""
        return self._position[path]

    def inside(self, path: str) -> range:
        """The positions of the steps inside of a step."""
        start = self._position[path]
        return range(start + 1, self._ends[start])

    def keys_inside(self, path: str) -> dict[Key, None]:
        """What the steps inside of a step assign to, in their order."""
        return dict.fromkeys(key for index in self.inside(path) for key in self.keys[index])

    def elsewhere(self, name: str, path: str) -> Elsewhere | None:
        """Where a variable is assigned that a step at ``path`` reads in vain."""
        position = self._position[path]
        found = self._assigning.get(("vars", name), ())
        if found:
            # The nearest one that comes later says most; an earlier one is on a path that does not lead here.
            index = next((each for each in found if each >= position), found[-1])
            kind: Literal["later", "here", "branch"] = (
                "here" if index == position else "later" if index > position else "branch"
            )
            return Elsewhere(kind, self.steps[index][0])
        loop = self._loop_of.get(name)
        return None if loop is None else Elsewhere("loop", self.steps[loop][0])

    # ── What runs at the same time ───────────────────────────────────────────────────────────────────────────────

    def lost_writes(self, path: str, around: str | None) -> list[str]:
        """What the body of a loop assigns to and what is read after it.

        Args:
            path: The loop.
            around: A loop that repeats it, if one does: what stands before it is then read after it too.
        """
        inside = self.inside(path)
        repeated = range(0) if around is None else self.inside(around)
        names = []
        for root, name in self.keys_inside(path):
            positions = self._reading.get((root, name), ()) if name is not None else ()
            if any(each >= inside.stop or (each in repeated and each not in inside) for each in positions):
                names.append(f"{root}.{name}")
        return names

    @cached_property
    def _reading(self) -> dict[Key, list[int]]:
        """The positions of the steps that read something."""
        found: dict[Key, list[int]] = {}
        for index, (_, step) in enumerate(self.steps):
            for key in dict.fromkeys(_keys_read(step)):
                found.setdefault(key, []).append(index)
        return found


def own_fields(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step without the steps inside of it."""
    step_type = step.get("type")
    blocks = BLOCKS.get(step_type, ()) if isinstance(step_type, str) else ()
    return {name: value for name, value in step.items() if name not in blocks}


def _keys_read(step: Mapping[str, Any]) -> Iterator[Key]:
    for _, source in iter_expressions(own_fields(step)):
        for reference in references_of(source):
            head, _, rest = reference.partition(".")
            yield (head, rest.partition(".")[0] or None) if head in ROOTS else ("vars", head)


def references_of(source: str) -> list[str]:
    """The paths that an expression reads, sorted; none for one that does not compile."""
    expression = compiled(source)
    return sorted(expression.references) if expression is not None else []


def _ends(paths: list[str]) -> list[int]:
    """For each step, the position of the first that comes after it and is not inside of it."""
    ends = [len(paths)] * len(paths)
    open_steps: list[int] = []
    for index, path in enumerate(paths):
        while open_steps and not path.startswith(f"{paths[open_steps[-1]]}."):
            ends[open_steps.pop()] = index
        open_steps.append(index)
    return ends


def are_alternatives(path: str, other: str) -> bool:
    """Whether two steps stand in different blocks of one step: branches of a condition, or ``try`` and ``catch``."""
    for name, other_name in zip(path.split("."), other.split("."), strict=False):
        if name != other_name:
            return not (name.startswith("steps[") or other_name.startswith("steps["))
    return False
