"""JSONata expressions: compiled once, evaluated anywhere with the same result.

An expression reads a *scope* (the document that its names select from: ``payload``, ``vars``, ``meta``, ``error`` and
so on), the run's clock, and nothing else. What it costs is bounded by a :class:`Budget`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs
from jsonata.jexception import JException

from workflow_core.errors import ExpressionBudgetError, ExpressionError
from workflow_core.language._budget import Budget
from workflow_core.language._engine import Engine
from workflow_core.language._functions import built_in_functions
from workflow_core.language._syntax import parse
from workflow_core.language._values import MISSING, Missing, to_plain

__all__ = ["MISSING", "Budget", "Expression", "Missing", "compile_expression", "compiled"]

_ABSENT: Final = object()
_BYTES_SHIFT: Final = 4  # copying sixteen bytes of a result costs about as much as a step


@attrs.frozen
class Expression:
    """A compiled expression; immutable, so workflows in any number of threads share it.

    Attributes:
        source: Its text.
        references: The paths that it reads from the scope, such as ``vars.title``, ``payload`` or ``alert``. A path
            ends where the tree stops being plain (at a filter, a wildcard, a function); what is read through a
            variable of the expression or a wildcard at the root is not found.
    """

    source: str
    references: frozenset[str] = attrs.field(eq=False)
    _tree: Any = attrs.field(eq=False, repr=False)
    _path: tuple[str, ...] | None = attrs.field(eq=False, repr=False)

    @property
    def tree(self) -> Any:
        """Its tree, for who looks at it without evaluating; nothing may change it, as threads share it."""
        return self._tree

    def evaluate(self, scope: Mapping[str, Any], *, now: datetime, budget: Budget) -> Any:
        """Evaluate it.

        Args:
            scope: Names to JSON values; never changed.
            now: The run's clock, for ``nowIso()``, ``$now()`` and ``$millis()``; UTC when it has no zone.
            budget: The account of the run.

        Returns:
            Plain JSON values that share nothing with the scope, or :data:`MISSING`.

        Raises:
            ExpressionError: It fails; code ``EXPRESSION_FAILED``, with the ``position`` in ``details`` if known.
            ExpressionBudgetError: It costs too much.
        """
        if self._path is not None:
            value = _follow(scope, self._path)
            if value is not _ABSENT:
                budget.activation_steps += 1 + len(self._path)
                return _result(value, budget)
        root = scope if isinstance(scope, dict) else dict(scope)
        clock = now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)
        engine = Engine(built_in_functions(), root, clock, budget)
        try:
            value = engine.run(self._tree)
            return MISSING if value is None else _result(value, budget)
        except ExpressionError:
            raise
        except JException as error:
            raise _failure(error, self.source) from None
        except (RecursionError, MemoryError):
            raise ExpressionBudgetError(
                "The expression needs too much memory or nests too deeply; split the work into several steps.",
                details={"limit": "max_depth", "maximum": budget.max_depth},
            ) from None
        except Exception as error:  # noqa: BLE001 - guards jsonata-python's code against values it does not expect
            raise ExpressionError(
                f"The expression failed on a value that it does not expect ({type(error).__name__}).",
                code="EXPRESSION_FAILED",
            ) from None
        finally:
            engine.settle()


@functools.lru_cache(maxsize=4096)
def compile_expression(source: str) -> Expression:
    """Compile an expression, or find it compiled.

    Args:
        source: Its text: JSONata with ``==`` for ``=``, and with the functions ``nowIso``, ``coalesce``, ``len``,
            ``toString`` and ``append`` written with or without ``$``.

    Raises:
        ExpressionError: With code ``EMPTY_EXPRESSION`` or ``INVALID_EXPRESSION``; ``details`` has the ``position``
            (in characters) where it is known.
    """
    tree = parse(source, built_in_functions().keys())
    return Expression(source, tree.references, tree.root, _plain_path(tree.root))


def compiled(source: str) -> Expression | None:
    """A compiled expression; None for one that does not compile."""
    try:
        return compile_expression(source)
    except ExpressionError:
        return None


def _plain_path(root: Any) -> tuple[str, ...] | None:
    """The names of a path such as ``vars.alert.message`` that has nothing else in it."""
    if root.type != "path" or root.group is not None or root.predicate is not None or root.tuple is not None:
        return None
    if root.keep_singleton_array or root.keep_array:
        return None
    for step in root.steps:
        plain = step.type == "name" and step.stages is None and step.predicate is None and step.group is None
        if not plain or step.tuple is not None or step.keep_array:
            return None
    return tuple(str(step.value) for step in root.steps)


def _follow(scope: Any, path: tuple[str, ...]) -> Any:
    """Follow a plain path through objects, where it needs no engine.

    Returns:
        The value, :data:`MISSING`, or ``_ABSENT`` when the path meets a list, over which the engine has to map it.
    """
    value = scope
    last = len(path) - 1
    for index, name in enumerate(path):
        if name not in value:
            return MISSING
        value = value[name]
        if index < last and not isinstance(value, dict):
            return _ABSENT if isinstance(value, list) else MISSING
    return value


def _result(value: Any, budget: Budget) -> Any:
    """Copy the result out, and enter the work of it."""
    if value is MISSING:
        return MISSING
    plain, size = to_plain(value, budget.max_output_bytes)
    budget.activation_steps += size >> _BYTES_SHIFT
    return plain


def _failure(error: JException, source: str) -> ExpressionError:
    """Say what went wrong without the values that it went wrong with."""
    code = str(error.error)
    template = JException.error_codes.get(code)
    if template is None:
        message = "The expression failed"
    else:
        # Codes D and T name values of the run; functions and operators are the author's own words.
        token = error.current if code in _NAMES_ITS_TOKEN and isinstance(error.current, str) else None
        message = template.replace("{{token}}", token[:40]) if token else template
        message = re.sub(r"[:,]?\s*(Given |got: |base=|exponent=)?\{+\w+\}+", "", message).replace(
            " Object ", " function "
        )
    details: dict[str, Any] = {"jsonata": code}
    if isinstance(error.location, int) and error.location > 0:
        details["position"] = min(error.location, len(source))
    return ExpressionError(f"{message.strip().rstrip('.')}.", code="EXPRESSION_FAILED", details=details)


_NAMES_ITS_TOKEN = frozenset({"T2001", "T2002", "T2010"})
