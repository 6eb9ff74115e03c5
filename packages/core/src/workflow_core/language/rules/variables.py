"""Whether what expressions read is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from workflow_core.language.findings import Finding
from workflow_core.language.kinds import Nowhere
from workflow_core.language.outline import LOOP_LOCALS, ROOTS
from workflow_core.language.rules.context import ALIKE, MISSPELT, Context, StepView, most_alike
from workflow_core.language.scopes import Gap, Unassigned

_ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "later": "is assigned only later, at {path}, and is null here",
        "here": "is assigned only by this step itself, and is null when it begins",
        "branch": "is assigned only on paths that do not lead here, at {path}, and is null here",
        "loop": "exists only in the loop at {path}, and is null here",
    }
)


def variables_are_assigned(view: StepView, _context: Context) -> Iterator[Finding]:
    """Every variable that an expression reads is assigned on some path to it; a warning, since it reads null."""
    for read in view.reads:
        for gap in read.gaps:
            if isinstance(gap.why, Unassigned):
                message, suggestion = unassigned(gap, gap.why.name, view)
                yield view.warning("UNKNOWN_VARIABLE", message, at=read.at, suggestion=suggestion)


def read_fields_exist(view: StepView, _context: Context) -> Iterator[Finding]:
    """Every field that an expression reads is in the schema of what it reads from."""
    for read in view.reads:
        for gap in read.gaps:
            told = missing_field(gap)
            if told is not None:
                yield view.warning("MAPPING_TYPE_UNKNOWN", told[0], at=read.at, suggestion=told[1])


def unassigned(gap: Gap, name: str, view: StepView) -> tuple[str, str | None]:
    """Message and suggestion for a variable that is null."""
    elsewhere = view.outline.elsewhere(name, view.path)
    if elsewhere is not None:
        return f"{gap.reference} {_ELSEWHERE[elsewhere.kind].format(path=elsewhere.path)}.", None
    if gap.reference.startswith("vars."):
        message = f"No step assigns the variable {name}: it is null."
        match = most_alike(name, view.outline.variables)
        before = "vars."
    else:
        message = f"There is no variable {name}: it is null. A text stands in quotes."
        match = most_alike(name, [*ROOTS, *view.outline.variables, *LOOP_LOCALS])
        before = ""
    after = gap.reference.removeprefix(before + name)
    return message, f"did you mean {before}{match}{after}?" if match else None


def missing_field(gap: Gap) -> tuple[str, str | None] | None:
    """Message and suggestion for a field that is not there; None where it may be there all the same."""
    why = gap.why
    if not isinstance(why, Nowhere):
        return None
    names = gap.reference.split(".")
    index = names.index(why.name) if why.name in names else len(names)
    owner = ".".join(names[:index])
    # A payload may have more fields than its schema says; one that is written almost the same is hardly meant.
    match = most_alike(why.name, why.names, likeness=MISSPELT if why.is_open else ALIKE)
    if why.is_open and match is None:
        return None
    what = "has no fields" if not why.names else f"has no field {why.name}"
    suggestion = f"did you mean {'.'.join([*names[:index], match, *names[index + 1 :]])}?" if match else None
    return f"{owner} {what}: {gap.reference} is null.", suggestion
