"""What kind of value an expression or a mapping gives, as far as its text tells.

Plain paths, literals and what is made of them are understood; of everything else the kind is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import attrs

from workflow_core.language._functions import built_in_functions
from workflow_core.language.expressions import Expression, compiled
from workflow_core.language.kinds import (
    BOOLEAN,
    NUMBER,
    TEXT,
    UNKNOWN,
    Constant,
    Kind,
    Listed,
    Nowhere,
    Record,
    either,
    element_of,
    select,
)
from workflow_core.language.mapping import EXPRESSION_KEY, SECRET_KEY

#: Answers what a plain path from the scope gives.
Lookup = Callable[[Sequence[str]], Kind]

_OPERATORS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "&": TEXT,
        **dict.fromkeys(("=", "!=", "<", "<=", ">", ">=", "and", "or", "in"), BOOLEAN),
        **dict.fromkeys(("+", "-", "*", "/", "%"), NUMBER),
        "..": Listed(NUMBER),
    }
)
#: What the functions say of their results in JSONata's notation; a list with one item may be the item itself.
_RESULTS: Final[Mapping[str, Kind]] = MappingProxyType(
    {"s": TEXT, "n": NUMBER, "b": BOOLEAN, "a<s>": either(TEXT, Listed(TEXT))}
)
_OWN_RESULTS: Final[Mapping[str, Kind]] = MappingProxyType({"nowIso": TEXT, "toString": TEXT, "len": NUMBER})
_MAX_DEPTH: Final = 50
#: What makes a path, or a step of one, more than a name.
_EXTRAS: Final = ("group", "predicate", "tuple")


def kind_of_expression(expression: Expression, lookup: Lookup) -> Kind:
    """The kind of what an expression gives."""
    return _Inference(lookup).kind_of(expression.tree, frozenset(), 0)


def kind_of_mapping(value: Any, lookup: Lookup) -> Kind:
    """The kind of what a mapping value gives."""
    if isinstance(value, dict):
        source = value.get(EXPRESSION_KEY)
        if len(value) == 1 and isinstance(source, str):
            expression = compiled(source)
            return UNKNOWN if expression is None else kind_of_expression(expression, lookup)
        if len(value) == 1 and isinstance(value.get(SECRET_KEY), str):
            return TEXT
        fields = {name: kind_of_mapping(item, lookup) for name, item in value.items()}
        return Constant(value) if _are_constant(fields.values()) else Record(fields)
    if isinstance(value, list):
        items = [kind_of_mapping(item, lookup) for item in value]
        return Constant(value) if _are_constant(items) else Listed(either(*items))
    return Constant(value)


def _are_constant(kinds: Iterable[Kind]) -> bool:
    return all(isinstance(kind, Constant) for kind in kinds)


@attrs.frozen
class _Inference:
    """The kinds of the nodes of one tree, which all read the scope itself.

    ``bound`` are the names that the expression gives to values of its own: they may hide a function.
    """

    lookup: Lookup

    def kind_of(self, node: Any, bound: frozenset[str], depth: int) -> Kind:
        kind = node.type
        if depth > _MAX_DEPTH:
            return UNKNOWN
        if kind == "path":
            return self.kind_of_path(node)
        if node.predicate is not None or node.group is not None:
            return UNKNOWN
        if kind in ("string", "number", "value"):
            return Constant(node.value)
        if kind == "binary":
            if node.value in ("??", "?:"):
                return self.either_of((node.lhs, node.rhs), bound, depth)
            return _OPERATORS.get(node.value, UNKNOWN)
        if kind == "condition":
            branches = (node.then, node._else)  # noqa: SLF001 - the parser's name
            return self.either_of([branch for branch in branches if branch is not None], bound, depth)
        if kind == "unary":
            return self.kind_of_unary(node, bound, depth)
        if kind == "block" and node.expressions:
            bound |= {each.lhs.value for each in node.expressions if each.type == "bind"}
            return self.kind_of(node.expressions[-1], bound, depth + 1)
        if kind == "function" and node.procedure.type == "variable" and node.procedure.value not in bound:
            return self.kind_of_call(node, bound, depth)
        return UNKNOWN

    def either_of(self, nodes: Iterable[Any], bound: frozenset[str], depth: int) -> Kind:
        return either(*(self.kind_of(node, bound, depth + 1) for node in nodes))

    def kind_of_path(self, node: Any) -> Kind:
        """Names, and filters that choose from lists; the first names are looked up in the scope."""
        if any(getattr(node, extra) is not None for extra in _EXTRAS):
            return UNKNOWN
        steps = list(node.steps)
        if steps[0].type == "variable" and steps[0].value in ("$", "") and steps[0].predicate is None:
            del steps[0]
        names: list[str] = []
        result: Kind | None = None
        for step in steps:
            if step.type != "name" or any(getattr(step, extra) is not None for extra in _EXTRAS):
                return UNKNOWN
            if result is None:
                names.append(str(step.value))
            else:
                selected = select(result, str(step.value))
                result = UNKNOWN if isinstance(selected, Nowhere) else selected
            if step.stages is not None:
                result = _chosen(self.lookup(names) if result is None else result, step.stages)
        if result is None:
            result = self.lookup(names) if names else UNKNOWN
        return Listed(element_of(result)) if node.keep_singleton_array else result

    def kind_of_unary(self, node: Any, bound: frozenset[str], depth: int) -> Kind:
        if node.value == "-":
            return NUMBER
        if node.value == "[" and node.expressions:
            return Listed(either(*(self.item_kind(item, bound, depth) for item in node.expressions)))
        if node.value == "{" and node.lhs_object and all(key.type == "string" for key, _ in node.lhs_object):
            return Record({key.value: self.kind_of(value, bound, depth + 1) for key, value in node.lhs_object})
        return UNKNOWN

    def item_kind(self, node: Any, bound: frozenset[str], depth: int) -> Kind:
        """What is a list becomes part of the list around it, unless it was written as a list."""
        kind = self.kind_of(node, bound, depth + 1)
        return kind if node.type == "unary" and node.value == "[" else element_of(kind)

    def kind_of_call(self, node: Any, bound: frozenset[str], depth: int) -> Kind:
        name = node.procedure.value
        if name == "coalesce" and node.arguments:
            return self.either_of(node.arguments, bound, depth)
        if name in _OWN_RESULTS:
            return _OWN_RESULTS[name]
        function = built_in_functions().get(name)
        notation = function.notation if function is not None else None
        return _RESULTS.get(notation[:-1].rpartition(":")[2], UNKNOWN) if notation else UNKNOWN


def _chosen(kind: Kind, stages: Sequence[Any]) -> Kind:
    """What filters leave of a list: one item for an index, any number of them otherwise."""
    item = element_of(kind)
    if all(stage.type == "filter" and stage.expr.type == "number" for stage in stages):
        return item
    return either(item, Listed(item))
