"""From the text of an expression to its tree, with everything refused that can be refused before it runs.

The lexer and parser are those of jsonata-python. Three things differ: ``==`` is read as ``=`` (where an operator is
expected, so never inside a literal, a quoted name, a regular expression or a comment); the functions of the workflow
language may be called without ``$``; and ``??`` and ``?:`` evaluate their left side once (jsonata-python copies it,
which is wrong for ``items[1] ?? 'x'`` and doubles the tree at every link of a chain).
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Collection, Iterator
from typing import Any

import attrs
from jsonata.jexception import JException
from jsonata.parser import Parser
from jsonata.tokenizer import Tokenizer

from workflow_core.errors import ExpressionError
from workflow_core.language._engine import symbol_of
from workflow_core.language._regex import compile_regex
from workflow_core.language._values import clean_text

MAX_SOURCE_CHARACTERS = 32_768
MAX_TREE_DEPTH = 300
MAX_SIGNATURE_REPEATS = 8

BARE_FUNCTIONS = frozenset({"nowIso", "coalesce", "len", "toString", "append"})
"""The functions of the workflow language, which may be called without ``$``."""

REFUSED_FUNCTIONS = {
    "random": "a run has to give the same result when it is replayed",
    "shuffle": "a run has to give the same result when it is replayed",
    "eval": "an expression that is built at run time cannot be checked before it runs",
}

# The links of the tree: single nodes, lists of nodes, and lists of pairs of nodes.
_NODES = ("lhs", "rhs", "expression", "procedure", "body", "condition", "then", "_else", "pattern", "update", "delete")
_NODE_LISTS = ("expressions", "arguments")


@attrs.frozen
class Tree:
    """A parsed expression.

    Attributes:
        root: The node to evaluate; nothing may change it, as threads share it.
        references: See :attr:`workflow_core.language.expressions.Expression.references`.
    """

    root: Any
    references: frozenset[str]


class _Lexer(Tokenizer):  # type: ignore[misc] # jsonata-python ships no types
    def next(self, prefix: bool) -> Any:
        try:
            token = super().next(prefix)
        except JException as error:
            if error.error == "S0301" and error.current is not None:
                # A bad escape in a string has the code of an empty regular expression.
                raise JException("S0103", error.location, error.current) from None
            raise
        if token is None:
            return None
        if token.type == "operator" and token.value == "=" and self.path.startswith("=", self.position):
            self.position += 1
        elif token.type == "string":
            token.value = clean_text(token.value)  # \ud83d\ude00 is one character
        return token


class _Default(Parser.Infix):  # type: ignore[misc] # jsonata-python ships no types
    """``??`` and ``?:`` as ordinary binary operators."""

    def led(self, left: Any) -> Any:
        self.lhs = left
        self.rhs = self._outer_instance.expression(0)
        self.type = "binary"
        return self


class _Parser(Parser):  # type: ignore[misc] # jsonata-python ships no types
    """A parser for one expression: it keeps state, and jsonata-python shares one between the calls of a thread."""

    def __init__(self) -> None:
        super().__init__()
        for operator in ("??", "?:"):
            power = Tokenizer.operators[operator]
            symbol = _Default(self, operator, power)
            symbol.lbp = power
            self.symbol_table[operator] = symbol

    def read(self, source: str) -> Any:
        """Do what ``Parser.parse`` does, with our lexer."""
        self.source = source
        # The closing blank keeps the lexer from looking one character beyond the end after a comment.
        self.lexer = _Lexer(source + " ", compile_regex)
        self.advance()
        root = self.expression(0)
        if self.node.id != "(end)":
            raise JException("S0201", self.node.position, self.node.value)
        root = self.process_ast(root)
        if root.type == "parent" or root.seeking_parent is not None:
            raise JException("S0217", root.position, root.type)
        return root


def parse(source: str, functions: Collection[str]) -> Tree:
    """Parse and check an expression.

    Args:
        source: Its text.
        functions: The names of all functions, without ``$``.

    Raises:
        ExpressionError: With code ``EMPTY_EXPRESSION`` or ``INVALID_EXPRESSION``; ``details`` has the ``position``
            (in characters) where it is known.
    """
    if not source.strip():
        raise ExpressionError("The expression is empty; enter one, or remove the mapping.", code="EMPTY_EXPRESSION")
    if len(source) > MAX_SOURCE_CHARACTERS:
        raise ExpressionError(f"An expression may have at most {MAX_SOURCE_CHARACTERS} characters.")
    try:
        root = _Parser().read(source)
    except ExpressionError:
        raise
    except JException as error:
        raise _syntax_error(error, source) from None
    except RecursionError:
        raise _too_deep() from None
    except IndexError:
        raise ExpressionError(
            "The expression ends within a string, a comment or a regular expression; close it.",
            details={"position": len(source)},
        ) from None
    except Exception:  # noqa: BLE001 - guards the lexer and parser of jsonata-python against text they do not expect
        raise ExpressionError("The expression is not valid JSONata; check operators and brackets.") from None
    return _Check(source, functions).run(root)


class _Check:
    """One walk over a tree: refuses what cannot work, resolves bare functions, collects references."""

    def __init__(self, source: str, functions: Collection[str]) -> None:
        self.source = source
        self.functions = functions
        self.bound: set[str] = set()
        self.called: list[tuple[str, Any]] = []
        self.references: set[str] = set()

    def run(self, root: Any) -> Tree:
        # Each entry: a node, whether its context is the whole scope (so that its names are roots), its depth.
        stack = [(root, True, 0)]
        while stack:
            node, at_root, depth = stack.pop()
            if depth > MAX_TREE_DEPTH:
                raise _too_deep()
            self.visit(node, at_root)
            stack.extend((child, inner, depth + 1) for child, inner in _children(node, at_root))
        for name, node in self.called:
            if name not in self.bound and name not in self.functions:
                self.refuse_call(f"${name}", name, node)
        return Tree(root, frozenset(self.references))

    def visit(self, node: Any, at_root: bool) -> None:
        kind = node.type
        if kind in ("function", "partial"):
            self.visit_call(node)
        elif kind == "variable":
            if node.value in REFUSED_FUNCTIONS:
                raise self.error(f"${node.value} is not available: {REFUSED_FUNCTIONS[node.value]}.", node)
        elif kind == "bind":
            self.bound.add(node.lhs.value)
        elif kind == "lambda":
            self.visit_lambda(node)
        elif kind == "path":
            self.visit_path(node, at_root)
        for name in (node.focus, node.index):
            if isinstance(name, str):
                self.bound.add(name)

    def visit_call(self, node: Any) -> None:
        procedure = node.procedure
        if procedure.type == "variable":
            self.called.append((procedure.value, node))
        elif procedure.type == "path" and len(procedure.steps) == 1 and procedure.steps[0].type == "name":
            name = procedure.steps[0].value
            if name not in BARE_FUNCTIONS:
                self.refuse_call(name, name, node)
            procedure.type = "variable"
            procedure.value = name
            procedure.steps = None

    def refuse_call(self, written: str, name: str, node: Any) -> None:
        if name in REFUSED_FUNCTIONS:
            raise self.error(f"${name} is not available: {REFUSED_FUNCTIONS[name]}.", node)
        if name in self.functions:
            raise self.error(f"{written} is not a function; write ${name}.", node)
        known = [*self.functions, *self.bound]
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        hint = f"did you mean ${close[0]}?" if close else "check its name."
        raise self.error(f"There is no function {written}; {hint}", node)

    def visit_lambda(self, node: Any) -> None:
        self.bound.update(argument.value for argument in node.arguments)
        if node.signature is not None:
            node.signature.get_symbol = symbol_of
            # They become a regular expression for a backtracking engine, exponential in their number.
            repeats = sum(param.regex.endswith(("?", "+")) for param in node.signature._params)  # noqa: SLF001 - no other access
            if repeats > MAX_SIGNATURE_REPEATS:
                raise self.error(
                    f"A function's signature may have at most {MAX_SIGNATURE_REPEATS} optional or repeated parameters.",
                    node,
                )

    def visit_path(self, node: Any, at_root: bool) -> None:
        first, *rest = node.steps
        if first.type == "variable" and (first.value == "$" or (first.value == "" and at_root)):
            if first.predicate is not None or first.stages is not None:
                return
            steps = rest
        elif at_root:
            steps = node.steps
        else:
            return
        names = []
        for step in steps:
            if step.type != "name":
                break
            names.append(str(step.value))
            if step.stages is not None or step.predicate is not None:
                break
        if names:
            self.references.add(".".join(names))

    def error(self, message: str, node: Any) -> ExpressionError:
        details = {"position": min(node.position, len(self.source))} if node.position > 0 else {}
        return ExpressionError(message, details=details)


def _children(node: Any, at_root: bool) -> Iterator[tuple[Any, bool]]:
    """The nodes below one, each with whether its context is still the whole scope."""
    steps = node.steps or () if node.type == "path" else ()
    own = [getattr(node, name) for name in _NODES]
    for name in _NODE_LISTS:
        own.extend(getattr(node, name) or ())
    own.extend(itertools.chain.from_iterable(node.lhs_object or ()))
    inner = [stage.expr for stage in (*(node.stages or ()), *(node.predicate or ()))]
    inner.extend(term.expression for term in node.terms or ())
    inner.extend(steps[1:])
    if node.group is not None:
        inner.extend(itertools.chain.from_iterable(node.group.lhs_object))
    if node.type in ("transform", "sort"):
        inner.extend(own)
        own = []
    own.extend(steps[:1])
    # Some links of the parser's tokens hold nothing, or a method, where others hold a node.
    yield from ((child, at_root) for child in own if isinstance(child, Parser.Symbol))
    yield from ((child, False) for child in inner if isinstance(child, Parser.Symbol))


def _syntax_error(error: JException, source: str) -> ExpressionError:
    message = str(error)[:300].rstrip(".")
    position = error.location if isinstance(error.location, int) and error.location >= 0 else None
    details: dict[str, Any] = {"jsonata": error.error}
    if position is not None:
        details["position"] = min(position, len(source))
    return ExpressionError(f"The expression is not valid: {message}.", details=details)


def _too_deep() -> ExpressionError:
    return ExpressionError(
        f"The expression is nested too deeply (more than {MAX_TREE_DEPTH} levels); split it into several steps."
    )
