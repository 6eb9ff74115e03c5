"""The functions of expressions: JSONata's own, and those that the workflow language adds.

Where jsonata-python's implementation is right and cheap it is used; the others are here, because they call back into
the engine, because their cost has to be counted or limited, or because they differ from the JSONata reference.
"""

from __future__ import annotations

import base64
import functools
import inspect
import math
import re
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from jsonata.datetimeutils import DateTimeUtils
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.signature import Signature
from jsonata.utils import Utils

from workflow_core.errors import ExpressionError
from workflow_core.language._dates import MAX_PICTURE_CHARACTERS, format_millis, iso_text, millis_of, parse_millis
from workflow_core.language._engine import Engine, NativeFunction, fail, is_function, symbol_of
from workflow_core.language._numbers import format_decimal, round_half_even
from workflow_core.language._regex import Regex
from workflow_core.language._values import NULL

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?")
_LARGEST_ROMAN = 100_000
_PICTURE_STEPS = 40  # what it takes to interpret a picture
_LARGEST_WORDS = 10**15
_SCALARS = (str, bool, int, float)

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
        parameters = list(inspect.signature(implementation).parameters.values())[1:]
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


def _to_string(engine: Engine, value: Any) -> str:
    if value is None or value is NULL:
        return ""
    if isinstance(value, list):  # as JavaScript's String(), which existing workflows rely on
        texts = []
        size = 0
        for item in value:
            texts.append(_to_string(engine, item))
            size = engine.grow_text(size + 1, texts[-1])
            engine.charge(1)
        return ",".join(texts)
    return engine.text_of(value)


def _append(engine: Engine, items: Any, value: Any) -> list[Any]:
    base = items if isinstance(items, list) else [] if items is None or items is NULL else [items]
    added = value if isinstance(value, list) else [] if value is None else [value]
    engine.hold(len(base) + len(added))
    return [*base, *added]


# ── Strings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _string(engine: Engine, value: Any, pretty: Any) -> str | None:
    return None if value is None else engine.text_of(value, pretty=bool(pretty))


def _lowercase(_engine: Engine, text: Any) -> Any:
    return None if text is None else _text(text).lower()


def _pad(engine: Engine, text: Any, width: Any, char: Any) -> Any:
    if isinstance(width, int | float):
        engine.hold_text(abs(math.trunc(width)))
    return Functions.pad(text, width, char)


def _contains(engine: Engine, text: Any, token: Any) -> bool | None:
    if text is None:
        return None
    if isinstance(token, str):
        return token in _text(text)
    return next(_matches(engine, text, token), None) is not None


def _match(engine: Engine, text: Any, pattern: Any, limit: Any) -> Any:
    if text is None:
        return None
    count = _limit(limit, "D3040")
    result = Utils.create_sequence()
    for match in _matches(engine, text, pattern):
        if count is not None and len(result) >= count:
            break
        groups = [NULL if group is None else group for group in match.groups()]
        result.append({"match": match.group(), "index": match.start(), "groups": groups})
    return result


def _split(engine: Engine, text: Any, separator: Any, limit: Any) -> Any:
    if text is None:
        return None
    count = _limit(limit, "D3020")
    if count == 0:
        return []
    if not isinstance(separator, str):
        return list(_split_by_regex(engine, _text(text), separator, count))
    pieces = len(_text(text)) if separator == "" else text.count(separator) + 1
    engine.hold(pieces if count is None else min(pieces, count))
    return list(text[:count]) if separator == "" else text.split(separator)[:count]


def _split_by_regex(engine: Engine, text: str, pattern: Any, count: int | None) -> Iterator[str]:
    position = made = 0
    for match in _matches(engine, text, pattern):
        if count is not None and made >= count:
            return
        yield text[position : match.start()]
        made += 1
        position = match.end()
    if count is None or made < count:
        yield text[position:]


