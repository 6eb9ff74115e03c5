"""Values at the borders of the engine: to plain JSON, to text as JavaScript prints it, and their equality."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from jsonata.utils import Utils

from workflow_core.errors import ExpressionError
from workflow_core.language._budget import refuse

NULL: Final[Any] = Utils.NULL_VALUE
"""JSONata's null inside the engine, where ``None`` means *missing*."""

MAX_NESTING = 200
"""Levels of lists and objects in a value."""

_LARGEST_WHOLE = 1e21  # from here on JavaScript prints an exponent


class Missing(Enum):
    """The type of :data:`MISSING`."""

    MISSING = "missing"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING
"""The result of an expression that selects nothing; unlike ``None``, which is JSON's null. It is falsy."""


# ── Out of the engine ────────────────────────────────────────────────────────────────────────────────────────────


def to_plain(value: Any, limit: int) -> tuple[Any, int]:
    """Copy an engine value to plain JSON values that share nothing with the scope.

    NUL characters are dropped (PostgreSQL's ``jsonb`` refuses them) and lone surrogates replaced (UTF-8 has none);
    whole floats become ints, as JSON printed by JavaScript has only one kind of number.

    Args:
        value: An engine value other than missing.
        limit: Bytes of compact JSON.

    Returns:
        The copy, and about how many bytes it has.

    Raises:
        ExpressionError: It holds a function, NaN, an infinity or something that is not JSON.
        ExpressionBudgetError: It is too large or nested too deeply.
    """
    copy = _Copy(limit)
    return copy.copy(value, 0), limit - copy.left


def clean_text(text: str) -> str:
    """Drop NUL characters and replace lone surrogates."""
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class _Copy:
    """One copy in progress; it counts the bytes that it has written."""

    __slots__ = ("left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = limit

    def copy(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return self.text(value)
        if value is None or value is NULL:
            self.spend(4)
            return None
        if kind is bool:
            self.spend(5)
            return value
        if isinstance(value, int | float):
            self.spend(8)
            return plain_number(value)
        if depth >= MAX_NESTING:
            refuse("max_nesting", MAX_NESTING, "the result is nested too deeply")
        if isinstance(value, dict):
            self.spend(2 + 2 * len(value))
            return {self.text(str(key)): self.copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            self.spend(2 + len(value))
            return [self.copy(item, depth + 1) for item in value]
        if isinstance(value, str):
            return self.text(str(value))
        raise ExpressionError(
            "The expression gives a function or another value that is not JSON; call the function, or select a value.",
            code="EXPRESSION_FAILED",
        )

    def text(self, text: str) -> str:
        text = clean_text(text)
        self.spend(2 + (len(text) if text.isascii() else len(text.encode())))
        return text

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            refuse("max_output_bytes", self.limit, "select only the fields that are needed")


def plain_number(number: float) -> float:
    """A JSON number: whole floats as ints, ints beyond 64 bits as floats.

    Raises:
        ExpressionError: NaN, an infinity, or an int beyond the range of floats.
    """
    if isinstance(number, int):
        if -(2**63) <= number < 2**64:
            return int(number)
        # No JSON library of ours writes longer ints, and JavaScript has no such numbers.
        return float(number) if number.bit_length() <= 1023 else _not_a_number()
    if not math.isfinite(number):
        _not_a_number()
    if number.is_integer() and abs(number) <= 2**53:
        return int(number)
    return float(number)


def _not_a_number() -> Any:
    raise ExpressionError(
        "A number is out of range (infinite or not a number); check for a division by zero.",
        code="EXPRESSION_FAILED",
    )


# ── To text ──────────────────────────────────────────────────────────────────────────────────────────────────────


def number_text(number: float) -> str:
    """Print a number as JavaScript does after JSONata has cut it to fifteen digits."""
    if isinstance(number, int) and -(2**53) <= number <= 2**53:
        return str(int(number))
    real = float(number)
    if not math.isfinite(real):
        _not_a_number()
    if not real.is_integer():
        real = float(f"{real:.15g}")
    text = repr(real)
    if real.is_integer() and abs(real) < _LARGEST_WHOLE:
        return format(Decimal(text), "f").removesuffix(".0")
    if "e" not in text:
        return text
    if 1e-7 <= abs(real) < 1:
        return format(Decimal(text), "f")
    mantissa, exponent = text.split("e")
    sign = "-" if exponent.startswith("-") else "+"
    return f"{mantissa}e{sign}{exponent.lstrip('+-').lstrip('0')}"


def json_text(value: Any, *, pretty: bool, is_function: Callable[[Any], bool], spend: Callable[[int], None]) -> str:
    """Print a list or an object as ``JSON.stringify`` does.

    Args:
        value: An engine value.
        pretty: Whether to indent by two blanks.
        is_function: Tells functions, which JSONata prints as empty strings.
        spend: Is told the characters before they are put together, and raises when they are too many.
    """
    writer = _Writer(pretty=pretty, is_function=is_function, spend=spend)
    writer.write(value, 0)
    return "".join(writer.pieces)


class _Writer:
    """One text in progress."""

    def __init__(self, *, pretty: bool, is_function: Callable[[Any], bool], spend: Callable[[int], None]) -> None:
        self.pretty = pretty
        self.is_function = is_function
        self.spend = spend
        self.pieces: list[str] = []

    def put(self, piece: str) -> None:
        self.spend(len(piece))
        self.pieces.append(piece)

    def write(self, value: Any, depth: int) -> None:
        if depth > MAX_NESTING:
            refuse("max_nesting", MAX_NESTING, "the value is nested too deeply")
        if isinstance(value, dict):
            self.members("{}", [(_quoted(str(key)), child) for key, child in value.items()], depth)
        elif isinstance(value, list | tuple):
            self.members("[]", [("", child) for child in value], depth)
        else:
            self.put(self.scalar(value))

    def scalar(self, value: Any) -> str:
        if value is None or value is NULL:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return _quoted(value)
        if isinstance(value, int | float):
            return number_text(value)
        return '""' if self.is_function(value) else "{}"

    def members(self, brackets: str, members: list[tuple[str, Any]], depth: int) -> None:
        if not members:
            self.put(brackets)
            return
        gap = "\n" + "  " * (depth + 1) if self.pretty else ""
        self.put(brackets[0])
        for index, (key, child) in enumerate(members):
            self.put(("," if index else "") + gap)
            if key:
                self.put(key + (": " if self.pretty else ":"))
            self.write(child, depth + 1)
        self.put(("\n" + "  " * depth if self.pretty else "") + brackets[1])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# ── Equality ─────────────────────────────────────────────────────────────────────────────────────────────────────


def deep_equal(left: Any, right: Any, charge: Callable[[int], None], depth: int = 0) -> bool:
    """JSONata's ``=``: by type and value, objects without regard to order.

    Args:
        left: One engine value.
        right: The other.
        charge: Is told the steps; raises when they are too many.
        depth: Levels above these values.
    """
    if depth > MAX_NESTING:
        refuse("max_nesting", MAX_NESTING, "the values are nested too deeply to compare")
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        if len(left) != len(right):
            return False
        charge(1 + (len(left) >> 2))
        return all(deep_equal(one, other, charge, depth + 1) for one, other in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return False
        charge(1 + (len(left) >> 1))
        return all(deep_equal(item, right[key], charge, depth + 1) for key, item in left.items())
    if left is None:
        left = NULL  # inside lists and objects of the scope, None is null
    if right is None:
        right = NULL
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)
