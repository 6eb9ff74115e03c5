"""The evaluator: that of jsonata-python, with an account of its costs and without its shared state.

One :class:`Engine` serves one evaluation and is then thrown away; the tree that it walks is shared between threads and
never changed. jsonata-python finds "the current expression" in a thread-local and lets functions call back through
it; here the engine is an argument everywhere, so that evaluations in a thread pool cannot meet.

Costs are counted in three places: each node when it is evaluated, each list and string that a node gives (so that
the work of the node above is paid for in advance), and inside the few operations that do more than they give.
Methods that only exist upstream keep its structure; what is overridden here either counts, or mends a difference to
the JSONata reference that is named beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar, NoReturn

from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.parser import Parser
from jsonata.utils import Utils

from workflow_core.errors import ExpressionError
from workflow_core.language._budget import Budget, refuse
from workflow_core.language._regex import Regex
from workflow_core.language._values import MAX_NESTING, NULL, deep_equal, json_text, number_text, refuse_nesting

JList = Utils.JList

_LIST_SHIFT = 3  # eight elements cost about as much as evaluating a node
_TEXT_SHIFT = 8  # as do 256 characters


def fail(message: str, **details: Any) -> NoReturn:
    """Stop an evaluation with a message for the author of the expression.

    Raises:
        ExpressionError: Always, with code ``EXPRESSION_FAILED``.
    """
    raise ExpressionError(message, code="EXPRESSION_FAILED", details=details)


class Frame:
    """Variables of one block or function call.

    Unlike jsonata-python's it does not write the variable's name into the function that it binds, which would change
    functions that all expressions share.
    """

    __slots__ = ("bindings", "is_parallel_call", "parent")

    def __init__(self, parent: Frame | None, bindings: dict[str, Any] | None = None) -> None:
        self.parent = parent
        self.bindings: dict[str, Any] = {} if bindings is None else bindings
        self.is_parallel_call = False  # upstream code sets it; nobody reads it here

    def bind(self, name: str, value: Any) -> None:
        """Set a variable of this frame."""
        self.bindings[name] = value

    def lookup(self, name: str) -> Any:
        """The value of a variable here or further out; ``None`` when there is none."""
        frame: Frame | None = self
        while frame is not None:
            bindings = frame.bindings
            if name in bindings:
                return bindings[name]
            frame = frame.parent
        return None


class NativeFunction(Jsonata.JFunctionCallable):  # type: ignore[misc] # jsonata-python ships no types
    """A function that is not a lambda of the expression: a built-in, a partial application, a transform.

    Attributes:
        arity: How many arguments higher-order functions pass.
    """

    arity: int = 1

    def invoke(self, engine: Engine, args: list[Any], context: Any) -> Any:
        """Call it.

        Args:
            engine: The evaluation.
            args: The arguments, ``None`` for a missing one.
            context: The context value, which some functions take for a missing first argument.
        """
        raise NotImplementedError  # abstract: each kind of function calls itself in its own way


class Partial(NativeFunction):
    """``$f(?, 2)``: a function with some arguments filled in."""

    def __init__(self, function: Any, args: Sequence[Any]) -> None:
        self.function = function
        self.args = list(args)
        self.arity = sum(map(_is_hole, args))

    def invoke(self, engine: Engine, args: list[Any], context: Any) -> Any:
        """Fill the holes from left to right, and call."""
        given = iter(args)
        filled = [next(given, None) if _is_hole(arg) else arg for arg in self.args]
        while filled and filled[-1] is None:
            filled.pop()  # missing arguments at the end are arguments that were not given
        return engine.apply(self.function, filled, context, None)


class Transform(NativeFunction):
    """``|pattern|update,delete|``: changes a copy of what it is given."""

    def __init__(self, expr: Any, environment: Frame) -> None:
        self.expr = expr
        self.environment = environment

    def invoke(self, engine: Engine, args: list[Any], context: Any) -> Any:  # noqa: ARG002 - the interface
        """Copy, match, change.

        Raises:
            ExpressionError: The pattern leads out of the copy (with ``$$`` or a variable), where a change would
                reach the scope of the run.
        """
        if not args or args[0] is None:
            return None
        if not isinstance(args[0], dict | list):
            fail("A transform (|…|…|) applies to an object or a list of objects.", position=self.expr.position)
        inside: set[int] = set()
        copy = engine.clone(args[0], inside)
        matches = engine.eval(self.expr.pattern, copy, self.environment)
        if matches is None:
            return copy
        for match in matches if isinstance(matches, list) else [matches]:
            if not isinstance(match, dict):
                continue
            if id(match) not in inside:
                fail(
                    "The pattern of a transform (|…|…|) may only select within the value that is transformed.",
                    position=self.expr.position,
                )
            self._change(engine, match)
        return copy

    def _change(self, engine: Engine, match: dict[str, Any]) -> None:
        update = engine.eval(self.expr.update, match, self.environment)
        if update is not None:
            if not isinstance(update, dict):
                fail("The update of a transform (|…|…|) has to be an object.", position=self.expr.position)
            engine.charge(len(update))
            match.update(update)
        if self.expr.delete is None:
            return
        names = engine.eval(self.expr.delete, match, self.environment)
        for name in names if isinstance(names, list) else [] if names is None else [names]:
            if not isinstance(name, str):
                fail("A transform (|…|…|) deletes by name: give a string or strings.", position=self.expr.position)
            match.pop(name, None)


class Engine(Jsonata):  # type: ignore[misc] # jsonata-python ships no types
    """One evaluation.

    Args:
        functions: The built-in functions by name; shared and never changed.
        root: The scope.
        now: The run's clock.
        budget: Its limits apply; the steps are added to it by :meth:`settle`.
    """

    parser = SimpleNamespace(dbg=False)  # upstream code asks its parser whether to print

    def __init__(self, functions: dict[str, Any], root: dict[str, Any], now: datetime, budget: Budget) -> None:
        # Not calling super().__init__: it parses, and makes itself the thread's current expression.
        self.root = root
        self.now = now
        self.budget = budget
        self.left = budget.max_steps
        self.depth = 0
        self.frame = Frame(Frame(None, functions))
        self.frame.bind("$", root)

    def run(self, tree: Any) -> Any:
        """Evaluate a tree; ``None`` is missing, :data:`NULL` is null."""
        return self.eval(tree, self.root, self.frame)

    def settle(self) -> None:
        """Enter what was spent."""
        self.budget.activation_steps += self.budget.max_steps - max(self.left, 0)

    # ── Costs ────────────────────────────────────────────────────────────────────────────────────────────────────

    def charge(self, steps: int) -> None:
        """Spend steps.

        Raises:
            ExpressionBudgetError: There are not enough left.
        """
        self.left -= steps
        if self.left < 0:
            refuse("max_steps", self.budget.max_steps, "process fewer items, or split the work into several steps")

    def hold(self, elements: int) -> None:
        """Check the size of a list before it is made, and spend for it."""
        if elements > self.budget.max_elements:
            refuse("max_elements", self.budget.max_elements, "make the list shorter")
        self.charge(elements >> _LIST_SHIFT)

    def hold_text(self, characters: int) -> None:
        """Check the size of a string before it is made, and spend for it."""
        if characters > self.budget.max_characters:
            refuse("max_characters", self.budget.max_characters, "make the text shorter")
        self.charge(characters >> _TEXT_SHIFT)

    def grow(self, sequence: Sequence[Any], added: Sequence[Any]) -> None:
        """Check the size of a list before it grows, and spend for what is added."""
        if len(sequence) + len(added) > self.budget.max_elements:
            refuse("max_elements", self.budget.max_elements, "make the list shorter")
        self.charge(len(added) >> _LIST_SHIFT)

    def grow_text(self, characters: int, added: str) -> int:
        """Check the size of a string before it grows, and spend for what is added.

        Returns:
            The new size.
        """
        if characters + len(added) > self.budget.max_characters:
            refuse("max_characters", self.budget.max_characters, "make the text shorter")
        self.charge(len(added) >> _TEXT_SHIFT)
        return characters + len(added)

    def weigh(self, value: Any) -> None:
        """Spend for looking at a value once, without what is nested in it."""
        if isinstance(value, list):
            self.hold(len(value))
        elif isinstance(value, str):
            if len(value) >> _TEXT_SHIFT:
                self.charge(len(value) >> _TEXT_SHIFT)
        elif isinstance(value, dict):
            self.charge(len(value) >> _LIST_SHIFT)

    def enter(self) -> None:
        """Go one level deeper; the caller goes back by ``depth -= 1``."""
        if self.depth >= self.budget.max_depth:
            refuse(
                "max_depth", self.budget.max_depth,
                "check for a recursion without end, or make it a tail call",
            )  # fmt: skip
        self.depth += 1

    # ── Evaluation ───────────────────────────────────────────────────────────────────────────────────────────────

    def eval(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002 - the name is upstream's
        """Evaluate a node; upstream's ``eval`` and ``_eval`` in one, on this engine."""
        self.left -= 1
        if self.left < 0:
            self.charge(0)
        self.enter()
        try:
            evaluate = self.EVALUATORS.get(expr.type)
            result = evaluate(self, expr, input, environment) if evaluate is not None else None
            if expr.predicate is not None:
                for item in expr.predicate:
                    result = self.evaluate_filter(item.expr, result, environment)
            if expr.group is not None and expr.type != "path":
                result = self.evaluate_group_expression(expr.group, result, environment)
        finally:
            self.depth -= 1
        if isinstance(result, list):
            self.hold(len(result))
            if isinstance(result, JList) and result.sequence and not result.tuple_stream:
                return self._unwrap(expr, result)
        elif isinstance(result, str) and len(result) >> _TEXT_SHIFT:
            self.charge(len(result) >> _TEXT_SHIFT)
        return result

    @staticmethod
    def _unwrap(expr: Any, sequence: Any) -> Any:
        """A sequence of one is that one, an empty sequence is missing."""
        if expr.keep_array:
            sequence.keep_singleton = True
        if not sequence:
            return None
        return sequence[0] if len(sequence) == 1 and not sequence.keep_singleton else sequence

    def call(self, function: Any, args: list[Any]) -> Any:
        """Call a function value from a built-in function."""
        return self.apply(function, args, None, self.frame)

    def create_frame(self, enclosing_environment: Any = None) -> Frame:
        """A new frame."""
        return Frame(enclosing_environment)

    def apply_inner(self, proc: Any, args: Any, input: Any, environment: Any) -> Any:  # noqa: A002, ARG002 - upstream's
        """Call a function once, without following tail calls."""
        self.enter()
        try:
            if Functions.is_lambda(proc):
                if proc.signature is not None:
                    args = proc.signature.validate(args, input)
                return self.apply_procedure(proc, args)
            if isinstance(proc, NativeFunction):
                return proc.invoke(self, args, input)
            if isinstance(proc, Regex):
                return self._match_once(proc, args)
        finally:
            self.depth -= 1
        raise JException("T1006", -1)

    def partial_apply_native_function(self, native: Any, args: Any) -> Any:
        """Upstream parses a lambda for this, with a parser that threads share."""
        return Partial(native, args)

    def _match_once(self, regex: Regex, args: list[Any]) -> Any:
        if not args or not isinstance(args[0], str):
            return None
        return _match_object(regex.matches(args[0], self.charge))

    def truthy(self, value: Any, depth: int = 0) -> bool:
        """The boolean value of anything: a list is true when one of its items is."""
        if isinstance(value, list):
            if depth > MAX_NESTING:
                refuse_nesting()
            self.charge(1 + (len(value) >> _LIST_SHIFT))
            return any(self.truthy(item, depth + 1) for item in value)
        if value is None or value is NULL or isinstance(value, Parser.Symbol | NativeFunction | Regex):
            return False
        return bool(value)

    def equal(self, left: Any, right: Any) -> bool:
        """JSONata's ``=`` of two values that are not missing."""
        return deep_equal(left, right, self.charge)

    def text_of(self, value: Any, *, pretty: bool = False) -> str:
        """``$string`` of a value that is not missing."""
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return number_text(value)
        if is_function(value):
            return ""
        written = 0

        def spend(characters: int) -> None:
            nonlocal written
            written += characters
            if written > self.budget.max_characters:
                self.hold_text(written)
            self.charge(1)

        return json_text(value, pretty=pretty, is_function=is_function, spend=spend)

    def clone(self, value: Any, inside: set[int], depth: int = 0) -> Any:
        """Copy a value; ``inside`` collects the identities of the objects in the copy."""
        if not isinstance(value, dict | list):
            return value
        if depth > MAX_NESTING:
            refuse_nesting()
        self.charge(1 + len(value))
        if isinstance(value, list):
            return [self.clone(item, inside, depth + 1) for item in value]
        copy = {key: self.clone(item, inside, depth + 1) for key, item in value.items()}
        inside.add(id(copy))
        return copy

    # ── Paths ────────────────────────────────────────────────────────────────────────────────────────────────────

    def evaluate_step(self, expr: Any, input: Any, environment: Any, last_step: bool) -> Any:  # noqa: A002 - upstream's
        """Upstream's, counting; and null in a list stays null instead of going missing."""
        if expr.type == "sort":
            return super().evaluate_step(expr, input, environment, last_step)
        results = []
        for item in _items(input):
            value = self.eval(expr, item, environment)
            for stage in expr.stages or ():
                value = self.evaluate_filter(stage.expr, value, environment)
            if value is not None:
                results.append(value)
        if last_step and len(results) == 1 and isinstance(results[0], list) and not Utils.is_sequence(results[0]):
            return results[0]
        sequence = Utils.create_sequence()
        for value in results:
            if isinstance(value, list) and not (isinstance(value, JList) and value.cons):
                self.grow(sequence, value)
                sequence.extend(_items(value))
            else:
                sequence.append(value)
        return sequence

    def evaluate_tuple_step(self, expr: Any, input: Any, tuple_bindings: Any, environment: Any) -> Any:  # noqa: A002 - upstream's
        """Upstream's, counting each tuple before it is made."""
        if expr.type == "sort":
            return super().evaluate_tuple_step(expr, input, tuple_bindings, environment)
        result = Utils.create_sequence()
        result.tuple_stream = True
        if tuple_bindings is None:
            tuple_bindings = ({"@": item} for item in _items(input))
        for binding in tuple_bindings:
            found = self.eval(expr, binding["@"], self.create_frame_from_tuple(environment, binding))
            if found is None:
                continue
            stream = isinstance(found, JList) and found.tuple_stream
            for index, item in enumerate(_items(found) if isinstance(found, list) else [found]):
                self.charge(1 + (len(binding) >> 1))
                result.append(_extend_tuple(expr, binding, item, index, stream=stream))
        self.hold(len(result))
        return result if expr.stages is None else self.evaluate_stages(expr.stages, result, environment)

    def evaluate_filter(self, predicate: Any, input: Any, environment: Any) -> Any:  # noqa: A002 - upstream's
        """Upstream's; negative fractions round down, and null in a list stays null."""
        results = Utils.create_sequence()
        tuples = isinstance(input, JList) and input.tuple_stream
        results.tuple_stream = tuples
        if input is None:
            return results
        items = input if isinstance(input, list) else [input]
        if predicate.type == "number":
            position = _position(predicate.value, len(items))
            if position is not None:
                item = NULL if items[position] is None else items[position]
                if isinstance(item, list):
                    return item
                results.append(item)
            return results
        for index, item in enumerate(_items(items)):
            context, frame = item, environment
            if tuples:
                context, frame = item["@"], self.create_frame_from_tuple(environment, item)
            if self._selects(self.eval(predicate, context, frame), index, len(items)):
                results.append(item)
        return results

    def _selects(self, result: Any, index: int, length: int) -> bool:
        """Whether a predicate's result, indexes or a truth, selects the item at an index."""
        if Utils.is_numeric(result):
            return _position(result, length) == index
        if isinstance(result, list) and result and all(map(Utils.is_numeric, result)):
            return any(_position(number, length) == index for number in result)
        return self.truthy(result)

    def evaluate_name(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002, ARG002 - upstream's
        """A field."""
        return self.field(input, str(expr.value))

    def field(self, value: Any, name: str, depth: int = 0) -> Any:
        """A field of an object, or of all objects in a list; ``None`` when there is none."""
        if isinstance(value, dict):
            if name not in value:
                return None
            found = value[name]
            return NULL if found is None else found
        if not isinstance(value, list):
            return None
        if depth > MAX_NESTING:
            refuse_nesting()
        self.charge(1 + (len(value) >> 1))
        sequence = Utils.create_sequence()
        for item in value:
            found = self.field(item, name, depth + 1)
            if isinstance(found, list):
                self.grow(sequence, found)
                sequence.extend(_items(found))
            elif found is not None:
                sequence.append(found)
        return sequence

    def evaluate_wildcard(self, expr: Any, input: Any) -> Any:  # noqa: A002, ARG002 - upstream's
        """All fields of an object, lists in them flattened."""
        sequence = Utils.create_sequence()
        values: Any = input.values() if isinstance(input, dict) else input if isinstance(input, list) else ()
        stack: list[Iterator[Any]] = [iter(values)]
        while stack:
            for value in stack[-1]:
                self.charge(1)
                if isinstance(value, list):
                    stack.append(iter(value))
                    break
                sequence.append(NULL if value is None else value)
            else:
                stack.pop()
        return sequence

    def evaluate_descendants(self, expr: Any, input: Any) -> Any:  # noqa: A002, ARG002 - upstream's
        """Everything below a value, and itself; upstream recurses and does not count."""
        if input is None:
            return None
        sequence = Utils.create_sequence()
        stack = [input]
        while stack:
            value = stack.pop()
            self.charge(1)
            if not isinstance(value, list):
                sequence.append(NULL if value is None else value)
            children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            stack.extend(reversed(list(children)))
        return sequence[0] if len(sequence) == 1 else sequence

    def evaluate_sort_expression(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002 - upstream's
        """Upstream's; the comparisons count as they are evaluated."""
        self.charge(len(input))
        return super().evaluate_sort_expression(expr, input, environment)

    # ── Operators ────────────────────────────────────────────────────────────────────────────────────────────────

    def evaluate_binary(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002 - upstream's
        """An operator. Upstream turns any error on the right of ``and`` and ``or`` into another one."""
        operator = str(expr.value)
        left = self.eval(expr.lhs, input, environment)
        lazy = _LAZY.get(operator)
        if lazy is not None:
            return lazy(self, left, lambda: self.eval(expr.rhs, input, environment))
        right = self.eval(expr.rhs, input, environment)
        try:
            return _EAGER[operator](self, left, right)
        except JException as error:
            if error.location < 0:
                error.location = expr.position
            raise

    def arithmetic(self, operator: str, left: Any, right: Any) -> Any:
        """Upstream's, except that ``%`` keeps fractions, and dividing by zero is named."""
        if operator not in "/%" or not (Utils.is_numeric(left) and Utils.is_numeric(right)):
            return self.evaluate_numeric_expression(left, right, operator)
        if right == 0:
            fail("Division by zero; test the divisor first.")
        if operator == "%":
            return Utils.convert_number(math.fmod(float(left), float(right)))
        return self.evaluate_numeric_expression(left, right, operator)

    def evaluate_string_concat(self, lhs: Any, rhs: Any) -> str:
        """``&``, whose size is checked first."""
        left = "" if lhs is None else self.text_of(lhs)
        right = "" if rhs is None else self.text_of(rhs)
        self.hold_text(len(left) + len(right))
        return left + right

    def evaluate_range_expression(self, lhs: Any, rhs: Any) -> Any:
        """``[1..n]``, whose size is checked first; upstream's list claims one element too many."""
        for value, code in ((lhs, "T2003"), (rhs, "T2004")):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise JException(code, -1, "")
        if lhs is None or rhs is None or lhs > rhs:
            return None
        size = rhs - lhs + 1
        self.hold(size)
        self.charge(size >> 1)
        return Utils.create_sequence_from_iter(range(lhs, rhs + 1))

    def includes(self, left: Any, right: Any) -> bool:
        """``in``; upstream takes ``1`` for ``true``."""
        if left is None or right is None:
            return False
        values = right if isinstance(right, list) else [right]
        self.charge(len(values) >> 1)
        return any(self.equal(left, value) for value in values)

    def evaluate_unary(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002 - upstream's
        """Negation, and the constructors of lists and objects; upstream copies a list for each item."""
        if str(expr.value) != "[":
            return super().evaluate_unary(expr, input, environment)
        result = JList()
        for item in expr.expressions:
            value = self.eval(item, input, environment)
            if isinstance(value, list) and str(item.value) != "[":
                self.grow(result, value)
                result.extend(value)
            elif value is not None:
                result.append(value)
        result.cons = expr.consarray
        return result

    def evaluate_group_expression(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002 - upstream's
        """An object constructor or ``{…}`` after a path.

        Upstream adds an item to an empty list, which may be one of the scope's, and copies a group for each item.
        """
        tuples = isinstance(input, JList) and input.tuple_stream
        items = list(_items(input)) if isinstance(input, list) else [input]
        groups: dict[str, tuple[int, list[Any]]] = {}
        for item in items or [None]:
            frame = self.create_frame_from_tuple(environment, item) if tuples else environment
            for index, (key_node, _) in enumerate(expr.lhs_object):
                key = self.eval(key_node, item["@"] if tuples else item, frame)
                if key is None:
                    continue
                if not isinstance(key, str):
                    raise JException("T1003", expr.position, "")
                first, members = groups.setdefault(key, (index, []))
                if first != index:
                    raise JException("D1009", expr.position, "")
                members.append(item)
        result: dict[str, Any] = {}
        for key, (index, members) in groups.items():
            context, frame = self._group_context(members, environment, tuples=tuples)
            value = self.eval(expr.lhs_object[index][1], context, frame)
            if value is not None:
                result[key] = value
        return result

    def _group_context(self, members: list[Any], environment: Any, *, tuples: bool) -> tuple[Any, Any]:
        if not tuples:
            return self._joined(members), environment
        names: dict[str, list[Any]] = {}
        for binding in members:
            self.charge(1)
            for name, value in binding.items():
                names.setdefault(name, []).append(value)
        joined = {name: self._joined(values) for name, values in names.items()}
        context = joined.pop("@", None)
        return context, self.create_frame_from_tuple(environment, joined)

    def _joined(self, values: list[Any]) -> Any:
        """One value as it is, several as a list, with lists among them flattened."""
        if len(values) == 1:
            return values[0]
        joined = JList()
        for value in values:
            if isinstance(value, list):
                self.grow(joined, value)
                joined.extend(value)
            elif value is not None:
                joined.append(value)
        return joined

    def evaluate_condition(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002 - upstream's
        """``a ? b : c``."""
        if self.truthy(self.eval(expr.condition, input, environment)):
            return self.eval(expr.then, input, environment)
        return None if expr._else is None else self.eval(expr._else, input, environment)  # noqa: SLF001 - upstream's name

    def evaluate_variable(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002 - upstream's
        """``$``, ``$$`` or ``$name``."""
        return input if expr.value == "" else environment.lookup(expr.value)

    def evaluate_transform_expression(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002, ARG002 - upstream's
        """``|…|…|``."""
        return Transform(expr, environment)

    def evaluate_parent(self, expr: Any, input: Any, environment: Any) -> Any:  # noqa: A002, ARG002 - upstream's
        """``%``."""
        return environment.lookup(expr.slot.label)

    EVALUATORS: ClassVar[dict[str, Callable[[Any, Any, Any, Any], Any]]] = {
        "path": Jsonata.evaluate_path,
        "binary": evaluate_binary,
        "unary": evaluate_unary,
        "name": evaluate_name,
        "string": lambda engine, expr, _input, _environment: engine.evaluate_literal(expr),
        "number": lambda engine, expr, _input, _environment: engine.evaluate_literal(expr),
        "value": lambda engine, expr, _input, _environment: engine.evaluate_literal(expr),
        "wildcard": lambda engine, expr, input_, _environment: engine.evaluate_wildcard(expr, input_),
        "descendant": lambda engine, expr, input_, _environment: engine.evaluate_descendants(expr, input_),
        "parent": evaluate_parent,
        "condition": evaluate_condition,
        "block": Jsonata.evaluate_block,
        "bind": Jsonata.evaluate_bind_expression,
        "regex": lambda engine, expr, _input, _environment: engine.evaluate_regex(expr),
        "function": lambda engine, expr, input_, frame: engine.evaluate_function(expr, input_, frame, Utils.NONE),
        "variable": evaluate_variable,
        "lambda": Jsonata.evaluate_lambda,
        "partial": Jsonata.evaluate_partial_application,
        "apply": Jsonata.evaluate_apply_expression,
        "transform": evaluate_transform_expression,
    }


_LAZY: dict[str, Callable[[Engine, Any, Callable[[], Any]], Any]] = {
    "and": lambda engine, left, right: engine.truthy(left) and engine.truthy(right()),
    "or": lambda engine, left, right: engine.truthy(left) or engine.truthy(right()),
    "??": lambda _engine, left, right: right() if left is None else left,
    "?:": lambda engine, left, right: left if engine.truthy(left) else right(),
}

_EAGER: dict[str, Callable[[Engine, Any, Any], Any]] = {
    "+": lambda engine, left, right: engine.arithmetic("+", left, right),
    "-": lambda engine, left, right: engine.arithmetic("-", left, right),
    "*": lambda engine, left, right: engine.arithmetic("*", left, right),
    "/": lambda engine, left, right: engine.arithmetic("/", left, right),
    "%": lambda engine, left, right: engine.arithmetic("%", left, right),
    "=": lambda engine, left, right: left is not None and right is not None and engine.equal(left, right),
    "!=": lambda engine, left, right: left is not None and right is not None and not engine.equal(left, right),
    "<": lambda engine, left, right: engine.evaluate_comparison_expression(left, right, "<"),
    "<=": lambda engine, left, right: engine.evaluate_comparison_expression(left, right, "<="),
    ">": lambda engine, left, right: engine.evaluate_comparison_expression(left, right, ">"),
    ">=": lambda engine, left, right: engine.evaluate_comparison_expression(left, right, ">="),
    "&": lambda engine, left, right: engine.evaluate_string_concat(left, right),
    "..": lambda engine, left, right: engine.evaluate_range_expression(left, right),
    "in": lambda engine, left, right: engine.includes(left, right),
}


def is_function(value: Any) -> bool:
    """Whether a value is a lambda, a built-in function or a regular expression."""
    return isinstance(value, Parser.Symbol | NativeFunction | Regex)


def symbol_of(value: Any) -> str:
    """The letter of a value's type in a function's signature; upstream gives null that of a missing value."""
    if value is None:
        return "m"
    if isinstance(value, bool):
        return "b"
    for letter, kind in (("s", str), ("n", int | float), ("a", list), ("o", dict)):
        if isinstance(value, kind):
            return letter
    return "f" if is_function(value) else "l"


def _is_hole(value: Any) -> bool:
    """Whether an argument of a partial application is ``?``."""
    return isinstance(value, Parser.Symbol) and value.type == "operator" and value.value == "?"


def _items(values: Any) -> Any:
    """The items of a list, ``None`` in a list of the scope as null.

    A sequence that the engine made holds :data:`NULL` for null already, and ``None`` for a missing context.
    """
    if type(values) is list and None in values:
        return [NULL if value is None else value for value in values]
    return values


def _position(number: float, length: int) -> int | None:
    """The index that a number in brackets means, counted from the end when negative."""
    position = math.floor(number)
    if position < 0:
        position += length
    return position if 0 <= position < length else None


def _extend_tuple(expr: Any, binding: dict[Any, Any], item: Any, index: int, *, stream: bool) -> dict[Any, Any]:
    if stream:
        return {**binding, **item}
    extended = dict(binding)
    if expr.focus is not None:
        extended[expr.focus] = item
    else:
        extended["@"] = item
    if expr.index is not None:
        extended[expr.index] = index
    if expr.ancestor is not None:
        extended[expr.ancestor.label] = binding["@"]
    return extended


def _match_object(matches: Iterator[Any]) -> Any:
    """What a regular expression gives when it is called as a function."""
    match = next(matches, None)
    if match is None:
        return None
    return {
        "match": match.group(),
        "start": match.start(),
        "end": match.end(),
        "groups": [NULL if group is None else group for group in match.groups()],
        "next": _Next(matches),
    }


class _Next(NativeFunction):
    """The ``next`` of a match: continues the search."""

    arity = 0

    def __init__(self, matches: Iterator[Any]) -> None:
        self.matches = matches

    def invoke(self, engine: Engine, args: list[Any], context: Any) -> Any:  # noqa: ARG002 - the interface
        """The next match."""
        return _match_object(self.matches)