def _join(engine: Engine, texts: Any, separator: Any) -> str | None:
    if texts is None:
        return None
    glue = "" if separator is None else _text(separator)
    engine.hold_text(sum(map(len, texts)) + len(glue) * max(len(texts) - 1, 0))
    return glue.join(texts)


def _replace(engine: Engine, text: Any, pattern: Any, replacement: Any, limit: Any) -> str | None:
    if text is None:
        return None
    count = _limit(limit, "D3011")
    if not isinstance(pattern, str):
        return _replace_by_regex(engine, _text(text), _regex(pattern), replacement, count)
    if pattern == "":
        raise JException("D3010", -1)
    if not isinstance(replacement, str):
        raise JException("D3012", -1)
    found = _text(text).count(pattern)
    found = found if count is None else min(found, count)
    engine.hold_text(len(text) + found * (len(replacement) - len(pattern)))
    return str(text.replace(pattern, replacement, found))


def _replace_by_regex(engine: Engine, text: str, pattern: Regex, replacement: Any, count: int | None) -> str:
    pieces: list[str] = []
    size = position = 0
    template = _template(replacement, pattern.groups) if isinstance(replacement, str) else []
    for made, match in enumerate(_matches(engine, text, pattern)):
        if count is not None and made >= count:
            break
        if isinstance(replacement, str):
            engine.charge(len(template) >> 2)
            put = "".join(part if isinstance(part, str) else match.group(part) or "" for part in template)
        else:
            groups = [NULL if group is None else group for group in match.groups()]
            put = engine.call(
                replacement,
                [{"match": match.group(), "start": match.start(), "end": match.end(), "groups": groups}],
            )
            if not isinstance(put, str):
                raise JException("D3012", -1)
        pieces += (text[position : match.start()], put)
        size = engine.grow_text(size + len(pieces[-2]), put)
        position = match.end()
    pieces.append(text[position:])
    engine.hold_text(size + len(pieces[-1]))
    return "".join(pieces)


def _template(replacement: str, groups: int) -> list[str | int]:
    """Literal texts and numbers of groups; of the digits after ``$`` as many count as there are groups for."""
    most = len(str(groups)) if groups else 1
    parts: list[str | int] = []
    position = 0
    for found in re.finditer(r"\$(\$|[0-9]+)", replacement):
        parts.append(replacement[position : found.start()])
        position = found.end()
        what = found.group(1)
        if what == "$":
            parts.append("$")
            continue
        digits = what[:1] if what[0] == "0" else what[:most]
        if len(digits) > 1 and int(digits) > groups:
            digits = digits[:-1]
        if int(digits) <= groups:
            parts.append(int(digits))
        parts.append(what[len(digits) :])
    parts.append(replacement[position:])
    return [part for part in parts if part != ""]


def _matches(engine: Engine, text: Any, pattern: Any) -> Iterator[Any]:
    for match in _regex(pattern).matches(_text(text), engine.charge):
        if match.start() == match.end():
            raise JException("D1004", -1)
        yield match


def _regex(pattern: Any) -> Regex:
    """The reference accepts other functions as patterns too."""
    if not isinstance(pattern, Regex):
        fail("Give a string or a regular expression between slashes as the pattern.")
    return pattern


def _base64decode(_engine: Engine, text: Any) -> str | None:
    return None if text is None else base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()


def _decode_url(_engine: Engine, text: Any) -> str | None:
    if text is None:
        return None
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise JException("D3140", -1)
    return urllib.parse.unquote(text, errors="strict")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise JException("T0410", -1)
    return value


def _limit(limit: float | None, code: str) -> int | None:
    if limit is None:
        return None
    if limit < 0:
        raise JException(code, -1)
    return math.ceil(limit) if code == "D3040" else math.floor(limit)


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
    return None if timestamp is None else parse_millis(timestamp, picture, engine.now)


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


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _append_key(value: Any) -> Any:
    """What tells scalars apart in a set: ``1`` and ``true`` are equal and hash alike in Python."""
    return (isinstance(value, bool), value)


