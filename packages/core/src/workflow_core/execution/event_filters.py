"""Conditions on the payload of an awaited event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from workflow_core.language.definition import CORRELATION_FIELDS

_MISSING: Final = object()
#: No list is so long that its indexes have as many.
_DIGITS: Final = 10


def correlation_keys(correlation_key: str | None, payload: Any) -> list[str]:
    """Everything that an event can be known by: its own key, and the ids in its payload."""
    fields = [payload.get(name) for name in CORRELATION_FIELDS] if isinstance(payload, Mapping) else []
    return sorted({key for value in [correlation_key, *fields] if (key := key_text(value)) is not None})


def key_text(value: Any) -> str | None:
    """A text or a number as a key: ``7.0`` is the key ``7``; None: it can be none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return None
    return value if isinstance(value, str) else format(Decimal(repr(value)).normalize(), "f")


def all_hold(filters: Sequence[Mapping[str, Any]] | None, payload: Any) -> bool:
    """Whether a payload fulfils every condition."""
    return all(_holds(condition, payload) for condition in filters or ())


def _holds(condition: Mapping[str, Any], payload: Any) -> bool:
    found = _at(payload, str(condition.get("path")))
    value = condition.get("value")
    match condition.get("op"):
        case "exists":
            return found is not _MISSING and found is not None
        case "not_exists":
            return found is _MISSING or found is None
        case "=":
            return _equal(found, value)
        case "!=":
            return not _equal(found, value)
        case "in":
            return isinstance(value, list) and any(_equal(found, item) for item in value)
        case "not_in":
            return isinstance(value, list) and not any(_equal(found, item) for item in value)
        case ">" | ">=" | "<" | "<=" as operator:
            return _compares(operator, found, value)
        case "contains":
            if isinstance(found, list):
                return any(_equal(item, value) for item in found)
            return isinstance(found, str) and isinstance(value, str) and value in found
        case "starts_with":
            return isinstance(found, str) and isinstance(value, str) and found.startswith(value)
        case "ends_with":
            return isinstance(found, str) and isinstance(value, str) and found.endswith(value)
    return False


def _equal(found: Any, value: Any) -> bool:
    if isinstance(found, bool) or isinstance(value, bool):
        return found is value
    return found is not _MISSING and bool(found == value)


def _compares(operator: str, found: Any, value: Any) -> bool:
    """Numbers with numbers, and texts (such as ISO 8601 times) with texts."""
    if isinstance(found, bool) or isinstance(value, bool):
        return False
    numbers = isinstance(found, int | float) and isinstance(value, int | float)
    if not numbers and not (isinstance(found, str) and isinstance(value, str)):
        return False
    if operator == ">":
        return bool(found > value)
    if operator == ">=":
        return bool(found >= value)
    return bool(found < value) if operator == "<" else bool(found <= value)


def _at(payload: Any, path: str) -> Any:
    """What stands at a path such as ``ticket.status``; ``payload.`` before it is taken away."""
    for name in path.removeprefix("payload.").split("."):
        if isinstance(payload, Mapping) and name in payload:
            payload = payload[name]
        elif isinstance(payload, list) and name.isdecimal() and len(name) < _DIGITS and int(name) < len(payload):
            payload = payload[int(name)]
        else:
            return _MISSING
    return payload
