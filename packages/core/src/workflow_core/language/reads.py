"""What the expressions of a definition read, and what they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from workflow_core.language.expressions import Expression, compiled
from workflow_core.language.inference import kind_of_expression
from workflow_core.language.kinds import UNKNOWN, Kind, Nowhere
from workflow_core.language.mapping import Place, place_text
from workflow_core.language.scopes import Gap, Scope, Unassigned

NO_EXTRA: Final[Mapping[str, Kind]] = MappingProxyType({})


@attrs.frozen
class Read:
    """One expression of a step.

    Attributes:
        place: Where it stands in the step.
        source: Its text.
        expression: Compiled; None when it does not compile.
        kind: Of what it gives.
        gaps: What it reads in vain, or may.
    """

    place: Place
    source: str
    expression: Expression | None
    kind: Kind
    gaps: tuple[Gap, ...]

    @property
    def at(self) -> str:
        """The place as findings name it."""
        return place_text(self.place)


def read_in(scope: Scope, place: Place, source: str, extra: Mapping[str, Kind] = NO_EXTRA) -> Read:
    """What an expression at some place reads and gives."""
    expression = compiled(source)
    if expression is None:
        return Read(place, source, None, UNKNOWN, ())
    kind = kind_of_expression(expression, lambda names: kind_at(scope, names, extra))
    return Read(place, source, expression, kind, scope.gaps(expression, extra))


def kind_at(scope: Scope, names: Sequence[str], extra: Mapping[str, Kind]) -> Kind:
    """What a plain path gives; unknown where it leads to nothing."""
    found = scope.read(names, extra)
    return UNKNOWN if isinstance(found, Nowhere | Unassigned) else found
