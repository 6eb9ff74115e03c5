"""The functions of expressions: JSONata's own, and those that the workflow language adds.

Where jsonata-python's implementation is right and cheap it is used; the others are here, because they call back into
the engine, because their cost has to be counted or limited, or because they differ from the JSONata reference.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable
from typing import Any, Final

from jsonata.datetimeutils import DateTimeUtils
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.signature import Signature
from jsonata.utils import Utils

from workflow_core.errors import ExpressionError
from workflow_core.language import _lists as lists
from workflow_core.language import _strings as strings
from workflow_core.language._dates import MAX_PICTURE_CHARACTERS, format_millis, iso_text, millis_of, parse_millis
from workflow_core.language._engine import Engine, NativeFunction, fail, is_function, symbol_of
from workflow_core.language._numbers import format_decimal, round_half_even
from workflow_core.language._values import MAX_NESTING, NULL, refuse_nesting

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?")
_LARGEST_ROMAN = 100_000
_PICTURE_STEPS = 40  # what it takes to interpret a picture
_LARGEST_WORDS = 10**15

Implementation = Callable[..., Any]


class BuiltIn(NativeFunction):
    """One function, shared by all expressions.

    Args:
        name: Without ``$``.
        implementation: Takes the engine and the arguments, ``None`` for a missing one.
        signature: In JSONata's notation; without one, any arguments are accepted.
    """

    def __init__(self, name: str, implementation: Implementation, signature: str | None) -> None:
        self.name = name
        self.implementation = implementation
        self.notation = signature
        self.signature = None if signature is None else Signature(signature, name)
        if self.signature is not None:
            self.signature.get_symbol = symbol_of
        # One with a default is the implementation's own, such as the depth of a recursion.
        given = list(inspect.signature(implementation).parameters.values())[1:]
        parameters = [parameter for parameter in given if parameter.default is parameter.empty]
        self.variadic = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
        self.parameters = len(parameters)
        self.arity = self.parameters if self.signature is None else self.signature.get_min_number_of_args()

    def invoke(self, engine: Engine, args: list[Any], context: Any) -> Any:
        """Check the arguments, weigh them and the result, and call."""
        if self.signature is not None:
            args = self._validated(self.signature, args, context)
        for arg in args:
            engine.weigh(arg)
        if not self.variadic and len(args) != self.parameters:
            if len(args) > self.parameters:
                fail(f"${self.name} takes at most {self.parameters} arguments.", function=self.name)
            args = [*args, *[None] * (self.parameters - len(args))]
        try:
            result = self.implementation(engine, *args)
        except (JException, RecursionError):
            raise
        except (ValueError, ArithmeticError, TypeError, LookupError, AttributeError, RuntimeError):
            # jsonata-python's functions let such errors out for arguments that they do not expect.
            raise ExpressionError(
                f"${self.name} cannot work with these arguments.",
                code="EXPRESSION_FAILED",
                details={"function": self.name},
            ) from None
        engine.weigh(result)
        if isinstance(result, str):
            engine.hold_text(len(result))
        return Utils.convert_number(result) if isinstance(result, float) else result

    def _validated(self, signature: Any, args: list[Any], context: Any) -> list[Any]:
        try:
            return list(signature.validate(args, context))
        except JException as error:
            number = error.expected if error.error == "T0411" else error.current
            message = f"Argument {number} of ${self.name} does not fit its signature {self.notation}."
            details = {"function": self.name, "jsonata": error.error}
            raise ExpressionError(message, code="EXPRESSION_FAILED", details=details) from None


# ── Of the workflow language ─────────────────────────────────────────────────────────────────────────────────────


def _now_iso(engine: Engine) -> str:
    return iso_text(engine.now)


def _coalesce(_engine: Engine, *values: Any) -> Any:
    return next((value for value in values if value is not None and value is not NULL), NULL)


def _len(_engine: Engine, value: Any) -> int:
    return len(value) if isinstance(value, str | list) else 0


def _to_string(engine: Engine, value: Any, depth: int = 0) -> str:
    if value is None or value is NULL:
        return ""
    if isinstance(value, list):  # as JavaScript's String(), which existing workflows rely on
        if depth > MAX_NESTING:
            refuse_nesting()
        texts = []
        size = 0
        for item in value:
            texts.append(_to_string(engine, item, depth + 1))
            size = engine.grow_text(size + 1, texts[-1])
            engine.charge(1)
        return ",".join(texts)
    return engine.text_of(value)


def _append(engine: Engine, items: Any, value: Any) -> list[Any]:
    base = items if isinstance(items, list) else [] if items is None or items is NULL else [items]
    added = value if isinstance(value, list) else [] if value is None else [value]
    engine.hold(len(base) + len(added))
    return [*base, *added]


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _number(_engine: Engine, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            number = float(value)
            if math.isfinite(number):
                return number
        base = {"0x": 16, "0b": 2, "0o": 8}.get(value[:2].lower())
        if base is not None and len(value) < 20 and value[2:].isalnum():
            return int(value[2:], base)
    raise JException("D3030", -1, "")


def _round(_engine: Engine, number: Any, places: Any) -> float | None:
    return None if number is None else round_half_even(number, 0 if places is None else places)


def _weigh_picture(engine: Engine, picture: Any) -> None:
    """Spend for interpreting a picture, before it is done."""
    engine.charge(_PICTURE_STEPS + (0 if picture is None else len(picture)))
    if picture is not None and len(picture) > MAX_PICTURE_CHARACTERS:
        raise JException("D3135", -1)


def _format_number(engine: Engine, number: Any, picture: Any, options: Any) -> Any:
    _weigh_picture(engine, picture)
    for name, value in (options or {}).items():
        if not isinstance(value, str) or len(value) != 1:
            fail(f"The option {name[:40]} of $formatNumber has to be one character.")
    if picture is None:
        fail("$formatNumber needs a picture, such as '#,##0.00'.")
    return None if number is None else format_decimal(number, picture, options or {})


def _format_integer(engine: Engine, number: Any, picture: Any) -> Any:
    _weigh_picture(engine, picture)
    primary = (picture or "").split(";")[0]
    most = _LARGEST_ROMAN if primary in ("i", "I") else _LARGEST_WORDS if primary in ("w", "W", "Ww") else None
    if number is not None and most is not None and abs(number) > most:
        fail(f"$formatInteger with this picture takes numbers up to {most}.")
    return Functions.format_integer(number, picture)


def _parse_integer(engine: Engine, text: Any, picture: Any) -> Any:
    _weigh_picture(engine, picture)
    if text is not None and len(text) > 256:
        raise JException("D3030", -1, "")
    return None if text is None else DateTimeUtils.parse_integer(text, picture)


# ── Dates ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _now(engine: Engine, picture: Any, timezone: Any) -> Any:
    _weigh_picture(engine, picture)
    return format_millis(millis_of(engine.now), picture, timezone)


def _millis(engine: Engine) -> int:
    return millis_of(engine.now)


def _from_millis(engine: Engine, millis: Any, picture: Any, timezone: Any) -> Any:
    _weigh_picture(engine, picture)
    return None if millis is None else format_millis(int(millis), picture, timezone)


def _to_millis(engine: Engine, timestamp: Any, picture: Any) -> int | None:
    _weigh_picture(engine, picture)
    return None if timestamp is None else parse_millis(timestamp, picture, engine.now, engine.charge)


# ── Logic and types ──────────────────────────────────────────────────────────────────────────────────────────────


def _boolean(engine: Engine, value: Any) -> bool | None:
    return None if value is None else engine.truthy(value)


def _not(engine: Engine, value: Any) -> bool | None:
    return None if value is None else not engine.truthy(value)


def _type(_engine: Engine, value: Any) -> str | None:
    return "function" if is_function(value) else Functions.type(value)


def _error(_engine: Engine, message: Any) -> None:
    fail(message[:1000] if isinstance(message, str) else "$error() was evaluated.", function="error")


def _assert(_engine: Engine, condition: Any, message: Any) -> None:
    if condition is not True:
        text = message[:1000] if isinstance(message, str) else "$assert() failed."
        fail(text, function="assert")


# ── The table ────────────────────────────────────────────────────────────────────────────────────────────────────


def _upstream(function: Callable[..., Any]) -> Implementation:
    """A function of jsonata-python that needs no engine."""
    parameters = inspect.signature(function).parameters
    if len(parameters) == 1:
        return lambda _engine, first: function(first)
    if len(parameters) == 2:
        return lambda _engine, first, second: function(first, second)
    return lambda _engine, first, second, third: function(first, second, third)


@functools.cache
def built_in_functions() -> dict[str, BuiltIn]:
    """Every function by its name without ``$``; shared, so nobody may change it."""
    table: dict[str, tuple[Implementation, str | None]] = {
        # the workflow language's
        "nowIso": (_now_iso, None),
        "coalesce": (_coalesce, None),
        "len": (_len, None),
        "toString": (_to_string, None),
        "append": (_append, None),
        # strings
        "string": (strings.string, "<x-b?:s>"),
        "substring": (_upstream(Functions.substring), "<s-nn?:s>"),
        "substringBefore": (_upstream(Functions.substring_before), "<s-s:s>"),
        "substringAfter": (_upstream(Functions.substring_after), "<s-s:s>"),
        "lowercase": (strings.lowercase, "<s-:s>"),
        "uppercase": (_upstream(Functions.uppercase), "<s-:s>"),
        "length": (_upstream(Functions.length), "<s-:n>"),
        "trim": (_upstream(Functions.trim), "<s-:s>"),
        "pad": (strings.pad, "<s-ns?:s>"),
        "match": (strings.match, "<s-f<s:o>n?:a<o>>"),
        "contains": (strings.contains, "<s-(sf):b>"),
        "replace": (strings.replace, "<s-(sf)(sf)n?:s>"),
        "split": (strings.split, "<s-(sf)n?:a<s>>"),
        "join": (strings.join, "<a<s>s?:s>"),
        "base64encode": (_upstream(Functions.base64encode), "<s-:s>"),
        "base64decode": (strings.base64decode, "<s-:s>"),
        "encodeUrlComponent": (_upstream(Functions.encode_url_component), "<s-:s>"),
        "encodeUrl": (_upstream(Functions.encode_url), "<s-:s>"),
        "decodeUrlComponent": (strings.decode_url, "<s-:s>"),
        "decodeUrl": (strings.decode_url, "<s-:s>"),
        # numbers
        "number": (_number, "<(nsb)-:n>"),
        "sum": (_upstream(Functions.sum), "<a<n>:n>"),
        "max": (_upstream(Functions.max), "<a<n>:n>"),
        "min": (_upstream(Functions.min), "<a<n>:n>"),
        "average": (_upstream(Functions.average), "<a<n>:n>"),
        "floor": (_upstream(Functions.floor), "<n-:n>"),
        "ceil": (_upstream(Functions.ceil), "<n-:n>"),
        "round": (_round, "<n-n?:n>"),
        "abs": (_upstream(Functions.abs), "<n-:n>"),
        "sqrt": (_upstream(Functions.sqrt), "<n-:n>"),
        "power": (_upstream(Functions.power), "<n-n:n>"),
        "formatNumber": (_format_number, "<n-so?:s>"),
        "formatBase": (_upstream(Functions.format_base), "<n-n?:s>"),
        "formatInteger": (_format_integer, "<n-s:s>"),
        "parseInteger": (_parse_integer, "<s-s:n>"),
        # dates
        "now": (_now, "<s?s?:s>"),
        "millis": (_millis, "<:n>"),
        "fromMillis": (_from_millis, "<n-s?s?:s>"),
        "toMillis": (_to_millis, "<s-s?:n>"),
        # logic and types
        "boolean": (_boolean, "<x-:b>"),
        "not": (_not, "<x-:b>"),
        "exists": (_upstream(Functions.exists), "<x:b>"),
        "type": (_type, "<x:s>"),
        "error": (_error, "<s?:x>"),
        "assert": (_assert, "<bs?:x>"),
        # lists
        "count": (_upstream(Functions.count), "<a:n>"),
        "distinct": (lists.distinct, "<x:x>"),
        "sort": (lists.sort, "<af?:a>"),
        "reverse": (lists.reverse, "<a:a>"),
        "zip": (lists.zip_lists, "<a+>"),
        # objects
        "keys": (lists.keys, "<x-:a<s>>"),
        "lookup": (lists.lookup, "<x-s:x>"),
        "spread": (lists.spread, "<x-:a<o>>"),
        "merge": (lists.merge, "<a<o>:o>"),
        "clone": (lists.clone, "<(oa)-:o>"),
        # higher-order functions
        "map": (lists.map_values, "<af>"),
        "filter": (lists.filter_values, "<af>"),
        "single": (lists.single, "<af?>"),
        "reduce": (lists.reduce, "<afj?:j>"),
        "each": (lists.each, "<o-f:a>"),
        "sift": (lists.sift, "<o-f?:o>"),
    }
    return {name: BuiltIn(name, implementation, signature) for name, (implementation, signature) in table.items()}