def _distinct(engine: Engine, values: Any) -> Any:
    if not isinstance(values, list) or len(values) <= 1:
        return values
    result = Utils.create_sequence() if Utils.is_sequence(values) else []
    seen: set[Any] = set()
    structures: list[Any] = []
    for value in values:
        if value is None or value is NULL or isinstance(value, _SCALARS):
            key = None if value is NULL else _append_key(value) if value is not None else None
            if key in seen:
                continue
            seen.add(key)
        else:
            engine.charge(len(structures))
            if any(engine.equal(value, other) for other in structures):
                continue
            structures.append(value)
        result.append(NULL if value is None else value)
    return result


def _sort(engine: Engine, values: Any, comparator: Any) -> Any:
    if values is None or len(values) <= 1:
        return values
    engine.charge(len(values) * len(values).bit_length() >> 3)
    if comparator is None:
        if not (Utils.is_array_of_numbers(values) or Utils.is_array_of_strings(values)):
            raise JException("D3070", -1)
        if isinstance(values[0], str):
            engine.charge(sum(map(len, values)) >> 8)
        return sorted(values)

    def order(left: Any, right: Any) -> int:
        """-1 where the left one, later in the list, has to go before the right one."""
        result = engine.call(comparator, [_null(right), _null(left)])
        if isinstance(result, int | float) and not isinstance(result, bool):
            return -1 if result > 0 else 0
        return -1 if engine.truthy(result) else 0

    return sorted(values, key=functools.cmp_to_key(order))


def _reverse(_engine: Engine, values: Any) -> Any:
    return values if values is None or len(values) <= 1 else values[::-1]


def _zip(_engine: Engine, *lists: Any) -> list[Any]:
    return [] if any(one is None for one in lists) else [list(row) for row in zip(*lists, strict=False)]


# ── Objects ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _keys(engine: Engine, value: Any) -> Any:
    names: dict[str, None] = {}

    def collect(item: Any) -> None:
        engine.charge(1)
        if isinstance(item, list):
            for member in item:
                collect(member)
        elif isinstance(item, dict):
            engine.charge(len(item) >> 2)
            names.update(dict.fromkeys(item))

    collect(value)
    return Utils.create_sequence_from_iter(names)


def _lookup(engine: Engine, value: Any, name: Any) -> Any:
    return engine.field(value, name)


def _spread(engine: Engine, value: Any) -> Any:
    if not isinstance(value, list | dict):
        return value
    result = Utils.create_sequence()
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            engine.charge(1 + len(item))
            result.extend({key: member} for key, member in item.items())
        elif isinstance(item, list):
            result.extend(_spread(engine, item))
        elif item is not None:
            result.append(item)
    return result


def _merge(engine: Engine, objects: Any) -> Any:
    if objects is None:
        return None
    merged: dict[str, Any] = {}
    for item in objects:
        engine.charge(1 + (len(item) >> 2))
        merged.update(item)
    return merged


def _clone(engine: Engine, value: Any) -> Any:
    return None if value is None else engine.clone(value, set())


# ── Higher-order functions ───────────────────────────────────────────────────────────────────────────────────────


def _arity(function: Any) -> int:
    if isinstance(function, NativeFunction):
        return function.arity
    return 1 if isinstance(function, Regex) else len(function.arguments)


def _null(value: Any) -> Any:
    """An item of a list is there, so ``None`` is null and not missing."""
    return NULL if value is None else value


def _results(engine: Engine, pairs: Sequence[tuple[Any, Any]], whole: Any, function: Any) -> Iterator[Any]:
    """Call a function with value, index or key, and the whole: as many as it takes."""
    count = min(max(_arity(function), 1), 3)
    for key, value in pairs:
        yield engine.call(function, [_null(value), key, whole][:count])


def _map(engine: Engine, values: Any, function: Any) -> Any:
    if values is None:
        return None
    results = _results(engine, list(enumerate(values)), values, function)
    return Utils.create_sequence_from_iter(result for result in results if result is not None)


