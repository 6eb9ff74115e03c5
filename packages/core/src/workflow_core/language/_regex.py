"""Regular expressions on RE2, whose time is linear in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import re2
from jsonata.regex_engine import RegexFlags

from workflow_core.errors import ExpressionError

MAX_PATTERN_CHARACTERS = 1_000

_UNSUPPORTED = (
    "look-ahead, look-behind, back-references and the like are not available, as they may take unbounded time"
)


class Regex:
    """A compiled ``/pattern/`` literal; immutable, so that threads can share it.

    Attributes:
        groups: How many groups it has.

    The four methods of a compiled pattern are there because the signature checks of jsonata-python recognise a
    regular expression by them; the built-in functions use :meth:`matches`.
    """

    __slots__ = ("_compiled", "_weight", "groups")

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.groups: int = compiled.groups
        # Where RE2 falls back to its slower matcher, time grows with the size of the program too.
        self._weight = 1 + compiled.programsize // 128

    def matches(self, text: str, charge: Callable[[int], None]) -> Iterator[Any]:
        """Find every match, from left to right.

        Args:
            text: What to search.
            charge: Is told the steps before each search; raises when they are too many.
        """
        found = self._compiled.finditer(text)
        position = 0
        while True:
            charge(1 + (self.groups >> 2) + (((len(text) - position) * self._weight) >> 11))
            match = next(found, None)
            if match is None:
                return
            position = match.end()
            yield match

    def search(self, text: str) -> Any:
        """Like :meth:`re.Pattern.search`."""
        return self._compiled.search(text)

    def finditer(self, text: str) -> Any:
        """Like :meth:`re.Pattern.finditer`."""
        return self._compiled.finditer(text)

    def sub(self, replacement: Any, text: str, count: int = 0) -> Any:
        """Like :meth:`re.Pattern.sub`."""
        return self._compiled.sub(replacement, text, count)

    def split(self, text: str, maxsplit: int = 0) -> Any:
        """Like :meth:`re.Pattern.split`."""
        return self._compiled.split(text, maxsplit)


def compile_regex(pattern: str, flags: RegexFlags) -> Regex:
    """Compile the text between the slashes.

    Raises:
        ExpressionError: RE2 cannot do it, or it is too long.
    """
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise ExpressionError(f"A regular expression may have at most {MAX_PATTERN_CHARACTERS} characters.")
    letters = ("i" if flags.case_insensitive else "") + ("m" if flags.multiline else "")
    try:
        return Regex(re2.compile((f"(?{letters})" if letters else "") + _translate(pattern), _options()))
    except re2.error as error:
        raise ExpressionError(f"The regular expression cannot be used: {_reason(error)} ({_UNSUPPORTED}).") from None


def compile_internal(pattern: str) -> Any:
    """Compile a pattern of our own making, ignoring case, for the parser of dates."""
    return re2.compile(f"(?i){pattern}", _options())


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False  # RE2 would write them to standard error
    return options


def _translate(pattern: str) -> str:
    r"""Write JavaScript's ``\uXXXX`` in RE2's way; everything else is common to both, or refused by RE2."""
    pieces = []
    position = 0
    while (start := pattern.find("\\", position)) != -1:
        pieces.append(pattern[position:start])
        escape = pattern[start : start + 6]
        if escape[1:2] == "u" and len(escape) == 6 and all(digit in "0123456789abcdefABCDEF" for digit in escape[2:]):
            pieces.append(f"\\x{{{escape[2:]}}}")
            position = start + 6
        else:
            pieces.append(escape[:2])
            position = start + 2
    pieces.append(pattern[position:])
    return "".join(pieces)


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
