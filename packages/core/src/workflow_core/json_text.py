"""Reads JSON from outside. Whatever passes here can be walked, stored, and given back as it was.

"As it was" means: equal canonical JSON (:func:`workflow_core.manifest.canonical_json`). Decimal numbers are IEEE
doubles, as in every JavaScript client; of members with the same name the last one counts; NUL characters are removed,
since PostgreSQL cannot store them. What could only be changed silently is refused.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

from workflow_core.errors import ValidationError
from workflow_core.schema import clean_json

#: Deeper JSON is refused: whoever walks or stores it later has limits of their own.
MAX_DEPTH: Final = 128

_LEAST, _MOST = -(2**63), 2**64 - 1
#: Integers with fewer digits fit; the rare others are looked at one by one.
_MANY_DIGITS: Final = re.compile(rb"[0-9]{19}")


def parse_json(content: bytes, *, max_depth: int = MAX_DEPTH, clean: bool = True) -> Any:
    """The value of a JSON text in UTF-8; with ``clean``, without the NUL characters that jsonb refuses.

    Raises:
        ValidationError: ``MALFORMED_JSON``, ``JSON_TOO_DEEP``, or ``NUMBER_TOO_LARGE`` for an integer of more than 64
            bits, which would become a decimal number and lose digits.
    """
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValidationError(
            f"This is not JSON: line {error.lineno}, column {error.colno}.", code="MALFORMED_JSON"
        ) from None
    if _deeper_than(value, max_depth):
        raise ValidationError(f"The JSON nests deeper than {max_depth} levels.", code="JSON_TOO_DEEP")
    if _MANY_DIGITS.search(content):
        json.loads(content, parse_int=_checked)
    return clean_json(value) if clean and b"\\u0000" in content else value


def _checked(digits: str) -> None:
    if not _LEAST <= int(digits) <= _MOST:
        raise ValidationError(
            f"The integer {digits} has more than 64 bits; write it as a string.", code="NUMBER_TOO_LARGE"
        )


def _deeper_than(value: Any, limit: int) -> bool:
    """Level by level: a recursive walk would itself depend on the depth."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for container in level
            if isinstance(container, dict | list)
            for child in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return False
    return True