def _filter(engine: Engine, values: Any, function: Any) -> Any:
    if values is None:
        return None
    results = _results(engine, list(enumerate(values)), values, function)
    chosen = (_null(value) for value, result in zip(values, results, strict=True) if engine.truthy(result))
    return Utils.create_sequence_from_iter(chosen)


def _single(engine: Engine, values: Any, function: Any) -> Any:
    if values is None:
        return None
    found = list(values) if function is None else list(_filter(engine, values, function))
    if len(found) != 1:
        raise JException("D3138" if found else "D3139", -1)
    return _null(found[0])


def _reduce(engine: Engine, values: Any, function: Any, start: Any) -> Any:
    if values is None:
        return None
    arity = _arity(function)
    if arity < 2:
        raise JException("D3050", -1)
    if start is None and not values:
        return None
    result = _null(values[0]) if start is None else start
    for index in range(1 if start is None else 0, len(values)):
        result = engine.call(function, [result, _null(values[index]), index, values][:arity])
    return result


def _each(engine: Engine, value: Any, function: Any) -> Any:
    if value is None:
        return None
    results = _results(engine, list(value.items()), value, function)
    return Utils.create_sequence_from_iter(result for result in results if result is not None)


def _sift(engine: Engine, value: Any, function: Any) -> Any:
    if value is None:
        return None
    pairs = list(value.items())
    results = _results(engine, pairs, value, function)
    kept = {key: item for (key, item), result in zip(pairs, results, strict=True) if engine.truthy(result)}
    return kept or None


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
        "string": (_string, "<x-b?:s>"),
        "substring": (_upstream(Functions.substring), "<s-nn?:s>"),
        "substringBefore": (_upstream(Functions.substring_before), "<s-s:s>"),
        "substringAfter": (_upstream(Functions.substring_after), "<s-s:s>"),
        "lowercase": (_lowercase, "<s-:s>"),
        "uppercase": (_upstream(Functions.uppercase), "<s-:s>"),
        "length": (_upstream(Functions.length), "<s-:n>"),
        "trim": (_upstream(Functions.trim), "<s-:s>"),
        "pad": (_pad, "<s-ns?:s>"),
        "match": (_match, "<s-f<s:o>n?:a<o>>"),
        "contains": (_contains, "<s-(sf):b>"),
        "replace": (_replace, "<s-(sf)(sf)n?:s>"),
        "split": (_split, "<s-(sf)n?:a<s>>"),
        "join": (_join, "<a<s>s?:s>"),
        "base64encode": (_upstream(Functions.base64encode), "<s-:s>"),
        "base64decode": (_base64decode, "<s-:s>"),
        "encodeUrlComponent": (_upstream(Functions.encode_url_component), "<s-:s>"),
        "encodeUrl": (_upstream(Functions.encode_url), "<s-:s>"),
        "decodeUrlComponent": (_decode_url, "<s-:s>"),
        "decodeUrl": (_decode_url, "<s-:s>"),
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
        "distinct": (_distinct, "<x:x>"),
        "sort": (_sort, "<af?:a>"),
        "reverse": (_reverse, "<a:a>"),
        "zip": (_zip, "<a+>"),
        # objects
        "keys": (_keys, "<x-:a<s>>"),
        "lookup": (_lookup, "<x-s:x>"),
        "spread": (_spread, "<x-:a<o>>"),
        "merge": (_merge, "<a<o>:o>"),
        "clone": (_clone, "<(oa)-:o>"),
        # higher-order functions
        "map": (_map, "<af>"),
        "filter": (_filter, "<af>"),
        "single": (_single, "<af?>"),
        "reduce": (_reduce, "<afj?:j>"),
        "each": (_each, "<o-f:a>"),
        "sift": (_sift, "<o-f?:o>"),
    }
    return {name: BuiltIn(name, implementation, signature) for name, (implementation, signature) in table.items()}
