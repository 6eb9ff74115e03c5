"""
Keeps secrets out of what is stored, logged and shown: wherever a known value occurs, it is replaced.

Values are found as they are and in the forms in which they travel: URL-encoded, JSON- or Python-escaped, and in base64,
also as part of something longer, such as the ``user:password`` of basic authentication.
"""

from __future__ import annotations

import base64
import json
import re
import string
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus

REDACTED: Final = "[REDACTED]"
"""What stands in the place of a secret."""

_SHORTEST_INSIDE: Final = 4
_LONGEST_NUMBER: Final = 30
_BASE64: Final = string.ascii_letters + string.digits + "+/-_"
_BASE64_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")

Span = tuple[int, int]


class Redactor:
    """
    Collects secret values and removes them from JSON values.

    A value of fewer than four characters is removed only where it is the whole string: inside of longer ones it would
    be found everywhere.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._numbers: set[int] = set()
        self._forms: set[str] = set()
        self._base64_forms: set[str] = set()
        for value in values:
            self.add(value)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._values)} values>"

    def add(self, value: str) -> None:
        """Remove this value from now on; an empty one is ignored."""
        for variant in {value, value.strip()} - {""}:
            if variant in self._values:
                continue
            self._values.add(variant)
            if variant.isdecimal() and len(variant) <= _LONGEST_NUMBER:
                self._numbers.add(int(variant))
            if len(variant) >= _SHORTEST_INSIDE:
                self._forms.update(_text_forms(variant))
                self._base64_forms.update(_base64_forms(variant))

    def redact(self, value: Any) -> Any:
        """
        The JSON value without any of the secrets, in strings, keys and numbers.

        Args:
            value: Of dicts with string keys, lists, tuples and scalars; it is not changed.
        """
        if not self._values:
            return value
        return self._redact(value)

    def redact_text(self, text: str) -> str:
        """The text without any of the secrets."""
        if not self._values:
            return text
        if text in self._values:
            return REDACTED
        spans = sorted([*self._plain_spans(text), *self._base64_spans(text)])
        if not spans:
            return text
        parts: list[str] = []
        position = 0
        for start, end in _merged(spans):
            parts += (text[position:start], REDACTED)
            position = end
        parts.append(text[position:])
        return "".join(parts)

    def _redact(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redact_text(value)
        if isinstance(value, dict):
            return self._redact_dict(value)
        if isinstance(value, list | tuple):
            return [self._redact(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and value in self._numbers:
            return REDACTED
        return value

    def _redact_dict(self, value: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in value.items():
            name = unique = self.redact_text(key)
            if name != key:
                count = 1
                while unique in result or unique in value:  # two secrets as keys are still two entries
                    count += 1
                    unique = f"{name} ({count})"
            result[unique] = self._redact(item)
        return result

    def _plain_spans(self, text: str) -> Iterator[Span]:
        for form in self._forms:
            yield from _occurrences(form, text)

    def _base64_spans(self, text: str) -> Iterator[Span]:
        """A secret inside of base64 makes the whole run of base64 secret: its ends would show the rest."""
        for form in self._base64_forms:
            end = 0
            found = text.find(form)
            while found >= 0:
                start = end + len(text[end:found].rstrip(_BASE64))
                run = _BASE64_RUN.match(text, found)
                end = run.end() if run else found + len(form)
                yield start, end
                found = text.find(form, end)


def _occurrences(form: str, text: str) -> Iterator[Span]:
    """Where ``form`` occurs, overlapping ones too."""
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Overlapping spans as one, so that the longest and all that reach into it go together."""
    current: Span | None = None
    for start, end in spans:
        if current is None:
            current = (start, end)
        elif start < current[1]:
            current = (current[0], max(current[1], end))
        else:
            yield current
            current = (start, end)
    if current is not None:
        yield current


def _text_forms(value: str) -> Iterator[str]:
    yield value
    encoders: tuple[Callable[[str], str], ...] = (quote, lambda text: quote(text, safe=""), quote_plus)
    for encode in encoders:
        encoded = encode(value)
        yield encoded
        yield _lower_escapes(encoded)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]


def _lower_escapes(encoded: str) -> str:
    head, *parts = encoded.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in parts)])


def _base64_forms(value: str) -> Iterator[str]:
    """
    What base64 makes of the value wherever it stands in the encoded text.

    Base64 turns three bytes into four characters, so there are three ways to fall on those; the characters at both ends
    also hold bits of what stands beside, and are left out.
    """
    content = value.encode()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + content).decode().rstrip("=")
        first = (8 * offset + 5) // 6
        last = 8 * (offset + len(content)) // 6
        inner = encoded[first:last]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
