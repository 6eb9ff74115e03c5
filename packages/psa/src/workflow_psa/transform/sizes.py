"""How long a text may become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from workflow_core.errors import ValidationError

#: Characters; not much more can travel through a workflow.
MAX_TEXT: Final = 1024 * 1024


def check_length(length: int) -> None:
    """Refuses a text before it is made.

    Raises:
        ValidationError: It would be too long.
    """
    if length > MAX_TEXT:
        raise ValidationError(
            f"The text would have {length} characters; {MAX_TEXT} are possible.",
            details={"characters": length, "maximum": MAX_TEXT},
        )


def joined(texts: Sequence[str], separator: str) -> str:
    """The texts with a separator between them."""
    check_length(sum(map(len, texts)) + len(separator) * max(0, len(texts) - 1))
    return separator.join(texts)


def as_text(value: Any) -> str:
    """Any JSON value as text: nothing for null, a list with commas, an object as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ",".join(as_text(item) for item in value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return orjson.dumps(value).decode()
