"""What is known, at some place of a definition, of what an expression can read there."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Final

import attrs

from workflow_core.errors import ValidationError
from workflow_core.language.assignments import Key
from workflow_core.language.expressions import Expression
from workflow_core.language.kinds import UNKNOWN, Kind, Nowhere, either, put, select_path
from workflow_core.language.mapping import parse_assign_path
from workflow_core.language.outline import LOOP_LOCALS, ROOTS, Outline

#: How many scopes are looked through before they are put together.
_CHAIN: Final = 32


@attrs.frozen
class Unassigned:
    """No path to this place assigns the variable."""

    name: str


@attrs.frozen
class Gap:
    """A path that an expression reads in vain, or may.

    Attributes:
        reference: As it stands in the expression, such as ``vars.ticket.titel``.
        why: What is not there.
    """

    reference: str
    why: Nowhere | Unassigned


class Scope:
    """What is known of the variables in one block of steps, beside what is known around it.

    Args:
        outline: Of the definition.
        roots: The kinds of the roots.
        known: What is assigned, block in block; its first map is the block's own.
    """

    def __init__(self, outline: Outline, roots: Mapping[str, Kind], known: ChainMap[Key, Kind] | None = None) -> None:
        self._outline = outline
        self._roots = roots
        self._known: ChainMap[Key, Kind] = ChainMap() if known is None else known

    @property
    def own(self) -> MutableMapping[Key, Kind]:
        """What the block itself has assigned so far."""
        return self._known.maps[0]

    def inner(self, **roots: Kind) -> Scope:
        """The scope of a block in this one, where nothing else is assigned meanwhile."""
        around = self._known if len(self._known.maps) < _CHAIN else ChainMap(dict(self._known))
        return Scope(self._outline, {**self._roots, **roots} if roots else self._roots, around.new_child())

    def get(self, key: Key) -> Kind | None:
        """What was assigned to it, if anything was."""
        return self._known.get(key)

    def assign(self, path: str, kind: Kind) -> None:
        """Enters what a step assigns; a path that cannot be assigned to is passed over."""
        try:
            root, names = parse_assign_path(path)
        except ValidationError:
            return
        if names:
            key = (root, names[0])
            self.own[key] = put(self.get(key), names[1:], kind)

    def merge(self, scopes: Iterable[Scope], *, without: Iterable[Key] = (), unchanged: bool = False) -> None:
        """Enters what the blocks in it have assigned, of which one has run.

        Args:
            scopes: Of the blocks, each begun as :meth:`inner` of this one.
            without: What ends with the blocks.
            unchanged: Whether perhaps none has run.
        """
        scopes = list(scopes)
        names = dict.fromkeys(key for scope in scopes for key in scope.own)
        for key in without:
            names.pop(key, None)
        for key in names:
            before = self.get(key)
            kinds = [scope.own.get(key, before) for scope in scopes] + ([before] if unchanged else [])
            self.own[key] = either(*(kind for kind in kinds if kind is not None))

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, names: Sequence[str], extra: Mapping[str, Kind]) -> Kind | Nowhere | Unassigned:
        """What a plain path gives.

        Args:
            names: The path.
            extra: What can be read at this one place besides.
        """
        head, *rest = names
        if head in extra:
            return select_path(extra[head], rest)
        if head in ROOTS:
            return self._read_root(head, rest)
        found = self.get(("local", head)) or self.get(("vars", head))
        if found is not None:
            return select_path(found, rest)
        return UNKNOWN if {"vars", "local"} & self._outline.replaced else Unassigned(head)

    def _read_root(self, root: str, names: Sequence[str]) -> Kind | Nowhere | Unassigned:
        if root in self._outline.replaced or not names:
            return UNKNOWN if root in self._outline.replaced else self._roots.get(root, UNKNOWN)
        found = self.get((root, names[0]))
        if found is not None:
            return select_path(found, names[1:])
        if root == "vars":
            return Unassigned(names[0])
        return select_path(self._roots.get(root, UNKNOWN), names)

    def gaps(self, expression: Expression, extra: Mapping[str, Kind]) -> tuple[Gap, ...]:
        """What an expression reads in vain, or may."""
        references = sorted(expression.references)
        found = ((reference, self.read(reference.split("."), extra)) for reference in references)
        return tuple(Gap(reference, why) for reference, why in found if isinstance(why, Nowhere | Unassigned))


def loop_keys(item_var: Any) -> list[Key]:
    """What a loop hides while it runs, and what ends with it."""
    keys: list[Key] = [("local", name) for name in LOOP_LOCALS]
    if isinstance(item_var, str):
        keys += [("local", item_var), ("vars", item_var)]
    return keys
